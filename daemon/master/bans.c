/* SPDX-License-Identifier: ISC */
#include "daemon/master/bans.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/io.h"
#include "common/text.h"
#include "common/wipe.h"
#include "daemon/master/master.h"
#include "daemon/master/sessions.h"
#include "privsep/ipc/log.h"
#include "trusted/place.h"

#include "common/banned.h"

#define FILE_NAME "bans"
#define FILE_MAX (BANS_LINE_MAX * FAILURES_MAX)
#define WRITE_EVERY_MS 1000 /* many bans at once are one write */
#define UNTIL_MAX UINT64_C(1000000000000)

int
ban_line_parse(const char *line, struct ban_line *ban)
{
	char address[BANS_LINE_MAX];
	const char *blank = strchr(line, ' ');
	char until[24];
	size_t len;

	if (blank == NULL || (size_t)(blank - line) >= sizeof(address))
		return -EINVAL;
	len = (size_t)(blank - line);
	memcpy(address, line, len);
	address[len] = '\0';
	line = blank + 1;
	len = strcspn(line, " ");
	if (len >= sizeof(until) || line[len] == '\0')
		return -EINVAL;
	memcpy(until, line, len);
	until[len] = '\0';
	line += len + 1;
	ban->is_by_hand = strcmp(line, "manual") == 0;
	if (!ban->is_by_hand && strcmp(line, "auto") != 0)
		return -EINVAL;
	if (parse_u64(until, UNTIL_MAX, &ban->until_s) < 0 || address_key_parse(address, &ban->address) < 0)
		return -EINVAL;
	return 0;
}

static void bans_due(void *arg);

static int
open_state_directory(const struct master *master)
{
	struct trust_problem problem;

	return trusted_dir_open(master->config->state_directory, TRUST_ROOT_ALONE, &problem);
}

static void
log_ban(enum log_level level, const char *event, const struct address_key *key, const char *reason, const char *number,
    uint64_t value)
{
	char address[ADDRESS_TEXT_MAX];

	address_key_text(key, address);
	log_set_context(NULL, NULL, address, NULL);
	log_begin(level, event);
	log_field_text("reason", reason);
	log_field_u64(number, value);
	log_end();
	log_set_context(NULL, NULL, "", NULL);
}

static void
show_on_board(struct master *master)
{
	static struct board_ban shown[BOARD_BANS_MAX];
	uint64_t now_s = (uint64_t)time(NULL), now_ms = monotonic_ms();
	size_t count = 0;

	for (size_t i = 0; i < master->failures->used && count < BOARD_BANS_MAX; i++) {
		const struct failure *entry = &master->failures->entries[i];

		if (entry->banned_until_ms <= now_ms)
			continue;
		address_key_text(&entry->address, shown[count].address);
		shown[count].until_s = now_s + (entry->banned_until_ms - now_ms + 999) / 1000;
		shown[count++].is_by_hand = entry->is_by_hand;
	}
	board_set_bans(&master->board, shown, count, master->failures->banned);
	explicit_bzero(shown, count * sizeof(shown[0]));
}

/* What has changed shows on the board now, and in the file soon. */
static void
note_change(struct master *master)
{
	show_on_board(master);
	master->bans.look_at_ms = 0;
	if (master->bans.write_at_ms == 0)
		master->bans.write_at_ms = monotonic_ms();
	if (master->bans.write_at_ms < master->bans.written_ms + WRITE_EVERY_MS)
		master->bans.write_at_ms = master->bans.written_ms + WRITE_EVERY_MS;
	timer_set(master->loop, &master->bans.due, 0);
}

/* The file. */

/* No ban is longer than it can have been made: what says so was written under another clock. */
static uint64_t
left_s(const struct master *master, const struct ban_line *ban, uint64_t now_s)
{
	uint64_t most_s = ban->is_by_hand ? BAN_SECONDS_MAX : master->config->limits.ban_time_s;

	return ban->until_s - now_s < most_s ? ban->until_s - now_s : most_s;
}

static void
load_line(struct master *master, char *line, uint64_t now_s, uint64_t now_ms)
{
	struct ban_line ban;

	if (ban_line_parse(line, &ban) < 0)
		log_message(LEVEL_WARNING, "bans-file", "a line that cannot be read is left out");
	else if (ban.until_s > now_s)
		(void)!failures_ban(master->failures, &ban.address, now_ms, now_ms + 1000 * left_s(master, &ban, now_s),
		    ban.is_by_hand);
}

static FILE *
open_file(const struct master *master)
{
	int dir_fd = open_state_directory(master);
	int fd = dir_fd < 0 ? dir_fd : openat(dir_fd, FILE_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	FILE *file;

	if (dir_fd < 0)
		errno = -dir_fd;
	close_fd(&dir_fd);
	file = fd < 0 ? NULL : fdopen(fd, "r");
	if (file == NULL)
		close_fd(&fd);
	return file;
}

void
bans_load(struct master *master)
{
	uint64_t now_s = (uint64_t)time(NULL), now_ms = monotonic_ms();
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	FILE *file;

	master->bans.is_open = true;
	master->bans.due.due = bans_due;
	master->bans.due.arg = master;
	file = open_file(master);
	if (file == NULL) {
		if (errno != ENOENT)
			log_message(LEVEL_ERROR, "bans-file", "cannot read '%s/" FILE_NAME "': %s",
			    master->config->state_directory, strerror(errno));
		return;
	}
	for (size_t i = 0; i < FAILURES_MAX && (len = getline(&line, &size, file)) > 0; i++) {
		line[strcspn(line, "\n")] = '\0';
		load_line(master, line, now_s, now_ms);
	}
	free_wiped(line);
	fclose(file);
	master->bans.look_at_ms = 0;
	timer_set(master->loop, &master->bans.due, 0);
	show_on_board(master);
}

static void
add_lines(const struct master *master, struct buf *text)
{
	uint64_t now_s = (uint64_t)time(NULL), now_ms = monotonic_ms();
	char address[ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < master->failures->used; i++) {
		const struct failure *entry = &master->failures->entries[i];

		if (entry->banned_until_ms <= now_ms)
			continue;
		address_key_text(&entry->address, address);
		buf_addf(text, "%s %llu %s\n", address,
		    (unsigned long long)(now_s + (entry->banned_until_ms - now_ms + 999) / 1000),
		    entry->is_by_hand ? "manual" : "auto");
	}
}

/* A new file beside the old one, renamed over it. */
static int
replace_file(int dir_fd, const struct buf *text)
{
	int fd, r;

	unlinkat(dir_fd, FILE_NAME ".new", 0);
	fd = openat(dir_fd, FILE_NAME ".new", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	r = text->len > 0 ? io_write_all(fd, text->data, text->len) : 0;
	close_fd(&fd);
	if (r == 0)
		r = io_rename_over(dir_fd, FILE_NAME ".new", FILE_NAME);
	return r;
}

/* runs as root */
static int
write_file(const struct master *master)
{
	int dir_fd = open_state_directory(master);
	struct buf text;
	int r;

	if (dir_fd < 0)
		return dir_fd;
	buf_init(&text, FILE_MAX);
	add_lines(master, &text);
	r = text.error < 0 ? text.error : replace_file(dir_fd, &text);
	buf_free(&text);
	close_fd(&dir_fd);
	return r;
}

static void
write_now(struct master *master)
{
	int r = write_file(master);

	master->bans.written_ms = monotonic_ms();
	master->bans.write_at_ms = 0;
	if (r < 0)
		log_message(LEVEL_ERROR, "bans-file", "bans cannot be kept over a restart: '%s/" FILE_NAME "': %s",
		    master->config->state_directory, r == -EEXIST ? "it is no regular file; remove it" : strerror(-r));
}

/* The table. */

static bool
is_never_banned(const struct config *config, const union address *peer)
{
	for (size_t i = 0; i < config->limits.never_ban_count; i++)
		if (address_in_block(peer, &config->limits.never_ban[i]))
			return true;
	return false;
}

static int
ban(struct master *master, const struct address_key *address, uint64_t seconds, bool is_by_hand)
{
	uint64_t now = monotonic_ms();
	int r = failures_ban(master->failures, address, now, now + 1000 * seconds, is_by_hand);

	if (r < 0)
		return r;
	master->board.head->ended.bans++;
	log_ban(LEVEL_WARNING, "ban", address, is_by_hand ? "administrator" : "failures", "seconds", seconds);
	note_change(master);
	sessions_end_unwelcome(master, address);
	return 0;
}

void
bans_failed(struct master *master, const struct address_key *address)
{
	const struct config *config = master->config;
	union address network;

	if (!failures_add(master->failures, address, monotonic_ms(), 1000 * config->limits.ban_time_s,
		config->limits.login_failures))
		return;
	address_key_network(address, &network);
	if (!is_never_banned(config, &network))
		(void)!ban(master, address, config->limits.ban_time_s, false);
}

uint32_t
bans_refuse(struct master *master, const union address *peer, const struct address_key *address)
{
	return is_never_banned(master->config, peer) ? 0 : failures_refuse(master->failures, address, monotonic_ms());
}

int
bans_add(struct master *master, const union address *peer, uint64_t seconds)
{
	struct address_key address;

	if (is_never_banned(master->config, peer))
		return -EPERM;
	if (seconds == 0)
		seconds = master->config->limits.ban_time_s;
	if (seconds == 0)
		return -EINVAL;
	address_make_key(peer, &address);
	return ban(master, &address, seconds, true);
}

int
bans_delete(struct master *master, const union address *peer)
{
	const struct failure *entry;
	struct address_key address;

	address_make_key(peer, &address);
	entry = failures_unban(master->failures, &address);
	if (entry == NULL)
		return -ENOENT;
	log_ban(LEVEL_INFO, "unban", &address, "administrator", "refused", entry->refused);
	note_change(master);
	return 0;
}

/* The end of the ban that ends first; UINT64_MAX: there is none. */
static uint64_t
next_end(const struct failures *failures)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < failures->used && failures->banned > 0; i++) {
		uint64_t until = failures->entries[i].banned_until_ms;

		if (until != 0 && until < next)
			next = until;
	}
	return next;
}

static void
expire(struct master *master, uint64_t now)
{
	const struct failure *entry;
	size_t next = 0;

	while ((entry = failures_expire(master->failures, &next, now)) != NULL) {
		log_ban(LEVEL_INFO, "unban", &entry->address, "time", "refused", entry->refused);
		note_change(master);
	}
}

static void
bans_due(void *arg)
{
	struct master *master = arg;
	uint64_t now = monotonic_ms(), next;

	if (!master->bans.is_open)
		return;
	if (now >= master->bans.look_at_ms) {
		expire(master, now);
		master->bans.look_at_ms = next_end(master->failures);
	}
	if (master->bans.write_at_ms != 0 && now >= master->bans.write_at_ms)
		write_now(master);
	next = master->bans.look_at_ms;
	if (master->bans.write_at_ms != 0 && master->bans.write_at_ms < next)
		next = master->bans.write_at_ms;
	if (next == UINT64_MAX)
		timer_stop(master->loop, &master->bans.due);
	else
		timer_set(master->loop, &master->bans.due, next);
}

void
bans_close(struct master *master)
{
	if (master->bans.is_open && master->bans.write_at_ms != 0)
		write_now(master);
	master->bans.is_open = false;
	timer_stop(master->loop, &master->bans.due);
}
