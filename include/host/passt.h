/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A network without privileges: passt, a program of the host, speaks for the guest by ordinary sockets. It is
 * started for one network device and ends with it.
 */
#ifndef LKVM_HOST_PASST_H
#define LKVM_HOST_PASST_H

#include "util/err.h"
#include "vm/loop.h"
#include "vm/netdev.h"

struct passt;

/*
 * Starts it. @ports: NULL-terminated, pairs of passt's options and their values ("-t", "8080:80"); or NULL.
 * Returns NULL with @e set on failure.
 */
struct passt *passt_open(const char *const *ports, struct loop *loop, struct err *e);

/* Waits until it serves. Returns 0, or -errno with @e set: it ended, and has said why on stderr. */
int passt_wait(struct passt *passt, struct err *e);

struct net_backend passt_backend(struct passt *passt);

/* Between a machine's devices being made and their end; the loop does not run. */
void passt_connect(struct passt *passt, struct net_frontend frontend);
void passt_disconnect(struct passt *passt);

/* Ends it. NULL is fine. */
void passt_close(struct passt *passt);

/*
 * Frames on a stream (for passt.c, and tests): each preceded by its length, 4 bytes, big-endian. @fd is a
 * connected stream socket, whose owner waits for it to be ready.
 */
#define PASST_LENGTH_SIZE 4
#define PASST_BUFFER_SIZE (256 * 1024)

struct passt_stream {
	int fd;
	bool checked; /* the guest wants to hear that checksums have been checked */
	bool broken;  /* the other end is gone, or speaks another language */
	/* Received: those of @in from @in_start to @in_end have not been taken. */
	size_t in_start, in_end;
	/* The end of a frame that the socket had no room for: of @out from @out_start to @out_end. */
	size_t out_start, out_end;
	uint8_t in[PASST_BUFFER_SIZE];
	uint8_t out[PASST_LENGTH_SIZE + NET_FRAME_MAX];
};

/* As net_backend.send(). */
bool passt_stream_send(struct passt_stream *s, const struct iovec *iov, unsigned int nr,
		       size_t len);
/* Reads what has come, as far as there is room for it. */
void passt_stream_fill(struct passt_stream *s);
/* As net_backend.receive(), from what has been read. */
size_t passt_stream_receive(struct passt_stream *s, const struct iovec *iov, unsigned int nr);

#endif
