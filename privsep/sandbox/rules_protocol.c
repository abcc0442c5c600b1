/*
 * protocol: parses what the network sends, and moves bytes between sockets and files that
 * were handed to it. Names nothing: no call here takes a path, a process or an address to
 * connect to.
 */
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "privsep/sandbox/rules.h"

#include "common/banned.h"

#ifndef SOL_TLS
#define SOL_TLS 282
#endif

#define OPTION(level, name) ARGS(IS(1, level), IS(2, name))

static const struct sandbox_rule rows[] = {
    {SYS_read, ANY_ARGS, "control and data connection, handed-over file, pipe of a listing"},
    {SYS_write, ANY_ARGS, "control and data connection, handed-over file"},
    {SYS_readv, ANY_ARGS, "as read"},
    {SYS_writev, ANY_ARGS, "a reply of several lines; TLS records"},
    {SYS_pread64, ANY_ARGS, "handed-over file, for line ends and ranges"},
    {SYS_recvfrom, ANY_ARGS, "control and data connection, urgent data"},
    {SYS_sendto, ANY_ARGS, "control and data connection; the report of the SIGSYS handler"},
    {SYS_recvmsg, ANY_ARGS, "answers and descriptors from monitor and files"},
    {SYS_sendmsg, ANY_ARGS, "questions to monitor and files"},
#ifdef SYS_poll
    {SYS_poll, ANY_ARGS, "every wait"},
#endif
    {SYS_ppoll, ANY_ARGS, "every wait"},
    {SYS_accept4, ANY_ARGS, "passive data connection, on a listening socket that monitor made"},
    {SYS_shutdown, ANY_ARGS, "the end of a data connection"},
    {SYS_getpeername, ANY_ARGS, "who connected to the passive port"},
    {SYS_getsockname, ANY_ARGS, "the address the client dialled"},
    {SYS_sendfile, ANY_ARGS, "download"},
    {SYS_splice, ANY_ARGS, "upload"},
    {SYS_pipe2, ANY_ARGS, "upload: what splice goes through"},
    {SYS_fstat, ANY_ARGS, "handed-over file"},

    {SYS_fcntl, ARG_IS(1, F_GETFL), "blocking or not"},
    {SYS_fcntl, ARG_IS(1, F_SETFL), "blocking or not"},
    {SYS_fcntl, ARG_IS(1, F_SETPIPE_SZ), "upload: a roomy pipe"},
    {SYS_fcntl, ARG_IS(1, F_GETPIPE_SZ), "upload: how roomy it came out"},

    {SYS_ioctl, ARG_IS(1, FIONREAD), "is a command waiting?"},
    {SYS_ioctl, ARG_IS(1, SIOCATMARK), "ABOR after a telnet Synch (RFC 959, 4.1.3)"},
    {SYS_ioctl, ARG_IS(1, SIOCOUTQ), "has the client got everything?"},

    {SYS_getsockopt, ARG_IS(1, SOL_SOCKET), "SO_ERROR of a connecting socket"},
    {SYS_getsockopt, ARG_IS(1, IPPROTO_TCP), "TCP_INFO"},
    {SYS_setsockopt, OPTION(SOL_SOCKET, SO_KEEPALIVE), "dead clients"},
    {SYS_setsockopt, OPTION(SOL_SOCKET, SO_LINGER), "abort a data connection"},
    {SYS_setsockopt, OPTION(SOL_SOCKET, SO_OOBINLINE), "telnet Synch"},
    {SYS_setsockopt, OPTION(SOL_SOCKET, SO_RCVBUF), "data connection"},
    {SYS_setsockopt, OPTION(SOL_SOCKET, SO_SNDBUF), "data connection"},
    {SYS_setsockopt, OPTION(SOL_SOCKET, SO_RCVTIMEO), "bounded waits"},
    {SYS_setsockopt, OPTION(SOL_SOCKET, SO_SNDTIMEO), "bounded waits"},
    {SYS_setsockopt, OPTION(IPPROTO_TCP, TCP_NODELAY), "replies leave at once"},
    {SYS_setsockopt, OPTION(IPPROTO_TCP, TCP_CORK), "full segments of a download"},
    {SYS_setsockopt, OPTION(IPPROTO_TCP, TCP_QUICKACK), "replies leave at once"},
    {SYS_setsockopt, OPTION(IPPROTO_TCP, TCP_KEEPIDLE), "dead clients"},
    {SYS_setsockopt, OPTION(IPPROTO_TCP, TCP_KEEPINTVL), "dead clients"},
    {SYS_setsockopt, OPTION(IPPROTO_TCP, TCP_KEEPCNT), "dead clients"},
    {SYS_setsockopt, OPTION(IPPROTO_TCP, TCP_USER_TIMEOUT), "dead clients"},
    {SYS_setsockopt, OPTION(IPPROTO_TCP, TCP_NOTSENT_LOWAT), "a short queue, so that ABOR stops soon"},
    {SYS_setsockopt, OPTION(IPPROTO_TCP, TCP_ULP), "kernel TLS"},
    {SYS_setsockopt, ARG_IS(1, SOL_TLS), "kernel TLS: the keys of the session"},
};

const struct sandbox_rules rules_protocol = {rows, sizeof(rows) / sizeof(*rows)};
