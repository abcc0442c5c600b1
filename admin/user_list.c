/* SPDX-License-Identifier: ISC */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "accounts/account.h"
#include "accounts/password.h"
#include "admin/amount.h"
#include "admin/book.h"
#include "admin/ctl.h"
#include "admin/user_brake.h"
#include "common/buf.h"
#include "common/utc.h"

#include "common/banned.h"

#define DATE_SIZE 32

static const char *
state_of(const struct account *account)
{
	if (account->is_locked)
		return "locked";
	if (account->expires != 0 && account->expires <= (int64_t)time(NULL))
		return "expired";
	if (account->lacks_group)
		return "no group";
	if (account_pam_service(account) != NULL)
		return "active";
	if (!account->takes_any && !password_hash_usable(account->hash) && account->password_count == 0)
		return "no password";
	return "active";
}

static const char *
date_of(const struct account *account, char text[DATE_SIZE])
{
	time_t expires = (time_t)account->expires;
	struct tm day;

	if (account->expires == 0 || gmtime_r(&expires, &day) == NULL ||
	    strftime(text, DATE_SIZE, "%Y-%m-%d", &day) == 0)
		snprintf(text, DATE_SIZE, "never");
	return text;
}

static void
add_block(struct buf *out, const struct address_block *block)
{
	char address[ADDRESS_TEXT_MAX];

	address_text(&block->network, address);
	buf_addf(out, "%s/%u", address, block->bits);
}

static json_t *
allow_from_json(const struct account *account)
{
	json_t *list = json_array();
	struct buf text;

	buf_init(&text, ADDRESS_TEXT_MAX * 2);
	for (size_t i = 0; i < account->allow_from_count; i++) {
		buf_clear(&text);
		add_block(&text, &account->allow_from[i]);
		json_array_append_new(list, json_string(text.data == NULL ? "" : text.data));
	}
	buf_free(&text);
	return list;
}

static json_t *
rights_json(unsigned rights)
{
	json_t *list = json_array();

	for (size_t i = 0; i < RIGHTS_COUNT; i++)
		if ((rights & (1U << i)) != 0)
			json_array_append_new(list, json_string(rights_word(i)));
	return list;
}

/* The rights of a rule in this account. */
static unsigned
zone_rights(const struct account *account, size_t i)
{
	return account->zones.rule[i].rights & (account->is_read_only ? MAY_ONLY_LOOK : MAY_ALL);
}

/* Directories with rights of their own. */
static json_t *
zones_json(const struct account *account)
{
	json_t *object = json_object();

	for (size_t i = 0; account->has_zones && i < account->zones.count; i++)
		json_object_set_new(
		    object, ctl_quote(zone_path(&account->zones, i)), rights_json(zone_rights(account, i)));
	return object;
}

static void
print_zones(const struct account *account)
{
	char rights[RIGHTS_TEXT_MAX];

	for (size_t i = 0; account->has_zones && i < account->zones.count; i++) {
		rights_text(zone_rights(account, i), rights);
		printf("  in %s: %s\n", ctl_quote(zone_path(&account->zones, i)), rights[0] == '\0' ? "none" : rights);
	}
}

static json_t *
amount_json(uint64_t value, uint64_t none)
{
	return value == none ? json_null() : json_integer((json_int_t)value);
}

static json_t *
mode_json(uint32_t mode)
{
	char text[8];

	snprintf(text, sizeof(text), "%04o", (unsigned)mode);
	return mode == 0 ? json_null() : json_string(text);
}

/* The labels of further passwords. */
static json_t *
labels_json(const struct account *account)
{
	json_t *list = json_array();

	for (size_t i = 0; i < account->password_count; i++)
		json_array_append_new(list, json_string(account->passwords[i].label));
	return list;
}

static const char *const source_words[] = {
    [OPTION_BY_NOBODY] = "default", [OPTION_BY_ACCOUNT] = "account", [OPTION_BY_GROUP] = "group"};

/* {"quota": "group", ...}: who says each option. */
static json_t *
sources_json(const struct account *account)
{
	json_t *object = json_object();
	enum option_source source;
	const char *key;

	for (size_t i = 0; source = account_option_source(account, i, &key), key != NULL; i++)
		json_object_set_new(object, key, json_string(source_words[source]));
	return object;
}

/* A row with the options that come from one source; none where there are none. */
static void
print_source(const struct account *account, enum option_source source, const char *title)
{
	const char *key, *separator = "";

	for (size_t i = 0; account_option_source(account, i, &key), key != NULL; i++) {
		if (account_option_source(account, i, &key) != source)
			continue;
		if (separator[0] == '\0')
			printf("%s:%*s", title, 13 - (int)strlen(title), "");
		printf("%s%s", separator, key);
		separator = ", ";
	}
	if (separator[0] != '\0')
		printf("\n");
}

/* Where the values of an account of a group come from. */
static void
print_group_of(const struct account *account)
{
	if (account->group[0] == '\0')
		return;
	printf("group:        %s%s\n", ctl_quote(account->group),
	    account->lacks_group ? " (not defined, so the account cannot log in)" : "");
	print_source(account, OPTION_BY_ACCOUNT, "its own");
	print_source(account, OPTION_BY_GROUP, "by the group");
	print_source(account, OPTION_BY_NOBODY, "by default");
}

/* NULL: as configured. */
static const char *
tls_word(const struct account *account)
{
	switch (account->tls) {
	case ACCOUNT_TLS_REQUIRED:
		return "required";
	case ACCOUNT_TLS_OPTIONAL:
		return "optional";
	case ACCOUNT_TLS_AS_CONFIGURED:
		break;
	}
	return NULL;
}

static json_t *
brake_json(const struct keep_rules *keep)
{
	if (keep->brake_changes == 0)
		return json_null();
	return json_pack(
	    "{s:I, s:I}", "changes", (json_int_t)keep->brake_changes, "seconds", (json_int_t)keep->brake_s);
}

/* The text of pattern number i. */
static const char *
pattern_text(const struct account *account, size_t i)
{
	static char text[NAME_MAX + 1];
	const struct pattern *pattern = &account->patterns.list[i];

	snprintf(text, sizeof(text), "%.*s", (int)pattern->len, account->patterns.text + pattern->at);
	return ctl_quote(text);
}

static json_t *
patterns_json(const struct account *account, bool denies)
{
	json_t *list = json_array();

	for (size_t i = 0; account->has_patterns && i < account->patterns.count; i++)
		if (account->patterns.list[i].denies == denies)
			json_array_append_new(list, json_string(pattern_text(account, i)));
	return list;
}

/* A row for each, with where it comes from. */
static void
print_patterns(const struct account *account, const char *key, bool denies)
{
	bool is_of_group = account_option_said_by(account, key) == OPTION_BY_GROUP;

	for (size_t i = 0; account->has_patterns && i < account->patterns.count; i++)
		if (account->patterns.list[i].denies == denies)
			printf(
			    "%s:         %s%s\n", key, pattern_text(account, i), is_of_group ? " (by the group)" : "");
}

/* What the account may do in the shared folder of grant number i, as far as it says itself. */
static void
grant_rights_text(const struct account *account, size_t i, char text[RIGHTS_TEXT_MAX])
{
	rights_text(account->grants.list[i].rights & (account->is_read_only ? MAY_ONLY_LOOK : MAY_ALL), text);
	if (text[0] == '\0')
		snprintf(text, RIGHTS_TEXT_MAX, "none");
}

/* Shared folders: {"name", "path", "rights"} each, as "folder show" has the accounts. */
static json_t *
grants_json(const struct account *account)
{
	char rights[RIGHTS_TEXT_MAX];
	json_t *list = json_array();

	for (size_t i = 0; account->has_grants && i < account->grants.count; i++) {
		grant_rights_text(account, i, rights);
		json_array_append_new(list,
		    json_pack("{s:s, s:s, s:s}", "name", ctl_quote(grant_name(&account->grants, i)), "path",
			ctl_quote(grant_path(&account->grants, i)), "rights", rights));
	}
	return list;
}

static void
print_grants(const struct account *account)
{
	char rights[RIGHTS_TEXT_MAX];

	for (size_t i = 0; account->has_grants && i < account->grants.count; i++) {
		grant_rights_text(account, i, rights);
		printf("folder:       %s at %s: %s\n", ctl_quote(grant_name(&account->grants, i)),
		    ctl_quote(grant_path(&account->grants, i)), rights);
	}
}

/* Never the hash. Bytes that are not UTF-8 appear as \xHH. */
static json_t *
account_fields_json(const struct account *account)
{
	char date[DATE_SIZE];

	return json_pack(
	    "{s:s, s:I, s:I, s:s, s:s, s:b, s:b, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:I, s:o}",
	    "name", ctl_quote(account->name), "uid", (json_int_t)account->uid, "gid", (json_int_t)account->gid, "home",
	    ctl_quote(account->home), "state", state_of(account), "locked", (int)account->is_locked, "read_only",
	    (int)account->is_read_only, "rights", rights_json(account_rights(account)), "max_sessions",
	    (json_int_t)account->max_sessions, "expires",
	    account->expires == 0 ? json_null() : json_string(date_of(account, date)), "allow_from",
	    allow_from_json(account), "quota", amount_json(account->quota_bytes, ACCOUNT_NO_QUOTA), "quota_files",
	    amount_json(account->quota_files, ACCOUNT_NO_QUOTA), "rate_down", amount_json(account->rate_down, 0),
	    "rate_up", amount_json(account->rate_up, 0), "file_mode", mode_json(account->file_mode), "directory_mode",
	    mode_json(account->directory_mode), "directory_rights", zones_json(account), "any_password",
	    (int)account->takes_any, "tls", tls_word(account) == NULL ? json_null() : json_string(tls_word(account)),
	    "group", account->group[0] == '\0' ? json_null() : json_string(ctl_quote(account->group)), "pam",
	    account_pam_service(account) == NULL ? json_null() : json_string(account_pam_service(account)), "from",
	    sources_json(account), "passwords", labels_json(account), "keep_days", (json_int_t)account->keep.days,
	    "keep_quota", amount_json(account->keep.quota_bytes, KEEP_NO_QUOTA), "retain_days",
	    (json_int_t)account->keep.retain_days, "keep_brake", brake_json(&account->keep));
}

/* The state on this server: a brake that has fallen makes an active account read-only. */
static const char *
state_here(const struct ctl *ctl, const struct account *account)
{
	const char *state = state_of(account);
	struct brake_fall fall;

	if (strcmp(state, "active") == 0 && account->keep.brake_changes > 0 &&
	    user_brake_has_fallen(ctl, account->name, &fall))
		return "braked";
	return state;
}

static json_t *
account_json(const struct ctl *ctl, const struct account *account)
{
	json_t *object = account_fields_json(account);
	struct brake_fall fall;

	json_object_set_new(object, "state", json_string(state_here(ctl, account)));
	json_object_set_new(object, "brake_fallen",
	    user_brake_has_fallen(ctl, account->name, &fall) ? json_integer(fall.time_s) : json_null());
	json_object_set_new(object, "hide", patterns_json(account, false));
	json_object_set_new(object, "deny", patterns_json(account, true));
	json_object_set_new(object, "folders", grants_json(account));
	return object;
}

static void
print_account_row(const struct ctl *ctl, const struct account *account)
{
	char rights[RIGHTS_TEXT_MAX];

	rights_text(account_rights(account), rights);
	printf("%-24s %10u  %-11s %-10s %s\n", ctl_quote(account->name), account->uid, state_here(ctl, account), rights,
	    ctl_quote(account->home));
}

static void
print_amount(const char *name, uint64_t value, uint64_t none, const char *unit)
{
	int gap = 13 - (int)strlen(name);

	if (value == none)
		printf("%s:%*snone\n", name, gap, "");
	else
		printf("%s:%*s%llu %s\n", name, gap, "", (unsigned long long)value, unit);
}

static void
print_account_mode(const char *name, uint32_t mode)
{
	if (mode != 0) /* else as configured */
		printf(
		    "%s:%*s%04o\n", name, 13 - (int)strlen(name) < 1 ? 1 : 13 - (int)strlen(name), "", (unsigned)mode);
}

static void
print_keep(const struct keep_rules *keep)
{
	if (keep->days > 0)
		printf("keep:         %u day%s\n", (unsigned)keep->days, amount_plural(keep->days));
	if (keep->quota_bytes != KEEP_NO_QUOTA)
		print_amount("keep-quota", keep->quota_bytes, KEEP_NO_QUOTA, "bytes");
	if (keep->retain_days > 0)
		printf("retain:       %u day%s\n", (unsigned)keep->retain_days, amount_plural(keep->retain_days));
	if (keep->brake_changes > 0)
		printf("keep-brake:   %u in %u second%s\n", (unsigned)keep->brake_changes, (unsigned)keep->brake_s,
		    amount_plural(keep->brake_s));
}

static void
print_account(const struct ctl *ctl, const struct account *account)
{
	char date[DATE_SIZE], rights[RIGHTS_TEXT_MAX];
	struct buf from;

	buf_init(&from, ACCOUNT_ALLOW_MAX * ADDRESS_TEXT_MAX);
	for (size_t i = 0; i < account->allow_from_count; i++) {
		buf_add_text(&from, i == 0 ? "" : ", ");
		add_block(&from, &account->allow_from[i]);
	}
	printf("name:         %s\n", ctl_quote(account->name));
	printf("state:        %s\n", state_here(ctl, account));
	printf("uid, gid:     %u, %u\n", account->uid, account->gid);
	printf("home:         %s\n", ctl_quote(account->home));
	if (account->takes_any)
		printf("password:     any\n");
	if (account->tls != ACCOUNT_TLS_AS_CONFIGURED)
		printf("tls:          %s\n", tls_word(account));
	printf("read-only:    %s\n", account->is_read_only ? "yes" : "no");
	rights_text(account_rights(account), rights);
	printf("rights:       %s\n", rights[0] == '\0' ? "none" : rights);
	print_zones(account);
	print_patterns(account, "hide", false);
	print_patterns(account, "deny", true);
	print_grants(account);
	if (account->max_sessions == 0)
		printf("max-sessions: no limit of its own\n");
	else
		printf("max-sessions: %u\n", account->max_sessions);
	print_amount("quota", account->quota_bytes, ACCOUNT_NO_QUOTA, "bytes");
	print_amount("quota-files", account->quota_files, ACCOUNT_NO_QUOTA, "files");
	print_amount("rate-down", account->rate_down, 0, "bytes per second");
	print_amount("rate-up", account->rate_up, 0, "bytes per second");
	print_keep(&account->keep);
	print_account_mode("file-mode", account->file_mode);
	print_account_mode("directory-mode", account->directory_mode);
	printf("expires:      %s\n", date_of(account, date));
	printf("allow-from:   %s\n", from.len == 0 ? "any" : from.data);
	for (size_t i = 0; i < account->password_count; i++)
		printf("password:     %s\n", account->passwords[i].label);
	if (account_pam_service(account) != NULL)
		printf("PAM service:  %s\n", account_pam_service(account));
	print_group_of(account);
	buf_free(&from);
}

/* One run of "user list". */
struct listing {
	const struct ctl *ctl;
	const char *store;
	json_t *list; /* NULL: rows on standard output */
};

static void
list_account(const char *line, size_t len, const struct account *account, void *arg)
{
	struct listing *listing = arg;
	json_t *object;

	(void)line;
	(void)len;
	if (account == NULL)
		return;
	if (listing->list == NULL) {
		print_account_row(listing->ctl, account);
		return;
	}
	object = account_json(listing->ctl, account);
	json_object_set_new(object, "store", json_string(listing->store));
	json_array_append_new(listing->list, object);
}

static enum ctl_exit
list_book(const struct ctl *ctl, enum book_kind kind, json_t *list)
{
	struct listing listing = {.ctl = ctl, .store = book_word(kind), .list = list};
	struct book *book = book_open(ctl, kind, false);
	enum ctl_exit status = CTL_FAILED;

	if (book != NULL && book_each(book, true, list_account, &listing) == 0)
		status = CTL_DONE;
	book_close(book);
	return status;
}

enum ctl_exit
user_list(struct ctl *ctl)
{
	json_t *list = ctl->is_json ? json_array() : NULL;
	enum ctl_exit status = CTL_DONE;
	bool has_store = book_is_configured(ctl, BOOK_STORE);

	if (book_kind_for_new(ctl) < 0)
		return CTL_USAGE;
	if (list == NULL)
		printf("%-24s %10s  %-11s %-10s %s\n", "NAME", "UID", "STATE", "RIGHTS", "HOME");
	if ((book_is_configured(ctl, BOOK_FILE) || !has_store) && list_book(ctl, BOOK_FILE, list) != CTL_DONE)
		status = CTL_FAILED;
	if (has_store && list_book(ctl, BOOK_STORE, list) != CTL_DONE)
		status = CTL_FAILED;
	if (list != NULL && ctl_print_json(list) != CTL_DONE)
		status = CTL_FAILED;
	return status;
}

static enum ctl_exit
show_account_facts(struct ctl *ctl, const struct account *account, const void *arg)
{
	struct brake_fall fall;
	char stamp[UTC_STAMP_SIZE];

	(void)arg;
	if (ctl->is_json)
		return ctl_print_json(account_json(ctl, account));
	print_account(ctl, account);
	if (!user_brake_has_fallen(ctl, account->name, &fall))
		return CTL_DONE;
	utc_stamp(fall.time_s, stamp);
	printf("brake:        fallen at %.4s-%.2s-%.2s %.2s:%.2s:%.2s UTC, session %s from %s; "
	       "'sallyportctl user unbrake' lifts it\n",
	    stamp, stamp + 4, stamp + 6, stamp + 8, stamp + 10, stamp + 12, fall.session, fall.address);
	return CTL_DONE;
}

enum ctl_exit
user_show(struct ctl *ctl)
{
	return ctl_show_user(ctl, show_account_facts, NULL);
}
