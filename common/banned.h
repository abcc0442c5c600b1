/* SPDX-License-Identifier: ISC */
/*
 * Functions that are easy to misuse do not compile. Included last, after every
 * system header, by each .c file of the project.
 */
#ifndef COMMON_BANNED_H
#define COMMON_BANNED_H

/* macros of glibc where it has no other way to check them; what is poisoned must be none */
#undef sprintf
#undef vsprintf

#pragma GCC poison strcpy strcat sprintf vsprintf strtok gets strncpy strncat

#endif
