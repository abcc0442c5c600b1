/* SPDX-License-Identifier: ISC */
/* The table of verbs, and what it drives: dispatch, HELP, FEAT. */
#ifndef DAEMON_PROTOCOL_COMMAND_H
#define DAEMON_PROTOCOL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

struct protocol;

enum command_argument {
	ARG_NONE,	/* must not be there */
	ARG_OPTIONAL,
	ARG_OPT_WORD,	/* the same, and blanks behind it are no part of it */
	ARG_REQUIRED,
	ARG_WORD,	/* the same, and blanks behind it are no part of it */
	ARG_PATH	/* required; the handler finds it resolved in command_path() */
};

enum command_needs {
	NEEDS_LOGIN = 1,
	NEEDS_DATA = 2,		/* PASV, EPSV, PORT or EPRT came before */
	KEEPS_RESTART = 4,	/* REST stays in force behind this command */
	KEEPS_RENAME = 8,	/* and RNFR */
	IS_HIDDEN = 16,		/* not in HELP */
	IS_FOR_TLS = 32,	/* known only where there is a certificate */
	IS_SITE = 64		/* a sub-command of SITE, listed by SITE HELP */
};

struct command {
	const char *verb;
	void (*handler)(struct protocol *protocol, char *argument, size_t len);
	enum command_argument argument;
	unsigned needs;
	const char *feature;	/* its line in FEAT, or NULL */
	const char *syntax;	/* for HELP */
	const char *source;	/* where it is defined */
};

/* Run the line at hand (control_has_line()) and reply. */
void command_run(struct protocol *protocol);

/* The table, ended by a row without verb; for HELP, FEAT and tests. */
extern const struct command commands[];

/* Handlers, by file: cmd_session.c */
void cmd_user(struct protocol *protocol, char *argument, size_t len);
void cmd_pass(struct protocol *protocol, char *argument, size_t len);
void cmd_quit(struct protocol *protocol, char *argument, size_t len);
void cmd_noop(struct protocol *protocol, char *argument, size_t len);
void cmd_syst(struct protocol *protocol, char *argument, size_t len);
void cmd_feat(struct protocol *protocol, char *argument, size_t len);
void cmd_opts(struct protocol *protocol, char *argument, size_t len);
void cmd_help(struct protocol *protocol, char *argument, size_t len);
void cmd_acct(struct protocol *protocol, char *argument, size_t len);
void cmd_smnt(struct protocol *protocol, char *argument, size_t len);
void cmd_rein(struct protocol *protocol, char *argument, size_t len);
void cmd_host(struct protocol *protocol, char *argument, size_t len);
void cmd_lang(struct protocol *protocol, char *argument, size_t len);
void cmd_clnt(struct protocol *protocol, char *argument, size_t len);
void cmd_csid(struct protocol *protocol, char *argument, size_t len);
void cmd_http(struct protocol *protocol, char *argument, size_t len);
/* cmd_transfer.c */
void cmd_type(struct protocol *protocol, char *argument, size_t len);
void cmd_mode(struct protocol *protocol, char *argument, size_t len);
void cmd_stru(struct protocol *protocol, char *argument, size_t len);
void cmd_allo(struct protocol *protocol, char *argument, size_t len);
void cmd_pasv(struct protocol *protocol, char *argument, size_t len);
void cmd_epsv(struct protocol *protocol, char *argument, size_t len);
void cmd_port(struct protocol *protocol, char *argument, size_t len);
void cmd_eprt(struct protocol *protocol, char *argument, size_t len);
void cmd_rest(struct protocol *protocol, char *argument, size_t len);
void cmd_retr(struct protocol *protocol, char *argument, size_t len);
void cmd_stor(struct protocol *protocol, char *argument, size_t len);
void cmd_stou(struct protocol *protocol, char *argument, size_t len);
void cmd_appe(struct protocol *protocol, char *argument, size_t len);
void cmd_abor(struct protocol *protocol, char *argument, size_t len);
/* cmd_files.c */
void cmd_pwd(struct protocol *protocol, char *argument, size_t len);
void cmd_cwd(struct protocol *protocol, char *argument, size_t len);
void cmd_cdup(struct protocol *protocol, char *argument, size_t len);
void cmd_mkd(struct protocol *protocol, char *argument, size_t len);
void cmd_rmd(struct protocol *protocol, char *argument, size_t len);
void cmd_dele(struct protocol *protocol, char *argument, size_t len);
void cmd_rnfr(struct protocol *protocol, char *argument, size_t len);
void cmd_rnto(struct protocol *protocol, char *argument, size_t len);
void cmd_size(struct protocol *protocol, char *argument, size_t len);
void cmd_mdtm(struct protocol *protocol, char *argument, size_t len);
void cmd_list(struct protocol *protocol, char *argument, size_t len);
void cmd_nlst(struct protocol *protocol, char *argument, size_t len);
void cmd_mlsd(struct protocol *protocol, char *argument, size_t len);
void cmd_mlst(struct protocol *protocol, char *argument, size_t len);
void cmd_stat(struct protocol *protocol, char *argument, size_t len);

void cmd_mfmt(struct protocol *protocol, char *argument, size_t len);
void cmd_mff(struct protocol *protocol, char *argument, size_t len);
void cmd_avbl(struct protocol *protocol, char *argument, size_t len);
void cmd_dsiz(struct protocol *protocol, char *argument, size_t len);
void cmd_rmda(struct protocol *protocol, char *argument, size_t len);
/* cmd_hash.c */
void cmd_hash(struct protocol *protocol, char *argument, size_t len);
void cmd_rang(struct protocol *protocol, char *argument, size_t len);
void cmd_xcrc(struct protocol *protocol, char *argument, size_t len);
void cmd_xmd5(struct protocol *protocol, char *argument, size_t len);
void cmd_xsha1(struct protocol *protocol, char *argument, size_t len);
void cmd_xsha256(struct protocol *protocol, char *argument, size_t len);
void cmd_xsha512(struct protocol *protocol, char *argument, size_t len);
/* cmd_site.c */
void cmd_site(struct protocol *protocol, char *argument, size_t len);
/* cmd_tls.c */
void cmd_auth(struct protocol *protocol, char *argument, size_t len);
void cmd_pbsz(struct protocol *protocol, char *argument, size_t len);
void cmd_prot(struct protocol *protocol, char *argument, size_t len);
void cmd_ccc(struct protocol *protocol, char *argument, size_t len);

/* The text of a command's line in FEAT, where it depends on the session (MLST, HASH, MODE Z); NULL: none. */
const char *command_feature(const struct protocol *protocol, const struct command *command, char *text, size_t size);

/* Is command known to this server as it is configured, and told in HELP? */
bool command_is_told(const struct protocol *protocol, const struct command *command);

/* The argument of an ARG_PATH command as a path in the home. */
const struct home_path *command_path(void);

#endif
