/* SPDX-License-Identifier: ISC */
/* The share of a quota in the ledger, against answers of a database that are written down here. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "accounts/ledger.h"
#include "accounts/ledger_share.h"
#include "common/io.h"

#include "common/banned.h"

#define MEGABYTE (1LL << 20)
#define SHARE_OFFSET 192 /* where the file has it */

static char directory[] = "/tmp/test-ledger-share.XXXXXX";
static char path[sizeof(directory) + 16];
static const uint8_t boot[16] = {1}, other_boot[16] = {2};
static const struct ledger_limits limits = {10 * MEGABYTE, 100};

static int
setup(void **state)
{
	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/test-ledger-share.XXXXXX");
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/alice", directory);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(directory);
}

static struct ledger
joined(void)
{
	struct ledger ledger;

	assert_int_equal(ledger_open(&ledger, path, boot), 0);
	assert_int_equal(ledger_share_join(&ledger, true), 0);
	return ledger;
}

static struct ledger_credit
ask(struct ledger *ledger, uint64_t bytes, uint64_t files)
{
	const struct ledger_need need = {.bytes = bytes, .files = files};
	struct ledger_credit credit;

	assert_int_equal(ledger_credit_begin(ledger, &need, &credit), 0);
	return credit;
}

/* The database grants what is wanted and spare. */
static int
grant(
    struct ledger *ledger, const struct ledger_credit *credit, uint64_t share, int64_t allow_bytes, int64_t allow_files)
{
	const struct ledger_grant granted = {
	    .share = share,
	    .allow = {allow_bytes, allow_files},
	    .used = credit->net,
	    .count = LEDGER_NO_COUNT,
	    .is_granted = true,
	};

	return ledger_credit_end(ledger, credit, &limits, &granted);
}

/* One that has joined, with a share that allows so much. */
static struct ledger
opened_with(int64_t bytes, int64_t files)
{
	struct ledger ledger = joined();
	struct ledger_credit credit = ask(&ledger, (uint64_t)bytes, (uint64_t)files);

	assert_int_equal(credit.share, 0);
	assert_int_equal(grant(&ledger, &credit, 7, bytes, files), 0);
	return ledger;
}

static struct ledger_share_view
look(struct ledger *ledger)
{
	struct ledger_share_view view;

	assert_int_equal(ledger_share_look(ledger, &view), 0);
	return view;
}

static int
begin(struct ledger *ledger, uint64_t bytes, uint64_t files)
{
	struct ledger_figure figure;

	return ledger_begin(ledger, &limits, bytes, files, &figure);
}

static void
change(struct ledger *ledger, int64_t bytes, int64_t files)
{
	assert_int_equal(begin(ledger, bytes > 0 ? (uint64_t)bytes : 0, files > 0 ? (uint64_t)files : 0), 0);
	assert_int_equal(ledger_end(ledger, bytes, files), 0);
}

/* Nothing fits until the database has granted it, and no byte more than that. */
static void
test_grows_to_allow(void **state)
{
	struct ledger ledger = joined();
	struct ledger_credit credit;

	(void)state;
	assert_int_equal(begin(&ledger, 1, 0), -EDQUOT);
	assert_int_equal(begin(&ledger, 0, 1), -EDQUOT);
	change(&ledger, 0, 0);
	credit = ask(&ledger, 1000, 0);
	assert_int_equal(credit.seq, 1);
	assert_int_equal(credit.want.bytes, 1000);
	assert_int_equal(credit.want.files, 0);
	assert_int_equal(credit.spare.bytes, LEDGER_SPAN_FIRST);
	assert_int_equal(credit.spare.files, 0);
	assert_int_equal(grant(&ledger, &credit, 7, 3000, 0), 0);
	assert_int_equal(begin(&ledger, 3001, 0), -EDQUOT);
	assert_int_equal(begin(&ledger, 3000, 1), -EDQUOT);
	change(&ledger, 3000, 0);
	assert_int_equal(begin(&ledger, 1, 0), -EDQUOT);
	change(&ledger, -1, 0);
	change(&ledger, 1, 0);
	credit = ask(&ledger, 10, 2);
	assert_int_equal(credit.share, 7);
	assert_int_equal(credit.seq, 2);
	assert_int_equal(credit.net.bytes, 3000);
	assert_int_equal(credit.keep.bytes, 3000);
	assert_int_equal(credit.want.bytes, 10);
	assert_int_equal(credit.want.files, 2);
	assert_int_equal(credit.spare.bytes, 2 * LEDGER_SPAN_FIRST);
	assert_int_equal(credit.spare.files, LEDGER_SPAN_FIRST_FILES);
	ledger_close(&ledger);
}

/* The sessions of a node have one share; what they reserve counts. */
static void
test_shared_by_sessions(void **state)
{
	struct ledger one = opened_with(1000, 10), two = joined();
	struct ledger_figure figure;
	uint64_t granted;

	(void)state;
	assert_int_equal(begin(&one, 0, 1), 0);
	assert_int_equal(ledger_upload_begin(&one, 5, 0), 0);
	assert_int_equal(ledger_upload_reserve(&one, &limits, 0, &granted, &figure), 0);
	assert_int_equal(granted, 1000);
	assert_int_equal(ledger_end(&one, 0, 1), 0);
	assert_int_equal(begin(&two, 1, 0), -EDQUOT);
	assert_int_equal(look(&two).net.bytes, 1000);
	assert_int_equal(begin(&one, 0, 0), 0);
	assert_int_equal(ledger_upload_end(&one, 400), 0);
	assert_int_equal(ledger_end(&one, 0, 0), 0);
	assert_int_equal(begin(&two, 601, 0), -EDQUOT);
	change(&two, 600, 9);
	assert_int_equal(look(&one).net.bytes, 1000);
	assert_int_equal(look(&one).net.files, 10);
	ledger_close(&two);
	ledger_close(&one);
}

/* Rule 1: an answer counts only for the last number. */
static void
test_late_answers(void **state)
{
	struct ledger one = opened_with(100, 0), two = joined();
	struct ledger_credit first = ask(&one, 1000, 0), second = ask(&two, 2000, 0);

	(void)state;
	assert_int_equal(grant(&one, &first, 7, 1000, 0), -EALREADY);
	assert_int_equal(look(&one).allow.bytes, 100);
	assert_int_equal(grant(&two, &second, 7, 2000, 0), 0);
	assert_int_equal(grant(&one, &first, 7, 1000, 0), -EALREADY);
	assert_int_equal(ledger_share_gone(&one, first.seq), -EALREADY);
	assert_int_equal(look(&one).allow.bytes, 2000);
	ledger_close(&two);
	ledger_close(&one);
}

/* Rule 2: what goes back is no longer used before that is told. */
static void
test_gives_back(void **state)
{
	const struct ledger_need all = {.gives_back = true};
	struct ledger ledger = opened_with(1000, 10);
	struct ledger_credit credit;

	(void)state;
	change(&ledger, 300, 3);
	assert_int_equal(begin(&ledger, 200, 1), 0);
	assert_int_equal(ledger_credit_begin(&ledger, &all, &credit), 0);
	assert_int_equal(credit.keep.bytes, 500);
	assert_int_equal(credit.keep.files, 4);
	assert_int_equal(credit.want.bytes, 0);
	assert_int_equal(ledger_end(&ledger, 100, 1), 0);
	assert_int_equal(begin(&ledger, 101, 0), -EDQUOT);
	assert_int_equal(look(&ledger).allow.bytes, 500);
	ledger_close(&ledger);
}

/* A database that lies gives no more than was asked for, nor room for more than the quota. */
static void
test_lies(void **state)
{
	struct ledger ledger = opened_with(1000, 10);
	struct ledger_credit credit = ask(&ledger, 2000, 0);

	(void)state;
	assert_int_equal(grant(&ledger, &credit, 7, INT64_MAX, INT64_MAX), 0);
	assert_int_equal(look(&ledger).allow.bytes, limits.bytes);
	assert_int_equal(look(&ledger).allow.files, 10); /* of which none was asked for */
	change(&ledger, 900, 0);
	credit = ask(&ledger, 0, 0);
	assert_int_equal(grant(&ledger, &credit, 7, INT64_MAX, 0), 0);
	assert_int_equal(look(&ledger).allow.bytes, limits.bytes);
	credit = ask(&ledger, 0, 0);
	assert_int_equal(grant(&ledger, &credit, UINT64_MAX, INT64_MIN, -5), 0);
	assert_int_equal(begin(&ledger, 1, 0), -EDQUOT);
	assert_int_equal(begin(&ledger, 0, 1), -EDQUOT);
	change(&ledger, -900, 0);
	credit = ask(&ledger, 1, 1);
	assert_true(credit.want.bytes > 0 && credit.want.bytes <= 1LL << 60);
	assert_int_equal(grant(&ledger, &credit, 7, 500, 5), 0);
	change(&ledger, 500, 5);
	ledger_close(&ledger);
}

/* Run act in a process that dies in the middle of what it did. */
static void
dies(void (*act)(struct ledger *ledger))
{
	struct ledger ledger;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (ledger_open(&ledger, path, boot) < 0 || ledger_share_join(&ledger, true) < 0)
			_exit(1);
		act(&ledger);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void
upload_some(struct ledger *ledger)
{
	struct ledger_figure figure;
	uint64_t granted;

	if (ledger_begin(ledger, &limits, 0, 1, &figure) < 0 || ledger_upload_begin(ledger, 5, 0) < 0 ||
	    ledger_upload_reserve(ledger, &limits, 300, &granted, &figure) < 0 || ledger_end(ledger, 0, 1) < 0)
		_exit(1);
}

static void
count_home(struct ledger *ledger, uint64_t bytes, uint64_t files)
{
	static struct ledger_count counting;
	const struct ledger_figure counted = {bytes, files, LEDGER_EXACT};

	assert_int_equal(ledger_count_begin(ledger, &counting), 0);
	assert_int_equal(ledger_count_look(ledger, &counting), 0);
	assert_int_equal(ledger_count_end(ledger, &counting, &counted), 0);
}

/* What a session that died had reserved is used until the database believes a count. */
static void
test_death_and_count(void **state)
{
	struct ledger ledger = opened_with(1000, 10);
	struct ledger_grant asks_for_count = {.share = 7, .allow = {1000, 10}, .count = 3};
	struct ledger_counted counted;
	struct ledger_figure figure;
	struct ledger_credit credit;

	(void)state;
	change(&ledger, 100, 1);
	dies(upload_some);
	assert_int_equal(look(&ledger).net.bytes, 100);
	assert_int_equal(look(&ledger).net.files, 2);
	assert_int_equal(look(&ledger).left.bytes, 300);
	assert_int_equal(begin(&ledger, 601, 0), -EDQUOT);
	assert_int_equal(ledger_counted_begin(&ledger, &counted), -ENOENT);
	count_home(&ledger, 5000, 50); /* nobody has asked for it */
	assert_int_equal(ledger_counted_begin(&ledger, &counted), -ENOENT);
	credit = ask(&ledger, 601, 0);
	assert_int_equal(credit.net.bytes, 100);
	assert_int_equal(credit.want.bytes, 1);
	assert_int_equal(ledger_credit_end(&ledger, &credit, &limits, &asks_for_count), 0);
	count_home(&ledger, 5000, 50);
	assert_int_equal(ledger_counted_begin(&ledger, &counted), 0);
	assert_int_equal(counted.count, 3);
	/* the database may have lent the rest of its room to others */
	assert_int_equal(counted.net.bytes, 400);
	assert_int_equal(counted.counted.bytes, 5000);
	assert_int_equal(counted.counted.files, 50);
	assert_int_equal(begin(&ledger, 601, 0), -EDQUOT);
	assert_int_equal(ledger_counted_end(&ledger, counted.seq, true), 0);
	assert_int_equal(look(&ledger).left.bytes, 0);
	assert_int_equal(ledger_read(&ledger, &figure), 0);
	assert_int_equal(figure.bytes, 5000);
	change(&ledger, 600, 8);
	assert_int_equal(begin(&ledger, 1, 0), -EDQUOT);
	ledger_close(&ledger);
}

/* Removed before the database knows of the share: another node may have counted since, and used the room. */
static void
test_removed_before_opening(void **state)
{
	struct ledger_grant asks_for_count = {.share = 7, .allow = {1000, 10}, .count = 3, .is_granted = true};
	struct ledger ledger = joined();
	struct ledger_counted counted;
	struct ledger_credit credit;

	(void)state;
	change(&ledger, -5000, -5);
	assert_int_equal(begin(&ledger, 1, 0), -EDQUOT);
	assert_int_equal(begin(&ledger, 0, 1), -EDQUOT);
	credit = ask(&ledger, 1000, 10);
	assert_int_equal(credit.share, 0);
	assert_int_equal(credit.want.bytes, 1000);
	change(&ledger, -100, -1); /* while the answer is on its way */
	assert_int_equal(ledger_credit_end(&ledger, &credit, &limits, &asks_for_count), 0);
	assert_int_equal(look(&ledger).net.bytes, -5100);
	assert_int_equal(look(&ledger).left.bytes, 5100);
	assert_int_equal(look(&ledger).left.files, 6);
	assert_int_equal(begin(&ledger, 1001, 0), -EDQUOT);
	assert_int_equal(begin(&ledger, 0, 11), -EDQUOT);
	change(&ledger, 1000, 10);
	/* a count tells how much of it is room */
	count_home(&ledger, 7000, 70);
	assert_int_equal(ledger_counted_begin(&ledger, &counted), 0);
	assert_int_equal(counted.net.bytes, 1000);
	assert_int_equal(counted.net.files, 10);
	assert_int_equal(ledger_counted_end(&ledger, counted.seq, true), 0);
	assert_int_equal(look(&ledger).net.bytes, 1000);
	assert_int_equal(look(&ledger).left.bytes, 0);
	assert_int_equal(begin(&ledger, 1, 0), -EDQUOT);
	ledger_close(&ledger);
}

/* The answer to the last word is lost: the database may have closed the share, and another node may have counted. */
static void
test_removed_after_last_word(void **state)
{
	struct ledger ledger = opened_with(1000, 10);
	struct ledger_credit credit;

	(void)state;
	assert_int_equal(ledger_share_leave(&ledger), 1);
	assert_int_equal(ledger_share_close_begin(&ledger, &credit), 0);
	ledger_close(&ledger);
	ledger = joined();
	change(&ledger, -5000, -5);
	assert_int_equal(begin(&ledger, 1, 0), -EDQUOT);
	assert_int_equal(begin(&ledger, 0, 1), -EDQUOT);
	/* it has the share yet */
	credit = ask(&ledger, 10, 1);
	assert_int_equal(credit.net.bytes, -5000);
	assert_int_equal(grant(&ledger, &credit, 7, 0, 0), 0);
	change(&ledger, 5000, 5);
	assert_int_equal(begin(&ledger, 1, 0), -EDQUOT);
	ledger_close(&ledger);
}

/* One that it does not believe changes nothing, and neither does one of a question before the last. */
static void
test_count_in_vain(void **state)
{
	struct ledger ledger = opened_with(1000, 10);
	struct ledger_grant asks_for_count = {.share = 7, .allow = {1000, 10}, .count = 3};
	struct ledger_counted counted;
	struct ledger_credit credit;

	(void)state;
	dies(upload_some);
	credit = ask(&ledger, 0, 0);
	assert_int_equal(ledger_credit_end(&ledger, &credit, &limits, &asks_for_count), 0);
	count_home(&ledger, 5000, 50);
	assert_int_equal(ledger_counted_begin(&ledger, &counted), 0);
	assert_int_equal(ledger_counted_end(&ledger, counted.seq, false), 0);
	assert_int_equal(look(&ledger).left.bytes, 300);
	assert_int_equal(ledger_counted_begin(&ledger, &counted), -ENOENT);
	credit = ask(&ledger, 0, 0);
	assert_int_equal(ledger_credit_end(&ledger, &credit, &limits, &asks_for_count), 0);
	count_home(&ledger, 5000, 50);
	asks_for_count.count = 4;
	credit = ask(&ledger, 0, 0);
	assert_int_equal(ledger_credit_end(&ledger, &credit, &limits, &asks_for_count), 0);
	assert_int_equal(ledger_counted_begin(&ledger, &counted), -ENOENT);
	ledger_close(&ledger);
}

/* Rules 3 and 4: one that is gone is used no more, and begins anew when all that used it has ended. */
static void
test_gone(void **state)
{
	struct ledger one = opened_with(1000, 10), two = joined(), three;
	struct ledger_share_view view;
	struct ledger_credit credit;

	(void)state;
	change(&one, 100, 1);
	credit = ask(&two, 5000, 0);
	assert_int_equal(ledger_share_gone(&two, credit.seq), 0);
	assert_int_equal(begin(&one, 1, 0), -ESTALE);
	assert_int_equal(begin(&two, 0, 0), -ESTALE);
	assert_int_equal(ledger_share_look(&one, &view), -ESTALE);
	assert_int_equal(ledger_open(&three, path, boot), 0);
	assert_int_equal(ledger_share_join(&three, true), -EBUSY);
	ledger_close(&one);
	assert_int_equal(ledger_share_join(&three, true), -EBUSY);
	ledger_close(&two);
	assert_int_equal(ledger_share_join(&three, true), 0);
	assert_int_equal(look(&three).id, 0);
	assert_int_equal(look(&three).net.bytes, 0);
	assert_int_equal(begin(&three, 1, 0), -EDQUOT);
	ledger_close(&three);
}

/* The last session closes it; one that joins meanwhile keeps it. */
static void
test_close(void **state)
{
	struct ledger one = opened_with(1000, 10), two = joined();
	struct ledger_credit credit;

	(void)state;
	change(&one, 100, 1);
	assert_int_equal(ledger_share_leave(&one), 0);
	assert_int_equal(ledger_share_close_begin(&one, &credit), -EBUSY);
	ledger_close(&one);
	assert_int_equal(ledger_share_leave(&two), 1);
	assert_int_equal(ledger_share_close_begin(&two, &credit), 0);
	assert_int_equal(credit.share, 7);
	assert_int_equal(credit.net.bytes, 100);
	one = joined(); /* before the answer: it has what was told, and no more */
	assert_int_equal(begin(&one, 1, 0), -EDQUOT);
	assert_int_equal(ledger_share_close_end(&two, credit.seq), 0);
	assert_int_equal(begin(&one, 0, 0), -ESTALE);
	ledger_close(&one);
	ledger_close(&two);
	one = joined();
	assert_int_equal(look(&one).id, 0);
	assert_int_equal(look(&one).net.bytes, 0);
	ledger_close(&one);
}

/* A share outlives the death of all who use it, but not another boot of the machine. */
static void
test_death_of_all(void **state)
{
	struct ledger ledger = opened_with(1000, 10);

	(void)state;
	change(&ledger, 100, 1);
	ledger_close(&ledger);
	ledger = joined();
	assert_int_equal(look(&ledger).id, 7);
	assert_int_equal(look(&ledger).net.bytes, 100);
	assert_int_equal(begin(&ledger, 901, 0), -EDQUOT);
	change(&ledger, 900, 0);
	ledger_close(&ledger);
	assert_int_equal(ledger_open(&ledger, path, other_boot), 0);
	assert_int_equal(ledger_share_join(&ledger, true), 0);
	assert_int_equal(look(&ledger).id, 0);
	assert_int_equal(look(&ledger).net.bytes, 0);
	ledger_close(&ledger);
}

/* An alarm, or figures that no home has: the database hears a figure above every allow, and distrusts the account's. */
static void
test_distrust(void **state)
{
	struct ledger ledger = opened_with(1000, 10);
	struct ledger_credit credit;

	(void)state;
	ledger_suspect(&ledger);
	assert_int_equal(begin(&ledger, 1, 0), -EDQUOT);
	credit = ask(&ledger, 1, 0);
	assert_true(credit.net.bytes == 1LL << 60 && credit.net.files == 1LL << 60);
	ledger_close(&ledger);
	unlink(path);
	ledger = opened_with(1000, 10);
	assert_int_equal(begin(&ledger, 0, 0), 0);
	assert_int_equal(ledger_end(&ledger, INT64_MAX, 0), -EOVERFLOW);
	assert_true(ask(&ledger, 1, 0).net.bytes == 1LL << 60);
	ledger_close(&ledger);
}

static void
damage(off_t offset)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	char byte;

	assert_int_equal(pread(fd, &byte, 1, offset), 1);
	byte ^= 0x55;
	assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
	close(fd);
}

/* Whatever is damaged: nothing grows, and the next session begins a share anew. */
static void
test_damage(void **state)
{
	static const off_t places[] = {16, SHARE_OFFSET, SHARE_OFFSET + 8, SHARE_OFFSET + 24, 4096, 4096 + 16};
	struct ledger_share_view view;
	struct ledger ledger;

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		ledger = opened_with(1000, 10);
		change(&ledger, 100, 1);
		damage(places[i]);
		assert_int_equal(begin(&ledger, 1, 0), -ESTALE);
		assert_int_equal(ledger_share_look(&ledger, &view), -ESTALE);
		ledger_close(&ledger);
		ledger = joined();
		assert_int_equal(look(&ledger).id, 0);
		assert_int_equal(look(&ledger).net.bytes, 0);
		ledger_close(&ledger);
		unlink(path);
	}
}

/* An account moves from the users file to the database and back. */
static void
test_account_moves(void **state)
{
	struct ledger ledger, of_file;
	struct ledger_figure figure;

	(void)state;
	assert_int_equal(ledger_open(&of_file, path, boot), 0);
	count_home(&of_file, 700, 7);
	change(&of_file, 100, 1);
	ledger = opened_with(1000, 10);
	assert_int_equal(look(&ledger).net.bytes, 0);
	change(&of_file, 200, 1); /* it goes on, and counts */
	assert_int_equal(look(&ledger).net.bytes, 200);
	assert_int_equal(begin(&of_file, 801, 0), -EDQUOT);
	assert_int_equal(ledger_share_end(&of_file), -EBUSY);
	ledger_close(&ledger);
	assert_int_equal(ledger_share_end(&of_file), 0);
	assert_int_equal(ledger_read(&of_file, &figure), -EUCLEAN);
	count_home(&of_file, 900, 9);
	assert_int_equal(ledger_read(&of_file, &figure), 0);
	assert_int_equal(figure.bytes, 900);
	assert_int_equal(ledger_share_end(&of_file), 0);
	ledger_close(&of_file);
}

int
main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_grows_to_allow),
	    TEST(test_shared_by_sessions),
	    TEST(test_late_answers),
	    TEST(test_gives_back),
	    TEST(test_lies),
	    TEST(test_death_and_count),
	    TEST(test_removed_before_opening),
	    TEST(test_removed_after_last_word),
	    TEST(test_count_in_vain),
	    TEST(test_gone),
	    TEST(test_close),
	    TEST(test_death_of_all),
	    TEST(test_distrust),
	    TEST(test_damage),
	    TEST(test_account_moves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
