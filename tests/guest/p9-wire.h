/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-9p by virtio-mmio, with one queue, and 9P2000.L messages, right or wrong: for guests that say what no driver would.
 */
#ifndef GUEST_P9_WIRE_H
#define GUEST_P9_WIRE_H

#include "guest.h"

enum {
	TLOPEN = 12,
	TLCREATE = 14,
	TSYMLINK = 16,
	TMKNOD = 18,
	TRENAME = 20,
	TREADLINK = 22,
	TGETATTR = 24,
	TSETATTR = 26,
	TREADDIR = 40,
	TLINK = 70,
	TMKDIR = 72,
	TRENAMEAT = 74,
	TUNLINKAT = 76,
	TVERSION = 100,
	TATTACH = 104,
	TFLUSH = 108,
	TWALK = 110,
	TREAD = 116,
	TWRITE = 118,
	TCLUNK = 120,
};

#define NOFID       0xffffffffu
#define P9_ROOM     8192 /* of a message, and of an answer */
#define P9_BRIEF    64
#define P9_SLOTS    4 /* messages at once */
#define NEEDS_RESET 0x40

/* A message and its answer. */
struct p9_message {
	uint8_t out[P9_ROOM], in[P9_ROOM];
	uint32_t len;
};

struct p9_wire {
	uint64_t base; /* of the device's registers */
	uint16_t last; /* how many used buffers were seen */
	bool brief; /* may be set: what comes is p9_call()s of at most P9_BRIEF bytes and as long an answer; faster */
	struct p9_message message[P9_SLOTS];
};

/* Finds the device, and makes it ready. False: there is none, or it does not want to. Then and later, after p9_broke(). */
bool p9_open(struct p9_wire *w, const struct guest *g);
bool p9_reset(struct p9_wire *w);

/* Whether the device asks for a reset. */
bool p9_broke(const struct p9_wire *w);

/*
 * Puts a message of @type with @tag together in slot @slot: @fields has a character for each of the arguments that follow: b, w, d, q a
 * number of 1, 2, 4, 8 bytes; s a string, in which a newline stands for NUL.
 */
void p9_message(struct p9_wire *w, unsigned int slot, uint8_t type, uint16_t tag,
		const char *fields, ...);

/* A buffer of the queue as it is to be: @nr pieces. */
struct p9_piece {
	uint64_t address;
	uint32_t len;
	bool in; /* the device writes there */
};
/* Offers the buffer that begins at descriptor 4 * @slot; without a notification. */
void p9_offer(struct p9_wire *w, unsigned int slot, const struct p9_piece *piece, unsigned int nr);
/* The same for what p9_message() made, with room for an answer of @room bytes. */
void p9_offer_message(struct p9_wire *w, unsigned int slot, uint32_t room);
void p9_notify(struct p9_wire *w);

/* Waits until @nr more buffers came back, for five seconds. Returns how many did. */
unsigned int p9_wait(struct p9_wire *w, unsigned int nr);

/* The answer in slot @slot: 0; what Rlerror says, as a negative number; or -1000: it is none. */
int p9_result(const struct p9_wire *w, unsigned int slot);

/* One message, offered and waited for: p9_result(), or -1001 if nothing came, -1002 if the device wants a reset. */
int p9_call(struct p9_wire *w, uint8_t type, const char *fields, ...);

#endif
