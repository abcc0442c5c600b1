/* SPDX-License-Identifier: ISC */
/* proftpd.conf(5): one "NAME VALUE..." a line, and blocks as of Apache. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "accounts/rights.h"
#include "admin/migrate_blocks.h"
#include "admin/migrate_hosts.h"
#include "admin/migrate_peers.h"
#include "admin/migrate_regex.h"
#include "admin/migrate_rows.h"
#include "common/text.h"

#include "common/banned.h"

/* Debian's pattern is about paths that expand; no path of ours does. */
static void
take_filter(TAKES)
{
	if (strcmp(directive->value, "\\*.*/") != 0)
		take_lost(plan, directive, row);
}

static void
take_chdir_message(TAKES)
{
	if (directive->count > 0 && strcmp(directive->words[0], ".message") == 0)
		migrate_set(plan, row->key, "yes", directive, row->weight);
	else
		take_lost(plan, directive, row);
}

/* An absolute path was opened before the session was confined. */
static void
take_message(TAKES)
{
	if (migrate_word(directive, 0, "")[0] == '/')
		take_first_word(plan, directive, row);
	else
		take_lost(plan, directive, row);
}

/* Of two ceilings of one key, that of clients counts. */
static void
take_instances(TAKES)
{
	if (migrate_said(plan, "MaxClients") == NULL)
		take_ceiling(plan, directive, row);
}

static void
take_host_connections(TAKES)
{
	if (migrate_said(plan, "MaxClientsPerHost") == NULL)
		take_ceiling(plan, directive, row);
}

static void
take_root(TAKES)
{
	if (strcmp(directive->value, "~") != 0)
		take_lost(plan, directive, row);
}

static void take_rate(TAKES);
static void take_pattern(TAKES);

#define HAS_NO_OWNERS "a listing does not depend on owners and modes", "use hide= of sallyport-users(5)"

static const struct migrate_row rows[] = {
    LATER("Port"),
    LATER("DefaultAddress"),
    LATER("ServerAlias"),
    LATER("PassivePorts"),
    LATER("Umask"),
    LATER("AllowOverwrite"),
    LATER("AuthOrder"),
    LATER("AuthPAM"),
    LATER("AuthPAMConfig"),
    LATER("RequireValidShell"),
    LATER("UseFtpUsers"),
    LATER("TLSEngine"),
    LATER("TLSRequired"),
    LATER("TLSRSACertificateFile"),
    LATER("TLSRSACertificateKeyFile"),
    LATER("TLSECCertificateFile"),
    LATER("TLSECCertificateKeyFile"),
    LATER("TLSOptions"),
    NEEDLESS("TLSProtocol"),
    {"TLSVerifyClient", take_lost_yes, NULL, MIGRATE_PROTECTS, NO_CLIENT_CERTIFICATES},
    {"TLSCACertificateFile", take_lost, NULL, MIGRATE_COMFORT, NO_CLIENT_CERTIFICATES},
    NEEDLESS("TLSLog"),
    NEEDLESS("TLSRenegotiate"),
    NEEDLESS("TLSSessionCache"),
    {"TLSCipherSuite", take_lost, NULL, MIGRATE_COMFORT, HAS_OWN_CIPHERS},
    {"MaxClients", take_ceiling, "limits.sessions", MIGRATE_PROTECTS, NULL, NULL},
    {"MaxInstances", take_instances, "limits.sessions", MIGRATE_PROTECTS, NULL, NULL},
    {"MaxClientsPerHost", take_ceiling, "limits.sessions-per-address", MIGRATE_PROTECTS, NULL, NULL},
    {"MaxConnectionsPerHost", take_host_connections, "limits.sessions-per-address", MIGRATE_PROTECTS, NULL, NULL},
    {"MaxClientsPerUser", take_ceiling, "limits.sessions-per-user", MIGRATE_PROTECTS, NULL, NULL},
    {"MaxLoginAttempts", take_first_word, "limits.login-failures", MIGRATE_PROTECTS, NULL, NULL},
    {"MaxHostsPerUser", take_lost, NULL, MIGRATE_PROTECTS, "hosts of an account are not counted", "use max-sessions="},
    {"TransferRate", take_rate, NULL, MIGRATE_PROTECTS, "free bytes, groups and classes have no counterpart",
	"give the accounts rate-down= and rate-up="},
    {"TimeoutIdle", take_seconds, "timeouts.idle", MIGRATE_COMFORT, NULL, NULL},
    {"TimeoutLogin", take_seconds, "timeouts.login", MIGRATE_COMFORT, NULL, NULL},
    {"TimeoutStalled", take_seconds, "timeouts.stall", MIGRATE_COMFORT, NULL, NULL},
    NEEDLESS("TimeoutNoTransfer"),
    {"TimeoutSession", take_lost, NULL, MIGRATE_COMFORT, "a session may last", "use timeouts.idle"},
    {"MasqueradeAddress", take_first_word, "passive-address", MIGRATE_COMFORT, NULL, NULL},
    {"AllowForeignAddress", take_lost_yes, NULL, MIGRATE_COMFORT, HAS_OWN_ADDRESS},
    {"DefaultRoot", take_root, NULL, MIGRATE_COMFORT, HAS_CONFINED},
    {"DefaultChdir", take_lost, NULL, MIGRATE_COMFORT, "a session begins in '/'", "set the home"},
    {"CreateHome", take_lost_yes, NULL, MIGRATE_COMFORT, NO_NEW_HOMES},
    {"RootLogin", take_lost_yes, NULL, MIGRATE_COMFORT, "root cannot log in", "use another account"},
    NEEDLESS("AuthUserFile"),
    NEEDLESS("AuthGroupFile"),
    {"SQLConnectInfo", take_lost, NULL, MIGRATE_COMFORT, NO_SOURCE},
    {"SQLAuthenticate", take_lost, NULL, MIGRATE_COMFORT, NO_SOURCE},
    {"LDAPServer", take_lost, NULL, MIGRATE_COMFORT, NO_SOURCE},
    {"QuotaEngine", take_lost_yes, NULL, MIGRATE_PROTECTS, "tables of mod_quotatab are not read",
	"give the accounts quota="},
    {"Ratios", take_lost_yes, NULL, MIGRATE_PROTECTS, NO_RATIO},
    {"BanEngine", take_lost_yes, NULL, MIGRATE_PROTECTS, "rules of mod_ban are not read", "use limits.ban-time"},
    {"WrapEngine", take_lost_yes, NULL, MIGRATE_PROTECTS, NO_HOSTS_ACCESS},
    {"SFTPEngine", take_lost_yes, NULL, MIGRATE_COMFORT, "this is a server of FTP", "use sshd(8)"},
    {"DenyFilter", take_filter, NULL, MIGRATE_PROTECTS, NO_SUCH_PATTERN},
    {"AllowFilter", take_lost, NULL, MIGRATE_PROTECTS, NO_SUCH_PATTERN},
    {"PathDenyFilter", take_pattern, NULL, MIGRATE_PROTECTS, NO_SUCH_PATTERN},
    {"PathAllowFilter", take_lost, NULL, MIGRATE_PROTECTS, NO_SUCH_PATTERN},
    {"HideFiles", take_pattern, NULL, MIGRATE_PROTECTS, NO_SUCH_PATTERN},
    {"HideNoAccess", take_lost_yes, NULL, MIGRATE_PROTECTS, HAS_NO_OWNERS},
    {"HideUser", take_lost, NULL, MIGRATE_PROTECTS, HAS_NO_OWNERS},
    {"HideGroup", take_lost, NULL, MIGRATE_PROTECTS, HAS_NO_OWNERS},
    {"UserAlias", take_lost, NULL, MIGRATE_COMFORT, "an account has one name", "add one for the other name"},
    {"AnonRequirePassword", take_lost_yes, NULL, MIGRATE_PROTECTS, "anonymous users have no password",
	"add an account instead"},
    {"AnonRejectPasswords", take_lost, NULL, MIGRATE_PROTECTS, "passwords of anonymous users are not looked at",
	"use allow-from= of the account"},
    {"UserOwner", take_lost, NULL, MIGRATE_COMFORT, "an upload belongs to its account", "use on-upload"},
    {"GroupOwner", take_lost, NULL, MIGRATE_COMFORT, "an upload belongs to its account's group", "use a shared folder"},
    {"AccessGrantMsg", take_lost, NULL, MIGRATE_COMFORT, "replies are fixed", "use login-message"},
    {"AccessDenyMsg", take_lost, NULL, MIGRATE_COMFORT, "replies are fixed", "nothing"},
    {"DeleteAbortedStores", take_lost_yes, NULL, MIGRATE_COMFORT, "an interrupted upload stays for a while, unseen",
	"set partial-keep"},
    {"ServerIdent", take_lost, NULL, MIGRATE_COMFORT, "the banner never names the program", "set banner"},
    {"ServerName", take_first_word, "banner", MIGRATE_COMFORT, NULL, NULL},
    {"DisplayLogin", take_message, "login-message", MIGRATE_COMFORT,
	"the message is a file of the server, not of the home", "set login-message"},
    {"DisplayConnect", take_lost, NULL, MIGRATE_COMFORT, HAS_BANNER_LINE},
    {"DisplayChdir", take_chdir_message, "directory-message", MIGRATE_COMFORT,
	"the file of a directory's message is '.message'", "rename it"},
    {"TransferLog", take_first_word, "log.xferlog", MIGRATE_COMFORT, NULL, NULL},
    {"SystemLog", take_lost, NULL, MIGRATE_COMFORT, HAS_SYSLOG},
    {"ExtendedLog", take_lost, NULL, MIGRATE_COMFORT, "the log has a form of its own", "set log.format = \"json\""},
    NEEDLESS("LogFormat"),
    {"Include", take_named_file, NULL, MIGRATE_PROTECTS, "the other file cannot be read",
	"put its lines here, and migrate again"},
    NEEDLESS("DirFakeUser"),
    NEEDLESS("DirFakeGroup"),
    NEEDLESS("DirFakeMode"),
    NEEDLESS("CommandBufferSize"),
    NEEDLESS("TimesGMT"),
    NEEDLESS("SetEnv"),
    NEEDLESS("AllowLogSymlinks"),
    NEEDLESS("TCPBacklog"),
    NEEDLESS("TraceLog"),
    NEEDLESS("Trace"),
    NEEDLESS("DebugLevel"),
    NEEDLESS("ServerType"),
    NEEDLESS("ServerAdmin"),
    NEEDLESS("DefaultServer"),
    NEEDLESS("DeferWelcome"),
    NEEDLESS("ShowSymlinks"),
    NEEDLESS("ListOptions"),
    NEEDLESS("UseIPv6"),
    NEEDLESS("IdentLookups"),
    NEEDLESS("UseReverseDNS"),
    NEEDLESS("UseLastlog"),
    NEEDLESS("DynMasqRefresh"),
    NEEDLESS("MultilineRFC2228"),
    NEEDLESS("User"),
    NEEDLESS("Group"),
    NEEDLESS("PersistentPasswd"),
    NEEDLESS("DelayEngine"),
    NEEDLESS("DelayTable"),
    NEEDLESS("ControlsEngine"),
    NEEDLESS("ControlsMaxClients"),
    NEEDLESS("ControlsLog"),
    NEEDLESS("ControlsInterval"),
    NEEDLESS("ControlsSocket"),
    NEEDLESS("AdminControlsEngine"),
    NEEDLESS("ModulePath"),
    NEEDLESS("LoadModule"),
    NEEDLESS("PidFile"),
    NEEDLESS("ScoreboardFile"),
    NEEDLESS("SocketBindTight"),
    NEEDLESS("WtmpLog"),
    NEEDLESS("SyslogLevel"),
    NEEDLESS("SyslogFacility"),
    NEEDLESS("AllowStoreRestart"),
    NEEDLESS("AllowRetrieveRestart"),
    NEEDLESS("HiddenStores"),
    NEEDLESS("UseSendfile"),
    NEEDLESS("UseUTF8"),
    NEEDLESS("LangEngine"),
};

/* Blocks, by the word behind '<'. In an open one, directives count as if it were not there. */
enum block_kind {
	BLOCK_GLOBAL,
	BLOCK_HOST,
	BLOCK_CONDITION,
	BLOCK_CLOSED,
	BLOCK_DIRECTORY,
	BLOCK_ANONYMOUS,
	BLOCK_LIMIT
};

#define HAS_NO_CONDITIONS "settings hold for all clients and accounts of a line", "use options of accounts and groups"

static const struct {
	const char *name;
	enum block_kind kind;
	enum migrate_weight weight; /* of what is in a closed one */
	const char *why, *instead;
} blocks[] = {
    {"Global", BLOCK_GLOBAL, MIGRATE_COMFORT, NULL, NULL},
    {"IfModule", BLOCK_CONDITION, MIGRATE_COMFORT, "the module is taken for loaded", "nothing"},
    {"IfDefine", BLOCK_CONDITION, MIGRATE_PROTECTS, "an option -D of the command line is not seen",
	"remove the block's first and last line if the option is given, and migrate again"},
    {"Directory", BLOCK_DIRECTORY, MIGRATE_PROTECTS, NULL, NULL},
    {"Anonymous", BLOCK_ANONYMOUS, MIGRATE_COMFORT, NULL, NULL},
    {"Limit", BLOCK_LIMIT, MIGRATE_PROTECTS, NULL, NULL},
    {"VirtualHost", BLOCK_HOST, MIGRATE_COMFORT, NULL, NULL},
    {"Class", BLOCK_CLOSED, MIGRATE_PROTECTS, "there are no classes of clients",
	"use allow-from= of sallyport-users(5)"},
    {"IfUser", BLOCK_CLOSED, MIGRATE_PROTECTS, HAS_NO_CONDITIONS},
    {"IfGroup", BLOCK_CLOSED, MIGRATE_PROTECTS, HAS_NO_CONDITIONS},
    {"IfClass", BLOCK_CLOSED, MIGRATE_PROTECTS, HAS_NO_CONDITIONS},
    {"IfAuthenticated", BLOCK_CLOSED, MIGRATE_PROTECTS, HAS_NO_CONDITIONS},
};

#define BLOCK_COUNT (sizeof(blocks) / sizeof(blocks[0]))
#define BLOCK_UNKNOWN "this program does not know the block", "look up what it does; it may protect"

/* --- lines --- */

static int
cut_proftpd(struct directive *out, const char **problem)
{
	char *text = out->text + strspn(out->text, " \t");
	size_t len = strlen(text);

	while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		text[--len] = '\0';
	if (len > 0 && text[len - 1] == '\\' && text[0] != '#') {
		*problem = "a line that goes on in the next one; join the two";
		return -EINVAL;
	}
	if (text[0] == '<' && text[len - 1] != '>') {
		*problem = "a block without '>' at the end of its line";
		return -EINVAL;
	}
	if (text[0] == '<')
		text[len - 1] = '\0';
	return migrate_cut_words(out, problem);
}

/* --- blocks --- */

static size_t
find_block(const char *name)
{
	size_t i = 0;

	while (i < BLOCK_COUNT && strcasecmp(blocks[i].name, name) != 0)
		i++;
	return i;
}

/* The innermost block; that of the server is always there. */
static const struct migrate_block *
innermost(const struct migrate_plan *plan)
{
	static const struct migrate_block server = {.limit = MIGRATE_NO_LIMIT};

	return plan->blocks->depth == 0 ? &server : &plan->blocks->open[plan->blocks->depth - 1];
}

/* The first block that is closed: what is within it is no directive of the server. */
static void
note_closed_block(struct migrate_plan *plan, const struct directive *directive)
{
	const struct migrate_block *block = plan->blocks->open;
	size_t i;

	while (!block->is_closed)
		block++;
	i = find_block(block->name);
	if (block->is_silent && directive->name[0] != '<')
		return;
	if (i == BLOCK_COUNT)
		migrate_note(plan, directive, MIGRATE_PROTECTS, NULL, BLOCK_UNKNOWN);
	else if (blocks[i].why == NULL)
		migrate_note(plan, directive, MIGRATE_PROTECTS, NULL, "such a block cannot be here",
		    "see what ProFTPD makes of it");
	else
		migrate_note(plan, directive, blocks[i].weight, NULL, blocks[i].why, blocks[i].instead);
}

static int
begin_place(struct migrate_plan *plan, const struct directive *directive, enum place_kind kind,
    struct migrate_block *block, const char **problem)
{
	struct migrate_blocks *all = plan->blocks;
	const struct migrate_place *around = &all->places[block->place];

	if (all->place_count == MIGRATE_PLACES_MAX) {
		*problem = "too many blocks <Directory> and <Anonymous>; at most 255";
		return -EINVAL;
	}
	if (directive->count == 0) {
		*problem = "a block without a directory; write it after the name of the block";
		return -EINVAL;
	}
	all->places[all->place_count] = (struct migrate_place){.kind = kind,
	    .scope = around->kind == PLACE_DIRECTORY ? around->scope : block->place,
	    .begin = directive,
	    .path = directive->words[0]};
	block->place = all->place_count++;
	return 0;
}

static int
begin_limit(
    struct migrate_plan *plan, const struct directive *directive, struct migrate_block *block, const char **problem)
{
	struct migrate_blocks *all = plan->blocks;

	if (all->limit_count == MIGRATE_LIMITS_MAX) {
		*problem = "too many blocks <Limit>; at most 512";
		return -EINVAL;
	}
	all->limits[all->limit_count] =
	    (struct migrate_limit){.place = block->place, .begin = directive, .end = directive};
	block->limit = all->limit_count++;
	return 0;
}

/* <IfModule !X> is for servers without X; of <IfDefine X>, nobody knows. */
static bool
is_closed_condition(const struct directive *directive)
{
	bool is_negated = migrate_word(directive, 0, "")[0] == '!';

	return is_negated == (strcasecmp(directive->name + 1, "IfModule") == 0);
}

/* Places and limits are not in limits; a place of anonymous users is the server's. Hosts are in nothing but conditions. */
static bool
is_misplaced(const struct migrate_plan *plan, const struct migrate_block *block, enum block_kind kind)
{
	if (kind == BLOCK_HOST || kind == BLOCK_GLOBAL)
		return plan->of_server != NULL || block->is_global || block->place != 0 ||
		    block->limit != MIGRATE_NO_LIMIT;
	if (kind == BLOCK_ANONYMOUS)
		return block->place != 0 || block->limit != MIGRATE_NO_LIMIT;
	return plan->blocks != NULL && block->limit != MIGRATE_NO_LIMIT &&
	    (kind == BLOCK_DIRECTORY || kind == BLOCK_LIMIT);
}

/* Its lines are looked at later, with those of <Global>. */
static int
begin_host(
    struct migrate_plan *plan, const struct directive *directive, struct migrate_block *block, const char **problem)
{
	int number = migrate_hosts_begin(plan, directive);

	if (number == 0)
		*problem = "too many blocks <VirtualHost>; at most 64";
	if (number <= 0)
		return number < 0 ? number : -EINVAL;
	block->host = (size_t)number;
	block->is_closed = block->is_silent = true;
	return 0;
}

static int
begin_kind(
    struct migrate_plan *plan, const struct directive *directive, struct migrate_block *block, const char **problem)
{
	size_t i = find_block(directive->name + 1);
	enum block_kind kind = i == BLOCK_COUNT ? BLOCK_CLOSED : blocks[i].kind;

	if (block->is_closed)
		return 0;
	if (kind == BLOCK_CLOSED || is_misplaced(plan, block, kind)) {
		block->is_closed = true;
	} else if (kind == BLOCK_CONDITION) {
		block->is_closed = is_closed_condition(directive);
		block->is_silent = block->is_closed;
	} else if (kind == BLOCK_LIMIT) {
		return begin_limit(plan, directive, block, problem);
	} else if (kind == BLOCK_HOST) {
		return begin_host(plan, directive, block, problem);
	} else if (kind == BLOCK_GLOBAL) {
		block->is_global = true;
	} else {
		return begin_place(
		    plan, directive, kind == BLOCK_DIRECTORY ? PLACE_DIRECTORY : PLACE_ANONYMOUS, block, problem);
	}
	return 0;
}

static int
begin_block(struct migrate_plan *plan, const struct directive *directive, const char **problem)
{
	struct migrate_blocks *all = plan->blocks;
	struct migrate_block block = *innermost(plan);
	bool is_silent = block.is_silent;
	int r;

	if (all->depth == MIGRATE_DEPTH_MAX) {
		*problem = "blocks are nested too deeply; at most 16";
		return -EINVAL;
	}
	r = begin_kind(plan, directive, &block, problem);
	if (r < 0)
		return r;
	block.name = strdup(directive->name + 1);
	if (block.name == NULL)
		return -ENOMEM;
	all->open[all->depth++] = block;
	if (block.is_closed && !is_silent && block.host == 0 && strcasecmp(block.name, "IfModule") != 0)
		note_closed_block(plan, directive);
	return 1;
}

static int
end_block(struct migrate_plan *plan, const struct directive *directive, const char **problem)
{
	struct migrate_blocks *all = plan->blocks;
	size_t limit = innermost(plan)->limit;

	if (all->depth == 0 || strcasecmp(innermost(plan)->name, directive->name + 2) != 0) {
		*problem = "this ends a block that did not begin; remove it, or begin the block";
		return -EINVAL;
	}
	free(all->open[--all->depth].name);
	if (limit != MIGRATE_NO_LIMIT && innermost(plan)->limit != limit)
		all->limits[limit].end = directive;
	return 1;
}

/* A line that begins a block is in the one around it, and so is that which ends it. */
static void
mark_host(const struct migrate_plan *plan, struct directive *directive)
{
	const struct migrate_block *block = innermost(plan);

	if (plan->of_server != NULL)
		return;
	directive->host = block->host;
	directive->is_global = block->is_global;
}

static int
enter_proftpd(struct migrate_plan *plan, struct directive *directive, const char **problem)
{
	const struct migrate_block *block;
	int r;

	if (plan->blocks == NULL && (plan->blocks = migrate_blocks_new()) == NULL)
		return -ENOMEM;
	if (strncmp(directive->name, "</", 2) == 0) {
		r = end_block(plan, directive, problem);
		mark_host(plan, directive);
		return r;
	}
	mark_host(plan, directive);
	if (directive->name[0] == '<')
		return begin_block(plan, directive, problem);
	block = innermost(plan);
	if (block->is_closed)
		note_closed_block(plan, directive);
	else if (block->limit == MIGRATE_NO_LIMIT)
		directive->place = block->place;
	directive->is_apart = block->is_closed || block->limit != MIGRATE_NO_LIMIT || block->place != 0;
	return directive->is_apart;
}

static bool
is_complete_proftpd(const struct migrate_plan *plan)
{
	return plan->blocks == NULL || plan->blocks->depth == 0;
}

static void
forget_proftpd(struct migrate_plan *plan)
{
	migrate_blocks_free(plan->blocks);
	migrate_hosts_free(plan->hosts);
}

/* --- rates --- */

static bool
has_command(const char *list, const char *command)
{
	size_t len = strlen(command);

	for (; *list != '\0'; list += strcspn(list, ",") + (list[strcspn(list, ",")] == ','))
		if (strcspn(list, ",") == len && strncasecmp(list, command, len) == 0)
			return true;
	return false;
}

/* "COMMANDS KIB": of each transfer there, of all of an account here. */
static void
apply_rate(struct migrate_plan *plan, const struct directive *directive, struct migrate_profile *profile)
{
	static const char *const uploads[] = {"STOR", "APPE", "STOU"};
	char whole[32];
	uint64_t rate;

	snprintf(whole, sizeof(whole), "%.*s", (int)strcspn(migrate_word(directive, 1, ""), "."),
	    migrate_word(directive, 1, ""));
	rate = migrate_rate(plan, directive, whole, 1024);
	if (has_command(directive->words[0], "RETR"))
		profile->rate_down = rate;
	for (size_t i = 0; i < sizeof(uploads) / sizeof(uploads[0]); i++)
		if (has_command(directive->words[0], uploads[i]))
			profile->rate_up = rate;
}

static bool
is_plain_rate(const struct directive *directive)
{
	return directive->count >= 2 && strpbrk(directive->words[1], ":") == NULL;
}

/* The name of the user whom it is about; NULL: none, or more than one. */
static const char *
rate_user(const struct directive *directive)
{
	bool is_one = directive->count == 4 && strcasecmp(directive->words[2], "user") == 0 &&
	    strpbrk(directive->words[3], "!,*") == NULL;

	return is_one && is_plain_rate(directive) ? directive->words[3] : NULL;
}

static void
take_rate(TAKES)
{
	if (directive->count == 2 && is_plain_rate(directive))
		apply_rate(plan, directive, &plan->all);
	else if (rate_user(directive) != NULL)
		plan->is_by_user = true;
	else
		take_lost(plan, directive, row);
}

/* --- patterns --- */

/* Quoted words have their backslashes doubled. */
static void
unescape(const char *text, char out[MIGRATE_LINE_MAX + 1])
{
	size_t n = 0;

	for (; *text != '\0' && n < MIGRATE_LINE_MAX; text++) {
		text += text[0] == '\\' && text[1] == '\\';
		out[n++] = *text;
	}
	out[n] = '\0';
}

/* PathDenyFilter is about paths that are made; deny= about each use of such a name. */
static void
add_regex(struct migrate_plan *plan, const struct directive *directive, const struct migrate_row *row,
    struct migrate_profile *profile)
{
	bool denies = strcasecmp(directive->name, "HideFiles") != 0,
	     ignores_case = directive->count == 2 && strcasecmp(directive->words[1], "[NC]") == 0;
	const char *regex = migrate_word(directive, 0, "");
	char unquoted[MIGRATE_LINE_MAX + 1];
	struct migrate_globs globs;

	if (strcasecmp(regex, "none") == 0 && directive->count == 1)
		return;
	if (directive->value[0] == '"') {
		unescape(regex, unquoted);
		regex = unquoted;
	}
	if (directive->count != 1U + ignores_case || regex[0] == '!' ||
	    migrate_regex_globs(regex, denies, ignores_case, &globs) < 0) {
		take_lost(plan, directive, row);
		return;
	}
	for (size_t i = 0; i < globs.count; i++)
		migrate_add_pattern(plan, directive, profile, denies, globs.text[i], strlen(globs.text[i]));
	if (denies)
		migrate_note(plan, directive, MIGRATE_COMFORT, NULL,
		    "deny= refuses such names to every command, reading as well",
		    "take it away where they must be read");
}

static void
take_pattern(TAKES)
{
	add_regex(plan, directive, row, &plan->all);
}

/* --- places --- */

/* What migrate_limited_rights() and settle_proftpd_anonymous() look up themselves. */
static bool
is_looked_up(const struct migrate_place *place, const char *name)
{
	static const char *const anywhere[] = {"AllowOverwrite"};
	static const char *const of_anonymous[] = {"User", "Group", "UserAlias", "RequireValidShell", "MaxClients",
	    "Umask", "TransferRate", "HideFiles", "PathDenyFilter"};
	size_t count = place->kind == PLACE_ANONYMOUS ? sizeof(of_anonymous) / sizeof(of_anonymous[0]) : 0;

	if (strcasecmp(anywhere[0], name) == 0)
		return true;
	for (size_t i = 0; i < count; i++)
		if (strcasecmp(of_anonymous[i], name) == 0)
			return true;
	return false;
}

/* A pattern of a directory holds everywhere here, which hides and refuses more. */
static void
settle_place_directive(struct migrate_plan *plan, const struct directive *now)
{
	const struct migrate_place *place = &plan->blocks->places[now->place];
	const struct migrate_row *row = migrate_row_of(plan->peer, now->name);

	if (is_looked_up(place, now->name))
		return;
	if (row != NULL && row->take == take_pattern) {
		if (place->scope == 0)
			add_regex(plan, now, row, &plan->all);
		return;
	}
	if (row == NULL || row->take == take_needless || (row->why != NULL && row->take != take_rate)) {
		migrate_take(plan, now);
		return;
	}
	migrate_note(plan, now, row->weight, NULL, "a setting of the whole server, here",
	    "see whether the server's own value does for this directory");
}

static void
settle_places(struct migrate_plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->directives[i].place != 0)
			settle_place_directive(plan, &plan->directives[i]);
}

/* The first block of anonymous users; 0: there is none. */
static size_t
find_anonymous(struct migrate_plan *plan)
{
	size_t found = 0;

	for (size_t i = plan->blocks->place_count; i > 1; i--) {
		if (plan->blocks->places[i - 1].kind != PLACE_ANONYMOUS)
			continue;
		if (found != 0)
			migrate_note(plan, plan->blocks->places[found].begin, MIGRATE_COMFORT, NULL,
			    "one account is for all anonymous users",
			    "add one with 'sallyportctl user add NAME --anonymous'");
		found = i - 1;
	}
	return found;
}

static void
take_anonymous_limits(struct migrate_plan *plan, size_t place)
{
	const struct directive *mask = migrate_said_of(plan, place, "Umask");
	struct migrate_profile *anonymous = &plan->anonymous;

	anonymous->rate_down = plan->all.rate_down;
	anonymous->rate_up = plan->all.rate_up;
	anonymous->patterns = plan->all.patterns;
	for (size_t i = 0; i < plan->count; i++) {
		const struct directive *now = &plan->directives[i];
		const struct migrate_row *row = migrate_row_of(plan->peer, now->name);
		bool is_within = now->place != 0 && plan->blocks->places[now->place].scope == place;

		if ((now->place != place && !is_within) || row == NULL)
			continue;
		if (row->take == take_pattern)
			add_regex(plan, now, row, anonymous);
		else if (row->take == take_rate && !is_within && now->count == 2 && is_plain_rate(now))
			apply_rate(plan, now, anonymous);
		else if (row->take == take_rate && !is_within)
			take_lost(plan, now, row);
	}
	migrate_word_number(migrate_said(plan, "MaxClients"), &anonymous->max_sessions);
	migrate_word_number(migrate_said_of(plan, place, "MaxClients"), &anonymous->max_sessions);
	if (mask != NULL &&
	    migrate_masks(migrate_word(mask, 0, ""), migrate_word(mask, 1, migrate_word(mask, 0, "")),
		&anonymous->file_mode, &anonymous->directory_mode) < 0)
		migrate_note(plan, mask, MIGRATE_PROTECTS, NULL, "a mask is three octal digits",
		    "give the account 'anonymous' file-mode= and directory-mode=");
}

static bool
needs_password(const struct migrate_plan *plan, size_t place)
{
	bool is_on = false;

	return migrate_parse_bool(migrate_word(migrate_said_of(plan, place, "AnonRequirePassword"), 0, ""), &is_on) ==
	    0 &&
	    is_on;
}

/* <Anonymous ~ftp>: "~ftp" is the home of that user, and User the one that they become. */
static void
settle_proftpd_anonymous(struct migrate_plan *plan)
{
	size_t place = find_anonymous(plan);
	const struct migrate_place *block = &plan->blocks->places[place];
	struct migrate_user user = {.scope = place, .home = MIGRATE_ANY_HOME};

	if (place == 0 || needs_password(plan, place))
		return;
	user.name =
	    migrate_word(migrate_said_of(plan, place, "User"), 0, migrate_word(migrate_said(plan, "User"), 0, "ftp"));
	take_anonymous_limits(plan, place);
	if (!migrate_limited_login(plan, &user, &plan->anonymous)) {
		migrate_note(plan, block->begin, MIGRATE_COMFORT, NULL,
		    "a <Limit LOGIN> refuses its user, so anonymous users get no account",
		    "add 'anonymous' with 'sallyportctl user add --anonymous' if they could log in before");
		return;
	}
	plan->anonymous_user = user.name;
	if (block->path[0] == '/')
		plan->anonymous_home = user.home = block->path;
	else if (strcmp(block->path + 1, user.name) != 0)
		plan->anonymous_home_of = block->path + 1;
	migrate_limited_rights(plan, &user, &plan->anonymous);
}

/* --- what several directives say together --- */

static bool
names_certificate(const struct migrate_plan *plan)
{
	return migrate_said(plan, "TLSRSACertificateFile") != NULL ||
	    migrate_said(plan, "TLSECCertificateFile") != NULL;
}

static void
settle_proftpd_address(struct migrate_plan *plan)
{
	const struct directive *port = migrate_said(plan, "Port"), *address = migrate_said(plan, "DefaultAddress"),
			       *ports = migrate_said(plan, "PassivePorts");
	bool is_off = plan->hosts != NULL && strcmp(migrate_word(port, 0, ""), "0") == 0;
	const char *key = migrate_is_implicit(plan) && names_certificate(plan) ? "listen-tls" : "listen";

	if (plan->of_server != NULL || is_off)
		; /* migrate_hosts_settle() finds where to listen */
	else if (address != NULL)
		migrate_set_address(plan, key, address, migrate_word(address, 0, ""),
		    strlen(migrate_word(address, 0, "")), migrate_word(port, 0, "21"));
	else if (port != NULL || strcmp(key, "listen") != 0)
		migrate_setf(plan, key, port, MIGRATE_COMFORT, "*:%s", migrate_word(port, 0, "21"));
	if (ports != NULL)
		migrate_setf(plan, "passive-ports", ports, MIGRATE_COMFORT, "%s-%s", migrate_word(ports, 0, ""),
		    migrate_word(ports, 1, ""));
}

static void
settle_proftpd_masks(struct migrate_plan *plan)
{
	const struct directive *said = migrate_said(plan, "Umask");
	const char *files = migrate_word(said, 0, "022");

	migrate_set_masks(plan, said, files, migrate_word(said, 1, files));
}

static void
settle_proftpd_tls(struct migrate_plan *plan)
{
	const struct directive *certificate = migrate_said(plan, "TLSRSACertificateFile"),
			       *key = migrate_said(plan, "TLSRSACertificateKeyFile"),
			       *required = migrate_said(plan, "TLSRequired"),
			       *options = migrate_said(plan, "TLSOptions");
	const char *word = migrate_word(required, 0, "off");
	bool is_on = false;

	if (!migrate_is_on(plan, "TLSEngine", false))
		return;
	if (certificate == NULL) {
		certificate = migrate_said(plan, "TLSECCertificateFile");
		key = migrate_said(plan, "TLSECCertificateKeyFile");
	}
	if (certificate == NULL && plan->of_server == NULL) {
		migrate_note(plan, migrate_said(plan, "TLSEngine"), MIGRATE_PROTECTS, NULL,
		    "no file of a certificate is named", "set tls.certificate and tls.key");
		return;
	}
	if (certificate != NULL)
		migrate_set_certificate(plan, certificate, key, "");
	if (migrate_parse_bool(word, &is_on) < 0) { /* "ctrl", "data", "auth": a part */
		is_on = true;
		migrate_note(plan, required, MIGRATE_COMFORT, NULL,
		    "tls.require asks for TLS of logins and of data alike", "let clients use PROT P");
	}
	migrate_set(plan, "tls.require", is_on ? "yes" : "no", required, MIGRATE_PROTECTS);
	if (options != NULL && strstr(options->value, "NoSessionReuseRequired") != NULL)
		migrate_set(plan, "tls.require-data-reuse", "no", options, MIGRATE_PROTECTS);
}

static void
settle_proftpd_accounts(struct migrate_plan *plan)
{
	const struct directive *order = migrate_said(plan, "AuthOrder");

	plan->format = CONVERT_PROFTPD;
	if (order == NULL || strstr(order->value, "file") != NULL)
		plan->accounts_file = migrate_said(plan, "AuthUserFile");
	plan->needs_shell = migrate_is_on(plan, "RequireValidShell", true);
	if (migrate_is_on(plan, "UseFtpUsers", true))
		plan->lists[plan->list_count++] = (struct migrate_list){.path = "/etc/ftpusers"};
	if (order == NULL || strstr(order->value, "pam") != NULL || strstr(order->value, "unix") != NULL)
		plan->pam_service = migrate_word(migrate_said(plan, "AuthPAMConfig"), 0, "proftpd");
	plan->refuses_system = plan->pam_service == NULL;
}

static void
settle_proftpd(struct migrate_plan *plan)
{
	struct migrate_user nobody = {.home = MIGRATE_ANY_HOME};

	if (plan->blocks == NULL && (plan->blocks = migrate_blocks_new()) == NULL) {
		plan->no_memory = true;
		return;
	}
	settle_proftpd_address(plan);
	settle_proftpd_masks(plan);
	settle_proftpd_tls(plan);
	settle_proftpd_accounts(plan);
	settle_places(plan);
	settle_proftpd_anonymous(plan);
	migrate_note_limits(plan);
	migrate_limited_rights(plan, &nobody, &plan->all);
	migrate_limited_login(plan, &nobody, &plan->all);
	plan->is_by_user = plan->is_by_user || plan->blocks->limit_count > 0 || plan->blocks->place_count > 1;
	if (plan->of_server == NULL && migrate_said(plan, "DefaultRoot") == NULL)
		migrate_note(plan, NULL, MIGRATE_COMFORT, "no DefaultRoot", HAS_CONFINED);
}

/* What a limit says of the user, and rights of directories that are in the home. */
static void
describe_proftpd(struct migrate_plan *plan, const struct migrate_who *who, struct migrate_profile *profile)
{
	struct migrate_user user = {.name = who->name, .home = who->home};

	profile->allow_from[0] = '\0';
	profile->is_refused = !migrate_limited_login(plan, &user, profile);
	migrate_limited_rights(plan, &user, profile);
	for (size_t i = 0; i < plan->count; i++) {
		const struct directive *now = &plan->directives[i];

		if (!now->is_apart && strcasecmp(now->name, "TransferRate") == 0 && rate_user(now) != NULL &&
		    strcmp(rate_user(now), who->name) == 0)
			apply_rate(plan, now, profile);
	}
}

const struct migrate_peer migrate_proftpd = {
    .word = "proftpd",
    .title = "ProFTPD",
    .rows = rows,
    .row_count = sizeof(rows) / sizeof(rows[0]),
    .cut = cut_proftpd,
    .enter = enter_proftpd,
    .is_complete = is_complete_proftpd,
    .forget = forget_proftpd,
    .settle = settle_proftpd,
    .settle_hosts = migrate_hosts_settle,
    .write_hosts = migrate_hosts_write,
    .describe = describe_proftpd,
    .include = "Include",
};
