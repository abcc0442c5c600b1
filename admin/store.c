/* SPDX-License-Identifier: ISC */
/* store check: its folder and its report. */
#include "admin/store.h"
#include "admin/store_database.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "admin/ctl.h"
#include "common/file_system.h"
#include "common/io.h"
#include "common/mount_line.h"
#include "privsep/files/storage.h"

#include "common/banned.h"

#define FOLDER ".sallyport-store-check"
#define FOLDER_WAIT_MS 2000
#define FOLDER_POLL_MS 50

/* --- the folder --- */

/* Does a check give this name to a file or directory of its folder? */
static bool
is_name_of_check(const char *name)
{
	static const char *const names[] = {"exclusive", "locked", "partial", "finished", "free", "directory", "moved",
	    "content", "home", "end", "stopped"};
	static const char *const beginnings[] = {"node-", "step-", "half-"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++)
		if (strncmp(name, beginnings[i], strlen(beginnings[i])) == 0)
			return true;
	return false;
}

/*
 * Does the folder have nothing but files of a check? A user who can write to the directory above can rename another
 * directory of ours to the folder's name. 0, -EEXIST or another -errno.
 */
static int
must_be_of_check(int folder_fd)
{
	DIR *dir = store_entries(folder_fd);
	struct dirent *entry;
	int r = 0;

	if (dir == NULL)
		return -errno;
	while (r == 0 && (entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    !is_name_of_check(entry->d_name))
			r = -EEXIST;
	closedir(dir);
	return r;
}

/* The other node may have made it a moment ago. -ESTALE: it is still not found. */
static int
open_made_folder(int parent_fd, const char *name)
{
	int fd;

	for (unsigned waited_ms = 0; waited_ms < FOLDER_WAIT_MS; waited_ms += FOLDER_POLL_MS) {
		fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0 || errno != ENOENT)
			return fd < 0 ? -errno : fd;
		poll(NULL, 0, FOLDER_POLL_MS);
	}
	return -ESTALE;
}

/* With a peer it is one for both. Without, it is new. */
static int
open_folder(int parent_fd, bool has_peer, char name[NAME_MAX + 1])
{
	struct stat st;
	int fd, r;

	snprintf(name, NAME_MAX + 1, FOLDER);
	if (!has_peer)
		snprintf(name, NAME_MAX + 1, FOLDER "-%ld", (long)getpid());
	if (mkdirat(parent_fd, name, 0700) < 0 && (!has_peer || errno != EEXIST))
		return -errno;
	fd = open_made_folder(parent_fd, name);
	if (fd < 0)
		return fd;
	/* what another user has put there is no place to work in */
	if (fstat(fd, &st) < 0 || st.st_uid != geteuid() || (st.st_mode & 077) != 0) {
		close_fd(&fd);
		return -EEXIST;
	}
	r = must_be_of_check(fd);
	if (r < 0)
		close_fd(&fd);
	return r < 0 ? r : fd;
}

/* Where the other node has removed it, there is nothing to do. */
static void
remove_folder(int parent_fd, const char *name, int folder_fd)
{
	DIR *dir = store_entries(folder_fd);
	struct dirent *entry;

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL)
		if (is_name_of_check(entry->d_name) && unlinkat(folder_fd, entry->d_name, 0) < 0)
			(void)unlinkat(folder_fd, entry->d_name, AT_REMOVEDIR);
	closedir(dir);
	if (unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		ctl_warning("'%s' is left there: %s; remove it", name, strerror(errno));
}

/* --- the report --- */

/* How the directory is mounted, and what is wrong with that. */
static void
describe_mount(struct store *store, const struct stat *st, const char *type, json_t *report)
{
	struct mount_advice advice[MOUNT_ADVICE_MAX];
	const struct mount_line *mount;
	struct mount_table table;

	json_object_set_new(report, "type", json_string(type));
	(void)mount_table_read(&table);
	mount = mount_of_device(&table, st->st_dev);
	if (mount != NULL) {
		size_t count = mount_advise(mount, advice);

		json_object_set_new(report, "type", json_string(ctl_quote(mount->type)));
		json_object_set_new(report, "source", json_string(ctl_quote(mount->source)));
		json_object_set_new(report, "options", json_string(ctl_quote(mount->options)));
		for (size_t i = 0; i < count; i++)
			if (advice[i].is_doubt)
				store->doubt = advice[i].text;
			else
				store_note(store, STORE_NOTE, "how it is mounted", advice[i].text, "");
	}
	mount_table_free(&table);
}

static void
print_rows(const json_t *report)
{
	const json_t *rows = json_object_get(report, "checks"), *row;
	const char *source = json_string_value(json_object_get(report, "source"));
	size_t i;

	printf("%s: %s", json_string_value(json_object_get(report, "directory")),
	    json_string_value(json_object_get(report, "type")));
	if (source != NULL)
		printf(", %s (%s)", source, json_string_value(json_object_get(report, "options")));
	printf("\n");
	json_array_foreach(rows, i, row) {
		const char *detail = json_string_value(json_object_get(row, "detail"));
		const char *cure = json_string_value(json_object_get(row, "cure"));

		printf("%-6s %s%s%s%s%s\n", json_string_value(json_object_get(row, "verdict")),
		    json_string_value(json_object_get(row, "what")), detail[0] == '\0' ? "" : ": ", detail,
		    cure[0] == '\0' ? "" : "; ", cure);
	}
}

static enum ctl_exit
report_store(const struct ctl *ctl, json_t *report, bool is_good)
{
	json_object_set_new(report, "good", json_boolean(is_good));
	if (ctl->is_json)
		return ctl_print_json(report) == CTL_DONE && is_good ? CTL_DONE : CTL_FAILED;
	print_rows(report);
	json_decref(report);
	return is_good ? CTL_DONE : CTL_FAILED;
}

/* --- the command --- */

static int
run_checks(struct store *store, bool has_peer)
{
	int r;

	if (!has_peer) {
		store_check_alone(store);
		return 0;
	}
	r = store_check_with_peer(store);
	if (r == -EUSERS)
		ctl_error("two nodes are at it there, or a former check was broken off; remove '" FOLDER "' then");
	else if (r == -ETIMEDOUT)
		ctl_error("the other node did not answer for %d seconds; run the same command there, within that time",
		    STORE_PEER_WAIT_S);
	else if (r == -ECONNABORTED)
		ctl_error("the other node has broken off its check");
	else if (r < 0 && !store_is_stopped())
		ctl_error("the two nodes do not meet: %s", strerror(-r));
	return r;
}

static int
open_store(const char *path, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, st) < 0) {
		ctl_error("cannot open '%s': %s", ctl_quote(path), strerror(errno));
		close_fd(&fd);
		return -1;
	}
	return fd;
}

static void
say_no_folder(const char *path, int error, bool is_shared)
{
	if (error == -ESTALE)
		ctl_error("'%s/" FOLDER "' is there, for it cannot be made, and is not found: %s", ctl_quote(path),
		    STORE_CURE_LOOK);
	else if (error == -EEXIST)
		ctl_error("'%s/" FOLDER "' is there, and not ours alone; remove it", ctl_quote(path));
	else
		ctl_error("cannot make a folder in '%s': %s%s", ctl_quote(path), strerror(-error),
		    is_shared && geteuid() == 0
			? "; where the file server takes root for nobody, run this as the account whose home it is"
			: "");
}

static enum ctl_exit
check_store_directory(struct ctl *ctl)
{
	bool has_peer = ctl->given[OPTION_PEER];
	struct store store = {.dir_fd = -1};
	char folder[NAME_MAX + 1];
	struct statfs fs = {0};
	json_t *report;
	struct stat st;
	int r;
	int parent_fd = open_store(ctl->operand, &st);

	if (parent_fd < 0)
		return CTL_FAILED;
	storage_probe(parent_fd, st.st_dev);
	store_take_stop_signals();
	store.dir_fd = open_folder(parent_fd, has_peer, folder);
	if (store.dir_fd < 0) {
		say_no_folder(ctl->operand, store.dir_fd, storage_is_shared());
		close_fd(&parent_fd);
		return CTL_FAILED;
	}
	store.rows = json_array();
	report = json_pack(
	    "{s:s, s:b, s:o}", "directory", ctl_quote(ctl->operand), "peer", (int)has_peer, "checks", store.rows);
	(void)fstatfs(parent_fd, &fs);
	describe_mount(&store, &st, file_system_name_of_type((unsigned long)fs.f_type & 0xffffffffUL), report);
	r = run_checks(&store, has_peer);
	/* with a peer the rows have told, unless the nodes were too slow to see it */
	if (store.doubt != NULL && !store.is_wrong && (r < 0 || !has_peer || store.is_slow))
		store_note(&store, STORE_NOTE, "how it is mounted", store.doubt, "");
	if (!store.keeps_folder)
		remove_folder(parent_fd, folder, store.dir_fd);
	store_end_by_signal();
	close_fd(&store.dir_fd);
	close_fd(&parent_fd);
	return report_store(ctl, report, r == 0 && !store.is_wrong);
}

enum ctl_exit
store_check(struct ctl *ctl)
{
	if (ctl->operand != NULL && ctl->given[OPTION_STORE_CONF])
		ctl_error("--store-conf is about the database; leave DIR out to check that");
	else if (ctl->operand == NULL && ctl->given[OPTION_PEER])
		ctl_error("'store check --peer' needs a DIR: store check DIR --peer");
	else
		return ctl->operand == NULL ? store_check_database(ctl) : check_store_directory(ctl);
	return CTL_USAGE;
}
