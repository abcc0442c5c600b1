/* SPDX-License-Identifier: ISC */
/* sallyportctl folder add, set, grant, revoke, list, show, remove. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "accounts/account.h"
#include "accounts/definition.h"
#include "accounts/folder.h"
#include "accounts/users_file.h"
#include "admin/book.h"
#include "admin/ctl.h"
#include "admin/quota.h"
#include "admin/user_options.h"
#include "admin/user_uid.h"
#include "common/bounds.h"
#include "common/buf.h"
#include "common/io.h"
#include "common/percent.h"
#include "common/text.h"
#include "config/config.h"
#include "trusted/place.h"

#include "common/banned.h"

/* --- lines --- */

static void
add_amount(struct buf *line, const char *key, uint64_t value)
{
	if (value != ACCOUNT_NO_QUOTA)
		buf_addf(line, " %s=%llu", key, (unsigned long long)value);
}

static void
compose_folder(const struct folder *folder, struct buf *line)
{
	char rights[RIGHTS_TEXT_MAX];

	buf_addf(line, "+folder %s:%s:%u:", folder->name, folder->directory, folder->gid);
	add_amount(line, "quota", folder->quota_bytes);
	add_amount(line, "quota-files", folder->quota_files);
	rights_text(folder->rights, rights);
	if (folder->rights != MAY_ALL)
		buf_addf(line, " rights=%s", rights);
	if (folder->file_mode != FOLDER_FILE_MODE)
		buf_addf(line, " file-mode=%04o", (unsigned)folder->file_mode);
	if (folder->directory_mode != FOLDER_DIRECTORY_MODE)
		buf_addf(line, " directory-mode=%04o", (unsigned)folder->directory_mode);
}

static int
parse_folder_line(const char *text, size_t len, struct folder *folder)
{
	struct definition definition;
	const char *problem;
	int r = definition_parse(text, len, &definition, &problem);

	if (r == 0)
		r = folder_parse(&definition, folder, &problem);
	if (r < 0)
		ctl_error("the folder's line: %s", problem);
	return r;
}

/* The folder that the command names. 0; -ENOENT, of which nothing is said; or another -errno. */
static int
find_folder(const struct book *book, const char *name, struct folder *folder)
{
	char key[DEFINITION_KEY_MAX + 1];
	const char *line;
	size_t len;

	if (!definition_key(DEFINITION_FOLDER, name, key))
		return -ENOENT;
	line = book_definition(book, key, &len);
	return line == NULL ? -ENOENT : parse_folder_line(line, len, folder);
}

static int
need_folder(const struct ctl *ctl, const struct book *book, struct folder *folder)
{
	int r = find_folder(book, ctl->operand, folder);

	if (r == -ENOENT)
		ctl_error("no folder '%s' in '%s'; 'sallyportctl folder list%s' lists them", ctl_quote(ctl->operand),
		    ctl_quote(ctl->config->accounts), ctl_server_words(ctl));
	return r;
}

/* Put it into the book, new or in place of what there was. */
static int
write_folder(struct book *book, const struct folder *folder, bool is_new)
{
	char key[DEFINITION_KEY_MAX + 1];
	struct folder again;
	struct buf line;
	int r;

	buf_init(&line, ACCOUNT_LINE_MAX);
	compose_folder(folder, &line);
	r = line.error < 0 || !definition_key(DEFINITION_FOLDER, folder->name, key) ? -EINVAL : 0;
	if (r < 0)
		ctl_error("the line of the folder is too long; use a shorter directory");
	if (r == 0)
		r = parse_folder_line(line.data, line.len, &again);
	if (r == 0)
		r = is_new ? book_add(book, line.data, line.len) : book_set(book, key, line.data, line.len);
	buf_free(&line);
	return r;
}

/* Of a folder that had this name before, or another directory. */
static void
forget_folder_ledger(const struct ctl *ctl, const struct folder *folder)
{
	static struct account like;

	folder_as_account(folder, 1, &like);
	quota_forget(ctl, like.name);
}

/* The figure of a new quota must be known before anything grows. */
static void
count_folder(const struct ctl *ctl, const struct folder *folder)
{
	static struct account like;

	if (!ctl->given[OPTION_QUOTA] && !ctl->given[OPTION_QUOTA_FILES])
		return;
	folder_as_account(folder, 1, &like);
	quota_begin_count(ctl, &like);
}

static enum ctl_exit
report_folder_done(const struct ctl *ctl, const char *what)
{
	if (ctl->is_json)
		return ctl_print_json(json_pack("{s:s, s:s}", "folder", ctl_quote(ctl->operand), "result", what));
	printf("%s: %s\n", ctl_quote(ctl->operand), what);
	return CTL_DONE;
}

/* --- options --- */

static int
take_amount(const struct ctl *ctl, enum ctl_option option, bool is_size, uint64_t *amount)
{
	const char *text = ctl->value[option];

	if (!ctl->given[option])
		return 0;
	*amount = ACCOUNT_NO_QUOTA;
	if (strcmp(text, "none") == 0)
		return 0;
	return is_size ? parse_size(text, INT64_MAX, amount) : parse_u64(text, INT64_MAX, amount);
}

/* The options were checked by user_options_parse(). */
static int
apply_options(const struct ctl *ctl, struct user_options *options, struct folder *folder)
{
	const char *file_mode = ctl->value[OPTION_FILE_MODE];

	if (take_amount(ctl, OPTION_QUOTA, true, &folder->quota_bytes) < 0 ||
	    take_amount(ctl, OPTION_QUOTA_FILES, false, &folder->quota_files) < 0)
		return -EINVAL;
	if (ctl->given[OPTION_ALLOW] || ctl->given[OPTION_DENY]) {
		if (user_options_settle_rights(options, folder->rights, NULL) < 0)
			return -EINVAL;
		folder->rights = (options->has_allowed ? options->allowed : folder->rights) & ~options->denied;
	}
	if (ctl->given[OPTION_FILE_MODE] &&
	    (strcmp(file_mode, "none") == 0 || parse_mode(file_mode, &folder->file_mode) < 0))
		folder->file_mode = FOLDER_FILE_MODE;
	if (ctl->given[OPTION_DIRECTORY_MODE])
		folder->directory_mode = options->directory_mode != 0 ? options->directory_mode : FOLDER_DIRECTORY_MODE;
	if (options->has_gid)
		folder->gid = options->gid;
	return 0;
}

static int
check_folder_name(const struct ctl *ctl)
{
	const char *wrong;

	if (!account_name_valid(ctl->operand, strlen(ctl->operand), &wrong)) {
		ctl_error("bad name '%s': %s", ctl_quote(ctl->operand), wrong);
		return -EINVAL;
	}
	return 0;
}

static int
take_directory(const struct ctl *ctl, struct folder *folder)
{
	const char *directory = ctl->value[OPTION_DIRECTORY];

	if (directory == NULL) {
		ctl_error("'folder add' needs a directory: --directory DIR");
		return -EINVAL;
	}
	if (directory[0] != '/') {
		ctl_error("bad --directory '%s'; use an absolute path", ctl_quote(directory));
		return -EINVAL;
	}
	if (strlen(directory) >= sizeof(folder->directory)) {
		ctl_error("the directory is too long; at most %d bytes", PATH_MAX - 1);
		return -ENAMETOOLONG;
	}
	memcpy(folder->directory, directory, strlen(directory) + 1);
	return 0;
}

/* --- add, set --- */

/* A number that no account and no folder has. */
static int
choose_folder_gid(const struct ctl *ctl, struct book *book, struct folder *folder)
{
	return folder->gid != 0 ? 0 : user_free_uid(ctl, book, 0, 1, &folder->gid);
}

/* Make the directory where it is missing, root's and the group's; it must be fit in any case. */
static int
prepare_directory(const struct folder *folder, struct trusted_made *made)
{
	struct trust_problem problem;
	char name[NAME_MAX + 1], why[TRUST_TEXT_MAX];
	int dir_fd = trusted_parent_make(folder->directory, TRUST_ROOT_ALONE, name, made, &problem);
	int fd = dir_fd;

	if (dir_fd >= 0) {
		fd = trusted_dir_make(dir_fd, name, 0, folder->gid, folder->directory_mode | S_ISGID, made);
		close_fd(&fd);
		fd = trusted_folder_open(folder->directory, folder->gid, &problem);
	}
	close_fd(&dir_fd);
	if (fd < 0) {
		trust_explain(&problem, why, sizeof(why));
		ctl_error("'%s': %s", ctl_quote(folder->directory), ctl_quote(why));
		trusted_made_undo(made);
		return fd;
	}
	close_fd(&fd);
	return 0;
}

static enum ctl_exit
add_folder_locked(const struct ctl *ctl, struct book *book, struct folder *folder)
{
	struct trusted_made made = TRUSTED_MADE_NOTHING;
	struct folder other;
	enum ctl_exit status = CTL_FAILED;
	int r = find_folder(book, ctl->operand, &other);

	if (r == 0)
		ctl_error("folder '%s' exists already; change it with 'folder set'", ctl_quote(ctl->operand));
	if (r != -ENOENT || choose_folder_gid(ctl, book, folder) < 0 || write_folder(book, folder, true) < 0 ||
	    book_check_folders(book) < 0 || prepare_directory(folder, &made) < 0)
		return CTL_FAILED;
	if (book_save(book) == 0) {
		trusted_made_keep(&made);
		forget_folder_ledger(ctl, folder);
		status = report_folder_done(ctl, "added");
	}
	trusted_made_undo(&made);
	if (status == CTL_DONE)
		count_folder(ctl, folder);
	return status;
}

enum ctl_exit
folder_add(struct ctl *ctl)
{
	struct folder folder = {.rights = MAY_ALL,
	    .quota_bytes = ACCOUNT_NO_QUOTA,
	    .quota_files = ACCOUNT_NO_QUOTA,
	    .file_mode = FOLDER_FILE_MODE,
	    .directory_mode = FOLDER_DIRECTORY_MODE};
	struct user_options options;
	enum ctl_exit status = CTL_FAILED;
	struct book *book;

	if (check_folder_name(ctl) < 0 || user_options_parse(ctl, &options) < 0 || take_directory(ctl, &folder) < 0 ||
	    apply_options(ctl, &options, &folder) < 0)
		return CTL_USAGE;
	snprintf(folder.name, sizeof(folder.name), "%s", ctl->operand);
	book = book_open(ctl, BOOK_FILE, true);
	if (book != NULL)
		status = add_folder_locked(ctl, book, &folder);
	book_close(book);
	return status;
}

enum ctl_exit
folder_set(struct ctl *ctl)
{
	struct trusted_made made = TRUSTED_MADE_NOTHING;
	struct user_options options;
	enum ctl_exit status = CTL_FAILED;
	struct folder folder;
	struct book *book;

	if (check_folder_name(ctl) < 0 || user_options_parse(ctl, &options) < 0)
		return CTL_USAGE;
	book = book_open(ctl, BOOK_FILE, true);
	if (book != NULL && need_folder(ctl, book, &folder) == 0 && apply_options(ctl, &options, &folder) == 0 &&
	    (ctl->value[OPTION_DIRECTORY] == NULL || take_directory(ctl, &folder) == 0) &&
	    write_folder(book, &folder, false) == 0 && book_check_folders(book) == 0 &&
	    ((ctl->value[OPTION_DIRECTORY] == NULL && !options.has_gid) || prepare_directory(&folder, &made) == 0)) {
		if (book_save(book) == 0) {
			trusted_made_keep(&made);
			if (ctl->value[OPTION_DIRECTORY] != NULL)
				forget_folder_ledger(ctl, &folder);
			status = report_folder_done(ctl, "changed");
		}
		trusted_made_undo(&made);
	}
	book_close(book);
	if (status == CTL_DONE)
		count_folder(ctl, &folder);
	return status;
}

/* --- grant, revoke --- */

/* All grants of the account but that of name, and one more. The texts are edit's. */
static void
edit_grants(const struct account *account, const char *name, const char *more, struct buf texts[GRANTS_MAX],
    struct users_edit *edit)
{
	size_t kept = 0;

	for (size_t i = 0; account->has_grants && i < account->grants.count; i++) {
		if (strcmp(grant_name(&account->grants, i), name) == 0)
			continue;
		grant_text(&account->grants, i, &texts[kept]);
		users_edit_option(edit, "folder", texts[kept++].data);
	}
	if (more != NULL || kept == 0)
		users_edit_option(edit, "folder", more);
}

/* Edit the line of the account, and save. */
static int
save_grants(
    struct book *book, const struct account *account, const struct buf *line, const char *name, const char *more)
{
	struct buf texts[GRANTS_MAX], edited;
	struct users_edit edit = {0};
	struct account again = {.name = ""};
	const char *problem = "no memory";
	int r;

	for (size_t i = 0; i < GRANTS_MAX; i++)
		buf_init(&texts[i], GRANTS_TEXT_MAX * 3);
	buf_init(&edited, ACCOUNT_LINE_MAX);
	edit_grants(account, name, more, texts, &edit);
	r = users_line_edit(line->data, line->len, &edit, &edited);
	if (r == 0)
		r = account_parse(edited.data, edited.len, &again, &problem);
	if (r < 0)
		ctl_error("account '%s': %s", ctl_quote(account->name), problem);
	if (r == 0)
		r = book_set(book, account->name, edited.data, edited.len);
	if (r == 0)
		r = book_save(book);
	account_wipe(&again);
	buf_free(&edited);
	for (size_t i = 0; i < GRANTS_MAX; i++)
		buf_free(&texts[i]);
	return r;
}

/* The folder must be one of the users file; the account may be in the database. */
static int
look_for_folder(const struct ctl *ctl)
{
	struct folder folder;
	struct book *book = book_open(ctl, BOOK_FILE, false);
	int r = book == NULL ? -EIO : need_folder(ctl, book, &folder);

	book_close(book);
	return r;
}

static enum ctl_exit
change_grant(struct ctl *ctl, const char *more, const char *what)
{
	struct ctl user = *ctl;
	struct account account = {.name = ""};
	enum ctl_exit status = CTL_FAILED;
	struct book *book;
	struct buf line;
	bool has_it;

	user.operand = ctl->value[OPTION_USER];
	buf_init(&line, ACCOUNT_LINE_MAX);
	book = book_with(&user, true, &line, &account);
	has_it =
	    book != NULL && account.has_grants && grants_find(&account.grants, ctl->operand) < account.grants.count;
	if (book != NULL && more == NULL && !has_it)
		ctl_error(
		    "account '%s' does not have the folder '%s'", ctl_quote(account.name), ctl_quote(ctl->operand));
	else if (book != NULL && save_grants(book, &account, &line, ctl->operand, more) == 0)
		status = report_folder_done(ctl, what);
	book_close(book);
	buf_free(&line);
	account_wipe(&account);
	return status;
}

static int
need_user(const struct ctl *ctl, const char *command)
{
	if (ctl->value[OPTION_USER] != NULL)
		return 0;
	ctl_error("'folder %s' needs an account: --user NAME", command);
	return -EINVAL;
}

enum ctl_exit
folder_grant(struct ctl *ctl)
{
	const char *at = ctl->value[OPTION_AT];
	char rights[RIGHTS_TEXT_MAX];
	struct user_options options;
	enum ctl_exit status;
	struct buf more;

	if (check_folder_name(ctl) < 0 || need_user(ctl, "grant") < 0 || user_options_parse(ctl, &options) < 0)
		return CTL_USAGE;
	if (at == NULL || at[0] != '/') {
		ctl_error("'folder grant' needs the path where the account sees the folder: --at /PATH");
		return CTL_USAGE;
	}
	if (look_for_folder(ctl) < 0)
		return CTL_FAILED;
	buf_init(&more, GRANTS_TEXT_MAX);
	buf_addf(&more, "%s=", ctl->operand);
	percent_encode(&more, at, strlen(at), "");
	if (options.has_allowed) {
		rights_text(options.allowed, rights);
		buf_addf(&more, "=%s", rights);
	}
	if (more.error < 0)
		ctl_error("the path '%s' is too long", ctl_quote(at));
	status = more.error < 0 ? CTL_USAGE : change_grant(ctl, more.data, "granted; it holds from the next login on");
	buf_free(&more);
	return status;
}

enum ctl_exit
folder_revoke(struct ctl *ctl)
{
	if (check_folder_name(ctl) < 0 || need_user(ctl, "revoke") < 0)
		return CTL_USAGE;
	return change_grant(ctl, NULL, "revoked; running sessions keep it, which 'session kick --user' ends");
}

/* --- list, show, remove --- */

/* Who has a folder. */
struct holders {
	const char *folder;
	json_t *list;
};

static void
note_holder(const char *line, size_t len, const struct account *account, void *arg)
{
	struct holders *holders = arg;
	char rights[RIGHTS_TEXT_MAX];
	size_t i;

	(void)line;
	(void)len;
	if (account == NULL || !account->has_grants)
		return;
	i = grants_find(&account->grants, holders->folder);
	if (i == account->grants.count)
		return;
	rights_text(account->grants.list[i].rights, rights);
	json_array_append_new(holders->list,
	    json_pack("{s:s, s:s, s:s}", "name", ctl_quote(account->name), "path",
		ctl_quote(grant_path(&account->grants, i)), "rights", rights));
}

/* The accounts of all books; NULL where one cannot be read, which is said. */
static json_t *
find_holders(struct book *book, const char *folder)
{
	struct holders holders = {.folder = folder, .list = json_array()};
	struct book *other = NULL;
	int r = book_each(book, true, note_holder, &holders);

	if (r == 0)
		r = book_open_other(book, &other);
	if (r == 0 && other != NULL)
		r = book_each(other, true, note_holder, &holders);
	book_close(other);
	if (r == 0)
		return holders.list;
	json_decref(holders.list);
	return NULL;
}

static json_t *
limit_or_null(uint64_t limit)
{
	return limit == ACCOUNT_NO_QUOTA ? json_null() : json_integer((json_int_t)limit);
}

static json_t *
folder_json(const struct folder *folder)
{
	char rights[RIGHTS_TEXT_MAX], file_mode[8], directory_mode[8];

	rights_text(folder->rights, rights);
	snprintf(file_mode, sizeof(file_mode), "%04o", (unsigned)folder->file_mode);
	snprintf(directory_mode, sizeof(directory_mode), "%04o", (unsigned)folder->directory_mode);
	return json_pack("{s:s, s:s, s:I, s:s, s:o, s:o, s:s, s:s}", "name", ctl_quote(folder->name), "directory",
	    ctl_quote(folder->directory), "gid", (json_int_t)folder->gid, "rights", rights, "quota",
	    limit_or_null(folder->quota_bytes), "quota_files", limit_or_null(folder->quota_files), "file_mode",
	    file_mode, "directory_mode", directory_mode);
}

static void
list_folder(const char *line, size_t len, void *arg)
{
	struct definition definition;
	const char *problem;
	struct folder folder;
	json_t *list = arg;

	if (definition_parse(line, len, &definition, &problem) < 0 || definition.kind != DEFINITION_FOLDER ||
	    folder_parse(&definition, &folder, &problem) < 0)
		return;
	json_array_append_new(list, folder_json(&folder));
}

enum ctl_exit
folder_list(struct ctl *ctl)
{
	struct book *book = book_open(ctl, BOOK_FILE, false);
	json_t *list = json_array(), *folder;
	size_t i;

	if (book == NULL) {
		json_decref(list);
		return CTL_FAILED;
	}
	book_each_definition(book, list_folder, list);
	book_close(book);
	if (ctl->is_json)
		return ctl_print_json(list);
	printf("%-24s %10s  %-10s %s\n", "NAME", "GID", "RIGHTS", "DIRECTORY");
	json_array_foreach(list, i, folder)
		printf("%-24s %10u  %-10s %s\n", json_string_value(json_object_get(folder, "name")),
		    (unsigned)json_integer_value(json_object_get(folder, "gid")),
		    json_string_value(json_object_get(folder, "rights")),
		    json_string_value(json_object_get(folder, "directory")));
	json_decref(list);
	return CTL_DONE;
}

static void
print_limit(const char *name, uint64_t limit, const char *unit)
{
	if (limit == ACCOUNT_NO_QUOTA)
		printf("%-15s none\n", name);
	else
		printf("%-15s %llu %s\n", name, (unsigned long long)limit, unit);
}

static void
print_folder(const struct folder *folder, const json_t *holders)
{
	char rights[RIGHTS_TEXT_MAX];
	json_t *holder;
	size_t i;

	rights_text(folder->rights, rights);
	printf("%-15s %s\n%-15s %s\n%-15s %u\n%-15s %s\n", "name:", ctl_quote(folder->name),
	    "directory:", ctl_quote(folder->directory), "gid:", folder->gid, "rights:", rights);
	print_limit("quota:", folder->quota_bytes, "bytes");
	print_limit("quota-files:", folder->quota_files, "files");
	printf("%-15s %04o\n%-15s %04o\n", "file-mode:", (unsigned)folder->file_mode,
	    "directory-mode:", (unsigned)folder->directory_mode);
	json_array_foreach(holders, i, holder)
		printf("%-15s %s at %s: %s\n", i == 0 ? "accounts:" : "",
		    json_string_value(json_object_get(holder, "name")),
		    json_string_value(json_object_get(holder, "path")),
		    json_string_value(json_object_get(holder, "rights")));
}

enum ctl_exit
folder_show(struct ctl *ctl)
{
	struct book *book = book_open(ctl, BOOK_FILE, false);
	enum ctl_exit status = CTL_FAILED;
	json_t *holders = NULL, *object;
	struct folder folder;

	if (book != NULL && need_folder(ctl, book, &folder) == 0)
		holders = find_holders(book, folder.name);
	book_close(book);
	if (holders == NULL)
		return CTL_FAILED;
	if (ctl->is_json) {
		object = folder_json(&folder);
		json_object_set(object, "accounts", holders);
		status = ctl_print_json(object);
	} else {
		print_folder(&folder, holders);
		status = CTL_DONE;
	}
	json_decref(holders);
	return status;
}

enum ctl_exit
folder_remove(struct ctl *ctl)
{
	struct book *book = book_open(ctl, BOOK_FILE, true);
	enum ctl_exit status = CTL_FAILED;
	char key[DEFINITION_KEY_MAX + 1];
	json_t *holders = NULL;
	struct folder folder;

	if (book != NULL && need_folder(ctl, book, &folder) == 0)
		holders = find_holders(book, folder.name);
	if (holders != NULL && json_array_size(holders) > 0)
		ctl_error("folder '%s' is granted to '%s'%s; take it away with 'folder revoke' first",
		    ctl_quote(folder.name), json_string_value(json_object_get(json_array_get(holders, 0), "name")),
		    json_array_size(holders) > 1 ? " and others" : "");
	else if (holders != NULL && definition_key(DEFINITION_FOLDER, folder.name, key) &&
	    book_remove(book, key) == 0 && book_save(book) == 0) {
		forget_folder_ledger(ctl, &folder);
		status = report_folder_done(ctl, "removed; its directory is kept");
	}
	json_decref(holders);
	book_close(book);
	return status;
}
