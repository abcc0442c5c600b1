/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "accounts/account.h"
#include "admin/migrate_peers.h"
#include "admin/migrate_plan.h"
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
	    {&migrate_vsftpd, "max_clients=0\n", "sessions = 100000", 0},
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
	    {&migrate_pure_ftpd, "ProhibitDotFilesRead yes\n", "PROTECTS", 1},
	    {&migrate_proftpd, "Umask 022 027\n", "directory-mode = \"0750\"", 0},
	    {&migrate_proftpd, "<Global>\n  maxclients 30\n</Global>\n", "sessions = 30", 0},
	    {&migrate_proftpd, "<Limit LOGIN>\n  DenyAll\n</Limit>\n", "old:2: DenyAll\n#     PROTECTS", 2},
	    {&migrate_proftpd, "<VirtualHost x>\n  Port 2121\n</VirtualHost>\nPort 21\n", "listen = {\"*:21\"}", 0},
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
		migrate_group_options(&plan, &options);
		assert_string_equal(options.len == 0 ? "" : options.data, rows[i].options);
		assert_int_equal(account_group_check(rows[i].options, strlen(rows[i].options), &error), 0);
		buf_free(&options);
		buf_free(&out);
		migrate_plan_free(&plan);
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
	    cmocka_unit_test(test_options),
	    cmocka_unit_test(test_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
