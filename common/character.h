/* SPDX-License-Identifier: ISC */
/* Kinds of characters, the same in every locale; isdigit(3) and its like ask the locale, and take no negative char. */
#ifndef COMMON_CHARACTER_H
#define COMMON_CHARACTER_H

#include <stdbool.h>

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* A space or a tab. */
static inline bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The value of a hexadecimal digit, of either case; -1: it is none. */
static inline int
hex_digit(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

#endif
