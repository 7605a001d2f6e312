/* SPDX-License-Identifier: BSD-2-Clause */
/* Records on their way, and bytes of them that all have to come. */
#include <errno.h>
#include <libfdt.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include "arm/save.h"
#include "snapshot/stream.h"

#define MAGIC 0x6c6b766dU /* "lkvm" */

void stream_encode(const struct stream_record *record, uint8_t bytes[STREAM_RECORD_SIZE])
{
	fdt32_st(bytes, MAGIC);
	fdt32_st(bytes + 4, record->type);
	fdt64_st(bytes + 8, record->a);
	fdt64_st(bytes + 16, record->b);
}

uint64_t stream_behind(const struct stream_record *record)
{
	switch (record->type) {
	case STREAM_FACTS:
	case STREAM_STATE:
		return record->a;
	case STREAM_PAGES:
	case STREAM_VERDICT:
	case STREAM_FAILED:
		return record->b;
	default:
		return 0;
	}
}

static uint64_t behind_max(enum stream_type type)
{
	switch (type) {
	case STREAM_FACTS:
	case STREAM_STATE:
		return SAVE_STATE_MAX;
	case STREAM_PAGES:
		return STREAM_PAGES_MAX;
	default:
		return STREAM_TEXT_MAX;
	}
}

int stream_decode(struct stream_record *record, const uint8_t bytes[STREAM_RECORD_SIZE])
{
	uint32_t type = fdt32_ld((const void *)(bytes + 4));

	if (fdt32_ld((const void *)bytes) != MAGIC || type < STREAM_FACTS ||
	    type >= STREAM_NR_TYPES)
		return -EBADMSG;
	*record = (struct stream_record){ .type = (enum stream_type)type,
					  .a = fdt64_ld((const void *)(bytes + 8)),
					  .b = fdt64_ld((const void *)(bytes + 16)) };
	return stream_behind(record) > behind_max(record->type) ? -EBADMSG : 0;
}

/* After a call that would block, or was interrupted: 0 when it can be tried again. */
static int wait_for(int fd, short events, int patience_ms)
{
	struct pollfd p = { .fd = fd, .events = events };
	int ret = 0;

	if (errno == EINTR)
		return 0;
	if (errno != EAGAIN)
		return -errno;
	ret = poll(&p, 1, patience_ms);
	if (ret == 0)
		return -ETIMEDOUT;
	return ret < 0 && errno != EINTR ? -errno : 0;
}

int stream_put(int fd, const void *buf, size_t len, int patience_ms)
{
	const uint8_t *p = buf;
	int ret = 0;

	while (len && ret == 0) {
		ssize_t put = send(fd, p, len, MSG_NOSIGNAL);

		if (put < 0) {
			ret = wait_for(fd, POLLOUT, patience_ms);
			continue;
		}
		p += put;
		len -= (size_t)put;
	}
	return ret;
}

int stream_get(int fd, void *buf, size_t len, int patience_ms)
{
	uint8_t *p = buf;
	int ret = 0;

	while (len && ret == 0) {
		ssize_t got = recv(fd, p, len, 0);

		if (got == 0)
			return -ECONNRESET;
		if (got < 0) {
			ret = wait_for(fd, POLLIN, patience_ms);
			continue;
		}
		p += got;
		len -= (size_t)got;
	}
	return ret;
}

int stream_put_record(int fd, enum stream_type type, uint64_t a, uint64_t b, int patience_ms)
{
	const struct stream_record record = { .type = type, .a = a, .b = b };
	uint8_t bytes[STREAM_RECORD_SIZE];

	stream_encode(&record, bytes);
	return stream_put(fd, bytes, sizeof(bytes), patience_ms);
}

int stream_get_record(int fd, struct stream_record *record, int patience_ms)
{
	uint8_t bytes[STREAM_RECORD_SIZE];
	int ret = stream_get(fd, bytes, sizeof(bytes), patience_ms);

	return ret < 0 ? ret : stream_decode(record, bytes);
}

int stream_put_text(int fd, enum stream_type type, uint64_t a, const char *text, int patience_ms)
{
	size_t len = strnlen(text, STREAM_TEXT_MAX);
	int ret = stream_put_record(fd, type, a, len, patience_ms);

	return ret < 0 ? ret : stream_put(fd, text, len, patience_ms);
}
