/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Control messages of a console with MULTIPORT (virtio 1.2, 5.3.6.2): how named ports are announced and
 * opened. What is to be sent is a bit a message in each port, so a driver that asks without end costs nothing.
 *
 *	driver			device
 *	DEVICE_READY	-->
 *			<--	PORT_ADD, of each port
 *	PORT_READY	-->
 *			<--	PORT_OPEN, PORT_NAME: a driver that has the name knows that it is open
 *	PORT_OPEN	-->	input flows while the guest has it open
 *			<--	PORT_OPEN of 0, if the host's end is closed
 */
#include <endian.h>
#include <linux/virtio_console.h>
#include <string.h>
#include "console_parts.h"

/* Bits of port->due, in the order in which they are sent. */
#define DUE_ADD   1
#define DUE_OPEN  2
#define DUE_NAME  4
#define DUE_CLOSE 8
_Static_assert(2 * DUE_CLOSE == CONSOLE_DUE_END, "all bits");

struct control {
	uint32_t id;
	uint16_t event, value;
};

/* A port's oldest message that is due; *len bytes at @msg. */
static void make_message(const struct virtio_console_port *port, uint8_t due, uint8_t *msg,
			 size_t *len)
{
	struct control head = { .id = htole32(port->id), .value = htole16(1) };

	*len = sizeof(head);
	if (due == DUE_ADD) {
		head.event = htole16(VIRTIO_CONSOLE_PORT_ADD);
		head.value = 0;
	} else if (due == DUE_NAME) {
		size_t name = strnlen(port->line.name, VIRTIO_CONSOLE_NAME_MAX);

		head.event = htole16(VIRTIO_CONSOLE_PORT_NAME);
		memcpy(msg + sizeof(head), port->line.name, name);
		*len += name;
	} else {
		head.event = htole16(VIRTIO_CONSOLE_PORT_OPEN);
		head.value = htole16(due == DUE_OPEN);
	}
	memcpy(msg, &head, sizeof(head));
}

/* Sends what is due, as far as the driver has given buffers. */
void console_send_control(struct virtio_console *con)
{
	uint8_t msg[sizeof(struct control) + VIRTIO_CONSOLE_NAME_MAX];
	struct iovec iov[CONSOLE_QUEUE_SIZE];
	struct virtq_chain chain;
	size_t len;

	for (unsigned int i = 1; i < con->nr_ports; i++) {
		struct virtio_console_port *port = &con->port[i];

		while (port->due) {
			uint8_t due = port->due & (uint8_t)-port->due;

			make_message(port, due, msg, &len);
			if (!console_next_to_fill(con, QUEUE_CONTROL_RX, len, &chain, iov))
				goto out;
			console_fill(&chain, msg, len);
			virtio_push(&con->dev, QUEUE_CONTROL_RX, chain.head, (uint32_t)len);
			port->due &= (uint8_t)~due;
		}
	}
out:
	virtio_push_end(&con->dev, QUEUE_CONTROL_RX);
}

/* 5.3.6.2. A driver that failed says so with a value of 0: then there is nothing to do. */
static void handle_control(struct virtio_console *con, const struct control *msg)
{
	struct virtio_console_port *port = msg->id < con->nr_ports ? &con->port[msg->id] : NULL;

	if (msg->event == VIRTIO_CONSOLE_DEVICE_READY && msg->value == 1) {
		for (unsigned int i = 1; i < con->nr_ports; i++) {
			/* A port that is there already must not be added. */
			con->port[i].due |= con->port[i].added ? 0 : DUE_ADD;
			con->port[i].added = true;
		}
	} else if (!port || !port->added) {
		if (msg->event != VIRTIO_CONSOLE_DEVICE_READY && log_enabled(LOG_DEBUG) &&
		    log_limit_ok(&con->dev.limit))
			log_debug("%s: the guest speaks of port %u, which it has not been told of",
				  con->dev.name, msg->id);
	} else if (msg->event == VIRTIO_CONSOLE_PORT_READY && msg->value == 1) {
		port->due |= DUE_NAME | DUE_OPEN | (port->hung_up ? DUE_CLOSE : 0);
	} else if (msg->event == VIRTIO_CONSOLE_PORT_OPEN) {
		console_port_opened(port, msg->value == 1);
	}
}

void console_hang_up(struct virtio_console_port *port)
{
	struct virtio_console *con = port->con;

	if (port->hung_up)
		return;
	port->hung_up = true;
	if (port->added)
		port->due |= DUE_CLOSE;
	if (port->due && virtio_runs(&con->dev))
		console_send_control(con);
}

/* The first bytes of a buffer's parts; returns whether there are as many. */
static bool read_control(const struct virtq_chain *chain, struct control *msg)
{
	uint8_t *to = (uint8_t *)msg;
	size_t done = 0;

	for (unsigned int i = 0; i < chain->nr_out && done < sizeof(*msg); i++) {
		size_t part = chain->iov[i].iov_len;

		part = part < sizeof(*msg) - done ? part : sizeof(*msg) - done;
		memcpy(to + done, chain->iov[i].iov_base, part);
		done += part;
	}
	msg->id = le32toh(msg->id);
	msg->event = le16toh(msg->event);
	msg->value = le16toh(msg->value);
	return done == sizeof(*msg);
}

void console_receive_control(struct virtio_console *con)
{
	struct iovec iov[CONSOLE_QUEUE_SIZE];
	struct virtq_chain chain;
	unsigned int left = CONSOLE_QUEUE_SIZE;

	for (; left && virtio_pop(&con->dev, QUEUE_CONTROL_TX, &chain, iov, CONSOLE_QUEUE_SIZE);
	     left--) {
		struct control msg = { 0 };

		if (chain.nr_in) {
			virtio_break(&con->dev, "a message to send is one to write to (5.3.6.1)");
			return;
		}
		if (read_control(&chain, &msg))
			handle_control(con, &msg);
		virtio_push(&con->dev, QUEUE_CONTROL_TX, chain.head, 0);
	}
	virtio_push_end(&con->dev, QUEUE_CONTROL_TX);
	console_send_control(con);
	if (!left)
		console_take_turn(con);
}
