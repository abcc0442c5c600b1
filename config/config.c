/* SPDX-License-Identifier: ISC */
#include "config/config.h"

#include <confuse.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/io.h"
#include "common/text.h"
#include "config/keys.h"
#include "config/servers.h"
#include "config/source.h"
#include "config/values.h"
#include "trusted/place.h"

#include "common/banned.h"

#define KEYS_MAX 64 /* keys of one section or of the top, unknown ones included */
#define SECTIONS_MAX 8
#define ERRORS_MAX 100
#define ERROR_LINE_MAX 8192 /* bytes of one error */
#define UNKNOWN_MAX 20
#define NAME_SHOWN_MAX 64 /* bytes of an unknown key that an error repeats */
#define NEAR_ENOUGH 2 /* edits between an unknown key and the one suggested */

/* A key of the file that is not in the table. */
struct unknown {
	char *section, *name; /* section is "" at the top */
	int line;
	bool is_section;
};

struct problem {
	int line; /* 0: of no line */
	char *text;
};

/* One run of config_load(). */
struct load {
	const char *path;
	struct config *config;
	struct problem problems[ERRORS_MAX];
	size_t problem_count;
	struct unknown unknown[UNKNOWN_MAX];
	size_t unknown_count;
	bool again; /* an unknown key was learned: parse once more */
	int error; /* -ENOMEM */
	int *seen_line; /* by index of config_keys: where it was set, 0 if nowhere */
};

/* The callbacks of libconfuse take no argument of the caller, and its scanner is static as well. */
static struct load *loading;

static void __attribute__((format(printf, 3, 4))) add_problem(struct load *load, int line, const char *format, ...)
{
	struct problem *problem = &load->problems[load->problem_count];
	struct buf text;
	va_list args;

	if (load->problem_count == ERRORS_MAX)
		return;
	buf_init(&text, ERROR_LINE_MAX);
	if (line > 0)
		buf_addf(&text, "%s:%d: ", load->path, line);
	else
		buf_addf(&text, "%s: ", load->path);
	va_start(args, format);
	buf_addv(&text, format, args);
	va_end(args);
	problem->line = line;
	problem->text = text.error == 0 ? strdup(text.data) : NULL;
	if (problem->text == NULL)
		load->error = -ENOMEM;
	else
		load->problem_count++;
	buf_free(&text);
}

static void
forget_problems(struct load *load)
{
	for (size_t i = 0; i < load->problem_count; i++)
		free(load->problems[i].text);
	load->problem_count = 0;
}

static bool
same_section(const char *table_section, const char *section)
{
	return strcmp(table_section == NULL ? "" : table_section, section) == 0;
}

/* The rows of both tables; NULL behind the last. */
static const struct config_key *
row_of_tables(size_t i)
{
	if (i < config_key_count)
		return &config_keys[i];
	return i - config_key_count < config_server_key_count ? &config_server_keys[i - config_key_count] : NULL;
}

static const struct config_key *
find_key(const char *section, const char *name)
{
	const struct config_key *key;

	for (size_t i = 0; (key = row_of_tables(i)) != NULL; i++)
		if (same_section(key->section, section) && strcmp(key->name, name) == 0)
			return key;
	return NULL;
}

static const char *
section_of(const cfg_t *cfg)
{
	return strcmp(cfg->name, "root") == 0 ? "" : cfg->name;
}

static const char *
dot_of(const char *section)
{
	return section[0] == '\0' ? "" : ".";
}

static bool
is_server_section(const char *section)
{
	return strcmp(section, CONFIG_SERVER_SECTION) == 0;
}

/* --- values --- */

/* Where a value belongs. */
struct destination {
	const struct config_key *key;
	void *values; /* struct config or struct config_server */
	int *seen; /* the line where it was set, 0 if nowhere */
	const char *title; /* of a server; NULL: no section of that kind */
};

/*
 * The server whose section has this title, a new one if there is none yet. The case of a host name has no meaning. NULL
 * where there cannot be one; take_sections() says why.
 */
static struct config_server *
take_server(struct load *load, const char *title)
{
	char name[SERVER_NAME_MAX + 1];
	struct config_server *server;
	size_t len = strlen(title);
	int known, error = 0;

	if (len > SERVER_NAME_MAX || !value_is_host_name(title))
		return NULL;
	for (size_t i = 0; i <= len; i++)
		name[i] = (char)tolower((unsigned char)title[i]);
	known = servers_titled(load->config, name);
	if (known > 0)
		return &load->config->servers[known];
	server = servers_add(load->config, name, &error);
	if (error == -ENOMEM)
		load->error = error;
	return server;
}

static bool
find_destination(struct load *load, const cfg_t *cfg, const char *name, struct destination *to)
{
	struct config_server *server;

	to->key = find_key(section_of(cfg), name);
	if (to->key == NULL)
		return false; /* unknown; reported already */
	to->title = NULL;
	to->values = load->config;
	if (!is_server_section(section_of(cfg))) {
		to->seen = &load->seen_line[to->key - config_keys];
		return true;
	}
	server = take_server(load, cfg->title);
	if (server == NULL)
		return false;
	to->values = server;
	to->seen = &server->lines[to->key - config_server_keys];
	to->title = server->name;
	return true;
}

/* "log.level", or: server "ftp.example.org": banner */
static void
tell_value(struct load *load, int line, const struct destination *to, const char *what)
{
	const char *section = to->key->section == NULL ? "" : to->key->section;

	if (to->title != NULL)
		add_problem(load, line, CONFIG_SERVER_SECTION " \"%s\": %s: %s", to->title, to->key->name, what);
	else
		add_problem(load, line, "%s%s%s: %s", section, dot_of(section), to->key->name, what);
}

/* An address is opened long after it was read; its errors name the line then. */
static void
note_listen_line(struct config *config, const struct config_key *key, int line)
{
	struct config_listen *list = (struct config_listen *)(void *)((char *)config + key->offset);
	size_t count = *(size_t *)(void *)((char *)config + key->offset + key->size);

	list[count - 1].line = line;
}

/*
 * Called by libconfuse for each value, while the line is known. Returns 0 for a bad value too, so that the next one
 * is checked.
 */
static int
take_config_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	struct destination to;
	struct buf problem;

	*(const char **)result = value;
	if (!find_destination(loading, cfg, opt->name, &to))
		return 0;
	buf_init(&problem, ERROR_LINE_MAX);
	if (*to.seen > 0 && opt->nvalues == 1)
		buf_addf(&problem, "set twice, first in line %d; keep one of them", *to.seen);
	else if (key_set(to.key, value, to.values, &problem) == 0 && to.key->type == KEY_LISTEN)
		note_listen_line(loading->config, to.key, cfg->line);
	if (problem.len > 0 || problem.error < 0)
		tell_value(loading, cfg->line, &to, problem.data == NULL ? "no memory" : problem.data);
	if (*to.seen == 0)
		*to.seen = cfg->line;
	buf_free(&problem);
	return 0;
}

/* --- unknown keys --- */

static size_t
min_of(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Levenshtein's distance, for names below NAME_SHOWN_MAX bytes. */
static size_t
edit_distance(const char *a, const char *b)
{
	size_t a_len = strlen(a), b_len = strlen(b);
	size_t row[NAME_SHOWN_MAX + 1];

	if (a_len >= NAME_SHOWN_MAX || b_len >= NAME_SHOWN_MAX)
		return NAME_SHOWN_MAX;
	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t above = row[j];

			row[j] = min_of(min_of(above, row[j - 1]) + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[b_len];
}

/* Near enough to be meant: few edits, and less than half of the name. */
static bool
is_near(const char *name, size_t distance)
{
	return distance <= NEAR_ENOUGH && distance * 2 < strlen(name);
}

static const struct config_key *
nearest_key(const char *section, const char *name)
{
	const struct config_key *nearest = NULL, *key;
	size_t best = NEAR_ENOUGH + 1;

	for (size_t i = 0; (key = row_of_tables(i)) != NULL; i++) {
		size_t distance = edit_distance(name, key->name);

		if (same_section(key->section, section) && distance < best) {
			best = distance;
			nearest = key;
		}
	}
	return nearest != NULL && is_near(name, best) ? nearest : NULL;
}

static const struct config_key *
key_elsewhere(const char *name)
{
	const struct config_key *key;

	for (size_t i = 0; (key = row_of_tables(i)) != NULL; i++)
		if (strcmp(key->name, name) == 0)
			return key;
	return NULL;
}

static const char *
nearest_section(const char *name)
{
	for (size_t i = 0; config_sections[i] != NULL; i++)
		if (is_near(name, edit_distance(name, config_sections[i])))
			return config_sections[i];
	return is_near(name, edit_distance(name, CONFIG_SERVER_SECTION)) ? CONFIG_SERVER_SECTION : NULL;
}

static bool
is_known_section(const char *section)
{
	if (section[0] == '\0' || is_server_section(section))
		return true;
	for (size_t i = 0; config_sections[i] != NULL; i++)
		if (strcmp(section, config_sections[i]) == 0)
			return true;
	return false;
}

/* The key that a dotted name such as "limits.sessions" means, as the manual writes it; NULL: none. */
static const struct config_key *
key_of_dotted(const char *name)
{
	const char *dot = strchr(name, '.');
	const struct config_key *key;

	for (size_t i = 0; dot != NULL && (key = row_of_tables(i)) != NULL; i++)
		if (key->section != NULL && strlen(key->section) == (size_t)(dot - name) &&
		    strncmp(key->section, name, (size_t)(dot - name)) == 0 && strcmp(key->name, dot + 1) == 0)
			return key;
	return NULL;
}

static void
tell_unknown(struct load *load, const struct unknown *unknown)
{
	const struct config_key *key;
	const char *section;
	struct buf name;

	if (!is_known_section(unknown->section))
		return; /* reported as a whole */
	buf_init(&name, ERROR_LINE_MAX);
	escape_bytes(&name, ESCAPE_LOG, unknown->name, min_of(strlen(unknown->name), NAME_SHOWN_MAX));
	if (name.data == NULL)
		load->error = -ENOMEM;
	else if (unknown->is_section && unknown->section[0] != '\0')
		add_problem(load, unknown->line, "%s: a section within section '%s'; %s", name.data, unknown->section,
		    is_server_section(unknown->section)
			? "a server has no sections, but keys such as certificate, key and require-tls"
			: "close that one before it");
	else if (unknown->is_section && (section = nearest_section(unknown->name)) != NULL)
		add_problem(load, unknown->line, "%s: unknown section; did you mean '%s'?", name.data, section);
	else if (unknown->is_section)
		add_problem(load, unknown->line,
		    "%s: unknown section; the sections are log, tls, limits, timeouts and server", name.data);
	else if ((key = key_of_dotted(unknown->name)) != NULL)
		add_problem(load, unknown->line, "%s: unknown key; write '%s%s { %s = VALUE }'", name.data,
		    key->section, is_server_section(key->section) ? " \"NAME\"" : "", key->name);
	else if ((key = nearest_key(unknown->section, unknown->name)) != NULL)
		add_problem(load, unknown->line, "%s%s%s: unknown key; did you mean '%s'?", unknown->section,
		    dot_of(unknown->section), name.data, key->name);
	else if ((key = key_elsewhere(unknown->name)) != NULL && key->section != NULL)
		add_problem(load, unknown->line, "%s%s%s: unknown key here; it belongs in '%s { }'", unknown->section,
		    dot_of(unknown->section), name.data, key->section);
	else if (key != NULL)
		add_problem(load, unknown->line, "%s%s%s: unknown key here; it belongs outside of all sections",
		    unknown->section, dot_of(unknown->section), name.data);
	else
		add_problem(load, unknown->line, "%s%s%s: unknown key; sallyport.conf(5) lists all of them",
		    unknown->section, dot_of(unknown->section), name.data);
	buf_free(&name);
}

static struct unknown *
find_unknown(struct load *load, const char *section, const char *name)
{
	for (size_t i = 0; i < load->unknown_count; i++)
		if (strcmp(load->unknown[i].section, section) == 0 && strcmp(load->unknown[i].name, name) == 0)
			return &load->unknown[i];
	return NULL;
}

/*
 * libconfuse stops at an unknown key. Remember it as one to skip, and parse the file again, so that one run reports
 * all errors.
 */
static void
learn_unknown(struct load *load, const cfg_t *cfg, const char *name)
{
	struct unknown *unknown = &load->unknown[load->unknown_count];

	/* a key that the section has: this one is within another section, which is reported as a whole */
	if (load->unknown_count == UNKNOWN_MAX || find_unknown(load, section_of(cfg), name) != NULL ||
	    find_key(section_of(cfg), name) != NULL)
		return;
	unknown->section = strdup(section_of(cfg));
	unknown->name = strdup(name);
	unknown->line = cfg->line;
	load->unknown_count++;
	if (unknown->section == NULL || unknown->name == NULL)
		load->error = -ENOMEM;
	else
		load->again = true;
}

/* --- libconfuse --- */

/* The messages of libconfuse 3.3 about bad syntax (the beginning of its formats), and what would be right. */
static const struct {
	const char *says, *cure;
} syntax_cures[] = {
    {"missing equal sign", "write KEY = VALUE"},
    {"missing opening brace", "write SECTION { KEY = VALUE }"},
    {"missing title", "write " CONFIG_SERVER_SECTION " \"NAME\" { KEY = VALUE }"},
    {"found duplicate title", "each server has one section and a name of its own"},
    {"attempt to append", "write KEY = VALUE"},
    {"premature end of file", "the last key lacks its value"},
    {"unexpected token",
	"write KEY = VALUE; only the listen keys, proxy-from, limits.never-ban and address of a server take a list, {\"VALUE\", \"VALUE\"}; quote a value with blanks"},
};

static void __attribute__((format(printf, 3, 0)))
tell_syntax(struct load *load, const cfg_t *cfg, const char *format, va_list args)
{
	const char *cure = "see sallyport.conf(5)";
	struct buf what, shown;

	for (size_t i = 0; i < sizeof(syntax_cures) / sizeof(syntax_cures[0]); i++)
		if (strncmp(format, syntax_cures[i].says, strlen(syntax_cures[i].says)) == 0)
			cure = syntax_cures[i].cure;
	buf_init(&what, ERROR_LINE_MAX);
	buf_init(&shown, ERROR_LINE_MAX);
	buf_addv(&what, format, args);
	if (what.data != NULL)
		escape_bytes(&shown, ESCAPE_LOG, what.data, min_of(what.len, 200));
	add_problem(load, cfg->line, "%s; %s", shown.data == NULL ? "bad syntax" : shown.data, cure);
	buf_free(&what);
	buf_free(&shown);
}

static void __attribute__((format(printf, 2, 0))) take_syntax_error(cfg_t *cfg, const char *format, va_list args)
{
	struct unknown *unknown;
	va_list again;
	const char *name;

	va_copy(again, args);
	if (strncmp(format, "no such option", strlen("no such option")) == 0) {
		learn_unknown(loading, cfg, va_arg(again, const char *));
	} else if (strncmp(format, "missing equal sign", strlen("missing equal sign")) == 0 &&
	    (name = va_arg(again, const char *)) != NULL &&
	    (unknown = find_unknown(loading, section_of(cfg), name)) != NULL && !unknown->is_section) {
		unknown->is_section = true; /* "NAME {", it seems; if not, the next run reports it */
		loading->again = true;
	} else {
		tell_syntax(loading, cfg, format, args);
	}
	va_end(again);
}

/* One option for libconfuse. Every value is a text to it, so that only key_set() knows types. */
static cfg_opt_t
option_for(const char *name, bool is_list)
{
	cfg_opt_t scalar = CFG_STR_CB(name, NULL, CFGF_NODEFAULT, take_config_value);
	cfg_opt_t list = CFG_STR_LIST_CB(name, NULL, CFGF_NODEFAULT, take_config_value);

	return is_list ? list : scalar;
}

static cfg_opt_t
section_for(const char *name, cfg_opt_t *options, cfg_flag_t flags)
{
	cfg_opt_t section = CFG_SEC(name, options, flags);

	return section;
}

/* Fill options (KEYS_MAX) with the keys of a section, known and unknown ones. */
static size_t
fill_options(const struct load *load, const char *section, cfg_opt_t *options)
{
	static cfg_opt_t none[] = {CFG_END()};
	const cfg_opt_t end = CFG_END();
	const struct config_key *key;
	size_t count = 0;

	for (size_t i = 0; (key = row_of_tables(i)) != NULL; i++)
		if (same_section(key->section, section))
			options[count++] = option_for(key->name, key_is_list(key));
	for (size_t i = 0; i < load->unknown_count; i++) {
		const struct unknown *unknown = &load->unknown[i];

		if (strcmp(unknown->section, section) != 0)
			continue;
		if (unknown->is_section)
			options[count++] = section_for(unknown->name, none, CFGF_KEYSTRVAL);
		else
			options[count++] = option_for(unknown->name, true); /* takes "{...}" and one value */
	}
	options[count] = end;
	return count;
}

/* The defaults of the lists that the file does not assign, not even as {}. */
static int
set_default_lists(struct load *load, cfg_t *cfg)
{
	struct buf problem;
	int r = 0;

	buf_init(&problem, ERROR_LINE_MAX);
	for (size_t i = 0; i < config_key_count && r == 0; i++) {
		const struct config_key *key = &config_keys[i];

		if (!key_is_list(key) || key->initial[0] == '\0' ||
		    (cfg_getopt(cfg, key->name)->flags & CFGF_MODIFIED) != 0)
			continue;
		r = key_set(key, key->initial, load->config, &problem);
	}
	buf_free(&problem);
	return r;
}

/* The title as the file has it, in an error about a whole section. */
static void
tell_section(struct load *load, int line, const char *title, const char *what)
{
	struct buf shown;

	buf_init(&shown, ERROR_LINE_MAX);
	escape_bytes(&shown, ESCAPE_LOG, title, min_of(strlen(title), NAME_SHOWN_MAX));
	add_problem(load, line, CONFIG_SERVER_SECTION " \"%s\": %s", shown.data == NULL ? "" : shown.data, what);
	buf_free(&shown);
}

/* The sections of servers, also those without a key: each has its line and a name of its own. */
static void
take_sections(struct load *load, cfg_t *cfg, char *text, size_t len)
{
	unsigned count = cfg_size(cfg, CONFIG_SERVER_SECTION);
	char what[ERROR_LINE_MAX];

	for (unsigned i = 0; i < count && load->error == 0; i++) {
		const char *title = cfg_title(cfg_getnsec(cfg, CONFIG_SERVER_SECTION, i));
		int line = source_section_line(text, len, CONFIG_SERVER_SECTION, i);
		struct config_server *server = take_server(load, title);

		if (server != NULL && server->line == 0) {
			server->line = line;
			continue;
		}
		if (server != NULL)
			snprintf(what, sizeof(what),
			    "a second section of that name, the first is in line %d; give each server a name of its own",
			    server->line);
		else if (load->config->server_count > CONFIG_SERVERS_MAX)
			snprintf(what, sizeof(what), "one server too many; use at most %d", CONFIG_SERVERS_MAX);
		else
			snprintf(what, sizeof(what),
			    "not a host name of at most %d bytes; write " CONFIG_SERVER_SECTION
			    " \"ftp.example.org\" { }, and longer ones in names",
			    SERVER_NAME_MAX);
		tell_section(load, line, title, what);
	}
}

static int
parse_once(struct load *load, char *text, size_t len)
{
	cfg_opt_t section_options[SECTIONS_MAX][KEYS_MAX], server_options[KEYS_MAX];
	cfg_opt_t root_options[KEYS_MAX];
	const cfg_opt_t end = CFG_END();
	cfg_t *cfg = NULL;
	FILE *in = NULL;
	size_t count;
	int r = 0;

	count = fill_options(load, "", root_options);
	for (size_t i = 0; config_sections[i] != NULL; i++) {
		fill_options(load, config_sections[i], section_options[i]);
		root_options[count++] = section_for(config_sections[i], section_options[i], CFGF_NONE);
	}
	fill_options(load, CONFIG_SERVER_SECTION, server_options);
	root_options[count++] =
	    section_for(CONFIG_SERVER_SECTION, server_options, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES);
	root_options[count] = end;
	cfg = cfg_init(root_options, CFGF_NONE);
	in = fmemopen(text, len, "r");
	if (cfg == NULL || in == NULL) {
		r = -ENOMEM;
		goto out;
	}
	cfg_set_error_function(cfg, take_syntax_error);
	loading = load;
	if (cfg_parse_fp(cfg, in) != CFG_SUCCESS && !load->again && load->problem_count == 0 &&
	    load->unknown_count == 0)
		add_problem(load, cfg->line, "bad syntax; see sallyport.conf(5)");
	loading = NULL;
	if (!load->again)
		take_sections(load, cfg, text, len);
	r = set_default_lists(load, cfg);
out:
	if (in != NULL)
		fclose(in);
	if (cfg != NULL)
		cfg_free(cfg);
	return r;
}

static void
free_values(struct config *config)
{
	for (size_t i = 0; i < config_key_count; i++)
		if (key_is_text(&config_keys[i]))
			free(*(char **)((char *)config + config_keys[i].offset));
	free(config->store_conf);
	free(config->login_message_text);
	free(config->greeting);
	free(config->host);
	servers_free(config);
	memset(config, 0, sizeof(*config));
}

/* Every default as if it stood in the file; not the lists, which the file's values would be added to. */
static int
set_defaults(struct config *config)
{
	struct buf problem;
	int r = 0;

	buf_init(&problem, ERROR_LINE_MAX);
	for (size_t i = 0; i < config_key_count && r == 0; i++)
		if (!key_is_list(&config_keys[i]))
			r = key_set(&config_keys[i], config_keys[i].initial, config, &problem);
	buf_free(&problem);
	if (r == 0)
		servers_add(config, "", &r);
	return r;
}

static int
parse_text(struct load *load, char *text, size_t len)
{
	int r;

	do {
		load->again = false;
		forget_problems(load);
		free_values(load->config);
		memset(load->seen_line, 0, config_key_count * sizeof(load->seen_line[0]));
		r = set_defaults(load->config);
		if (r == 0)
			r = parse_once(load, text, len);
	} while (r == 0 && load->again && load->error == 0);
	for (size_t i = 0; i < load->unknown_count && r == 0 && load->error == 0; i++)
		tell_unknown(load, &load->unknown[i]);
	return r == 0 ? load->error : r;
}

/* --- what two keys say together --- */

static int
line_of(const struct load *load, const char *section, const char *name)
{
	return load->seen_line[find_key(section, name) - config_keys];
}

/* A configuration that nobody has loaded has none. */
static const char *
pam_services_text(const struct config *config)
{
	return config->pam_services == NULL ? "" : config->pam_services;
}

bool
config_has_pam(const struct config *config)
{
	return config->pam_service[0] != '\0' || pam_services_text(config)[0] != '\0';
}

bool
config_names_pam_service(const struct config *config, const char *service)
{
	size_t len = strlen(service);

	if (len == 0)
		return false;
	if (strcmp(config->pam_service, service) == 0)
		return true;
	for (const char *next = pam_services_text(config); *next != '\0';
	     next += strcspn(next, ","), next += *next == ',')
		if (strcspn(next, ",") == len && memcmp(next, service, len) == 0)
			return true;
	return false;
}

bool
config_has_store(const struct config *config)
{
	return config->store_conf != NULL && config->store_conf[0] != '\0';
}

bool
config_has_proxied(const struct config *config)
{
	return config->listen_proxied_count + config->listen_proxied_tls_count > 0;
}

bool
config_is_proxy(const struct config *config, const union address *address)
{
	for (size_t i = 0; i < config->proxy_from_count; i++)
		if (address_in_block(address, &config->proxy_from[i]))
			return true;
	return false;
}

static void
take_server_problem(void *arg, int line, const char *text)
{
	add_problem(arg, line, "%s", text);
}

/* Without a certificate of the main server, each address of listen-tls must be that of a server which has one. */
static void
check_implicit_tls(struct load *load)
{
	const struct config *config = load->config;

	for (size_t i = 0; i < config->listen_tls_count; i++) {
		const struct config_listen *listen = &config->listen_tls[i];
		size_t server = listen->any_family ? 0 : servers_at(config, &listen->address);

		if (server != 0 && config->servers[server].tls.certificate[0] != '\0')
			continue;
		add_problem(load, line_of(load, "", "listen-tls"),
		    "listen-tls: needs a certificate; set tls.certificate and tls.key%s",
		    config->server_count > 1
			? ", outside of all sections, or give each address here, without \"*\", to a section server that has its own certificate and key"
			: "");
		return;
	}
}

static void
check_together(struct load *load)
{
	const struct config *config = load->config;
	bool has_certificate = config->tls.certificate[0] != '\0';
	bool has_key = config->tls.key[0] != '\0';

	if (config->listen_count == 0 && config->listen_tls_count == 0 && !config_has_proxied(config))
		add_problem(load, line_of(load, "", "listen"),
		    "listen: empty, and the other listen keys too; name an address in one of them, such as \"*:21\"");
	if (config_has_proxied(config) && config->proxy_from_count == 0)
		add_problem(load,
		    line_of(load, "", config->listen_proxied_count > 0 ? "listen-proxied" : "listen-proxied-tls"),
		    "%s: needs proxy-from, the addresses of the proxy, or nobody could come in",
		    config->listen_proxied_count > 0 ? "listen-proxied" : "listen-proxied-tls");
	if (config->listen_proxied_tls_count > 0 && !has_certificate)
		add_problem(load, line_of(load, "", "listen-proxied-tls"),
		    "listen-proxied-tls: needs a certificate; set tls.certificate and tls.key");
	if (!has_certificate)
		check_implicit_tls(load);
	if (config_has_store(config) && config->broker_user[0] == '\0')
		add_problem(load, line_of(load, "", "accounts"),
		    "accounts: \"postgresql:\" needs broker-user; write broker-user = \"sallyport-broker\", a system user that nothing else runs as");
	if (has_certificate && !has_key)
		add_problem(load, line_of(load, "tls", "certificate"),
		    "tls.certificate: has no key; set tls.key to the file of its private key");
	if (has_key && !has_certificate)
		add_problem(load, line_of(load, "tls", "key"),
		    "tls.key: has no certificate; set tls.certificate to the file of the certificate");
	servers_check(config, take_server_problem, load);
}

static void
fill_in(struct config *config)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	uint32_t at_once = cpus < 1 ? 1 : (uint32_t)cpus;

	if (config->limits.concurrent_hashes == 0)
		config->limits.concurrent_hashes = at_once;
	if (config->limits.concurrent_work == 0)
		config->limits.concurrent_work = at_once;
}

/* --- the file --- */

static int
read_config_file(struct load *load, struct buf *text)
{
	struct stat st;
	int fd = -1;
	ssize_t got;
	char *room;
	int r = 0;

	/* non-blocking: a FIFO is refused below instead of waited for */
	fd = open(load->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0) {
		r = -errno;
		add_problem(load, 0, "cannot open: %s; name the configuration file with -c FILE", strerror(-r));
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		r = -EINVAL;
		add_problem(load, 0, "not a regular file; name the configuration file with -c FILE");
		goto out;
	}
	room = buf_room(text, CONFIG_SOURCE_MAX);
	if (room == NULL) {
		r = text->error;
		goto out;
	}
	got = io_read_all(fd, room, CONFIG_SOURCE_MAX);
	if (got < 0) {
		r = (int)got;
		add_problem(load, 0, "cannot read: %s", strerror(-r));
	} else if ((size_t)got == CONFIG_SOURCE_MAX) {
		r = -EINVAL;
		add_problem(load, 0, "too large; a configuration has less than %zu bytes", CONFIG_SOURCE_MAX);
	} else {
		text->len += (size_t)got;
		r = buf_add(text, "\n", 1); /* never empty, and the last line has an end */
	}
out:
	close_fd(&fd);
	return r;
}

/* The bytes of a regular file of at most max bytes, which only root could have put there. 0 or -errno. */
static int
read_small_file(const char *path, size_t max, struct buf *out, struct trust_problem *problem)
{
	struct stat st;
	ssize_t got;
	char *room;
	int fd;
	int r = 0;

	fd = trusted_file_open(path, problem);
	if (fd < 0)
		return fd;
	/* an error from here on is one of a call */
	*problem = (struct trust_problem){.kind = TRUST_SYSTEM, .error = -EIO};
	if (fstat(fd, &st) < 0) {
		r = -errno;
		goto out;
	}
	r = S_ISREG(st.st_mode) ? 0 : -EINVAL;
	room = buf_room(out, max + 1);
	if (room == NULL)
		r = out->error;
	if (r < 0)
		goto out;
	got = io_read_all(fd, room, max + 1);
	if (got < 0)
		r = problem->error = (int)got;
	else if ((size_t)got > max)
		r = -EFBIG;
	else
		out->len += (size_t)got;
out:
	close_fd(&fd);
	return r;
}

/* A file of a login message, and the key that names it. */
struct message_file {
	const char *path;
	int line;
	char key[128]; /* as errors show it */
};

static void
tell_login_message(struct load *load, const struct message_file *file, int error, const struct trust_problem *problem)
{
	char why[TRUST_TEXT_MAX];

	trust_explain(problem, why, sizeof(why)); /* every client is shown what root reads there */
	if (error == -EFBIG)
		add_problem(load, file->line, "%s: '%s' is too long; at most %d bytes", file->key, file->path,
		    CONFIG_LOGIN_MESSAGE_MAX);
	else if (error == -EINVAL || error == -EISDIR)
		add_problem(
		    load, file->line, "%s: '%s' is no regular file; name a text file, or \"\"", file->key, file->path);
	else
		add_problem(load, file->line, "%s: cannot read '%s': %s; name a text file, or \"\"", file->key,
		    file->path, why);
}

/* The text of the file that login-message names, escaped; "" for none. */
static int
load_login_message(struct load *load, const struct message_file *file, char **message)
{
	struct trust_problem problem;
	struct buf raw, text;
	int r = 0;

	buf_init(&raw, CONFIG_LOGIN_MESSAGE_MAX + 1);
	buf_init(&text, CONFIG_LOGIN_MESSAGE_MAX);
	if (file->path[0] != '\0')
		r = read_small_file(file->path, CONFIG_LOGIN_MESSAGE_MAX, &raw, &problem);
	if (r < 0 && r != -ENOMEM) {
		tell_login_message(load, file, r, &problem);
		r = 0;
	} else if (r == 0) {
		r = escape_lines(&text, raw.data == NULL ? "" : raw.data, raw.len);
	}
	if (r == 0) {
		*message = strdup(text.data == NULL ? "" : text.data);
		r = *message == NULL ? -ENOMEM : 0;
	}
	buf_free(&raw);
	buf_free(&text);
	return r;
}

static int
make_greeting(const char *banner, char **greeting)
{
	struct buf text;
	int r;

	buf_init(&text, 8 + strlen(banner));
	r = buf_add_text(&text, "220 ");
	if (r == 0)
		r = escape_bytes(&text, ESCAPE_REPLY, banner, strlen(banner));
	if (r == 0)
		r = buf_add_text(&text, "\r\n");
	if (r == 0) {
		*greeting = strdup(text.data);
		r = *greeting == NULL ? -ENOMEM : 0;
	}
	buf_free(&text);
	return r;
}

/* What %{host} becomes in texts. */
static int
find_host(struct config *config)
{
	size_t first = strcspn(config->server_name, ", ");
	struct utsname machine;

	if (first > 0)
		config->host = strndup(config->server_name, first);
	else if (uname(&machine) == 0 && value_is_host_name(machine.nodename))
		config->host = strdup(machine.nodename);
	else
		config->host = strdup("localhost");
	return config->host == NULL ? -ENOMEM : 0;
}

/* Most servers have the message of the main one, which was read already. */
static int
load_message_of_server(struct load *load, size_t i)
{
	const struct config *config = load->config;
	struct config_server *server = &config->servers[i];
	struct message_file file = {.path = server->login_message, .line = servers_line(config, i, "login-message")};

	if (strcmp(server->login_message, config->login_message) == 0) {
		server->login_message_text = strdup(config->login_message_text);
		return server->login_message_text == NULL ? -ENOMEM : 0;
	}
	snprintf(file.key, sizeof(file.key), CONFIG_SERVER_SECTION " \"%s\": login-message", server->name);
	return load_login_message(load, &file, &server->login_message_text);
}

/* Parts of the state of every session, made once. */
static int
make_texts(struct load *load)
{
	struct config *config = load->config;
	const struct message_file file = {
	    .path = config->login_message,
	    .line = line_of(load, "", "login-message"),
	    .key = "login-message",
	};
	int r = make_greeting(config->banner, &config->greeting);

	if (r == 0)
		r = load_login_message(load, &file, &config->login_message_text);
	for (size_t i = 0; i < config->server_count && r == 0; i++) {
		r = make_greeting(config->servers[i].banner, &config->servers[i].greeting);
		if (r == 0)
			r = load_message_of_server(load, i);
	}
	return r;
}

static int
load_file(struct load *load)
{
	const char *problem;
	struct buf text;
	int line;
	int r;

	buf_init(&text, CONFIG_SOURCE_MAX + 1);
	r = read_config_file(load, &text);
	if (r < 0)
		goto out;
	r = source_make_plain(text.data, text.len, &line, &problem);
	if (r < 0) {
		add_problem(load, line, "%s", problem);
		goto out;
	}
	r = parse_text(load, text.data, text.len);
	if (r < 0)
		goto out;
	if (load->problem_count == 0)
		check_together(load);
	if (load->problem_count == 0)
		r = servers_inherit(load->config);
	if (r == 0 && load->problem_count == 0)
		r = make_texts(load);
	if (r == 0)
		r = find_host(load->config);
	if (r < 0)
		goto out;
	r = load->problem_count > 0 ? -EINVAL : load->error;
out:
	buf_free(&text);
	return r;
}

static int
compare_problems(const void *a, const void *b)
{
	const struct problem *x = a, *y = b;

	return (x->line > y->line) - (x->line < y->line);
}

static void
load_free(struct load *load)
{
	forget_problems(load);
	for (size_t i = 0; i < load->unknown_count; i++) {
		free(load->unknown[i].section);
		free(load->unknown[i].name);
	}
	free(load->seen_line);
	config_free(load->config);
}

int
config_load(const char *path, void (*error)(void *arg, const char *line), void *arg, struct config **out)
{
	struct load load = {.path = path};
	int r;

	load.config = calloc(1, sizeof(*load.config));
	load.seen_line = calloc(config_key_count, sizeof(load.seen_line[0]));
	if (load.config == NULL || load.seen_line == NULL) {
		r = -ENOMEM;
		goto out;
	}
	r = load_file(&load);
	qsort(load.problems, load.problem_count, sizeof(load.problems[0]), compare_problems);
	for (size_t i = 0; i < load.problem_count; i++)
		error(arg, load.problems[i].text);
	if (r < 0)
		goto out;
	load.config->path = strdup(path);
	if (load.config->path == NULL) {
		r = -ENOMEM;
		goto out;
	}
	fill_in(load.config);
	load.config->lines = load.seen_line;
	load.seen_line = NULL;
	*out = load.config;
	load.config = NULL;
out:
	load_free(&load);
	return r;
}

void
config_free(struct config *config)
{
	if (config == NULL)
		return;
	free(config->path);
	free(config->lines);
	free_values(config);
	free(config);
}

void
config_place(const struct config *config, const char *section, const char *name, char place[CONFIG_PLACE_MAX])
{
	int line = config->lines[find_key(section, name) - config_keys];

	if (line > 0)
		snprintf(
		    place, CONFIG_PLACE_MAX, "%s:%d: %s%s%s: ", config->path, line, section, dot_of(section), name);
	else
		snprintf(place, CONFIG_PLACE_MAX, "%s: %s%s%s: ", config->path, section, dot_of(section), name);
}

/* --- the sample --- */

static void
print_comment(FILE *out, const char *indent, const char *text)
{
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		fprintf(out, "%s# %.*s\n", indent, (int)len, text);
		text += len + (text[len] == '\n');
	}
}

static bool
is_bare(const struct config_key *key)
{
	return key->type == KEY_BOOL || key->type == KEY_NUMBER;
}

static void
print_key(FILE *out, const char *blank, const char *indent, const struct config_key *key)
{
	struct buf accepts;

	buf_init(&accepts, ERROR_LINE_MAX);
	key_describe(key, &accepts);
	fprintf(out, "%s\n", blank);
	print_comment(out, indent, key->help);
	fprintf(out, "%s# Takes %s.\n%s%s = ", indent, accepts.data == NULL ? "" : accepts.data, indent, key->name);
	if (key_is_list(key) && key->initial[0] == '\0')
		fprintf(out, "{}\n");
	else if (key_is_list(key))
		fprintf(out, "{\"%s\"}\n", key->initial);
	else
		fprintf(out, is_bare(key) ? "%s\n" : "\"%s\"\n", key->initial);
	buf_free(&accepts);
}

static void
print_section(FILE *out, const char *section, const char *indent)
{
	for (size_t i = 0; i < config_key_count; i++)
		if (same_section(config_keys[i].section, section))
			print_key(out, "", indent, &config_keys[i]);
}

static void
print_server_section(FILE *out)
{
	fprintf(out,
	    "\n# A server of its own in this one, by name or by address; as many as needed, at most %d.\n"
	    "# What a section does not say is as outside of it.\n# " CONFIG_SERVER_SECTION " \"ftp.example.org\" {",
	    CONFIG_SERVERS_MAX);
	for (size_t i = 0; i < config_server_key_count; i++)
		print_key(out, i == 0 ? "" : "#", "#     ", &config_server_keys[i]);
	fprintf(out, "# }\n");
}

void
config_print_sample(FILE *out)
{
	fprintf(out,
	    "# The configuration of sallyportd, sallyport.conf(5). Every key is here with its default.\n"
	    "# \"sallyportctl config check\" reports what is wrong with this file.\n");
	print_section(out, "", "");
	for (size_t i = 0; config_sections[i] != NULL; i++) {
		fprintf(out, "\n%s {", config_sections[i]);
		print_section(out, config_sections[i], "    ");
		fprintf(out, "}\n");
	}
	print_server_section(out);
}
