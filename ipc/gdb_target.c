/* SPDX-License-Identifier: BSD-2-Clause */
/* What gdb is told of the registers (gdb's manual, appendix "Target Descriptions"). */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "gdb_session.h"

struct text {
	char *to;
	size_t size, len;
};

static void put(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void put(struct text *t, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(t->to + t->len, t->size - t->len, fmt, args);
	va_end(args);
	if (len > 0 && (size_t)len < t->size - t->len)
		t->len += (size_t)len;
}

/* The ways to look at a vector. */
static void put_vector_type(struct text *t)
{
	static const struct {
		const char *name, *type;
		int count;
	} rows[] = {
		{ "d", "ieee_double", 2 }, { "s", "ieee_single", 4 }, { "u64", "uint64", 2 },
		{ "u32", "uint32", 4 },    { "u16", "uint16", 8 },    { "u8", "uint8", 16 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		put(t, "<vector id=\"v%s\" type=\"%s\" count=\"%d\"/>", rows[i].name, rows[i].type,
		    rows[i].count);
	put(t, "<union id=\"aarch64v\">");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		put(t, "<field name=\"%s\" type=\"v%s\"/>", rows[i].name, rows[i].name);
	put(t, "</union>");
}

size_t gdb_target_xml(char *xml, size_t size)
{
	struct text t = { .to = xml, .size = size };

	put(&t, "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\">"
		"<target version=\"1.0\"><architecture>aarch64</architecture>");
	for (const struct debug_registers *group = debug_registers; group->feature; group++) {
		/* gdb's own are for all; the rest would be in the way of who looks at those. */
		bool own = !strncmp(group->feature, "org.gnu.", 8);

		put(&t, "<feature name=\"%s\">", group->feature);
		if (strstr(group->feature, "fpu"))
			put_vector_type(&t);
		for (unsigned int i = 0; i < group->nr; i++)
			put(&t, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\"%s/>",
			    group->reg[i].name, group->reg[i].size * 8, group->reg[i].type,
			    own ? "" : " group=\"system\"");
		put(&t, "</feature>");
	}
	put(&t, "</target>");
	return t.len;
}
