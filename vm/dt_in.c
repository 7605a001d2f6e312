/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading a device tree that is not trusted, property by property. */
#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>
#include "vm/dt_in.h"

int dt_in_fail(struct dt_in *in, const char *what, const char *how)
{
	if (in->ret == 0)
		in->ret = err_set(in->e, EINVAL, "%s is damaged: %.64s: %s", in->name, what, how);
	return in->ret;
}

int dt_in_node(struct dt_in *in, int parent, const char *name, const char *compatible)
{
	int node;

	if (in->ret < 0)
		return -1;
	node = fdt_subnode_offset(in->fdt, parent, name);
	if (node < 0) {
		dt_in_fail(in, name, "missing");
		return -1;
	}
	if (compatible && fdt_node_check_compatible(in->fdt, node, compatible)) {
		in->ret = err_set(in->e, EINVAL, "%s has another %s than this lkvm knows (%s)",
				  in->name, name, compatible);
		return -1;
	}
	return node;
}

int dt_in_nth(struct dt_in *in, int parent, const char *name, unsigned int nr)
{
	char full[32];

	snprintf(full, sizeof(full), "%s@%x", name, nr);
	return dt_in_node(in, parent, full, NULL);
}

bool dt_in_has(const struct dt_in *in, int node, const char *name)
{
	return in->ret == 0 && fdt_getprop(in->fdt, node, name, NULL);
}

/* A property's value of *len bytes, or NULL. */
static const void *get(struct dt_in *in, int node, const char *name, int *len)
{
	const void *value = in->ret < 0 ? NULL : fdt_getprop(in->fdt, node, name, len);

	if (!value)
		dt_in_fail(in, name, "missing");
	return value;
}

static const void *get_exactly(struct dt_in *in, int node, const char *name, size_t size)
{
	int len;
	const void *value = get(in, node, name, &len);

	if (value && (size_t)len != size) {
		dt_in_fail(in, name, "its length is wrong");
		return NULL;
	}
	return value;
}

void dt_in_u32(struct dt_in *in, int node, const char *name, uint32_t *value)
{
	dt_in_cells(in, node, name, value, 1);
}

void dt_in_u64(struct dt_in *in, int node, const char *name, uint64_t *value)
{
	const void *cells = get_exactly(in, node, name, sizeof(*value));

	if (cells)
		*value = fdt64_ld(cells);
}

void dt_in_cells(struct dt_in *in, int node, const char *name, uint32_t *cells, size_t nr)
{
	const fdt32_t *be = get_exactly(in, node, name, nr * sizeof(*be));

	for (size_t i = 0; be && i < nr; i++)
		cells[i] = fdt32_ld(&be[i]);
}

void dt_in_bytes(struct dt_in *in, int node, const char *name, void *buf, size_t max, size_t *len)
{
	int size;
	const void *value = get(in, node, name, &size);

	if (!value)
		return;
	if ((size_t)size > max) {
		dt_in_fail(in, name, "it is too long");
		return;
	}
	memcpy(buf, value, (size_t)size);
	*len = (size_t)size;
}

void dt_in_strings(struct dt_in *in, int node, const char *name,
		   int (*take)(void *ctx, const char *text, struct err *e), void *ctx)
{
	int nr;

	if (!dt_in_has(in, node, name))
		return;
	nr = fdt_stringlist_count(in->fdt, node, name);
	if (nr < 0)
		dt_in_fail(in, name, "it is no list of strings");
	for (int i = 0; i < nr && in->ret == 0; i++) {
		const char *text = fdt_stringlist_get(in->fdt, node, name, i, NULL);

		in->ret = take(ctx, text, in->e);
		if (in->ret < 0)
			err_wrap(in->e, in->ret, "%s: %s", in->name, name);
	}
}

void dt_fields(struct dt *dt, const void *object, const struct dt_field *fields, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		const char *at = (const char *)object + fields[i].off;
		uint64_t value = 0;

		/* Both machines that lkvm is compiled for are little-endian. */
		memcpy(&value, at, fields[i].size);
		if (fields[i].size > sizeof(uint32_t))
			dt_u64(dt, fields[i].name, value);
		else
			dt_cells(dt, fields[i].name, (uint32_t)value);
	}
}

void dt_in_fields(struct dt_in *in, int node, void *object, const struct dt_field *fields,
		  size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		const struct dt_field *field = &fields[i];
		uint64_t value = 0, max = field->is_bool ? 1 : UINT64_MAX >> (64 - 8 * field->size);
		uint32_t cell = 0;

		if (field->size > sizeof(cell)) {
			dt_in_u64(in, node, field->name, &value);
		} else {
			dt_in_u32(in, node, field->name, &cell);
			value = cell;
		}
		if (value > max)
			dt_in_fail(in, field->name, "no such value");
		if (in->ret == 0)
			memcpy((char *)object + field->off, &value, field->size);
	}
}
