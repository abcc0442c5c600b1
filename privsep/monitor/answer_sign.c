/* SPDX-License-Identifier: ISC */
/* Signatures for TLS, on protocol's request. */
#include <errno.h>
#include <string.h>

#include "common/io.h"
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

bool
monitor_answer_sign(struct monitor *monitor)
{
	static const struct budget_size size = {.burst = 100, .per_s = 50};
	static uint8_t signature[SIGNATURE_MAX], text[SIGN_TEXT_MAX];
	uint8_t scheme = ipc_get_u8(&monitor->message);
	size_t len, signature_len = 0;
	const void *bytes = ipc_get_bytes(&monitor->message, sizeof(text), &len);
	int r = 0;

	if (!ipc_end(&monitor->message) || scheme >= SIGN_SCHEME_COUNT || monitor->session->key_fd < 0)
		return false;
	memcpy(text, bytes, len);
	if (!budget_take(&monitor->sign_budget, &size, monotonic_ms()))
		r = -EAGAIN;
	else
		r = sign_handshake(
		    monitor->session->key_fd, (enum sign_scheme)scheme, text, len, signature, &signature_len);
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
