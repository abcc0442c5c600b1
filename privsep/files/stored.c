/* SPDX-License-Identifier: ISC */
#include "privsep/files/stored.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "common/written.h"
#include "privsep/files/files.h"
#include "privsep/files/folders.h"
#include "privsep/ipc/ipc.h"

#include "common/banned.h"

#define PIECE (1024 * 1024) /* bytes between two checks for a request */
#define AFTERWARDS_MS 2000 /* how long the end of the session waits for a hash */

/* Never waits: an upload for which the monitor's channel has no room is not reported. */
static void
tell_monitor(struct stored *stored, int monitor_channel, const char *hash)
{
	static struct ipc_message message; /* not the one in hand */

	ipc_begin(&message, IPC_stored);
	ipc_put_u64(&message, stored->size);
	ipc_put_text(&message, hash);
	ipc_put_bytes(&message, stored->path.text, stored->path.len);
	(void)!ipc_send_now(monitor_channel, &message, -1);
	digest_drop(&stored->digest);
	close_fd(&stored->fd);
	stored->is_pending = false;
}

void
stored_begin(struct stored *stored, const struct home *home, const struct home_path *path, const struct beside *beside)
{
	struct home_path routed = *path;
	const struct home *tree = folders_route(home, &routed);
	struct stat st;

	if (stored->is_pending)
		tell_monitor(stored, home->session->monitor_channel, "");
	*stored = (struct stored){.is_pending = true, .path = *path, .fd = -1};
	if (home_open_file(tree, &routed, &stored->fd, &st) < 0 && home_stat(tree, &routed, &st) < 0)
		st.st_size = 0; /* removed already */
	stored->size = (uint64_t)st.st_size;
	if (stored->fd >= 0 && beside_copy(beside, stored->fd, HASH_SHA256, &stored->digest, &stored->hashed))
		return;
	if (stored->fd >= 0 && digest_begin_own(&stored->digest, HASH_SHA256) < 0)
		close_fd(&stored->fd);
}

/* Hash the next piece. True when there is one more to do. */
static bool
hash_piece(struct stored *stored)
{
	static char piece[PIECE] SELDOM_WRITTEN;
	uint64_t left = stored->size - stored->hashed;
	ssize_t n;

	if (stored->fd < 0 || left == 0)
		return false;
	n = pread(stored->fd, piece, left < sizeof(piece) ? (size_t)left : sizeof(piece), (off_t)stored->hashed);
	if (n < 0 && errno == EINTR)
		return true;
	if (n <= 0 || digest_add(&stored->digest, piece, (size_t)n) < 0) {
		close_fd(&stored->fd); /* it was cut or is unreadable: there is no hash */
		return false;
	}
	stored->hashed += (uint64_t)n;
	return stored->hashed < stored->size;
}

/* What is known of it by now, to the monitor. */
static void
report_stored(struct stored *stored, const struct files_session *session, struct beside *beside)
{
	char hash[DIGEST_TEXT_SIZE] = "";

	if (stored->fd >= 0)
		beside_advance(beside, stored->fd, &stored->digest, stored->hashed);
	if (stored->fd < 0 || stored->hashed < stored->size || digest_end(&stored->digest, hash) < 0)
		hash[0] = '\0';
	tell_monitor(stored, session->monitor_channel, hash);
}

void
stored_work(struct stored *stored, const struct files_session *session, struct beside *beside)
{
	struct pollfd request = {.fd = session->protocol_channel, .events = POLLIN};

	if (!stored->is_pending)
		return;
	while (hash_piece(stored)) {
		if (poll(&request, 1, 0) <= 0)
			continue;
		if ((request.revents & POLLHUP) == 0)
			return; /* the request first */
		stored_end(stored, session, beside);
		return;
	}
	report_stored(stored, session, beside);
}

void
stored_end(struct stored *stored, const struct files_session *session, struct beside *beside)
{
	uint64_t deadline = monotonic_ms() + AFTERWARDS_MS;

	if (!stored->is_pending)
		return;
	while (hash_piece(stored) && monotonic_ms() < deadline)
		;
	report_stored(stored, session, beside);
}
