/* SPDX-License-Identifier: ISC */
#include "client/engine/fxp.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "client/engine/answer.h"
#include "client/engine/data.h"
#include "client/engine/hash.h"
#include "client/engine/meter.h"
#include "common/io.h"
#include "common/text.h"

#include "common/banned.h"

#define NAME_SIZE 4096
#define RELAY_ADVICE "--relay passes the data through this machine"
#define LOOK_MS 2000 /* between two looks at what has arrived */

struct fxp {
	struct ftp *from, *to;
	const struct ftp_copy *copy;
	struct ftp_result *result;
	struct meter meter;
	int64_t size, mtime; /* of the source; -1 unknown */
	char temporary[NAME_SIZE];
	bool is_begun; /* something may have arrived under the temporary name */
	struct ftp *tls_client; /* the one that begins TLS between the servers; NULL: they speak in clear */
	bool is_by_cpsv; /* it is told so by CPSV, else by SSCN */
};

/* --- errors --- */

/* The error of the other handle becomes that of from, and names its server. */
static enum ftp_class
fail_of(struct fxp *fxp, struct ftp *who, enum ftp_class reason)
{
	struct ftp_error cause = who->error;
	struct ftp *from = fxp->from;

	if (reason == FTP_OK || who == from)
		return reason;
	ftp_fail(from, reason, cause.hint, "%s: %s", who->host, cause.why);
	from->error.reply_code = cause.reply_code;
	from->error.error = cause.error;
	return reason;
}

/* The server has refused a command that servers need for a copy between them. */
static enum ftp_class
fail_command(struct fxp *fxp, struct ftp *who, const char *verb)
{
	return ftp_fail(fxp->from, who->reply.code / 100 == 4 ? FTP_TEMPORARY : FTP_REFUSED, RELAY_ADVICE,
	    "%s port %u refuses %s: '%d %s'", who->host, who->port, verb, who->reply.code, reply_message(&who->reply));
}

/* --- TLS between the servers --- */

static bool
has_tls(const struct ftp *ftp)
{
	return ftp->control.tls != NULL;
}

static enum ftp_class
set_protection(struct fxp *fxp, struct ftp *who, const char *level)
{
	enum ftp_class reason;

	if (!has_tls(who))
		return FTP_OK;
	reason = control_exchange(who, "PROT %s", level);
	if (reason == FTP_OK && who->reply.code / 100 != 2)
		return fail_command(fxp, who, "PROT");
	return fail_of(fxp, who, reason);
}

/* In clear on both sides, where that is allowed. */
static enum ftp_class
choose_clear(struct fxp *fxp)
{
	bool is_one = has_tls(fxp->from) != has_tls(fxp->to);
	enum ftp_class reason;

	if ((has_tls(fxp->from) || has_tls(fxp->to)) && !fxp->from->options->may_plaintext)
		return ftp_fail(fxp->from, FTP_REFUSED, RELAY_ADVICE ", --plaintext lets it go in clear",
		    is_one
			? "only one of the servers has TLS, and the file would go in clear between them"
			: "neither server can begin TLS with another one (SSCN, CPSV), and the file would go in clear");
	reason = set_protection(fxp, fxp->from, "C");
	return reason != FTP_OK ? reason : set_protection(fxp, fxp->to, "C");
}

/* SSCN makes the server begin TLS on data connections as a client does; CPSV does that for one passive connection. */
static enum ftp_class
choose_tls(struct fxp *fxp)
{
	struct ftp *candidates[] = {fxp->to, fxp->from};
	enum ftp_class reason;

	fxp->tls_client = NULL;
	if (!has_tls(fxp->from) || !has_tls(fxp->to))
		return choose_clear(fxp);
	for (size_t i = 0; i < 2; i++) {
		if (session_feature(candidates[i], "SSCN") == NULL)
			continue;
		reason = control_exchange(candidates[i], "SSCN ON");
		if (reason != FTP_OK)
			return fail_of(fxp, candidates[i], reason);
		if (candidates[i]->reply.code / 100 == 2) {
			fxp->tls_client = candidates[i];
			return FTP_OK;
		}
	}
	for (size_t i = 0; i < 2; i++) {
		if (session_feature(candidates[i], "CPSV") != NULL) {
			fxp->tls_client = candidates[i];
			fxp->is_by_cpsv = true;
			return FTP_OK;
		}
	}
	return choose_clear(fxp);
}

/* Later data connections of these sessions are with this machine again. */
static void
restore_tls(struct fxp *fxp)
{
	struct ftp *both[] = {fxp->from, fxp->to};

	if (fxp->tls_client != NULL && !fxp->is_by_cpsv && fxp->tls_client->control.fd >= 0)
		(void)control_exchange(fxp->tls_client, "SSCN OFF");
	for (size_t i = 0; i < 2 && fxp->tls_client == NULL; i++)
		if (has_tls(both[i]))
			(void)control_exchange(both[i], "PROT P");
}

/* --- the data connection between them --- */

/* The address where the passive server listens. That of PASV counts only on request, as for connections of this machine. */
static enum ftp_class
listen_at(struct fxp *fxp, struct ftp *passive, union address *address)
{
	const char *verb = fxp->is_by_cpsv ? "CPSV" : passive->peer.family == AF_INET6 ? "EPSV" : "PASV";
	enum ftp_class reason = control_exchange(passive, "%s", verb);
	uint16_t port = 0;
	uint32_t host = 0;
	int r;

	if (reason != FTP_OK)
		return fail_of(fxp, passive, reason);
	if (passive->reply.code / 100 != 2)
		return fail_command(fxp, passive, verb);
	*address = passive->peer;
	if (passive->reply.code == 229)
		r = answer_epsv(reply_message(&passive->reply), &port);
	else
		r = answer_pasv(reply_message(&passive->reply), &host, &port);
	if (r < 0)
		return ftp_fail(fxp->from, FTP_REFUSED, RELAY_ADVICE, "%s: the answer to %s has no port: '%s'",
		    passive->host, verb, reply_message(&passive->reply));
	if (passive->options->may_go_elsewhere && host != 0)
		address->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = host};
	if (address->family == AF_UNSPEC)
		return ftp_fail(fxp->from, FTP_REFUSED, RELAY_ADVICE ", --pasv-anywhere believes the server",
		    "only the proxy knows the address of %s", passive->host);
	address_set_port(address, port);
	return FTP_OK;
}

/* FTP_REFUSED may be mended by the other direction. */
static enum ftp_class
aim_at(struct fxp *fxp, struct ftp *active, const union address *address)
{
	enum ftp_class reason = data_tell_address(active, address);

	if (reason == FTP_REFUSED && active->error.reply_code != 0)
		return fail_command(fxp, active, address->family == AF_INET6 || !active->has_no_eprt ? "EPRT" : "PORT");
	return fail_of(fxp, active, reason);
}

static enum ftp_class
join_servers(struct fxp *fxp, struct ftp *passive, struct ftp *active)
{
	union address address;
	enum ftp_class reason = listen_at(fxp, passive, &address);

	return reason != FTP_OK ? reason : aim_at(fxp, active, &address);
}

/* The target listens; where one of the two refuses, the source does. */
static enum ftp_class
connect_servers(struct fxp *fxp)
{
	bool is_from_passive = fxp->is_by_cpsv && fxp->tls_client == fxp->from;
	struct ftp *passive = is_from_passive ? fxp->from : fxp->to, *active = is_from_passive ? fxp->to : fxp->from;
	enum ftp_class reason = join_servers(fxp, passive, active);

	if (reason != FTP_REFUSED || fxp->is_by_cpsv)
		return reason;
	trace(fxp->from, '*', "%s; the other way round", fxp->from->error.why);
	return join_servers(fxp, active, passive);
}

/* --- the transfer --- */

/* Whether the final reply of one has come, or its connection has ended. */
static bool
has_answer(struct ftp *ftp, unsigned int timeout_ms)
{
	return ftp->control.fd < 0 || control_has_input(ftp, timeout_ms);
}

/* SIZE; -1: it cannot be told. */
static int64_t
ask_remote_size(struct ftp *ftp, const char *path)
{
	uint64_t size;

	if (session_ready(ftp) != FTP_OK || control_exchange(ftp, "SIZE %s", path) != FTP_OK ||
	    ftp->reply.code != 213 || parse_u64(reply_message(&ftp->reply), INT64_MAX, &size) < 0)
		return -1;
	return (int64_t)size;
}

/* Servers say nothing while they move bytes. Wait for ftp's next reply as long as the target grows. */
static enum ftp_class
wait_for_answer(struct fxp *fxp, struct ftp *ftp)
{
	uint64_t silent_ms = ftp->control.timeout_ms, deadline = monotonic_ms() + silent_ms;
	struct ftp *watcher = NULL;
	enum ftp_class reason = FTP_OK;
	int64_t arrived = -1;

	while (reason == FTP_OK && !has_answer(ftp, LOOK_MS / 10)) {
		uint64_t look_at = monotonic_ms() + LOOK_MS;
		int64_t now;

		while (!has_answer(ftp, 100) && monotonic_ms() < look_at && !is_aborted(ftp))
			continue;
		if (is_aborted(ftp)) {
			reason = ftp_fail(fxp->from, FTP_ABORTED, NULL, "stopped");
		} else if (!has_answer(ftp, 0)) {
			if (watcher == NULL)
				watcher = ftp_clone(fxp->to);
			now = watcher == NULL ? -1 : ask_remote_size(watcher, fxp->temporary);
			if (now > arrived) {
				arrived = now;
				deadline = monotonic_ms() + silent_ms;
				meter_move(&fxp->meter, (uint64_t)now);
			} else if (monotonic_ms() > deadline) {
				reason = ftp_fail(fxp->from, FTP_NETWORK,
				    "try again, or wait longer (--timeout); " RELAY_ADVICE,
				    "nothing more arrived at %s for %llu s", fxp->to->host,
				    (unsigned long long)silent_ms / 1000);
			}
		}
	}
	ftp_free(watcher);
	return reason;
}

/* Read the replies to the transfer's command up to the final one. */
static enum ftp_class
end_side(struct fxp *fxp, struct ftp *ftp)
{
	enum ftp_class reason;

	do {
		reason = wait_for_answer(fxp, ftp);
		if (reason != FTP_OK)
			return reason;
		reason = control_reply(ftp, 0);
	} while (reason == FTP_OK && ftp->reply.code / 100 == 1);
	if (reason == FTP_OK && ftp->reply.code / 100 != 2)
		reason = fail_reply(ftp);
	return reason;
}

/* The error of either side ends both. That of a side that broke off by itself (425, 426) explains less than the other's. */
static enum ftp_class
end_transfer(struct fxp *fxp)
{
	enum ftp_class one = end_side(fxp, fxp->from), two;
	struct ftp_error first = fxp->from->error;
	bool is_weak = one != FTP_OK && (first.reply_code == 425 || first.reply_code == 426 || first.reply_code == 0);

	if (one != FTP_OK && !is_weak && !has_answer(fxp->to, LOOK_MS)) {
		control_resync(fxp->to);
		return one;
	}
	if (one == FTP_ABORTED) {
		control_resync(fxp->from);
		control_resync(fxp->to);
		return one;
	}
	two = end_side(fxp, fxp->to);
	if (two != FTP_OK && (one == FTP_OK || is_weak))
		return fail_of(fxp, fxp->to, two);
	fxp->from->error = first;
	return one;
}

static enum ftp_class
transfer_directly(struct fxp *fxp)
{
	enum ftp_class reason = choose_tls(fxp);

	if (reason == FTP_OK)
		reason = connect_servers(fxp);
	if (reason == FTP_OK) {
		fxp->is_begun = true;
		reason = fail_of(fxp, fxp->to, control_send(fxp->to, "STOR %s", fxp->temporary));
		if (reason == FTP_OK) {
			reason = control_send(fxp->from, "RETR %s", fxp->copy->from);
			if (reason != FTP_OK)
				control_resync(fxp->to);
		}
	}
	if (reason == FTP_OK)
		reason = end_transfer(fxp);
	if (reason != FTP_ABORTED)
		restore_tls(fxp);
	return reason;
}

/* --- through this machine --- */

struct relay {
	struct fxp *fxp;
	struct wire *out;
	uint64_t done;
	int error; /* of the target's side */
};

static int
relay_bytes(void *context, const char *bytes, size_t len)
{
	struct relay *relay = context;

	relay->error = wire_write(relay->out, bytes, len);
	if (relay->error < 0)
		return relay->error;
	relay->done += len;
	meter_move(&relay->fxp->meter, relay->done);
	return 0;
}

static enum ftp_class
finish_relay(struct fxp *fxp, struct data *in, struct data *out)
{
	enum ftp_class reason = data_end(fxp->from, in);
	int r;

	if (reason == FTP_OK && in->wire.is_cut)
		reason = ftp_fail(fxp->from, FTP_NETWORK, "try again",
		    "the data connection ended without TLS's close_notify: the file may be cut off");
	if (reason != FTP_OK) {
		(void)data_break(fxp->to, out, reason);
		return reason;
	}
	r = out->wire.tls == NULL ? 0 : wire_finish(&out->wire);
	if (r < 0)
		return fail_of(
		    fxp, fxp->to, data_break(fxp->to, out, fail_wire(fxp->to, &out->wire, r, "data connection")));
	return fail_of(fxp, fxp->to, data_end(fxp->to, out));
}

static enum ftp_class
transfer_relayed(struct fxp *fxp)
{
	struct relay relay = {.fxp = fxp};
	struct data in, out;
	enum ftp_class reason = data_begin(fxp->from, &in, "RETR", fxp->copy->from, 0);

	if (reason != FTP_OK)
		return reason;
	fxp->is_begun = true;
	reason = data_begin(fxp->to, &out, "STOR", fxp->temporary, 0);
	if (reason != FTP_OK) {
		(void)data_break(fxp->from, &in, FTP_OK);
		return fail_of(fxp, fxp->to, reason);
	}
	relay.out = &out.wire;
	reason = data_receive(fxp->from, &in.wire, UINT64_MAX, relay_bytes, &relay);
	if (reason == FTP_OK)
		return finish_relay(fxp, &in, &out);
	(void)data_break(fxp->from, &in, reason);
	if (relay.error < 0)
		return fail_of(fxp, fxp->to,
		    data_break(fxp->to, &out, fail_wire(fxp->to, &out.wire, relay.error, "data connection")));
	(void)data_break(fxp->to, &out, reason);
	return reason;
}

/* --- the end --- */

static enum ftp_class
compare_sizes(struct fxp *fxp)
{
	int64_t there = ask_remote_size(fxp->to, fxp->temporary), here = ask_remote_size(fxp->from, fxp->copy->from);

	fxp->result->is_size_same = there >= 0 && there == here;
	fxp->result->size = fxp->result->bytes = there >= 0 ? (uint64_t)there : here >= 0 ? (uint64_t)here : 0;
	if (there < 0 || here < 0 || there == here)
		return FTP_OK;
	return ftp_fail(fxp->from, FTP_VERIFY, "copy it again when nobody writes it",
	    "%lld bytes arrived at %s, and %s has %lld", (long long)there, fxp->to->host, fxp->from->host,
	    (long long)here);
}

/* The hash that both have; the target is asked for what the source was. */
static enum ftp_class
compare_hashes(struct fxp *fxp)
{
	struct ftp_hash here, there;
	enum ftp_class reason;

	if (fxp->copy->verify == FTP_VERIFY_NEVER)
		return FTP_OK;
	if (algorithm_best(fxp->from) == NULL || algorithm_best(fxp->to) == NULL)
		reason = FTP_REFUSED;
	else
		reason = ftp_hash(fxp->from, fxp->copy->from, NULL, 0, -1, &here);
	if (reason == FTP_OK)
		reason = fail_of(fxp, fxp->to, ftp_hash(fxp->to, fxp->temporary, here.name, 0, -1, &there));
	if (reason == FTP_REFUSED && fxp->copy->verify == FTP_VERIFY_ALWAYS)
		return ftp_fail(fxp->from, FTP_VERIFY, "--verify auto compares the sizes alone",
		    "the servers have no hash in common, and nothing proves the copy");
	if (reason == FTP_REFUSED)
		return FTP_OK;
	if (reason != FTP_OK)
		return reason;
	if (strcmp(here.hex, there.hex) != 0)
		return ftp_fail(fxp->from, FTP_VERIFY, "copy it again when nobody writes it",
		    "%s differs: %.16s... at %s, %.16s... at %s", here.name, here.hex, fxp->from->host, there.hex,
		    fxp->to->host);
	snprintf(fxp->result->verified, sizeof(fxp->result->verified), "%s", here.name);
	return FTP_OK;
}

static enum ftp_class
put_in_place(struct fxp *fxp)
{
	enum ftp_class reason = fail_of(fxp, fxp->to, ftp_rename(fxp->to, fxp->temporary, fxp->copy->to));

	/* a server may keep no times: the copy is good all the same */
	if (reason == FTP_OK && fxp->mtime != -1 && ftp_set_mtime(fxp->to, fxp->copy->to, fxp->mtime) != FTP_OK)
		trace(fxp->to, '*', "the time was not kept: %s", fxp->to->error.why);
	return reason;
}

/* A name beside the target's, which no other copy uses. Returns 0, -ENAMETOOLONG. */
static int
make_temporary(struct fxp *fxp)
{
	uint32_t number = 0;
	int len;

	if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
		number = (uint32_t)monotonic_ms();
	len = snprintf(fxp->temporary, sizeof(fxp->temporary), "%s.%08x.part", fxp->copy->to, number);
	return len < 0 || (size_t)len >= sizeof(fxp->temporary) ? -ENAMETOOLONG : 0;
}

static enum ftp_class
prepare(struct fxp *fxp)
{
	enum ftp_class reason = session_ready(fxp->from);

	if (reason == FTP_OK)
		reason = fail_of(fxp, fxp->to, session_ready(fxp->to));
	if (reason != FTP_OK)
		return reason;
	if (make_temporary(fxp) < 0)
		return ftp_fail(fxp->from, FTP_USAGE, NULL, "the name is too long");
	fxp->size = ask_remote_size(fxp->from, fxp->copy->from);
	fxp->mtime = -1;
	if (!fxp->from->has_no_mdtm && ftp_mtime(fxp->from, fxp->copy->from, &fxp->mtime) != FTP_OK)
		fxp->mtime = -1;
	return FTP_OK;
}

enum ftp_class
ftp_copy_file(struct ftp *from, struct ftp *to, const struct ftp_copy *copy, struct ftp_result *result)
{
	struct fxp fxp = {.from = from, .to = to, .copy = copy, .result = result};
	enum ftp_class reason;
	uint64_t began;

	*result = (struct ftp_result){0};
	doing(from, "cannot copy '%s' to '%s' on %s", copy->from, copy->to, to->host);
	doing(to, "cannot copy '%s' to '%s' on %s", copy->from, copy->to, to->host);
	reason = prepare(&fxp);
	if (reason != FTP_OK)
		return reason;
	doing(from, "cannot copy '%s' to '%s' on %s", copy->from, copy->to, to->host);
	meter_begin(&fxp.meter, from, FTP_PHASE_TRANSFER, 0, fxp.size);
	began = monotonic_ms();
	reason = copy->is_relayed ? transfer_relayed(&fxp) : transfer_directly(&fxp);
	result->elapsed_ms = monotonic_ms() - began;
	meter_end(&fxp.meter);
	if (reason == FTP_OK)
		reason = compare_sizes(&fxp);
	if (reason == FTP_OK)
		reason = compare_hashes(&fxp);
	if (reason == FTP_OK)
		reason = put_in_place(&fxp);
	if (reason != FTP_OK && fxp.is_begun) {
		struct ftp_error error = from->error;

		/* half a file must not stay, under whatever name */
		if (session_ready(to) == FTP_OK)
			(void)control_exchange(to, "DELE %s", fxp.temporary);
		from->error = error;
	}
	return reason;
}
