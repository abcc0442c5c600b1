/* SPDX-License-Identifier: ISC */
/*
 * The configuration file (sallyport.conf(5)): parsed once, checked, handed on as const.
 * One table (config_keys[]) lists every key with type, default, range and help.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/address.h"
#include "common/bounds.h"

#define CONFIG_FILE_DEFAULT SYSCONFDIR "/sallyport/sallyport.conf"
#define CONFIG_LISTEN_MAX 16
#define PAM_SERVICE_MAX 63	/* bytes of the name of a file in /etc/pam.d */
#define CONFIG_BLOCKS_MAX 64
#define CONFIG_LOGIN_MESSAGE_MAX 8192
#define CONFIG_SERVERS_MAX 64	/* sections "server" */
#define CONFIG_SERVER_ADDRESSES_MAX 16
#define CONFIG_SERVER_KEYS_MAX 16

/* One "host:port" of listen, listen-tls, listen-proxied or listen-proxied-tls. */
struct config_listen {
	bool any_family;	/* "*:port": IPv4 and IPv6; address is not used then */
	union address address;	/* with port */
	uint16_t port;		/* 0: the kernel chooses; the port chosen is logged */
	int line;		/* of the file; 0: the default */
};

/* How the proxy's client reaches a passive port; see sallyport.conf(5). */
enum config_proxy_data { PROXY_DATA_HEADER, PROXY_DATA_THROUGH, PROXY_DATA_DIRECT };

enum config_uploads { UPLOADS_ATOMIC, UPLOADS_IN_PLACE };
enum config_log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };
enum config_tls_version { CONFIG_TLS_1_2, CONFIG_TLS_1_3 };

/*
 * One server of several in one: the main one, which is what the keys outside of the sections "server" say, or such a
 * section. What a section does not say is as it is for the main server.
 */
struct config_server {
	char *name;	/* the title in lower case; "": the main server */
	char *names;	/* further ones for HOST and TLS, with ',' between them; of the main server all, and "": any */
	union address addresses[CONFIG_SERVER_ADDRESSES_MAX];	/* at which it alone is */
	size_t address_count;	/* 0: it is at every address that no other one has */
	char *accounts;	/* the users file; "": none */
	char *home_directory;
	char *banner;
	char *greeting;	/* the reply 220 with the banner, as it is sent; never NULL */
	char *login_message;
	char *login_message_text;	/* never NULL */
	struct {
		char *certificate, *key;	/* "": none */
		bool require;
	} tls;
	int line;	/* of the section; 0: the main server */
	int lines[CONFIG_SERVER_KEYS_MAX];	/* by index of config_server_keys[]: where each was set; 0: nowhere */
};

struct config {
	char *path;	/* of the file */
	int *lines;	/* by index of config_keys[]: where each was set; see config_place() */
	struct config_listen listen[CONFIG_LISTEN_MAX];
	size_t listen_count;
	struct config_listen listen_tls[CONFIG_LISTEN_MAX];
	size_t listen_tls_count;
	struct config_listen listen_proxied[CONFIG_LISTEN_MAX];
	size_t listen_proxied_count;
	struct config_listen listen_proxied_tls[CONFIG_LISTEN_MAX];
	size_t listen_proxied_tls_count;
	struct address_block proxy_from[CONFIG_BLOCKS_MAX];	/* never empty where one of them is not */
	size_t proxy_from_count;
	enum config_proxy_data proxy_data;
	char *service_user;
	char *accounts;		/* the users file; "": none, and PAM alone */
	char *store_conf;	/* of the database, asked about accounts that the file does not have; "": none */
	char *pam_services;	/* that accounts of a database may name, with ',' between them; "": none */
	char pam_service[PAM_SERVICE_MAX + 1];	/* asked about users that neither has; "": none */
	char *broker_user;	/* who speaks with the database; never "" where there is one */
	char *libexec_directory;	/* of programs that only the server runs */
	char *home_directory;	/* of the homes of new accounts, and of all homes that the database may name */
	char *state_directory;
	char *runtime_directory;
	char *banner;
	char *greeting;	/* the reply 220 with the banner, as it is sent but for variables; never NULL */
	char *host;	/* the first of server_name, or else the name of the machine; never NULL */
	char *server_name;	/* names for HOST with ',' between them; "": any */
	char *login_message;	/* absolute path, or "" */
	char *login_message_text;	/* what it held: lines ended by '\n', no other control characters; never NULL */
	bool directory_message;
	uint16_t passive_port_low, passive_port_high;
	bool passive_address_auto;
	char *passive_address;	/* numeric or a host name when not auto; otherwise "auto" */
	bool active_mode;
	uint16_t active_port;	/* 0: any */
	bool mode_z;
	uint64_t mode_z_limit;	/* bytes that one upload may expand to */
	enum config_uploads uploads;
	bool upload_sync;
	uint64_t partial_keep_s;
	char *metrics_listen;	/* "", "ADDRESS:PORT" or "unix:/PATH" */
	union address metrics_address;	/* of ADDRESS:PORT: loopback */
	uint32_t metrics_quota_users;	/* 0: no accounts are shown */
	char *on_upload;	/* absolute path of a program, or "" */
	char *hook_user;	/* "": the service user */
	uint32_t hook_timeout_s, hook_queue, hook_tries;
	uint32_t file_mode, directory_mode;
	uint32_t uid_low, uid_high;
	struct {
		char *target;	/* "syslog", "journal", "stderr" or an absolute path */
		enum config_log_format format;
		int level;	/* enum log_level (common/log_level.h) */
		char *xferlog;	/* absolute path, or "" */
	} log;
	struct {
		char *certificate, *key;	/* absolute paths, or "" */
		enum config_tls_version minimum;
		bool require, require_data_reuse, require_close;
	} tls;
	struct {
		uint32_t sessions, sessions_per_address, sessions_per_user, login_failures;
		uint64_t ban_time_s;
		struct address_block never_ban[CONFIG_BLOCKS_MAX];
		size_t never_ban_count;
		uint32_t concurrent_hashes;	/* never 0: the default is the number of CPUs */
		uint32_t concurrent_pam;
		uint32_t concurrent_work;	/* never 0, as concurrent_hashes */
		uint32_t work_per_user;
	} limits;
	struct {
		uint32_t login_s, idle_s, data_connect_s, stall_s, drain_s;
	} timeouts;
	struct config_server *servers;	/* the main one first; see servers.h */
	size_t server_count;		/* never 0 in a configuration that was loaded */
	char *books;	/* names of the servers with users files of their own, with ',' between; never NULL then */
};

/*
 * Read and check a configuration file, and read the file of login-message.
 *
 * path   the file; a missing file is an error.
 * error  called with one line for each error, without a newline: "FILE:LINE: KEY: what is wrong with VALUE; what
 *        would be right".
 * out    set only on success; the caller frees it with config_free().
 *
 * Returns 0, -EINVAL (errors were reported), -ENOMEM, or -errno of opening the file (reported too).
 */
int config_load(const char *path, void (*error)(void *arg, const char *line), void *arg, struct config **out);

void config_free(struct config *config);

/* Does accounts name a database? */
bool config_has_store(const struct config *config);

/* Does the configuration name this PAM service, in accounts or pam-services? */
bool config_names_pam_service(const struct config *config, const char *service);

/* Does it name any? */
bool config_has_pam(const struct config *config);

/* Does the server listen for a proxy? */
bool config_has_proxied(const struct config *config);

/* Is address one of proxy-from? */
bool config_is_proxy(const struct config *config, const union address *address);

#define CONFIG_PLACE_MAX 4224	/* a path, a line and a key */

/*
 * Where a key was set: "FILE:LINE: KEY: ", without the line where the default is in force. For errors that show only
 * when its value is used. section: "" at the top.
 */
void config_place(const struct config *config, const char *section, const char *name, char place[CONFIG_PLACE_MAX]);

/* Print the sample file: every key, its default and its line of help (etc/sallyport.conf is made of it). */
void config_print_sample(FILE *out);

#endif
