/* SPDX-License-Identifier: ISC */
#include "config/keys.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/log_level.h"
#include "common/text.h"
#include "config/config.h"

#include "common/banned.h"

#define MINUTE 60
#define HOUR 3600
#define DAY 86400
#define PIB (1ULL << 50)
#define UID_MAX 4294967294u	/* (uid_t)-1 means "leave it" to chown(2) */
#define HOST_MAX 253	/* bytes of a host name (RFC 1035, 2.3.4, as text) */
#define VALUE_SHOWN_MAX 80	/* bytes of a bad value that an error repeats */

_Static_assert(LEVEL_DEBUG == 0 && LEVEL_CRITICAL == 4 && LEVEL_COUNT == 5, "log.level lists the levels in order");

#define FIELD(member) .offset = offsetof(struct config, member), .size = sizeof(((struct config *)0)->member)

const char *const config_sections[] = {"log", "tls", "limits", "timeouts", NULL};

const struct config_key config_keys[] = {
    {NULL, "listen", KEY_LISTEN, "*:21", 0, 65535, {NULL}, FIELD(listen),
     "Where to listen for FTP (and for TLS by AUTH TLS): \"*:21\" for IPv4 and IPv6,\n"
     "\"192.0.2.1:21\", \"[2001:db8::1]:21\". Port 0: the kernel chooses one."},
    {NULL, "listen-tls", KEY_LISTEN, "", 0, 65535, {NULL}, FIELD(listen_tls),
     "Where to listen for implicit TLS, for example {\"*:990\"}; needs tls.certificate."},
    {NULL, "service-user", KEY_NAME, "sallyport", 1, 32, {NULL}, FIELD(service_user),
     "The system user that the processes without a user's rights run as."},
    {NULL, "accounts", KEY_ACCOUNTS, SYSCONFDIR "/sallyport/users", 1, 4095, {NULL}, FIELD(accounts),
     "The users file, sallyport-users(5); with \",pam:SERVICE\" behind it, users of the system that it does not\n"
     "have log in by PAM, and with \"pam:SERVICE\" alone only those."},
    {NULL, "state-directory", KEY_PATH, LOCALSTATEDIR "/lib/sallyport", 1, 4095, {NULL}, FIELD(state_directory),
     "What the server keeps across restarts."},
    {NULL, "runtime-directory", KEY_PATH, RUNDIR "/sallyport", 1, 80, {NULL}, FIELD(runtime_directory),
     "The pid file, the control socket and the empty directory that sessions are confined to."},
    {NULL, "banner", KEY_TEXT, "sallyport ready", 1, 512, {NULL}, FIELD(banner),
     "The text of the first reply."},
    {NULL, "server-name", KEY_HOSTS, "", 0, 1024, {NULL}, FIELD(server_name),
     "The names that a client may give with HOST, with ',' between them; \"\": any."},
    {NULL, "login-message", KEY_PATH_OR_NONE, "", 0, 4095, {NULL}, FIELD(login_message),
     "A text file of at most 8 KiB that is shown after the login; \"\": none. Read at start and at a reload."},
    {NULL, "directory-message", KEY_BOOL, "no", 0, 1, {NULL}, FIELD(directory_message),
     "Whether the file .message of a directory is shown to whoever enters it."},
    {NULL, "passive-ports", KEY_RANGE, "49152-65535", 1024, 65535, {NULL}, FIELD(passive_port_low),
     "The ports of passive data connections. A range of 32 is enough for a container: a full range waits."},
    {NULL, "passive-address", KEY_ADDRESS, "auto", 1, 253, {NULL}, FIELD(passive_address),
     "The address told in replies to PASV. \"auto\": the one that the client dialled; or an address, or a\n"
     "name that is looked up again, for a server behind address translation."},
    {NULL, "active-mode", KEY_BOOL, "yes", 0, 1, {NULL}, FIELD(active_mode),
     "Whether PORT and EPRT are served; the data connection goes to the client's own address only."},
    {NULL, "active-port", KEY_NUMBER, "0", 0, 65535, {NULL}, FIELD(active_port),
     "The port that active data connections come from, 20 for old packet filters; 0: any."},
    {NULL, "mode-z", KEY_BOOL, "no", 0, 1, {NULL}, FIELD(mode_z),
     "Whether MODE Z (compressed transfers) is served."},
    {NULL, "mode-z-limit", KEY_SIZE, "1G", 1, PIB, {NULL}, FIELD(mode_z_limit),
     "What one compressed upload may expand to."},
    {NULL, "uploads", KEY_CHOICE, "atomic", 0, 0, {"atomic", "in-place"}, FIELD(uploads),
     "\"atomic\": a file appears when it is complete. \"in-place\": it grows where it stands."},
    {NULL, "upload-sync", KEY_BOOL, "yes", 0, 1, {NULL}, FIELD(upload_sync),
     "Whether an upload is on the disk (fsync) before it is confirmed."},
    {NULL, "partial-keep", KEY_DURATION, "7d", 1, 3650ull * DAY, {NULL}, FIELD(partial_keep_s),
     "How long the part of an interrupted upload is kept for its resumption."},
    {NULL, "metrics-listen", KEY_LOCAL, "", 0, 90, {NULL}, FIELD(metrics_listen),
     "Where metrics and the status page are served over HTTP, without a password: \"127.0.0.1:9121\",\n"
     "\"[::1]:9121\", \"unix:/run/sallyport/page\"; \"\": nowhere."},
    {NULL, "metrics-quota-users", KEY_NUMBER, "0", 0, 100, {NULL}, FIELD(metrics_quota_users),
     "How many of the accounts with a quota that use most are shown there, by name; 0: none."},
    {NULL, "on-upload", KEY_PATH_OR_NONE, "", 0, 4095, {NULL}, FIELD(on_upload),
     "A program that is run for each finished upload, with SALLYPORT_PATH and others in its environment; \"\": none."},
    {NULL, "hook-user", KEY_NAME, "", 0, 32, {NULL}, FIELD(hook_user),
     "The system user that the program of on-upload runs as; \"\": service-user."},
    {NULL, "hook-timeout", KEY_DURATION, "60s", 1, DAY, {NULL}, FIELD(hook_timeout_s),
     "How long one run of it may take; then it is killed, and counts as failed."},
    {NULL, "hook-queue", KEY_NUMBER, "1000", 1, 100000, {NULL}, FIELD(hook_queue),
     "Uploads that may wait for it; for more it is not run."},
    {NULL, "hook-tries", KEY_NUMBER, "10", 1, 1000, {NULL}, FIELD(hook_tries),
     "How often it is run for one upload, until it succeeds. Waits in between: 1 s, doubling, at most 10 min."},
    {NULL, "file-mode", KEY_MODE, "0640", 0600, 0777, {NULL}, FIELD(file_mode),
     "The mode of a new file: the result wanted, not a mask."},
    {NULL, "directory-mode", KEY_MODE, "0750", 0700, 0777, {NULL}, FIELD(directory_mode),
     "The mode of a new directory, homes included."},
    {NULL, "uid-range", KEY_RANGE, "200000-299999", 1000, UID_MAX, {NULL}, FIELD(uid_low),
     "The user ids that accounts get when none is named for them."},

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

    {"limits", "sessions", KEY_NUMBER, "2000", 1, 100000, {NULL}, FIELD(limits.sessions),
     "Sessions at once."},
    {"limits", "sessions-per-address", KEY_NUMBER, "50", 1, 100000, {NULL}, FIELD(limits.sessions_per_address),
     "Sessions at once of one IPv4 address or one IPv6 /64."},
    {"limits", "sessions-per-user", KEY_NUMBER, "20", 1, 100000, {NULL}, FIELD(limits.sessions_per_user),
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
     "Passwords that PAM is asked about at once, at most a quarter of them from one address; the others wait."},
    {"limits", "concurrent-work", KEY_NUMBER, "0", 0, 1024, {NULL}, FIELD(limits.concurrent_work),
     "Long operations on files (HASH, SITE CPTO, RMDA, DSIZ) at once; the others wait. 0: as many as there are processors."},
    {"limits", "work-per-user", KEY_NUMBER, "1", 1, 1024, {NULL}, FIELD(limits.work_per_user),
     "Long operations on files at once of one account."},

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

const size_t config_key_count = sizeof(config_keys) / sizeof(config_keys[0]);

static void *
field_of(const struct config_key *key, struct config *config)
{
	return (char *)config + key->offset;
}

static void
put_number(void *field, size_t size, uint64_t value)
{
	uint16_t u16 = (uint16_t)value;
	uint32_t u32 = (uint32_t)value;

	if (size == sizeof(u16))
		memcpy(field, &u16, sizeof(u16));
	else if (size == sizeof(u32))
		memcpy(field, &u32, sizeof(u32));
	else
		memcpy(field, &value, sizeof(value));
}

static void
add_duration(struct buf *out, uint64_t seconds)
{
	if (seconds >= DAY && seconds % DAY == 0)
		buf_addf(out, "%llud", (unsigned long long)seconds / DAY);
	else if (seconds >= HOUR && seconds % HOUR == 0)
		buf_addf(out, "%lluh", (unsigned long long)seconds / HOUR);
	else if (seconds >= MINUTE && seconds % MINUTE == 0)
		buf_addf(out, "%llum", (unsigned long long)seconds / MINUTE);
	else
		buf_addf(out, "%llus", (unsigned long long)seconds);
}

static void
add_size(struct buf *out, uint64_t bytes)
{
	static const char units[] = "\0KMGT";
	size_t i = 0;

	while (i + 2 < sizeof(units) && bytes >= 1024 && bytes % 1024 == 0) {
		bytes /= 1024;
		i++;
	}
	buf_addf(out, "%llu", (unsigned long long)bytes);
	if (i > 0)
		buf_add(out, &units[i], 1);
}

static void
add_choices(const struct config_key *key, struct buf *out)
{
	for (size_t i = 0; i < KEY_CHOICES_MAX && key->choices[i] != NULL; i++)
		buf_addf(out, "%s\"%s\"", i == 0 ? "" : ", ", key->choices[i]);
}

void
key_describe(const struct config_key *key, struct buf *out)
{
	unsigned long long low = key->low, high = key->high;

	switch (key->type) {
	case KEY_LISTEN:
		buf_addf(out, "a list of at most %d of \"*:PORT\", \"IPV4:PORT\", \"[IPV6]:PORT\"", CONFIG_LISTEN_MAX);
		break;
	case KEY_BLOCKS:
		buf_addf(out, "a list of at most %d networks, such as \"192.0.2.0/24\", \"2001:db8::/32\"", CONFIG_BLOCKS_MAX);
		break;
	case KEY_TEXT:
		buf_addf(out, "one line of UTF-8 text of %llu to %llu bytes", low, high);
		break;
	case KEY_NAME:
		buf_addf(out, "the name of a system user%s", key->low == 0 ? ", or \"\"" : "");
		break;
	case KEY_PATH:
		buf_addf(out, "an absolute path of at most %llu bytes", high);
		break;
	case KEY_ACCOUNTS:
		buf_addf(out, "an absolute path of at most %llu bytes, \"pam:SERVICE\", or \"PATH,pam:SERVICE\"", high);
		break;
	case KEY_PATH_OR_NONE:
		buf_add_text(out, "an absolute path, or \"\"");
		break;
	case KEY_LOG_TARGET:
		buf_add_text(out, "\"syslog\", \"journal\", \"stderr\" or an absolute path");
		break;
	case KEY_ADDRESS:
		buf_add_text(out, "\"auto\", a numeric address or a host name");
		break;
	case KEY_LOCAL:
		buf_add_text(out, "a loopback address and port (\"127.0.0.1:9121\", \"[::1]:9121\"), \"unix:/PATH\", or \"\"");
		break;
	case KEY_HOSTS:
		buf_add_text(out, "host names and addresses with ',' between them, or \"\"");
		break;
	case KEY_BOOL:
		buf_add_text(out, "yes or no");
		break;
	case KEY_NUMBER:
		buf_addf(out, "a number from %llu to %llu", low, high);
		break;
	case KEY_SIZE:
		buf_add_text(out, "a size from ");
		add_size(out, key->low);
		buf_add_text(out, " to ");
		add_size(out, key->high);
		buf_add_text(out, " (bytes, or with K, M, G or T)");
		break;
	case KEY_DURATION:
		buf_add_text(out, "a time from ");
		add_duration(out, key->low);
		buf_add_text(out, " to ");
		add_duration(out, key->high);
		buf_add_text(out, " (seconds, or with s, m, h or d)");
		break;
	case KEY_MODE:
		buf_addf(out, "an octal mode with %04llo and at most %04llo, such as \"%s\"", low, high, key->initial);
		break;
	case KEY_RANGE:
		buf_addf(out, "\"LOW-HIGH\" within %llu-%llu", low, high);
		break;
	case KEY_CHOICE:
		buf_add_text(out, "one of ");
		add_choices(key, out);
		break;
	}
}

static uint64_t
get_number(const void *field, size_t size)
{
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;

	if (size == sizeof(u16)) {
		memcpy(&u16, field, sizeof(u16));
		return u16;
	}
	if (size == sizeof(u32)) {
		memcpy(&u32, field, sizeof(u32));
		return u32;
	}
	memcpy(&u64, field, sizeof(u64));
	return u64;
}

static void
add_listen(const struct config_listen *listen, struct buf *out)
{
	char address[ADDRESS_TEXT_MAX];

	address_text(&listen->address, address);
	if (listen->any_family)
		buf_addf(out, "*:%u", listen->port);
	else
		buf_addf(out, listen->address.family == AF_INET6 ? "[%s]:%u" : "%s:%u", address, listen->port);
}

static void
add_listens(const struct config_key *key, const struct config *config, struct buf *out)
{
	bool is_tls = key->offset == offsetof(struct config, listen_tls);
	const struct config_listen *list = is_tls ? config->listen_tls : config->listen;
	size_t count = is_tls ? config->listen_tls_count : config->listen_count;

	for (size_t i = 0; i < count; i++) {
		buf_add_text(out, i == 0 ? "" : ", ");
		add_listen(&list[i], out);
	}
}

static void
add_blocks(const struct config *config, struct buf *out)
{
	char address[ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < config->limits.never_ban_count; i++) {
		address_text(&config->limits.never_ban[i].network, address);
		buf_addf(out, "%s%s/%u", i == 0 ? "" : ", ", address, config->limits.never_ban[i].bits);
	}
}

void
key_value(const struct config_key *key, const struct config *config, struct buf *out)
{
	const char *field = (const char *)config + key->offset;

	switch (key->type) {
	case KEY_LISTEN:
		add_listens(key, config, out);
		break;
	case KEY_BLOCKS:
		add_blocks(config, out);
		break;
	case KEY_TEXT:
	case KEY_NAME:
	case KEY_PATH:
	case KEY_PATH_OR_NONE:
	case KEY_LOG_TARGET:
	case KEY_ADDRESS:
	case KEY_LOCAL:
	case KEY_HOSTS:
		escape_bytes(out, ESCAPE_LOG, *(char *const *)(const void *)field, strlen(*(char *const *)(const void *)field));
		break;
	case KEY_ACCOUNTS:
		escape_bytes(out, ESCAPE_LOG, config->accounts, strlen(config->accounts));
		if (config->pam_service[0] != '\0')
			buf_addf(out, "%spam:%s", config->accounts[0] == '\0' ? "" : ",", config->pam_service);
		break;
	case KEY_BOOL:
		buf_add_text(out, *(const bool *)field ? "yes" : "no");
		break;
	case KEY_NUMBER:
		buf_addf(out, "%llu", (unsigned long long)get_number(field, key->size));
		break;
	case KEY_SIZE:
		add_size(out, get_number(field, key->size));
		break;
	case KEY_DURATION:
		add_duration(out, get_number(field, key->size));
		break;
	case KEY_MODE:
		buf_addf(out, "%04llo", (unsigned long long)get_number(field, key->size));
		break;
	case KEY_RANGE:
		buf_addf(out, "%llu-%llu", (unsigned long long)get_number(field, key->size),
		    (unsigned long long)get_number(field + key->size, key->size));
		break;
	case KEY_CHOICE:
		buf_add_text(out, key->choices[get_number(field, key->size)]);
		break;
	}
}

int
key_is_text(const struct config_key *key)
{
	switch (key->type) {
	case KEY_TEXT:
	case KEY_NAME:
	case KEY_PATH:
	case KEY_ACCOUNTS:
	case KEY_PATH_OR_NONE:
	case KEY_LOG_TARGET:
	case KEY_ADDRESS:
	case KEY_LOCAL:
	case KEY_HOSTS:
		return true;
	case KEY_LISTEN:
	case KEY_BLOCKS:
	case KEY_BOOL:
	case KEY_NUMBER:
	case KEY_SIZE:
	case KEY_DURATION:
	case KEY_MODE:
	case KEY_RANGE:
	case KEY_CHOICE:
		break;
	}
	return false;
}

int
key_is_list(const struct config_key *key)
{
	return key->type == KEY_LISTEN || key->type == KEY_BLOCKS;
}

/*
 * What each set_ function returns as "what is wrong" is a phrase before the value; NULL is
 * success. *error is set where it is not the value's fault.
 */
static const char *
set_text(const struct config_key *key, const char *text, struct config *config, int *error)
{
	char **field = field_of(key, config);
	char *copy = strdup(text);

	if (copy == NULL) {
		*error = -ENOMEM;
		return "no memory for";
	}
	free(*field);
	*field = copy;
	return NULL;
}

static bool
has_dot_component(const char *path)
{
	for (const char *p = strchr(path, '/'); p != NULL; p = strchr(p + 1, '/')) {
		size_t len = strcspn(p + 1, "/");

		if ((len == 1 && p[1] == '.') || (len == 2 && p[1] == '.' && p[2] == '.'))
			return true;
	}
	return false;
}

static const char *
check_path(const struct config_key *key, const char *text)
{
	if (text[0] != '/')
		return "not an absolute path:";
	if (has_dot_component(text))
		return "a path with '.' or '..':";
	if (strlen(text) > key->high)
		return "too long a path:";
	return NULL;
}

/* Letters, digits, '-' and '_', and the dots of a host name. */
static bool
is_plain_name(const char *text, const char *also)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

	if (text[0] == '-' || text[0] == '.' || text[0] == '\0')
		return false;
	for (const char *p = text; *p != '\0'; p++)
		if (strchr(plain, *p) == NULL && strchr(also, *p) == NULL)
			return false;
	return true;
}

/* A host name that is not an address mistyped: a name's last label is not all digits (RFC 3696, 2). */
static bool
is_host_name(const char *text)
{
	const char *last = strrchr(text, '.');

	last = last == NULL ? text : last + 1;
	return is_plain_name(text, ".") && strstr(text, "..") == NULL && *last != '\0' &&
	       strspn(last, "0123456789") != strlen(last);
}

static const char *
set_address(const struct config_key *key, const char *text, struct config *config, int *error)
{
	union address address;
	bool is_auto = strcmp(text, "auto") == 0;

	if (!is_auto && address_parse(text, &address) < 0 && (!is_host_name(text) || strlen(text) > key->high))
		return "neither an address nor a host name:";
	config->passive_address_auto = is_auto;
	return set_text(key, text, config, error);
}

static bool
is_host(const char *text, size_t len)
{
	char host[HOST_MAX + 1];
	union address address;

	if (len > HOST_MAX)
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	return address_parse(host, &address) == 0 || is_host_name(host);
}

static const char *
set_hosts(const struct config_key *key, const char *text, struct config *config, int *error)
{
	const char *next = text;

	if (strlen(text) > key->high)
		return "too long:";
	while (text[0] != '\0') {
		size_t len = strcspn(next, ",");

		if (!is_host(next, len))
			return "neither an address nor a host name in";
		if (next[len] == '\0')
			break;
		next += len + 1;
	}
	return set_text(key, text, config, error);
}

static const char *
parse_port(const char *text, uint16_t *port)
{
	uint64_t value;

	if (parse_u64(text, 65535, &value) < 0)
		return "no port from 0 to 65535 in";
	*port = (uint16_t)value;
	return NULL;
}

static const char *
parse_listen(const char *text, struct config_listen *listen)
{
	const char *colon = strrchr(text, ':');
	char host[ADDRESS_TEXT_MAX];
	const char *from = text;
	const char *wrong;
	size_t len;

	memset(listen, 0, sizeof(*listen));
	if (colon == NULL)
		return "no port in";
	wrong = parse_port(colon + 1, &listen->port);
	if (wrong != NULL)
		return wrong;
	len = (size_t)(colon - text);
	if (len == 1 && text[0] == '*') {
		listen->any_family = true;
		return NULL;
	}
	if (len > 2 && text[0] == '[' && colon[-1] == ']') {
		from++;
		len -= 2;
	} else if (memchr(text, ':', len) != NULL) {
		return "an IPv6 address without brackets:";
	}
	if (len >= sizeof(host))
		return "not an address:";
	memcpy(host, from, len);
	host[len] = '\0';
	if (address_parse(host, &listen->address) < 0)
		return "not a numeric address:";
	if ((listen->address.family == AF_INET6) != (from != text))
		return "brackets around an IPv4 address:";
	address_set_port(&listen->address, listen->port);
	return NULL;
}

static const char *
set_listen(const struct config_key *key, const char *text, struct config *config)
{
	bool is_tls = key->offset == offsetof(struct config, listen_tls);
	struct config_listen *list = is_tls ? config->listen_tls : config->listen;
	size_t *count = is_tls ? &config->listen_tls_count : &config->listen_count;
	struct config_listen listen;
	const char *wrong;

	wrong = parse_listen(text, &listen);
	if (wrong != NULL)
		return wrong;
	if (*count == CONFIG_LISTEN_MAX)
		return "one address too many:";
	list[(*count)++] = listen;
	return NULL;
}

/* Whoever may ask may read: only this machine may. */
static const char *
set_local(const struct config_key *key, const char *text, struct config *config, int *error)
{
	struct config_listen listen = {.any_family = false};
	const char *wrong = NULL;

	if (strncmp(text, "unix:", 5) == 0)
		wrong = has_control(text, strlen(text)) ? "a control character in" : check_path(key, text + 5);
	else if (text[0] != '\0')
		wrong = parse_listen(text, &listen);
	if (wrong == NULL && (listen.any_family || (listen.address.family != AF_UNSPEC && !address_is_loopback(&listen.address))))
		wrong = "not a loopback address, and what is served has no password:";
	if (wrong != NULL)
		return wrong;
	config->metrics_address = listen.address;
	return set_text(key, text, config, error);
}

static const char *
add_block(const char *text, struct config *config)
{
	struct address_block block;

	if (address_block_parse(text, &block) < 0)
		return "not a network:";
	if (config->limits.never_ban_count == CONFIG_BLOCKS_MAX)
		return "one network too many:";
	config->limits.never_ban[config->limits.never_ban_count++] = block;
	return NULL;
}

static const char *
set_bool(const struct config_key *key, const char *text, struct config *config)
{
	static const char *const words[][2] = {{"no", "yes"}, {"false", "true"}, {"off", "on"}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		for (size_t value = 0; value < 2; value++) {
			if (strcmp(text, words[i][value]) == 0) {
				*(bool *)field_of(key, config) = value == 1;
				return NULL;
			}
		}
	}
	return "neither yes nor no:";
}

static const char *
set_number(const struct config_key *key, const char *text, struct config *config)
{
	uint64_t value;
	int r;

	if (key->type == KEY_DURATION)
		r = parse_duration(text, UINT64_MAX, &value);
	else if (key->type == KEY_SIZE)
		r = parse_size(text, UINT64_MAX, &value);
	else
		r = parse_u64(text, UINT64_MAX, &value);
	if (r == -EINVAL)
		return key->type == KEY_DURATION ? "not a time:" : key->type == KEY_SIZE ? "not a size:" : "not a number:";
	if (r < 0 || value < key->low || value > key->high)
		return "out of range:";
	put_number(field_of(key, config), key->size, value);
	return NULL;
}

static const char *
set_mode(const struct config_key *key, const char *text, struct config *config)
{
	uint32_t mode;

	if (parse_mode(text, &mode) < 0)
		return "not an octal mode:";
	if ((mode & key->low) != key->low)
		return "a mode that locks out the owner:";
	if ((mode & ~(uint32_t)key->high) != 0)
		return "a mode with special bits:";
	put_number(field_of(key, config), key->size, mode);
	return NULL;
}

static const char *
set_range(const struct config_key *key, const char *text, struct config *config)
{
	const char *dash = strchr(text, '-');
	char *field = field_of(key, config);
	char first[24];
	uint64_t low, high;
	size_t len = dash == NULL ? sizeof(first) : (size_t)(dash - text);

	if (len >= sizeof(first))
		return "not a range:";
	memcpy(first, text, len);
	first[len] = '\0';
	if (parse_u64(first, UINT64_MAX, &low) < 0 || parse_u64(dash + 1, UINT64_MAX, &high) < 0)
		return "not a range:";
	if (low < key->low || low > key->high || high > key->high)
		return "out of range:";
	if (low > high)
		return "a range that ends before it begins:";
	put_number(field, key->size, low);
	put_number(field + key->size, key->size, high);
	return NULL;
}

static const char *
set_choice(const struct config_key *key, const char *text, struct config *config)
{
	for (size_t i = 0; i < KEY_CHOICES_MAX && key->choices[i] != NULL; i++) {
		if (strcmp(text, key->choices[i]) == 0) {
			put_number(field_of(key, config), key->size, i);
			return NULL;
		}
	}
	return "not a known word:";
}

static const char *
set_pam_service(const char *service, struct config *config)
{
#ifdef SALLYPORT_PAM
	if (!is_plain_name(service, ".") || strlen(service) > PAM_SERVICE_MAX)
		return "not the name of a PAM service in";
	memcpy(config->pam_service, service, strlen(service) + 1);
	return NULL;
#else
	(void)service;
	(void)config;
	return "this program was built without PAM:";
#endif
}

static const char *
set_accounts(const struct config_key *key, const char *text, struct config *config, int *error)
{
	static const char pam[] = "pam:";
	const char *service = strncmp(text, pam, 4) == 0 ? text : NULL;
	char path[PATH_MAX];
	size_t len;
	const char *wrong;

	for (const char *p = strstr(text, ",pam:"); p != NULL; p = strstr(p + 1, ",pam:"))
		service = p + 1;
	len = service == NULL ? strlen(text) : service == text ? 0 : (size_t)(service - text) - 1;
	if (has_control(text, strlen(text)))
		return "a control character in";
	if (len >= sizeof(path))
		return "too long a path:";
	memcpy(path, text, len);
	path[len] = '\0';
	wrong = len == 0 && service == text ? NULL : check_path(key, path);
	config->pam_service[0] = '\0';
	if (wrong == NULL && service != NULL)
		wrong = set_pam_service(service + 4, config);
	return wrong != NULL ? wrong : set_text(key, path, config, error);
}

static bool
is_log_target_word(const char *text)
{
	return strcmp(text, "syslog") == 0 || strcmp(text, "journal") == 0 || strcmp(text, "stderr") == 0;
}

static const char *
set_any_text(const struct config_key *key, const char *text, struct config *config, int *error)
{
	size_t len = strlen(text);
	const char *wrong = NULL;

	if (!utf8_valid(text, len) && key->type == KEY_TEXT)
		return "not UTF-8:";
	if (has_control(text, len))
		return "a control character in";
	if (key->type == KEY_PATH || (key->type == KEY_PATH_OR_NONE && len > 0))
		wrong = check_path(key, text);
	else if (key->type == KEY_LOG_TARGET && !is_log_target_word(text))
		wrong = check_path(key, text);
	else if (len < key->low || len > key->high)
		wrong = len == 0 ? "empty:" : "too long:";
	else if (key->type == KEY_NAME && len > 0 && !is_plain_name(text, "."))
		wrong = "not a user name:";
	return wrong != NULL ? wrong : set_text(key, text, config, error);
}

static const char *
set_by_type(const struct config_key *key, const char *text, struct config *config, int *error)
{
	switch (key->type) {
	case KEY_LISTEN:
		return set_listen(key, text, config);
	case KEY_BLOCKS:
		return add_block(text, config);
	case KEY_TEXT:
	case KEY_NAME:
	case KEY_PATH:
	case KEY_PATH_OR_NONE:
	case KEY_LOG_TARGET:
		return set_any_text(key, text, config, error);
	case KEY_ADDRESS:
		return set_address(key, text, config, error);
	case KEY_ACCOUNTS:
		return set_accounts(key, text, config, error);
	case KEY_LOCAL:
		return set_local(key, text, config, error);
	case KEY_HOSTS:
		return set_hosts(key, text, config, error);
	case KEY_BOOL:
		return set_bool(key, text, config);
	case KEY_NUMBER:
	case KEY_SIZE:
	case KEY_DURATION:
		return set_number(key, text, config);
	case KEY_MODE:
		return set_mode(key, text, config);
	case KEY_RANGE:
		return set_range(key, text, config);
	case KEY_CHOICE:
		return set_choice(key, text, config);
	}
	return "unknown type of";
}

int
key_set(const struct config_key *key, const char *text, struct config *config, struct buf *problem)
{
	int error = -EINVAL;
	const char *wrong;
	size_t len = strlen(text);

	wrong = set_by_type(key, text, config, &error);
	if (wrong == NULL)
		return 0;
	buf_addf(problem, "%s '", wrong);
	escape_bytes(problem, ESCAPE_LOG, text, len < VALUE_SHOWN_MAX ? len : VALUE_SHOWN_MAX);
	buf_addf(problem, "%s'; use ", len < VALUE_SHOWN_MAX ? "" : "...");
	key_describe(key, problem);
	return error;
}
