/* SPDX-License-Identifier: ISC */
/* sallyportd: options, start-up in order, one line for each error that prevents it. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "accounts/ledger.h"
#include "accounts/password.h"
#include "common/io.h"
#include "common/replace_file.h"
#include "common/journal.h"
#include "common/libc.h"
#include "common/options.h"
#include "common/title.h"
#include "config/broker.h"
#include "config/hook.h"
#include "config/places.h"
#include "config/users.h"
#include "daemon/check/check.h"
#include "daemon/master/activation.h"
#include "daemon/master/capacity.h"
#include "daemon/master/master.h"
#include "daemon/master/notify.h"
#include "daemon/master/oom.h"
#include "privsep/files/files.h"
#include "privsep/ipc/log.h"
#include "privsep/sandbox/sandbox.h"
#include "privsep/tls/certificate.h"
#include "privsep/tls/memory.h"
#include "privsep/tls/remote_key.h"
#include "privsep/trial/trial.h"
#include "trusted/advice.h"
#include "trusted/place.h"

#include "common/banned.h"

#define EXIT_NEEDS_ROOT 77
#define PID_FILE "sallyportd.pid" /* in runtime-directory */

#ifdef SALLYPORT_PAM
#define PAM_BUILD "with PAM"
#else
#define PAM_BUILD "without PAM"
#endif

static struct master master;
static struct inherited inherited;
static bool symbols_are_bound; /* all of them, in all libraries */
static int former_errors_fd = -1; /* where a former server reads what is wrong; standard error is the real one then */

static void __attribute__((noreturn, format(printf, 1, 2))) exit_with_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (former_errors_fd >= 0)
		dup2(former_errors_fd, STDERR_FILENO);
	fprintf(stderr, "%ssallyportd: ", journal_prefix(LOG_ERR));
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(EXIT_FAILURE);
}

static void
tell_error(void *arg, const char *line)
{
	(void)arg;
	fprintf(stderr, "%ssallyportd: %s\n", journal_prefix(LOG_ERR), line);
}

/* The options of the command line. */
struct start_options {
	const char *config_path;
	bool is_foreground, is_check, wants_version, wants_help;
};

#define AT(member) .target = offsetof(struct start_options, member)

static const struct opt_row start_options[] = {
    {NULL, 'c', "FILE", OPT_TEXT, AT(config_path), .help = "configuration (default: " CONFIG_FILE_DEFAULT ")"},
    {NULL, 'f', NULL, OPT_FLAG, AT(is_foreground), .help = "stay in the foreground and log to standard error"},
    {NULL, 't', NULL, OPT_FLAG, AT(is_check),
	.help = "check the configuration and exit: 0 if good, 1 if not, with a report"},
    {"version", 'V', NULL, OPT_FLAG, AT(wants_version), .help = "print the version and exit"},
    {"help", 'h', NULL, OPT_FLAG, AT(wants_help), .help = "print this help and exit"},
};

#define START_OPTION_COUNT (sizeof(start_options) / sizeof(start_options[0]))

static void
print_usage(FILE *out)
{
	fputs("usage: sallyportd [-c FILE] [-f] [-t] [-V]\n\n", out);
	for (size_t i = 0; i < START_OPTION_COUNT; i++)
		fprintf(out, "  -%c %-5s %s\n", start_options[i].letter,
		    start_options[i].value == NULL ? "" : start_options[i].value, start_options[i].help);
	fputs("\n"
	      "Signals: HUP reloads; TERM lets transfers finish and stops (twice: at once); INT stops;\n"
	      "USR2 starts the program anew and lets sessions end with the old one.\n"
	      "See sallyportd(8), sallyport.conf(5), sallyportctl(8).\n",
	    out);
}

static const char *
next_argument(void *arg)
{
	char ***next = arg;

	return **next == NULL ? NULL : *(*next)++;
}

/* -1: go on; or the exit status, after printing the version, the help, or an error. */
static int
take_arguments(char **argv, struct start_options *options)
{
	char **next = argv + 1;
	struct opt_parser parser = {.rows = start_options,
	    .count = START_OPTION_COUNT,
	    .targets = options,
	    .takes_empty = true,
	    .next = next_argument,
	    .arg = &next};
	const char *word;

	while ((word = next_argument(&next)) != NULL) {
		enum opt_problem problem = opt_is_option(word) ? opt_take(&parser, word) : OPT_NOT_ACCEPTED;

		if (problem == OPT_NOT_ACCEPTED)
			fprintf(stderr, "sallyportd: unexpected argument '%s'\n", word);
		else if (problem == OPT_UNKNOWN)
			fprintf(stderr, "sallyportd: unknown option '%s'\n", word);
		else if (problem == OPT_NEEDS_VALUE)
			fprintf(stderr, "sallyportd: option '%s' needs a value: -c FILE\n", parser.shown);
		else if (problem != OPT_FINE)
			fprintf(stderr, "sallyportd: option '%s' takes no value\n", parser.shown);
		if (problem != OPT_FINE) {
			print_usage(stderr);
			return 2;
		}
	}
	if (options->wants_version)
		puts("sallyportd " SALLYPORT_VERSION "\n" PAM_BUILD);
	else if (options->wants_help)
		print_usage(stdout);
	return options->wants_version || options->wants_help ? EXIT_SUCCESS : -1;
}

static void
find_service_user(void)
{
	char error[CONFIG_USER_ERROR_MAX];

	if (config_service_user(
		master.server.config, &master.server.service_uid, &master.server.service_gid, error, sizeof(error)) < 0)
		exit_with_error("%s", error);
}

/* One of our directories: make it if it is missing, and refuse it if anybody but root could change or replace it. */
static int
open_master_directory(const char *path, mode_t mode)
{
	struct trust_problem problem;
	char name[NAME_MAX + 1];
	char why[TRUST_TEXT_MAX];
	int dir_fd = trusted_parent_open(path, TRUST_ROOT_ALONE, name, &problem);
	int fd = dir_fd < 0 ? dir_fd : trusted_dir_make(dir_fd, name, 0, TRUST_ANY_GROUP, mode, NULL);

	if (dir_fd >= 0 && fd < 0 && fd != -EEXIST)
		exit_with_error("cannot create directory '%s': %s", path, strerror(-fd));
	close_fd(&fd);
	close_fd(&dir_fd);
	fd = trusted_dir_open(path, TRUST_ROOT_ALONE, &problem);
	if (fd < 0) {
		trust_explain(&problem, why, sizeof(why));
		exit_with_error("cannot use directory '%s': %s", path, why);
	}
	return fd;
}

static void
make_master_directory(const char *path, mode_t mode)
{
	close(open_master_directory(path, mode));
}

/* The directories of this server, among them the empty chroot of the session processes. */
static void
prepare_directories(void)
{
	char path[PATH_MAX];

	make_master_directory(master.server.config->runtime_directory, 0755);
	make_master_directory(master.server.config->state_directory, 0700);
	snprintf(path, sizeof(path), "%s/ledger", master.server.config->state_directory);
	make_master_directory(path, 0700);
	snprintf(path, sizeof(path), "%s/swept", master.server.config->state_directory);
	make_master_directory(path, 0700);
	snprintf(path, sizeof(path), "%s/passwords", master.server.config->state_directory);
	make_master_directory(path, 0700);
	snprintf(path, sizeof(path), "%s/brakes", master.server.config->state_directory);
	make_master_directory(path, 0700);
	snprintf(path, sizeof(path), "%s/rates", master.server.config->runtime_directory);
	make_master_directory(path, 0700);
	snprintf(path, sizeof(path), "%s/empty", master.server.config->runtime_directory);
	master.server.empty_directory_fd = open_master_directory(path, 0555);
}

static int
replace_pid_file(int dir_fd)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

	return replace_file(dir_fd, PID_FILE, text, (size_t)len, 0644, false);
}

static void
write_pid_file(void)
{
	int dir_fd = open_master_directory(master.server.config->runtime_directory, 0755);
	int r = replace_pid_file(dir_fd);

	close_fd(&dir_fd);
	if (r < 0)
		exit_with_error("cannot write pid file '%s/" PID_FILE "': %s", master.server.config->runtime_directory,
		    r == -EEXIST ? "it is no regular file; remove it" : strerror(-r));
}

/* Only while it is ours: another master may have been started meanwhile. */
static void
remove_pid_file(void)
{
	struct trust_problem problem;
	char text[32] = "";
	int dir_fd = trusted_dir_open(master.server.config->runtime_directory, TRUST_ROOT_ALONE, &problem);
	int fd = dir_fd < 0 ? -1 : openat(dir_fd, PID_FILE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 && strtol(text, NULL, 10) == (long)getpid())
		unlinkat(dir_fd, PID_FILE, 0);
	close_fd(&fd);
	close_fd(&dir_fd);
}

/* Go to the background; the parent waits until the server is ready and exits with 0, or with the failure. */
static int
go_to_background(void)
{
	int ready[2];
	char byte;
	int status = 0;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0 || (pid = fork()) < 0)
		exit_with_error("cannot go to the background: %s", strerror(errno));
	if (pid > 0) {
		close(ready[1]);
		if (read(ready[0], &byte, 1) == 1)
			_exit(EXIT_SUCCESS);
		if (waitpid(pid, &status, 0) == pid && WIFEXITED(status))
			_exit(WEXITSTATUS(status));
		_exit(EXIT_FAILURE);
	}
	close(ready[0]);
	setsid();
	return ready[1];
}

/* Standard input and output lead nowhere from now on. */
static void
detach_standard_files(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		exit_with_error("cannot open /dev/null: %s", strerror(errno));
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	if (null > STDERR_FILENO)
		close(null);
}

static void
open_listeners(void)
{
	char error[CONFIG_PLACE_MAX + TRUST_TEXT_MAX];
	int count = listeners_open(
	    master.server.config, inherited.listeners, inherited.count, master.listeners.all, error, sizeof(error));

	if (count < 0)
		exit_with_error("%s", error);
	listeners_close_others(inherited.listeners, inherited.count, master.listeners.all, (size_t)count);
	master.listeners.count = (size_t)count;
}

/* The zone alone stays: the logger reads it for local time, and an upgrade hands it on. */
static void
clear_environment(void)
{
	const char *zone = getenv("TZ");
	char *kept = zone == NULL ? NULL : strdup(zone);

	sandbox_clear_environment();
	if (kept != NULL)
		(void)!setenv("TZ", kept, 1);
	free(kept);
	tzset();
}

static void
check_hooks(void)
{
	char error[CONFIG_PLACE_MAX + TRUST_TEXT_MAX];

	if (config_check_hook(master.server.config, error, sizeof(error)) < 0)
		exit_with_error("%s", error);
}

static void
report_kicks(void *arg)
{
	control_socket_report(arg);
}

static void
check_broker(void)
{
	char error[CONFIG_BROKER_ERROR_MAX];

	if (config_check_broker(master.server.config, error, sizeof(error)) < 0)
		exit_with_error("%s", error);
}

/* Until now standard error was a pipe to the former server, which goes on if this one cannot start. */
static void
take_standard_error(void)
{
	int fd = inherited.extras[INHERITED_STDERR];

	if (!inherited.is_upgrade)
		return;
	former_errors_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (former_errors_fd < 0 || dup2(fd, STDERR_FILENO) < 0)
		exit_with_error("cannot take standard error over: %s", strerror(errno));
	close_fd(&fd);
}

/* Without them every session would end before it begins. */
static void
try_walls(void)
{
	struct trial trial = {
	    .config = master.server.config,
	    .empty_directory_fd = master.server.empty_directory_fd,
	    .service_uid = master.server.service_uid,
	    .service_gid = master.server.service_gid,
	};
	char error[CONFIG_USER_ERROR_MAX];

	if (master.server.config->on_upload[0] != '\0' &&
	    config_hook_user(master.server.config, &trial.hook_uid, &trial.hook_gid, error, sizeof(error)) < 0)
		exit_with_error("%s", error);
	if (config_has_store(master.server.config) &&
	    config_broker_user(master.server.config, &trial.broker_uid, &trial.broker_gid, error, sizeof(error)) < 0)
		exit_with_error("%s", error);
	if (trial_run(&trial, tell_error, NULL) < 0)
		exit(EXIT_FAILURE);
}

static void
start_master(void)
{
	struct server *server = &master.server;
	char error[CONFIG_PLACE_MAX + TRUST_TEXT_MAX];
	size_t failed = 0, book = 0;
	int ready_fd = -1;
	int r;

	find_service_user();
	check_hooks();
	check_broker();
	prepare_directories();
	r = sandbox_init(tell_error, NULL);
	if (r < 0)
		exit_with_error("the walls cannot be built: %s", strerror(-r));
	try_walls();
	oom_protect_master();
	r = ledger_boot_id(master.server.boot_id);
	if (r < 0)
		exit_with_error("cannot read '/proc/sys/kernel/random/boot_id': %s", strerror(-r));
	open_listeners();
	if (sandbox_empty_bounds() < 0)
		exit_with_error("the capability bounding set cannot be emptied: CAP_SETPCAP is needed");
	password_prepare();
	if (memory_init() < 0 || OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1 || remote_key_init() < 0 ||
	    files_prepare() < 0)
		exit_with_error("OpenSSL cannot be set up");
	if (certificates_load_first(&master.certificates, &master.server, inherited.good_certificates, &failed) < 0)
		exit_with_error("certificate '%s' and key '%s' cannot be used; see the line above",
		    master.server.config->servers[failed].tls.certificate,
		    master.server.config->servers[failed].tls.key);
	if (!master.server.is_foreground && !inherited.is_upgrade)
		ready_fd = go_to_background();
	notify_init(ready_fd);
	master.server.is_stderr_journal = inherited.is_upgrade ? getenv("JOURNAL_STREAM") != NULL : journal_is_stderr();
	advice_set_service(getenv("INVOCATION_ID") != NULL || getenv("JOURNAL_STREAM") != NULL);
	clear_environment();
	umask(077);
	if (chdir("/") < 0)
		exit_with_error("cannot change to /: %s", strerror(errno));
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	/* a page of 2 MiB for the first byte that a session writes to an area is what a session costs as a whole */
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	master.server.pid = getpid();
	master.server.started_ms = monotonic_ms();
	detach_standard_files();
	capacity_check(master.server.config->limits.sessions, tell_error, NULL);
	r = master_open(&master);
	if (r < 0)
		exit_with_error("cannot set up events: %s", strerror(-r));
	r = bans_init(&master.bans, server);
	if (r == 0)
		r = sessions_init(&master.sessions, server, &master.bans, &master.accounts);
	if (r < 0)
		exit_with_error("cannot make the table of sessions: %s", strerror(-r));
	master.sessions.broker = &master.broker;
	fleet_init(&master.fleet, server, &master.bans, &master.sessions, &master.broker);
	master.fleet.kicked = report_kicks;
	master.fleet.kicked_arg = &master.control;
	admission_init(&master.admission, server, &master.sessions, &master.bans, &master.control);
	proxied_init(&master.proxied, server, &master.admission);
	upgrade_take(&master.upgrade, &inherited);
	r = accounts_load_first(&master.accounts, server, &book);
	if (r < 0)
		exit_with_error(
		    "accounts '%s' cannot be used; see the line above, 'sallyportctl config check', or add the first "
		    "user with 'sallyportctl user add NAME%s%s'",
		    server->config->servers[book].accounts, book == 0 ? "" : " --server ",
		    server->config->servers[book].name);
	take_standard_error();
	r = log_targets_start(&master.log, server, error, sizeof(error));
	if (r < 0)
		exit_with_error("%s", error);
	r = hook_worker_start(&master.hooks);
	if (r < 0)
		exit_with_error("cannot make the channel of hooks: %s", strerror(-r));
	broker_worker_start(&master.broker, inherited.is_upgrade);
	bans_load(&master.bans);
	r = control_socket_open(&master.control, server, &control_answer_kind, &master.answers, error, sizeof(error));
	if (r < 0)
		exit_with_error("%s", error);
	r = quota_top_init(&master.quota_top, server);
	if (r < 0)
		exit_with_error("cannot make the list of quotas: %s", strerror(-r));
	metrics_server_start(&master.metrics, server, &master.quota_top);
	sandbox_slim(symbols_are_bound);
	write_pid_file();
	close_fd(&former_errors_fd);
	if (!master.server.is_foreground)
		dup2(STDIN_FILENO, STDERR_FILENO);
}

/*
 * A symbol that is bound at its first call (ld.so(8)) is looked for in every library, and sessions lack some:
 * see sandbox_withhold(). Where the program cannot be executed anew, they lack none.
 */
static void
bind_all_symbols(char **argv)
{
	if (getenv("LD_BIND_NOW") == NULL && !sandbox_is_widened() && setenv("LD_BIND_NOW", "1", 1) == 0) {
		execv("/proc/self/exe", argv);
		unsetenv("LD_BIND_NOW");
	}
	symbols_are_bound = getenv("LD_BIND_NOW") != NULL && getenv("LD_BIND_NOW")[0] != '\0';
}

int
main(int argc, char **argv)
{
	char error[512];
	struct start_options options = {.config_path = CONFIG_FILE_DEFAULT};
	bool is_check;
	int status;

	libc_settle_names();
	title_init(argc, argv);
	status = take_arguments(argv, &options);
	if (status >= 0)
		return status;
	master.server.config_path = options.config_path;
	master.server.is_foreground = options.is_foreground;
	is_check = options.is_check;
	if (!is_check && geteuid() != 0) {
		fputs("sallyportd: must be started as root, which it needs to listen, to change to each user, and to "
		      "chroot\n",
		    stderr);
		return EXIT_NEEDS_ROOT;
	}
	if (!is_check)
		bind_all_symbols(argv);
	title_name(TITLE_NAME_MASTER); /* a program that was executed as /proc/self/exe is called "exe" */
	if (is_check)
		close_range(STDERR_FILENO + 1, ~0U, 0); /* close what the caller has left open */
	else if (activation_take(&inherited, error, sizeof(error)) < 0)
		exit_with_error("%s", error);
	if (!is_check && master_init(&master, argv[0]) < 0)
		exit_with_error("no memory");
	if (is_check)
		return check_print(master.server.config_path, "sallyportd: ") == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	if (config_load(master.server.config_path, tell_error, NULL, &master.server.config) < 0)
		return EXIT_FAILURE;
	master.server.config_path = realpath(master.server.config_path, NULL);
	start_master();
	log_set_context("master", "", "", "");
	title_move();
	title_set("master", NULL, NULL);
	master_run(&master);
	control_socket_close(&master.control, false);
	bans_close(&master.bans);
	remove_pid_file();
	master_close(&master);
	return EXIT_SUCCESS;
}
