/* SPDX-License-Identifier: ISC */
/*
 * All sessions as master and metrics see them: the facts that only the master writes, and what each session claims in
 * its slot of the scoreboard.
 *
 * Two memory files, sealed against new writable mappings: The master maps facts (head and rows), and its children do
 * not. Sessions inherit slots, and keep only their own page. Another process gets both read-only by board_attach().
 */
#ifndef PRIVSEP_IPC_BOARD_H
#define PRIVSEP_IPC_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "privsep/ipc/scoreboard.h"

#define BOARD_ID_SIZE 17
#define BOARD_ADDRESS_SIZE 64
#define BOARD_USER_SIZE 65
#define BOARD_BANS_MAX 64
#define BOARD_NODE_SIZE 254
#define BOARD_CERTIFICATES_MAX 64
#define BOARD_SERVER_SIZE 64

/* Values of the server as a whole; plain loads are enough. */
struct board_head {
	uint64_t started_s; /* CLOCK_REALTIME */
	uint64_t reloaded_s; /* the last reload that came in force; 0: none */
	uint64_t reloads_refused;
	uint32_t used; /* rows that were ever in use; those after them are empty */
	uint32_t live; /* sessions now */
	uint32_t bans; /* in force now */
	uint32_t is_draining;
	uint32_t has_store; /* accounts names a database: */
	uint32_t store_state; /* enum broker_state */
	uint32_t store_kept; /* accounts that log in although it does not answer */
	uint32_t node_standing; /* enum node_standing: what the database lends to this node */
	uint32_t node_shares, node_sessions; /* shares of quotas that it holds, and sessions that use them */
	uint64_t node_beat_s; /* CLOCK_REALTIME: when the database heard it last; 0: never */
	char node_name[BOARD_NODE_SIZE]; /* "": not known */
	uint64_t certificate_ends_s; /* CLOCK_REALTIME: when that of the main server does; 0: there is none */
	uint64_t kept_looked_s; /* CLOCK_REALTIME: when an errand last looked at what accounts keep; 0: never. Then: */
	uint64_t kept_accounts, kept_files, kept_bytes; /* that have the option, and what they keep */
	uint64_t kept_held; /* of them: their clocks do not follow that of the host at once */
	uint64_t purged_files, purged_bytes; /* by all errands */
	uint32_t sequence; /* odd while ended and a row change together */
	struct totals ended; /* of sessions that have ended, and what the master counts; see board_totals() */
};

/* A ban, to be shown. */
struct board_ban {
	char address[BOARD_ADDRESS_SIZE]; /* "192.0.2.1" or "2001:db8::/64" */
	uint64_t until_s; /* CLOCK_REALTIME */
	bool is_by_hand;
};

/* The first bans of those in force; sequence is odd while they are written. */
struct board_bans {
	uint32_t sequence, count;
	struct board_ban bans[BOARD_BANS_MAX];
};

/* The certificate of a server that has a section of its own. */
struct board_certificate {
	char server[BOARD_SERVER_SIZE]; /* its name */
	uint64_t ends_s; /* CLOCK_REALTIME */
};

/* All of them; sequence is odd while they are written. */
struct board_certificates {
	uint32_t sequence, count;
	struct board_certificate certificates[BOARD_CERTIFICATES_MAX];
};

/* One session, as the master knows it. */
struct board_row {
	uint32_t sequence; /* odd while it is written */
	uint8_t is_live, is_tls, is_logged_in, is_ending;
	uint64_t started_s; /* CLOCK_REALTIME */
	uint64_t started_ms; /* CLOCK_MONOTONIC */
	char id[BOARD_ID_SIZE];
	char address[BOARD_ADDRESS_SIZE]; /* numeric, without the port */
	char user[BOARD_USER_SIZE]; /* the account's name; "" until login */
	char server[BOARD_SERVER_SIZE]; /* that it has logged in to, by its name; "": the main one, or none yet */
};

struct board {
	struct board_head *head;
	struct board_bans *bans;
	struct board_certificates *certificates;
	struct board_row *rows;
	char *slots;
	void *place; /* of one slot, in a session */
	size_t count; /* of rows and slots */
	int facts_fd, slots_fd;
};

/* A session to be shown. Texts are NUL-terminated, valid UTF-8 without control characters. */
struct board_session {
	char id[BOARD_ID_SIZE];
	char address[BOARD_ADDRESS_SIZE];
	char user[BOARD_USER_SIZE];
	char server[BOARD_SERVER_SIZE];
	const char *state; /* "login", "idle", "work", "download", "upload", "list", "finish" or "ending" */
	char verb[4 * CLAIM_VERB_SIZE];
	char tls[4 * CLAIM_TLS_SIZE]; /* "" in clear; version and cipher, one blank between */
	char path[4 * CLAIM_PATH_SIZE];
	uint64_t since_s; /* CLOCK_REALTIME */
	uint64_t idle_ms; /* since the last command or byte */
	bool is_transfer;
	enum ipc_direction direction; /* of the transfer */
	uint64_t bytes_done, size; /* of the transfer; size is CLAIM_SIZE_UNKNOWN where it is not known */
	uint64_t rate; /* bytes a second since the transfer began */
	uint64_t bytes_down, bytes_up; /* of the session, with the transfer that runs */
};

/* In the master: make an empty board of count rows. Memory is used only for rows that are touched. 0 or -errno. */
int board_new(struct board *board, size_t count, uint64_t now_s);

/*
 * In a process forked from the master that shows the board (both descriptors must be open
 * still, and may be closed afterwards): map both files read-only, in place of what was inherited. 0 or -errno.
 */
int board_attach(struct board *board);

/* In any other child of the master: unmap the slots, which it does not need. */
void board_leave(struct board *board);

/* In the master: a session begins in row, logs in, is asked to end, has ended (its claims are added up and wiped). */
void board_begin(
    struct board *board, size_t row, const char *id, const char *address, bool is_tls, uint64_t now_s, uint64_t now_ms);
void board_login(struct board *board, size_t row, const char *user, const char *server);
void board_ending(struct board *board, size_t row);
void board_end(struct board *board, size_t row);

/* In the master: show these bans (at most BOARD_BANS_MAX) of so many in force. */
void board_set_bans(struct board *board, const struct board_ban *bans, size_t shown, size_t in_force);

/* The bans that are shown, copied; returns how many. */
size_t board_get_bans(const struct board *board, struct board_ban bans[BOARD_BANS_MAX]);

/* In the master: forget the certificates of servers with sections; show one more. */
void board_clear_certificates(struct board *board);
void board_add_certificate(struct board *board, const char *server, uint64_t ends_s);

/* Those certificates, copied; returns how many. */
size_t board_get_certificates(const struct board *board, struct board_certificate certificates[BOARD_CERTIFICATES_MAX]);

/* When the first of all certificates in force ends, in seconds since the epoch; 0: there is none. */
uint64_t board_first_end_s(const struct board *board);

/* The counters of ended and live sessions together. */
void board_totals(const struct board *board, struct totals *totals);

/* The rows that may hold a session, 0 to board_used() - 1. */
size_t board_used(const struct board *board);

/* Does the session of the row claim that bytes of its transfer have moved? */
bool board_has_moved(const struct board *board, size_t row);

/* Session of a row at now_ms (monotonic_ms()). False: there is none. */
bool board_session(const struct board *board, size_t row, uint64_t now_ms, struct board_session *session);

#endif
