/* SPDX-License-Identifier: ISC */
/* Signatures for TLS, on protocol's request. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "config/servers.h"
#include "privsep/ipc/log.h"
#include "privsep/monitor/state.h"

#include "common/banned.h"

/* Protocol asks again when there are too many at once: report that once. */
static void
log_no_signature(struct monitor *monitor, int error)
{
	bool is_slowed = error == -EAGAIN;
	enum log_level level = is_slowed ? LEVEL_WARNING : LEVEL_ERROR;

	if ((is_slowed && monitor->is_slow_to_sign) || !records_take(monitor, RECORD_NOTE, level))
		return;
	monitor->is_slow_to_sign |= is_slowed;
	log_message(level, "tls-failed", "no signature: %s",
	    is_slowed ? "too many handshakes that resume no session; those that follow are slowed down"
		      : strerror(-error));
}

/* The session shows one certificate from its first handshake on: it needs no other key. */
static void
give_other_keys_up(const struct session *session, int key_fd)
{
	int fds[CONFIG_SERVERS_MAX + 1];
	size_t count = monitor_list_keys(session, fds);

	for (size_t i = 0; i < count; i++)
		if (fds[i] != key_fd)
			close(fds[i]);
}

/* The key of this server; -1: protocol must not ask for it. */
static int
key_to_sign_with(struct monitor *monitor, uint8_t server)
{
	const struct session *session = monitor->session;
	bool is_first = !monitor->signer.is_bound;
	int key_fd = session->key_fd;

	if (session->credentials == NULL)
		return server == 0 ? key_fd : -1;
	if (is_first && !servers_eligible(session->config, server, &session->dialled))
		return -1;
	if (!is_first && server != monitor->signer.server)
		return -1;
	key_fd = session->credentials[server].key_fd;
	if (is_first && key_fd >= 0)
		give_other_keys_up(session, key_fd);
	monitor->signer.is_bound = true;
	monitor->signer.server = server;
	return key_fd;
}

bool
monitor_answer_sign(struct monitor *monitor)
{
	static const struct budget_size size = {.burst = 100, .per_s = 50};
	static uint8_t signature[SIGNATURE_MAX], text[SIGN_TEXT_MAX];
	uint8_t server = ipc_get_u8(&monitor->message);
	uint8_t scheme = ipc_get_u8(&monitor->message);
	size_t len, signature_len = 0;
	const void *bytes = ipc_get_bytes(&monitor->message, sizeof(text), &len);
	int key_fd, r = 0;

	if (!ipc_end(&monitor->message) || scheme >= SIGN_SCHEME_COUNT)
		return false;
	key_fd = key_to_sign_with(monitor, server);
	if (key_fd < 0)
		monitor_end_for_violation(monitor, &monitor->protocol, "asked to sign with a key that is not its own");
	memcpy(text, bytes, len);
	if (!budget_take(&monitor->sign_budget, &size, monotonic_ms()))
		r = -EAGAIN;
	else
		r = sign_handshake(key_fd, (enum sign_scheme)scheme, text, len, signature, &signature_len);
	if (r == -EPERM)
		monitor_end_for_violation(
		    monitor, &monitor->protocol, "asked to sign something other than a handshake");
	if (r < 0)
		log_no_signature(monitor, r);
	ipc_begin_reply(&monitor->message, IPC_sign, r);
	if (r == 0)
		ipc_put_bytes(&monitor->message, signature, signature_len);
	monitor_send_answer(monitor, NULL, 0);
	return true;
}
