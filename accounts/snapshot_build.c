/* SPDX-License-Identifier: ISC */
#include "accounts/snapshot_build.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "accounts/account.h"
#include "accounts/definition.h"
#include "accounts/folder.h"
#include "accounts/full_name.h"
#include "accounts/hash_costs.h"
#include "accounts/hash_kind.h"
#include "accounts/layout.h"
#include "accounts/names_key.h"
#include "accounts/pam_services.h"
#include "accounts/password.h"
#include "accounts/snapshot_file.h"
#include "accounts/users_file.h"
#include "common/buf.h"
#include "common/file_stamp.h"
#include "common/io.h"
#include "common/libc.h"
#include "common/text.h"
#include "trusted/place.h"

#include "common/banned.h"

#define FILE_MAX ((uint64_t)1 << 32) /* bytes of a users file */
#define CHUNK (256 * 1024)
#define TRIES 20 /* while somebody writes into the file */
#define TRY_PAUSE_MS 50
#define ERRORS_MAX 20
#define ERROR_LINE_MAX 8192
#define MEASURE_SECONDS 5

/* One run of snapshot_build(). */
struct build {
	const char *path;
	const char *others; /* see snapshot_basis */
	int memory_fd;
	void (*error)(void *arg, const char *line);
	void *arg;
	unsigned errors;
	struct snapshot_header header;
	void *map; /* the memory file, while lines are checked */
	size_t map_len;
	const char *text;
	uint64_t *index; /* of accounts, from its front */
	struct pam_services services; /* of the accounts */
	struct layout layout; /* of shared folders */
	bool has_grants;
	uint64_t *index_end; /* definitions come downwards from here, until both are sorted */
	struct kind_in_use {
		char front[HASH_KIND_MAX + 1];
		struct snapshot_kind kind;
	} kinds[SNAPSHOT_KINDS_MAX];
};

static void __attribute__((format(printf, 3, 4)))
report_bad_line(struct build *build, uint64_t line, const char *format, ...)
{
	struct buf text;
	va_list args;

	if (build->errors++ >= ERRORS_MAX)
		return;
	buf_init(&text, ERROR_LINE_MAX);
	if (line > 0)
		buf_addf(&text, "%s:%llu: ", build->path, (unsigned long long)line);
	else
		buf_addf(&text, "%s: ", build->path);
	va_start(args, format);
	buf_addv(&text, format, args);
	va_end(args);
	build->error(build->arg, text.data == NULL ? "no memory" : text.data);
	buf_free(&text);
}

/* --- the users file --- */

/* In a directory that root alone can change. */
static int
open_path(struct build *build)
{
	struct trust_problem problem;
	char name[NAME_MAX + 1], why[TRUST_TEXT_MAX];
	int dir_fd = trusted_parent_open(build->path, TRUST_ROOT_ALONE, name, &problem);
	int r = dir_fd;

	if (dir_fd < 0 && problem.kind != TRUST_SYSTEM) {
		trust_explain(&problem, why, sizeof(why));
		report_bad_line(build, 0, "%s", why);
		return r;
	}
	if (dir_fd >= 0) {
		/* non-blocking: a FIFO is refused below instead of waited for */
		r = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
		r = r < 0 ? -errno : r;
	}
	if (r < 0)
		report_bad_line(build, 0, "cannot open: %s; %s", strerror(-r),
		    r == -ENOENT ? "'sallyportctl setup' makes it" : "it must be a file that root can read");
	close_fd(&dir_fd);
	return r;
}

static int
open_users(struct build *build, int *fd_out, struct stat *st)
{
	const char *refused;
	int fd = open_path(build);
	int r = fd < 0 ? fd : 0;

	if (r == 0 && fstat(fd, st) < 0) {
		r = -errno;
		report_bad_line(build, 0, "cannot examine it: %s", strerror(-r));
	}
	if (r < 0)
		goto out;
	refused = accounts_file_refused(st);
	if (refused == NULL && (uint64_t)st->st_size >= FILE_MAX)
		refused = "too large; a users file has less than 4 GiB";
	if (refused != NULL) {
		r = -EINVAL;
		report_bad_line(build, 0, "%s", refused);
		goto out;
	}
	*fd_out = fd;
	fd = -1;
out:
	close_fd(&fd);
	return r;
}

/* Copy the text after the place of the header; end its last line. */
static int
copy_users_text(struct build *build, int fd)
{
	char *chunk = malloc(CHUNK);
	char last = '\n';
	ssize_t got = 0;
	int r = 0;

	if (chunk == NULL)
		return -ENOMEM;
	build->header.text_at = sizeof(build->header);
	build->header.text_len = 0;
	if (ftruncate(build->memory_fd, 0) < 0 || lseek(build->memory_fd, (off_t)build->header.text_at, SEEK_SET) < 0)
		r = -errno;
	while (r == 0 && (got = io_read_all(fd, chunk, CHUNK)) > 0) {
		build->header.text_len += (uint64_t)got;
		if (build->header.text_len >= FILE_MAX)
			r = -EFBIG;
		else
			r = io_write_all(build->memory_fd, chunk, (size_t)got);
		last = chunk[got - 1];
	}
	if (r == 0 && got < 0)
		r = (int)got;
	if (r == 0 && last != '\n') {
		build->header.text_len++;
		r = io_write_all(build->memory_fd, "\n", 1);
	}
	explicit_bzero(chunk, CHUNK);
	free(chunk);
	return r;
}

/* Copy a state of the file into which nobody wrote meanwhile. */
static int
copy_users_file(struct build *build)
{
	const struct timespec pause = {.tv_nsec = TRY_PAUSE_MS * 1000000L};
	struct file_stamp after;
	struct stat st;
	int fd = -1;
	int r;

	if (build->path[0] == '\0') {
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		r = fd < 0 ? -errno : copy_users_text(build, fd);
		close_fd(&fd);
		return r;
	}
	for (unsigned i = 0; i < TRIES; i++) {
		r = open_users(build, &fd, &st);
		if (r < 0)
			return r;
		file_stamp_from_stat(&st, &build->header.stamp);
		r = copy_users_text(build, fd);
		if (r == 0 && fstat(fd, &st) < 0)
			r = -errno;
		close_fd(&fd);
		if (r < 0) {
			report_bad_line(build, 0, "cannot read: %s", strerror(-r));
			return r;
		}
		file_stamp_from_stat(&st, &after);
		if (file_stamp_equal(&build->header.stamp, &after))
			return 0;
		nanosleep(&pause, NULL);
	}
	report_bad_line(build, 0, "it keeps changing; try again when nobody writes to it");
	return -EAGAIN;
}

static uint64_t
count_lines(const char *text, uint64_t len)
{
	const char *end = text + len;
	uint64_t lines = 0;

	for (const char *p = text; p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
		lines++;
	return lines;
}

/* Map the text, and after it room for an index of every line. */
static int
map_text(struct build *build)
{
	uint64_t lines;
	size_t len = (size_t)(build->header.text_at + build->header.text_len);
	char *map;

	map = mmap(NULL, len, PROT_READ, MAP_SHARED, build->memory_fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	lines = count_lines(map + build->header.text_at, build->header.text_len);
	munmap(map, len);
	build->header.accounts.at = (len + 7) / 8 * 8;
	len = (size_t)(build->header.accounts.at + lines * sizeof(uint64_t) +
	    SNAPSHOT_KINDS_MAX * sizeof(struct snapshot_kind) + sizeof(struct pam_services));
	if (ftruncate(build->memory_fd, (off_t)len) < 0)
		return -errno;
	map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, build->memory_fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	build->map = map;
	build->map_len = len;
	build->text = map + build->header.text_at;
	build->index = (uint64_t *)(void *)(map + build->header.accounts.at);
	build->index_end = build->index + lines;
	return 0;
}

/* The front of a hash. "*" for one that no password fits, which costs what password_verify() makes it cost. */
static void
front_of(const char *hash, char front[HASH_KIND_MAX + 1])
{
	bool is_usable = password_hash_usable(hash);
	size_t len = is_usable ? hash_kind_len(hash) : 1;

	if (!is_usable)
		hash = "*";
	memcpy(front, hash, len);
	front[len] = '\0';
}

static void
count_kind(struct build *build, const char *hash, uint64_t hash_number, uint64_t line_at)
{
	uint64_t count = build->header.kind_count;
	char front[HASH_KIND_MAX + 1];
	size_t i = 0;

	front_of(hash, front);
	while (i < count && strcmp(build->kinds[i].front, front) != 0)
		i++;
	if (i == SNAPSHOT_KINDS_MAX)
		i--;
	if (i == count) {
		memcpy(build->kinds[i].front, front, sizeof(front));
		build->kinds[i].kind = (struct snapshot_kind){.line_at = line_at, .hash_number = hash_number};
		build->header.kind_count++;
	}
	if (hash_number > 0)
		return;
	/* unknown names take the first hash of an account of the kind */
	if (build->kinds[i].kind.accounts++ == 0) {
		build->kinds[i].kind.line_at = line_at;
		build->kinds[i].kind.hash_number = 0;
	}
}

/* The name in full is one of its own, and not too long. */
static void
check_full_name(struct build *build, const char *what, const char *name, size_t max, uint64_t line)
{
	const char *server = build->header.server;
	size_t len = full_name_server(build->others, name);

	if (server[0] != '\0' && strlen(name) + 1 + strlen(server) > max)
		report_bad_line(build, line,
		    "%s '%s': with its server, '%s@%s', the name has more than %zu bytes; use a shorter one", what,
		    name, name, server, max);
	else if (server[0] == '\0' && len > 0)
		report_bad_line(build, line,
		    "%s '%s': server \"%s\" has a users file of its own, and '%.*s' there has this name; use another one",
		    what, name, name + len + 1, (int)len, name);
}

static void
index_account(struct build *build, const struct account *account, uint64_t at, uint64_t line)
{
	check_full_name(build, "account", account->name, ACCOUNT_NAME_MAX, line);
	build->index[build->header.accounts.count++] = at;
	build->header.keeping += account->keep.days > 0;
	build->has_grants = build->has_grants || account->has_grants;
	for (size_t i = account->takes_any; i <= account->password_count; i++) /* of "any", no hash is computed */
		count_kind(build, account_hash(account, i), i, at);
	if (account->password_count >= build->header.hashes_max)
		build->header.hashes_max = account->password_count + 1;
	if (account_pam_service(account) != NULL &&
	    pam_services_add(&build->services, account_pam_service(account)) < 0)
		report_bad_line(
		    build, line, "one more PAM service; the accounts of a file have %d at most", PAM_SERVICES_MAX);
}

static bool
group_keeps(const struct definition *definition)
{
	struct account member = {.name = ""};
	const char *problem;

	return definition->kind == DEFINITION_GROUP &&
	    account_take_group(&member, definition->body, definition->body_len, &problem) == 0 && member.keep.days > 0;
}

static void
index_definition(struct build *build, const struct definition *definition, uint64_t at, uint64_t line)
{
	struct folder folder;
	const char *problem;

	build->header.keeping += group_keeps(definition);
	if (definition->kind == DEFINITION_FOLDER &&
	    (folder_parse(definition, &folder, &problem) < 0 || layout_add(&build->layout, &folder, line) < 0))
		report_bad_line(build, line, "no memory");
	else if (definition->kind == DEFINITION_FOLDER)
		check_full_name(build, "folder", folder.name, FOLDER_NAME_MAX, line);
	build->header.definitions.count++;
	build->index_end[-(ptrdiff_t)build->header.definitions.count] = at;
}

static int
check_lines(struct build *build)
{
	const char *end = build->text + build->header.text_len;
	struct definition definition;
	struct account account;
	const char *problem;
	uint64_t line = 0;

	build->header.accounts.count = build->header.definitions.count = build->header.kind_count = 0;
	build->header.keeping = 0;
	for (const char *p = build->text; p < end;) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((newline == NULL ? end : newline) - p);

		line++;
		problem = NULL;
		if (line_is_definition(p, len)) {
			if (definition_parse(p, len, &definition, &problem) == 0)
				index_definition(build, &definition, (uint64_t)(p - build->text), line);
		} else if (account_line_is_account(p, len) && account_parse(p, len, &account, &problem) == 0)
			index_account(build, &account, (uint64_t)(p - build->text), line);
		if (problem != NULL)
			report_bad_line(build, line, "%s", problem);
		p += len + 1;
	}
	explicit_bzero(&account, sizeof(account));
	return build->errors > 0 ? -EINVAL : 0;
}

static int
compare_lines(const void *a, const void *b, void *arg)
{
	const char *text = arg;
	uint64_t x_at, y_at;
	const char *x, *y;

	memcpy(&x_at, a, sizeof(x_at));
	memcpy(&y_at, b, sizeof(y_at));
	x = text + x_at;
	y = text + y_at;
	/* checked lines, so every name ends at a colon; ':' itself must not count as a byte of a name */
	while (*x == *y && *x != ':') {
		x++;
		y++;
	}
	if (*x == *y)
		return (x_at > y_at) - (x_at < y_at);
	if (*x == ':' || *y == ':')
		return *x == ':' ? -1 : 1;
	return (unsigned char)*x < (unsigned char)*y ? -1 : 1;
}

static size_t
name_length(const char *line)
{
	return (size_t)((const char *)rawmemchr(line, ':') - line);
}

static void
check_duplicates(struct build *build, const char *what, const uint64_t *index, uint64_t count)
{
	for (uint64_t i = 1; i < count; i++) {
		uint64_t first_at = index[i - 1], again_at = index[i];
		const char *first = build->text + first_at, *again = build->text + again_at;
		size_t len = name_length(first);
		struct buf name;

		if (len != name_length(again) || memcmp(first, again, len) != 0)
			continue;
		buf_init(&name, ERROR_LINE_MAX);
		escape_bytes(&name, ESCAPE_LOG, first, len);
		report_bad_line(build, count_lines(build->text, again_at) + 1,
		    "the %s '%s' is in line %llu already; remove one of them", what, name.data == NULL ? "" : name.data,
		    (unsigned long long)count_lines(build->text, first_at) + 1);
		buf_free(&name);
	}
}

static void
sort_index(const struct build *build, uint64_t *index, uint64_t count)
{
	qsort_r(index, count, sizeof(*index), compare_lines, (void *)(uintptr_t)build->text);
}

/* Sort both, and put that of definitions right after that of accounts. */
static int
sort_indexes(struct build *build)
{
	struct snapshot_header *header = &build->header;
	uint64_t *definitions = build->index + header->accounts.count;

	memmove(definitions, build->index_end - header->definitions.count,
	    header->definitions.count * sizeof(*definitions));
	header->definitions.at = header->accounts.at + header->accounts.count * sizeof(*definitions);
	sort_index(build, build->index, header->accounts.count);
	sort_index(build, definitions, header->definitions.count);
	check_duplicates(build, "account", build->index, header->accounts.count);
	check_duplicates(build, "definition", definitions, header->definitions.count);
	return build->errors > 0 ? -EINVAL : 0;
}

static void
report_layout(void *arg, uint64_t line, const char *problem)
{
	report_bad_line(arg, line, "%s", problem);
}

/* Folders, and the homes and the words of accounts that have to do with them. */
static int
check_layout(struct build *build)
{
	struct account account = {.name = ""};
	const char *problem;

	if (build->layout.count == 0 && !build->has_grants)
		return 0;
	if (layout_settle(&build->layout) < 0)
		return -ENOMEM;
	layout_check(&build->layout, report_layout, build);
	for (uint64_t i = 0; i < build->header.accounts.count && build->errors < ERRORS_MAX; i++) {
		const char *line = build->text + build->index[i];

		if (account_parse(line, strcspn(line, "\n"), &account, &problem) < 0)
			continue;
		problem = layout_account_problem(&build->layout, &account);
		if (problem != NULL)
			report_bad_line(build, count_lines(build->text, build->index[i]) + 1, "%s", problem);
	}
	explicit_bzero(&account, sizeof(account));
	return build->errors > 0 ? -EINVAL : 0;
}

static void
unmap_text(struct build *build)
{
	if (build->map != NULL)
		munmap(build->map, build->map_len);
	build->map = NULL;
}

static int
compare_kinds(const void *a, const void *b)
{
	return strcmp(((const struct kind_in_use *)a)->front, ((const struct kind_in_use *)b)->front);
}

/* The header comes last: an unfinished snapshot has no magic. */
static int
finish_snapshot(struct build *build)
{
	uint64_t len;

	/* in an order that no line of the file has a part in, so that names keep their kinds when lines change */
	qsort(build->kinds, build->header.kind_count, sizeof(build->kinds[0]), compare_kinds);
	build->header.kinds_at = build->header.definitions.at + build->header.definitions.count * sizeof(uint64_t);
	build->header.services_at = build->header.kinds_at + build->header.kind_count * sizeof(struct snapshot_kind);
	len = build->header.services_at + sizeof(build->services);
	for (uint64_t i = 0; i < build->header.kind_count; i++)
		memcpy((char *)build->map + build->header.kinds_at + i * sizeof(struct snapshot_kind),
		    &build->kinds[i].kind, sizeof(struct snapshot_kind));
	memcpy((char *)build->map + build->header.services_at, &build->services, sizeof(build->services));
	build->header.magic = SNAPSHOT_MAGIC;
	build->header.version = SNAPSHOT_VERSION;
	memcpy(build->map, &build->header, sizeof(build->header));
	unmap_text(build);
	if (ftruncate(build->memory_fd, (off_t)len) < 0 ||
	    fcntl(build->memory_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return -errno;
	return 0;
}

/* --- what a server needs besides --- */

static void
take_cost(struct build *build, const char *front, uint64_t cost_us)
{
	for (uint64_t i = 0; i < build->header.kind_count; i++)
		if (strcmp(build->kinds[i].front, front) == 0)
			build->kinds[i].kind.cost_us = cost_us;
}

/* The hash of the kind; account is of its line. */
static const char *
kind_hash(const struct account *account, const struct snapshot_kind *kind)
{
	return account_hash(account, kind->hash_number <= account->password_count ? kind->hash_number : 0);
}

/* The costs of kinds that the former snapshot has, too. */
static void
take_costs(struct build *build, const struct snapshot_view *former)
{
	struct account account;
	struct snapshot_kind kind;
	char front[HASH_KIND_MAX + 1];

	for (uint64_t i = 0; i < former->header.kind_count && snapshot_read_kind(former, i, &kind) == 0; i++) {
		if (snapshot_read_account(former, kind.line_at, &account) < 0)
			continue;
		front_of(kind_hash(&account, &kind), front);
		take_cost(build, front, kind.cost_us);
	}
	explicit_bzero(&account, sizeof(account));
}

/* runs in a child: a number into the pipe for each kind that has no cost yet, as it is known */
static void __attribute__((noreturn))
measure_hash_costs(const struct build *build, int result_fd)
{
	struct account account;
	const char *problem;

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	alarm(MEASURE_SECONDS);
	for (uint64_t i = 0; i < build->header.kind_count; i++) {
		const char *line = build->text + build->kinds[i].kind.line_at;
		uint64_t cost;

		if (build->kinds[i].kind.cost_us != 0)
			continue;
		if (account_parse(line, strcspn(line, "\n"), &account, &problem) < 0)
			_exit(1);
		cost = password_cost_us(kind_hash(&account, &build->kinds[i].kind));
		if (io_write_all(result_fd, &cost, sizeof(cost)) < 0)
			_exit(1);
	}
	_exit(0);
}

/*
 * A hash may cost minutes, and a users file with such a hash is still good. So a child measures, and what it cannot
 * measure in its time counts as that time.
 */
static int
measure_costs(struct build *build)
{
	int ends[2], status;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		measure_hash_costs(build, ends[1]);
	close_fd(&ends[1]);
	for (uint64_t i = 0; i < build->header.kind_count; i++) {
		struct snapshot_kind *kind = &build->kinds[i].kind;

		if (kind->cost_us == 0 &&
		    (io_read_all(ends[0], &kind->cost_us, sizeof(kind->cost_us)) != sizeof(kind->cost_us) ||
			kind->cost_us == 0))
			kind->cost_us = MEASURE_SECONDS * 1000000ULL;
	}
	close_fd(&ends[0]);
	if (pid > 0)
		waitpid(pid, &status, 0);
	return pid < 0 ? -errno : 0;
}

static bool
lacks_costs(const struct build *build)
{
	for (uint64_t i = 0; i < build->header.kind_count; i++)
		if (build->kinds[i].kind.cost_us == 0)
			return true;
	return false;
}

/* Measure what is not known. If it cannot be stored, the next start only has to measure again. */
static int
complete_costs(struct build *build, const char *state_directory)
{
	struct hash_cost costs[HASH_COSTS_MAX];
	size_t count = lacks_costs(build) ? hash_costs_load(state_directory, costs) : 0;
	int r;

	for (size_t i = 0; i < count; i++)
		take_cost(build, costs[i].front, costs[i].cost_us);
	if (!lacks_costs(build))
		return 0;
	r = measure_costs(build);
	if (r < 0)
		return r;
	for (uint64_t i = 0; i < build->header.kind_count; i++) {
		memcpy(costs[i].front, build->kinds[i].front, sizeof(costs[i].front));
		costs[i].cost_us = build->kinds[i].kind.cost_us;
	}
	(void)!hash_costs_save(state_directory, costs, build->header.kind_count);
	return 0;
}

static int
take_basis(struct build *build, const struct snapshot_basis *basis)
{
	struct snapshot_view former = {.fd = basis->former_fd};

	if (basis->former_fd >= 0 && snapshot_read_header(basis->former_fd, &former.header) == 0) {
		build->header.names_key = former.header.names_key;
		take_costs(build, &former);
	} else {
		/* without a place for it only this server has the key, and a restart draws the kinds anew */
		(void)!names_key_load(basis->state_directory, &build->header.names_key);
	}
	return complete_costs(build, basis->state_directory);
}

/* --- all of it --- */

int
snapshot_build(const char *path, int memory_fd, void (*error)(void *arg, const char *line), void *arg)
{
	return snapshot_build_on(NULL, path, memory_fd, error, arg);
}

int
snapshot_build_on(const struct snapshot_basis *basis, const char *path, int memory_fd,
    void (*error)(void *arg, const char *line), void *arg)
{
	struct build build = {.path = path, .memory_fd = memory_fd, .error = error, .arg = arg};
	int r;

	if (basis != NULL) {
		build.layout.state_directory = basis->state_directory;
		build.layout.runtime_directory = basis->runtime_directory;
		build.others = basis->others;
		snprintf(
		    build.header.server, sizeof(build.header.server), "%s", basis->server == NULL ? "" : basis->server);
	}
	r = copy_users_file(&build);
	if (r < 0)
		return r;
	r = map_text(&build);
	if (r < 0)
		goto out;
	r = check_lines(&build);
	if (r < 0)
		goto out;
	r = sort_indexes(&build);
	if (r == 0)
		r = check_layout(&build);
	if (r < 0)
		goto out;
	if (basis != NULL && basis->state_directory != NULL)
		r = take_basis(&build, basis);
	if (r == 0)
		r = finish_snapshot(&build);
out:
	layout_free(&build.layout);
	unmap_text(&build);
	if (r < 0 && build.errors == 0)
		report_bad_line(&build, 0, "cannot make its snapshot: %s", strerror(-r));
	return r;
}
