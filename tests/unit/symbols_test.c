/* SPDX-License-Identifier: BSD-2-Clause */
/* Symbol tables of kernels, as text and as ELF files, sound and damaged. */
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "fake/play.h"
#include "util/symbols.h"

static const char map[] = "ffff800008010800 T vectors\n"
			  "ffff800008000000 t _text\n"
			  "ffff800008020000 D data\n"
			  "ffff800008010000 T $x\n"
			  "garbage\n"
			  "ffff800008011000 W weak\t[module]\n"
			  "ffff800008012000 T last";

static int load(struct symbols *s, const void *bytes, size_t len, struct err *e)
{
	char *path = temp_file(bytes, len);
	int ret = symbols_load(s, path, e);

	temp_remove(path);
	return ret;
}

static void assert_name(const struct symbols *s, uint64_t addr, const char *want)
{
	char text[SYMBOL_TEXT_SIZE];

	assert_string_equal(symbols_name(s, addr, text), want);
}

static void a_map_names_functions(void **state)
{
	struct symbols s;

	(void)state;
	assert_int_equal(load(&s, map, sizeof(map) - 1, NULL), 0);
	assert_int_equal(s.nr, 4);
	assert_name(&s, 0xffff800008000000, "_text+0x0");
	assert_name(&s, 0xffff800008010fff, "vectors+0x7ff");
	assert_name(&s, 0xffff800008011010, "weak+0x10");
	assert_name(&s, 0xffff800008012004, "last+0x4");
	assert_name(&s, 0xffff800007ffffff, "");
	assert_name(&s, 0xffff800009000000, ""); /* too far */
	assert_int_equal(symbols_address(&s, "vectors"), 0xffff800008010800);
	assert_int_equal(symbols_address(&s, "data"), 0);
	s.moved = 0x200000;
	assert_name(&s, 0xffff800008211010, "weak+0x10");
	symbols_free(&s);
}

struct elf {
	Elf64_Ehdr head;
	Elf64_Shdr section[3];
	Elf64_Sym symbol[4];
	char names[32];
};

static struct elf sound(void)
{
	struct elf elf = {
		.head = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
				       ELFDATA2LSB },
			  .e_shoff = offsetof(struct elf, section),
			  .e_shentsize = sizeof(Elf64_Shdr),
			  .e_shnum = 3 },
		.section = { [1] = { .sh_type = SHT_SYMTAB,
				     .sh_offset = offsetof(struct elf, symbol),
				     .sh_size = sizeof(elf.symbol),
				     .sh_link = 2 },
			     [2] = { .sh_type = SHT_STRTAB,
				     .sh_offset = offsetof(struct elf, names),
				     .sh_size = sizeof(elf.names) } },
		.symbol = { [1] = { .st_name = 1, .st_info = STT_FUNC, .st_value = 0x2000 },
			    [2] = { .st_name = 7, .st_info = STT_FUNC, .st_value = 0x1000 },
			    [3] = { .st_name = 7, .st_info = STT_OBJECT, .st_value = 0x3000 } },
		.names = "\0there\0here",
	};

	return elf;
}

static void an_elf_file_names_functions(void **state)
{
	struct elf elf = sound();
	struct symbols s;

	(void)state;
	assert_int_equal(load(&s, &elf, sizeof(elf), NULL), 0);
	assert_int_equal(s.nr, 2);
	assert_name(&s, 0x1004, "here+0x4");
	assert_name(&s, 0x3000, "there+0x1000");
	symbols_free(&s);
}

static void a_damaged_file_is_refused_or_read_as_far_as_it_is_sound(void **state)
{
	struct symbols s;
	struct elf elf;

	(void)state;
	elf = sound();
	elf.section[1].sh_link = 3;
	assert_int_equal(load(&s, &elf, sizeof(elf), NULL), -ENOENT);
	symbols_free(&s);
	elf = sound();
	elf.section[1].sh_size = sizeof(elf);
	assert_int_equal(load(&s, &elf, sizeof(elf), NULL), -ENOEXEC);
	symbols_free(&s);
	elf = sound();
	elf.section[2].sh_size = 1ULL << 60;
	assert_int_equal(load(&s, &elf, sizeof(elf), NULL), -EFBIG);
	symbols_free(&s);
	elf = sound();
	elf.symbol[1].st_name = 1U << 24;
	assert_int_equal(load(&s, &elf, sizeof(elf), NULL), 0);
	assert_int_equal(s.nr, 1);
	symbols_free(&s);
	/* A name that does not end. */
	elf = sound();
	memset(elf.names, 'x', sizeof(elf.names));
	assert_int_equal(load(&s, &elf, sizeof(elf), NULL), 0);
	assert_name(&s, 0x1000, "xxxxxxxxxxxxxxxxxxxxxxxxx+0x0");
	symbols_free(&s);
	elf = sound();
	elf.head.e_shnum = 60000;
	assert_int_equal(load(&s, &elf, sizeof(elf), NULL), -ENOEXEC);
	symbols_free(&s);
	for (size_t len = 1; len < sizeof(elf); len++) {
		elf = sound();
		load(&s, &elf, len, NULL);
		symbols_free(&s);
	}
}

static void a_file_without_symbols_is_named(void **state)
{
	struct symbols s;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(load(&s, "hello\n", 6, &e), -ENOENT);
	assert_non_null(strstr(e.text, "has no symbols"));
	symbols_free(&s);
	assert_int_equal(symbols_load(&s, "/nonexistent", &e), -ENOENT);
	symbols_free(&s);
}

static void a_name_that_would_harm_a_terminal_is_plain(void **state)
{
	static const char bad[] = "1000 T a\033[2Jb\n";
	struct symbols s;

	(void)state;
	assert_int_equal(load(&s, bad, sizeof(bad) - 1, NULL), 0);
	assert_name(&s, 0x1000, "a?[2Jb+0x0");
	symbols_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_map_names_functions),
		cmocka_unit_test(an_elf_file_names_functions),
		cmocka_unit_test(a_damaged_file_is_refused_or_read_as_far_as_it_is_sound),
		cmocka_unit_test(a_file_without_symbols_is_named),
		cmocka_unit_test(a_name_that_would_harm_a_terminal_is_plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
