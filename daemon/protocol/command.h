/* SPDX-License-Identifier: ISC */
/* The table of verbs, and what it drives: dispatch, HELP, FEAT. */
#ifndef DAEMON_PROTOCOL_COMMAND_H
#define DAEMON_PROTOCOL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

struct home_path;
struct protocol;

enum command_argument {
	ARG_NONE,	/* must not be there */
	ARG_OPTIONAL,
	ARG_OPT_WORD,	/* the same, without blanks after it */
	ARG_REQUIRED,
	ARG_WORD,	/* the same, without blanks after it */
	ARG_PATH,	/* required; the request has it resolved */
	ARG_PATH_OPTIONAL	/* the same, and without one it is the working directory */
};

enum command_needs {
	NEEDS_LOGIN = 1,
	NEEDS_DATA = 2,		/* PASV, EPSV, PORT or EPRT came before */
	KEEPS_RESTART = 4,	/* REST stays in force after this command */
	KEEPS_RENAME = 8,	/* and RNFR */
	IS_HIDDEN = 16,		/* not in HELP */
	IS_FOR_TLS = 32,	/* known only where there is a certificate */
	IS_SITE = 64		/* a sub-command of SITE, listed by SITE HELP */
};

struct request;

struct command {
	const char *verb;
	void (*handler)(struct protocol *protocol, const struct request *request);
	enum command_argument argument;
	unsigned needs;
	const char *feature;	/* its line in FEAT, or NULL */
	const char *syntax;	/* for HELP */
	const char *source;	/* where it is defined */
};

/* A line of the client, as the handler of its verb gets it. */
struct request {
	const struct command *table;	/* all rows, for HELP and FEAT */
	const struct command *command;	/* the row of the verb */
	char *argument;		/* NULL: none. The handler may cut it up */
	size_t len;		/* of the argument */
	const struct home_path *path;	/* ARG_PATH and ARG_PATH_OPTIONAL: the argument in the home; else NULL */
};

/* Run the current line (control_has_line()) and reply. */
void command_run(struct protocol *protocol);

/* The table, ended by a row without verb; for HELP, FEAT and tests. */
extern const struct command commands[];

/* Handlers, by file: cmd_session.c */
void cmd_user(struct protocol *protocol, const struct request *request);
void cmd_pass(struct protocol *protocol, const struct request *request);
void cmd_quit(struct protocol *protocol, const struct request *request);
void cmd_noop(struct protocol *protocol, const struct request *request);
void cmd_syst(struct protocol *protocol, const struct request *request);
void cmd_feat(struct protocol *protocol, const struct request *request);
void cmd_opts(struct protocol *protocol, const struct request *request);
void cmd_help(struct protocol *protocol, const struct request *request);
void cmd_acct(struct protocol *protocol, const struct request *request);
void cmd_smnt(struct protocol *protocol, const struct request *request);
void cmd_rein(struct protocol *protocol, const struct request *request);
void cmd_host(struct protocol *protocol, const struct request *request);
void cmd_lang(struct protocol *protocol, const struct request *request);
void cmd_clnt(struct protocol *protocol, const struct request *request);
void cmd_csid(struct protocol *protocol, const struct request *request);
void cmd_http(struct protocol *protocol, const struct request *request);
/* cmd_transfer.c */
void cmd_type(struct protocol *protocol, const struct request *request);
void cmd_mode(struct protocol *protocol, const struct request *request);
void cmd_stru(struct protocol *protocol, const struct request *request);
void cmd_allo(struct protocol *protocol, const struct request *request);
void cmd_pasv(struct protocol *protocol, const struct request *request);
void cmd_epsv(struct protocol *protocol, const struct request *request);
void cmd_port(struct protocol *protocol, const struct request *request);
void cmd_eprt(struct protocol *protocol, const struct request *request);
void cmd_rest(struct protocol *protocol, const struct request *request);
void cmd_retr(struct protocol *protocol, const struct request *request);
void cmd_stor(struct protocol *protocol, const struct request *request);
void cmd_stou(struct protocol *protocol, const struct request *request);
void cmd_appe(struct protocol *protocol, const struct request *request);
void cmd_abor(struct protocol *protocol, const struct request *request);
/* cmd_files.c */
void cmd_pwd(struct protocol *protocol, const struct request *request);
void cmd_cwd(struct protocol *protocol, const struct request *request);
void cmd_cdup(struct protocol *protocol, const struct request *request);
void cmd_mkd(struct protocol *protocol, const struct request *request);
void cmd_rmd(struct protocol *protocol, const struct request *request);
void cmd_dele(struct protocol *protocol, const struct request *request);
void cmd_rnfr(struct protocol *protocol, const struct request *request);
void cmd_rnto(struct protocol *protocol, const struct request *request);
void cmd_size(struct protocol *protocol, const struct request *request);
void cmd_mdtm(struct protocol *protocol, const struct request *request);
void cmd_list(struct protocol *protocol, const struct request *request);
void cmd_nlst(struct protocol *protocol, const struct request *request);
void cmd_mlsd(struct protocol *protocol, const struct request *request);
void cmd_mlst(struct protocol *protocol, const struct request *request);
void cmd_stat(struct protocol *protocol, const struct request *request);

void cmd_mfmt(struct protocol *protocol, const struct request *request);
void cmd_mff(struct protocol *protocol, const struct request *request);
void cmd_avbl(struct protocol *protocol, const struct request *request);
void cmd_dsiz(struct protocol *protocol, const struct request *request);
void cmd_rmda(struct protocol *protocol, const struct request *request);
/* cmd_hash.c */
void cmd_hash(struct protocol *protocol, const struct request *request);
void cmd_rang(struct protocol *protocol, const struct request *request);
void cmd_xcrc(struct protocol *protocol, const struct request *request);
void cmd_xmd5(struct protocol *protocol, const struct request *request);
void cmd_xsha1(struct protocol *protocol, const struct request *request);
void cmd_xsha256(struct protocol *protocol, const struct request *request);
void cmd_xsha512(struct protocol *protocol, const struct request *request);
/* cmd_site.c */
void cmd_site(struct protocol *protocol, const struct request *request);
/* cmd_tls.c */
void cmd_auth(struct protocol *protocol, const struct request *request);
void cmd_pbsz(struct protocol *protocol, const struct request *request);
void cmd_prot(struct protocol *protocol, const struct request *request);
void cmd_ccc(struct protocol *protocol, const struct request *request);

#endif
