/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between a serial device and whatever stands at its other end: two small interfaces, so that
 * neither knows the other's type. Bytes towards the host are offered by the device and may be
 * refused (the back end is full); bytes towards the guest are offered by the back end and may be
 * refused (the FIFO is full). Whoever refused says so when there is room again.
 */
#ifndef LKVM_VM_CHARDEV_H
#define LKVM_VM_CHARDEV_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

/* A device holds back at most this many refused bytes; the guest's writing them is already done. */
#define CHAR_HELD_MAX 64

/* The host's side, called by the device with the device's lock held. Must not block. */
struct char_backend {
	/* Takes up to @len bytes from the guest, in order; returns how many it took. */
	size_t (*output)(void *ctx, const uint8_t *buf, size_t len);
	/* The guest has room for input again after char_frontend.input() took less than offered. */
	void (*input_ready)(void *ctx);
	/*
	 * The guest has closed the line, for now, and all that it had sent was taken. NULL: no matter; a
	 * serial line has no such thing.
	 */
	void (*closed)(void *ctx);
	void *ctx;
};

/*
 * The device's side, called by the back end from the loop's thread with @lock, the device's own,
 * taken around each call.
 */
struct char_frontend {
	/* Takes up to @len bytes from the host, in order; returns how many it took. */
	size_t (*input)(void *ctx, const uint8_t *buf, size_t len);
	/* The back end has room again after output() took less than offered; harmless otherwise. */
	void (*output_ready)(void *ctx);
	/* What is at the host's end has another size, in characters. NULL: the device has no use for it. */
	void (*resized)(void *ctx, uint16_t cols, uint16_t rows);
	/*
	 * The host's end is closed, for good: behind what it was given the guest finds the end, and its
	 * writing fails. From output(), too. NULL: the device has no such thing.
	 */
	void (*hang_up)(void *ctx);
	void *ctx;
	pthread_mutex_t *lock;
};

#endif
