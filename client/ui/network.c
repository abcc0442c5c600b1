/* SPDX-License-Identifier: ISC */
#include "client/ui/network.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/ui/credentials.h"
#include "client/ui/report.h"

#include "common/banned.h"

#define PROXY_NONE "none"

/* The first of these variables that is set and not empty; its name goes to *name. */
static const char *
first_variable(const char *const *names, const char **name)
{
	for (; *names != NULL; names++) {
		const char *value = getenv(*names);

		if (value != NULL && *value != '\0') {
			*name = *names;
			return value;
		}
	}
	return NULL;
}

static const char *
proxy_of_environment(const char *host, uint16_t port, const char **name)
{
	static const char *const proxies[] = {"ftp_proxy", "FTP_PROXY", "all_proxy", "ALL_PROXY", NULL};
	static const char *const exceptions[] = {"no_proxy", "NO_PROXY", NULL};
	const char *unused, *list = first_variable(exceptions, &unused);

	if (list != NULL && proxy_is_bypassed(list, host, port))
		return NULL;
	return first_variable(proxies, name);
}

/* The text is not repeated where it may have a password in it. */
static enum exit_status
report_bad_proxy(const char *name, const char *text, const char *why)
{
	return strchr(text, '@') == NULL
	    ? report_usage("%s is '%s', which names no proxy: %s", name, report_quote(text), why)
	    : report_usage("%s names no proxy: %s", name, why);
}

static enum exit_status
find_proxy_password(struct proxy *proxy)
{
	struct credentials credentials;
	enum exit_status status = credentials_for_proxy(&credentials, proxy->host, proxy->user);

	if (status == EXIT_DONE && strlen(credentials.password) > PROXY_SECRET_MAX)
		status = report_usage("the password at the proxy is longer than %d bytes", PROXY_SECRET_MAX);
	if (status == EXIT_DONE) {
		proxy->password = strdup(credentials.password);
		if (proxy->password == NULL)
			status = report_no_memory();
	}
	credentials_free(&credentials);
	return status;
}

static enum exit_status
find_proxy(struct network *network, const struct options *options, const char *host, uint16_t port)
{
	const char *name = "", *text = options->proxy, *why = "";
	char shown[32];
	int r;

	if (text == NULL)
		text = proxy_of_environment(host, port, &name);
	if (text == NULL || strcmp(text, PROXY_NONE) == 0)
		return EXIT_DONE;
	snprintf(shown, sizeof(shown), "%s%s", options->proxy != NULL ? "--proxy" : "$", name);
	r = proxy_parse(text, &network->proxy, &why);
	if (r == -ENOMEM)
		return report_no_memory();
	if (r < 0)
		return report_bad_proxy(shown, text, why);
	if (options->proxy != NULL && network->proxy.password != NULL)
		return report_usage(
		    "a password in --proxy is seen by everybody in the list of processes; leave it out: it is "
		    "taken from $SALLYPORT_PROXY_PASSWORD or ~/.netrc, or asked for");
	if (options->is_active)
		return report_usage(
		    "--active cannot be used with the proxy of %s: in active mode the server connects to this "
		    "machine, and a proxy lets nobody in; leave --active out, or give --proxy none",
		    shown);
	return network->proxy.user == NULL || network->proxy.password != NULL ? EXIT_DONE
									      : find_proxy_password(&network->proxy);
}

static enum exit_status
find_source(struct network *network, const struct options *options)
{
	if (options->source == NULL)
		return EXIT_DONE;
	if (connect_source_parse(options->source, &network->source) < 0)
		return report_usage(
		    "--source is '%s'; it must be an address of this machine, or the name of an interface",
		    report_quote(options->source));
	if (options->family != AF_UNSPEC && network->source.address.family != AF_UNSPEC &&
	    options->family != network->source.address.family)
		return report_usage("--source is '%s', which is no address of the family of --ipv%d", options->source,
		    options->family == AF_INET ? 4 : 6);
	network->has_source = true;
	return EXIT_DONE;
}

/* What the options say about TLS must fit together. */
static enum exit_status
check_tls(const struct ftp_tls_wishes *wishes)
{
	if (wishes->has_min && wishes->has_max && wishes->min_minor > wishes->max_minor)
		return report_usage(
		    "--tls-min is 1.%d, which is newer than --tls-max, 1.%d", wishes->min_minor, wishes->max_minor);
	if (wishes->key_file != NULL && wishes->cert_file == NULL)
		return report_usage(
		    "--key needs --cert, the certificate of the key '%s'", report_quote(wishes->key_file));
	return EXIT_DONE;
}

enum exit_status
network_find(struct network *network, const struct options *options, const char *host, uint16_t port)
{
	enum exit_status status = check_tls(&options->tls);

	if (status == EXIT_DONE)
		status = find_source(network, options);
	return status != EXIT_DONE ? status : find_proxy(network, options, host, port);
}

const struct proxy *
network_proxy(const struct network *network)
{
	return network->proxy.host == NULL ? NULL : &network->proxy;
}

const struct connect_source *
network_source(const struct network *network)
{
	return network->has_source ? &network->source : NULL;
}

void
network_free(struct network *network)
{
	proxy_free(&network->proxy);
	*network = (struct network){0};
}
