/* SPDX-License-Identifier: ISC */
#include "admin/store_database.h"

#include <errno.h>
#include <grp.h>
#include <jansson.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "admin/store_tool.h"
#include "common/text.h"
#include "config/broker.h"
#include "config/config.h"

#include "common/banned.h"

#define ROLES_MAX 4
#define BROKER_USER_OF_PACKAGE "sallyport-broker"
#define ROLE_TEXT_MAX 256

/* --- init and upgrade --- */

/* As "password=" or as "postgresql://USER:PASSWORD@"; all users can see arguments. */
static bool
names_password(const char *connect)
{
	const char *user = strstr(connect, "://");
	size_t user_len = user == NULL ? 0 : strcspn(user + 3, "@/");

	return strstr(connect, "password") != NULL ||
	    (user != NULL && user[3 + user_len] == '@' && memchr(user + 3, ':', user_len) != NULL);
}

/* The connection string of the command line, or the administrator's file. */
static int
choose_way(const struct ctl *ctl, struct store_way *way)
{
	if (ctl->operand != NULL && ctl->given[OPTION_STORE_CONF]) {
		ctl_error("a connection string and --store-conf together; keep one of them");
		return -EINVAL;
	}
	if (ctl->operand != NULL && names_password(ctl->operand)) {
		ctl_error(
		    "a password on the command line is everybody's to read; write connect = \"...\" into a file of mode "
		    "0600, and name it with --store-conf");
		return -EINVAL;
	}
	if (ctl->operand == NULL)
		*way = store_way_of(ctl);
	else
		*way = (struct store_way){.connect = ctl->operand};
	way->as_user = ctl->value[OPTION_AS];
	if (way->as_user != NULL && getpwnam(way->as_user) == NULL) {
		ctl_error("there is no system user '%s'; name that of the database, such as 'postgres'",
		    ctl_quote(way->as_user));
		return -ENOENT;
	}
	if (way->as_user == NULL || ctl->operand != NULL)
		return 0;
	ctl_error("--as needs a connection string, since '%s' is root's: store %s \"dbname=sallyport user=%s\" --as %s",
	    ctl_quote(way->conf), ctl->verb, ctl_quote(way->as_user), ctl_quote(way->as_user));
	return -EINVAL;
}

/* What "role" lines said: "ROLE PASSWORD" of a new one, or "ROLE". And of what database; "-" is not known. */
struct made_roles {
	char text[ROLES_MAX][ROLE_TEXT_MAX];
	size_t count;
	char version[16], database[128], host[256];
};

/* The password of a role that was made now; NULL: it was there. */
static const char *
password_of(const struct made_roles *roles, const char *role)
{
	size_t len = strlen(role);

	for (size_t i = 0; i < roles->count; i++)
		if (strncmp(roles->text[i], role, len) == 0 && roles->text[i][len] == ' ')
			return roles->text[i] + len + 1;
	return NULL;
}

/* What is known of the connection, or a word in capitals that config_check_broker() does not let pass. */
static const char *
known_or(const char *text, const char *placeholder)
{
	return strcmp(text, "-") == 0 ? placeholder : ctl_quote(text);
}

static void
print_connect(const struct made_roles *roles, const char *file, const char *mode, const char *role)
{
	const char *password = password_of(roles, role);

	printf("# %s (%s)\nconnect = \"host=%s", file, mode, known_or(roles->host, "HOST"));
	printf(" dbname=%s user=%s", known_or(roles->database, "DATABASE"), role);
	printf(" password=%s sslrootcert=" SYSCONFDIR "/sallyport/store/ca.pem\"\n",
	    password == NULL ? "PASSWORD" : ctl_quote(password));
}

static void
print_advice(const struct ctl *ctl, const struct made_roles *roles)
{
	const char *node = password_of(roles, "sallyport_node"), *admin = password_of(roles, "sallyport_admin");
	const char *broker = ctl->config->broker_user[0] == '\0' ? BROKER_USER_OF_PACKAGE : ctl->config->broker_user;
	char readers[128];

	printf("schema: version %s\n", ctl_shown(roles->version));
	if (node != NULL || admin != NULL)
		printf("The passwords below are shown this once.\n");
	printf("\nOn each server, with words of yours for those in capitals:\n\n");
	snprintf(readers, sizeof(readers), "root:%s, mode 0640", broker);
	print_connect(roles, SYSCONFDIR "/sallyport/store/store.conf", readers, "sallyport_node");
	printf("\n");
	print_connect(roles, ADMIN_CONF_DEFAULT, "root, mode 0600", "sallyport_admin");
	printf("\n# %s\naccounts = \"%s%spostgresql:" SYSCONFDIR
	       "/sallyport/store/store.conf\"\nbroker-user = \"%s\"\n",
	    ctl_quote(ctl->config_path), ctl_quote(ctl->config->accounts), ctl->config->accounts[0] == '\0' ? "" : ",",
	    broker);
	printf(
	    "\nOn the host of the database, a line for each network of servers in pg_hba.conf, then 'SELECT pg_reload_conf()':\n\n"
	    "hostssl %s sallyport_node,sallyport_admin ADDRESS/BITS scram-sha-256\n",
	    known_or(roles->database, "DATABASE"));
	if (node == NULL || admin == NULL)
		printf(
		    "\nThe password of a role that was there stays as it is; '\\password ROLE' of psql sets another.\n");
}

static enum ctl_exit
report_init(const struct ctl *ctl, const struct made_roles *roles)
{
	const char *node = password_of(roles, "sallyport_node"), *admin = password_of(roles, "sallyport_admin");

	if (!ctl->is_json) {
		print_advice(ctl, roles);
		return CTL_DONE;
	}
	return ctl_print_json(json_pack("{s:s, s:s?, s:s?}", "version", ctl_shown(roles->version),
	    "sallyport_node_password", node == NULL ? NULL : ctl_quote(node), "sallyport_admin_password",
	    admin == NULL ? NULL : ctl_quote(admin)));
}

/* runs as the administrator of the database, who may be another user than root */
enum ctl_exit
store_init(struct ctl *ctl)
{
	struct made_roles roles = {.count = 0};
	enum ctl_exit status = CTL_FAILED;
	struct store_tool *tool;
	struct store_way way;
	const char *text;
	size_t len;
	int answer;

	if (choose_way(ctl, &way) < 0)
		return CTL_USAGE;
	tool = store_tool_start(ctl, "init", &way);
	while (tool != NULL && (answer = store_tool_answer(tool, &text, &len)) != DIALOG_DONE) {
		if (answer != DIALOG_ROLE || len >= ROLE_TEXT_MAX || roles.count == ROLES_MAX) {
			if (answer >= 0)
				store_tool_refuse(tool, "an answer to another question");
			goto out;
		}
		memcpy(roles.text[roles.count++], text, len + 1);
	}
	if (tool == NULL)
		goto out;
	if (sscanf(text, "%15[0-9] %127[A-Za-z0-9._-] %255[A-Za-z0-9._-]", roles.version, roles.database, roles.host) !=
	    3)
		store_tool_refuse(tool, "an answer to another question");
	else
		status = report_init(ctl, &roles);
out:
	explicit_bzero(&roles, sizeof(roles));
	store_tool_end(tool);
	return status;
}

enum ctl_exit
store_upgrade(struct ctl *ctl)
{
	enum ctl_exit status = CTL_FAILED;
	char from[16], to[16];
	struct store_tool *tool;
	struct store_way way;
	const char *text;
	size_t len;

	if (choose_way(ctl, &way) < 0)
		return CTL_USAGE;
	tool = store_tool_start(ctl, "upgrade", &way);
	if (tool == NULL || store_tool_expect(tool, DIALOG_DONE, &text, &len) < 0)
		goto out;
	if (sscanf(text, "%15[0-9] %15[0-9]", from, to) != 2) {
		store_tool_refuse(tool, "an answer to another question");
		goto out;
	}
	status = CTL_DONE;
	if (ctl->is_json)
		status = ctl_print_json(json_pack("{s:s, s:s}", "from", from, "to", to));
	else if (strcmp(from, to) == 0)
		printf("the schema has version %s already\n", to);
	else
		printf("the schema had version %s, and has %s now\n", from, to);
out:
	store_tool_end(tool);
	return status;
}

/* --- check --- */

static const char *
verdict_word(int answer)
{
	switch (answer) {
	case DIALOG_HOLDS:
		return "holds";
	case DIALOG_WRONG:
		return "WRONG";
	case DIALOG_NOTE:
		return "note";
	default:
		return NULL;
	}
}

static void
tell_row(json_t *rows, const char *verdict, const char *text)
{
	if (rows == NULL)
		printf("%-6s %s\n", verdict, ctl_shown(text));
	else
		json_array_append_new(rows, json_pack("{s:s, s:s}", "verdict", verdict, "what", ctl_shown(text)));
}

/* Whether a server takes the file and can open it, as 'config check' asks; for the server's own alone. */
static bool
check_broker_of_server(const struct ctl *ctl, const struct store_way *way, json_t *rows)
{
	char why[CONFIG_BROKER_ERROR_MAX];

	if (way->readers == 0 || config_check_broker(ctl->config, why, sizeof(why)) == 0)
		return true;
	tell_row(rows, "WRONG", why);
	return false;
}

/* Check one connection; its rows are printed, or added to rows. */
static bool
check_way(const struct ctl *ctl, const struct store_way *way, json_t *rows)
{
	struct store_tool *tool = store_tool_start(ctl, "check", way);
	bool is_good = tool != NULL;
	const char *text;
	size_t len;
	int answer;

	if (rows == NULL && tool != NULL)
		printf("%s:\n", ctl_quote(way->conf));
	is_good = is_good && check_broker_of_server(ctl, way, rows);
	while (tool != NULL && (answer = store_tool_answer(tool, &text, &len)) != DIALOG_DONE) {
		const char *verdict = verdict_word(answer);

		if (verdict == NULL && answer >= 0)
			store_tool_refuse(tool, "an answer to another question");
		if (verdict == NULL) {
			is_good = false;
			break;
		}
		is_good = is_good && answer != DIALOG_WRONG;
		tell_row(rows, verdict, text);
	}
	store_tool_end(tool);
	return is_good;
}

/* The group that reads the server's file besides root. */
static gid_t
broker_group(const struct config *config)
{
	const struct passwd *user = getpwnam(config->broker_user);

	return user == NULL ? 0 : user->pw_gid;
}

enum ctl_exit
store_check_database(struct ctl *ctl)
{
	json_t *list = ctl->is_json ? json_array() : NULL;
	struct store_way ways[2];
	size_t count = 1;
	bool is_good = true;

	if (ctl_load_config(ctl) < 0) {
		json_decref(list);
		return CTL_FAILED;
	}
	ways[0] = store_way_of(ctl);
	if (config_has_store(ctl->config) && !ctl->given[OPTION_STORE_CONF])
		ways[count++] =
		    (struct store_way){.conf = ctl->config->store_conf, .readers = broker_group(ctl->config)};
	for (size_t i = 0; i < count; i++) {
		json_t *rows = list == NULL ? NULL : json_array();
		bool is_way_good = check_way(ctl, &ways[i], rows);

		is_good = is_good && is_way_good;
		if (list != NULL)
			json_array_append_new(list,
			    json_pack("{s:s, s:b, s:o}", "file", ctl_quote(ways[i].conf), "good", (int)is_way_good,
				"checks", rows));
	}
	if (list != NULL && ctl_print_json(list) != CTL_DONE)
		return CTL_FAILED;
	return is_good ? CTL_DONE : CTL_FAILED;
}
