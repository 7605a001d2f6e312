/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files that people hand to a virtual machine by mistake. A flat binary has no magic of its own,
 * so whatever is not recognised here would be executed: each row is long enough, or is no A64
 * instruction, that real code does not look like it.
 */
#include <string.h>
#include "util/bits.h"
#include "image_magic.h"

#define BYTES(literal) .bytes = (literal), .len = sizeof(literal) - 1

#define WANTED     "a kernel is an arm64 Image, Image.gz, EFI zboot or flat binary"
#define OTHER_ARCH "lkvm runs 64-bit Arm kernels only"
#define DISK       "give the kernel that is inside"

/* The first row that fits wins: what shares its first bytes with a more general row stands above. */
static const struct image_magic rows[] = {
	{ 4, BYTES("zimg"), "an EFI zboot image", "decompress the outer layer with gunzip" },
	{ 0, BYTES("\x1f\x8b"), "another gzip stream", "decompress the outer layer with gunzip" },
	{ 4, BYTES("1AY&SY"), "a bzip2 file", "decompress it with bunzip2" },
	{ 0, BYTES("\xfd\x37zXZ\0"), "an xz file", "decompress it with unxz" },
	{ 0, BYTES("\x28\xb5\x2f\xfd"), "a zstd file", "decompress it with unzstd" },
	{ 0, BYTES("\x04\x22\x4d\x18"), "an lz4 file", "decompress it with unlz4" },
	{ 0, BYTES("\x02\x21\x4c\x18"), "an lz4 file", "decompress it with unlz4" },
	/* Properties 0x5d, then the low bytes of a dictionary size of 8 MiB, or of 16 MiB and up. */
	{ 0, BYTES("\x5d\0\0\x80"), "an lzma file", "decompress it with unlzma" },
	{ 0, BYTES("\x5d\0\0\0"), "an lzma file", "decompress it with unlzma" },
	{ 0, BYTES("\x89LZO\0\r\n\x1a\n"), "an lzop file", "decompress it with lzop -d" },
	{ 0, BYTES("\x1f\x9d"), "a compress (.Z) file", "decompress it with gunzip" },
	{ 0, BYTES("7z\xbc\xaf\x27\x1c"), "a 7-Zip archive", "unpack it first" },
	{ 0, BYTES("PK\x03\x04"), "a zip archive", "unpack it first" },
	{ 0, BYTES("!<arch>\n"), "an ar archive or Debian package", "unpack it first" },
	{ 0, BYTES("\xed\xab\xee\xdb"), "an RPM package", "unpack it first" },
	{ 257, BYTES("ustar"), "a tar archive", "unpack it first" },
	{ 0, BYTES("070701"), "a cpio archive", "an initrd is given with --initrd" },
	{ 0, BYTES("070702"), "a cpio archive", "an initrd is given with --initrd" },
	{ 0, BYTES("070707"), "a cpio archive", "an initrd is given with --initrd" },
	{ 0, BYTES("\x7f\x45LF"), "an ELF file (a vmlinux?)",
	  "use the Image: arch/arm64/boot/Image of the kernel's build" },
	{ 0x202, BYTES("HdrS"), "an x86 bzImage", OTHER_ARCH },
	{ 0x24, BYTES("\x18\x28\x6f\x01"), "a 32-bit Arm zImage", OTHER_ARCH },
	{ 0x38, BYTES("RSC\x05"), "a RISC-V Image", OTHER_ARCH },
	{ 0, BYTES("\xd0\x0d\xfe\xed"), "a device tree blob or FIT image",
	  "a device tree is given with --dtb, a kernel without its wrapping" },
	{ 0, BYTES("\x27\x05\x19\x56"), "a U-Boot uImage", "give the Image inside (dumpimage)" },
	{ 0, BYTES("ANDROID!"), "an Android boot image", "give the Image inside (unpack_bootimg)" },
	{ 0, BYTES("VNDRBOOT"), "an Android vendor boot image", WANTED },
	/* Firmware for QEMU's virt machine has its first volume behind a page with the reset vector. */
	{ 0x28, BYTES("_FVH"), "a UEFI firmware volume", WANTED },
	{ 0x1028, BYTES("_FVH"), "a UEFI firmware image", WANTED },
	{ 0, BYTES("QFI\xfb"), "a qcow2 disk image", DISK },
	{ 0, BYTES("KDMV"), "a VMDK disk image", DISK },
	{ 0, BYTES("vhdxfile"), "a VHDX disk image", DISK },
	{ 0x200, BYTES("EFI PART"), "a disk image with a GPT", DISK },
	{ 0, BYTES("hsqs"), "a squashfs file system", DISK },
	{ 0, BYTES("#!/"), "a script", WANTED },
	{ 0, BYTES("#! /"), "a script", WANTED },
	{ 0, BYTES("<!DOCTYPE"), "a web page", "was the download refused?" },
	{ 0, BYTES("<!doctype"), "a web page", "was the download refused?" },
	{ 0, BYTES("<html"), "a web page", "was the download refused?" },
	{ 0, BYTES("version https://git-lfs"), "a pointer to a Git LFS file",
	  "fetch it: git lfs pull" },
	/* UDF #0, the one word that is an instruction nowhere; disk images often begin so. */
	{ 0, BYTES("\0\0\0\0"), "a file that begins with zeros, not with code", WANTED },
};

/* The same for what stands at the PE header: signature and Machine (PE/COFF, section 3.3). */
static const struct image_magic pe_rows[] = {
	{ 0, BYTES("PE\0\0\x64\xaa"), "an EFI program that is no Linux kernel",
	  "lkvm has no EFI firmware to run it" },
	{ 0, BYTES("PE\0\0\x64\x86"), "an EFI or Windows program for x86-64", OTHER_ARCH },
	{ 0, BYTES("PE\0\0\x4c\x01"), "an EFI or Windows program for 32-bit x86", OTHER_ARCH },
	{ 0, BYTES("PE\0\0\xc2\x01"), "an EFI program for 32-bit Arm", OTHER_ARCH },
	{ 0, BYTES("PE\0\0\xc4\x01"), "an EFI program for 32-bit Arm", OTHER_ARCH },
	{ 0, BYTES("PE\0\0\x64\x50"), "an EFI program for RISC-V", OTHER_ARCH },
	{ 0, BYTES("PE\0\0\x64\x62"), "an EFI program for LoongArch", OTHER_ARCH },
	{ 0, BYTES("PE\0\0"), "an EFI or Windows program for another machine", OTHER_ARCH },
};

static const struct image_magic text_row = { .name = "a text file", .hint = WANTED };
static const struct image_magic dos_row = { 0, BYTES("MZ"),
					    "a DOS program, or an EFI one cut short", WANTED };

bool image_magic_at(const uint8_t *head, size_t size, size_t off, const char *bytes, size_t len)
{
	return off <= size && len <= size - off && !memcmp(head + off, bytes, len);
}

static const struct image_magic *find(const struct image_magic *row, size_t nr, const uint8_t *head,
				      size_t size)
{
	for (; nr; nr--, row++)
		if (image_magic_at(head, size, row->off, row->bytes, row->len))
			return row;
	return NULL;
}

/* No code is made of letters alone: most instructions have a byte above 0x7f or below 0x20. */
static bool is_text(const uint8_t *head, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (head[i] > '~' || (head[i] < ' ' && !memchr("\t\n\f\r", head[i], 4)))
			return false;
	return true;
}

const struct image_magic *image_magic_find(const uint8_t *head, size_t size)
{
	const struct image_magic *row = find(rows, ARRAY_SIZE(rows), head, size);
	uint32_t pe;

	if (row)
		return row;
	if (image_magic_at(head, size, 0, dos_row.bytes, dos_row.len)) {
		pe = size < 64 ? size : get_le32(head + 60);
		if (pe < size)
			row = find(pe_rows, ARRAY_SIZE(pe_rows), head + pe, size - pe);
		return row ? row : &dos_row;
	}
	return is_text(head, size) ? &text_row : NULL;
}
