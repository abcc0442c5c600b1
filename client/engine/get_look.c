/* SPDX-License-Identifier: ISC */
/* Downloads: what the server has at the beginning, and whether the file has grown at the end. */
#include <stdio.h>
#include <string.h>

#include "client/engine/answer.h"
#include "client/engine/fetch.h"
#include "common/text.h"

#include "common/banned.h"

static enum ftp_class
look_by_size(struct fetch *fetch)
{
	struct ftp *ftp = fetch->ftp;
	enum ftp_class reason = control_exchange(ftp, "SIZE %s", fetch->transfer->remote);
	const char *text = reply_message(&ftp->reply);
	uint64_t size;

	if (reason == FTP_OK && ftp->reply.code == 213 && parse_u64(text, INT64_MAX, &size) == 0)
		fetch->size = (int64_t)size;
	if (reason == FTP_OK)
		reason = control_exchange(ftp, "MDTM %s", fetch->transfer->remote);
	text = reply_message(&ftp->reply);
	if (reason == FTP_OK && ftp->reply.code == 213 && answer_time(text, strcspn(text, " "), &fetch->mtime) < 0)
		fetch->mtime = -1;
	return reason;
}

static enum ftp_class
take_remote_entry(struct fetch *fetch, const struct ftp_entry *entry)
{
	if (entry->kind == FTP_KIND_DIRECTORY)
		return ftp_fail(fetch->ftp, FTP_REFUSED, "use mirror for directories", "it is a directory");
	/* the size of a link is that of its text, and not that of the file */
	if (entry->kind == FTP_KIND_FILE) {
		fetch->size = entry->size;
		fetch->mtime = entry->mtime_is_exact ? entry->mtime : -1;
	}
	return FTP_OK;
}

/* The fact "unique" (RFC 3659, 7.5.2), where the last reply has one: another file with this name has another value. */
static void
take_validator(struct fetch *fetch)
{
	const char *text = fetch->ftp->reply.text.data, *at = text == NULL ? NULL : strcasestr(text, "unique=");
	size_t len = at == NULL ? 0 : strcspn(at + 7, "; \r\n");

	if (len > 0 && len < sizeof(fetch->validator))
		snprintf(fetch->validator, sizeof(fetch->validator), "%.*s", (int)len, at + 7);
}

static enum ftp_class
look_at_remote(struct fetch *fetch, bool is_again)
{
	const struct ftp_entry *known = fetch->transfer->known;
	struct ftp *ftp = fetch->ftp;
	struct ftp_entry entry;
	enum ftp_class reason;

	fetch->size = fetch->mtime = -1;
	fetch->validator[0] = '\0';
	if (known != NULL && !is_again && known->mtime_is_exact && known->kind == FTP_KIND_FILE)
		return take_remote_entry(fetch, known);
	if (ftp->has_no_mlst || session_feature(ftp, "MLST") == NULL)
		return look_by_size(fetch);
	reason = session_mlst(ftp, fetch->transfer->remote, &entry);
	/* some servers refuse MLST for files that they send: RETR decides */
	if (reason == FTP_REFUSED || (reason == FTP_OK && ftp->has_no_mlst))
		return look_by_size(fetch);
	if (reason == FTP_OK) {
		take_validator(fetch);
		reason = take_remote_entry(fetch, &entry);
		ftp_entry_free(&entry);
	}
	return reason;
}

/* Size and time, as far as the server reports them. RETR will say whether the file exists. */
enum ftp_class
fetch_look(struct fetch *fetch, bool is_again)
{
	enum ftp_class reason = look_at_remote(fetch, is_again);

	/* text has another size here than there */
	if (fetch->ftp->options->is_ascii)
		fetch->size = -1;
	return reason;
}

/* Ask whether the server reports a larger size now. Then the part announced at first is whole; report so. */
bool
fetch_find_growth(struct fetch *fetch)
{
	int64_t size = fetch->size, mtime = fetch->mtime;
	enum ftp_class reason = session_ready(fetch->ftp);

	if (reason == FTP_OK)
		reason = fetch_look(fetch, true);
	fetch->has_grown = reason == FTP_OK && size >= 0 && fetch->size > size;
	fetch->size = size;
	fetch->mtime = mtime;
	if (fetch->has_grown)
		ftp_note(fetch->ftp, "'%s' grows: the %lld bytes that it had at the beginning were fetched",
		    fetch->transfer->remote, (long long)size);
	return fetch->has_grown;
}

/* More came than announced: unless the file has grown, the part is known to be wrong. */
enum ftp_class
fetch_look_at_longer(struct fetch *fetch)
{
	struct ftp_error error = fetch->ftp->error;

	if (!fetch_find_growth(fetch)) {
		fetch->ftp->error = error;
		return FTP_VERIFY;
	}
	fetch->is_longer = false;
	return FTP_OK;
}

/*
 * The server has ended a transfer of the whole file. A file that only grew has no fewer bytes than came, and the
 * same fact "unique".
 */
enum ftp_class
fetch_look_at_end(struct fetch *fetch)
{
	char validator[RECORD_VALIDATOR_SIZE];
	int64_t size = fetch->size, mtime = fetch->mtime;
	enum ftp_class reason = session_ready(fetch->ftp);
	uint64_t end = fetch_position(fetch);

	snprintf(validator, sizeof(validator), "%s", fetch->validator);
	if (reason == FTP_OK)
		reason = fetch_look(fetch, true);
	if (reason != FTP_OK)
		return reason;
	fetch->is_wrong = (fetch->size >= 0 && (uint64_t)fetch->size < end) ||
	    (validator[0] != '\0' && fetch->validator[0] != '\0' && strcmp(validator, fetch->validator) != 0);
	if (fetch->is_wrong)
		return ftp_fail(fetch->ftp, FTP_VERIFY, "fetch it again",
		    "it was replaced or cut on the server meanwhile: what came %s",
		    fetch->sink.is_stream ? "is not to be trusted" : "was removed");
	fetch->has_grown = fetch->size > size;
	if (!fetch->has_grown) {
		fetch->size = size;
		fetch->mtime = mtime;
	}
	return FTP_OK;
}
