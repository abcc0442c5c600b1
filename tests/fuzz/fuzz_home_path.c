/* SPDX-License-Identifier: ISC */
/* A working directory and a path of a client, with a newline between them. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/home_path.h"

#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool is_so)
{
	if (!is_so)
		abort();
}

/* Absolute, no empty, "." or ".." component, no slash at the end, within bounds; the check says so as well. */
static void
check_path(const struct home_path *path)
{
	struct home_path copy;
	const char *name;

	must(path->len > 0 && path->len <= HOME_PATH_MAX && strlen(path->text) == path->len);
	must(path->text[0] == '/');
	for (const char *slash = path->text; slash != NULL; slash = strchr(slash + 1, '/')) {
		size_t len = strcspn(slash + 1, "/");

		must(len <= NAME_MAX && (len > 0 || path->len == 1));
		must(len != 1 || slash[1] != '.');
		must(len != 2 || memcmp(slash + 1, "..", 2) != 0);
	}
	must(home_path_check(path->text, path->len, &copy) == 0);
	must(copy.len == path->len && memcmp(copy.text, path->text, path->len + 1) == 0);
	name = home_path_name(path);
	must(name > path->text && strchr(name, '/') == NULL && name + strlen(name) == path->text + path->len);
	must(home_path_relative(path)[0] != '/' && home_path_relative(path)[0] != '\0');
}

static int
resolve(const struct home_path *cwd, const uint8_t *bytes, size_t len, struct home_path *out)
{
	char *copy = malloc(len == 0 ? 1 : len);	/* a copy of exact size, so that reading past its end is seen */
	int r;

	must(copy != NULL);
	memcpy(copy, bytes, len);
	r = home_path_resolve(cwd, copy, len, out);
	must(r == 0 || r == -EINVAL || r == -ENAMETOOLONG);
	if (r == 0)
		check_path(out);
	/* a home path resolves to itself, from any working directory */
	if (home_path_check(copy, len, out) == 0) {
		must(r == 0 && out->len == len && memcmp(out->text, copy, len) == 0);
		check_path(out);
	} else if (r == 0) {
		must(home_path_resolve(cwd, copy, len, out) == 0);
		must(out->len != len || memcmp(out->text, copy, len) != 0);
	}
	free(copy);
	return r;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct home_path root = {.text = "/", .len = 1};
	const uint8_t *newline = size == 0 ? NULL : memchr(data, '\n', size);
	size_t first = newline == NULL ? size : (size_t)(newline - data);
	static struct home_path cwd, path;

	if (resolve(&root, data, first, &cwd) < 0)
		cwd = root;
	if (newline == NULL)
		return 0;
	if (resolve(&cwd, newline + 1, size - first - 1, &path) < 0)
		return 0;
	/* out may be the working directory's own struct */
	must(home_path_resolve(&cwd, (const char *)newline + 1, size - first - 1, &cwd) == 0);
	must(cwd.len == path.len && memcmp(cwd.text, path.text, path.len + 1) == 0);
	return 0;
}
