/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "accounts/account.h"
#include "accounts/rights.h"
#include "admin/migrate_hosts.h"
#include "admin/migrate_peers.h"
#include "admin/migrate_plan.h"
#include "admin/migrate_regex.h"
#include "config/keys.h"

static const struct migrate_peer *const peers[] = {&migrate_vsftpd, &migrate_pure_ftpd, &migrate_proftpd};

#define PEER_COUNT (sizeof(peers) / sizeof(peers[0]))

/* The plan of a text, and our configuration of it. */
static void
migrate_text(const struct migrate_peer *peer, const char *text, struct migrate_plan *plan, struct buf *out)
{
	const char *problem = NULL;
	size_t line = 0;

	buf_init(out, 1 << 20);
	assert_int_equal(migrate_plan_init(plan, peer), 0);
	assert_int_equal(migrate_plan_read(plan, "old", text, strlen(text), &line, &problem), 0);
	assert_int_equal(migrate_plan_settle(plan, &line, &problem), 0);
	migrate_hosts_join_notes(plan);
	migrate_write_config(plan, "/users", out);
	assert_int_equal(out->error, 0);
}

static void
test_bad_lines(void **state)
{
	static const struct {
		const struct migrate_peer *peer;
		const char *text;
		size_t line;
	} bad[] = {
	    {&migrate_vsftpd, "a=b\nno equals\n", 2},
	    {&migrate_vsftpd, "=b\n", 1},
	    {&migrate_vsftpd, "\n\nlisten =YES\n", 3},
	    {&migrate_vsftpd, "listen=Y\033S\n", 1},
	    {&migrate_pure_ftpd, "MaxIdleTime\n", 1},
	    {&migrate_pure_ftpd, "\n-c 5 -E\n", 2},
	    {&migrate_pure_ftpd, "-! 5\n", 1},
	    {&migrate_pure_ftpd, "-l what\n", 1},
	    {&migrate_pure_ftpd, "-l\n", 1},
	    {&migrate_pure_ftpd, "Bind \"a\n", 1},
	    {&migrate_proftpd, "<Limit LOGIN\n", 1},
	    {&migrate_proftpd, "Port 21 \\\n", 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct migrate_plan plan;
		const char *problem = NULL;
		size_t line = 0;
		int r;

		assert_int_equal(migrate_plan_init(&plan, bad[i].peer), 0);
		r = migrate_plan_read(&plan, "old", bad[i].text, strlen(bad[i].text), &line, &problem);
		if (r == 0)
			r = migrate_plan_settle(&plan, &line, &problem);
		assert_int_equal(r, -EINVAL);
		assert_non_null(problem);
		assert_int_equal(line, bad[i].line);
		migrate_plan_free(&plan);
	}
}

/* A block that is open at the end of the file, or ends without a beginning. */
static void
test_blocks(void **state)
{
	static const char *const texts[] = {"<Global>\n", "</Global>\n", "<Global>\n</Limit>\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct migrate_plan plan;
		const char *problem = NULL;
		size_t at = 0;

		assert_int_equal(migrate_plan_init(&plan, &migrate_proftpd), 0);
		assert_int_equal(migrate_plan_read(&plan, "old", texts[i], strlen(texts[i]), &at, &problem), 0);
		assert_int_equal(migrate_plan_settle(&plan, &at, &problem), -EINVAL);
		assert_non_null(problem);
		migrate_plan_free(&plan);
	}
}

static void
test_long_lines(void **state)
{
	static char text[MIGRATE_LINE_MAX + 8];

	(void)state;
	for (size_t i = 0; i < PEER_COUNT; i++) {
		struct migrate_plan plan;
		const char *problem;
		size_t line;

		memset(text, 'a', sizeof(text));
		assert_int_equal(migrate_plan_init(&plan, peers[i]), 0);
		assert_int_equal(migrate_plan_read(&plan, "old", text, sizeof(text), &line, &problem), -EINVAL);
		migrate_plan_free(&plan);
	}
}

static void
test_carried(void **state)
{
	static const struct {
		const struct migrate_peer *peer;
		const char *text, *wanted;
		size_t lost;
	} rows[] = {
	    {&migrate_vsftpd, "listen=YES\nlisten_address=192.0.2.1\nlisten_port=2121\n",
		"listen = {\"192.0.2.1:2121\"}", 0},
	    {&migrate_vsftpd, "max_clients=0\n", "a ceiling of sessions always", 0},
	    {&migrate_vsftpd, "max_per_ip=0\n", "sessions-per-address = 100000", 0},
	    {&migrate_pure_ftpd, "-l puredb:/etc/x\n", "", 0},
	    {&migrate_pure_ftpd, "-l ldap:/etc/x\n", "accounts of this source", 0},
	    {&migrate_vsftpd, "max_clients=0x10\n", "PROTECTS. Why: limits.sessions refuses it", 1},
	    {&migrate_vsftpd, "max_login_fails=2\n", "login-failures = 2", 0},
	    {&migrate_vsftpd, "ftpd_banner=a \"b\" ${c}\n", "banner = 'a \"b\" ${c}'", 0},
	    {&migrate_vsftpd, "ssl_enable=YES\nrsa_cert_file=/c\nrsa_private_key_file=/k\n", "require = yes", 0},
	    {&migrate_vsftpd, "ssl_enable=YES\nrsa_cert_file=/c\nforce_local_logins_ssl=NO\nforce_local_data_ssl=NO\n",
		"require = no", 0},
	    {&migrate_vsftpd, "ssl_enable=YES\nrsa_cert_file=/c\nforce_local_logins_ssl=NO\n", "PROTECTS", 1},
	    {&migrate_vsftpd, "cmds_denied=DELE\n", "old:1: cmds_denied=DELE\n#     PROTECTS", 1},
	    {&migrate_vsftpd, "port_enable=MAYBE\n", "neither yes nor no", 1},
	    {&migrate_vsftpd, "what_is_this=1\n", "does not know the directive", 1},
	    {&migrate_vsftpd, "local_umask=027\n", "file-mode = \"0640\"", 0},
	    {&migrate_pure_ftpd, "# c\nMaxClientsNumber 50\n", "sessions = 50", 0},
	    {&migrate_pure_ftpd, "-c 50\n", "sessions = 50", 0},
	    {&migrate_pure_ftpd, "Umask 133:022\n", "file-mode = \"0644\"", 0},
	    {&migrate_pure_ftpd, "Bind 127.0.0.1,2121\n", "listen = {\"127.0.0.1:2121\"}", 0},
	    {&migrate_pure_ftpd, "Bind ,2121\n", "listen = {\"*:2121\"}", 0},
	    {&migrate_pure_ftpd, "PassivePortRange 30000 50000\n", "passive-ports = \"30000-50000\"", 0},
	    {&migrate_pure_ftpd, "TLS 2\nCertFile /c\n", "require = yes", 0},
	    {&migrate_pure_ftpd, "TLS 1\nCertFileAndKey \"/c\" \"/k\"\n", "key = \"/k\"", 0},
	    {&migrate_pure_ftpd, "Quota many\n", "PROTECTS", 1},
	    {&migrate_pure_ftpd, "ProhibitDotFilesWrite yes\n", "reading as well", 0},
	    {&migrate_pure_ftpd, "AntiWarez yes\n", "rights=/incoming=create", 0},
	    {&migrate_proftpd, "Umask 022 027\n", "directory-mode = \"0750\"", 0},
	    {&migrate_proftpd, "<Global>\n  maxclients 30\n</Global>\n", "sessions = 30", 0},
	    {&migrate_proftpd, "<Limit LOGIN>\n  AllowGroup staff\n  DenyAll\n</Limit>\n",
		"old:1: <Limit LOGIN>\n#     PROTECTS", 1},
	    {&migrate_proftpd, "<Limit WRITE>\n  AllowGroup staff\n  DenyAll\n</Limit>\n", "refused to all", 0},
	    {&migrate_proftpd, "<Limit CWD>\n  DenyAll\n</Limit>\n", "no right is about this command alone", 1},
	    {&migrate_proftpd, "<Limit CWD>\n  AllowAll\n</Limit>\n", "", 0},
	    {&migrate_proftpd, "<Limit SITE_CHMOD>\n  DenyAll\n</Limit>\n", "modes and times", 0},
	    {&migrate_proftpd, "<Directory ~/a*/b>\n</Directory>\n", "not of a pattern", 1},
	    {&migrate_proftpd, "<Directory ~/a\xde>\n</Directory>\n", "not UTF-8", 1},
	    {&migrate_proftpd, "<Directory ~other/b>\n</Directory>\n", "home of another user", 1},
	    {&migrate_proftpd, "<Directory />\nHideNoAccess on\nUmask 077\n</Directory>\n", "whole server", 2},
	    {&migrate_proftpd, "<IfDefine TLS>\nTLSEngine on\n</IfDefine>\n", "option -D", 1},
	    {&migrate_proftpd, "<IfDefine !TLS>\nMaxClients 7\n</IfDefine>\n", "sessions = 7", 0},
	    {&migrate_proftpd, "<IfModule !mod_x.c>\nMaxClients 7\n</IfModule>\nMaxClients 8\n", "sessions = 8", 0},
	    {&migrate_proftpd, "<Limit LOGIN>\n<Directory /a>\n</Directory>\n</Limit>\n", "such a block", 1},
	    {&migrate_proftpd, "TransferRate RETR 10:100\n", "free bytes", 1},
	    {&migrate_proftpd, "TransferRate RETR 10 user anna\n", "", 0},
	    {&migrate_proftpd, "HideFiles ^a+$\n", "pattern has no counterpart", 1},
	    {&migrate_proftpd, "PathDenyFilter \\.exe$\n", "reading as well", 0},
	    {&migrate_proftpd, "ServerAlias a.example,B.example c.example\n",
		"server-name = \"a.example,b.example,c.example\"", 0},
	    {&migrate_proftpd, "ServerAlias *.example\n", "without a pattern", 0},
	    {&migrate_proftpd, "DisplayLogin /etc/welcome\n", "login-message = \"/etc/welcome\"", 0},
	    {&migrate_proftpd, "DisplayLogin welcome.msg\n", "not of the home", 0},
	    {&migrate_proftpd, "TLSEngine on\nTLSRSACertificateFile /c\nTLSOptions UseImplicitSSL\nPort 990\n",
		"listen = {}\n# old:4: Port 990\nlisten-tls = {\"*:990\"}", 0},
	    {&migrate_proftpd, "TLSEngine on\nTLSRSACertificateFile /c\nTLSRequired on\n", "require = yes", 0},
	    {&migrate_proftpd, "<Odd>\n</Odd>\n", "does not know the block", 1},
	    {&migrate_vsftpd, "local_umask=0\n", "directory-mode = \"0777\"", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct migrate_plan plan;
		struct buf out;

		migrate_text(rows[i].peer, rows[i].text, &plan, &out);
		if (strstr(out.data, rows[i].wanted) == NULL || plan.lost != rows[i].lost)
			fail_msg("row %zu: %zu lost, of\n%s", i, plan.lost, out.data);
		buf_free(&out);
		migrate_plan_free(&plan);
	}
}

#define AT_TWO(lines) "DefaultAddress 192.0.2.1\n<VirtualHost 192.0.2.2>\n" lines "</VirtualHost>\n"
#define NAMED(name, lines) "<VirtualHost 192.0.2.1>\nServerAlias " name "\n" lines "</VirtualHost>\n"
#define PAIR "TLSEngine on\nTLSRSACertificateFile /c2\nTLSRSACertificateKeyFile /k2\n"
#define MAIN_PAIR "TLSEngine on\nTLSRSACertificateFile /c\nTLSRSACertificateKeyFile /k\n"

/* Virtual hosts: what is in the sections, and what is noted instead. wanted and unwanted: texts of our configuration. */
static void
test_hosts(void **state)
{
	static const struct {
		const char *text, *wanted, *unwanted;
		size_t lost, lost_hosts;
	} rows[] = {
	    /* by address, with the port of the server or, where the server has one address alone, another */
	    {"<VirtualHost 192.0.2.2>\n</VirtualHost>\n", "server \"server-1\" {", "listen", 0, 0},
	    {AT_TWO("ServerAlias two.example\n"),
		"server \"two.example\" {\n    # old:2: <VirtualHost 192.0.2.2>\n"
		"    address = {\"192.0.2.2\"}\n}",
		NULL, 0, 0},
	    {AT_TWO("Port 2121\n"), "listen = {\"192.0.2.1:21\", \"192.0.2.2:2121\"}", NULL, 0, 0},
	    {"DefaultAddress 192.0.2.1\n<VirtualHost 2001:db8::7 192.0.2.2>\n</VirtualHost>\n",
		"listen = {\"192.0.2.1:21\", \"[2001:db8::7]:21\", \"192.0.2.2:21\"}", NULL, 0, 0},
	    {"<VirtualHost 192.0.2.2 192.0.2.2 ::ffff:192.0.2.2>\n</VirtualHost>\n", "    address = {\"192.0.2.2\"}\n",
		NULL, 0, 0},
	    {"<VirtualHost 192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5 192.0.2.6 192.0.2.7 192.0.2.8 192.0.2.9 192.0.2.10 192.0.2.11 "
	     "192.0.2.12 192.0.2.13 192.0.2.14 192.0.2.15 192.0.2.16 192.0.2.17>\n</VirtualHost>\n",
		"at most 16 addresses", "\"192.0.2.17\"", 0, 0},
	    {"Port 0\n<VirtualHost 192.0.2.2>\nPort 2121\n</VirtualHost>\n", "listen = {\"192.0.2.2:2121\"}", NULL, 0,
		0},
	    /* a host without Port has 21, whatever the server has */
	    {"Port 2121\n<VirtualHost 192.0.2.2>\n</VirtualHost>\n", "not by its port", "server \"", 0, 1},
	    {"DefaultAddress 192.0.2.1\n<VirtualHost 192.0.2.1>\nPort 2121\n</VirtualHost>\n", "not by its port",
		"server \"", 0, 1},
	    {"<VirtualHost 0.0.0.0>\nPort 990\nTLSEngine on\nTLSOptions UseImplicitSSL\n</VirtualHost>\n",
		"set listen-tls", "server \"", 0, 1},
	    {"Port 0\n<VirtualHost 0.0.0.0>\n</VirtualHost>\n", "outside of the block", NULL, 0, 1},
	    /* by name */
	    {"DefaultAddress 192.0.2.1\nServerAlias one.example\n" NAMED("two.example,deux.example", ""),
		"server \"two.example\" {\n    # old:4: ServerAlias two.example,deux.example\n    names = \"deux.example\"\n}",
		"    address", 0, 0},
	    {"DefaultAddress 192.0.2.1\nServerAlias two.example\n" NAMED("two.example", ""), "another server has the",
		"server \"", 0, 1},
	    {"DefaultAddress 192.0.2.1\n<VirtualHost 192.0.2.1>\n</VirtualHost>\n", "has no ServerAlias", "server \"",
		0, 1},
	    {"<VirtualHost two.example>\n</VirtualHost>\n", "server \"two.example\"", "    address", 0, 1},
	    {AT_TWO("ServerAlias two.example\n") "<VirtualHost 192.0.2.2>\nServerAlias three.example\n</VirtualHost>\n",
		"find one by its name alone", "    address", 0, 0},
	    {AT_TWO("") "<VirtualHost 192.0.2.2>\nServerName other.example\n</VirtualHost>\n", "has no ServerAlias",
		"other.example\" {", 0, 1},
	    /* what a section says; <Global> is said of all, and a host's own line goes before it */
	    {AT_TWO("ServerName two\nDisplayLogin /m\n"),
		"    banner = \"two\"\n    # old:4: DisplayLogin /m\n    login-message = \"/m\"\n", NULL, 0, 0},
	    {"<Global>\nServerName all\n</Global>\nServerName one\n<VirtualHost 192.0.2.2>\n</VirtualHost>\n",
		"    banner = \"all\"", NULL, 0, 0},
	    {"<VirtualHost 192.0.2.2>\nServerName two\n</VirtualHost>\n<Global>\nServerName all\n</Global>\n",
		"    banner = \"two\"", NULL, 0, 0},
	    {"<Global>\nHideNoAccess on\n</Global>\n<VirtualHost 192.0.2.2>\n</VirtualHost>\n",
		"Not carried: 2, of which 1", NULL, 1, 0},
	    /* TLS: a host without it does not get the server's requirement, and none loses its own */
	    {MAIN_PAIR "TLSRequired on\n" AT_TWO(""),
		"    address = {\"192.0.2.2\"}\n    # a default of ProFTPD\n    require-tls = no\n}", NULL, 0, 0},
	    {MAIN_PAIR AT_TWO(PAIR "TLSRequired on\n"),
		"    key = \"/k2\"\n    # old:9: TLSRequired on\n    require-tls = yes", NULL, 0, 0},
	    {MAIN_PAIR "TLSRequired on\n" AT_TWO("TLSEngine on\nTLSRequired on\n"), "server \"server-1\"",
		"    require-tls", 0, 0},
	    {AT_TWO(PAIR), "    certificate = \"/c2\"", NULL, 0, 0},
	    {"DefaultAddress 192.0.2.1\n" NAMED("two.example", PAIR "TLSRequired on\n"), "    require-tls = yes",
		"    certificate =", 1, 0},
	    {AT_TWO("TLSEngine on\nTLSRequired on\n"), "    require-tls = yes", NULL, 1, 0},
	    /* what holds for all servers */
	    {"MaxClients 20\n<VirtualHost 192.0.2.2>\nMaxClients 5\n</VirtualHost>\n",
		"limits.sessions holds for all servers here, and is 20", NULL, 1, 0},
	    {"MaxClients 20\n<VirtualHost 192.0.2.2>\nMaxClients 20\n</VirtualHost>\n", "sessions = 20",
		"holds for all", 0, 0},
	    {"TimeoutIdle 60\nMaxClientsPerUser 2\n<VirtualHost 192.0.2.2>\n</VirtualHost>\n",
		"what the main server says holds for all servers here: limits.sessions-per-user, timeouts.idle", NULL,
		0, 0},
	    {"MaxClientsPerUser 2\n<VirtualHost 192.0.2.2>\nMaxClientsPerUser 3\n</VirtualHost>\n", "says less", NULL,
		0, 0},
	    {AT_TWO("DefaultServer on\n"), "old:3: DefaultServer on", NULL, 0, 0},
	    {AT_TWO("What 1\n<Odd>\n</Odd>\n"), "old:3: What 1\n#     PROTECTS", NULL, 2, 0},
	    /* where a host cannot be */
	    {"<Global>\n<VirtualHost a.example>\nPort 1\n</VirtualHost>\n</Global>\n", "such a block cannot be here",
		"server \"", 2, 0},
	    {AT_TWO("<VirtualHost 192.0.2.3>\n</VirtualHost>\n"), "such a block cannot be here", "192.0.2.3\"", 1, 0},
	    {"<IfDefine X>\n<VirtualHost a.example>\n</VirtualHost>\n</IfDefine>\n", "option -D", "server \"", 1, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct migrate_plan plan;
		struct buf out;
		size_t lost_hosts;

		migrate_text(&migrate_proftpd, rows[i].text, &plan, &out);
		lost_hosts = plan.hosts == NULL ? 0 : plan.hosts->lost;
		if (strstr(out.data, rows[i].wanted) == NULL || plan.lost != rows[i].lost ||
		    lost_hosts != rows[i].lost_hosts ||
		    (rows[i].unwanted != NULL && strstr(out.data, rows[i].unwanted) != NULL))
			fail_msg("row %zu: %zu lost, %zu hosts lost, wanted %s, of\n%s", i, plan.lost, lost_hosts,
			    rows[i].wanted, out.data);
		buf_free(&out);
		migrate_plan_free(&plan);
	}
}

/* Limits, modes, anonymous users and files of a host are its own; nothing is the server's but what is in <Global>. */
static void
test_host_accounts(void **state)
{
	static const char text[] =
	    "AllowOverwrite on\nUmask 027\nMaxClientsPerUser 9\n<Limit WRITE>\nDenyAll\n</Limit>\n"
	    "<Global>\n<Limit SITE_CHMOD>\nDenyAll\n</Limit>\n</Global>\n"
	    "<VirtualHost 192.0.2.2>\nAllowOverwrite on\nMaxClientsPerUser 3\nAuthOrder mod_auth_file.c\n"
	    "AuthUserFile /p2\n<Anonymous /srv/site>\nUser web\n</Anonymous>\n</VirtualHost>\n";
	struct migrate_plan plan;
	const struct migrate_plan *host;
	struct buf out, words;

	(void)state;
	migrate_text(&migrate_proftpd, text, &plan, &out);
	host = &plan.hosts->list[0]->plan;
	buf_init(&words, 1024);
	migrate_profile_words(&host->all, NULL, &words);
	assert_string_equal(words.data,
	    "rights=list,read,create,overwrite,delete,rename,mkdir,rmdir max-sessions=3 file-mode=0644 directory-mode=0755");
	assert_string_equal(host->anonymous_user, "web");
	assert_string_equal(host->anonymous_home, "/srv/site");
	assert_null(plan.anonymous_user);
	assert_null(host->pam_service);
	assert_string_equal(host->accounts_file->words[0], "/p2");
	assert_null(plan.accounts_file);
	assert_string_equal(plan.pam_service, "proftpd");
	buf_clear(&words);
	migrate_profile_words(&plan.all, NULL, &words);
	assert_string_equal(words.data, "rights=list,read");
	buf_free(&words);
	buf_free(&out);
	migrate_plan_free(&plan);
}

static void
test_too_many_hosts(void **state)
{
	struct migrate_plan plan;
	const char *problem = NULL;
	struct buf text;
	size_t at = 0;

	(void)state;
	buf_init(&text, 1 << 16);
	for (size_t i = 0; i <= MIGRATE_HOSTS_MAX; i++)
		buf_addf(&text, "<VirtualHost h%zu.example>\n</VirtualHost>\n", i);
	assert_int_equal(migrate_plan_init(&plan, &migrate_proftpd), 0);
	assert_int_equal(migrate_plan_read(&plan, "old", text.data, text.len, &at, &problem), 0);
	assert_int_equal(migrate_plan_settle(&plan, &at, &problem), -EINVAL);
	assert_int_equal(plan.directives[at].line, 2 * MIGRATE_HOSTS_MAX + 1);
	assert_string_equal(problem, "too many blocks <VirtualHost>; at most 64");
	migrate_plan_free(&plan);
	/* what is wrong in a host is said of its line */
	buf_clear(&text);
	buf_add_text(&text, "Port 21\n<VirtualHost 192.0.2.2>\n<Directory>\n</Directory>\n</VirtualHost>\n");
	assert_int_equal(migrate_plan_init(&plan, &migrate_proftpd), 0);
	assert_int_equal(migrate_plan_read(&plan, "old", text.data, text.len, &at, &problem), 0);
	assert_int_equal(migrate_plan_settle(&plan, &at, &problem), -EINVAL);
	assert_int_equal(plan.directives[at].line, 3);
	migrate_plan_free(&plan);
	buf_free(&text);
}

static void
test_options(void **state)
{
	static const struct {
		const struct migrate_peer *peer;
		const char *text, *options;
	} rows[] = {
	    {&migrate_vsftpd, "", "rights=list,read"},
	    {&migrate_vsftpd, "write_enable=YES\n", ""},
	    {&migrate_pure_ftpd, "NoRename yes\nNoChmod yes\nQuota 1000:10\nUserBandwidth 8\n",
		"rights=list,read,create,overwrite,delete,mkdir,rmdir quota=10485760 quota-files=1000 rate-down=8192 rate-up=8192"},
	    {&migrate_proftpd, "AllowOverwrite on\n", ""},
	    {&migrate_vsftpd, "write_enable=YES\nlocal_max_rate=2048\n", "rate-down=2048 rate-up=2048"},
	    {&migrate_vsftpd, "write_enable=YES\nguest_enable=YES\nanon_upload_enable=YES\n",
		"rights=list,read,create"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct migrate_plan plan;
		struct buf out, options;
		const char *error;

		buf_init(&options, 1024);
		migrate_text(rows[i].peer, rows[i].text, &plan, &out);
		migrate_profile_words(&plan.all, NULL, &options);
		assert_string_equal(options.len == 0 ? "" : options.data, rows[i].options);
		assert_int_equal(account_group_check(rows[i].options, strlen(rows[i].options), &error), 0);
		buf_free(&options);
		buf_free(&out);
		migrate_plan_free(&plan);
	}
}

/* The options of one account, as migrate_accounts has them. */
static void
words_of(struct migrate_plan *plan, const struct migrate_who *who, struct migrate_profile *profile, struct buf *words)
{
	migrate_profile_copy(profile, &plan->all);
	if (plan->peer->describe != NULL)
		plan->peer->describe(plan, who, profile);
	buf_init(words, 4096);
	migrate_profile_words(profile, NULL, words);
}

#define LIMITED(commands, body) "AllowOverwrite on\n<Limit " commands ">\n" body "\n</Limit>\n"
#define WITHIN(directory, commands, body) \
	"AllowOverwrite on\n<Directory " directory ">\n<Limit " commands ">\n" body "\n</Limit>\n</Directory>\n"

/* What each of several set-ups leaves to "anna", whose home is /srv/anna. */
static void
test_profiles(void **state)
{
	static const struct {
		const struct migrate_peer *peer;
		const char *text, *own, *words; /* words NULL: no login */
	} rows[] = {
	    /* ProFTPD: whole groups of commands, and what goes before them */
	    {&migrate_proftpd, "AllowOverwrite on\n", NULL, ""},
	    {&migrate_proftpd, "", NULL, "rights=list,read,create,delete,rename,mkdir,rmdir,chmod"},
	    {&migrate_proftpd, LIMITED("WRITE", "DenyAll"), NULL, "rights=list,read"},
	    {&migrate_proftpd, LIMITED("ALL", "DenyAll"), NULL, "rights=/=none"},
	    {&migrate_proftpd, LIMITED("READ WRITE", "DenyAll") "<Limit STOR>\nAllowAll\n</Limit>\n", NULL,
		"rights=list,create"},
	    {&migrate_proftpd, LIMITED("STOR", "AllowAll") "<Limit ALL>\nDenyAll\n</Limit>\n", NULL, "rights=create"},
	    /* users: the first that decides, in the order that Order says */
	    {&migrate_proftpd, LIMITED("WRITE", "AllowUser anna,bert\nDenyAll"), NULL, ""},
	    {&migrate_proftpd, LIMITED("WRITE", "AllowUser bert\nDenyAll"), NULL, "rights=list,read"},
	    {&migrate_proftpd, LIMITED("WRITE", "DenyUser anna"), NULL, "rights=list,read"},
	    {&migrate_proftpd, LIMITED("WRITE", "DenyUser !anna"), NULL, ""},
	    {&migrate_proftpd, LIMITED("WRITE", "AllowUser anna\nDenyUser anna"), NULL, ""},
	    {&migrate_proftpd, LIMITED("WRITE", "Order deny,allow\nAllowUser anna\nDenyUser anna"), NULL,
		"rights=list,read"},
	    {&migrate_proftpd, LIMITED("WRITE", "Order deny,allow\nAllowUser bert"), NULL, "rights=list,read"},
	    {&migrate_proftpd, LIMITED("WRITE", "AllowUser OR bert anna\nDenyAll"), NULL, ""},
	    {&migrate_proftpd, LIMITED("WRITE", "AllowUser AND bert anna\nDenyAll"), NULL, "rights=list,read"},
	    /* what is not looked up refuses */
	    {&migrate_proftpd, LIMITED("WRITE", "AllowGroup staff\nDenyAll"), NULL, "rights=list,read"},
	    {&migrate_proftpd, LIMITED("WRITE", "Deny from 192.0.2.1"), NULL, "rights=list,read"},
	    {&migrate_proftpd, LIMITED("WRITE", "Allow from all\nDenyAll"), NULL, ""},
	    /* who may log in, and from where */
	    {&migrate_proftpd, LIMITED("LOGIN", "AllowUser bert\nDenyAll"), NULL, NULL},
	    {&migrate_proftpd, LIMITED("LOGIN", "AllowUser anna\nDenyAll"), NULL, ""},
	    {&migrate_proftpd, LIMITED("LOGIN", "DenyUser anna"), NULL, NULL},
	    {&migrate_proftpd, LIMITED("LOGIN", "Allow from 192.0.2.0/24, 10.\nDenyAll"), NULL,
		"allow-from=192.0.2.0/24,10.0.0.0/8"},
	    {&migrate_proftpd, LIMITED("LOGIN", "Order deny,allow\nAllow from 192.168.1."), NULL,
		"allow-from=192.168.1.0/24"},
	    {&migrate_proftpd, LIMITED("LOGIN", "Allow from .example.org\nDenyAll"), NULL, NULL},
	    /* directories: the deepest, and only those of the home */
	    {&migrate_proftpd, WITHIN("/", "WRITE", "DenyAll"), NULL, "rights=list,read"},
	    {&migrate_proftpd, WITHIN("/srv/*", "WRITE", "DenyAll"), NULL, "rights=list,read"},
	    {&migrate_proftpd, WITHIN("/srv/anna/in", "READ", "DenyAll"), NULL,
		"rights=/in=list,create,overwrite,delete,rename,mkdir,rmdir,chmod"},
	    {&migrate_proftpd, WITHIN("/srv/anna/in/*", "ALL", "DenyAll"), NULL, "rights=/in=none"},
	    {&migrate_proftpd, WITHIN("/srv/*/in", "ALL", "DenyAll"), NULL, "rights=/in=none"},
	    {&migrate_proftpd, WITHIN("~/in", "ALL", "DenyAll"), NULL, "rights=/in=none"},
	    {&migrate_proftpd, WITHIN("~anna/in", "ALL", "DenyAll"), NULL, "rights=/in=none"},
	    {&migrate_proftpd, WITHIN("~/in", "ALL", "AllowUser anna\nDenyAll"), NULL, "rights=/in=all"},
	    {&migrate_proftpd, WITHIN("/srv/annabel", "ALL", "DenyAll"), NULL, ""},
	    {&migrate_proftpd,
		WITHIN("/srv/anna/in", "ALL", "DenyAll") "<Directory ~/in/out>\n<Limit READ DIRS>\n"
							 "AllowAll\n</Limit>\n</Directory>\n",
		NULL, "rights=/in=none rights=/in/out=list,read"},
	    {&migrate_proftpd, "<Directory ~/in>\nAllowOverwrite on\n</Directory>\n", NULL,
		"rights=list,read,create,delete,rename,mkdir,rmdir,chmod rights=/in=all"},
	    {&migrate_proftpd, "AllowOverwrite on\nTransferRate RETR 10\nTransferRate STOR,APPE 20 user anna\n", NULL,
		"rate-down=10240 rate-up=20480"},
	    {&migrate_proftpd, "AllowOverwrite on\nHideFiles \"^\\\\.|~$\"\n", NULL, "hide=.* hide=*~"},
	    {&migrate_proftpd, "AllowOverwrite on\nPathDenyFilter \\.(exe|com)$ [NC]\n", NULL,
		"deny=*.[eE][xX][eE] deny=*.[cC][oO][mM]"},
	    /* vsftpd: the files of single users */
	    {&migrate_vsftpd, "user_config_dir=/u\n", NULL, "rights=list,read"},
	    {&migrate_vsftpd, "user_config_dir=/u\n", "write_enable=YES\nlocal_max_rate=4096\n",
		"rate-down=4096 rate-up=4096"},
	    {&migrate_vsftpd, "write_enable=YES\nuser_config_dir=/u\n", "# none\nwrite_enable=NO\n",
		"rights=list,read"},
	    {&migrate_vsftpd, "write_enable=YES\nuser_config_dir=/u\n", "local_umask=027\n",
		"file-mode=0640 directory-mode=0750"},
	    {&migrate_vsftpd, "write_enable=YES\nlocal_umask=027\nuser_config_dir=/u\n", "local_umask=027\n", ""},
	    {&migrate_vsftpd, "write_enable=YES\nguest_enable=YES\n", "anon_upload_enable=YES\n",
		"rights=list,read,create"},
	    {&migrate_vsftpd, "write_enable=YES\nguest_enable=YES\n", "virtual_use_local_privs=YES\n", ""},
	    {&migrate_vsftpd, "write_enable=YES\nhide_file={*.bak,.[x]}\ndeny_file=secret\n", NULL,
		"deny=*secret* hide=*.bak hide=.\\[x\\]"},
	    {&migrate_vsftpd, "write_enable=YES\nhide_file=*.bak\n", "hide_file={}\n", ""},
	    /* Pure-FTPd */
	    {&migrate_pure_ftpd, "KeepAllFiles yes\n", NULL, "rights=list,read,create,overwrite,mkdir,rmdir,chmod"},
	    {&migrate_pure_ftpd, "ProhibitDotFilesRead yes\n", NULL, "deny=.*"},
	};
	static const struct migrate_who anna = {.name = "anna", .home = "/srv/anna"};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct migrate_who who = anna;
		struct migrate_profile profile;
		struct migrate_plan plan;
		struct buf out, words;
		const char *error;

		if (rows[i].own != NULL) {
			who.own = rows[i].own;
			who.own_len = strlen(rows[i].own);
			who.own_file = "/u/anna";
		}
		migrate_text(rows[i].peer, rows[i].text, &plan, &out);
		words_of(&plan, &who, &profile, &words);
		if (profile.is_refused
			? rows[i].words != NULL
			: rows[i].words == NULL || strcmp(words.data == NULL ? "" : words.data, rows[i].words) != 0)
			fail_msg("row %zu: %s, of\n%s", i,
			    profile.is_refused       ? "refused"
				: words.data == NULL ? ""
						     : words.data,
			    rows[i].text);
		if (words.len > 0)
			assert_int_equal(account_group_check(words.data, words.len, &error), 0);
		migrate_profile_free(&profile);
		buf_free(&words);
		buf_free(&out);
		migrate_plan_free(&plan);
	}
}

/* The account says only what its group does not, and takes back what it does. */
static void
test_differences(void **state)
{
	struct migrate_profile group, account;
	const char *problem;
	struct buf words;

	(void)state;
	migrate_profile_init(&group);
	group.rights = MAY_ONLY_LOOK;
	group.rate_down = 4096;
	snprintf(group.allow_from, sizeof(group.allow_from), "192.0.2.1");
	assert_int_equal(migrate_profile_pattern(&group, true, "a b", 3, &problem), 0);
	assert_int_equal(migrate_profile_zone(&group, "/in", MAY_CREATE, &problem), 0);
	migrate_profile_copy(&account, &group);
	buf_init(&words, 1024);
	migrate_profile_words(&account, &group, &words);
	assert_int_equal(words.len, 0);
	account.rights = 0;
	account.rate_down = 0;
	account.allow_from[0] = '\0';
	assert_int_equal(migrate_profile_zone(&account, "/out", 0, &problem), 0);
	assert_int_equal(migrate_profile_pattern(&account, false, "x", 1, &problem), 0);
	migrate_profile_words(&account, &group, &words);
	assert_string_equal(
	    words.data, "rights=/=none rights=/out=none rate-down=none deny=a%20b hide=x allow-from=any");
	assert_int_equal(migrate_profile_pattern(&account, false, "a/b", 3, &problem), -EINVAL);
	assert_int_equal(migrate_profile_zone(&account, "/a/../b", 0, &problem), -EINVAL);
	buf_free(&words);
}

static void
test_regex(void **state)
{
	static const struct {
		const char *regex;
		bool is_path;
		const char *globs; /* with '|' between them; NULL: none */
	} rows[] = {
	    {"a", false, "*a*"},
	    {"^a", false, "a*"},
	    {"a$", false, "*a"},
	    {"^a$", false, "a"},
	    {"^\\..*", false, ".**"},
	    {"(^\\.|~$)", false, ".*|*~"},
	    {"\\.(x|yz)?$", false, "*.x|*.yz|*."},
	    {"^a.b.*c$", false, "a?b*c"},
	    {"^[a-c][^d]", false, "[a-c][!d]*"},
	    {"^a\\*\\[b$", false, "a\\*\\[b"},
	    {"(\\.ftpaccess)|(\\.htaccess)$", true, "*.ftpaccess*|*.htaccess"},
	    {"(^|/)\\.ht", true, ".ht*|.ht*"},
	    {".ftpaccess$", true, "**ftpaccess"},
	    {"a.*b", true, NULL},
	    {"a/b", true, NULL},
	    {"[^a]", true, NULL},
	    {"a+", false, NULL},
	    {"a{2}", false, NULL},
	    {"(a", false, NULL},
	    {"a)", false, NULL},
	    {"[a", false, NULL},
	    {"[[:alpha:]]", false, NULL},
	    {"[]a]", false, NULL},
	    {"\\w", false, NULL},
	    {"a\\", false, NULL},
	    {"a^b", false, NULL},
	    {"a$b", false, NULL},
	    {"*a", false, NULL},
	    {"((((((((((a))))))))))", false, NULL},
	    {"(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)", false, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct migrate_globs globs;
		int r = migrate_regex_globs(rows[i].regex, rows[i].is_path, false, &globs);
		char text[1024] = "";

		for (size_t j = 0; r == 0 && j < globs.count; j++)
			snprintf(
			    text + strlen(text), sizeof(text) - strlen(text), "%s%s", j == 0 ? "" : "|", globs.text[j]);
		if (rows[i].globs == NULL ? r != -EINVAL : r != 0 || strcmp(text, rows[i].globs) != 0)
			fail_msg("%s: %d, %s", rows[i].regex, r, text);
	}
}

/* A row that is noted says why and what instead; one with a key names one of ours; no name is there twice. */
static void
test_tables(void **state)
{
	(void)state;
	for (size_t i = 0; i < PEER_COUNT; i++) {
		for (size_t j = 0; j < peers[i]->row_count; j++) {
			const struct migrate_row *row = &peers[i]->rows[j];
			bool found = row->key == NULL;
			char name[64];

			assert_non_null(row->take);
			assert_true((row->why == NULL) == (row->instead == NULL));
			for (size_t k = 0; k < config_key_count; k++) {
				snprintf(name, sizeof(name), "%s%s%s",
				    config_keys[k].section == NULL ? "" : config_keys[k].section,
				    config_keys[k].section == NULL ? "" : ".", config_keys[k].name);
				found = found || strcmp(name, row->key) == 0;
			}
			if (!found)
				fail_msg("%s: no key '%s'", row->name, row->key);
			for (size_t k = 0; k < j; k++)
				assert_string_not_equal(peers[i]->rows[k].name, row->name);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bad_lines),
	    cmocka_unit_test(test_blocks),
	    cmocka_unit_test(test_long_lines),
	    cmocka_unit_test(test_carried),
	    cmocka_unit_test(test_hosts),
	    cmocka_unit_test(test_host_accounts),
	    cmocka_unit_test(test_too_many_hosts),
	    cmocka_unit_test(test_options),
	    cmocka_unit_test(test_profiles),
	    cmocka_unit_test(test_differences),
	    cmocka_unit_test(test_regex),
	    cmocka_unit_test(test_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
