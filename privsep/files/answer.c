/* SPDX-License-Identifier: ISC */
#include "privsep/files/answer.h"

#include <errno.h>

#include "common/io.h"
#include "common/title.h"
#include "common/written.h"
#include "privsep/files/braked.h"
#include "privsep/files/folders.h"
#include "privsep/files/keep_purge.h"
#include "privsep/files/request.h"
#include "privsep/files/sweep.h"
#include "privsep/files/zone.h"

#ifdef SALLYPORT_TAKEOVER
#include "tests/takeover/takeover.h"
#endif

#include "common/banned.h"

static const struct {
	files_answer *answer;
	bool is_change;
} answers[IPC_KIND_COUNT] = {
#define X(name, changes, ...) [IPC_##name] = {files_answer_##name, changes},
    FILES_ANSWERS(X)
#undef X
};

/* The two tables name the same requests: each row here is sent to files, and there are as many. */
/* clang-format off */
enum {
#define X(name, from, to, ...) IS_OURS_##name = ((to) & IPC_FILES) != 0,
	IPC_MESSAGES(X)
#undef X
#define X(name, from, to, ...) +(((to) & IPC_FILES) != 0)
	OURS_COUNT = 0 IPC_MESSAGES(X),
#undef X
#define X(name, ...) +1
	ANSWERS_COUNT = 0 FILES_ANSWERS(X)
#undef X
};
/* clang-format on */
#define X(name, ...) _Static_assert(IS_OURS_##name, #name " is not a request to files");
FILES_ANSWERS(X)
#undef X
_Static_assert((int)OURS_COUNT == (int)ANSWERS_COUNT, "a request to files has no answer");

/* One request in files->message to one reply there. */
static int
answer_request(struct files *files)
{
	enum ipc_kind kind = files->message.kind;
	int r;

	if (files->message.is_reply || kind >= IPC_KIND_COUNT || answers[kind].answer == NULL)
		return -EPROTO;
	files->is_notice = false;
#ifdef SALLYPORT_TAKEOVER
	if (takeover_files(files))
		return 0;
#endif
	if (files->is_list_due && kind != IPC_list_end && kind != IPC_stop)
		return -EPROTO;
	files->tree = &files->home;
	r = braked_look(files->session);
	if (r < 0 && answers[kind].is_change) {
		request_refuse(files, r);
		return 0;
	}
	r = request_permit_with(files->session, folders_rights_somewhere(&files->home), kind);
	if (r < 0) {
		request_refuse(files, r);
		return 0;
	}
	if (answers[kind].is_change)
		unguarded_look(&files->unguarded, &files->home);
	zone_forget();
	stop_begin(&files->stop);
	if (!answers[kind].answer(files))
		return -EPROTO;
	stop_end(&files->stop);
	if (answers[kind].is_change)
		unguarded_renew(&files->unguarded, &files->home);
	return files->stop.error;
}

/*
 * Unread descriptors count against a limit of the account's user, whose other sessions need it. Protocol reads an
 * answer before it asks again. So a check at every eighth descriptor finds a protocol process that does not, and
 * costs nothing.
 */
static bool
protocol_has_read_answers(struct files *files)
{
	if (files->reply_fd < 0 || ++files->fds_since_look < IPC_FDS_MAX)
		return true;
	files->fds_since_look = 0;
	return ipc_unread(files->session->protocol_channel) == 0;
}

/* The sessions of the user have too many descriptors in flight: what was opened for this answer is given up. */
static int
send_without_fd(struct files *files)
{
	if (!files->is_reply_fd_ours) {
		(void)upload_finish(&files->upload, files->session->config, false);
		beside_end_write(&files->beside, false);
	}
	if (files->list_fd >= 0)
		listing_drop(&files->listing);
	close_fd(&files->list_fd);
	ipc_begin_reply(&files->message, files->message.kind, -ENFILE);
	return ipc_send_now(files->session->protocol_channel, &files->message, -1);
}

/* Never waits: an answer has room unless those before it were not read. */
static int
send_reply(struct files *files)
{
	int r;

	if (files->is_notice)
		return 0;
	if (!protocol_has_read_answers(files))
		return -EPROTO;
	r = ipc_send_now(files->session->protocol_channel, &files->message, files->reply_fd);
	if (r == -ETOOMANYREFS)
		r = send_without_fd(files);
	if (files->is_reply_fd_ours)
		close_fd(&files->reply_fd);
	files->reply_fd = -1;
	return r == -EAGAIN ? -EPROTO : r;
}

/* A stop that comes when nothing runs: its work has ended by itself. */
bool
files_answer_stop(struct files *files)
{
	files->is_notice = true;
	return ipc_end(&files->message);
}

/* Wait for a request, however long: deadlines are the monitor's. */
static int
next_request(struct files *files)
{
	int r;

	do
		r = ipc_receive(files->session->protocol_channel, IPC_FILES, IPC_STATE_READY, &files->message);
	while (r == -ETIMEDOUT || r == -EINTR);
	return r;
}

static void
sweep_trees(const struct files *files)
{
	const struct home *tree;

	for (size_t i = 0; (tree = folders_tree(&files->home, i)) != NULL; i++)
		if (tree->session->sweeps)
			(void)sweep_home(tree, tree->session->config->partial_keep_s, SWEEP_LOGIN_ENTRIES_MAX);
}

int
files_serve(const struct files_session *session)
{
	static struct files files BEGINS_A_PAGE;
	int r;

	files.session = session;
	files.list_fd = -1;
	files.reply_fd = -1;
	files.is_list_due = false;
	files.stop = (struct stop){.channel = session->protocol_channel,
	    .monitor_channel = session->takes_turns ? session->monitor_channel : -1,
	    .ended_ms = monotonic_coarse_ms()};
	beside_init(&files.beside, &files.stop, session->account_sessions);
	if (files.stored.is_pending)	/* a page that most sessions never touch */
		files.stored.is_pending = false;
	upload_init(&files.upload);
	files.quota = (struct quota){
	    .channel = session->monitor_channel,
	    .is_kept = session->has_quota,
	};
	r = home_init(&files.home, session);
	files.home.quota = &files.quota;
	files.quota.home_device = files.home.device;
	files.quota.is_limited_elsewhere = session->has_some_quota && !session->has_quota;
	files.tree = files.refused_tree = &files.home;
	if (r == 0 && session->folder_count > 0)
		r = folders_init(&files.home, session);
	if (r == 0)
		sweep_trees(&files);
	if (r == 0 && files.home.keep != NULL && (zone_rights_somewhere(session) & MAY_CHANGE) != 0)
		(void)keep_purge(&files.home, KEEP_PURGE_MAX);
	while (r == 0) {
		stored_work(&files.stored, session, &files.beside);
		r = beside_work(&files.beside);
		if (r == 0)
			r = next_request(&files);
		if (r == 0) {
			title_doing(ipc_kind_name(files.message.kind), "", 0);
			r = answer_request(&files);
		}
		if (r == 0)
			r = send_reply(&files);
		if (r == 0 && files.list_fd >= 0)
			files_write_listing(&files);
		title_doing("idle", "", 0);
	}
	stored_end(&files.stored, session, &files.beside);
	beside_end(&files.beside);
	if (files.upload.fd >= 0)
		(void)upload_finish(&files.upload, session->config, false);
	unguarded_end(&files.unguarded, &files.home);
	return r == -EPIPE ? 0 : r;
}
