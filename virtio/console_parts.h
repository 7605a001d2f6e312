/* SPDX-License-Identifier: BSD-2-Clause */
/* What the two halves of the console device, bytes and control messages, have of each other. */
#ifndef LKVM_VIRTIO_CONSOLE_PARTS_H
#define LKVM_VIRTIO_CONSOLE_PARTS_H

#include "virtio/console.h"

#define CONSOLE_QUEUE_SIZE 128

/* Above all bits of port->due. */
#define CONSOLE_DUE_END 16

/* Queues (5.3.2): of port 0, of control messages, then two of each further port. */
enum { QUEUE_RX0, QUEUE_TX0, QUEUE_CONTROL_RX, QUEUE_CONTROL_TX, QUEUE_PORT1 };

/*
 * The next buffer of a queue that the device writes to, @least bytes or more; one that is no such
 * buffer breaks the device. @iov has CONSOLE_QUEUE_SIZE entries. Returns whether there is one.
 */
bool console_next_to_fill(struct virtio_console *con, unsigned int queue, size_t least,
			  struct virtq_chain *chain, struct iovec *iov);
/* Copies from @buf into a buffer's parts; returns how many bytes. */
size_t console_fill(const struct virtq_chain *chain, const uint8_t *buf, size_t len);

/* Goes on with all queues after others on the loop had their turn. */
void console_take_turn(struct virtio_console *con);

/* The first input waits for a moment without output, from now on. */
void console_wait_for_driver(struct virtio_console *con);

/* The guest may have room on @port: asks for the input that was refused. */
void console_ask_for_input(struct virtio_console_port *port);

/* The guest has opened a port, or closed it. */
void console_port_opened(struct virtio_console_port *port, bool open);

/* console_save.c: of the class. */
void console_save(const struct virtio_device *dev, struct dt *dt);
void console_restore(struct virtio_device *dev, struct dt_in *in, int node);

/* console_control.c: the host's end is closed, and the driver is told. */
void console_hang_up(struct virtio_console_port *port);
/* What is due goes out; what has come is handled. */
void console_send_control(struct virtio_console *con);
void console_receive_control(struct virtio_console *con);

#endif
