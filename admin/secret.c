/* SPDX-License-Identifier: ISC */
#include "admin/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "admin/ctl.h"
#include "common/io.h"
#include "common/text.h"

#include "common/banned.h"

#define LINE_SIZE (PASSWORD_MAX + 2)	/* the longest password, a carriage return, NUL */

static volatile sig_atomic_t caught_signal;

static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGALRM};

#define SIGNAL_COUNT (sizeof(signals) / sizeof(signals[0]))

static void
catch_signal(int number)
{
	caught_signal = number;
}

/*
 * Read a line into line (LINE_SIZE), byte by byte, so that nothing after it is read. The line's end is left out, and
 * a carriage return before it.
 */
static int
read_line(int fd, char *line)
{
	size_t len = 0;
	char c = '\0';

	for (;;) {
		ssize_t n = read(fd, &c, 1);

		if (n < 0 && errno == EINTR && caught_signal == 0)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0 || c == '\n')
			break;
		if (len == LINE_SIZE - 1)
			return -ENOBUFS;
		line[len++] = c;
	}
	if (len > 0 && line[len - 1] == '\r')
		len--;
	line[len] = '\0';
	if (len > PASSWORD_MAX)
		return -ENOBUFS;
	return strlen(line) == len ? 0 : -EILSEQ;
}

/* Everything that FTP can carry in a PASS command. */
static int
check_secret(int r, const char *secret)
{
	if (r == -ENOBUFS)
		ctl_error("the password is too long; at most %d bytes", PASSWORD_MAX);
	else if (r == -EILSEQ || (r == 0 && has_control(secret, strlen(secret))))
		ctl_error("the password has a control character; FTP cannot carry it");
	else if (r == 0 && secret[0] == '\0')
		ctl_error("the password is empty; give at least one character");
	else if (r < 0)
		ctl_error("cannot read the password: %s", strerror(-r));
	else
		return 0;
	return r < 0 ? r : -EINVAL;
}

static void
set_signals(const struct sigaction *actions, struct sigaction *saved)
{
	for (size_t i = 0; i < SIGNAL_COUNT; i++)
		sigaction(signals[i], &actions[i], saved == NULL ? NULL : &saved[i]);
}

/* Ask once; on a signal the terminal is restored before the signal takes its course. */
static int
ask_secret_once(int tty, const char *prompt, const char *name, char *line)
{
	struct sigaction actions[SIGNAL_COUNT] = {0}, saved[SIGNAL_COUNT];
	struct termios before, silent;
	int number;
	int r;

	if (tcgetattr(tty, &before) < 0)
		return -errno;
	for (size_t i = 0; i < SIGNAL_COUNT; i++) {
		actions[i].sa_handler = catch_signal;	/* no SA_RESTART: read() returns */
		sigemptyset(&actions[i].sa_mask);
	}
	caught_signal = 0;
	set_signals(actions, saved);
	silent = before;
	silent.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	tcsetattr(tty, TCSAFLUSH, &silent);
	(void)io_write_all(tty, prompt, strlen(prompt));
	(void)io_write_all(tty, name, strlen(name));
	(void)io_write_all(tty, ": ", 2);
	r = read_line(tty, line);
	tcsetattr(tty, TCSAFLUSH, &before);
	(void)io_write_all(tty, "\n", 1);
	set_signals(saved, NULL);
	number = caught_signal;
	if (number == 0)
		return r;
	raise(number);
	return number == SIGTSTP ? -EAGAIN : -EINTR;	/* stopped and continued: ask again */
}

static int
ask_secret(int tty, const char *prompt, const char *name, char *line)
{
	int r;

	do
		r = ask_secret_once(tty, prompt, name, line);
	while (r == -EAGAIN);
	return r;
}

static int
ask_twice(const char *name, char *line)
{
	char again[LINE_SIZE] = "";
	int tty = -1;
	int r;

	tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (tty < 0 || !isatty(tty)) {
		ctl_error("there is no terminal to ask for the password; use --password-stdin");
		r = -ENOTTY;
		goto out;
	}
	r = check_secret(ask_secret(tty, "Password for ", ctl_quote(name), line), line);
	if (r < 0)
		goto out;
	r = ask_secret(tty, "Again for ", ctl_quote(name), again);
	if (r < 0 || strcmp(line, again) != 0) {
		ctl_error("the passwords differ; nothing was changed");
		r = -EINVAL;
	}
out:
	explicit_bzero(again, sizeof(again));
	close_fd(&tty);
	return r;
}

int
secret_read(bool from_stdin, const char *name, char secret[SECRET_SIZE])
{
	char line[LINE_SIZE] = "";
	int r;

	if (from_stdin)
		r = check_secret(read_line(STDIN_FILENO, line), line);
	else
		r = ask_twice(name, line);
	if (r == 0)
		memcpy(secret, line, SECRET_SIZE);
	explicit_bzero(line, sizeof(line));
	return r;
}
