/* SPDX-License-Identifier: ISC */
/* The state of one session, which the modules of the protocol process share. */
#ifndef DAEMON_PROTOCOL_SESSION_H
#define DAEMON_PROTOCOL_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/bounds.h"
#include "common/home_path.h"
#include "daemon/protocol/line.h"
#include "daemon/protocol/listeners.h"
#include "daemon/protocol/protocol.h"
#include "daemon/protocol/stream.h"
#include "privsep/ipc/ipc.h"

#define HOST_SIZE 256	/* a DNS name, or an address in brackets */
#define INPUT_SIZE 4096
#define DEFLATE_LEVEL_DEFAULT 6
#define OUTPUT_SIZE 8192
#define NOTICES_SIZE 2048	/* of the administrator, until they are sent */

/*
 * The control connection: received bytes without a line's end, and replies that are not sent yet. Here and below
 * small members come first. So a session writes to few pages, and each page that it writes to is copied.
 */
struct control {
	struct stream stream;
	size_t input_start, input_end;
	size_t output_len;
	size_t notices_len;
	short input_wants;	/* poll(2) events that reading waits for */
	bool has_line;		/* reader.text holds a line that was not run yet */
	enum line_event line_event;
	bool at_end;		/* the client closed, or the connection broke */
	bool in_reply;		/* after reply_begin(), before its last line */
	struct line_reader reader;
	uint8_t input[INPUT_SIZE];
	char output[OUTPUT_SIZE];
	char notices[NOTICES_SIZE];	/* lines, each ended by '\n' */
};

enum data_mode { DATA_NONE, DATA_PASSIVE, DATA_ACTIVE };

struct protocol {
	const struct protocol_session *session;
	const struct config *config;
	int monitor_channel;
	int files_channel;	/* -1 until login */
	enum ipc_state state;
	uint8_t server;		/* of config->servers, which the client has dialled or named */

	char user[ACCOUNT_NAME_MAX + 1];	/* of USER; "" before */
	bool is_ascii;
	bool is_deflated;	/* MODE Z */
	int deflate_level;	/* OPTS MODE Z LEVEL */
	uint8_t facts;		/* OPTS MLST: enum ipc_fact bits */
	enum ipc_hash hash;	/* OPTS HASH */
	uint64_t restart_offset;	/* REST, or the start of RANG */
	uint64_t range_end;		/* the byte after the last one of RANG; UINT64_MAX: the end of the file */
	unsigned senseless;		/* unknown commands in a row */
	unsigned refused_data;		/* refused PORTs, and ports where only strangers came, since a client came last */

	bool must_protect;	/* the server requires TLS, and there is a certificate: nothing in clear */
	bool has_pbsz;		/* PBSZ 0 (RFC 4217, 8) */
	bool is_data_private;	/* PROT P (RFC 4217, 9) */
	uint64_t announced;	/* ALLO; UINT64_MAX: none */
	uint64_t told_size;	/* the last answer to SIZE: a file that a client resumes has this size */
	uint64_t rate_down, rate_up;	/* of the account, bytes per second; 0: no limit */
	uint64_t quota_asked;	/* bytes that did not fit, for the reply; 0: a file */

	enum data_mode data_mode;
	int listen_fd;			/* DATA_PASSIVE */
	uint64_t listen_until_ms;	/* then it is given up, unless somebody has connected */
	union address data_listening;	/* where, as the client knows it */
	struct {
		unsigned passive_transfers;	/* of this session, so far */
		bool is_expected;	/* another one is likely */
		bool is_asked;		/* the monitor's answer is on its way */
		bool is_refused;	/* the monitor makes none ahead */
		bool was_guessed;	/* others came to a port: from now on each is announced once */
		unsigned asked;		/* listeners, the last time */
		uint64_t until_ms;	/* they are open until then, if no port is announced before */
		struct listeners spare;	/* for the next PASV or EPSV */
		struct listener current;	/* whose descriptor is listen_fd; uses 0: that one is of listen */
	} ahead;
	union address data_target;	/* DATA_ACTIVE */
	bool holds_notice;		/* transfers that were not reported to the monitor yet (ask.c), */
	uint64_t held_since_ms;		/* since then */
	bool only_epsv;			/* EPSV ALL (RFC 2428, 4) */
	bool has_copy_from, has_rename_from;	/* the paths below, whose pages most sessions never touch */

	struct {
		bool is_running;
		bool was_aborted;	/* ABOR */
		bool owes_abort_reply;	/* ABOR ended work of files: 226 follows the command's own reply */
		bool is_deferred;	/* the current line waits for the end of the transfer */
		uint64_t bytes;
		const char *verb;
	} transfer;

	char host[HOST_SIZE];	/* of HOST (RFC 7151), as the client wrote it; "": none was accepted */
	int end_reason;		/* enum ipc_end_reason that the monitor sent; -1: none */
	bool is_over;		/* leave the loop after the replies are out */

	struct control control;
	struct ipc_message message;	/* the one in hand */
	struct home_path cwd;
	struct home_path copy_from;	/* SITE CPFR */
	struct home_path rename_from;	/* RNFR */
};

/* Every parameter of the session but HOST as it is right after the greeting (REIN; RFC 959, 4.1.1). */
void session_reset(struct protocol *protocol);

/* The client's path, seen from the working directory, as a path in the home. False: 501 was sent. */
bool session_resolve_path(struct protocol *protocol, const char *client_path, struct home_path *path);

#endif
