/* SPDX-License-Identifier: ISC */
#include "client/engine/charset.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "common/character.h"

#include "common/banned.h"

#define CHARACTER_MAX 8 /* bytes of one character in any set */
#define ESCAPE_LEN 4 /* \xHH */

struct charset {
	iconv_t to_local, to_wire;
};

static bool
is_ascii(char c)
{
	return (unsigned char)c < 0x80;
}

/*
 * Convert the one character that text begins with. Returns the number of its bytes, with those of the other set in out; 0 for no
 * character of this set, or one that the other set lacks.
 */
static size_t
convert_one(iconv_t conversion, const char *text, size_t len, char out[CHARACTER_MAX], size_t *out_len)
{
	for (size_t n = 1; n <= len && n <= CHARACTER_MAX; n++) {
		/* iconv(3) takes no const, and changes nothing */
		char copy[CHARACTER_MAX], *in = copy, *next = out;
		size_t in_left = n, out_left = CHARACTER_MAX;

		memcpy(copy, text, n);
		iconv(conversion, NULL, NULL, NULL, NULL);
		/* a result above 0 counts characters that are no more than alike */
		if (iconv(conversion, &in, &in_left, &next, &out_left) == 0 && in_left == 0 &&
		    out_left < CHARACTER_MAX) {
			*out_len = CHARACTER_MAX - out_left;
			return n;
		}
		if (in_left != n)
			break;
	}
	return 0;
}

/* ASCII must be what it is, because commands, replies and paths are made of it. */
static bool
has_ascii(iconv_t conversion)
{
	for (char c = ' '; c < 0x7f; c++) {
		char out[CHARACTER_MAX];
		size_t len = 0;

		if (convert_one(conversion, &c, 1, out, &len) != 1 || len != 1 || out[0] != c)
			return false;
	}
	return true;
}

struct charset *
charset_new(const char *wire, const char *local, int *r)
{
	struct charset *charset = calloc(1, sizeof(*charset));

	*r = -ENOMEM;
	if (charset == NULL)
		return NULL;
	charset->to_local = iconv_open(local, wire);
	charset->to_wire = iconv_open(wire, local);
	if (charset->to_local == (iconv_t)-1 || charset->to_wire == (iconv_t)-1)
		*r = -EINVAL;
	else if (!has_ascii(charset->to_local) || !has_ascii(charset->to_wire))
		*r = -EDOM;
	else
		return charset;
	charset_free(charset);
	return NULL;
}

void
charset_free(struct charset *charset)
{
	if (charset == NULL)
		return;
	if (charset->to_local != (iconv_t)-1)
		iconv_close(charset->to_local);
	if (charset->to_wire != (iconv_t)-1)
		iconv_close(charset->to_wire);
	free(charset);
}

bool
charset_is_utf8(const char *name)
{
	return strcasecmp(name, "UTF-8") == 0 || strcasecmp(name, "UTF8") == 0;
}

/* The byte of "\xHH"; -1 for any other text. Only bytes that are not ASCII, and the backslash, are ever written so. */
static int
escaped_byte(const char *text, size_t len)
{
	int high, low, byte;

	if (len < ESCAPE_LEN || text[0] != '\\' || text[1] != 'x')
		return -1;
	high = hex_digit(text[2]);
	low = hex_digit(text[3]);
	byte = high < 0 || low < 0 ? -1 : high << 4 | low;
	return byte >= 0x80 || byte == '\\' ? byte : -1;
}

/* One character of the server that has one of its own here, and comes back from it. Returns its bytes, 0 for none. */
static size_t
localize_one(struct charset *charset, const char *bytes, size_t len, char out[CHARACTER_MAX], size_t *out_len)
{
	char back[CHARACTER_MAX];
	size_t back_len = 0, n = convert_one(charset->to_local, bytes, len, out, out_len);

	if (n == 0 || convert_one(charset->to_wire, out, *out_len, back, &back_len) != *out_len || back_len != n ||
	    memcmp(back, bytes, n) != 0)
		return 0;
	return n;
}

int
charset_to_local(struct charset *charset, const char *bytes, size_t len, struct buf *out)
{
	for (size_t at = 0; at < len;) {
		char text[CHARACTER_MAX];
		size_t text_len = 0, n;

		if (is_ascii(bytes[at]) && escaped_byte(bytes + at, len - at) < 0) {
			(void)buf_add(out, bytes + at, 1);
			at++;
			continue;
		}
		n = is_ascii(bytes[at]) ? 0 : localize_one(charset, bytes + at, len - at, text, &text_len);
		if (n > 0)
			(void)buf_add(out, text, text_len);
		else
			(void)buf_addf(out, "\\x%02X", (unsigned char)bytes[at]);
		at += n > 0 ? n : 1;
	}
	return out->error;
}

static int
write_for_wire(struct charset *charset, const char *text, size_t len, struct buf *out)
{
	for (size_t at = 0; at < len;) {
		int byte = escaped_byte(text + at, len - at);
		char bytes[CHARACTER_MAX];
		size_t bytes_len = 0, n;

		if (byte >= 0) {
			bytes[0] = (char)byte;
			bytes_len = 1;
			n = ESCAPE_LEN;
		} else if (is_ascii(text[at])) {
			bytes[0] = text[at];
			bytes_len = n = 1;
		} else {
			n = convert_one(charset->to_wire, text + at, len - at, bytes, &bytes_len);
			if (n == 0)
				return -EILSEQ;
		}
		(void)buf_add(out, bytes, bytes_len);
		at += n;
	}
	return out->error;
}

int
charset_to_wire(struct charset *charset, const char *text, size_t len, struct buf *out)
{
	size_t begin = out->len;
	struct buf back;
	int r = write_for_wire(charset, text, len, out);

	if (r < 0)
		return r;
	buf_init(&back, 4 * (out->len - begin) + 1);
	r = charset_to_local(charset, out->len == begin ? "" : out->data + begin, out->len - begin, &back);
	if (r == 0 && (back.len != len || (len > 0 && memcmp(back.data, text, len) != 0)))
		r = -EILSEQ;
	buf_free(&back);
	return r;
}
