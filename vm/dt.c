/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device tree written in one pass, into a buffer that grows: most trees need a few KiB, and room
 * for the largest there may be can be a huge page, all of it cleared for its first byte.
 */
#include <errno.h>
#include <libfdt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "util/bits.h"
#include "vm/dt.h"

/* Enough for a VM with a few CPUs. */
#define SIZE_START (8 * KiB)

/* Twice the room for a tree that is being written. */
static bool grow(struct dt *dt)
{
	void *blob = dt->size < dt->size_max ? malloc(dt->size * 2) : NULL;

	if (!blob)
		return false;
	dt->size *= 2;
	fdt_resize(dt->blob, blob, (int)dt->size);
	free(dt->blob);
	dt->blob = blob;
	return true;
}

/*
 * Takes what a call of libfdt returned. True: it lacked room and changed nothing; now there is more,
 * so do it again. An error is kept.
 */
static bool again(struct dt *dt, int ret)
{
	if (ret == -FDT_ERR_NOSPACE && grow(dt))
		return true;
	if (ret < 0 && !dt->error)
		dt->error = ret;
	return false;
}

int dt_start(struct dt *dt, struct err *e)
{
	*dt = (struct dt){ .blob = malloc(SIZE_START),
			   .size = SIZE_START,
			   .size_max = DT_SIZE_MAX };
	if (!dt->blob)
		return err_sys(e, "cannot write a device tree");
	/* A few KiB more of names, and no search among all there are for each property's. */
	fdt_create_with_flags(dt->blob, (int)dt->size, FDT_CREATE_FLAG_NO_NAME_DEDUP);
	fdt_finish_reservemap(dt->blob);
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
	while (!dt->error && again(dt, fdt_begin_node(dt->blob, name)))
		;
}

void dt_end(struct dt *dt)
{
	while (!dt->error && again(dt, fdt_end_node(dt->blob)))
		;
}

void dt_bytes(struct dt *dt, const char *name, const void *value, size_t len)
{
	if (len > dt->size_max && !dt->error)
		dt->error = -FDT_ERR_NOSPACE;
	while (!dt->error && again(dt, fdt_property(dt->blob, name, value, (int)len)))
		;
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
	int len = (int)(nr * sizeof(fdt32_t));
	fdt32_t *be;
	void *value;

	while (!dt->error && again(dt, fdt_property_placeholder(dt->blob, name, len, &value)))
		;
	if (dt->error)
		return;
	be = value;
	for (size_t i = 0; i < nr; i++)
		be[i] = cpu_to_fdt32(cells[i]);
}

int dt_finish(struct dt *dt, struct err *e)
{
	dt_end(dt);
	while (!dt->error && again(dt, fdt_finish(dt->blob)))
		;
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

/* Since version 16 (2005) a node has its name, not its path. */
#define DT_VERSION_MIN 16

int dt_check(const void *blob, size_t size)
{
	if (size < sizeof(struct fdt_header))
		return -FDT_ERR_TRUNCATED;
	/* libfdt 1.6.1 takes older trees, and follows a null pointer where their root has no path. */
	if (fdt_magic(blob) == FDT_MAGIC && fdt_version(blob) < DT_VERSION_MIN)
		return -FDT_ERR_BADVERSION;
	return fdt_check_full(blob, size);
}
