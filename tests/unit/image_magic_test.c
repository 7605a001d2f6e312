/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of other kinds, handed in as kernels: nothing of them runs. */
#include "image_files.h"
#include "../../arm/image_magic.h"

static const struct kind {
	size_t off;
	const char *bytes;
	size_t len;
	const char *words;
} kinds[] = {
#define KIND(off, bytes, words)                      \
	{                                            \
		off, bytes, sizeof(bytes) - 1, words \
	}
	KIND(0, "BZh91AY&SY", "is a bzip2 file: decompress it with bunzip2"),
	KIND(0, "\xfd\x37zXZ\0\0\4", "is an xz file: decompress it with unxz"),
	KIND(0, "\x28\xb5\x2f\xfd", "is a zstd file"),
	KIND(0, "\x04\x22\x4d\x18", "is an lz4 file"),
	KIND(0, "\x02\x21\x4c\x18", "is an lz4 file"),
	KIND(0, "\x5d\0\0\x80\0\xff\xff\xff", "is an lzma file"),
	KIND(0, "\x5d\0\0\0\4\xff\xff\xff", "is an lzma file"),
	KIND(0, "\x89LZO\0\r\n\x1a\n", "is an lzop file"),
	KIND(0, "\x1f\x9d\x90\1", "is a compress (.Z) file"),
	KIND(0, "7z\xbc\xaf\x27\x1c", "is a 7-Zip archive"),
	KIND(0, "PK\3\4", "is a zip archive"),
	KIND(0, "!<arch>\ndebian-binary", "Debian package"),
	KIND(0, "\xed\xab\xee\xdb", "is an RPM package"),
	KIND(257, "ustar", "is a tar archive"),
	KIND(0, "070701", "is a cpio archive: an initrd is given with --initrd"),
	KIND(0, "070702", "is a cpio archive"),
	KIND(0, "070707", "is a cpio archive"),
	KIND(0, "\x7f\x45LF\2\1\1", "use the Image"),
	KIND(0x202, "HdrS", "is an x86 bzImage"),
	KIND(0x24, "\x18\x28\x6f\x01", "is a 32-bit Arm zImage"),
	KIND(0x38, "RSC\x05", "is a RISC-V Image"),
	KIND(0, "\xd0\x0d\xfe\xed", "is a device tree blob or FIT image"),
	KIND(0, "\x27\x05\x19\x56", "is a U-Boot uImage"),
	KIND(0, "ANDROID!", "is an Android boot image"),
	KIND(0, "VNDRBOOT", "is an Android vendor boot image"),
	KIND(0x28, "_FVH", "is a UEFI firmware volume"),
	KIND(0x1028, "_FVH", "is a UEFI firmware image"),
	KIND(0, "QFI\xfb\0\0\0\3", "is a qcow2 disk image"),
	KIND(0, "KDMV", "is a VMDK disk image"),
	KIND(0, "vhdxfile", "is a VHDX disk image"),
	KIND(0x200, "EFI PART", "is a disk image with a GPT"),
	KIND(0, "hsqs", "is a squashfs file system"),
	KIND(0, "#!/bin/sh\n", "is a script"),
	KIND(0, "#! /bin/sh\n", "is a script"),
	KIND(0, "<!DOCTYPE html>", "is a web page"),
	KIND(0, "<!doctype html>", "is a web page"),
	KIND(0, "<html>", "is a web page"),
	KIND(0, "version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
	KIND(0, "\0\0\0\0", "begins with zeros"),
	KIND(0, "MZ\x90\0", "is a DOS program"),
};

static void files_of_other_kinds_are_refused_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		fill_code(plain, 8192);
		put_le(plain + 60, 0xfffffff0, 4);
		memcpy(plain + kinds[i].off, kinds[i].bytes, kinds[i].len);
		refused(plain, 8192, kinds[i].words);
		refused(plain, kinds[i].off + kinds[i].len, kinds[i].words);
	}
}

static void magic_cut_short_is_no_magic(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (kinds[i].off < 0x200)
			continue;
		fill_code(plain, 8192);
		memcpy(plain + kinds[i].off, kinds[i].bytes, kinds[i].len);
		opens(plain, kinds[i].off + kinds[i].len - 1);
		image_close(&image);
	}
}

static void magic_is_looked_for_within_the_bytes_there_are(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		for (size_t len = 1; len < 80; len++) {
			uint8_t *exact = malloc(len);

			fill_code(plain, 80);
			memcpy(plain, kinds[i].bytes, kinds[i].len);
			memcpy(exact, plain, len);
			image_magic_find(exact, len); /* the sanitizer is the judge */
			free(exact);
		}
	}
}

static void files_of_other_kinds_in_gzip_are_refused_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		fill_code(plain, 8192);
		put_le(plain + 60, 0xfffffff0, 4);
		memcpy(plain + kinds[i].off, kinds[i].bytes, kinds[i].len);
		refused(file, gzip(file, plain, 8192),
			strncmp(kinds[i].words, "is ", 3) ? kinds[i].words : kinds[i].words + 3);
		assert_says("holds, compressed by gzip,");
	}
}

static void gzip_in_gzip_is_refused(void **state)
{
	size_t len;

	(void)state;
	fill_code(plain, 4096);
	len = gzip(file, plain, 4096);
	memcpy(plain, file, len);
	refused(file, gzip(file, plain, len), "another gzip stream: decompress the outer layer");
}

static void zboot_in_gzip_is_refused(void **state)
{
	(void)state;
	memcpy(plain, file, make_zboot("", 0, "gzip"));
	refused(file, gzip(file, plain, 256), "an EFI zboot image: decompress the outer layer");
}

static void a_text_is_refused(void **state)
{
	(void)state;
	refused("echo Hello, world!\r\n\tls ~\f", 26, "is a text file");
	opens("echo\x7f", 5);
	image_close(&image);
	opens("echo\x1b", 5);
	image_close(&image);
	opens("echo\0", 5);
}

static void programs_for_other_machines_are_refused_by_name(void **state)
{
	static const struct {
		uint16_t machine;
		const char *words;
	} machines[] = {
		{ 0xaa64, "is an EFI program that is no Linux kernel" },
		{ 0x8664, "program for x86-64" },
		{ 0x014c, "program for 32-bit x86" },
		{ 0x01c2, "program for 32-bit Arm" },
		{ 0x01c4, "program for 32-bit Arm" },
		{ 0x5064, "program for RISC-V" },
		{ 0x6264, "program for LoongArch" },
		{ 0x0200, "program for another machine" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++) {
		fill_code(plain, 4096);
		add_pe(plain, 512, 512);
		put_le(plain + 64 + 4, machines[i].machine, 2);
		refused(plain, 4096, machines[i].words);
		refused(plain, 64 + 6, machines[i].words);
	}
}

static void a_dos_header_that_points_nowhere_is_a_dos_program(void **state)
{
	static const uint32_t nowhere[] = { 8189, 8192, 0x7fffffff, 0xffffffff };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(nowhere); i++) {
		fill_code(plain, 8192);
		memcpy(plain, "MZ", 2);
		put_le(plain + 60, nowhere[i], 4);
		refused(plain, 8192, "is a DOS program");
	}
	refused(plain, 63, "is a DOS program");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(files_of_other_kinds_are_refused_by_name),
		TEST(magic_cut_short_is_no_magic),
		TEST(magic_is_looked_for_within_the_bytes_there_are),
		TEST(files_of_other_kinds_in_gzip_are_refused_by_name),
		TEST(gzip_in_gzip_is_refused),
		TEST(zboot_in_gzip_is_refused),
		TEST(a_text_is_refused),
		TEST(programs_for_other_machines_are_refused_by_name),
		TEST(a_dos_header_that_points_nowhere_is_a_dos_program),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
