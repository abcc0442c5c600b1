/* SPDX-License-Identifier: ISC */
/*
 * A taken-over protocol process talks to files: requests in any order, with hostile paths and numbers, and messages
 * that are no requests. files_serve() runs in a home with links that lead out. It neither changes nor hands over a
 * file outside, every answer is one of the table, and no descriptor stays open.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io.h"
#include "privsep/files/answer.h"
#include "privsep/files/files.h"
#include "privsep/ipc/ipc.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define REQUESTS_MAX 32
#define NOBODY 65534
#define SECRET "SECRET"
#define SECRET_MODE 0640
#define CHANNEL_SECONDS 20
#define REMOVE_PASSES 32 /* deeper than any home gets here */

static char base[64], home[80], outside[80], secret[96];
static uid_t owner; /* the owner of the home: nobody where the fuzzer is root, so that a way out does no harm */

static const char *const paths[] = {"/", "/a", "/b", "/d", "/d/x", "/d/e", "/d/e/f", "/link", "/link/secret",
    "/absolute", "/absolute/secret", "/loop", "/fifo", "/..", "/../outside/secret", "/d/../../outside/secret", "/./a",
    "//a", "a", "", "/d/", "/*", "/d/*", "/*/*", "/[a-z]*", "/.message",
    "/.sallyport-00000000000000000000000000000000.partial", "/up", "/up.1", "/file", "/file/secret", "/self",
    "/\xff\xfe", "/a\nb", "/dangling", "/d/up"};

#define PATHS (sizeof(paths) / sizeof(paths[0]))

static const enum ipc_kind requests[] = {IPC_stat, IPC_enter, IPC_facts, IPC_size_ascii, IPC_open_read, IPC_open_write,
    IPC_sync_write, IPC_grow_write, IPC_finish_write, IPC_quota, IPC_list, IPC_list_end, IPC_make_directory,
    IPC_remove_directory, IPC_remove_file, IPC_rename, IPC_hash, IPC_set_time, IPC_set_mode, IPC_copy, IPC_remove_tree,
    IPC_tree_size, IPC_space, IPC_directory_message, IPC_expect_hash, IPC_stop};

#define REQUESTS (sizeof(requests) / sizeof(requests[0]))

/* These have choices of their own, so that the seeds still mean the requests that they were found with. */
static const enum ipc_kind later_requests[] = {
    IPC_partials, IPC_remove_partial, IPC_remove_partials, IPC_versions, IPC_restore};

#define LATER_REQUESTS (sizeof(later_requests) / sizeof(later_requests[0]))
#define LATER_CHOICES 234

/* --- the home and its surroundings --- */

static void
become(uid_t uid)
{
	setfsgid(uid);
	setfsuid(uid);
}

static int
remove_entry(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st;
	(void)where;
	/* the next pass opens a directory that its owner had closed, but never through a link */
	if (kind == FTW_DNR || (remove(path) < 0 && kind == FTW_DP))
		(void)!chmod(path, 0700);
	return 0;
}

static void
remove_tree(const char *top)
{
	for (int pass = 0; pass < REMOVE_PASSES && access(top, F_OK) == 0; pass++)
		(void)nftw(top, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void
in_home(const char *name, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s%s", home, name);
}

static void
make_file(const char *path, const char *content, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	if (fd < 0 || write(fd, content, strlen(content)) < 0)
		abort();
	close_fd(&fd);
}

static void
make_home(void)
{
	static const char *const files[][2] = {{"/a", "alpha\r\nbeta\n"}, {"/b", ""}, {"/d/x", "xxxxxxxxxx"},
	    {"/file", "f"}, {"/.message", "hello\x1b[31m\n"}};
	const char *const links[][2] = {{"/link", "../outside"}, {"/absolute", outside}, {"/loop", "loop"},
	    {"/dangling", "nowhere"}, {"/self", "/proc/self"}};
	char path[PATH_MAX];

	remove_tree(home);
	if (mkdir(home, 0755) < 0)
		abort();
	in_home("/d", path);
	(void)!mkdir(path, 0755);
	in_home("/d/e", path);
	(void)!mkdir(path, 0755);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		in_home(files[i][0], path);
		make_file(path, files[i][1], 0644);
	}
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		in_home(links[i][0], path);
		(void)!symlink(links[i][1], path);
	}
	in_home("/fifo", path);
	(void)!mkfifo(path, 0644);
}

static void
make_outside(void)
{
	if (mkdir(outside, 0755) < 0)
		abort();
	make_file(secret, SECRET, SECRET_MODE);
}

static void
remove_all(void)
{
	remove_tree(base);
}

static bool
is_secret(int fd)
{
	char content[sizeof(SECRET)] = "";
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    pread(fd, content, sizeof(content), 0) == sizeof(SECRET) - 1 && strcmp(content, SECRET) == 0;
}

static void
check_outside(void)
{
	int fd = open(secret, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (!is_secret(fd) || fstat(fd, &st) < 0 || (st.st_mode & 07777) != SECRET_MODE || st.st_nlink != 1)
		abort();
	close_fd(&fd);
	if (stat(outside, &st) < 0 || st.st_nlink != 2)
		abort();
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	signal(SIGPIPE, SIG_IGN);
	umask(0);
	owner = geteuid() == 0 ? NOBODY : geteuid();
	snprintf(base, sizeof(base), "/dev/shm/sallyport-fuzz-files.%ld", (long)getpid());
	snprintf(home, sizeof(home), "%s/home", base);
	snprintf(outside, sizeof(outside), "%s/outside", base);
	snprintf(secret, sizeof(secret), "%s/secret", outside);
	if (mkdir(base, 0755) < 0 || (geteuid() == 0 && chown(base, owner, owner) < 0) || files_prepare() < 0)
		abort();
	atexit(remove_all);
	become(owner);
	make_outside();
	become(geteuid());
	return 0;
}

/* --- protocol --- */

struct protocol {
	struct input *input;
	int channel;
};

static void
put_path(struct input *input, struct ipc_message *message)
{
	uint8_t choice = input_byte(input);
	char path[64];

	if (choice < 240)
		ipc_put_text(message, paths[choice % PATHS]);
	else
		ipc_put_bytes(message, path, input_bytes(input, path, sizeof(path)));
}

/* An id of the form of a version's, or any text; a harness cannot know one of this session. */
static void
put_version(struct input *input, struct ipc_message *message)
{
	char id[IPC_VERSION_ID_MAX];
	size_t len = input_bytes(input, id, sizeof(id));

	for (size_t i = 0; i < len && input_below(input, 8) != 0; i++)
		id[i] = "0123456789abcdef-."[(uint8_t)id[i] % 18];
	ipc_put_bytes(message, id, len);
}

static void
put_fields(struct input *input, struct ipc_message *message, enum ipc_kind kind)
{
	switch (kind) {
	case IPC_sync_write:
	case IPC_grow_write:
	case IPC_list_end:
	case IPC_stop:
		return;
	case IPC_quota:
	case IPC_remove_partials:
		if ((input_byte(input) & 1) != 0)
			break;
		ipc_put_text(message, "");
		return;
	case IPC_partials:
		ipc_put_u8(message, (uint8_t)input_below(input, 3));
		break;
	case IPC_restore:
		put_version(input, message);
		break;
	case IPC_finish_write:
		ipc_put_u8(message, input_byte(input) & 1);
		return;
	case IPC_expect_hash:
		ipc_put_u8(message, (uint8_t)input_below(input, 7));
		return;
	case IPC_facts:
		ipc_put_u8(message, input_byte(input));
		break;
	case IPC_open_read:
	case IPC_set_time:
		ipc_put_u64(message, input_number(input));
		break;
	case IPC_open_write:
		ipc_put_u8(message, (uint8_t)input_below(input, 6));
		ipc_put_u64(message, input_number(input));
		break;
	case IPC_list:
		ipc_put_u8(message, (uint8_t)input_below(input, 5));
		ipc_put_u8(message, input_byte(input));
		ipc_put_u8(message, input_byte(input));
		ipc_put_u32(message, input_byte(input) < 128 ? 0 : (uint32_t)input_number(input));
		break;
	case IPC_rename:
	case IPC_copy:
		put_path(input, message);
		break;
	case IPC_hash:
		ipc_put_u8(message, (uint8_t)input_below(input, 7));
		ipc_put_u64(message, input_number(input));
		ipc_put_u64(message, input_number(input));
		break;
	case IPC_set_mode:
		ipc_put_u32(message, input_byte(input) < 200 ? 0755 : (uint32_t)input_number(input));
		break;
	default:
		break;
	}
	put_path(input, message);
}

/* A handed-over file is in the home; an upload gets some bytes, a listing is read. */
static void
use_descriptor(int fd)
{
	char bytes[4096];

	if (is_secret(fd))
		abort();
	if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY)
		(void)!write(fd, "data", 4);
	else
		while (read(fd, bytes, sizeof(bytes)) > 0)
			;
	close_fd(&fd);
}

/* False: files has ended the session. */
static bool
read_answer(struct protocol *protocol)
{
	static struct ipc_message message;
	int r = ipc_receive(protocol->channel, IPC_PROTOCOL, IPC_STATE_READY, &message);

	if (r == -EPIPE)
		return false;
	if (r < 0)
		abort();
	for (int fd; (fd = ipc_take_fd(&message)) >= 0;)
		use_descriptor(fd);
	return true;
}

static bool
ask(struct protocol *protocol)
{
	static struct ipc_message message;
	uint8_t choice = input_byte(protocol->input);
	enum ipc_kind kind =
	    choice < LATER_CHOICES ? requests[choice % REQUESTS] : later_requests[choice % LATER_REQUESTS];
	uint8_t raw[64];

	if (choice >= 250) {
		(void)!send(protocol->channel, raw, input_bytes(protocol->input, raw, sizeof(raw)), MSG_NOSIGNAL);
		return read_answer(protocol);
	}
	ipc_begin(&message, kind);
	put_fields(protocol->input, &message, kind);
	if (ipc_send(protocol->channel, &message, -1) < 0)
		return false;
	if (kind == IPC_stop || kind == IPC_expect_hash)
		return true;
	if (input_byte(protocol->input) >= 250)
		return true; /* stay unread, which files has to bear */
	return read_answer(protocol);
}

static void *
run_protocol(void *arg)
{
	struct protocol *protocol = arg;

	for (int i = 0; i < REQUESTS_MAX && protocol->input->left > 0 && ask(protocol); i++)
		;
	shutdown(protocol->channel, SHUT_WR);
	while (read_answer(protocol))
		;
	return NULL;
}

/* --- one session --- */

static void
serve(const struct files_session *session, struct protocol *protocol)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run_protocol, protocol) != 0)
		abort();
	become(owner);
	(void)files_serve(session);
	become(geteuid());
	shutdown(session->protocol_channel, SHUT_RDWR);
	pthread_join(thread, NULL);
}

/* The lowest free number: it is the same again when no descriptor stayed open. */
static int
next_descriptor(void)
{
	int fd = dup(STDIN_FILENO), copy = fd;

	close_fd(&copy);
	return fd;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char no_hook[] = "", hook[] = "/bin/true";
	struct input input = {data, size};
	struct config config = {.file_mode = 0640, .directory_mode = 0750};
	struct files_session session = {.quota_slot_fd = -1, .uid = owner, .gid = owner, .config = &config};
	int pair[2], to_monitor[2], first = next_descriptor();
	struct protocol protocol = {.input = &input};
	uint8_t mode = input_byte(&input);

	config.uploads = (mode & 1) != 0 ? UPLOADS_ATOMIC : UPLOADS_IN_PLACE;
	config.partial_keep_s = (mode & 2) != 0 ? 86400 : 1;
	config.on_upload = (mode & 4) != 0 ? hook : no_hook;
	session.is_read_only = (mode & 8) != 0;
	session.rights = session.is_read_only ? MAY_ONLY_LOOK : MAY_ALL & ~((mode & 16) != 0 ? MAY_OVERWRITE : 0U);
	session.sweeps = (mode & 32) != 0;
	session.keep = (struct keep_rules){.days = mode >= 128 ? 30 : 0, .quota_bytes = KEEP_NO_QUOTA};
	become(owner);
	make_home();
	session.home_fd = open(home, O_PATH | O_DIRECTORY | O_CLOEXEC);
	become(geteuid());
	if (session.home_fd < 0 || ipc_pair(pair, CHANNEL_SECONDS) < 0 || ipc_pair(to_monitor, CHANNEL_SECONDS) < 0)
		abort();
	session.protocol_channel = pair[1];
	session.monitor_channel = to_monitor[1];
	protocol.channel = pair[0];
	serve(&session, &protocol);
	close_fd(&pair[0]);
	close_fd(&pair[1]);
	close_fd(&to_monitor[0]);
	close_fd(&to_monitor[1]);
	close_fd(&session.home_fd);
	check_outside();
	if (next_descriptor() != first)
		abort();
	return 0;
}
