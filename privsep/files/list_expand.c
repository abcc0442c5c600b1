/* SPDX-License-Identifier: ISC */
#include "privsep/files/list_expand.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "common/glob.h"
#include "common/io.h"
#include "privsep/files/folders.h"
#include "privsep/files/partial_name.h"
#include "privsep/files/permitted.h"

#include "common/banned.h"

#define WILD_COMPONENTS_MAX 16
#define ENTRIES_MAX 200000
#define MATCHES_MAX 100000
#define STEPS_MAX 50000000	/* of the matcher: about half a second */

struct expansion {
	const struct home *home;
	struct directory *scratch;
	struct list_names *names;
	bool matches_hidden;
	uint64_t entries_left, matches_left, steps_left;
};

/* The component that is being expanded. */
struct component {
	const char *text;
	size_t len;
	bool is_last;
};

static int
spend_work(uint64_t *left)
{
	if (*left == 0)
		return -E2BIG;
	--*left;
	return 0;
}

static int
add_home_match(
    struct expansion *expansion, const struct home_path *parent, const char *name, size_t len, unsigned char type)
{
	struct home_path path = *parent;
	int r = spend_work(&expansion->matches_left);

	if (r < 0 || home_path_push(&path, name, len) < 0)	/* a path too long to be asked for is no match */
		return r;
	r = list_names_add(expansion->names, path.text, path.len, type, 0);
	return r == -ENOBUFS ? -E2BIG : r;
}

/* May the last component be seen in its directory? */
static bool
may_see(const struct home *tree, const struct home_path *path)
{
	const char *name;
	int dir_fd = -1;
	int r;

	if (tree->session->zones == NULL)
		return (tree->session->rights & MAY_LIST) != 0;
	r = permitted_parent(tree, path, MAY_LIST, 0, &dir_fd, &name);
	close_fd(&dir_fd);
	return r == 0;
}

/* Add the component as it is written. 0, -ENOENT when there is no such thing, -E2BIG. */
static int
expand_literally(struct expansion *expansion, const struct home_path *parent, const struct component *component)
{
	struct home_path path = *parent;
	const struct home *tree;
	struct stat st;
	int r = spend_work(&expansion->entries_left);

	if (r < 0)
		return r;
	if (home_path_push(&path, component->text, component->len) < 0)
		return -ENOENT;
	tree = folders_route(expansion->home, &path);
	if ((component->is_last && !may_see(tree, &path)) || home_lstat(tree, &path, &st) < 0)
		return -ENOENT;
	return add_home_match(expansion, parent, component->text, component->len, DT_UNKNOWN);
}

static bool
is_candidate(const struct expansion *expansion, const struct component *component, const char *name, size_t len)
{
	bool asks_for_dot = component->text[0] == '.' || (component->text[0] == '\\' && component->text[1] == '.');

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || own_name_is(name, len) ||
	    patterns_match(expansion->home->session->patterns, false, name, len))
		return false;
	return name[0] != '.' || asks_for_dot || expansion->matches_hidden;
}

static int
match_entry(struct expansion *expansion, const struct home_path *parent, const struct component *component,
    const char *name, unsigned char type)
{
	size_t len = strlen(name);
	int r = spend_work(&expansion->entries_left);

	if (r < 0 || !is_candidate(expansion, component, name, len))
		return r;
	if (!component->is_last && type == DT_REG)	/* nothing can be in it */
		return 0;
	if (glob_match(component->text, component->len, name, len, &expansion->steps_left))
		return add_home_match(expansion, parent, name, len, type);
	return expansion->steps_left == 0 ? -E2BIG : 0;
}

/* Folders are entries as others are. */
static int
match_folders(struct expansion *expansion, const struct home_path *parent, const struct component *component)
{
	const char *name;
	int r = 0;

	for (size_t i = 0; r == 0 && (name = folders_entry(expansion->home, parent, i)) != NULL; i++)
		r = match_entry(expansion, parent, component, name, DT_DIR);
	return r;
}

static int
expand_wildcards(struct expansion *expansion, const struct home_path *parent, const struct component *component)
{
	struct home_path routed = *parent;
	const struct home *tree = folders_route(expansion->home, &routed);
	const struct dirent64 *entry;
	int fd = -1;
	int r;

	r = home_open(tree, home_path_relative(&routed), O_RDONLY | O_DIRECTORY | O_NONBLOCK, &fd);
	if (r == 0 && zone_permit(tree, fd, MAY_LIST, 0) < 0) {
		close_fd(&fd);
		return 0;
	}
	if (r < 0)
		return 0;	/* no directory, or none of ours: nothing in it matches */
	directory_take(expansion->scratch, fd);
	while (r == 0 && (r = directory_next(expansion->scratch, &entry)) == 0 && entry != NULL)
		r = tree == expansion->home && folders_hide(tree, parent, entry->d_name, NULL)
		    ? 0
		    : match_entry(expansion, parent, component, entry->d_name, entry->d_type);
	directory_close(expansion->scratch);
	return r < 0 ? r : match_folders(expansion, parent, component);
}

static int
expand_one(struct expansion *expansion, const struct list_name *parent_name, const struct component *component)
{
	struct home_path parent;
	int r;

	memcpy(parent.text, list_names_text(expansion->names, parent_name), parent_name->len + 1U);
	parent.len = parent_name->len;
	r = expand_literally(expansion, &parent, component);
	if (r != -ENOENT)
		return r;
	if (!glob_is_pattern(component->text, component->len))
		return 0;
	return expand_wildcards(expansion, &parent, component);
}

static size_t
count_wild(const struct home_path *pattern)
{
	size_t count = 0;

	for (const char *slash = pattern->text; slash != NULL; slash = strchr(slash + 1, '/'))
		count += glob_is_pattern(slash + 1, strcspn(slash + 1, "/"));
	return count;
}

/* Each round takes the paths that the components so far have led to (from begin on) one component further. */
static int
expand_components(struct expansion *expansion, const struct home_path *pattern, size_t *begin)
{
	struct list_names *names = expansion->names;
	const char *text = pattern->text + 1;
	int r = 0;

	for (;;) {
		size_t end = names->count;
		struct component component = {.text = text, .len = strcspn(text, "/")};

		component.is_last = text[component.len] == '\0';
		for (size_t i = *begin; i < end && r == 0; i++)
			r = expand_one(expansion, &names->names[i], &component);
		*begin = end;
		if (r < 0 || component.is_last || names->count == end)
			return r;
		text += component.len + 1;
	}
}

int
list_expand(const struct home *home, const struct home_path *pattern, bool matches_hidden, struct directory *scratch,
    struct list_names *names)
{
	struct expansion expansion = {
	    .home = home,
	    .scratch = scratch,
	    .names = names,
	    .matches_hidden = matches_hidden,
	    .entries_left = ENTRIES_MAX,
	    .matches_left = MATCHES_MAX,
	    .steps_left = STEPS_MAX,
	};
	struct list_mark mark = list_names_mark(names);
	size_t begin = mark.count;
	int r;

	if (count_wild(pattern) > WILD_COMPONENTS_MAX)
		return -E2BIG;
	r = list_names_add(names, "/", 1, DT_DIR, 0);
	if (r == 0)
		r = expand_components(&expansion, pattern, &begin);
	if (r == 0 && names->count == begin)
		r = -ENOENT;
	if (r < 0) {
		list_names_release(names, mark);
		return r;
	}
	memmove(names->names + mark.count, names->names + begin, (names->count - begin) * sizeof(*names->names));
	names->count -= begin - mark.count;
	return 0;
}
