/* SPDX-License-Identifier: ISC */
/*
 * A former server reports its sessions to the server that takes its place, in lines of any bytes. The list is
 * bounded, counts no session twice after it has ended, and is empty when the former server has ended.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/io.h"
#include "tests/fuzz/fake_master.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define MESSAGES_MAX 16
#define MESSAGE_MAX 9000 /* more than the receiver takes at once */

static struct master master;
static struct config config;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fake_master_init(&master, &config);
	return 0;
}

/* A line as the former server writes it, or pieces of one. */
static size_t
add_line(struct input *input, char *text, size_t room)
{
	static const char *const pieces[] = {"session ", "gone ", "yours\n", "0123456789abcdef", " ", "2001:db8::1",
	    "20010db8000000000000000000000001", "00000000000000000000ffff7f000001", "alice", "bob", "\n",
	    "session 0123456789abcdef 00000000000000000000ffff7f000001 alice\n",
	    "session 0123456789abcdee 00000000000000000000ffff7f000001 \n", "gone 0123456789abcdef\n",
	    "gone 0123456789abcdee\n", "anew\n", "former\n", "admit ", " 1 ", "admit 0123456789abcdee 0 alice\n",
	    "admit 0123456789abcdee 1 bob\n"};
	uint8_t choice = input_byte(input);
	const char *piece = pieces[choice % (sizeof(pieces) / sizeof(pieces[0]))];

	if (choice >= 230)
		return input_bytes(input, text, room < 200 ? room : 200);
	if (strlen(piece) > room)
		return 0;
	memcpy(text, piece, strlen(piece));
	return strlen(piece);
}

static void
send_message(struct input *input, int channel)
{
	static char text[MESSAGE_MAX];
	unsigned lines = input_byte(input);
	size_t len = 0;

	for (unsigned i = 0; i <= lines && input->left > 0; i++)
		len += add_line(input, text + len, sizeof(text) - len);
	if (len > 0)
		(void)!send(channel, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static uint32_t
sessions_of(const char *user)
{
	return tally_count(master.sessions.by_user, user, strlen(user));
}

static void
check_list(void)
{
	const struct former_session *foreign;
	uint32_t count = 0, alice = 0;

	TAILQ_FOREACH(foreign, &master.upgrade.formers.known.list, entry) {
		count++;
		alice += strcmp(foreign->user, "alice") == 0;
		if (strlen(foreign->id) >= sizeof(foreign->id) || strlen(foreign->user) >= sizeof(foreign->user))
			abort();
	}
	if (count != master.upgrade.formers.known.count || count > SESSIONS_MAX || alice != sessions_of("alice"))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	if (former_servers_start(&master.upgrade.formers, pair[0]) < 0)
		abort();
	master.upgrade.is_known = true; /* no service manager here */
	for (int i = 0; i < MESSAGES_MAX && input.left > 0; i++) {
		send_message(&input, pair[1]);
		former_server_ready(TAILQ_FIRST(&master.upgrade.formers.list));
		check_list();
	}
	close_fd(&pair[1]);
	former_server_ready(TAILQ_FIRST(&master.upgrade.formers.list));
	if (!TAILQ_EMPTY(&master.upgrade.formers.list) || master.upgrade.formers.known.count != 0 ||
	    !TAILQ_EMPTY(&master.upgrade.formers.known.list) || sessions_of("alice") != 0 || sessions_of("bob") != 0)
		abort();
	return 0;
}
