/* SPDX-License-Identifier: BSD-2-Clause */
/* A device tree written in one pass. */
#include <errno.h>
#include <libfdt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "vm/dt.h"

static void keep(struct dt *dt, int ret)
{
	if (ret < 0 && !dt->error)
		dt->error = ret;
}

int dt_start(struct dt *dt, struct err *e)
{
	*dt = (struct dt){ .blob = malloc(DT_SIZE_MAX) };
	if (!dt->blob)
		return err_sys(e, "cannot write a device tree");
	keep(dt, fdt_create(dt->blob, DT_SIZE_MAX));
	keep(dt, fdt_finish_reservemap(dt->blob));
	dt_begin(dt, "%s", "");
	return 0;
}

void dt_begin(struct dt *dt, const char *fmt, ...)
{
	char name[64];
	va_list args;

	va_start(args, fmt);
	vsnprintf(name, sizeof(name), fmt, args);
	va_end(args);
	if (!dt->error)
		keep(dt, fdt_begin_node(dt->blob, name));
}

void dt_end(struct dt *dt)
{
	if (!dt->error)
		keep(dt, fdt_end_node(dt->blob));
}

void dt_bytes(struct dt *dt, const char *name, const void *value, size_t len)
{
	if (len > DT_SIZE_MAX)
		keep(dt, -FDT_ERR_NOSPACE);
	if (!dt->error)
		keep(dt, fdt_property(dt->blob, name, value, (int)len));
}

void dt_empty(struct dt *dt, const char *name)
{
	dt_bytes(dt, name, "", 0);
}

void dt_string(struct dt *dt, const char *name, const char *value)
{
	dt_bytes(dt, name, value, strlen(value) + 1);
}

void dt_u64(struct dt *dt, const char *name, uint64_t value)
{
	fdt64_t be = cpu_to_fdt64(value);

	dt_bytes(dt, name, &be, sizeof(be));
}

void dt_cells_array(struct dt *dt, const char *name, const uint32_t *cells, size_t nr)
{
	fdt32_t *be;
	void *value;

	if (dt->error)
		return;
	keep(dt, fdt_property_placeholder(dt->blob, name, (int)(nr * sizeof(*be)), &value));
	if (dt->error)
		return;
	be = value;
	for (size_t i = 0; i < nr; i++)
		be[i] = cpu_to_fdt32(cells[i]);
}

int dt_finish(struct dt *dt, struct err *e)
{
	dt_end(dt);
	if (!dt->error)
		keep(dt, fdt_finish(dt->blob));
	if (dt->error)
		return err_set(e, ENOSPC, "cannot write a device tree: %s",
			       fdt_strerror(dt->error));
	return 0;
}

void dt_free(struct dt *dt)
{
	free(dt->blob);
	*dt = (struct dt){ 0 };
}
