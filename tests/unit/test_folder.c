/* SPDX-License-Identifier: ISC */
/* Shared folders in the users file: definitions, grants, and where the directories lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "accounts/account.h"
#include "accounts/definition.h"
#include "accounts/folder.h"
#include "accounts/layout.h"
#include "common/buf.h"

#include "common/banned.h"

static const struct {
	const char *line, *error;
} bad_folders[] = {
    {"+folder team", "no definition"},
    {"+folder team:", "too few fields"},
    {"+folder team:/srv/team:5000", "too few fields"},
    {"+folder team:srv/team:5000:", "absolute path"},
    {"+folder team:/:5000:", "absolute path"},
    {"+folder team:/srv/../team:5000:", "'..'"},
    {"+folder team:/srv/team/:5000:", "at its end"},
    {"+folder team:/srv/team:0:", "bad GID"},
    {"+folder team:/srv/team:-1:", "bad GID"},
    {"+folder team:/srv/team:4294967295:", "bad GID"},
    {"+folder team:/srv/team:99999999999999999999:", "bad GID"},
    {"+folder team:/srv/team:5000:read-only", "no folder has"},
    {"+folder team:/srv/team:5000:rate-up=1M", "no folder has"},
    {"+folder team:/srv/team:5000:rights=/in=list", "no folder has"},
    {"+folder team:/srv/team:5000:quota=x", "bad quota"},
    {"+folder team:/srv/team:5000:quota=1 quota=2", "twice"},
    {"+folder team:/srv/team:5000:rights=write", "bad rights"},
    {"+folder team:/srv/team:5000:file-mode=0600", "lock out its group"},
    {"+folder team:/srv/team:5000:directory-mode=0750", "lock out its group"},
    {"+folder te/am:/srv/team:5000:", "slash"},
    {"+folder 0123456789012345678901234567890123456789012345678901234567890123:/srv/team:5000:", "at most 63"},
};

static void
take_folder(const char *line, struct folder *folder)
{
	struct definition definition;
	const char *error = "";

	if (definition_parse(line, strlen(line), &definition, &error) < 0 ||
	    folder_parse(&definition, folder, &error) < 0)
		fail_msg("%s: %s", line, error);
}

static void
test_bad_folders(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_folders) / sizeof(bad_folders[0]); i++) {
		struct definition definition;
		const char *error = NULL;

		if (definition_parse(bad_folders[i].line, strlen(bad_folders[i].line), &definition, &error) == 0)
			fail_msg("accepted: %s", bad_folders[i].line);
		if (error == NULL || strstr(error, bad_folders[i].error) == NULL)
			fail_msg("%s: said '%s'", bad_folders[i].line, error == NULL ? "nothing" : error);
	}
}

static void
test_folder(void **state)
{
	struct account like = {.name = ""};
	struct folder folder;

	(void)state;
	take_folder("+folder team:/srv/the team:5000:", &folder);
	assert_string_equal(folder.name, "team");
	assert_string_equal(folder.directory, "/srv/the team");
	assert_int_equal(folder.gid, 5000);
	assert_int_equal(folder.rights, MAY_ALL);
	assert_true(folder.quota_bytes == ACCOUNT_NO_QUOTA && folder.quota_files == ACCOUNT_NO_QUOTA);
	assert_int_equal(folder.file_mode, 0660);
	assert_int_equal(folder.directory_mode, 0770);
	take_folder(
	    "+folder team:/srv/team:5000:quota=1K quota-files=7 rights=list,read file-mode=0640 directory-mode=0775",
	    &folder);
	assert_int_equal(folder.quota_bytes, 1024);
	assert_int_equal(folder.quota_files, 7);
	assert_int_equal(folder.rights, MAY_LIST | MAY_READ);
	assert_int_equal(folder.file_mode, 0640);
	assert_int_equal(folder.directory_mode, 0775);
	folder_as_account(&folder, 77, &like);
	assert_string_equal(like.name, "+team");
	assert_int_equal(like.uid, 77);
	assert_int_equal(like.gid, 5000);
	assert_int_equal(like.quota_bytes, 1024);
	assert_string_equal(like.home, "/srv/team");
}

static const struct {
	const char *options, *error;
} bad_grants[] = {
    {"folder", "bad folder"},
    {"folder=team", "bad folder"},
    {"folder=team=", "path"},
    {"folder=team=team", "path"},
    {"folder=team=/", "at '/'"},
    {"folder=team=/a/../b", "path"},
    {"folder=team=/a//b", "path"},
    {"folder=team=/a%2", "bad '%'"},
    {"folder=team=/a%00b", "bad '%'"},
    {"folder=team=/a%0Ab", "control character"},
    {"folder=team=/a=write", "bad rights"},
    {"folder=+team=/a", "begins with"},
    {"folder==/a", "empty"},
    {"folder=team=/a folder=team=/b", "twice"},
    {"folder=team=/a folder=other=/a", "at or below"},
    {"folder=team=/a folder=other=/a/b", "at or below"},
    {"folder=team=/a/b folder=other=/a", "at or below"},
    {"folder=a=/a folder=b=/b folder=c=/c folder=d=/d folder=e=/e folder=f=/f folder=g=/g folder=h=/h folder=i=/i",
	"at most 8"},
};

static int
parse_account_with(const char *options, struct account *account, const char **error)
{
	char line[1024];
	int len = snprintf(line, sizeof(line), "anna:$y$x:1000:1000:/srv/anna:%s", options);

	return account_parse(line, (size_t)len, account, error);
}

static void
test_bad_grants(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_grants) / sizeof(bad_grants[0]); i++) {
		struct account account;
		const char *error = NULL;

		if (parse_account_with(bad_grants[i].options, &account, &error) == 0)
			fail_msg("accepted: %s", bad_grants[i].options);
		if (error == NULL || strstr(error, bad_grants[i].error) == NULL)
			fail_msg("%s: said '%s'", bad_grants[i].options, error == NULL ? "nothing" : error);
	}
}

static void
test_grants(void **state)
{
	struct account account = {.name = ""};
	const char *error = "";
	struct buf text;

	(void)state;
	assert_int_equal(parse_account_with("read-only", &account, &error), 0);
	assert_false(account.has_grants);
	assert_int_equal(
	    parse_account_with("folder=team=/all%20of%3Dus folder=pub=/pub,new/in=list,read", &account, &error), 0);
	assert_true(account.has_grants);
	assert_int_equal(account.grants.count, 2);
	assert_string_equal(grant_name(&account.grants, 0), "team");
	assert_string_equal(grant_path(&account.grants, 0), "/all of=us");
	assert_int_equal(account.grants.list[0].rights, MAY_ALL);
	assert_string_equal(grant_path(&account.grants, 1), "/pub,new/in");
	assert_int_equal(account.grants.list[1].rights, MAY_LIST | MAY_READ);
	assert_int_equal(grants_find(&account.grants, "pub"), 1);
	assert_int_equal(grants_find(&account.grants, "none"), 2);
	buf_init(&text, 1000);
	grant_text(&account.grants, 0, &text);
	assert_string_equal(text.data, "team=/all%20of%3Dus");
	buf_clear(&text);
	grant_text(&account.grants, 1, &text);
	assert_string_equal(text.data, "pub=/pub,new/in=list,read");
	buf_free(&text);
	account_wipe(&account);
}

/* --- where they lie --- */

static char told[2048];

static void
note_problem(void *arg, uint64_t line, const char *problem)
{
	size_t len = strlen(told);

	(void)arg;
	snprintf(told + len, sizeof(told) - len, "%llu: %s\n", (unsigned long long)line, problem);
}

static const char *
problems_of(struct layout *layout, const char *const lines[])
{
	struct folder folder;

	told[0] = '\0';
	for (uint64_t i = 0; lines[i] != NULL; i++) {
		take_folder(lines[i], &folder);
		assert_int_equal(layout_add(layout, &folder, i + 1), 0);
	}
	assert_int_equal(layout_settle(layout), 0);
	layout_check(layout, note_problem, NULL);
	return told;
}

static void
test_layout(void **state)
{
	struct layout layout = {.state_directory = "/var/lib/sallyport", .runtime_directory = "/run/sallyport"};
	struct account account;
	const char *error;

	(void)state;
	assert_string_equal(
	    problems_of(&layout,
		(const char *[]){"+folder a:/srv/a:1:", "+folder ab:/srv/a-b:1:", "+folder b:/srv/ab:1:", NULL}),
	    "");
	assert_int_equal(parse_account_with("folder=a=/a folder=b=/b", &account, &error), 0);
	assert_null(layout_account_problem(&layout, &account));
	assert_int_equal(parse_account_with("folder=a=/a folder=c=/b", &account, &error), 0);
	assert_non_null(strstr(layout_account_problem(&layout, &account), "no folder 'c'"));
	snprintf(account.home, sizeof(account.home), "/srv/a/anna");
	assert_non_null(strstr(layout_account_problem(&layout, &account), "overlaps the folder 'a' of line 1"));
	snprintf(account.home, sizeof(account.home), "/srv");
	assert_non_null(strstr(layout_account_problem(&layout, &account), "overlaps the folder"));
	snprintf(account.home, sizeof(account.home), "/srv/ab");
	assert_non_null(strstr(layout_account_problem(&layout, &account), "overlaps the folder 'b'"));
	layout_free(&layout);
	layout = (struct layout){.state_directory = "/var/lib/sallyport", .runtime_directory = "/run/sallyport"};
	assert_string_equal(
	    problems_of(&layout,
		(const char *[]){"+folder in:/srv/a/b/c:1:", "+folder a:/srv/a:1:", "+folder other:/srv/a-:1:",
		    "+folder state:/var/lib:1:", "+folder run:/run/sallyport/x:1:", NULL}),
	    "1: the folder 'in' overlaps the folder 'a' of line 2 ('/srv/a'); give each a directory apart\n"
	    "4: the folder 'state' overlaps state-directory ('/var/lib/sallyport'); give it another directory\n"
	    "5: the folder 'run' overlaps runtime-directory ('/run/sallyport'); give it another directory\n");
	layout_free(&layout);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bad_folders),
	    cmocka_unit_test(test_folder),
	    cmocka_unit_test(test_bad_grants),
	    cmocka_unit_test(test_grants),
	    cmocka_unit_test(test_layout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
