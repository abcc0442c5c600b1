/* SPDX-License-Identifier: ISC */
#include "privsep/counter/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/io.h"
#include "privsep/counter/home_walls.h"

#include "common/banned.h"

#define FIGURE_MAX (UINT64_C(1) << 56) /* more than any home has */

/* What the child says, in one write. */
struct keeper_word {
	int result; /* 0 or -errno */
	struct keep_tended tended;
};

/* In the child. */

static int
tend_home(const struct account *account, int home_fd, const struct config *config, const struct keep_order *order,
    struct keep_tended *tended)
{
	static struct tended_home home;
	int r = tended_home_init(&home, home_fd, account, config);

	return r < 0 ? r : keep_tend(&home.home, order, tended);
}

static void __attribute__((noreturn))
tend_behind_walls(const struct account *account, int home_fd,
    const struct config *config, const struct keep_order *order, int out_fd, pid_t parent)
{
	const int kept[] = {home_fd, out_fd};
	const struct home_walls walls = {.home_fd = home_fd,
	    .uid = account->uid,
	    .gid = account->gid,
	    .kept = kept,
	    .kept_count = 2,
	    .parent = parent};
	struct keeper_word word = {0};

	umask(0);
	word.result = home_walls_enter(&walls);
	if (word.result == 0)
		word.result = tend_home(account, home_fd, config, order, &word.tended);
	_exit(io_write_all(out_fd, &word, sizeof(word)) == 0 ? 0 : 1);
}

/* In the parent. */

/* The sums of many accounts must not overflow because of one, whose state anybody may have written. */
static void
bound_figures(struct keep_tended *tended)
{
	uint64_t *const figures[] = {&tended->files, &tended->bytes, &tended->held_s, &tended->purged.files,
	    &tended->purged.bytes, &tended->purged.strange};

	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		if (*figures[i] > FIGURE_MAX)
			*figures[i] = FIGURE_MAX;
}

/* A word fits into a pipe, and comes at once: nobody waits for the rest of one. */
static int
await_keeper(int fd, uint64_t wait_ms, struct keeper_word *word)
{
	int r = io_wait(fd, POLLIN, monotonic_ms() + wait_ms);

	if (r <= 0)
		return r == 0 ? -ETIMEDOUT : r;
	if (read(fd, word, sizeof(*word)) != (ssize_t)sizeof(*word) || word->result > 0 || word->result < -4095)
		return -ECHILD;
	bound_figures(&word->tended);
	return word->result;
}

int
keeper_run(const struct account *account, int home_fd, const struct config *config, const struct keep_order *order,
    uint64_t wait_ms, struct keep_tended *tended)
{
	pid_t parent = getpid(), child;
	struct keeper_word word = {0};
	int ends[2];
	int r;

	*tended = (struct keep_tended){.is_there = false};
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	child = fork();
	if (child == 0)
		tend_behind_walls(account, home_fd, config, order, ends[1], parent);
	r = child < 0 ? -errno : 0;
	close_fd(&ends[1]);
	if (r == 0)
		r = await_keeper(ends[0], wait_ms, &word);
	close_fd(&ends[0]);
	/* it has said all that we need, and might never end by itself */
	if (child > 0)
		kill(child, SIGKILL);
	while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	if (r == 0)
		*tended = word.tended;
	return r;
}
