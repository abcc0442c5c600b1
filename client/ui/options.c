/* SPDX-License-Identifier: ISC */
#include "client/ui/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "client/ui/prose.h"
#include "client/ui/report.h"
#include "common/text.h"

#include "common/banned.h"

#define TIMEOUT_MAX_S 86400
#define RETRIES_MAX 1000
#define LINES_MAX 1000000
#define DELETE_MAX 1000000000

static const struct {
	char letter;
	const char *name;
	const char *value; /* what to call the value, or NULL: takes none */
	const char *help;
} table[OPTION_ALL] = {
    [OPTION_USER] = {'u', "user", "NAME", "log in as NAME, where the URL has no user"},
    [OPTION_PASSWORD_FD] = {0, "password-fd", "N", "read the password from descriptor N, one line"},
    [OPTION_PLAINTEXT] = {0, "plaintext", NULL,
	"allow the password and files to go in clear where the server has no TLS"},
    [OPTION_CA] = {0, "ca", "FILE", "trust the certificates in FILE (PEM) besides the system's"},
    [OPTION_NO_TLS] = {0, "no-tls", NULL,
	"do not ask for TLS, where a server offers it and cannot; all goes in clear, the password too"},
    [OPTION_CUT_LISTINGS] = {0, "cut-listings", NULL,
	"believe listings over TLS that end without its farewell, as old servers' do; somebody on the way may have cut "
	"them"},
    [OPTION_ACTIVE] = {0, "active", NULL, "let the server make the data connections"},
    [OPTION_EPSV] = {0, "epsv", NULL, "passive data connections by EPSV alone; else EPSV, and PASV where that fails"},
    [OPTION_PASV] = {0, "pasv", NULL, "passive data connections by PASV alone"},
    [OPTION_PASV_ANYWHERE] = {0, "pasv-anywhere", NULL,
	"connect to the address that PASV names, also when it is another host's"},
    [OPTION_IPV4] = {'4', "ipv4", NULL, "IPv4 only"},
    [OPTION_IPV6] = {'6', "ipv6", NULL, "IPv6 only"},
    [OPTION_TIMEOUT] = {0, "timeout", "SECONDS", "give a silent connection up; 60"},
    [OPTION_RETRY] = {0, "retry", "N", "make a lost connection N times again, and resume; 3"},
    [OPTION_QUIET] = {'q', "quiet", NULL, "nothing but errors, and what was asked for"},
    [OPTION_VERBOSE] = {'v', "verbose", NULL, "show the conversation with the server"},
    [OPTION_JSON] = {0, "json", NULL, "one JSON object a line for each event"},
    [OPTION_CONTINUE] = {'c', "continue", NULL, "resume from the part that exists, once it is known to be the same"},
    [OPTION_APPEND] = {0, "append", NULL, "append to the file on the server"},
    [OPTION_IN_PLACE] = {0, "in-place", NULL,
	"write under the name itself at once, also where a cut leaves half a file"},
    [OPTION_VERIFY] = {0, "verify", "WHEN", "compare hashes: auto (where the server has them), always, never"},
    [OPTION_PARALLEL] = {'P', "parallel", "N", "N files at once, 1 to 32"},
    [OPTION_SEGMENTS] = {'s', "segments", "N", "fetch one file over N connections, 1 to 16"},
    [OPTION_TO_END] = {0, "to-end", NULL, "fetch also what a file grows by meanwhile; over one connection"},
    [OPTION_UPLOAD] = {'R', "upload", NULL, "from here to the server"},
    [OPTION_DELETE] = {0, "delete", NULL, "remove from the target what the source has not"},
    [OPTION_DELETE_BEFORE] = {0, "delete-before", NULL, "--delete, and before anything is copied; makes room"},
    [OPTION_MAX_DELETE] = {0, "max-delete", "N", "remove nothing at all when more than N names would go"},
    [OPTION_DRY_RUN] = {'n', "dry-run", NULL, "only say what would be done"},
    [OPTION_CHECKSUM] = {0, "checksum", NULL, "compare by hash instead of size and time"},
    [OPTION_SIZE_ONLY] = {0, "size-only", NULL, "take files of the same size for the same"},
    [OPTION_IGNORE_TIMES] = {0, "ignore-times", NULL, "copy files of the same size as well, whatever their times are"},
    [OPTION_EXCLUDE] = {'x', "exclude", "GLOB",
	"leave such names alone; may be repeated; with a slash it is matched with the path"},
    [OPTION_LONG] = {'l', "long", NULL, "rights, size and time of each"},
    [OPTION_ONE] = {'1', "one", NULL, "one name a line"},
    [OPTION_RECURSIVE] = {'r', "recursive", NULL, "directories with all that is in them"},
    [OPTION_PARENTS] = {'p', "parents", NULL, "missing parents too; no error where it exists"},
    [OPTION_LINES] = {0, "lines", "N", "how many lines; 10"},
    [OPTION_ALGORITHM] = {'a', "algorithm", "NAME",
	"SHA-256, SHA-512, SHA-1, MD5 or CRC32; the server's best unless given"},
    [OPTION_BATCH] = {'b', "batch", "FILE", "do the commands in FILE, one a line; '-': standard input"},
    [OPTION_VERSION] = {'V', "version", NULL, "print the version"},
    [OPTION_HELP] = {'h', "help", NULL, "print this; behind a command: its own help"},
};

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
	};
}

void
options_free(struct options *options)
{
	free(options->excludes);
	options->excludes = NULL;
	options->exclude_count = 0;
}

const char *
options_name(enum option_id id)
{
	return table[id].name;
}

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

const char *
options_verify_name(enum ftp_verify verify)
{
	return verify_names[verify];
}

static int
add_exclude(struct options *options, const char *pattern)
{
	const char **excludes = realloc(options->excludes, (options->exclude_count + 1) * sizeof(*excludes));

	if (excludes == NULL)
		return -ENOMEM;
	options->excludes = excludes;
	excludes[options->exclude_count++] = pattern;
	return 0;
}

static int
parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	uint64_t number;

	if (parse_u64(text, max, &number) < 0 || number < min)
		return -EINVAL;
	*value = number;
	return 0;
}

static const char *
wanted_value(enum option_id id)
{
	switch (id) {
	case OPTION_PASSWORD_FD:
		return "a number of an open descriptor";
	case OPTION_TIMEOUT:
		return "seconds, 1 to 86400";
	case OPTION_RETRY:
		return "0 to 1000";
	case OPTION_VERIFY:
		return "auto, always or never";
	case OPTION_PARALLEL:
		return "1 to 32";
	case OPTION_SEGMENTS:
		return "1 to 16";
	case OPTION_LINES:
		return "1 to 1000000";
	case OPTION_MAX_DELETE:
		return "0 to 1000000000";
	default:
		return "a text that is not empty";
	}
}

/* How data connections come about: the last of these options holds. */
static void
set_way(struct options *options, bool is_active, bool is_epsv_only, bool is_pasv_only)
{
	options->is_active = is_active;
	options->is_epsv_only = is_epsv_only;
	options->is_pasv_only = is_pasv_only;
}

/* Store the option's value (NULL where it takes none). Returns 0, -EINVAL, -ENOMEM. */
static int
store(struct options *options, enum option_id id, const char *value)
{
	uint64_t fd;

	if (value != NULL && value[0] == '\0')
		return -EINVAL;
	options->given |= OPTION_BIT(id);
	switch (id) {
	case OPTION_USER:
		options->user = value;
		break;
	case OPTION_PASSWORD_FD:
		if (parse_number(value, 0, 65535, &fd) < 0)
			return -EINVAL;
		options->password_fd = (int)fd;
		break;
	case OPTION_PLAINTEXT:
		options->may_plaintext = true;
		break;
	case OPTION_CA:
		options->ca_file = value;
		break;
	case OPTION_NO_TLS:
		options->no_tls = options->may_plaintext = true;
		break;
	case OPTION_CUT_LISTINGS:
		options->may_be_cut = true;
		break;
	case OPTION_ACTIVE:
		set_way(options, true, false, false);
		break;
	case OPTION_EPSV:
		set_way(options, false, true, false);
		break;
	case OPTION_PASV:
		set_way(options, false, false, true);
		break;
	case OPTION_PASV_ANYWHERE:
		options->may_go_elsewhere = true;
		break;
	case OPTION_IPV4:
		options->family = AF_INET;
		break;
	case OPTION_IPV6:
		options->family = AF_INET6;
		break;
	case OPTION_TIMEOUT:
		return parse_number(value, 1, TIMEOUT_MAX_S, &options->timeout_s);
	case OPTION_RETRY:
		return parse_number(value, 0, RETRIES_MAX, &options->retries);
	case OPTION_QUIET:
		options->is_quiet = true;
		break;
	case OPTION_VERBOSE:
		options->is_verbose = true;
		break;
	case OPTION_JSON:
		options->is_json = true;
		break;
	case OPTION_CONTINUE:
		options->is_continue = true;
		break;
	case OPTION_APPEND:
		options->is_append = true;
		break;
	case OPTION_IN_PLACE:
		options->is_in_place = true;
		break;
	case OPTION_VERIFY:
		return options_parse_verify(value, &options->verify);
	case OPTION_PARALLEL:
		return parse_number(value, 1, PARALLEL_MAX, &options->parallel);
	case OPTION_SEGMENTS:
		return parse_number(value, 1, SEGMENTS_MAX, &options->segments);
	case OPTION_TO_END:
		options->is_to_end = true;
		break;
	case OPTION_UPLOAD:
		options->is_upload = true;
		break;
	case OPTION_DELETE:
		options->is_delete = true;
		break;
	case OPTION_DELETE_BEFORE:
		options->is_delete = options->is_delete_before = true;
		break;
	case OPTION_MAX_DELETE:
		return parse_number(value, 0, DELETE_MAX, &options->max_delete);
	case OPTION_DRY_RUN:
		options->is_dry_run = true;
		break;
	case OPTION_CHECKSUM:
		options->is_checksum = true;
		break;
	case OPTION_SIZE_ONLY:
		options->is_size_only = true;
		break;
	case OPTION_IGNORE_TIMES:
		options->is_ignoring_times = true;
		break;
	case OPTION_EXCLUDE:
		return add_exclude(options, value);
	case OPTION_LONG:
		options->is_long = true;
		break;
	case OPTION_ONE:
		options->is_one = true;
		break;
	case OPTION_RECURSIVE:
		options->is_recursive = true;
		break;
	case OPTION_PARENTS:
		options->makes_parents = true;
		break;
	case OPTION_LINES:
		return parse_number(value, 1, LINES_MAX, &options->lines);
	case OPTION_ALGORITHM:
		options->algorithm = value;
		break;
	case OPTION_BATCH:
		options->batch = value;
		break;
	case OPTION_VERSION:
		options->wants_version = true;
		break;
	case OPTION_HELP:
		options->wants_help = true;
		break;
	case OPTION_ALL:
		break;
	}
	return 0;
}

/* What is being parsed. */
struct parse {
	struct options *options;
	const struct word *words;
	size_t count, at;
	uint64_t allowed;
	char *why;
	size_t why_size;
};

static int
take(struct parse *parse, enum option_id id, const char *shown, const char *value)
{
	int r;

	if ((parse->allowed & OPTION_BIT(id)) == 0) {
		snprintf(parse->why, parse->why_size,
		    "%s has no meaning here; --help behind the command lists what has", shown);
		return -EINVAL;
	}
	if (table[id].value == NULL && value != NULL) {
		snprintf(parse->why, parse->why_size, "--%s takes no value", table[id].name);
		return -EINVAL;
	}
	if (table[id].value != NULL && value == NULL) {
		if (parse->at == parse->count) {
			snprintf(parse->why, parse->why_size, "%s needs a value: %s", shown, table[id].value);
			return -EINVAL;
		}
		value = parse->words[parse->at++].text;
	}
	r = store(parse->options, id, value);
	if (r == -EINVAL)
		snprintf(parse->why, parse->why_size, "%s is '%s'; it must be %s", shown, report_quote(value),
		    wanted_value(id));
	return r;
}

static int
take_long(struct parse *parse, const char *text)
{
	size_t len = strcspn(text + 2, "=");
	const char *value = text[2 + len] == '=' ? text + 2 + len + 1 : NULL;
	char shown[64];

	for (int id = 0; id < OPTION_ALL; id++) {
		if (strlen(table[id].name) == len && memcmp(table[id].name, text + 2, len) == 0) {
			snprintf(shown, sizeof(shown), "--%s", table[id].name);
			return take(parse, (enum option_id)id, shown, value);
		}
	}
	snprintf(parse->why, parse->why_size, "unknown option '%s'; --help lists them", report_quote(text));
	return -EINVAL;
}

/* "-l", "-lr", "-P4", "-P 4". */
static int
take_letters(struct parse *parse, const char *text)
{
	for (const char *p = text + 1; *p != '\0'; p++) {
		char shown[] = {'-', *p, '\0'};
		int id = 0, r;

		while (id < OPTION_ALL && table[id].letter != *p)
			id++;
		if (id == OPTION_ALL) {
			snprintf(
			    parse->why, parse->why_size, "unknown option '%s'; --help lists them", report_quote(text));
			return -EINVAL;
		}
		if (table[id].value != NULL)
			return take(parse, (enum option_id)id, shown, p[1] != '\0' ? p + 1 : NULL);
		r = take(parse, (enum option_id)id, shown, NULL);
		if (r < 0)
			return r;
	}
	return 0;
}

int
options_parse(struct options *options, const struct word *words, size_t count, uint64_t allowed,
    const struct word **operands, size_t *operand_count, char *why, size_t why_size)
{
	struct parse parse = {options, words, count, 0, allowed, why, why_size};
	bool is_end = false;
	int r = 0;

	*operand_count = 0;
	while (r == 0 && parse.at < count) {
		const struct word *word = &words[parse.at++];

		if (is_end || word->text[0] != '-' || word->text[1] == '\0')
			operands[(*operand_count)++] = word;
		else if (strcmp(word->text, "--") == 0)
			is_end = true;
		else if (word->text[1] == '-')
			r = take_long(&parse, word->text);
		else
			r = take_letters(&parse, word->text);
	}
	return r;
}

static bool
letter_takes_value(char letter)
{
	for (int id = 0; id < OPTION_ALL; id++)
		if (table[id].letter == letter)
			return table[id].value != NULL;
	return false;
}

static bool
takes_next_word(const char *text)
{
	if (text[1] == '-') {
		for (int id = 0; id < OPTION_ALL; id++)
			if (strcmp(table[id].name, text + 2) == 0)
				return table[id].value != NULL;
		return false;
	}
	/* of "-lP4" the value follows the letter at once */
	for (const char *p = text + 1; *p != '\0'; p++)
		if (letter_takes_value(*p))
			return p[1] == '\0';
	return false;
}

size_t
options_first_operand(const struct word *words, size_t count)
{
	size_t at = 0;

	for (; at < count; at++) {
		const char *text = words[at].text;

		if (strcmp(text, "--") == 0)
			return at + 1 < count ? at + 1 : count;
		if (text[0] != '-' || text[1] == '\0')
			return at;
		if (takes_next_word(text))
			at++;
	}
	return count;
}

void
options_help(FILE *out, uint64_t ids)
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
