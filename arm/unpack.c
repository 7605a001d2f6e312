/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decompression of kernel modules: one function a format, each into a buffer that grows up to UNPACK_MAX. xz and
 * zstd are built in where their libraries were.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "arm/modules.h"
#include "unpack.h"
#include "util/bits.h"
#include "util/cleanup.h"
#include "util/file.h"

#ifdef LKVM_HAVE_LZMA
#include <lzma.h>
#endif
#ifdef LKVM_HAVE_ZSTD
#include <zstd.h>
#endif

/* What a buffer begins with and grows by. */
#define STEP (1024 * 1024)

struct out {
	uint8_t *data; /* @room bytes and one more */
	size_t nr, room;
};

/* More room; returns 0, -ENOMEM, or -EFBIG. */
static int grow(struct out *out)
{
	uint8_t *data;

	if (out->room >= UNPACK_MAX)
		return -EFBIG;
	data = realloc(out->data, out->room + STEP + 1);
	if (!data)
		return -ENOMEM;
	out->data = data;
	out->room += STEP;
	return 0;
}

static int plain(const uint8_t *in, size_t in_size, struct out *out)
{
	while (out->room < in_size) {
		int ret = grow(out);

		if (ret < 0)
			return ret;
	}
	memcpy(out->data, in, in_size);
	out->nr = in_size;
	return 0;
}

static int gunzip(const uint8_t *in, size_t in_size, struct out *out)
{
	z_stream z = { .next_in = (uint8_t *)in, .avail_in = (unsigned int)in_size };
	int ret = 0, zret;

	if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
		return -ENOMEM;
	do {
		if (out->nr == out->room)
			ret = grow(out);
		if (ret < 0)
			break;
		z.next_out = out->data + out->nr;
		z.avail_out = (unsigned int)(out->room - out->nr);
		zret = inflate(&z, Z_NO_FLUSH);
		out->nr = out->room - z.avail_out;
		if (zret != Z_STREAM_END && (zret != Z_OK || (!z.avail_in && z.avail_out)))
			ret = -EBADMSG;
	} while (ret == 0 && zret != Z_STREAM_END);
	inflateEnd(&z);
	return ret;
}

#ifdef LKVM_HAVE_LZMA
static int unxz(const uint8_t *in, size_t in_size, struct out *out)
{
	/* A dictionary counts, too. */
	lzma_stream stream = LZMA_STREAM_INIT;
	lzma_ret lret = lzma_stream_decoder(&stream, 2 * UNPACK_MAX, 0);
	int ret = lret == LZMA_OK ? 0 : -ENOMEM;

	stream.next_in = in;
	stream.avail_in = in_size;
	while (ret == 0 && lret != LZMA_STREAM_END) {
		if (out->nr == out->room)
			ret = grow(out);
		if (ret < 0)
			break;
		stream.next_out = out->data + out->nr;
		stream.avail_out = out->room - out->nr;
		lret = lzma_code(&stream, LZMA_FINISH);
		out->nr = out->room - stream.avail_out;
		if (lret != LZMA_OK && lret != LZMA_STREAM_END)
			ret = lret == LZMA_MEM_ERROR ? -ENOMEM : -EBADMSG;
	}
	lzma_end(&stream);
	return ret;
}
#else
#define unxz NULL
#endif

#ifdef LKVM_HAVE_ZSTD
static int unzstd(const uint8_t *in, size_t in_size, struct out *out)
{
	ZSTD_DStream *stream = ZSTD_createDStream();
	ZSTD_inBuffer from = { in, in_size, 0 };
	size_t left = 1;
	int ret = stream ? 0 : -ENOMEM;

	while (ret == 0 && left) {
		ZSTD_outBuffer to;

		if (out->nr == out->room)
			ret = grow(out);
		if (ret < 0)
			break;
		to = (ZSTD_outBuffer){ out->data, out->room, out->nr };
		left = ZSTD_decompressStream(stream, &to, &from);
		/* Wants more than there is, and had room to say all. */
		if (ZSTD_isError(left) || (left && from.pos == from.size && to.pos < to.size))
			ret = -EBADMSG;
		out->nr = to.pos;
	}
	ZSTD_freeDStream(stream);
	return ret;
}
#else
#define unzstd NULL
#endif

/* In the order in which they are looked for; the last is everything else. */
static const struct {
	const char *name, *magic;
	size_t len;
	int (*unpack)(const uint8_t *in, size_t in_size, struct out *out);
} formats[] = {
	{ "gzip", "\x1f\x8b", 2, gunzip },
	{ "xz",
	  "\xfd"
	  "7zXZ\0",
	  6, unxz },
	{ "zstd", "\x28\xb5\x2f\xfd", 4, unzstd },
	{ "", "", 0, plain },
};

bool unpack_has(const char *format)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (!strcmp(formats[i].name, format))
			return formats[i].unpack != NULL;
	return false;
}

int unpack(const char *path, const uint8_t *in, size_t in_size, uint8_t **data, size_t *size,
	   struct err *e)
{
	struct out out = { 0 };
	size_t i = 0;
	int ret;

	while (in_size < formats[i].len || memcmp(in, formats[i].magic, formats[i].len) != 0)
		i++;
	if (!formats[i].unpack)
		return err_set(e, ENOTSUP, "%s is compressed by %s, which this lkvm cannot read",
			       path, formats[i].name);
	ret = grow(&out);
	if (ret == 0)
		ret = formats[i].unpack(in, in_size, &out);
	if (ret < 0) {
		free(out.data);
		return err_set(e, -ret, "%s cannot be decompressed: %s", path,
			       ret == -EBADMSG ? "it is damaged"
			       : ret == -EFBIG ? "it has more than 64 MiB"
					       : strerror(-ret));
	}
	out.data[out.nr] = '\0';
	*data = out.data;
	*size = out.nr;
	return 0;
}

int unpack_file(const char *path, uint8_t **data, size_t *size, struct err *e)
{
	autofree uint8_t *in = NULL;
	uint64_t in_size;
	autofd int fd = file_open(path, "file", &in_size, e);
	int ret;

	if (fd < 0)
		return fd;
	if (in_size > UNPACK_MAX)
		return err_set(e, EFBIG, "%s has more than 64 MiB", path);
	in = malloc(in_size);
	ret = in ? file_read_at(fd, in, in_size, 0) : -ENOMEM;
	if (ret < 0)
		return err_set(e, -ret, "cannot read %s: %s", path, strerror(-ret));
	return unpack(path, in, in_size, data, size, e);
}
