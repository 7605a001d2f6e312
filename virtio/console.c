/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console device. Nothing is copied on the way out and nothing queued here: a buffer that the line takes
 * only in part goes back to its ring and is taken again when the line has room, so that a reset never finds
 * one in use.
 *
 * Linux throws away what a console receives before its driver is wholly set up, and says nothing when it
 * is; but then it has just sent all of its log. So the first input waits for a moment without output, after
 * the first output or, if there is none, for a while. And it reads the console's size only when it is told
 * that it has changed: it is told so then.
 */
#include <endian.h>
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>
#include <string.h>
#include "console_parts.h"
#include "util/bits.h"

#define PCI_CLASS_SERIAL_OTHER 0x078000

/* What one port may send before others have their turn; a buffer counts for as much even if it is empty. */
#define TURN_BYTES  (64 * KiB)
#define BUFFER_COST 64
/* And at the end, when there is no other turn: more than Linux can have in a ring. */
#define FINISH_BYTES (8 * MiB)

/* How long there is no output before the first input; and if there was none yet. */
#define QUIET_NS  (NS_PER_S / 4)
#define SILENT_NS (2 * NS_PER_S)

static struct virtio_console *to_console(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_console, dev);
}

static unsigned int rx_queue(const struct virtio_console_port *port)
{
	return port->id ? QUEUE_PORT1 + 2 * (port->id - 1) : QUEUE_RX0;
}

static unsigned int tx_queue(const struct virtio_console_port *port)
{
	return rx_queue(port) + 1;
}

/* The port of a queue that is not one of control messages. */
static struct virtio_console_port *queue_port(struct virtio_console *con, unsigned int queue)
{
	return &con->port[queue < QUEUE_PORT1 ? 0 : 1 + (queue - QUEUE_PORT1) / 2];
}

static bool multiport(const struct virtio_console *con)
{
	return virtio_has(&con->dev, VIRTIO_CONSOLE_F_MULTIPORT);
}

static bool has_size(const struct virtio_console *con)
{
	return virtio_has(&con->dev, VIRTIO_CONSOLE_F_SIZE);
}

static size_t output(struct virtio_console_port *port, const uint8_t *buf, size_t len)
{
	const struct char_backend *backend = &port->line.backend;

	return backend->output ? backend->output(backend->ctx, buf, len) : len;
}

/*
 * Gives the line what it has not had of a buffer, at most *@budget bytes, which are counted off. Returns
 * whether the line took all it was given.
 */
static bool send(struct virtio_console_port *port, const struct virtq_chain *chain, size_t *budget)
{
	uint64_t skip = port->sent;

	for (unsigned int i = 0; i < chain->nr_out && *budget; i++) {
		const struct iovec *iov = &chain->iov[i];
		size_t len, taken;

		if (skip >= iov->iov_len) {
			skip -= iov->iov_len;
			continue;
		}
		len = iov->iov_len - skip < *budget ? iov->iov_len - skip : *budget;
		taken = output(port, (const uint8_t *)iov->iov_base + skip, len);
		port->sent += taken;
		*budget -= taken;
		if (taken < len)
			return false;
		skip = 0;
	}
	return true;
}

void console_take_turn(struct virtio_console *con)
{
	con->turn = true;
	timer_set(&con->again, 1);
}

/* Until the driver is ready, this begins the quiet moment anew. */
void console_wait_for_driver(struct virtio_console *con)
{
	if (virtio_runs(&con->dev) && !con->settled && !con->turn)
		timer_set(&con->again, con->spoke ? QUIET_NS : SILENT_NS);
}

/* A line hears that the guest has closed it when it has all that was sent before. */
static void tell_closed(struct virtio_console_port *port)
{
	const struct char_backend *backend = &port->line.backend;

	port->closing = false;
	if (backend->closed)
		backend->closed(backend->ctx);
}

/* Sends from a transmitq until it is empty, the line takes no more, or @budget bytes are gone. */
static void transmit(struct virtio_console_port *port, size_t budget)
{
	struct virtio_console *con = port->con;
	unsigned int queue = tx_queue(port);
	struct iovec iov[CONSOLE_QUEUE_SIZE];
	struct virtq_chain chain;
	bool room = true;

	while (room && budget && virtio_pop(&con->dev, queue, &chain, iov, CONSOLE_QUEUE_SIZE)) {
		if (chain.nr_in) {
			virtio_break(&con->dev, "a buffer to send is one to write to (5.3.6.1)");
			return;
		}
		con->spoke = true;
		room = send(port, &chain, &budget);
		if (port->sent < chain.out_len) {
			virtq_unpop(&con->dev.queue[queue]);
			break;
		}
		port->sent = 0;
		virtio_push(&con->dev, queue, chain.head, 0);
		budget -= budget < BUFFER_COST ? budget : BUFFER_COST;
	}
	virtio_push_end(&con->dev, queue);
	if (port->closing && room && budget)
		tell_closed(port);
	if (!budget)
		console_take_turn(con);
	else if (port->input_refused || has_size(con))
		console_wait_for_driver(con);
}

size_t console_fill(const struct virtq_chain *chain, const uint8_t *buf, size_t len)
{
	size_t done = 0;

	for (unsigned int i = 0; i < chain->nr_in && done < len; i++) {
		const struct iovec *iov = &chain->iov[chain->nr_out + i];
		size_t part = iov->iov_len < len - done ? iov->iov_len : len - done;

		memcpy(iov->iov_base, buf + done, part);
		done += part;
	}
	return done;
}

bool console_next_to_fill(struct virtio_console *con, unsigned int queue, size_t least,
			  struct virtq_chain *chain, struct iovec *iov)
{
	if (!virtio_pop(&con->dev, queue, chain, iov, CONSOLE_QUEUE_SIZE))
		return false;
	if (!chain->nr_out && chain->in_len >= least)
		return true;
	virtio_break(&con->dev, "a buffer to receive in is %s",
		     chain->nr_out ? "one to read (5.3.6.1)" : "too small");
	return false;
}

/* Whether the guest is ready for input of a port; if not, console_ask_for_input() follows when it is. */
static bool is_open(struct virtio_console_port *port)
{
	struct virtio_console *con = port->con;

	if (!virtio_runs(&con->dev))
		return false;
	if (multiport(con))
		return port->open;
	console_wait_for_driver(con);
	return con->settled;
}

static size_t console_input(void *ctx, const uint8_t *buf, size_t len)
{
	struct virtio_console_port *port = ctx;
	struct virtio_console *con = port->con;
	struct iovec iov[CONSOLE_QUEUE_SIZE];
	struct virtq_chain chain;
	size_t taken = 0;

	if (is_open(port)) {
		while (taken < len && console_next_to_fill(con, rx_queue(port), 1, &chain, iov)) {
			size_t part = console_fill(&chain, buf + taken, len - taken);

			virtio_push(&con->dev, rx_queue(port), chain.head, (uint32_t)part);
			taken += part;
		}
		if (taken)
			virtio_push_end(&con->dev, rx_queue(port));
	}
	port->input_refused = taken < len;
	return taken;
}

void console_ask_for_input(struct virtio_console_port *port)
{
	if (port->input_refused) {
		port->input_refused = false;
		port->line.backend.input_ready(port->line.backend.ctx);
	}
}

void console_port_opened(struct virtio_console_port *port, bool open)
{
	port->open = open;
	port->closing = !open;
	if (open)
		console_ask_for_input(port);
	else
		transmit(port, TURN_BYTES);
}

static void port_hang_up(void *ctx)
{
	console_hang_up(ctx);
}

static void console_output_ready(void *ctx)
{
	struct virtio_console_port *port = ctx;
	struct virtio_console *con = port->con;

	if (port->id == 0 && con->nr_emergency) {
		size_t taken = output(port, con->emergency, con->nr_emergency);

		con->nr_emergency -= taken;
		memmove(con->emergency, con->emergency + taken, con->nr_emergency);
	}
	transmit(port, TURN_BYTES);
}

static void console_resized(void *ctx, uint16_t cols, uint16_t rows)
{
	struct virtio_console_port *port = ctx;
	uint16_t size[2] = { htole16(cols), htole16(rows) };

	if (port->id || !memcmp(port->con->config, size, sizeof(size)))
		return;
	memcpy(port->con->config, size, sizeof(size));
	virtio_config_changed(&port->con->dev);
}

static void console_notify(struct virtio_device *dev, unsigned int queue)
{
	struct virtio_console *con = to_console(dev);

	if (queue == QUEUE_CONTROL_RX || queue == QUEUE_CONTROL_TX) {
		if (multiport(con) && queue == QUEUE_CONTROL_RX)
			console_send_control(con);
		else if (multiport(con))
			console_receive_control(con);
	} else if (queue == rx_queue(queue_port(con, queue))) {
		console_ask_for_input(queue_port(con, queue));
	} else {
		transmit(queue_port(con, queue), TURN_BYTES);
	}
}

void virtio_console_again(void *ctx)
{
	struct virtio_console *con = ctx;

	if (con->turn) {
		con->turn = false;
		for (unsigned int i = 0; i < con->dev.nr_queues; i++)
			virtio_notify(&con->dev, i);
	} else if (virtio_runs(&con->dev)) {
		con->settled = true;
		console_ask_for_input(&con->port[0]);
		if (has_size(con))
			virtio_config_changed(&con->dev);
	}
}

static void console_start(struct virtio_device *dev)
{
	struct virtio_console *con = to_console(dev);

	if (has_size(con))
		console_wait_for_driver(con);
}

static bool console_stop(struct virtio_device *dev, int queue)
{
	struct virtio_console *con = to_console(dev);

	for (unsigned int i = 0; i < con->nr_ports; i++) {
		struct virtio_console_port *port = &con->port[i];

		if (queue == VIRTIO_ALL) {
			port->added = port->open = port->closing = false;
			port->due = 0;
		}
		if (queue == VIRTIO_ALL || queue == (int)tx_queue(port))
			port->sent = 0;
	}
	if (queue == VIRTIO_ALL) {
		con->settled = con->spoke = con->turn = false;
		timer_set(&con->again, 0);
	}
	return true;
}

/* emerg_wr (5.3.4): a character that is shown at once, whatever state the device is in. */
static void console_config_write(struct virtio_device *dev, uint32_t off, uint32_t value,
				 unsigned int len)
{
	struct virtio_console *con = to_console(dev);
	uint8_t byte = (uint8_t)value;

	(void)len;
	if (off != offsetof(struct virtio_console_config, emerg_wr) || con->nr_ports > 1)
		return;
	if (!con->nr_emergency && output(&con->port[0], &byte, 1))
		return;
	if (con->nr_emergency < sizeof(con->emergency))
		con->emergency[con->nr_emergency++] = byte;
}

static const struct virtio_class console_class = {
	.name = "console",
	.id = VIRTIO_ID_CONSOLE,
	.pci_class = PCI_CLASS_SERIAL_OTHER,
	.config_write = console_config_write,
	.start = console_start,
	.notify = console_notify,
	.stop = console_stop,
	.save = console_save,
	.restore = console_restore,
	.features_anywhere = 1ULL << VIRTIO_CONSOLE_F_SIZE,
};

static int init(struct virtio_console *con, const char *name, const struct ram *ram,
		unsigned int nr_queues, uint64_t offered, struct timer again, struct err *e)
{
	uint32_t ports = htole32(con->nr_ports);

	con->again = again;
	for (unsigned int i = 0; i < con->nr_ports; i++) {
		con->port[i].con = con;
		con->port[i].id = i;
	}
	memcpy(con->config + offsetof(struct virtio_console_config, max_nr_ports), &ports,
	       sizeof(ports));
	return virtio_init(&con->dev, &console_class, name, ram, nr_queues, CONSOLE_QUEUE_SIZE,
			   offered, e);
}

int virtio_console_init(struct virtio_console *con, const char *name, const struct ram *ram,
			struct char_backend backend, struct timer again, struct err *e)
{
	uint64_t offered = 1ULL << VIRTIO_CONSOLE_F_EMERG_WRITE | 1ULL << VIRTIO_CONSOLE_F_SIZE;
	int ret;

	memset(con, 0, sizeof(*con));
	con->nr_ports = 1;
	con->port[0].line.backend = backend;
	ret = init(con, name, ram, QUEUE_TX0 + 1, offered, again, e);
	con->dev.config = con->config;
	con->dev.config_size = sizeof(con->config);
	return ret;
}

int virtio_console_init_ports(struct virtio_console *con, const char *name, const struct ram *ram,
			      const struct virtio_console_line *line, unsigned int nr,
			      struct timer again, struct err *e)
{
	int ret;

	memset(con, 0, sizeof(*con));
	con->nr_ports = 1 + nr;
	for (unsigned int i = 0; i < nr; i++)
		con->port[1 + i].line = line[i];
	ret = init(con, name, ram, QUEUE_PORT1 + 2 * nr, 1ULL << VIRTIO_CONSOLE_F_MULTIPORT, again,
		   e);
	con->dev.config = con->config;
	con->dev.config_size = sizeof(con->config);
	return ret;
}

void virtio_console_destroy(struct virtio_console *con)
{
	virtio_destroy(&con->dev);
}

struct char_frontend virtio_console_frontend(struct virtio_console *con, unsigned int id)
{
	return (struct char_frontend){ .input = console_input,
				       .output_ready = console_output_ready,
				       .resized = console_resized,
				       .hang_up = port_hang_up,
				       .ctx = &con->port[id],
				       .lock = &con->dev.lock };
}

void virtio_console_finish(struct virtio_console *con)
{
	for (unsigned int i = 0; i < con->nr_ports; i++)
		transmit(&con->port[i], FINISH_BYTES);
}
