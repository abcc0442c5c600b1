/* SPDX-License-Identifier: ISC */
#include "config/key_kinds.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/text.h"
#include "common/text_variables.h"
#include "common/units.h"
#include "config/config.h"
#include "config/values.h"

#include "common/banned.h"

#define MINUTE 60
#define HOUR 3600
#define DAY 86400

/* The parts of accounts but the first, the users file. */
#define STORE_PREFIX "postgresql:"
#define PAM_PREFIX "pam:"

static void *
field_of(const struct config_key *key, void *values)
{
	return (char *)values + key->offset;
}

/* Of a list: it stands behind the field. */
static size_t *
count_of(const struct config_key *key, void *values)
{
	return (size_t *)(void *)((char *)values + key->offset + key->size);
}

#define COUNT_FOLLOWS(type, list, count) \
	_Static_assert(offsetof(struct type, count) == offsetof(struct type, list) + sizeof(((struct type *)0)->list), \
	    "count_of() finds it")

COUNT_FOLLOWS(config, listen, listen_count);
COUNT_FOLLOWS(config, listen_tls, listen_tls_count);
COUNT_FOLLOWS(config, listen_proxied, listen_proxied_count);
COUNT_FOLLOWS(config, listen_proxied_tls, listen_proxied_tls_count);
COUNT_FOLLOWS(config, proxy_from, proxy_from_count);
COUNT_FOLLOWS(config, limits.never_ban, limits.never_ban_count);
COUNT_FOLLOWS(config_server, addresses, address_count);

static void
store_number(void *field, size_t size, uint64_t value)
{
	uint16_t u16 = (uint16_t)value;
	uint32_t u32 = (uint32_t)value;

	if (size == sizeof(u16))
		memcpy(field, &u16, sizeof(u16));
	else if (size == sizeof(u32))
		memcpy(field, &u32, sizeof(u32));
	else
		memcpy(field, &value, sizeof(value));
}

static void
add_duration(struct buf *out, uint64_t seconds)
{
	if (seconds >= DAY && seconds % DAY == 0)
		buf_addf(out, "%llud", (unsigned long long)seconds / DAY);
	else if (seconds >= HOUR && seconds % HOUR == 0)
		buf_addf(out, "%lluh", (unsigned long long)seconds / HOUR);
	else if (seconds >= MINUTE && seconds % MINUTE == 0)
		buf_addf(out, "%llum", (unsigned long long)seconds / MINUTE);
	else
		buf_addf(out, "%llus", (unsigned long long)seconds);
}

static void
add_exact_size(struct buf *out, uint64_t bytes)
{
	char text[UNITS_TEXT_MAX];

	units_exact_size(bytes, text);
	buf_add_text(out, text);
}

static uint64_t
load_number(const void *field, size_t size)
{
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;

	if (size == sizeof(u16)) {
		memcpy(&u16, field, sizeof(u16));
		return u16;
	}
	if (size == sizeof(u32)) {
		memcpy(&u32, field, sizeof(u32));
		return u32;
	}
	memcpy(&u64, field, sizeof(u64));
	return u64;
}

/* What a value may be, for an error. */

static void
describe_listen(const struct config_key *key, struct buf *out)
{
	(void)key;
	buf_addf(out, "a list of at most %d of \"*:PORT\", \"IPV4:PORT\", \"[IPV6]:PORT\"", CONFIG_LISTEN_MAX);
}

static void
describe_blocks(const struct config_key *key, struct buf *out)
{
	(void)key;
	buf_addf(out, "a list of at most %d networks, such as \"192.0.2.0/24\", \"2001:db8::/32\"", CONFIG_BLOCKS_MAX);
}

static void
describe_text(const struct config_key *key, struct buf *out)
{
	buf_addf(out, "one line of UTF-8 text of %llu to %llu bytes", (unsigned long long)key->low,
	    (unsigned long long)key->high);
}

static void
describe_banner(const struct config_key *key, struct buf *out)
{
	describe_text(key, out);
	buf_add_text(out, ", in which %{host}, %{address}, %{date} and %{time} are variables");
}

static void
describe_name(const struct config_key *key, struct buf *out)
{
	buf_addf(out, "the name of a system user%s", key->low == 0 ? ", or \"\"" : "");
}

static void
describe_path(const struct config_key *key, struct buf *out)
{
	buf_addf(out, "an absolute path of at most %llu bytes", (unsigned long long)key->high);
}

static void
describe_accounts(const struct config_key *key, struct buf *out)
{
	describe_path(key, out);
	buf_add_text(
	    out, ", \"postgresql:PATH\" or \"pam:SERVICE\", or several of them in this order with ',' between");
}

static void
describe_number(const struct config_key *key, struct buf *out)
{
	buf_addf(out, "a number from %llu to %llu", (unsigned long long)key->low, (unsigned long long)key->high);
}

static void
describe_size(const struct config_key *key, struct buf *out)
{
	buf_add_text(out, "a size from ");
	add_exact_size(out, key->low);
	buf_add_text(out, " to ");
	add_exact_size(out, key->high);
	buf_add_text(out, " (bytes, or with K, M, G or T)");
}

static void
describe_duration(const struct config_key *key, struct buf *out)
{
	buf_add_text(out, "a time from ");
	add_duration(out, key->low);
	buf_add_text(out, " to ");
	add_duration(out, key->high);
	buf_add_text(out, " (seconds, or with s, m, h or d)");
}

static void
describe_mode(const struct config_key *key, struct buf *out)
{
	buf_addf(out, "an octal mode with %04llo and at most %04llo, such as \"%s\"", (unsigned long long)key->low,
	    (unsigned long long)key->high, key->initial);
}

static void
describe_range(const struct config_key *key, struct buf *out)
{
	buf_addf(out, "\"LOW-HIGH\" within %llu-%llu", (unsigned long long)key->low, (unsigned long long)key->high);
}

static void
describe_choice(const struct config_key *key, struct buf *out)
{
	buf_add_text(out, "one of ");
	for (size_t i = 0; i < KEY_CHOICES_MAX && key->choices[i] != NULL; i++)
		buf_addf(out, "%s\"%s\"", i == 0 ? "" : ", ", key->choices[i]);
}

static void
describe_locals(const struct config_key *key, struct buf *out)
{
	(void)key;
	buf_addf(out,
	    "a list of at most %d addresses of this host without a port, such as \"192.0.2.7\", \"2001:db8::7\"",
	    CONFIG_SERVER_ADDRESSES_MAX);
}

/* The value in force. */

static const char *
field_to_print(const struct config_key *key, const void *values)
{
	return (const char *)values + key->offset;
}

static void
add_listen(const struct config_listen *listen, struct buf *out)
{
	char address[ADDRESS_TEXT_MAX];

	address_text(&listen->address, address);
	if (listen->any_family)
		buf_addf(out, "*:%u", listen->port);
	else
		buf_addf(out, listen->address.family == AF_INET6 ? "[%s]:%u" : "%s:%u", address, listen->port);
}

static void
print_listen(const struct config_key *key, const void *values, struct buf *out)
{
	const struct config_listen *list = (const void *)field_to_print(key, values);
	size_t count = *(const size_t *)(const void *)(field_to_print(key, values) + key->size);

	for (size_t i = 0; i < count; i++) {
		buf_add_text(out, i == 0 ? "" : ", ");
		add_listen(&list[i], out);
	}
}

static void
print_blocks(const struct config_key *key, const void *values, struct buf *out)
{
	const struct address_block *list = (const void *)field_to_print(key, values);
	size_t count = *(const size_t *)(const void *)(field_to_print(key, values) + key->size);
	char address[ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < count; i++) {
		address_text(&list[i].network, address);
		buf_addf(out, "%s%s/%u", i == 0 ? "" : ", ", address, list[i].bits);
	}
}

static void
print_locals(const struct config_key *key, const void *values, struct buf *out)
{
	const union address *list = (const void *)field_to_print(key, values);
	size_t count = *(const size_t *)(const void *)(field_to_print(key, values) + key->size);
	char address[ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < count; i++) {
		address_text(&list[i], address);
		buf_addf(out, "%s%s", i == 0 ? "" : ", ", address);
	}
}

static uint64_t
number_to_print(const struct config_key *key, const void *values)
{
	return load_number(field_to_print(key, values), key->size);
}

static void
print_as_text(const struct config_key *key, const void *values, struct buf *out)
{
	const char *text = *(char *const *)(const void *)field_to_print(key, values);

	escape_bytes(out, ESCAPE_LOG, text, strlen(text));
}

static void
print_accounts(const struct config_key *key, const void *values, struct buf *out)
{
	const struct config *config = values;
	const char *between = config->accounts[0] == '\0' ? "" : ",";

	print_as_text(key, values, out);
	if (config->store_conf[0] != '\0') {
		buf_addf(out, "%s" STORE_PREFIX, between);
		escape_bytes(out, ESCAPE_LOG, config->store_conf, strlen(config->store_conf));
		between = ",";
	}
	if (config->pam_service[0] != '\0')
		buf_addf(out, "%s" PAM_PREFIX "%s", between, config->pam_service);
}

static void
print_bool(const struct config_key *key, const void *values, struct buf *out)
{
	buf_add_text(out, *(const bool *)field_to_print(key, values) ? "yes" : "no");
}

static void
print_number(const struct config_key *key, const void *values, struct buf *out)
{
	buf_addf(out, "%llu", (unsigned long long)number_to_print(key, values));
}

static void
print_size(const struct config_key *key, const void *values, struct buf *out)
{
	add_exact_size(out, number_to_print(key, values));
}

static void
print_duration(const struct config_key *key, const void *values, struct buf *out)
{
	add_duration(out, number_to_print(key, values));
}

static void
print_mode(const struct config_key *key, const void *values, struct buf *out)
{
	buf_addf(out, "%04llo", (unsigned long long)number_to_print(key, values));
}

static void
print_range(const struct config_key *key, const void *values, struct buf *out)
{
	const char *field = field_to_print(key, values);

	buf_addf(out, "%llu-%llu", (unsigned long long)load_number(field, key->size),
	    (unsigned long long)load_number(field + key->size, key->size));
}

static void
print_choice(const struct config_key *key, const void *values, struct buf *out)
{
	buf_add_text(out, key->choices[number_to_print(key, values)]);
}

/*
 * Each set_ function returns NULL, or an error as a phrase that comes before the value. key_no_memory is not the
 * value's fault.
 */
const char key_no_memory[] = "no memory for";

static const char *
set_text_field(const struct config_key *key, const char *text, void *values)
{
	char **field = field_of(key, values);
	char *copy = strdup(text);

	if (copy == NULL)
		return key_no_memory;
	free(*field);
	*field = copy;
	return NULL;
}

static const char *
set_address(const struct config_key *key, const char *text, void *values)
{
	struct config *config = values;
	union address address;
	bool is_auto = strcmp(text, "auto") == 0;

	if (!is_auto && address_parse(text, &address) < 0 && (!value_is_host_name(text) || strlen(text) > key->high))
		return "neither an address nor a host name:";
	config->passive_address_auto = is_auto;
	return set_text_field(key, text, values);
}

static const char *
set_hosts(const struct config_key *key, const char *text, void *values)
{
	const char *next = text;

	if (strlen(text) > key->high)
		return "too long:";
	while (text[0] != '\0') {
		size_t len = strcspn(next, ",");

		if (!value_is_host(next, len))
			return "neither an address nor a host name in";
		if (next[len] == '\0')
			break;
		next += len + 1;
	}
	return set_text_field(key, text, values);
}

static const char *
set_listen(const struct config_key *key, const char *text, void *values)
{
	struct config_listen *list = field_of(key, values);
	size_t *count = count_of(key, values);
	struct config_listen listen;
	const char *wrong;

	wrong = value_parse_listen(text, &listen);
	if (wrong != NULL)
		return wrong;
	if (*count == CONFIG_LISTEN_MAX)
		return "one address too many:";
	list[(*count)++] = listen;
	return NULL;
}

/* Whoever may ask may read: only this machine may. */
static const char *
set_local(const struct config_key *key, const char *text, void *values)
{
	struct config *config = values;
	struct config_listen listen = {.any_family = false};
	const char *wrong = NULL;

	if (strncmp(text, "unix:", 5) == 0)
		wrong = has_control(text, strlen(text)) ? "a control character in"
							: value_path_refusal(text + 5, key->high);
	else if (text[0] != '\0')
		wrong = value_parse_listen(text, &listen);
	if (wrong == NULL &&
	    (listen.any_family || (listen.address.family != AF_UNSPEC && !address_is_loopback(&listen.address))))
		wrong = "not a loopback address, and the metrics have no password:";
	if (wrong != NULL)
		return wrong;
	config->metrics_address = listen.address;
	return set_text_field(key, text, values);
}

static const char *
set_blocks(const struct config_key *key, const char *text, void *values)
{
	struct address_block *list = field_of(key, values);
	size_t *count = count_of(key, values);
	struct address_block block;

	if (address_block_parse(text, &block) < 0)
		return "not a network:";
	if (*count == CONFIG_BLOCKS_MAX)
		return "one network too many:";
	list[(*count)++] = block;
	return NULL;
}

static const char *
set_locals(const struct config_key *key, const char *text, void *values)
{
	union address *list = field_of(key, values);
	size_t *count = count_of(key, values);
	union address address;

	if (address_parse(text, &address) < 0)
		return "not a numeric address:";
	address_unmap(&address);
	if (address_is_wildcard(&address))
		return "an address that no client dials:";
	for (size_t i = 0; i < *count; i++)
		if (address_same_host(&list[i], &address))
			return "twice in the list:";
	if (*count == CONFIG_SERVER_ADDRESSES_MAX)
		return "one address too many:";
	list[(*count)++] = address;
	return NULL;
}

static const char *
set_bool(const struct config_key *key, const char *text, void *values)
{
	static const char *const words[][2] = {{"no", "yes"}, {"false", "true"}, {"off", "on"}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		for (size_t value = 0; value < 2; value++) {
			if (strcmp(text, words[i][value]) == 0) {
				*(bool *)field_of(key, values) = value == 1;
				return NULL;
			}
		}
	}
	return "neither yes nor no:";
}

/* A number of any notation: what parse made of it. */
static const char *
set_parsed(const struct config_key *key, void *values, int r, uint64_t value, const char *malformed)
{
	if (r == -EINVAL)
		return malformed;
	if (r < 0 || value < key->low || value > key->high)
		return "out of range:";
	store_number(field_of(key, values), key->size, value);
	return NULL;
}

static const char *
set_whole_number(const struct config_key *key, const char *text, void *values)
{
	uint64_t value = 0;
	int r = parse_u64(text, UINT64_MAX, &value);

	return set_parsed(key, values, r, value, "not a number:");
}

static const char *
set_size(const struct config_key *key, const char *text, void *values)
{
	uint64_t value = 0;
	int r = parse_size(text, UINT64_MAX, &value);

	return set_parsed(key, values, r, value, "not a size:");
}

static const char *
set_duration(const struct config_key *key, const char *text, void *values)
{
	uint64_t value = 0;
	int r = parse_duration(text, UINT64_MAX, &value);

	return set_parsed(key, values, r, value, "not a time:");
}

static const char *
set_mode(const struct config_key *key, const char *text, void *values)
{
	uint32_t mode;

	if (parse_mode(text, &mode) < 0)
		return "not an octal mode:";
	if ((mode & key->low) != key->low)
		return "a mode that locks out the owner:";
	if ((mode & ~(uint32_t)key->high) != 0)
		return "a mode with special bits:";
	store_number(field_of(key, values), key->size, mode);
	return NULL;
}

static const char *
set_range(const struct config_key *key, const char *text, void *values)
{
	const char *dash = strchr(text, '-');
	char *field = field_of(key, values);
	char first[24];
	uint64_t low, high;
	size_t len = dash == NULL ? sizeof(first) : (size_t)(dash - text);

	if (len >= sizeof(first))
		return "not a range:";
	memcpy(first, text, len);
	first[len] = '\0';
	if (parse_u64(first, UINT64_MAX, &low) < 0 || parse_u64(dash + 1, UINT64_MAX, &high) < 0)
		return "not a range:";
	if (low < key->low || low > key->high || high > key->high)
		return "out of range:";
	if (low > high)
		return "a range that ends before it begins:";
	store_number(field, key->size, low);
	store_number(field + key->size, key->size, high);
	return NULL;
}

static const char *
set_choice(const struct config_key *key, const char *text, void *values)
{
	for (size_t i = 0; i < KEY_CHOICES_MAX && key->choices[i] != NULL; i++) {
		if (strcmp(text, key->choices[i]) == 0) {
			store_number(field_of(key, values), key->size, i);
			return NULL;
		}
	}
	return "not a known word:";
}

/* One name of len bytes. */
static const char *
one_service_refusal(const char *name, size_t len)
{
	char text[PAM_SERVICE_MAX + 1];

	if (len > PAM_SERVICE_MAX)
		return "not the name of a PAM service in";
	memcpy(text, name, len);
	text[len] = '\0';
	return value_is_plain_name(text, ".") ? NULL : "not the name of a PAM service in";
}

static const char *
set_services(const struct config_key *key, const char *text, void *values)
{
	const char *next = text, *wrong = NULL;

	if (strlen(text) > key->high)
		return "too long:";
#ifndef SALLYPORT_PAM
	if (text[0] != '\0')
		return "this program was built without PAM:";
#endif
	while (text[0] != '\0' && wrong == NULL) {
		size_t len = strcspn(next, ",");

		wrong = one_service_refusal(next, len);
		if (next[len] == '\0')
			break;
		next += len + 1;
	}
	return wrong != NULL ? wrong : set_text_field(key, text, values);
}

static const char *
set_pam_service(const char *service, struct config *config)
{
#ifdef SALLYPORT_PAM
	if (!value_is_plain_name(service, ".") || strlen(service) > PAM_SERVICE_MAX)
		return "not the name of a PAM service in";
	memcpy(config->pam_service, service, strlen(service) + 1);
	return NULL;
#else
	(void)service;
	(void)config;
	return "this program was built without PAM:";
#endif
}

/* A path that no prefix begins, of len bytes. */
static const char *
copy_path(const struct config_key *key, const char *text, size_t len, char path[PATH_MAX])
{
	if (len >= PATH_MAX)
		return "too long a path:";
	memcpy(path, text, len);
	path[len] = '\0';
	return value_path_refusal(path, key->high);
}

static bool
starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* The path of the database's file, without its prefix. */
static const char *
set_store(const struct config_key *key, const char *text, size_t len, struct config *config)
{
	char path[PATH_MAX];
	const char *wrong = len == 0 ? "no path after \"" STORE_PREFIX "\" in" : copy_path(key, text, len, path);
	char *copy;

	if (wrong == NULL && starts_with(text, "//"))
		wrong = "an address of a database, where the path of a file with it is wanted, in";
	if (wrong == NULL && strstr(path, "," STORE_PREFIX) != NULL)
		wrong = "\"" STORE_PREFIX "\" twice in";
	if (wrong == NULL && strstr(path, ",/") != NULL)
		wrong = "a users file that does not come first in";
	if (wrong != NULL)
		return wrong;
	copy = strdup(path);
	if (copy == NULL)
		return key_no_memory;
	free(config->store_conf);
	config->store_conf = copy;
	return NULL;
}

/* What stands behind a PAM service is no part of its name. */
static const char *
service_refusal(const char *service)
{
	const char *next = strchr(service, ',');

	if (service[0] == '\0')
		return "no service after \"" PAM_PREFIX "\" in";
	return next != NULL && (starts_with(next + 1, STORE_PREFIX) || next[1] == '/') ? "PAM before the others in"
										       : NULL;
}

/* The last part that is PAM's, and the first that is the database's; a path may have commas. */
static void
split_accounts(const char *text, const char **store, const char **service)
{
	*service = starts_with(text, PAM_PREFIX) ? text : NULL;
	for (const char *p = strstr(text, "," PAM_PREFIX); p != NULL; p = strstr(p + 1, "," PAM_PREFIX))
		*service = p + 1;
	*store = starts_with(text, STORE_PREFIX) ? text : strstr(text, "," STORE_PREFIX);
	if (*store != NULL && **store == ',')
		++*store;
	if (*service != NULL && *store > *service)
		*store = NULL;
}

/* How many bytes before the next part belong to this one. */
static size_t
part_len(const char *from, const char *next)
{
	return next == NULL ? strlen(from) : next == from ? 0 : (size_t)(next - from) - 1;
}

static const char *
set_accounts(const struct config_key *key, const char *text, void *values)
{
	struct config *config = values;
	const char *store, *service, *wrong;
	char path[PATH_MAX] = "";
	size_t len;

	if (has_control(text, strlen(text)))
		return "a control character in";
	split_accounts(text, &store, &service);
	len = part_len(text, store != NULL ? store : service);
	if (service != NULL && service != text && starts_with(text, PAM_PREFIX))
		return "\"" PAM_PREFIX "\" twice in";
	wrong = service == NULL ? NULL : service_refusal(service + strlen(PAM_PREFIX));
	if (wrong == NULL && text != store && text != service)
		wrong = copy_path(key, text, len, path);
	if (wrong != NULL)
		return wrong;
	config->pam_service[0] = '\0';
	free(config->store_conf);
	config->store_conf = strdup("");
	if (config->store_conf == NULL)
		return key_no_memory;
	if (store != NULL)
		wrong = set_store(
		    key, store + strlen(STORE_PREFIX), part_len(store, service) - strlen(STORE_PREFIX), config);
	if (wrong == NULL && service != NULL)
		wrong = set_pam_service(service + strlen(PAM_PREFIX), config);
	return wrong != NULL ? wrong : set_text_field(key, path, values);
}

static bool
is_log_target_word(const char *text)
{
	return strcmp(text, "syslog") == 0 || strcmp(text, "journal") == 0 || strcmp(text, "stderr") == 0;
}

/* No control characters, and as many bytes as the key allows. */
static const char *
check_line(const struct config_key *key, const char *text)
{
	size_t len = strlen(text);

	if (has_control(text, len))
		return "a control character in";
	if (len < key->low || len > key->high)
		return len == 0 ? "empty:" : "too long:";
	return NULL;
}

static const char *
set_line(const struct config_key *key, const char *text, void *values)
{
	const char *wrong = utf8_valid(text, strlen(text)) ? check_line(key, text) : "not UTF-8:";

	return wrong != NULL ? wrong : set_text_field(key, text, values);
}

static const char *
set_banner(const struct config_key *key, const char *text, void *values)
{
	return text_variables_are_early(text) ? set_line(key, text, values)
					      : "a variable without a value before the login in";
}

static const char *
set_user_name(const struct config_key *key, const char *text, void *values)
{
	const char *wrong = check_line(key, text);

	if (wrong == NULL && text[0] != '\0' && !value_is_plain_name(text, "."))
		wrong = "not a user name:";
	return wrong != NULL ? wrong : set_text_field(key, text, values);
}

static const char *
set_path(const struct config_key *key, const char *text, void *values)
{
	const char *wrong =
	    has_control(text, strlen(text)) ? "a control character in" : value_path_refusal(text, key->high);

	return wrong != NULL ? wrong : set_text_field(key, text, values);
}

static const char *
set_path_or_none(const struct config_key *key, const char *text, void *values)
{
	return text[0] == '\0' ? set_text_field(key, text, values) : set_path(key, text, values);
}

static const char *
set_log_target(const struct config_key *key, const char *text, void *values)
{
	return is_log_target_word(text) ? set_text_field(key, text, values) : set_path(key, text, values);
}

/* clang-format off */
static const struct key_kind kinds[KEY_TYPE_COUNT] = {
    /*                    what it may be    or, without figures          in force        from text */
    [KEY_LISTEN] =       {describe_listen,   NULL,                       print_listen,   set_listen,       .is_list = true},
    [KEY_BLOCKS] =       {describe_blocks,   NULL,                       print_blocks,   set_blocks,       .is_list = true},
    [KEY_LOCALS] =       {describe_locals,   NULL,                       print_locals,   set_locals,       .is_list = true},
    [KEY_TEXT] =         {describe_text,     NULL,                       print_as_text,  set_line,         .is_text = true},
    [KEY_BANNER] =       {describe_banner,   NULL,                       print_as_text,  set_banner,       .is_text = true},
    [KEY_NAME] =         {describe_name,     NULL,                       print_as_text,  set_user_name,    .is_text = true},
    [KEY_PATH] =         {describe_path,     NULL,                       print_as_text,  set_path,         .is_text = true},
    [KEY_PATH_OR_NONE] = {NULL, "an absolute path, or \"\"",             print_as_text,  set_path_or_none, .is_text = true},
    [KEY_LOG_TARGET] =   {NULL, "\"syslog\", \"journal\", \"stderr\" or an absolute path", print_as_text, set_log_target, .is_text = true},
    [KEY_ADDRESS] =      {NULL, "\"auto\", a numeric address or a host name", print_as_text, set_address, .is_text = true},
    [KEY_ACCOUNTS] =     {describe_accounts, NULL,                       print_accounts, set_accounts,     .is_text = true},
    [KEY_LOCAL] =        {NULL, "a loopback address and port (\"127.0.0.1:9121\", \"[::1]:9121\"), \"unix:/PATH\", or \"\"", print_as_text, set_local, .is_text = true},
    [KEY_SERVICES] =     {NULL, "names of files in /etc/pam.d separated by ',', or \"\"", print_as_text, set_services, .is_text = true},
    [KEY_HOSTS] =        {NULL, "host names and addresses separated by ',', or \"\"", print_as_text, set_hosts, .is_text = true},
    [KEY_BOOL] =         {NULL, "yes or no",                             print_bool,     set_bool, .is_text = false},
    [KEY_NUMBER] =       {describe_number,   NULL,                       print_number,   set_whole_number, .is_text = false},
    [KEY_SIZE] =         {describe_size,     NULL,                       print_size,     set_size, .is_text = false},
    [KEY_DURATION] =     {describe_duration, NULL,                       print_duration, set_duration, .is_text = false},
    [KEY_MODE] =         {describe_mode,     NULL,                       print_mode,     set_mode, .is_text = false},
    [KEY_RANGE] =        {describe_range,    NULL,                       print_range,    set_range, .is_text = false},
    [KEY_CHOICE] =       {describe_choice,   NULL,                       print_choice,   set_choice, .is_text = false},
};
/* clang-format on */

const struct key_kind *
key_kind(enum key_type type)
{
	return &kinds[type];
}
