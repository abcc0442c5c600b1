/* SPDX-License-Identifier: ISC */
#include "daemon/master/control_request.h"

#include <errno.h>
#include <string.h>

#include "accounts/account.h"
#include "common/text.h"
#include "daemon/master/bans.h"

#include "common/banned.h"

static const struct {
	const char *name;
	size_t words;
	const char *usage;
} commands[CONTROL_COMMAND_COUNT] = {
#define X(name, text, words, usage) [CONTROL_##name] = {(text), (words), text " " usage},
    CONTROL_COMMANDS(X)
#undef X
};

static const char *const targets[CONTROL_TARGET_COUNT] = {
    [CONTROL_ALL] = "all",
    [CONTROL_ID] = "id",
    [CONTROL_USER] = "user",
    [CONTROL_ADDRESS] = "address",
};

/* Split at tabs. Returns the number of words, more than max when there are too many. */
static size_t
split_request_words(char *line, char *words[], size_t max)
{
	size_t count = 0;

	for (char *word = line; word != NULL; count++) {
		char *tab = strchr(word, '\t');

		if (count == max)
			return max + 1;
		if (tab != NULL)
			*tab++ = '\0';
		words[count] = word;
		word = tab;
	}
	return count;
}

static int
parse_target(const char *word, enum control_target *target)
{
	for (size_t i = 0; i < CONTROL_TARGET_COUNT; i++) {
		if (strcmp(word, targets[i]) == 0) {
			*target = (enum control_target)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int
parse_address(const char *word, union address *address, const char **error)
{
	if (address_parse(word, address) < 0) {
		*error = "not a numeric IPv4 or IPv6 address";
		return -EINVAL;
	}
	address_unmap(address);
	return 0;
}

/* An address, or a network as bans are listed: "2001:db8::/64". */
static int
parse_banned(const char *word, union address *address, const char **error)
{
	struct address_key key;

	if (address_key_parse(word, &key) < 0 || strchr(word, '/') == NULL)
		return parse_address(word, address, error);
	address_key_network(&key, address);
	return 0;
}

static int
parse_sessions(char *const words[], struct control_request *request, const char **error)
{
	bool is_notice = request->command == CONTROL_SESSION_NOTIFY;

	*error = commands[request->command].usage;
	if (parse_target(words[1], &request->target) < 0)
		return -EINVAL;
	if (request->target == (is_notice ? CONTROL_ADDRESS : CONTROL_ALL))
		return -EINVAL;
	if (request->command == CONTROL_SESSION_KICK_ALL && request->target == CONTROL_ID)
		return -EINVAL; /* an id is that of one server */
	request->value = words[2];
	if (request->target == CONTROL_ADDRESS)
		return parse_address(words[2], &request->address, error);
	if (!is_notice)
		return 0;
	request->text = words[3];
	if (request->text[0] == '\0' || strlen(request->text) > NOTICE_TEXT_MAX) {
		*error = "the text of a notice has 1 to 512 bytes";
		return -EINVAL;
	}
	return 0;
}

static int
parse_level(const char *word, enum log_level *level)
{
	for (int i = 0; i < LEVEL_COUNT; i++) {
		if (strcmp(word, log_level_name((enum log_level)i)) == 0) {
			*level = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int
parse_words(char *const words[], struct control_request *request, const char **error)
{
	switch (request->command) {
	case CONTROL_SESSION_KICK:
	case CONTROL_SESSION_KICK_ALL:
	case CONTROL_SESSION_NOTIFY:
		return parse_sessions(words, request, error);
	case CONTROL_LOG_LEVEL:
		*error = "a level is debug, info, warning, error or critical";
		return parse_level(words[1], &request->level);
	case CONTROL_COUNT_HOME:
		request->value = words[1];
		return account_name_valid(
			   words[1] + (words[1][0] == '+'), strlen(words[1] + (words[1][0] == '+')), error)
		    ? 0
		    : -EINVAL;
	case CONTROL_BRAKE_LIFTED:
		request->value = words[1];
		return account_name_valid(words[1], strlen(words[1]), error) ? 0 : -EINVAL;
	case CONTROL_BAN_ADD:
		*error = "the time of a ban is a number of seconds, at most ten years";
		if (parse_u64(words[2], BAN_SECONDS_MAX, &request->seconds) < 0)
			return -EINVAL;
		return parse_banned(words[1], &request->address, error);
	case CONTROL_BAN_DEL:
		return parse_banned(words[1], &request->address, error);
	case CONTROL_BAN_LIST:
	case CONTROL_STATUS:
	case CONTROL_SESSION_LIST:
	case CONTROL_SESSION_WATCH:
	case CONTROL_RELOAD:
	case CONTROL_UPGRADE:
	case CONTROL_DRAIN:
	case CONTROL_STOP:
	case CONTROL_COMMAND_COUNT:
		break;
	}
	return 0;
}

/* No control character but the tab, and UTF-8: what is repeated in a reply does no harm there. */
static bool
is_text(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (line[i] != '\t' && has_control(&line[i], 1))
			return false;
	return utf8_valid(line, len);
}

int
control_request_parse(char *line, size_t len, struct control_request *request, const char **error)
{
	char *words[CONTROL_WORDS_MAX];
	size_t count, command = 0;

	memset(request, 0, sizeof(*request));
	request->value = request->text = "";
	*error = "a request is one line of UTF-8 text, words with a tab between them";
	if (!is_text(line, len))
		return -EINVAL;
	line[len] = '\0';
	count = split_request_words(line, words, CONTROL_WORDS_MAX);
	while (command < CONTROL_COMMAND_COUNT && strcmp(words[0], commands[command].name) != 0)
		command++;
	*error = "unknown request; sallyportctl and sallyportd must be of one version";
	if (command == CONTROL_COMMAND_COUNT)
		return -EINVAL;
	request->command = (enum control_command)command;
	*error = commands[command].usage;
	if (count != commands[command].words + 1)
		return -EINVAL;
	return parse_words(words, request, error);
}
