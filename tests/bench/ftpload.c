/* SPDX-License-Identifier: ISC */
/* ftpload.c - a small FTP/FTPS load generator that tries to cost little itself.
 *
 * build: cc -O2 -Wall -Wextra -o ftpload ftpload.c -lssl -lcrypto -lcrypt -lpthread
 *
 * usage: ftpload [-h host] [-b source address] [-p port] [-u user] [-w password] [-t] [-D]
 *                [-j sessions] [-n count] [-T seconds] [-f path] [-s bytes] [-r repeats]
 *                [-U accounts] [-R rate] [-c command] [-H] MODE
 *   -t  explicit TLS (AUTH TLS, PBSZ 0, PROT P; data connections resume the control session)
 *   -D  TLS downloads: discard the ciphertext unread instead of decrypting it (cheap client;
 *       needs -s, the size of the file); without it the client decrypts as a real client does
 *   -b  connect from this address (a second loopback address keeps the client's TIME_WAIT ports
 *       out of the way of the server's passive ports, as two machines would)
 *   -T  stop starting new work after this many seconds
 *   -U  login: not as user, but in turn as user0000000 to the last of this many (spread, not in order)
 *   -R  login: begin so many sessions a second, not as fast as they go, and get -f in each, if it is given; times count
 *       from the moment when a session was to begin
 *   -c  list: this command alone, LIST, NLST or MLSD
 *   -H  list: hold the session until stdin ends, after the line
 *
 * modes (one JSON line each):
 *   login       -j concurrent connections, -n logins in all: logins/s and latency percentiles
 *   retr        -j sessions download -f (-r times each, bounded by -T): GB/s (1e9 bytes)
 *   stor        -j sessions upload -s bytes to -f/bench_J (deleted afterwards): GB/s
 *   small-get   -j sessions get -f/f00000.. (-r files in the folder), -n files each: files/s
 *   small-put   -j sessions put -s (1024) bytes to -f/JJJ_NNNNN, -n files each: files/s
 *   list        LIST, NLST, MLSD of folder -f, -r times each: median seconds, entries/s
 *   idle        -n logged-in sessions (-j at once); prints the line, then holds until stdin ends
 *   active      as idle, then each session in turn gets -f/f00000, one every -s microseconds; a second line at the end
 *   concurrent  -n sessions log in, then all download -f at the same moment
 *   raw-retr, raw-stor, raw-conn   the same loops against rawlimit, with no protocol
 *   tree        -n PID: processes, threads, PSS, pages that no file has, page tables and CPU seconds of a process
 *               tree; of the whole machine, slab, vmalloc, kernel stacks and threads (see memory.py)
 *   make        -n empty files in the folder -f (of this machine, no server)
 *   hash        -n times crypt(3) of the password with the setting -f: milliseconds each
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <crypt.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const char *o_host = "127.0.0.1", *o_user = "ftpbench", *o_pass = "ftpbench", *o_path = "";
static const char *o_command;
static int o_port = 21, o_hold, o_tls, o_discard, o_j = 1, o_rep = 1;
static long o_n = 1, o_users, o_rate;
static long long o_size;
static double o_max = 1e9;
static struct sockaddr_in srv, src;
static SSL_CTX *ctx;

struct sess {
	int fd;
	SSL *ssl;
	int len, pos;
	char buf[4096];
	char line[1024];
	long long bytes;
	long ops, err, dconn, reused;
	double t220, t230;
};

static atomic_long g_next, g_err, g_user;
static atomic_int g_said;
static double g_t0;
static char g_cipher[64] = "", g_ver[16] = "";

static double
now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec * 1e-9;
}

static double
cpu_self(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static int
fail(const char *what, const char *detail)
{
	atomic_fetch_add(&g_err, 1);
	if (atomic_fetch_add(&g_said, 1) < 5)
		fprintf(stderr, "ftpload: %s: %s\n", what, detail ? detail : strerror(errno));
	return -1;
}

static int
dial(int port)
{
	struct sockaddr_in a = srv;
	struct timeval tv = {30, 0};
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail("socket", NULL);
	a.sin_port = htons(port);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (src.sin_family) {
		setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
		if (bind(fd, (void *)&src, sizeof src) < 0)
			fail("bind", NULL);
	}
	if (connect(fd, (void *)&a, sizeof a) < 0) {
		fail("connect", NULL);
		close(fd);
		return -1;
	}
	return fd;
}

/* ---- control connection ---- */

static int
fill(struct sess *s)
{
	int n = s->ssl ? SSL_read(s->ssl, s->buf, sizeof s->buf) : (int)recv(s->fd, s->buf, sizeof s->buf, 0);
	s->pos = 0;
	s->len = n > 0 ? n : 0;
	return n;
}

static int
getline_(struct sess *s)
{
	size_t k = 0;
	for (;;) {
		if (s->pos >= s->len && fill(s) <= 0)
			return -1;
		char c = s->buf[s->pos++];
		if (c == '\n')
			break;
		if (k < sizeof s->line - 1)
			s->line[k++] = c;
	}
	s->line[k] = 0;
	return 0;
}

static int
reply(struct sess *s)
{
	int code;
	if (getline_(s) < 0)
		return fail("reply", "control connection closed or timed out");
	code = atoi(s->line);
	if (s->line[3] == '-') {
		char end[5];
		snprintf(end, sizeof end, "%03d ", code);
		do
			if (getline_(s) < 0)
				return fail("reply", "control connection closed in a multi-line reply");
		while (strncmp(s->line, end, 4));
	}
	return code;
}

static int
put(struct sess *s, const char *fmt, ...)
{
	char b[1200];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(b, sizeof b - 2, fmt, ap);
	va_end(ap);
	memcpy(b + n, "\r\n", 2);
	n += 2;
	int r = s->ssl ? SSL_write(s->ssl, b, n) : (int)send(s->fd, b, n, MSG_NOSIGNAL);
	return r == n ? 0 : fail("send", NULL);
}

static int
want(struct sess *s, int klass, const char *what)
{
	int c = reply(s);
	if (c < 0)
		return -1;
	if (c / 100 != klass)
		return fail(what, s->line);
	return c;
}

static void
bye(struct sess *s)
{
	if (s->ssl)
		SSL_free(s->ssl);
	if (s->fd >= 0)
		close(s->fd);
	s->ssl = NULL;
	s->fd = -1;
}

/* connect, greeting, [AUTH TLS], USER, PASS; with data!=0 also PBSZ/PROT and TYPE I */
static int
login(struct sess *s, int data)
{
	double t = now();
	s->ssl = NULL;
	s->len = s->pos = 0;
	if ((s->fd = dial(o_port)) < 0)
		return -1;
	if (want(s, 2, "greeting") < 0)
		goto bad;
	s->t220 = now() - t;
	if (o_tls) {
		if (put(s, "AUTH TLS") < 0 || want(s, 2, "AUTH TLS") < 0)
			goto bad;
		s->ssl = SSL_new(ctx);
		SSL_set_fd(s->ssl, s->fd);
		if (SSL_connect(s->ssl) != 1) {
			fail("SSL_connect", ERR_error_string(ERR_get_error(), NULL));
			goto bad;
		}
	}
	int c;
	char user[256];
	if (o_users > 0)
		snprintf(user, sizeof user, "%s%07ld", o_user, atomic_fetch_add(&g_user, 1) * 7919 % o_users);
	else
		snprintf(user, sizeof user, "%s", o_user);
	if (put(s, "USER %s", user) < 0 || (c = reply(s)) < 0)
		goto bad;
	if (c == 331 && (put(s, "PASS %s", o_pass) < 0 || want(s, 2, "PASS") < 0))
		goto bad;
	if (c != 331 && c != 230) {
		fail("USER", s->line);
		goto bad;
	}
	s->t230 = now() - t;
	if (data) {
		if (o_tls &&
		    (put(s, "PBSZ 0") < 0 || want(s, 2, "PBSZ") < 0 || put(s, "PROT P") < 0 || want(s, 2, "PROT") < 0))
			goto bad;
		if (put(s, "TYPE I") < 0 || want(s, 2, "TYPE") < 0)
			goto bad;
	}
	if (s->ssl && !g_ver[0]) {
		snprintf(g_ver, sizeof g_ver, "%s", SSL_get_version(s->ssl));
		snprintf(g_cipher, sizeof g_cipher, "%s", SSL_get_cipher(s->ssl));
	}
	return 0;
bad:
	bye(s);
	return -1;
}

static void
quit(struct sess *s)
{
	if (s->fd >= 0 && put(s, "QUIT") == 0)
		reply(s);
	bye(s);
}

/* ---- data connection ---- */

struct data {
	int fd;
	SSL *ssl;
};

/* EPSV, connect, send the command, 1xx, TLS handshake. Returns 0, -1 broken, 1 refused (5xx). */
static int
dopen(struct sess *s, struct data *d, const char *cmd, const char *arg)
{
	d->fd = -1;
	d->ssl = NULL;
	if (put(s, "EPSV") < 0)
		return -1;
	int c = reply(s);
	char *p = strstr(s->line, "(|||");
	if (c != 229 || !p)
		return c < 0 ? -1 : fail("EPSV", s->line);
	if ((d->fd = dial(atoi(p + 4))) < 0)
		return -1;
	if ((*arg ? put(s, "%s %s", cmd, arg) : put(s, "%s", cmd)) < 0 || (c = reply(s)) < 0)
		goto bad;
	if (c / 100 != 1) {
		close(d->fd);
		d->fd = -1;
		if (c / 100 == 5)
			return 1;
		return fail(cmd, s->line);
	}
	s->dconn++;
	if (s->ssl) {
		SSL_SESSION *ss = SSL_get1_session(s->ssl);
		d->ssl = SSL_new(ctx);
		SSL_set_fd(d->ssl, d->fd);
		if (!o_discard) /* bytes that are read ahead would be missing from the count of discarded bytes */
			SSL_set_read_ahead(d->ssl, 1);
		if (ss) {
			SSL_set_session(d->ssl, ss);
			SSL_SESSION_free(ss);
		}
		if (SSL_connect(d->ssl) != 1) {
			fail("SSL_connect(data)", ERR_error_string(ERR_get_error(), NULL));
			goto bad;
		}
		if (SSL_session_reused(d->ssl))
			s->reused++;
	}
	return 0;
bad:
	if (d->ssl)
		SSL_free(d->ssl);
	close(d->fd);
	return -1;
}

/* end of an upload or download: say goodbye in both layers, and leave nothing unread (an RST
 * could cost the server its last bytes) */
static void
dclose(struct data *d, int upload)
{
	if (d->ssl) {
		SSL_shutdown(d->ssl);
		if (upload) {
			shutdown(d->fd, SHUT_WR);
			while (recv(d->fd, NULL, 1 << 20, MSG_TRUNC) > 0)
				;
		}
		SSL_free(d->ssl);
	}
	close(d->fd);
}

static long long
drain_plain(int fd)
{
	long long t = 0;
	ssize_t n;
	while ((n = recv(fd, NULL, 8 << 20, MSG_TRUNC)) > 0)
		t += n;
	return n < 0 ? fail("recv(data)", NULL) : t;
}

static long long
drain(struct data *d)
{
	static __thread char *buf;
	long long t = 0;
	int n;
	if (!d->ssl)
		return drain_plain(d->fd);
	if (o_discard) {
		struct timeval tv = {0, 20000}; /* vsftpd waits for our close_notify; others close first */
		int said = 0, near = 0;
		for (;;) {
			ssize_t k = recv(d->fd, NULL, 8 << 20, MSG_TRUNC);
			if (k == 0)
				break;
			if (k < 0) {
				if (errno != EAGAIN || said++ > 50)
					return fail("recv(data)", NULL);
				if (said == 1)
					SSL_shutdown(d->ssl);
				continue;
			}
			t += k;
			if (!near && t >= o_size) {
				near = 1;
				setsockopt(d->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
			}
		}
		return t >= o_size ? o_size : fail("recv(data)", "short");
	}
	if (!buf)
		buf = malloc(1 << 18);
	while ((n = SSL_read(d->ssl, buf, 1 << 18)) > 0)
		t += n;
	if (SSL_get_error(d->ssl, n) != SSL_ERROR_ZERO_RETURN)
		return fail("SSL_read(data)", "no close_notify");
	return t;
}

static int mfd = -1;
static char *mmem;

static void
make_mem(long long size)
{
	mfd = memfd_create("ftpload", 0);
	if (mfd < 0 || ftruncate(mfd, size) < 0)
		exit(2);
	mmem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, mfd, 0);
	for (long long i = 0; i < size; i += 8)
		*(unsigned long long *)(mmem + i) = (unsigned long long)i * 0x9E3779B97F4A7C15ull;
}

static long long
send_plain(int fd)
{
	off_t off = 0;
	while (off < o_size) {
		ssize_t n = sendfile(fd, mfd, &off, o_size - off);
		if (n <= 0)
			return fail("sendfile", NULL);
	}
	return off;
}

static long long
pump(struct data *d)
{
	if (!d->ssl)
		return send_plain(d->fd);
	for (long long o = 0; o < o_size;) {
		long long k = o_size - o < (1 << 20) ? o_size - o : (1 << 20);
		int n = SSL_write(d->ssl, mmem + o, (int)k);
		if (n <= 0)
			return fail("SSL_write", ERR_error_string(ERR_get_error(), NULL));
		o += n;
	}
	return o_size;
}

static int
get(struct sess *s, const char *name, long long *got)
{
	struct data d;
	int r = dopen(s, &d, "RETR", name);
	if (r)
		return r > 0 ? fail("RETR", s->line) : -1;
	*got = drain(&d);
	dclose(&d, 0);
	if (*got < 0)
		return -1;
	return want(s, 2, "RETR end") < 0 ? -1 : 0;
}

static int
putf(struct sess *s, const char *name)
{
	struct data d;
	int r = dopen(s, &d, "STOR", name);
	if (r)
		return r > 0 ? fail("STOR", s->line) : -1;
	long long n = pump(&d);
	dclose(&d, 1);
	if (n < 0)
		return -1;
	return want(s, 2, "STOR end") < 0 ? -1 : 0;
}

/* ---- modes ---- */

static struct sess *S;
static double *lat220, *lat230;
static pthread_barrier_t bar;
static sem_t sem;
static int mode_;
/* clang-format off */
enum { M_LOGIN, M_RETR, M_STOR, M_SGET, M_SPUT, M_LIST, M_IDLE, M_ACTIVE, M_CONC, M_RRETR, M_RSTOR, M_RCONN, M_TREE,
	M_MAKE, M_HASH };
/* clang-format on */
static const char *modes[] = {"login", "retr", "stor", "small-get", "small-put", "list", "idle", "active", "concurrent",
    "raw-retr", "raw-stor", "raw-conn", "tree", "make", "hash", NULL};

static int
late(void)
{
	return now() - g_t0 > o_max;
}

/* Sleep until session number i is to begin. Returns how late it is: all threads were busy. */
static double
wait_for_turn(long i)
{
	double due = g_t0 + (double)i / o_rate, left = due - now();
	struct timespec ts = {(time_t)left, (long)((left - (time_t)left) * 1e9)};
	if (left > 0)
		nanosleep(&ts, NULL);
	return left < 0 ? -left : 0;
}

static void *
worker(void *arg)
{
	struct sess *s = arg;
	int id = (int)(s - S);
	char name[1024];
	long long got;
	s->fd = -1;

	if (mode_ == M_LOGIN) {
		long i;
		pthread_barrier_wait(&bar);
		while (!late() && (i = atomic_fetch_add(&g_next, 1)) < o_n) {
			double late_s = o_rate ? wait_for_turn(i) : 0;
			if (login(s, o_rate && *o_path) < 0) {
				s->err++;
				continue;
			}
			lat220[i] = s->t220 + late_s;
			lat230[i] = s->t230 + late_s;
			if (o_rate && *o_path && get(s, o_path, &got) != 0)
				s->err++;
			quit(s);
			s->ops++;
		}
		return NULL;
	}
	if (mode_ == M_RRETR || mode_ == M_RSTOR || mode_ == M_RCONN) {
		pthread_barrier_wait(&bar);
		for (long i = 0; !late(); i++) {
			if (mode_ == M_RCONN ? atomic_fetch_add(&g_next, 1) >= o_n : i >= o_rep)
				break;
			int fd = dial(o_port);
			if (fd < 0) {
				s->err++;
				continue;
			}
			if (mode_ == M_RSTOR) {
				got = send_plain(fd);
				shutdown(fd, SHUT_WR);
				drain_plain(fd);
			} else {
				got = drain_plain(fd);
			}
			close(fd);
			if (got <= 0)
				s->err++;
			else
				s->bytes += got;
			s->ops++;
		}
		return NULL;
	}
	if (mode_ == M_IDLE || mode_ == M_ACTIVE) {
		long i;
		pthread_barrier_wait(&bar);
		while ((i = atomic_fetch_add(&g_next, 1)) < o_n) {
			S[i].fd = -1;
			if (login(&S[i], 1) < 0)
				S[i].err++;
			else
				S[i].ops++;
		}
		return NULL;
	}

	sem_wait(&sem);
	int ok = login(s, 1) == 0;
	sem_post(&sem);
	if (!ok)
		s->err++;
	pthread_barrier_wait(&bar); /* every session is logged in */
	pthread_barrier_wait(&bar); /* main has started the clock */
	if (!ok)
		return NULL;

	for (long i = 0; !late(); i++) {
		int r = 0;
		got = 0;
		if (mode_ == M_RETR) {
			if (i >= o_rep)
				break;
			r = get(s, o_path, &got);
		} else if (mode_ == M_STOR) {
			if (i >= o_rep)
				break;
			snprintf(name, sizeof name, "%s/bench_%d", o_path, id);
			r = putf(s, name);
			got = o_size;
		} else if (mode_ == M_SGET) {
			if (i >= o_n)
				break;
			snprintf(name, sizeof name, "%s/f%05ld", o_path, (i + id * 37) % o_rep);
			r = get(s, name, &got);
		} else if (mode_ == M_SPUT) {
			if (i >= o_n)
				break;
			snprintf(name, sizeof name, "%s/%03d_%05ld", o_path, id, i);
			r = putf(s, name);
			got = o_size;
		} else {
			if (i >= 1)
				break;
			r = get(s, o_path, &got);
		}
		if (r < 0) {
			s->err++;
			break;
		}
		s->bytes += got;
		s->ops++;
	}
	pthread_barrier_wait(&bar); /* the clock stops */
	if (mode_ == M_STOR && s->fd >= 0) {
		snprintf(name, sizeof name, "%s/bench_%d", o_path, id);
		if (put(s, "DELE %s", name) == 0)
			reply(s);
	}
	quit(s);
	return NULL;
}

static int
cmpd(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static double
pct(double *v, long n, double p)
{
	return n ? v[(long)(p * (n - 1) + 0.5)] : 0;
}

/* until the process that started this closes stdin */
static void
hold(void)
{
	char b[64];
	while (read(0, b, sizeof b) > 0)
		;
}

static void
do_list(void)
{
	static const char *cmds[] = {"LIST", "NLST", "MLSD"};
	struct sess *s = &S[0];
	char buf[1 << 16];
	double c0 = cpu_self();
	printf("{\"mode\":\"list\",\"tls\":%d", o_tls);
	if (login(s, 1) < 0 || put(s, "CWD %s", o_path) < 0 || want(s, 2, "CWD") < 0)
		exit(1);
	for (int k = 0; k < 3; k++) {
		if (o_command && strcmp(o_command, cmds[k]))
			continue;
		double t[64];
		long ents = 0;
		long long bytes = 0;
		int i, no = 0;
		for (i = 0; i < o_rep && i < 64; i++) {
			struct data d;
			double t0 = now();
			ents = bytes = 0;
			int r = dopen(s, &d, cmds[k], "");
			if (r == 1) {
				no = 1;
				break;
			}
			if (r < 0)
				exit(1);
			for (;;) {
				ssize_t n = d.ssl ? SSL_read(d.ssl, buf, sizeof buf) : recv(d.fd, buf, sizeof buf, 0);
				if (n <= 0)
					break;
				for (ssize_t j = 0; j < n; j++)
					ents += buf[j] == '\n';
				bytes += n;
			}
			dclose(&d, 0);
			if (want(s, 2, "list end") < 0)
				exit(1);
			t[i] = now() - t0;
			if (now() - g_t0 > o_max && i >= 0) {
				i++;
				break;
			}
		}
		if (no) {
			printf(",\"%s_s\":null,\"%s_eps\":null,\"%s_entries\":null", cmds[k], cmds[k], cmds[k]);
			continue;
		}
		qsort(t, i, sizeof *t, cmpd);
		printf(",\"%s_s\":%.5f,\"%s_eps\":%.0f,\"%s_entries\":%ld,\"%s_bytes\":%lld", cmds[k], t[i / 2],
		    cmds[k], ents / t[i / 2], cmds[k], ents, cmds[k], bytes);
	}
	printf(",\"client_cpu_s\":%.3f,\"errors\":%ld}\n", cpu_self() - c0, (long)g_err);
	fflush(stdout);
	if (o_hold)
		hold();
	quit(s);
}

/* One round to wake everybody, without a pause; then the line; then on, paced, until stdin ends. */
static void
do_active(void)
{
	struct pollfd in = {0, POLLIN, 0};
	double *t = malloc(sizeof *t * 1000000), t0;
	char name[1024];
	long n = 0, err = 0;
	long long got;
	int said = 0;
	snprintf(name, sizeof name, "%s/f00000", o_path);
	for (long i = 0; poll(&in, 1, 0) == 0; i = (i + 1) % o_n) {
		if (i == 0 && n >= o_n && !said) {
			printf("{\"mode\":\"active\",\"sessions\":%ld,\"errors\":%ld}\n", o_n, err);
			fflush(stdout);
			said = 1;
			n = 0;
		}
		if (S[i].fd < 0)
			continue;
		t0 = now();
		if (get(&S[i], name, &got) < 0)
			err++;
		if (n < 1000000)
			t[n++] = now() - t0;
		if (said && o_size > 0)
			usleep((useconds_t)o_size);
	}
	qsort(t, n, sizeof *t, cmpd);
	printf("{\"mode\":\"active\",\"ops\":%ld,\"errors\":%ld,\"ms_p50\":%.3f,\"ms_p99\":%.3f}\n", n, err,
	    1e3 * pct(t, n, .5), 1e3 * pct(t, n, .99));
}

static int
do_make(void)
{
	char name[1024];
	if (mkdir(o_path, 0755) < 0 && errno != EEXIST)
		return fail(o_path, NULL);
	for (long i = 0; i < o_n; i++) {
		snprintf(name, sizeof name, "%s/file-%07ld.dat", o_path, i);
		int fd = open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
		if (fd < 0)
			return fail(name, NULL);
		close(fd);
	}
	return 0;
}

static int
do_hash(void)
{
	struct crypt_data data = {0};
	double t0 = now();
	for (long i = 0; i < o_n; i++)
		if (!crypt_r(o_pass, o_path, &data))
			return fail("crypt", NULL);
	printf("{\"mode\":\"hash\",\"ms\":%.4f}\n", 1e3 * (now() - t0) / o_n);
	return 0;
}

/* The number after "KEY:" in a file of /proc, summed over the lines that have it; 0 without any. */
static long
proc_sum(const char *path, const char *keys[])
{
	char line[1024];
	long sum = 0;
	FILE *f = fopen(path, "r");

	while (f && fgets(line, sizeof line, f))
		for (int k = 0; keys[k]; k++) {
			size_t len = strlen(keys[k]);

			if (strncmp(line, keys[k], len) == 0 && line[len] == ':')
				sum += atol(line + len + 1);
		}
	if (f)
		fclose(f);
	return sum;
}

static long
machine_threads(void)
{
	long threads = 0;
	FILE *f = fopen("/proc/loadavg", "r");

	if (f && fscanf(f, "%*f %*f %*f %*d/%ld", &threads) != 1)
		threads = 0;
	if (f)
		fclose(f);
	return threads;
}

static void
do_tree(int root)
{
	static int pid[65536], ppid[65536];
	static char in[65536];
	static double cpu[65536];
	int n = 0;
	double hz = sysconf(_SC_CLK_TCK);
	DIR *d = opendir("/proc");
	struct dirent *e;
	char path[64], line[1024];
	while ((e = readdir(d)) && n < 65536) {
		int p = atoi(e->d_name);
		if (p <= 0)
			continue;
		snprintf(path, sizeof path, "/proc/%d/stat", p);
		FILE *f = fopen(path, "r");
		if (!f)
			continue;
		if (fgets(line, sizeof line, f)) {
			char *q = strrchr(line, ')');
			unsigned long ut, st;
			long cut, cst;
			int pp;
			if (q &&
			    sscanf(q + 2, "%*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld", &pp, &ut, &st,
				&cut, &cst) == 5) {
				pid[n] = p;
				ppid[n] = pp;
				cpu[n] = (ut + st + cut + cst) / hz;
				in[n++] = p == root;
			}
		}
		fclose(f);
	}
	closedir(d);
	for (int again = 1; again;) {
		again = 0;
		for (int i = 0; i < n; i++)
			for (int j = 0; !in[i] && j < n; j++)
				if (in[j] && ppid[i] == pid[j])
					in[i] = 1, again = 1;
	}
	long procs = 0, threads = 0, pss = 0, anon = 0, pte = 0;
	double c = 0;
	for (int i = 0; i < n; i++) {
		if (!in[i])
			continue;
		procs++;
		c += cpu[i];
		snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid[i]);
		pss += proc_sum(path, (const char *[]){"Pss", NULL});
		anon += proc_sum(path, (const char *[]){"Pss_Anon", "Pss_Shmem", NULL});
		snprintf(path, sizeof path, "/proc/%d/status", pid[i]);
		pte += proc_sum(path, (const char *[]){"VmPTE", NULL});
		threads += proc_sum(path, (const char *[]){"Threads", NULL});
	}
	printf("{\"mode\":\"tree\",\"procs\":%ld,\"pss_kib\":%ld,\"pte_kib\":%ld,\"cpu_s\":%.2f,\"threads\":%ld,"
	       "\"anon_kib\":%ld,\"machine_slab_kib\":%ld,\"machine_vmalloc_kib\":%ld,\"machine_stacks_kib\":%ld,"
	       "\"machine_threads\":%ld}\n",
	    procs, pss, pte, c, threads, anon, proc_sum("/proc/meminfo", (const char *[]){"Slab", NULL}),
	    proc_sum("/proc/meminfo", (const char *[]){"VmallocUsed", NULL}),
	    proc_sum("/proc/meminfo", (const char *[]){"KernelStack", NULL}), machine_threads());
}

int
main(int argc, char **argv)
{
	int c;
	while ((c = getopt(argc, argv, "h:b:p:u:w:tDj:n:T:f:s:r:U:R:c:H")) != -1)
		switch (c) {
		case 'h':
			o_host = optarg;
			break;
		case 'b':
			src.sin_family = AF_INET;
			inet_pton(AF_INET, optarg, &src.sin_addr);
			break;
		case 'p':
			o_port = atoi(optarg);
			break;
		case 'u':
			o_user = optarg;
			break;
		case 'w':
			o_pass = optarg;
			break;
		case 't':
			o_tls = 1;
			break;
		case 'D':
			o_discard = 1;
			break;
		case 'j':
			o_j = atoi(optarg);
			break;
		case 'n':
			o_n = atol(optarg);
			break;
		case 'T':
			o_max = atof(optarg);
			break;
		case 'f':
			o_path = optarg;
			break;
		case 's':
			o_size = atoll(optarg);
			break;
		case 'r':
			o_rep = atoi(optarg);
			break;
		case 'U':
			o_users = atol(optarg);
			break;
		case 'R':
			o_rate = atol(optarg);
			break;
		case 'c':
			o_command = optarg;
			break;
		case 'H':
			o_hold = 1;
			break;
		default:
			return 2;
		}
	for (mode_ = 0; optind < argc && modes[mode_] && strcmp(modes[mode_], argv[optind]); mode_++)
		;
	if (optind >= argc || !modes[mode_]) {
		fprintf(stderr, "ftpload: give one mode (see the top of ftpload.c)\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	struct rlimit rl;
	getrlimit(RLIMIT_NOFILE, &rl);
	rl.rlim_cur = rl.rlim_max;
	setrlimit(RLIMIT_NOFILE, &rl);
	srv.sin_family = AF_INET;
	inet_pton(AF_INET, o_host, &srv.sin_addr);
	if (mode_ == M_TREE) {
		do_tree((int)o_n);
		return 0;
	}
	if (mode_ == M_MAKE)
		return do_make() < 0;
	if (mode_ == M_HASH)
		return do_hash() < 0;
	if (o_tls) {
		ctx = SSL_CTX_new(TLS_client_method());
		SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
		SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
		SSL_CTX_set_mode(ctx, SSL_MODE_AUTO_RETRY);
		/* no SSL_SESS_CACHE_CLIENT: with it OpenSSL lets a TLS 1.3 ticket resume only once */
		SSL_CTX_set_default_read_buffer_len(ctx, 1 << 18);
	}
	if (mode_ == M_SPUT && !o_size)
		o_size = 1024;
	if (mode_ == M_STOR || mode_ == M_SPUT || mode_ == M_RSTOR)
		make_mem(o_size);
	if (mode_ == M_CONC)
		o_j = (int)o_n;
	long slots = (mode_ == M_IDLE || mode_ == M_ACTIVE) && o_n > o_j ? o_n : o_j;
	S = calloc(slots, sizeof *S);
	for (long i = 0; i < slots; i++)
		S[i].fd = -1;
	if (mode_ == M_LIST) {
		g_t0 = now();
		do_list();
		return g_err != 0;
	}
	if (mode_ == M_LOGIN) {
		lat220 = calloc(o_n, sizeof(double));
		lat230 = calloc(o_n, sizeof(double));
	}
	sem_init(&sem, 0, 16);
	pthread_barrier_init(&bar, NULL, o_j + 1);
	pthread_attr_t at;
	pthread_attr_init(&at);
	pthread_attr_setstacksize(&at, 256 << 10);
	pthread_t *th = calloc(o_j, sizeof *th);
	int simple = mode_ == M_LOGIN || mode_ == M_IDLE || mode_ == M_ACTIVE || mode_ == M_RRETR || mode_ == M_RSTOR ||
	    mode_ == M_RCONN;
	g_t0 = now();
	for (int i = 0; i < o_j; i++)
		pthread_create(&th[i], &at, worker, &S[i]);
	if (simple)
		g_t0 = now();
	pthread_barrier_wait(&bar);
	double c0 = cpu_self();
	if (!simple) {
		g_t0 = now();
		pthread_barrier_wait(&bar);
		/* sessions that failed to log in have left: their place at the last barrier is taken here */
		long lost = 0;
		for (int i = 0; i < o_j; i++)
			lost += S[i].fd < 0 && S[i].err && !S[i].ops && !S[i].dconn;
		if (lost) {
			fprintf(stderr, "ftpload: %ld of %d sessions could not log in\n", lost, o_j);
			return 1;
		}
		pthread_barrier_wait(&bar);
	} else {
		for (int i = 0; i < o_j; i++)
			pthread_join(th[i], NULL);
	}
	double wall = now() - g_t0, cpu = cpu_self() - c0;
	if (!simple)
		for (int i = 0; i < o_j; i++)
			pthread_join(th[i], NULL);
	if (mode_ == M_ACTIVE) {
		do_active();
		for (long i = 0; i < o_n; i++)
			quit(&S[i]);
		return 0;
	}

	long ops = 0, err = 0, dconn = 0, reused = 0;
	long long bytes = 0;
	for (long i = 0; i < slots; i++)
		ops += S[i].ops, err += S[i].err, bytes += S[i].bytes, dconn += S[i].dconn, reused += S[i].reused;
	printf("{\"mode\":\"%s\",\"tls\":%d,\"j\":%d,\"ops\":%ld,\"errors\":%ld,\"wall_s\":%.4f,\"client_cpu_s\":%.3f",
	    modes[mode_], o_tls, o_j, ops, err, wall, cpu);
	if (bytes)
		printf(",\"bytes\":%lld,\"GBps\":%.4f", bytes, bytes / wall / 1e9);
	printf(",\"per_s\":%.1f", ops / wall);
	if (o_tls)
		printf(",\"tls_version\":\"%s\",\"cipher\":\"%s\",\"data_conns\":%ld,\"resumed\":%ld", g_ver, g_cipher,
		    dconn, reused);
	if (mode_ == M_LOGIN) {
		long k = 0, m = atomic_load(&g_next) < o_n ? atomic_load(&g_next) : o_n;
		for (long i = 0; i < m; i++)
			if (lat230[i] > 0) {
				lat220[k] = lat220[i];
				lat230[k++] = lat230[i];
			}
		qsort(lat220, k, sizeof(double), cmpd);
		qsort(lat230, k, sizeof(double), cmpd);
		printf(
		    ",\"ms220_p50\":%.3f,\"ms220_p90\":%.3f,\"ms220_p99\":%.3f,\"ms230_p50\":%.3f,\"ms230_p90\":%.3f,"
		    "\"ms230_p99\":%.3f,\"ms230_max\":%.3f",
		    1e3 * pct(lat220, k, .5), 1e3 * pct(lat220, k, .9), 1e3 * pct(lat220, k, .99),
		    1e3 * pct(lat230, k, .5), 1e3 * pct(lat230, k, .9), 1e3 * pct(lat230, k, .99),
		    1e3 * pct(lat230, k, 1));
	}
	printf("}\n");
	fflush(stdout);
	if (mode_ == M_IDLE) {
		hold();
		for (long i = 0; i < o_n; i++)
			quit(&S[i]);
	}
	return err != 0;
}
