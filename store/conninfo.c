/* SPDX-License-Identifier: ISC */
#include "store/conninfo.h"

#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/buf.h"
#include "common/io.h"
#include "common/text.h"

#include "common/banned.h"

static int
reject_conninfo(struct buf *problem, const char *text)
{
	buf_add_text(problem, text);
	return -EINVAL;
}

const char *
conninfo_value(const struct conninfo *info, const char *key)
{
	const PQconninfoOption *options = info->options;

	for (; options->keyword != NULL; options++)
		if (strcmp(options->keyword, key) == 0)
			return options->val != NULL && options->val[0] != '\0' ? options->val : NULL;
	return NULL;
}

/* --- places --- */

/* Item number i of a list with ',' between; -ENOENT after the last one. An empty list has one empty item. */
static int
list_item(const char *list, size_t i, char *item, size_t size)
{
	size_t len;

	for (; i > 0; i--) {
		list += strcspn(list, ",");
		if (*list++ == '\0')
			return -ENOENT;
	}
	len = strcspn(list, ",");
	if (len >= size)
		return -ENAMETOOLONG;
	memcpy(item, list, len);
	item[len] = '\0';
	return 0;
}

static size_t
list_count(const char *list)
{
	size_t count = 1;

	for (; *list != '\0'; list++)
		count += *list == ',';
	return count;
}

static const char *
or_empty(const char *text)
{
	return text == NULL ? "" : text;
}

static enum conninfo_kind
kind_of(const struct conninfo_place *place)
{
	union address address;

	if (place->hostaddr[0] != '\0' || address_parse(place->host, &address) == 0)
		return CONNINFO_LITERAL;
	/* '@': an abstract socket */
	return place->host[0] == '\0' || place->host[0] == '/' || place->host[0] == '@' ? CONNINFO_SOCKET
											: CONNINFO_NAME;
}

static int
split_places(struct conninfo *info, struct buf *problem)
{
	const char *hosts = or_empty(conninfo_value(info, "host"));
	const char *addresses = or_empty(conninfo_value(info, "hostaddr"));
	const char *ports = or_empty(conninfo_value(info, "port"));
	size_t count = list_count(hosts[0] != '\0' ? hosts : addresses);
	size_t port_count = list_count(ports);

	if (hosts[0] != '\0' && addresses[0] != '\0' && list_count(addresses) != count)
		return reject_conninfo(
		    problem, "host and hostaddr differ in length; name as many of one as of the other");
	if (port_count != 1 && port_count != count)
		return reject_conninfo(problem, "port and host differ in length; name one port, or one for each host");
	if (count > CONNINFO_PLACES_MAX)
		return reject_conninfo(problem, "too many hosts; at most 8");
	for (size_t i = 0; i < count; i++) {
		struct conninfo_place *place = &info->places[i];

		if ((hosts[0] != '\0' && list_item(hosts, i, place->host, sizeof(place->host)) < 0) ||
		    (addresses[0] != '\0' && list_item(addresses, i, place->hostaddr, sizeof(place->hostaddr)) < 0))
			return reject_conninfo(problem, "a host is too long; at most 253 bytes");
		if (list_item(ports, port_count == 1 ? 0 : i, place->port, sizeof(place->port)) < 0)
			return reject_conninfo(problem, "bad port; write a number from 1 to 65535");
		place->kind = kind_of(place);
	}
	info->place_count = count;
	return 0;
}

/* --- parsing --- */

static const struct {
	const char *key, *problem;
} refused_keys[] = {
    {"service", "service: it would read another file; write host, dbname and user here"},
    {"replication", "replication: not for accounts; leave it out"},
    {"client_encoding", "client_encoding: it is always UTF8; leave it out"},
};

static int
check_values(const struct conninfo *info, struct buf *problem)
{
	for (size_t i = 0; i < sizeof(refused_keys) / sizeof(refused_keys[0]); i++)
		if (conninfo_value(info, refused_keys[i].key) != NULL)
			return reject_conninfo(problem, refused_keys[i].problem);
	if (conninfo_value(info, "dbname") == NULL)
		return reject_conninfo(problem, "no dbname; write dbname=sallyport, the database of the accounts");
	if (conninfo_value(info, "user") == NULL)
		return reject_conninfo(problem, "no user; write user=ROLE, such as sallyport_node");
	return 0;
}

/* libpq's words repeat a part of the string, which may be a password. */
static int
say_bad_syntax(const char *text, struct buf *problem)
{
	return reject_conninfo(problem,
	    strstr(text, "://") != NULL
		? "not a connection URI; write postgresql://USER@HOST:PORT/DATABASE?KEY=VALUE"
		: "not a connection string; write KEY=VALUE, separated by blanks, with keys of libpq, "
		  "and a value with blanks in single quotes");
}

int
conninfo_parse(const char *text, struct conninfo *info, struct buf *problem)
{
	char *error = NULL;
	int r;

	*info = (struct conninfo){0};
	info->options = PQconninfoParse(text, &error);
	if (info->options == NULL) {
		r = error == NULL ? -ENOMEM : say_bad_syntax(text, problem);
		if (error != NULL)
			explicit_bzero(error, strlen(error));
		PQfreemem(error);
		return r;
	}
	r = check_values(info, problem);
	if (r == 0)
		r = split_places(info, problem);
	if (r < 0)
		conninfo_free(info);
	return r;
}

void
conninfo_free(struct conninfo *info)
{
	PQconninfoOption *options = info->options;

	for (PQconninfoOption *option = options; option != NULL && option->keyword != NULL; option++)
		if (option->val != NULL)
			explicit_bzero(option->val, strlen(option->val));
	PQconninfoFree(options);
	info->options = NULL;
	info->place_count = 0;
}

/* --- files --- */

static const char *const file_keys[] = {"sslrootcert", "sslcert", "sslkey", "sslcrl"};

/* A file of another owner than root is the reader's own, or that of nobody who matters here. */
static bool
group_may_read(const struct stat *st, gid_t readers)
{
	return readers == CONNINFO_READER_SELF || st->st_uid != 0 || (st->st_mode & S_IROTH) != 0 ||
	    ((st->st_mode & S_IRGRP) != 0 && st->st_gid == readers);
}

/* What is missing is left to libpq, which has a word for it, and goes without some of them. */
static int
check_readable_file(const char *path, gid_t readers)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	int r = fd < 0 ? -errno : 0;

	if (r == 0 && fstat(fd, &st) < 0)
		r = -errno;
	else if (r == 0 && !group_may_read(&st, readers))
		r = -EACCES;
	close_fd(&fd);
	return r == -ENOENT ? 0 : r;
}

int
conninfo_check_files(const struct conninfo *info, gid_t readers, struct buf *problem)
{
	for (size_t i = 0; i < sizeof(file_keys) / sizeof(file_keys[0]); i++) {
		const char *path = conninfo_value(info, file_keys[i]);
		int r = path == NULL || path[0] != '/' ? 0 : check_readable_file(path, readers);

		if (r == 0)
			continue;
		buf_addf(problem,
		    "%s: cannot read '%s': %s; put it beside store.conf, owned by root and the group of broker-user, "
		    "with mode 0640",
		    file_keys[i], path, strerror(-r));
		return r;
	}
	return 0;
}

/* --- composing --- */

static void
add_pair(struct buf *out, const char *key, const char *value)
{
	buf_addf(out, "%s%s='", out->len == 0 ? "" : " ", key);
	for (; *value != '\0'; value++) {
		if (*value == '\'' || *value == '\\')
			buf_add(out, "\\", 1);
		buf_add(out, value, 1);
	}
	buf_add(out, "'", 1);
}

/* One place a try of libpq: three lists of the same length. */
struct place_lists {
	struct buf hosts, addresses, ports;
	bool has_address;
	size_t count;
};

static void
add_place(struct place_lists *lists, const struct conninfo_place *place, const char *hostaddr)
{
	const char *comma = lists->count++ == 0 ? "" : ",";

	buf_addf(&lists->hosts, "%s%s", comma, place->host);
	buf_addf(&lists->addresses, "%s%s", comma, hostaddr);
	buf_addf(&lists->ports, "%s%s", comma, place->port);
	lists->has_address = lists->has_address || hostaddr[0] != '\0';
}

static void
add_found(struct place_lists *lists, const struct conninfo_place *place, const struct conninfo_found *found)
{
	char text[ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < found->count && i < CONNINFO_ADDRESSES_MAX; i++) {
		address_text(&found->addresses[i], text);
		add_place(lists, place, text);
	}
}

static void
collect_places(const struct conninfo *info, const struct conninfo_found *found, struct place_lists *lists)
{
	for (size_t i = 0; i < info->place_count; i++) {
		const struct conninfo_place *place = &info->places[i];

		if (place->kind == CONNINFO_NAME && found != NULL)
			add_found(lists, place, &found[i]);
		else if (place->kind == CONNINFO_LITERAL && place->hostaddr[0] == '\0')
			add_place(lists, place, place->host);
		else
			add_place(lists, place, place->hostaddr);
	}
}

static const char *
list_text(const struct buf *buf)
{
	return or_empty(buf->data);
}

static int
add_places(const struct conninfo *info, const struct conninfo_found *found, struct buf *out)
{
	struct place_lists lists = {.count = 0};
	int r;

	buf_init(&lists.hosts, CONNINFO_TEXT_MAX);
	buf_init(&lists.addresses, CONNINFO_TEXT_MAX);
	buf_init(&lists.ports, CONNINFO_TEXT_MAX);
	collect_places(info, found, &lists);
	r = lists.hosts.error < 0 ? lists.hosts.error : lists.addresses.error;
	if (r == 0 && lists.count == 0)
		r = -ENOENT;
	if (r == 0) {
		add_pair(out, "host", list_text(&lists.hosts));
		if (lists.has_address)
			add_pair(out, "hostaddr", list_text(&lists.addresses));
		add_pair(out, "port", list_text(&lists.ports));
	}
	buf_free(&lists.hosts);
	buf_free(&lists.addresses);
	buf_free(&lists.ports);
	return r;
}

static const struct {
	const char *key, *value;
} conninfo_defaults[] = {
    {"sslmode", "verify-full"},
    {"gssencmode", "disable"},
    {"connect_timeout", "5"},
};

int
conninfo_compose(const struct conninfo *info, const struct conninfo_found *found, struct buf *out)
{
	const PQconninfoOption *option = info->options;
	int r = add_places(info, found, out);

	if (r < 0)
		return r;
	for (; option->keyword != NULL; option++)
		if (option->val != NULL && strcmp(option->keyword, "host") != 0 &&
		    strcmp(option->keyword, "hostaddr") != 0 && strcmp(option->keyword, "port") != 0)
			add_pair(out, option->keyword, option->val);
	for (size_t i = 0; i < sizeof(conninfo_defaults) / sizeof(conninfo_defaults[0]); i++)
		if (conninfo_value(info, conninfo_defaults[i].key) == NULL)
			add_pair(out, conninfo_defaults[i].key, conninfo_defaults[i].value);
	add_pair(out, "client_encoding", "UTF8");
	return out->error;
}
