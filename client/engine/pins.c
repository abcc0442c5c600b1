/* SPDX-License-Identifier: ISC */
#include "client/engine/pins.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io.h"
#include "common/text.h"

#include "common/banned.h"

#define FILE_MAX (1024 * 1024)

/* The next word of a line; *text moves past it. Returns its length, 0 at the end of the line. */
static size_t
next_pin_word(const char **text, const char **word)
{
	size_t len;

	*text += strspn(*text, " \t\r");
	*word = *text;
	len = strcspn(*text, " \t\r\n");
	*text += len;
	return len;
}

static bool
is_fingerprint(const char *word, size_t len)
{
	return len == PIN_FINGERPRINT_SIZE - 1 && strspn(word, "0123456789ABCDEFabcdef:") >= len;
}

bool
pins_find(const char *text, const char *host, uint16_t port, char fingerprint[PIN_FINGERPRINT_SIZE])
{
	char wanted_port[8];
	bool is_found = false;

	snprintf(wanted_port, sizeof(wanted_port), "%u", port);
	while (*text != '\0') {
		const char *words[3];
		size_t lens[3];

		for (int i = 0; i < 3; i++)
			lens[i] = next_pin_word(&text, &words[i]);
		if (lens[0] == strlen(host) && strncasecmp(words[0], host, lens[0]) == 0 &&
		    lens[1] == strlen(wanted_port) && strncmp(words[1], wanted_port, lens[1]) == 0 &&
		    is_fingerprint(words[2], lens[2])) {
			for (size_t i = 0; i < lens[2]; i++)
				fingerprint[i] = words[2][i] >= 'a' ? (char)(words[2][i] - 32) : words[2][i];
			fingerprint[lens[2]] = '\0';
			is_found = true;
		}
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	return is_found;
}

int
pins_path(const char *wanted, char *path, size_t size)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	int len;

	if (wanted != NULL)
		len = snprintf(path, size, "%s", wanted);
	else if (config != NULL && *config == '/')
		len = snprintf(path, size, "%s/sallyport/pins", config);
	else if (home != NULL && *home == '/')
		len = snprintf(path, size, "%s/.config/sallyport/pins", home);
	else
		return -ENOENT;
	return len < 0 || (size_t)len >= size ? -ENAMETOOLONG : 0;
}

int
pins_look_up(const char *path, const char *host, uint16_t port, char fingerprint[PIN_FINGERPRINT_SIZE])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char *text = NULL;
	struct stat status;
	ssize_t n;
	int r;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	if (fstat(fd, &status) < 0) {
		r = -errno;
		goto out;
	}
	if (!S_ISREG(status.st_mode) || status.st_size > FILE_MAX) {
		r = S_ISREG(status.st_mode) ? -EFBIG : -EINVAL;
		goto out;
	}
	text = malloc((size_t)status.st_size + 1);
	n = text == NULL ? -ENOMEM : io_read_all(fd, text, (size_t)status.st_size);
	r = n < 0 ? (int)n : 0;
	if (r == 0) {
		text[n] = '\0';
		r = pins_find(text, host, port, fingerprint);
	}
out:
	free(text);
	close_fd(&fd);
	return r;
}

/* The directories above path; what is there already stays as it is. */
static int
make_pin_directories(const char *path)
{
	char directory[PATH_MAX];

	if (snprintf(directory, sizeof(directory), "%s", path) >= (int)sizeof(directory))
		return -ENAMETOOLONG;
	for (char *slash = strchr(directory + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(directory, 0700) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return 0;
}

int
pins_add(const char *path, const char *host, uint16_t port, const char *fingerprint)
{
	char line[512];
	int len = snprintf(line, sizeof(line), "%s %u %s\n", host, port, fingerprint), fd, r;
	struct stat status;

	if (len < 0 || (size_t)len >= sizeof(line) || strpbrk(host, " \t\r\n") != NULL)
		return -EINVAL;
	r = make_pin_directories(path);
	if (r < 0)
		return r;
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = fstat(fd, &status) < 0 ? -errno : S_ISREG(status.st_mode) ? 0 : -EINVAL;
	if (r == 0)
		r = io_write_all(fd, line, (size_t)len);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

/* --- keys --- */

#define KEY_PREFIX "sha256//"
#define KEY_BASE64_LEN 44 /* of 32 bytes, the last character is '=' */
#define KEY_LEN (strlen(KEY_PREFIX) + KEY_BASE64_LEN)

int
pins_key_text(const X509 *certificate, char text[PIN_KEY_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE], *bytes = NULL;
	unsigned int digest_len = 0;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &bytes), r = -EINVAL;

	if (len > 0 && EVP_Digest(bytes, (size_t)len, digest, &digest_len, EVP_sha256(), NULL) == 1 &&
	    digest_len == 32) {
		memcpy(text, KEY_PREFIX, strlen(KEY_PREFIX));
		EVP_EncodeBlock((unsigned char *)text + strlen(KEY_PREFIX), digest, (int)digest_len);
		r = 0;
	}
	OPENSSL_free(bytes);
	return r;
}

static bool
is_key(const char *text, size_t len)
{
	static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	return len == KEY_LEN && strncmp(text, KEY_PREFIX, strlen(KEY_PREFIX)) == 0 &&
	    strspn(text + strlen(KEY_PREFIX), base64) == KEY_BASE64_LEN - 1 && text[KEY_LEN - 1] == '=';
}

bool
pins_list_is_good(const char *list)
{
	for (;;) {
		size_t len = strcspn(list, ";");

		if (!is_key(list, len))
			return false;
		if (list[len] == '\0')
			return true;
		list += len + 1;
	}
}

bool
pins_list_has(const char *list, const char *key)
{
	while (*list != '\0') {
		size_t len = strcspn(list, ";");

		if (len == strlen(key) && strncmp(list, key, len) == 0)
			return true;
		list += len + (list[len] == ';');
	}
	return false;
}
