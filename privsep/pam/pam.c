/* SPDX-License-Identifier: ISC */
#include "privsep/pam/pam.h"

#include <string.h>
#include <unistd.h>

#include "accounts/password.h"
#include "common/address.h"
#include "common/title.h"
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

static void
answer_authenticate(const struct pam_session *session)
{
	char user[ACCOUNT_NAME_MAX + 1], password[PASSWORD_MAX + 1], address[ADDRESS_TEXT_MAX];
	static struct pam_answer answer;

	ipc_get_text(&message, user, sizeof(user));
	ipc_get_text(&message, password, sizeof(password));
	ipc_get_text(&message, address, sizeof(address));
	if (message.kind != IPC_authenticate || !ipc_end(&message))
		_exit(1);
	explicit_bzero(message.bytes, message.length);
	memset(&answer, 0, sizeof(answer));
	pam_check(session, user, password, address, &answer);
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
