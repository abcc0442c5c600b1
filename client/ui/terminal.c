/* SPDX-License-Identifier: ISC */
#include "client/ui/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "client/ui/signals.h"
#include "common/io.h"

#include "common/banned.h"

#define NAP_MS 500

static int
open_terminal(void)
{
	return open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
}

bool
terminal_is_there(void)
{
	int fd = open_terminal();
	bool is_there = fd >= 0;

	close_fd(&fd);
	return is_there;
}

int
terminal_read_line(int fd, char *line, size_t size)
{
	size_t len = 0;
	char c = '\0';
	ssize_t n;

	for (;;) {
		n = read(fd, &c, 1);
		if (n < 0 && errno == EINTR && !signals_have_aborted())
			continue;
		if (n < 0)
			return -errno;
		if (n == 0 || c == '\n')
			break;
		if (len == size - 1)
			return -ENOBUFS;
		line[len++] = c;
	}
	if (n == 0 && len == 0)
		return -ENODATA;
	if (len > 0 && line[len - 1] == '\r')
		len--;
	line[len] = '\0';
	return 0;
}

/* The question, and once more after Ctrl-Z and fg. */
static int
ask_terminal(int fd, const char *prompt, char *answer, size_t size)
{
	unsigned int stops;

	do {
		struct pollfd ready = {.fd = fd, .events = POLLIN};

		stops = signals_stops();
		(void)io_write_all(fd, prompt, strlen(prompt));
		/* in naps: a signal may come just before poll(2) */
		while (poll(&ready, 1, NAP_MS) <= 0 && !signals_have_aborted() && stops == signals_stops())
			continue;
	} while (stops != signals_stops() && !signals_have_aborted());
	return signals_have_aborted() ? -EINTR : terminal_read_line(fd, answer, size);
}

int
terminal_ask(const char *prompt, bool is_secret, char *answer, size_t size)
{
	struct termios before, silent;
	int fd = open_terminal();
	int r;

	answer[0] = '\0';
	if (fd < 0 || tcgetattr(fd, &before) < 0) {
		close_fd(&fd);
		return -ENOTTY;
	}
	silent = before;
	silent.c_lflag |= ICANON | ISIG | ECHO;
	silent.c_iflag |= ICRNL;
	if (is_secret)
		silent.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	/* at Ctrl-C the handler of signals.c has no SA_RESTART: read() returns, and the terminal is put right below */
	tcsetattr(fd, TCSAFLUSH, &silent);
	r = ask_terminal(fd, prompt, answer, size);
	tcsetattr(fd, TCSAFLUSH, &before);
	if (is_secret || r < 0)
		(void)io_write_all(fd, "\n", 1);
	close_fd(&fd);
	return r;
}
