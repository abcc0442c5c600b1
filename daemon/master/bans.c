/* SPDX-License-Identifier: ISC */
#include "daemon/master/bans.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/io.h"
#include "common/replace_file.h"
#include "common/text.h"
#include "common/wipe.h"
#include "daemon/master/failures.h"
#include "daemon/master/server.h"
#include "privsep/ipc/log.h"
#include "trusted/place.h"

#include "common/banned.h"

#define FILE_NAME "bans"
#define FILE_LINES_MAX (FAILURES_MAX + BANS_LIFTS_MAX)
#define FILE_MAX (BANS_LINE_MAX * FILE_LINES_MAX)
#define WRITE_EVERY_MS 1000 /* many bans at once are one write */
#define UNTIL_MAX UINT64_C(1000000000000)
#define SAME_END_MS 2000 /* between ends of bans that count as one */

/* The last words of lines; those of bans are found by what they say. */
static const struct {
	const char *word;
	bool is_by_hand, is_of_others, is_lifted;
} line_words[] = {
    {"auto", false, false, false},
    {"manual", true, false, false},
    {"told-auto", false, true, false},
    {"told-manual", true, true, false},
    {"lifted", false, false, true},
};

#define LINE_WORD_COUNT (sizeof(line_words) / sizeof(line_words[0]))

static int
parse_line_word(const char *word, struct ban_line *ban)
{
	for (size_t i = 0; i < LINE_WORD_COUNT; i++) {
		if (strcmp(word, line_words[i].word) != 0)
			continue;
		ban->is_by_hand = line_words[i].is_by_hand;
		ban->is_of_others = line_words[i].is_of_others;
		ban->is_lifted = line_words[i].is_lifted;
		return 0;
	}
	return -EINVAL;
}

static const char *
line_word(const struct failure *entry)
{
	size_t i = 0;

	while (line_words[i].is_by_hand != entry->is_by_hand || line_words[i].is_of_others != entry->is_of_others)
		i++;
	return line_words[i].word;
}

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
	if (parse_line_word(line, ban) < 0)
		return -EINVAL;
	if (parse_u64(until, UNTIL_MAX, &ban->until_s) < 0 || address_key_parse(address, &ban->address) < 0)
		return -EINVAL;
	return 0;
}

static void bans_due(void *arg);
static void drop_lift(struct bans *bans, const struct address_key *address);

/* A session needs no addresses of others, and a fork is cheaper without. NULL and errno where there is no memory. */
static void *
map_alone(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return memory == MAP_FAILED || madvise(memory, size, MADV_DONTFORK) < 0 ? NULL : memory;
}

int
bans_init(struct bans *bans, struct server *server)
{
	struct failures *failures = map_alone(sizeof(struct failures));
	struct ban_lift *lifts = map_alone(BANS_LIFTS_MAX * sizeof(struct ban_lift));

	if (failures == NULL || lifts == NULL)
		return -errno;
	*bans = (struct bans){
	    .server = server, .failures = failures, .lifts = lifts, .due = {.due = bans_due, .arg = bans}};
	return failures_init(failures);
}

static int
open_state_directory(const struct bans *bans)
{
	struct trust_problem problem;

	return trusted_dir_open(bans->server->config->state_directory, TRUST_ROOT_ALONE, &problem);
}

/* node: that has told it; NULL: this one. */
static void
log_ban(enum log_level level, const char *event, const struct address_key *key, const char *reason, const char *number,
    uint64_t value, const char *node)
{
	char address[ADDRESS_TEXT_MAX];

	address_key_text(key, address);
	log_set_context(NULL, NULL, address, NULL);
	log_begin(level, event);
	log_field_text("reason", reason);
	log_field_u64(number, value);
	if (node != NULL)
		log_field_text("node", node);
	log_end();
	log_set_context(NULL, NULL, "", NULL);
}

static void
show_on_board(struct bans *bans)
{
	static struct board_ban shown[BOARD_BANS_MAX];
	uint64_t now_s = (uint64_t)time(NULL), now_ms = monotonic_ms();
	size_t count = 0;

	for (size_t i = 0; i < bans->failures->used && count < BOARD_BANS_MAX; i++) {
		const struct failure *entry = &bans->failures->entries[i];

		if (entry->banned_until_ms <= now_ms)
			continue;
		address_key_text(&entry->address, shown[count].address);
		shown[count].until_s = now_s + (entry->banned_until_ms - now_ms + 999) / 1000;
		shown[count++].is_by_hand = entry->is_by_hand;
	}
	board_set_bans(&bans->server->board, shown, count, bans->failures->banned);
	explicit_bzero(shown, count * sizeof(shown[0]));
}

/* What has changed shows on the board now, and in the file soon. */
static void
note_change(struct bans *bans)
{
	show_on_board(bans);
	bans->look_at_ms = 0;
	if (bans->write_at_ms == 0)
		bans->write_at_ms = monotonic_ms();
	if (bans->write_at_ms < bans->written_ms + WRITE_EVERY_MS)
		bans->write_at_ms = bans->written_ms + WRITE_EVERY_MS;
	timer_set(bans->server->loop, &bans->due, 0);
}

/* The file. */

/* No ban can be longer than the longest one: a line that says so was written under another clock. */
static uint64_t
ban_left_s(const struct bans *bans, const struct ban_line *ban, uint64_t now_s)
{
	bool is_own = !ban->is_by_hand && !ban->is_of_others && !ban->is_lifted;
	uint64_t most_s = is_own ? bans->server->config->limits.ban_time_s : BAN_SECONDS_MAX;

	return ban->until_s - now_s < most_s ? ban->until_s - now_s : most_s;
}

static void note_lift(struct bans *bans, const struct address_key *address, uint64_t lifted_ms, uint64_t until_ms);

/* Both ends were rounded. */
static bool
ends_alike(const struct failure *entry, uint64_t until_ms)
{
	uint64_t apart_ms =
	    entry->banned_until_ms > until_ms ? entry->banned_until_ms - until_ms : until_ms - entry->banned_until_ms;

	return apart_ms <= SAME_END_MS;
}

/* How old it is, the file does not say: what another node has told since counts more. */
static void
load_ban(struct bans *bans, const struct ban_line *ban, uint64_t now_s, uint64_t now_ms)
{
	uint64_t until_ms = now_ms + 1000 * ban_left_s(bans, ban, now_s);
	struct failure *entry;

	if (ban->is_lifted) {
		note_lift(bans, &ban->address, now_ms, until_ms);
		return;
	}
	entry = failures_find_ban(bans->failures, &ban->address);
	if (entry != NULL && ends_alike(entry, until_ms) && entry->is_by_hand == ban->is_by_hand)
		return; /* from the first time that the file was read, and the others know of it meanwhile */
	if (ban->is_of_others)
		(void)!failures_ban_told(bans->failures, &ban->address, now_ms, until_ms, ban->is_by_hand, "");
	else
		(void)!failures_ban(bans->failures, &ban->address, now_ms, until_ms, ban->is_by_hand);
	entry = failures_find_ban(bans->failures, &ban->address);
	if (entry != NULL)
		entry->banned_ms = 0;
}

static void
load_line(struct bans *bans, char *line, uint64_t now_s, uint64_t now_ms)
{
	struct ban_line ban;

	if (ban_line_parse(line, &ban) < 0)
		log_message(LEVEL_WARNING, "bans-file", "a line that cannot be read is left out");
	else if (ban.until_s > now_s)
		load_ban(bans, &ban, now_s, now_ms);
}

static FILE *
open_bans_file(const struct bans *bans)
{
	int dir_fd = open_state_directory(bans);
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
bans_load(struct bans *bans)
{
	uint64_t now_s = (uint64_t)time(NULL), now_ms = monotonic_ms();
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	FILE *file;

	bans->is_open = true;
	file = open_bans_file(bans);
	if (file == NULL) {
		if (errno != ENOENT)
			log_message(LEVEL_ERROR, "bans-file", "cannot read '%s/" FILE_NAME "': %s",
			    bans->server->config->state_directory, strerror(errno));
		return;
	}
	for (size_t i = 0; i < FILE_LINES_MAX && (len = getline(&line, &size, file)) > 0; i++) {
		line[strcspn(line, "\n")] = '\0';
		load_line(bans, line, now_s, now_ms);
	}
	free_wiped(line);
	fclose(file);
	bans->look_at_ms = 0;
	timer_set(bans->server->loop, &bans->due, 0);
	show_on_board(bans);
}

static void
add_lines(const struct bans *bans, struct buf *text)
{
	uint64_t now_s = (uint64_t)time(NULL), now_ms = monotonic_ms();
	char address[ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < bans->failures->used; i++) {
		const struct failure *entry = &bans->failures->entries[i];

		if (entry->banned_until_ms <= now_ms)
			continue;
		address_key_text(&entry->address, address);
		buf_addf(text, "%s %llu %s\n", address,
		    (unsigned long long)(now_s + (entry->banned_until_ms - now_ms + 999) / 1000), line_word(entry));
	}
	for (size_t i = 0; i < bans->lift_count; i++) {
		if (bans->lifts[i].until_ms <= now_ms)
			continue;
		address_key_text(&bans->lifts[i].address, address);
		buf_addf(text, "%s %llu lifted\n", address,
		    (unsigned long long)(now_s + (bans->lifts[i].until_ms - now_ms + 999) / 1000));
	}
}

/* runs as root */
static int
write_file(const struct bans *bans)
{
	int dir_fd = open_state_directory(bans);
	struct buf text;
	int r;

	if (dir_fd < 0)
		return dir_fd;
	buf_init(&text, FILE_MAX);
	add_lines(bans, &text);
	r = text.error;
	if (r == 0)
		r = replace_file(dir_fd, FILE_NAME, text.data, text.len, 0600, false);
	buf_free(&text);
	close_fd(&dir_fd);
	return r;
}

static void
write_now(struct bans *bans)
{
	int r = write_file(bans);

	bans->written_ms = monotonic_ms();
	bans->write_at_ms = 0;
	if (r < 0)
		log_message(LEVEL_ERROR, "bans-file", "bans cannot be kept over a restart: '%s/" FILE_NAME "': %s",
		    bans->server->config->state_directory,
		    r == -EEXIST ? "it is no regular file; remove it" : strerror(-r));
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

/* The other nodes are to hear of it, where there are some. */
static void
tell_others(struct bans *bans)
{
	if (bans->changed != NULL)
		bans->changed(bans->changed_arg);
}

static int
ban(struct bans *bans, const struct address_key *address, uint64_t seconds, bool is_by_hand)
{
	uint64_t now = monotonic_ms();
	int r = failures_ban(bans->failures, address, now, now + 1000 * seconds, is_by_hand);

	if (r < 0)
		return r;
	bans->server->board.head->ended.bans++;
	log_ban(LEVEL_WARNING, "ban", address, is_by_hand ? "administrator" : "failures", "seconds", seconds, NULL);
	drop_lift(bans, address);
	note_change(bans);
	tell_others(bans);
	return 0;
}

bool
bans_failed(struct bans *bans, const struct address_key *address)
{
	const struct config *config = bans->server->config;
	union address network;

	if (!failures_add(bans->failures, address, monotonic_ms(), 1000 * config->limits.ban_time_s,
		config->limits.login_failures))
		return false;
	address_key_network(address, &network);
	return !is_never_banned(config, &network) && ban(bans, address, config->limits.ban_time_s, false) == 0;
}

void
bans_note_unknown(struct bans *bans, const struct address_key *address)
{
	failures_add_unknown(bans->failures, address, monotonic_ms(), 1000 * bans->server->config->limits.ban_time_s);
}

uint64_t
bans_reserve(struct bans *bans, const struct address_key *address, uint64_t now_ms)
{
	return failures_reserve(bans->failures, address, now_ms, 1000 * bans->server->config->limits.ban_time_s);
}

uint32_t
bans_refuse(struct bans *bans, const union address *peer, const struct address_key *address)
{
	return is_never_banned(bans->server->config, peer) ? 0
							   : failures_refuse(bans->failures, address, monotonic_ms());
}

int
bans_add(struct bans *bans, const union address *peer, uint64_t seconds)
{
	struct address_key address;

	if (is_never_banned(bans->server->config, peer))
		return -EPERM;
	if (seconds == 0)
		seconds = bans->server->config->limits.ban_time_s;
	if (seconds == 0)
		return -EINVAL;
	address_make_key(peer, &address);
	return ban(bans, &address, seconds, true);
}

int
bans_delete(struct bans *bans, const union address *peer)
{
	const struct failure *entry;
	struct address_key address;

	address_make_key(peer, &address);
	entry = failures_find_ban(bans->failures, &address);
	if (entry == NULL)
		return -ENOENT;
	if (config_has_store(bans->server->config))
		note_lift(bans, &address, monotonic_ms(), entry->banned_until_ms);
	entry = failures_unban(bans->failures, &address);
	log_ban(LEVEL_INFO, "unban", &address, "administrator", "refused", entry->refused, NULL);
	note_change(bans);
	tell_others(bans);
	return 0;
}

/* What other nodes know, and tell. */

static struct ban_lift *
find_lift(struct bans *bans, const struct address_key *address)
{
	for (size_t i = 0; i < bans->lift_count; i++)
		if (memcmp(&bans->lifts[i].address, address, sizeof(*address)) == 0)
			return &bans->lifts[i];
	return NULL;
}

static void
drop_lift(struct bans *bans, const struct address_key *address)
{
	struct ban_lift *lift = find_lift(bans, address);

	if (lift != NULL)
		*lift = bans->lifts[--bans->lift_count];
}

/* Beyond BANS_LIFTS_MAX the oldest gives way: the database has been away for long. */
static void
note_lift(struct bans *bans, const struct address_key *address, uint64_t lifted_ms, uint64_t until_ms)
{
	drop_lift(bans, address);
	if (bans->lift_count == BANS_LIFTS_MAX)
		memmove(&bans->lifts[0], &bans->lifts[1], --bans->lift_count * sizeof(bans->lifts[0]));
	bans->lifts[bans->lift_count++] =
	    (struct ban_lift){.address = *address, .lifted_ms = lifted_ms, .until_ms = until_ms};
}

/* Lifts first: an administrator waits for them. */
static bool
next_untold_lift(struct bans *bans, uint64_t now_ms, struct ban_news *news)
{
	for (size_t i = 0; i < bans->lift_count; i++) {
		struct ban_lift *lift = &bans->lifts[i];

		if (lift->standing != BAN_UNTOLD || lift->until_ms <= now_ms)
			continue;
		lift->standing = BAN_ASKED;
		*news = (struct ban_news){
		    .address = lift->address, .ban = NEWS_BAN_LIFTED, .left_s = (lift->until_ms - now_ms + 999) / 1000};
		return true;
	}
	return false;
}

bool
bans_next_untold(struct bans *bans, struct ban_news *news)
{
	uint64_t now_ms = monotonic_ms();

	if (next_untold_lift(bans, now_ms, news))
		return true;
	for (size_t i = 0; i < bans->failures->used && bans->failures->banned > 0; i++) {
		struct failure *entry = &bans->failures->entries[i];

		if (entry->banned_until_ms <= now_ms || entry->standing != BAN_UNTOLD)
			continue;
		entry->standing = BAN_ASKED;
		*news = (struct ban_news){.address = entry->address,
		    .ban = entry->is_by_hand ? NEWS_BAN_MANUAL : NEWS_BAN_AUTO,
		    .left_s = (entry->banned_until_ms - now_ms + 999) / 1000};
		return true;
	}
	return false;
}

void
bans_note_told(struct bans *bans, const struct address_key *address, bool is_lifted, bool is_known)
{
	struct failure *entry = is_lifted ? NULL : failures_find_ban(bans->failures, address);
	struct ban_lift *lift = is_lifted ? find_lift(bans, address) : NULL;

	if (entry != NULL && entry->standing == BAN_ASKED)
		entry->standing = is_known ? BAN_KNOWN : BAN_UNTOLD;
	if (lift == NULL || lift->standing != BAN_ASKED)
		return;
	lift->standing = BAN_UNTOLD;
	if (is_known)
		drop_lift(bans, address);
}

void
bans_tell_anew(struct bans *bans)
{
	for (size_t i = 0; i < bans->failures->used; i++)
		if (bans->failures->entries[i].standing == BAN_ASKED)
			bans->failures->entries[i].standing = BAN_UNTOLD;
	for (size_t i = 0; i < bans->lift_count; i++)
		bans->lifts[i].standing = BAN_UNTOLD;
}

static int
hear_lift(struct bans *bans, struct ban_news *news, struct failure *entry, uint64_t told_ms)
{
	drop_lift(bans, &news->address);
	if (entry == NULL || entry->banned_ms > told_ms)
		return 0;
	news->refused = entry->refused;
	(void)!failures_unban(bans->failures, &news->address);
	note_change(bans);
	return 2;
}

int
bans_hear(struct bans *bans, struct ban_news *news)
{
	uint64_t now_ms = monotonic_ms(), until_ms = now_ms + 1000 * news->left_s;
	uint64_t told_ms = now_ms > news->age_ms ? now_ms - news->age_ms : 0;
	struct failure *entry = failures_find_ban(bans->failures, &news->address);
	const struct ban_lift *lift = find_lift(bans, &news->address);
	union address network;
	int r;

	if (news->ban == NEWS_BAN_LIFTED)
		return hear_lift(bans, news, entry, told_ms);
	address_key_network(&news->address, &network);
	if (is_never_banned(bans->server->config, &network) || (lift != NULL && lift->lifted_ms > told_ms))
		return 0;
	drop_lift(bans, &news->address);
	if (entry != NULL && ends_alike(entry, until_ms) && entry->is_by_hand == (news->ban == NEWS_BAN_MANUAL)) {
		entry->standing = BAN_KNOWN;
		if (entry->is_of_others) /* the file, which it came from after a start, does not say whose it is */
			failures_note_node(bans->failures, entry, news->node);
		return 0;
	}
	if (entry != NULL && entry->standing != BAN_KNOWN && entry->banned_ms > told_ms)
		return 0;
	r = failures_ban_told(
	    bans->failures, &news->address, told_ms, until_ms, news->ban == NEWS_BAN_MANUAL, news->node);
	if (r < 0)
		return r;
	note_change(bans);
	return 1;
}

void
bans_log_heard(const struct ban_news *news)
{
	if (news->ban == NEWS_BAN_LIFTED)
		log_ban(LEVEL_INFO, "unban", &news->address, "administrator", "refused", news->refused, news->node);
	else
		log_ban(LEVEL_WARNING, "ban", &news->address,
		    news->ban == NEWS_BAN_MANUAL ? "administrator" : "failures", "seconds", news->left_s, news->node);
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
end_expired_bans(struct bans *bans, uint64_t now)
{
	const struct failure *entry;
	size_t next = 0;

	while ((entry = failures_expire(bans->failures, &next, now)) != NULL) {
		log_ban(LEVEL_INFO, "unban", &entry->address, "time", "refused", entry->refused, NULL);
		note_change(bans);
	}
}

static void
bans_due(void *arg)
{
	struct bans *bans = arg;
	uint64_t now = monotonic_ms(), next;

	if (!bans->is_open)
		return;
	if (now >= bans->look_at_ms) {
		end_expired_bans(bans, now);
		bans->look_at_ms = next_end(bans->failures);
	}
	if (bans->write_at_ms != 0 && now >= bans->write_at_ms)
		write_now(bans);
	next = bans->look_at_ms;
	if (bans->write_at_ms != 0 && bans->write_at_ms < next)
		next = bans->write_at_ms;
	if (next == UINT64_MAX)
		timer_stop(bans->server->loop, &bans->due);
	else
		timer_set(bans->server->loop, &bans->due, next);
}

void
bans_close(struct bans *bans)
{
	if (bans->is_open && bans->write_at_ms != 0)
		write_now(bans);
	bans->is_open = false;
	timer_stop(bans->server->loop, &bans->due);
}
