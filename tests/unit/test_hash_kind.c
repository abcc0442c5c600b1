/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "accounts/hash_kind.h"

#include "common/banned.h"

static const struct {
	const char *hash, *kind;
} rows[] = {
    {"", ""},
    {"*", ""},
    {"$", ""},
    {"$unknown$5$salt$hash", ""},
    {"abJnggxhB/yWI", ""},	/* DES */
    {"$y$j9T$aaaaaaaaaaaaaaaaaaaaa.$hash", "$y$j9T$"},
    {"$y$jCT$aaaaaaaaaaaaaaaaaaaaa.$hash", "$y$jCT$"},
    {"$y$j9T", "$y$j9T"},	/* cut off */
    {"$gy$j9T$salt$hash", "$gy$j9T$"},
    {"$7$CU..../....2Q9obwLhin8qvQl6sisAO/$hash", "$7$CU..../...."},
    {"$7$CU", "$7$CU"},
    {"$2b$04$abcdefghijklmnopqrstuu", "$2b$04$"},
    {"$2y$12$abcdefghijklmnopqrstuu", "$2y$12$"},
    {"$6$saltsalt$hash", "$6$"},
    {"$6$rounds=5000$saltsalt$hash", "$6$rounds=5000$"},
    {"$5$rounds=77777$saltsalt$hash", "$5$rounds=77777$"},
    {"$6$roundsalt$hash", "$6$"},
    {"$sha1$40000$jtNX3nZ2$hash", "$sha1$40000$"},
    {"$md5,rounds=904$GUBv0xjJ$$hash", "$md5,rounds=904$"},
    {"$md5$GUBv0xjJ$hash", "$md5$"},
    {"$1$saltsalt$hash", "$1$"},
    {"$3$$8846f7eaee8fb117ad06bdd830b7586c", "$3$"},
    {"_J9..SDizh.vll5VED9g", "_J9.."},
};

static void
test_kinds(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (hash_kind_len(rows[i].hash) != strlen(rows[i].kind) ||
		    strncmp(rows[i].hash, rows[i].kind, strlen(rows[i].kind)) != 0)
			fail_msg("'%s': %zu bytes", rows[i].hash, hash_kind_len(rows[i].hash));
}

static void
test_longest(void **state)
{
	char hash[300];

	(void)state;
	memset(hash, 'x', sizeof(hash));
	memcpy(hash, "$y$", 3);
	hash[sizeof(hash) - 1] = '\0';
	assert_int_equal(hash_kind_len(hash), HASH_KIND_MAX);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_kinds),
	    cmocka_unit_test(test_longest),
	};

	return cmocka_run_group_tests_name("hash_kind", tests, NULL, NULL);
}
