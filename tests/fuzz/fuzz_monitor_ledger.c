/* SPDX-License-Identifier: ISC */
/*
 * A taken-over files process talks to the monitor: questions about the ledger and finished uploads, in any
 * order, with any numbers, over a ledger with any figures. Every answer is one of the table, and the monitor
 * then reports a figure or doubt, at once.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/io.h"
#include "privsep/ipc/ipc.h"
#include "privsep/monitor/state.h"
#include "tests/fuzz/forged_ledger.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define MESSAGES_MAX 40

static char path[64];

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	snprintf(path, sizeof(path), "/dev/shm/sallyport-fuzz-monitor.%ld", (long)getpid());
	return 0;
}

static void
put_upload(struct input *input, struct ipc_message *message)
{
	static const char digest[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	char name[40] = "/";

	ipc_put_u64(message, input_number(input));
	ipc_put_text(message, (input_byte(input) & 1) != 0 ? digest : "");
	ipc_put_bytes(message, name, 1 + input_bytes(input, name + 1, sizeof(name) - 2));
}

static void
put_events(struct input *input, struct ipc_message *message)
{
	struct ledger_event events[2] = {
	    {input_number(input), input_number(input), input_number(input)},
	    {input_number(input), input_number(input), input_below(input, LEDGER_EVENT_KIND_COUNT)},
	};

	ipc_put_bytes(
	    message, events, input_below(input, 4) == 0 ? input_byte(input) % sizeof(events) : sizeof(events));
}

/* As files_quota and upload.c would, but for the numbers. */
static void
put_question(struct input *input, struct ipc_message *message)
{
	static const struct {
		enum ipc_kind kind;
		unsigned numbers;
	} questions[] = {{IPC_ledger_read, 0}, {IPC_ledger_begin, 2}, {IPC_ledger_end, 2}, {IPC_ledger_upload, 3},
	    {IPC_ledger_grow, 0}, {IPC_ledger_uploaded, 1}, {IPC_ledger_tell, 0}, {IPC_stored, 0}};
	unsigned which = input_below(input, sizeof(questions) / sizeof(questions[0]));

	ipc_begin(message, questions[which].kind);
	if (questions[which].kind == IPC_ledger_tell)
		put_events(input, message);
	if (questions[which].kind == IPC_stored)
		put_upload(input, message);
	for (unsigned i = 0; i < questions[which].numbers; i++)
		ipc_put_u64(message, input_number(input));
}

static void
drain(int channel, enum ipc_process me)
{
	static struct ipc_message message;
	int r;

	while ((r = ipc_receive_now(channel, me, IPC_STATE_READY, &message)) == 0)
		;
	if (r != -EAGAIN)
		abort();
}

static void
talk(struct monitor *monitor, struct input *input, int files, int hooks)
{
	static struct ipc_message question;

	for (int i = 0; i < MESSAGES_MAX && input->left > 0; i++) {
		put_question(input, &question);
		if (ipc_decode(question.bytes, question.length, 0, IPC_MONITOR, IPC_STATE_READY, &monitor->message) < 0)
			continue;
		if (!monitor_answer_files(monitor))
			return; /* that would end the session */
		drain(files, IPC_FILES);
		drain(hooks, IPC_HOOKS);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct monitor monitor;
	static struct config config;
	static struct claims claims;
	static struct session session;
	static const uint8_t boot_id[16];
	static char hook[] = "/bin/true";
	struct input input = {data, size};
	struct ledger_figure figure;
	int files[2], hooks[2], r;
	uint8_t mode = input_byte(&input);

	(void)!unlink(path);
	if ((mode & 1) != 0)
		forge_ledger(path, &input);
	if (ipc_pair(files, 1) < 0 || ipc_pair(hooks, 1) < 0)
		abort();
	config = (struct config){.on_upload = hook};
	session = (struct session){
	    .config = &config, .claims = &claims, .master_channel = -1, .log_channel = -1, .hook_channel = hooks[0]};
	monitor = (struct monitor){.session = &session,
	    .state = IPC_STATE_READY,
	    .protocol = {.name = "protocol", .channel = -1},
	    .files = {.name = "files", .channel = files[0]},
	    .account = {.user = "alice", .home = "/home/alice"}};
	monitor.quota.limits = (struct ledger_limits){
	    (mode & 2) != 0 ? 1 << 20 : input_number(&input), (mode & 4) != 0 ? 100 : LEDGER_NO_LIMIT};
	if (ledger_open(&monitor.quota.book, path, boot_id) == 0) {
		talk(&monitor, &input, files[1], hooks[1]);
		r = ledger_read(&monitor.quota.book, &figure);
		if (r != 0 && r != -EUCLEAN)
			abort();
	}
	ledger_close(&monitor.quota.book);
	for (int i = 0; i < 2; i++) {
		close_fd(&files[i]);
		close_fd(&hooks[i]);
	}
	(void)!unlink(path);
	return 0;
}
