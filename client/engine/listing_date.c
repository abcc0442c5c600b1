/* SPDX-License-Identifier: ISC */
/* Dates in listings: every order and language that servers are known to use. */
#include <string.h>
#include <strings.h>

#include "client/engine/listing_line.h"
#include "common/character.h"

#include "common/banned.h"

#define DAY_S 86400

/* --- months --- */

/*
 * How months begin or are called in short. What is not ASCII stands as '?', any run of such bytes, so that the character
 * set of the server does not matter. Where two languages mean different months by the same letters, neither is here.
 */
static const char *const month_names[12] = {
    " jan janv januar january ene gen sty led oca tammi ",
    " feb febr f?v f?vr februar february fev lut ?no ?ub helmi ",
    " mar mrz m?r m?rz march mars mrt m?rc b?e maalis ",
    " apr april avr abr kwi dub ?pr nis huhti ",
    " may mai mag mei maj m?j kv? touko ",
    " jun june juni juin giu cze haz kes? ",
    " jul july juli juil lug lip j?l ?vc tem hein? ",
    " aug august ago ao?t aout sie srp a?u elo ",
    " sep sept september set wrz szept z? eyl syys ",
    " oct okt october oktober ott out pa? ?j eki loka ",
    " nov november lis kas marras ",
    " dec dez des dic d?c december dezember gru pro ara joulu ",
};

/* In letters that have nothing of ASCII: UTF-8 alone. */
static const char *const month_letters[12] = {
    "янв", "фев", "мар", "апр", "мая", "июн", "июл", "авг", "сен", "окт", "ноя", "дек"};

/* Without the '.' or ',' that some languages put after a day or a month. */
static struct piece
without_mark(struct piece word)
{
	while (word.len > 1 && (word.text[word.len - 1] == '.' || word.text[word.len - 1] == ','))
		word.len--;
	return word;
}

/* A number behind which a sign of another script may stand: "4", "18." and the years, months and days of Asia. */
static int64_t
marked_number(struct piece word, bool *has_sign)
{
	size_t len = 0;

	word = without_mark(word);
	while (len < word.len && is_digit(word.text[len]))
		len++;
	*has_sign = len < word.len;
	if (*has_sign && (unsigned char)word.text[len] < 0x80)
		return -1;
	return piece_number(piece_first(word, len));
}

/* " m?r " of "Mär", in any character set. */
static bool
skeleton(struct piece word, char out[16])
{
	size_t len = 0;

	out[len++] = ' ';
	for (size_t i = 0; i < word.len; i++) {
		unsigned char c = (unsigned char)word.text[i];

		if (c >= 0x80 && out[len - 1] == '?')
			continue;
		if (len >= 13 || c <= ' ' || c == '?')
			return false;
		out[len++] = c >= 0x80 ? '?' : (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	}
	out[len++] = ' ';
	out[len] = '\0';
	return len > 4 || (len == 4 && strchr(out, '?') != NULL);
}

int
month_number(struct piece word)
{
	char name[16];
	bool has_sign;
	int64_t number;

	word = without_mark(word);
	if (word.len == 0)
		return -1;
	if (is_digit(word.text[0])) {
		number = marked_number(word, &has_sign);
		return has_sign && number >= 1 && number <= 12 ? (int)number - 1 : -1;
	}
	for (int i = 0; i < 12; i++) {
		if (piece_begins(word, month_letters[i]))
			return i;
	}
	if (!skeleton(word, name))
		return -1;
	for (int i = 0; i < 12; i++) {
		if (strstr(month_names[i], name) != NULL)
			return i;
	}
	return -1;
}

/* --- parts --- */

static bool
set_day(struct tm *utc, int64_t year, int64_t month, int64_t day)
{
	if (year < 0 || year > 9999 || month < 0 || month > 11 || day < 1 || day > 31)
		return false;
	utc->tm_year = (int)year - 1900;
	utc->tm_mon = (int)month;
	utc->tm_mday = (int)day;
	return true;
}

bool
clock_time(struct piece word, struct tm *utc)
{
	const char *colon = word.len == 0 ? NULL : memchr(word.text, ':', word.len);
	struct piece minutes, seconds = {"0", 1};
	int64_t hour, minute, second;

	if (colon == NULL)
		return false;
	minutes = piece_from(word, (size_t)(colon + 1 - word.text));
	hour = colon - word.text > 2 ? -1 : piece_number(piece_first(word, (size_t)(colon - word.text)));
	if (minutes.len > 2 && (minutes.text[2] == ':' || minutes.text[2] == '.')) {
		const char *point;

		seconds = piece_from(minutes, 3);
		point = seconds.len == 0 ? NULL : memchr(seconds.text, '.', seconds.len);
		/* hundredths, or nanoseconds */
		if (point != NULL &&
		    piece_has_only(piece_from(seconds, (size_t)(point + 1 - seconds.text)), "0123456789"))
			seconds.len = (size_t)(point - seconds.text);
		minutes.len = 2;
	}
	minute = minutes.len != 2 ? -1 : piece_number(minutes);
	second = seconds.len > 2 ? -1 : piece_number(seconds);
	if (hour < 0 || hour > 24 || minute < 0 || minute > 59 || second < 0 || second > 60 ||
	    (hour == 24 && (minute > 0 || second > 0)))
		return false;
	utc->tm_hour = (int)hour;
	utc->tm_min = (int)minute;
	utc->tm_sec = (int)second;
	return true;
}

bool
clock_time_12(struct piece word, struct tm *utc)
{
	bool is_pm = false, is_12 = false;
	char last = word.len == 0 ? '\0' : (char)(word.text[word.len - 1] | 0x20);

	if (word.len > 2 && last == 'm') {
		word.len--;
		last = (char)(word.text[word.len - 1] | 0x20);
		if (last != 'a' && last != 'p')
			return false;
	}
	if (last == 'a' || last == 'p') {
		is_pm = last == 'p';
		is_12 = true;
		word.len--;
	}
	if (!clock_time(word, utc) || (is_12 && utc->tm_hour > 12))
		return false;
	if (is_12)
		utc->tm_hour = utc->tm_hour % 12 + (is_pm ? 12 : 0);
	return true;
}

/* A year of two digits (70 to 69 is 1970 to 2069), three (1900 and that) or four. -1: none. */
static int
year_number(struct piece word)
{
	int64_t year = piece_number(word);

	if (year < 0 || word.len < 2 || word.len > 4)
		return -1;
	if (word.len == 2)
		return (int)year + (year < 70 ? 2000 : 1900);
	return (int)year + (word.len == 3 ? 1900 : 0);
}

/* The three parts of a date between marks that are alike. */
static bool
three_parts(struct piece word, struct piece parts[3], char *mark)
{
	size_t count = 0, begin = 0;

	*mark = '\0';
	for (size_t i = 0; i < word.len; i++) {
		char c = word.text[i];

		if (c != '-' && c != '/' && c != '.')
			continue;
		if ((*mark != '\0' && c != *mark) || count == 2)
			return false;
		*mark = c;
		parts[count++] = (struct piece){word.text + begin, i - begin};
		begin = i + 1;
	}
	if (count != 2)
		return false;
	parts[2] = piece_from(word, begin);
	return true;
}

static int64_t
day_number(struct piece word)
{
	return word.len > 2 ? -1 : piece_number(word);
}

bool
split_date(struct piece word, const char *order, struct tm *utc)
{
	struct piece parts[3];
	int64_t month, day, year;
	size_t d, m, y;
	char mark;

	if (!three_parts(word, parts, &mark))
		return false;
	if (parts[0].len == 4)
		order = "YMD";
	else if (mark == '.' && *order != 'Y')
		order = "DMY";
	if (month_number(parts[0]) >= 0)
		order = "MDY";
	else if (month_number(parts[1]) >= 0 && *order == 'M')
		order = "DMY";
	d = (size_t)(strchr(order, 'D') - order);
	m = (size_t)(strchr(order, 'M') - order);
	y = (size_t)(strchr(order, 'Y') - order);
	year = year_number(parts[y]);
	day = day_number(parts[d]);
	month = month_number(parts[m]);
	if (month < 0) {
		month = day_number(parts[m]) - 1;
		/* a server that writes the day first shows it by the 13th at the latest */
		if (month > 11 && day >= 1 && day <= 12) {
			int64_t swap = month + 1;

			month = day - 1;
			day = swap;
		}
	}
	return set_day(utc, year, month, day);
}

static bool
is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int64_t
utc_seconds(const struct tm *utc)
{
	static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	struct tm copy = *utc;
	int last = days[utc->tm_mon] + (utc->tm_mon == 1 && is_leap(utc->tm_year + 1900));

	/* timegm() would put the fields in order: 31 February would be a day of March */
	return utc->tm_mday > last ? -1 : (int64_t)timegm(&copy);
}

/* The year that was left out: the latest one with such a day that is not more than a day ahead. */
static int64_t
latest_seconds(struct tm *utc, int64_t now)
{
	time_t time = (time_t)now;
	struct tm today;
	int64_t seconds = -1;

	if (gmtime_r(&time, &today) == NULL)
		return -1;
	utc->tm_year = today.tm_year + 1;
	/* there are eight years between two leap years at most */
	for (int i = 0; i < 10; i++, utc->tm_year--) {
		seconds = utc_seconds(utc);
		if (seconds != -1 && seconds <= now + DAY_S)
			return seconds;
	}
	return -1;
}

/* --- ls(1) --- */

struct date_words {
	const struct piece *words;
	size_t count; /* that are left */
	int64_t now;
	int64_t mtime;
	bool is_exact;
};

/* "+0200", "-05:00" or "Z" behind a time of ls --full-time. */
static bool
zone_seconds(struct piece word, int64_t *seconds)
{
	int64_t hours, minutes;

	if (word.len < 5 || (word.text[0] != '+' && word.text[0] != '-'))
		return false;
	hours = piece_number((struct piece){word.text + 1, 2});
	minutes = piece_number(piece_from(word, word.text[3] == ':' ? 4 : 3));
	if (hours < 0 || hours > 14 || minutes < 0 || minutes > 59)
		return false;
	*seconds = (hours * 60 + minutes) * 60 * (word.text[0] == '-' ? -1 : 1);
	return true;
}

/* A day in one word, then perhaps a time, then perhaps a zone. */
static size_t
one_word_date(struct date_words *date)
{
	struct tm utc = {0};
	size_t used = 1;
	int64_t zone;

	/* 2004.07.15, 24-04-2003, 01-jun-99, 2020-01-31 */
	if (date->words[0].len < 8 || !split_date(date->words[0], "DMY", &utc))
		return 0;
	if (date->count > used && clock_time(date->words[used], &utc)) {
		used++;
		date->mtime = utc_seconds(&utc);
		if (date->count > used && zone_seconds(date->words[used], &zone)) {
			date->is_exact = date->mtime != -1;
			date->mtime -= date->is_exact ? zone : 0;
			used++;
		}
		return used;
	}
	date->mtime = utc_seconds(&utc);
	return used;
}

/* Day and month are known: a year or a time follows at words[used], or, as in VShell and ls -T of BSD, both. */
static size_t
after_month(struct date_words *date, struct tm *utc, size_t used, bool has_comma)
{
	struct piece word = date->words[used];
	bool has_sign;
	int64_t year;

	if (clock_time(word, utc)) {
		used++;
		if (word.len >= 7 && date->count > used + 1 && date->words[used].len == 4 &&
		    piece_number(date->words[used]) >= 1900) {
			utc->tm_year = (int)piece_number(date->words[used]) - 1900;
			date->mtime = utc_seconds(utc);
			return used + 1;
		}
		date->mtime = latest_seconds(utc, date->now);
		return used;
	}
	year = marked_number(word, &has_sign);
	if (year < 1000 || year > 9999)
		return 0;
	utc->tm_year = (int)year - 1900;
	used++;
	if (has_comma && date->count > used && clock_time(date->words[used], utc))
		used++;
	date->mtime = utc_seconds(utc);
	return used;
}

/* "Jan 31 12:34", "31 Jan 2020", "26. Juli, 20:10". */
static size_t
two_word_date(struct date_words *date)
{
	struct piece first = date->words[0], second = date->words[1];
	bool has_sign, is_month_first = month_number(first) >= 0;
	struct piece day_word = is_month_first ? second : first;
	int month = month_number(is_month_first ? first : second);
	int64_t day = marked_number(day_word, &has_sign);
	struct tm utc = {0};

	if (month < 0 || date->count < 3 || day > 31 || !set_day(&utc, 2000, month, day))
		return 0;
	return after_month(date, &utc, 2, day_word.text[day_word.len - 1] == ',');
}

/* "09-26 13:45", "09-26 2000": month and day in one word. */
static size_t
dashed_date(struct date_words *date)
{
	struct piece word = date->words[0];
	struct tm utc = {0};

	if (date->count < 2 || word.len != 5 || word.text[2] != '-' ||
	    !set_day(&utc, 2000, piece_number(piece_first(word, 2)) - 1, piece_number(piece_from(word, 3))))
		return 0;
	return after_month(date, &utc, 1, false);
}

/* The year first, as in China, Japan and Korea; a time may follow. */
static size_t
year_first_date(struct date_words *date)
{
	struct tm utc = {0};
	bool has_sign, has_day_sign;
	int64_t year, day;

	if (date->count < 3)
		return 0;
	year = marked_number(date->words[0], &has_sign);
	day = marked_number(date->words[2], &has_day_sign);
	/* without a sign of their own these are any numbers, and a month of the next column */
	if (year < 1900 || !is_digit(date->words[1].text[0]) || month_number(date->words[1]) < 0 ||
	    !set_day(&utc, year, month_number(date->words[1]), day))
		return 0;
	date->mtime = utc_seconds(&utc);
	return 3;
}

size_t
unix_date(const struct list_line *line, size_t i, int64_t now, int64_t *mtime, bool *is_exact)
{
	static size_t (*const forms[])(struct date_words *) = {
	    two_word_date, one_word_date, dashed_date, year_first_date};
	struct date_words date = {&line->words[i], line->count - i, now, -1, false};
	size_t used = 0;

	for (size_t f = 0; f < sizeof(forms) / sizeof(forms[0]) && used == 0 && date.count >= 2; f++)
		used = forms[f](&date);
	if (used > 0) {
		*mtime = date.mtime;
		*is_exact = date.is_exact;
	}
	return used;
}
