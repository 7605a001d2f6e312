/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packets of gdb's remote protocol ("$payload#checksum", gdb's manual, appendix "Remote Protocol"). Pure: bytes in,
 * packets out, and back; what comes in may be anything.
 */
#ifndef LKVM_IPC_GDB_PACKET_H
#define LKVM_IPC_GDB_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No payload is longer, in either direction, in bytes. */
#define GDB_PAYLOAD_MAX 8192
/* '$', '#' and two digits around it. */
#define GDB_PACKET_MAX (GDB_PAYLOAD_MAX + 4)

enum gdb_event {
	GDB_NOTHING,   /* more bytes are to come */
	GDB_PACKET,    /* reader->payload is one, and ends with '\0' */
	GDB_DAMAGED,   /* one came with another checksum, or too long */
	GDB_INTERRUPT, /* the person has typed Ctrl-C */
	GDB_AGAIN,     /* the last packet did not arrive */
};

/* Starts as { 0 }. */
struct gdb_reader {
	enum { GDB_OUTSIDE, GDB_INSIDE, GDB_ESCAPED, GDB_SUM_HIGH, GDB_SUM_LOW } state;
	char payload[GDB_PAYLOAD_MAX + 1];
	size_t len;
	bool damaged;
	uint8_t sum, told;
};

enum gdb_event gdb_read(struct gdb_reader *r, uint8_t byte);

/* A packet as it is written. What does not fit any more is left out, and @cut set. */
struct gdb_writer {
	char packet[GDB_PACKET_MAX + 1]; /* a terminator, that stdio writes */
	size_t len;
	bool cut;
};

void gdb_begin(struct gdb_writer *w);
void gdb_put(struct gdb_writer *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Bytes as hexadecimal digits, and as they are but for those that need an escape. */
void gdb_put_hex(struct gdb_writer *w, const void *bytes, size_t len);
void gdb_put_binary(struct gdb_writer *w, const char *bytes, size_t len);
void gdb_end(struct gdb_writer *w);

/*
 * A hexadecimal number at *@text, which moves behind it. False: there is none, or it has more than 64 bits.
 */
bool gdb_take_number(const char **text, uint64_t *value);
/* @len bytes from twice as many digits at *@text, which moves behind them. */
bool gdb_take_hex(const char **text, void *bytes, size_t len);

#endif
