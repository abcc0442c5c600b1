/* SPDX-License-Identifier: ISC */
/* The table of every message that crosses a wall; enum, decoder, names and tests are made of it. */
#ifndef PRIVSEP_IPC_MESSAGES_H
#define PRIVSEP_IPC_MESSAGES_H

/* Who runs what; used as bits. */
enum ipc_process {
	IPC_MASTER = 1,
	IPC_MONITOR = 2,
	IPC_PROTOCOL = 4,
	IPC_FILES = 8,
	IPC_LOGGER = 16,
	IPC_HOOKS = 32,
	IPC_LAUNCHER = 64,
	IPC_PAM = 128,
	IPC_METRICS = 256
};

/* Where a session stands; used as bits. */
enum ipc_state {
	IPC_STATE_LOGIN = 1,	/* nobody has logged in yet */
	IPC_STATE_READY = 2,	/* logged in */
	IPC_STATE_ANY = 3
};

enum ipc_fd {
	IPC_FD_NONE,
	IPC_FD_REQUEST,	/* the request or notice carries one */
	IPC_FD_REPLY,	/* a successful reply carries one */
	IPC_FD_REPLIES	/* a successful reply carries one to IPC_FDS_MAX */
};

#define IPC_FDS_MAX 8

#define NOTICE_TEXT_MAX 512	/* bytes of a notice to a client */
#define IPC_PARTIALS_BYTES 12000	/* of a reply to partials, kind and result included */
#define IPC_LEDGER_DEAD_MAX 376	/* inodes of dead uploads in one ledger_count, beside 1024 live ones */
#define IPC_NOTICE 0xffff	/* reply sizes of a message without a reply; larger than any message */

/*
 * name             from            to             allowed while      request       reply         descriptor
 *                                                                    min    max    min    max
 * Sizes are those of the fields, without kind and result; a failed reply has no fields.
 */
#define IPC_MESSAGES(X) \
	/* protocol asks monitor */ \
	X(login,            IPC_PROTOCOL,   IPC_MONITOR,   IPC_STATE_LOGIN,   4,     1100,  16,    16,    IPC_FD_REPLY)   \
	X(listen,           IPC_PROTOCOL,   IPC_MONITOR,   IPC_STATE_READY,   1,     1,     23,    23,    IPC_FD_REPLY)   \
	X(listen_ahead,     IPC_PROTOCOL,   IPC_MONITOR,   IPC_STATE_READY,   1,     1,     5,     33,    IPC_FD_REPLIES) \
	X(connect,          IPC_PROTOCOL,   IPC_MONITOR,   IPC_STATE_READY,   23,    23,    0,     0,     IPC_FD_REPLY)   \
	X(transferred,      IPC_PROTOCOL,   IPC_MONITOR,   IPC_STATE_READY,   24,    8192,  IPC_NOTICE, IPC_NOTICE, IPC_FD_NONE) \
	X(noted,            IPC_PROTOCOL,   IPC_MONITOR,   IPC_STATE_ANY,     3,     700,   IPC_NOTICE, IPC_NOTICE, IPC_FD_NONE) \
	X(sign,             IPC_PROTOCOL,   IPC_MONITOR,   IPC_STATE_ANY,     4,     515,   3,     1026,  IPC_FD_NONE)    \
	X(pace,             IPC_PROTOCOL,   IPC_MONITOR,   IPC_STATE_READY,   5,     5,     8,     8,     IPC_FD_NONE)    \
	/* files asks monitor: the quota ledger; an account without a quota never asks */ \
	X(ledger_read,      IPC_FILES,      IPC_MONITOR,   IPC_STATE_READY,   0,     0,     32,    32,    IPC_FD_NONE)    \
	X(ledger_begin,     IPC_FILES,      IPC_MONITOR,   IPC_STATE_READY,   16,    16,    0,     0,     IPC_FD_NONE)    \
	X(ledger_end,       IPC_FILES,      IPC_MONITOR,   IPC_STATE_READY,   16,    16,    0,     0,     IPC_FD_NONE)    \
	X(ledger_upload,    IPC_FILES,      IPC_MONITOR,   IPC_STATE_READY,   24,    24,    0,     0,     IPC_FD_NONE)    \
	X(ledger_grow,      IPC_FILES,      IPC_MONITOR,   IPC_STATE_READY,   0,     0,     0,     0,     IPC_FD_NONE)    \
	X(ledger_uploaded,  IPC_FILES,      IPC_MONITOR,   IPC_STATE_READY,   8,     8,     0,     0,     IPC_FD_NONE)    \
	X(ledger_count,     IPC_FILES,      IPC_MONITOR,   IPC_STATE_READY,   0,     0,     4,     11204, IPC_FD_NONE)    \
	X(ledger_counted,   IPC_FILES,      IPC_MONITOR,   IPC_STATE_READY,   20,    20,    0,     0,     IPC_FD_NONE)    \
	/* files asks monitor, and monitor asks master, for a turn of long work */ \
	X(work_begin,       IPC_FILES,      IPC_MONITOR,   IPC_STATE_READY,   1,     1,     0,     0,     IPC_FD_NONE)    \
	X(work_end,         IPC_FILES,      IPC_MONITOR,   IPC_STATE_READY,   0,     0,     IPC_NOTICE, IPC_NOTICE, IPC_FD_NONE) \
	X(turn,             IPC_MONITOR,    IPC_MASTER,    IPC_STATE_READY,   5,     5,     0,     0,     IPC_FD_NONE)    \
	X(turn_end,         IPC_MONITOR,    IPC_MASTER,    IPC_STATE_READY,   0,     0,     IPC_NOTICE, IPC_NOTICE, IPC_FD_NONE) \
	/* monitor tells master of the ports that it announced, in small ranges; master has the oldest give way */ \
	X(announced,        IPC_MONITOR,    IPC_MASTER,    IPC_STATE_READY,   23,    23,    IPC_NOTICE, IPC_NOTICE, IPC_FD_NONE) \
	X(announced_end,    IPC_MONITOR,    IPC_MASTER,    IPC_STATE_READY,   0,     0,     IPC_NOTICE, IPC_NOTICE, IPC_FD_NONE) \
	X(ports_short,      IPC_MONITOR,    IPC_MASTER,    IPC_STATE_READY,   27,    27,    IPC_NOTICE, IPC_NOTICE, IPC_FD_NONE) \
	X(yield_port,       IPC_MASTER,     IPC_MONITOR,   IPC_STATE_READY,   0,     0,     IPC_NOTICE, IPC_NOTICE, IPC_FD_NONE) \
	/* monitor tells protocol */ \
	X(end,              IPC_MONITOR | IPC_MASTER, IPC_PROTOCOL | IPC_MONITOR, IPC_STATE_ANY, 1, 1, IPC_NOTICE, IPC_NOTICE, IPC_FD_NONE) \
	/* the administrator tells the client something */ \
	X(notice,           IPC_MONITOR | IPC_MASTER, IPC_PROTOCOL | IPC_MONITOR, IPC_STATE_ANY, 3, 514, IPC_NOTICE, IPC_NOTICE, IPC_FD_NONE) \
	/* protocol asks files */ \
	X(stat,             IPC_PROTOCOL,   IPC_FILES,     IPC_STATE_READY,   3,     4097,  21,    21,    IPC_FD_NONE)    \
	X(enter,            IPC_PROTOCOL,   IPC_FILES,     IPC_STATE_READY,   3,     4097,  0,     0,     IPC_FD_NONE)    \
	X(facts,            IPC_PROTOCOL,   IPC_FILES,     IPC_STATE_READY,   4,     4098,  2,     1026,  IPC_FD_NONE)    \
	X(size_ascii,       IPC_PROTOCOL,   IPC_FILES,     IPC_STATE_READY,   3,     4097,  8,     8,     IPC_FD_NONE)    \
	X(open_read,        IPC_PROTOCOL,   IPC_FILES,     IPC_STATE_READY,   11,    4105,  8,     8,     IPC_FD_REPLY)   \
	X(open_write,       IPC_PROTOCOL,   IPC_FILES,     IPC_STATE_READY,   12,    4106,  11,    265,   IPC_FD_REPLY)   \
	X(sync_write,       IPC_PROTOCOL,   IPC_FILES,     IPC_STATE_READY,   0,     0,     0,     0,     IPC_FD_NONE)    \
	X(grow_write,       IPC_PROTOCOL,   IPC_FILES,     IPC_STATE_READY,   0,     0,     0,     0,     IPC_FD_NONE)    \
	X(finish_write,     IPC_PROTOCOL,   IPC_FILES,     IPC_STATE_READY,   1,     1,     32,    32,    IPC_FD_NONE)    \
	X(quota,            IPC_PROTOCOL,   IPC_FILES,     IPC_STATE_READY,   0,     0,     32,    32,    IPC_FD_NONE)    \
	X(partials,         IPC_PROTOCOL,   IPC_FILES,     IPC_STATE_READY,   1,     1,     25,    12000, IPC_FD_NONE)    \
	X(remove_partial,   IPC_PROTOCOL,   IPC_FILES,     IPC_STATE_READY,   3,     4097,  0,     0,     IPC_FD_NONE)    \
	X(remove_partials,  IPC_PROTOCOL,   IPC_FILES,     IPC_STATE_READY,   0,     0,     32,    32,    IPC_FD_NONE)    \
	X(list,             IPC_PROTOCOL,   IPC_FILES,     IPC_STATE_READY,   10,    4104,  0,     0,     IPC_FD_REPLY)   \
	X(list_end,         IPC_PROTOCOL,   IPC_FILES,     IPC_STATE_READY,   0,     0,     8,     8,     IPC_FD_NONE)    \
	X(make_directory,   IPC_PROTOCOL,   IPC_FILES,     IPC_STATE_READY,   3,     4097,  0,     0,     IPC_FD_NONE)    \
	X(remove_directory, IPC_PROTOCOL,   IPC_FILES,     IPC_STATE_READY,   3,     4097,  0,     0,     IPC_FD_NONE)    \
	X(remove_file,      IPC_PROTOCOL,   IPC_FILES,     IPC_STATE_READY,   3,     4097,  0,     0,     IPC_FD_NONE)    \
	X(rename,           IPC_PROTOCOL,   IPC_FILES,     IPC_STATE_READY,   6,     8194,  0,     0,     IPC_FD_NONE)    \
	X(hash,             IPC_PROTOCOL,   IPC_FILES,     IPC_STATE_READY,   20,    4114,  20,    150,   IPC_FD_NONE)    \
	X(set_time,         IPC_PROTOCOL,   IPC_FILES,     IPC_STATE_READY,   11,    4105,  8,     8,     IPC_FD_NONE)    \
	X(set_mode,         IPC_PROTOCOL,   IPC_FILES,     IPC_STATE_READY,   7,     4101,  0,     0,     IPC_FD_NONE)    \
	X(copy,             IPC_PROTOCOL,   IPC_FILES,     IPC_STATE_READY,   6,     8194,  0,     0,     IPC_FD_NONE)    \
	X(remove_tree,      IPC_PROTOCOL,   IPC_FILES,     IPC_STATE_READY,   3,     4097,  0,     0,     IPC_FD_NONE)    \
	X(tree_size,        IPC_PROTOCOL,   IPC_FILES,     IPC_STATE_READY,   3,     4097,  8,     8,     IPC_FD_NONE)    \
	X(space,            IPC_PROTOCOL,   IPC_FILES,     IPC_STATE_READY,   3,     4097,  8,     8,     IPC_FD_NONE)    \
	X(directory_message, IPC_PROTOCOL,  IPC_FILES,     IPC_STATE_READY,   3,     4097,  2,     4098,  IPC_FD_NONE)    \
	X(stop,             IPC_PROTOCOL,   IPC_FILES,     IPC_STATE_READY,   0,     0,     IPC_NOTICE, IPC_NOTICE, IPC_FD_NONE) \
	/* files tells the monitor of a finished upload, which goes to the hooks process, and from there to its launcher */ \
	X(stored,           IPC_FILES,      IPC_MONITOR,   IPC_STATE_READY,   13,    4200,  IPC_NOTICE, IPC_NOTICE, IPC_FD_NONE) \
	X(unguarded,        IPC_FILES,      IPC_MONITOR,   IPC_STATE_READY,   4,     4098,  IPC_NOTICE, IPC_NOTICE, IPC_FD_NONE) \
	X(protocol_gone,    IPC_FILES,      IPC_MONITOR,   IPC_STATE_READY,   0,     0,     0,     0,     IPC_FD_NONE)    \
	X(uploaded,         IPC_MONITOR,    IPC_HOOKS,     IPC_STATE_ANY,     31,    8600,  IPC_NOTICE, IPC_NOTICE, IPC_FD_NONE) \
	X(run_hook,         IPC_HOOKS,      IPC_LAUNCHER,  IPC_STATE_ANY,     35,    8604,  7,     263,   IPC_FD_NONE)    \
	/* monitor asks the process that asks PAM */ \
	X(authenticate,     IPC_MONITOR,    IPC_PAM,       IPC_STATE_LOGIN,   6,     640,   18,    4440,  IPC_FD_NONE)    \
	/* monitor asks master */ \
	X(attempt,          IPC_MONITOR,    IPC_MASTER,    IPC_STATE_LOGIN,   0,     0,     4,     4,     IPC_FD_REPLY)   \
	X(attempt_pam,      IPC_MONITOR,    IPC_MASTER,    IPC_STATE_LOGIN,   0,     0,     0,     0,     IPC_FD_NONE)    \
	X(verdict,          IPC_MONITOR,    IPC_MASTER,    IPC_STATE_LOGIN,   1,     1,     IPC_NOTICE, IPC_NOTICE, IPC_FD_NONE) \
	X(admit,            IPC_MONITOR,    IPC_MASTER,    IPC_STATE_LOGIN,   7,     72,    4,     4,     IPC_FD_NONE)    \
	/* a filtered process reports the call that it was stopped at, then dies */ \
	X(alarm,            IPC_PROTOCOL | IPC_FILES | IPC_MONITOR | IPC_LOGGER | IPC_HOOKS | IPC_METRICS, IPC_MONITOR | IPC_MASTER, IPC_STATE_ANY, 4, 4, IPC_NOTICE, IPC_NOTICE, IPC_FD_NONE) \
	/* a process says which step of its way behind the walls failed, then ends */ \
	X(no_walls,         IPC_PROTOCOL | IPC_FILES | IPC_MONITOR | IPC_LOGGER | IPC_HOOKS | IPC_METRICS | IPC_LAUNCHER | IPC_PAM, IPC_MONITOR | IPC_MASTER | IPC_HOOKS, IPC_STATE_ANY, 6, 6, IPC_NOTICE, IPC_NOTICE, IPC_FD_NONE) \
	/* master and monitor to the logger; logger asks the master for a new syslog socket */ \
	X(log,              IPC_MASTER | IPC_MONITOR | IPC_HOOKS, IPC_LOGGER, IPC_STATE_ANY, 20, 12000, IPC_NOTICE, IPC_NOTICE, IPC_FD_NONE) \
	X(log_target,       IPC_MASTER,     IPC_LOGGER,    IPC_STATE_ANY,     3,     3,     IPC_NOTICE, IPC_NOTICE, IPC_FD_REQUEST) \
	X(log_reconnect,    IPC_LOGGER,     IPC_MASTER,    IPC_STATE_ANY,     0,     0,     IPC_NOTICE, IPC_NOTICE, IPC_FD_NONE) \
	/* sallyportctl watches: its socket goes to the logger, which says when it has closed it */ \
	X(log_watch,        IPC_MASTER,     IPC_LOGGER,    IPC_STATE_ANY,     0,     0,     IPC_NOTICE, IPC_NOTICE, IPC_FD_REQUEST) \
	X(log_unwatched,    IPC_LOGGER,     IPC_MASTER,    IPC_STATE_ANY,     0,     0,     IPC_NOTICE, IPC_NOTICE, IPC_FD_NONE)

enum ipc_kind {
#define X(name, ...) IPC_##name,
	IPC_MESSAGES(X)
#undef X
	IPC_KIND_COUNT
};

/* end: why a session is told to end. */
enum ipc_end_reason {
	END_LOGIN_TIMEOUT,
	END_IDLE_TIMEOUT,
	END_STALL_TIMEOUT,
	END_SHUTDOWN,	/* now; a transfer is broken off */
	END_DRAIN,	/* as soon as no transfer runs */
	END_PLACE_NEEDED,
	END_KICKED,	/* by the administrator */
	END_BANNED,	/* too many failures of the address */
	END_FAILURE,	/* the server cannot serve the session: no walls, no room for its own files */
	END_REASON_COUNT
};

/* admit: the u32 of its reply. */
enum ipc_admit_outcome { ADMIT_YES, ADMIT_USER_LIMIT, ADMIT_ACCOUNT_LIMIT, ADMIT_OUTCOME_COUNT };

/*
 * Fields, in order (path: text, a home path):
 *   login         text user, bytes password              -> u64 bytes per second down, u64 up; 0: no limit (channel to files)
 *                 -EACCES wrong or refused, -EUSERS a limit of the account, -ECONNABORTED the last try
 *   listen        u8 family (0: the control connection's) -> u8 family, bytes[16] address, u32 port (listening socket)
 *   listen_ahead  u8 count        -> u8 count, at most the one asked for, u32 port of each (listening sockets, in this
 *                                 order, for transfers that may come); -EAGAIN: none now, -EOPNOTSUPP: the
 *                                 range has none to spare
 *   connect       u8 family, bytes[16] address, u32 port -> (connecting socket)
 *   transferred   one or more of: u8 direction, u8 is_ascii, u64 bytes, u64 milliseconds, u32 errno, text path
 *   noted         u8 event, text detail
 *   sign          u8 enum sign_scheme, bytes text         -> bytes signature (-EPERM, -EAGAIN: too many, -EINVAL)
 *   notice        text (UTF-8, no control characters), for the client's next reply
 *   pace          u8 enum rate_direction, u32 bytes       -> u64 microseconds to wait before they move
 *   ledger_read                   -> figures as of quota. Each ledger_ question may be answered -EUCLEAN: count first
 *   ledger_begin  u64 bytes, u64 files (that a change adds at most) -> (make it, then ledger_end) or -EDQUOT
 *   ledger_end    u64 bytes, u64 files (that were added; two's complement)
 *   ledger_upload u64 inode, u64 size, u64 wanted (bytes, or 0 for as many as sensible; within begin and end)
 *   ledger_grow                   -> (more bytes are granted to the upload)
 *   ledger_uploaded u64 size at the end (within begin and end)
 *   ledger_count                  -> bytes u64 inodes of live uploads, bytes u64 inodes of dead ones
 *   ledger_counted u32 0 or errno, u64 bytes, u64 files
 *   work_begin    u8 is_change    -> (now); each gets one answer: -ECANCELED when work_end was quicker
 *   work_end                      (the turn is given back, or not waited for any more)
 *   turn          u8 is_change, u32 process id of files -> (now); as work_begin
 *   turn_end                      (as work_end)
 *   announced     u8 family, bytes[16] address, u32 port (is told to a client, in place of any former one)
 *   announced_end                 (it is used up)
 *   ports_short   u8 family, bytes[16] address, u32 low, u32 high (the range is full there, and a client waits)
 *   yield_port                    (the announced port is needed: give it up)
 *   stat          path            -> u8 kind, u64 size, u64 mtime (seconds; before 1970 in two's complement), u32 mode
 *   enter         path            -> (may it be a working directory?)
 *   facts         u8 enum ipc_fact bits, path -> text facts, "type=file;size=3; " (RFC 3659, 7.2) without the name
 *   size_ascii    path            -> u64 size with every LF counted as CRLF
 *   open_read     u64 offset, path -> u64 size (file, read-only)
 *   open_write    u8 mode, u64 offset, path -> u64 start, text name (file, write-only, positioned at start)
 *   sync_write                    -> (the bytes of the upload are on the disk; nothing is renamed yet)
 *   grow_write                    -> (the upload may go on; asked when the kernel refuses to write more) or -EDQUOT
 *   finish_write  u8 is_complete  -> figures as of quota (the upload is whole and safe, or was given up)
 *   quota                         -> u64 bytes used, u64 their limit, u64 files used, u64 their limit
 *                                 (UINT64_MAX for no limit; used is 0 where there is neither limit)
 *   partials      u8 wants_rows   -> u64 count, u64 bytes, u64 bytes of those in use, u8 is_whole (all was looked at), then
 *                                 for the oldest, as many as fit: u64 size, u64 age in s, u8 is_in_use, text path
 *   remove_partial path (of the target; or of the partial, where partials told that) -> (it is gone)
 *   remove_partials               -> u64 removed, u64 their bytes, u64 in use, which stay, u64 that cannot be removed;
 *                                    -ECANCELED
 *   list          u8 form, u8 flags, u8 enum ipc_fact bits, u32 shown_from, path -> (read end of a pipe)
 *   list_end                      -> u64 entries; or what stopped the listing
 *   rename        path from, path to
 *   hash          u8 enum ipc_hash, u64 from, u64 to (exclusive; UINT64_MAX: the end), path
 *                                 -> u64 from, u64 to, text digest in lower-case hex; -ERANGE, -E2BIG, -ECANCELED
 *   set_time      u64 mtime (seconds, two's complement), path -> u64 mtime as the file system keeps it, as in stat
 *   set_mode      u32 permission bits (at most 0777), path
 *   copy          path from, path to (a whole new file, or the old one stays; -ECANCELED)
 *   remove_tree   path (with all that is in it, within bounds; -E2BIG, -ECANCELED)
 *   tree_size     path            -> u64 bytes of the regular files below it
 *   space         path of a directory -> u64 bytes that an upload there may take
 *   directory_message path        -> text of the directory's .message file, at most 4096 bytes; "" when there is none
 *   stop                          (the hash, copy, remove_tree, tree_size or size_ascii that runs is to end with
 *                                 -ECANCELED; late ones are dropped)
 *   stored        u64 size, text SHA-256 in hex or "", text path
 *   unguarded     u8 enum unguarded_event, text path
 *   protocol_gone                 -> (protocol is gone, with all its descriptors; the session ends for it)
 *   uploaded      see hook_event_put() in privsep/hooks/event.c
 *   run_hook      u32 attempt, fields of uploaded -> u8 enum launcher_outcome, u32 value, bytes of output
 *   authenticate  text user, text password, text address -> u32 enum pam_outcome, u32 uid, u32 gid, text name,
 *                                    text home, text reason
 *   attempt                       -> u32 step of refusals in ms (now: the password may be checked; snapshot of the
 *                                 users file)
 *   attempt_pam                   -> (now: PAM may be asked; the hash is computed, the name is not in the users file)
 *   verdict       u8 is_right (not sent when admit follows at once: that one was right)
 *   admit         u32 max_sessions of the account, text name -> u32 enum ipc_admit_outcome
 *   alarm         u32 number of the system call
 *   no_walls      u8 enum sandbox_step, u8 lacks_capability, u32 errno
 *   log           see log.c
 *   log_target    u8 enum log_target_kind, u8 enum config_log_format, u8 0 (the opened target)
 */

/* transferred: what moved. */
enum ipc_direction { DIRECTION_DOWN, DIRECTION_UP, DIRECTION_LIST, DIRECTION_COUNT };

/* noted: an event for the log that only protocol sees. */
enum ipc_noted_event {
	NOTED_BAD_COMMANDS,	/* too many senseless commands */
	NOTED_DATA_FAILED,	/* no data connection came about */
	NOTED_DATA_REFUSED,	/* PORT to elsewhere, a stranger on a passive port */
	NOTED_QUIT,		/* the client said QUIT */
	NOTED_TLS,		/* a control connection is protected: version and cipher */
	NOTED_TLS_FAILED,	/* a handshake failed, or TLS was misused */
	NOTED_TLS_REUSE,	/* a data connection did not resume the control connection's session */
	NOTED_TLS_CUT,		/* an upload ended without close_notify */
	NOTED_EVENT_COUNT
};

/* unguarded: what files cannot prevent, since a file system keeps no locks. */
enum unguarded_event {
	UNGUARDED_FILE_SYSTEM,		/* this is the first such upload of the session */
	UNGUARDED_CHANGED,		/* an upload has changed after its end, and nobody asked for that */
	UNGUARDED_CHANGED_AFTER_HOOK,	/* and a hook was told its digest */
	UNGUARDED_EVENT_COUNT
};

/* open_write: how. */
enum ipc_store_mode {
	STORE_REPLACE,	/* STOR: the whole file */
	STORE_AT,	/* REST n + STOR: from the offset on */
	STORE_APPEND,	/* APPE */
	STORE_UNIQUE,	/* STOU: a new name made of the one given */
	STORE_MODE_COUNT
};

/* stat: the kind of a thing. */
enum ipc_file_kind { FILE_REGULAR, FILE_DIRECTORY, FILE_OTHER, FILE_KIND_COUNT };

/* list: the form of a listing. */
enum ipc_list_form {
	LIST_LONG,	/* LIST: as ls -l */
	LIST_NAMES,	/* NLST */
	LIST_FACTS,	/* MLSD (RFC 3659, 7) */
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
	LIST_ALL = 1,		/* -a: hidden names too */
	LIST_RECURSIVE = 2,	/* -R */
	LIST_BY_TIME = 4,	/* -t */
	LIST_BY_SIZE = 8,	/* -S */
	LIST_REVERSE = 16,	/* -r */
	LIST_ITSELF = 32,	/* -d: the directory, not what is in it */
	LIST_CLASSIFY = 64,	/* -F */
	LIST_LONG_NAMES = 128,	/* NLST -l: long form */
	LIST_FLAGS_ALL = 255
};

#endif
