/* SPDX-License-Identifier: ISC */
#include "admin/server_option.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/ctl.h"
#include "config/config.h"
#include "config/servers.h"

#include "common/banned.h"

static int
replace_text(char **text, const char *by)
{
	char *copy = strdup(by);

	if (copy == NULL)
		return -ENOMEM;
	free(*text);
	*text = copy;
	return 0;
}

int
server_option_use(struct config *config, unsigned long server)
{
	const struct config_server *of = &config->servers[server];
	int r = replace_text(&config->accounts, of->accounts);

	if (r == 0)
		r = replace_text(&config->home_directory, of->home_directory);
	if (r == 0)
		r = replace_text(&config->tls.certificate, of->tls.certificate);
	return r == 0 ? replace_text(&config->tls.key, of->tls.key) : r;
}

static int
find_named_server(const struct ctl *ctl)
{
	const char *name = ctl->value[OPTION_SERVER];
	int server = servers_titled(ctl->config, name);

	if (server > 0)
		return server;
	ctl_error("no section 'server \"%s\"' in '%s'; without --server, the command is about the main server",
	    ctl_quote(name), ctl_quote(ctl->config_path));
	return -ENOENT;
}

/* The server of a name in full, which becomes a short one; 0: it is none. */
static size_t
shorten_name(const struct ctl *ctl, const char **name, char shortened[ACCOUNT_NAME_MAX + 1])
{
	size_t len = 0, server = *name == NULL ? 0 : servers_of_name(ctl->config, *name, &len);

	if (server == 0 || len > ACCOUNT_NAME_MAX)
		return 0;
	snprintf(shortened, ACCOUNT_NAME_MAX + 1, "%.*s", (int)len, *name);
	*name = shortened;
	return server;
}

int
server_option_take(struct ctl *ctl, bool has_name)
{
	size_t of_operand = has_name ? shorten_name(ctl, &ctl->operand, ctl->short_names[0]) : 0;
	size_t of_user = shorten_name(ctl, &ctl->value[OPTION_USER], ctl->short_names[1]);
	int server = (int)(of_operand != 0 ? of_operand : of_user);

	if (ctl->value[OPTION_SERVER] != NULL) {
		server = find_named_server(ctl);
		if (server < 0)
			return server;
	}
	if ((of_operand != 0 && of_operand != (size_t)server) || (of_user != 0 && of_user != (size_t)server)) {
		ctl_error("names of accounts of different servers; name one server");
		return -EINVAL;
	}
	if (server == 0)
		return 0;
	if (ctl->given[OPTION_STORE]) {
		ctl_error("--store and server '%s' together; a further server has no database",
		    ctl->config->servers[server].name);
		return -EINVAL;
	}
	ctl->server = servers_book(ctl->config, (size_t)server);
	return server_option_use(ctl->config, (unsigned long)server);
}

void
ctl_full_name(const struct ctl *ctl, const char *name, char full[CTL_FULL_NAME_SIZE])
{
	const char *server = ctl->config == NULL ? "" : servers_suffix(ctl->config, ctl->server);

	snprintf(full, CTL_FULL_NAME_SIZE, "%s%s%s", name, server[0] == '\0' ? "" : "@", server);
}

const char *
ctl_server_words(const struct ctl *ctl)
{
	static char words[SERVER_NAME_MAX + 16];
	const char *server = ctl->config == NULL ? "" : servers_suffix(ctl->config, ctl->server);

	snprintf(words, sizeof(words), "%s%s", server[0] == '\0' ? "" : " --server ", server);
	return words;
}
