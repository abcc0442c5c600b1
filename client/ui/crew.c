/* SPDX-License-Identifier: ISC */
#include "client/ui/crew.h"

#include "client/ui/report.h"
#include "client/ui/signals.h"
#include "client/ui/tick.h"

#include "common/banned.h"

void
crew_init(struct crew *crew, struct session *session)
{
	*crew = (struct crew){.session = session};
	tick_init(&crew->lock, &crew->changed);
}

void
crew_free(struct crew *crew)
{
	for (size_t i = 0; i < crew->count; i++)
		if (!crew->members[i].is_first)
			ftp_free(crew->members[i].ftp);
	crew->count = 0;
	pthread_cond_destroy(&crew->changed);
	pthread_mutex_destroy(&crew->lock);
}

bool
crew_may_work(struct crew_member *member, bool is_over)
{
	struct crew *crew = member->crew;
	const char *path;
	bool is_first_to_tell;

	if (member->is_first || ftp_pwd(member->ftp, &path) == FTP_OK || ftp_error(member->ftp)->class == FTP_REFUSED)
		return true;
	pthread_mutex_lock(&crew->lock);
	is_first_to_tell = !crew->is_told_short && !is_over && !signals_have_aborted();
	crew->is_told_short = true;
	pthread_mutex_unlock(&crew->lock);
	if (is_first_to_tell)
		report_note("fewer connections than %zu: %s", crew->count, ftp_error(member->ftp)->why);
	return false;
}

static void
member_has_ended(struct crew *crew)
{
	pthread_mutex_lock(&crew->lock);
	crew->running--;
	pthread_cond_signal(&crew->changed);
	pthread_mutex_unlock(&crew->lock);
}

static void *
run_member(void *argument)
{
	struct crew_member *member = argument;

	member->crew->work(member->crew->context, member);
	member_has_ended(member->crew);
	return NULL;
}

/* The main thread draws, and passes Ctrl-C on. */
static void
supervise(struct crew *crew)
{
	pthread_mutex_lock(&crew->lock);
	while (crew->running > 0) {
		tick_wait(&crew->lock, &crew->changed);
		pthread_mutex_unlock(&crew->lock);
		report_tick();
		/* repeat it: a worker may have looked at the flag just before it began to wait */
		if (signals_have_aborted())
			for (size_t i = 0; i < crew->count; i++)
				if (crew->members[i].has_thread)
					signals_wake(crew->members[i].thread);
		pthread_mutex_lock(&crew->lock);
	}
	pthread_mutex_unlock(&crew->lock);
}

/* Give the next member a handle. Returns whether it has one. */
static bool
add_member(struct crew *crew)
{
	struct crew_member *member = &crew->members[crew->count];

	*member = (struct crew_member){.crew = crew, .is_first = crew->count == 0};
	member->ftp = member->is_first ? crew->session->ftp : ftp_clone(crew->session->ftp);
	crew->count += member->ftp != NULL;
	return member->ftp != NULL;
}

static bool
start_member(struct crew *crew, struct crew_member *member)
{
	pthread_mutex_lock(&crew->lock);
	crew->running++;
	pthread_mutex_unlock(&crew->lock);
	member->has_thread = pthread_create(&member->thread, NULL, run_member, member) == 0;
	if (!member->has_thread)
		member_has_ended(crew);
	return member->has_thread;
}

size_t
crew_run(struct crew *crew, size_t wanted, void (*work)(void *context, struct crew_member *member), void *context)
{
	sigset_t before;
	size_t started = 0;

	crew->work = work;
	crew->context = context;
	while (crew->count < wanted && crew->count < PARALLEL_MAX && add_member(crew))
		continue;
	signals_block(&before);
	while (started < wanted && started < crew->count && start_member(crew, &crew->members[started]))
		started++;
	signals_unblock(&before);
	supervise(crew);
	for (size_t i = 0; i < started; i++) {
		pthread_join(crew->members[i].thread, NULL);
		crew->members[i].has_thread = false;
	}
	return started;
}
