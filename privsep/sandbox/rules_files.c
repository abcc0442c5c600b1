/* SPDX-License-Identifier: ISC */
/*
 * files: opens, lists and changes the entries of one home, as its user. It makes no socket, touches no process, and
 * neither executes, changes owners nor mounts.
 */
#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "privsep/sandbox/rules.h"

#include "common/banned.h"

#define FORCE_SYNC 0x2000 /* AT_STATX_FORCE_SYNC, which not every libc has */

static const struct sandbox_rule rows[] = {
    {SYS_recvmsg, ANY_ARGS, "questions of protocol"},
    {SYS_sendmsg, SENDMSG_NO_DIAL, "descriptors to protocol"},
    {SYS_ioctl, ARG_IS(1, SIOCOUTQ), "does protocol leave descriptors unread?"},
#ifdef SYS_poll
    {SYS_poll, ANY_ARGS, "every wait"},
#endif
    {SYS_ppoll, ANY_ARGS, "every wait"},

    {SYS_openat2, ANY_ARGS, "every look-up of a path: resolved below the home by the kernel"},
    {SYS_openat, ANY_ARGS, "a name in a directory that openat2 gave"},
    {SYS_newfstatat, ANY_ARGS, "facts; fstat of libc"},
#if !defined(__GLIBC__) && defined(SYS_stat)
    {SYS_stat, ANY_ARGS, "as newfstatat, of absolute paths"},
    {SYS_lstat, ANY_ARGS, "as newfstatat, of absolute paths"},
#endif
    {SYS_fstat, ANY_ARGS, "facts; is it a regular file?"},
    {SYS_fstatfs, ANY_ARGS, "AVBL: room that is left; is the home on shared storage?"},
    {SYS_statx, ARGS(IS_BUT(2, FORCE_SYNC, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)),
	"shared storage: what the server has now, before a look that decides"},
    {SYS_getdents64, ANY_ARGS, "listings"},
    {SYS_readlinkat, ANY_ARGS, "where a link leads, for a listing"},
    {SYS_read, ANY_ARGS, "SIZE in type A, copies, the message of a directory"},
    {SYS_pread64, ANY_ARGS, "hashes"},
    {SYS_write, ANY_ARGS, "the pipe of a listing; copies where copy_file_range cannot"},
    {SYS_lseek, ANY_ARGS, "where an upload begins; directories from their start"},
    {SYS_pipe2, ANY_ARGS, "the pipe of a listing"},
    {SYS_ftruncate, ANY_ARGS, "REST and STOR: what follows the offset"},
    {SYS_fchmod, ARG_HAS_NONE(1, S_ISUID), "the configured mode, whatever the umask; SITE CHMOD"},
    {SYS_fchmodat, ARG_HAS_NONE(2, S_ISUID), "SITE CHMOD of what its owner may neither read nor write"},
    {SYS_geteuid, ANY_ARGS, "the quota: is what its owner closed ours, to be opened for a look?"},
    {SYS_fsync, ANY_ARGS, "an upload is safe"},
#ifdef SYS_renameat
    {SYS_renameat, ANY_ARGS, "RNTO; an upload takes its name (libc: renameat2 without flags)"},
#endif
    {SYS_renameat2, ANY_ARGS, "RNTO without overwriting"},
    {SYS_linkat, ARG_IS(4, 0),
	"RNTO without overwriting, where the file system has no flag for it: never through a link"},
    {SYS_unlinkat, ANY_ARGS, "DELE, RMD"},
    {SYS_mkdirat, ANY_ARGS, "MKD"},
    {SYS_utimensat, ANY_ARGS, "MFMT"},
    {SYS_flock, ANY_ARGS, "two uploads to one name"},
    {SYS_copy_file_range, ANY_ARGS, "SITE CPTO"},
    {SYS_fgetxattr, ANY_ARGS, "hashes that were kept"},
    {SYS_fsetxattr, ANY_ARGS, "hashes that are kept"},

    {SYS_fcntl, ARG_IS(1, F_SETFL), "handed-over files block"},
    {SYS_fcntl, ARG_IS(1, F_SETPIPE_SZ), "the pipe of a listing"},
    {SYS_fcntl, ARG_IS(1, F_DUPFD_CLOEXEC), "SITE CPTO: what close says, before the copy takes its name"},
    {SYS_fcntl, ARG_IS(1, F_OFD_SETLK), "an upload's descriptor is marked"},
    {SYS_fcntl, ARG_IS(1, F_OFD_GETLK), "does protocol keep it after the upload?"},
};

const struct sandbox_rules rules_files = {rows, sizeof(rows) / sizeof(*rows)};
