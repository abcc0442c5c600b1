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
#include "admin/ctl.h"
#include "admin/migrate_accounts.h"
#include "admin/migrate_peers.h"
#include "admin/migrate_plan.h"
#include "admin/whole_file.h"
#include "common/buf.h"
#include "common/io.h"
#include "trusted/place.h"

#include "common/banned.h"

#define CONFIGURATION_MAX ((size_t)1 << 20) /* bytes of a configuration of another server, and of ours */
#define LIST_MAX ((size_t)1 << 20) /* bytes of a list of names */

struct migration {
	struct ctl *ctl;
	const struct migrate_peer *peer;
	struct migrate_plan plan;
	struct migrate_accounts accounts;
	char directory[PATH_MAX], users[PATH_MAX + 8];
	bool has_accounts; /* a file of accounts was named */
	bool has_system_accounts; /* of passwd(5) */
	bool lacks_system; /* users of the system could log in, and cannot */
	bool lacks_anonymous; /* anonymous users could log in, and cannot */
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
read_list(struct migration *run, size_t i)
{
	const struct migrate_list *list = &run->plan.lists[i];
	bool is_other = list->other != NULL && access(list->path, F_OK) < 0 && access(list->other, F_OK) == 0;
	const char *path = is_other ? list->other : list->path;
	struct buf text;
	int r = 0;

	if (!list->must_exist && access(path, F_OK) < 0)
		return 0;
	buf_init(&text, LIST_MAX);
	if (whole_file_read(path, &text) < 0)
		migrate_note(&run->plan, list->by, MIGRATE_PROTECTS, path, "the file of names cannot be read",
		    "put the file there, and migrate again");
	else
		r = migrate_accounts_list(&run->accounts, i, text.data, text.len);
	buf_free(&text);
	return r < 0 ? say_no_memory() : 0;
}

/* The ids and the home of accounts that have none of their own. */
static void
find_guest(struct migration *run)
{
	const struct passwd *guest = run->plan.guest_user == NULL ? NULL : getpwnam(run->plan.guest_user);

	if (guest == NULL || guest->pw_uid == 0 || guest->pw_gid == 0)
		return;
	run->accounts.guest_uid = guest->pw_uid;
	run->accounts.guest_gid = guest->pw_gid;
	run->accounts.guest_home = guest->pw_dir;
}

/* The file of an account's own settings; its name is no path. */
static int
read_own_settings(void *arg, const char *name, struct buf *file, struct buf *text)
{
	const struct migration *run = arg;
	struct stat status;

	if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL)
		return 0;
	buf_addf(file, "%s/%s", run->plan.own_directory, name);
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
find_pam(struct migration *run, const char *file)
{
	const char *service = run->plan.pam_service;
	char path[PATH_MAX];

	run->accounts.is_live = realpath(file, path) != NULL && strcmp(path, "/etc/passwd") == 0;
	run->accounts.has_pam = service != NULL && pam_service_valid(service) &&
	    snprintf(path, sizeof(path), "/etc/pam.d/%s", service) < (int)sizeof(path) && access(path, F_OK) == 0;
}

static int
read_accounts(struct migration *run, const char *file)
{
	struct convert convert = {.line = 0};
	struct buf text, shadow;
	int r;

	buf_init(&text, MIGRATE_USERS_MAX);
	buf_init(&shadow, MIGRATE_USERS_MAX);
	r = whole_file_read(file, &text);
	convert.format = migrate_accounts_format(text.data == NULL ? "" : text.data, text.len, run->plan.format);
	run->has_accounts = true;
	run->has_system_accounts = run->has_system_accounts || convert.format == CONVERT_PASSWD;
	if (r == 0 && convert.format == CONVERT_PASSWD)
		r = whole_file_read_shadow(file, &shadow);
	if (r == 0) {
		find_pam(run, file);
		convert.text = text.data;
		convert.end = text.data == NULL ? NULL : text.data + text.len;
		convert.shadow = shadow.data;
		convert.shadow_len = shadow.len;
		r = migrate_accounts_take(&run->accounts, file, &convert);
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
find_old_user(const struct migration *run, const char *name)
{
	const struct passwd *user = NULL;

	for (size_t i = 1; i < run->ctl->file_count && run->plan.format != CONVERT_PURE_FTPD && user == NULL; i++) {
		FILE *file = fopen(run->ctl->files[i], "re"); /* what cannot be read is said where it is taken */

		while (file != NULL && (user = fgetpwent(file)) != NULL && strcmp(user->pw_name, name) != 0)
			;
		if (file != NULL)
			fclose(file);
	}
	return user != NULL ? user : getpwnam(name);
}

/* Anonymous users have the ids of a user of the old server's system. */
static int
take_anonymous(struct migration *run)
{
	struct migrate_plan *plan = &run->plan;
	char home_of[PATH_MAX], nowhere[256];
	const char *problem = nowhere, *home = plan->anonymous_home;
	const struct passwd *user;
	int r = -EINVAL;

	if (plan->anonymous_user == NULL)
		return 0;
	if (plan->anonymous_home_of != NULL && (user = find_old_user(run, plan->anonymous_home_of)) != NULL) {
		snprintf(home_of, sizeof(home_of), "%s", user->pw_dir);
		home = home_of;
	}
	snprintf(nowhere, sizeof(nowhere),
	    "the user of anonymous users, '%s', is neither in a file of accounts nor on this system",
	    plan->anonymous_home_of != NULL && home == NULL ? plan->anonymous_home_of : plan->anonymous_user);
	user = find_old_user(run, plan->anonymous_user);
	if (user == NULL && plan->anonymous_is_default)
		return 0;
	if (user != NULL && (plan->anonymous_home_of == NULL || home != NULL))
		r = migrate_accounts_anonymous(
		    &run->accounts, user->pw_uid, user->pw_gid, home == NULL ? user->pw_dir : home, &problem);
	run->lacks_anonymous = r == -EINVAL;
	if (run->lacks_anonymous)
		migrate_note(plan, NULL, MIGRATE_COMFORT, "anonymous login", problem,
		    "add it with 'sallyportctl user add anonymous --anonymous --home DIR'");
	return r == -ENOMEM ? say_no_memory() : 0;
}

static int
read_all_accounts(struct migration *run)
{
	int r = 0;

	find_guest(run);
	run->accounts.read_own = read_own_settings;
	run->accounts.read_arg = run;
	run->accounts.home_fits = fits_as_home;
	r = take_anonymous(run);
	for (size_t i = 0; i < run->plan.list_count && r == 0; i++)
		r = read_list(run, i);
	for (size_t i = 1; i < run->ctl->file_count && r == 0; i++)
		r = read_accounts(run, run->ctl->files[i]);
	return r;
}

/* --- where the accounts are --- */

/* Is something said of users that PAM alone knows? They have no line, and so no options. */
static bool
limits_system_users(const struct migration *run)
{
	const struct migrate_plan *plan = &run->plan;
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

/* The value of accounts. Users of the system are left out where they could do more than before. */
static void
choose_accounts(struct migration *run, struct buf *value)
{
	struct migrate_plan *plan = &run->plan;
	bool is_by_pam = plan->pam_service != NULL && !run->has_system_accounts;

	buf_add_text(value, run->users);
	run->lacks_system = is_by_pam && limits_system_users(run);
	if (run->lacks_system)
		migrate_note(plan, NULL, MIGRATE_COMFORT, "users of the system",
		    "the configuration limits them, which only accounts with a line can be, so none may log in",
		    "name /etc/passwd as a further FILE, and migrate again");
	else if (is_by_pam)
		buf_addf(value, ",pam:%s", plan->pam_service);
	else if (plan->pam_service == NULL && !run->has_accounts)
		migrate_note(plan, NULL, MIGRATE_COMFORT, "accounts", "no file of accounts was named",
		    "name it as a further FILE, or make accounts with 'sallyportctl user add'");
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
	snprintf(run->users, sizeof(run->users), "%s/users", run->directory);
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

/* Both or none. Notes quote the other configuration, which may have passwords (of a database): both are root's alone. */
static int
write_both(struct migration *run, const struct buf *config)
{
	int directory = open(run->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = directory < 0 ? -errno : write_new_file(directory, "users", &run->accounts.users, 0600);

	if (directory < 0)
		ctl_error("cannot use '%s': %s", ctl_quote(run->directory), strerror(-r));
	if (r == 0) {
		r = write_new_file(directory, "sallyport.conf", config, 0600);
		if (r < 0)
			unlinkat(directory, "users", 0);
	}
	close_fd(&directory);
	return r;
}

/* --- the report --- */

static enum ctl_exit
report_migration(const struct migration *run)
{
	const struct migrate_plan *plan = &run->plan;
	const struct migrate_accounts *accounts = &run->accounts;
	bool is_whole = plan->lost == 0 && accounts->refused == 0 && !run->lacks_system && !run->lacks_anonymous;

	if (run->ctl->is_json) {
		enum ctl_exit status = ctl_print_json(json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "directory",
		    ctl_quote(run->directory), "directives", (json_int_t)plan->count, "not_carried",
		    (json_int_t)plan->noted, "protecting", (json_int_t)plan->lost, "accounts",
		    (json_int_t)accounts->taken, "refused", (json_int_t)accounts->refused, "left_out",
		    (json_int_t)accounts->left_out, "unfit_homes", (json_int_t)accounts->unfit));

		return is_whole ? status : CTL_FAILED;
	}
	printf(
	    "'%s/sallyport.conf': %zu directives read, %zu notes of what is not carried, %zu of them about protection\n",
	    ctl_quote(run->directory), plan->count, plan->noted, plan->lost);
	printf("'%s': %zu accounts, %zu not taken, %zu left out that could not log in before\n", ctl_quote(run->users),
	    accounts->taken, accounts->refused, accounts->left_out);
	if (accounts->unfit > 0)
		ctl_error("%zu accounts cannot log in before their homes are theirs; users has the reason of each",
		    accounts->unfit);
	if (plan->lost > 0)
		ctl_error(
		    "%zu things that protect are not carried; read 'PROTECTS' in sallyport.conf before you start it",
		    plan->lost);
	if (run->lacks_system)
		ctl_error("users of the system may not log in; name /etc/passwd as a further FILE, and migrate again");
	if (run->lacks_anonymous)
		ctl_error("anonymous users may not log in; read 'anonymous login' in sallyport.conf");
	if (accounts->refused > 0)
		ctl_error("%zu accounts are not taken; users has the reason of each", accounts->refused);
	return is_whole ? CTL_DONE : CTL_FAILED;
}

static enum ctl_exit
write_migration(struct migration *run)
{
	enum ctl_exit status = CTL_FAILED;
	struct buf accounts, config;

	buf_init(&accounts, CONFIGURATION_MAX);
	buf_init(&config, CONFIGURATION_MAX * 4);
	choose_accounts(run, &accounts);
	if (accounts.error == 0)
		migrate_write_config(&run->plan, accounts.data, &config);
	if (accounts.error < 0 || config.error < 0 || run->plan.notes.error < 0 || run->accounts.users.error < 0)
		ctl_error("the configuration is too large, or there is no memory");
	else if (write_both(run, &config) == 0)
		status = report_migration(run);
	buf_free(&accounts);
	buf_free(&config);
	return status;
}

static enum ctl_exit
migrate_all(struct migration *run)
{
	enum ctl_exit status = CTL_FAILED;

	run->plan.include = read_include;
	run->plan.include_arg = run;
	if (read_configuration(run, run->ctl->files[0]) < 0 || settle_plan(run) < 0)
		return CTL_FAILED;
	migrate_accounts_init(&run->accounts, &run->plan);
	if (run->accounts.problem != NULL)
		ctl_error("what the configuration says of all accounts makes no group of settings: %s",
		    run->accounts.problem);
	else if (read_all_accounts(run) == 0 && make_output(run) == 0)
		status = write_migration(run);
	migrate_accounts_free(&run->accounts);
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
