/* SPDX-License-Identifier: ISC */
/* The work of a mirror: its members list directories and copy files, each over a connection of its own. */
#include <string.h>

#include "client/ui/crew.h"
#include "client/ui/mirror.h"
#include "client/ui/mirror_attributes.h"
#include "client/ui/mirror_backup.h"
#include "client/ui/remote_glob.h"
#include "client/ui/report.h"
#include "client/ui/resume.h"
#include "client/ui/signals.h"

#include "common/banned.h"

/* The old file goes to --backup-dir. */
static enum exit_status
keep_replaced(void *context, struct ftp *ftp, const struct job *job)
{
	char *path = path_join(job->beneath, job->name);
	enum exit_status status = path == NULL ? report_no_memory() : mirror_backup_keep(context, ftp, path, true);

	free(path);
	return status;
}

/* The job of a copy. Takes the name over. Returns whether there was memory for it. */
static bool
fill_job(struct mirror *mirror, struct mirror_task *task, struct job *job)
{
	struct mirror_copy *copy = &task->copy;
	char *path = path_join(task->node->path, copy->name);

	job_init(job, mirror->is_upload ? WAY_PUT : WAY_GET);
	job->remote = path == NULL ? NULL : path_join(mirror->remote_root, path);
	job->shown_local = path == NULL ? NULL : path_join(mirror->local_root, path);
	job->dir_fd = mirror->root_fd;
	job->beneath = strdup(task->node->path);
	job->name = copy->name;
	job->size = copy->size;
	job->mtime = copy->mtime;
	job->is_known = !mirror->is_upload && copy->size >= 0 && copy->mtime >= 0 && copy->mtime_is_exact;
	job->is_resume_own = true;
	job->is_followed = true;
	job->is_compare = copy->is_compare;
	if (copy->has_target && mirror->options->backup_dir != NULL) {
		job->prepare = keep_replaced;
		job->context = mirror;
	}
	copy->name = NULL;
	free(path);
	return job->remote != NULL && job->beneath != NULL && job->shown_local != NULL;
}

static void
count_job(struct mirror *mirror, const struct job *job)
{
	struct mirror_counts counts = {
	    .copied = job->state == JOB_DONE,
	    .same = job->state == JOB_SAME,
	    .failed = job->state == JOB_FAILED,
	    .bytes = job->result.bytes,
	};

	if (job_has_part(job)) {
		counts.parts = 1;
		counts.part_bytes = job->result.size;
	}
	mirror_count(mirror, &counts);
}

static void
run_copy(struct mirror *mirror, struct ftp *ftp, struct mirror_task *task)
{
	bool is_fatal = false;
	struct job job;

	pthread_mutex_lock(&mirror->lock);
	mirror->has_begun = true;
	pthread_mutex_unlock(&mirror->lock);
	if (fill_job(mirror, task, &job))
		job_run(ftp, &job, mirror->options, &is_fatal);
	else
		job.status = report_no_memory();
	if (job.status == EXIT_DONE && job.state == JOB_DONE &&
	    mirror_node_add_arrival(&mirror->queue, task->node, job.name) < 0)
		job.status = report_no_memory();
	if (job.state == JOB_DONE && mirror->options->is_perms && task->copy.mode >= 0)
		mirror_set_mode(mirror, ftp, task->node->path, job.name, (unsigned int)task->copy.mode);
	if (job.status != EXIT_DONE)
		mirror_fail(mirror, job.status);
	if (is_fatal)
		mirror_queue_stop(&mirror->queue);
	count_job(mirror, &job);
	job_free(&job);
}

static void
work_on_mirror(void *context, struct crew_member *member)
{
	struct mirror *mirror = context;
	struct mirror_task task;

	/* connect only where there is work for one more */
	if (!member->is_first && (!mirror_queue_wait(&mirror->queue) || !crew_may_work(member, false)))
		return;
	while (mirror_queue_take(&mirror->queue, &task)) {
		if (task.copy.name == NULL) {
			mirror_visit(mirror, member->ftp, task.node);
			mirror_queue_listed(&mirror->queue);
		} else {
			run_copy(mirror, member->ftp, &task);
		}
		mirror_node_drop(&mirror->queue, task.node);
	}
}

void
mirror_work(struct mirror *mirror, struct crew *crew)
{
	size_t left;

	if (signals_have_aborted() || !mirror_queue_is_left(&mirror->queue, &left))
		return;
	report_begin(0, 0);
	/* what waits already was expected by an earlier call */
	report_expect(left, left == 0 ? 0 : -1);
	if (crew_run(crew, mirror->options->parallel, work_on_mirror, mirror) == 0)
		mirror_fail(
		    mirror, report_failure(FTP_LOCAL, "cannot begin the mirror", "no thread could be made", ""));
	report_end();
}
