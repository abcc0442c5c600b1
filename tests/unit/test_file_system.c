/* SPDX-License-Identifier: ISC */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file_system.h"

#define TYPE_UNKNOWN 0x12345678
#define TYPE_NFS 0x6969
#define TYPE_FUSE 0x65735546
#define TYPE_CIFS 0xff534d42
#define TYPE_EXT4 0xef53
#define TYPE_OVERLAY 0x794c7630

static void
test_kinds(void **state)
{
	static const struct {
		unsigned long type;
		enum file_system_kind kind;
	} rows[] = {
	    {TYPE_UNKNOWN, FILE_SYSTEM_SHARED}, /* no guess that could cost data */
	    {0, FILE_SYSTEM_SHARED},
	    {TYPE_NFS, FILE_SYSTEM_SHARED},
	    {TYPE_CIFS, FILE_SYSTEM_SHARED},
	    {TYPE_FUSE, FILE_SYSTEM_FUSE},
	    {TYPE_EXT4, FILE_SYSTEM_LOCAL},
	    {TYPE_OVERLAY, FILE_SYSTEM_LOCAL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(file_system_kind_of_type(rows[i].type), rows[i].kind);
}

static void
test_short_names(void **state)
{
	static const struct {
		unsigned long type;
		bool has_short_names;
	} rows[] = {
	    {0x4d44, true}, /* FAT */
	    {0x5346544e, true}, /* NTFS, of both drivers */
	    {0x7366746e, true},
	    {TYPE_CIFS, true},
	    {TYPE_EXT4, false},
	    {TYPE_NFS, false},
	    {TYPE_FUSE, false},
	    {TYPE_UNKNOWN, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(file_system_type_has_short_names(rows[i].type), rows[i].has_short_names);
	assert_false(file_system_has_short_names(-1));
}

static void
test_names(void **state)
{
	(void)state;
	assert_string_equal(file_system_name_of_type(TYPE_NFS), "nfs");
	assert_string_equal(file_system_name_of_type(TYPE_UNKNOWN), "file system 0x12345678");
}

/* A device needs no call; otherwise the file system answers; an unknown one counts as shared. */
static void
test_of_descriptors(void **state)
{
	int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	(void)state;
	assert_true(proc >= 0);
	assert_int_equal(fstat(proc, &st), 0);
	assert_int_equal(file_system_kind_of(proc, st.st_dev), FILE_SYSTEM_SHARED);	/* a type that has no homes */
	assert_int_equal(file_system_kind_of(-1, makedev(8, 1)), FILE_SYSTEM_LOCAL);
	assert_int_equal(file_system_kind_of(-1, makedev(0, 1)), FILE_SYSTEM_SHARED);
	close(proc);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_kinds),
	    cmocka_unit_test(test_short_names),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_of_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
