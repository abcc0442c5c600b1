/* SPDX-License-Identifier: ISC */
#include "store/store_conf.h"

#include <confuse.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/io.h"
#include "common/text.h"
#include "config/source.h"
#include "trusted/place.h"

#include "common/banned.h"

#define BAD_SYNTAX "bad syntax; write KEY = \"VALUE\", one on each line"
#define VALUE_SHOWN_MAX 64	/* bytes of a wrong value that an error repeats; never of connect */

/* One run of store_conf_parse(). */
struct reading {
	const char *path;
	struct store_conf *conf;
	struct buf *problem;
	unsigned errors;
	int seen_line[4];	/* by index of store_keys */
	int error;		/* -ENOMEM */
};

/* The callbacks of libconfuse take no argument of the caller. */
static struct reading *reading_now;

static void __attribute__((format(printf, 3, 4)))
add_store_problem(struct reading *reading, int line, const char *format, ...)
{
	va_list args;

	reading->errors++;
	if (line > 0)
		buf_addf(reading->problem, "%s:%d: ", reading->path, line);
	else
		buf_addf(reading->problem, "%s: ", reading->path);
	va_start(args, format);
	buf_addv(reading->problem, format, args);
	va_end(args);
	buf_add(reading->problem, "\n", 1);
}

/* --- values --- */

static int
keep_store_text(char **field, const char *value)
{
	char *copy = strdup(value);

	if (copy == NULL)
		return -ENOMEM;
	free(*field);
	*field = copy;
	return 0;
}

static int
take_connect(struct store_conf *conf, const char *value)
{
	size_t len = strlen(value);

	if (len == 0 || len > STORE_CONNECT_MAX || has_control(value, len) || !utf8_valid(value, len))
		return -EINVAL;
	return keep_store_text(&conf->connect, value);
}

static int
take_connections(struct store_conf *conf, const char *value)
{
	uint64_t number;

	if (parse_u64(value, STORE_CONNECTIONS_MAX, &number) < 0 || number == 0)
		return -EINVAL;
	conf->connections = (uint32_t)number;
	return 0;
}

static int
take_grace(struct store_conf *conf, const char *value)
{
	return parse_duration(value, STORE_GRACE_MAX_S, &conf->grace_s) < 0 ? -EINVAL : 0;
}

static int
take_node(struct store_conf *conf, const char *value)
{
	size_t len = strlen(value);

	if (len > STORE_NODE_MAX || has_control(value, len) || strchr(value, ' ') != NULL || !utf8_valid(value, len))
		return -EINVAL;
	return keep_store_text(&conf->node, value);
}

static const struct {
	const char *name;
	int (*take)(struct store_conf *conf, const char *value);	/* -EINVAL: see right */
	const char *right;
	bool is_secret;	/* may hold a password */
} store_keys[] = {
    /* clang-format off */
    {"connect",     take_connect,     "a connection string of libpq on one line, such as \"host=db1 dbname=sallyport user=sallyport_node\"", true},
    {"connections", take_connections, "a number from 1 to 16", false},
    {"grace",       take_grace,       "a time such as \"90s\", \"10m\", \"1h\", at most \"30d\", or \"0\" for never", false},
    {"node",        take_node,        "a name without blanks, at most 253 bytes, or \"\" for the host's", false},
    /* clang-format on */
};

#define KEY_COUNT (sizeof(store_keys) / sizeof(store_keys[0]))
_Static_assert(KEY_COUNT == sizeof(((struct reading *)0)->seen_line) / sizeof(int), "a place for each key");

static void
say_bad_value(struct reading *reading, int line, size_t key, const char *value)
{
	struct buf shown;
	size_t len = strlen(value);

	buf_init(&shown, 8 * VALUE_SHOWN_MAX);
	escape_bytes(&shown, ESCAPE_LOG, value, len < VALUE_SHOWN_MAX ? len : VALUE_SHOWN_MAX);
	if (store_keys[key].is_secret)
		add_store_problem(
		    reading, line, "%s: not usable; write %s", store_keys[key].name, store_keys[key].right);
	else
		add_store_problem(reading, line, "%s: bad value '%s'; write %s", store_keys[key].name,
		    shown.data == NULL ? "" : shown.data, store_keys[key].right);
	buf_free(&shown);
}

/* Called by libconfuse for each value. Returns 0 for a bad one too, so that all are checked. */
static int
take_store_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	struct reading *reading = reading_now;
	size_t key = 0;
	int r;

	*(const char **)result = value;
	while (key < KEY_COUNT && strcmp(store_keys[key].name, opt->name) != 0)
		key++;
	if (key == KEY_COUNT)
		return 0;
	if (reading->seen_line[key] > 0) {
		add_store_problem(reading, cfg->line, "%s: set twice, first in line %d; keep one of them",
		    store_keys[key].name, reading->seen_line[key]);
		return 0;
	}
	reading->seen_line[key] = cfg->line;
	r = store_keys[key].take(reading->conf, value);
	if (r == -ENOMEM)
		reading->error = r;
	else if (r < 0)
		say_bad_value(reading, cfg->line, key, value);
	return 0;
}

/* libconfuse's own words may repeat a value, and with it a password; so only the line is told. */
static void
take_store_syntax(cfg_t *cfg, const char *format, va_list args)
{
	struct reading *reading = reading_now;

	(void)args;
	if (strncmp(format, "no such option", strlen("no such option")) != 0) {
		add_store_problem(reading, cfg->line, BAD_SYNTAX);
		return;
	}
	add_store_problem(reading, cfg->line, "unknown key; the keys are connect, connections, grace and node");
}

/* --- the text --- */

static void
parse_plain(struct reading *reading, const char *text)
{
	cfg_opt_t options[KEY_COUNT + 1];
	const cfg_opt_t end = CFG_END();
	cfg_t *cfg;

	for (size_t i = 0; i < KEY_COUNT; i++) {
		cfg_opt_t option = CFG_STR_CB(store_keys[i].name, NULL, CFGF_NODEFAULT, take_store_value);

		options[i] = option;
	}
	options[KEY_COUNT] = end;
	cfg = cfg_init(options, CFGF_NONE);
	if (cfg == NULL) {
		reading->error = -ENOMEM;
		return;
	}
	cfg_set_error_function(cfg, take_store_syntax);
	reading_now = reading;
	if (cfg_parse_buf(cfg, text) != CFG_SUCCESS && reading->errors == 0)
		add_store_problem(reading, 0, BAD_SYNTAX);
	reading_now = NULL;
	cfg_free(cfg);
}

int
store_conf_parse(const char *path, char *text, size_t len, struct store_conf *conf, struct buf *problem)
{
	struct reading reading = {.path = path, .conf = conf, .problem = problem};
	const char *wrong;
	int line;

	*conf = (struct store_conf){.connections = 4, .grace_s = 3600};
	if (memchr(text, '\0', len) != NULL)
		add_store_problem(&reading, 0, "a NUL; the file is plain text");
	else if (source_make_plain(text, len, &line, &wrong) < 0)
		add_store_problem(&reading, line, "%s", wrong);
	else
		parse_plain(&reading, text);
	if (reading.errors == 0 && reading.error == 0 && conf->connect == NULL)
		add_store_problem(&reading, 0, "connect: not set; write connect = \"host=... dbname=... user=...\"");
	if (reading.errors == 0 && reading.error == 0 && conf->node == NULL)
		reading.error = keep_store_text(&conf->node, "");
	if (reading.errors == 0 && reading.error == 0)
		return 0;
	store_conf_free(conf);
	return reading.error < 0 ? reading.error : -EINVAL;
}

/* --- the file --- */

/* Why the file must not be used; NULL: it is good. */
static const char *
store_file_refused(const struct stat *st, gid_t readers)
{
	mode_t wide = readers == STORE_READERS_ROOT ? 077 : 037;

	if (!S_ISREG(st->st_mode))
		return "not a regular file; name the file itself";
	if (st->st_uid != 0 && (readers != STORE_READERS_ROOT || st->st_uid != geteuid()))
		return "not owned by root; chown it to root";
	if ((st->st_mode & wide) != 0)
		return readers == STORE_READERS_ROOT
		    ? "others can read or write it; chmod it to 0600"
		    : "others can read it, or its group can write it; chmod it to 0640";
	if ((st->st_mode & 040) != 0 && st->st_gid != readers && st->st_gid != 0)
		return "another group than that of broker-user can read it; chgrp it to that one";
	return NULL;
}

static int
read_store_file(const char *path, gid_t readers, struct buf *text, struct buf *problem)
{
	char why[TRUST_TEXT_MAX];
	struct trust_problem trust;
	const char *refused;
	struct stat st;
	ssize_t got;
	char *room = buf_room(text, STORE_CONF_MAX);
	int fd = room == NULL ? -ENOMEM : trusted_file_open(path, &trust);
	int r = fd < 0 ? fd : 0;

	if (room == NULL)
		return -ENOMEM;
	if (fd < 0) {
		trust_explain(&trust, why, sizeof(why));
		buf_addf(problem, "%s: cannot open: %s; sallyport-store.conf(5) says what belongs there\n", path, why);
		return r;
	}
	if (fstat(fd, &st) < 0) {
		r = -errno;
		buf_addf(problem, "%s: cannot examine it: %s\n", path, strerror(-r));
		goto out;
	}
	refused = store_file_refused(&st, readers);
	if (refused != NULL) {
		r = -EPERM;
		buf_addf(problem, "%s: %s\n", path, refused);
		goto out;
	}
	got = io_read_all(fd, room, STORE_CONF_MAX);
	if (got < 0 || got == STORE_CONF_MAX) {
		r = got < 0 ? (int)got : -EFBIG;
		buf_addf(problem, "%s: cannot read it: %s\n", path, strerror(-r));
		goto out;
	}
	text->len += (size_t)got;
	r = buf_add(text, "\n", 1);	/* never empty, and the last line has an end */
out:
	close_fd(&fd);
	return r;
}

int
store_conf_load(const char *path, gid_t readers, struct store_conf *conf, struct buf *problem)
{
	struct buf text;
	int r;

	*conf = (struct store_conf){0};
	buf_init(&text, STORE_CONF_MAX + 1);
	r = read_store_file(path, readers, &text, problem);
	if (r == 0)
		r = store_conf_parse(path, text.data, text.len, conf, problem);
	buf_free(&text);
	return r;
}

void
store_conf_free(struct store_conf *conf)
{
	if (conf->connect != NULL)
		explicit_bzero(conf->connect, strlen(conf->connect));
	free(conf->connect);
	free(conf->node);
	*conf = (struct store_conf){0};
}
