/* SPDX-License-Identifier: ISC */
/*
 * pure-ftpd.conf: one "NAME VALUE" a line. A file of options as pure-ftpd(8) has them ("-c 50 -E") does as well: each is
 * the directive that pure-ftpd-wrapper(8) makes it of.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accounts/rights.h"
#include "admin/migrate_peers.h"
#include "admin/migrate_rows.h"
#include "common/text.h"

#include "common/banned.h"

#define KIB 1024
#define MIB 1048576

static const struct migrate_row rows[] = {
    {"ChrootEveryone", take_lost_no, NULL, MIGRATE_COMFORT, HAS_CONFINED},
    {"TrustedGID", take_lost, NULL, MIGRATE_COMFORT, HAS_CONFINED},
    {"MaxClientsNumber", take_ceiling, "limits.sessions", MIGRATE_PROTECTS, NULL, NULL},
    {"MaxClientsPerIP", take_ceiling, "limits.sessions-per-address", MIGRATE_PROTECTS, NULL, NULL},
    {"MaxIdleTime", take_minutes, "timeouts.idle", MIGRATE_COMFORT, NULL, NULL},
    LATER("PerUserLimits"),
    {"MaxLoad", take_lost, NULL, MIGRATE_COMFORT, "anonymous downloads do not depend on the load",
	"give the account 'anonymous' max-sessions= and rate-down="},
    {"MaxDiskUsage", take_lost, NULL, MIGRATE_PROTECTS, "uploads end only where the file system is full",
	"give the accounts quotas"},
    LATER("Quota"),
    LATER("UserBandwidth"),
    LATER("AnonymousBandwidth"),
    {"UserRatio", take_lost, NULL, MIGRATE_PROTECTS, NO_RATIO},
    {"AnonymousRatio", take_lost, NULL, MIGRATE_PROTECTS, NO_RATIO},
    LATER("Umask"),
    LATER("MinUID"),
    /* rights */
    LATER("NoChmod"),
    LATER("NoRename"),
    LATER("KeepAllFiles"),
    NEEDLESS("CustomerProof"),
    NEEDLESS("NoTruncate"),
    {"AutoRename", take_lost_yes, NULL, MIGRATE_PROTECTS, "an upload replaces the file of its name",
	"take the right 'overwrite' away: rights= of sallyport-users(5)"},
    LATER("ProhibitDotFilesWrite"),
    LATER("ProhibitDotFilesRead"),
    LATER("AllowDotFiles"),
    NEEDLESS("DisplayDotFiles"),
    {"LimitRecursion", take_lost, NULL, MIGRATE_COMFORT, "a listing has all names of one directory, and never descends",
	"nothing"},
    LATER("AntiWarez"),
    /* anonymous */
    LATER("NoAnonymous"),
    {"AnonymousOnly", take_lost_yes, NULL, MIGRATE_PROTECTS, "other accounts may log in as well",
	"name no file of accounts"},
    LATER("AnonymousCanCreateDirs"),
    LATER("AnonymousCantUpload"),
    {"AllowAnonymousFXP", take_lost_yes, NULL, MIGRATE_COMFORT, HAS_OWN_ADDRESS},
    {"AllowUserFXP", take_lost_yes, NULL, MIGRATE_COMFORT, HAS_OWN_ADDRESS},
    {"TrustedIP", take_lost, NULL, MIGRATE_PROTECTS, "no address is reserved for users with a password",
	"write a section 'server' of sallyport.conf(5) with this address and their accounts"},
    /* accounts */
    NEEDLESS("PureDB"),
    {"PAMAuthentication", take_later, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"UnixAuthentication", take_later, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"LDAPConfigFile", take_lost, NULL, MIGRATE_COMFORT, NO_SOURCE},
    {"MySQLConfigFile", take_lost, NULL, MIGRATE_COMFORT, NO_SOURCE},
    {"PGSQLConfigFile", take_lost, NULL, MIGRATE_COMFORT, NO_SOURCE},
    {"ExtAuth", take_lost, NULL, MIGRATE_COMFORT, NO_SOURCE},
    {"CreateHomeDir", take_lost_yes, NULL, MIGRATE_COMFORT, NO_NEW_HOMES},
    /* the network */
    LATER("Bind"),
    LATER("IPV4Only"),
    LATER("IPV6Only"),
    LATER("PassivePortRange"),
    {"ForcePassiveIP", take_first_word, "passive-address", MIGRATE_COMFORT, NULL, NULL},
    NEEDLESS("NATmode"),
    NEEDLESS("DontResolve"),
    /* TLS */
    LATER("TLS"),
    LATER("CertFile"),
    LATER("CertFileAndKey"),
    LATER("TLSCipherSuite"),
    {"ExtCert", take_lost, NULL, MIGRATE_PROTECTS, "certificates are files", "set tls.certificate and tls.key"},
    /* logs and texts */
    {"SyslogFacility", take_lost, NULL, MIGRATE_COMFORT, "the facility is 'ftp', and fixed", "set log.target"},
    NEEDLESS("VerboseLog"),
    NEEDLESS("LogPID"),
    {"AltLog", take_lost, NULL, MIGRATE_COMFORT, "transfers are in the log, or in the xferlog form",
	"set log.xferlog, or log.format"},
    {"FortunesFile", take_lost, NULL, MIGRATE_COMFORT, HAS_BANNER_LINE},
    {"CallUploadScript", take_lost_yes, NULL, MIGRATE_COMFORT, "pure-uploadscript(8) is not asked", "set on-upload"},
    NEEDLESS("FSCharset"),
    NEEDLESS("FileSystemCharset"),
    NEEDLESS("ClientCharset"),
    NEEDLESS("BrokenClientsCompatibility"),
    NEEDLESS("Daemonize"),
    NEEDLESS("PIDFile"),
    {"Include", take_named_file, NULL, MIGRATE_PROTECTS, "the other file cannot be read",
	"put its lines here, and migrate again"},
};

/* --- lines --- */

/* Options of pure-ftpd(8), as pure-ftpd-wrapper(8) makes them. */
static const struct {
	char letter;
	bool has_value;
	const char *name;
} letters[] = {
    {'A', false, "ChrootEveryone"},
    {'c', true, "MaxClientsNumber"},
    {'C', true, "MaxClientsPerIP"},
    {'I', true, "MaxIdleTime"},
    {'y', true, "PerUserLimits"},
    {'n', true, "Quota"},
    {'T', true, "UserBandwidth"},
    {'U', true, "Umask"},
    {'u', true, "MinUID"},
    {'R', false, "NoChmod"},
    {'G', false, "NoRename"},
    {'K', false, "KeepAllFiles"},
    {'E', false, "NoAnonymous"},
    {'e', false, "AnonymousOnly"},
    {'S', true, "Bind"},
    {'p', true, "PassivePortRange"},
    {'P', true, "ForcePassiveIP"},
    {'Y', true, "TLS"},
    {'2', true, "CertFile"},
    {'J', true, "TLSCipherSuite"},
    {'k', true, "MaxDiskUsage"},
    {'x', false, "ProhibitDotFilesWrite"},
    {'X', false, "ProhibitDotFilesRead"},
    {'r', false, "AutoRename"},
    {'w', false, "AllowUserFXP"},
    {'4', false, "IPV4Only"},
    {'6', false, "IPV6Only"},
    {'H', false, "DontResolve"},
    {'B', false, "Daemonize"},
    {'j', false, "CreateHomeDir"},
    {'V', true, "TrustedIP"},
    {'a', true, "TrustedGID"},
    {'Q', true, "UserRatio"},
    {'m', true, "MaxLoad"},
    {'O', true, "AltLog"},
    {'L', true, "LimitRecursion"},
    {'Z', false, "CustomerProof"},
    {'b', false, "BrokenClientsCompatibility"},
    {'d', false, "VerboseLog"},
    {'f', true, "SyslogFacility"},
    {'D', false, "DisplayDotFiles"},
    {'s', false, "AntiWarez"},
    {'i', false, "AnonymousCantUpload"},
    {'M', false, "AnonymousCanCreateDirs"},
    {'o', false, "CallUploadScript"},
    {'0', false, "NoTruncate"},
    {'t', true, "AnonymousBandwidth"},
    {'z', false, "AllowDotFiles"},
    {'W', false, "AllowAnonymousFXP"},
    {'q', true, "AnonymousRatio"},
    {'F', true, "FortunesFile"},
    {'N', false, "NATmode"},
    {'g', true, "PIDFile"},
};

/* "-l unix", "-l puredb:FILE": where the accounts are. */
static int
take_source(struct directive *out, const char **problem)
{
	static const struct {
		const char *word, *name;
	} sources[] = {{"pam", "PAMAuthentication"}, {"unix", "UnixAuthentication"}, {"puredb", "PureDB"},
	    {"ldap", "LDAPConfigFile"}, {"mysql", "MySQLConfigFile"}, {"pgsql", "PGSQLConfigFile"},
	    {"extauth", "ExtAuth"}};
	const char *text = migrate_word(out, 0, "");
	size_t len = strcspn(text, ":");

	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		if (strncmp(sources[i].word, text, len) != 0 || sources[i].word[len] != '\0')
			continue;
		out->name = sources[i].name;
		out->words[0] = out->value = text[len] == ':' ? text + len + 1 : "yes";
		return 1;
	}
	*problem = "no source of accounts; write '-l unix', '-l pam' or '-l puredb:FILE'";
	return -EINVAL;
}

/* "-c 50": one option a line. The words are those of the directive. */
static int
take_letter(struct directive *out, const char **problem)
{
	if (strcmp(out->name, "-l") == 0)
		return take_source(out, problem);
	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++) {
		if (out->name[1] != letters[i].letter || out->name[2] != '\0')
			continue;
		if (out->count != letters[i].has_value) {
			*problem = "one option a line, with its value behind a blank: '-c 50'";
			return -EINVAL;
		}
		out->name = letters[i].name;
		if (!letters[i].has_value)
			out->words[out->count++] = out->value = "yes";
		return 1;
	}
	*problem = "an option of pure-ftpd(8) that this program does not know; remove it, and look up what it does";
	return -EINVAL;
}

static int
cut_pure_ftpd(struct directive *out, const char **problem)
{
	int r = migrate_cut_words(out, problem);

	if (r == 1 && out->name[0] == '-')
		return take_letter(out, problem);
	if (r == 1 && out->count == 0) {
		*problem = "a name without a value; each line of pure-ftpd.conf is 'NAME VALUE'";
		return -EINVAL;
	}
	return r;
}

/* --- what several directives say together --- */

/* Two numbers, "A B" or "A:B". The second is the first where it is missing. */
static int
two_numbers(const struct directive *directive, uint64_t *a, uint64_t *b)
{
	const char *colon = strchr(directive->words[0], ':');
	char first[24];

	snprintf(
	    first, sizeof(first), "%.*s", colon == NULL ? 20 : (int)(colon - directive->words[0]), directive->words[0]);
	if (parse_u64(first, UINT32_MAX, a) < 0)
		return -EINVAL;
	*b = *a;
	if (colon != NULL)
		return parse_u64(colon + 1, UINT32_MAX, b);
	return directive->count < 2 ? 0 : parse_u64(directive->words[1], UINT32_MAX, b);
}

static void
note_numbers(struct migrate_plan *plan, const struct directive *said)
{
	migrate_note(plan, said, MIGRATE_PROTECTS, NULL, "the value is no number, or not a pair of numbers",
	    "repair it, and migrate again");
}

/* "UP:DOWN", or one number for both. */
static void
take_bandwidth(struct migrate_plan *plan, const struct directive *said, struct migrate_profile *profile)
{
	uint64_t up, down;

	if (two_numbers(said, &up, &down) < 0) {
		note_numbers(plan, said);
		return;
	}
	profile->rate_up = up * KIB;
	profile->rate_down = down * KIB;
}

static void
settle_account_limits(struct migrate_plan *plan)
{
	const struct directive *quota = migrate_said(plan, "Quota"), *rate = migrate_said(plan, "UserBandwidth"),
			       *sessions = migrate_said(plan, "PerUserLimits"), *uid = migrate_said(plan, "MinUID");
	uint64_t a, b;

	if (quota != NULL && two_numbers(quota, &a, &b) < 0) {
		note_numbers(plan, quota);
	} else if (quota != NULL) {
		plan->all.quota_files = a;
		plan->all.quota_bytes = b * MIB;
	}
	if (rate != NULL)
		take_bandwidth(plan, rate, &plan->all);
	if (sessions != NULL && two_numbers(sessions, &a, &b) < 0)
		note_numbers(plan, sessions);
	else if (sessions != NULL)
		plan->all.max_sessions = a;
	if (uid != NULL && parse_u64(uid->words[0], UINT32_MAX, &plan->uid_low) < 0)
		note_numbers(plan, uid);
}

static void
settle_masks(struct migrate_plan *plan)
{
	const struct directive *said = migrate_said(plan, "Umask");
	const char *text = migrate_word(said, 0, "133:022"), *colon = strchr(text, ':');
	char files[8];

	snprintf(files, sizeof(files), "%.*s", colon == NULL || colon - text > 7 ? 7 : (int)(colon - text), text);
	migrate_set_masks(plan, said, files, colon != NULL ? colon + 1 : migrate_word(said, 1, files));
}

static void
settle_address(struct migrate_plan *plan)
{
	const struct directive *bind = migrate_said(plan, "Bind"), *ports = migrate_said(plan, "PassivePortRange");
	const char *address = migrate_word(bind, 0, ""), *comma = strchr(address, ',');
	bool is_v4 = migrate_is_on(plan, "IPV4Only", false);
	uint64_t low, high;

	if (ports != NULL && two_numbers(ports, &low, &high) < 0)
		note_numbers(plan, ports);
	else if (ports != NULL)
		migrate_setf(plan, "passive-ports", ports, MIGRATE_COMFORT, "%llu-%llu", (unsigned long long)low,
		    (unsigned long long)high);
	if (bind == NULL && is_v4)
		migrate_set(plan, "listen", "0.0.0.0:21", migrate_said(plan, "IPV4Only"), MIGRATE_COMFORT);
	else if (bind == NULL && migrate_is_on(plan, "IPV6Only", false))
		migrate_set(plan, "listen", "[::]:21", migrate_said(plan, "IPV6Only"), MIGRATE_COMFORT);
	if (bind == NULL)
		return;
	if (comma == address)
		migrate_setf(plan, "listen", bind, MIGRATE_PROTECTS, is_v4 ? "0.0.0.0:%s" : "*:%s", comma + 1);
	else
		migrate_set_address(plan, "listen", bind, address,
		    comma == NULL ? strlen(address) : (size_t)(comma - address), comma == NULL ? "21" : comma + 1);
}

static void
settle_pure_tls(struct migrate_plan *plan)
{
	const struct directive *tls = migrate_said(plan, "TLS"), *bundle = migrate_said(plan, "CertFile"),
			       *pair = migrate_said(plan, "CertFileAndKey"),
			       *ciphers = migrate_said(plan, "TLSCipherSuite");
	const char *mode = tls == NULL ? "0" : tls->words[0], *certificate = "/etc/ssl/private/pure-ftpd.pem";

	if (strcmp(mode, "0") == 0)
		return;
	if (bundle != NULL)
		certificate = bundle->words[0];
	migrate_set(plan, "tls.certificate", pair == NULL ? certificate : pair->words[0], pair == NULL ? bundle : pair,
	    MIGRATE_PROTECTS);
	migrate_set(plan, "tls.key", pair == NULL ? certificate : pair->words[pair->count > 1],
	    pair == NULL ? bundle : pair, MIGRATE_PROTECTS);
	migrate_set(plan, "tls.require", strcmp(mode, "1") == 0 ? "no" : "yes", tls, MIGRATE_PROTECTS);
	if (ciphers != NULL && strstr(ciphers->value, "-C:") != NULL)
		migrate_note(plan, ciphers, MIGRATE_PROTECTS, NULL, "certificates of clients are not asked for",
		    "let in known networks only: allow-from= of sallyport-users(5)");
}

#define KEEPS_NAMES \
	"deny= refuses such names to every command, reading as well", "take deny=.* away where they must be read"

/* Names that begin with a dot. */
static void
settle_dots(struct migrate_plan *plan)
{
	const struct directive *said = migrate_said(plan, "ProhibitDotFilesRead");

	if (!migrate_is_on(plan, "ProhibitDotFilesRead", false)) {
		if (!migrate_is_on(plan, "ProhibitDotFilesWrite", false))
			return;
		said = migrate_said(plan, "ProhibitDotFilesWrite");
		migrate_note(plan, said, MIGRATE_COMFORT, NULL, KEEPS_NAMES);
	}
	migrate_add_pattern(plan, said, &plan->all, true, ".*", 2);
}

/* Anonymous users never replace, remove or rename anything. */
static void
settle_anonymous_rights(struct migrate_plan *plan)
{
	bool may_upload = !migrate_is_on(plan, "AnonymousCantUpload", false);

	plan->anonymous.rights = MAY_ONLY_LOOK;
	if (migrate_is_on(plan, "AnonymousCanCreateDirs", false))
		plan->anonymous.rights |= MAY_MKDIR;
	if (may_upload && migrate_is_on(plan, "AntiWarez", false))
		migrate_note(
		    plan, migrate_said(plan, "AntiWarez"), MIGRATE_COMFORT, "AnonymousCantUpload no", LIKE_A_DROP_BOX);
	else if (may_upload)
		plan->anonymous.rights |= MAY_CREATE;
	if (!migrate_is_on(plan, "AllowDotFiles", false))
		migrate_add_pattern(plan, NULL, &plan->anonymous, true, ".*", 2);
}

/* Those of the user ftp of the system, which most systems do not have. */
static void
settle_pure_anonymous(struct migrate_plan *plan)
{
	const struct directive *rate = migrate_said(plan, "AnonymousBandwidth"),
			       *sessions = migrate_said(plan, "PerUserLimits");
	uint64_t of_user, of_anonymous;

	if (migrate_is_on(plan, "NoAnonymous", false))
		return;
	plan->anonymous_user = "ftp";
	plan->anonymous_is_default = !migrate_is_on(plan, "AnonymousOnly", false);
	settle_anonymous_rights(plan);
	if (strcmp(migrate_word(migrate_said(plan, "TLS"), 0, "0"), "1") == 0)
		plan->anonymous_tls = "optional";
	if (rate != NULL)
		take_bandwidth(plan, rate, &plan->anonymous);
	if (sessions != NULL && two_numbers(sessions, &of_user, &of_anonymous) == 0)
		plan->anonymous.max_sessions = of_anonymous;
	if (plan->anonymous.max_sessions == 0)
		migrate_word_number(migrate_said(plan, "MaxClientsNumber"), &plan->anonymous.max_sessions);
}

/* Who could log in: users of the system by PAM or shadow(5), or only the accounts of files and databases. */
static void
settle_sources(struct migrate_plan *plan)
{
	static const char *const others[] = {"PureDB", "LDAPConfigFile", "MySQLConfigFile", "PGSQLConfigFile"};

	plan->format = CONVERT_PURE_FTPD;
	if (migrate_is_on(plan, "PAMAuthentication", false))
		plan->pam_service = "pure-ftpd";
	else if (migrate_is_on(plan, "UnixAuthentication", false))
		plan->pam_service = "sallyport";
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]) && plan->pam_service == NULL; i++)
		plan->refuses_system = plan->refuses_system || migrate_said(plan, others[i]) != NULL;
}

static void
settle_pure_ftpd(struct migrate_plan *plan)
{
	static const struct migrate_switch switches[] = {
	    {"NoChmod", false, false, MAY_CHMOD}, {"NoRename", false, false, MAY_RENAME},
	    {"KeepAllFiles", false, false, MAY_DELETE | MAY_RENAME}, /* empty directories go, and files are replaced */
	};

	plan->all.rights = migrate_take_away(plan, switches, sizeof(switches) / sizeof(switches[0]), plan->all.rights);
	settle_account_limits(plan);
	settle_dots(plan);
	settle_masks(plan);
	settle_address(plan);
	settle_pure_tls(plan);
	settle_pure_anonymous(plan);
	settle_sources(plan);
}

const struct migrate_peer migrate_pure_ftpd = {
    .word = "pure-ftpd",
    .title = "Pure-FTPd",
    .rows = rows,
    .row_count = sizeof(rows) / sizeof(rows[0]),
    .cut = cut_pure_ftpd,
    .settle = settle_pure_ftpd,
    .include = "Include",
    .has_directory = true,
};
