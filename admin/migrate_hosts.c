/* SPDX-License-Identifier: ISC */
#include "admin/migrate_hosts.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "admin/migrate_rows.h"
#include "common/address.h"
#include "common/text.h"
#include "config/config.h"
#include "config/keys.h"
#include "config/values.h"

#include "common/banned.h"

_Static_assert(MIGRATE_HOSTS_MAX <= CONFIG_SERVERS_MAX, "each becomes a section");

#define NAMES_MAX 1024 /* bytes of names with ',' between them */
#define DEFAULT_PORT "21" /* of a host that names none, whatever the server has */

int
migrate_hosts_begin(struct migrate_plan *plan, const struct directive *begin)
{
	struct migrate_host *host;

	if (plan->hosts == NULL)
		plan->hosts = calloc(1, sizeof(*plan->hosts));
	if (plan->hosts == NULL)
		return -ENOMEM;
	if (plan->hosts->count == MIGRATE_HOSTS_MAX)
		return 0;
	host = calloc(1, sizeof(*host));
	if (host == NULL)
		return -ENOMEM;
	plan->hosts->list[plan->hosts->count++] = host;
	host->begin = (size_t)(begin - plan->directives);
	host->values = calloc(config_server_key_count, sizeof(host->values[0]));
	return migrate_plan_init(&host->plan, plan->peer) < 0 || host->values == NULL ? -ENOMEM
										      : (int)plan->hosts->count;
}

void
migrate_hosts_free(struct migrate_hosts *hosts)
{
	for (size_t i = 0; hosts != NULL && i < hosts->count; i++) {
		struct migrate_host *host = hosts->list[i];

		for (size_t k = 0; host->values != NULL && k < config_server_key_count; k++)
			migrate_value_free(&host->values[k]);
		free(host->values);
		migrate_plan_free(&host->plan);
		free(host);
	}
	free(hosts);
}

static const struct directive *
begin_of(const struct migrate_plan *plan, const struct migrate_host *host)
{
	return &plan->directives[host->begin];
}

/* --- the lines of a host --- */

static bool
is_block_line(const struct directive *directive)
{
	return directive->name[0] == '<';
}

/* Does the host say so itself, outside of its blocks? Then that of <Global> does not hold. */
static bool
says_itself(const struct migrate_plan *host, size_t own, const char *name)
{
	size_t depth = 0;

	for (size_t i = 0; i < own; i++) {
		const struct directive *now = &host->directives[i];

		if (strncmp(now->name, "</", 2) == 0)
			depth--;
		else if (is_block_line(now))
			depth++;
		else if (depth == 0 && strcasecmp(now->name, name) == 0)
			return true;
	}
	return false;
}

static void
add_host_line(struct migrate_plan *host, const struct directive *directive)
{
	struct directive *copy = &host->directives[host->count++];

	*copy = *directive;
	copy->place = 0;
	copy->is_apart = false;
}

/* As fixup_globals() of ProFTPD: the host's own first, then what of <Global> it does not say. Nothing of the server's. */
static int
gather_lines(struct migrate_plan *plan, size_t number)
{
	struct migrate_plan *host = &plan->hosts->list[number - 1]->plan;
	size_t own, depth = 0;

	host->of_server = plan;
	host->directives = calloc(plan->count, sizeof(host->directives[0]));
	if (host->directives == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < plan->count; i++)
		if (plan->directives[i].host == number)
			add_host_line(host, &plan->directives[i]);
	own = host->count;
	for (size_t i = 0; i < plan->count; i++) {
		const struct directive *now = &plan->directives[i];

		if (!now->is_global)
			continue;
		depth -= depth > 0 && strncmp(now->name, "</", 2) == 0;
		if (depth > 0 || is_block_line(now) || !says_itself(host, own, now->name))
			add_host_line(host, now);
		depth += is_block_line(now) && now->name[1] != '/';
	}
	host->size = host->borrowed = host->count;
	return 0;
}

/* --- names --- */

struct name {
	char text[SERVER_NAME_MAX + 1];
};

/* The next of names with blanks or ',' between them; false: there is none. fits: it can be one of ours. */
static bool
next_name(const struct directive *directive, size_t *word, const char **at, struct name *name, bool *fits)
{
	while (*word < directive->count) {
		const char *from = *at == NULL ? directive->words[*word] : *at;
		size_t len = strcspn(from, ",");

		*at = from[len] == ',' ? from + len + 1 : NULL;
		*word += *at == NULL;
		if (len == 0)
			continue;
		*fits = len <= SERVER_NAME_MAX;
		for (size_t i = 0; i < len && *fits; i++)
			name->text[i] = (char)tolower((unsigned char)from[i]);
		name->text[*fits ? len : 0] = '\0';
		*fits = *fits && value_is_host_name(name->text);
		return true;
	}
	return false;
}

static bool
has_title(const struct migrate_hosts *hosts, const char *title)
{
	for (size_t i = 0; i < hosts->count; i++)
		if (strcmp(hosts->list[i]->title, title) == 0)
			return true;
	return false;
}

static size_t
server_key(const char *name)
{
	size_t i = 0;

	while (strcmp(config_server_keys[i].name, name) != 0)
		i++;
	return i;
}

struct migrate_value *
migrate_host_value(const struct migrate_host *host, const char *key)
{
	return &host->values[server_key(key)];
}

static bool
is_in_list(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = list; at != NULL && *at != '\0';
	     at = strchr(at, ',') == NULL ? NULL : strchr(at, ',') + 1)
		if (strcspn(at, ",") == len && strncasecmp(at, name, len) == 0)
			return true;
	return false;
}

/* Would two servers at the same addresses have the name? */
static bool
is_taken(const struct migrate_plan *plan, const char *name)
{
	const struct migrate_hosts *hosts = plan->hosts;

	if (is_in_list(migrate_value_of(plan, "server-name")->bare, name) || (hosts != NULL && has_title(hosts, name)))
		return true;
	for (size_t i = 0; hosts != NULL && i < hosts->count; i++)
		if (is_in_list(migrate_host_value(hosts->list[i], "names")->bare, name))
			return true;
	return false;
}

/* Names of ServerAlias in lines that nobody else has, with ',' between them. plan: of the server, which gets the notes. */
static void
gather_names(struct migrate_plan *plan, const struct migrate_plan *lines, char names[NAMES_MAX + 1])
{
	names[0] = '\0';
	for (size_t i = 0; i < lines->count; i++) {
		const struct directive *now = &lines->directives[i];
		const char *at = NULL;
		size_t word = 0, had;
		struct name name;
		bool fits;

		if (strcasecmp(now->name, "ServerAlias") != 0 || now->is_apart || now->place != 0)
			continue;
		while (next_name(now, &word, &at, &name, &fits)) {
			had = strlen(names);
			if (!fits || had + strlen(name.text) + 1 > NAMES_MAX)
				migrate_note(plan, now, MIGRATE_COMFORT, NULL,
				    "a name is one host name of at most 60 bytes, without a pattern",
				    "write each name: server-name, or names of the section");
			else if (is_taken(plan, name.text) || is_in_list(names, name.text))
				migrate_note(plan, now, MIGRATE_COMFORT, NULL, "another server has the name already",
				    "give each name to one server");
			else
				snprintf(names + had, NAMES_MAX + 1 - had, "%s%s", had == 0 ? "" : ",", name.text);
		}
	}
}

/* The first name that can be the title of the section: a word of the block, or ServerName. */
static bool
take_title(const struct migrate_plan *plan, struct migrate_host *host, const struct directive *directive)
{
	const char *at = NULL;
	size_t word = 0;
	struct name name;
	bool fits;

	while (directive != NULL && next_name(directive, &word, &at, &name, &fits)) {
		if (!fits || strchr(name.text, '.') == NULL || is_taken(plan, name.text))
			continue;
		memcpy(host->title, name.text, sizeof(host->title));
		return true;
	}
	return false;
}

/* A section needs a name; one that no client gives does no harm. */
static void
choose_title(struct migrate_plan *plan, struct migrate_host *host, char names[NAMES_MAX + 1])
{
	size_t len = strcspn(names, ",");

	if (len > 0) {
		memcpy(host->title, names, len);
		host->title[len] = '\0';
		memmove(names, names + len + (names[len] == ','), strlen(names + len + (names[len] == ',')) + 1);
		return;
	}
	if (take_title(plan, host, begin_of(plan, host)) ||
	    take_title(plan, host, migrate_said(&host->plan, "ServerName")))
		return;
	for (size_t n = 1; host->title[0] == '\0'; n++) {
		char title[32];

		snprintf(title, sizeof(title), "server-%zu", n);
		if (!is_taken(plan, title))
			snprintf(host->title, sizeof(host->title), "%s", title);
	}
}

/* --- addresses --- */

bool
migrate_is_implicit(const struct migrate_plan *plan)
{
	const struct directive *options = migrate_said(plan, "TLSOptions");

	return migrate_is_on(plan, "TLSEngine", false) && options != NULL &&
	    strstr(options->value, "UseImplicitSSL") != NULL;
}

/* Where a host or the server is. */
struct spot {
	union address address[MIGRATE_WORDS_MAX];
	size_t count;
	bool is_everywhere; /* a wildcard, or no address is said */
	bool has_names; /* of hosts, which are not looked up */
	const char *port;
};

static bool
spot_has(const struct spot *spot, const union address *address)
{
	for (size_t i = 0; i < spot->count; i++)
		if (address_same_host(&spot->address[i], address))
			return true;
	return false;
}

static void
spot_words(struct spot *spot, const struct directive *directive)
{
	for (size_t i = 0; directive != NULL && i < directive->count; i++) {
		union address *address = &spot->address[spot->count];

		if (strcmp(directive->words[i], "*") == 0)
			spot->is_everywhere = true;
		else if (address_parse(directive->words[i], address) < 0)
			spot->has_names = true;
		else if (address_is_wildcard(address))
			spot->is_everywhere = true;
		else if (!spot_has(spot, address))
			spot->count++;
	}
}

static void
spot_of_host(const struct migrate_plan *plan, const struct migrate_host *host, struct spot *spot)
{
	*spot = (struct spot){.port = migrate_word(migrate_said(&host->plan, "Port"), 0, DEFAULT_PORT)};
	spot_words(spot, begin_of(plan, host));
}

static void
spot_of_server(const struct migrate_plan *plan, struct spot *spot)
{
	*spot = (struct spot){.port = migrate_word(migrate_said(plan, "Port"), 0, DEFAULT_PORT)};
	spot_words(spot, migrate_said(plan, "DefaultAddress"));
	spot->is_everywhere = spot->is_everywhere || spot->count == 0;
}

static bool
spots_meet(const struct spot *a, const struct spot *b)
{
	if (a->is_everywhere || b->is_everywhere)
		return true;
	for (size_t i = 0; i < b->count; i++)
		if (spot_has(a, &b->address[i]))
			return true;
	return false;
}

/* Port 0 switches the server off that is outside of all blocks. */
static bool
is_off(const struct spot *spot)
{
	return strcmp(spot->port, "0") == 0;
}

enum way {
	BY_ADDRESS, /* it has addresses of its own */
	BY_NAME,
	BY_NAME_NO_LOOKUP, /* the addresses are not known */
	BY_NAME_SHARED, /* another host has the address, too */
	BY_NAME_EVERYWHERE, /* it is where no other host is, and the server itself is off */
	IS_HIDDEN, /* from here on it is not carried; no client of the old server has found it */
	BY_PORT, /* only its port was another one */
	BY_IMPLICIT_TLS, /* the same, with implicit TLS */
	WAY_COUNT
};

static const struct {
	bool is_lost;
	const char *why, *instead;
} ways[WAY_COUNT] = {
    [BY_ADDRESS] = {false, NULL, NULL},
    [BY_NAME] = {false, NULL, NULL},
    [BY_NAME_NO_LOOKUP] = {true, "names of hosts are not looked up, so only clients that give the name find the server",
	"add the addresses to its section: address = {\"192.0.2.7\"}"},
    [BY_NAME_SHARED] = {false, "of servers that share an address, clients find one by its name alone",
	"give each an address of its own for clients without HOST and TLS"},
    [BY_NAME_EVERYWHERE] = {true, "the main server has the addresses that no other one has",
	"write the lines of this one outside of the block, and migrate again"},
    [IS_HIDDEN] = {true, "another server has the address and the port, and this one has no ServerAlias",
	"give it an address or a name, and migrate again"},
    [BY_PORT] = {true, "clients find a server by its address or its name here, not by its port",
	"name the addresses of all servers (DefaultAddress, <VirtualHost ADDRESS>), or run a second server"},
    [BY_IMPLICIT_TLS] = {true, "clients find a server by its address or its name here, not by its port",
	"if it is the main server with implicit TLS, set listen-tls = {\"*:990\"}; otherwise run a second server"},
};

/* A host with the server's port takes its addresses from a server that is everywhere, as there. */
static enum way
way_beside_server(const struct spot *host, const struct spot *server, bool has_names)
{
	bool is_same_port = strcmp(host->port, server->port) == 0, has_own = host->count > 0 && !host->is_everywhere;

	if (has_own && (is_off(server) || (server->is_everywhere ? is_same_port : !spots_meet(host, server))))
		return BY_ADDRESS;
	if (is_off(server))
		return host->is_everywhere ? BY_NAME_EVERYWHERE : BY_NAME_NO_LOOKUP;
	if (!is_same_port)
		return BY_PORT;
	if (has_names)
		return BY_NAME;
	return host->has_names && host->count == 0 ? BY_NAME_NO_LOOKUP : IS_HIDDEN;
}

/* Other hosts with addresses of theirs count as well, the later ones, too. */
static enum way
way_of(const struct migrate_plan *plan, const struct migrate_host *host, const struct spot *server, bool has_names)
{
	struct spot spot, other;
	enum way way;
	bool is_later = false;

	spot_of_host(plan, host, &spot);
	way = way_beside_server(&spot, server, has_names);
	for (size_t i = 0; i < plan->hosts->count && way == BY_ADDRESS; i++) {
		if (plan->hosts->list[i] == host) {
			is_later = true;
			continue;
		}
		spot_of_host(plan, plan->hosts->list[i], &other);
		if (!spots_meet(&spot, &other) || other.is_everywhere)
			continue;
		if (strcmp(spot.port, other.port) != 0)
			way = BY_PORT;
		else
			way = has_names ? BY_NAME_SHARED : is_later ? BY_ADDRESS : IS_HIDDEN;
	}
	return way == BY_PORT && migrate_is_implicit(&host->plan) ? BY_IMPLICIT_TLS : way;
}

/* --- values --- */

static bool
set_host_value(struct migrate_plan *plan, struct migrate_host *host, const char *name, const char *text,
    const struct directive *by)
{
	struct config_server scratch = {.name = NULL};
	const struct config_key *key = &config_server_keys[server_key(name)];
	char why[512];
	struct buf problem;
	int r;

	buf_init(&problem, sizeof(why) - 64);
	r = key_set(key, text, &scratch, &problem);
	snprintf(why, sizeof(why), "%s refuses it: %s", name, problem.data == NULL ? "" : problem.data);
	buf_free(&problem);
	if (key_is_text(key))
		free(*(char **)(void *)((char *)&scratch + key->offset));
	if (r == -EINVAL)
		migrate_note(plan, by, MIGRATE_PROTECTS, text, why, "choose a value that fits");
	else if (r < 0 || migrate_value_keep(&host->values[server_key(name)], key, text, by) < 0)
		plan->no_memory = true;
	return r == 0;
}

static bool
values_are(const struct migrate_value *a, const struct migrate_value *b)
{
	return a->text == NULL || b->text == NULL ? a->text == b->text : strcmp(a->text, b->text) == 0;
}

/* What a section says itself, where it is not what the server says. */
static void
set_texts(struct migrate_plan *plan, struct migrate_host *host)
{
	static const char *const names[] = {"banner", "login-message"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct migrate_value *own = migrate_value_of(&host->plan, names[i]);

		if (own->text != NULL && !values_are(own, migrate_value_of(plan, names[i])))
			set_host_value(plan, host, names[i], own->bare, own->by);
	}
}

/* A host without TLS has that of the server here, but does not ask for it. One without a certificate has the server's. */
static void
set_host_tls(struct migrate_plan *plan, struct migrate_host *host, bool has_address)
{
	const struct migrate_value *own = migrate_value_of(&host->plan, "tls.certificate"),
				   *own_key = migrate_value_of(&host->plan, "tls.key"),
				   *asks = migrate_value_of(&host->plan, "tls.require"),
				   *of_server = migrate_value_of(plan, "tls.certificate");
	const struct directive *engine = migrate_said(&host->plan, "TLSEngine");
	bool server_has = of_server->text != NULL, is_on = migrate_is_on(&host->plan, "TLSEngine", false);
	bool differs = !values_are(own, of_server) || !values_are(own_key, migrate_value_of(plan, "tls.key"));

	if (!is_on) {
		if (server_has)
			set_host_value(plan, host, "require-tls", "no", engine);
		return;
	}
	if (own->text != NULL && own_key->text != NULL && (server_has || has_address)) {
		if (differs)
			set_host_value(plan, host, "certificate", own->bare, own->by);
		if (differs)
			set_host_value(plan, host, "key", own_key->bare, own_key->by);
	} else if (own->text != NULL) {
		migrate_note(plan, own->by, MIGRATE_PROTECTS, NULL,
		    "clients that name no server in TLS would get no certificate, as the main server has none",
		    "set tls.certificate and tls.key, then certificate and key of the section");
	} else if (!server_has) {
		migrate_note(plan, engine, MIGRATE_PROTECTS, NULL, "no file of a certificate is named",
		    "set certificate and key of the section");
	}
	if (asks->text != NULL && (!server_has || !values_are(asks, migrate_value_of(plan, "tls.require"))))
		set_host_value(plan, host, "require-tls", asks->bare, asks->by);
}

static uint32_t
mode_of(const struct migrate_value *value)
{
	uint32_t mode = 0;

	return value->bare == NULL || parse_mode(value->bare, &mode) < 0 ? 0 : mode;
}

static void
set_modes(const struct migrate_plan *plan, struct migrate_host *host)
{
	uint32_t file_mode = mode_of(migrate_value_of(&host->plan, "file-mode")),
		 directory_mode = mode_of(migrate_value_of(&host->plan, "directory-mode"));
	struct migrate_profile *all = &host->plan.all, *anonymous = &host->plan.anonymous;

	if (file_mode == mode_of(migrate_value_of(plan, "file-mode")))
		file_mode = 0;
	if (directory_mode == mode_of(migrate_value_of(plan, "directory-mode")))
		directory_mode = 0;
	all->file_mode = file_mode;
	all->directory_mode = directory_mode;
	if (anonymous->file_mode == 0)
		anonymous->file_mode = file_mode;
	if (anonymous->directory_mode == 0)
		anonymous->directory_mode = directory_mode;
}

/* Of an account's number and that of all servers, the lower one counts. */
static void
set_sessions(struct migrate_plan *plan, struct migrate_host *host)
{
	const struct migrate_value *own = migrate_value_of(&host->plan, "limits.sessions-per-user"),
				   *of_server = migrate_value_of(plan, "limits.sessions-per-user");
	uint64_t number, ceiling;

	if (own->text == NULL || values_are(own, of_server) || parse_u64(own->bare, SESSIONS_MAX, &number) < 0)
		return;
	host->plan.all.max_sessions = number;
	if (of_server->text != NULL && parse_u64(of_server->bare, SESSIONS_MAX, &ceiling) == 0 && ceiling < number)
		migrate_note(plan, own->by, MIGRATE_COMFORT, NULL,
		    "limits.sessions-per-user holds for all servers here, and the main server says less",
		    "raise it, and give the accounts of the main server max-sessions=");
}

/* Is it carried, by a key of sections, or by options of the accounts? Of what the host does not say, some is the server's. */
static bool
is_carried(const struct migrate_plan *plan, const struct migrate_value *own, const struct migrate_value *of_server)
{
	static const struct {
		const char *key;
		bool is_noted; /* where the server alone says it */
	} keys[] = {{"listen", false}, {"server-name", false}, {"banner", false}, {"login-message", true},
	    {"tls.certificate", false}, {"tls.key", false}, {"tls.require", false}, {"file-mode", false},
	    {"directory-mode", false}, {"limits.sessions-per-user", true}};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (of_server == migrate_value_of(plan, keys[i].key))
			return own->text != NULL || !keys[i].is_noted;
	return false;
}

static void
add_key_name(struct buf *out, const struct config_key *key)
{
	buf_addf(out, "%s%s%s%s", out->len > 0 ? ", " : "", key->section == NULL ? "" : key->section,
	    key->section == NULL ? "" : ".", key->name);
}

/* What holds for all servers here: its own value is lost, or the server's holds for it as well. */
static void
note_common(struct migrate_plan *plan, const struct migrate_host *host)
{
	struct buf text, inherited;

	buf_init(&inherited, 1024);
	for (size_t i = 0; i < config_key_count; i++) {
		const struct migrate_value *own = &host->plan.values[i], *server = &plan->values[i];
		const struct migrate_row *row = own->by == NULL ? NULL : migrate_row_of(plan->peer, own->by->name);

		if (values_are(own, server) || is_carried(plan, own, server))
			continue;
		if (own->text == NULL) {
			add_key_name(&inherited, &config_keys[i]);
			continue;
		}
		buf_init(&text, 1024);
		add_key_name(&text, &config_keys[i]);
		buf_addf(&text, " holds for all servers here, and is %s",
		    server->text == NULL ? "the default" : server->bare);
		migrate_note(plan, own->by, row == NULL ? MIGRATE_COMFORT : row->weight, config_keys[i].name,
		    text.data == NULL ? "" : text.data, "see whether that does, or run a second server");
		buf_free(&text);
	}
	if (inherited.len > 0) {
		buf_init(&text, 2048);
		buf_addf(&text, "what the main server says holds for all servers here: %s", inherited.data);
		migrate_note(plan, begin_of(plan, host), MIGRATE_COMFORT, NULL, text.data == NULL ? "" : text.data,
		    "see whether it does for this one");
		buf_free(&text);
	}
	buf_free(&inherited);
}

/* Lines about where the host is, which no section has. */
static void
note_host_place(struct migrate_plan *plan, const struct migrate_host *host)
{
	const struct directive *address = migrate_said(&host->plan, "DefaultAddress"),
			       *others = migrate_said(&host->plan, "DefaultServer");

	if (address != NULL && !address->is_global)
		migrate_note(plan, address, MIGRATE_COMFORT, NULL, "the addresses are those after '<VirtualHost'",
		    "write them in the key address of the section");
	if (migrate_is_on(&host->plan, "DefaultServer", false) && !others->is_global)
		migrate_note(plan, others, MIGRATE_COMFORT, NULL,
		    "the main server has the addresses that no other one has",
		    "write them in the key address of the section");
}

/* --- a host --- */

/* Which key it listens with. Implicit TLS needs a certificate of the server. */
static const char *
listen_key(struct migrate_plan *plan, const struct migrate_host *host)
{
	if (!migrate_is_implicit(&host->plan))
		return "listen";
	if (migrate_value_of(plan, "tls.certificate")->text != NULL)
		return "listen-tls";
	migrate_note(plan, migrate_said(&host->plan, "TLSOptions"), MIGRATE_COMFORT, NULL,
	    "implicit TLS needs a certificate of the main server", "set tls.certificate, tls.key, and listen-tls");
	return "listen";
}

/* The server listens where its hosts are, unless it does everywhere. */
static void
listen_at_host(struct migrate_plan *plan, const struct migrate_host *host, const struct spot *server)
{
	const char *key = listen_key(plan, host);
	const struct migrate_value *listen = migrate_value_of(plan, key);
	char address[ADDRESS_TEXT_MAX], wanted[ADDRESS_TEXT_MAX + 16];
	struct spot spot;

	spot_of_host(plan, host, &spot);
	if (server->is_everywhere && !is_off(server) && strcmp(spot.port, server->port) == 0)
		return;
	for (size_t i = 0; i < spot.count; i++) {
		address_text(&spot.address[i], address);
		snprintf(wanted, sizeof(wanted), spot.address[i].family == AF_INET6 ? "\"[%s]:%.5s\"" : "\"%s:%.5s\"",
		    address, spot.port);
		if (listen->text == NULL || strstr(listen->text, wanted) == NULL)
			migrate_set_address(plan, key, begin_of(plan, host), address, strlen(address), spot.port);
	}
	if (spot.is_everywhere && (listen->text == NULL || strstr(listen->text, "\"*:") == NULL))
		migrate_setf(plan, key, begin_of(plan, host), MIGRATE_COMFORT, "*:%s", spot.port);
}

static void
lose_host(struct migrate_plan *plan, struct migrate_host *host, enum way way)
{
	plan->hosts->lost++;
	migrate_note(plan, begin_of(plan, host), MIGRATE_COMFORT, NULL, ways[way].why, ways[way].instead);
}

static void
place_host(struct migrate_plan *plan, struct migrate_host *host, enum way way, const char *names)
{
	char address[ADDRESS_TEXT_MAX];
	struct spot spot;

	spot_of_host(plan, host, &spot);
	for (size_t i = 0; way == BY_ADDRESS && i < spot.count && i < CONFIG_SERVER_ADDRESSES_MAX; i++) {
		address_text(&spot.address[i], address);
		set_host_value(plan, host, "address", address, begin_of(plan, host));
	}
	if (names[0] != '\0')
		set_host_value(plan, host, "names", names, migrate_said(&host->plan, "ServerAlias"));
	if (ways[way].is_lost)
		lose_host(plan, host, way);
	else if (ways[way].why != NULL)
		migrate_note(plan, begin_of(plan, host), MIGRATE_COMFORT, NULL, ways[way].why, ways[way].instead);
	if (way == BY_ADDRESS && spot.count > CONFIG_SERVER_ADDRESSES_MAX)
		migrate_note(plan, begin_of(plan, host), MIGRATE_COMFORT, NULL, "a server has at most 16 addresses",
		    "name no more, or run a second server for the others");
	if (way == BY_ADDRESS && spot.has_names)
		migrate_note(plan, begin_of(plan, host), MIGRATE_COMFORT, NULL, "names of hosts are not looked up",
		    "add their addresses to the key address of the section");
}

static void
carry_host(struct migrate_plan *plan, struct migrate_host *host, const struct spot *server)
{
	char names[NAMES_MAX + 1];
	enum way way;

	gather_names(plan, &host->plan, names);
	way = way_of(plan, host, server, names[0] != '\0');
	host->is_carried = way < IS_HIDDEN;
	if (!host->is_carried) {
		lose_host(plan, host, way);
		return;
	}
	choose_title(plan, host, names);
	place_host(plan, host, way, names);
	listen_at_host(plan, host, server);
	set_texts(plan, host);
	set_host_tls(plan, host, way == BY_ADDRESS);
	set_modes(plan, host);
	set_sessions(plan, host);
	note_common(plan, host);
	note_host_place(plan, host);
}

/* The server's directive that the line of a host is. */
static size_t
origin_of(const struct migrate_plan *plan, const struct directive *line)
{
	size_t i = 0;

	while (i + 1 < plan->count && plan->directives[i].shown != line->shown)
		i++;
	return i;
}

/* A server that is off, or has implicit TLS alone, does not listen where ours does by default. */
static void
settle_hosts_listen(struct migrate_plan *plan, const struct spot *server)
{
	bool has_tls = migrate_value_of(plan, "listen-tls")->text != NULL;

	if (migrate_value_of(plan, "listen")->text != NULL || !(is_off(server) || migrate_is_implicit(plan)))
		return;
	if (has_tls)
		migrate_set_empty(plan, "listen", migrate_said(plan, is_off(server) ? "Port" : "TLSOptions"));
	else if (is_off(server))
		migrate_set(plan, "listen", "*:0", migrate_said(plan, "Port"), MIGRATE_COMFORT);
}

int
migrate_hosts_settle(struct migrate_plan *plan, size_t *directive, const char **problem)
{
	char names[NAMES_MAX + 1];
	struct spot server;
	size_t at;

	spot_of_server(plan, &server);
	gather_names(plan, plan, names);
	if (names[0] != '\0')
		migrate_set(plan, "server-name", names, migrate_said(plan, "ServerAlias"), MIGRATE_COMFORT);
	for (size_t i = 0; plan->hosts != NULL && i < plan->hosts->count; i++) {
		struct migrate_host *host = plan->hosts->list[i];
		int r = gather_lines(plan, i + 1);

		if (r == 0)
			r = migrate_plan_settle(&host->plan, &at, problem);
		if (r == -EINVAL)
			*directive = origin_of(plan, &host->plan.directives[at]);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; plan->hosts != NULL && i < plan->hosts->count; i++)
		carry_host(plan, plan->hosts->list[i], &server);
	settle_hosts_listen(plan, &server);
	return 0;
}

void
migrate_hosts_join_notes(struct migrate_plan *plan)
{
	for (size_t i = 0; plan->hosts != NULL && i < plan->hosts->count; i++)
		if (plan->hosts->list[i]->is_carried)
			migrate_plan_join_notes(plan, &plan->hosts->list[i]->plan);
}

/* --- the file --- */

static void
write_host(const struct migrate_plan *plan, const struct migrate_host *host, struct buf *out)
{
	buf_add_text(out, "\n# ");
	migrate_write_place(begin_of(plan, host), out);
	buf_addf(out, "\n" CONFIG_SERVER_SECTION " \"%s\" {\n", host->title);
	for (size_t i = 0; i < config_server_key_count; i++) {
		if (i == server_key("accounts") && host->users != NULL) {
			buf_add_text(out, "    accounts = ");
			migrate_write_quoted(out, host->users);
			buf_add_text(out, "\n");
		}
		if (host->values[i].text != NULL)
			migrate_value_write(&host->values[i], &config_server_keys[i], plan->peer->title, "    ", out);
	}
	buf_add_text(out, "}\n");
}

void
migrate_hosts_write(const struct migrate_plan *plan, struct buf *out)
{
	for (size_t i = 0; i < plan->hosts->count; i++)
		if (plan->hosts->list[i]->is_carried)
			write_host(plan, plan->hosts->list[i], out);
}
