/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel files into guest RAM, for arm/machine.c. Opening reads the first bytes once, into a buffer
 * of its own, decodes them into struct image, and never looks at them again: what loads is only
 * bytes. Files come from anywhere, so every number in them is compared by subtraction.
 *
 *	zboot: find the payload \
 *	gzip: inflate the first bytes > Image header? else known magic: refused; else flat
 *	anything else           /
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>
#include "arm/image.h"
#include "util/bits.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/log.h"
#include "image_magic.h"

/* What is looked at to tell one file from another; only a PE header lies far from the start. */
#define HEAD_SIZE 8192

/* The Image header (booting.rst, "Call the kernel image") and the PE header behind it. */
#define HEADER_SIZE        64
#define HEADER_TEXT_OFFSET 8
#define HEADER_IMAGE_SIZE  16
#define HEADER_MAGIC       56
#define HEADER_PE          60

/* Zboot header: what the kernel's EFI decompressor leaves for loaders that want no EFI. */
#define ZBOOT_PAYLOAD_OFF    8
#define ZBOOT_PAYLOAD_SIZE   12
#define ZBOOT_COMP_TYPE      24
#define ZBOOT_COMP_TYPE_SIZE 32

/* Copies out of the file: bytes that fstat() promised. */
static int image_read(const struct image *image, uint64_t off, void *buf, uint64_t len,
		      struct err *e)
{
	int ret;

	if (image->mem) {
		memcpy(buf, image->mem + off, len);
		return 0;
	}
	ret = file_read_at(image->fd, buf, len, off);
	if (ret == -ENODATA)
		return err_set(e, EIO, "kernel %s became shorter while it was read", image->path);
	if (ret < 0)
		return err_set(e, -ret, "cannot read kernel %s: %s", image->path, strerror(-ret));
	return 0;
}

static int gzip_error(const struct image *image, int zret, const char *why, struct err *e)
{
	if (zret == Z_MEM_ERROR)
		return err_set(e, ENOMEM, "no memory to decompress kernel %s", image->path);
	return err_set(e, EINVAL, "kernel %s is damaged: gzip: %s", image->path,
		       why ? why : zError(zret));
}

/*
 * Inflates the gzip stream into @buf, at most @size bytes. *nr says how many there were, *ended
 * whether that was all of them: then zlib has found the stream's CRC and length to be right.
 */
static int image_gunzip(const struct image *image, uint8_t *buf, uint64_t size, uint64_t *nr,
			bool *ended, struct err *e)
{
	uint8_t in[32 * KiB];
	uint64_t used = 0, room = size;
	z_stream z = { .next_out = buf };
	int ret, zret;

	zret = inflateInit2(&z, 16 + MAX_WBITS);
	if (zret != Z_OK)
		return gzip_error(image, zret, z.msg, e);
	do {
		if (!z.avail_in) {
			uint64_t left = image->data_size - used;

			z.next_in = in;
			z.avail_in = left < sizeof(in) ? left : sizeof(in);
			ret = image_read(image, image->data_off + used, in, z.avail_in, e);
			if (ret < 0)
				goto out;
			used += z.avail_in;
		}
		z.avail_out = room < GiB ? room : GiB;
		room -= z.avail_out;
		zret = inflate(&z, Z_NO_FLUSH);
		room += z.avail_out;
	} while (zret == Z_OK);

	*nr = size - room;
	*ended = zret == Z_STREAM_END;
	/* Z_BUF_ERROR: nothing left to do with an empty input or a full output. */
	if (zret != Z_STREAM_END && zret != Z_BUF_ERROR)
		ret = gzip_error(image, zret, z.msg, e);
	else if (zret == Z_BUF_ERROR && room)
		ret = err_set(e, EINVAL, "kernel %s is truncated: its gzip stream ends early",
			      image->path);
	else
		ret = 0;
	if (!ret && *ended && used - z.avail_in < image->data_size)
		log_debug("kernel %s: what follows its gzip stream is ignored", image->path);
out:
	inflateEnd(&z);
	return ret;
}

/*
 * One past the last byte of the file that the PE section table promises, 0 where there is no such
 * table. The kernel's own header says how much memory it wants, not how long its file is.
 */
static uint64_t pe_file_size(const uint8_t *head, uint64_t nr)
{
	uint64_t end = 0, off = get_le32(head + HEADER_PE);
	unsigned int sections;

	if (!image_magic_at(head, nr, off, "PE\0\0", 4) || nr - off < 24)
		return 0;
	sections = get_le32(head + off + 4) >> 16;        /* NumberOfSections */
	off += 24 + (get_le32(head + off + 20) & 0xffff); /* SizeOfOptionalHeader */
	for (; sections && off <= nr && nr - off >= 40; sections--, off += 40) {
		uint64_t size = get_le32(head + off + 16);    /* SizeOfRawData */
		uint64_t pointer = get_le32(head + off + 20); /* PointerToRawData */

		if (pointer && size && pointer + size > end)
			end = pointer + size;
	}
	return end;
}

static int header_truncated(const struct image *image, uint64_t nr, struct err *e)
{
	return err_set(e, EINVAL,
		       "kernel %s is truncated: %" PRIu64 " bytes are less than its header's %d",
		       image->path, nr, HEADER_SIZE);
}

static int read_header(struct image *image, const uint8_t *head, uint64_t nr, struct err *e)
{
	uint64_t image_size, file_size;

	if (nr < HEADER_SIZE)
		return header_truncated(image, nr, e);
	image->text_offset = get_le64(head + HEADER_TEXT_OFFSET);
	image_size = get_le64(head + HEADER_IMAGE_SIZE);
	/* Before 3.17 there was no image_size, and text_offset could be of either endianness. */
	if (!image_size)
		image->text_offset = IMAGE_FLAT_OFFSET;
	image->memory_size = image_size;
	if (!image->gzip && image_size < image->data_size)
		image->memory_size = image->data_size;
	/* The entry is an instruction, and 2^64 is more than the guest's address space has. */
	if (image->text_offset % 4 || image->memory_size > UINT64_MAX - image->text_offset)
		return err_set(e, EINVAL,
			       "kernel %s is damaged: its header says text_offset 0x%" PRIx64
			       ", image_size 0x%" PRIx64,
			       image->path, image->text_offset, image_size);
	file_size = image->gzip ? 0 : pe_file_size(head, nr);
	if (image->data_size < file_size)
		return err_set(e, EINVAL,
			       "kernel %s is truncated: it has %" PRIu64 " of %" PRIu64 " bytes",
			       image->path, image->data_size, file_size);
	return 0;
}

/* What @head, the first bytes of the kernel itself, is. */
static int identify(struct image *image, const uint8_t *head, uint64_t nr, struct err *e)
{
	const struct image_magic *other;

	if (image_magic_at(head, nr, HEADER_MAGIC, "ARM\x64", 4))
		return read_header(image, head, nr, e);
	if (nr < 4)
		return err_set(e, EINVAL,
			       "kernel %s is too short for a kernel: %" PRIu64 " bytes%s",
			       image->path, nr, image->gzip ? " decompressed" : "");
	other = image_magic_find(head, nr);
	if (other)
		return err_set(e, EINVAL, "kernel %s %s %s: %s", image->path,
			       image->gzip ? "holds, compressed by gzip," : "is", other->name,
			       other->hint);
	image->flat = true;
	image->text_offset = IMAGE_FLAT_OFFSET;
	image->memory_size = image->gzip ? 0 : image->data_size;
	return 0;
}

/* Finds the payload of a zboot file, which must be compressed by gzip. */
static int open_zboot(struct image *image, const uint8_t *head, uint64_t nr, struct err *e)
{
	char type[ZBOOT_COMP_TYPE_SIZE + 1] = "";

	if (nr < HEADER_SIZE)
		return header_truncated(image, nr, e);
	memcpy(type, head + ZBOOT_COMP_TYPE, ZBOOT_COMP_TYPE_SIZE);
	if (strcmp(type, "gzip")) {
		/* It goes to a terminal: only what can be a name does. */
		type[strspn(type, "abcdefghijklmnopqrstuvwxyz0123456789")] = '\0';
		return err_set(e, EINVAL,
			       "kernel %s is an EFI zboot image compressed by '%s': "
			       "lkvm reads those compressed by gzip; give the Image inside",
			       image->path, type);
	}
	image->data_off = get_le32(head + ZBOOT_PAYLOAD_OFF);
	image->data_size = get_le32(head + ZBOOT_PAYLOAD_SIZE);
	if (image->data_off > image->size || image->data_size > image->size - image->data_off)
		return err_set(
			e, EINVAL,
			"kernel %s is truncated: the payload of its EFI zboot header, %" PRIu64
			" bytes at %" PRIu64 ", ends beyond its %" PRIu64 " bytes",
			image->path, image->data_size, image->data_off, image->size);
	image->gzip = true;
	return 0;
}

/* From the bytes to the description. The caller closes the file if this fails. */
static int image_describe(struct image *image, struct err *e)
{
	uint8_t head[HEAD_SIZE];
	uint64_t nr = image->size < sizeof(head) ? image->size : sizeof(head);
	bool ended;
	int ret;

	if (!image->size)
		return err_set(e, EINVAL, "kernel %s is empty", image->path);
	image->data_size = image->size;
	ret = image_read(image, 0, head, nr, e);
	if (ret < 0)
		return ret;
	if (image_magic_at(head, nr, 0, "MZ", 2) && image_magic_at(head, nr, 4, "zimg", 4))
		ret = open_zboot(image, head, nr, e);
	else
		image->gzip = image_magic_at(head, nr, 0, "\x1f\x8b", 2);
	if (!ret && image->gzip)
		ret = image_gunzip(image, head, sizeof(head), &nr, &ended, e);
	return ret < 0 ? ret : identify(image, head, nr, e);
}

int image_open(struct image *image, const char *path, struct err *e)
{
	/* Not to wait for the writer of a FIFO; regular files do not mind. */
	autofd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	int ret;

	*image = IMAGE_NONE;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, "Unable to open kernel %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, S_ISDIR(st.st_mode) ? EISDIR : EINVAL,
			       "Unable to open kernel %s: it is %s", path,
			       S_ISDIR(st.st_mode) ? "a directory" : "not a regular file");
	image->path = path;
	image->fd = fd;
	image->size = st.st_size;
	ret = image_describe(image, e);
	if (ret < 0)
		*image = IMAGE_NONE;
	else
		take_fd(&fd);
	return ret;
}

int image_from_memory(struct image *image, const char *name, const void *mem, uint64_t size,
		      struct err *e)
{
	*image = IMAGE_NONE;
	image->path = name;
	image->mem = mem;
	image->size = size;
	return image_describe(image, e);
}

void image_close(struct image *image)
{
	close_fd(&image->fd);
	*image = IMAGE_NONE;
}

/* What Linux says first when it boots: this, its version, a blank. */
#define BANNER       "Linux version "
#define VERSION_CHAR "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.+-_~"

/* Whether a banner is in the @nr bytes at @buf; only one that is all there counts. */
static bool find_banner(const uint8_t *buf, uint64_t nr, char version[IMAGE_VERSION_SIZE])
{
	const uint8_t *at = buf, *end = buf + nr;

	while ((at = memmem(at, (size_t)(end - at), BANNER, strlen(BANNER)))) {
		size_t left, len;

		at += strlen(BANNER);
		left = (size_t)(end - at) < IMAGE_VERSION_SIZE ? (size_t)(end - at)
							       : IMAGE_VERSION_SIZE;
		memset(version, 0, IMAGE_VERSION_SIZE);
		memcpy(version, at, left ? left - 1 : 0);
		len = strspn(version, VERSION_CHAR);
		if (len + 1 < left && version[0] >= '0' && version[0] <= '9' && at[len] == ' ') {
			version[len] = '\0';
			return true;
		}
	}
	return false;
}

static int find_in_file(const struct image *image, uint8_t *buf, uint64_t size,
			char version[IMAGE_VERSION_SIZE], struct err *e)
{
	const uint64_t overlap = strlen(BANNER) + IMAGE_VERSION_SIZE;

	for (uint64_t off = 0; off < image->data_size; off += size - overlap) {
		uint64_t left = image->data_size - off;
		int ret =
			image_read(image, image->data_off + off, buf, left < size ? left : size, e);

		if (ret < 0)
			return ret;
		if (find_banner(buf, left < size ? left : size, version))
			return 1;
		if (left <= size)
			break;
	}
	return 0;
}

int image_linux_version(const struct image *image, char version[IMAGE_VERSION_SIZE], struct err *e)
{
	/* Compressed: the kernel is no larger than the memory it wants, and pages of it that are not written cost nothing. */
	uint64_t nr, size = image->gzip ? image->memory_size : MiB;
	autofree uint8_t *buf = size && size <= GiB ? malloc(size) : NULL;
	bool ended;
	int ret = 0;

	if (buf && image->gzip) {
		ret = image_gunzip(image, buf, size, &nr, &ended, e);
		if (ret == 0)
			ret = find_banner(buf, nr, version);
	} else if (buf) {
		ret = find_in_file(image, buf, size, version, e);
	}
	if (ret == 0)
		return err_set(e, ENODATA, "kernel %s does not say which Linux it is", image->path);
	return ret < 0 ? ret : 0;
}

static uint64_t mebibytes(uint64_t size)
{
	return size / MiB + (size % MiB != 0);
}

int image_load(const struct image *image, const struct ram *ram, gpa_t *entry, gpa_t *end,
	       struct err *e)
{
	uint64_t room, nr = image->data_size;
	bool ended = true;
	uint8_t *to;
	int ret;

	if (image->text_offset >= ram->size || image->memory_size > ram->size - image->text_offset)
		return err_set(e, ENOMEM,
			       "kernel %s needs %" PRIu64 " MiB of RAM, the VM has %" PRIu64
			       ": use --mem",
			       image->path, mebibytes(image->text_offset + image->memory_size),
			       mebibytes(ram->size));
	room = ram->size - image->text_offset;
	*entry = ram->base + image->text_offset;
	to = ram_slice(ram, *entry, room);
	assert(to);
	if (image->gzip)
		ret = image_gunzip(image, to, room, &nr, &ended, e);
	else
		ret = image_read(image, image->data_off, to, nr, e);
	if (ret < 0)
		return ret;
	if (!ended)
		return err_set(e, ENOMEM,
			       "kernel %s needs more than the VM's %" PRIu64
			       " MiB of RAM: use --mem",
			       image->path, mebibytes(ram->size));
	*end = *entry + (nr > image->memory_size ? nr : image->memory_size);
	log_debug("kernel %s: %s%s, %" PRIu64 " bytes", image->path,
		  image->flat ? "flat binary" : "Image", image->gzip ? " compressed by gzip" : "",
		  nr);
	return 0;
}
