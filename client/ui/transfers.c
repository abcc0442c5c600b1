/* SPDX-License-Identifier: ISC */
#include "client/ui/transfers.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/ui/crew.h"
#include "client/ui/resume.h"
#include "client/ui/signals.h"
#include "common/io.h"

#include "common/banned.h"

#define SEGMENT_WORTH (8 * 1024 * 1024) /* bytes of a listed file that are worth a login of their own */

struct pool {
	pthread_mutex_t lock;
	const struct options *options;
	struct jobs *jobs;
	size_t next;
	bool is_stopped; /* no other job is begun */
	enum exit_status status;
};

struct job *
jobs_add(struct jobs *jobs, enum transfer_way way)
{
	/* grows by doubling: a mirror may have a million */
	if ((jobs->count & (jobs->count - 1)) == 0) {
		struct job *items = realloc(jobs->items, (jobs->count == 0 ? 1 : 2 * jobs->count) * sizeof(*items));

		if (items == NULL)
			return NULL;
		jobs->items = items;
	}
	job_init(&jobs->items[jobs->count], way);
	return &jobs->items[jobs->count++];
}

void
job_init(struct job *job, enum transfer_way way)
{
	*job = (struct job){.way = way,
	    .dir_fd = AT_FDCWD,
	    .stream_fd = -1,
	    .own_dir_fd = -1,
	    .own_stream_fd = -1,
	    .size = -1,
	    .mtime = -1};
}

void
job_free(struct job *job)
{
	free(job->remote);
	free(job->beneath);
	free(job->name);
	free(job->shown_local);
	close_fd(&job->own_dir_fd);
	close_fd(&job->own_stream_fd);
}

void
jobs_free(struct jobs *jobs)
{
	for (size_t i = 0; i < jobs->count; i++)
		job_free(&jobs->items[i]);
	free(jobs->items);
	*jobs = (struct jobs){NULL, 0};
}

static const char *
source_of(const struct job *job)
{
	return job->way == WAY_GET ? job->remote : job->shown_local;
}

static const char *
target_of(const struct job *job)
{
	return job->way == WAY_GET ? job->shown_local : job->remote;
}

static int
compare_targets(const void *a, const void *b)
{
	const struct job *const *left = a, *const *right = b;

	return strcmp(target_of(*left), target_of(*right));
}

enum exit_status
jobs_check_names(const struct jobs *jobs)
{
	const struct job **sorted = calloc(jobs->count + 1, sizeof(const struct job *));
	enum exit_status status = EXIT_DONE;
	size_t count = 0;

	if (sorted == NULL)
		return report_no_memory();
	for (size_t i = 0; i < jobs->count; i++) {
		/* into a stream they go one after the other */
		if (jobs->items[i].way == WAY_PUT || jobs->items[i].name != NULL)
			sorted[count++] = &jobs->items[i];
	}
	qsort(sorted, count, sizeof(const struct job *), compare_targets);
	for (size_t i = 1; i < count && status == EXIT_DONE; i++) {
		if (compare_targets(&sorted[i - 1], &sorted[i]) == 0 &&
		    strcmp(source_of(sorted[i - 1]), source_of(sorted[i])) != 0)
			status = report_usage(
			    "'%s' and '%s' would both become '%s'; move them one by one, each to a name of its own",
			    report_quote(source_of(sorted[i - 1])), report_quote(source_of(sorted[i])),
			    report_quote(target_of(sorted[i])));
	}
	free(sorted);
	return status;
}

int
open_local_beneath(int dir_fd, const char *path, bool makes)
{
	char name[256];
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), next, r;

	if (fd < 0)
		return -errno;
	while (*path != '\0') {
		size_t len = strcspn(path, "/");

		if (len == 0 || len >= sizeof(name) || (len == 1 && path[0] == '.') ||
		    (len == 2 && memcmp(path, "..", 2) == 0)) {
			close_fd(&fd);
			return -EINVAL;
		}
		memcpy(name, path, len);
		name[len] = '\0';
		if (makes && mkdirat(fd, name, 0777) < 0 && errno != EEXIST) {
			r = -errno;
			close_fd(&fd);
			return r;
		}
		next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		r = -errno;
		close_fd(&fd);
		if (next < 0)
			return r;
		fd = next;
		path += len + (path[len] == '/');
	}
	return fd;
}

/* --- one job --- */

/* Compare the content of both sides: *is_same. Reports errors. */
static enum exit_status
compare_contents(struct ftp *ftp, const struct job *job, int dir_fd, const struct options *options, bool *is_same)
{
	struct ftp_hash here, there;
	int fd = openat(dir_fd, job->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	enum exit_status status = EXIT_DONE;

	if (fd < 0)
		return report_local("cannot read", job->shown_local, -errno);
	if (ftp_hash(ftp, job->remote, options->algorithm, 0, -1, &there) != FTP_OK ||
	    ftp_hash_local(ftp, fd, there.name, 0, -1, &here) != FTP_OK)
		status = report_error(ftp_error(ftp));
	else
		*is_same = strcmp(here.hex, there.hex) == 0;
	close_fd(&fd);
	return status;
}

/* A mirror's files are shown with their directories. */
static const char *
shown_name(const struct job *job)
{
	if (job->beneath != NULL)
		return job->way == WAY_GET ? job->remote : job->shown_local;
	return job->name != NULL ? job->name : job->remote;
}

/* A stopped transfer can be resumed; report how. */
static const struct ftp_error *
add_hint(const struct ftp_error *error, const struct job *job, struct ftp_error *hinted)
{
	if (error->class != FTP_NETWORK || error->hint[0] != '\0' || job->name == NULL)
		return error;
	*hinted = *error;
	snprintf(hinted->hint, sizeof(hinted->hint), "%s",
	    job->beneath != NULL      ? "the same command, which goes on with the parts"
		: job->way == WAY_GET ? "--continue, which goes on with the part (in the shell: reget)"
				      : "--continue, which goes on with the part (in the shell: reput)");
	return hinted;
}

/* Where other files wait for their turn, each further login must be worth it. Nobody has asked for this file alone. */
static unsigned int
segments_for(const struct job *job, const struct options *options)
{
	uint64_t worth = job->size < 0 ? 0 : (uint64_t)job->size / SEGMENT_WORTH;

	if (!job->is_known || worth >= options->segments)
		return (unsigned int)options->segments;
	return worth > 1 ? (unsigned int)worth : 1;
}

static enum exit_status
move_file(struct ftp *ftp, struct job *job, int dir_fd, const struct options *options, bool *is_fatal)
{
	struct ftp_entry known = {
	    .kind = FTP_KIND_FILE, .size = job->size, .mtime = job->mtime, .mtime_is_exact = true, .mode = -1};
	struct ftp_transfer transfer = {
	    .remote = job->remote,
	    .known = job->is_known ? &known : NULL,
	    .local_dir_fd = dir_fd,
	    .local_name = job->name,
	    .stream_fd = job->stream_fd,
	    .is_resume = options->is_continue,
	    .is_resume_own = job->is_resume_own,
	    .is_append = options->is_append,
	    .is_in_place = options->is_in_place,
	    .verify = options->is_ascii ? FTP_VERIFY_NEVER : options->verify,
	    .segments = segments_for(job, options),
	    .is_to_end = options->is_to_end,
	};
	struct shown_transfer shown = {
	    .way = job->way,
	    .name = shown_name(job),
	    .remote = job->remote,
	    .local = job->shown_local,
	    .size = job->size,
	};
	struct report_slot *slot = report_transfer_begin(&shown);
	const struct ftp_error *error = NULL;
	struct ftp_error hinted;
	enum ftp_class class;

	session_show_in(slot);
	ftp_expect_more(ftp, job->is_followed);
	class = job->way == WAY_GET ? ftp_get(ftp, &transfer, &job->result) : ftp_put(ftp, &transfer, &job->result);
	session_show_in(NULL);
	if (class != FTP_OK)
		error = add_hint(ftp_error(ftp), job, &hinted);
	*is_fatal = class == FTP_NETWORK || class == FTP_LOGIN || class == FTP_CERTIFICATE || class == FTP_ABORTED ||
	    (class == FTP_LOCAL && (error->error == ENOSPC || error->error == EDQUOT));
	return report_transfer_end(slot, &job->result, error);
}

void
job_run(struct ftp *ftp, struct job *job, const struct options *options, bool *is_fatal)
{
	bool is_same = false;
	int beneath_fd = -1;

	if (job->beneath != NULL) {
		beneath_fd = open_local_beneath(job->dir_fd, job->beneath, false);
		if (beneath_fd < 0) {
			job->status = report_local("cannot open the directory of", job->shown_local, beneath_fd);
			job->state = JOB_FAILED;
			return;
		}
	}
	if (job->is_compare)
		job->status = compare_contents(ftp, job, beneath_fd >= 0 ? beneath_fd : job->dir_fd, options, &is_same);
	if (job->status == EXIT_DONE && !is_same && job->prepare != NULL)
		job->status = job->prepare(job->context, ftp, job);
	if (job->status == EXIT_DONE && !is_same)
		job->status = move_file(ftp, job, beneath_fd >= 0 ? beneath_fd : job->dir_fd, options, is_fatal);
	job->state = job->status != EXIT_DONE ? JOB_FAILED : is_same ? JOB_SAME : JOB_DONE;
	if (is_same)
		report_transfer_spared();
	close_fd(&beneath_fd);
}

/* --- many --- */

static struct job *
next_job(struct pool *pool)
{
	struct job *job = NULL;

	pthread_mutex_lock(&pool->lock);
	if (!pool->is_stopped && !signals_have_aborted() && pool->next < pool->jobs->count)
		job = &pool->jobs->items[pool->next++];
	pthread_mutex_unlock(&pool->lock);
	return job;
}

static void
job_is_over(struct pool *pool, const struct job *job, bool is_fatal)
{
	pthread_mutex_lock(&pool->lock);
	pool->status = exit_status_worse(pool->status, job->status);
	if (is_fatal)
		pool->is_stopped = true;
	pthread_mutex_unlock(&pool->lock);
}

static void
run_jobs(void *context, struct crew_member *member)
{
	struct pool *pool = context;
	bool is_over;
	struct job *job;

	pthread_mutex_lock(&pool->lock);
	is_over = pool->is_stopped;
	pthread_mutex_unlock(&pool->lock);
	if (!crew_may_work(member, is_over))
		return;
	while ((job = next_job(pool)) != NULL) {
		bool is_fatal = false;

		job_run(member->ftp, job, pool->options, &is_fatal);
		job_is_over(pool, job, is_fatal);
	}
}

static int64_t
total_size(const struct jobs *jobs)
{
	int64_t total = 0;

	for (size_t i = 0; i < jobs->count; i++)
		if (jobs->items[i].size < 0 || __builtin_add_overflow(total, jobs->items[i].size, &total))
			return -1;
	return total;
}

bool
job_has_part(const struct job *job)
{
	return job->state == JOB_FAILED && job->name != NULL && job->result.size > 0;
}

/* Ctrl-C: one line for all that it stopped, with a command that goes on. */
static void
report_stopped_jobs(const struct jobs *jobs)
{
	bool is_resumable = true;
	char what[1024] = "";
	size_t parts = 0;
	uint64_t bytes = 0;

	for (size_t i = 0; i < jobs->count; i++) {
		const struct job *job = &jobs->items[i];
		bool has_part = job_has_part(job);

		/* a stream has no part */
		is_resumable = is_resumable && job->name != NULL;
		parts += has_part;
		bytes += has_part ? job->result.size : 0;
	}
	if (jobs->count == 1)
		snprintf(what, sizeof(what), "cannot %s '%s'", jobs->items[0].way == WAY_GET ? "fetch" : "send",
		    report_quote(jobs->items[0].remote));
	report_stopped(what, parts, bytes, is_resumable ? resume_text() : "");
}

/* Text has other sizes, offsets and hashes on the server. */
static enum exit_status
check_text_options(const struct options *options)
{
	const char *other = NULL;

	if (options->is_continue)
		other = "--continue";
	else if (options->segments > 1)
		other = "--segments";
	else if (options->is_to_end)
		other = "--to-end";
	else if (options->verify == FTP_VERIFY_ALWAYS)
		other = "--verify always";
	if (!options->is_ascii || other == NULL)
		return EXIT_DONE;
	return report_usage(
	    "--ascii and %s exclude each other: as text a file has other sizes and hashes on the server", other);
}

enum exit_status
transfers_run(struct session *session, const struct options *options, struct jobs *jobs)
{
	struct pool pool = {.options = options, .jobs = jobs, .status = EXIT_DONE};
	size_t wanted = options->parallel < jobs->count ? options->parallel : jobs->count;
	struct crew crew;

	if (jobs->count == 0)
		return EXIT_DONE;
	if (check_text_options(options) != EXIT_DONE)
		return EXIT_USAGE;
	pthread_mutex_init(&pool.lock, NULL);
	crew_init(&crew, session);
	report_begin(jobs->count, total_size(jobs));
	if (crew_run(&crew, wanted, run_jobs, &pool) == 0)
		pool.status = report_failure(FTP_LOCAL, "cannot begin the transfer", "no thread could be made", "");
	report_end();
	crew_free(&crew);
	if (signals_have_aborted())
		report_stopped_jobs(jobs);
	pthread_mutex_destroy(&pool.lock);
	return signals_have_aborted() ? exit_status_worse(pool.status, EXIT_INTERRUPTED) : pool.status;
}
