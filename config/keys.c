/* SPDX-License-Identifier: ISC */
#include "config/keys.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "common/bounds.h"
#include "common/buf.h"
#include "common/log_level.h"
#include "common/text.h"
#include "config/config.h"
#include "config/key_kinds.h"

#include "common/banned.h"

#define HOUR 3600
#define DAY 86400
#define PIB (1ULL << 50)
#define VALUE_SHOWN_MAX 80	/* bytes of a bad value that an error repeats */

_Static_assert(LEVEL_DEBUG == 0 && LEVEL_CRITICAL == 4 && LEVEL_COUNT == 5, "log.level lists the levels in order");

#define FIELD_OF(type, member) .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)
#define FIELD(member) FIELD_OF(struct config, member)
#define SERVER_FIELD(member) FIELD_OF(struct config_server, member)

const char *const config_sections[] = {"log", "tls", "limits", "timeouts", NULL};

/* clang-format off */
const struct config_key config_keys[] = {
    {NULL, "listen", KEY_LISTEN, "*:21", 0, 65535, {NULL}, FIELD(listen),
     "Where to listen for FTP (and for TLS by AUTH TLS): \"*:21\" for IPv4 and IPv6,\n"
     "\"192.0.2.1:21\", \"[2001:db8::1]:21\". Port 0: the kernel chooses one."},
    {NULL, "listen-tls", KEY_LISTEN, "", 0, 65535, {NULL}, FIELD(listen_tls),
     "Where to listen for implicit TLS, for example {\"*:990\"}; needs tls.certificate."},
    {NULL, "listen-proxied", KEY_LISTEN, "", 0, 65535, {NULL}, FIELD(listen_proxied),
     "As listen, for a proxy that begins each connection with a header of the PROXY protocol, for example\n"
     "{\"10.0.0.1:2121\"}; needs proxy-from."},
    {NULL, "listen-proxied-tls", KEY_LISTEN, "", 0, 65535, {NULL}, FIELD(listen_proxied_tls),
     "As listen-tls, for a proxy; the header comes before TLS."},
    {NULL, "proxy-from", KEY_BLOCKS, "", 0, 0, {NULL}, FIELD(proxy_from),
     "The addresses of the proxy, for example {\"10.0.0.5\", \"10.0.0.6\"}; what it says of its clients is believed."},
    {NULL, "proxy-data", KEY_CHOICE, "header", 0, 0, {"header", "through", "direct"}, FIELD(proxy_data),
     "How the proxy's clients reach passive ports: through the proxy with a \"header\" for each connection,\n"
     "\"through\" it without, or \"direct\", past it."},
    {NULL, "service-user", KEY_NAME, "sallyport", 1, 32, {NULL}, FIELD(service_user),
     "The system user of all processes that need neither root's nor an account's rights."},
    {NULL, "accounts", KEY_ACCOUNTS, SYSCONFDIR "/sallyport/users", 1, 4095, {NULL}, FIELD(accounts),
     "Where accounts are: in the users file, sallyport-users(5); in the database of \"postgresql:PATH\"; as users of\n"
     "the system, by \"pam:SERVICE\". Several are asked in this order: \"PATH,postgresql:PATH,pam:SERVICE\"."},
    {NULL, "pam-services", KEY_SERVICES, "", 0, 1023, {NULL}, FIELD(pam_services),
     "PAM services, separated by ',', that accounts of a database may name for their passwords (*pam:SERVICE), besides that\n"
     "of accounts."},
    {NULL, "broker-user", KEY_NAME, "", 0, 32, {NULL}, FIELD(broker_user),
     "The system user of the process that asks the database of accounts, and of no other; \"\": there is no database."},
    {NULL, "home-directory", KEY_PATH, "/srv/sallyport", 1, 4095, {NULL}, FIELD(home_directory),
     "The directory of the homes of new accounts. Accounts of a database have their homes nowhere else."},
    {NULL, "state-directory", KEY_PATH, LOCALSTATEDIR "/lib/sallyport", 1, 4095, {NULL}, FIELD(state_directory),
     "What the server keeps across restarts."},
    {NULL, "runtime-directory", KEY_PATH, RUNDIR "/sallyport", 1, 80, {NULL}, FIELD(runtime_directory),
     "The pid file, the control socket and the empty directory to which sessions are confined."},
    {NULL, "libexec-directory", KEY_PATH, LIBEXECDIR "/sallyport", 1, 4000, {NULL}, FIELD(libexec_directory),
     "Programs that the server runs for itself, such as sallyport-broker; only root may change it."},
    {NULL, "banner", KEY_BANNER, "sallyport ready", 1, 512, {NULL}, FIELD(banner),
     "The text of the first reply, with variables such as %{host}."},
    {NULL, "server-name", KEY_HOSTS, "", 0, 1024, {NULL}, FIELD(server_name),
     "The names that a client may give with HOST, separated by ','; \"\": any."},
    {NULL, "login-message", KEY_PATH_OR_NONE, "", 0, 4095, {NULL}, FIELD(login_message),
     "A text file of at most 8 KiB that clients see after the login; \"\": none. Read at start and at a reload."},
    {NULL, "directory-message", KEY_BOOL, "no", 0, 1, {NULL}, FIELD(directory_message),
     "Whether the file .message of a directory is shown to clients that enter it."},
    {NULL, "passive-ports", KEY_RANGE, "49152-65535", 1024, 65535, {NULL}, FIELD(passive_port_low),
     "The ports of passive data connections. A range of 32 is enough for a container: sessions wait when it is full."},
    {NULL, "passive-address", KEY_ADDRESS, "auto", 1, 253, {NULL}, FIELD(passive_address),
     "The address in replies to PASV. \"auto\": the one that the client dialled; or an address, or a\n"
     "name that is looked up again, for a server behind address translation."},
    {NULL, "active-mode", KEY_BOOL, "yes", 0, 1, {NULL}, FIELD(active_mode),
     "Whether clients may use PORT and EPRT; the data connection goes only to the client's own address."},
    {NULL, "active-port", KEY_NUMBER, "0", 0, 65535, {NULL}, FIELD(active_port),
     "The port from which active data connections come, 20 for old packet filters; 0: any."},
    {NULL, "mode-z", KEY_BOOL, "no", 0, 1, {NULL}, FIELD(mode_z),
     "Whether clients may use MODE Z (compressed transfers)."},
    {NULL, "mode-z-limit", KEY_SIZE, "1G", 1, PIB, {NULL}, FIELD(mode_z_limit),
     "The size to which one compressed upload may expand."},
    {NULL, "uploads", KEY_CHOICE, "atomic", 0, 0, {"atomic", "in-place"}, FIELD(uploads),
     "\"atomic\": a file appears when it is complete. \"in-place\": it grows under its own name."},
    {NULL, "upload-sync", KEY_BOOL, "yes", 0, 1, {NULL}, FIELD(upload_sync),
     "Whether the server writes an upload to the disk (fsync) before it confirms it."},
    {NULL, "partial-keep", KEY_DURATION, "7d", 1, 3650ull * DAY, {NULL}, FIELD(partial_keep_s),
     "How long the server keeps the part of an interrupted upload, so that the client can resume it."},
    {NULL, "metrics-listen", KEY_LOCAL, "", 0, 90, {NULL}, FIELD(metrics_listen),
     "Where the server offers metrics and the status page over HTTP, without a password: \"127.0.0.1:9121\",\n"
     "\"[::1]:9121\", \"unix:/run/sallyport/page\"; \"\": nowhere."},
    {NULL, "metrics-quota-users", KEY_NUMBER, "0", 0, 100, {NULL}, FIELD(metrics_quota_users),
     "How many accounts are shown there by name, those that use most of their quotas; 0: none."},
    {NULL, "on-upload", KEY_PATH_OR_NONE, "", 0, 4095, {NULL}, FIELD(on_upload),
     "A program that runs for each finished upload, with SALLYPORT_PATH and others in its environment; \"\": none."},
    {NULL, "hook-user", KEY_NAME, "", 0, 32, {NULL}, FIELD(hook_user),
     "The system user as which the program of on-upload runs; \"\": service-user."},
    {NULL, "hook-timeout", KEY_DURATION, "60s", 1, DAY, {NULL}, FIELD(hook_timeout_s),
     "How long one run of it may take; after that it is killed, and counts as failed."},
    {NULL, "hook-queue", KEY_NUMBER, "1000", 1, 100000, {NULL}, FIELD(hook_queue),
     "Uploads that may wait for it; for further ones it does not run."},
    {NULL, "hook-tries", KEY_NUMBER, "10", 1, 1000, {NULL}, FIELD(hook_tries),
     "How often it runs for one upload, until it succeeds. Waits in between: 1 s, doubling, at most 10 min."},
    {NULL, "file-mode", KEY_MODE, "0640", 0600, 0777, {NULL}, FIELD(file_mode),
     "The mode of a new file: the mode itself, not a mask."},
    {NULL, "directory-mode", KEY_MODE, "0750", 0700, 0777, {NULL}, FIELD(directory_mode),
     "The mode of a new directory, homes included."},
    {NULL, "uid-range", KEY_RANGE, "200000-1299999", 1000, ID_MAX, {NULL}, FIELD(uid_low),
     "The user ids for accounts that are added without one. Accounts of a database have no others."},

    {"log", "target", KEY_LOG_TARGET, "syslog", 1, 4095, {NULL}, FIELD(log.target),
     "\"syslog\", \"journal\" (of systemd, with a field for each value), \"stderr\" or a file."},
    {"log", "format", KEY_CHOICE, "text", 0, 0, {"text", "json"}, FIELD(log.format),
     "The form of a line in \"syslog\", \"stderr\" or a file."},
    {"log", "level", KEY_CHOICE, "info", 0, 0, {"debug", "info", "warning", "error", "critical"}, FIELD(log.level),
     "The lowest level that is logged."},
    {"log", "xferlog", KEY_PATH_OR_NONE, "", 0, 4095, {NULL}, FIELD(log.xferlog),
     "A file for one line per transfer in the xferlog form; \"\": none."},

    {"tls", "certificate", KEY_PATH_OR_NONE, "", 0, 4095, {NULL}, FIELD(tls.certificate),
     "The certificate and its chain (PEM); \"\": no TLS."},
    {"tls", "key", KEY_PATH_OR_NONE, "", 0, 4095, {NULL}, FIELD(tls.key),
     "The private key of the certificate (PEM)."},
    {"tls", "minimum", KEY_CHOICE, "1.2", 0, 0, {"1.2", "1.3"}, FIELD(tls.minimum),
     "The lowest version of TLS."},
    {"tls", "require", KEY_BOOL, "yes", 0, 1, {NULL}, FIELD(tls.require),
     "Whether a login needs TLS. Has no effect while no certificate is configured."},
    {"tls", "require-data-reuse", KEY_BOOL, "yes", 0, 1, {NULL}, FIELD(tls.require_data_reuse),
     "Whether a data connection must resume the TLS session of its control connection."},
    {"tls", "require-close", KEY_BOOL, "yes", 0, 1, {NULL}, FIELD(tls.require_close),
     "Whether an upload over TLS counts as complete only with a close_notify."},

    {"limits", "sessions", KEY_NUMBER, "2000", 1, SESSIONS_MAX, {NULL}, FIELD(limits.sessions),
     "Sessions at once."},
    {"limits", "sessions-per-address", KEY_NUMBER, "50", 1, SESSIONS_MAX, {NULL}, FIELD(limits.sessions_per_address),
     "Sessions at once of one IPv4 address or one IPv6 /64."},
    {"limits", "sessions-per-user", KEY_NUMBER, "20", 1, SESSIONS_MAX, {NULL}, FIELD(limits.sessions_per_user),
     "Sessions at once of one account."},
    {"limits", "login-failures", KEY_NUMBER, "5", 1, 1000, {NULL}, FIELD(limits.login_failures),
     "Failed logins after which a connection is closed, and its address banned for ban-time."},
    {"limits", "ban-time", KEY_DURATION, "10m", 0, 365ull * DAY, {NULL}, FIELD(limits.ban_time_s),
     "How long an address is banned that fails login-failures times within this time; 0: not at all."},
    {"limits", "never-ban", KEY_BLOCKS, "", 0, 0, {NULL}, FIELD(limits.never_ban),
     "Networks that are never banned, whatever fails from there, for example {\"127.0.0.0/8\", \"::1\"}."},
    {"limits", "concurrent-hashes", KEY_NUMBER, "0", 0, 1024, {NULL}, FIELD(limits.concurrent_hashes),
     "Passwords verified at once; the others wait. 0: as many as there are processors."},
    {"limits", "concurrent-pam", KEY_NUMBER, "32", 1, 1024, {NULL}, FIELD(limits.concurrent_pam),
     "Questions to PAM at once, at most a quarter of them for one address; the others wait."},
    {"limits", "concurrent-work", KEY_NUMBER, "0", 0, 1024, {NULL}, FIELD(limits.concurrent_work),
     "Long operations on files (HASH, SITE CPTO, RMDA, DSIZ) at once; the others wait. 0: as many as there are processors."},
    {"limits", "work-per-user", KEY_NUMBER, "1", 1, 1024, {NULL}, FIELD(limits.work_per_user),
     "Long operations on files at once for one account."},

    {"timeouts", "login", KEY_DURATION, "60s", 1, HOUR, {NULL}, FIELD(timeouts.login_s),
     "From the connection to the login."},
    {"timeouts", "idle", KEY_DURATION, "5m", 1, 7ull * DAY, {NULL}, FIELD(timeouts.idle_s),
     "Between two commands."},
    {"timeouts", "data-connect", KEY_DURATION, "30s", 1, HOUR, {NULL}, FIELD(timeouts.data_connect_s),
     "For a data connection to come about."},
    {"timeouts", "stall", KEY_DURATION, "2m", 1, DAY, {NULL}, FIELD(timeouts.stall_s),
     "For a transfer that does not move."},
    {"timeouts", "drain", KEY_DURATION, "30s", 0, DAY, {NULL}, FIELD(timeouts.drain_s),
     "For running transfers to end when the server stops."},
};
/* clang-format on */

const size_t config_key_count = sizeof(config_keys) / sizeof(config_keys[0]);

/* clang-format off */
const struct config_key config_server_keys[] = {
    {CONFIG_SERVER_SECTION, "address", KEY_LOCALS, "", 0, 0, {NULL}, SERVER_FIELD(addresses),
     "The addresses at which this server is, and no other one, for example {\"192.0.2.7\", \"2001:db8::7\"};\n"
     "{}: at all addresses that no other server has."},
    {CONFIG_SERVER_SECTION, "names", KEY_HOSTS, "", 0, 1024, {NULL}, SERVER_FIELD(names),
     "Further names of this server, separated by ','; a client gives one with TLS (SNI) or with HOST."},
    {CONFIG_SERVER_SECTION, "accounts", KEY_PATH_OR_NONE, "", 0, 4095, {NULL}, SERVER_FIELD(accounts),
     "The users file of this server; \"\": the accounts are those outside of all sections."},
    {CONFIG_SERVER_SECTION, "home-directory", KEY_PATH_OR_NONE, "", 0, 4095, {NULL}, SERVER_FIELD(home_directory),
     "The directory of the homes of its new accounts; \"\": that outside of all sections."},
    {CONFIG_SERVER_SECTION, "banner", KEY_BANNER, "", 0, 512, {NULL}, SERVER_FIELD(banner),
     "The text of the first reply, for a client that has dialled an address of this server, or names it with TLS or HOST;\n"
     "\"\": that outside of all sections."},
    {CONFIG_SERVER_SECTION, "login-message", KEY_PATH_OR_NONE, "", 0, 4095, {NULL}, SERVER_FIELD(login_message),
     "A text file of at most 8 KiB that clients see after the login; \"\": that outside of all sections."},
    {CONFIG_SERVER_SECTION, "certificate", KEY_PATH_OR_NONE, "", 0, 4095, {NULL}, SERVER_FIELD(tls.certificate),
     "The certificate and its chain (PEM); \"\": that of tls.certificate."},
    {CONFIG_SERVER_SECTION, "key", KEY_PATH_OR_NONE, "", 0, 4095, {NULL}, SERVER_FIELD(tls.key),
     "The private key of the certificate (PEM)."},
    {CONFIG_SERVER_SECTION, "require-tls", KEY_BOOL, "yes", 0, 1, {NULL}, SERVER_FIELD(tls.require),
     "Whether a login needs TLS; as tls.require, whose value is the default."},
};
/* clang-format on */

const size_t config_server_key_count = sizeof(config_server_keys) / sizeof(config_server_keys[0]);

_Static_assert(sizeof(config_server_keys) / sizeof(config_server_keys[0]) <= CONFIG_SERVER_KEYS_MAX,
    "struct config_server has a line for each");

void
key_describe(const struct config_key *key, struct buf *out)
{
	const struct key_kind *kind = key_kind(key->type);

	if (kind->describe != NULL)
		kind->describe(key, out);
	else
		buf_add_text(out, kind->words);
}

void
key_value(const struct config_key *key, const void *values, struct buf *out)
{
	key_kind(key->type)->print(key, values, out);
}

bool
key_is_text(const struct config_key *key)
{
	return key_kind(key->type)->is_text;
}

bool
key_is_list(const struct config_key *key)
{
	return key_kind(key->type)->is_list;
}

int
key_set(const struct config_key *key, const char *text, void *values, struct buf *problem)
{
	const char *wrong = key_kind(key->type)->set(key, text, values);
	size_t len = strlen(text);

	if (wrong == NULL)
		return 0;
	buf_addf(problem, "%s '", wrong);
	escape_bytes(problem, ESCAPE_LOG, text, len < VALUE_SHOWN_MAX ? len : VALUE_SHOWN_MAX);
	buf_addf(problem, "%s'; use ", len < VALUE_SHOWN_MAX ? "" : "...");
	key_describe(key, problem);
	return wrong == key_no_memory ? -ENOMEM : -EINVAL;
}
