/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The option parser of every command. getopt_long() guesses abbreviated names and prints by itself;
 * this one does neither.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "util/bits.h"
#include "util/opt.h"

int opt_set_string(void *field, const char *value, struct err *e)
{
	(void)e;
	*(const char **)field = value;
	return 0;
}

int opt_set_switch(void *field, const char *value, struct err *e)
{
	if (strcmp(value, "on") && strcmp(value, "off"))
		return err_set(e, EINVAL, "'%s' is none of on, off", value);
	*(bool *)field = value[1] == 'n';
	return 0;
}

int opt_set_flag(void *field, const char *value, struct err *e)
{
	(void)value;
	(void)e;
	*(bool *)field = true;
	return 0;
}

/*
 * The decimal digits at *@text, which moves behind them. strtoull() would take signs, spaces and
 * "0x", and leave an overflow in errno. Returns 0, -EINVAL without a digit, -ERANGE above @max.
 */
static int read_decimal(const char **text, uint64_t max, uint64_t *number)
{
	const char *p = *text;
	uint64_t n = 0;

	if (*p < '0' || *p > '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++) {
		unsigned int digit = *p - '0';

		if (n > (max - digit) / 10)
			return -ERANGE;
		n = n * 10 + digit;
	}
	*text = p;
	*number = n;
	return 0;
}

/* The factor of a size suffix, 0 for what is none. */
static uint64_t size_unit(const char *suffix)
{
	static const struct {
		char upper, lower;
		uint64_t unit;
	} units[] = {
		{ 'B', 'b', 1 },   { 'K', 'k', KiB }, { 'M', 'm', MiB },
		{ 'G', 'g', GiB }, { 'T', 't', TiB },
	};

	if (!*suffix)
		return MiB;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if ((*suffix == units[i].upper || *suffix == units[i].lower) && !suffix[1])
			return units[i].unit;
	return 0;
}

int opt_set_size(void *field, const char *value, struct err *e)
{
	const char *suffix = value;
	uint64_t n, unit;
	int ret = read_decimal(&suffix, UINT64_MAX, &n);

	unit = ret ? MiB : size_unit(suffix);
	if (ret == -EINVAL || !unit)
		return err_set(
			e, EINVAL,
			"'%s' is not a size: a whole number and one of B K M G T, or none for M",
			value);
	if (ret || n > UINT64_MAX / unit)
		return err_set(e, ERANGE, "'%s' is too large: it is 2^64 bytes or more", value);
	*(uint64_t *)field = n * unit;
	return 0;
}

int opt_set_rate(void *field, const char *value, struct err *e)
{
	uint64_t rate;
	int ret = opt_set_size(&rate, value, e);

	if (ret < 0)
		return ret;
	if (!rate)
		return err_set(e, EINVAL, "'%s': a device without a single byte a second is none",
			       value);
	*(uint64_t *)field = rate;
	return 0;
}

int opt_set_time(void *field, const char *value, struct err *e)
{
	static const struct {
		const char *name;
		uint64_t ms;
	} units[] = {
		{ "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60 * 1000 }, { "h", 3600 * 1000 },
	};
	const char *unit = value;
	uint64_t n = 0;
	int ret = read_decimal(&unit, OPT_TIME_MAX, &n);
	size_t i = 0;

	while (i < ARRAY_SIZE(units) && strcmp(units[i].name, unit))
		i++;
	/* What overflows leaves @unit at the number's begin. */
	if (ret == -EINVAL || (ret == 0 && i == ARRAY_SIZE(units)))
		return err_set(
			e, EINVAL,
			"'%s' is not a time: a whole number and one of ms s m h, or none for s",
			value);
	if (ret || !n || n > OPT_TIME_MAX / units[i].ms)
		return err_set(e, ERANGE, "'%s' is out of range: 1ms to 8784h", value);
	*(uint64_t *)field = n * units[i].ms;
	return 0;
}

int opt_set_u32(void *field, const char *value, struct err *e)
{
	const char *rest = value;
	uint64_t n;
	int ret = read_decimal(&rest, UINT32_MAX, &n);

	if (ret == -ERANGE)
		return err_set(e, ERANGE, "'%s' is too large", value);
	if (ret || *rest)
		return err_set(e, EINVAL, "'%s' is not a whole number", value);
	*(uint32_t *)field = n;
	return 0;
}

char *opt_next_word(char **text)
{
	char *word = *text, *to = word, *from = word;

	for (; *from && (*from != ',' || from[1] == ','); *to++ = *from++)
		from += *from == ',';
	*text = *from ? from + 1 : NULL;
	*to = '\0';
	return word;
}

/* A word's option row by its long name, the @len bytes after "--". */
static const struct opt *find_name(const struct opt *rows, size_t nr, const char *name, size_t len)
{
	for (size_t i = 0; i < nr; i++)
		if (strlen(rows[i].name) == len && !memcmp(rows[i].name, name, len))
			return &rows[i];
	return NULL;
}

/* The same by its letter, which is not 0. */
static const struct opt *find_letter(const struct opt *rows, size_t nr, char letter)
{
	for (size_t i = 0; i < nr; i++)
		if (rows[i].letter == letter)
			return &rows[i];
	return NULL;
}

/* Refuses @word; a row whose name begins like it is offered, never taken. */
static int unknown(const struct opt *rows, size_t nr, const char *word, struct err *e)
{
	const char *name = word + 2;
	size_t len = strlen(word) > 2 && word[1] == '-' ? strcspn(name, "=") : 0;

	for (size_t i = 0; len && i < nr; i++)
		if (!strncmp(rows[i].name, name, len))
			return err_set(e, EINVAL, "unknown option '%s' (did you mean '--%s'?)",
				       word, rows[i].name);
	return err_set(e, EINVAL, "unknown option '%s' (--help lists them)", word);
}

/* Takes the option at argv[*i], with its value, which may be the word after it. */
static int take_option(const struct opt *rows, size_t nr, void *target, int argc, char **argv,
		       int *i, struct err *e)
{
	const char *arg = argv[*i], *value = NULL;
	const struct opt *row;
	int len, ret;

	if (arg[1] == '-') {
		len = strcspn(arg, "=");
		row = find_name(rows, nr, arg + 2, len - 2);
		if (arg[len])
			value = arg + len + 1;
	} else {
		len = 2;
		row = find_letter(rows, nr, arg[1]);
		if (arg[len])
			value = arg + len;
	}
	if (!row)
		return unknown(rows, nr, arg, e);
	if (!row->arg && value)
		return err_set(e, EINVAL, "'%s': %.*s takes no value", arg, len, arg);
	if (row->arg && !value) {
		if (*i + 1 == argc)
			return err_set(e, EINVAL, "%s needs a value: %s", arg, row->arg);
		value = argv[++*i];
	}
	ret = row->set((char *)target + row->off, value, e);
	return ret < 0 ? err_wrap(e, ret, "%.*s", len, arg) : 0;
}

int opt_parse(const struct opt *rows, size_t nr, void *target, int argc, char **argv,
	      int (*word)(void *target, const char *word, struct err *e), bool *help,
	      char ***behind, struct err *e)
{
	bool options = true;
	int ret = 0;

	*help = false;
	if (behind)
		*behind = NULL;
	for (int i = 0; i < argc && !ret && !*help && !(behind && *behind); i++) {
		const char *arg = argv[i];

		/* "-" alone is a word, as everywhere. */
		if (!options || arg[0] != '-' || !arg[1])
			ret = word ? word(target, arg, e)
				   : err_set(e, EINVAL, "'%s' is not wanted here", arg);
		else if (!strcmp(arg, "--") && behind)
			*behind = argv + i + 1;
		else if (!strcmp(arg, "--"))
			options = false;
		else if (!strcmp(arg, "-h") || !strcmp(arg, "--help"))
			*help = true;
		else
			ret = take_option(rows, nr, target, argc, argv, &i, e);
	}
	return ret;
}

/* Columns of "-k, --kernel FILE". */
static int opt_width(const struct opt *row)
{
	return 6 + strlen(row->name) + (row->arg ? 1 + strlen(row->arg) : 0);
}

static void print_row(FILE *out, const struct opt *row, int width)
{
	const char *line = row->help;
	int len = strcspn(line, "\n");

	if (row->letter)
		fprintf(out, "  -%c, --%s", row->letter, row->name);
	else
		fprintf(out, "      --%s", row->name);
	fprintf(out, "%s%s%*s  %.*s\n", row->arg ? " " : "", row->arg ? row->arg : "",
		width - opt_width(row), "", len, line);
	while (line[len]) {
		line += len + 1;
		len = strcspn(line, "\n");
		fprintf(out, "  %*s  %.*s\n", width, "", len, line);
	}
}

void opt_print(FILE *out, const struct opt *rows, size_t nr)
{
	/* Not a row of any table: opt_parse() takes it for every command. */
	static const struct opt help = { .letter = 'h', .name = "help", .help = "Print this list" };
	int width = opt_width(&help);

	for (size_t i = 0; i < nr; i++)
		if (opt_width(&rows[i]) > width)
			width = opt_width(&rows[i]);
	for (size_t i = 0; i < nr; i++)
		print_row(out, &rows[i], width);
	print_row(out, &help, width);
}
