/* SPDX-License-Identifier: ISC */
/* migrate: the configuration and the accounts of another server become ours, in a directory of their own. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <jansson.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accounts/pam_services.h"
#include "admin/amount.h"
#include "admin/ctl.h"
#include "admin/migrate_accounts.h"
#include "admin/migrate_hosts.h"
#include "admin/migrate_peers.h"
#include "admin/migrate_plan.h"
#include "admin/whole_file.h"
#include "common/buf.h"
#include "common/io.h"
#include "config/config.h"
#include "trusted/place.h"

#include "common/banned.h"

#define CONFIGURATION_MAX ((size_t)1 << 20) /* bytes of a configuration of another server, and of ours */
#define SHOWN_MAX (SERVER_NAME_MAX + 64)
#define LIST_MAX ((size_t)1 << 20) /* bytes of a list of names */

/* The accounts of the server, or of a virtual host. */
struct book {
	struct migrate_plan *plan;
	struct migrate_host *host; /* NULL: the server */
	struct migrate_accounts accounts;
	char name[SERVER_NAME_MAX + 8]; /* of its users file */
	char path[PATH_MAX + SERVER_NAME_MAX + 8];
	bool is_shared; /* it is that of the server */
	bool has_accounts; /* a file of accounts was named */
	bool has_system_accounts; /* of passwd(5) */
	bool lacks_system; /* users of the system could log in, and cannot */
	bool lacks_anonymous; /* anonymous users could log in, and cannot */
	bool lacks_file; /* of accounts, which the configuration names */
};

struct migration {
	struct ctl *ctl;
	const struct migrate_peer *peer;
	struct migrate_plan plan;
	struct book books[1 + MIGRATE_HOSTS_MAX]; /* the first is the server's */
	size_t book_count;
	char directory[PATH_MAX];
};

static const struct migrate_peer *const peers[] = {&migrate_vsftpd, &migrate_pure_ftpd, &migrate_proftpd};

static const struct migrate_peer *
find_peer(const char *word)
{
	for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++)
		if (strcmp(peers[i]->word, word) == 0)
			return peers[i];
	return NULL;
}

static int
say_no_memory(void)
{
	ctl_error("no memory");
	return -ENOMEM;
}

static int
say_place(const char *file, size_t line, const char *problem)
{
	ctl_error("%s:%zu: %s", ctl_quote(file), line, ctl_quote(problem));
	return -EINVAL;
}

/* --- reading --- */

#define SAID (-EBADMSG) /* what was wrong in a file that another one names */

static int
read_directives(struct migration *run, const char *file, const struct buf *text)
{
	const char *problem;
	size_t line;
	int r = text->len == 0 ? 0 : migrate_plan_read(&run->plan, file, text->data, text->len, &line, &problem);

	if (r == -EINVAL)
		say_place(file, line, problem);
	else if (r == -ENOMEM)
		say_no_memory();
	return r == -EINVAL ? SAID : r;
}

static int
read_file(struct migration *run, const char *file)
{
	struct buf text;
	int r;

	buf_init(&text, CONFIGURATION_MAX);
	r = whole_file_read(file, &text);
	if (r == 0)
		r = read_directives(run, file, &text);
	buf_free(&text);
	return r;
}

/* "NAME", with the value as text: a directive. Comments are those of the file. */
static int
read_directive_file(struct migration *run, const char *file)
{
	const char *name = strrchr(file, '/') + 1;
	struct buf value, text;
	int r;

	buf_init(&value, CONFIGURATION_MAX);
	buf_init(&text, CONFIGURATION_MAX);
	r = whole_file_read(file, &value);
	if (r == 0)
		buf_addf(&text, "%s %.*s\n", name, (int)strcspn(value.data == NULL ? "" : value.data, "\n"),
		    value.data == NULL ? "" : value.data);
	if (r == 0)
		r = text.error < 0 ? say_no_memory() : read_directives(run, file, &text);
	buf_free(&value);
	buf_free(&text);
	return r;
}

/* All plain files that a pattern names, in the order of their names. 1, 0: there is none, or -errno. */
static int
read_pattern(struct migration *run, const char *pattern, int (*read)(struct migration *run, const char *file))
{
	glob_t found;
	int r = 0;

	if (glob(pattern, 0, NULL, &found) != 0)
		return 0;
	for (size_t i = 0; i < found.gl_pathc && r >= 0; i++) {
		const char *file = migrate_plan_keep(&run->plan, found.gl_pathv[i]);
		struct stat status;

		if (file == NULL)
			r = say_no_memory();
		else if (stat(file, &status) == 0 && S_ISREG(status.st_mode))
			r = read(run, file) < 0 ? SAID : 1;
	}
	globfree(&found);
	return r;
}

static bool
is_directory_path(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* A directory stands for all files in it; one without any is read as well. */
static int
read_include(void *arg, const struct directive *directive)
{
	const char *path = directive->count > 0 ? directive->words[0] : "";
	size_t len = strlen(path);
	char pattern[PATH_MAX + 4];
	int r;

	if (!is_directory_path(path))
		return read_pattern(arg, path, read_file);
	while (len > 1 && path[len - 1] == '/')
		len--;
	snprintf(pattern, sizeof(pattern), "%.*s/*", (int)len, path);
	r = read_pattern(arg, pattern, read_file);
	return r < 0 ? r : 1;
}

static int
read_configuration(struct migration *run, const char *file)
{
	char pattern[PATH_MAX + 4];

	if (!run->peer->has_directory || !is_directory_path(file))
		return read_file(run, file);
	snprintf(pattern, sizeof(pattern), "%s/[A-Za-z]*", file);
	return read_pattern(run, pattern, read_directive_file) < 0 ? SAID : 0;
}

static int
settle_plan(struct migration *run)
{
	const char *problem;
	size_t at = 0;
	int r = migrate_plan_settle(&run->plan, &at, &problem);

	if (r == -EINVAL)
		say_place(run->plan.directives[at].file, run->plan.directives[at].line, problem);
	else if (r < 0)
		say_no_memory();
	return r;
}

/* A list of the other server's configuration that cannot be read protects nobody here. */
static int
read_list(struct book *book, size_t i)
{
	const struct migrate_list *list = &book->plan->lists[i];
	bool is_other = list->other != NULL && access(list->path, F_OK) < 0 && access(list->other, F_OK) == 0;
	const char *path = is_other ? list->other : list->path;
	struct buf text;
	int r = 0;

	if (!list->must_exist && access(path, F_OK) < 0)
		return 0;
	buf_init(&text, LIST_MAX);
	if (whole_file_read(path, &text) < 0)
		migrate_note(book->plan, list->by, MIGRATE_PROTECTS, path, "the file of names cannot be read",
		    "put the file there, and migrate again");
	else
		r = migrate_accounts_list(&book->accounts, i, text.data, text.len);
	buf_free(&text);
	return r < 0 ? say_no_memory() : 0;
}

/* The ids and the home of accounts that have none of their own. */
static void
find_guest(struct book *book)
{
	const struct passwd *guest = book->plan->guest_user == NULL ? NULL : getpwnam(book->plan->guest_user);

	if (guest == NULL || guest->pw_uid == 0 || guest->pw_gid == 0)
		return;
	book->accounts.guest_uid = guest->pw_uid;
	book->accounts.guest_gid = guest->pw_gid;
	book->accounts.guest_home = guest->pw_dir;
}

/* The file of an account's own settings; its name is no path. */
static int
read_own_settings(void *arg, const char *name, struct buf *file, struct buf *text)
{
	const struct book *book = arg;
	struct stat status;

	if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL)
		return 0;
	buf_addf(file, "%s/%s", book->plan->own_directory, name);
	if (file->error < 0)
		return file->error;
	if (stat(file->data, &status) < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	return whole_file_read(file->data, text) < 0 ? SAID : 1;
}

static bool
fits_as_home(const char *home, uint32_t uid, uint32_t gid, char *why, size_t size)
{
	const struct trust trust = {.uid = uid, .gid = gid};
	struct trust_problem problem;
	int fd = trusted_home_open_strictly(home, &trust, &problem);
	bool fits = fd >= 0;

	if (!fits && problem.kind == TRUST_SYSTEM && problem.error == -ENOENT)
		snprintf(why, size, "home '%s' is missing; make it, for uid %u and gid %u", home, (unsigned)uid,
		    (unsigned)gid);
	else if (!fits && problem.kind == TRUST_SYSTEM)
		snprintf(why, size, "cannot open home '%s': %s", home, strerror(-problem.error));
	else if (!fits)
		trust_explain(&problem, why, size);
	close_fd(&fd);
	return fits;
}

/* Passwords of this system may change, and other systems' are not in shadow(5): PAM checks both, if it has the service. */
static void
find_pam(struct book *book, const char *file)
{
	const char *service = book->plan->pam_service;
	char path[PATH_MAX];

	book->accounts.is_live = realpath(file, path) != NULL && strcmp(path, "/etc/passwd") == 0;
	book->accounts.has_pam = service != NULL && pam_service_valid(service) &&
	    snprintf(path, sizeof(path), "/etc/pam.d/%s", service) < (int)sizeof(path) && access(path, F_OK) == 0;
}

/* The path of the file of accounts that the configuration names; NULL: none. */
static const char *
named_file(const struct migrate_plan *plan)
{
	const struct directive *named = plan->accounts_file;

	return named == NULL || named->count == 0 ? NULL : named->words[0];
}

/* Does the path of the configuration name the file? A copy of the other machine's tree ends with that path. */
static bool
is_file_of(const struct migrate_plan *plan, const char *file)
{
	const char *path = named_file(plan);
	size_t len = strlen(file), path_len = path == NULL ? 0 : strlen(path);
	struct stat it, that;

	if (path == NULL || path[0] != '/')
		return false;
	return (len >= path_len && strcmp(file + len - path_len, path) == 0) ||
	    (stat(file, &it) == 0 && stat(path, &that) == 0 && it.st_dev == that.st_dev && it.st_ino == that.st_ino);
}

/* A virtual host has the accounts of its own file, and users of the system; the server all that are no host's alone. */
static bool
is_of_book(const struct migration *run, const struct book *book, const char *file, enum convert_format format)
{
	const struct migrate_hosts *hosts = run->plan.hosts;
	bool is_of_host = false;

	if (is_file_of(book->plan, file))
		return true;
	if (format == CONVERT_PASSWD)
		return book->host == NULL || book->plan->pam_service != NULL;
	for (size_t i = 0; hosts != NULL && i < hosts->count; i++)
		is_of_host = is_of_host || is_file_of(&hosts->list[i]->plan, file);
	return book->host == NULL && !is_of_host;
}

static int
read_accounts(struct migration *run, struct book *book, const char *file)
{
	struct convert convert = {.line = 0};
	struct buf text, shadow;
	bool is_of;
	int r;

	buf_init(&text, MIGRATE_USERS_MAX);
	buf_init(&shadow, MIGRATE_USERS_MAX);
	r = whole_file_read(file, &text);
	convert.format = migrate_accounts_format(text.data == NULL ? "" : text.data, text.len, book->plan->format);
	is_of = is_of_book(run, book, file, convert.format);
	book->has_accounts = book->has_accounts || is_of;
	book->has_system_accounts = book->has_system_accounts || (is_of && convert.format == CONVERT_PASSWD);
	if (r == 0 && is_of && convert.format == CONVERT_PASSWD)
		r = whole_file_read_shadow(file, &shadow);
	if (r == 0 && is_of) {
		find_pam(book, file);
		convert.text = text.data;
		convert.end = text.data == NULL ? NULL : text.data + text.len;
		convert.shadow = shadow.data;
		convert.shadow_len = shadow.len;
		r = migrate_accounts_take(&book->accounts, file, &convert);
		if (r < 0)
			say_no_memory();
	}
	buf_free(&text);
	buf_free(&shadow);
	return r;
}

/*
 * The user of this name in a file of accounts that has the form of passwd(5), which may be that of another machine, or else
 * on this system. Static, as of getpwnam(3); NULL: nowhere.
 */
static const struct passwd *
find_old_user(const struct ctl *ctl, enum convert_format format, const char *name)
{
	const struct passwd *user = NULL;

	for (size_t i = 1; i < ctl->file_count && format != CONVERT_PURE_FTPD && user == NULL; i++) {
		FILE *file = fopen(ctl->files[i], "re"); /* what cannot be read is said where it is taken */

		while (file != NULL && (user = fgetpwent(file)) != NULL && strcmp(user->pw_name, name) != 0)
			;
		if (file != NULL)
			fclose(file);
	}
	return user != NULL ? user : getpwnam(name);
}

/* What a note is about, and of which server. */
static const char *
shown_of(const struct book *book, const char *what, char shown[SHOWN_MAX])
{
	if (book->host == NULL)
		return what;
	snprintf(shown, SHOWN_MAX, "%s, server \"%s\"", what, book->host->title);
	return shown;
}

/* Anonymous users have the ids of a user of the old server's system. */
static int
take_anonymous(const struct ctl *ctl, struct book *book)
{
	struct migrate_plan *plan = book->plan;
	char home_of[PATH_MAX], nowhere[256], shown[SHOWN_MAX];
	const char *problem = nowhere, *home = plan->anonymous_home;
	const struct passwd *user;
	int r = -EINVAL;

	if (plan->anonymous_user == NULL)
		return 0;
	if (plan->anonymous_home_of != NULL &&
	    (user = find_old_user(ctl, plan->format, plan->anonymous_home_of)) != NULL) {
		snprintf(home_of, sizeof(home_of), "%s", user->pw_dir);
		home = home_of;
	}
	snprintf(nowhere, sizeof(nowhere),
	    "the user of anonymous users, '%s', is neither in a file of accounts nor on this system",
	    plan->anonymous_home_of != NULL && home == NULL ? plan->anonymous_home_of : plan->anonymous_user);
	user = find_old_user(ctl, plan->format, plan->anonymous_user);
	if (user == NULL && plan->anonymous_is_default)
		return 0;
	if (user != NULL && (plan->anonymous_home_of == NULL || home != NULL))
		r = migrate_accounts_anonymous(
		    &book->accounts, user->pw_uid, user->pw_gid, home == NULL ? user->pw_dir : home, &problem);
	book->lacks_anonymous = r == -EINVAL;
	if (book->lacks_anonymous)
		migrate_note(plan, NULL, MIGRATE_COMFORT, shown_of(book, "anonymous login", shown), problem,
		    "add it with 'sallyportctl user add anonymous --anonymous --home DIR'");
	return r == -ENOMEM ? say_no_memory() : 0;
}

/* Users who are in a file that nobody has named are missing here. */
static void
note_missing_file(struct migration *run, struct book *book)
{
	if (book->host == NULL || named_file(book->plan) == NULL)
		return;
	for (size_t i = 1; i < run->ctl->file_count; i++)
		if (is_file_of(book->plan, run->ctl->files[i]))
			return;
	book->lacks_file = true;
	migrate_note(book->plan, book->plan->accounts_file, MIGRATE_COMFORT, NULL, "the file of accounts was not named",
	    "name it as a further FILE, and migrate again");
}

static int
read_book(struct migration *run, struct book *book)
{
	int r;

	find_guest(book);
	book->accounts.read_own = read_own_settings;
	book->accounts.read_arg = book;
	book->accounts.home_fits = fits_as_home;
	r = take_anonymous(run->ctl, book);
	for (size_t i = 0; i < book->plan->list_count && r == 0; i++)
		r = read_list(book, i);
	for (size_t i = 1; i < run->ctl->file_count && r == 0; i++)
		r = read_accounts(run, book, run->ctl->files[i]);
	note_missing_file(run, book);
	return r;
}

static int
read_all_accounts(struct migration *run)
{
	int r = 0;

	for (size_t i = 0; i < run->book_count && r == 0; i++)
		r = read_book(run, &run->books[i]);
	return r;
}

/* --- where the accounts are --- */

/* Is something said of users that PAM alone knows? They have no line, and so no options. */
static bool
limits_system_users(const struct migrate_plan *plan)
{
	struct buf options;
	bool found;

	buf_init(&options, CONFIGURATION_MAX);
	migrate_profile_words(&plan->all, NULL, &options);
	found = options.len > 0 || plan->home != NULL || plan->own_directory != NULL || plan->is_by_user;
	for (size_t i = 0; i < plan->list_count; i++)
		found = found || plan->lists[i].by != NULL; /* the others PAM reads itself */
	buf_free(&options);
	return found;
}

static bool
is_by_pam(const struct book *book)
{
	return book->plan->pam_service != NULL && !book->has_system_accounts;
}

static void
lose_system_users(struct book *book, const char *why)
{
	char shown[SHOWN_MAX];

	book->lacks_system = true;
	migrate_note(book->plan, NULL, MIGRATE_COMFORT, shown_of(book, "users of the system", shown), why,
	    "name /etc/passwd as a further FILE, and migrate again");
}

/* The value of accounts. Users of the system are left out where they could do more than before. */
static void
choose_accounts(struct book *book, struct buf *value)
{
	struct migrate_plan *plan = book->plan;

	buf_add_text(value, book->path);
	if (is_by_pam(book) && limits_system_users(plan))
		lose_system_users(
		    book, "the configuration limits them, which only accounts with a line can be, so none may log in");
	else if (is_by_pam(book))
		buf_addf(value, ",pam:%s", plan->pam_service);
	else if (plan->pam_service == NULL && !book->has_accounts)
		migrate_note(plan, NULL, MIGRATE_COMFORT, "accounts", "no file of accounts was named",
		    "name it as a further FILE, or make accounts with 'sallyportctl user add'");
}

static bool
texts_are(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* The same accounts with the same options are those of the server, with its users of PAM. */
static void
choose_host_accounts(const struct book *server, struct book *book)
{
	const struct buf *users = &book->accounts.users, *of_server = &server->accounts.users;

	book->is_shared = !book->lacks_file && texts_are(named_file(book->plan), named_file(server->plan)) &&
	    users->len == of_server->len && memcmp(users->data, of_server->data, users->len) == 0 &&
	    is_by_pam(book) == is_by_pam(server) &&
	    (!is_by_pam(book) || texts_are(book->plan->pam_service, server->plan->pam_service));
	if (book->is_shared)
		return;
	book->host->users = book->path;
	if (is_by_pam(book))
		lose_system_users(book, "PAM knows users of the main server alone, so none may log in at this one");
}

/* --- writing --- */

static int
make_output(struct migration *run)
{
	const char *path = run->ctl->value[OPTION_OUTPUT];

	if (mkdir(path, 0755) < 0 && errno != EEXIST) {
		ctl_error("cannot make directory '%s': %s", ctl_quote(path), strerror(errno));
		return -EIO;
	}
	if (realpath(path, run->directory) == NULL) {
		ctl_error("cannot use '%s': %s", ctl_quote(path), strerror(errno));
		return -EIO;
	}
	for (size_t i = 0; i < run->book_count; i++)
		snprintf(run->books[i].path, sizeof(run->books[i].path), "%s/%s", run->directory, run->books[i].name);
	return 0;
}

static int
write_new_file(int directory, const char *name, const struct buf *text, mode_t mode)
{
	int fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	int r = fd < 0 ? -errno : io_write_all(fd, text->data, text->len);

	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == -EEXIST)
		ctl_error("'%s' is in the directory already; name another directory", name);
	else if (r < 0)
		ctl_error("cannot write '%s': %s", name, strerror(-r));
	if (fd >= 0 && r < 0)
		unlinkat(directory, name, 0);
	close_fd(&fd);
	return r;
}

/* All or none. Notes quote the other configuration, which may have passwords (of a database): all are root's alone. */
static int
write_all(struct migration *run, const struct buf *config)
{
	int directory = open(run->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = directory < 0 ? -errno : 0;
	size_t done = 0;

	if (directory < 0)
		ctl_error("cannot use '%s': %s", ctl_quote(run->directory), strerror(-r));
	for (; r == 0 && done < run->book_count; done++)
		if (!run->books[done].is_shared)
			r = write_new_file(directory, run->books[done].name, &run->books[done].accounts.users, 0600);
	if (r == 0) {
		r = write_new_file(directory, "sallyport.conf", config, 0600);
		done++;
	}
	/* the last one is not there, or another's */
	for (size_t i = 0; r < 0 && i + 1 < done; i++)
		if (!run->books[i].is_shared)
			unlinkat(directory, run->books[i].name, 0);
	close_fd(&directory);
	return r;
}

/* --- the report --- */

/* What all books together have. */
struct totals {
	size_t taken, refused, left_out, unfit;
	bool lacks_system, lacks_anonymous, lacks_file;
};

static void
add_totals(const struct book *book, struct totals *totals)
{
	totals->taken += book->accounts.taken;
	totals->refused += book->accounts.refused;
	totals->left_out += book->accounts.left_out;
	totals->unfit += book->accounts.unfit;
	totals->lacks_system = totals->lacks_system || book->lacks_system;
	totals->lacks_anonymous = totals->lacks_anonymous || book->lacks_anonymous;
	totals->lacks_file = totals->lacks_file || book->lacks_file;
}

static void
print_migration_totals(const struct migration *run, const struct totals *totals, size_t lost_hosts)
{
	const struct migrate_plan *plan = &run->plan;

	if (totals->unfit > 0)
		ctl_error("%zu account%s cannot log in before %s; users has the reason%s", totals->unfit,
		    amount_plural(totals->unfit), totals->unfit == 1 ? "its home is its own" : "their homes are theirs",
		    totals->unfit == 1 ? "" : " of each");
	if (plan->lost > 0)
		ctl_error("%zu %s not carried; read 'PROTECTS' in sallyport.conf before you start it", plan->lost,
		    plan->lost == 1 ? "thing that protects is" : "things that protect are");
	if (lost_hosts > 0)
		ctl_error("%zu virtual %s; sallyport.conf has the reason%s", lost_hosts,
		    lost_hosts == 1 ? "host is not carried, or not at its address"
				    : "hosts are not carried, or not at their addresses",
		    lost_hosts == 1 ? "" : " of each");
	if (totals->lacks_file)
		ctl_error(
		    "a virtual host lacks its file of accounts; name each AuthUserFile as a further FILE, and migrate again");
	if (totals->lacks_system)
		ctl_error("users of the system may not log in; name /etc/passwd as a further FILE, and migrate again");
	if (totals->lacks_anonymous)
		ctl_error("anonymous users may not log in; read 'anonymous login' in sallyport.conf");
	if (totals->refused > 0)
		ctl_error("%zu %s not taken; users has the reason%s", totals->refused,
		    totals->refused == 1 ? "account is" : "accounts are", totals->refused == 1 ? "" : " of each");
}

static void
print_migrated_files(const struct migration *run)
{
	printf(
	    "'%s/sallyport.conf': %zu directive%s read, %zu note%s of what is not carried, %zu of them about protection\n",
	    ctl_quote(run->directory), run->plan.count, amount_plural(run->plan.count), run->plan.noted,
	    amount_plural(run->plan.noted), run->plan.lost);
	for (size_t i = 0; i < run->book_count; i++) {
		const struct book *book = &run->books[i];

		if (book->is_shared)
			printf("server \"%s\": the accounts of the main server\n", book->host->title);
		else
			printf("'%s': %zu account%s, %zu not taken, %zu left out that could not log in before\n",
			    ctl_quote(book->path), book->accounts.taken, amount_plural(book->accounts.taken),
			    book->accounts.refused, book->accounts.left_out);
	}
}

static enum ctl_exit
report_migration(const struct migration *run)
{
	const struct migrate_plan *plan = &run->plan;
	size_t lost_hosts = plan->hosts == NULL ? 0 : plan->hosts->lost;
	struct totals totals = {.taken = 0};
	bool is_whole;

	for (size_t i = 0; i < run->book_count; i++)
		if (!run->books[i].is_shared)
			add_totals(&run->books[i], &totals);
	is_whole = plan->lost == 0 && lost_hosts == 0 && totals.refused == 0 && !totals.lacks_system &&
	    !totals.lacks_anonymous && !totals.lacks_file;
	if (run->ctl->is_json) {
		enum ctl_exit status = ctl_print_json(json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
		    "directory", ctl_quote(run->directory), "directives", (json_int_t)plan->count, "not_carried",
		    (json_int_t)plan->noted, "protecting", (json_int_t)plan->lost, "accounts", (json_int_t)totals.taken,
		    "refused", (json_int_t)totals.refused, "left_out", (json_int_t)totals.left_out, "unfit_homes",
		    (json_int_t)totals.unfit, "servers", (json_int_t)run->book_count - 1, "lost_servers",
		    (json_int_t)lost_hosts));

		return is_whole ? status : CTL_FAILED;
	}
	print_migrated_files(run);
	print_migration_totals(run, &totals, lost_hosts);
	return is_whole ? CTL_DONE : CTL_FAILED;
}

/* Are all texts whole? */
static bool
is_complete(const struct migration *run)
{
	for (size_t i = 0; i < run->book_count; i++)
		if (run->books[i].plan->notes.error < 0 || run->books[i].accounts.users.error < 0)
			return false;
	return true;
}

static enum ctl_exit
write_migration(struct migration *run)
{
	enum ctl_exit status = CTL_FAILED;
	struct buf accounts, config;

	buf_init(&accounts, CONFIGURATION_MAX);
	buf_init(&config, CONFIGURATION_MAX * 4);
	choose_accounts(&run->books[0], &accounts);
	if (is_complete(run))
		for (size_t i = 1; i < run->book_count; i++)
			choose_host_accounts(&run->books[0], &run->books[i]);
	migrate_hosts_join_notes(&run->plan);
	if (accounts.error == 0)
		migrate_write_config(&run->plan, accounts.data, &config);
	if (accounts.error < 0 || config.error < 0 || !is_complete(run))
		ctl_error("the configuration is too large, or there is no memory");
	else if (write_all(run, &config) == 0)
		status = report_migration(run);
	buf_free(&accounts);
	buf_free(&config);
	return status;
}

/* A message that cannot be read, or with variables of the other server. */
static void
check_message(struct migrate_plan *plan, struct migrate_value *value)
{
	struct buf text;
	bool is_there;

	if (value->bare == NULL || value->by == NULL)
		return;
	buf_init(&text, LIST_MAX);
	is_there = access(value->bare, R_OK) == 0 && whole_file_read(value->bare, &text) == 0 &&
	    text.len <= CONFIG_LOGIN_MESSAGE_MAX;
	if (!is_there)
		migrate_note(plan, value->by, MIGRATE_COMFORT, NULL, "the file cannot be read, or has more than 8 KiB",
		    "put it there, and set login-message");
	else if (text.len > 0 && memchr(text.data, '%', text.len) != NULL)
		migrate_note(plan, value->by, MIGRATE_COMFORT, NULL,
		    "variables of the old server, such as %U, stay as they are",
		    "write those of sallyport.conf(5), such as %{user}");
	if (!is_there)
		migrate_value_free(value);
	buf_free(&text);
}

static void
check_messages(struct migrate_plan *plan)
{
	check_message(plan, migrate_value_of(plan, "login-message"));
	for (size_t i = 0; plan->hosts != NULL && i < plan->hosts->count; i++)
		check_message(plan, migrate_host_value(plan->hosts->list[i], "login-message"));
}

static void
open_books(struct migration *run)
{
	const struct migrate_hosts *hosts = run->plan.hosts;
	struct book *book = run->books;

	*book++ = (struct book){.plan = &run->plan, .name = "users"};
	for (size_t i = 0; hosts != NULL && i < hosts->count; i++) {
		struct migrate_host *host = hosts->list[i];

		if (!host->is_carried)
			continue;
		*book = (struct book){.plan = &host->plan, .host = host};
		snprintf(book->name, sizeof(book->name), "%s.users", host->title);
		book++;
	}
	run->book_count = (size_t)(book - run->books);
	for (size_t i = 0; i < run->book_count; i++)
		migrate_accounts_init(&run->books[i].accounts, run->books[i].plan,
		    run->books[i].host == NULL ? NULL : run->books[i].host->title);
}

/* What is said of all accounts of a server has to be a group of settings. */
static bool
have_groups(const struct migration *run)
{
	for (size_t i = 0; i < run->book_count; i++) {
		if (run->books[i].accounts.problem == NULL)
			continue;
		ctl_error("what the configuration says of all accounts makes no group of settings: %s",
		    run->books[i].accounts.problem);
		return false;
	}
	return true;
}

static enum ctl_exit
migrate_all(struct migration *run)
{
	enum ctl_exit status = CTL_FAILED;

	run->plan.include = read_include;
	run->plan.include_arg = run;
	if (read_configuration(run, run->ctl->files[0]) < 0 || settle_plan(run) < 0)
		return CTL_FAILED;
	check_messages(&run->plan);
	open_books(run);
	if (have_groups(run) && read_all_accounts(run) == 0 && make_output(run) == 0)
		status = write_migration(run);
	for (size_t i = 0; i < run->book_count; i++)
		migrate_accounts_free(&run->books[i].accounts);
	return status;
}

enum ctl_exit
migrate(struct ctl *ctl)
{
	struct migration run = {.ctl = ctl, .peer = find_peer(ctl->verb)};
	enum ctl_exit status = CTL_FAILED;

	if (!ctl->given[OPTION_OUTPUT] && ctl->value[OPTION_OUTPUT] == NULL) {
		ctl_error("'migrate %s' needs a directory for the new files: --output DIR", ctl->verb);
		return CTL_USAGE;
	}
	if (migrate_plan_init(&run.plan, run.peer) < 0)
		say_no_memory();
	else
		status = migrate_all(&run);
	migrate_plan_free(&run.plan);
	return status;
}
