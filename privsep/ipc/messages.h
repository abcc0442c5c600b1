/* SPDX-License-Identifier: ISC */
/* The table of every message that crosses a wall; enum, decoder, names and tests are made of it. */
#ifndef PRIVSEP_IPC_MESSAGES_H
#define PRIVSEP_IPC_MESSAGES_H

#include "privsep/ipc/shape.h"

/* The processes; used as bits. */
enum ipc_process {
	IPC_MASTER = 1,
	IPC_MONITOR = 2,
	IPC_PROTOCOL = 4,
	IPC_FILES = 8,
	IPC_LOGGER = 16,
	IPC_HOOKS = 32,
	IPC_LAUNCHER = 64,
	IPC_PAM = 128,
	IPC_METRICS = 256,
	IPC_PORTER = 512,
	IPC_BROKER = 1024
};

/* The state of a session; used as bits. */
enum ipc_state {
	IPC_STATE_LOGIN = 1, /* nobody has logged in yet */
	IPC_STATE_READY = 2, /* logged in */
	IPC_STATE_ANY = 3
};

enum ipc_fd {
	IPC_FD_NONE,
	IPC_FD_REQUEST, /* the request or notice carries one */
	IPC_FD_REPLY, /* a successful reply carries one */
	IPC_FD_REPLIES /* a successful reply carries one to IPC_FDS_MAX */
};

#define IPC_FDS_MAX 8
#define LISTENER_USES_MAX 16 /* transfers that one listener of listen_ahead may serve */

#define IPC_SERVER_NAME_MAX 255 /* bytes of a name of a server, as a client gives it with HOST or in TLS */
#define NOTICE_TEXT_MAX 512 /* bytes of a notice to a client */
#define IPC_PARTIALS_BYTES 12000 /* of a reply to partials, kind and result included */
#define IPC_VERSIONS_MAX 100 /* rows of a reply to versions */
#define IPC_VERSION_ID_MAX 25 /* bytes of the id of a version */
#define IPC_LEDGER_EVENTS_MAX 256 /* in one ledger_tell */
#define IPC_SHA256_MAX 64 /* in hex */
#define BROKER_LINE_MAX 8192 /* of an account: a line of sallyport-users(5) */
#define BROKER_LEASE_S 30 /* of a node, from each beat on: meta.lease of the schema */
#define BROKER_NODE_MAX 253 /* bytes of the name of a node */
#define BROKER_HOST_MAX 253 /* bytes of the name of a database's host */
#define BROKER_ADDRESSES_MAX 8 /* of one such name */
#define NEWS_VALUE_MAX 64 /* of a kick: bytes of an account's name, or of an address */
#define IPC_NOTICE 0xffff /* reply sizes of a message without a reply; larger than any message */

/* Shapes that more than one row has, or that are too long for one. */
#define S_NONE SHAPE(IPC_NOTICE, IPC_NOTICE) /* there is no reply */
#define S_FIGURES (S_U64 + S_U64 + S_U64 + S_U64)
#define S_USE (S_U64 + S_U64) /* bytes, files */
#define S_TRANSFER (S_U8 + S_U8 + S_U64 + S_U64 + S_U32 + S_TEXT(0, HOME_PATH_MAX))
#define S_UPLOAD \
	(S_U64 + S_TEXT(0, 19) + S_TEXT(0, ADDRESS_TEXT_MAX) + S_TEXT(1, ACCOUNT_NAME_MAX) + S_PATH + S_PATH + S_U64 + \
	    S_TEXT(0, IPC_SHA256_MAX) + \
	    SHAPE(0, 5)) /* at the end the kind, and the length of a shared folder's path */
#define S_LOG SHAPE(20, 12000) /* see log.c */
#define S_END (S_U8 + S_HOST + S_U32) /* of a connection: family (0: none), address, port */

/*
 * name             from            to             allowed while    request, reply (shape.h), descriptor
 * Shapes are those of the fields, without kind and result; a failed reply has no fields.
 */
/* clang-format off */
#define IPC_MESSAGES(X) \
	/* protocol asks monitor */ \
	X(login,            IPC_PROTOCOL,  IPC_MONITOR,  IPC_STATE_LOGIN, \
	  S_U8 + S_TEXT(0, ACCOUNT_NAME_MAX) + S_BYTES(0, PASSWORD_MAX) + S_MORE(2 + IPC_SERVER_NAME_MAX), \
	  S_U64 + S_U64 + S_U8, IPC_FD_REPLY) \
	X(listen,           IPC_PROTOCOL,  IPC_MONITOR,  IPC_STATE_READY, S_U8, S_U8 + S_HOST + S_U32, IPC_FD_REPLY) \
	X(listen_ahead,     IPC_PROTOCOL,  IPC_MONITOR,  IPC_STATE_READY, S_U8, \
	  S_U8 + S_TIMES(1, IPC_FDS_MAX, S_U32), IPC_FD_REPLIES) \
	X(connect,          IPC_PROTOCOL,  IPC_MONITOR,  IPC_STATE_READY, S_U8 + S_HOST + S_U32, \
	  S_NOTHING, IPC_FD_REPLY) \
	X(transferred,      IPC_PROTOCOL,  IPC_MONITOR,  IPC_STATE_READY, S_TRANSFER + S_MORE(4096), \
	  S_NONE, IPC_FD_NONE) \
	X(noted,            IPC_PROTOCOL,  IPC_MONITOR,  IPC_STATE_ANY,   S_U8 + S_TEXT(0, 511), S_NONE, IPC_FD_NONE) \
	X(sign,             IPC_PROTOCOL,  IPC_MONITOR,  IPC_STATE_ANY,   S_U8 + S_U8 + S_BYTES(1, SIGN_TEXT_MAX), \
	  S_BYTES(1, SIGNATURE_MAX), IPC_FD_NONE) \
	X(pace,             IPC_PROTOCOL,  IPC_MONITOR,  IPC_STATE_READY, S_U8 + S_U32, S_U64, IPC_FD_NONE) \
	/* files asks monitor: the quota ledger; an account without a quota never asks */ \
	X(ledger_read,      IPC_FILES,     IPC_MONITOR,  IPC_STATE_READY, S_NOTHING, \
	  S_FIGURES + S_U8, IPC_FD_NONE) \
	X(ledger_begin,     IPC_FILES,     IPC_MONITOR,  IPC_STATE_READY, S_U64 + S_U64, S_U8 + S_U8, IPC_FD_NONE) \
	X(ledger_end,       IPC_FILES,     IPC_MONITOR,  IPC_STATE_READY, S_U64 + S_U64, S_NOTHING, IPC_FD_NONE) \
	X(ledger_upload,    IPC_FILES,     IPC_MONITOR,  IPC_STATE_READY, S_U64 + S_U64 + S_U64, \
	  S_NOTHING, IPC_FD_NONE) \
	X(ledger_grow,      IPC_FILES,     IPC_MONITOR,  IPC_STATE_READY, S_NOTHING, S_NOTHING, IPC_FD_NONE) \
	X(ledger_uploaded,  IPC_FILES,     IPC_MONITOR,  IPC_STATE_READY, S_U64, S_NOTHING, IPC_FD_NONE) \
	X(ledger_tell,      IPC_FILES,     IPC_MONITOR,  IPC_STATE_READY, S_BYTES(0, 24 * IPC_LEDGER_EVENTS_MAX), \
	  S_NOTHING, IPC_FD_NONE) \
	/* files says which place the ledger_ questions from here on are about */ \
	X(ledger_of,        IPC_FILES,     IPC_MONITOR,  IPC_STATE_READY, S_U8, S_NOTHING, IPC_FD_NONE) \
	/* monitor asks master: the home of the account, or one of its folders, is to be counted */ \
	X(count_home,       IPC_MONITOR,   IPC_MASTER,   IPC_STATE_READY, S_NOTHING, S_NONE, IPC_FD_NONE) \
	X(count_folder,     IPC_MONITOR,   IPC_MASTER,   IPC_STATE_READY, S_U8, S_NONE, IPC_FD_NONE) \
	/* monitor reports to master that the database has the share of the account's quota no longer */ \
	X(share_gone,       IPC_MONITOR,   IPC_MASTER,   IPC_STATE_ANY,   S_NOTHING, S_NONE, IPC_FD_NONE) \
	/* files asks monitor, and monitor asks master, for a turn of long work */ \
	X(work_begin,       IPC_FILES,     IPC_MONITOR,  IPC_STATE_READY, S_U8, S_NOTHING, IPC_FD_NONE) \
	X(work_end,         IPC_FILES,     IPC_MONITOR,  IPC_STATE_READY, S_NOTHING, S_NONE, IPC_FD_NONE) \
	X(turn,             IPC_MONITOR,   IPC_MASTER,   IPC_STATE_READY, S_U8 + S_U32, S_NOTHING, IPC_FD_NONE) \
	X(turn_end,         IPC_MONITOR,   IPC_MASTER,   IPC_STATE_READY, S_NOTHING, S_NONE, IPC_FD_NONE) \
	/* monitor reports announced ports of small ranges to master, which makes the oldest give way */ \
	X(announced,        IPC_MONITOR,   IPC_MASTER,   IPC_STATE_READY, S_U8 + S_HOST + S_U32, S_NONE, IPC_FD_NONE) \
	X(announced_end,    IPC_MONITOR,   IPC_MASTER,   IPC_STATE_READY, S_NOTHING, S_NONE, IPC_FD_NONE) \
	X(ports_short,      IPC_MONITOR,   IPC_MASTER,   IPC_STATE_READY, S_U8 + S_HOST + S_U32 + S_U32, \
	  S_NONE, IPC_FD_NONE) \
	X(yield_port,       IPC_MASTER,    IPC_MONITOR,  IPC_STATE_READY, S_NOTHING, S_NONE, IPC_FD_NONE) \
	/* monitor tells protocol */ \
	X(end,              IPC_MONITOR | IPC_MASTER, IPC_PROTOCOL | IPC_MONITOR, IPC_STATE_ANY,   S_U8, \
	  S_NONE, IPC_FD_NONE) \
	/* a notice of the administrator for the client */ \
	X(notice,           IPC_MONITOR | IPC_MASTER, IPC_PROTOCOL | IPC_MONITOR, IPC_STATE_ANY, \
	  S_TEXT(1, NOTICE_TEXT_MAX), \
	  S_NONE, IPC_FD_NONE) \
	/* protocol asks files */ \
	X(stat,             IPC_PROTOCOL,  IPC_FILES,    IPC_STATE_READY, S_PATH, \
	  S_U8 + S_U64 + S_U64 + S_U32, IPC_FD_NONE) \
	X(enter,            IPC_PROTOCOL,  IPC_FILES,    IPC_STATE_READY, S_PATH, S_NOTHING, IPC_FD_NONE) \
	X(facts,            IPC_PROTOCOL,  IPC_FILES,    IPC_STATE_READY, S_U8 + S_PATH, S_TEXT(0, 1024), IPC_FD_NONE) \
	X(size_ascii,       IPC_PROTOCOL,  IPC_FILES,    IPC_STATE_READY, S_PATH, S_U64, IPC_FD_NONE) \
	X(open_read,        IPC_PROTOCOL,  IPC_FILES,    IPC_STATE_READY, S_U64 + S_PATH, S_U64, IPC_FD_REPLY) \
	X(open_write,       IPC_PROTOCOL,  IPC_FILES,    IPC_STATE_READY, S_U8 + S_U64 + S_PATH, \
	  S_U64 + S_TEXT(1, NAME_MAX), IPC_FD_REPLY) \
	X(sync_write,       IPC_PROTOCOL,  IPC_FILES,    IPC_STATE_READY, S_NOTHING, S_NOTHING, IPC_FD_NONE) \
	X(grow_write,       IPC_PROTOCOL,  IPC_FILES,    IPC_STATE_READY, S_NOTHING, S_NOTHING, IPC_FD_NONE) \
	X(finish_write,     IPC_PROTOCOL,  IPC_FILES,    IPC_STATE_READY, S_U8, S_FIGURES, IPC_FD_NONE) \
	X(quota,            IPC_PROTOCOL,  IPC_FILES,    IPC_STATE_READY, S_MAY_HAVE_PATH, \
	  S_FIGURES + S_U8, IPC_FD_NONE) \
	X(partials,         IPC_PROTOCOL,  IPC_FILES,    IPC_STATE_READY, S_U8 + S_MAY_HAVE_PATH, \
	  S_U64 + S_U64 + S_U64 + S_U8 + S_MORE(IPC_PARTIALS_BYTES), IPC_FD_NONE) \
	X(remove_partial,   IPC_PROTOCOL,  IPC_FILES,    IPC_STATE_READY, S_PATH, S_NOTHING, IPC_FD_NONE) \
	X(remove_partials,  IPC_PROTOCOL,  IPC_FILES,    IPC_STATE_READY, S_MAY_HAVE_PATH, \
	  S_FIGURES, IPC_FD_NONE) \
	X(versions,         IPC_PROTOCOL,  IPC_FILES,    IPC_STATE_READY, S_PATH, \
	  S_U64 + S_TIMES(0, IPC_VERSIONS_MAX, S_U64 + S_TEXT(1, IPC_VERSION_ID_MAX)), IPC_FD_NONE) \
	/* after -EKEYREJECTED: enum ipc_retained, and the date, in seconds of the host's clock */ \
	X(retained,         IPC_PROTOCOL,  IPC_FILES,    IPC_STATE_READY, S_NOTHING, S_U8 + S_U64, IPC_FD_NONE) \
	X(restore,          IPC_PROTOCOL,  IPC_FILES,    IPC_STATE_READY, S_TEXT(1, IPC_VERSION_ID_MAX) + S_PATH, \
	  S_NOTHING, IPC_FD_NONE) \
	X(list,             IPC_PROTOCOL,  IPC_FILES,    IPC_STATE_READY, S_U8 + S_U8 + S_U8 + S_U32 + S_PATH, \
	  S_NOTHING, IPC_FD_REPLY) \
	X(list_end,         IPC_PROTOCOL,  IPC_FILES,    IPC_STATE_READY, S_NOTHING, S_U64, IPC_FD_NONE) \
	X(make_directory,   IPC_PROTOCOL,  IPC_FILES,    IPC_STATE_READY, S_PATH, S_NOTHING, IPC_FD_NONE) \
	X(remove_directory, IPC_PROTOCOL,  IPC_FILES,    IPC_STATE_READY, S_PATH, S_NOTHING, IPC_FD_NONE) \
	X(remove_file,      IPC_PROTOCOL,  IPC_FILES,    IPC_STATE_READY, S_PATH, S_NOTHING, IPC_FD_NONE) \
	X(rename,           IPC_PROTOCOL,  IPC_FILES,    IPC_STATE_READY, S_PATH + S_PATH, S_NOTHING, IPC_FD_NONE) \
	X(hash,             IPC_PROTOCOL,  IPC_FILES,    IPC_STATE_READY, S_U8 + S_U64 + S_U64 + S_PATH, \
	  S_U64 + S_U64 + S_TEXT(8, 128), IPC_FD_NONE) \
	X(expect_hash,      IPC_PROTOCOL,  IPC_FILES,    IPC_STATE_READY, S_U8, S_NONE, IPC_FD_NONE) \
	X(set_time,         IPC_PROTOCOL,  IPC_FILES,    IPC_STATE_READY, S_U64 + S_PATH, S_U64, IPC_FD_NONE) \
	X(set_mode,         IPC_PROTOCOL,  IPC_FILES,    IPC_STATE_READY, S_U32 + S_PATH, S_NOTHING, IPC_FD_NONE) \
	X(copy,             IPC_PROTOCOL,  IPC_FILES,    IPC_STATE_READY, S_PATH + S_PATH, S_NOTHING, IPC_FD_NONE) \
	X(remove_tree,      IPC_PROTOCOL,  IPC_FILES,    IPC_STATE_READY, S_PATH, S_NOTHING, IPC_FD_NONE) \
	X(tree_size,        IPC_PROTOCOL,  IPC_FILES,    IPC_STATE_READY, S_PATH, S_U64, IPC_FD_NONE) \
	X(space,            IPC_PROTOCOL,  IPC_FILES,    IPC_STATE_READY, S_PATH, S_U64, IPC_FD_NONE) \
	X(directory_message, IPC_PROTOCOL,  IPC_FILES,    IPC_STATE_READY, S_PATH, S_TEXT(0, 4096), IPC_FD_NONE) \
	X(stop,             IPC_PROTOCOL,  IPC_FILES,    IPC_STATE_READY, S_NOTHING, S_NONE, IPC_FD_NONE) \
	/*
	 * files reports a finished upload to the monitor, which passes it to the hooks process, and that to its
	 * launcher
	 */ \
	X(stored,           IPC_FILES,     IPC_MONITOR,  IPC_STATE_READY, S_U64 + S_TEXT(0, IPC_SHA256_MAX) + S_PATH, \
	  S_NONE, IPC_FD_NONE) \
	X(unguarded,        IPC_FILES,     IPC_MONITOR,  IPC_STATE_READY, S_U8 + S_PATH, S_NONE, IPC_FD_NONE) \
	X(kept,             IPC_FILES,     IPC_MONITOR,  IPC_STATE_READY, \
	  S_U8 + S_U64 + S_TEXT(1, IPC_VERSION_ID_MAX) + S_PATH, S_NONE, IPC_FD_NONE) \
	X(protocol_gone,    IPC_FILES,     IPC_MONITOR,  IPC_STATE_READY, S_NOTHING, S_NOTHING, IPC_FD_NONE) \
	X(uploaded,         IPC_MONITOR,   IPC_HOOKS,    IPC_STATE_ANY,   S_UPLOAD, S_NONE, IPC_FD_NONE) \
	X(run_hook,         IPC_HOOKS,     IPC_LAUNCHER, IPC_STATE_ANY,   S_U32 + S_UPLOAD, \
	  S_U8 + S_U32 + S_BYTES(0, 256), IPC_FD_NONE) \
	/* monitor asks the process that asks PAM */ \
	X(authenticate,     IPC_MONITOR,   IPC_PAM,      IPC_STATE_LOGIN, \
	  S_TEXT(0, 63) + S_U8 + S_TEXT(0, ACCOUNT_NAME_MAX) + S_TEXT(0, PASSWORD_MAX) + S_TEXT(0, ADDRESS_TEXT_MAX), \
	  S_U32 + S_U32 + S_U32 + S_TEXT(0, ACCOUNT_NAME_MAX) + S_TEXT(0, HOME_PATH_MAX) + S_TEXT(0, 255), IPC_FD_NONE) \
	/* monitor asks master */ \
	X(start,            IPC_MONITOR,   IPC_MASTER,   IPC_STATE_LOGIN, S_NOTHING, S_NOTHING, IPC_FD_REPLIES) \
	X(attempt,          IPC_MONITOR,   IPC_MASTER,   IPC_STATE_LOGIN, \
	  S_MORE(2 + SERVER_NAME_MAX), S_U32, IPC_FD_REPLIES) \
	X(attempt_pam,      IPC_MONITOR,   IPC_MASTER,   IPC_STATE_LOGIN, S_NOTHING, S_NOTHING, IPC_FD_NONE) \
	X(verdict,          IPC_MONITOR,   IPC_MASTER,   IPC_STATE_LOGIN, S_U8, S_NONE, IPC_FD_NONE) \
	X(admit,            IPC_MONITOR,   IPC_MASTER,   IPC_STATE_LOGIN, S_U32 + S_TEXT(1, ACCOUNT_NAME_MAX), \
	  S_U32 + S_U32, IPC_FD_NONE) \
	X(stored_home,      IPC_MONITOR,   IPC_MASTER,   IPC_STATE_LOGIN, \
	  S_U32 + S_U32 + S_TEXT(1, HOME_PATH_MAX), S_NONE, IPC_FD_NONE) \
	X(folder_used,      IPC_MONITOR,   IPC_MASTER,   IPC_STATE_LOGIN, S_TEXT(1, ACCOUNT_NAME_MAX), S_NONE, \
	  IPC_FD_NONE) \
	/* a filtered process reports the call that it was stopped at, then dies */ \
	X(alarm,            IPC_PROTOCOL | IPC_FILES | IPC_MONITOR | IPC_LOGGER | IPC_HOOKS | IPC_METRICS | IPC_PORTER | IPC_BROKER, IPC_MONITOR | IPC_MASTER, IPC_STATE_ANY, \
	  S_U32, S_NONE, IPC_FD_NONE) \
	/* a process says which step of its way behind the walls failed, then ends */ \
	X(no_walls,         IPC_PROTOCOL | IPC_FILES | IPC_MONITOR | IPC_LOGGER | IPC_HOOKS | IPC_METRICS | IPC_PORTER | IPC_BROKER | IPC_LAUNCHER | IPC_PAM, IPC_MONITOR | IPC_MASTER | IPC_HOOKS, IPC_STATE_ANY, \
	  S_U8 + S_U8 + S_U32, S_NONE, IPC_FD_NONE) \
	/* master and monitor to the logger; logger asks the master for a new syslog socket */ \
	X(log,              IPC_MASTER | IPC_MONITOR | IPC_HOOKS | IPC_BROKER, IPC_LOGGER,   IPC_STATE_ANY,   S_LOG, \
	  S_NONE, IPC_FD_NONE) \
	X(log_target,       IPC_MASTER,    IPC_LOGGER,   IPC_STATE_ANY,   S_U8 + S_U8 + S_U8, S_NONE, IPC_FD_REQUEST) \
	X(log_reconnect,    IPC_LOGGER,    IPC_MASTER,   IPC_STATE_ANY,   S_NOTHING, S_NONE, IPC_FD_NONE) \
	/* sallyportctl watches: its socket goes to the logger, which reports when it has closed it */ \
	X(log_watch,        IPC_MASTER,    IPC_LOGGER,   IPC_STATE_ANY,   S_NOTHING, S_NONE, IPC_FD_REQUEST) \
	X(log_unwatched,    IPC_LOGGER,    IPC_MASTER,   IPC_STATE_ANY,   S_NOTHING, S_NONE, IPC_FD_NONE) \
	/* master gives porter a connection that a proxy has made; porter says whose it is */ \
	X(introduce,        IPC_MASTER,    IPC_PORTER,   IPC_STATE_ANY,   S_U32 + S_U8, S_NONE, IPC_FD_REQUEST) \
	X(introduced,       IPC_PORTER,    IPC_MASTER,   IPC_STATE_ANY, \
	  S_U32 + S_U8 + S_U8 + S_END + S_END + S_BYTES(0, PROXY_UNIQUE_ID_MAX), S_NONE, IPC_FD_NONE) \
	/* master gives the broker the end of a session's channel, on which the monitor asks for an account */ \
	X(broker_session,   IPC_MASTER,    IPC_BROKER,   IPC_STATE_ANY,   S_NOTHING, S_NONE, IPC_FD_REQUEST) \
	/* master tells the broker whether sessions of former servers ask a broker of their own */ \
	X(broker_alone,     IPC_MASTER,    IPC_BROKER,   IPC_STATE_ANY,   S_U8, S_NONE, IPC_FD_NONE) \
	X(find_account,     IPC_MONITOR,   IPC_BROKER,   IPC_STATE_LOGIN, S_TEXT(1, ACCOUNT_NAME_MAX), \
	  S_U8 + S_U8 + S_U64 + S_TEXT(0, BROKER_LINE_MAX), IPC_FD_NONE) \
	/* monitor asks broker for a part of the quota of the account that find_account has answered */ \
	X(credit,           IPC_MONITOR,   IPC_BROKER,   IPC_STATE_ANY, \
	  S_U64 + S_U64 + S_USE + S_USE + S_USE + S_USE, \
	  S_U8 + S_U64 + S_USE + S_USE + S_U64 + S_U32, IPC_FD_NONE) \
	X(share_close,      IPC_MONITOR,   IPC_BROKER,   IPC_STATE_ANY,   S_U64 + S_U64 + S_USE, S_U8, IPC_FD_NONE) \
	X(counted,          IPC_MONITOR,   IPC_BROKER,   IPC_STATE_ANY,   S_U64 + S_U64 + S_USE + S_USE + S_U64, \
	  S_U8, IPC_FD_NONE) \
	X(recall,           IPC_BROKER,    IPC_MONITOR,  IPC_STATE_ANY,   S_NOTHING, S_NONE, IPC_FD_NONE) \
	/* broker reports whether the database answers, and asks master for the addresses of a name */ \
	X(broker_state,      IPC_BROKER,    IPC_MASTER,   IPC_STATE_ANY,   S_U8 + S_U32, S_NONE, IPC_FD_NONE) \
	X(broker_lookup,     IPC_BROKER,    IPC_MASTER,   IPC_STATE_ANY,   S_TEXT(1, BROKER_HOST_MAX), \
	  S_TIMES(0, BROKER_ADDRESSES_MAX, S_U8 + S_HOST), IPC_FD_NONE) \
	/* broker reports at each beat how the database knows this node, and what it lends to it */ \
	X(broker_node,       IPC_BROKER,    IPC_MASTER,   IPC_STATE_ANY,   S_U8 + S_U32 + S_U32 + S_TEXT(0, BROKER_NODE_MAX), \
	  S_NONE, IPC_FD_NONE) \
	/* what nodes tell each other: master asks broker to tell the others, and broker reports what others have told */ \
	X(ban_made,          IPC_MASTER,    IPC_BROKER,   IPC_STATE_ANY,   S_HOST + S_U8 + S_U64, S_HOST + S_U8 + S_U8, IPC_FD_NONE) \
	X(kick_made,         IPC_MASTER,    IPC_BROKER,   IPC_STATE_ANY,   S_U32 + S_U8 + S_TEXT(1, NEWS_VALUE_MAX), \
	  S_U32 + S_U8, IPC_FD_NONE) \
	X(ban_told,          IPC_BROKER,    IPC_MASTER,   IPC_STATE_ANY, \
	  S_HOST + S_U8 + S_U64 + S_U64 + S_TEXT(0, BROKER_NODE_MAX), S_NONE, IPC_FD_NONE) \
	X(kick_told,         IPC_BROKER,    IPC_MASTER,   IPC_STATE_ANY, \
	  S_U8 + S_TEXT(1, NEWS_VALUE_MAX) + S_U64 + S_TEXT(0, BROKER_NODE_MAX), S_NONE, IPC_FD_NONE) \
	X(news_told,         IPC_BROKER,    IPC_MASTER,   IPC_STATE_ANY,   S_NOTHING, S_NONE, IPC_FD_NONE) \
	/* files asks monitor whether the account's brake has fallen; with a path, one more file is about to go */ \
	X(brake,             IPC_FILES,     IPC_MONITOR,  IPC_STATE_READY, S_MAY_HAVE_PATH, S_NOTHING, IPC_FD_NONE)

enum ipc_kind {
#define X(name, ...) IPC_##name,
	IPC_MESSAGES(X)
#undef X
	IPC_KIND_COUNT
};
/* clang-format on */

/* end: why a session must end. */
enum ipc_end_reason {
	END_LOGIN_TIMEOUT,
	END_IDLE_TIMEOUT,
	END_STALL_TIMEOUT,
	END_SHUTDOWN, /* now; a transfer is broken off */
	END_DRAIN, /* as soon as no transfer runs */
	END_PLACE_NEEDED,
	END_KICKED, /* by the administrator */
	END_BANNED, /* too many failures of the address */
	END_FAILURE, /* the server cannot serve the session: no walls, no room for its own files */
	END_STORE_DOWN, /* the database of accounts does not answer */
	END_SHARE_GONE, /* the database has the share of the account's quota no longer: what uses it must end */
	END_BROKER_GONE, /* nobody can be asked about it: as soon as no transfer runs */
	END_ACCOUNTS_CHANGED, /* the account needs what a session only has from its beginning */
	END_SERVER_GONE, /* a reload has removed the server that the login is for */
	END_REASON_COUNT
};

/* A transfer that runs is not broken off. */
#define END_IS_GENTLE(reason) ((reason) == END_DRAIN || (reason) == END_BROKER_GONE)

/* verdict: what became of the attempt. Neither of the last two is a failure of the address, but they delay its next. */
enum login_verdict {
	VERDICT_WRONG,
	VERDICT_RIGHT, /* the password was, or the failure is the server's own; not sent when admit follows at once */
	VERDICT_UNKNOWN, /* the database did not know, or said what is not believed */
	VERDICT_UNANSWERED, /* the same, and the broker has not even answered */
	VERDICT_COUNT
};

/* admit: a bit of its max_sessions, which then holds instead of limits.sessions-per-user. */
#define ADMIT_OWN_LIMIT (1U << 31)

/* admit: the u32 of its reply. */
enum ipc_admit_outcome {
	ADMIT_YES,
	ADMIT_USER_LIMIT,
	ADMIT_ACCOUNT_LIMIT,
	ADMIT_OTHER_SERVER, /* by the configuration in force, the name is not one of the server that the attempt was for */
	ADMIT_OUTCOME_COUNT
};

/*
 * The meaning of the fields, in the order of the shape:
 *   login         is_clear, user, password; the name of the server that the client has given, if it has
 *                                             -> bytes per second down, up, 0: no limit; may_be_clear, whatever
 *                 tls.require says (channel to files)
 *                 -EACCES wrong or refused, -EUSERS a limit of the account, -ECONNABORTED the last try
 *   listen        family (0: the control connection's) -> family, address, port (listening socket)
 *   listen_ahead  count        -> count, at most the one asked for, port of each (listening sockets, in this
 *                                 order, for transfers that may come); -EAGAIN: none now, -EOPNOTSUPP: the
 *                                 range has none to spare
 *   connect       family, address, port -> (connecting socket)
 *   transferred   one or more of: direction, is_ascii, bytes, milliseconds, errno, path
 *   noted         event, detail
 *   sign          enum sign_scheme, bytes text         -> signature (-EPERM, -EAGAIN: too many, -EINVAL)
 *   notice        text (UTF-8, no control characters), for the client's next reply
 *   pace          enum rate_direction, bytes       -> microseconds to wait before they move
 *   ledger_read                   -> figures as of quota, enum ledger_state. Each ledger_ question may be answered that
 *                                 the home is being counted, ask again: -EUCLEAN (there is no figure yet) or
 *                                 -EINPROGRESS (the figure is a bound, and does not allow it)
 *   ledger_begin  bytes, files (that a change adds at most) -> is_counted (ledger_tell is wanted), is_unknown (no
 *                                 byte is granted yet): make it, then ledger_end; or -EDQUOT
 *   ledger_tell   struct ledger_event, so many as were made (within begin and end)
 *   ledger_end    bytes, files (that were added; two's complement)
 *   ledger_upload key, size, wanted (bytes, or 0 for as many as sensible; within begin and end); -ERESTART: end the
 *                                 change and begin anew, since the room is asked for before that is answered
 *   ledger_grow                   -> (more bytes are granted to the upload)
 *   ledger_uploaded size at the end (within begin and end)
 *   ledger_of     0 for the home, or the number of a folder, from 1 on; not within begin and end
 *   count_folder  number of folder_used, from 0 on
 *   share_gone                    (all sessions of the account end, and begin anew)
 *   work_begin    is_change    -> (now); each gets one answer: -ECANCELED when work_end was quicker
 *   work_end                      (the turn is given back, or not waited for any more)
 *   turn          is_change, process id of files -> (now); as work_begin
 *   turn_end                      (as work_end)
 *   announced     family, address, port (is told to a client, in place of any former one)
 *   announced_end                 (it is used up)
 *   ports_short   family, address, low, high (the range is full there, and a client waits)
 *   yield_port                    (the announced port is needed: give it up)
 *   stat          path            -> kind, size, mtime (seconds; before 1970 in two's complement), mode
 *   enter         path            -> (may it be a working directory?)
 *   facts         enum ipc_fact bits, path -> facts, "type=file;size=3; " (RFC 3659, 7.2) without the name
 *   size_ascii    path            -> size with every LF counted as CRLF
 *   open_read     offset, path -> size (file, read-only)
 *   open_write    mode, offset, path -> start, name (file, write-only, positioned at start)
 *   sync_write                    -> (the bytes of the upload are on the disk; nothing is renamed yet)
 *   grow_write                    -> (the upload may go on; asked when the kernel refuses to write more) or -EDQUOT
 *   finish_write  is_complete  -> figures as of quota (the upload is whole and safe, or was given up)
 *   quota         path, or nothing: of where there was no room last -> bytes used, their limit, files used, their
 *                                 limit (UINT64_MAX for no limit; used is 0 where there is neither limit), is_bound
 *   partials      wants_rows, path (of the tree, home or folder; nothing: the home) -> count, bytes, bytes of those in use, is_whole (all was looked at), then
 *                                 for the oldest, as many as fit: size, age in s, is_in_use, path
 *   remove_partial path (of the target; or of the partial, where partials told that) -> (it is gone)
 *   remove_partials path (as partials) -> removed, their bytes, in use, which stay, that cannot be removed;
 *                                    -ECANCELED
 *   versions      path            -> how many of it are kept, then for the youngest: size, id
 *   restore       id, path        -> (the version has its name again; what bore it is kept)
 *   list          form, flags, enum ipc_fact bits, shown_from, path -> (read end of a pipe)
 *   list_end                      -> entries; or what stopped the listing
 *   rename        path from, path to
 *   hash          enum ipc_hash, from, to (exclusive; UINT64_MAX: the end), path
 *                                 -> from, to, digest in lower-case hex; -ERANGE, -E2BIG, -ECANCELED
 *   expect_hash   enum ipc_hash   (the client will ask for hashes: transfers may be hashed while their bytes pass)
 *   set_time      mtime (seconds, two's complement), path -> mtime as the file system keeps it, as in stat
 *   set_mode      permission bits (at most 0777), path
 *   copy          path from, path to (a whole new file, or the old one stays; -ECANCELED)
 *   remove_tree   path (with all that is in it, within bounds; -E2BIG, -ECANCELED)
 *   tree_size     path            -> bytes of the regular files below it
 *   space         path of a directory -> bytes that an upload there may take
 *   directory_message path        -> text of the directory's .message file, at most 4096 bytes; "" when there is none
 *   stop                          (the hash, copy, remove_tree, tree_size or size_ascii that runs is to end with
 *                                 -ECANCELED; late ones are dropped)
 *   stored        size, SHA-256 in hex or "", path
 *   unguarded     enum unguarded_event, path
 *   kept          enum kept_event, bytes, id of the version, path
 *   protocol_gone                 -> (protocol is gone, with all its descriptors; the session ends for it)
 *   uploaded      see hook_event_put() in privsep/hooks/event.c
 *   run_hook      attempt, fields of uploaded -> enum launcher_outcome, value, bytes of output
 *   authenticate  service, whether only the password of an account is asked about,
 *                 user, password, address -> enum pam_outcome, uid, gid, name,
 *                                    home, reason
 *   start                         -> (the descriptors of the session: see monitor.h. The answer lies in the channel
 *                                 before there is a monitor, which therefore never asks)
 *   attempt       the server's name in the configuration, but for the main one
 *                                 -> step of refusals in ms (now: the password may be checked; snapshot of that
 *                                 server's users file; then, if accounts names a database and a broker runs, a channel to
 *                                 it); -ESTALE: there is no such server any more
 *   attempt_pam                   -> (now: PAM may be asked; the hash is computed, the name is not in the users file)
 *   verdict       enum login_verdict
 *   admit         max_sessions of the account, with ADMIT_OWN_LIMIT if it holds alone; name
 *                 -> enum ipc_admit_outcome, sessions that the account has now
 *   stored_home   uid, gid, home of an account of the database (before admit: what count_home is about)
 *   folder_used   name of a shared folder with a quota (before admit: what count_folder is about)
 *   alarm         number of the system call
 *   no_walls      enum sandbox_step, lacks_capability, errno
 *   log           see log.c
 *   log_target    enum log_target_kind, enum config_log_format, 0 (the opened target)
 *   introduce     number, enum introduce_state (the connection, whose header is not read yet)
 *   introduced    number of introduce, enum introduced_verdict, enum proxy_fault, source and destination that the
 *                 header has, each as family, address, port; unique id of the proxy (any bytes)
 *   broker_session                (the broker's end of a channel to a monitor)
 *   broker_alone  is_alone (false until it is told: others of this node may count sessions of the same shares)
 *   find_account  name; once on a channel -> enum found_account, is_kept (an answer of before: the database does not answer now),
 *                                 id of the account, its line of sallyport-users(5). Where there is none: a hash that
 *                                 costs as those of accounts do, or ""
 *   credit        share (0: open one), number of the message, net, keep, want, spare -> enum credit_outcome, share, allow,
 *                                 used by all nodes, count (UINT64_MAX: none), nodes that have the account open (at
 *                                 least 1). Each use is bytes, files (two's complement): see the function of this name in
 *                                 store/schema_1.sql. -EAGAIN: not now
 *   share_close   share, number, net -> was_there (no session of the account is left on this node); -EAGAIN
 *   counted       share, number, net, what was found in the home, count of the credit that came before -> is_believed;
 *                                 -EAGAIN
 *   recall                        (others need what is not used: lower allow to net and reservations, then credit)
 *   broker_state  enum broker_state, accounts that are kept
 *   broker_node   enum node_standing, shares that are held, sessions that use them, name of the node
 *   broker_lookup name of a host  -> up to BROKER_ADDRESSES_MAX of family, address; -EAGAIN: too often
 *   ban_made      address_key, enum news_ban, seconds that are left (of one that was lifted: would be)
 *                                 -> address_key, is_lifted, enum news_outcome
 *   kick_made     number, enum news_target, name or address -> number, enum news_outcome
 *   ban_told      address_key, enum news_ban, seconds that are left, its age in ms, name of the node
 *   kick_told     enum news_target, name or address, its age in ms (sessions that began later go on), name of the node
 *   news_told                     (all that was told while nobody listened has been said)
 */

/* transferred: what moved. */
enum ipc_direction { DIRECTION_DOWN, DIRECTION_UP, DIRECTION_LIST, DIRECTION_COUNT };

/* noted: an event for the log that only protocol sees. */
enum ipc_noted_event {
	NOTED_BAD_COMMANDS, /* too many senseless commands */
	NOTED_DATA_FAILED, /* no data connection came about */
	NOTED_DATA_REFUSED, /* PORT to elsewhere, a stranger on a passive port */
	NOTED_QUIT, /* the client said QUIT */
	NOTED_TLS, /* a control connection is protected: version and cipher */
	NOTED_TLS_FAILED, /* a handshake failed, or TLS was misused */
	NOTED_TLS_REUSE, /* a data connection did not resume the control connection's session */
	NOTED_TLS_CUT, /* an upload ended without close_notify */
	NOTED_EVENT_COUNT
};

/* find_account: what is known of the name. */
enum found_account {
	FOUND_ACCOUNT,
	FOUND_NOBODY, /* the database has no such account */
	FOUND_NOT_NOW, /* nobody knows: the database does not answer, and has not of late */
	FOUND_COUNT
};

/* credit: what came of it. The database has these numbers: see credit() in store/schema_1.sql. */
enum credit_outcome {
	CREDIT_GRANTED,
	CREDIT_OVER_QUOTA, /* even if all others gave back what they do not use */
	CREDIT_OTHERS_CALLED, /* other nodes hold enough that they do not use, and are asked to give it back */
	CREDIT_GONE, /* the share, the node's boot or the account: end what uses it */
	CREDIT_COUNT_FIRST, /* the home is to be counted, and nobody else holds anything */
	CREDIT_TOO_MANY_SESSIONS, /* of the account, on all nodes */
	CREDIT_NOT_NOW, /* what others hold, or may hold, is in the way of a count */
	CREDIT_OLD_NUMBER, /* nothing was done; the figures are those of the share now */
	CREDIT_OUTCOME_COUNT
};

/* ban_made, ban_told: what became of an address. */
enum news_ban { NEWS_BAN_AUTO, NEWS_BAN_MANUAL, NEWS_BAN_LIFTED, NEWS_BAN_COUNT };

/* kick_made, kick_told: whose sessions end. */
enum news_target { NEWS_USER, NEWS_ADDRESS, NEWS_TARGET_COUNT };

/* ban_made, kick_made: has the database taken it? */
enum news_outcome {
	NEWS_TAKEN,
	NEWS_REFUSED, /* there are too many, or the node is not known */
	NEWS_NOT_NOW, /* it does not answer */
	NEWS_OUTCOME_COUNT
};

/* broker_state: can accounts be looked up? */
enum broker_state {
	BROKER_DOWN, /* no: no connection, or no answer */
	BROKER_UP,
	BROKER_STRANGE, /* no: its schema is not one that this version knows, or it refuses the role */
	BROKER_STARTING, /* the broker has not told yet: the master's word alone */
	BROKER_STATE_COUNT
};

/* broker_node: does the database lend shares of quotas to this node? */
enum node_standing {
	NODE_UNKNOWN, /* not now: it has not said so yet */
	NODE_KNOWN, /* yes */
	NODE_REFUSED, /* no: another server has said hello by this name, or the node was declared dead */
	NODE_STANDING_COUNT
};

/* introduce: what a health check is told. */
enum introduce_state {
	INTRODUCE_READY,
	INTRODUCE_DRAINING,
	INTRODUCE_FULL,
	INTRODUCE_NO_ACCOUNTS, /* nobody could log in: the database does not answer, and there is nothing else */
	INTRODUCE_STATE_COUNT
};

/* introduced: what the header is. Only after the first two does the connection go on. */
enum introduced_verdict {
	INTRODUCED_CLIENT, /* source and destination are those of the client */
	INTRODUCED_PROXY, /* it tells no addresses: those of the connection count */
	INTRODUCED_CHECK, /* a health check, which has its answer */
	INTRODUCED_SILENT, /* closed without a byte, as some health checks are */
	INTRODUCED_SLOW, /* its time is over */
	INTRODUCED_BAD, /* enum proxy_fault says why */
	INTRODUCED_VERDICT_COUNT
};

/* unguarded: what files cannot prevent, since a file system keeps no locks. */
enum unguarded_event {
	UNGUARDED_FILE_SYSTEM, /* this is the first such upload of the session */
	UNGUARDED_CHANGED, /* an upload has changed after its end, without a request */
	UNGUARDED_CHANGED_AFTER_HOOK, /* and a hook has got its digest */
	UNGUARDED_CHANGED_SHARED, /* the same on shared storage, where another server may have done it */
	UNGUARDED_EVENT_COUNT
};

/* kept: of an account with the option keep. */
enum kept_event {
	KEPT_FILE, /* replaced or removed, and kept */
	KEPT_RESTORED, /* has got its name again */
	KEPT_EVENT_COUNT
};

/* retained: what stays as it is, so that the last request was refused. */
enum ipc_retained {
	RETAINED_FILE, /* the file itself, until the date */
	RETAINED_WITHIN, /* something in the directory; the last one until the date */
	RETAINED_NAMES, /* the path of what is in the directory, without a date */
	RETAINED_COUNT
};

/* open_write: how. */
enum ipc_store_mode {
	STORE_REPLACE, /* STOR: the whole file */
	STORE_AT, /* REST n + STOR: from the offset on */
	STORE_APPEND, /* APPE */
	STORE_UNIQUE, /* STOU: a new name made of the one given */
	STORE_MODE_COUNT
};

/* stat: the kind of a thing. */
enum ipc_file_kind { FILE_REGULAR, FILE_DIRECTORY, FILE_OTHER, FILE_KIND_COUNT };

/* list: the form of a listing. */
enum ipc_list_form {
	LIST_LONG, /* LIST: as ls -l */
	LIST_NAMES, /* NLST */
	LIST_FACTS, /* MLSD (RFC 3659, 7) */
	LIST_FORM_COUNT
};

/* facts and list: which facts of RFC 3659, 7.5 are wanted (OPTS MLST). */
enum ipc_fact {
	FACT_TYPE = 1,
	FACT_SIZE = 2,
	FACT_MODIFY = 4,
	FACT_PERM = 8,
	FACT_UNIQUE = 16,
	FACT_UNIX_MODE = 32,
	FACT_UNIX_OWNER = 64,
	FACT_UNIX_GROUP = 128,
	FACTS_ALL = 255
};

/* hash: the algorithm. */
enum ipc_hash { HASH_SHA256, HASH_SHA512, HASH_SHA1, HASH_MD5, HASH_CRC32, HASH_COUNT };

/* list: flags of LIST and NLST, as ls knows them. */
enum ipc_list_flag {
	LIST_ALL = 1, /* -a: hidden names too */
	LIST_RECURSIVE = 2, /* -R */
	LIST_BY_TIME = 4, /* -t */
	LIST_BY_SIZE = 8, /* -S */
	LIST_REVERSE = 16, /* -r */
	LIST_ITSELF = 32, /* -d: the directory, not what is in it */
	LIST_CLASSIFY = 64, /* -F */
	LIST_LONG_NAMES = 128, /* NLST -l: long form */
	LIST_FLAGS_ALL = 255
};

#endif
