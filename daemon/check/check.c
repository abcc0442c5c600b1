/* SPDX-License-Identifier: ISC */
#include "daemon/check/check.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "accounts/account.h"
#include "accounts/definition.h"
#include "accounts/folder.h"
#include "accounts/groups.h"
#include "accounts/hash_kind.h"
#include "accounts/pam_services.h"
#include "accounts/layout.h"
#include "accounts/snapshot_build.h"
#include "accounts/users_file.h"
#include "accounts/zone_places.h"
#include "common/buf.h"
#include "common/file_system.h"
#include "common/io.h"
#include "common/journal.h"
#include "common/mount_line.h"
#include "common/text.h"
#include "common/text_variables.h"
#include "config/broker.h"
#include "config/config.h"
#include "config/hook.h"
#include "config/places.h"
#include "config/servers.h"
#include "config/users.h"
#include "privsep/sandbox/sandbox.h"
#include "privsep/tls/certificate.h"
#include "privsep/trial/trial.h"
#include "trusted/advice.h"
#include "trusted/place.h"

#include "common/banned.h"

#define LINE_MAX_BYTES 16384
#define VARIABLE_SHOWN_MAX 40 /* bytes of an unknown variable that a warning repeats */
#define FORWARDED_PORTS 4096 /* each is a socket of the proxy */

struct check {
	const char *path;
	const struct check_sink *sink;
	bool is_root;
	bool has_errors;
	const char *runtime_directory;
	const char *accounts_path; /* of the file at which errors are found */
};

static void
add_check_error(void *arg, const char *line)
{
	struct check *check = arg;

	check->has_errors = true;
	check->sink->error(check->sink->arg, line);
}

static void __attribute__((format(printf, 3, 4)))
add_finding(struct check *check, bool is_error, const char *format, ...)
{
	struct buf line;
	va_list args;

	buf_init(&line, LINE_MAX_BYTES);
	va_start(args, format);
	buf_addv(&line, format, args);
	va_end(args);
	if (line.data == NULL || is_error)
		add_check_error(check, line.data == NULL ? "no memory" : line.data);
	else
		check->sink->warning(check->sink->arg, line.data);
	buf_free(&line);
}

/* --- the configuration --- */

static void
check_certificate(struct check *check, const char *place, const char *certificate, const char *key)
{
	struct certificate_report report;

	if (certificate[0] == '\0')
		return;
	if (!check->is_root && access(key, R_OK) < 0 && errno == EACCES)
		add_finding(check, false, "%skey '%s' was not read, because that needs root", place, key);
	else if (certificate_check_files(certificate, key, &report) < 0)
		add_finding(check, !report.is_out_of_date, "%s%s", place, report.error);
}

/* Clients compare the name that they have asked for. */
static void
check_name_of_certificate(
    struct check *check, const struct config *config, size_t server, const char *certificate, const char *name)
{
	char place[CONFIG_PLACE_MAX];

	if (certificate_is_for(certificate, name) != 0)
		return;
	servers_place(config, server, "certificate", place);
	add_finding(check, false, "%s'%s' is not for '%s', and clients that check it refuse it; have it name that, too",
	    place, certificate, name);
}

static void
check_names_of_certificate(struct check *check, const struct config *config, size_t server)
{
	const struct config_server *of = &config->servers[server];
	char name[NAME_MAX + 1];

	if (of->tls.certificate[0] == '\0')
		return;
	check_name_of_certificate(check, config, server, of->tls.certificate, of->name);
	for (const char *next = of->names; *next != '\0'; next += strcspn(next, ","), next += *next == ',') {
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(next, ","), next);
		check_name_of_certificate(check, config, server, of->tls.certificate, name);
	}
}

static void
check_certificates(struct check *check, const struct config *config)
{
	char place[CONFIG_PLACE_MAX];

	snprintf(place, sizeof(place), "%s: tls: ", check->path);
	check_certificate(check, place, config->tls.certificate, config->tls.key);
	for (size_t i = 1; i < config->server_count; i++) {
		const struct config_server *of = &config->servers[i];

		servers_place(config, i, "certificate", place);
		if (strcmp(of->tls.certificate, config->tls.certificate) != 0 ||
		    strcmp(of->tls.key, config->tls.key) != 0)
			check_certificate(check, place, of->tls.certificate, of->tls.key);
		check_names_of_certificate(check, config, i);
	}
}

static void
check_hook(struct check *check, const struct config *config)
{
	char error[CONFIG_USER_ERROR_MAX];

	if (config_check_hook(config, error, sizeof(error)) < 0)
		add_check_error(check, error);
}

/* The start makes no directory for a log. A unit of systemd may make it first, so this is no error. */
static void
check_log_directory(struct check *check, const struct config *config, const char *place, const char *path)
{
	const char *slash = strrchr(path, '/');
	char directory[PATH_MAX];

	if (slash == path)
		return;
	snprintf(directory, sizeof(directory), "%.*s", (int)(slash - path), path);
	if (access(directory, F_OK) == 0 || errno != ENOENT)
		return;
	add_finding(check, false, "%sdirectory '%s' is missing, and the start does not make it; 'install -d -o %s %s'",
	    place, directory, config->service_user, directory);
}

/* A FIFO is not opened to see whether it has a reader: closing it again would end that. */
static void
check_log_file(struct check *check, const struct config *config, const char *key, const char *path)
{
	char place[CONFIG_PLACE_MAX];
	struct stat st;

	if (path[0] != '/')
		return;
	config_place(config, "log", key, place);
	if (stat(path, &st) < 0)
		check_log_directory(check, config, place, path);
	else if (S_ISFIFO(st.st_mode))
		add_finding(check, false,
		    "%s'%s' is a FIFO: the start is refused while nobody reads it, and lines are lost when its reader "
		    "has ended",
		    place, path);
	else if (S_ISSOCK(st.st_mode))
		add_finding(
		    check, true, "%s'%s' is a socket; use \"syslog\" or \"journal\", or name a file", place, path);
	else if (S_ISDIR(st.st_mode))
		add_finding(check, true, "%s'%s' is a directory; name a file in it", place, path);
}

/* --- a proxy in front --- */

static bool
protects_all_data(const struct config *config)
{
	return config->tls.certificate[0] != '\0' && config->tls.require && config->tls.require_data_reuse;
}

static bool
believes_everybody(const struct config *config)
{
	for (size_t i = 0; i < config->proxy_from_count; i++)
		if (config->proxy_from[i].bits == 0)
			return true;
	return false;
}

static bool
dials_past_proxy(const struct config *config)
{
	return config_has_proxied(config) && config->active_mode;
}

static bool
takes_strangers_data(const struct config *config)
{
	return config_has_proxied(config) && config->proxy_data == PROXY_DATA_THROUGH && !protects_all_data(config);
}

static bool
tells_inner_address(const struct config *config)
{
	return config_has_proxied(config) && config->proxy_data == PROXY_DATA_DIRECT && config->passive_address_auto;
}

static bool
has_many_forwarded_ports(const struct config *config)
{
	return config_has_proxied(config) && config->proxy_data != PROXY_DATA_DIRECT &&
	    config->passive_port_high - config->passive_port_low >= FORWARDED_PORTS;
}

static bool
has_proxy_for_nothing(const struct config *config)
{
	return !config_has_proxied(config) && config->proxy_from_count > 0;
}

/* Settings that do not work behind a proxy, or mean something else there. */
static const struct {
	const char *key;
	bool (*is_so)(const struct config *config);
	const char *what;
} proxy_warnings[] = {
    {"proxy-from", believes_everybody, "everybody counts as the proxy, and may say who he is; name the proxy alone"},
    {"proxy-from", has_proxy_for_nothing,
	"no key has an address for the proxy; set listen-proxied, or hand over a socket named ftp-proxied"},
    {"active-mode", dials_past_proxy,
	"active data connections go from this server to the client, past the proxy; where they cannot, set "
	"active-mode = no"},
    {"proxy-data", takes_strangers_data,
	"with \"through\", only the TLS session tells a stranger from the client; set tls.require and "
	"tls.require-data-reuse, or proxy-data = \"header\""},
    {"passive-address", tells_inner_address,
	"with proxy-data = \"direct\", clients are told the address that the proxy connects to; name one that they "
	"reach"},
    {"passive-ports", has_many_forwarded_ports,
	"the proxy has to listen on each of these ports; a range of some hundred is enough"},
};

static void
check_proxy(struct check *check, const struct config *config)
{
	char place[CONFIG_PLACE_MAX];

	for (size_t i = 0; i < sizeof(proxy_warnings) / sizeof(proxy_warnings[0]); i++) {
		if (!proxy_warnings[i].is_so(config))
			continue;
		config_place(config, "", proxy_warnings[i].key, place);
		add_finding(check, false, "%s%s", place, proxy_warnings[i].what);
	}
}

/* A variable that is written wrong in a login message, which clients see as it is. */
static void
check_login_messages(struct check *check, const struct config *config)
{
	char place[CONFIG_PLACE_MAX], shown[VARIABLE_SHOWN_MAX + 1];

	for (size_t i = 0; i < config->server_count; i++) {
		const struct config_server *server = &config->servers[i];
		const char *at = text_variable_unknown(server->login_message_text);

		if (at == NULL || (i > 0 && strcmp(server->login_message, config->login_message) == 0))
			continue;
		snprintf(shown, sizeof(shown), "%.*s", (int)strcspn(at, "}\n"), at);
		if (i == 0)
			config_place(config, "", "login-message", place);
		else
			servers_place(config, i, "login-message", place);
		add_finding(check, false,
		    "%s'%s' has '%s%s', which is no variable, so clients see it as it is; the variables are %%{host}, "
		    "%%{address}, %%{date}, %%{time}, %%{user}, %%{quota-left} and %%{files-left}",
		    place, server->login_message, shown, at[strlen(shown)] == '}' ? "}" : "");
	}
}

/* --- the accounts --- */

/* The options of an account or a group. False: the line has none. */
static bool
line_options(const char *line, size_t len, const char **options, size_t *options_len)
{
	struct definition definition;
	const char *problem;

	if (account_line_is_account(line, len))
		return users_line_field(line, len, 5, options, options_len) == 0;
	if (!line_is_definition(line, len) || definition_parse(line, len, &definition, &problem) < 0 ||
	    definition.kind != DEFINITION_GROUP)
		return false;
	*options = definition.body;
	*options_len = definition.body_len;
	return true;
}

/* Words that no part of the server reads: kept on purpose, but a slip of the pen looks the same. */
static void
check_options(struct check *check, const char *path, const struct users_file *file)
{
	for (size_t i = 0; i < users_file_count(file); i++) {
		const char *line, *options, *word;
		size_t len, left, n;

		line = users_file_line(file, i, &len);
		if (!line_options(line, len, &options, &left))
			continue;
		while ((n = account_option_next(&options, &left, &word)) > 0)
			if (!account_option_known(word, n))
				add_finding(check, false, "%s:%zu: unknown option '%.*s'; it has no effect", path,
				    i + 1, (int)strcspn(word, "= \t\n"), word);
	}
}

/* Logins go on there, but sallyportctl refuses to make, count or remove such a home. */
static void
check_account_home(struct check *check, const char *path, size_t line, const struct account *account)
{
	struct trust_problem problem;
	char why[TRUST_TEXT_MAX];
	const char *advice;
	int fd = trusted_home_open_strictly(account->home, &(const struct trust){account->uid, account->gid}, &problem);

	if (fd < 0 && problem.kind != TRUST_SYSTEM) {
		trust_explain(&problem, why, sizeof(why));
		add_finding(check, false, "%s:%zu: home: %s", path, line, why);
	}
	close_fd(&fd);
	advice = advice_for_present_home(account->home, check->runtime_directory);
	if (advice != NULL)
		add_finding(check, false, "%s:%zu: home '%s': %s", path, line, account->home, advice);
}

/* "TYPE, SOURCE". Any user chooses both where he mounts a file system of FUSE. */
static void
show_mount(const struct mount_line *mount, struct buf *shown)
{
	buf_init(shown, LINE_MAX_BYTES);
	escape_bytes(shown, ESCAPE_LOG, mount->type, strlen(mount->type));
	buf_add_text(shown, ", ");
	escape_bytes(shown, ESCAPE_LOG, mount->source, strlen(mount->source));
}

/* How the file system of a home is mounted, by the text of its path alone. Each is reported once. */
static void
check_home_mount(
    struct check *check, const char *path, size_t line, const struct account *account, struct mount_table *mounts)
{
	const struct mount_line *mount = mount_of_path(mounts, account->home);
	struct mount_advice advice[MOUNT_ADVICE_MAX];
	size_t count = mount == NULL ? 0 : mount_advise(mount, advice);
	struct buf shown;

	if (count == 0)
		return;
	show_mount(mount, &shown);
	for (size_t i = 0; i < count; i++)
		add_finding(check, false, "%s:%zu: home '%s' is on %s: %s", path, line, account->home,
		    shown.data == NULL ? "" : shown.data, advice[i].text);
	buf_free(&shown);
	mounts->lines[mount - mounts->lines].type[0] = '\0'; /* reported */
}

/*
 * A password field that crypt(3) does not understand locks the account silently. "*", "!" and "x" do so on purpose.
 * The text itself may be a password, and is not repeated.
 */
static void
check_hash(struct check *check, const char *path, size_t line, const struct account *account)
{
	const char *hash = account->hash;

	if (account->is_locked || account->takes_any || account_pam_service(account) != NULL ||
	    strcmp(hash, "*") == 0 || strcmp(hash, "x") == 0 || hash_kind_is_known(hash))
		return;
	add_finding(check, false,
	    "%s:%zu: password of '%s': %s, so nobody can log in with it; set one with 'sallyportctl user passwd %s', "
	    "or "
	    "write a hash of yescrypt ($y$), bcrypt ($2b$), sha512crypt ($6$) or scrypt ($7$)",
	    path, line, account->name,
	    strncmp(hash, "$argon2", 7) == 0 ? "argon2 is no method of crypt(3)"
		: hash[0] == '$'             ? "no method of crypt(3) begins like that"
					     : "this is no hash of crypt(3), but plain text or something else",
	    account->name);
}

/* Without a file of its own, a service falls back to "other", which refuses everybody on Debian. */
static bool
has_pam_file(const char *service)
{
	static const char *const places[] = {"/etc/pam.d", "/usr/lib/pam.d"};
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", places[i], service);
		if (access(path, F_OK) == 0)
			return true;
	}
	return false;
}

static void
check_pam(struct check *check, const struct config *config)
{
	char service[PAM_SERVICE_MAX + 1];

	if (config->pam_service[0] != '\0' && !has_pam_file(config->pam_service))
		add_finding(check, false,
		    "%s: accounts: no file '/etc/pam.d/%s'; PAM takes the service 'other' instead", check->path,
		    config->pam_service);
	for (const char *next = config->pam_services; *next != '\0'; next += strcspn(next, ","), next += *next == ',') {
		snprintf(service, sizeof(service), "%.*s", (int)strcspn(next, ","), next);
		if (!has_pam_file(service))
			add_finding(check, false,
			    "%s: pam-services: no file '/etc/pam.d/%s'; PAM takes the service 'other' instead",
			    check->path, service);
	}
}

/* The same for the service of an account, each once. */
static void
check_account_service(
    struct check *check, const char *path, size_t line, const struct account *account, struct pam_services *told)
{
	const char *service = account_pam_service(account);
#ifdef SALLYPORT_PAM
	const char *wrong = service == NULL || has_pam_file(service) ? NULL : "PAM takes the service 'other' instead";
	const char *cure = "no such file in /etc/pam.d";
#else
	const char *wrong = service == NULL ? NULL : "nobody can log in with it";
	const char *cure = "this program was built without PAM";
#endif

	if (wrong == NULL || pam_services_have(told, service) || pam_services_add(told, service) < 0)
		return;
	add_finding(
	    check, false, "%s:%zu: PAM service '%s' of '%s': %s; %s", path, line, service, account->name, cure, wrong);
}

/* The same for further passwords. */
static void
check_further_hashes(struct check *check, const char *path, size_t line, const struct account *account)
{
	for (size_t i = 0; i < account->password_count; i++)
		if (!hash_kind_is_known(account->passwords[i].hash))
			add_finding(check, false,
			    "%s:%zu: password '%s' of '%s': this is no hash of crypt(3), so nobody can log in with it; "
			    "add one with 'sallyportctl user passwd add %s'",
			    path, line, account->passwords[i].label, account->name, account->name);
}

/* Nobody logs in without the limits of the group. */
static void
check_group(struct check *check, const char *path, size_t line, struct account *account, const struct groups *groups)
{
	groups_join(groups, account);
	if (account->lacks_group)
		add_finding(check, false,
		    "%s:%zu: no line defines the group of '%s', so it cannot log in; write '+group %s:', or "
		    "'sallyportctl user set %s --group none'",
		    path, line, account->name, account->group, account->name);
	if (account->contradiction != NULL)
		add_finding(check, false, "%s:%zu: '%s' contradicts its group '%s': %s", path, line, account->name,
		    account->group, account->contradiction);
}

/* Where an account's rules are told. */
struct zone_place {
	struct check *check;
	const char *path;
	size_t line;
	const struct account *account;
};

static void
tell_zone_problem(void *arg, const char *directory, const char *problem)
{
	const struct zone_place *place = arg;

	add_finding(place->check, false, "%s:%zu: rights of '%s' for '%s': it %s", place->path, place->line,
	    place->account->name, directory, problem);
}

/* A rule for a directory that is not there holds nothing back, and one for a link takes rights away everywhere. */
static void
check_zones(struct check *check, const char *path, size_t line, const struct account *account)
{
	struct zone_place place = {.check = check, .path = path, .line = line, .account = account};
	struct trust_problem problem;
	int fd;

	if (!account->has_zones)
		return;
	fd = trusted_home_open(account->home, &(const struct trust){account->uid, account->gid}, &problem);
	if (fd >= 0)
		zone_places_check(account, fd, tell_zone_problem, &place);
	close_fd(&fd);
}

/* Where a file may have a second name, nothing is kept, and so nothing is replaced or removed. */
static void
check_keep(struct check *check, const char *path, size_t line, const struct account *account)
{
	struct trust_problem problem;
	int fd;

	if (account->keep.days == 0)
		return;
	fd = trusted_home_open(account->home, &(const struct trust){account->uid, account->gid}, &problem);
	if (fd >= 0 && file_system_has_short_names(fd))
		add_finding(check, false,
		    "%s:%zu: keep of '%s': the file system of its home gives files short names, by which clients could "
		    "reach what is kept; so nothing is kept there, and no file replaced or removed",
		    path, line, account->name);
	close_fd(&fd);
}

/* Accounts that keep files, and without a limit. */
struct boundless {
	size_t line; /* of the first one */
	uint64_t count;
	char name[ACCOUNT_NAME_MAX + 1];
};

static void
note_boundless(struct boundless *boundless, size_t line, const struct account *account)
{
	if (!keep_rules_are_boundless(&account->keep) || boundless->count++ > 0)
		return;
	boundless->line = line;
	snprintf(boundless->name, sizeof(boundless->name), "%s", account->name);
}

/* One line for all: a group may have many. */
static void
tell_boundless(struct check *check, const char *path, const struct boundless *boundless)
{
	char more[64] = "";

	if (boundless->count == 0)
		return;
	if (boundless->count > 1)
		snprintf(more, sizeof(more), " and %llu more", (unsigned long long)boundless->count - 1);
	add_finding(check, false,
	    "%s:%zu: '%s'%s: keep without keep-quota, so what is kept may fill the disk; "
	    "'sallyportctl user set %s --keep-quota 10G', or that of its group",
	    path, boundless->line, boundless->name, more, boundless->name);
}

/* Errors of single accounts; malformed lines have been reported already. */
static void
check_each_account(struct check *check, const char *path, const struct users_file *file)
{
	struct account account;
	struct mount_table mounts;
	struct groups groups = {.count = 0};
	struct pam_services told = {.count = 0};
	struct boundless boundless = {.count = 0};
	const char *problem;

	(void)mount_table_read(&mounts);
	if (groups_of_file(&groups, file) < 0)
		add_finding(check, true, "no memory");
	for (size_t i = 0; i < users_file_count(file); i++) {
		size_t len;
		const char *line = users_file_line(file, i, &len);

		if (!account_line_is_account(line, len) || account_parse(line, len, &account, &problem) < 0)
			continue;
		check_account_home(check, path, i + 1, &account);
		check_home_mount(check, path, i + 1, &account, &mounts);
		check_hash(check, path, i + 1, &account);
		check_further_hashes(check, path, i + 1, &account);
		check_group(check, path, i + 1, &account, &groups);
		note_boundless(&boundless, i + 1, &account);
		check_zones(check, path, i + 1, &account);
		check_keep(check, path, i + 1, &account);
		check_account_service(check, path, i + 1, &account, &told);
	}
	tell_boundless(check, path, &boundless);
	groups_free(&groups);
	mount_table_free(&mounts);
	explicit_bzero(&account, sizeof(account));
}

static void
add_layout_error(void *arg, uint64_t line, const char *problem)
{
	struct check *check = arg;

	add_finding(check, true, "%s:%llu: %s", check->accounts_path, (unsigned long long)line, problem);
}

/* As snapshot_build() has them, and apart from the server's own directories. */
static void
check_folder_layout(struct check *check, const struct config *config, const char *path, const struct users_file *file)
{
	struct layout layout = {
	    .state_directory = config->state_directory, .runtime_directory = config->runtime_directory};

	check->accounts_path = path;
	if (layout_of_file(&layout, file) == 0)
		layout_check(&layout, add_layout_error, check);
	layout_free(&layout);
}

/* Accounts that have such a folder cannot log in. */
static void
check_folders(struct check *check, const char *path, const struct users_file *file)
{
	struct definition definition;
	struct trust_problem problem;
	char why[TRUST_TEXT_MAX];
	const char *wrong;
	struct folder folder;

	for (size_t i = 0; i < users_file_count(file); i++) {
		size_t len;
		const char *line = users_file_line(file, i, &len);
		int fd;

		if (!line_is_definition(line, len) || definition_parse(line, len, &definition, &wrong) < 0 ||
		    definition.kind != DEFINITION_FOLDER || folder_parse(&definition, &folder, &wrong) < 0)
			continue;
		fd = trusted_folder_open(folder.directory, folder.gid, &problem);
		if (fd < 0) {
			trust_explain(&problem, why, sizeof(why));
			add_finding(
			    check, false, "%s:%zu: folder '%s': '%s': %s", path, i + 1, folder.name, problem.path, why);
		}
		close_fd(&fd);
	}
}

/* An account of the database with this uid could have this home. */
static void
check_uids_apart(struct check *check, const struct config *config, const char *path, const struct users_file *file)
{
	struct account account;
	const char *problem;

	for (size_t i = 0; config_has_store(config) && i < users_file_count(file); i++) {
		size_t len;
		const char *line = users_file_line(file, i, &len);

		if (!account_line_is_account(line, len) || account_parse(line, len, &account, &problem) < 0 ||
		    account.uid < config->uid_low || account.uid > config->uid_high)
			continue;
		add_finding(check, false,
		    "%s:%zu: the uid of '%s' is in uid-range, so an account of the database may have it as well; give "
		    "accounts of the file uids outside of %u-%u",
		    path, i + 1, account.name, config->uid_low, config->uid_high);
		break;
	}
	explicit_bzero(&account, sizeof(account));
}

/* The users file of one server. */
static void
check_book(struct check *check, const struct config *config, size_t server)
{
	const struct snapshot_basis basis = {
	    .former_fd = -1, .server = servers_suffix(config, server), .others = config->books};
	const char *path = config->servers[server].accounts;
	struct users_file *file = NULL;
	struct buf problem;
	int fd = -1;

	if (!check->is_root && access(path, R_OK) < 0 && errno == EACCES) {
		add_finding(
		    check, false, "%s: accounts: '%s' was not read, because that needs root", check->path, path);
		return;
	}
	buf_init(&problem, LINE_MAX_BYTES);
	fd = memfd_create("accounts", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		add_finding(check, true, "cannot make a memory file: %s", strerror(errno));
	else if (path[0] != '\0' && snapshot_build_on(&basis, path, fd, add_check_error, check) == 0 &&
	    users_file_open(path, false, 0, &file, &problem) == 0) {
		check_options(check, path, file);
		check_each_account(check, path, file);
		check_folder_layout(check, config, path, file);
		check_folders(check, path, file);
		check_uids_apart(check, config, path, file);
	}
	users_file_free(file);
	buf_free(&problem);
	close_fd(&fd);
}

static void
check_accounts(struct check *check, const struct config *config)
{
	for (size_t i = 0; i < config->server_count; i++)
		if (servers_book(config, i) == i)
			check_book(check, config, i);
}

/* --- the database of accounts --- */

/* The database names these homes and ids, and anybody who could make a directory there could be one of them. */
static void
check_home_directory(struct check *check, const struct config *config)
{
	char place[CONFIG_PLACE_MAX], why[TRUST_TEXT_MAX];
	struct trust_problem problem;
	int fd = trusted_dir_open(config->home_directory, TRUST_ROOT_ALONE, &problem);

	if (fd < 0) {
		config_place(config, "", "home-directory", place);
		trust_explain(&problem, why, sizeof(why));
		add_finding(check, false, "%sno account of the database can log in: '%s': %s", place,
		    config->home_directory, why);
	}
	close_fd(&fd);
}

static void
check_store(struct check *check, const struct config *config)
{
	char error[CONFIG_BROKER_ERROR_MAX];

	if (!config_has_store(config))
		return;
	if (!check->is_root && access(config->store_conf, R_OK) < 0 && errno == EACCES)
		add_finding(check, false, "%s: accounts: '%s' was not examined, because that needs root", check->path,
		    config->store_conf);
	else if (config_check_broker(config, error, sizeof(error)) < 0)
		add_check_error(check, error);
	check_home_directory(check, config);
}

/* --- the walls --- */

static void
try_all_walls(struct check *check, const struct config *config, struct trial *trial)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/empty", config->runtime_directory);
	trial->empty_directory_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (trial->empty_directory_fd < 0) /* the first start makes it */
		trial->empty_directory_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (sandbox_init(add_check_error, check) < 0)
		add_finding(check, true, "%s: the walls cannot be built", check->path);
	else
		(void)trial_run(trial, add_check_error, check);
	close_fd(&trial->empty_directory_fd);
}

/* Whom processes become, and whether they can. */
static void
check_walls(struct check *check, const struct config *config)
{
	struct trial trial = {.config = config};
	char error[CONFIG_USER_ERROR_MAX];

	if (config_service_user(config, &trial.service_uid, &trial.service_gid, error, sizeof(error)) < 0)
		add_check_error(check, error);
	else if (!check->is_root)
		add_finding(
		    check, false, "%s: the walls of sessions were not tried, because that needs root", check->path);
	else if ((config->on_upload[0] == '\0' ||
		     config_hook_user(config, &trial.hook_uid, &trial.hook_gid, error, sizeof(error)) == 0) &&
	    (!config_has_store(config) ||
		config_broker_user(config, &trial.broker_uid, &trial.broker_gid, error, sizeof(error)) == 0))
		try_all_walls(check, config, &trial);
}

/* --- all of it --- */

int
check_setup(const char *path, const struct check_sink *sink, struct check_facts *facts)
{
	struct check check = {.path = path, .sink = sink, .is_root = geteuid() == 0};
	struct config *config = NULL;

	*facts = (struct check_facts){0};
	if (config_load(path, add_check_error, &check, &config) < 0)
		return -EINVAL;
	check.runtime_directory = config->runtime_directory;
	facts->passive_ports = config->passive_port_high - config->passive_port_low + 1U;
	facts->has_tls = config->tls.certificate[0] != '\0';
	check_hook(&check, config);
	(void)config_check_places(config, add_check_error, &check);
	check_log_file(&check, config, "target", config->log.target);
	check_log_file(&check, config, "xferlog", config->log.xferlog);
	check_certificates(&check, config);
	check_proxy(&check, config);
	check_login_messages(&check, config);
	check_accounts(&check, config);
	check_pam(&check, config);
	check_store(&check, config);
	check_walls(&check, config);
	config_free(config);
	return check.has_errors ? -EINVAL : 0;
}

static void
print_check_error(void *arg, const char *line)
{
	fprintf(stderr, "%s%s%s\n", journal_prefix(LOG_ERR), (const char *)arg, line);
}

static void
print_warning(void *arg, const char *line)
{
	fprintf(stderr, "%s%s%s (warning)\n", journal_prefix(LOG_WARNING), (const char *)arg, line);
}

int
check_print(const char *path, const char *prefix)
{
	const struct check_sink sink = {print_check_error, print_warning, (void *)(uintptr_t)prefix};
	struct check_facts facts;
	int r = check_setup(path, &sink, &facts);

	if (r < 0)
		return r;
	printf("%s: passive-ports: %u transfers at once can be announced on each address of the server\n", path,
	    facts.passive_ports);
	if (!facts.has_tls)
		printf("%s: tls.certificate: none; passwords and files cross the network in clear\n", path);
	printf("%s: good\n", path);
	return 0;
}
