/* SPDX-License-Identifier: ISC */
/* user import: the accounts of a file, of ours or of another server, all or none. */
#include <errno.h>
#include <jansson.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accounts/account.h"
#include "accounts/convert.h"
#include "accounts/definition.h"
#include "accounts/groups.h"
#include "accounts/password.h"
#include "admin/amount.h"
#include "admin/book.h"
#include "admin/ctl.h"
#include "admin/store_limits.h"
#include "admin/user_uid.h"
#include "admin/whole_file.h"
#include "common/buf.h"
#include "config/config.h"

#include "common/banned.h"

#define IMPORT_MAX ((size_t)1 << 32) /* bytes of a file, as of a users file */

/* An account that was read. */
struct candidate {
	char *line; /* of sallyport-users(5); owned; without ids where lacks_ids */
	size_t name_len; /* of its first field */
	size_t number; /* of its line in the file */
	bool lacks_ids; /* UID and GID are 1 in line */
	bool is_definition;
	bool is_dropped; /* refused after all; it keeps its place among the names */
};

struct import {
	const struct ctl *ctl;
	const char *path;
	enum book_kind kind;
	uint32_t service_uid; /* 0: unknown */
	struct candidate *candidates;
	size_t count, size;
	size_t refused; /* accounts that cannot be taken; each was told */
	size_t lacking; /* candidates that lack ids */
	uint32_t highest_uid; /* of candidates, within uid-range; 0: none */
};

/* --- reading --- */

/* --- refusals --- */

static void
refuse_account(struct import *run, size_t number, const char *name, const char *why)
{
	ctl_error("%s:%zu: '%s': %s", ctl_quote(run->path), number, ctl_quote(name), why);
	run->refused++;
}

static const char *
import_refusal(const struct import *run, const struct account *account)
{
	if (run->service_uid != 0 && account->uid == run->service_uid)
		return "its uid is that of service-user; an account needs another one";
	return run->kind == BOOK_STORE ? store_account_refusal(run->ctl->config, account) : NULL;
}

/* --- candidates --- */

static int
keep_candidate(struct import *run, const char *line, size_t number, bool lacks_ids)
{
	struct candidate *grown;

	if (run->count == run->size) {
		run->size = run->size == 0 ? 256 : run->size * 2;
		grown = reallocarray(run->candidates, run->size, sizeof(*grown));
		if (grown == NULL)
			return -ENOMEM;
		run->candidates = grown;
	}
	run->candidates[run->count] = (struct candidate){
	    .line = strdup(line), .name_len = strcspn(line, ":"), .number = number, .lacks_ids = lacks_ids};
	if (run->candidates[run->count].line == NULL)
		return -ENOMEM;
	run->count++;
	run->lacking += lacks_ids;
	return 0;
}

/* The line of an account of another server. ids: "UID:GID". */
static int
compose_candidate(const struct import *run, const struct converted *entry, const char *hash, struct buf *line)
{
	const char *name = entry->name.data == NULL ? "" : entry->name.data;

	buf_addf(line, "%s:%s:%s:%s:", name, hash, entry->uid[0] == '\0' ? "1" : entry->uid,
	    entry->gid[0] == '\0' ? "1" : entry->gid);
	if (entry->home.len > 0)
		buf_add(line, entry->home.data, entry->home.len);
	else
		buf_addf(line, "%s/%s", run->ctl->config->home_directory, name);
	buf_addf(line, ":%s", entry->options.data == NULL ? "" : entry->options.data);
	return line->error;
}

/* The password of vsftpd's text is hashed here: no database sees it. */
static int
hash_of(const struct converted *entry, char **hash)
{
	const char *text = entry->hash.data == NULL ? "" : entry->hash.data;

	if (!entry->is_plain) {
		*hash = strdup(text);
		return *hash == NULL ? -ENOMEM : 0;
	}
	return strlen(text) > PASSWORD_MAX ? -EINVAL : password_hash(text, hash);
}

/* A line that account_parse() takes becomes a candidate. */
static int
check_candidate(struct import *run, const struct buf *line, const struct converted *entry, bool lacks_ids)
{
	struct account account = {.name = ""};
	const char *problem;
	int r = account_parse(line->data, line->len, &account, &problem);

	if (r == 0 && !lacks_ids)
		problem = import_refusal(run, &account);
	else if (r == 0)
		problem = NULL;
	if (problem != NULL)
		refuse_account(run, entry->line, account.name, problem);
	else
		r = keep_candidate(run, line->data, entry->line, lacks_ids);
	if (problem == NULL && !lacks_ids && account.uid >= run->ctl->config->uid_low &&
	    account.uid <= run->ctl->config->uid_high && account.uid > run->highest_uid)
		run->highest_uid = account.uid;
	explicit_bzero(&account, sizeof(account));
	return problem != NULL ? 0 : r;
}

static int
take_definition_line(struct import *run, const struct converted *entry)
{
	struct definition definition;
	const char *problem;
	int r;

	if (definition_parse(entry->raw.data, entry->raw.len, &definition, &problem) < 0) {
		refuse_account(run, entry->line, "+", problem);
		return 0;
	}
	r = keep_candidate(run, entry->raw.data, entry->line, false);
	if (r == 0)
		run->candidates[run->count - 1].is_definition = true;
	return r;
}

static int
take_converted(struct import *run, const struct converted *entry)
{
	char *hash = NULL;
	struct buf line;
	int r;

	if (entry->problem != NULL) {
		refuse_account(run, entry->line, entry->name.data == NULL ? "" : entry->name.data, entry->problem);
		return 0;
	}
	if (line_is_definition(entry->raw.data, entry->raw.len))
		return take_definition_line(run, entry);
	if (entry->raw.len > 0)
		return check_candidate(run, &entry->raw, entry, false);
	buf_init(&line, ACCOUNT_LINE_MAX + 1);
	r = hash_of(entry, &hash);
	if (r == 0)
		r = compose_candidate(run, entry, hash, &line);
	if (r == -ENOBUFS || r == -EINVAL) {
		refuse_account(run, entry->line, entry->name.data == NULL ? "" : entry->name.data,
		    r == -EINVAL ? "its password is too long; at most 511 bytes"
				 : "its line is too long; at most 8192 bytes");
		r = 0;
	} else if (r == 0) {
		r = check_candidate(run, &line, entry, entry->uid[0] == '\0');
	}
	if (hash != NULL)
		explicit_bzero(hash, strlen(hash));
	free(hash);
	buf_free(&line);
	return r;
}

/* --- names --- */

static int
compare_imported(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	size_t len = x->name_len < y->name_len ? x->name_len : y->name_len;
	int order = memcmp(x->line, y->line, len);

	if (order != 0)
		return order;
	if (x->name_len != y->name_len)
		return x->name_len < y->name_len ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

static int
compare_name(const void *name, const void *candidate)
{
	const struct candidate *entry = candidate;
	size_t len = strlen(name);
	int order = memcmp(name, entry->line, len < entry->name_len ? len : entry->name_len);

	return order != 0 ? order : (len > entry->name_len) - (len < entry->name_len);
}

static void
drop_candidate(struct import *run, struct candidate *candidate)
{
	run->lacking -= candidate->lacks_ids;
	candidate->is_dropped = true;
}

/* Sort by name; the first of a name stays. */
static void
refuse_duplicates(struct import *run)
{
	if (run->count > 0)
		qsort(run->candidates, run->count, sizeof(run->candidates[0]), compare_imported);
	for (size_t i = 1, first = 0; i < run->count; i++) {
		struct candidate *before = &run->candidates[first], *again = &run->candidates[i];
		char name[DEFINITION_KEY_MAX + 1], why[96];

		if (before->name_len != again->name_len || memcmp(before->line, again->line, again->name_len) != 0) {
			first = i;
			continue;
		}
		snprintf(name, sizeof(name), "%.*s", (int)again->name_len, again->line);
		snprintf(why, sizeof(why), "it is in line %zu already; remove one of them", before->number);
		refuse_account(run, again->number, name, why);
		drop_candidate(run, again);
	}
}

static void
refuse_taken(const char *name, void *arg)
{
	struct import *run = arg;
	struct candidate *candidate = run->count == 0
	    ? NULL
	    : bsearch(name, run->candidates, run->count, sizeof(run->candidates[0]), compare_name);

	if (candidate == NULL || candidate->is_dropped)
		return;
	refuse_account(run, candidate->number, name, "the account exists already; remove it here or there");
	drop_candidate(run, candidate);
}

static void
refuse_taken_line(const char *line, size_t len, const struct account *account, void *arg)
{
	(void)line;
	(void)len;
	if (account != NULL)
		refuse_taken(account->name, arg);
}

struct import_groups {
	struct groups *groups;
	int result;
};

static void
add_known_group(const char *line, size_t len, void *arg)
{
	struct import_groups *all = arg;

	if (all->result == 0)
		all->result = groups_add(all->groups, line, len);
}

/* One that the users file has just so is no news. A database keeps none, so its accounts need those of each server. */
static void
settle_definition(struct import *run, const struct book *file, struct candidate *candidate)
{
	char key[DEFINITION_KEY_MAX + 1];
	const char *there = NULL;
	size_t len = 0;

	snprintf(key, sizeof(key), "%.*s", (int)candidate->name_len, candidate->line);
	if (file != NULL)
		there = book_definition(file, key, &len);
	if (there == NULL && run->kind == BOOK_FILE)
		return;
	if (there == NULL)
		refuse_account(run, candidate->number, key,
		    "a database keeps no definitions; add this line to the users file of each server first");
	else if (strlen(candidate->line) != len || memcmp(candidate->line, there, len) != 0)
		refuse_account(
		    run, candidate->number, key, "the users file defines it differently; make the two lines alike");
	drop_candidate(run, candidate);
}

/* Groups of the users file, and those that come with the import. */
static int
collect_groups(struct import *run, const struct book *file, struct groups *groups)
{
	struct import_groups all = {.groups = groups};

	if (file != NULL)
		book_each_definition(file, add_known_group, &all);
	for (size_t i = 0; all.result == 0 && i < run->count; i++)
		if (run->candidates[i].is_definition && !run->candidates[i].is_dropped)
			add_known_group(run->candidates[i].line, strlen(run->candidates[i].line), &all);
	return all.result;
}

/* An account whose group is nowhere could not log in. */
static void
refuse_without_group(struct import *run, const struct groups *groups, struct candidate *candidate)
{
	struct account account = {.name = ""};
	const char *problem;

	if (account_parse(candidate->line, strlen(candidate->line), &account, &problem) == 0)
		groups_join(groups, &account);
	if (account.lacks_group) {
		refuse_account(run, candidate->number, account.name,
		    "its group of settings is defined neither here nor in the users file; add it with 'group add'");
		drop_candidate(run, candidate);
	}
	explicit_bzero(&account, sizeof(account));
}

static int
settle_groups(struct import *run, const struct book *file)
{
	struct groups groups = {.count = 0};
	int r = collect_groups(run, file, &groups);

	for (size_t i = 0; r == 0 && i < run->count; i++)
		if (!run->candidates[i].is_definition && !run->candidates[i].is_dropped)
			refuse_without_group(run, &groups, &run->candidates[i]);
	groups_free(&groups);
	if (r < 0)
		ctl_error("no memory");
	return r < 0 ? -EIO : 0;
}

static int
settle_definitions(struct import *run, const struct book *file)
{
	for (size_t i = 0; i < run->count; i++)
		if (run->candidates[i].is_definition && !run->candidates[i].is_dropped)
			settle_definition(run, file, &run->candidates[i]);
	return settle_groups(run, file);
}

/* Names that the file has: of it, and of a database that would never be asked for them. */
static int
refuse_existing_names(struct import *run, struct book *book)
{
	struct book *file = NULL;
	int r;

	if (book_kind_of(book) == BOOK_FILE) {
		r = settle_definitions(run, book);
		return r < 0 ? r : book_each(book, true, refuse_taken_line, run) == -EIO ? -EIO : 0;
	}
	r = book_open_other(book, &file);
	if (r == 0)
		r = settle_definitions(run, file);
	if (r == 0 && file != NULL && book_each(file, true, refuse_taken_line, run) == -EIO)
		r = -EIO;
	book_close(file);
	return r;
}

/* --- ids --- */

/* The same line with ids in place of the two ones. */
static int
give_ids(struct candidate *candidate, uint32_t uid)
{
	char *hash = candidate->line + candidate->name_len;
	char *ids = strchr(hash + 1, ':'), *home = strchr(strchr(ids + 1, ':') + 1, ':');
	char *line = NULL;
	int len = asprintf(&line, "%.*s:%u:%u%s", (int)(ids - candidate->line), candidate->line, uid, uid, home);

	if (len < 0)
		return -ENOMEM;
	explicit_bzero(candidate->line, strlen(candidate->line));
	free(candidate->line);
	candidate->line = line;
	return 0;
}

static int
give_all_ids(struct import *run, struct book *book)
{
	uint32_t uid = 0;
	int r = 0;

	if (run->lacking == 0)
		return 0;
	r = user_free_uid(
	    run->ctl, book, run->highest_uid == 0 ? 0 : run->highest_uid + 1, (uint32_t)run->lacking, &uid);
	for (size_t i = 0; i < run->count && r == 0; i++)
		if (!run->candidates[i].is_dropped && run->candidates[i].lacks_ids)
			r = give_ids(&run->candidates[i], uid++);
	return r;
}

/* --- the book --- */

static int
add_all(struct import *run, struct book *book, size_t *added)
{
	size_t refused = run->refused;
	int r = 0;

	*added = 0;
	for (size_t i = 0; i < run->count && r == 0; i++)
		if (!run->candidates[i].is_dropped) {
			r = book_add(book, run->candidates[i].line, strlen(run->candidates[i].line));
			*added += !run->candidates[i].is_definition;
		}
	if (r == 0)
		r = book_settle(book, refuse_taken, run);
	*added -= run->refused - refused;
	return r;
}

static enum ctl_exit
report_import(const struct import *run, const struct book *book, size_t added)
{
	if (run->ctl->is_json) {
		enum ctl_exit status = ctl_print_json(json_pack("{s:s, s:I, s:I}", "store", book_word(run->kind),
		    "imported", (json_int_t)added, "refused", (json_int_t)run->refused));

		return run->refused > 0 ? CTL_FAILED : status;
	}
	printf("%zu account%s imported into %s", added, amount_plural(added), book_place(book));
	if (run->refused > 0)
		printf(", %zu left out", run->refused);
	printf("\n");
	return run->refused > 0 ? CTL_FAILED : CTL_DONE;
}

static enum ctl_exit
import_into(struct import *run, struct book *book)
{
	bool skips = run->ctl->given[OPTION_SKIP];
	size_t added = 0;
	int r = refuse_existing_names(run, book);

	if (r == 0 && (skips || run->refused == 0))
		r = give_all_ids(run, book);
	/* a database says only now which names it has */
	if (r == 0 && (skips || run->refused == 0 || run->kind == BOOK_STORE))
		r = run->lacking > 0 && !skips && run->refused > 0 ? 0 : add_all(run, book, &added);
	if (r < 0)
		return CTL_FAILED;
	if (run->refused > 0 && !skips) {
		ctl_error("%zu account%s cannot be taken, so none was; repair the lines, or leave them out with --skip",
		    run->refused, amount_plural(run->refused));
		return CTL_FAILED;
	}
	return book_save(book) < 0 ? CTL_FAILED : report_import(run, book, added);
}

/* --- the command --- */

static int
find_format(const struct ctl *ctl, enum convert_format *format)
{
	const char *word = ctl->value[OPTION_FROM];

	*format = CONVERT_USERS;
	for (int i = 0; word != NULL && i < CONVERT_COUNT; i++)
		if (strcmp(convert_words[i], word) == 0) {
			*format = i;
			return 0;
		}
	if (word == NULL)
		return 0;
	ctl_error("bad --from '%s'; use users, pure-ftpd, proftpd, vsftpd or passwd", ctl_quote(word));
	return -EINVAL;
}

static int
read_candidates(struct import *run, struct convert *convert)
{
	struct converted entry;
	int r;

	converted_init(&entry);
	while ((r = convert_next(convert, &entry)) > 0 && (r = take_converted(run, &entry)) == 0)
		;
	converted_free(&entry);
	if (r < 0)
		ctl_error("no memory");
	else
		refuse_duplicates(run);
	return r;
}

static void
free_import(struct import *run)
{
	for (size_t i = 0; i < run->count; i++) {
		explicit_bzero(run->candidates[i].line, strlen(run->candidates[i].line));
		free(run->candidates[i].line);
	}
	free(run->candidates);
}

static enum ctl_exit
import_text(struct import *run, struct convert *convert)
{
	enum ctl_exit status = CTL_FAILED;
	struct book *book = NULL;

	if (read_candidates(run, convert) == 0)
		book = book_open(run->ctl, run->kind, true);
	if (book != NULL)
		status = import_into(run, book);
	book_close(book);
	return status;
}

enum ctl_exit
user_import(struct ctl *ctl)
{
	const struct passwd *service = getpwnam(ctl->config->service_user);
	struct import run = {
	    .ctl = ctl, .path = ctl->operand, .service_uid = service == NULL ? 0 : (uint32_t)service->pw_uid};
	struct convert convert = {.line = 0};
	enum ctl_exit status = CTL_FAILED;
	struct buf text, shadow;
	int kind = book_kind_for_new(ctl);

	if (kind < 0 || find_format(ctl, &convert.format) < 0)
		return CTL_USAGE;
	run.kind = kind;
	buf_init(&text, IMPORT_MAX);
	buf_init(&shadow, IMPORT_MAX);
	if (whole_file_read(ctl->operand, &text) < 0 ||
	    (convert.format == CONVERT_PASSWD && whole_file_read_shadow(ctl->operand, &shadow) < 0))
		goto out;
	convert.text = text.data;
	convert.end = text.data == NULL ? NULL : text.data + text.len;
	convert.shadow = shadow.data;
	convert.shadow_len = shadow.len;
	status = import_text(&run, &convert);
out:
	free_import(&run);
	buf_free(&text);
	buf_free(&shadow);
	return status;
}
