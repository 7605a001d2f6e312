/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Symbol tables: lines as nm(1) prints them ("ffff800008000000 T _text"), or the .symtab of an ELF file of 64 bits.
 * Either file may be damaged; offsets are checked by subtraction.
 */
#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "util/bits.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/symbols.h"

/* A kernel with debugging information has a gigabyte, of which the tables are a few MiB. */
#define MAP_SIZE_MAX   (64 * MiB)
#define TABLE_SIZE_MAX (64 * MiB)
#define SECTIONS_MAX   4096
/* Farther from a symbol than this is no part of it. */
#define NEAR (1 * MiB)

static int add(struct symbols *s, size_t *room, uint64_t addr, const char *name)
{
	struct symbol *more;

	if (s->nr == *room) {
		*room = *room ? 2 * *room : 4096;
		more = realloc(s->symbol, *room * sizeof(*more));
		if (!more)
			return -ENOMEM;
		s->symbol = more;
	}
	s->symbol[s->nr++] = (struct symbol){ .addr = addr, .name = name };
	return 0;
}

static char *read_all(int fd, uint64_t off, uint64_t size)
{
	char *bytes = malloc(size + 1);

	if (!bytes || file_read_at(fd, bytes, size, off) < 0) {
		free(bytes);
		return NULL;
	}
	bytes[size] = '\0';
	return bytes;
}

/* "ADDRESS TYPE NAME", and of modules more; only code has a name that helps. */
static int read_map(struct symbols *s, int fd, uint64_t size)
{
	size_t room = 0;
	int ret = 0;

	if (size > MAP_SIZE_MAX)
		return -EFBIG;
	s->text = read_all(fd, 0, size);
	if (!s->text)
		return -EIO;
	for (char *line = s->text, *next; line && *line && ret == 0; line = next) {
		char *end, *name;
		uint64_t addr = strtoull(line, &end, 16);

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (end == line || end[0] != ' ' || !end[1] || end[2] != ' ' ||
		    !strchr("tTwW", end[1]))
			continue;
		name = end + 3;
		name[strcspn(name, " \t\r")] = '\0';
		if (*name && *name != '$')
			ret = add(s, &room, addr, name);
	}
	return ret;
}

/* The symbols of @table, whose names are in s->text. */
static int read_table(struct symbols *s, const char *table, uint64_t size, uint64_t text_size)
{
	size_t room = 0;
	int ret = 0;

	for (uint64_t at = 0; size - at >= sizeof(Elf64_Sym) && ret == 0; at += sizeof(Elf64_Sym)) {
		Elf64_Sym symbol;

		memcpy(&symbol, table + at, sizeof(symbol));
		if (ELF64_ST_TYPE(symbol.st_info) == STT_FUNC && symbol.st_name < text_size &&
		    s->text[symbol.st_name])
			ret = add(s, &room, symbol.st_value, s->text + symbol.st_name);
	}
	return ret;
}

static int read_elf(struct symbols *s, int fd, const Elf64_Ehdr *head)
{
	uint64_t size = (uint64_t)head->e_shnum * sizeof(Elf64_Shdr);
	autofree char *bytes = NULL, *table = NULL;
	const Elf64_Shdr *sections;

	if (head->e_ident[EI_CLASS] != ELFCLASS64 || head->e_ident[EI_DATA] != ELFDATA2LSB ||
	    head->e_shentsize != sizeof(Elf64_Shdr) || head->e_shnum > SECTIONS_MAX)
		return -ENOEXEC;
	bytes = read_all(fd, head->e_shoff, size);
	if (!bytes)
		return -ENOEXEC;
	sections = (const Elf64_Shdr *)bytes;
	for (unsigned int i = 0; i < head->e_shnum; i++) {
		const Elf64_Shdr *symbols = &sections[i], *names;

		if (symbols->sh_type != SHT_SYMTAB || symbols->sh_link >= head->e_shnum)
			continue;
		names = &sections[symbols->sh_link];
		if (symbols->sh_size > TABLE_SIZE_MAX || names->sh_size > TABLE_SIZE_MAX)
			return -EFBIG;
		s->text = read_all(fd, names->sh_offset, names->sh_size);
		table = read_all(fd, symbols->sh_offset, symbols->sh_size);
		if (!s->text || !table)
			return -ENOEXEC;
		return read_table(s, table, symbols->sh_size, names->sh_size);
	}
	return 0;
}

static int by_address(const void *a, const void *b)
{
	uint64_t one = ((const struct symbol *)a)->addr, two = ((const struct symbol *)b)->addr;

	return one < two ? -1 : one > two;
}

int symbols_load(struct symbols *s, const char *path, struct err *e)
{
	Elf64_Ehdr head = { 0 };
	uint64_t size;
	int ret;
	autofd int fd = file_open(path, "symbols", &size, e);

	*s = (struct symbols){ 0 };
	if (fd < 0)
		return fd;
	if (size >= sizeof(head) && file_read_at(fd, &head, sizeof(head), 0) == 0 &&
	    !memcmp(head.e_ident, ELFMAG, SELFMAG))
		ret = read_elf(s, fd, &head);
	else
		ret = read_map(s, fd, size);
	if (ret < 0)
		return err_set(e, -ret, "cannot read symbols from %s: %s", path, strerror(-ret));
	if (!s->nr)
		return err_set(
			e, ENOENT,
			"%s has no symbols (a System.map or a vmlinux that is not stripped has)",
			path);
	qsort(s->symbol, s->nr, sizeof(*s->symbol), by_address);
	return 0;
}

void symbols_free(struct symbols *s)
{
	free(s->symbol);
	free(s->text);
	*s = (struct symbols){ 0 };
}

uint64_t symbols_address(const struct symbols *s, const char *name)
{
	for (size_t i = 0; i < s->nr; i++) {
		if (!strcmp(s->symbol[i].name, name))
			return s->symbol[i].addr;
	}
	return 0;
}

const char *symbols_name(const struct symbols *s, uint64_t addr, char text[SYMBOL_TEXT_SIZE])
{
	size_t low = 0, high = s->nr;

	addr -= s->moved;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->symbol[middle].addr <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	*text = '\0';
	if (low && addr - s->symbol[low - 1].addr < NEAR) {
		snprintf(text, SYMBOL_TEXT_SIZE, "%.128s+0x%llx", s->symbol[low - 1].name,
			 (unsigned long long)(addr - s->symbol[low - 1].addr));
		for (char *c = text; *c; c++) /* it goes to a terminal */
			*c = isprint((unsigned char)*c) ? *c : '?';
	}
	return text;
}
