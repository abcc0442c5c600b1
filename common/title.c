/* SPDX-License-Identifier: ISC */
#include "common/title.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/io.h"
#include "common/text.h"
#include "common/written.h"

#include "common/banned.h"

#define PROGRAM "sallyportd: "
#define TITLE_MAX 256
#define ROLE_MAX 160 /* the text of title_does() comes after that */

static struct {
	char *start; /* NULL: no room */
	size_t size; /* the last byte stays NUL */
	size_t role; /* bytes that say what the process is */
	size_t len; /* bytes that are not NUL */
} title OFTEN_WRITTEN;

/* Beside errno, where each process writes; the kernel shows no title on a page of a file, such as those of .data. */
static __thread char own_room[TITLE_MAX];

/* The strings of argv and environ lie one after the other (the ABI's start of a process). */
void
title_init(int argc, char **argv)
{
	char *end = argc > 0 ? argv[0] : NULL;

	for (int i = 0; i < argc && argv[i] == end; i++)
		end += strlen(argv[i]) + 1;
	for (char **variable = environ; variable != NULL && *variable != NULL && *variable == end; variable++)
		end += strlen(*variable) + 1;
	if (end == NULL || (size_t)(end - argv[0]) < sizeof(PROGRAM))
		return;
	title.start = argv[0];
	title.size = (size_t)(end - argv[0]);
	title.len = title.size;
	if (title.size > TITLE_MAX) {
		/* the rest is no longer shown once its first byte is NUL, and is wiped below */
		title.size = TITLE_MAX;
	}
}

/* Of the fields of /proc/PID/stat, which count from 1; the third one is the first behind the name. */
enum { FIELD_STATE = 3, FIELD_CODE = 26, FIELD_STACK = 28, FIELD_DATA = 45, FIELD_END = 52 };

/* The kernel's figures of this process, from a line of /proc/self/stat; see proc_pid_stat(5). Pure. */
static bool
read_map(const char *line, struct prctl_mm_map *map)
{
	const char *at = strrchr(line, ')');
	unsigned long long field[FIELD_END];
	char *end;

	if (at == NULL || strlen(at) < strlen(") S"))
		return false;
	at += strlen(") S");
	for (unsigned number = FIELD_STATE + 1; number < FIELD_END; number++) {
		field[number] = strtoull(at, &end, 10);
		if (end == at)
			return false;
		at = end;
	}
	*map = (struct prctl_mm_map){
	    .start_code = field[FIELD_CODE],
	    .end_code = field[FIELD_CODE + 1],
	    .start_stack = field[FIELD_STACK],
	    .start_data = field[FIELD_DATA],
	    .end_data = field[FIELD_DATA + 1],
	    .start_brk = field[FIELD_DATA + 2],
	    .arg_start = field[FIELD_DATA + 3],
	    .arg_end = field[FIELD_DATA + 4],
	    .env_start = field[FIELD_DATA + 5],
	    .env_end = field[FIELD_DATA + 6],
	    .exe_fd = UINT32_MAX, /* as it is */
	};
	return true;
}

void
title_move(void)
{
	struct prctl_mm_map map;
	char line[2048];
	ssize_t n;
	int fd;

	if (title.start == NULL)
		return;
	fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	n = io_read_all(fd, line, sizeof(line) - 1);
	close_fd(&fd);
	if (n <= 0)
		return;
	line[n] = '\0';
	if (!read_map(line, &map))
		return;
	memcpy(own_room, title.start, title.size - 1);
	map.brk = (uintptr_t)sbrk(0);
	map.arg_start = (uintptr_t)own_room;
	map.arg_end = map.arg_start + sizeof(own_room);
	if (prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0) < 0)
		return;
	title.start = own_room;
	title.len = title.size - 1;
	title.size = sizeof(own_room);
}

void
title_name(const char *name)
{
	prctl(PR_SET_NAME, name, 0, 0, 0);
}

size_t
title_clean(char *to, size_t size, const char *text, size_t len)
{
	const unsigned char *bytes = (const unsigned char *)text;
	size_t done = 0, i = 0;

	while (i < len && done < size) {
		size_t n = utf8_sequence(bytes + i, len - i);
		bool is_plain = n > 0 && bytes[i] >= 0x20 && bytes[i] != 0x7f &&
		    !(n == 2 && bytes[i] == 0xc2 && bytes[i + 1] < 0xa0); /* U+0080 to U+009F */

		if (is_plain && n > size - done)
			break;
		if (is_plain)
			memcpy(to + done, bytes + i, n);
		else
			to[done] = '?';
		done += is_plain ? n : 1;
		i += n > 0 ? n : 1;
	}
	return done;
}

/* The title ends at len; wipe what an earlier one has left after that. */
static void
end_at(size_t len)
{
	if (len < title.len)
		memset(title.start + len, 0, title.len - len);
	title.len = len;
}

/* Append text after the first done bytes; returns the new number of bytes. */
static size_t
append_title(size_t done, const char *text)
{
	size_t room = title.size - 1 < ROLE_MAX ? title.size - 1 : ROLE_MAX;

	return done >= room ? done : done + title_clean(title.start + done, room - done, text, strlen(text));
}

void
title_set(const char *role, const char *user, const char *address)
{
	size_t done;

	if (title.start == NULL)
		return;
	done = append_title(append_title(0, PROGRAM), role);
	if (user != NULL || address != NULL)
		done = append_title(done, " ");
	if (user != NULL)
		done = append_title(append_title(done, user), address == NULL ? "" : "@");
	if (address != NULL)
		done = append_title(done, address);
	title.role = done;
	end_at(done);
}

void
title_doing(const char *what, const char *client_text, size_t len)
{
	size_t room, done;

	if (title.start == NULL || title.role + 2 >= title.size)
		return;
	done = title.role;
	room = title.size - 1;
	title.start[done++] = ' ';
	done += title_clean(title.start + done, room - done, what, strlen(what));
	if (len > 0 && done < room) {
		title.start[done++] = ' ';
		done += title_clean(title.start + done, room - done, client_text, len);
	}
	end_at(done);
}
