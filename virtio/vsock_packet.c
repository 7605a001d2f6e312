/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets of the socket device (5.10.6) in buffers, which may be cut into parts anywhere. */
#include <string.h>
#include "util/bits.h"
#include "vsock_conn.h"

#define MIN(a, b) ((a) < (b) ? (a) : (b))

unsigned int vsock_slice(struct iovec *to, const struct iovec *from, unsigned int nr, uint64_t skip,
			 uint64_t len)
{
	unsigned int used = 0;

	for (unsigned int i = 0; i < nr && len; i++) {
		size_t part = from[i].iov_len;

		if (skip >= part) {
			skip -= part;
			continue;
		}
		part = MIN(part - skip, len);
		to[used].iov_base = (uint8_t *)from[i].iov_base + skip;
		to[used++].iov_len = part;
		len -= part;
		skip = 0;
	}
	return used;
}

void vsock_packet_read(const struct virtq_chain *chain, struct vsock_packet *p)
{
	uint8_t raw[VSOCK_HEADER];

	virtq_copy_out(chain, 0, raw, sizeof(raw));
	*p = (struct vsock_packet){
		.src_cid = get_le64(raw),
		.dst_cid = get_le64(raw + 8),
		.src_port = get_le32(raw + 16),
		.dst_port = get_le32(raw + 20),
		.len = get_le32(raw + 24),
		.type = get_le16(raw + 28),
		.op = get_le16(raw + 30),
		.flags = get_le32(raw + 32),
		.buf_alloc = get_le32(raw + 36),
		.fwd_cnt = get_le32(raw + 40),
	};
}

void vsock_packet_write(const struct virtq_chain *chain, const struct vsock_packet *p)
{
	uint8_t raw[VSOCK_HEADER];
	struct iovec iov[VSOCK_HEADER]; /* no more: each has a byte or more */
	unsigned int nr = vsock_slice(iov, chain->iov, chain->nr_in, 0, sizeof(raw));
	uint8_t *from = raw;

	put_le64(raw, p->src_cid);
	put_le64(raw + 8, p->dst_cid);
	put_le32(raw + 16, p->src_port);
	put_le32(raw + 20, p->dst_port);
	put_le32(raw + 24, p->len);
	put_le16(raw + 28, p->type);
	put_le16(raw + 30, p->op);
	put_le32(raw + 32, p->flags);
	put_le32(raw + 36, p->buf_alloc);
	put_le32(raw + 40, p->fwd_cnt);
	for (unsigned int i = 0; i < nr; i++) {
		memcpy(iov[i].iov_base, from, iov[i].iov_len);
		from += iov[i].iov_len;
	}
}
