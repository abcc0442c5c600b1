/* SPDX-License-Identifier: ISC */
/* proftpd.conf(5): one "NAME VALUE..." a line, and blocks as of Apache. What is within most blocks becomes notes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "accounts/rights.h"
#include "admin/migrate_peers.h"
#include "admin/migrate_rows.h"
#include "common/text.h"

#include "common/banned.h"

#define NO_MASKS "patterns of the old server are not carried", "use hide= and deny= of sallyport-users(5)"
#define NO_SOURCE \
	"accounts of this source are not read", "export them as passwd(5), and name that file as a further FILE"
#define NO_CLIENT_CERTIFICATES \
	"certificates of clients are not asked for", "let in known networks only: allow-from= of sallyport-users(5)"
#define NEEDLESS(name) \
	{ \
		name, take_needless, NULL, MIGRATE_COMFORT, NULL, NULL \
	}
#define LATER(name) \
	{ \
		name, take_later, NULL, MIGRATE_PROTECTS, NULL, NULL \
	}

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

/* Debian's has LoadModule alone. */
static void
take_other_file(TAKES)
{
	const char *slash = strrchr(directive->value, '/');

	if (slash == NULL || strcmp(slash, "/modules.conf") != 0)
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

static const struct migrate_row rows[] = {
    LATER("Port"),
    LATER("DefaultAddress"),
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
    {"TLSCipherSuite", take_lost, NULL, MIGRATE_COMFORT, "the ciphers are those that OpenSSL takes for safe",
	"use tls.minimum"},
    {"MaxClients", take_ceiling, "limits.sessions", MIGRATE_PROTECTS, NULL, NULL},
    {"MaxInstances", take_instances, "limits.sessions", MIGRATE_PROTECTS, NULL, NULL},
    {"MaxClientsPerHost", take_ceiling, "limits.sessions-per-address", MIGRATE_PROTECTS, NULL, NULL},
    {"MaxConnectionsPerHost", take_host_connections, "limits.sessions-per-address", MIGRATE_PROTECTS, NULL, NULL},
    {"MaxClientsPerUser", take_ceiling, "limits.sessions-per-user", MIGRATE_PROTECTS, NULL, NULL},
    {"MaxLoginAttempts", take_first_word, "limits.login-failures", MIGRATE_PROTECTS, NULL, NULL},
    {"MaxHostsPerUser", take_lost, NULL, MIGRATE_PROTECTS, "hosts of an account are not counted", "use max-sessions="},
    {"TransferRate", take_lost, NULL, MIGRATE_PROTECTS, "its commands and conditions have no counterpart",
	"give the accounts rate-down= and rate-up="},
    {"TimeoutIdle", take_seconds, "timeouts.idle", MIGRATE_COMFORT, NULL, NULL},
    {"TimeoutLogin", take_seconds, "timeouts.login", MIGRATE_COMFORT, NULL, NULL},
    {"TimeoutStalled", take_seconds, "timeouts.stall", MIGRATE_COMFORT, NULL, NULL},
    NEEDLESS("TimeoutNoTransfer"),
    {"TimeoutSession", take_lost, NULL, MIGRATE_COMFORT, "a session may last", "use timeouts.idle"},
    {"MasqueradeAddress", take_first_word, "passive-address", MIGRATE_COMFORT, NULL, NULL},
    {"AllowForeignAddress", take_lost_yes, NULL, MIGRATE_COMFORT, "a data connection goes to the client's own address",
	"copy by way of the client"},
    {"DefaultRoot", take_root, NULL, MIGRATE_COMFORT, "every account is confined to its home",
	"set the homes; a shared folder shows more"},
    {"DefaultChdir", take_lost, NULL, MIGRATE_COMFORT, "a session begins in '/'", "set the home"},
    {"CreateHome", take_lost_yes, NULL, MIGRATE_COMFORT, "a login makes no home", "make them before"},
    {"RootLogin", take_lost_yes, NULL, MIGRATE_COMFORT, "root cannot log in", "use another account"},
    NEEDLESS("AuthUserFile"),
    NEEDLESS("AuthGroupFile"),
    {"SQLConnectInfo", take_lost, NULL, MIGRATE_COMFORT, NO_SOURCE},
    {"SQLAuthenticate", take_lost, NULL, MIGRATE_COMFORT, NO_SOURCE},
    {"LDAPServer", take_lost, NULL, MIGRATE_COMFORT, NO_SOURCE},
    {"QuotaEngine", take_lost_yes, NULL, MIGRATE_PROTECTS, "tables of mod_quotatab are not read",
	"give the accounts quota="},
    {"Ratios", take_lost_yes, NULL, MIGRATE_PROTECTS, "there are no ratios", "give the accounts a quota"},
    {"BanEngine", take_lost_yes, NULL, MIGRATE_PROTECTS, "rules of mod_ban are not read", "use limits.ban-time"},
    {"WrapEngine", take_lost_yes, NULL, MIGRATE_PROTECTS, "hosts_access(5) is not asked", "use allow-from="},
    {"SFTPEngine", take_lost_yes, NULL, MIGRATE_COMFORT, "this is a server of FTP", "use sshd(8)"},
    {"DenyFilter", take_filter, NULL, MIGRATE_PROTECTS, NO_MASKS},
    {"AllowFilter", take_lost, NULL, MIGRATE_PROTECTS, NO_MASKS},
    {"PathDenyFilter", take_lost, NULL, MIGRATE_PROTECTS, NO_MASKS},
    {"PathAllowFilter", take_lost, NULL, MIGRATE_PROTECTS, NO_MASKS},
    {"HideFiles", take_lost, NULL, MIGRATE_PROTECTS, NO_MASKS},
    {"ServerIdent", take_lost, NULL, MIGRATE_COMFORT, "the banner never names the program", "set banner"},
    {"ServerName", take_first_word, "banner", MIGRATE_COMFORT, NULL, NULL},
    {"DisplayLogin", take_lost, NULL, MIGRATE_COMFORT, "the message is a file of the server, not of the home",
	"set login-message"},
    {"DisplayConnect", take_lost, NULL, MIGRATE_COMFORT, "the banner is one line", "use banner, or login-message"},
    {"DisplayChdir", take_chdir_message, "directory-message", MIGRATE_COMFORT,
	"the file of a directory's message is '.message'", "rename it"},
    {"TransferLog", take_first_word, "log.xferlog", MIGRATE_COMFORT, NULL, NULL},
    {"SystemLog", take_lost, NULL, MIGRATE_COMFORT, "the log goes to syslog", "set log.target"},
    {"ExtendedLog", take_lost, NULL, MIGRATE_COMFORT, "the log has a form of its own", "set log.format = \"json\""},
    NEEDLESS("LogFormat"),
    {"Include", take_other_file, NULL, MIGRATE_PROTECTS, "the other file is not read",
	"put its lines here, and migrate again"},
    NEEDLESS("ServerType"),
    NEEDLESS("ServerAdmin"),
    NEEDLESS("DefaultServer"),
    NEEDLESS("DeferWelcome"),
    NEEDLESS("ShowSymlinks"),
    NEEDLESS("ListOptions"),
    NEEDLESS("UseIPv6"),
    NEEDLESS("IdentLookups"),
    NEEDLESS("UseReverseDNS"),
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
    NEEDLESS("DebugLevel"),
    NEEDLESS("SyslogLevel"),
    NEEDLESS("SyslogFacility"),
    NEEDLESS("AllowStoreRestart"),
    NEEDLESS("AllowRetrieveRestart"),
    NEEDLESS("HiddenStores"),
    NEEDLESS("UseSendfile"),
    NEEDLESS("UseUTF8"),
    NEEDLESS("LangEngine"),
};

/* Blocks, by the word behind '<'. Those that are open hold directives as if they were not there. */
static const struct {
	const char *name;
	bool is_open;
	enum migrate_weight weight;
	const char *why, *instead;
} blocks[] = {
    {"Global", true, MIGRATE_COMFORT, NULL, NULL},
    {"IfModule", true, MIGRATE_COMFORT, NULL, NULL},
    {"Anonymous", false, MIGRATE_COMFORT, "a block of anonymous users is not read",
	"make an account whose hash is *any, with rights= (sallyport-users(5))"},
    {"VirtualHost", false, MIGRATE_COMFORT, "there are no virtual servers",
	"run a second server with a configuration of its own"},
    {"Directory", false, MIGRATE_PROTECTS, "blocks of directories are not read",
	"say it with rights= of sallyport-users(5)"},
    {"Limit", false, MIGRATE_PROTECTS, "limits of commands are not read",
	"say it with rights= and allow-from= of sallyport-users(5)"},
    {"Class", false, MIGRATE_PROTECTS, "there are no classes of clients", "use allow-from= of sallyport-users(5)"},
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

/* The first block that is not open: what is within it is no directive of the server. */
static const char *
closed_block(const struct migrate_plan *plan)
{
	for (size_t i = 0; i < plan->depth; i++) {
		size_t found = find_block(plan->blocks[i]);

		if (found == BLOCK_COUNT || !blocks[found].is_open)
			return plan->blocks[i];
	}
	return NULL;
}

static void
note_block(struct migrate_plan *plan, const struct directive *directive, const char *name)
{
	size_t i = find_block(name);

	if (i == BLOCK_COUNT)
		migrate_note(plan, directive, MIGRATE_PROTECTS, NULL, BLOCK_UNKNOWN);
	else
		migrate_note(plan, directive, blocks[i].weight, NULL, blocks[i].why, blocks[i].instead);
}

static int
begin_block(struct migrate_plan *plan, const struct directive *directive, const char **problem)
{
	if (plan->depth == MIGRATE_DEPTH_MAX) {
		*problem = "blocks are nested too deeply; at most 16";
		return -EINVAL;
	}
	plan->blocks[plan->depth] = strdup(directive->name + 1);
	if (plan->blocks[plan->depth] == NULL)
		return -ENOMEM;
	plan->depth++;
	if (closed_block(plan) != NULL)
		note_block(plan, directive, closed_block(plan));
	return 1;
}

static int
end_block(struct migrate_plan *plan, const struct directive *directive, const char **problem)
{
	if (plan->depth == 0 || strcasecmp(plan->blocks[plan->depth - 1], directive->name + 2) != 0) {
		*problem = "this ends a block that did not begin; remove it, or begin the block";
		return -EINVAL;
	}
	free(plan->blocks[--plan->depth]);
	return 1;
}

static int
enter_proftpd(struct migrate_plan *plan, struct directive *directive, const char **problem)
{
	const char *closed;

	if (strncmp(directive->name, "</", 2) == 0)
		return end_block(plan, directive, problem);
	if (directive->name[0] == '<')
		return begin_block(plan, directive, problem);
	closed = closed_block(plan);
	if (closed == NULL)
		return 0;
	directive->is_apart = true;
	note_block(plan, directive, closed);
	return 1;
}

/* --- what several directives say together --- */

static const char *
word_of(const struct directive *directive, size_t i, const char *fallback)
{
	return directive == NULL || directive->count <= i ? fallback : directive->words[i];
}

static void
settle_proftpd_address(struct migrate_plan *plan)
{
	const struct directive *port = migrate_said(plan, "Port"), *address = migrate_said(plan, "DefaultAddress"),
			       *ports = migrate_said(plan, "PassivePorts");

	if (address != NULL)
		migrate_setf(plan, "listen", address, MIGRATE_PROTECTS,
		    strchr(word_of(address, 0, ""), ':') == NULL ? "%s:%s" : "[%s]:%s", word_of(address, 0, ""),
		    word_of(port, 0, "21"));
	else if (port != NULL)
		migrate_setf(plan, "listen", port, MIGRATE_COMFORT, "*:%s", word_of(port, 0, "21"));
	if (ports != NULL)
		migrate_setf(plan, "passive-ports", ports, MIGRATE_COMFORT, "%s-%s", word_of(ports, 0, ""),
		    word_of(ports, 1, ""));
}

static void
settle_proftpd_masks(struct migrate_plan *plan)
{
	const struct directive *said = migrate_said(plan, "Umask");
	const char *files = word_of(said, 0, "022");

	migrate_set_masks(plan, said, files, word_of(said, 1, files));
}

static void
settle_proftpd_tls(struct migrate_plan *plan)
{
	const struct directive *certificate = migrate_said(plan, "TLSRSACertificateFile"),
			       *key = migrate_said(plan, "TLSRSACertificateKeyFile"),
			       *required = migrate_said(plan, "TLSRequired"),
			       *options = migrate_said(plan, "TLSOptions");
	const char *word = word_of(required, 0, "off");
	bool is_on = false;

	if (!migrate_is_on(plan, "TLSEngine", false))
		return;
	if (certificate == NULL) {
		certificate = migrate_said(plan, "TLSECCertificateFile");
		key = migrate_said(plan, "TLSECCertificateKeyFile");
	}
	if (certificate == NULL) {
		migrate_note(plan, migrate_said(plan, "TLSEngine"), MIGRATE_PROTECTS, NULL,
		    "no file of a certificate is named", "set tls.certificate and tls.key");
		return;
	}
	migrate_set(plan, "tls.certificate", word_of(certificate, 0, ""), certificate, MIGRATE_PROTECTS);
	if (key == NULL)
		key = certificate;
	migrate_set(plan, "tls.key", word_of(key, 0, ""), key, MIGRATE_PROTECTS);
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
	plan->needs_shell = migrate_is_on(plan, "RequireValidShell", true);
	if (migrate_is_on(plan, "UseFtpUsers", true))
		plan->lists[plan->list_count++] = (struct migrate_list){.path = "/etc/ftpusers"};
	if (order == NULL || strstr(order->value, "pam") != NULL || strstr(order->value, "unix") != NULL)
		plan->pam_service = word_of(migrate_said(plan, "AuthPAMConfig"), 0, "proftpd");
}

static void
settle_proftpd(struct migrate_plan *plan)
{
	settle_proftpd_address(plan);
	settle_proftpd_masks(plan);
	settle_proftpd_tls(plan);
	settle_proftpd_accounts(plan);
	if (!migrate_is_on(plan, "AllowOverwrite", false))
		plan->rights &= ~(unsigned)MAY_OVERWRITE;
	if (migrate_said(plan, "DefaultRoot") == NULL)
		migrate_note(plan, NULL, MIGRATE_COMFORT, "no DefaultRoot", "every account is confined to its home",
		    "give the account a home further up, or a shared folder");
}

const struct migrate_peer migrate_proftpd = {
    .word = "proftpd",
    .title = "ProFTPD",
    .rows = rows,
    .row_count = sizeof(rows) / sizeof(rows[0]),
    .cut = cut_proftpd,
    .enter = enter_proftpd,
    .settle = settle_proftpd,
};
