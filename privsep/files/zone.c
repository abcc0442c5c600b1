/* SPDX-License-Identifier: ISC */
#include "privsep/files/zone.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/io.h"
#include "common/written.h"

#include "privsep/files/braked.h"

#include "common/banned.h"

#define PLACES_MAX (ZONES_MAX * ZONE_DEPTH_MAX)
#define LEVELS_MAX (PATH_MAX / 2) /* no path in the home has more */
#define LEADS_TO_ONE (-1)

/* A directory that a rule is about, or that leads to one. */
struct place {
	dev_t device;
	ino_t inode;
	int rule; /* or LEADS_TO_ONE */
};

/* A directory in which the next component of a rule's path is missing. */
struct vacancy {
	dev_t device;
	ino_t inode;
	size_t len;
	const char *name; /* borrowed from the rules */
};

/* Where the rules are at the moment. */
static struct {
	bool is_known;
	unsigned ceiling; /* no zone has more */
	size_t place_count, vacancy_count, closed_count;
	struct place places[PLACES_MAX];
	struct place closed[ZONES_MAX];
	struct vacancy vacancies[ZONES_MAX];
} ground SELDOM_WRITTEN;

/* NULL: there are none. A home of an administrator's program has no session. */
static const struct zones *
rules_of_home(const struct home *home)
{
	return home->session == NULL ? NULL : home->session->zones;
}

void
zone_forget(void)
{
	if (ground.is_known) /* a page that most sessions never touch */
		ground.is_known = false;
}

unsigned
zone_rights_somewhere(const struct files_session *session)
{
	unsigned rights = session->rights | zones_rights_of_any(session->zones);

	return session->is_read_only ? rights & MAY_ONLY_LOOK : rights;
}

static void
note_place(const struct stat *st, int rule)
{
	for (size_t i = 0; i < ground.place_count && rule == LEADS_TO_ONE; i++)
		if (ground.places[i].inode == st->st_ino && ground.places[i].device == st->st_dev)
			return;
	ground.places[ground.place_count++] = (struct place){st->st_dev, st->st_ino, rule};
}

static void
note_vacancy(int dir_fd, const char *name, size_t len)
{
	struct stat st;

	if (fstat(dir_fd, &st) == 0)
		ground.vacancies[ground.vacancy_count++] = (struct vacancy){st.st_dev, st.st_ino, len, name};
}

static int
note_closed(int dir_fd)
{
	struct stat st;

	if (fstat(dir_fd, &st) < 0)
		return -errno;
	ground.closed[ground.closed_count++] = (struct place){st.st_dev, st.st_ino, LEADS_TO_ONE};
	return 0;
}

/*
 * One component of a rule's path, in *fd, which becomes the directory of that name. 0 when the rule leads nowhere: what
 * the account's user cannot reach is in no zone, as long as that is so (zone_is_closed()). 1 to go on.
 */
static int
place_component(const struct zones *zones, int rule, int *fd, const char *text, size_t len)
{
	char name[NAME_MAX + 1];
	bool is_last = text[len] == '\0';
	struct stat st;
	int next_fd;

	memcpy(name, text, len);
	name[len] = '\0';
	if (fstatat(*fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT) {
			note_vacancy(*fd, text, len);
			return 0;
		}
		return errno == EACCES ? note_closed(*fd) : -errno;
	}
	if (S_ISLNK(st.st_mode))
		ground.ceiling &= zones->rule[rule].rights;
	if (!S_ISDIR(st.st_mode))
		return 0;
	note_place(&st, is_last ? rule : LEADS_TO_ONE);
	if (is_last)
		return 0;
	next_fd = openat(*fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (next_fd < 0)
		return -errno;
	close_fd(fd);
	*fd = next_fd;
	return 1;
}

static int
place_rule(const struct home *home, const struct zones *zones, int rule)
{
	int fd = openat(home->fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 ? -errno : 1;

	for (const char *text = zone_path(zones, (size_t)rule); r > 0; text += 1 + strcspn(text + 1, "/"))
		r = place_component(zones, rule, &fd, text + 1, strcspn(text + 1, "/"));
	close_fd(&fd);
	return r;
}

/* Find all rules. After an error nothing is known, and nothing permitted. */
static int
place_rules(const struct home *home)
{
	const struct zones *zones = home->session->zones;
	int r = 0;

	if (ground.is_known)
		return 0;
	ground.ceiling = MAY_ALL;
	ground.place_count = ground.vacancy_count = ground.closed_count = 0;
	for (size_t i = 0; i < zones->count && r == 0; i++)
		r = place_rule(home, zones, (int)i);
	ground.is_known = r == 0;
	return r;
}

/* The rights that a rule gives in this session; -1: the account's own. */
static struct zone
zone_by_rule(const struct home *home, int rule)
{
	const struct files_session *session = home->session;
	unsigned rights = rule < 0 ? session->rights : session->zones->rule[rule].rights;

	if (session->is_read_only)
		rights &= MAY_ONLY_LOOK;
	return (struct zone){.rule = rule, .rights = braked_rights(rights & ground.ceiling)};
}

bool
zone_has_own(const struct home *home, const struct stat *st, struct zone *zone)
{
	bool has_one = false;

	if (rules_of_home(home) == NULL)
		return false;
	for (size_t i = 0; i < ground.place_count; i++) {
		const struct place *place = &ground.places[i];
		struct zone found;

		if (place->rule < 0 || place->inode != st->st_ino || place->device != st->st_dev)
			continue;
		found = zone_by_rule(home, place->rule);
		if (has_one) /* the file system takes two names for one */
			found.rights &= zone->rights;
		*zone = found;
		has_one = true;
	}
	return has_one;
}

bool
zone_is_fixed(const struct home *home, const struct stat *st)
{
	if (rules_of_home(home) == NULL)
		return false;
	for (size_t i = 0; i < ground.place_count; i++)
		if (ground.places[i].inode == st->st_ino && ground.places[i].device == st->st_dev)
			return true;
	return false;
}

static bool
has_only_ascii(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] > 0x7f)
			return false;
	return true;
}

/* Could some file system take the two for one name? It may fold the case, and not only of ASCII. */
static bool
may_be_one_name(const char *name, const char *other, size_t other_len)
{
	size_t len = strlen(name);

	if (!has_only_ascii(name, len) || !has_only_ascii(other, other_len))
		return true;
	return len == other_len && strncasecmp(name, other, len) == 0;
}

bool
zone_is_vacant(const struct home *home, int to_fd, const char *name)
{
	struct stat st;

	if (rules_of_home(home) == NULL || ground.vacancy_count == 0)
		return false;
	if (fstat(to_fd, &st) < 0)
		return true;
	for (size_t i = 0; i < ground.vacancy_count; i++) {
		const struct vacancy *vacancy = &ground.vacancies[i];

		if (vacancy->inode == st.st_ino && vacancy->device == st.st_dev &&
		    may_be_one_name(name, vacancy->name, vacancy->len))
			return true;
	}
	return false;
}

bool
zone_is_closed(const struct stat *st)
{
	for (size_t i = 0; i < ground.closed_count; i++)
		if (ground.closed[i].inode == st->st_ino && ground.closed[i].device == st->st_dev)
			return true;
	return false;
}

/*
 * From dir_fd up to the first directory with a rule, or the home. Each step begins at the directory that the one before
 * has found, so a rename meanwhile cannot lead the walk past a rule: at its moment, each step goes where the tree does.
 */
static int
walk_up(const struct home *home, int dir_fd, struct zone *zone)
{
	int fd = -1, at_fd = dir_fd;
	int r = -ELOOP;

	for (int level = 0; level < LEVELS_MAX; level++) {
		struct stat st;
		int up_fd;

		r = fstat(at_fd, &st) < 0 ? -errno : zone_is_closed(&st) ? -EACCES : 0;
		if (r < 0 || zone_has_own(home, &st, zone) || (st.st_ino == home->inode && st.st_dev == home->device))
			break;
		up_fd = openat(at_fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		r = up_fd < 0 ? -errno : -ELOOP;
		if (up_fd < 0)
			break;
		close_fd(&fd);
		fd = at_fd = up_fd;
	}
	close_fd(&fd);
	return r;
}

int
zone_of(const struct home *home, int dir_fd, struct zone *zone)
{
	int r;

	if (rules_of_home(home) == NULL) {
		*zone = (struct zone){
		    .rule = -1, .rights = home->session == NULL ? MAY_ALL : braked_rights(home->session->rights)};
		return 0;
	}
	r = place_rules(home);
	if (r < 0)
		return r;
	*zone = zone_by_rule(home, -1);
	return walk_up(home, dir_fd, zone);
}

int
zone_permit(const struct home *home, int dir_fd, unsigned each_of, unsigned one_of)
{
	struct zone zone;
	int r = zone_of(home, dir_fd, &zone);

	if (r < 0)
		return r;
	if ((zone.rights & each_of) != each_of || (one_of != 0 && (zone.rights & one_of) == 0))
		return -EKEYREVOKED;
	return 0;
}
