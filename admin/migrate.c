/* SPDX-License-Identifier: ISC */
/* migrate: the configuration and the accounts of another server become ours, in a directory of their own. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/ctl.h"
#include "admin/migrate_accounts.h"
#include "admin/migrate_peers.h"
#include "admin/migrate_plan.h"
#include "admin/whole_file.h"
#include "common/buf.h"
#include "common/io.h"

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

static int
read_configuration(struct migration *run, const char *file)
{
	const char *problem;
	struct buf text;
	size_t line;
	int r;

	buf_init(&text, CONFIGURATION_MAX);
	r = whole_file_read(file, &text);
	if (r == 0 && text.len > 0)
		r = migrate_plan_read(&run->plan, file, text.data, text.len, &line, &problem);
	if (r == -EINVAL && text.error == 0)
		say_place(file, line, problem);
	else if (r == -ENOMEM)
		say_no_memory();
	buf_free(&text);
	return r;
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
	struct buf text;
	int r = 0;

	if (!list->must_exist && access(list->path, F_OK) < 0)
		return 0;
	buf_init(&text, LIST_MAX);
	if (whole_file_read(list->path, &text) < 0)
		migrate_note(&run->plan, list->by, MIGRATE_PROTECTS, list->path, "the file of names cannot be read",
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

/* Anonymous users have the ids of a user of this system. */
static int
take_anonymous(struct migration *run)
{
	struct migrate_plan *plan = &run->plan;
	const struct passwd *user = plan->anonymous_user == NULL ? NULL : getpwnam(plan->anonymous_user);
	const char *problem = "the user of anonymous users is not on this system";
	int r = -EINVAL;

	if (plan->anonymous_user == NULL)
		return 0;
	if (user != NULL)
		r = migrate_accounts_anonymous(&run->accounts, user->pw_uid, user->pw_gid,
		    plan->anonymous_home == NULL ? user->pw_dir : plan->anonymous_home, &problem);
	if (r == -EINVAL)
		migrate_note(plan, NULL, MIGRATE_COMFORT, "anonymous login", problem,
		    "add it with 'sallyportctl user add anonymous --anonymous --home DIR'");
	return r == -ENOMEM ? say_no_memory() : 0;
}

static int
read_all_accounts(struct migration *run)
{
	int r = 0;

	find_guest(run);
	r = take_anonymous(run);
	for (size_t i = 0; i < run->plan.list_count && r == 0; i++)
		r = read_list(run, i);
	for (size_t i = 1; i < run->ctl->file_count && r == 0; i++)
		r = read_accounts(run, run->ctl->files[i]);
	return r;
}

/* --- where the accounts are --- */

#define GIVE_PASSWD "name /etc/passwd as a further FILE; its users become accounts of the users file"

/* What the configuration says of users whom PAM alone knows is lost: they have no line. */
static void
note_system_users(struct migration *run)
{
	struct migrate_plan *plan = &run->plan;
	struct buf options;

	buf_init(&options, CONFIGURATION_MAX);
	migrate_group_options(plan, &options);
	if (options.len > 0)
		migrate_note(
		    plan, NULL, MIGRATE_PROTECTS, options.data, "users of the system have no options", GIVE_PASSWD);
	if (plan->home != NULL)
		migrate_note(
		    plan, NULL, MIGRATE_PROTECTS, plan->home, "users of the system have their own homes", GIVE_PASSWD);
	for (size_t i = 0; i < plan->list_count; i++)
		if (plan->lists[i].by != NULL)
			migrate_note(plan, plan->lists[i].by, MIGRATE_PROTECTS, NULL,
			    "which users of the system may log in, PAM alone decides", GIVE_PASSWD);
	buf_free(&options);
}

/* The value of accounts. */
static void
choose_accounts(struct migration *run, struct buf *value)
{
	struct migrate_plan *plan = &run->plan;

	buf_add_text(value, run->users);
	if (plan->pam_service != NULL && !run->has_system_accounts) {
		buf_addf(value, ",pam:%s", plan->pam_service);
		note_system_users(run);
	} else if (plan->pam_service == NULL && !run->has_accounts) {
		migrate_note(plan, NULL, MIGRATE_COMFORT, "accounts", "no file of accounts was named",
		    "name it as a further FILE, or make accounts with 'sallyportctl user add'");
	}
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
	bool is_whole = plan->lost == 0 && accounts->refused == 0;

	if (run->ctl->is_json) {
		enum ctl_exit status = ctl_print_json(
		    json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "directory", ctl_quote(run->directory),
			"directives", (json_int_t)plan->count, "not_carried", (json_int_t)plan->noted, "protecting",
			(json_int_t)plan->lost, "accounts", (json_int_t)accounts->taken, "refused",
			(json_int_t)accounts->refused, "left_out", (json_int_t)accounts->left_out));

		return is_whole ? status : CTL_FAILED;
	}
	printf(
	    "'%s/sallyport.conf': %zu directives read, %zu notes of what is not carried, %zu of them about protection\n",
	    ctl_quote(run->directory), plan->count, plan->noted, plan->lost);
	printf("'%s': %zu accounts, %zu not taken, %zu left out that could not log in before\n", ctl_quote(run->users),
	    accounts->taken, accounts->refused, accounts->left_out);
	if (plan->lost > 0)
		ctl_error(
		    "%zu things that protect are not carried; read 'PROTECTS' in sallyport.conf before you start it",
		    plan->lost);
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

enum ctl_exit
migrate(struct ctl *ctl)
{
	struct migration run = {.ctl = ctl, .peer = find_peer(ctl->verb)};
	enum ctl_exit status = CTL_FAILED;

	if (!ctl->given[OPTION_OUTPUT] && ctl->value[OPTION_OUTPUT] == NULL) {
		ctl_error("'migrate %s' needs a directory for the new files: --output DIR", ctl->verb);
		return CTL_USAGE;
	}
	if (migrate_plan_init(&run.plan, run.peer) < 0) {
		say_no_memory();
	} else if (read_configuration(&run, ctl->files[0]) == 0 && settle_plan(&run) == 0) {
		migrate_accounts_init(&run.accounts, &run.plan);
		if (read_all_accounts(&run) == 0 && make_output(&run) == 0)
			status = write_migration(&run);
		migrate_accounts_free(&run.accounts);
	}
	migrate_plan_free(&run.plan);
	return status;
}
