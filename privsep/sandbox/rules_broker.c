/* SPDX-License-Identifier: ISC */
/* broker: speaks with a database, by libpq and OpenSSL, and answers on channels that are handed to it. */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "privsep/sandbox/rules.h"

#include "common/banned.h"

#define SOCKET_OF(family) ARGS(IS(0, family), IS_BUT(1, SOCK_STREAM, SOCK_CLOEXEC | SOCK_NONBLOCK), IS(2, 0))
#define SOCKET_OPTION(level, name) ARGS(IS(1, level), IS(2, name))
#define ONLY_FOR_READING \
	ARG_HAS_NONE(2, O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND | (O_TMPFILE & ~O_DIRECTORY) | O_DIRECT | O_PATH)

static const struct sandbox_rule rows[] = {
    {SYS_recvmsg, ANY_ARGS, "new channels and addresses from the master, questions of monitors"},
    {SYS_epoll_ctl, ANY_ARGS, "what is waited for"},
#ifdef SYS_epoll_wait
    {SYS_epoll_wait, ANY_ARGS, "every wait"},
#endif
    {SYS_epoll_pwait, ANY_ARGS, "every wait"},
#ifdef SYS_poll
    {SYS_poll, ANY_ARGS, "is that the end of a channel? libpq before it reads"},
#endif
    {SYS_ppoll, ANY_ARGS, "as poll"},
    {SYS_socket, SOCKET_OF(AF_INET), "a connection to the database"},
    {SYS_socket, SOCKET_OF(AF_INET6), "a connection to the database"},
    {SYS_socket, SOCKET_OF(AF_UNIX), "a connection to a database of this machine"},
    {SYS_connect, ANY_ARGS, "a connection to the database; Landlock knows the ports"},
    {SYS_getsockopt, SOCKET_OPTION(SOL_SOCKET, SO_ERROR), "did the connection come about?"},
    {SYS_getsockname, ANY_ARGS, "libpq notes its own address"},
    {SYS_setsockopt, SOCKET_OPTION(IPPROTO_TCP, TCP_NODELAY), "a question leaves at once"},
    {SYS_setsockopt, SOCKET_OPTION(SOL_SOCKET, SO_KEEPALIVE), "a database that is gone without a word"},
    {SYS_setsockopt, SOCKET_OPTION(IPPROTO_TCP, TCP_KEEPIDLE), "as SO_KEEPALIVE"},
    {SYS_setsockopt, SOCKET_OPTION(IPPROTO_TCP, TCP_KEEPINTVL), "as SO_KEEPALIVE"},
    {SYS_setsockopt, SOCKET_OPTION(IPPROTO_TCP, TCP_KEEPCNT), "as SO_KEEPALIVE"},
    {SYS_setsockopt, SOCKET_OPTION(IPPROTO_TCP, TCP_USER_TIMEOUT), "as SO_KEEPALIVE"},
    {SYS_fcntl, ARG_IS(1, F_GETFL), "libpq makes its socket non-blocking"},
    {SYS_fcntl, ARG_IS(1, F_SETFL), "libpq makes its socket non-blocking"},
    {SYS_fcntl, ARG_IS(1, F_SETFD), "libpq's socket closes on execve, which there is none of"},
    {SYS_recvfrom, ANY_ARGS, "what the database says, in clear"},
    {SYS_read, ANY_ARGS, "what the database says, by OpenSSL; certificates, the key, a file of passwords"},
    {SYS_write, ANY_ARGS, "what the database is told, by OpenSSL"},
    {SYS_openat, ONLY_FOR_READING, "certificates, the key, a file of passwords; Landlock knows where"},
#if !defined(__GLIBC__) && defined(SYS_stat)
    {SYS_stat, ANY_ARGS, "as newfstatat, of absolute paths"},
    {SYS_open, ARG_HAS_NONE(1, O_ACCMODE | O_CREAT | O_TRUNC), "as openat"},
#endif
    {SYS_newfstatat, ANY_ARGS, "are they there, and who may read them?"},
    {SYS_fstat, ANY_ARGS, "the size of such a file"},
    {SYS_lseek, ANY_ARGS, "libc gives back what it has read too much of a file"},
    {SYS_geteuid, ANY_ARGS, "libpq: whose key is that?"},
};

const struct sandbox_rules rules_broker = {rows, sizeof(rows) / sizeof(*rows)};
