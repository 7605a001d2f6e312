/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lkvm's stdin, and its stdout or stderr, as the host's ends of two lines: bytes as they are, one way each, and
 * the end of either side is the end of the other. Nothing is kept here but the block of stdin that the guest has
 * no room for yet; a reader that is slow makes the guest wait.
 */
#ifndef LKVM_HOST_STDIO_H
#define LKVM_HOST_STDIO_H

#include <stdbool.h>
#include "host/stream.h"
#include "util/err.h"
#include "vm/chardev.h"
#include "vm/loop.h"

/* How much of stdin is read at once. */
#define STDIO_BLOCK (128 * 1024)

struct stdio_in {
	struct loop *loop;
	struct stream stream;
	struct loop_source source, wake; /* @wake: an eventfd */
	bool always;                     /* epoll does not know it: it is always ready */
	bool watched;
	struct char_frontend frontend; /* .input is NULL: not connected */
	/* The loop's thread alone: */
	bool ended; /* nothing comes any more */
	bool told;  /* and the device knows */
	size_t off, len;
	uint8_t *block; /* STDIO_BLOCK bytes, @len of them from @off not yet taken */
	/* Under the device's lock: */
	bool room;   /* the guest takes more */
	bool closed; /* the guest wants no more */
};

struct stdio_out {
	struct loop *loop;
	struct stream stream;
	struct loop_source source;
	const char *name; /* for messages */
	bool always;
	struct char_frontend frontend;
	/* Under the device's lock: */
	bool ended; /* nobody reads any more */
	void (*closed)(void *ctx);
	void *closed_ctx;
};

#define STDIO_IN_NONE  ((struct stdio_in){ .stream.fd = -1, .source.fd = -1, .wake.fd = -1 })
#define STDIO_OUT_NONE ((struct stdio_out){ .stream.fd = -1, .source.fd = -1 })

/*
 * Open a way of their own to @fd, which stays the caller's; one that is closed is at its end. They must stay
 * where they are. @closed, unless NULL, is called with the device's lock held when the guest has closed the line
 * and all was written. Return 0, or -errno with @e set; close() also after that, and of NONE.
 */
int stdio_in_open(struct stdio_in *in, struct loop *loop, int fd, struct err *e);
int stdio_out_open(struct stdio_out *out, struct loop *loop, int fd, const char *name,
		   void (*closed)(void *ctx), void *ctx, struct err *e);
void stdio_in_close(struct stdio_in *in);
void stdio_out_close(struct stdio_out *out);

/* What the device is given; valid until close(). */
struct char_backend stdio_in_backend(struct stdio_in *in);
struct char_backend stdio_out_backend(struct stdio_out *out);

/* From now on bytes flow. @frontend can hang up. On the loop's thread, or when it does not run. */
void stdio_in_connect(struct stdio_in *in, struct char_frontend frontend);
void stdio_out_connect(struct stdio_out *out, struct char_frontend frontend);
void stdio_in_disconnect(struct stdio_in *in);
void stdio_out_disconnect(struct stdio_out *out);

#endif
