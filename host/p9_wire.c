/* SPDX-License-Identifier: BSD-2-Clause */
/* Fields of 9P messages, out of the guest's memory and into it. */
#include <errno.h>
#include <limits.h>
#include "p9_session.h"
#include "util/bits.h"

/* --- Reading --- */

static void fail(struct p9_reader *r, int error)
{
	if (!r->error)
		r->error = error;
}

struct p9_reader p9_reader(const struct iovec *iov, unsigned int nr_iov, size_t off, uint32_t len)
{
	struct p9_reader r = { .iov = iov, .nr_iov = nr_iov, .left = len };

	while (r.nr_iov && off >= r.iov->iov_len) {
		off -= r.iov->iov_len;
		r.iov++;
		r.nr_iov--;
	}
	r.off = off;
	return r;
}

/* Goes @len bytes on, into @buf if that is not NULL. There are as many. */
static void take(struct p9_reader *r, void *buf, uint32_t len)
{
	uint8_t *to = buf;

	r->left -= len;
	while (len) {
		size_t part = r->iov->iov_len - r->off;

		part = part < len ? part : len;
		if (to) {
			memcpy(to, (const uint8_t *)r->iov->iov_base + r->off, part);
			to += part;
		}
		len -= (uint32_t)part;
		r->off += part;
		if (r->off == r->iov->iov_len && --r->nr_iov) {
			r->iov++;
			r->off = 0;
		}
	}
}

static uint64_t get(struct p9_reader *r, uint32_t len)
{
	uint8_t buf[8] = { 0 };

	if (r->left < len) {
		fail(r, -EBADMSG);
		r->left = 0;
		return 0;
	}
	take(r, buf, len);
	return get_le64(buf);
}

uint8_t p9_get8(struct p9_reader *r)
{
	return (uint8_t)get(r, 1);
}

uint16_t p9_get16(struct p9_reader *r)
{
	return (uint16_t)get(r, 2);
}

uint32_t p9_get32(struct p9_reader *r)
{
	return (uint32_t)get(r, 4);
}

uint64_t p9_get64(struct p9_reader *r)
{
	return get(r, 8);
}

void p9_get_string(struct p9_reader *r, char *buf, size_t size)
{
	uint16_t len = p9_get16(r);

	buf[0] = '\0';
	if (len > r->left) {
		fail(r, -EBADMSG);
		r->left = 0;
		return;
	}
	if (len >= size) {
		fail(r, -ENAMETOOLONG);
		take(r, NULL, len);
		return;
	}
	take(r, buf, len);
	buf[len] = '\0';
	if (memchr(buf, '\0', len)) {
		fail(r, -EINVAL);
		buf[0] = '\0';
	}
}

void p9_get_name(struct p9_reader *r, char *buf)
{
	p9_get_string(r, buf, NAME_MAX + 1);
	if (!buf[0] || strchr(buf, '/') || !strcmp(buf, ".") || !strcmp(buf, "..")) {
		fail(r, -EINVAL);
		buf[0] = '\0';
	}
}

uint32_t p9_get_bytes(struct p9_reader *r, void *buf, uint32_t len)
{
	len = len < r->left ? len : r->left;
	take(r, buf, len);
	return len;
}

/* --- Writing --- */

void p9_put_at(const struct p9_writer *w, uint32_t off, const void *buf, uint32_t len)
{
	const struct iovec *iov = w->iov;
	const uint8_t *from = buf;
	size_t at = off;

	for (; len; iov++) {
		size_t part = iov->iov_len;

		if (at >= part) {
			at -= part;
			continue;
		}
		part = part - at < len ? part - at : len;
		memcpy((uint8_t *)iov->iov_base + at, from, part);
		from += part;
		len -= (uint32_t)part;
		at = 0;
	}
}

void p9_put(struct p9_writer *w, const void *buf, uint32_t len)
{
	if (w->full || len > w->room - w->len) {
		w->full = true;
		return;
	}
	p9_put_at(w, w->len, buf, len);
	w->len += len;
}

void p9_put8(struct p9_writer *w, uint8_t value)
{
	p9_put(w, &value, 1);
}

void p9_put16(struct p9_writer *w, uint16_t value)
{
	uint8_t buf[2];

	put_le16(buf, value);
	p9_put(w, buf, sizeof(buf));
}

void p9_put32(struct p9_writer *w, uint32_t value)
{
	uint8_t buf[4];

	put_le32(buf, value);
	p9_put(w, buf, sizeof(buf));
}

void p9_put64(struct p9_writer *w, uint64_t value)
{
	uint8_t buf[8];

	put_le64(buf, value);
	p9_put(w, buf, sizeof(buf));
}

void p9_put_string(struct p9_writer *w, const char *text)
{
	size_t len = strlen(text);

	if (len > UINT16_MAX) {
		w->full = true;
		return;
	}
	p9_put16(w, (uint16_t)len);
	p9_put(w, text, (uint32_t)len);
}

unsigned int p9_slice(const struct iovec *iov, unsigned int nr_iov, size_t off, uint64_t len,
		      struct iovec *to, unsigned int nr_to)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < nr_iov && len && nr < nr_to; i++) {
		size_t part = iov[i].iov_len;

		if (off >= part) {
			off -= part;
			continue;
		}
		part = part - off < len ? part - off : (size_t)len;
		to[nr++] = (struct iovec){
			.iov_base = (uint8_t *)iov[i].iov_base + off,
			.iov_len = part,
		};
		len -= part;
		off = 0;
	}
	return nr;
}
