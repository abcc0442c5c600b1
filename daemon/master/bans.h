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
#include "daemon/master/loop.h"

struct failures;
struct server;

#define BANS_LINE_MAX 128
#define BAN_SECONDS_MAX (3650ull * 86400) /* of a ban by hand */

/* A line of the file: "ADDRESS UNTIL auto|manual", UNTIL in seconds since the epoch. */
struct ban_line {
	struct address_key address;
	uint64_t until_s;
	bool is_by_hand;
};

/* Parse a line without its newline. Returns 0 or -EINVAL. Pure. */
int ban_line_parse(const char *line, struct ban_line *ban);

struct bans {
	struct server *server;
	struct failures *failures; /* no other process has a copy */
	bool is_open; /* the file is this server's to write */
	uint64_t write_at_ms; /* 0: nothing to write */
	uint64_t written_ms, look_at_ms;
	struct loop_timer due;
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

/* Write what was not written yet, and nothing after that: another server has the file, or this one ends. */
void bans_close(struct bans *bans);

#endif
