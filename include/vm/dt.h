/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing a flattened device tree (Devicetree Specification, chapter 5) from top to bottom with
 * libfdt. The first error sticks, later calls do nothing, dt_finish() reports it: callers read as
 * the tree does.
 */
#ifndef LKVM_VM_DT_H
#define LKVM_VM_DT_H

#include <stddef.h>
#include <stdint.h>
#include "util/err.h"

/* Linux maps at most this much for the tree it boots with (booting.rst). */
#define DT_SIZE_MAX 0x200000

struct dt {
	void *blob;
	size_t size;     /* of what @blob points at; grows up to @size_max */
	size_t size_max; /* how far; DT_SIZE_MAX, unless its writer says otherwise */
	int error;       /* libfdt's, or 0 */
};

/* Begins a tree and its root node. Returns 0, or -ENOMEM with @e set. */
int dt_start(struct dt *dt, struct err *e);

void dt_begin(struct dt *dt, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void dt_end(struct dt *dt);

void dt_empty(struct dt *dt, const char *name);
void dt_string(struct dt *dt, const char *name, const char *value);
/* @len bytes: a list of strings with their terminators, or anything else. */
void dt_bytes(struct dt *dt, const char *name, const void *value, size_t len);
void dt_u64(struct dt *dt, const char *name, uint64_t value);
void dt_cells_array(struct dt *dt, const char *name, const uint32_t *cells, size_t nr);

/* dt_cells(dt, "reg", 0, 1, ...): 32-bit cells. */
#define dt_cells(dt, name, ...)                                     \
	dt_cells_array(dt, name, (const uint32_t[]){ __VA_ARGS__ }, \
		       sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

/* A 64-bit number as two cells, for use in dt_cells(). */
#define DT_U64(value) (uint32_t)((uint64_t)(value) >> 32), (uint32_t)(value)

/*
 * Ends the root node and the tree: @dt->blob then holds fdt_totalsize() bytes, the caller's to free
 * with dt_free(). Returns 0, or -ENOSPC with @e set.
 */
int dt_finish(struct dt *dt, struct err *e);

/* { 0 } and a freed tree are fine. */
void dt_free(struct dt *dt);

/*
 * Whether the @size bytes at @blob, which come from outside, are a sound tree of a format in use.
 * Returns 0, or libfdt's error code.
 */
int dt_check(const void *blob, size_t size);

#endif
