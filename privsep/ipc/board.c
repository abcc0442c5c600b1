/* SPDX-License-Identifier: ISC */
#include "privsep/ipc/board.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/io.h"
#include "common/text.h"

#include "common/banned.h"

#define HEAD_SIZE 4096
#define BANS_SIZE 8192 /* behind it */
#define CERTIFICATES_SIZE 8192 /* behind them */
#define READ_TRIES 8 /* of something that is being written; after that, take what is there */

_Static_assert(sizeof(struct board_head) <= HEAD_SIZE, "the head is one page");
_Static_assert(sizeof(struct board_bans) <= BANS_SIZE, "the bans have their place");
_Static_assert(sizeof(struct board_certificates) <= CERTIFICATES_SIZE, "the certificates have their place");

static size_t
facts_size(const struct board *board)
{
	return HEAD_SIZE + BANS_SIZE + CERTIFICATES_SIZE + board->count * sizeof(struct board_row);
}

static size_t
slots_size(const struct board *board)
{
	return board->count * SCOREBOARD_SLOT_SIZE;
}

/* A process that gets the descriptor later can map it only for reading. */
static int
make_file(const char *name, size_t size, int *fd_out, void **map_out)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *map;
	int r = 0;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size) < 0) {
		r = -errno;
		goto out;
	}
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		r = -errno;
		goto out;
	}
	*map_out = map;
	*fd_out = fd;
	fd = -1;
out:
	close_fd(&fd);
	return r;
}

static void
place_facts(struct board *board, void *facts)
{
	board->head = facts;
	board->bans = (struct board_bans *)(void *)((char *)facts + HEAD_SIZE);
	board->certificates = (struct board_certificates *)(void *)((char *)facts + HEAD_SIZE + BANS_SIZE);
	board->rows = (struct board_row *)(void *)((char *)facts + HEAD_SIZE + BANS_SIZE + CERTIFICATES_SIZE);
}

int
board_new(struct board *board, size_t count, uint64_t now_s)
{
	void *facts = NULL, *slots = NULL;
	int r;

	*board = (struct board){.count = count, .facts_fd = -1, .slots_fd = -1};
	r = make_file("sallyport-facts", facts_size(board), &board->facts_fd, &facts);
	if (r == 0)
		r = make_file("sallyport-slots", slots_size(board), &board->slots_fd, &slots);
	if (r == 0 && madvise(facts, facts_size(board), MADV_DONTFORK) < 0)
		r = -errno;
	if (r == 0)
		board->place = scoreboard_place();
	if (r == 0 && board->place == NULL)
		r = -errno;
	if (r < 0) {
		close_fd(&board->facts_fd);
		close_fd(&board->slots_fd);
		return r;
	}
	place_facts(board, facts);
	board->slots = slots;
	board->head->started_s = now_s;
	return 0;
}

int
board_attach(struct board *board)
{
	void *facts = mmap(NULL, facts_size(board), PROT_READ, MAP_SHARED, board->facts_fd, 0);
	void *slots;

	if (facts == MAP_FAILED)
		return -errno;
	slots = mmap(NULL, slots_size(board), PROT_READ, MAP_SHARED | MAP_NORESERVE, board->slots_fd, 0);
	if (slots == MAP_FAILED || munmap(board->slots, slots_size(board)) < 0)
		return -errno;
	place_facts(board, facts);
	board->slots = slots;
	return 0;
}

void
board_leave(struct board *board)
{
	munmap(board->slots, slots_size(board));
}

static struct claims *
claims_of(const struct board *board, size_t row)
{
	return (struct claims *)(void *)(board->slots + row * SCOREBOARD_SLOT_SIZE);
}

/* The master is the only writer of head and rows. */

static void
begin_change(uint32_t *sequence)
{
	__atomic_store_n(sequence, *sequence + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

static void
end_board_change(uint32_t *sequence)
{
	__atomic_store_n(sequence, *sequence + 1, __ATOMIC_RELEASE);
}

void
board_begin(
    struct board *board, size_t row, const char *id, const char *address, bool is_tls, uint64_t now_s, uint64_t now_ms)
{
	struct board_row *entry = &board->rows[row];

	begin_change(&entry->sequence);
	entry->is_tls = is_tls;
	entry->is_logged_in = entry->is_ending = false;
	entry->started_s = now_s;
	entry->started_ms = now_ms;
	snprintf(entry->id, sizeof(entry->id), "%s", id);
	snprintf(entry->address, sizeof(entry->address), "%s", address);
	entry->user[0] = entry->server[0] = '\0';
	entry->is_live = true;
	end_board_change(&entry->sequence);
	if (row >= board->head->used)
		board->head->used = (uint32_t)row + 1;
	board->head->live++;
	board->head->ended.connections++;
}

void
board_login(struct board *board, size_t row, const char *user, const char *server)
{
	struct board_row *entry = &board->rows[row];

	begin_change(&entry->sequence);
	snprintf(entry->user, sizeof(entry->user), "%s", user);
	snprintf(entry->server, sizeof(entry->server), "%s", server);
	entry->is_logged_in = true;
	end_board_change(&entry->sequence);
}

void
board_ending(struct board *board, size_t row)
{
	board->rows[row].is_ending = true;
}

/* The work of a session, with the bytes of a transfer that runs (or was cut off). */
static void
add_claimed(struct work *work, const struct claims *claims)
{
	uint32_t direction = __atomic_load_n(&claims->direction, __ATOMIC_RELAXED);
	struct work running = {.bytes = {0}};

	work_add(work, &claims->work);
	if (direction >= DIRECTION_COUNT || claimed_activity(claims) == CLAIM_IDLE)
		return;
	running.bytes[direction] = __atomic_load_n(&claims->bytes_done, __ATOMIC_RELAXED);
	work_add(work, &running);
}

void
board_end(struct board *board, size_t row)
{
	struct claims *claims = claims_of(board, row);
	struct board_row *entry = &board->rows[row];

	begin_change(&board->head->sequence);
	begin_change(&entry->sequence);
	add_claimed(&board->head->ended.work, claims);
	memset(claims, 0, sizeof(*claims));
	entry->is_live = false;
	board->head->live--;
	end_board_change(&entry->sequence);
	end_board_change(&board->head->sequence);
}

void
board_set_bans(struct board *board, const struct board_ban *bans, size_t shown, size_t in_force)
{
	begin_change(&board->bans->sequence);
	memcpy(board->bans->bans, bans, shown * sizeof(*bans));
	board->bans->count = (uint32_t)shown;
	end_board_change(&board->bans->sequence);
	board->head->bans = (uint32_t)in_force;
}

/* Readers. */

static uint32_t
begin_read(const uint32_t *sequence)
{
	return __atomic_load_n(sequence, __ATOMIC_ACQUIRE);
}

static bool
was_torn(const uint32_t *sequence, uint32_t before)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return (before & 1) != 0 || __atomic_load_n(sequence, __ATOMIC_RELAXED) != before;
}

size_t
board_used(const struct board *board)
{
	size_t used = __atomic_load_n(&board->head->used, __ATOMIC_RELAXED);

	return used < board->count ? used : board->count;
}

void
board_totals(const struct board *board, struct totals *totals)
{
	uint32_t before;
	int tries = 0;

	do {
		before = begin_read(&board->head->sequence);
		*totals = board->head->ended;
		for (size_t i = 0; i < board_used(board); i++)
			if (board->rows[i].is_live)
				add_claimed(&totals->work, claims_of(board, i));
	} while (was_torn(&board->head->sequence, before) && ++tries < READ_TRIES);
}

size_t
board_get_bans(const struct board *board, struct board_ban bans[BOARD_BANS_MAX])
{
	uint32_t before;
	size_t count;
	int tries = 0;

	do {
		before = begin_read(&board->bans->sequence);
		count = board->bans->count;
		memcpy(bans, board->bans->bans, sizeof(board->bans->bans));
	} while (was_torn(&board->bans->sequence, before) && ++tries < READ_TRIES);
	return count <= BOARD_BANS_MAX ? count : BOARD_BANS_MAX;
}

void
board_clear_certificates(struct board *board)
{
	begin_change(&board->certificates->sequence);
	board->certificates->count = 0;
	end_board_change(&board->certificates->sequence);
}

void
board_add_certificate(struct board *board, const char *server, uint64_t ends_s)
{
	struct board_certificates *certificates = board->certificates;
	struct board_certificate *next = &certificates->certificates[certificates->count];

	if (certificates->count == BOARD_CERTIFICATES_MAX)
		return;
	begin_change(&certificates->sequence);
	snprintf(next->server, sizeof(next->server), "%s", server);
	next->ends_s = ends_s;
	certificates->count++;
	end_board_change(&certificates->sequence);
}

size_t
board_get_certificates(const struct board *board, struct board_certificate certificates[BOARD_CERTIFICATES_MAX])
{
	const struct board_certificates *shared = board->certificates;
	uint32_t before;
	size_t count;
	int tries = 0;

	do {
		before = begin_read(&shared->sequence);
		count = shared->count;
		memcpy(certificates, shared->certificates, sizeof(shared->certificates));
	} while (was_torn(&shared->sequence, before) && ++tries < READ_TRIES);
	return count <= BOARD_CERTIFICATES_MAX ? count : BOARD_CERTIFICATES_MAX;
}

uint64_t
board_first_end_s(const struct board *board)
{
	struct board_certificate certificates[BOARD_CERTIFICATES_MAX];
	size_t count = board_get_certificates(board, certificates);
	uint64_t first = board->head->certificate_ends_s;

	for (size_t i = 0; i < count; i++)
		if (first == 0 || certificates[i].ends_s < first)
			first = certificates[i].ends_s;
	return first;
}

/* Text of a session: any bytes, perhaps without an end; the last byte could only be the NUL. */
static void
copy_board_text(const char *from, size_t from_size, char *to, size_t size)
{
	struct buf text;
	size_t len = strnlen(from, from_size - 1);

	buf_init(&text, size - 1);
	to[0] = '\0';
	if (escape_bytes(&text, ESCAPE_LOG, from, len) == 0 && text.len > 0)
		memcpy(to, text.data, text.len + 1);
	buf_free(&text);
}

static void
read_texts(const struct claims *shared, struct board_session *session)
{
	struct claims copy;
	uint32_t before;
	int tries = 0;

	do {
		before = begin_read(&shared->sequence);
		memcpy(copy.verb, shared->verb, sizeof(copy.verb));
		memcpy(copy.tls, shared->tls, sizeof(copy.tls));
		memcpy(copy.path, shared->path, sizeof(copy.path));
	} while (was_torn(&shared->sequence, before) && ++tries < READ_TRIES);
	copy_board_text(copy.verb, sizeof(copy.verb), session->verb, sizeof(session->verb));
	copy_board_text(copy.tls, sizeof(copy.tls), session->tls, sizeof(session->tls));
	copy_board_text(copy.path, sizeof(copy.path), session->path, sizeof(session->path));
}

static const char *
state_name(const struct board_row *row, enum claim_activity activity, uint32_t direction)
{
	static const char *const moving[DIRECTION_COUNT] = {
	    [DIRECTION_DOWN] = "download",
	    [DIRECTION_UP] = "upload",
	    [DIRECTION_LIST] = "list",
	};

	if (row->is_ending)
		return "ending";
	if (!row->is_logged_in)
		return "login";
	if (activity == CLAIM_FINISH)
		return "finish";
	if (activity == CLAIM_TRANSFER)
		return direction < DIRECTION_COUNT ? moving[direction] : "work";
	return "idle";
}

static uint64_t
elapsed_ms(uint64_t since_ms, uint64_t now_ms)
{
	return since_ms < now_ms ? now_ms - since_ms : 0;
}

static void
read_numbers(const struct claims *shared, const struct board_row *row, uint64_t now_ms, struct board_session *session)
{
	uint32_t direction = __atomic_load_n(&shared->direction, __ATOMIC_RELAXED);
	enum claim_activity activity = claimed_activity(shared);
	struct work work = {.bytes = {0}};
	uint64_t began = __atomic_load_n(&shared->began_ms, __ATOMIC_RELAXED);
	uint64_t active = claimed_active_ms(shared);
	uint64_t ms;

	add_claimed(&work, shared);
	session->bytes_down = work.bytes[DIRECTION_DOWN] + work.bytes[DIRECTION_LIST];
	session->bytes_up = work.bytes[DIRECTION_UP];
	session->state = state_name(row, activity, direction);
	session->idle_ms = elapsed_ms(active > row->started_ms ? active : row->started_ms, now_ms);
	session->is_transfer = activity != CLAIM_IDLE && direction < DIRECTION_COUNT;
	session->direction = direction < DIRECTION_COUNT ? (enum ipc_direction)direction : DIRECTION_COUNT;
	session->bytes_done = session->is_transfer ? __atomic_load_n(&shared->bytes_done, __ATOMIC_RELAXED) : 0;
	session->size = session->is_transfer ? __atomic_load_n(&shared->size, __ATOMIC_RELAXED) : CLAIM_SIZE_UNKNOWN;
	ms = elapsed_ms(began, now_ms);
	session->rate = ms == 0 || session->bytes_done > UINT64_MAX / 1000 ? 0 : session->bytes_done * 1000 / ms;
}

bool
board_has_moved(const struct board *board, size_t row)
{
	const struct claims *claims = claims_of(board, row);

	return __atomic_load_n(&claims->direction, __ATOMIC_RELAXED) < DIRECTION_COUNT &&
	    __atomic_load_n(&claims->bytes_done, __ATOMIC_RELAXED) > 0;
}

bool
board_session(const struct board *board, size_t row, uint64_t now_ms, struct board_session *session)
{
	const struct board_row *shared = &board->rows[row];
	struct board_row copy;
	uint32_t before;
	int tries = 0;

	do {
		before = begin_read(&shared->sequence);
		memcpy(&copy, shared, sizeof(copy));
	} while (was_torn(&shared->sequence, before) && ++tries < READ_TRIES);
	if (!copy.is_live)
		return false;
	memcpy(session->id, copy.id, sizeof(session->id));
	memcpy(session->address, copy.address, sizeof(session->address));
	memcpy(session->user, copy.user, sizeof(session->user));
	memcpy(session->server, copy.server, sizeof(session->server));
	session->since_s = copy.started_s;
	read_numbers(claims_of(board, row), &copy, now_ms, session);
	read_texts(claims_of(board, row), session);
	return true;
}
