/* SPDX-License-Identifier: ISC */
/* assert_uint_in_range() of cmocka 2, where cmocka 1 has the old name for it. Included after cmocka.h. */
#ifndef TESTS_UNIT_CMOCKA_RANGES_H
#define TESTS_UNIT_CMOCKA_RANGES_H

#ifndef assert_uint_in_range
#define assert_uint_in_range(value, low, high) assert_in_range(value, low, high)
#endif

#endif
