/* SPDX-License-Identifier: ISC */
#include "admin/migrate_plan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/text.h"
#include "config/config.h"
#include "config/keys.h"

#include "common/banned.h"

#define NOTES_MAX ((size_t)1 << 20)

int
migrate_plan_init(struct migrate_plan *plan, const struct migrate_peer *peer)
{
	*plan = (struct migrate_plan){.peer = peer, .format = CONVERT_PASSWD};
	migrate_profile_init(&plan->all);
	migrate_profile_init(&plan->anonymous);
	buf_init(&plan->notes, NOTES_MAX);
	plan->values = calloc(config_key_count, sizeof(plan->values[0]));
	plan->scratch = calloc(1, sizeof(*plan->scratch));
	return plan->values == NULL || plan->scratch == NULL ? -ENOMEM : 0;
}

void
migrate_plan_free(struct migrate_plan *plan)
{
	for (size_t i = plan->borrowed; i < plan->count; i++) {
		free(plan->directives[i].shown);
		free(plan->directives[i].text);
	}
	free(plan->directives);
	for (size_t i = 0; plan->values != NULL && i < config_key_count; i++)
		migrate_value_free(&plan->values[i]);
	free(plan->values);
	if (plan->peer->forget != NULL)
		plan->peer->forget(plan);
	for (size_t i = 0; i < plan->name_count; i++)
		free(plan->names[i]);
	free(plan->names);
	config_free(plan->scratch);
	migrate_profile_free(&plan->all);
	migrate_profile_free(&plan->anonymous);
	buf_free(&plan->notes);
}

const char *
migrate_plan_keep(struct migrate_plan *plan, const char *text)
{
	char **grown = reallocarray(plan->names, plan->name_count + 1, sizeof(*grown));

	if (grown != NULL)
		plan->names = grown;
	if (grown == NULL || (grown[plan->name_count] = strdup(text)) == NULL)
		return NULL;
	return grown[plan->name_count++];
}

int
migrate_plan_branch(struct migrate_plan *plan, const struct migrate_plan *from)
{
	int r = migrate_plan_init(plan, from->peer);

	plan->directives = calloc(from->count + 64, sizeof(plan->directives[0]));
	if (r < 0 || plan->directives == NULL)
		return -ENOMEM;
	if (from->count > 0)
		memcpy(plan->directives, from->directives, from->count * sizeof(plan->directives[0]));
	plan->of_server = from;
	plan->count = plan->borrowed = from->count;
	plan->size = from->count + 64;
	return 0;
}

/* --- reading --- */

static const char *
line_refusal(const char *line, size_t len)
{
	if (len > MIGRATE_LINE_MAX)
		return "the line is too long; at most 4096 bytes";
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)line[i] < 0x20 && line[i] != '\t') || line[i] == 0x7f)
			return "a control character; the file is plain text";
	return NULL;
}

static int
keep_directive(struct migrate_plan *plan, const struct directive *directive)
{
	if (plan->count == plan->size) {
		size_t size = plan->size == 0 ? 64 : plan->size * 2;
		struct directive *grown = reallocarray(plan->directives, size, sizeof(*grown));

		if (grown == NULL)
			return -ENOMEM;
		plan->directives = grown;
		plan->size = size;
	}
	plan->directives[plan->count++] = *directive;
	return 0;
}

/* One line, without its newline. */
static int
read_directive(
    struct migrate_plan *plan, struct directive *directive, const char *line, size_t len, const char **problem)
{
	int r;

	if (len > 0 && line[len - 1] == '\r')
		len--;
	*problem = line_refusal(line, len);
	if (*problem == NULL && plan->count == MIGRATE_DIRECTIVES_MAX)
		*problem = "too many directives; at most 10000";
	if (*problem != NULL)
		return -EINVAL;
	directive->text = strndup(line, len);
	directive->shown =
	    strndup(line + strspn(line, " \t"), len - (len < strspn(line, " \t") ? len : strspn(line, " \t")));
	r = directive->text == NULL || directive->shown == NULL ? -ENOMEM : plan->peer->cut(directive, problem);
	return r <= 0 ? r : keep_directive(plan, directive) < 0 ? -ENOMEM : 1;
}

/* Of a file that the directive just read names, the directives come now. */
static int
read_named(struct migrate_plan *plan, const char **problem)
{
	struct directive directive = plan->directives[plan->count - 1];
	size_t at = plan->count - 1;
	int r;

	if (plan->include == NULL || plan->peer->include == NULL ||
	    strcasecmp(directive.name, plan->peer->include) != 0)
		return 0;
	if (plan->include_depth == MIGRATE_INCLUDE_MAX) {
		*problem = "files that name files, too deeply; at most 8";
		return -EINVAL;
	}
	plan->include_depth++;
	r = plan->include(plan->include_arg, &directive);
	plan->include_depth--;
	plan->directives[at].is_read = r > 0;
	return r < 0 ? r : 0;
}

int
migrate_plan_read(
    struct migrate_plan *plan, const char *file, const char *text, size_t len, size_t *line, const char **problem)
{
	const char *end = text + len;
	size_t at = 0;
	int r = 0;

	*problem = NULL;
	while (r >= 0 && text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t here = (size_t)((newline == NULL ? end : newline) - text);
		struct directive directive = {.file = file, .line = ++at, .value = ""};

		r = read_directive(plan, &directive, text, here, problem);
		if (r <= 0) {
			free(directive.text);
			free(directive.shown);
		}
		if (r > 0)
			r = read_named(plan, problem);
		text += here + (newline != NULL);
	}
	*line = at;
	return r < 0 ? r : 0;
}

const struct migrate_row *
migrate_row_of(const struct migrate_peer *peer, const char *name)
{
	for (size_t i = 0; i < peer->row_count; i++)
		if (strcasecmp(peer->rows[i].name, name) == 0)
			return &peer->rows[i];
	return NULL;
}

void
migrate_take(struct migrate_plan *plan, const struct directive *directive)
{
	const struct migrate_row *row = migrate_row_of(plan->peer, directive->name);

	if (row == NULL)
		migrate_note(plan, directive, MIGRATE_PROTECTS, NULL, "this program does not know the directive",
		    "look up what it does; it may protect");
	else
		row->take(plan, directive, row);
}

int
migrate_plan_settle(struct migrate_plan *plan, size_t *directive, const char **problem)
{
	const struct migrate_peer *peer = plan->peer;

	*problem = NULL;
	for (size_t i = 0; i < plan->count; i++) {
		struct directive *now = &plan->directives[i];
		int r = peer->enter == NULL ? 0 : peer->enter(plan, now, problem);

		*directive = i;
		if (r < 0)
			return r;
		if (r > 0)
			continue;
		migrate_take(plan, now);
	}
	if (peer->is_complete != NULL && !peer->is_complete(plan)) {
		*problem = "the end of the file is within a block; end each block with '</NAME>'";
		return -EINVAL;
	}
	peer->settle(plan);
	if (plan->of_server == NULL && peer->settle_hosts != NULL) {
		int r = peer->settle_hosts(plan, directive, problem);

		if (r < 0)
			return r;
	}
	return plan->no_memory || plan->notes.error == -ENOMEM ? -ENOMEM : 0;
}

/* --- looking back --- */

const struct directive *
migrate_said(const struct migrate_plan *plan, const char *name)
{
	for (size_t i = plan->count; i > 0; i--)
		if (!plan->directives[i - 1].is_apart && strcasecmp(plan->directives[i - 1].name, name) == 0)
			return &plan->directives[i - 1];
	return NULL;
}

const char *
migrate_text_of(const struct migrate_plan *plan, const char *name, const char *fallback)
{
	const struct directive *directive = migrate_said(plan, name);

	return directive == NULL ? fallback : directive->value;
}

int
migrate_parse_bool(const char *text, bool *value)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = {{"yes", true}, {"true", true}, {"on", true}, {"1", true}, {"no", false}, {"false", false},
	    {"off", false}, {"0", false}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasecmp(text, words[i].word) == 0) {
			*value = words[i].value;
			return 0;
		}
	return -EINVAL;
}

bool
migrate_is_on(const struct migrate_plan *plan, const char *name, bool fallback)
{
	const struct directive *directive = migrate_said(plan, name);
	bool value = fallback;

	return directive == NULL || migrate_parse_bool(directive->value, &value) < 0 ? fallback : value;
}

/* --- values --- */

static size_t
find_config_key(const char *name)
{
	const char *dot = strchr(name, '.');
	size_t section = dot == NULL ? 0 : (size_t)(dot - name);

	for (size_t i = 0; i < config_key_count; i++) {
		const char *in = config_keys[i].section == NULL ? "" : config_keys[i].section;

		if (strlen(in) == section && memcmp(in, name, section) == 0 &&
		    strcmp(config_keys[i].name, name + section + (dot != NULL)) == 0)
			return i;
	}
	abort(); /* a row that names no key; a test walks them all */
}

void
migrate_write_quoted(struct buf *out, const char *text)
{
	char quote = strstr(text, "${") == NULL ? '"' : '\'';

	buf_addf(out, "%c", quote);
	for (; *text != '\0'; text++)
		buf_addf(out, "%s%c", *text == quote || *text == '\\' ? "\\" : "", *text);
	buf_addf(out, "%c", quote);
}

void
migrate_value_free(struct migrate_value *value)
{
	free(value->text);
	free(value->bare);
	*value = (struct migrate_value){.text = NULL};
}

int
migrate_value_keep(
    struct migrate_value *value, const struct config_key *key, const char *text, const struct directive *by)
{
	bool is_bare = key->type == KEY_BOOL || key->type == KEY_NUMBER;
	struct migrate_value kept = {.by = by};
	struct buf out;

	buf_init(&out, MIGRATE_LINE_MAX * 4);
	if (key_is_list(key) && value->text != NULL && value->text[0] != '\0')
		buf_addf(&out, "%s, ", value->text);
	if (is_bare)
		buf_add_text(&out, text);
	else
		migrate_write_quoted(&out, text);
	kept.text = out.error < 0 ? NULL : strdup(out.data);
	kept.bare = strdup(text);
	buf_free(&out);
	migrate_value_free(value);
	*value = kept;
	return kept.text == NULL || kept.bare == NULL ? -ENOMEM : 0;
}

struct migrate_value *
migrate_value_of(const struct migrate_plan *plan, const char *key)
{
	return &plan->values[find_config_key(key)];
}

bool
migrate_set(struct migrate_plan *plan, const char *name, const char *text, const struct directive *by,
    enum migrate_weight weight)
{
	size_t i = find_config_key(name);
	char why[512];
	struct buf problem;
	int r;

	buf_init(&problem, sizeof(why) - 64);
	r = key_set(&config_keys[i], text, plan->scratch, &problem);
	snprintf(why, sizeof(why), "%s refuses it: %s", name, problem.data == NULL ? "" : problem.data);
	buf_free(&problem);
	if (r == -ENOMEM)
		plan->no_memory = true;
	else if (r < 0)
		migrate_note(plan, by, weight, text, why, "choose a value that fits");
	else if (migrate_value_keep(&plan->values[i], &config_keys[i], text, by) < 0)
		plan->no_memory = true;
	return r == 0;
}

bool
migrate_setf(struct migrate_plan *plan, const char *key, const struct directive *by, enum migrate_weight weight,
    const char *format, ...)
{
	char text[MIGRATE_LINE_MAX + 64];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return migrate_set(plan, key, text, by, weight);
}

void
migrate_set_empty(struct migrate_plan *plan, const char *key, const struct directive *by)
{
	struct migrate_value *value = migrate_value_of(plan, key);

	migrate_value_free(value);
	*value = (struct migrate_value){.text = strdup(""), .bare = strdup(""), .by = by};
	plan->no_memory = plan->no_memory || value->text == NULL || value->bare == NULL;
}

/* --- notes --- */

void
migrate_write_place(const struct directive *by, struct buf *out)
{
	escape_bytes(out, ESCAPE_TERMINAL, by->file, strlen(by->file));
	buf_addf(out, ":%zu: ", by->line);
	escape_bytes(out, ESCAPE_TERMINAL, by->shown, strlen(by->shown));
}

void
migrate_note(struct migrate_plan *plan, const struct directive *by, enum migrate_weight weight, const char *shown,
    const char *why, const char *instead)
{
	struct buf *out = &plan->notes;

	if (by != NULL && by->is_global && plan->of_server != NULL)
		return;
	buf_add_text(out, "# ");
	if (by != NULL)
		migrate_write_place(by, out);
	else
		buf_addf(out, "(%s) ", plan->peer->title);
	if (by == NULL && shown != NULL)
		escape_bytes(out, ESCAPE_TERMINAL, shown, strlen(shown));
	buf_addf(out, "\n#     %s", weight == MIGRATE_PROTECTS ? "PROTECTS. Why: " : "Why: ");
	escape_bytes(out, ESCAPE_REPLY, why, strlen(why));
	buf_addf(out, ".\n#     Instead: %s.\n", instead);
	plan->noted++;
	plan->lost += weight == MIGRATE_PROTECTS;
}

void
migrate_plan_join_notes(struct migrate_plan *plan, const struct migrate_plan *branch)
{
	buf_add(&plan->notes, branch->notes.data, branch->notes.len);
	plan->noted += branch->noted;
	plan->lost += branch->lost;
}

/* --- the file --- */

void
migrate_value_write(const struct migrate_value *value, const struct config_key *key, const char *title,
    const char *indent, struct buf *out)
{
	bool is_list = key_is_list(key);

	buf_addf(out, "%s# ", indent);
	if (value->by == NULL)
		buf_addf(out, "a default of %s", title);
	else
		migrate_write_place(value->by, out);
	buf_addf(out, "\n%s%s = %s%s%s\n", indent, key->name, is_list ? "{" : "", value->text, is_list ? "}" : "");
}

static bool
section_is(const struct config_key *key, const char *section)
{
	return key->section == NULL ? section == NULL : section != NULL && strcmp(key->section, section) == 0;
}

static void
write_section(const struct migrate_plan *plan, const char *section, struct buf *out)
{
	bool is_open = false;

	for (size_t i = 0; i < config_key_count; i++) {
		if (plan->values[i].text == NULL || !section_is(&config_keys[i], section))
			continue;
		if (section != NULL && !is_open)
			buf_addf(out, "\n%s {\n", section);
		is_open = true;
		migrate_value_write(
		    &plan->values[i], &config_keys[i], plan->peer->title, section == NULL ? "" : "    ", out);
	}
	if (section != NULL && is_open)
		buf_add_text(out, "}\n");
}

void
migrate_write_config(const struct migrate_plan *plan, const char *accounts, struct buf *out)
{
	buf_addf(out,
	    "# sallyport.conf(5), made from the configuration of %s by sallyportctl(8).\n"
	    "# Keys that are not here have their defaults.\n",
	    plan->peer->title);
	if (plan->noted > 0)
		buf_addf(out, "#\n# Not carried: %zu, of which %zu protect.\n#\n", plan->noted, plan->lost);
	if (plan->notes.len > 0)
		buf_add(out, plan->notes.data, plan->notes.len);
	buf_add_text(out, "\naccounts = ");
	migrate_write_quoted(out, accounts);
	buf_add_text(out, "\n");
	write_section(plan, NULL, out);
	for (size_t i = 0; config_sections[i] != NULL; i++)
		write_section(plan, config_sections[i], out);
	if (plan->hosts != NULL)
		plan->peer->write_hosts(plan, out);
}
