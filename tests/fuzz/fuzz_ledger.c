/* SPDX-License-Identifier: ISC */
/*
 * The quota ledger over a file of any bytes, by two sessions of the account: it opens, never shows a figure
 * that no count gave, and shows the result of a count afterwards.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accounts/ledger.h"
#include "common/io.h"
#include "tests/fuzz/forged_ledger.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define SESSIONS 2
#define STEPS_MAX 40

static char path[64];
static const uint8_t boot_id[16];

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	snprintf(path, sizeof(path), "/dev/shm/sallyport-fuzz-ledger.%ld", (long)getpid());
	return 0;
}

static void
write_file(struct input *input)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	uint8_t bytes[256];

	if (fd < 0)
		abort();
	(void)!pwrite(fd, bytes, input_bytes(input, bytes, 255), 0);
	(void)!pwrite(fd, bytes, input_bytes(input, bytes, 255), FORGED_SLOTS_AT);
	close_fd(&fd);
}

/* Whatever happened: a figure, or doubt, without waiting. */
static void
read_figure(struct ledger *ledger)
{
	struct ledger_figure figure;
	int r = ledger_read(ledger, &figure);

	if (r != 0 && r != -EUCLEAN)
		abort();
}

static void
change(struct ledger *ledger, struct input *input)
{
	static const struct ledger_limits limits = {1 << 20, 100};
	struct ledger_figure figure;
	uint64_t granted;
	int r = ledger_begin(ledger, &limits, input_number(input), input_number(input), &figure);

	if (r == -ETIMEDOUT)
		abort();
	if (r != 0)
		return;
	switch (input_below(input, 3)) {
	case 0:
		(void)ledger_upload_begin(ledger, input_number(input), input_number(input) >> 1);
		(void)ledger_upload_reserve(ledger, &limits, input_number(input), &granted, &figure);
		break;
	case 1:
		(void)ledger_upload_end(ledger, input_number(input) >> 1);
		break;
	default:
		break;
	}
	(void)ledger_end(ledger, (int64_t)input_number(input), (int64_t)input_number(input));
}

/* Counting mends what there was, however it was damaged; with no upload under way, what was counted is the figure. */
static void
count_home(struct ledger *ledger, struct input *input)
{
	static struct ledger_count counting;
	struct ledger_figure counted = {input_byte(input) * 4096ULL, input_byte(input), LEDGER_EXACT};
	bool is_known = input_byte(input) < 200;
	int r;

	r = ledger_count_begin(ledger, &counting);
	if (r == -ETIMEDOUT || r == -EBUSY)
		abort(); /* nobody is in the midst of anything */
	if (r < 0)
		return;
	if (counting.upload_count > LEDGER_SESSIONS_MAX)
		abort();
	r = ledger_count_look(ledger, &counting);
	(void)ledger_count_end(ledger, &counting, r == 0 && is_known ? &counted : NULL);
	read_figure(ledger);
}

/* A ledger that nobody forged, and in which no number is near an edge: the arithmetic is that of a purse. */
static void
check_exactness(void)
{
	static const struct ledger_limits limits = {1 << 20, 100};
	static struct ledger_count counting;
	const struct ledger_figure counted = {4096, 2, LEDGER_EXACT};
	struct ledger ledger;
	struct ledger_figure figure;

	if (ledger_open(&ledger, path, boot_id) < 0)
		return; /* every slot is in doubt or taken */
	if (ledger_count_begin(&ledger, &counting) < 0 || ledger_count_look(&ledger, &counting) < 0 ||
	    ledger_count_end(&ledger, &counting, &counted) < 0)
		abort();
	if (ledger_read(&ledger, &figure) == 0 && figure.bytes == counted.bytes &&
	    ledger_begin(&ledger, &limits, 10, 1, &figure) == 0 &&
	    (ledger_end(&ledger, 10, 1) < 0 || ledger_read(&ledger, &figure) < 0 || figure.bytes != 4106))
		abort();
	ledger_close(&ledger);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	struct ledger sessions[SESSIONS];
	bool is_forged = (input_byte(&input) & 1) != 0;

	if (is_forged)
		forge_ledger(path, &input);
	else
		write_file(&input);
	for (int i = 0; i < SESSIONS; i++) {
		int r = ledger_open(&sessions[i], path, boot_id);

		if (r < 0 && r != -EUSERS)
			abort();
	}
	for (int i = 0; i < STEPS_MAX && input.left > 0; i++) {
		struct ledger *ledger = &sessions[input_below(&input, SESSIONS)];

		if (ledger->fd < 0)
			continue;
		switch (input_below(&input, 4)) {
		case 0:
			read_figure(ledger);
			break;
		case 1:
			count_home(ledger, &input);
			break;
		default:
			change(ledger, &input);
			break;
		}
	}
	for (int i = 0; i < SESSIONS; i++)
		ledger_close(&sessions[i]);
	check_exactness();
	(void)!unlink(path);
	return 0;
}
