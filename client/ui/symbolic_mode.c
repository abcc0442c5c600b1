/* SPDX-License-Identifier: ISC */
#include "client/ui/symbolic_mode.h"

#include <errno.h>
#include <string.h>

#include "common/text.h"

#include "common/banned.h"

#define FOR_USER 04700u
#define FOR_GROUP 02070u
#define FOR_OTHERS 01007u
#define ANY_EXECUTE 0111u

bool
mode_is_symbolic(const char *text)
{
	return *text != '\0' && strspn(text, "01234567") != strlen(text);
}

static uint32_t
read_who(const char **at)
{
	uint32_t who = 0;

	for (;; ++*at) {
		switch (**at) {
		case 'u':
			who |= FOR_USER;
			break;
		case 'g':
			who |= FOR_GROUP;
			break;
		case 'o':
			who |= FOR_OTHERS;
			break;
		case 'a':
			who |= FOR_USER | FOR_GROUP | FOR_OTHERS;
			break;
		default:
			return who != 0 ? who : FOR_USER | FOR_GROUP | FOR_OTHERS;
		}
	}
}

/* The rights of one class (a shift of 6, 3 or 0), for all three. */
static uint32_t
copied_rights(uint32_t mode, int shift)
{
	return (mode >> shift & 7) * 0111u;
}

static uint32_t
read_rights(const char **at, uint32_t before, bool is_directory)
{
	uint32_t rights = 0;

	for (;; ++*at) {
		switch (**at) {
		case 'r':
			rights |= 0444;
			break;
		case 'w':
			rights |= 0222;
			break;
		case 'x':
			rights |= ANY_EXECUTE;
			break;
		case 'X':
			rights |= is_directory || (before & ANY_EXECUTE) != 0 ? ANY_EXECUTE : 0;
			break;
		case 's':
			rights |= 06000;
			break;
		case 't':
			rights |= 01000;
			break;
		case 'u':
			rights |= copied_rights(before, 6);
			break;
		case 'g':
			rights |= copied_rights(before, 3);
			break;
		case 'o':
			rights |= copied_rights(before, 0);
			break;
		default:
			return rights;
		}
	}
}

/* One clause: who, then one or more of "+x", "-w", "=r". */
static int
apply_clause(const char **at, bool is_directory, uint32_t *mode)
{
	uint32_t who = read_who(at);

	if (**at == '\0' || strchr("+-=", **at) == NULL)
		return -EINVAL;
	while (**at != '\0' && strchr("+-=", **at) != NULL) {
		char action = *(*at)++;
		uint32_t rights = read_rights(at, *mode, is_directory) & who;

		if (action == '+')
			*mode |= rights;
		else if (action == '-')
			*mode &= ~rights;
		else
			*mode = (*mode & ~who) | rights;
	}
	return 0;
}

int
mode_apply(const char *text, uint32_t before, bool is_directory, uint32_t *after)
{
	*after = before;
	if (!mode_is_symbolic(text))
		return parse_mode(text, after) < 0 ? -EINVAL : 0;
	for (;;) {
		if (apply_clause(&text, is_directory, after) < 0)
			return -EINVAL;
		if (*text == '\0')
			return 0;
		if (*text++ != ',')
			return -EINVAL;
	}
}
