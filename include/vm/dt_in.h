/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a flattened device tree that may come from anywhere and was found to be sound (dt_check()). Every
 * property has the length that its reader expects, or the tree is refused. The first error sticks and later calls
 * do nothing: callers read as the tree does, and look at dt_in.ret at the end, or before they use a value.
 */
#ifndef LKVM_VM_DT_IN_H
#define LKVM_VM_DT_IN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "util/err.h"
#include "vm/dt.h"

struct dt_in {
	const void *fdt;
	const char *name; /* what messages call the tree: "snapshot vm.snap" */
	struct err *e;
	int ret; /* 0, or -errno with @e set */
};

/* Says in @e that what is called @what is wrong, and how. Returns in->ret, which is -EINVAL. */
int dt_in_fail(struct dt_in *in, const char *what, const char *how);

/* The node called @name below @parent (0: the root), or -1. It must be there, and be compatible with @compatible, if that is given. */
int dt_in_node(struct dt_in *in, int parent, const char *name, const char *compatible);

/* The node "@name@@nr", the number in hexadecimal: one of a row of them. Likewise. */
int dt_in_nth(struct dt_in *in, int parent, const char *name, unsigned int nr);

bool dt_in_has(const struct dt_in *in, int node, const char *name);

/* Properties that must be there. What is read stays untouched after an error. */
void dt_in_u32(struct dt_in *in, int node, const char *name, uint32_t *value);
void dt_in_u64(struct dt_in *in, int node, const char *name, uint64_t *value);
/* @nr cells. */
void dt_in_cells(struct dt_in *in, int node, const char *name, uint32_t *cells, size_t nr);
/* Up to @max bytes; *len says how many. */
void dt_in_bytes(struct dt_in *in, int node, const char *name, void *buf, size_t max, size_t *len);

/*
 * Hands each string of a list, if there is one, to @take with @ctx: a setter for option rows (util/opt.h). What that refuses
 * is the tree's fault.
 */
void dt_in_strings(struct dt_in *in, int node, const char *name,
		   int (*take)(void *ctx, const char *text, struct err *e), void *ctx);

/*
 * Numbers in a structure, by the names they have in a tree: how a device tells and takes its registers. A field of
 * @size 1, 2, 4 or 8 bytes is unsigned; a bool has 1 and takes nothing but 0 and 1.
 */
struct dt_field {
	const char *name;
	uint16_t off;
	uint8_t size;
	bool is_bool;
};

#define DT_FIELD(type, member)                                                                     \
	{                                                                                          \
#member, offsetof(struct type, member), sizeof(((struct type *)0)->member),        \
			__builtin_types_compatible_p(__typeof__(((struct type *)0)->member), bool) \
	}

void dt_fields(struct dt *dt, const void *object, const struct dt_field *fields, size_t nr);
void dt_in_fields(struct dt_in *in, int node, void *object, const struct dt_field *fields,
		  size_t nr);

#endif
