/* SPDX-License-Identifier: ISC */
#include "common/home_path.h"

#include <errno.h>
#include <string.h>

#include "common/banned.h"

/* Append one component to a path; ".." removes the last one. */
static int
add_component(struct home_path *path, const char *name, size_t len)
{
	if (len == 0 || (len == 1 && name[0] == '.'))
		return 0;
	if (len == 2 && name[0] == '.' && name[1] == '.') {
		while (path->len > 1 && path->text[path->len - 1] != '/')
			path->len--;
		if (path->len > 1)
			path->len--;
		return 0;
	}
	if (len > NAME_MAX || path->len + 1 + len > HOME_PATH_MAX)
		return -ENAMETOOLONG;
	if (path->len > 1)
		path->text[path->len++] = '/';
	memcpy(path->text + path->len, name, len);
	path->len += len;
	return 0;
}

int
home_path_resolve(const struct home_path *cwd, const char *client_path, size_t len, struct home_path *out)
{
	struct home_path path;
	const char *end = client_path + len;
	int r = 0;

	if (len == 0 || memchr(client_path, '\0', len) != NULL)
		return -EINVAL;
	if (client_path[0] == '/') {
		path.text[0] = '/';
		path.len = 1;
	} else {
		memcpy(path.text, cwd->text, cwd->len);
		path.len = cwd->len;
	}
	for (const char *p = client_path; p < end && r == 0;) {
		const char *slash = memchr(p, '/', (size_t)(end - p));
		const char *stop = slash == NULL ? end : slash;

		r = add_component(&path, p, (size_t)(stop - p));
		p = stop + 1;
	}
	if (r < 0)
		return r;
	path.text[path.len] = '\0';
	memcpy(out->text, path.text, path.len + 1);
	out->len = path.len;
	return 0;
}

int
home_path_test(const char *text, size_t len)
{
	const char *end = text + len;

	if (len == 0 || text[0] != '/' || memchr(text, '\0', len) != NULL)
		return -EINVAL;
	if (len > HOME_PATH_MAX)
		return -ENAMETOOLONG;
	for (const char *slash = text; len > 1 && slash < end;) {
		const char *name = slash + 1;
		size_t name_len;

		slash = memchr(name, '/', (size_t)(end - name));
		if (slash == NULL)
			slash = end;
		name_len = (size_t)(slash - name);
		if (name_len == 0 || (name_len <= 2 && memcmp(name, "..", name_len) == 0))
			return -EINVAL;
		if (name_len > NAME_MAX)
			return -ENAMETOOLONG;
	}
	return 0;
}

int
home_path_check(const char *text, size_t len, struct home_path *out)
{
	int r = home_path_test(text, len);

	if (r < 0)
		return r;
	memcpy(out->text, text, len);
	out->text[len] = '\0';
	out->len = len;
	return 0;
}

const char *
home_path_name(const struct home_path *path)
{
	return strrchr(path->text, '/') + 1;
}

const char *
home_path_relative(const struct home_path *path)
{
	return path->len == 1 ? "." : path->text + 1;
}
