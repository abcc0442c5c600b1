/* SPDX-License-Identifier: ISC */
/*
 * Runs one harness without libFuzzer, as a test. The inputs are its seeds, and a number of changed seeds and random
 * bytes. Each run has the same ones; REPLAY_SEED chooses others. An input that crashes the harness is written to a
 * file, which a fuzzer takes as an argument.
 *
 * usage: replay_NAME (from the root of the tree)
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "common/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

#define INPUT_MAX 4096
#define SEEDS_MAX 512
#define RANDOM_INPUTS 10000
#define SECONDS 3 /* for the random inputs; a slow machine tries fewer */
#define INPUT_SECONDS 20 /* for one input */
#define DEFAULT_SEED 1

struct sample {
	uint8_t bytes[INPUT_MAX];
	size_t size;
};

static struct sample seeds[SEEDS_MAX], current;
static size_t seed_count;
static uint64_t state;
static const char *name;
static char crash_path[PATH_MAX];

/* xorshift64*: the same random numbers in every run. */
static uint64_t
chance(uint64_t below)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (state * 0x2545f4914f6cdd1dULL >> 16) % below;
}

/* Uses only system calls, because the harness may have died anywhere. */
static void
keep_input(int signal_number)
{
	int fd = open(crash_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	static const char told[] = "not ok 1 - replay; the input is in ";

	(void)!write(fd, current.bytes, current.size);
	(void)!write(STDOUT_FILENO, told, sizeof(told) - 1);
	(void)!write(STDOUT_FILENO, crash_path, strlen(crash_path));
	(void)!write(STDOUT_FILENO, "\n", 1);
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

static void
watch(void)
{
	static const int fatal[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM, SIGSYS};
	struct sigaction action = {.sa_handler = keep_input, .sa_flags = SA_NODEFER};

	for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		sigaction(fatal[i], &action, NULL);
}

static void
read_seed(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0 || seed_count == SEEDS_MAX)
		return;
	got = io_read_all(fd, seeds[seed_count].bytes, INPUT_MAX);
	close_fd(&fd);
	if (got >= 0)
		seeds[seed_count++].size = (size_t)got;
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void
read_seeds(void)
{
	char directory[PATH_MAX], path[PATH_MAX + NAME_MAX + 2];
	struct dirent **entries = NULL;
	int count;

	snprintf(directory, sizeof(directory), "tests/fuzz/seeds/%s", name);
	count = scandir(directory, &entries, NULL, by_name);
	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.')
			read_seed(path);
		free(entries[i]);
	}
	free(entries);
}

/* A seed with some bytes changed, or random bytes. */
static void
make_input(void)
{
	if (seed_count > 0 && chance(2) == 0) {
		current = seeds[chance(seed_count)];
		for (uint64_t changes = chance(8); changes > 0 && current.size > 0; changes--)
			current.bytes[chance(current.size)] = (uint8_t)chance(256);
		if (chance(4) == 0)
			current.size = chance(current.size + 1);
		return;
	}
	current.size = chance(chance(8) == 0 ? INPUT_MAX : 256);
	for (size_t i = 0; i < current.size; i++)
		current.bytes[i] = (uint8_t)chance(256);
}

/* Memory of exact size, so that a sanitizer sees a step too far. */
static void
run(void)
{
	uint8_t *bytes = malloc(current.size + (current.size == 0));

	if (bytes == NULL)
		abort();
	memcpy(bytes, current.bytes, current.size);
	alarm(INPUT_SECONDS);
	(void)LLVMFuzzerTestOneInput(bytes, current.size);
	alarm(0);
	free(bytes);
}

int
main(int argc, char **argv)
{
	const char *wanted = getenv("REPLAY_SEED");
	uint64_t deadline, seed = DEFAULT_SEED;
	unsigned tried = 0;

	name = strrchr(argv[0], '/') == NULL ? argv[0] : strrchr(argv[0], '/') + 1;
	snprintf(crash_path, sizeof(crash_path), "%s.crash", argv[0]);
	name += strncmp(name, "replay_", 7) == 0 ? 7 : 0;
	if (wanted != NULL && (parse_u64(wanted, UINT64_MAX, &seed) < 0 || seed == 0)) {
		fprintf(stderr, "REPLAY_SEED: '%s' is no number from 1 on\n", wanted);
		return EXIT_FAILURE;
	}
	state = seed;
	setvbuf(stdout, NULL, _IONBF, 0);
	printf("1..1\n");
	read_seeds();
	if (LLVMFuzzerInitialize != NULL)
		LLVMFuzzerInitialize(&argc, &argv);
	watch();
	for (size_t i = 0; i < seed_count; i++) {
		current = seeds[i];
		run();
	}
	for (deadline = monotonic_ms() + 1000 * SECONDS; tried < RANDOM_INPUTS && monotonic_ms() < deadline; tried++) {
		make_input();
		run();
	}
	printf(
	    "ok 1 - %s: %zu seeds, %u inputs of REPLAY_SEED=%llu\n", name, seed_count, tried, (unsigned long long)seed);
	return EXIT_SUCCESS;
}
