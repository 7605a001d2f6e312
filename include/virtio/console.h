/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console device (virtio 1.2, section 5.3), in one of two shapes:
 *
 *	a console	one line, SIZE and EMERG_WRITE: a driver has it as soon as it is probed
 *	named ports	MULTIPORT: each port is announced with its name by control messages
 *
 * The specification has both in one device, too, but a console's size then travels in a control message,
 * of which Linux has long read the two fields the wrong way round.
 *
 * Lines are those of vm/chardev.h. What a line refuses stays in the guest's buffer, and a driver waits
 * as long; input waits in the line until the guest has given buffers for it and opened the port.
 */
#ifndef LKVM_VIRTIO_CONSOLE_H
#define LKVM_VIRTIO_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "virtio/device.h"
#include "vm/chardev.h"
#include "vm/timer.h"

#define VIRTIO_CONSOLE_PORTS_MAX 16 /* named ones */
#define VIRTIO_CONSOLE_NAME_MAX  64 /* bytes of a name */
#define VIRTIO_CONSOLE_CONFIG    12 /* bytes of configuration: struct virtio_console_config */

/* A named port, and what is behind it. The name outlives the device. */
struct virtio_console_line {
	const char *name;
	struct char_backend backend;
};

struct virtio_console_port {
	struct virtio_console *con;
	unsigned int id;
	struct virtio_console_line line; /* no backend.output: what the guest sends vanishes */
	uint64_t sent;      /* bytes of the oldest buffer to send that the line has taken already */
	bool input_refused; /* the line wants to hear of room */
	bool added, open;   /* the driver knows of the port; the guest has it open */
	bool closing;       /* the guest has closed it, and the line has not heard so */
	bool hung_up;       /* the line has ended */
	uint8_t due;        /* control messages to send, as bits */
};

struct virtio_console {
	struct virtio_device dev; /* first: the class gets it back from here */
	struct timer again;
	bool turn;    /* @again is set to go on with what was too much for one turn */
	bool spoke;   /* the driver has sent something */
	bool settled; /* and is ready for input */
	/* [0]: the console; named ports begin at 1, so that no driver takes one of them for a console. */
	struct virtio_console_port port[1 + VIRTIO_CONSOLE_PORTS_MAX];
	unsigned int nr_ports; /* with [0] */
	uint8_t config[VIRTIO_CONSOLE_CONFIG];
	size_t nr_emergency; /* bytes of emerg_wr that the line refused */
	uint8_t emergency[CHAR_HELD_MAX];
};

/*
 * Makes a console over @backend, without a size (0, 0) until char_frontend.resized(). @again, which
 * calls virtio_console_again(@con) with dev->lock held, gives other sources of the loop their turn while a
 * guest sends much, and waits for a driver to be ready. Returns 0, or -ENOMEM with @e set; virtio_console_destroy() also after that.
 */
int virtio_console_init(struct virtio_console *con, const char *name, const struct ram *ram,
			struct char_backend backend, struct timer again, struct err *e);

/* The same with @nr (1 to VIRTIO_CONSOLE_PORTS_MAX) named ports and no console. */
int virtio_console_init_ports(struct virtio_console *con, const char *name, const struct ram *ram,
			      const struct virtio_console_line *line, unsigned int nr,
			      struct timer again, struct err *e);

void virtio_console_destroy(struct virtio_console *con);

/* What the line of port @id calls: 0 the console, 1 to nr named ports. */
struct char_frontend virtio_console_frontend(struct virtio_console *con, unsigned int id);

/* @con is a struct virtio_console. With dev->lock held. */
void virtio_console_again(void *con);

/*
 * The guest runs no more: what it has sent and nobody looked at yet goes to the lines, as far as they take it
 * (and not without limit). With dev->lock held.
 */
void virtio_console_finish(struct virtio_console *con);

#endif
