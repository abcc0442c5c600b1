/* SPDX-License-Identifier: ISC */
#include "config/servers.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "common/buf.h"
#include "config/keys.h"

#include "common/banned.h"

#define TOLD_MAX 4608 /* bytes of an error: two paths are not in one */

/* --- which server a session is with --- */

/* True when name is one of a list separated by commas and blanks. */
static bool
is_listed(const char *list, const char *name)
{
	size_t len = strlen(name);

	while (*list != '\0') {
		size_t word;

		list += strspn(list, ", ");
		word = strcspn(list, ", ");
		if (word == len && strncasecmp(list, name, len) == 0)
			return true;
		list += word;
	}
	return false;
}

static bool
has_own_address(const struct config_server *server, const union address *address)
{
	for (size_t i = 0; i < server->address_count; i++)
		if (address_same_host(&server->addresses[i], address))
			return true;
	return false;
}

static bool
has_own_name(const struct config_server *server, const char *name)
{
	return strcasecmp(server->name, name) == 0 || is_listed(server->names, name);
}

uint8_t
servers_at(const struct config *config, const union address *dialled)
{
	for (size_t i = 1; i < config->server_count; i++)
		if (has_own_address(&config->servers[i], dialled))
			return (uint8_t)i;
	return 0;
}

bool
servers_eligible(const struct config *config, size_t server, const union address *dialled)
{
	size_t owner = servers_at(config, dialled);

	if (server >= config->server_count)
		return false;
	return owner != 0 ? server == owner : config->servers[server].address_count == 0;
}

/* Without server-name, the main server has every name but those of the others, wherever they are. */
static bool
main_has_name(const struct config *config, const char *name)
{
	if (config->server_name[0] != '\0')
		return is_listed(config->server_name, name);
	for (size_t i = 1; i < config->server_count; i++)
		if (has_own_name(&config->servers[i], name))
			return false;
	return true;
}

int
servers_named(const struct config *config, const union address *dialled, const char *name)
{
	size_t owner = servers_at(config, dialled);

	if (owner != 0)
		return has_own_name(&config->servers[owner], name) ? (int)owner : -ENOENT;
	for (size_t i = 1; i < config->server_count; i++)
		if (config->servers[i].address_count == 0 && has_own_name(&config->servers[i], name))
			return (int)i;
	return main_has_name(config, name) ? 0 : -ENOENT;
}

uint8_t
servers_choose(const struct config *config, const union address *dialled, const char *name)
{
	int named = name[0] == '\0' ? -ENOENT : servers_named(config, dialled, name);

	return named < 0 ? servers_at(config, dialled) : (uint8_t)named;
}

int
servers_titled(const struct config *config, const char *title)
{
	for (size_t i = 0; i < config->server_count; i++)
		if (strcasecmp(config->servers[i].name, title) == 0)
			return (int)i;
	return -ENOENT;
}

uint8_t
servers_book(const struct config *config, size_t server)
{
	return server == 0 || strcmp(config->servers[server].accounts, config->servers[0].accounts) == 0
	    ? 0
	    : (uint8_t)server;
}

const char *
servers_suffix(const struct config *config, size_t server)
{
	return server == 0 || servers_book(config, server) == 0 ? "" : config->servers[server].name;
}

uint8_t
servers_of_name(const struct config *config, const char *full_name, size_t *len)
{
	const char *at = strrchr(full_name, '@');
	bool has_both = at != NULL && at > full_name && at[1] != '\0';

	*len = has_both ? (size_t)(at - full_name) : strlen(full_name);
	for (size_t i = 1; has_both && i < config->server_count; i++)
		if (strcasecmp(servers_suffix(config, i), at + 1) == 0)
			return (uint8_t)i;
	*len = strlen(full_name);
	return 0;
}

/* The main server is what the top says, also in a configuration that nobody has loaded. */

const char *
servers_accounts(const struct config *config, size_t server)
{
	return server == 0 ? config->accounts : config->servers[server].accounts;
}

const char *
servers_host(const struct config *config, size_t server)
{
	return server == 0 ? config->host : config->servers[server].name;
}

const char *
servers_banner(const struct config *config, size_t server)
{
	return server == 0 ? config->banner : config->servers[server].banner;
}

const char *
servers_greeting(const struct config *config, size_t server)
{
	return server == 0 ? config->greeting : config->servers[server].greeting;
}

const char *
servers_login_message(const struct config *config, size_t server)
{
	return server == 0 ? config->login_message_text : config->servers[server].login_message_text;
}

bool
servers_require_tls(const struct config *config, size_t server)
{
	return server == 0 ? config->tls.require : config->servers[server].tls.require;
}

/* --- sections of the file --- */

static size_t
server_key_index(const char *name)
{
	size_t i = 0;

	while (i < config_server_key_count && strcmp(config_server_keys[i].name, name) != 0)
		i++;
	return i;
}

static int
line_of_server_key(const struct config_server *server, const char *name)
{
	int line = server->lines[server_key_index(name)];

	return line > 0 ? line : server->line;
}

int
servers_line(const struct config *config, size_t server, const char *name)
{
	return line_of_server_key(&config->servers[server], name);
}

void
servers_place(const struct config *config, size_t server, const char *name, char place[CONFIG_PLACE_MAX])
{
	const struct config_server *it = &config->servers[server];

	snprintf(place, CONFIG_PLACE_MAX, "%s:%d: " CONFIG_SERVER_SECTION " \"%s\": %s: ", config->path,
	    line_of_server_key(it, name), it->name, name);
}

static char **
server_text(struct config_server *server, const struct config_key *key)
{
	return (char **)(void *)((char *)server + key->offset);
}

/* No text of a server is NULL, so that whoever reads one need not ask. */
static int
fill_empty_server(struct config_server *server, const char *title)
{
	bool is_complete;

	server->name = strdup(title);
	is_complete = server->name != NULL;
	for (size_t i = 0; i < config_server_key_count; i++) {
		if (!key_is_text(&config_server_keys[i]))
			continue;
		*server_text(server, &config_server_keys[i]) = strdup("");
		is_complete = is_complete && *server_text(server, &config_server_keys[i]) != NULL;
	}
	return is_complete ? 0 : -ENOMEM;
}

struct config_server *
servers_add(struct config *config, const char *title, int *error)
{
	struct config_server *more;

	*error = -E2BIG;
	if (config->server_count > CONFIG_SERVERS_MAX)
		return NULL;
	*error = -ENOMEM;
	more = reallocarray(config->servers, config->server_count + 1, sizeof(*more));
	if (more == NULL)
		return NULL;
	config->servers = more;
	more += config->server_count++;
	memset(more, 0, sizeof(*more));
	*error = fill_empty_server(more, title);
	return *error < 0 ? NULL : more;
}

void
servers_free(struct config *config)
{
	for (size_t i = 0; i < config->server_count; i++) {
		struct config_server *server = &config->servers[i];

		free(server->name);
		free(server->greeting);
		free(server->login_message_text);
		for (size_t k = 0; k < config_server_key_count; k++)
			if (key_is_text(&config_server_keys[k]))
				free(*server_text(server, &config_server_keys[k]));
	}
	free(config->servers);
	free(config->books);
	config->books = NULL;
	config->servers = NULL;
	config->server_count = 0;
}

/* --- what sections say together --- */

struct servers_checking {
	const struct config *config;
	void (*tell)(void *arg, int line, const char *text);
	void *arg;
};

static void __attribute__((format(printf, 4, 5))) refuse_server(const struct servers_checking *checking,
    const struct config_server *server, const char *key, const char *format, ...)
{
	int line = line_of_server_key(server, key);
	char text[TOLD_MAX];
	va_list args;
	int len;

	len = snprintf(text, sizeof(text), CONFIG_SERVER_SECTION " \"%s\": %s: ", server->name, key);
	va_start(args, format);
	vsnprintf(text + len, sizeof(text) - (size_t)len, format, args);
	va_end(args);
	checking->tell(checking->arg, line, text);
}

static void
check_addresses(const struct servers_checking *checking, const struct config_server *server)
{
	char address[ADDRESS_TEXT_MAX];

	for (const struct config_server *other = &checking->config->servers[1]; other < server; other++) {
		for (size_t i = 0; i < server->address_count; i++) {
			if (!has_own_address(other, &server->addresses[i]))
				continue;
			address_text(&server->addresses[i], address);
			refuse_server(checking, server, "address",
			    "'%s' is an address of server \"%s\" as well, in line %d; servers that share an address have none of their own, and each its names",
			    address, other->name, other->line);
		}
	}
}

/* The first name of server, its title included, that other has, too; "" for none. */
static void
find_shared_name(const struct config_server *server, const struct config_server *other, char *name, size_t size)
{
	const char *next = server->name;
	size_t len;

	for (next = server->names; *next != '\0'; next += len + (next[len] == ',')) {
		len = strcspn(next, ",");
		snprintf(name, size, "%.*s", (int)len, next);
		if (has_own_name(other, name))
			return;
	}
	snprintf(name, size, "%s", has_own_name(other, server->name) ? server->name : "");
}

/* Servers with addresses of their own are never eligible together with another one. */
static void
check_names(const struct servers_checking *checking, const struct config_server *server)
{
	const struct config *config = checking->config;
	const struct config_server main_server = {.name = (char *)"", .names = config->server_name};
	char name[1100];

	if (server->address_count > 0)
		return;
	for (const struct config_server *other = &config->servers[1]; other < server; other++) {
		find_shared_name(server, other, name, sizeof(name));
		if (name[0] != '\0' && other->address_count == 0)
			refuse_server(checking, server, "names",
			    "'%s' is a name of server \"%s\" as well, in line %d; remove it from one of them, or give each an address",
			    name, other->name, other->line);
	}
	find_shared_name(server, &main_server, name, sizeof(name));
	if (name[0] != '\0')
		refuse_server(
		    checking, server, "names", "'%s' is in server-name as well; remove it from one of them", name);
}

/* By whatever path: behind two names it would be read twice, and each account of it be two, with two quotas. */
static bool
is_one_file(const char *path, const char *other)
{
	struct stat it, that;

	return strcmp(path, other) == 0 ||
	    (stat(path, &it) == 0 && stat(other, &that) == 0 && it.st_dev == that.st_dev && it.st_ino == that.st_ino);
}

static void
check_server_accounts(const struct servers_checking *checking, const struct config_server *server)
{
	const struct config *config = checking->config;

	if (server->accounts[0] == '\0' || strcmp(server->accounts, config->accounts) == 0)
		return;
	if (strstr(server->accounts, ",postgresql:") != NULL || strstr(server->accounts, ",pam:") != NULL)
		refuse_server(checking, server, "accounts",
		    "more than a users file: '%s'; a database and PAM are for the server outside of all sections alone",
		    server->accounts);
	if (is_one_file(server->accounts, config->accounts))
		refuse_server(checking, server, "accounts",
		    "'%s' is the users file outside of all sections; write '%s' as there, or remove this line",
		    server->accounts, config->accounts);
	for (const struct config_server *other = &config->servers[1]; other < server; other++)
		if (is_one_file(server->accounts, other->accounts))
			refuse_server(checking, server, "accounts",
			    "'%s' is the users file of server \"%s\" as well, in line %d; give each a file of its own, or make them one server with more names",
			    server->accounts, other->name, other->line);
}

static void
check_server_pair(const struct servers_checking *checking, const struct config_server *server)
{
	bool has_certificate = server->tls.certificate[0] != '\0', has_key = server->tls.key[0] != '\0';

	if (has_certificate && !has_key)
		refuse_server(checking, server, "certificate", "has no key; set key to the file of its private key");
	if (has_key && !has_certificate)
		refuse_server(
		    checking, server, "key", "has no certificate; set certificate to the file of the certificate");
	if (has_certificate && server->address_count == 0 && checking->config->tls.certificate[0] == '\0')
		refuse_server(checking, server, "certificate",
		    "clients that name no server in TLS would have none; set tls.certificate, or give the server an address of its own");
}

void
servers_check(const struct config *config, void (*tell)(void *arg, int line, const char *text), void *arg)
{
	const struct servers_checking checking = {.config = config, .tell = tell, .arg = arg};

	for (size_t i = 1; i < config->server_count; i++) {
		check_addresses(&checking, &config->servers[i]);
		check_names(&checking, &config->servers[i]);
		check_server_accounts(&checking, &config->servers[i]);
		check_server_pair(&checking, &config->servers[i]);
	}
}

/* --- what a section does not say --- */

static int
inherit_text(char **text, const char *from)
{
	if ((*text)[0] != '\0')
		return 0;
	free(*text);
	*text = strdup(from);
	return *text == NULL ? -ENOMEM : 0;
}

/* A pair is inherited as a pair. */
static int
inherit_server(struct config_server *server, const struct config *config)
{
	bool has_pair = server->tls.certificate[0] != '\0';
	int r = 0;

	if (inherit_text(&server->accounts, config->accounts) < 0 ||
	    inherit_text(&server->home_directory, config->home_directory) < 0 ||
	    inherit_text(&server->banner, config->banner) < 0 ||
	    inherit_text(&server->login_message, config->login_message) < 0)
		r = -ENOMEM;
	if (r == 0 && !has_pair &&
	    (inherit_text(&server->tls.certificate, config->tls.certificate) < 0 ||
		inherit_text(&server->tls.key, config->tls.key) < 0))
		r = -ENOMEM;
	if (server->lines[server_key_index("require-tls")] == 0)
		server->tls.require = config->tls.require;
	return r;
}

static int
name_books(struct config *config)
{
	struct buf names;

	buf_init(&names, (SERVER_NAME_MAX + 1) * CONFIG_SERVERS_MAX + 1);
	for (size_t i = 1; i < config->server_count; i++)
		if (servers_book(config, i) != 0)
			buf_addf(&names, "%s%s", names.len > 0 ? "," : "", config->servers[i].name);
	config->books = strdup(names.data == NULL ? "" : names.data);
	buf_free(&names);
	return config->books == NULL ? -ENOMEM : 0;
}

int
servers_inherit(struct config *config)
{
	int r = inherit_text(&config->servers[0].names, config->server_name);

	for (size_t i = 0; i < config->server_count && r == 0; i++)
		r = inherit_server(&config->servers[i], config);
	return r < 0 ? r : name_books(config);
}
