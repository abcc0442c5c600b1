/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/io.h"
#include "config/config.h"
#include "config/key_kinds.h"
#include "config/keys.h"
#include "config/servers.h"
#include "config/source.h"

#include "common/banned.h"

static char directory[] = "/tmp/sallyport-test-XXXXXX";
static char path[128];
static struct buf told;

static int
set_up(void **state)
{
	(void)state;
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/c.conf", directory);
	buf_init(&told, 1 << 20);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	unlink(path);
	rmdir(directory);
	buf_free(&told);
	return 0;
}

static void
take_error(void *arg, const char *line)
{
	(void)arg;
	buf_addf(&told, "%s\n", line);
}

static int
load_bytes(const char *text, size_t len, struct config **config)
{
	int fd;

	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, text, len), 0);
	close(fd);
	buf_clear(&told);
	*config = NULL;
	return config_load(path, take_error, NULL, config);
}

static int
load(const char *text, struct config **config)
{
	return load_bytes(text, strlen(text), config);
}

/* Texts that the parser refuses, and its errors; "%" stands for the file's path. */
static const struct {
	const char *text;
	const char *told[4];
} bad_files[] = {
    /* libconfuse accepts these, or reports them with the wrong line */
    {"log {\n level = info\n", {"%:1: this '{' is never closed"}},
    {"\n}\n", {"%:2: a '}' that closes nothing"}},
    {"banner = \"${HOME}\"\n", {"%:1: '${' is not expanded"}},
    {"banner = ${HOME}\n", {"%:1: '${' is not expanded"}},
    {"listen = *:21\n", {"%:1: '*' outside of quotes"}},
    {"log|level = info\n", {"%:1: '|' outside of quotes"}},
    {"banner = \"a\nb\"\n", {"%:1: the string is never closed"}},
    {"banner = 'a\n", {"%:1: the string is never closed"}},
    {"banner = \"a\\x41\"\n", {"%:1: a backslash"}},
    {"/* a\n\n", {"%:1: the comment is never closed"}},
    {"banner = \"a\x01\"\n", {"%:1: a control character"}},
    {"include(\"/etc/passwd\")\n", {"%:1: a parenthesis"}},
    {"# one\n// two\n/* three\n four */\nbanner = \"\"\n", {"%:5: banner: empty: ''"}},
    /* one run reports all unknown keys */
    {"banne = x\nlog {\n levle = 1\n}\nquux = {1, 2}\nidle = 5\n",
	{"%:1: banne: unknown key; did you mean 'banner'?", "%:3: log.levle: unknown key; did you mean 'level'?",
	    "%:5: quux: unknown key; sallyport.conf(5)", "%:6: idle: unknown key here; it belongs in 'timeouts { }'"}},
    {"log { banner = x }\n", {"%:1: log.banner: unknown key here; it belongs outside"}},
    {"limit {\n x = 1\n}\nfoo { }\n",
	{"%:1: limit: unknown section; did you mean 'limits'?", "%:4: foo: unknown section;"}},
    {"Banner = x\n", {"%:1: Banner: unknown key; did you mean 'banner'?"}},
    {"quux = \nbanner = \"\"\n", {"%:1: quux: unknown key"}},
    /* syntax */
    {"banner x\n", {"%:1: missing equal sign"}},
    {"\nlimits = 5\n", {"%:2: missing opening brace for section 'limits'"}},
    {"limits { sessions = {1} }\n", {"%:1: unexpected token '{'"}},
    {"banner = a b\n", {"%:1: banner: a word after the value; put a value with blanks in quotes"}},
    {"log { level = very high }\n", {"%:1: level: a word after the value"}},
    {"\357\273\277banner = x\n", {"%:1: the file begins with a byte order mark"}},
    {"banner =", {"premature end of file"}},
    {"banner += x\n", {"%:1: attempt to append"}},
    {"banner = a\nlog { }\nbanner = b\n", {"%:3: banner: set twice, first in line 1"}},
    /* values */
    {"listen = {\"*:65536\", \"192.0.2.1\", \"2001:db8::1:21\", \"host:21\"}\n",
	{"%:1: listen: no port from 0 to 65535 in '*:65536'", "no port in '192.0.2.1'",
	    "an IPv6 address without brackets: '2001:db8::1:21'", "not a numeric address: 'host:21'"}},
    {"listen = {\"[192.0.2.1]:21\", \":21\", \"*:\", \"*:-1\"}\n",
	{"brackets around an IPv4 address: '[192.0.2.1]:21'", "not a numeric address: ':21'", "in '*:'", "in '*:-1'"}},
    {"listen = {}\n", {"%: listen: empty, and the other listen keys too"}},
    {"listen-tls = {\"*:990\"}\n", {"%:1: listen-tls: needs a certificate"}},
    {"tls { certificate = \"/c\" }\n", {"%:1: tls.certificate: has no key"}},
    {"tls {\n key = \"/k\"\n}\n", {"%:2: tls.key: has no certificate"}},
    {"accounts = users\nstate-directory = \"/var/../x\"\nruntime-directory = \"\"\n",
	{"%:1: accounts: not an absolute path: 'users'", "%:2: state-directory: a path with '.' or '..'",
	    "%:3: runtime-directory: not an absolute path: ''"}},
    {"service-user = \"a b\"\n", {"%:1: service-user: not a user name"}},
    {"passive-ports = \"1023-2000\"\n",
	{"%:1: passive-ports: out of range: '1023-2000'; use \"LOW-HIGH\" within 1024-65535"}},
    {"passive-ports = \"3000-2000\"\n", {"ends before it begins"}},
    {"passive-ports = 5000\n", {"not a range: '5000'"}},
    {"passive-ports = \"5000-\"\n", {"not a range"}},
    {"passive-address = \"192.0.2.300\"\n", {"%:1: passive-address: neither an address nor a host name"}},
    {"uid-range = \"999-2000\"\n", {"out of range"}},
    {"server-name = \"a b\"\n", {"%:1: server-name: neither an address nor a host name in 'a b'; use host names"}},
    {"server-name = \"a,\"\n", {"neither an address nor a host name in 'a,'"}},
    {"server-name = \",\"\n", {"neither an address nor a host name in ','"}},
    {"server-name = \"a, b\"\n", {"neither an address nor a host name in 'a, b'"}},
    {"server-name = \"192.0.2.300\"\n", {"neither an address nor a host name"}},
    {"active-port = 65536\n", {"%:1: active-port: out of range: '65536'; use a number from 0 to 65535"}},
    {"active-port = ftp-data\n", {"not a number: 'ftp-data'"}},
    {"mode-z-limit = 0\n", {"out of range: '0'; use a size from 1 to 1024T (bytes, or with K, M, G or T)"}},
    {"mode-z-limit = \"2P\"\n", {"%:1: mode-z-limit: not a size: '2P'"}},
    {"mode-z-limit = \"1025T\"\n", {"out of range"}},
    {"mode-z-limit = \"99999999999999999999G\"\n", {"out of range"}},
    {"mode-z = 2\ndirectory-message = x\n", {"%:1: mode-z: neither", "%:2: directory-message: neither"}},
    {"login-message = motd\n", {"%:1: login-message: not an absolute path: 'motd'"}},
    {"\nlogin-message = \"/nowhere/motd\"\n",
	{"%:2: login-message: cannot read '/nowhere/motd': No such file or directory; name a text file"}},
    {"login-message = \"/etc\"\n", {"%:1: login-message: '/etc' is no regular file"}},
    {"login-message = \"/dev/zero\"\n", {"%:1: login-message: '/dev/zero' is no regular file"}},
    {"uid-range = \"1000-4294967295\"\n", {"out of range"}},
    {"active-mode = maybe\n", {"%:1: active-mode: neither yes nor no: 'maybe'; use yes or no"}},
    {"uploads = \"inplace\"\n", {"%:1: uploads: not a known word: 'inplace'; use one of \"atomic\", \"in-place\""}},
    {"partial-keep = 0\n", {"out of range: '0'; use a time from 1s to 3650d"}},
    {"partial-keep = \"7w\"\n", {"not a time: '7w'"}},
    {"partial-keep = \"99999999999999999999d\"\n", {"out of range"}},
    {"file-mode = 640x\n", {"not an octal mode"}},
    {"file-mode = 0440\n", {"locks out the owner"}},
    {"directory-mode = 2750\n", {"special bits"}},
    {"directory-mode = 0650\n", {"locks out the owner"}},
    {"log { target = \"Journal\" }\n", {"%:1: log.target: not an absolute path: 'Journal'"}},
    {"log { target = \"syslogd\" }\n", {"%:1: log.target: not an absolute path: 'syslogd'"}},
    {"log { level = notice format = xml xferlog = x }\n",
	{"log.level: not a known word: 'notice'", "log.format: not a known word", "log.xferlog: not an absolute path"}},
    {"tls { minimum = 1.1 require = 2 }\n",
	{"tls.minimum: not a known word: '1.1'", "tls.require: neither yes nor no"}},
    {"limits { sessions = 0 login-failures = -1 ban-time = 5x concurrent-hashes = 2000 }\n",
	{"limits.sessions: out of range: '0'; use a number from 1 to 100000",
	    "limits.login-failures: not a number: '-1'", "limits.ban-time: not a time",
	    "limits.concurrent-hashes: out of range"}},
    {"timeouts { login = 0 idle = 8d stall = \"\" drain = 1.5 }\n",
	{"timeouts.login: out of range", "timeouts.idle: out of range: '8d'", "timeouts.stall: not a time: ''",
	    "timeouts.drain: not a time"}},
    {"banner = \"\x80\"\n", {"%:1: banner: not UTF-8: '\\x80'"}},
    /* sections of servers */
    {"server { }\n", {"%:1: missing title for section 'server'; write server \"NAME\" { KEY = VALUE }"}},
    {"\nserver \"a\" banner = x\n", {"%:2: missing opening brace for section 'server'"}},
    {"log \"a\" { }\n", {"%:1: missing opening brace for section 'log'"}},
    {"server \"a b\" { }\n\nserver \"1.2\" {\n}\nserver\n \"\" { }\n",
	{"%:1: server \"a b\": not a host name of at most 60 bytes; write server \"ftp.example.org\" { }",
	    "%:3: server \"1.2\": not a host name", "%:5: server \"\": not a host name"}},
    {"server \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\" { }\n", {"%:1: server \"aaaa"}},
    {"server \"a\" { }\nserver \"a\" { }\n", {"%:2: found duplicate title 'a'; each server has one section"}},
    {"server \"a\" { }\nserver \"A\" { banner = x }\n",
	{"%:2: server \"A\": a second section of that name, the first is in line 1"}},
    {"server \"a\" {\n bannr = x\n}\nserver \"b\" { sessions = 1 }\nrequire-tls = no\n",
	{"%:2: server.bannr: unknown key; did you mean 'banner'?",
	    "%:4: server.sessions: unknown key here; it belongs in 'limits { }'",
	    "%:5: require-tls: unknown key here; it belongs in 'server { }'"}},
    {"server \"a\" {\n tls { certificate = /c }\n}\n",
	{"%:2: tls: a section within section 'server'; a server has no sections, but keys such as certificate, key and require-tls"}},
    {"log {\n level = debug\n tls { }\n}\n", {"%:3: tls: a section within section 'log'; close that one before it"}},
    {"limits.sessions = 5\nserver.banner = x\nlimits.foo = 1\n",
	{"%:1: limits.sessions: unknown key; write 'limits { sessions = VALUE }'",
	    "%:2: server.banner: unknown key; write 'server \"NAME\" { banner = VALUE }'",
	    "%:3: limits.foo: unknown key; sallyport.conf(5) lists all of them"}},
    {"servers { }\nfoo { }\n", {"%:1: servers: unknown section; did you mean 'server'?", "timeouts and server"}},
    {"server \"a\" {\n banner = x\n banner = y\n accounts = users\n require-tls = 2\n}\n",
	{"%:3: server \"a\": banner: set twice, first in line 2",
	    "%:4: server \"a\": accounts: not an absolute path: 'users'",
	    "%:5: server \"a\": require-tls: neither yes nor no: '2'"}},
    {"server \"a\" { address = {\"192.0.2.1:21\", \"0.0.0.0\", \"192.0.2.1\", \"::ffff:192.0.2.1\"} }\n",
	{"%:1: server \"a\": address: not a numeric address: '192.0.2.1:21'; use a list of at most 16 addresses",
	    "an address that no client dials: '0.0.0.0'", "twice in the list: '::ffff:192.0.2.1'"}},
    {"server \"a\" {\n address = \"192.0.2.1\"\n}\nserver \"b\" {\n address = {\"192.0.2.2\", \"192.0.2.1\"}\n}\n",
	{"%:5: server \"b\": address: '192.0.2.1' is an address of server \"a\" as well, in line 1"}},
    {"server \"a\" {\n names = \"x,y\"\n}\nserver \"b\" {\n names = \"z,Y\"\n}\nserver \"x\" { }\n",
	{"%:5: server \"b\": names: 'Y' is a name of server \"a\" as well, in line 1",
	    "%:7: server \"x\": names: 'x' is a name of server \"a\" as well, in line 1"}},
    {"server-name = \"x,y\"\nserver \"y\" { }\n", {"%:2: server \"y\": names: 'y' is in server-name as well"}},
    {"server \"a\" { names = \"a b\" }\n", {"%:1: server \"a\": names: neither an address nor a host name in 'a b'"}},
    {"server \"a\" { certificate = /c }\nserver \"b\" { key = /k }\n",
	{"%:1: server \"a\": certificate: has no key; set key", "%:2: server \"b\": key: has no certificate"}},
    {"server \"a\" { accounts = /u }\nserver \"b\" {\n accounts = /u\n}\nserver \"c\" { accounts = \"/v,pam:x\" }\n",
	{"%:3: server \"b\": accounts: '/u' is the users file of server \"a\" as well, in line 1",
	    "%:5: server \"c\": accounts: more than a users file: '/v,pam:x'"}},
    {"accounts = /etc/passwd\nserver \"a\" { accounts = /etc//passwd }\nserver \"b\" { accounts = /etc/passwd }\n",
	{"%:2: server \"a\": accounts: '/etc//passwd' is the users file outside of all sections; write '/etc/passwd' as there"}},
    {"server \"a\" { accounts = /etc/passwd }\nserver \"b\" { accounts = /etc//passwd }\n",
	{"%:2: server \"b\": accounts: '/etc//passwd' is the users file of server \"a\" as well, in line 1"}},
    {"server \"a\" { login-message = \"/nowhere/motd\" }\n",
	{"%:1: server \"a\": login-message: cannot read '/nowhere/motd': No such file or directory"}},
};

static void
test_bad_files(void **state)
{
	struct buf wanted;

	(void)state;
	buf_init(&wanted, 4096);
	for (size_t i = 0; i < sizeof(bad_files) / sizeof(bad_files[0]); i++) {
		struct config *config;

		if (load(bad_files[i].text, &config) != -EINVAL)
			fail_msg("accepted: %s", bad_files[i].text);
		assert_null(config);
		for (size_t j = 0; j < 4 && bad_files[i].told[j] != NULL; j++) {
			const char *part = bad_files[i].told[j];

			buf_clear(&wanted);
			buf_addf(&wanted, "%s%s", part[0] == '%' ? path : "", part + (part[0] == '%'));
			if (told.data == NULL || strstr(told.data, wanted.data) == NULL)
				fail_msg("%s\nwanted: %s\ntold: %s", bad_files[i].text, wanted.data,
				    told.data == NULL ? "" : told.data);
		}
	}
	buf_free(&wanted);
}

static void
test_no_file(void **state)
{
	struct config *config = NULL;

	(void)state;
	buf_clear(&told);
	assert_int_equal(config_load("/nonexistent/c.conf", take_error, NULL, &config), -ENOENT);
	assert_non_null(strstr(told.data, "/nonexistent/c.conf: cannot open: No such file"));
	assert_int_equal(config_load(directory, take_error, NULL, &config), -EINVAL);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(config_load(path, take_error, NULL, &config), -EINVAL); /* opening it does not hang */
	unlink(path);
	assert_int_equal(load_bytes("banner = \"a\0b\"\n", 15, &config), -EINVAL);
}

static void
test_defaults(void **state)
{
	struct config *config;

	(void)state;
	assert_int_equal(load("", &config), 0);
	assert_int_equal(config->listen_count, 1);
	assert_true(config->listen[0].any_family);
	assert_int_equal(config->listen[0].port, 21);
	assert_int_equal(config->listen_tls_count, 0);
	assert_string_equal(config->service_user, "sallyport");
	assert_string_equal(config->accounts, SYSCONFDIR "/sallyport/users");
	assert_string_equal(config->state_directory, LOCALSTATEDIR "/lib/sallyport");
	assert_string_equal(config->runtime_directory, RUNDIR "/sallyport");
	assert_string_equal(config->banner, "sallyport ready");
	assert_int_equal(config->passive_port_low, 49152);
	assert_int_equal(config->passive_port_high, 65535);
	assert_true(config->passive_address_auto);
	assert_string_equal(config->passive_address, "auto");
	assert_true(config->active_mode);
	assert_int_equal(config->uploads, UPLOADS_ATOMIC);
	assert_true(config->upload_sync);
	assert_int_equal(config->partial_keep_s, 7 * 86400);
	assert_int_equal(config->file_mode, 0640);
	assert_int_equal(config->directory_mode, 0750);
	assert_int_equal(config->uid_low, 200000);
	assert_int_equal(config->uid_high, 1299999);
	assert_string_equal(config->log.target, "syslog");
	assert_string_equal(config->server_name, "");
	assert_string_equal(config->login_message, "");
	assert_string_equal(config->login_message_text, "");
	assert_false(config->directory_message || config->mode_z);
	assert_int_equal(config->mode_z_limit, 1 << 30);
	assert_int_equal(config->active_port, 0);
	assert_int_equal(config->log.format, LOG_FORMAT_TEXT);
	assert_int_equal(config->log.level, 1);
	assert_string_equal(config->log.xferlog, "");
	assert_string_equal(config->tls.certificate, "");
	assert_int_equal(config->tls.minimum, CONFIG_TLS_1_2);
	assert_true(config->tls.require && config->tls.require_data_reuse && config->tls.require_close);
	assert_int_equal(config->limits.sessions, 2000);
	assert_int_equal(config->limits.sessions_per_address, 50);
	assert_int_equal(config->limits.sessions_per_user, 20);
	assert_int_equal(config->limits.login_failures, 5);
	assert_int_equal(config->limits.ban_time_s, 600);
	assert_int_equal(config->limits.concurrent_hashes, sysconf(_SC_NPROCESSORS_ONLN));
	assert_int_equal(config->timeouts.login_s, 60);
	assert_int_equal(config->timeouts.idle_s, 300);
	assert_int_equal(config->timeouts.data_connect_s, 30);
	assert_int_equal(config->timeouts.stall_s, 120);
	assert_int_equal(config->timeouts.drain_s, 30);
	config_free(config);
	config_free(NULL);
}

static void
test_values(void **state)
{
	struct config *config;

	(void)state;
	assert_int_equal(load("listen = {\"192.0.2.1:0\", '[2001:db8::1]:2121',\r\n"
			      "          \"*:21\"}  # comment with { and \"\r\n"
			      "listen-tls = \"*:990\"\n"
			      "banner = \"a \\\"b\\\" \\\\ # no comment\" // comment ${HOME}\n"
			      "passive-address = ftp.example.org\n"
			      "passive-ports=50000-50031 file-mode=\"600\" directory-mode = 0777\n"
			      "accounts = /srv//users /* { */\n"
			      "active-mode = no upload-sync = off uploads = in-place\n"
			      "server-name = \"ftp.example.org,192.0.2.1,2001:db8::1\"\n"
			      "active-port = 20 mode-z = yes mode-z-limit = 512K directory-message = yes\n"
			      "log { target = '/var/log/${x}' level = critical format = json }\n"
			      "tls { certificate = /c key = \"/k\" minimum = \"1.3\" require = no }\n"
			      "limits { ban-time = 0 concurrent-hashes = 3 }\n"
			      "timeouts { idle = 90 login = \"2m\" drain = 0 }\n"
			      "timeouts { stall = 1h }\n",
			     &config),
	    0);
	assert_int_equal(config->listen_count, 3);
	assert_int_equal(config->listen[0].address.family, AF_INET);
	assert_int_equal(config->listen[0].port, 0);
	assert_int_equal(config->listen[1].address.family, AF_INET6);
	assert_int_equal(address_port(&config->listen[1].address), 2121);
	assert_true(config->listen[2].any_family);
	assert_int_equal(config->listen_tls_count, 1);
	assert_string_equal(config->banner, "a \"b\" \\ # no comment");
	assert_false(config->passive_address_auto);
	assert_string_equal(config->passive_address, "ftp.example.org");
	assert_int_equal(config->passive_port_low, 50000);
	assert_int_equal(config->passive_port_high, 50031);
	assert_int_equal(config->file_mode, 0600);
	assert_int_equal(config->directory_mode, 0777);
	assert_string_equal(config->accounts, "/srv//users");
	assert_false(config->active_mode || config->upload_sync);
	assert_int_equal(config->uploads, UPLOADS_IN_PLACE);
	assert_string_equal(config->log.target, "/var/log/${x}");
	assert_int_equal(config->log.level, 4);
	assert_int_equal(config->log.format, LOG_FORMAT_JSON);
	assert_string_equal(config->server_name, "ftp.example.org,192.0.2.1,2001:db8::1");
	assert_int_equal(config->active_port, 20);
	assert_true(config->mode_z && config->directory_message);
	assert_int_equal(config->mode_z_limit, 512 << 10);
	assert_string_equal(config->tls.key, "/k");
	assert_int_equal(config->tls.minimum, CONFIG_TLS_1_3);
	assert_false(config->tls.require);
	assert_int_equal(config->limits.ban_time_s, 0);
	assert_int_equal(config->limits.concurrent_hashes, 3);
	assert_int_equal(config->timeouts.idle_s, 90);
	assert_int_equal(config->timeouts.login_s, 120);
	assert_int_equal(config->timeouts.stall_s, 3600);
	config_free(config);
	assert_int_equal(
	    load("listen = {}\nlisten-tls = {\"*:990\"}\ntls { certificate = /c key = /k }\n", &config), 0);
	assert_int_equal(config->listen_count, 0);
	config_free(config);
}

/* accounts: a file, PAM, or both. */
static void
test_accounts(void **state)
{
#ifdef SALLYPORT_PAM
	static const struct {
		const char *text, *path, *service;
	} rows[] = {
	    {"/etc/x", "/etc/x", ""},
	    {"pam:sallyport", "", "sallyport"},
	    {"/etc/x,pam:sallyport", "/etc/x", "sallyport"},
	    {"/etc/a,b,pam:c_d-e.f", "/etc/a,b", "c_d-e.f"},
	    {"/etc/a,pam:b,pam:c", "/etc/a,pam:b", "c"},
	};
	static const char *const bad[] = {"pam:", "pam:/etc/passwd", "pam:..", "pam:a b", "pam:a,/etc/x", "x,pam:a",
	    ",pam:a", "/etc/../x,pam:a", "/etc/x,pam:", "PAM:a",
	    "pam:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	struct config *config;
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), "accounts = \"%s\"\n", rows[i].text);
		assert_int_equal(load(text, &config), 0);
		assert_string_equal(config->accounts, rows[i].path);
		assert_string_equal(config->pam_service, rows[i].service);
		config_free(config);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "accounts = \"%s\"\n", bad[i]);
		if (load(text, &config) == 0)
			fail_msg("'%s' was taken", bad[i]);
		assert_non_null(strstr(told.data, ":1: accounts: "));
	}
#else
	struct config *config;

	(void)state;
	assert_int_equal(load("accounts = \"pam:sallyport\"\n", &config), -EINVAL);
	assert_non_null(strstr(told.data, "built without PAM"));
#endif
}

/* accounts: a file, a database and PAM, each may be left out, in this order alone. */
static void
test_accounts_of_store(void **state)
{
	static const struct {
		const char *text, *path, *store, *service;
	} rows[] = {
	    {"postgresql:/s", "", "/s", ""},
	    {"/etc/x,postgresql:/s", "/etc/x", "/s", ""},
	    {"/etc/a,b,postgresql:/s,t", "/etc/a,b", "/s,t", ""},
#ifdef SALLYPORT_PAM
	    {"postgresql:/s,pam:c", "", "/s", "c"},
	    {"/etc/x,postgresql:/s,pam:c", "/etc/x", "/s", "c"},
#endif
	};
	static const struct {
		const char *text, *wrong;
	} bad[] = {
	    {"postgresql:", "no path after"},
	    {"/etc/x,postgresql:", "no path after"},
	    {"postgresql:s", "not an absolute path"},
	    {"postgresql:/s,postgresql:/t", "twice"},
	    {"postgresql:/s,/etc/x", "does not come first"},
	    {",postgresql:/s", "not an absolute path"},
	    {"postgresql://host/db", "the path of a file"},
	    {"PostgreSQL:/s", "not an absolute path"},
	    {"/etc/x,postgresql:/a/../s", "'.'"},
#ifdef SALLYPORT_PAM
	    {"postgresql:,pam:c", "no path after"},
	    {"pam:c,postgresql:/s", "PAM before the others"},
	    {"pam:c,/etc/x", "PAM before the others"},
	    {"pam:c,postgresql:/s,pam:d", "twice"},
	    {"postgresql:/s,pam:", "no service after"},
#endif
	};
	struct config *config;
	struct buf printed;
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), "accounts = \"%s\"\nbroker-user = \"b\"\n", rows[i].text);
		assert_int_equal(load(text, &config), 0);
		assert_string_equal(config->accounts, rows[i].path);
		assert_string_equal(config->store_conf, rows[i].store);
		assert_string_equal(config->pam_service, rows[i].service);
		buf_init(&printed, 256);
		for (size_t k = 0; k < config_key_count; k++)
			if (strcmp(config_keys[k].name, "accounts") == 0)
				key_value(&config_keys[k], config, &printed);
		assert_string_equal(printed.data, rows[i].text);
		buf_free(&printed);
		config_free(config);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "accounts = \"%s\"\nbroker-user = \"b\"\n", bad[i].text);
		if (load(text, &config) == 0)
			fail_msg("'%s' was taken", bad[i].text);
		if (strstr(told.data, ":1: accounts: ") == NULL || strstr(told.data, bad[i].wrong) == NULL)
			fail_msg("'%s': %s", bad[i].text, told.data);
	}
	assert_int_equal(load("accounts = \"postgresql:/s\"\n", &config), -EINVAL);
	assert_non_null(strstr(told.data, ":1: accounts: \"postgresql:\" needs broker-user"));
}

static uint8_t
server_at(const struct config *config, const char *text)
{
	union address address;

	assert_int_equal(address_parse(text, &address), 0);
	return servers_at(config, &address);
}

static int
server_named(const struct config *config, const char *text, const char *name)
{
	union address address;

	assert_int_equal(address_parse(text, &address), 0);
	return servers_named(config, &address, name);
}

static const char many_servers[] =
    "server-name = \"main.example,other.example\" banner = top accounts = /users home-directory = /homes\n"
    "server \"A.example\" { address = {\"192.0.2.1\", \"2001:db8::1\"} accounts = /a.users banner = a\n"
    "    certificate = /a.pem key = /a.key require-tls = no }\n"
    "# server \"no\" { }\n"
    "server b.example {\n"
    "    names = \"main.example,b\"\n"
    "    address = \"192.0.2.2\" }\n"
    "server \"c.example\" { names = \"FILES.example\" home-directory = /c }\n"
    "server\n"
    "    \"d.example\" { accounts = /users }\n"
    "tls { certificate = /c key = /k }\n";

/* What a section says, what it takes from the top, and that the top is a server as the others are. */
static void
test_servers(void **state)
{
	struct config *config;
	const struct config_server *servers;

	(void)state;
	if (load(many_servers, &config) < 0)
		fail_msg("%s", told.data);
	assert_int_equal(config->server_count, 5);
	servers = config->servers;
	assert_string_equal(servers[0].name, "");
	assert_string_equal(servers[0].names, "main.example,other.example");
	assert_string_equal(servers[0].accounts, "/users");
	assert_string_equal(servers[0].greeting, "220 top\r\n");
	assert_true(servers[0].tls.require);
	assert_string_equal(servers[1].name, "a.example");
	assert_int_equal(servers[1].address_count, 2);
	assert_int_equal(servers[1].line, 2);
	assert_string_equal(servers[1].accounts, "/a.users");
	assert_string_equal(servers[1].greeting, "220 a\r\n");
	assert_string_equal(servers[1].tls.certificate, "/a.pem");
	assert_false(servers[1].tls.require);
	assert_int_equal(servers[2].line, 5);
	assert_string_equal(servers[2].tls.key, "/k");
	assert_string_equal(servers[3].home_directory, "/c");
	assert_string_equal(servers[3].banner, "top");
	assert_string_equal(servers[3].login_message_text, "");
	assert_int_equal(servers[4].line, 9);
	assert_int_equal(servers_book(config, 1), 1);
	assert_int_equal(servers_book(config, 3), 0);
	assert_int_equal(servers_book(config, 4), 0);
	config_free(config);
	assert_int_equal(load("", &config), 0);
	assert_int_equal(config->server_count, 1);
	config_free(config);
}

/* By address first, then by name; a server with addresses of its own is nowhere else, and alone there. */
static void
test_choice_of_server(void **state)
{
	struct config *config;
	union address own, free_one;
	char place[CONFIG_PLACE_MAX], wanted[CONFIG_PLACE_MAX];
	size_t len;

	(void)state;
	assert_int_equal(load(many_servers, &config), 0);
	assert_int_equal(server_at(config, "192.0.2.1"), 1);
	assert_int_equal(server_at(config, "2001:db8::1"), 1);
	assert_int_equal(server_at(config, "192.0.2.2"), 2);
	assert_int_equal(server_at(config, "192.0.2.3"), 0);
	assert_int_equal(server_named(config, "192.0.2.1", "a.EXAMPLE"), 1);
	assert_int_equal(server_named(config, "192.0.2.1", "c.example"), -ENOENT);
	assert_int_equal(server_named(config, "192.0.2.1", "main.example"), -ENOENT);
	assert_int_equal(server_named(config, "192.0.2.2", "main.example"), 2);
	assert_int_equal(server_named(config, "192.0.2.3", "main.example"), 0);
	assert_int_equal(server_named(config, "192.0.2.3", "files.example"), 3);
	assert_int_equal(server_named(config, "192.0.2.3", "d.example"), 4);
	assert_int_equal(server_named(config, "192.0.2.3", "a.example"), -ENOENT);
	assert_int_equal(server_named(config, "192.0.2.3", ""), -ENOENT);
	assert_int_equal(address_parse("192.0.2.1", &own), 0);
	assert_int_equal(address_parse("192.0.2.3", &free_one), 0);
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(servers_eligible(config, i, &own), i == 1);
		assert_int_equal(servers_eligible(config, i, &free_one), i == 0 || i == 3 || i == 4);
	}
	assert_int_equal(servers_titled(config, "C.Example"), 3);
	assert_int_equal(servers_titled(config, "files.example"), -ENOENT);
	assert_int_equal(servers_choose(config, &free_one, "files.example"), 3);
	assert_int_equal(servers_choose(config, &free_one, "a.example"), 0);
	assert_int_equal(servers_choose(config, &own, "files.example"), 1);
	assert_int_equal(servers_choose(config, &own, ""), 1);
	assert_string_equal(config->books, "a.example");
	assert_string_equal(servers_suffix(config, 1), "a.example");
	assert_string_equal(servers_suffix(config, 3), "");
	assert_int_equal(servers_of_name(config, "bob@a.example", &len), 1);
	assert_int_equal(len, 3);
	assert_int_equal(servers_of_name(config, "bob@A.EXAMPLE", &len), 1); /* of a host name, no case has a meaning */
	assert_int_equal(servers_of_name(config, "bob@c.example", &len), 0); /* it has the accounts of the main one */
	assert_int_equal(len, strlen("bob@c.example"));
	assert_int_equal(servers_of_name(config, "@a.example", &len), 0);
	assert_int_equal(servers_of_name(config, "bob@", &len), 0);
	assert_int_equal(len, 4);
	assert_int_equal(servers_of_name(config, "bob", &len), 0);
	servers_place(config, 2, "names", place);
	snprintf(wanted, sizeof(wanted), "%s:6: server \"b.example\": names: ", path);
	assert_string_equal(place, wanted);
	config_free(config);
	assert_int_equal(load("server \"a\" { }\n", &config), 0);
	assert_int_equal(server_named(config, "192.0.2.3", "whatever"), 0);
	assert_int_equal(server_named(config, "192.0.2.3", "a"), 1);
	config_free(config);
	/* without server-name, any other name is one of the main server */
	assert_int_equal(load("server a { address = 192.0.2.1 names = b }\nserver c { }\n", &config), 0);
	assert_int_equal(server_named(config, "192.0.2.3", "elsewhere"), 0);
	assert_int_equal(server_named(config, "192.0.2.3", "c"), 2);
	assert_int_equal(server_named(config, "192.0.2.3", "B"), -ENOENT);
	assert_int_equal(server_named(config, "192.0.2.3", "a"), -ENOENT);
	config_free(config);
}

static void
test_too_many_servers(void **state)
{
	struct config *config;
	struct buf text;

	(void)state;
	buf_init(&text, 1 << 16);
	for (int i = 0; i < CONFIG_SERVERS_MAX; i++)
		buf_addf(&text, "server \"s%d\" { banner = x }\n", i);
	assert_int_equal(load(text.data, &config), 0);
	assert_int_equal(config->server_count, CONFIG_SERVERS_MAX + 1);
	config_free(config);
	buf_add_text(&text, "server \"last\" {\n banner = x\n}\n");
	assert_int_equal(load(text.data, &config), -EINVAL);
	assert_non_null(strstr(told.data, ":65: server \"last\": one server too many; use at most 64\n"));
	buf_free(&text);
}

/* login-message: the parser reads the file that it names, bounds it, and makes it fit for clients. */
static void
test_login_message(void **state)
{
	static char large[CONFIG_LOGIN_MESSAGE_MAX + 2];
	char message[160], text[256];
	struct config *config;
	FILE *out;

	(void)state;
	snprintf(message, sizeof(message), "%s/motd", directory);
	snprintf(text, sizeof(text), "login-message = \"%s\"\n", message);
	memset(large, 'x', sizeof(large) - 1);
	for (size_t len = CONFIG_LOGIN_MESSAGE_MAX + 1; len >= CONFIG_LOGIN_MESSAGE_MAX; len--) {
		out = fopen(message, "w");
		assert_non_null(out);
		fwrite(large, 1, len, out);
		fclose(out);
		assert_int_equal(load(text, &config), len > CONFIG_LOGIN_MESSAGE_MAX ? -EINVAL : 0);
		if (len > CONFIG_LOGIN_MESSAGE_MAX)
			assert_non_null(strstr(told.data, "is too long; at most 8192 bytes"));
		else
			assert_int_equal(strlen(config->login_message_text), len);
		config_free(config);
	}
	out = fopen(message, "w");
	assert_non_null(out);
	fwrite("Welcome\r\n\n\x1b[2J\0x\xc3\xbc", 1, 18, out);
	fclose(out);
	assert_int_equal(load(text, &config), 0);
	assert_string_equal(config->login_message_text, "Welcome\n\n?[2J?x\xc3\xbc");
	config_free(config);
	unlink(message);
}

/* A file that ends within a string must not spoil the next one (a reload). */
static void
test_again_after_bad(void **state)
{
	struct config *config;

	(void)state;
	for (size_t i = 0; i < sizeof(bad_files) / sizeof(bad_files[0]); i++) {
		assert_int_equal(load(bad_files[i].text, &config), -EINVAL);
		assert_int_equal(load("banner = good\n", &config), 0);
		assert_string_equal(config->banner, "good");
		config_free(config);
	}
}

static void
test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		bool is_known = key->section == NULL;

		for (size_t j = 0; config_sections[j] != NULL; j++)
			is_known = is_known || strcmp(key->section, config_sections[j]) == 0;
		assert_true(is_known);
		assert_non_null(key->help);
		for (size_t j = 0; j < i; j++)
			if (key->offset == config_keys[j].offset)
				fail_msg("%s and %s share a field", key->name, config_keys[j].name);
	}
}

/* The top of the source tree, above the program that runs. */
static bool
find_tree(char tree[PATH_MAX])
{
	char probe[PATH_MAX + 32];
	ssize_t len = readlink("/proc/self/exe", tree, PATH_MAX - 1);
	char *slash;

	if (len < 0)
		return false;
	tree[len] = '\0';
	while ((slash = strrchr(tree, '/')) != NULL) {
		*slash = '\0';
		snprintf(probe, sizeof(probe), "%s/man/sallyport.conf.5", tree);
		if (access(probe, R_OK) == 0)
			return true;
	}
	return false;
}

static void
read_tree_file(const char *name, struct buf *out)
{
	char tree[PATH_MAX];
	char file[PATH_MAX + 64];
	char *room;
	ssize_t len;
	int fd;

	if (!find_tree(tree))
		skip(); /* the program runs outside of the source tree */
	snprintf(file, sizeof(file), "%s/%s", tree, name);
	fd = open(file, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	room = buf_room(out, 1 << 18);
	assert_non_null(room);
	len = io_read_all(fd, room, 1 << 18);
	close(fd);
	assert_true(len > 0);
	out->len = (size_t)len;
	room[len] = '\0';
}

/* The section that the sample has as a comment is one that the parser takes. */
static void
load_sample_of_server(const char *sample)
{
	const char *next = strstr(sample, "# server \"");
	struct config *config;
	struct buf text;

	assert_non_null(next);
	buf_init(&text, 1 << 16);
	while (*next != '\0') {
		size_t len = strcspn(next, "\n");

		assert_true(next[0] == '#');
		buf_addf(&text, "%.*s\n", (int)len - 1, next + 1);
		next += len + 1;
	}
	if (load(text.data, &config) < 0)
		fail_msg("%s", told.data);
	assert_int_equal(config->server_count, 2);
	assert_string_equal(config->servers[1].banner, "sallyport ready");
	config_free(config);
	buf_free(&text);
}

static void
test_sample(void **state)
{
	struct config *config;
	struct buf file;
	char *sample = NULL;
	size_t len = 0;
	FILE *out;

	(void)state;
	out = open_memstream(&sample, &len);
	assert_non_null(out);
	config_print_sample(out);
	fclose(out);
	if (load(sample, &config) < 0)
		fail_msg("%s", told.data);
	config_free(config);
	load_sample_of_server(sample);
	if (strcmp(SYSCONFDIR LOCALSTATEDIR RUNDIR LIBEXECDIR, "/etc/var/run/usr/local/libexec") == 0) {
		buf_init(&file, 1 << 18);
		read_tree_file("etc/sallyport.conf", &file);
		assert_string_equal(file.data, sample);
		buf_free(&file);
	}
	free(sample);
}

/* Each key has its entry in sallyport.conf(5), with its default. */
static void
test_manual(void **state)
{
	struct buf page, entry;

	(void)state;
	buf_init(&page, 1 << 18);
	buf_init(&entry, 4096);
	read_tree_file("man/sallyport.conf.5", &page);
	for (size_t i = 0; i < config_key_count + config_server_key_count; i++) {
		const struct config_key *key =
		    i < config_key_count ? &config_keys[i] : &config_server_keys[i - config_key_count];

		buf_clear(&entry);
		buf_addf(&entry, "\n.It Cm %s%s%s\n", key->section == NULL ? "" : key->section,
		    key->section == NULL ? "" : ".", key->name);
		if (strstr(page.data, entry.data) == NULL)
			fail_msg("no '%s' in sallyport.conf(5)", entry.data);
		if (key->initial[0] == '\0' || key->initial[0] == '/')
			continue;
		buf_clear(&entry);
		buf_addf(&entry, "Default: %s", key->initial);
		if (strstr(page.data, entry.data) == NULL)
			fail_msg("no '%s' (%s) in sallyport.conf(5)", entry.data, key->name);
	}
	buf_free(&entry);
	buf_free(&page);
}

static void
test_kinds(void **state)
{
	(void)state;
	for (int type = 0; type < KEY_TYPE_COUNT; type++) {
		const struct key_kind *kind = key_kind((enum key_type)type);

		if (kind->set == NULL || kind->print == NULL || (kind->describe == NULL) == (kind->words == NULL))
			fail_msg("the row of type %d is not whole", type);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bad_files),
	    cmocka_unit_test(test_accounts),
	    cmocka_unit_test(test_accounts_of_store),
	    cmocka_unit_test(test_no_file),
	    cmocka_unit_test(test_defaults),
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_servers),
	    cmocka_unit_test(test_choice_of_server),
	    cmocka_unit_test(test_too_many_servers),
	    cmocka_unit_test(test_login_message),
	    cmocka_unit_test(test_again_after_bad),
	    cmocka_unit_test(test_table),
	    cmocka_unit_test(test_sample),
	    cmocka_unit_test(test_manual),
	    cmocka_unit_test(test_kinds),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
