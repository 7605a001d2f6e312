/* SPDX-License-Identifier: BSD-2-Clause */
/* The names of a kernel's addresses: from its System.map, a /proc/kallsyms, or its ELF file. */
#ifndef LKVM_UTIL_SYMBOLS_H
#define LKVM_UTIL_SYMBOLS_H

#include <stddef.h>
#include <stdint.h>
#include "util/err.h"

struct symbol {
	uint64_t addr;
	const char *name;
};

struct symbols {
	struct symbol *symbol; /* sorted by address */
	size_t nr;
	char *text;     /* that the names are in */
	uint64_t moved; /* by how much the kernel is not where the file says; the user's to set */
};

/* Reads the file at @path. Returns 0, or -errno with @e naming it. symbols_free() also after a failure. */
int symbols_load(struct symbols *symbols, const char *path, struct err *e);
void symbols_free(struct symbols *symbols);

/* The address of @name, as the file has it; 0: there is no such symbol. */
uint64_t symbols_address(const struct symbols *symbols, const char *name);

/* Writes "name+0x10" for @addr into @text, which is returned; "" if no symbol is near. */
#define SYMBOL_TEXT_SIZE 160
const char *symbols_name(const struct symbols *symbols, uint64_t addr, char text[SYMBOL_TEXT_SIZE]);

#endif
