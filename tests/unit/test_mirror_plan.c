/* SPDX-License-Identifier: ISC */
/* The plan of a mirror: no name in it leads elsewhere, and it removes nothing that the user did not ask for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/ui/exit_status.h"
#include "client/ui/mirror_plan.h"
#include "common/buf.h"

#include "common/banned.h"

#define F FTP_KIND_FILE
#define D FTP_KIND_DIRECTORY
#define L FTP_KIND_LINK

static const char *const verbs[] = {
    "copy", "compare", "link", "same", "mkdir", "descend", "delete", "delete-tree", "extra", "leave", "skip"};

struct row {
	const char *name;
	enum ftp_kind kind;
	int64_t size, mtime;
};

static struct ftp_list
list_of(const struct row *rows, size_t count, struct ftp_entry *entries)
{
	memset(entries, 0, count * sizeof(*entries));
	for (size_t i = 0; i < count; i++) {
		entries[i].name = (char *)(uintptr_t)rows[i].name;
		entries[i].kind = rows[i].kind;
		entries[i].size = rows[i].size;
		entries[i].mtime = rows[i].mtime;
		entries[i].mtime_is_exact = true;
	}
	return (struct ftp_list){.entries = entries, .count = count};
}

static void
check(const struct row *source, size_t sources, const struct row *target, size_t targets,
    const struct mirror_wishes *wishes, const char *expected)
{
	struct ftp_entry a[16], b[16];
	struct ftp_list from = list_of(source, sources, a), to = list_of(target, targets, b);
	struct mirror_plan plan;
	struct buf text;

	buf_init(&text, 4096);
	(void)buf_add(&text, "", 1);
	assert_int_equal(mirror_plan(&from, &to, wishes, &plan), 0);
	for (size_t i = 0; i < plan.count; i++)
		(void)buf_addf(&text, "%s %s; ", verbs[plan.actions[i].what], plan.actions[i].name);
	assert_string_equal(text.data + 1, expected);
	for (size_t i = 0; i < plan.count; i++)
		if (plan.actions[i].what == MIRROR_SKIP)
			assert_non_null(plan.actions[i].why);
	mirror_plan_free(&plan);
	buf_free(&text);
}

#define ROWS(x) (x), sizeof(x) / sizeof((x)[0])

static void
test_hostile_names(void **state)
{
	static const char *const bad[] = {"", ".", "..", "../x", "a/b", "/etc/passwd", "a\nb", "\033[2J", "x\x7f"};
	static const struct row evil[] = {
	    {"..", D, 0, 0}, {"../x", F, 1, 1}, {"a\nb", F, 1, 1}, {"ok", F, 1, 1}, {"/x", D, 0, 0}};
	struct mirror_wishes wishes = {.is_delete = true, .path = ""};
	char name[300];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_non_null(mirror_name_refused(bad[i]));
	memset(name, 'n', sizeof(name));
	name[255] = '\0';
	assert_null(mirror_name_refused(name));
	name[255] = 'n';
	name[256] = '\0';
	assert_non_null(mirror_name_refused(name));
	assert_null(mirror_name_refused("..."));
	assert_null(mirror_name_refused("-rf"));
	check(ROWS(evil), NULL, 0, &wishes, "skip ..; skip ../x; skip /x; skip a\nb; copy ok; ");
	check(NULL, 0, ROWS(evil), &wishes, "skip ..; skip ../x; skip /x; skip a\nb; delete ok; ");
}

static void
test_compare(void **state)
{
	static const struct row source[] = {{"same", F, 5, 100}, {"size", F, 5, 100}, {"time", F, 5, 100},
	    {"new", F, 5, 100}, {"dir", D, -1, 1}, {"newdir", D, -1, 1}, {"link", L, -1, 1}, {"notime", F, 5, -1},
	    {"nosize", F, -1, 100}, {"near", F, 5, 100}, {"new", F, 6, 6}};
	static const struct row target[] = {{"same", F, 5, 100}, {"size", F, 6, 100}, {"time", F, 5, 200},
	    {"dir", D, -1, 1}, {"notime", F, 5, 1}, {"nosize", F, 5, 100}, {"near", F, 5, 101}, {"extra", F, 1, 1},
	    {"extradir", D, 1, 1}};
	struct mirror_wishes wishes = {.path = ""};

	(void)state;
	check(ROWS(source), ROWS(target), &wishes,
	    "extra extra; extra extradir; skip link; same near; same notime; same same; copy new; copy nosize; copy "
	    "size; "
	    "copy time; descend dir; mkdir newdir; ");
	wishes.is_delete = true;
	check(ROWS(source), ROWS(target), &wishes,
	    "skip link; same near; same notime; same same; delete extra; delete-tree extradir; copy new; copy nosize; "
	    "copy size; copy time; descend dir; mkdir newdir; ");
	wishes.is_delete = false;
	wishes.is_newer_same = true;
	check(ROWS(source), ROWS(target), &wishes,
	    "extra extra; extra extradir; skip link; same near; same notime; same same; same time; copy new; copy "
	    "nosize; "
	    "copy size; descend dir; mkdir newdir; ");
	wishes.is_checksum = true;
	check(source, 1, target, 1, &wishes, "compare same; ");
}

static void
test_kinds(void **state)
{
	static const struct row source[] = {{"a", F, 5, 1}, {"b", D, -1, 1}, {"c", D, -1, 1}, {"d", F, 1, 1}};
	static const struct row target[] = {{"a", D, -1, 1}, {"b", F, 5, 1}, {"c", L, -1, 1}, {"d", L, -1, 1}};
	struct mirror_wishes wishes = {.path = ""};

	(void)state;
	/* the plan never follows a link on the target's side, neither to a directory nor to a file */
	check(ROWS(source), ROWS(target), &wishes, "skip a; skip b; skip c; skip d; ");
	wishes.is_delete = true;
	check(ROWS(source), ROWS(target), &wishes,
	    "delete-tree a; delete b; delete c; delete d; copy a; copy d; mkdir b; mkdir c; ");
}

static void
test_exclude(void **state)
{
	static const struct row source[] = {{"a.o", F, 5, 1}, {"b.c", F, 5, 1}, {".git", D, -1, 1}};
	static const struct row target[] = {{"z.o", F, 5, 1}};
	struct filter filter;
	struct mirror_wishes wishes = {.is_delete = true, .filter = &filter, .path = "sub"};
	char why[64];

	(void)state;
	filter_init(&filter);
	assert_int_equal(filter_add(&filter, FILTER_EXCLUDE, "*.o", why, sizeof(why)), 0);
	assert_int_equal(filter_add(&filter, FILTER_EXCLUDE, "sub/.git", why, sizeof(why)), 0);
	check(ROWS(source), ROWS(target), &wishes, "leave .git; leave a.o; leave z.o; copy b.c; ");
	wishes.path = "";
	check(ROWS(source), ROWS(target), &wishes, "leave a.o; leave z.o; copy b.c; mkdir .git; ");
	filter_free(&filter);
}

/* A file out of range is neither copied nor removed, on whichever side it is; another kind of thing stays as well. */
static void
test_ranges(void **state)
{
	static const struct row source[] = {{"big", F, 500, 1}, {"kind", D, -1, 1}, {"small", F, 5, 1}};
	static const struct row target[] = {
	    {"big", F, 5, 1}, {"extra", F, 500, 1}, {"gone", F, 5, 1}, {"kind", F, 500, 1}};
	struct filter filter;
	struct mirror_wishes wishes = {.is_delete = true, .filter = &filter, .path = ""};

	(void)state;
	filter_init(&filter);
	filter.max_size = 100;
	check(ROWS(source), ROWS(target), &wishes, "leave big; leave extra; leave kind; delete gone; copy small; ");
	filter_free(&filter);
}

/* A link that is copied never leads out of the mirror, whatever other links are on its way. */
static void
test_links(void **state)
{
	static const char *const inside[] = {"a", "a/b", "./a", "../a", "../../a", "..", "../..", "a/./b", "a//b"};
	static const char *const outside[] = {
	    "", "/", "/etc/passwd", "../../..", "../../../a", "a/..", "a/../b", "a\nb", "../a/..", "./../../../x"};

	(void)state;
	for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++)
		if (!mirror_link_stays("x/y", inside[i]))
			fail_msg("'%s' leads out", inside[i]);
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
		if (mirror_link_stays("x/y", outside[i]))
			fail_msg("'%s' stays", outside[i]);
	assert_false(mirror_link_stays("", ".."));
	assert_false(mirror_link_stays("x", "../.."));
	assert_true(mirror_link_stays("x", ".."));
	assert_true(mirror_link_stays("", "a"));
}

/* A link that is followed does not lead to a directory that the walk came through. */
static void
test_links_that_lead_back(void **state)
{
	static const char *const back[] = {".", "..", "../..", "../../..", "../../../..", "./", "../", "../y",
	    "../../x", "../../x/y", "../../x/./y/", "../y/../..", ""};
	static const char *const elsewhere[] = {
	    "/", "/x", "a", "a/b", "../z", "../yy", "../../x/z", "../../xx", "../../../x", "../y/a", "../../x/y/b"};

	(void)state;
	for (size_t i = 0; i < sizeof(back) / sizeof(back[0]); i++)
		if (!mirror_link_leads_back("x/y", back[i]))
			fail_msg("'%s' leads elsewhere", back[i]);
	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
		if (mirror_link_leads_back("x/y", elsewhere[i]))
			fail_msg("'%s' leads back", elsewhere[i]);
	assert_true(mirror_link_leads_back("", "."));
	assert_true(mirror_link_leads_back("", ".."));
	assert_false(mirror_link_leads_back("", "a"));
	assert_true(mirror_link_leads_back("x", "../x"));
}

static void
test_missing_and_existing(void **state)
{
	static const struct row source[] = {{"both", F, 5, 1}, {"dir", D, -1, 1}, {"new", F, 5, 1}, {"tree", D, -1, 1}};
	static const struct row target[] = {{"both", F, 6, 1}, {"dir", F, 6, 1}, {"extra", F, 5, 1}};

	(void)state;
	check(ROWS(source), ROWS(target),
	    &(struct mirror_wishes){.path = "", .is_delete = true, .is_only_missing = true},
	    "leave both; leave dir; delete extra; copy new; mkdir tree; ");
	check(ROWS(source), ROWS(target), &(struct mirror_wishes){.path = "", .is_delete = true, .is_existing = true},
	    "leave new; leave tree; delete dir; delete extra; copy both; mkdir dir; ");
}

static void
test_exit_status(void **state)
{
	(void)state;
	assert_int_equal(exit_status_of(FTP_OK), 0);
	for (enum ftp_class class = FTP_NETWORK; class < FTP_CLASS_COUNT; class ++) {
		enum exit_status status = exit_status_of(class);

		assert_int_not_equal(status, 0);
		assert_non_null(exit_status_help(status));
		/* statuses 10 to 19, and no others, may be tried again */
		assert_int_equal(ftp_class_is_retryable(class), status >= 10 && status < 20);
		for (enum ftp_class other = FTP_OK; other < class; other++)
			assert_int_not_equal(exit_status_of(other), status);
	}
	assert_int_equal(exit_status_worse(EXIT_DONE, EXIT_NETWORK), EXIT_NETWORK);
	assert_int_equal(exit_status_worse(EXIT_NETWORK, EXIT_REFUSED), EXIT_REFUSED);
	assert_int_equal(exit_status_worse(EXIT_REFUSED, EXIT_NETWORK), EXIT_REFUSED);
	assert_int_equal(exit_status_worse(EXIT_REFUSED, EXIT_VERIFY), EXIT_REFUSED);
	assert_int_equal(exit_status_worse(EXIT_REFUSED, EXIT_DONE), EXIT_REFUSED);
	assert_int_equal(exit_status_worse(EXIT_REFUSED, EXIT_INTERRUPTED), EXIT_INTERRUPTED);
}

/* What decides between files of the same size. */
static void
test_what_decides(void **state)
{
	static const struct row source[] = {
	    {"newer", F, 1, 200}, {"older", F, 1, 100}, {"same", F, 1, 150}, {"size", F, 2, 150}};
	static const struct row target[] = {
	    {"newer", F, 1, 150}, {"older", F, 1, 150}, {"same", F, 1, 150}, {"size", F, 1, 150}};

	(void)state;
	check(ROWS(source), ROWS(target), &(struct mirror_wishes){.path = ""},
	    "same same; copy newer; copy older; copy size; ");
	check(ROWS(source), ROWS(target), &(struct mirror_wishes){.path = "", .is_size_only = true},
	    "same newer; same older; same same; copy size; ");
	check(ROWS(source), ROWS(target), &(struct mirror_wishes){.path = "", .is_ignoring_times = true},
	    "copy newer; copy older; copy same; copy size; ");
	check(ROWS(source), ROWS(target), &(struct mirror_wishes){.path = "", .is_checksum = true},
	    "compare newer; compare older; compare same; copy size; ");
	check(ROWS(source), ROWS(target), &(struct mirror_wishes){.path = "", .is_newer_same = true},
	    "same older; same same; copy newer; copy size; ");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_decides),
	    cmocka_unit_test(test_hostile_names),
	    cmocka_unit_test(test_compare),
	    cmocka_unit_test(test_kinds),
	    cmocka_unit_test(test_exclude),
	    cmocka_unit_test(test_ranges),
	    cmocka_unit_test(test_links),
	    cmocka_unit_test(test_links_that_lead_back),
	    cmocka_unit_test(test_missing_and_existing),
	    cmocka_unit_test(test_exit_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
