/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a flattened device tree in place (Devicetree Specification 0.4, chapter 5). Nothing is
 * copied or allocated; every read stays within the sizes of the header. A node is its offset in the
 * structure block; negative means "no such node", and every function takes that as an empty node.
 */
#ifndef GUEST_DT_H
#define GUEST_DT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dt {
	const uint8_t *structs;
	const char *strings;
	uint32_t structs_size;
	uint32_t strings_size;
};

/* Checks the header of the tree at @blob and fills @dt. False, and an empty tree, if it is none. */
bool dt_open(struct dt *dt, const void *blob);

/* The node after @node, depth first; the root after -1. */
int dt_next(const struct dt *dt, int node);

/* First child of @node, and the node beside it. */
int dt_child(const struct dt *dt, int node);
int dt_sibling(const struct dt *dt, int node);

/* Node by full path; a part without '@' also names a node with a unit address. */
int dt_path(const struct dt *dt, const char *path);

/* As dt_path(), for a value as in stdout-path: perhaps an alias, perhaps with ":options". */
int dt_alias(const struct dt *dt, const char *name);

/* Next node after @node (-1: from the start) that has @compatible among its compatible strings. */
int dt_compatible(const struct dt *dt, int node, const char *compatible);

/* The node whose phandle is @phandle. */
int dt_phandle(const struct dt *dt, uint32_t phandle);

/* Name of @node with its unit address; "" for the root. */
const char *dt_name(const struct dt *dt, int node);

/* Value of a property and its length in bytes (@len may be NULL); NULL if there is none. */
const uint8_t *dt_prop(const struct dt *dt, int node, const char *name, uint32_t *len);

/* A property that is a string; NULL if there is none, or it has no end. */
const char *dt_string(const struct dt *dt, int node, const char *name);

/* String number @index in a property that is a list of strings; NULL after the last. */
const char *dt_string_at(const struct dt *dt, int node, const char *name, unsigned int index);

/* Is @s in a property that is a list of strings? */
bool dt_has_string(const struct dt *dt, int node, const char *name, const char *s);

/* A property that is one 32-bit cell, or @other. */
uint32_t dt_u32(const struct dt *dt, int node, const char *name, uint32_t other);

/* The number in @cells (0, 1 or 2) cells at @p. */
uint64_t dt_cells(const uint8_t *p, unsigned int cells);

/*
 * Entry @index of the node's reg, by the cell counts of its parent. Addresses are not translated:
 * buses between the root and the node are taken as having empty ranges.
 */
bool dt_reg(const struct dt *dt, int node, unsigned int index, uint64_t *address, uint64_t *size);

#endif
