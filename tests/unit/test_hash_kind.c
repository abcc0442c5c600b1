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

/* What crypt_gensalt(3) makes is bearable at its default cost and some steps above, and nothing takes minutes. */
static void
test_bearable(void **state)
{
	static const struct {
		const char *hash;
		bool is_bearable;
	} costs[] = {
	    {"$y$j9T$GRoWGWrOo3WhVBjPWJLaB.$hash", true},
	    {"$y$j75$7di1S/F.7b5Tb.NrBqCbF0$hash", true},
	    {"$y$jCT$salt$hash", true},	/* 128 MiB */
	    {"$y$jDT$salt$hash", false},
	    {"$y$jFT$salt$hash", false},
	    {"$y$jZT$salt$hash", false},
	    {"$y$j9zzz$salt$hash", false},
	    {"$y$j9T./$salt$hash", false},	/* more parameters */
	    {"$y$j9", false},
	    {"$y$", false},
	    {"$y$j9$salt", false},
	    {"$gy$j9T$salt$hash", true},
	    {"$gy$jFT$salt$hash", false},
	    {"$7$CU..../....salt$hash", true},
	    {"$7$DU..../....salt$hash", true},
	    {"$7$EU..../....salt$hash", false},
	    {"$7$zU..../....salt$hash", false},
	    {"$7$CU....0....salt$hash", true},	/* p = 2 */
	    {"$7$CU....zzzzzsalt$hash", false},
	    {"$7$Czzzzz/....salt$hash", false},
	    {"$7$CU", false},
	    {"$7$C...../....salt", false},	/* r = 0 */
	    {"$2b$12$abcdefghijklmnopqrstuu", true},
	    {"$2y$13$abcdefghijklmnopqrstuu", true},
	    {"$2a$14$abcdefghijklmnopqrstuu", false},
	    {"$2x$31$abcdefghijklmnopqrstuu", false},
	    {"$2b$", false},
	    {"$6$saltsalt$hash", true},
	    {"$6$rounds=656000$salt$hash", true},
	    {"$6$rounds=1000000$salt$hash", true},
	    {"$6$rounds=1000001$salt$hash", false},
	    {"$5$rounds=999999999$salt$hash", false},
	    {"$5$rounds=99999999999999999999999999$salt", false},
	    {"$5$rounds=x$salt", false},
	    {"$6$roundsalt$hash", true},
	    {"$sm3$rounds=5000$salt$hash", true},
	    {"$sha1$262144$jtNX3nZ2$hash", true},
	    {"$sha1$4294967295$jtNX3nZ2$hash", false},
	    {"$md5,rounds=904$GUBv0xjJ$$hash", true},
	    {"$md5,rounds=4000000000$GUBv0xjJ$$hash", false},
	    {"$1$saltsalt$hash", true},
	    {"_J9..SDizh.vll5VED9g", true},
	    {"_zzzzSDizh.vll5VED9g", false},
	    {"abJnggxhB/yWI", true},
	    {"*", true},
	    {"", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(costs) / sizeof(costs[0]); i++)
		if (hash_kind_is_bearable(costs[i].hash) != costs[i].is_bearable)
			fail_msg("'%s' is %s", costs[i].hash, costs[i].is_bearable ? "refused" : "borne");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bearable),
	    cmocka_unit_test(test_kinds),
	    cmocka_unit_test(test_longest),
	};

	return cmocka_run_group_tests_name("hash_kind", tests, NULL, NULL);
}
