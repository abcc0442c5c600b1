/* SPDX-License-Identifier: ISC */
/*
 * The shape of a message: the sum of its fields, from which the least and the most bytes follow. A field is one of the
 * terms below; "S_TEXT(1, 64) + S_U32" is a text of 1 to 64 bytes and a number.
 */
#ifndef PRIVSEP_IPC_SHAPE_H
#define PRIVSEP_IPC_SHAPE_H

#include <stddef.h>
#include <stdint.h>

/* Both sizes in one number, so that fields can be added. */
#define SHAPE(min, max) ((uint64_t)(min) + ((uint64_t)(max) << 32))
#define SHAPE_MIN(shape) ((size_t)((shape)&UINT32_MAX))
#define SHAPE_MAX(shape) ((size_t)((shape) >> 32))

#define S_NOTHING SHAPE(0, 0)
#define S_U8 SHAPE(1, 1)
#define S_U32 SHAPE(4, 4)
#define S_U64 SHAPE(8, 8)
#define S_BYTES(min, max) SHAPE(2 + (min), 2 + (max)) /* u16 length, bytes */
#define S_TEXT(min, max) S_BYTES(min, max) /* the same, without NUL */
#define S_PATH S_TEXT(1, HOME_PATH_MAX)
#define S_MAY_HAVE_PATH S_MORE(2 + HOME_PATH_MAX)
#define S_HOST S_BYTES(16, 16) /* the bytes of an address */
#define S_TIMES(low, high, field) SHAPE((low)*SHAPE_MIN(field), (high)*SHAPE_MAX(field)) /* so many of them */
#define S_MORE(max) SHAPE(0, max) /* up to so many bytes of fields that repeat, or may be missing */

#endif
