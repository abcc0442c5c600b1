/* SPDX-License-Identifier: ISC */
/* The queue of hooks on the disk, what an event may hold, and what a program finds in its environment. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io.h"
#include "privsep/hooks/event.h"
#include "privsep/hooks/launcher.h"
#include "privsep/hooks/queue.h"

#include "common/banned.h"

#define SHA256_OF_X "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"

static struct ipc_message message;
static char place[] = "/tmp/sallyport-unit.XXXXXX";
static int place_fd = -1;

static const struct hook_event sample = {
    .time_ns = 1767225599000000000,
    .session = "0123456789abcdef",
    .address = "2001:db8::1",
    .user = "alice",
    .home = "/srv/alice",
    .path = "/in/a file\xff",
    .size = 4294967296,
    .hash = SHA256_OF_X,
};

static int
make_place(void **state)
{
	(void)state;
	memcpy(place, "/tmp/sallyport-unit.XXXXXX", sizeof(place));
	if (mkdtemp(place) == NULL)
		return -1;
	place_fd = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return place_fd < 0 ? -1 : 0;
}

static int
remove_place(void **state)
{
	struct queue queue;

	(void)state;
	if (queue_open(&queue, place_fd, 100) == 0) {
		while (queue.count > 0)
			queue_remove(&queue, &queue.entries[0]);
		queue_close(&queue);
	}
	unlinkat(place_fd, "other", 0);
	close_fd(&place_fd);
	return rmdir(place);
}

static void
write_file(const char *name, const char *text, size_t len)
{
	int fd = openat(place_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, text, len), 0);
	close_fd(&fd);
}

/* Through a message and back. */
static int
get_back(const struct hook_event *event, struct hook_event *out)
{
	ipc_begin(&message, IPC_uploaded);
	hook_event_put(&message, event);
	assert_false(message.bad);
	message.cursor = 2; /* behind the kind */
	return hook_event_get(&message, out);
}

static void
test_event_comes_back(void **state)
{
	static struct hook_event out;

	(void)state;
	assert_int_equal(get_back(&sample, &out), 0);
	assert_int_equal(out.time_ns, sample.time_ns);
	assert_int_equal(out.size, sample.size);
	assert_string_equal(out.session, sample.session);
	assert_string_equal(out.address, sample.address);
	assert_string_equal(out.user, sample.user);
	assert_string_equal(out.home, sample.home);
	assert_string_equal(out.path, sample.path);
	assert_string_equal(out.hash, sample.hash);
	assert_int_equal(out.at_len, 0);
}

static void
test_event_of_a_folder(void **state)
{
	static const struct {
		uint32_t at_len;
		const char *path, *below;
	} rows[] = {
	    {0, "/in/file", "/in/file"},
	    {3, "/in/file", "/file"},
	    {8, "/in/file", "/"},
	    {9, "/in/file", NULL},
	    {2, "/in/file", NULL},
	    {UINT32_MAX, "/in/file", NULL},
	};
	static struct hook_event event, out;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		event = sample;
		memcpy(event.path, rows[i].path, strlen(rows[i].path) + 1);
		event.at_len = rows[i].at_len;
		assert_int_equal(get_back(&event, &out), rows[i].below == NULL ? -EPROTO : 0);
		if (rows[i].below == NULL)
			continue;
		assert_string_equal(out.path, rows[i].path);
		assert_string_equal(hook_event_below(&out), rows[i].below);
	}
}

static void
test_largest_event_fits_its_message(void **state)
{
	static struct hook_event event, out;

	(void)state;
	event = sample;
	memset(event.home, '/', sizeof(event.home) - 1);
	memset(event.path, '/', sizeof(event.path) - 1);
	memset(event.user, 'u', sizeof(event.user) - 1);
	memset(event.address, 'a', sizeof(event.address) - 1);
	assert_int_equal(get_back(&event, &out), 0);
	assert_int_equal(ipc_decode(message.bytes, message.length, 0, IPC_HOOKS, IPC_STATE_ANY, &message), 0);
	ipc_begin(&message, IPC_run_hook);
	ipc_put_u32(&message, 1);
	hook_event_put(&message, &event);
	assert_int_equal(ipc_decode(message.bytes, message.length, 0, IPC_LAUNCHER, IPC_STATE_ANY, &message), 0);
}

static void
test_bad_events_are_refused(void **state)
{
	static struct hook_event event, out;

	(void)state;
#define WITH(member, value) \
	event = sample; \
	memset(event.member, 0, sizeof(event.member)); \
	memcpy(event.member, value, sizeof(value)); \
	assert_int_equal(get_back(&event, &out), -EPROTO)
	WITH(user, "");
	WITH(home, "");
	WITH(home, "srv");
	WITH(path, "");
	WITH(path, "a");
	WITH(hash, "12");
	WITH(hash, "2D711642B726B04401627CA9FBAC32F5C8530FB1903CC4DB02258717921A4881");
#undef WITH
	event = sample;
	event.hash[0] = '\0';
	assert_int_equal(get_back(&event, &out), 0);
	ipc_begin(&message, IPC_uploaded);
	hook_event_put(&message, &sample);
	ipc_put_u8(&message, 0); /* one byte too many */
	message.cursor = 2;
	assert_int_equal(hook_event_get(&message, &out), -EPROTO);
	event.kind = HOOK_BRAKE;
	assert_int_equal(get_back(&event, &out), 0);
	assert_int_equal(out.kind, HOOK_BRAKE);
	assert_int_equal(out.at_len, 0);
	event.at_len = 3; /* in a shared folder */
	assert_int_equal(get_back(&event, &out), 0);
	assert_int_equal(out.kind, HOOK_BRAKE);
	assert_int_equal(out.at_len, 3);
	event.at_len = 0;
	event.kind = HOOK_KIND_COUNT;
	assert_int_equal(get_back(&event, &out), -EPROTO);
}

static void
test_names(void **state)
{
	static const char *const bad[] = {"", ".", "..", "new", "1.0", "000000000000000g.0", "0000000000000001",
	    "0000000000000001.", "0000000000000001.x", "0000000000000001.-1", "0000000000000001.4294967296",
	    "00000000000000011.0", "000000000000000A.0", "ffffffffffffffff.0"};
	struct queue_entry entry = {.number = 0xabc, .tries = 7}, out;
	char name[QUEUE_NAME_SIZE];

	(void)state;
	queue_name_make(&entry, name);
	assert_string_equal(name, "0000000000000abc.7");
	assert_int_equal(queue_name_parse(name, &out), 0);
	assert_int_equal(out.number, 0xabc);
	assert_int_equal(out.tries, 7);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(queue_name_parse(bad[i], &out), -EINVAL);
}

static void
test_delays_double_up_to_a_bound(void **state)
{
	(void)state;
	assert_int_equal(queue_delay_ms(0), 1000);
	assert_int_equal(queue_delay_ms(1), 1000);
	assert_int_equal(queue_delay_ms(2), 2000);
	assert_int_equal(queue_delay_ms(5), 16000);
	assert_int_equal(queue_delay_ms(11), 600000);
	assert_int_equal(queue_delay_ms(UINT32_MAX), 600000);
}

static void
test_queue_keeps_order_and_tries_over_a_restart(void **state)
{
	static struct hook_event event;
	struct queue_entry *entry;
	struct queue queue;
	uint64_t next;

	(void)state;
	assert_int_equal(queue_open(&queue, place_fd, 3), 0);
	assert_null(queue_due(&queue, 5, &next));
	assert_int_equal(next, UINT64_MAX);
	event = sample;
	for (uint64_t i = 1; i <= 3; i++) {
		event.size = i;
		assert_int_equal(queue_add(&queue, &event), 0);
	}
	assert_int_equal(queue_add(&queue, &event), -ENOSPC);
	entry = queue_due(&queue, 5, &next);
	assert_int_equal(entry->number, 1);
	assert_int_equal(queue_postpone(&queue, entry, 5), 1000);
	entry = queue_due(&queue, 5, &next);
	assert_int_equal(entry->number, 2);
	assert_int_equal(queue_read(&queue, entry, &event), 0);
	assert_int_equal(event.size, 2);
	assert_string_equal(event.path, sample.path);
	queue_remove(&queue, entry);
	queue_remove(&queue, queue_due(&queue, 5, &next));
	assert_null(queue_due(&queue, 5, &next));
	assert_int_equal(next, 1005);
	queue_close(&queue);

	assert_int_equal(queue_open(&queue, place_fd, 3), 0);
	assert_int_equal(queue.count, 1);
	entry = queue_due(&queue, 0, &next); /* after a start, no entry waits */
	assert_int_equal(entry->number, 1);
	assert_int_equal(entry->tries, 1);
	assert_int_equal(queue_add(&queue, &sample), 0);
	assert_int_equal(queue.entries[1].number, 2);
	queue_close(&queue);
}

static void
test_damaged_files_are_no_events(void **state)
{
	static struct hook_event event;
	struct queue queue;

	(void)state;
	write_file("new", "half", 4);
	write_file("other", "what is not ours stays", 22);
	write_file("0000000000000001.0", "", 0);
	write_file("0000000000000002.0", "sallyport hook 1\n", 17);
	write_file("0000000000000003.0", "sallyport hook 9\nxxxxxxxxxxxxxxxxx", 34);
	assert_int_equal(queue_open(&queue, place_fd, 10), 0);
	assert_int_equal(queue.count, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(queue_read(&queue, &queue.entries[i], &event), -EPROTO);
	assert_int_equal(faccessat(place_fd, "new", F_OK, 0), -1);
	assert_int_equal(faccessat(place_fd, "other", F_OK, 0), 0);
	queue_close(&queue);
}

static const char *
variable(const struct launcher_environment *environment, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; environment->variables[i] != NULL; i++)
		if (strncmp(environment->variables[i], name, len) == 0 && environment->variables[i][len] == '=')
			return environment->variables[i] + len + 1;
	return NULL;
}

static void
test_environment(void **state)
{
	static struct launcher_environment environment;
	static struct hook_event event;

	(void)state;
	assert_int_equal(launcher_environment_make(&environment, &sample, 2), 0);
	assert_string_equal(variable(&environment, "SALLYPORT_PATH"), "/srv/alice/in/a file\xff");
	assert_string_equal(variable(&environment, "SALLYPORT_SIZE"), "4294967296");
	assert_string_equal(variable(&environment, "SALLYPORT_HASH"), SHA256_OF_X);
	assert_string_equal(variable(&environment, "SALLYPORT_TIME"), "2025-12-31T23:59:59Z");
	assert_string_equal(variable(&environment, "SALLYPORT_ATTEMPT"), "2");
	assert_null(variable(&environment, "LD_PRELOAD"));
	event = sample;
	event.at_len = 3;
	assert_int_equal(launcher_environment_make(&environment, &event, 1), 0);
	assert_string_equal(variable(&environment, "SALLYPORT_PATH"), "/srv/alice/a file\xff");
	assert_string_equal(variable(&environment, "SALLYPORT_CLIENT_PATH"), "/in/a file\xff");
	event = sample;
	memcpy(event.home, "/", 2);
	assert_int_equal(launcher_environment_make(&environment, &event, 1), 0);
	assert_string_equal(variable(&environment, "SALLYPORT_PATH"), "/in/a file\xff");
	memset(event.home, '/', sizeof(event.home) - 1);
	memset(event.path, '/', sizeof(event.path) - 1);
	assert_int_equal(launcher_environment_make(&environment, &event, 1), -E2BIG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_event_comes_back),
	    cmocka_unit_test(test_event_of_a_folder),
	    cmocka_unit_test(test_largest_event_fits_its_message),
	    cmocka_unit_test(test_bad_events_are_refused),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_delays_double_up_to_a_bound),
	    cmocka_unit_test_setup_teardown(test_queue_keeps_order_and_tries_over_a_restart, make_place, remove_place),
	    cmocka_unit_test_setup_teardown(test_damaged_files_are_no_events, make_place, remove_place),
	    cmocka_unit_test(test_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
