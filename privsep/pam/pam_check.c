/* SPDX-License-Identifier: ISC */
#include <stdio.h>

#include "privsep/pam/pam.h"

#ifdef SALLYPORT_PAM

#include <pwd.h>
#include <security/pam_appl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/banned.h"

#define FLAGS (PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK)

static void __attribute__((format(printf, 3, 4)))
pam_decide(struct pam_answer *answer, enum pam_outcome outcome, const char *format, ...)
{
	va_list args;

	answer->outcome = outcome;
	va_start(args, format);
	vsnprintf(answer->reason, sizeof(answer->reason), format, args);
	va_end(args);
}

static void
free_responses(struct pam_response *responses, int count)
{
	for (int i = 0; i < count; i++) {
		if (responses[i].resp == NULL)
			continue;
		explicit_bzero(responses[i].resp, strlen(responses[i].resp));
		free(responses[i].resp);
	}
	free(responses);
}

/* FTP has one password and no questions: it is what every hidden prompt gets; a question with an echo fails. */
static int
converse(int count, const struct pam_message **messages, struct pam_response **responses_out, void *password)
{
	struct pam_response *responses;

	if (count <= 0 || count > PAM_MAX_NUM_MSG)
		return PAM_CONV_ERR;
	responses = calloc((size_t)count, sizeof(*responses));
	if (responses == NULL)
		return PAM_BUF_ERR;
	for (int i = 0; i < count; i++) {
		int style = messages[i]->msg_style;

		if (style == PAM_TEXT_INFO || style == PAM_ERROR_MSG)
			continue;
		if (style == PAM_PROMPT_ECHO_OFF)
			responses[i].resp = strdup(password);
		if (responses[i].resp == NULL) {
			free_responses(responses, count);
			return PAM_CONV_ERR;
		}
	}
	*responses_out = responses;
	return PAM_SUCCESS;
}

/* Failures are slowed down by the master, over all sessions; here a delay would only hold a turn. */
static void
no_delay(int status, unsigned microseconds, void *data)
{
	(void)status;
	(void)microseconds;
	(void)data;
}

static int
set_items(pam_handle_t *handle, const char *address)
{
	union {
		void (*function)(int status, unsigned microseconds, void *data);
		const void *item;
	} delay = {.function = no_delay};
	int r = pam_set_item(handle, PAM_RHOST, address);

	if (r == PAM_SUCCESS)
		r = pam_set_item(handle, PAM_TTY, "ftp");
	if (r == PAM_SUCCESS)
		r = pam_set_item(handle, PAM_FAIL_DELAY, delay.item);
	return r;
}

static enum pam_outcome
pam_outcome_of(int r)
{
	switch (r) {
	case PAM_AUTH_ERR:
	case PAM_USER_UNKNOWN:
	case PAM_MAXTRIES:
	case PAM_PERM_DENIED:
		return PAM_WRONG;
	default:
		return PAM_FAILED;
	}
}

/* Whose files they will be. */
static void
take_user(const struct pam_session *session, const char *name, struct pam_answer *answer)
{
	const struct passwd *user = getpwnam(name);
	const char *problem;

	if (user == NULL)
		pam_decide(answer, PAM_REFUSED, "PAM knows the user, but getpwnam does not");
	else if (!account_name_valid(name, strlen(name), &problem))
		pam_decide(answer, PAM_REFUSED, "the name that PAM gave the user is not valid for an account");
	else if (user->pw_uid == 0 || user->pw_gid == 0)
		pam_decide(answer, PAM_REFUSED, "system user has uid or gid 0");
	else if (user->pw_uid == session->service_uid)
		pam_decide(answer, PAM_REFUSED, "system user is service-user");
	else if (user->pw_dir == NULL || user->pw_dir[0] != '/' || strlen(user->pw_dir) >= sizeof(answer->home))
		pam_decide(answer, PAM_REFUSED, "home of the system user is no absolute path");
	else {
		answer->outcome = PAM_YES;
		answer->uid = user->pw_uid;
		answer->gid = user->pw_gid;
		snprintf(answer->name, sizeof(answer->name), "%s", name);
		snprintf(answer->home, sizeof(answer->home), "%s", user->pw_dir);
	}
}

/* Another name would mean that another user's password was checked. */
static void
confirm_user(const char *asked, const char *name, struct pam_answer *answer)
{
	const struct passwd *user = getpwnam(name);

	if (strcmp(asked, name) != 0)
		pam_decide(answer, PAM_REFUSED, "PAM has checked another user than the account");
	else if (user != NULL && user->pw_uid == 0)
		pam_decide(answer, PAM_REFUSED, "system user has uid or gid 0");
	else
		answer->outcome = PAM_YES;
}

static int
ask_pam_modules(const struct pam_session *session, pam_handle_t *handle, const struct pam_question *question,
    struct pam_answer *answer)
{
	const void *name = NULL;
	int r = set_items(handle, question->address);

	if (r != PAM_SUCCESS) {
		pam_decide(answer, PAM_FAILED, "PAM: %s", pam_strerror(handle, r));
		return r;
	}
	r = pam_authenticate(handle, FLAGS);
	if (r != PAM_SUCCESS) {
		pam_decide(answer, pam_outcome_of(r), "PAM: %s", pam_strerror(handle, r));
		return r;
	}
	r = pam_acct_mgmt(handle, FLAGS);
	if (r != PAM_SUCCESS) {
		pam_decide(answer, PAM_REFUSED, "PAM: %s", pam_strerror(handle, r));
		return r;
	}
	r = pam_get_item(handle, PAM_USER, &name);
	if (r != PAM_SUCCESS || name == NULL)
		pam_decide(answer, PAM_FAILED, "PAM: no user");
	else if (question->is_of_account)
		confirm_user(question->user, name, answer);
	else
		take_user(session, name, answer);
	return r;
}

void
pam_check(const struct pam_session *session, const struct pam_question *question, struct pam_answer *answer)
{
	/* pam_conv takes no const; converse() only copies it */
	const struct pam_conv conversation = {.conv = converse, .appdata_ptr = (void *)(uintptr_t)question->password};
	pam_handle_t *handle = NULL;
	int r = pam_start(question->service, question->user, &conversation, &handle);

	if (r != PAM_SUCCESS) {
		pam_decide(answer, PAM_FAILED, "PAM cannot be started for the service '%s'", question->service);
		return;
	}
	r = ask_pam_modules(session, handle, question, answer);
	pam_end(handle, r | PAM_DATA_SILENT);
}

#else

#include "common/banned.h"

void
pam_check(const struct pam_session *session, const struct pam_question *question, struct pam_answer *answer)
{
	(void)session;
	(void)question;
	answer->outcome = PAM_FAILED;
	snprintf(answer->reason, sizeof(answer->reason), "built without PAM");
}

#endif
