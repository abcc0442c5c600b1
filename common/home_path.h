/* SPDX-License-Identifier: ISC */
/*
 * Paths inside a home, as every process names them: absolute, with "/" for the home. They have no ".", ".." or empty
 * components, and no trailing slash (except "/" itself).
 */
#ifndef COMMON_HOME_PATH_H
#define COMMON_HOME_PATH_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define HOME_PATH_MAX (PATH_MAX - 1)	/* bytes, without NUL */

struct home_path {
	size_t len;	/* on the page where the text begins */
	char text[PATH_MAX];
};

/*
 * Combine the working directory and a path that a client sent into a home path. Lexical
 * and pure: ".." goes to the parent of the text, and never above "/".
 *
 * cwd     a home path; used when client_path does not begin with '/'.
 * out     may be cwd's own struct.
 *
 * Returns 0, -EINVAL (empty, or a NUL inside), -ENAMETOOLONG (over HOME_PATH_MAX in all,
 * or a component over NAME_MAX).
 */
int home_path_resolve(const struct home_path *cwd, const char *client_path, size_t len, struct home_path *out);

/*
 * Are these bytes a home path already? Needs no memory but theirs, unlike home_path_resolve(), which makes one.
 * Returns 0, -EINVAL, -ENAMETOOLONG.
 */
int home_path_test(const char *text, size_t len);

/* The same of bytes from another process, and copy them to out, which they must not overlap. */
int home_path_check(const char *text, size_t len, struct home_path *out);

/* The last component ("" for "/"); points into path. */
const char *home_path_name(const struct home_path *path);

/* The path relative to the home as the *at calls want it: "." for "/", otherwise without the first '/'. */
const char *home_path_relative(const struct home_path *path);

#endif
