/* SPDX-License-Identifier: BSD-2-Clause */
/* Test plans as text: lines into sections. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "plan_parts.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/opt.h"

#define BLANKS "\t "

struct reader {
	struct plan *plan;
	struct plan_section *section; /* the present one */
};

/* Room for one more at the end of an array of @nr, grown as powers of two are reached. */
static void *grow(void *array, unsigned int nr, size_t size)
{
	if (nr & (nr - 1))
		return array;
	return reallocarray(array, nr ? 2 * (size_t)nr : 1, size);
}

static struct plan_section *add_section(struct plan *plan, const char *name)
{
	void *sections = grow(plan->sections, plan->nr_sections, sizeof(*plan->sections));
	struct plan_section *section;

	if (!sections)
		return NULL;
	plan->sections = sections;
	section = calloc(1, sizeof(*section));
	if (!section)
		return NULL;
	section->name = name ? strdup(name) : NULL;
	plan->sections[plan->nr_sections++] = section;
	return name && !section->name ? NULL : section;
}

/* Whether rows are told from each other by it. */
static bool varies(const struct plan_key_info *key)
{
	return key->vary || key == &plan_keys[PLAN_EACH];
}

static int add_value(struct plan_values *values, const struct plan_key_info *key, const char *text,
		     struct err *e)
{
	const char *option = key->option;
	struct plan_value value;
	void *grown;

	for (unsigned int i = 0; varies(key) && i < values->nr; i++) {
		if (!strcmp(values->value[i].text, text))
			return err_set(e, EEXIST, "'%s' stands here twice", text);
	}
	if (values->nr == PLAN_VALUES_MAX)
		return err_set(e, E2BIG, "'%s' is one value too many: there may be %d", text,
			       PLAN_VALUES_MAX);
	grown = grow(values->value, values->nr, sizeof(value));
	if (!grown)
		return err_set(e, ENOMEM, "out of memory");
	values->value = grown;
	if (asprintf(&value.word, "%s%s%s%s", option ? "--" : "", option ? option : "",
		     option ? "=" : "", text) < 0)
		return err_set(e, ENOMEM, "out of memory");
	value.text = value.word + strlen(value.word) - strlen(text);
	values->value[values->nr++] = value;
	return 0;
}

/* Copies @from with the environment's values in place of ${NAME}; at most PLAN_LINE_MAX bytes. */
static int expand(const char *from, char to[PLAN_LINE_MAX + 1], struct err *e)
{
	size_t len = 0;

	while (*from) {
		const char *piece = from, *end = strncmp(from, "${", 2) ? NULL : strchr(from, '}');
		size_t size = 1;

		if (end) {
			autofree char *name = strndup(from + 2, (size_t)(end - from) - 2);

			piece = name ? getenv(name) : NULL;
			if (!piece)
				return err_set(e, EINVAL,
					       "%.*s: there is no such environment variable",
					       (int)(end - from) + 1, from);
			size = strlen(piece);
		}
		for (size_t i = 0; i < size; i++) {
			if (end && iscntrl((unsigned char)piece[i]))
				return err_set(e, EINVAL, "%.*s has a control character",
					       (int)(end - from) + 1, from);
		}
		if (size > PLAN_LINE_MAX - len)
			return err_set(e, E2BIG, "the value grows longer than %d bytes",
				       PLAN_LINE_MAX);
		memcpy(to + len, piece, size);
		len += size;
		from = end ? end + 1 : from + 1;
	}
	to[len] = '\0';
	return 0;
}

/* Adds the words of @text, or all of it. */
static int add_values(struct plan_values *values, const struct plan_key_info *key, char *text,
		      struct err *e)
{
	char *rest = text;
	int ret = 0;

	do {
		char *value = key->words ? strsep(&rest, BLANKS) : text;

		if (!*value)
			continue;
		/* No option at all is one of the choices there are. */
		if (key->check && (key != &plan_keys[PLAN_EACH] || strcmp(value, "-")))
			ret = key->check(value, e);
		if (ret == 0)
			ret = add_value(values, key, value, e);
	} while (ret == 0 && key->words && rest);
	return ret;
}

static int take_key(struct reader *r, int index, const char *text, struct err *e)
{
	const struct plan_key_info *key = &plan_keys[index];
	struct plan_section *section = r->section;
	struct plan_values *values = &section->key[index];
	char value[PLAN_LINE_MAX + 1];
	int ret = expand(text, value, e);

	if (ret < 0)
		return ret;
	if (key->whole && section->name)
		return err_set(e, EINVAL,
			       "it is the whole plan's, and stands before the first [NAME]");
	if (!*value)
		return err_set(e, EINVAL, "it needs a value");
	if (values->none || (values->nr && (key->once || !strcmp(value, "-"))))
		return err_set(e, EINVAL, "'%s' comes after '%s', and there can be one only", value,
			       values->none ? "-" : values->value[0].text);
	if (!strcmp(value, "-")) {
		values->none = true;
		return 0;
	}
	if (index == PLAN_EACH) {
		if (section->nr_each == PLAN_EACH_MAX)
			return err_set(e, E2BIG, "there may be %d such lines", PLAN_EACH_MAX);
		values = &section->each[section->nr_each++];
	}
	return add_values(values, key, value, e);
}

static int begin_section(struct reader *r, char *line, struct err *e)
{
	size_t len = strlen(line);

	if (len < 3 || line[len - 1] != ']' || len - 2 > 64)
		return err_set(e, EINVAL, "'%s' is no [NAME] of 1 to 64 bytes", line);
	line[len - 1] = '\0';
	line++;
	for (unsigned int i = 1; i < r->plan->nr_sections; i++) {
		if (!strcmp(r->plan->sections[i]->name, line))
			return err_set(e, EEXIST, "there is a [%s] before", line);
	}
	if (r->plan->nr_sections > PLAN_SECTIONS_MAX)
		return err_set(e, E2BIG, "[%s] is one section too many: there may be %d", line,
			       PLAN_SECTIONS_MAX);
	r->section = add_section(r->plan, line);
	return r->section ? 0 : err_set(e, ENOMEM, "out of memory");
}

/* @line without blanks at its ends. */
static int take_line(struct reader *r, char *line, struct err *e)
{
	size_t len = strcspn(line, BLANKS);
	int key, ret;

	if (!*line || *line == '#')
		return 0;
	if (*line == '[')
		return begin_section(r, line, e);
	key = plan_find_key(line, len);
	if (key < 0)
		return err_set(e, EINVAL, "'%.*s' is no key of a plan; lkvm-test(1) lists them",
			       (int)len, line);
	ret = take_key(r, key, line + len + strspn(line + len, BLANKS), e);
	return ret < 0 ? err_wrap(e, ret, "%s", plan_keys[key].name) : 0;
}

/* Copies the line of @len bytes, without blanks and a carriage return at its ends. */
static int copy_line(const char *from, size_t len, char to[PLAN_LINE_MAX + 1], struct err *e)
{
	for (; len && strchr(BLANKS, *from); len--)
		from++;
	while (len && strchr(BLANKS "\r", from[len - 1]))
		len--;
	if (len > PLAN_LINE_MAX)
		return err_set(e, E2BIG, "the line is longer than %d bytes", PLAN_LINE_MAX);
	for (size_t i = 0; i < len; i++) {
		if (iscntrl((unsigned char)from[i]) && from[i] != '\t')
			return err_set(e, EINVAL,
				       "there is a control character: is it a text file?");
	}
	memcpy(to, from, len);
	to[len] = '\0';
	return 0;
}

/* What the file is called, without folders and its last dot's ending. */
static char *stem(const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	const char *dot = strrchr(base, '.');

	return dot && dot > base ? strndup(base, (size_t)(dot - base)) : strdup(base);
}

static int read_lines(struct plan *plan, const char *text, size_t len, const char *path,
		      struct err *e)
{
	struct reader r = { .plan = plan, .section = add_section(plan, NULL) };
	unsigned int nr = 0;
	char line[PLAN_LINE_MAX + 1];
	int ret = r.section ? 0 : err_set(e, ENOMEM, "out of memory");

	for (const char *end = text + len, *next; ret == 0 && text < end; text = next + 1) {
		next = memchr(text, '\n', (size_t)(end - text));
		if (!next)
			next = end;
		nr++;
		ret = copy_line(text, (size_t)(next - text), line, e);
		if (ret == 0)
			ret = take_line(&r, line, e);
		if (ret == 0)
			r.section->line = r.section->line ? r.section->line : nr;
	}
	return ret < 0 ? err_wrap(e, ret, "%s:%u", path, nr) : 0;
}

int plan_parse(struct plan *plan, const char *text, size_t len, const char *path, struct err *e)
{
	const struct plan_values *values;
	int ret;

	*plan = (struct plan){ 0 };
	ret = read_lines(plan, text, len, path, e);
	if (ret < 0)
		goto fail;
	values = plan->sections[0]->key;
	plan->name = values[PLAN_NAME].nr ? strdup(values[PLAN_NAME].value[0].text) : stem(path);
	if (values[PLAN_JOBS].nr)
		opt_set_u32(&plan->jobs, values[PLAN_JOBS].value[0].text, e);
	ret = plan->name ? plan_make_rows(plan, path, e) : err_set(e, ENOMEM, "out of memory");
	if (ret == 0)
		return 0;
fail:
	plan_free(plan);
	return ret;
}

int plan_read(struct plan *plan, const char *path, struct err *e)
{
	autofree char *text = NULL;
	uint64_t size;
	autofd int fd = file_open(path, "test plan", &size, e);

	*plan = (struct plan){ 0 };
	if (fd < 0)
		return fd;
	if (size > PLAN_SIZE_MAX)
		return err_set(e, EFBIG, "test plan %s is larger than %d KiB", path,
			       PLAN_SIZE_MAX / 1024);
	text = malloc(size);
	if (!text || file_read_at(fd, text, size, 0) < 0)
		return err_sys(e, "cannot read test plan %s", path);
	return plan_parse(plan, text, size, path, e);
}

static void free_values(struct plan_values *values)
{
	for (unsigned int i = 0; i < values->nr; i++)
		free(values->value[i].word);
	free(values->value);
}

void plan_free(struct plan *plan)
{
	for (unsigned int i = 0; i < plan->nr_rows; i++) {
		free(plan->rows[i].name);
		free(plan->rows[i].options);
	}
	for (unsigned int i = 0; i < plan->nr_sections; i++) {
		struct plan_section *section = plan->sections[i];

		for (int key = 0; key < PLAN_KEYS; key++)
			free_values(&section->key[key]);
		for (unsigned int j = 0; j < section->nr_each; j++)
			free_values(&section->each[j]);
		free(section->name);
		free(section);
	}
	free(plan->sections);
	free(plan->rows);
	free(plan->name);
	*plan = (struct plan){ 0 };
}
