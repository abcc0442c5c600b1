/* SPDX-License-Identifier: ISC */
/*
 * protocol: parses what the network sends, and moves bytes between sockets and files that other processes hand to it.
 * It can name nothing: no call here takes a path, a process, or an address to connect to. (sendmsg has room for one,
 * which the kernel ignores or refuses on its sockets.)
 *
 * It writes files front to back: no call here moves the offset of a descriptor, or writes elsewhere. Files hashes an upload
 * while it grows, and relies on it (privsep/files/beside.h).
 */
#include <fcntl.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
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
    {SYS_recvfrom, ANY_ARGS, "control and data connection, urgent data"},
    {SYS_recvmsg, ANY_ARGS, "answers and descriptors from monitor and files"},
#ifdef SYS_poll
    {SYS_poll, ANY_ARGS, "every wait"},
#endif
    {SYS_ppoll, ANY_ARGS, "every wait"},
    {SYS_accept4, ANY_ARGS, "passive data connection, on a listening socket that monitor made"},
    {SYS_shutdown, ARG_IS(1, SHUT_WR), "the end of a data connection; never a listening socket's"},
    {SYS_sendfile, ANY_ARGS, "download, when there is nothing to encrypt or the kernel does it"},
    {SYS_fcntl, ARG_IS(1, F_SETFL), "blocking or not"},
    {SYS_getsockopt, OPTION(SOL_SOCKET, SO_ERROR), "how the connect of an active data connection went"},
    {SYS_setsockopt, OPTION(SOL_SOCKET, SO_RCVLOWAT), "room for a large upload"},
    {SYS_setsockopt, OPTION(IPPROTO_TCP, TCP_QUICKACK), "the end of an upload over TLS"},
    {SYS_setsockopt, OPTION(IPPROTO_TCP, TCP_ULP), "kernel TLS on a data connection"},
    {SYS_setsockopt, OPTION(SOL_TLS, TLS_TX), "kernel TLS: the keys that a data connection sends with"},
    /* it has no datagram socket; descriptors in flight end at its own limit of descriptors, see limits.c */
    {SYS_sendmsg, ARG_IS(2, MSG_DONTWAIT), "kernel TLS: close_notify and alerts"},
};

const struct sandbox_rules rules_protocol = {rows, sizeof(rows) / sizeof(*rows)};
