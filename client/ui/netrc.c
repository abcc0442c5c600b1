/* SPDX-License-Identifier: ISC */
#include "client/ui/netrc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/io.h"

#include "common/banned.h"

#define FILE_SIZE_MAX 1048576
#define TOKEN_MAX 4096

struct reader {
	const char *at, *end;
	size_t line;
	struct buf token;
};

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static void
next_netrc_char(struct reader *reader)
{
	if (*reader->at++ == '\n')
		reader->line++;
}

/* Between tokens: blanks, and comments that begin a token with #. */
static void
skip_to_token(struct reader *reader)
{
	while (reader->at < reader->end) {
		if (is_space(*reader->at)) {
			next_netrc_char(reader);
		} else if (*reader->at == '#') {
			while (reader->at < reader->end && *reader->at != '\n')
				next_netrc_char(reader);
		} else {
			return;
		}
	}
}

static int
take_quoted(struct reader *reader)
{
	next_netrc_char(reader);
	while (reader->at < reader->end && *reader->at != '"' && *reader->at != '\n') {
		if (*reader->at == '\\' && reader->at + 1 < reader->end)
			next_netrc_char(reader);
		(void)buf_add(&reader->token, reader->at, 1);
		next_netrc_char(reader);
	}
	if (reader->at == reader->end || *reader->at != '"')
		return -EINVAL;
	next_netrc_char(reader);
	return 0;
}

/* The next token into reader->token. Returns 1, 0 at the end, or -EINVAL. is_value: a # begins no comment. */
static int
next_token(struct reader *reader, bool is_value)
{
	int r = 0;

	buf_clear(&reader->token);
	if (is_value)
		while (reader->at < reader->end && is_space(*reader->at))
			next_netrc_char(reader);
	else
		skip_to_token(reader);
	if (reader->at == reader->end)
		return 0;
	if (*reader->at == '"')
		r = take_quoted(reader);
	else
		while (reader->at < reader->end && !is_space(*reader->at)) {
			if (*reader->at == '\\' && reader->at + 1 < reader->end && !is_space(reader->at[1]))
				next_netrc_char(reader);
			(void)buf_add(&reader->token, reader->at, 1);
			next_netrc_char(reader);
		}
	(void)buf_add(&reader->token, "", 0);
	if (r < 0 || reader->token.error < 0)
		return -EINVAL;
	return memchr(reader->token.len == 0 ? "" : reader->token.data, '\0', reader->token.len) == NULL ? 1 : -EINVAL;
}

static const char *
token_text(const struct reader *reader)
{
	return reader->token.len == 0 ? "" : reader->token.data;
}

/* A macro ends at an empty line. */
static void
skip_macro(struct reader *reader)
{
	while (reader->at < reader->end) {
		bool is_end = *reader->at == '\n' && reader->at + 1 < reader->end &&
		    (reader->at[1] == '\n' ||
			(reader->at[1] == '\r' && reader->at + 2 < reader->end && reader->at[2] == '\n'));

		next_netrc_char(reader);
		if (is_end)
			return;
	}
}

static int
keep_netrc_value(char **slot, const char *text)
{
	if (*slot != NULL) {
		explicit_bzero(*slot, strlen(*slot));
		free(*slot);
	}
	*slot = strdup(text);
	return *slot == NULL ? -ENOMEM : 0;
}

void
netrc_login_free(struct netrc_login *login)
{
	if (login->account != NULL)
		explicit_bzero(login->account, strlen(login->account));
	free(login->account);
	login->account = NULL;
	free(login->user);
	if (login->password != NULL)
		explicit_bzero(login->password, strlen(login->password));
	free(login->password);
	*login = (struct netrc_login){0};
}

/* Take the value of "login" and the like; a value is due. */
static int
read_netrc_value(struct reader *reader, char **slot)
{
	int r = next_token(reader, true);

	if (r <= 0)
		return -EINVAL;
	return keep_netrc_value(slot, token_text(reader));
}

/* Read the fields of an entry up to the next machine or default, whose word is left in the token. Returns as next_token(). */
static int
read_netrc_entry(struct reader *reader, struct netrc_login *login)
{
	int r;

	while ((r = next_token(reader, false)) > 0) {
		const char *word = token_text(reader);

		if (strcmp(word, "machine") == 0 || strcmp(word, "default") == 0)
			return 1;
		if (strcmp(word, "login") == 0 || strcmp(word, "user") == 0)
			r = read_netrc_value(reader, &login->user);
		else if (strcmp(word, "password") == 0 || strcmp(word, "passwd") == 0)
			r = read_netrc_value(reader, &login->password);
		else if (strcmp(word, "account") == 0)
			r = read_netrc_value(reader, &login->account);
		else if (strcmp(word, "macdef") == 0)
			skip_macro(reader);
		else
			r = -EINVAL;
		if (r < 0)
			return r;
	}
	return r;
}

static bool
is_wanted_login(bool is_host, const struct netrc_login *login, const char *user)
{
	return is_host && (user == NULL || login->user == NULL || strcmp(login->user, user) == 0);
}

/* The first word of an entry is in the token. */
static int
find_netrc_entry(struct reader *reader, const char *host, const char *user, struct netrc_login *login)
{
	int r = next_token(reader, false);

	while (r > 0) {
		bool is_default = strcmp(token_text(reader), "default") == 0, is_host = is_default;

		if (!is_default && strcmp(token_text(reader), "macdef") == 0) {
			skip_macro(reader);
			r = next_token(reader, false);
			continue;
		}
		if (!is_default) {
			if (strcmp(token_text(reader), "machine") != 0 || next_token(reader, true) <= 0)
				return -EINVAL;
			is_host = strcasecmp(token_text(reader), host) == 0;
		}
		r = read_netrc_entry(reader, login);
		if (r < 0)
			return r;
		if (is_wanted_login(is_host, login, user))
			return 0;
		netrc_login_free(login);
		if (is_default)
			break;
	}
	return r < 0 ? r : -ENOENT;
}

int
netrc_find(const char *text, size_t len, const char *host, const char *user, struct netrc_login *login, size_t *line)
{
	struct reader reader = {text, text + len, 1, {0}};
	int r;

	*login = (struct netrc_login){0};
	buf_init(&reader.token, TOKEN_MAX);
	r = find_netrc_entry(&reader, host, user, login);
	if (r < 0)
		netrc_login_free(login);
	if (line != NULL)
		*line = reader.line;
	buf_free(&reader.token);
	return r;
}

static int
read_netrc_file(int fd, struct buf *text)
{
	for (;;) {
		char *room = buf_room(text, 4096);
		ssize_t n;

		if (room == NULL)
			return text->error < 0 ? text->error : -ENOMEM;
		n = io_read_all(fd, room, 4096);
		if (n < 0)
			return (int)n;
		text->len += (size_t)n;
		if (n < 4096)
			return 0;
	}
}

int
netrc_look_up(const char *path, const char *host, const char *user, struct netrc_login *login, size_t *line)
{
	struct stat status;
	struct buf text;
	int fd = -1;
	int r;

	*login = (struct netrc_login){0};
	buf_init(&text, FILE_SIZE_MAX);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0) {
		r = -errno;
		goto out;
	}
	if (fstat(fd, &status) < 0) {
		r = -errno;
		goto out;
	}
	r = S_ISREG(status.st_mode) ? read_netrc_file(fd, &text) : -EINVAL;
	if (r < 0)
		goto out;
	r = netrc_find(text.len == 0 ? "" : text.data, text.len, host, user, login, line);
	if (r == 0 && login->password != NULL &&
	    ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0 || status.st_uid != geteuid())) {
		netrc_login_free(login);
		r = -EPERM;
	}
out:
	buf_free(&text);
	close_fd(&fd);
	return r;
}
