/* SPDX-License-Identifier: ISC */
#include "common/mount_line.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "common/banned.h"

#define FIELDS_MAX 64
#define DEVICE_FIELD 2 /* counted from 0 */
#define POINT_FIELD 4
#define OPTIONAL_FIELDS 6 /* as many as there are, then "-" */

struct field {
	const char *text;
	size_t len;
};

static size_t
split_mount_fields(const char *line, size_t len, struct field fields[FIELDS_MAX])
{
	size_t count = 0, at = 0;

	while (at < len && count < FIELDS_MAX) {
		const char *blank = memchr(line + at, ' ', len - at);
		size_t end = blank == NULL ? len : (size_t)(blank - line);

		fields[count++] = (struct field){line + at, end - at};
		at = end + 1;
	}
	return count;
}

static void
copy_field(const struct field *field, char *out, size_t size)
{
	size_t len = field->len < size ? field->len : size - 1;

	memcpy(out, field->text, len);
	out[len] = '\0';
}

/* Blanks, backslashes and line ends stand there as three octal digits. */
static void
copy_point(const struct field *field, char point[MOUNT_TEXT_SIZE])
{
	size_t len = 0;

	for (size_t i = 0; i < field->len && len < MOUNT_TEXT_SIZE; i++) {
		const char *digits = field->text + i + 1;

		if (field->text[i] == '\\' && field->len - i > 3 && strspn(digits, "01234567") >= 3) {
			point[len++] = (char)((digits[0] - '0') << 6 | (digits[1] - '0') << 3 | (digits[2] - '0'));
			i += 3;
		} else {
			point[len++] = field->text[i];
		}
	}
	point[len < MOUNT_TEXT_SIZE ? len : 0] = '\0';
}

static int
parse_device(const struct field *field, dev_t *device)
{
	unsigned parts[2];
	char text[32], *end = text;

	if (field->len >= sizeof(text))
		return -EINVAL;
	copy_field(field, text, sizeof(text));
	for (int i = 0; i < 2; i++) {
		const char *begin = end + (i == 1);

		if (i == 1 && *end != ':')
			return -EINVAL;
		parts[i] = (unsigned)strtoul(begin, &end, 10);
		if (end == begin)
			return -EINVAL;
	}
	*device = makedev(parts[0], parts[1]);
	return *end == '\0' ? 0 : -EINVAL;
}

int
mount_line_parse(const char *line, size_t len, struct mount_line *mount)
{
	struct field fields[FIELDS_MAX];
	size_t count = split_mount_fields(line, len, fields), dash = OPTIONAL_FIELDS;

	while (dash < count && !(fields[dash].len == 1 && fields[dash].text[0] == '-'))
		dash++;
	if (dash + 3 >= count || parse_device(&fields[DEVICE_FIELD], &mount->device) < 0)
		return -EINVAL;
	copy_point(&fields[POINT_FIELD], mount->point);
	copy_field(&fields[dash + 1], mount->type, sizeof(mount->type));
	copy_field(&fields[dash + 2], mount->source, sizeof(mount->source));
	copy_field(&fields[dash + 3], mount->options, sizeof(mount->options));
	return 0;
}

int
mount_table_read(struct mount_table *table)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	struct mount_line mount;
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	int r = 0;

	*table = (struct mount_table){NULL, 0};
	if (file == NULL)
		return -errno;
	while (r == 0 && table->count < MOUNT_TABLE_MAX && (len = getline(&line, &size, file)) > 0) {
		struct mount_line *more;

		if (mount_line_parse(line, (size_t)len - (line[len - 1] == '\n'), &mount) < 0)
			continue;
		more = reallocarray(table->lines, table->count + 1, sizeof(mount));
		if (more == NULL) {
			r = -ENOMEM;
			break;
		}
		table->lines = more;
		table->lines[table->count++] = mount;
	}
	free(line);
	fclose(file);
	return r;
}

void
mount_table_free(struct mount_table *table)
{
	free(table->lines);
	*table = (struct mount_table){NULL, 0};
}

const struct mount_line *
mount_of_device(const struct mount_table *table, dev_t device)
{
	for (size_t i = table->count; i > 0; i--)
		if (table->lines[i - 1].device == device)
			return &table->lines[i - 1];
	return NULL;
}

/* Is path the mount point, or below it? */
static bool
is_below(const char *path, const char *point, size_t len)
{
	return len > 0 && strncmp(path, point, len) == 0 &&
	    (point[len - 1] == '/' || path[len] == '/' || path[len] == '\0');
}

const struct mount_line *
mount_of_path(const struct mount_table *table, const char *path)
{
	const struct mount_line *found = NULL;
	size_t longest = 0;

	/* of two at one point, the later one hides the former */
	for (size_t i = 0; i < table->count; i++) {
		size_t len = strlen(table->lines[i].point);

		if (len >= longest && is_below(path, table->lines[i].point, len)) {
			found = &table->lines[i];
			longest = len;
		}
	}
	return found;
}

bool
mount_has_option(const struct mount_line *mount, const char *name, const char *value)
{
	size_t name_len = strlen(name), value_len = value == NULL ? 0 : strlen(value);

	for (const char *option = mount->options; *option != '\0'; option += strspn(option, ",")) {
		size_t len = strcspn(option, ",");
		bool has_value = len > name_len && option[name_len] == '=';

		if (len >= name_len && memcmp(option, name, name_len) == 0 && (len == name_len || has_value) &&
		    (value == NULL ||
			(has_value && len == name_len + 1 + value_len &&
			    memcmp(option + name_len + 1, value, value_len) == 0)))
			return true;
		option += len;
	}
	return false;
}

/* Rows of one kind of file system: an option, or its absence, and what to do. The first word of the type decides. */
static const struct {
	const char *type, *option, *value;
	bool is_missing; /* it is the absence that is wrong */
	const char *advice;
} mount_rows[] = {
    {"nfs", "nolock", NULL, false, "locks of other machines are not seen; mount without 'nolock'"},
    {"nfs", "local_lock", "all", false, "locks of other machines are not seen; mount with 'local_lock=none'"},
    {"nfs", "local_lock", "flock", false, "locks of other machines are not seen; mount with 'local_lock=none'"},
    {"nfs", "vers", "3", false, "a server that is gone holds its locks until it is back; mount with 'vers=4.2'"},
    {"nfs", "vers", "4.0", false, "a server that was renamed or copied loses its locks; mount with 'vers=4.2'"},
    {"nfs", "soft", NULL, false, "an upload fails where the file server restarts; mount with 'hard'"},
    {"nfs", "softerr", NULL, false, "an upload fails where the file server restarts; mount with 'hard'"},
    {"cifs", "nobrl", NULL, false, "locks of other machines are not seen; mount without 'nobrl'"},
    {"cifs", "cache", "none", true, "what other machines write is seen late; mount with 'cache=none,actimeo=0'"},
};

/* The options that a program in user space was mounted with do not stand there, whether they are right or not. */
static const struct {
	const char *type, *advice;
} doubt_rows[] = {
    {"fuse.glusterfs",
	"needs 'entry-timeout=0,attribute-timeout=0,negative-timeout=0', which the kernel does not show; run "
	"'sallyportctl store check --peer' once"},
    {"fuse",
	"a program decides how late changes of other machines are seen; run 'sallyportctl store check --peer' once"},
};

/* "nfs4" is of "nfs", "fuse.sshfs" of "fuse". */
static bool
is_of_type(const char *type, const char *row)
{
	size_t len = strlen(row);

	return strncmp(type, row, len) == 0 && (type[len] == '\0' || type[len] == '.' || type[len] == '4');
}

/* The row of a certain program comes before that of all. */
static const char *
find_doubt(const struct mount_line *mount)
{
	for (size_t i = 0; i < sizeof(doubt_rows) / sizeof(doubt_rows[0]); i++)
		if (is_of_type(mount->type, doubt_rows[i].type))
			return doubt_rows[i].advice;
	return NULL;
}

size_t
mount_advise(const struct mount_line *mount, struct mount_advice advice[MOUNT_ADVICE_MAX])
{
	const char *doubt = find_doubt(mount);
	size_t count = 0;

	for (size_t i = 0; i < sizeof(mount_rows) / sizeof(mount_rows[0]) && count < MOUNT_ADVICE_MAX; i++)
		if (is_of_type(mount->type, mount_rows[i].type) &&
		    mount_has_option(mount, mount_rows[i].option, mount_rows[i].value) != mount_rows[i].is_missing)
			advice[count++] = (struct mount_advice){.text = mount_rows[i].advice};
	if (doubt != NULL && count < MOUNT_ADVICE_MAX)
		advice[count++] = (struct mount_advice){.text = doubt, .is_doubt = true};
	return count;
}
