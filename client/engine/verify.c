/* SPDX-License-Identifier: ISC */
#include "client/engine/verify.h"

#include <string.h>

#include "client/engine/session.h"

#include "common/banned.h"

void
stream_sum_begin(struct stream_sum *sum, struct ftp *ftp)
{
	const struct hash_algorithm *algorithm = session_ready(ftp) == FTP_OK ? algorithm_best(ftp) : NULL;

	sum->is_begun = algorithm != NULL && sum_begin(&sum->sum, algorithm) == 0;
}

void
stream_sum_add(struct stream_sum *sum, const void *bytes, size_t len)
{
	if (sum->is_begun)
		sum_add(&sum->sum, bytes, len);
}

void
stream_sum_free(struct stream_sum *sum)
{
	sum_free(&sum->sum);
}

static enum ftp_class
compare_sum(const struct verification *verification, const struct hash_algorithm *algorithm, bool *is_same)
{
	struct stream_sum *sum = verification->sum;
	char there[FTP_HASH_HEX_MAX];
	enum ftp_class reason;

	if (!sum->is_begun || (!sum->is_ended && sum_end(&sum->sum, sum->hex) < 0))
		return FTP_REFUSED;
	sum->is_ended = true;
	reason = remote_hash_send(verification->ftp, algorithm, verification->path, 0,
	    verification->is_beginning ? (int64_t)verification->length : -1);
	if (reason == FTP_OK)
		reason = remote_hash_receive(verification->ftp, algorithm, verification->length, there);
	if (reason == FTP_OK)
		*is_same = strcmp(sum->hex, there) == 0;
	return reason;
}

static enum ftp_class
compare_by(const struct verification *verification, const struct hash_algorithm *algorithm, bool *is_same)
{
	if (verification->fd < 0 && !verification->sum->is_begun)
		return FTP_REFUSED;
	meter_begin(verification->meter, verification->ftp, FTP_PHASE_VERIFY, 0, (int64_t)verification->length);
	if (verification->fd < 0)
		return compare_sum(verification, algorithm, is_same);
	return remote_hash_compare(verification->ftp, algorithm, verification->path,
	    &(const struct hash_local){.fd = verification->fd,
		.length = verification->length,
		.is_whole = !verification->is_beginning,
		.follower = verification->follower,
		.meter = verification->meter},
	    is_same);
}

enum ftp_class
verify_by_hash(const struct verification *verification, const struct hash_algorithm **algorithm, bool *is_same)
{
	enum ftp_class reason = FTP_REFUSED;

	*is_same = false;
	*algorithm = algorithm_best(verification->ftp);
	if (*algorithm != NULL)
		reason = compare_by(verification, *algorithm, is_same);
	if (reason != FTP_REFUSED && reason != FTP_TEMPORARY)
		return reason;
	*algorithm = NULL;
	if (!verification->is_demanded)
		return FTP_OK;
	return ftp_fail(verification->ftp, FTP_VERIFY, "without a hash: --verify=auto",
	    "the server has no hash %sto compare with", verification->is_beginning ? "of a range " : "");
}
