/* SPDX-License-Identifier: ISC */
#include "daemon/protocol/variables.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/text_variables.h"
#include "config/servers.h"
#include "daemon/protocol/ask_files.h"
#include "daemon/protocol/control.h"
#include "daemon/protocol/session.h"

#include "common/banned.h"

#define EXPANDED_MAX 32768 /* of a text, with all that its variables became */

/* A text that is being filled in. */
struct filling {
	struct protocol *protocol;
	struct text_facts facts;
	bool is_asked; /* for the quota: once, however often the text has it, since an answer may wait for a count */
	int result;
	struct quota_told told;
};

static void
put_left(const struct filling *filling, uint64_t used, uint64_t limit, const char *unit, struct buf *out)
{
	if (filling->result < 0 || limit == UINT64_MAX)
		buf_add_text(out, filling->result < 0 ? "an unknown number of" : "any number of");
	else
		buf_addf(out, "%" PRIu64, used < limit ? limit - used : 0);
	buf_addf(out, " %s", unit);
}

static const struct quota_told *
quota_once(struct filling *filling)
{
	if (!filling->is_asked)
		filling->result = ask_files_quota(filling->protocol, &filling->told);
	filling->is_asked = true;
	return &filling->told;
}

static void
put_variable(void *arg, enum text_variable variable, struct buf *out)
{
	struct filling *filling = arg;
	const struct quota_told *told;

	switch (variable) {
	case VARIABLE_USER:
		buf_add_text(out, filling->protocol->user);
		break;
	case VARIABLE_QUOTA_LEFT:
		told = quota_once(filling);
		put_left(filling, told->bytes, told->bytes_limit, "bytes", out);
		break;
	case VARIABLE_FILES_LEFT:
		told = quota_once(filling);
		put_left(filling, told->files, told->files_limit, "files", out);
		break;
	case VARIABLE_HOST:
	case VARIABLE_ADDRESS:
	case VARIABLE_DATE:
	case VARIABLE_TIME:
	case VARIABLE_COUNT:
		text_variable_put_early(&filling->facts, variable, out);
		break;
	}
}

static struct text_facts
facts_of(const struct protocol *protocol)
{
	return (struct text_facts){
	    .host = servers_host(protocol->config, protocol->server), .address = protocol->session->peer_text};
}

void
reply_text_with_variables(struct protocol *protocol, int code, const char *text)
{
	struct filling filling = {.protocol = protocol, .facts = facts_of(protocol)};
	struct buf out;

	if (!text_has_variables(text)) {
		reply_text(protocol, code, text);
		return;
	}
	buf_init(&out, EXPANDED_MAX);
	text_variables_fill(text, put_variable, &filling, &out);
	reply_text(protocol, code, out.error == 0 && out.data != NULL ? out.data : text);
	buf_free(&out);
}

void
reply_with_banner(struct protocol *protocol)
{
	const char *banner = servers_banner(protocol->config, protocol->server);
	struct text_facts facts = facts_of(protocol);
	struct buf out;

	buf_init(&out, EXPANDED_MAX);
	text_variables_fill_early(banner, &facts, &out);
	reply(protocol, 220, "%s", out.error == 0 && out.data != NULL ? out.data : banner);
	buf_free(&out);
}
