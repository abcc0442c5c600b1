/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/ui/ls_colors.h"

#include "common/banned.h"

static void
test_colors(void **state)
{
	static const char some[] =
	    "di=01;34:fi=0:ex=32:*.gz=31:*.tar.gz=35:*=:*.bad=3\033[1m:broken:*.x=1;2;3:ln=target";
	static const struct {
		const char *colors, *name;
		enum ftp_kind kind;
		int mode;
		const char *code;
	} table[] = {
	    {NULL, "d", FTP_KIND_DIRECTORY, -1, "01;34"},
	    {NULL, "a", FTP_KIND_FILE, 0644, ""},
	    {NULL, "a", FTP_KIND_FILE, 0755, "01;32"},
	    {NULL, "l", FTP_KIND_LINK, 0777, "01;36"},
	    {some, "a", FTP_KIND_FILE, -1, "0"},
	    {some, "a.gz", FTP_KIND_FILE, 0644, "31"},
	    {some, "a.GZ", FTP_KIND_FILE, 0644, "31"},
	    {some, "a.tar.gz", FTP_KIND_FILE, 0644, "35"},
	    {some, "a.gz", FTP_KIND_DIRECTORY, 0755, "01;34"},
	    {some, "a.gz", FTP_KIND_FILE, 0755, "32"},
	    {some, "a.bad", FTP_KIND_FILE, 0644, "0"},
	    {some, "a.x", FTP_KIND_FILE, 0644, "1;2;3"},
	    {some, "l", FTP_KIND_LINK, 0777, ""},
	    {some, "o", FTP_KIND_OTHER, -1, ""},
	    {"", "d", FTP_KIND_DIRECTORY, -1, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct ftp_entry entry = {
		    .name = (char *)(uintptr_t)table[i].name, .kind = table[i].kind, .mode = table[i].mode};
		char code[COLOR_CODE_MAX];

		ls_color(table[i].colors, &entry, code);
		if (strcmp(code, table[i].code) != 0)
			fail_msg("%s: '%s', not '%s'", table[i].name, code, table[i].code);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_colors)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
