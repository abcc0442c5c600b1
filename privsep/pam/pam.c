/* SPDX-License-Identifier: ISC */
#include "privsep/pam/pam.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "accounts/pam_services.h"
#include "accounts/password.h"
#include "common/address.h"
#include "common/title.h"
#include "config/config.h"
#include "privsep/ipc/ipc.h"

#include "common/banned.h"

static struct ipc_message message;

static void
send_pam_answer(const struct pam_session *session, const struct pam_answer *answer)
{
	ipc_begin_reply(&message, IPC_authenticate, 0);
	ipc_put_u32(&message, answer->outcome);
	ipc_put_u32(&message, answer->uid);
	ipc_put_u32(&message, answer->gid);
	ipc_put_text(&message, answer->name);
	ipc_put_text(&message, answer->home);
	ipc_put_text(&message, answer->reason);
	if (ipc_send_now(session->monitor_channel, &message, -1) < 0)
		_exit(0);
}

static bool
serves(const struct pam_session *session, const char *service)
{
	return pam_service_valid(service) &&
	    (config_names_pam_service(session->config, service) || pam_services_have(session->services, service));
}

/* The users file has changed since the session began, or the monitor is not to be believed. */
static void
refuse_service(const char *service, struct pam_answer *answer)
{
	answer->outcome = PAM_FAILED;
	snprintf(answer->reason, sizeof(answer->reason), "PAM: this session began before the service '%s' was named",
	    pam_service_valid(service) ? service : "?");
}

static void
answer_authenticate(const struct pam_session *session)
{
	char service[PAM_SERVICE_NAME_MAX + 1], user[ACCOUNT_NAME_MAX + 1], password[PASSWORD_MAX + 1],
	    address[ADDRESS_TEXT_MAX];
	struct pam_question question = {.service = service, .user = user, .password = password, .address = address};
	static struct pam_answer answer;

	ipc_get_text(&message, service, sizeof(service));
	question.is_of_account = ipc_get_u8(&message) != 0;
	ipc_get_text(&message, user, sizeof(user));
	ipc_get_text(&message, password, sizeof(password));
	ipc_get_text(&message, address, sizeof(address));
	if (message.kind != IPC_authenticate || !ipc_end(&message))
		_exit(1);
	explicit_bzero(message.bytes, message.length);
	memset(&answer, 0, sizeof(answer));
	if (serves(session, service))
		pam_check(session, &question, &answer);
	else
		refuse_service(service, &answer);
	explicit_bzero(password, sizeof(password));
	send_pam_answer(session, &answer);
}

void
pam_run(const struct pam_session *session)
{
	pam_enter_walls(session, getppid());
	title_set("pam", NULL, NULL);
	while (ipc_receive(session->monitor_channel, IPC_PAM, IPC_STATE_LOGIN, &message) == 0)
		answer_authenticate(session);
	_exit(0);
}
