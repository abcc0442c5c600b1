/* SPDX-License-Identifier: ISC */
/* vsftpd.conf(5): one "NAME=VALUE" a line, without blanks around '='; the last one of a name counts. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "accounts/rights.h"
#include "admin/migrate_peers.h"
#include "admin/migrate_rows.h"
#include "common/text.h"

#include "common/banned.h"

#define NO_VERBS "no list of commands is kept", "use rights= of sallyport-users(5), which decides what a command may do"

static const struct migrate_row rows[] = {
    /* the address */
    LATER("listen"),
    LATER("listen_ipv6"),
    LATER("listen_address"),
    LATER("listen_address6"),
    LATER("listen_port"),
    LATER("implicit_ssl"),
    /* data connections */
    {"pasv_enable", take_lost_no, NULL, MIGRATE_COMFORT, "passive mode is always there",
	"close the ports in the packet filter"},
    LATER("pasv_min_port"),
    LATER("pasv_max_port"),
    {"pasv_address", take_same, "passive-address", MIGRATE_COMFORT, NULL, NULL},
    NEEDLESS("pasv_addr_resolve"),
    {"pasv_promiscuous", take_lost_yes, NULL, MIGRATE_COMFORT, HAS_OWN_ADDRESS},
    {"port_enable", take_switch, "active-mode", MIGRATE_PROTECTS, NULL, NULL},
    {"port_promiscuous", take_lost_yes, NULL, MIGRATE_COMFORT, HAS_OWN_ADDRESS},
    LATER("connect_from_port_20"),
    LATER("ftp_data_port"),
    /* TLS */
    LATER("ssl_enable"),
    LATER("rsa_cert_file"),
    LATER("rsa_private_key_file"),
    {"dsa_cert_file", take_lost, NULL, MIGRATE_COMFORT, "there is one certificate", "use that of rsa_cert_file"},
    {"dsa_private_key_file", take_lost, NULL, MIGRATE_COMFORT, "there is one certificate", "use that of rsa_cert_file"},
    LATER("force_local_logins_ssl"),
    LATER("force_local_data_ssl"),
    LATER("force_anon_logins_ssl"),
    NEEDLESS("force_anon_data_ssl"),
    NEEDLESS("allow_anon_ssl"),
    {"require_ssl_reuse", take_switch, "tls.require-data-reuse", MIGRATE_PROTECTS, NULL, NULL},
    {"strict_ssl_read_eof", take_switch, "tls.require-close", MIGRATE_PROTECTS, NULL, NULL},
    NEEDLESS("strict_ssl_write_shutdown"),
    {"require_cert", take_lost_yes, NULL, MIGRATE_PROTECTS, NO_CLIENT_CERTIFICATES},
    {"validate_cert", take_lost_yes, NULL, MIGRATE_PROTECTS, NO_CLIENT_CERTIFICATES},
    {"ca_certs_file", take_lost, NULL, MIGRATE_COMFORT, "certificates of clients are not asked for", "nothing"},
    NEEDLESS("ssl_request_cert"),
    {"ssl_ciphers", take_lost, NULL, MIGRATE_COMFORT, HAS_OWN_CIPHERS},
    NEEDLESS("ssl_sslv2"),
    NEEDLESS("ssl_sslv3"),
    NEEDLESS("ssl_tlsv1"),
    NEEDLESS("ssl_tlsv1_1"),
    NEEDLESS("ssl_tlsv1_2"),
    NEEDLESS("debug_ssl"),
    /* who logs in */
    LATER("local_enable"),
    LATER("pam_service_name"),
    LATER("guest_enable"),
    LATER("guest_username"),
    LATER("virtual_use_local_privs"),
    LATER("user_sub_token"),
    LATER("local_root"),
    LATER("user_config_dir"),
    LATER("userlist_enable"),
    LATER("userlist_deny"),
    LATER("userlist_file"),
    NEEDLESS("check_shell"),
    {"tcp_wrappers", take_lost_yes, NULL, MIGRATE_PROTECTS, NO_HOSTS_ACCESS},
    {"session_support", take_lost_yes, NULL, MIGRATE_COMFORT, "no PAM session is opened", "make the homes before"},
    /* confinement */
    {"chroot_local_user", take_lost_no, NULL, MIGRATE_COMFORT, HAS_CONFINED},
    {"chroot_list_enable", take_lost_yes, NULL, MIGRATE_COMFORT, HAS_CONFINED},
    NEEDLESS("chroot_list_file"),
    {"passwd_chroot_enable", take_lost_yes, NULL, MIGRATE_COMFORT, "a home has no '/./'; all of it is the root",
	"set the home to the part before '/./'"},
    NEEDLESS("allow_writeable_chroot"),
    NEEDLESS("secure_chroot_dir"),
    /* what they may do */
    LATER("write_enable"),
    LATER("download_enable"),
    LATER("dirlist_enable"),
    LATER("chmod_enable"),
    NEEDLESS("mdtm_write"),
    LATER("local_umask"),
    LATER("file_open_mode"),
    {"cmds_allowed", take_lost, NULL, MIGRATE_PROTECTS, NO_VERBS},
    {"cmds_denied", take_lost, NULL, MIGRATE_PROTECTS, NO_VERBS},
    LATER("deny_file"),
    LATER("hide_file"),
    NEEDLESS("force_dot_files"),
    NEEDLESS("hide_ids"),
    {"ls_recurse_enable", take_lost_yes, NULL, MIGRATE_COMFORT, "no listing descends", "let the client do it: mirror"},
    {"tilde_user_enable", take_lost_yes, NULL, MIGRATE_COMFORT, "'~' is a name as any other", "use paths from '/'"},
    NEEDLESS("text_userdb_names"),
    /* anonymous */
    LATER("anonymous_enable"),
    LATER("anon_upload_enable"),
    LATER("anon_mkdir_write_enable"),
    LATER("anon_other_write_enable"),
    LATER("anon_world_readable_only"),
    LATER("anon_root"),
    LATER("anon_umask"),
    LATER("anon_max_rate"),
    NEEDLESS("no_anon_password"),
    LATER("ftp_username"),
    {"deny_email_enable", take_lost_yes, NULL, MIGRATE_PROTECTS, "passwords of anonymous users are not looked at",
	"use allow-from= of the account"},
    NEEDLESS("banned_email_file"),
    {"secure_email_list_enable", take_lost_yes, NULL, MIGRATE_PROTECTS,
	"passwords of anonymous users are not looked at", "use allow-from= of the account"},
    NEEDLESS("email_password_file"),
    {"chown_uploads", take_lost_yes, NULL, MIGRATE_COMFORT, "an upload belongs to its account", "use on-upload"},
    NEEDLESS("chown_username"),
    NEEDLESS("chown_upload_mode"),
    /* limits and times */
    {"max_clients", take_ceiling, "limits.sessions", MIGRATE_PROTECTS, NULL, NULL},
    {"max_per_ip", take_ceiling, "limits.sessions-per-address", MIGRATE_PROTECTS, NULL, NULL},
    {"max_login_fails", take_same, "limits.login-failures", MIGRATE_PROTECTS, NULL, NULL},
    LATER("local_max_rate"),
    {"idle_session_timeout", take_seconds, "timeouts.idle", MIGRATE_COMFORT, NULL, NULL},
    {"data_connection_timeout", take_seconds, "timeouts.stall", MIGRATE_COMFORT, NULL, NULL},
    {"accept_timeout", take_seconds, "timeouts.data-connect", MIGRATE_COMFORT, NULL, NULL},
    NEEDLESS("connect_timeout"),
    NEEDLESS("delay_failed_login"),
    NEEDLESS("delay_successful_login"),
    /* texts and logs */
    {"ftpd_banner", take_same, "banner", MIGRATE_COMFORT, NULL, NULL},
    {"banner_file", take_lost, NULL, MIGRATE_COMFORT, HAS_BANNER_LINE},
    {"dirmessage_enable", take_switch, "directory-message", MIGRATE_COMFORT, NULL, NULL},
    {"message_file", take_lost, NULL, MIGRATE_COMFORT, "the file of a directory's message is '.message'", "rename it"},
    {"use_localtime", take_lost_yes, NULL, MIGRATE_COMFORT, "times in listings are UTC (RFC 3659, 2.3)", "nothing"},
    LATER("xferlog_enable"),
    LATER("xferlog_std_format"),
    LATER("xferlog_file"),
    LATER("dual_log_enable"),
    {"vsftpd_log_file", take_lost, NULL, MIGRATE_COMFORT, HAS_SYSLOG},
    NEEDLESS("syslog_enable"),
    {"log_ftp_protocol", take_lost_yes, NULL, MIGRATE_COMFORT, "commands are in the log of level debug",
	"set log.level"},
    NEEDLESS("no_log_lock"),
    /* the program */
    NEEDLESS("background"),
    NEEDLESS("one_process_model"),
    {"run_as_launching_user", take_lost_yes, NULL, MIGRATE_COMFORT, "the server starts as root", "nothing"},
    NEEDLESS("nopriv_user"),
    NEEDLESS("setproctitle_enable"),
    NEEDLESS("use_sendfile"),
    NEEDLESS("trans_chunk_size"),
    NEEDLESS("lock_upload_files"),
    {"delete_failed_uploads", take_lost_yes, NULL, MIGRATE_COMFORT, "an interrupted upload stays for a while, unseen",
	"set partial-keep"},
    NEEDLESS("ascii_download_enable"),
    NEEDLESS("ascii_upload_enable"),
    NEEDLESS("async_abor_enable"),
    NEEDLESS("utf8_filesystem"),
    NEEDLESS("isolate"),
    NEEDLESS("isolate_network"),
    NEEDLESS("seccomp_sandbox"),
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
		migrate_set_address(plan, key, v6, v6->value, strlen(v6->value), port);
	else if (migrate_is_on(plan, "listen", false) && v4 != NULL)
		migrate_set_address(plan, key, v4, v4->value, strlen(v4->value), port);
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
	bool logins = migrate_is_on(plan, "force_local_logins_ssl", true),
	     data = migrate_is_on(plan, "force_local_data_ssl", true);

	if (!migrate_is_on(plan, "ssl_enable", false))
		return;
	migrate_set_certificate(plan, migrate_said(plan, "rsa_cert_file"), migrate_said(plan, "rsa_private_key_file"),
	    "/usr/share/ssl/certs/vsftpd.pem");
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

static unsigned
local_rights(const struct migrate_plan *plan)
{
	static const struct migrate_switch switches[] = {
	    {"write_enable", false, true, MAY_CHANGE},
	    {"download_enable", true, true, MAY_READ},
	    {"dirlist_enable", true, true, MAY_LIST},
	    {"chmod_enable", true, true, MAY_CHMOD},
	};

	return migrate_take_away(plan, switches, sizeof(switches) / sizeof(switches[0]), MAY_ALL);
}

/* Anonymous users and guests change nothing but what these allow. */
static unsigned
anonymous_rights(const struct migrate_plan *plan)
{
	static const struct migrate_switch switches[] = {
	    {"anon_upload_enable", false, true, MAY_CREATE},
	    {"anon_mkdir_write_enable", false, true, MAY_MKDIR},
	    {"anon_other_write_enable", false, true, MAY_OVERWRITE | MAY_DELETE | MAY_RENAME | MAY_RMDIR | MAY_CHMOD},
	};

	return migrate_take_away(plan, switches, sizeof(switches) / sizeof(switches[0]), local_rights(plan));
}

static void
settle_rights(struct migrate_plan *plan)
{
	bool was_guest = plan->of_server != NULL && is_as_anonymous(plan->of_server);

	plan->all.rights = is_as_anonymous(plan) ? anonymous_rights(plan) : local_rights(plan);
	if (is_as_anonymous(plan) && !was_guest && migrate_is_on(plan, "anon_world_readable_only", true))
		migrate_note(plan, migrate_said(plan, "anon_world_readable_only"), MIGRATE_PROTECTS,
		    "anon_world_readable_only=YES (of guests)", "a guest reads what its uid may read",
		    "take away the modes of files that guests must not read");
}

static void
settle_rate(struct migrate_plan *plan)
{
	const struct directive *said = migrate_said(plan, is_as_anonymous(plan) ? "anon_max_rate" : "local_max_rate");

	if (said != NULL)
		plan->all.rate_down = plan->all.rate_up = migrate_rate(plan, said, said->value, 1);
}

/* "0", "022" and "0022" are masks. 0 or -EINVAL. */
static int
parse_mask(const char *text, uint32_t *mask)
{
	*mask = 0;
	if (strcmp(text, "0") == 0 || parse_mode(text, mask) == 0)
		return 0;
	return parse_mode(text[0] == '0' ? text + 1 : text, mask);
}

/* A mask takes bits away; ours is the mode itself. 0, or -EINVAL if the mask is none. */
static int
modes_of(const struct migrate_plan *plan, const struct directive *said, struct migrate_profile *profile)
{
	uint32_t mask = 077, open = 0666;

	if (said != NULL && parse_mask(said->value, &mask) < 0)
		return -EINVAL;
	if (parse_mask(migrate_text_of(plan, "file_open_mode", "0666"), &open) < 0)
		open = 0666;
	profile->file_mode = ((open & ~mask) | 0600) & 0777;
	profile->directory_mode = ((0777 & ~mask) | 0700) & 0777;
	return 0;
}

static const struct directive *
mask_of(const struct migrate_plan *plan)
{
	return migrate_said(plan, is_as_anonymous(plan) ? "anon_umask" : "local_umask");
}

static void
settle_modes(struct migrate_plan *plan)
{
	const struct directive *said = mask_of(plan);
	struct migrate_profile modes;

	if (modes_of(plan, said, &modes) < 0) {
		migrate_note(
		    plan, said, MIGRATE_PROTECTS, NULL, "the mask is not octal", "set file-mode and directory-mode");
		return;
	}
	migrate_setf(plan, "file-mode", said, MIGRATE_PROTECTS, "%04o", (unsigned)modes.file_mode);
	migrate_setf(plan, "directory-mode", said, MIGRATE_PROTECTS, "%04o", (unsigned)modes.directory_mode);
}

/* --- patterns --- */

/* One pattern: '*' and '?' are the same in ours; the other characters stand for themselves. */
static void
take_alternative(struct migrate_plan *plan, const struct directive *said, struct migrate_profile *profile,
    const char *text, size_t len, bool is_part)
{
	struct buf glob;

	buf_init(&glob, MIGRATE_LINE_MAX * 2);
	if (is_part)
		buf_add_text(&glob, "*");
	for (size_t i = 0; i < len; i++)
		buf_addf(&glob, "%s%c", strchr("[]\\", text[i]) != NULL ? "\\" : "", text[i]);
	if (is_part)
		buf_add_text(&glob, "*");
	if (glob.error == 0 && len > 0)
		migrate_add_pattern(plan, said, profile, strcmp(said->name, "deny_file") == 0, glob.data, glob.len);
	buf_free(&glob);
}

/*
 * "{*.mp3,.private}": a name that is one of these, or any that has the whole text in it. Braces within a longer pattern
 * have no counterpart.
 */
static void
take_patterns(struct migrate_plan *plan, const struct directive *said, struct migrate_profile *profile)
{
	const char *text = said->value, *end = text + strlen(text);
	bool is_list = text[0] == '{' && end[-1] == '}', is_literal = strpbrk(text, "*?{},") == NULL;

	if (*text == '\0')
		return;
	text += is_list;
	end -= is_list;
	if (memchr(text, '/', (size_t)(end - text)) != NULL || memchr(text, '{', (size_t)(end - text)) != NULL ||
	    memchr(text, '}', (size_t)(end - text)) != NULL) {
		migrate_note(plan, said, MIGRATE_PROTECTS, NULL, NO_SUCH_PATTERN);
		return;
	}
	while (text <= end) {
		const char *comma = is_list ? memchr(text, ',', (size_t)(end - text)) : NULL;
		size_t len = (size_t)((comma == NULL ? end : comma) - text);

		take_alternative(plan, said, profile, text, len, is_literal);
		text += len + 1;
	}
}

static void
settle_patterns(struct migrate_plan *plan, struct migrate_profile *profile)
{
	static const char *const names[] = {"deny_file", "hide_file"};

	profile->patterns = (struct patterns){.count = 0};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (migrate_said(plan, names[i]) != NULL)
			take_patterns(plan, migrate_said(plan, names[i]), profile);
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
		plan->lists[plan->list_count++] =
		    (struct migrate_list){.path = "/etc/ftpusers", .other = "/etc/vsftpd/ftpusers"};
	if (!migrate_is_on(plan, "userlist_enable", false))
		return;
	plan->lists[plan->list_count++] =
	    (struct migrate_list){.path = migrate_text_of(plan, "userlist_file", "/etc/vsftpd.user_list"),
		.other = migrate_said(plan, "userlist_file") == NULL ? "/etc/vsftpd/user_list" : NULL,
		.is_allowing = !migrate_is_on(plan, "userlist_deny", true),
		.must_exist = true,
		.by = said};
}

static void
settle_accounts(struct migrate_plan *plan)
{
	bool has_guests = migrate_is_on(plan, "guest_enable", false);

	plan->is_anonymous_only = !migrate_is_on(plan, "local_enable", false); /* guests need it, too */
	plan->needs_shell = !has_guests;
	if (has_guests) {
		plan->format = CONVERT_VSFTPD;
		plan->guest_user = migrate_text_of(plan, "guest_username", "ftp");
	} else if (migrate_is_on(plan, "local_enable", false)) {
		plan->pam_service = migrate_text_of(plan, "pam_service_name", "vsftpd");
	}
	plan->home = migrate_text_of(plan, "local_root", NULL);
	plan->home_token = migrate_text_of(plan, "user_sub_token", NULL);
	plan->own_directory = migrate_text_of(plan, "user_config_dir", NULL);
}

static void
settle_anonymous(struct migrate_plan *plan)
{
	const struct directive *rate = migrate_said(plan, "anon_max_rate"), *mask = migrate_said(plan, "anon_umask");
	struct migrate_profile *anonymous = &plan->anonymous;

	if (!migrate_is_on(plan, "anonymous_enable", false))
		return;
	plan->anonymous_user = migrate_text_of(plan, "ftp_username", "ftp");
	plan->anonymous_home = migrate_text_of(plan, "anon_root", NULL);
	plan->anonymous_tls = migrate_is_on(plan, "force_anon_logins_ssl", false) ? "required" : "optional";
	anonymous->rights = anonymous_rights(plan);
	if (modes_of(plan, mask, anonymous) < 0)
		migrate_note(plan, mask, MIGRATE_PROTECTS, NULL, "the mask is not octal",
		    "give the account 'anonymous' file-mode= and directory-mode=");
	/* vsftpd serves only what everybody may read; an upload with this mode would be that here */
	if ((anonymous->rights & MAY_CREATE) != 0 && migrate_is_on(plan, "anon_world_readable_only", true) &&
	    (anonymous->file_mode & 0004) == 0) {
		anonymous->rights &= ~(unsigned)(MAY_CREATE | MAY_OVERWRITE);
		migrate_note(plan, migrate_said(plan, "anon_upload_enable"), MIGRATE_COMFORT, NULL, LIKE_A_DROP_BOX);
	}
	if (rate != NULL)
		anonymous->rate_down = anonymous->rate_up = migrate_rate(plan, rate, rate->value, 1);
	migrate_word_number(migrate_said(plan, "max_clients"), &anonymous->max_sessions);
	settle_patterns(plan, anonymous);
	if ((anonymous->rights & MAY_CHANGE) == 0)
		anonymous->file_mode = anonymous->directory_mode = 0;
}

/* --- settings of single accounts --- */

/* What a file of user_config_dir can say of rights, rates, modes, names and the home. */
static const char *const own_names[] = {"write_enable", "download_enable", "dirlist_enable", "chmod_enable",
    "anon_upload_enable", "anon_mkdir_write_enable", "anon_other_write_enable", "anon_world_readable_only",
    "virtual_use_local_privs", "local_max_rate", "anon_max_rate", "local_umask", "anon_umask", "file_open_mode",
    "deny_file", "hide_file", "local_root"};

/* What vsftpd has asked for before it knows the user (vsftpd.conf(5), user_config_dir). */
static const char *const early_names[] = {"listen", "listen_ipv6", "listen_address", "listen_address6", "listen_port",
    "max_clients", "max_per_ip", "ftpd_banner", "banner_file", "max_login_fails", "userlist_enable", "userlist_deny",
    "userlist_file", "pam_service_name", "local_enable", "anonymous_enable", "tcp_wrappers", "user_config_dir"};

static bool
is_among(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcasecmp(names[i], name) == 0)
			return true;
	return false;
}

/* What holds for the whole server here, or nowhere, is noted. */
static void
note_own(struct migrate_plan *own, struct migrate_profile *profile)
{
	for (size_t i = own->borrowed; i < own->count; i++) {
		const struct directive *now = &own->directives[i];
		const struct migrate_row *row = migrate_row_of(own->peer, now->name);

		if (is_among(now->name, own_names, sizeof(own_names) / sizeof(own_names[0])) ||
		    is_among(now->name, early_names, sizeof(early_names) / sizeof(early_names[0])))
			continue;
		if (strcasecmp(now->name, "guest_enable") == 0 || strcasecmp(now->name, "guest_username") == 0)
			profile->problem = "the file of its own settings makes it another user; add it with 'user add'";
		else if (row == NULL || (row->key == NULL && row->take != take_later))
			migrate_take(own, now);
		else
			migrate_note(own, now, row->weight, NULL, "a setting of the whole server, here",
			    "see whether the server's own value does for this account");
	}
}

/* Of its settings, those that are the server's are not repeated. */
static void
take_own(struct migrate_plan *plan, struct migrate_plan *own, struct migrate_profile *profile)
{
	const struct directive *home = migrate_said(own, "local_root");
	struct migrate_profile of_server;

	settle_rights(own);
	settle_rate(own);
	settle_patterns(own, &own->all);
	if (modes_of(own, mask_of(own), &own->all) < 0) {
		profile->problem = "the mask in the file of its own settings is not octal; repair it";
		return;
	}
	if (modes_of(plan, mask_of(plan), &of_server) == 0) {
		own->all.file_mode = of_server.file_mode == own->all.file_mode ? 0 : own->all.file_mode;
		own->all.directory_mode =
		    of_server.directory_mode == own->all.directory_mode ? 0 : own->all.directory_mode;
	}
	migrate_profile_copy(profile, &own->all);
	if (home != NULL && home >= own->directives + own->borrowed)
		profile->home = strdup(home->value);
	note_own(own, profile);
}

static void
describe_vsftpd(struct migrate_plan *plan, const struct migrate_who *who, struct migrate_profile *profile)
{
	struct migrate_plan own;
	const char *problem;
	size_t line;
	int r;

	if (who->own == NULL)
		return;
	r = migrate_plan_branch(&own, plan);
	if (r == 0)
		r = migrate_plan_read(&own, who->own_file, who->own, who->own_len, &line, &problem);
	if (r == 0)
		take_own(plan, &own, profile);
	if (r == -EINVAL)
		profile->problem = "the file of its own settings has a line that is no 'NAME=VALUE'; repair it";
	plan->no_memory = plan->no_memory || r == -ENOMEM || own.no_memory;
	migrate_plan_join_notes(plan, &own);
	migrate_plan_free(&own);
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
	settle_patterns(plan, &plan->all);
	settle_log(plan);
	settle_names(plan);
	settle_accounts(plan);
	if (migrate_said(plan, "chroot_local_user") == NULL && !migrate_is_on(plan, "chroot_list_enable", false))
		migrate_note(plan, NULL, MIGRATE_COMFORT, "chroot_local_user=NO", HAS_CONFINED);
}

const struct migrate_peer migrate_vsftpd = {
    .word = "vsftpd",
    .title = "vsftpd",
    .rows = rows,
    .row_count = sizeof(rows) / sizeof(rows[0]),
    .cut = cut_vsftpd,
    .settle = settle_vsftpd,
    .describe = describe_vsftpd,
};
