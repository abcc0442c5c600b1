/* SPDX-License-Identifier: ISC */
#include "client/ui/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "client/engine/pins.h"
#include "client/engine/zone.h"
#include "client/ui/prose.h"
#include "client/ui/report.h"
#include "common/options.h"
#include "common/text.h"
#include "common/text.h"

#include "common/banned.h"

#define TIMEOUT_MAX_S 86400
#define RETRIES_MAX 1000
#define LINES_MAX 1000000
#define RATE_MAX (UINT64_C(1) << 40) /* bytes a second */
#define DELETE_MAX 1000000000
#define AGE_MAX_S (UINT64_C(100) * 366 * 86400)

#define TEXT_OF_VALUE(value) #value
#define TEXT_OF(macro) TEXT_OF_VALUE(macro) /* of a number that help texts name */
_Static_assert(OPTION_ALL <= 8 * sizeof(option_set), "each option has its bit");

#define AT(member) .target = offsetof(struct options, member)

static const char *const verify_names[] = {
    [FTP_VERIFY_AUTO] = "auto", [FTP_VERIFY_ALWAYS] = "always", [FTP_VERIFY_NEVER] = "never"};

int
options_parse_verify(const char *text, enum ftp_verify *verify)
{
	for (size_t i = 0; i < sizeof(verify_names) / sizeof(verify_names[0]); i++) {
		if (strcmp(verify_names[i], text) == 0) {
			*verify = (enum ftp_verify)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* How data connections come about: the last of these options holds. */
static void
set_way(struct options *options, bool is_active, bool is_epsv_only, bool is_pasv_only)
{
	options->is_active = is_active;
	options->is_epsv_only = is_epsv_only;
	options->is_pasv_only = is_pasv_only;
}

static int
take_active(void *options, const char *value)
{
	(void)value;
	set_way(options, true, false, false);
	return 0;
}

static int
take_epsv(void *options, const char *value)
{
	(void)value;
	set_way(options, false, true, false);
	return 0;
}

static int
set_pasv(void *options, const char *value)
{
	(void)value;
	set_way(options, false, false, true);
	return 0;
}

static int
take_no_tls(void *targets, const char *value)
{
	struct options *options = targets;

	(void)value;
	options->no_tls = options->may_plaintext = true;
	return 0;
}

static int
take_ipv4(void *targets, const char *value)
{
	(void)value;
	((struct options *)targets)->family = AF_INET;
	return 0;
}

static int
take_ipv6(void *targets, const char *value)
{
	(void)value;
	((struct options *)targets)->family = AF_INET6;
	return 0;
}

static int
take_active_address(void *targets, const char *value)
{
	struct options *options = targets;

	if (address_parse(value, &options->active.address) < 0)
		return -EINVAL;
	set_way(options, true, false, false);
	return 0;
}

/* "50000-50100", or one port. */
static int
take_active_ports(void *targets, const char *value)
{
	struct options *options = targets;
	const char *dash = strchr(value, '-');
	size_t len = dash == NULL ? strlen(value) : (size_t)(dash - value);
	uint64_t low, high;
	char text[8];

	if (len >= sizeof(text))
		return -EINVAL;
	memcpy(text, value, len);
	text[len] = '\0';
	if (parse_u64(text, UINT16_MAX, &low) < 0 || parse_u64(dash == NULL ? text : dash + 1, UINT16_MAX, &high) < 0 ||
	    low == 0 || high < low)
		return -EINVAL;
	options->active.low = (uint16_t)low;
	options->active.high = (uint16_t)high;
	set_way(options, true, false, false);
	return 0;
}

/* As curl's: the letter may be small. */
static int
take_limit_rate(void *targets, const char *value)
{
	uint64_t *rate = &((struct options *)targets)->limit_rate;
	size_t len = strlen(value);
	char text[32];

	if (len == 0 || len >= sizeof(text))
		return -EINVAL;
	memcpy(text, value, len + 1);
	if (text[len - 1] >= 'a' && text[len - 1] <= 'z')
		text[len - 1] = (char)(text[len - 1] - 32);
	if (parse_size(text, RATE_MAX, rate) < 0 || *rate == 0)
		return -EINVAL;
	return 0;
}

/* "1.2": its minor number. */
static int
take_tls_version(const char *value, bool *is_set, int *minor)
{
	if (strncmp(value, "1.", 2) != 0 || value[2] < '0' || value[2] > '3' || value[3] != '\0')
		return -EINVAL;
	*minor = value[2] - '0';
	*is_set = true;
	return 0;
}

static int
take_tls_min(void *targets, const char *value)
{
	struct ftp_tls_wishes *wishes = &((struct options *)targets)->tls;

	return take_tls_version(value, &wishes->has_min, &wishes->min_minor);
}

static int
take_tls_max(void *targets, const char *value)
{
	struct ftp_tls_wishes *wishes = &((struct options *)targets)->tls;

	return take_tls_version(value, &wishes->has_max, &wishes->max_minor);
}

static int
take_server_timezone(void *targets, const char *value)
{
	struct options *options = targets;

	options->is_zone_auto = strcmp(value, "auto") == 0;
	options->is_zone_given = !options->is_zone_auto;
	return options->is_zone_auto ? 0 : zone_parse(value, &options->zone_s);
}

static int
take_pins(void *targets, const char *value)
{
	if (!pins_list_is_good(value))
		return -EINVAL;
	((struct options *)targets)->tls.pins = value;
	return 0;
}

static int
take_verify(void *targets, const char *value)
{
	return options_parse_verify(value, &((struct options *)targets)->verify);
}

/* "json" is one more word for --json, which has its own member. */
static int
take_progress_form(void *targets, const char *value)
{
	static const char *const names[] = {"bar", "lines", "none"};
	struct options *options = targets;

	if (strcmp(value, "json") == 0) {
		options->is_json = true;
		return 0;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], value) == 0) {
			options->progress = (enum progress_form)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int
take_type(void *targets, const char *value)
{
	if (strlen(value) != 1 || strchr("fdl", value[0]) == NULL)
		return -EINVAL;
	((struct options *)targets)->find_type = value[0];
	return 0;
}

static int
take_color(void *targets, const char *value)
{
	static const char *const names[] = {"auto", "always", "never"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], value) == 0) {
			((struct options *)targets)->color = (enum color_when)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int
take_sort(void *targets, const char *value)
{
	static const char *const names[] = {[SORT_NAME] = "name", [SORT_SIZE] = "size", [SORT_TIME] = "time"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], value) == 0) {
			((struct options *)targets)->sort = (enum sort_by)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int
take_delete_before(void *targets, const char *value)
{
	struct options *options = targets;

	(void)value;
	options->is_delete = options->is_delete_before = true;
	return 0;
}

static int
add_filter(struct options *options, enum filter_kind kind, const char *text)
{
	struct filter_word *filters = reallocarray(options->filters, options->filter_count + 1, sizeof(*filters));

	if (filters == NULL)
		return -ENOMEM;
	options->filters = filters;
	filters[options->filter_count++] = (struct filter_word){kind, text};
	return 0;
}

static int
take_exclude(void *targets, const char *value)
{
	return add_filter(targets, FILTER_EXCLUDE, value);
}

static int
take_include(void *targets, const char *value)
{
	return add_filter(targets, FILTER_INCLUDE, value);
}

static int
take_exclude_regex(void *targets, const char *value)
{
	return add_filter(targets, FILTER_EXCLUDE_REGEX, value);
}

static int
take_include_regex(void *targets, const char *value)
{
	return add_filter(targets, FILTER_INCLUDE_REGEX, value);
}

static int
take_filter_from(void *targets, const char *value)
{
	return add_filter(targets, FILTER_FROM, value);
}

/* A date of the local zone, or the time of a file. */
static int
take_newer(void *targets, const char *value)
{
	static const char *const forms[] = {
	    "%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"};
	struct options *options = targets;
	struct stat status;

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm moment = {.tm_isdst = -1};
		const char *end = strptime(value, forms[i], &moment);

		if (end == NULL || *end != '\0')
			continue;
		/* a file of that very second is not newer; one of the first second of a day is of that day */
		options->newer_than = (int64_t)mktime(&moment) - 1;
		return 0;
	}
	if (stat(value, &status) < 0)
		return -EINVAL;
	options->newer_than = status.st_mtim.tv_sec;
	return 0;
}

static int
take_links(void *targets, const char *value)
{
	static const char *const choices[] = {[LINKS_SKIP] = "skip", [LINKS_COPY] = "copy", [LINKS_FOLLOW] = "follow"};

	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
		if (strcmp(choices[i], value) == 0) {
			((struct options *)targets)->links = (enum link_choice)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int
take_min_age(void *targets, const char *value)
{
	return parse_duration(value, AGE_MAX_S, &((struct options *)targets)->min_age_s) < 0 ? -EINVAL : 0;
}

static int
take_max_age(void *targets, const char *value)
{
	return parse_duration(value, AGE_MAX_S, &((struct options *)targets)->max_age_s) < 0 ? -EINVAL : 0;
}

static int
take_min_size(void *targets, const char *value)
{
	return parse_size(value, INT64_MAX, &((struct options *)targets)->min_size) < 0 ? -EINVAL : 0;
}

static int
take_max_size(void *targets, const char *value)
{
	return parse_size(value, INT64_MAX, &((struct options *)targets)->max_size) < 0 ? -EINVAL : 0;
}

/* clang-format off */
static const struct opt_row table[OPTION_ALL] = {
    [OPTION_USER] = {"user", 'u', "NAME", OPT_TEXT, AT(user), .help = "log in as NAME, where the URL has no user"},
    [OPTION_PASSWORD_FD] = {"password-fd", 0, "N", OPT_INT, AT(password_fd), 0, 65535, .wanted = "a number of an open descriptor",
	.help = "read the password from descriptor N, one line"},
    [OPTION_PASSWORD_COMMAND] = {"password-command", 0, "COMMAND", OPT_TEXT, AT(password_command),
	.help = "read the password from the first line that COMMAND prints; sh(1) runs it, with SALLYPORT_HOST and SALLYPORT_USER set"},
    [OPTION_KEYRING] = {"keyring", 0, NULL, OPT_FLAG, AT(asks_keyring),
	.help = "take the password from the desktop's keyring, through libsecret"},
    [OPTION_PLAINTEXT] = {"plaintext", 0, NULL, OPT_FLAG, AT(may_plaintext),
	.help = "allow the password and files to go in clear where the server has no TLS"},
    [OPTION_CA] = {"ca", 0, "FILE", OPT_TEXT, AT(ca_file),
	.help = "trust the certificates in FILE (PEM) besides the system's"},
    [OPTION_NO_TLS] = {"no-tls", 0, NULL, OPT_CALL, .take = take_no_tls,
	.help = "do not ask for TLS, for a server that offers it but fails; all goes in clear, the password too"},
    [OPTION_CUT_LISTINGS] = {"cut-listings", 0, NULL, OPT_FLAG, AT(may_be_cut),
	.help = "accept listings over TLS that end without close_notify, as those of old servers do; somebody on the way may have cut them"},
    [OPTION_ACTIVE] = {"active", 0, NULL, OPT_CALL, .take = take_active,
	.help = "let the server make the data connections"},
    [OPTION_EPSV] = {"epsv", 0, NULL, OPT_CALL, .take = take_epsv,
	.help = "passive data connections only by EPSV; default: EPSV, and PASV where that fails"},
    [OPTION_PASV] = {"pasv", 0, NULL, OPT_CALL, .take = set_pasv, .help = "passive data connections only by PASV"},
    [OPTION_PASV_ANYWHERE] = {"pasv-anywhere", 0, NULL, OPT_FLAG, AT(may_go_elsewhere),
	.help = "connect to the address that PASV names, also when it is another host's"},
    [OPTION_IPV4] = {"ipv4", '4', NULL, OPT_CALL, .take = take_ipv4, .help = "IPv4 only"},
    [OPTION_IPV6] = {"ipv6", '6', NULL, OPT_CALL, .take = take_ipv6, .help = "IPv6 only"},
    [OPTION_TIMEOUT] = {"timeout", 0, "SECONDS", OPT_NUMBER, AT(timeout_s), 1, TIMEOUT_MAX_S, .wanted = "seconds, 1 to " TEXT_OF(TIMEOUT_MAX_S),
	.help = "give up a silent connection; default: 60"},
    [OPTION_RETRY] = {"retry", 0, "N", OPT_NUMBER, AT(retries), 0, RETRIES_MAX,
	.help = "after a lost connection, connect again N times and resume; default: 3"},
    [OPTION_CA_PATH] = {"ca-path", 0, "DIRECTORY", OPT_TEXT, AT(tls.ca_path),
	.help = "trust the certificates in DIRECTORY (openssl rehash) besides the system's"},
    [OPTION_CRL_FILE] = {"crl-file", 0, "FILE", OPT_TEXT, AT(tls.crl_file),
	.help = "accept no certificate that a list in FILE (PEM) revokes, and none whose authority has no list there"},
    [OPTION_OCSP] = {"ocsp", 0, NULL, OPT_FLAG, AT(tls.wants_ocsp),
	.help = "the server must staple a proof of its authority that its certificate is in force"},
    [OPTION_PIN] = {"pin", 0, "KEYS", OPT_CALL, .take = take_pins, .wanted = "sha256//BASE64, several with ';' between",
	.help = "the server's public key must be one of these, sha256//BASE64;...; no authority needs to vouch for it"},
    [OPTION_CERT] = {"cert", 0, "FILE", OPT_TEXT, AT(tls.cert_file),
	.help = "show this certificate (PEM) to the server, where it asks for one"},
    [OPTION_KEY] = {"key", 0, "FILE", OPT_TEXT, AT(tls.key_file), .help = "the key of --cert; default: in the same file"},
    [OPTION_TLS_MIN] = {"tls-min", 0, "VERSION", OPT_CALL, .take = take_tls_min, .wanted = "1.0, 1.1, 1.2 or 1.3",
	.help = "the oldest version of TLS, 1.0 to 1.3; default: 1.2"},
    [OPTION_TLS_MAX] = {"tls-max", 0, "VERSION", OPT_CALL, .take = take_tls_max, .wanted = "1.0, 1.1, 1.2 or 1.3",
	.help = "the newest version of TLS, 1.0 to 1.3; default: the newest that OpenSSL has"},
    [OPTION_CIPHERS] = {"ciphers", 0, "LIST", OPT_TEXT, AT(tls.ciphers),
	.help = "ciphers up to TLS 1.2, as openssl-ciphers(1) writes them"},
    [OPTION_CIPHERSUITES] = {"ciphersuites", 0, "LIST", OPT_TEXT, AT(tls.suites), .help = "cipher suites of TLS 1.3"},
    [OPTION_ACTIVE_ADDRESS] = {"active-address", 0, "ADDRESS", OPT_CALL, .take = take_active_address,
	.wanted = "the address of this machine as the server sees it",
	.help = "active mode behind NAT: the server connects to ADDRESS"},
    [OPTION_ACTIVE_PORTS] = {"active-ports", 0, "LOW-HIGH", OPT_CALL, .take = take_active_ports, .wanted = "two ports, as 50000-50100",
	.help = "active mode: listen on ports of this range, which the firewall lets in"},
    [OPTION_LIMIT_RATE] = {"limit-rate", 0, "RATE", OPT_CALL, .take = take_limit_rate, .wanted = "bytes a second with K, M or G, as 500K",
	.help = "move at most RATE bytes a second, over all connections together; K, M and G are powers of 1024"},
    [OPTION_ACCOUNT] = {"account", 0, "NAME", OPT_TEXT, AT(account),
	.help = "the account for servers that want one besides the password (ACCT)"},
    [OPTION_CHARSET] = {"charset", 0, "NAME", OPT_TEXT, AT(charset),
	.help = "names on the server are in this character set, as iconv(1) calls it: ISO-8859-1, CP932, ..."},
    [OPTION_SERVER_TIMEZONE] = {"server-timezone", 0, "ZONE", OPT_CALL, .take = take_server_timezone,
	.wanted = "auto, UTC, or hours from UTC as +02:00",
	.help = "the zone of times in listings by LIST: +02:00, UTC, or auto, which asks for one time by MDTM"},
    [OPTION_PROXY] = {"proxy", 0, "URL", OPT_TEXT, AT(proxy),
	.help = "connect through this proxy: socks5://, socks5h:// or http://[user@]host:port; none: not even through that of the environment"},
    [OPTION_SOURCE] = {"source", 0, "ADDRESS", OPT_TEXT, AT(source),
	.help = "connect from this address of this machine, or from this interface"},
    [OPTION_QUIET] = {"quiet", 'q', NULL, OPT_FLAG, AT(is_quiet),
	.help = "print only errors, and what the command asks for"},
    [OPTION_VERBOSE] = {"verbose", 'v', NULL, OPT_FLAG, AT(is_verbose),
	.help = "show the conversation with the server"},
    [OPTION_JSON] = {"json", 0, NULL, OPT_FLAG, AT(is_json), .help = "one JSON object a line for each event"},
    [OPTION_PROGRESS] = {"progress", 0, "FORM", OPT_CALL, .take = take_progress_form, .wanted = "bar, lines, json or none",
	.help = "how transfers are shown: bar (default; without a terminal it is lines), lines, json (as --json), none"},
    [OPTION_CONTINUE] = {"continue", 'c', NULL, OPT_FLAG, AT(is_continue),
	.help = "resume from an existing part, if it is proven to be of the same file"},
    [OPTION_APPEND] = {"append", 0, NULL, OPT_FLAG, AT(is_append), .help = "append to the file on the server"},
    [OPTION_IN_PLACE] = {"in-place", 0, NULL, OPT_FLAG, AT(is_in_place),
	.help = "write under the name itself, also where a cut leaves half a file"},
    [OPTION_VERIFY] = {"verify", 0, "WHEN", OPT_CALL, .take = take_verify, .wanted = "auto, always or never",
	.help = "compare hashes: auto (where the server has them), always, never"},
    [OPTION_PARALLEL] = {"parallel", 'P', "N", OPT_NUMBER, AT(parallel), 1, PARALLEL_MAX,
	.help = "N files at once, 1 to " TEXT_OF(PARALLEL_MAX)},
    [OPTION_SEGMENTS] = {"segments", 's', "N", OPT_NUMBER, AT(segments), 1, SEGMENTS_MAX,
	.help = "fetch one file over N connections, 1 to " TEXT_OF(SEGMENTS_MAX)},
    [OPTION_TO_END] = {"to-end", 0, NULL, OPT_FLAG, AT(is_to_end),
	.help = "fetch also what is added to a file meanwhile; over one connection"},
    [OPTION_RELAY] = {"relay", 0, NULL, OPT_FLAG, AT(is_relayed),
	.help = "copy through this machine, for servers that do not connect to each other"},
    [OPTION_ASCII] = {"ascii", 0, NULL, OPT_FLAG, AT(is_ascii),
	.help = "the files are text: lines end with CRLF on the way (TYPE A), with LF here; neither resumed nor verified"},
    [OPTION_UPLOAD] = {"upload", 'R', NULL, OPT_FLAG, AT(is_upload), .help = "from this machine to the server"},
    [OPTION_DELETE] = {"delete", 0, NULL, OPT_FLAG, AT(is_delete),
	.help = "remove from the target what the source does not have"},
    [OPTION_DELETE_BEFORE] = {"delete-before", 0, NULL, OPT_CALL, .take = take_delete_before,
	.help = "as --delete, but before anything is copied; makes room"},
    [OPTION_MAX_DELETE] = {"max-delete", 0, "N", OPT_NUMBER, AT(max_delete), 0, DELETE_MAX,
	.help = "remove nothing at all when more than N names would go"},
    [OPTION_DRY_RUN] = {"dry-run", 'n', NULL, OPT_FLAG, AT(is_dry_run), .help = "only say what would be done"},
    [OPTION_CHECKSUM] = {"checksum", 0, NULL, OPT_FLAG, AT(is_checksum),
	.help = "compare by hash instead of size and time"},
    [OPTION_SIZE_ONLY] = {"size-only", 0, NULL, OPT_FLAG, AT(is_size_only),
	.help = "treat files of the same size as the same"},
    [OPTION_IGNORE_TIMES] = {"ignore-times", 0, NULL, OPT_FLAG, AT(is_ignoring_times),
	.help = "also copy files of the same size, whatever their times are"},
    [OPTION_EXCLUDE] = {"exclude", 'x', "GLOB", OPT_CALL, .take = take_exclude,
	.help = "leave such names alone; may be repeated; with a slash it applies to the path"},
    [OPTION_INCLUDE] = {"include", 0, "GLOB", OPT_CALL, .take = take_include,
	.help = "take such names; the first rule that matches decides; includes alone leave out all other files"},
    [OPTION_EXCLUDE_REGEX] = {"exclude-regex", 0, "REGEX", OPT_CALL, .take = take_exclude_regex,
	.help = "as --exclude, for paths with a match of an extended regular expression"},
    [OPTION_INCLUDE_REGEX] = {"include-regex", 0, "REGEX", OPT_CALL, .take = take_include_regex,
	.help = "as --include, for paths with a match of an extended regular expression"},
    [OPTION_FILTER_FROM] = {"filter-from", 0, "FILE", OPT_CALL, .take = take_filter_from,
	.help = "rules from FILE, one a line: - GLOB, + GLOB, -~ REGEX, +~ REGEX"},
    [OPTION_NEWER] = {"newer", 0, "FILE|DATE", OPT_CALL, .take = take_newer,
	.wanted = "a local file, or a date: 2026-11-29, 2026-11-29T13:00", .help = "only files newer than FILE, or of DATE and later"},
    [OPTION_MIN_AGE] = {"min-age", 0, "TIME", OPT_CALL, .take = take_min_age, .wanted = "a time: 90, 90s, 10m, 12h, 7d",
	.help = "only files that are at least so old: 90s, 10m, 12h, 7d"},
    [OPTION_MAX_AGE] = {"max-age", 0, "TIME", OPT_CALL, .take = take_max_age, .wanted = "a time: 90, 90s, 10m, 12h, 7d",
	.help = "only files that are at most so old"},
    [OPTION_MIN_SIZE] = {"min-size", 0, "SIZE", OPT_CALL, .take = take_min_size, .wanted = "a size: 512, 64K, 10M, 2G",
	.help = "only files of at least SIZE bytes: 512, 64K, 10M, 2G"},
    [OPTION_MAX_SIZE] = {"max-size", 0, "SIZE", OPT_CALL, .take = take_max_size, .wanted = "a size: 512, 64K, 10M, 2G",
	.help = "only files of at most SIZE bytes"},
    [OPTION_BACKUP_DIR] = {"backup-dir", 0, "DIRECTORY", OPT_TEXT, AT(backup_dir),
	.help = "move what would be replaced or removed to DIRECTORY, on the target's side"},
    [OPTION_LINKS] = {"links", 0, "HOW", OPT_CALL, .take = take_links, .wanted = "copy, follow or skip",
	.help = "symbolic links: copy them (downloads), follow them, or skip them; default: skip"},
    [OPTION_PERMS] = {"perms", 0, NULL, OPT_FLAG, AT(is_perms),
	.help = "give copies the rights of their sources"},
    [OPTION_DIR_TIMES] = {"dir-times", 0, NULL, OPT_FLAG, AT(is_dir_times),
	.help = "give directories the times of their sources"},
    [OPTION_WATCH] = {"watch", 0, NULL, OPT_FLAG, AT(is_watch),
	.help = "go on, and upload what changes, until Ctrl-C"},
    [OPTION_ONLY_MISSING] = {"only-missing", 0, NULL, OPT_FLAG, AT(is_only_missing),
	.help = "copy only files that the target does not have"},
    [OPTION_EXISTING] = {"existing", 0, NULL, OPT_FLAG, AT(is_existing),
	.help = "copy only files that the target has"},
    [OPTION_NAME] = {"name", 0, "GLOB", OPT_TEXT, AT(find_name), .help = "only names that match GLOB"},
    [OPTION_TYPE] = {"type", 't', "TYPE", OPT_CALL, .take = take_type, .wanted = "f, d or l",
	.help = "only f (files), d (directories) or l (links)"},
    [OPTION_NULL] = {"null", '0', NULL, OPT_FLAG, AT(ends_by_nul),
	.help = "names as they are, each with a NUL after it, for xargs -0"},
    [OPTION_SORT] = {"sort", 0, "WORD", OPT_CALL, .take = take_sort, .wanted = "name, size or time",
	.help = "in the order of name (default), size (the largest first) or time (the newest first)"},
    [OPTION_REVERSE] = {"reverse", 0, NULL, OPT_FLAG, AT(is_reversed), .help = "the other way round"},
    [OPTION_SHOW_ALL] = {"all", 'a', NULL, OPT_FLAG, AT(shows_all),
	.help = "ls: on a terminal, names that begin with a dot, too; du: a line for each directory below"},
    [OPTION_CLASSIFY] = {"classify", 'F', NULL, OPT_FLAG, AT(is_classify),
	.help = "a / after directories and an @ after links, also without a terminal"},
    [OPTION_COLOR] = {"color", 0, "WHEN", OPT_CALL, .take = take_color, .wanted = "auto, always or never",
	.help = "colours of LS_COLORS: auto (on a terminal, unless NO_COLOR is set), always, never"},
    [OPTION_LONG] = {"long", 'l', NULL, OPT_FLAG, AT(is_long), .help = "rights, size and time of each"},
    [OPTION_ONE] = {"one", '1', NULL, OPT_FLAG, AT(is_one), .help = "one name a line"},
    [OPTION_RECURSIVE] = {"recursive", 'r', NULL, OPT_FLAG, AT(is_recursive),
	.help = "directories with all that is in them"},
    [OPTION_PARENTS] = {"parents", 'p', NULL, OPT_FLAG, AT(makes_parents),
	.help = "mkdir: missing parents too, and no error where it exists; put: missing directories of the target"},
    [OPTION_LINES] = {"lines", 0, "N", OPT_NUMBER, AT(lines), 1, LINES_MAX, .help = "the number of lines; default: 10"},
    [OPTION_ALGORITHM] = {"algorithm", 'a', "NAME", OPT_TEXT, AT(algorithm),
	.help = "SHA-256, SHA-512, SHA-1, MD5 or CRC32; default: the server's best"},
    [OPTION_BATCH] = {"batch", 'b', "FILE", OPT_TEXT, AT(batch),
	.help = "run the commands in FILE, one a line; '-': standard input"},
    [OPTION_VERSION] = {"version", 'V', NULL, OPT_FLAG, AT(wants_version), .help = "print the version"},
    [OPTION_HELP] = {"help", 'h', NULL, OPT_FLAG, AT(wants_help),
	.help = "print this; after a command: its own help"},
};
/* clang-format on */

void
options_init(struct options *options)
{
	*options = (struct options){
	    .password_fd = -1,
	    .family = AF_UNSPEC,
	    .retries = 3,
	    .parallel = 1,
	    .segments = 1,
	    .lines = 10,
	    .newer_than = INT64_MIN,
	};
}

void
options_free(struct options *options)
{
	free(options->filters);
	options->filters = NULL;
	options->filter_count = 0;
}

int
options_copy(struct options *to, const struct options *from)
{
	*to = *from;
	to->filters = NULL;
	to->filter_count = 0;
	for (size_t i = 0; i < from->filter_count; i++) {
		if (add_filter(to, from->filters[i].kind, from->filters[i].text) < 0) {
			options_free(to);
			return -ENOMEM;
		}
	}
	return 0;
}

const char *
options_name(enum option_id id)
{
	return table[id].name;
}

const char *
options_verify_name(enum ftp_verify verify)
{
	return verify_names[verify];
}

enum option_id
options_find(const char *name)
{
	size_t id = 0;

	while (id < OPTION_ALL && strcmp(table[id].name, name) != 0)
		id++;
	return (enum option_id)id;
}

bool
options_takes_value(enum option_id id)
{
	return table[id].value != NULL;
}

bool
options_takes_path(enum option_id id)
{
	return table[id].value != NULL &&
	    (strcmp(table[id].value, "FILE") == 0 || strcmp(table[id].value, "DIRECTORY") == 0);
}

bool
options_may_collect(enum option_id id)
{
	return table[id].value != NULL && table[id].type == OPT_CALL;
}

void
options_wanted(enum option_id id, char *text, size_t size)
{
	if (table[id].value == NULL)
		snprintf(text, size, "yes or no");
	else
		opt_wanted(&table[id], text, size);
}

static const char *
no_more_words(void *arg)
{
	(void)arg;
	return NULL;
}

int
options_take_word(struct options *options, enum option_id id, const char *word)
{
	struct opt_parser parser = {.rows = table, .count = OPTION_ALL, .targets = options, .next = no_more_words};
	enum opt_problem problem = opt_take(&parser, word);

	options->given |= OPTION_BIT(id);
	return problem == OPT_FINE ? 0 : problem == OPT_NO_MEMORY ? -ENOMEM : -EINVAL;
}

/* "--NAME=no", or "=yes", of an option that takes no value: which one? OPTION_ALL: it is no such word. */
static enum option_id
find_switch(const char *word, bool *is_on)
{
	size_t len = strcspn(word, "=");
	char name[64];
	enum option_id id;

	*is_on = strcmp(word + len, "=yes") == 0;
	if (strncmp(word, "--", 2) != 0 || len - 2 >= sizeof(name) || (!*is_on && strcmp(word + len, "=no") != 0))
		return OPTION_ALL;
	snprintf(name, sizeof(name), "%.*s", (int)(len - 2), word + 2);
	id = options_find(name);
	return id < OPTION_ALL && table[id].value == NULL ? id : OPTION_ALL;
}

option_set
options_denied(const struct word *words, size_t count)
{
	option_set denied = 0;

	for (size_t i = 0; i < count && strcmp(words[i].text, "--") != 0; i++) {
		bool is_on;
		enum option_id id = find_switch(words[i].text, &is_on);

		if (id < OPTION_ALL)
			denied = is_on ? denied & ~OPTION_BIT(id) : denied | OPTION_BIT(id);
	}
	return denied;
}

/* The state of the parser. */
struct parse {
	struct options *options;
	const struct word *words;
	size_t count, at;
	option_set allowed;
};

static const char *
next_option_word(void *arg)
{
	struct parse *parse = arg;

	return parse->at < parse->count ? parse->words[parse->at++].text : NULL;
}

static bool
is_allowed_option(void *arg, size_t row)
{
	struct parse *parse = arg;

	if ((parse->allowed & OPTION_BIT(row)) == 0)
		return false;
	parse->options->given |= OPTION_BIT(row);
	return true;
}

static void
say_why(const struct opt_parser *parser, enum opt_problem problem, char *why, size_t size)
{
	const struct opt_row *row = &table[parser->row];
	char wanted[64];

	switch (problem) {
	case OPT_UNKNOWN:
		snprintf(why, size, "unknown option '%s'; --help lists the options", report_quote(parser->text));
		break;
	case OPT_NOT_ACCEPTED:
		snprintf(
		    why, size, "%s has no meaning here; --help after the command lists its options", parser->shown);
		break;
	case OPT_TAKES_NO_VALUE:
		snprintf(why, size, "--%s takes no value", row->name);
		break;
	case OPT_NEEDS_VALUE:
		snprintf(why, size, "%s needs a value: %s", parser->shown, row->value);
		break;
	case OPT_BAD_VALUE:
		opt_wanted(row, wanted, sizeof(wanted));
		snprintf(why, size, "%s is '%s'; it must be %s", parser->shown, report_quote(parser->text), wanted);
		break;
	case OPT_NO_MEMORY:
	case OPT_FINE:
		break;
	}
}

/* One word that is an option. */
static enum opt_problem
take_option_word(struct opt_parser *parser, struct options *options, const char *word)
{
	bool is_on;
	enum option_id id = find_switch(word, &is_on);
	char plain[64];

	if (id == OPTION_ALL)
		return opt_take(parser, word);
	snprintf(plain, sizeof(plain), "--%s", table[id].name);
	if (is_on)
		return opt_take(parser, plain);
	if (!is_allowed_option(parser->arg, id)) {
		snprintf(parser->shown, sizeof(parser->shown), "%s", plain);
		return OPT_NOT_ACCEPTED;
	}
	/* what no member keeps, the caller has left out: options_denied() */
	if (table[id].type == OPT_FLAG)
		*(bool *)((char *)options + table[id].target) = false;
	return OPT_FINE;
}

int
options_parse(struct options *options, const struct word *words, size_t count, option_set allowed,
    const struct word **operands, size_t *operand_count, char *why, size_t why_size)
{
	struct parse parse = {options, words, count, 0, allowed};
	struct opt_parser parser = {.rows = table,
	    .count = OPTION_ALL,
	    .targets = options,
	    .next = next_option_word,
	    .accept = is_allowed_option,
	    .arg = &parse};
	enum opt_problem problem = OPT_FINE;
	bool is_end = false;

	*operand_count = 0;
	while (problem == OPT_FINE && parse.at < count) {
		const struct word *word = &words[parse.at++];

		if (!is_end && opt_is_option(word->text))
			problem = take_option_word(&parser, options, word->text);
		else if (!is_end && strcmp(word->text, "--") == 0)
			is_end = true;
		else
			operands[(*operand_count)++] = word;
	}
	say_why(&parser, problem, why, why_size);
	return problem == OPT_FINE ? 0 : problem == OPT_NO_MEMORY ? -ENOMEM : -EINVAL;
}

size_t
options_first_operand(const struct word *words, size_t count)
{
	size_t at = 0;

	for (; at < count; at++) {
		const char *text = words[at].text;

		if (strcmp(text, "--") == 0)
			return at + 1 < count ? at + 1 : count;
		if (!opt_is_option(text))
			return at;
		if (opt_takes_next_word(table, OPTION_ALL, text))
			at++;
	}
	return count;
}

void
options_help(FILE *out, option_set ids)
{
	for (int id = 0; id < OPTION_ALL; id++) {
		char left[64];

		if ((ids & OPTION_BIT(id)) == 0)
			continue;
		snprintf(left, sizeof(left), "%c%c%s --%s%s%s", table[id].letter == 0 ? ' ' : '-',
		    table[id].letter == 0 ? ' ' : table[id].letter, table[id].letter == 0 ? " " : ",", table[id].name,
		    table[id].value == NULL ? "" : " ", table[id].value == NULL ? "" : table[id].value);
		prose_row(out, left, 27, table[id].help);
	}
}
