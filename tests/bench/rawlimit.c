/* SPDX-License-Identifier: ISC */
/* rawlimit.c - the limits of this machine: bare fork-per-connection servers on loopback.
 *
 * build: cc -O2 -Wall -Wextra -o rawlimit rawlimit.c -lssl -lcrypto
 *
 * usage: rawlimit HOST PORT ROOT [CERT KEY]
 *   PORT    a stub that answers the FTP dialog of ftpload and does nothing else: no password, no
 *           log, no path checks, no privilege separation; one fork per connection. It gives every
 *           row of the table a limit that includes the protocol's own round trips. With CERT and
 *           KEY also AUTH TLS.
 *   PORT+1  download, no protocol: accept, fork, sendfile ROOT/big, exit
 *   PORT+2  upload, no protocol: accept, fork, recv + write into ROOT/up, exit
 *   PORT+3  upload, no protocol: accept, fork, splice socket -> pipe -> file, exit
 *   PORT+4  connections: accept, fork, reply 8 bytes, exit
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static SSL_CTX *ctx;
static struct in_addr host;
static char *iobuf;
#ifndef IOSZ
#define IOSZ (256 << 10)
#endif

/* Port 0 means a random port named here, not by the kernel. A bind(port 0) passes over every port
 * that is in TIME_WAIT, whatever SO_REUSEADDR says, and crawls once they fill the range (measured:
 * a few hundred small downloads a second instead of thousands). */
static int
lsock(int port)
{
	static unsigned long long seed;
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = host};
	int one = 1, fd, tries = 100;
	if (!seed)
		seed = ((unsigned long long)getpid() << 32) ^ (unsigned long long)time(NULL) ^ 0x9E3779B97F4A7C15ull;
	do {
		seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
		a.sin_port = htons(port ? port : 20000 + (int)(seed % 10000));
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
		if (bind(fd, (void *)&a, sizeof a) == 0 && listen(fd, port ? 1024 : 1) == 0)
			return fd;
		close(fd);
	} while (!port && tries--);
	perror("rawlimit: bind");
	exit(1);
}

static void
send_file(int out, int in)
{
	struct stat st;
	off_t off = 0;
	fstat(in, &st);
	while (off < st.st_size && sendfile(out, in, &off, st.st_size - off) > 0)
		;
}

static void
recv_file(int in, int out)
{
	ssize_t n;
	while ((n = recv(in, iobuf, IOSZ, 0)) > 0)
		if (write(out, iobuf, n) != n)
			break;
}

static void
splice_file(int in, int out)
{
	int p[2];
	ssize_t n;
	if (pipe(p) < 0)
		return;
	fcntl(p[1], F_SETPIPE_SZ, 1 << 20);
	while ((n = splice(in, NULL, p[1], NULL, 1 << 20, SPLICE_F_MOVE)) > 0)
		while (n > 0) {
			ssize_t k = splice(p[0], NULL, out, NULL, n, SPLICE_F_MOVE);
			if (k <= 0)
				return;
			n -= k;
		}
}

/* ---- the stub ---- */

static int cfd;
static SSL *cssl;

static void
say(const char *s)
{
	int n = strlen(s);
	if ((cssl ? SSL_write(cssl, s, n) : (int)send(cfd, s, n, MSG_NOSIGNAL)) != n)
		_exit(0);
}

struct out {
	int fd;
	SSL *ssl;
	int n;
};

static void
oflush(struct out *o)
{
	if (o->n) {
		if (o->ssl)
			SSL_write(o->ssl, iobuf, o->n);
		else if (write(o->fd, iobuf, o->n) != o->n)
			_exit(0);
	}
	o->n = 0;
}

static void
list(struct out *o, int how)
{
	DIR *d = opendir(".");
	struct dirent *e;
	struct stat st;
	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		if (o->n > IOSZ - 512)
			oflush(o);
		if (how != 1 && fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		char *p = iobuf + o->n;
		if (how == 0)
			o->n += sprintf(p, "-rw-r--r--   1 ftp      ftp      %12lld Jan 01 00:00 %.255s\r\n",
			    (long long)st.st_size, e->d_name);
		else if (how == 1)
			o->n += sprintf(p, "%.255s\r\n", e->d_name);
		else {
			struct tm tm;
			gmtime_r(&st.st_mtime, &tm);
			o->n += sprintf(p, "type=%s;size=%lld;modify=%04d%02d%02d%02d%02d%02d; %.255s\r\n",
			    S_ISDIR(st.st_mode) ? "dir" : "file", (long long)st.st_size, tm.tm_year + 1900,
			    tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, e->d_name);
		}
	}
	if (d)
		closedir(d);
	oflush(o);
}

static void
stub(int fd)
{
	static char line[4096], msg[128];
	int lfd = -1, len = 0, prot = 0, one = 1;
	cfd = fd;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	say("220 stub\r\n");
	for (;;) {
		char *nl;
		while (!(nl = memchr(line, '\n', len))) {
			int n = cssl ? SSL_read(cssl, line + len, sizeof line - len)
				     : (int)recv(fd, line + len, sizeof line - len, 0);
			if (n <= 0)
				_exit(0);
			len += n;
		}
		int used = nl + 1 - line;
		*nl = 0;
		if (nl > line && nl[-1] == '\r')
			nl[-1] = 0;
		char *arg = strchr(line, ' ');
		if (arg)
			*arg++ = 0;
		else
			arg = "";
		if (!strcasecmp(line, "USER"))
			say("331 .\r\n");
		else if (!strcasecmp(line, "PASS"))
			say("230 .\r\n");
		else if (!strcasecmp(line, "PBSZ"))
			say("200 .\r\n");
		else if (!strcasecmp(line, "TYPE"))
			say("200 .\r\n");
		else if (!strcasecmp(line, "PROT")) {
			prot = 1;
			say("200 .\r\n");
		} else if (!strcasecmp(line, "CWD"))
			say(chdir(arg) == 0 ? "250 .\r\n" : "550 .\r\n");
		else if (!strcasecmp(line, "DELE"))
			say(unlink(arg) == 0 ? "250 .\r\n" : "550 .\r\n");
		else if (!strcasecmp(line, "QUIT")) {
			say("221 .\r\n");
			_exit(0);
		} else if (!strcasecmp(line, "AUTH") && ctx) {
			say("234 .\r\n");
			cssl = SSL_new(ctx);
			SSL_set_fd(cssl, fd);
			if (SSL_accept(cssl) != 1)
				_exit(0);
		} else if (!strcasecmp(line, "EPSV")) {
			struct sockaddr_in a;
			socklen_t al = sizeof a;
			lfd = lsock(0);
			getsockname(lfd, (void *)&a, &al);
			sprintf(msg, "229 (|||%d|)\r\n", ntohs(a.sin_port));
			say(msg);
		} else {
			int get = !strcasecmp(line, "RETR"), put = !strcasecmp(line, "STOR");
			int how = !strcasecmp(line, "LIST") ? 0
			    : !strcasecmp(line, "NLST")     ? 1
			    : !strcasecmp(line, "MLSD")     ? 2
							    : -1;
			int f = get ? open(arg, O_RDONLY) : put ? open(arg, O_WRONLY | O_CREAT | O_TRUNC, 0644) : -1;
			if (lfd < 0 || ((get || put) && f < 0) || (!get && !put && how < 0))
				say("550 .\r\n");
			else {
				SSL *ds = NULL;
				int d = accept(lfd, NULL, NULL);
				close(lfd);
				lfd = -1;
				say("150 .\r\n");
				if (prot) {
					ds = SSL_new(ctx);
					SSL_set_fd(ds, d);
					if (SSL_accept(ds) != 1)
						_exit(0);
				}
				if (get && !ds)
					send_file(d, f);
				else if (get) {
					struct stat st;
					fstat(f, &st);
					char *m = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, f, 0);
					for (off_t o = 0; o < st.st_size; o += IOSZ)
						if (SSL_write(
							ds, m + o, st.st_size - o < IOSZ ? st.st_size - o : IOSZ) <= 0)
							break;
					munmap(m, st.st_size);
				} else if (put && !ds)
					recv_file(d, f);
				else if (put) {
					int n;
					SSL_set_read_ahead(ds, 1);
					while ((n = SSL_read(ds, iobuf, IOSZ)) > 0)
						if (write(f, iobuf, n) != n)
							break;
				} else {
					struct out o = {d, ds, 0};
					list(&o, how);
				}
				if (ds) {
					SSL_shutdown(ds);
					SSL_free(ds);
				}
				close(d);
				if (f >= 0)
					close(f);
				say("226 .\r\n");
			}
		}
		len -= used;
		memmove(line, line + used, len);
	}
}

int
main(int argc, char **argv)
{
	if (argc < 4 || inet_pton(AF_INET, argv[1], &host) != 1) {
		fprintf(stderr, "usage: rawlimit HOST PORT ROOT [CERT KEY]\n");
		return 2;
	}
	int port = atoi(argv[2]), kind = 0;
	if (chdir(argv[3]) < 0) {
		perror(argv[3]);
		return 1;
	}
	if (argc >= 6) {
		ctx = SSL_CTX_new(TLS_server_method());
		SSL_CTX_set_session_id_context(ctx, (void *)"raw", 3);
		SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
		SSL_CTX_set_default_read_buffer_len(ctx, 1 << 18);
		if (SSL_CTX_use_certificate_chain_file(ctx, argv[4]) != 1 ||
		    SSL_CTX_use_PrivateKey_file(ctx, argv[5], SSL_FILETYPE_PEM) != 1) {
			fprintf(stderr, "rawlimit: cannot load the certificate\n");
			return 1;
		}
	}
	iobuf = aligned_alloc(4096, IOSZ);
	signal(SIGPIPE, SIG_IGN);
	for (int k = 1; k < 5; k++)
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGTERM);
			kind = k;
			break;
		}
	signal(SIGCHLD, SIG_IGN);
	int l = lsock(port + kind);
	for (;;) {
		int fd = accept4(l, NULL, NULL, 0);
		if (fd < 0)
			continue;
		if (fork() == 0) {
			char name[64];
			int f;
			close(l);
			switch (kind) {
			case 0:
				stub(fd);
				break;
			case 1:
				send_file(fd, open("big", O_RDONLY));
				break;
			case 4:
				send(fd, "220 ok\r\n", 8, 0);
				break;
			default:
				snprintf(name, sizeof name, "up/raw.%d", (int)getpid());
				f = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
				(kind == 2 ? recv_file : splice_file)(fd, f);
				close(fd);
				unlink(name);
			}
			_exit(0);
		}
		close(fd);
	}
}
