/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames on passt's stream. Both ends may be torn anywhere: what has been received waits in a buffer until a frame is
 * whole, and the rest of a frame that was sent in part goes before the next one.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/socket.h>
#include "host/passt.h"

/* No frame is shorter than its Ethernet header. */
#define FRAME_MIN 14
/* The parts of a guest's buffer that are looked at; a frame has a few at most. */
#define PARTS_MAX 258

/* Sends what is left of the last frame; returns whether that is all of it. */
static bool flush(struct passt_stream *s)
{
	while (s->out_start < s->out_end) {
		ssize_t len = send(s->fd, s->out + s->out_start, s->out_end - s->out_start,
				   MSG_DONTWAIT | MSG_NOSIGNAL);

		if (len < 0 && errno == EAGAIN)
			return false;
		if (len < 0) {
			s->broken = true;
			return true;
		}
		s->out_start += (size_t)len;
	}
	s->out_start = s->out_end = 0;
	return true;
}

/* Keeps the bytes of @iov from @skip on, which the socket did not take. */
static void keep(struct passt_stream *s, const struct iovec *iov, unsigned int nr, size_t skip)
{
	for (; nr; iov++, nr--) {
		size_t off = skip < iov->iov_len ? skip : iov->iov_len;
		size_t len = iov->iov_len - off;

		memcpy(s->out + s->out_end, (const uint8_t *)iov->iov_base + off, len);
		s->out_end += len;
		skip -= off;
	}
}

/* @iov without its first @skip bytes, into @to; returns the number of parts. */
static unsigned int behind(struct iovec *to, const struct iovec *iov, unsigned int nr, size_t skip)
{
	unsigned int n = 0;

	for (; nr; iov++, nr--) {
		size_t off = skip < iov->iov_len ? skip : iov->iov_len;

		skip -= off;
		if (off < iov->iov_len)
			to[n++] = (struct iovec){ .iov_base = (uint8_t *)iov->iov_base + off,
						  .iov_len = iov->iov_len - off };
	}
	return n;
}

bool passt_stream_send(struct passt_stream *s, const struct iovec *iov, unsigned int nr, size_t len)
{
	struct iovec parts[1 + PARTS_MAX];
	struct msghdr msg = { .msg_iov = parts };
	size_t frame = len - NET_HDR_SIZE;
	uint32_t length = htonl((uint32_t)frame);
	ssize_t sent;

	if (frame < FRAME_MIN || frame > NET_FRAME_MAX || nr > PARTS_MAX || s->broken)
		return true;
	if (!flush(s))
		return false;
	parts[0] = (struct iovec){ .iov_base = &length, .iov_len = sizeof(length) };
	msg.msg_iovlen = 1 + behind(parts + 1, iov, nr, NET_HDR_SIZE);
	sent = sendmsg(s->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS))
		return false;
	if (sent < 0)
		s->broken = true;
	else if ((size_t)sent < sizeof(length) + frame)
		keep(s, parts, (unsigned int)msg.msg_iovlen, (size_t)sent);
	return true;
}

void passt_stream_fill(struct passt_stream *s)
{
	ssize_t len;

	if (s->in_start) {
		memmove(s->in, s->in + s->in_start, s->in_end - s->in_start);
		s->in_end -= s->in_start;
		s->in_start = 0;
	}
	if (s->broken || s->in_end == sizeof(s->in))
		return;
	len = recv(s->fd, s->in + s->in_end, sizeof(s->in) - s->in_end, MSG_DONTWAIT);
	if (len > 0)
		s->in_end += (size_t)len;
	else if (!len || (errno != EAGAIN && errno != EINTR))
		s->broken = true;
}

/* Copies to @off in @iov, as far as that goes. */
static void put(const struct iovec *iov, unsigned int nr, size_t off, const uint8_t *buf,
		size_t len)
{
	for (; nr && len; iov++, nr--) {
		size_t skip = off < iov->iov_len ? off : iov->iov_len;
		size_t part = iov->iov_len - skip < len ? iov->iov_len - skip : len;

		memcpy((uint8_t *)iov->iov_base + skip, buf, part);
		buf += part;
		len -= part;
		off -= skip;
	}
}

size_t passt_stream_receive(struct passt_stream *s, const struct iovec *iov, unsigned int nr)
{
	size_t there = s->in_end - s->in_start;
	uint8_t hdr[NET_HDR_SIZE] = { s->checked ? VIRTIO_NET_HDR_F_DATA_VALID : 0 };
	const uint8_t *frame = s->in + s->in_start + PASST_LENGTH_SIZE;
	uint32_t len;

	if (there < PASST_LENGTH_SIZE)
		return 0;
	memcpy(&len, s->in + s->in_start, sizeof(len));
	len = ntohl(len);
	if (len < FRAME_MIN || len > NET_FRAME_MAX) {
		s->broken = true;
		return 0;
	}
	if (there - PASST_LENGTH_SIZE < len)
		return 0;
	put(iov, nr, 0, hdr, sizeof(hdr));
	put(iov, nr, sizeof(hdr), frame, len);
	s->in_start += PASST_LENGTH_SIZE + len;
	return NET_HDR_SIZE + len;
}
