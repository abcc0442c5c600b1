/* SPDX-License-Identifier: ISC */
/*
 * Bans of addresses: after too many failures, or by the administrator. The table of failures (failures.h) holds them.
 * This part adds what the table does not know: the configuration, the log, and the file in state-directory that keeps
 * them over restarts.
 */
#ifndef DAEMON_MASTER_BANS_H
#define DAEMON_MASTER_BANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"
#include "daemon/master/failures.h"
#include "daemon/master/loop.h"
#include "privsep/ipc/messages.h"

struct server;

#define BANS_LINE_MAX 128
#define BAN_SECONDS_MAX (3650ull * 86400) /* of a ban by hand */

#define BANS_LIFTS_MAX 256 /* that the other nodes do not know yet */

/*
 * A line of the file: "ADDRESS UNTIL WORD", UNTIL in seconds since the epoch. The word is "auto" or "manual"; "told-auto" or
 * "told-manual" for a ban that another node has made; "lifted" for one that was lifted, which the others do not know yet.
 */
struct ban_line {
	struct address_key address;
	uint64_t until_s;
	bool is_by_hand, is_of_others, is_lifted;
};

/* Parse a line without its newline. Returns 0 or -EINVAL. Pure. */
int ban_line_parse(const char *line, struct ban_line *ban);

/* One that was lifted here. */
struct ban_lift {
	struct address_key address;
	uint64_t lifted_ms, until_ms; /* when; and the end that the ban would have had */
	enum ban_standing standing;
};

/* What one node tells the others of an address. */
struct ban_news {
	struct address_key address;
	enum news_ban ban;
	uint64_t left_s; /* of one that was lifted: would be */
	uint64_t age_ms; /* since it was told */
	const char *node; /* who told it */
	uint32_t refused; /* set by bans_hear(): connections during the ban that was lifted */
};

struct bans {
	struct server *server;
	struct failures *failures; /* no other process has a copy */
	bool is_open; /* the file is this server's to write */
	uint64_t write_at_ms; /* 0: nothing to write */
	uint64_t written_ms, look_at_ms;
	struct loop_timer due;
	struct ban_lift *lifts; /* BANS_LIFTS_MAX of them; no other process has a copy, either */
	size_t lift_count;
	void (*changed)(void *arg); /* there is something for the other nodes; NULL: there are none */
	void *changed_arg;
};

/* Make the empty table. server is borrowed. 0 or -errno. */
int bans_init(struct bans *bans, struct server *server);

/*
 * At start: read the file; from now on bans end when their time is over, and the file follows the table. Bans that
 * are over are left out; a line that cannot be read is logged and left out.
 */
void bans_load(struct bans *bans);

/*
 * A failed login, or a session process that was stopped, of address: bans it when that was one too many. True: it was
 * banned now, and its sessions without a login are to end.
 */
bool bans_failed(struct bans *bans, const struct address_key *address);

/* An attempt of address that nobody could judge: its next one waits, and nothing is banned. */
void bans_note_unknown(struct bans *bans, const struct address_key *address);

/* When the next password check for address may start; reserves that time, see failures_reserve(). */
uint64_t bans_reserve(struct bans *bans, const struct address_key *address, uint64_t now_ms);

/* Is the peer refused? Not what is in limits.never-ban. Returns how often since the ban began; 0: it may come in. */
uint32_t bans_refuse(struct bans *bans, const union address *peer, const struct address_key *address);

/*
 * Ban by hand for seconds (0: limits.ban-time). Returns 0: its sessions without a login are to end; -EPERM for what is in
 * limits.never-ban, -EINVAL without a time, -ENOSPC when the table is full of such bans.
 */
int bans_add(struct bans *bans, const union address *peer, uint64_t seconds);

/* Returns 0 or -ENOENT. */
int bans_delete(struct bans *bans, const union address *peer);

/*
 * The next ban, or lift, that the other nodes do not know; from now on they are being told. False: they know all.
 */
bool bans_next_untold(struct bans *bans, struct ban_news *news);

/* They know it now, or could not be told: it is one of the next again. */
void bans_note_told(struct bans *bans, const struct address_key *address, bool is_lifted, bool is_known);

/* What they were being told may be lost. */
void bans_tell_anew(struct bans *bans);

/*
 * Another node has banned an address, or lifted a ban; this node may have told that itself. What is newer here stays, and so
 * does what is in limits.never-ban.
 * Returns 1: it was banned now, and its sessions without a login are to end; 2: a ban was lifted; 0: nothing has changed;
 * -ENOSPC: there are too many.
 */
int bans_hear(struct bans *bans, struct ban_news *news);

/* Log what has changed by it. */
void bans_log_heard(const struct ban_news *news);

/* Write what was not written yet, and nothing after that: another server has the file, or this one ends. */
void bans_close(struct bans *bans);

#endif
