/* SPDX-License-Identifier: ISC */
/* vsftpd.conf(5): one "NAME=VALUE" a line, without blanks around '='; the last one of a name counts. */
#include <errno.h>
#include <string.h>

#include "accounts/rights.h"
#include "admin/migrate_peers.h"
#include "admin/migrate_rows.h"
#include "common/text.h"

#include "common/banned.h"

#define NO_MASKS "patterns of the old server are not carried", "use hide= and deny= of sallyport-users(5)"
#define NO_VERBS "no list of commands is kept", "use rights= of sallyport-users(5), which decides what a command may do"

static const struct migrate_row rows[] = {
    /* the address */
    {"listen", take_later, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"listen_ipv6", take_later, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"listen_address", take_later, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"listen_address6", take_later, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"listen_port", take_later, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"implicit_ssl", take_later, NULL, MIGRATE_COMFORT, NULL, NULL},
    /* data connections */
    {"pasv_enable", take_lost_no, NULL, MIGRATE_COMFORT, "passive mode is always there",
	"close the ports in the packet filter"},
    {"pasv_min_port", take_later, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"pasv_max_port", take_later, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"pasv_address", take_same, "passive-address", MIGRATE_COMFORT, NULL, NULL},
    {"pasv_addr_resolve", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"pasv_promiscuous", take_lost_yes, NULL, MIGRATE_COMFORT, "a data connection comes from the client's own address",
	"copy by way of the client"},
    {"port_enable", take_switch, "active-mode", MIGRATE_PROTECTS, NULL, NULL},
    {"port_promiscuous", take_lost_yes, NULL, MIGRATE_COMFORT, "a data connection goes to the client's own address",
	"copy by way of the client"},
    {"connect_from_port_20", take_later, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"ftp_data_port", take_later, NULL, MIGRATE_COMFORT, NULL, NULL},
    /* TLS */
    {"ssl_enable", take_later, NULL, MIGRATE_PROTECTS, NULL, NULL},
    {"rsa_cert_file", take_later, NULL, MIGRATE_PROTECTS, NULL, NULL},
    {"rsa_private_key_file", take_later, NULL, MIGRATE_PROTECTS, NULL, NULL},
    {"dsa_cert_file", take_lost, NULL, MIGRATE_COMFORT, "there is one certificate", "use that of rsa_cert_file"},
    {"dsa_private_key_file", take_lost, NULL, MIGRATE_COMFORT, "there is one certificate", "use that of rsa_cert_file"},
    {"force_local_logins_ssl", take_later, NULL, MIGRATE_PROTECTS, NULL, NULL},
    {"force_local_data_ssl", take_later, NULL, MIGRATE_PROTECTS, NULL, NULL},
    {"force_anon_logins_ssl", take_lost_yes, NULL, MIGRATE_PROTECTS, "the account of anonymous users has tls=optional",
	"give it tls=required"},
    {"force_anon_data_ssl", take_needless, NULL, MIGRATE_PROTECTS, NULL, NULL},
    {"allow_anon_ssl", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"require_ssl_reuse", take_switch, "tls.require-data-reuse", MIGRATE_PROTECTS, NULL, NULL},
    {"strict_ssl_read_eof", take_switch, "tls.require-close", MIGRATE_PROTECTS, NULL, NULL},
    {"strict_ssl_write_shutdown", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"require_cert", take_lost_yes, NULL, MIGRATE_PROTECTS, "certificates of clients are not asked for",
	"let in known networks only: allow-from= of sallyport-users(5)"},
    {"validate_cert", take_lost_yes, NULL, MIGRATE_PROTECTS, "certificates of clients are not asked for",
	"let in known networks only: allow-from= of sallyport-users(5)"},
    {"ca_certs_file", take_lost, NULL, MIGRATE_COMFORT, "certificates of clients are not asked for", "nothing"},
    {"ssl_request_cert", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"ssl_ciphers", take_lost, NULL, MIGRATE_COMFORT, "the ciphers are those that OpenSSL takes for safe",
	"use tls.minimum"},
    {"ssl_sslv2", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"ssl_sslv3", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"ssl_tlsv1", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"ssl_tlsv1_1", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"ssl_tlsv1_2", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"debug_ssl", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    /* who logs in */
    {"local_enable", take_later, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"pam_service_name", take_later, NULL, MIGRATE_PROTECTS, NULL, NULL},
    {"guest_enable", take_later, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"guest_username", take_later, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"virtual_use_local_privs", take_later, NULL, MIGRATE_PROTECTS, NULL, NULL},
    {"user_sub_token", take_later, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"local_root", take_later, NULL, MIGRATE_PROTECTS, NULL, NULL},
    {"user_config_dir", take_lost, NULL, MIGRATE_PROTECTS, "the settings of single users there are not read",
	"give each of these accounts its options with 'sallyportctl user set'"},
    {"userlist_enable", take_later, NULL, MIGRATE_PROTECTS, NULL, NULL},
    {"userlist_deny", take_later, NULL, MIGRATE_PROTECTS, NULL, NULL},
    {"userlist_file", take_later, NULL, MIGRATE_PROTECTS, NULL, NULL},
    {"check_shell", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"tcp_wrappers", take_lost_yes, NULL, MIGRATE_PROTECTS, "hosts_access(5) is not asked",
	"use the packet filter, or allow-from= of sallyport-users(5)"},
    {"session_support", take_lost_yes, NULL, MIGRATE_COMFORT, "no PAM session is opened", "make the homes before"},
    /* confinement */
    {"chroot_local_user", take_lost_no, NULL, MIGRATE_COMFORT, "every account is confined to its home",
	"give the account a home further up, or a shared folder"},
    {"chroot_list_enable", take_lost_yes, NULL, MIGRATE_COMFORT, "every account is confined to its home",
	"give the account a home further up, or a shared folder"},
    {"chroot_list_file", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"passwd_chroot_enable", take_lost_yes, NULL, MIGRATE_COMFORT, "a home has no '/./'; all of it is the root",
	"set the home to the part before '/./'"},
    {"allow_writeable_chroot", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"secure_chroot_dir", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    /* what they may do */
    {"write_enable", take_later, NULL, MIGRATE_PROTECTS, NULL, NULL},
    {"download_enable", take_later, NULL, MIGRATE_PROTECTS, NULL, NULL},
    {"dirlist_enable", take_later, NULL, MIGRATE_PROTECTS, NULL, NULL},
    {"chmod_enable", take_later, NULL, MIGRATE_PROTECTS, NULL, NULL},
    {"mdtm_write", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"local_umask", take_later, NULL, MIGRATE_PROTECTS, NULL, NULL},
    {"file_open_mode", take_later, NULL, MIGRATE_PROTECTS, NULL, NULL},
    {"cmds_allowed", take_lost, NULL, MIGRATE_PROTECTS, NO_VERBS},
    {"cmds_denied", take_lost, NULL, MIGRATE_PROTECTS, NO_VERBS},
    {"deny_file", take_lost, NULL, MIGRATE_PROTECTS, NO_MASKS},
    {"hide_file", take_lost, NULL, MIGRATE_PROTECTS, NO_MASKS},
    {"download_file", take_lost, NULL, MIGRATE_PROTECTS, NO_MASKS},
    {"upload_file", take_lost, NULL, MIGRATE_PROTECTS, NO_MASKS},
    {"force_dot_files", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"hide_ids", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"ls_recurse_enable", take_lost_yes, NULL, MIGRATE_COMFORT, "no listing descends", "let the client do it: mirror"},
    {"tilde_user_enable", take_lost_yes, NULL, MIGRATE_COMFORT, "'~' is a name as any other", "use paths from '/'"},
    {"text_userdb_names", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    /* anonymous */
    {"anonymous_enable", take_later, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"anon_upload_enable", take_later, NULL, MIGRATE_PROTECTS, NULL, NULL},
    {"anon_mkdir_write_enable", take_later, NULL, MIGRATE_PROTECTS, NULL, NULL},
    {"anon_other_write_enable", take_later, NULL, MIGRATE_PROTECTS, NULL, NULL},
    {"anon_world_readable_only", take_later, NULL, MIGRATE_PROTECTS, NULL, NULL},
    {"anon_root", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"anon_umask", take_later, NULL, MIGRATE_PROTECTS, NULL, NULL},
    {"anon_max_rate", take_later, NULL, MIGRATE_PROTECTS, NULL, NULL},
    {"no_anon_password", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"ftp_username", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"deny_email_enable", take_lost_yes, NULL, MIGRATE_PROTECTS, "passwords of anonymous users are not looked at",
	"use allow-from= of the account"},
    {"banned_email_file", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"secure_email_list_enable", take_lost_yes, NULL, MIGRATE_PROTECTS,
	"passwords of anonymous users are not looked at", "use allow-from= of the account"},
    {"email_password_file", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"chown_uploads", take_lost_yes, NULL, MIGRATE_COMFORT, "an upload belongs to its account", "use on-upload"},
    {"chown_username", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"chown_upload_mode", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    /* limits and times */
    {"max_clients", take_ceiling, "limits.sessions", MIGRATE_PROTECTS, NULL, NULL},
    {"max_per_ip", take_ceiling, "limits.sessions-per-address", MIGRATE_PROTECTS, NULL, NULL},
    {"max_login_fails", take_same, "limits.login-failures", MIGRATE_PROTECTS, NULL, NULL},
    {"local_max_rate", take_later, NULL, MIGRATE_PROTECTS, NULL, NULL},
    {"idle_session_timeout", take_seconds, "timeouts.idle", MIGRATE_COMFORT, NULL, NULL},
    {"data_connection_timeout", take_seconds, "timeouts.stall", MIGRATE_COMFORT, NULL, NULL},
    {"accept_timeout", take_seconds, "timeouts.data-connect", MIGRATE_COMFORT, NULL, NULL},
    {"connect_timeout", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"delay_failed_login", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"delay_successful_login", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    /* texts and logs */
    {"ftpd_banner", take_same, "banner", MIGRATE_COMFORT, NULL, NULL},
    {"banner_file", take_lost, NULL, MIGRATE_COMFORT, "the banner is one line", "use banner, or login-message"},
    {"dirmessage_enable", take_switch, "directory-message", MIGRATE_COMFORT, NULL, NULL},
    {"message_file", take_lost, NULL, MIGRATE_COMFORT, "the file of a directory's message is '.message'", "rename it"},
    {"use_localtime", take_lost_yes, NULL, MIGRATE_COMFORT, "times in listings are UTC (RFC 3659, 2.3)", "nothing"},
    {"xferlog_enable", take_later, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"xferlog_std_format", take_later, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"xferlog_file", take_later, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"dual_log_enable", take_later, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"vsftpd_log_file", take_lost, NULL, MIGRATE_COMFORT, "the log goes to syslog", "set log.target"},
    {"syslog_enable", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"log_ftp_protocol", take_lost_yes, NULL, MIGRATE_COMFORT, "commands are in the log of level debug",
	"set log.level"},
    {"no_log_lock", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    /* the program */
    {"background", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"one_process_model", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"run_as_launching_user", take_lost_yes, NULL, MIGRATE_COMFORT, "the server starts as root", "nothing"},
    {"nopriv_user", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"setproctitle_enable", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"use_sendfile", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"trans_chunk_size", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"lock_upload_files", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"delete_failed_uploads", take_lost_yes, NULL, MIGRATE_COMFORT, "an interrupted upload stays for a while, unseen",
	"set partial-keep"},
    {"ascii_download_enable", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"ascii_upload_enable", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"async_abor_enable", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"utf8_filesystem", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"isolate", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"isolate_network", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
    {"seccomp_sandbox", take_needless, NULL, MIGRATE_COMFORT, NULL, NULL},
};

/* --- lines --- */

static int
cut_vsftpd(struct directive *out, const char **problem)
{
	char *equals = strchr(out->text, '=');

	if (out->text[0] == '#' || out->text[strspn(out->text, " \t")] == '\0')
		return 0;
	if (equals == NULL || equals == out->text) {
		*problem = "no 'NAME=VALUE'; each line of vsftpd.conf(5) is one, or a comment that begins with '#'";
		return -EINVAL;
	}
	*equals = '\0';
	out->name = out->text;
	out->value = equals + 1;
	if (strpbrk(out->name, " \t") != NULL) {
		*problem = "a blank before '='; vsftpd.conf(5) has none there";
		return -EINVAL;
	}
	equals += 1 + strlen(equals + 1);
	while (equals > out->value && (equals[-1] == ' ' || equals[-1] == '\t'))
		*--equals = '\0';
	return 1;
}

/* --- what several directives say together --- */

static void
settle_listen(struct migrate_plan *plan)
{
	bool is_tls = migrate_is_on(plan, "implicit_ssl", false) && migrate_is_on(plan, "ssl_enable", false);
	const char *key = is_tls ? "listen-tls" : "listen", *port = migrate_text_of(plan, "listen_port", "21");
	const struct directive *v4 = migrate_said(plan, "listen_address"), *v6 = migrate_said(plan, "listen_address6");
	const struct directive *by = migrate_said(plan, "listen_port");

	if (migrate_is_on(plan, "listen_ipv6", false) && v6 != NULL)
		migrate_setf(plan, key, v6, MIGRATE_PROTECTS, "[%s]:%s", v6->value, port);
	else if (migrate_is_on(plan, "listen", false) && v4 != NULL)
		migrate_setf(plan, key, v4, MIGRATE_PROTECTS, "%s:%s", v4->value, port);
	else if (migrate_is_on(plan, "listen", false))
		migrate_setf(
		    plan, key, by == NULL ? migrate_said(plan, "listen") : by, MIGRATE_COMFORT, "0.0.0.0:%s", port);
	else if (by != NULL || is_tls)
		migrate_setf(plan, key, by, MIGRATE_COMFORT, "*:%s", port);
}

static void
settle_ports(struct migrate_plan *plan)
{
	const struct directive *low = migrate_said(plan, "pasv_min_port"), *high = migrate_said(plan, "pasv_max_port");

	if (migrate_is_on(plan, "connect_from_port_20", false))
		migrate_set(plan, "active-port", migrate_text_of(plan, "ftp_data_port", "20"),
		    migrate_said(plan, "connect_from_port_20"), MIGRATE_COMFORT);
	if (low == NULL && high == NULL)
		return;
	migrate_setf(plan, "passive-ports", low != NULL ? low : high, MIGRATE_COMFORT, "%s-%s",
	    low != NULL && strcmp(low->value, "0") != 0 ? low->value : "1024",
	    high != NULL && strcmp(high->value, "0") != 0 ? high->value : "65535");
}

static void
settle_tls(struct migrate_plan *plan)
{
	const struct directive *certificate = migrate_said(plan, "rsa_cert_file"),
			       *key = migrate_said(plan, "rsa_private_key_file");
	bool logins = migrate_is_on(plan, "force_local_logins_ssl", true),
	     data = migrate_is_on(plan, "force_local_data_ssl", true);

	if (!migrate_is_on(plan, "ssl_enable", false))
		return;
	migrate_set(plan, "tls.certificate",
	    certificate == NULL ? "/usr/share/ssl/certs/vsftpd.pem" : certificate->value, certificate,
	    MIGRATE_PROTECTS);
	if (key == NULL)
		key = certificate;
	migrate_set(
	    plan, "tls.key", key == NULL ? "/usr/share/ssl/certs/vsftpd.pem" : key->value, key, MIGRATE_PROTECTS);
	migrate_set(
	    plan, "tls.require", logins ? "yes" : "no", migrate_said(plan, "force_local_logins_ssl"), MIGRATE_PROTECTS);
	if (logins && !data)
		migrate_note(plan, migrate_said(plan, "force_local_data_ssl"), MIGRATE_COMFORT, NULL,
		    "tls.require asks for TLS of data connections, too", "let clients use PROT P");
	if (!logins && data)
		migrate_note(plan, migrate_said(plan, "force_local_data_ssl"), MIGRATE_PROTECTS,
		    "force_local_data_ssl=YES", "data connections in clear are refused only where logins in clear are",
		    "set tls.require = yes");
}

/* Guests have the rights of anonymous users, unless virtual_use_local_privs says otherwise. */
static bool
is_as_anonymous(const struct migrate_plan *plan)
{
	return migrate_is_on(plan, "guest_enable", false) && !migrate_is_on(plan, "virtual_use_local_privs", false);
}

static void
settle_rights(struct migrate_plan *plan)
{
	static const struct {
		const char *name;
		bool fallback, of_anonymous;
		unsigned rights; /* that go where it is off */
	} switches[] = {
	    {"write_enable", false, false, MAY_CHANGE},
	    {"download_enable", true, false, MAY_READ},
	    {"dirlist_enable", true, false, MAY_LIST},
	    {"chmod_enable", true, false, MAY_CHMOD},
	    {"anon_upload_enable", false, true, MAY_CREATE},
	    {"anon_mkdir_write_enable", false, true, MAY_MKDIR},
	    {"anon_other_write_enable", false, true, MAY_OVERWRITE | MAY_DELETE | MAY_RENAME | MAY_RMDIR | MAY_CHMOD},
	};

	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++)
		if ((!switches[i].of_anonymous || is_as_anonymous(plan)) &&
		    !migrate_is_on(plan, switches[i].name, switches[i].fallback))
			plan->rights &= ~switches[i].rights;
	if (is_as_anonymous(plan) && migrate_is_on(plan, "anon_world_readable_only", true))
		migrate_note(plan, migrate_said(plan, "anon_world_readable_only"), MIGRATE_PROTECTS,
		    "anon_world_readable_only=YES (of guests)", "a guest reads what its uid may read",
		    "take away the modes of files that guests must not read");
	if (plan->rights == 0)
		migrate_note(plan, NULL, MIGRATE_PROTECTS, "download_enable=NO dirlist_enable=NO write_enable=NO",
		    "an account has one right at least, so it may list", "remove the accounts");
}

static void
settle_rate(struct migrate_plan *plan)
{
	const struct directive *said = migrate_said(plan, is_as_anonymous(plan) ? "anon_max_rate" : "local_max_rate");
	uint64_t rate;

	if (said == NULL)
		return;
	if (parse_u64(said->value, INT64_MAX, &rate) < 0 || (rate > 0 && rate < ACCOUNT_RATE_MIN))
		migrate_note(plan, said, MIGRATE_PROTECTS, NULL, "a rate is a number of bytes a second, at least 1024",
		    "give the accounts rate-down= and rate-up=");
	else
		plan->rate_down = plan->rate_up = rate;
}

/* A mask takes bits away; ours is the mode itself. */
static void
settle_modes(struct migrate_plan *plan)
{
	const struct directive *said = migrate_said(plan, is_as_anonymous(plan) ? "anon_umask" : "local_umask");
	uint32_t mask = 077, open = 0666;

	if (said != NULL && parse_mode(said->value, &mask) < 0 && strcmp(said->value, "0") != 0 &&
	    parse_mode(said->value[0] == '0' ? said->value + 1 : said->value, &mask) < 0) {
		migrate_note(
		    plan, said, MIGRATE_PROTECTS, NULL, "the mask is not octal", "set file-mode and directory-mode");
		return;
	}
	if (said != NULL && strcmp(said->value, "0") == 0)
		mask = 0;
	if (migrate_said(plan, "file_open_mode") != NULL &&
	    parse_mode(migrate_text_of(plan, "file_open_mode", "0666"), &open) < 0)
		open = 0666;
	migrate_setf(plan, "file-mode", said, MIGRATE_PROTECTS, "%04o", (unsigned)((open & ~mask) | 0600) & 0777);
	migrate_setf(plan, "directory-mode", said, MIGRATE_PROTECTS, "%04o", (unsigned)((0777 & ~mask) | 0700));
}

static void
settle_log(struct migrate_plan *plan)
{
	if (migrate_is_on(plan, "xferlog_enable", false) &&
	    (migrate_is_on(plan, "xferlog_std_format", false) || migrate_is_on(plan, "dual_log_enable", false)))
		migrate_set(plan, "log.xferlog", migrate_text_of(plan, "xferlog_file", "/var/log/xferlog"),
		    migrate_said(plan, "xferlog_enable"), MIGRATE_COMFORT);
}

static void
settle_names(struct migrate_plan *plan)
{
	const struct directive *said = migrate_said(plan, "userlist_enable");

	if (!migrate_is_on(plan, "guest_enable", false)) /* as PAM has it */
		plan->lists[plan->list_count++] = (struct migrate_list){.path = "/etc/ftpusers"};
	if (!migrate_is_on(plan, "userlist_enable", false))
		return;
	plan->lists[plan->list_count++] =
	    (struct migrate_list){.path = migrate_text_of(plan, "userlist_file", "/etc/vsftpd.user_list"),
		.is_allowing = !migrate_is_on(plan, "userlist_deny", true),
		.must_exist = true,
		.by = said};
}

static void
settle_accounts(struct migrate_plan *plan)
{
	bool has_guests = migrate_is_on(plan, "guest_enable", false);

	plan->needs_shell = !has_guests;
	if (has_guests) {
		plan->format = CONVERT_VSFTPD;
		plan->guest_user = migrate_text_of(plan, "guest_username", "ftp");
	} else if (migrate_is_on(plan, "local_enable", false)) {
		plan->pam_service = migrate_text_of(plan, "pam_service_name", "vsftpd");
	}
	plan->home = migrate_text_of(plan, "local_root", NULL);
	plan->home_token = migrate_text_of(plan, "user_sub_token", NULL);
}

static void
settle_anonymous(struct migrate_plan *plan)
{
	static const struct {
		const char *name;
		unsigned rights;
	} switches[] = {
	    {"anon_upload_enable", MAY_CREATE},
	    {"anon_mkdir_write_enable", MAY_MKDIR},
	    {"anon_other_write_enable", MAY_OVERWRITE | MAY_DELETE | MAY_RENAME | MAY_RMDIR},
	};

	if (!migrate_is_on(plan, "anonymous_enable", false))
		return;
	plan->anonymous_user = migrate_text_of(plan, "ftp_username", "ftp");
	plan->anonymous_home = migrate_text_of(plan, "anon_root", NULL);
	plan->anonymous_rights = plan->rights & MAY_ONLY_LOOK;
	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++)
		if (migrate_is_on(plan, "write_enable", false) && migrate_is_on(plan, switches[i].name, false))
			plan->anonymous_rights |= switches[i].rights;
	if ((plan->anonymous_rights & MAY_CREATE) != 0 && migrate_is_on(plan, "anon_world_readable_only", true))
		migrate_note(plan, NULL, MIGRATE_PROTECTS, "anon_world_readable_only=YES",
		    "what anonymous users upload, others can download",
		    "give the account 'anonymous' a drop-box: rights=list,read rights=/in=create");
	if (migrate_said(plan, "anon_max_rate") != NULL &&
	    (parse_u64(migrate_text_of(plan, "anon_max_rate", "0"), INT64_MAX, &plan->anonymous_rate) < 0 ||
		(plan->anonymous_rate > 0 && plan->anonymous_rate < ACCOUNT_RATE_MIN))) {
		plan->anonymous_rate = 0;
		migrate_note(plan, migrate_said(plan, "anon_max_rate"), MIGRATE_PROTECTS, NULL,
		    "a rate is a number of bytes a second, at least 1024", "give the account rate-down= and rate-up=");
	}
}

static void
settle_vsftpd(struct migrate_plan *plan)
{
	settle_listen(plan);
	settle_ports(plan);
	settle_tls(plan);
	settle_rights(plan);
	settle_anonymous(plan);
	settle_rate(plan);
	settle_modes(plan);
	settle_log(plan);
	settle_names(plan);
	settle_accounts(plan);
	if (migrate_said(plan, "chroot_local_user") == NULL && !migrate_is_on(plan, "chroot_list_enable", false))
		migrate_note(plan, NULL, MIGRATE_COMFORT, "chroot_local_user=NO",
		    "every account is confined to its home", "give the account a home further up, or a shared folder");
}

const struct migrate_peer migrate_vsftpd = {
    .word = "vsftpd",
    .title = "vsftpd",
    .rows = rows,
    .row_count = sizeof(rows) / sizeof(rows[0]),
    .cut = cut_vsftpd,
    .settle = settle_vsftpd,
};
