/* SPDX-License-Identifier: ISC */
#include "client/engine/proxy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client/engine/url.h"
#include "common/address.h"
#include "common/text.h"

#include "common/banned.h"

#define SOCKS_PORT 1080

static const struct {
	const char *prefix;
	uint16_t port; /* 0: there is no usual one */
} proxy_schemes[] = {
    [PROXY_SOCKS5] = {"socks5://", SOCKS_PORT},
    [PROXY_SOCKS5H] = {"socks5h://", SOCKS_PORT},
    [PROXY_HTTP] = {"http://", 0},
};

#define KIND_COUNT (sizeof(proxy_schemes) / sizeof(proxy_schemes[0]))

/* The scheme of text, which moves behind it; -EINVAL for one that is not known. */
static int
take_scheme(const char **text, enum proxy_kind *kind, const char **why)
{
	*kind = PROXY_HTTP;
	if (strstr(*text, "://") == NULL)
		return 0;
	for (size_t i = 0; i < KIND_COUNT; i++) {
		size_t len = strlen(proxy_schemes[i].prefix);

		if (strncasecmp(*text, proxy_schemes[i].prefix, len) == 0) {
			*text += len;
			*kind = (enum proxy_kind)i;
			return 0;
		}
	}
	*why = "the scheme of a proxy is socks5://, socks5h:// or http://";
	return -EINVAL;
}

static bool
is_secret_too_long(const char *secret)
{
	return secret != NULL && strlen(secret) > PROXY_SECRET_MAX;
}

static int
check_parts(const struct ftp_url *url, const char **why)
{
	if (url->port == 0)
		*why = "the port is missing, as in http://proxy.example:3128";
	else if (strlen(url->host) > UINT8_MAX)
		*why = "the host name is longer than 255 bytes";
	else if (is_secret_too_long(url->user) || is_secret_too_long(url->password))
		*why = "user and password have at most 255 bytes each";
	else if (url->user != NULL && strchr(url->user, ':') != NULL)
		*why = "a user with ':' in the name cannot log in at a proxy";
	else
		return 0;
	return -EINVAL;
}

int
proxy_parse(const char *text, struct proxy *proxy, const char **why)
{
	struct ftp_url url = {0};
	enum proxy_kind kind;
	const char *slash;
	size_t len;
	int r;

	*proxy = (struct proxy){0};
	*why = "";
	r = take_scheme(&text, &kind, why);
	if (r < 0)
		return r;
	slash = strchr(text, '/');
	len = slash == NULL ? strlen(text) : (size_t)(slash - text);
	if (slash != NULL && slash[1] != '\0') {
		*why = "a proxy has no path after its port";
		return -EINVAL;
	}
	url.port = proxy_schemes[kind].port;
	r = url_parse_server(text, len, &url, why);
	if (r == 0)
		r = check_parts(&url, why);
	if (r < 0) {
		ftp_url_free(&url);
		return r;
	}
	*proxy = (struct proxy){kind, url.host, url.port, url.user, url.password};
	return 0;
}

void
proxy_free(struct proxy *proxy)
{
	if (proxy->password != NULL)
		explicit_bzero(proxy->password, strlen(proxy->password));
	free(proxy->password);
	free(proxy->user);
	free(proxy->host);
	*proxy = (struct proxy){0};
}

void
proxy_text(const struct proxy *proxy, char *text, size_t size)
{
	bool is_bracketed = strchr(proxy->host, ':') != NULL;

	snprintf(text, size, "%s%s%s%s:%u", proxy_schemes[proxy->kind].prefix, is_bracketed ? "[" : "", proxy->host,
	    is_bracketed ? "]" : "", proxy->port);
}

/* --- which servers are reached without it --- */

/* Cut ":PORT" and brackets off a word. False when it names another port. */
static bool
is_for_port(char *word, uint16_t port)
{
	char *colon = strrchr(word, ':'), *close = strchr(word, ']');
	uint64_t wanted;

	/* an IPv6 address without brackets has colons of its own */
	if (colon != NULL && (close != NULL ? colon == close + 1 : strchr(word, ':') == colon)) {
		if (parse_u64(colon + 1, UINT16_MAX, &wanted) < 0 || wanted != port)
			return false;
		*colon = '\0';
	}
	if (word[0] == '[' && close != NULL) {
		*close = '\0';
		memmove(word, word + 1, strlen(word));
	}
	return true;
}

static bool
is_name_below(const char *domain, const char *host)
{
	size_t domain_len, host_len = strlen(host);

	if (*domain == '.')
		domain++;
	domain_len = strlen(domain);
	if (domain_len == 0 || host_len < domain_len || strcasecmp(host + host_len - domain_len, domain) != 0)
		return false;
	return host_len == domain_len || host[host_len - domain_len - 1] == '.';
}

static bool
is_word_for(char *word, const char *host, uint16_t port)
{
	struct address_block block;
	union address address;

	if (strcmp(word, "*") == 0)
		return true;
	if (!is_for_port(word, port))
		return false;
	if (address_parse(host, &address) < 0)
		return is_name_below(word, host);
	return address_block_parse(word, &block) == 0 && address_in_block(&address, &block);
}

bool
proxy_is_bypassed(const char *list, const char *host, uint16_t port)
{
	static const char between[] = ", \t";

	while (*list != '\0') {
		size_t len = strcspn(list, between);
		char word[256];

		if (len > 0 && len < sizeof(word)) {
			memcpy(word, list, len);
			word[len] = '\0';
			if (is_word_for(word, host, port))
				return true;
		}
		list += len;
		list += strspn(list, between);
	}
	return false;
}
