/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An ELF file with nothing but the functions of a System.map, or of a /proc/kallsyms, for gdb: Debian's vmlinux with
 * its symbols is a gigabyte. map-elf <System.map >vmlinux.
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct buffer {
	char *bytes;
	size_t len, size;
};

static void append(struct buffer *b, const void *bytes, size_t len)
{
	if (b->size - b->len < len) {
		b->size = 2 * b->size + len + 65536;
		b->bytes = realloc(b->bytes, b->size);
		if (!b->bytes)
			abort();
	}
	memcpy(b->bytes + b->len, bytes, len);
	b->len += len;
}

int main(void)
{
	static const char names[] = "\0.text\0.symtab\0.strtab\0.shstrtab";
	struct buffer symbols = { 0 }, strings = { 0 };
	unsigned long long address, low = ~0ULL, high = 0;
	char line[1024], kind, name[512];
	Elf64_Sym symbol = { 0 };

	append(&symbols, &symbol, sizeof(symbol));
	append(&strings, "", 1);
	while (fgets(line, sizeof(line), stdin)) {
		if (strchr(line, '[') ||
		    sscanf(line, "%llx %c %511s", &address, &kind, name) != 3 ||
		    !strchr("tTwW", kind) || !(address >> 63) || name[0] == '$')
			continue;
		symbol = (Elf64_Sym){
			.st_name = (Elf64_Word)strings.len,
			.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
			.st_shndx = 1,
			.st_value = address,
		};
		append(&symbols, &symbol, sizeof(symbol));
		append(&strings, name, strlen(name) + 1);
		low = address < low ? address : low;
		high = address > high ? address : high;
	}
	if (high < low) {
		fprintf(stderr, "map-elf: no symbols\n");
		return 1;
	}

	Elf64_Ehdr head = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_AARCH64,
		.e_version = EV_CURRENT,
		.e_shoff = sizeof(head),
		.e_ehsize = sizeof(head),
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = 5,
		.e_shstrndx = 4,
	};
	Elf64_Off at = sizeof(head) + 5 * sizeof(Elf64_Shdr);
	Elf64_Shdr sections[5] = {
		[1] = { .sh_name = 1,
			.sh_type = SHT_NOBITS,
			.sh_flags = SHF_ALLOC | SHF_EXECINSTR,
			.sh_addr = low,
			.sh_offset = at,
			.sh_size = high - low + 4096 },
		[2] = { .sh_name = 7,
			.sh_type = SHT_SYMTAB,
			.sh_offset = at,
			.sh_size = symbols.len,
			.sh_link = 3,
			.sh_info = 1,
			.sh_entsize = sizeof(Elf64_Sym) },
		[3] = { .sh_name = 15,
			.sh_type = SHT_STRTAB,
			.sh_offset = at + symbols.len,
			.sh_size = strings.len },
		[4] = { .sh_name = 23,
			.sh_type = SHT_STRTAB,
			.sh_offset = at + symbols.len + strings.len,
			.sh_size = sizeof(names) },
	};

	fwrite(&head, sizeof(head), 1, stdout);
	fwrite(sections, sizeof(sections), 1, stdout);
	fwrite(symbols.bytes, symbols.len, 1, stdout);
	fwrite(strings.bytes, strings.len, 1, stdout);
	fwrite(names, sizeof(names), 1, stdout);
	free(symbols.bytes);
	free(strings.bytes);
	return fflush(stdout) || ferror(stdout);
}
