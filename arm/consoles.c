/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's consoles: four UARTs, and on request a virtio console and named ports. The host's ends of
 * their lines (terminal, pseudo-terminals, files) outlive machines; the devices are made anew for each.
 *
 *	--console serial	line --- UART 0
 *	--console virtio	line --- virtio console
 *				   <---- UART 0, output alone: what a guest says before it has the driver
 *
 * Named ports are a device of their own: see virtio/console.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "arm/consoles.h"
#include "host/charfile.h"
#include "host/pty.h"
#include "host/tail.h"
#include "host/tty.h"
#include "host/winsize.h"
#include "hw/uart8250.h"
#include "parts.h"
#include "save_parts.h"
#include "util/timeline.h"
#include "virtio/console.h"

/* How long the last output may take to reach a slow reader once the VM is gone. */
#define TTY_DRAIN_MS 500

/* The host's end of a line. */
struct line {
	struct tty *tty; /* at most one of these two */
	struct pty *pty;
	struct charfile file, log;
	struct char_backend backend;
};

/* A virtio console while there is a machine. */
struct device {
	struct virtio_console dev;
	struct loop_timer again;
	bool made;
};

struct consoles {
	const struct console_options *options;
	struct loop *loop;
	struct line console, port[CONSOLE_PORTS_MAX];
	struct char_frontend
		device; /* what input for the console goes to; .input is NULL: there is none */
	struct timeline *timeline; /* of the first byte, or NULL */
	bool heard;                /* it came */
	uint64_t output;           /* bytes that were taken; two devices may have the line */
	pthread_mutex_t tap_lock;
	struct console_tap *tap; /* by tap_lock; looked at without it, too */
	struct winsize_watch winsize;
	struct device virtio, ports;
	struct uart8250 uart[MAP_UART_NR];
	unsigned int nr_uarts; /* those that are made */
};

/* --- Lines --- */

/* @name: how messages call the line; NULL for the console. */
static int open_pty(struct line *line, struct loop *loop, const char *name, struct err *e)
{
	line->pty = pty_open(loop, e);
	if (!line->pty)
		return -EIO;
	line->backend = pty_backend(line->pty);
	if (name)
		log_info("port %s is %s", name, pty_name(line->pty));
	else
		log_info("the console is %s", pty_name(line->pty));
	return 0;
}

/* All but LINE_STDIO's tty, which comes last because it makes the terminal raw. */
static int line_open(struct line *line, const struct line_options *options, struct loop *loop,
		     const char *name, struct err *e)
{
	int ret = 0;

	if (options->log)
		ret = charfile_open(&line->log, options->log, &options->limit, e);
	if (ret == 0 && options->end == LINE_FILE) {
		ret = charfile_open(&line->file, options->file, &options->limit, e);
		line->backend = charfile_backend(&line->file, (struct char_backend){ 0 });
	}
	if (ret == 0 && options->end == LINE_TAIL)
		line->backend = tail_backend(options->tail);
	if (ret == 0 && options->end == LINE_PTY)
		ret = open_pty(line, loop, name, e);
	if (ret == 0 && options->log)
		line->backend = charfile_backend(&line->log, line->backend);
	return ret;
}

static void line_connect(struct line *line, struct char_frontend frontend)
{
	if (line->tty)
		tty_connect(line->tty, frontend);
	if (line->pty)
		pty_connect(line->pty, frontend);
}

static void line_disconnect(struct line *line)
{
	if (line->tty)
		tty_disconnect(line->tty);
	if (line->pty)
		pty_disconnect(line->pty);
}

static void line_close(struct line *line)
{
	tty_close(line->tty, TTY_DRAIN_MS);
	pty_close(line->pty);
	charfile_close(&line->file);
	charfile_close(&line->log);
}

/* --- Taps --- */

/* What the device says to the console goes to its line, and what that takes to the taps. */
static size_t console_output(void *ctx, const uint8_t *buf, size_t len)
{
	struct consoles *c = ctx;
	const struct char_backend *line = &c->console.backend;
	size_t taken = line->output ? line->output(line->ctx, buf, len) : len;

	if (!taken)
		return 0;
	__atomic_fetch_add(&c->output, taken, __ATOMIC_RELAXED);
	if (!__atomic_load_n(&c->heard, __ATOMIC_RELAXED) &&
	    !__atomic_exchange_n(&c->heard, true, __ATOMIC_RELAXED))
		timeline_mark(c->timeline, "first console byte");
	/* Pairs with consoles_tap(). */
	if (!__atomic_load_n(&c->tap, __ATOMIC_RELAXED))
		return taken;
	pthread_mutex_lock(&c->tap_lock);
	for (struct console_tap *tap = c->tap; tap; tap = tap->next)
		tap->heard(tap->ctx, buf, taken);
	pthread_mutex_unlock(&c->tap_lock);
	return taken;
}

static void tell_room(struct consoles *c)
{
	if (!__atomic_load_n(&c->tap, __ATOMIC_RELAXED))
		return;
	pthread_mutex_lock(&c->tap_lock);
	for (struct console_tap *tap = c->tap; tap; tap = tap->next) {
		if (tap->room)
			tap->room(tap->ctx);
	}
	pthread_mutex_unlock(&c->tap_lock);
}

static void console_input_ready(void *ctx)
{
	const struct char_backend *line = &((struct consoles *)ctx)->console.backend;

	if (line->input_ready)
		line->input_ready(line->ctx);
	tell_room(ctx);
}

static void console_closed(void *ctx)
{
	const struct char_backend *line = &((struct consoles *)ctx)->console.backend;

	if (line->closed)
		line->closed(line->ctx);
}

static struct char_backend console_backend(struct consoles *c)
{
	return (struct char_backend){ .output = console_output,
				      .input_ready = console_input_ready,
				      .closed = console_closed,
				      .ctx = c };
}

uint64_t consoles_output(const struct machine *m)
{
	return m->consoles ? __atomic_load_n(&m->consoles->output, __ATOMIC_RELAXED) : 0;
}

void consoles_tap(struct consoles *c, struct console_tap *tap)
{
	pthread_mutex_lock(&c->tap_lock);
	tap->next = c->tap;
	__atomic_store_n(&c->tap, tap, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&c->tap_lock);
}

void consoles_untap(struct consoles *c, struct console_tap *tap)
{
	pthread_mutex_lock(&c->tap_lock);
	for (struct console_tap **at = &c->tap; *at; at = &(*at)->next) {
		if (*at == tap) {
			__atomic_store_n(at, tap->next, __ATOMIC_RELAXED);
			break;
		}
	}
	pthread_mutex_unlock(&c->tap_lock);
}

size_t consoles_input(struct consoles *c, const uint8_t *buf, size_t len)
{
	const struct char_frontend *device = &c->device;
	size_t taken;

	if (!device->input)
		return 0;
	pthread_mutex_lock(device->lock);
	taken = device->input(device->ctx, buf, len);
	pthread_mutex_unlock(device->lock);
	return taken;
}

bool consoles_resize(struct consoles *c, uint16_t cols, uint16_t rows)
{
	winsize_set(&c->winsize, cols, rows);
	return c->options->virtio;
}

static int open_stdio(struct consoles *c, void (*quit)(void *ctx), void *ctx, struct err *e)
{
	struct line *line = &c->console;
	int ret = 0;

	if (c->options->virtio && isatty(STDOUT_FILENO))
		ret = winsize_open(&c->winsize, c->loop, STDOUT_FILENO, e);
	if (ret < 0)
		return ret;
	line->tty = tty_open(c->loop, STDIN_FILENO, STDOUT_FILENO, quit, ctx, e);
	if (!line->tty)
		return -EIO;
	line->backend = tty_backend(line->tty);
	if (c->options->line.log)
		line->backend = charfile_backend(&line->log, line->backend);
	return 0;
}

bool consoles_use(const struct machine_config *cfg, enum virtio_bus bus)
{
	return (cfg->console.virtio && slots_bus(cfg, cfg->console.bus) == bus) ||
	       (cfg->console.nr_ports && slots_bus(cfg, VIRTIO_BUS_DEFAULT) == bus);
}

int consoles_open(struct consoles **consoles, const struct machine_config *cfg, struct loop *loop,
		  void (*quit)(void *ctx), void *ctx, struct err *e)
{
	struct consoles *c = calloc(1, sizeof(*c));
	int ret;

	*consoles = c;
	if (!c)
		return err_sys(e, "cannot open a console");
	c->options = &cfg->console;
	c->loop = loop;
	c->timeline = cfg->timeline;
	pthread_mutex_init(&c->tap_lock, NULL);
	c->winsize = WINSIZE_NONE;
	c->console.file = c->console.log = CHARFILE_NONE;
	for (uint32_t i = 0; i < c->options->nr_ports; i++)
		c->port[i].file = c->port[i].log = CHARFILE_NONE;

	ret = line_open(&c->console, &c->options->line, loop, NULL, e);
	for (uint32_t i = 0; i < c->options->nr_ports && ret == 0; i++)
		ret = line_open(&c->port[i], &c->options->port[i].line, loop,
				c->options->port[i].name, e);
	if (ret == 0 && c->options->line.end == LINE_STDIO)
		ret = open_stdio(c, quit, ctx, e);
	return ret;
}

void consoles_close(struct consoles *c)
{
	if (!c)
		return;
	line_close(&c->console);
	for (uint32_t i = 0; i < c->options->nr_ports; i++)
		line_close(&c->port[i]);
	winsize_close(&c->winsize);
	pthread_mutex_destroy(&c->tap_lock);
	free(c);
}

/* --- Devices --- */

static int add_uarts(struct consoles *c, struct machine *m, struct err *e)
{
	static const char *const names[MAP_UART_NR] = { "uart0", "uart1", "uart2", "uart3" };
	int ret = 0;

	for (unsigned int i = 0; i < MAP_UART_NR && ret == 0; i++) {
		uart8250_init(&c->uart[i], gic_spi(&m->gic, MAP_SPI_UART + i),
			      i == 0 ? console_backend(c) : (struct char_backend){ 0 });
		c->nr_uarts++;
		ret = bus_add(&m->vm.bus,
			      &(struct mmio_region){
				      .name = names[i],
				      .base = MAP_UART + i * MAP_UART_STRIDE,
				      .size = UART8250_REGS_SIZE,
				      .ops = &uart8250_mmio,
				      .dev = &c->uart[i],
				      .lock = &c->uart[i].lock,
			      },
			      e);
	}
	return ret;
}

/* Both senders hear of room. Called with the virtio console's lock held; the UART's is inside it. */
static void both_output_ready(void *ctx)
{
	struct consoles *c = ctx;
	struct char_frontend uart = uart8250_frontend(&c->uart[0]);
	struct char_frontend virtio = virtio_console_frontend(&c->virtio.dev, 0);

	pthread_mutex_lock(uart.lock);
	uart.output_ready(uart.ctx);
	pthread_mutex_unlock(uart.lock);
	virtio.output_ready(virtio.ctx);
}

static size_t virtio_input(void *ctx, const uint8_t *buf, size_t len)
{
	struct consoles *c = ctx;
	struct char_frontend virtio = virtio_console_frontend(&c->virtio.dev, 0);

	return virtio.input(virtio.ctx, buf, len);
}

static struct timer again_timer(struct consoles *c, struct device *d)
{
	d->made = true;
	loop_timer_init(&d->again, c->loop, &d->dev.dev.lock, virtio_console_again, &d->dev);
	return loop_timer_value(&d->again);
}

static void connect_console(struct consoles *c, struct char_frontend frontend)
{
	c->device = frontend;
	line_connect(&c->console, frontend);
}

static int add_virtio(struct consoles *c, struct machine *m, struct err *e)
{
	struct char_frontend frontend;
	int ret = virtio_console_init(&c->virtio.dev, "console", &m->vm.ram, console_backend(c),
				      again_timer(c, &c->virtio), e);

	if (ret == 0)
		ret = slots_add(m, &c->virtio.dev.dev, c->options->bus, e);
	if (ret < 0)
		return ret;
	frontend = virtio_console_frontend(&c->virtio.dev, 0);
	winsize_connect(&c->winsize, frontend);
	connect_console(c, (struct char_frontend){ .input = virtio_input,
						   .output_ready = both_output_ready,
						   .ctx = c,
						   .lock = frontend.lock });
	return 0;
}

/* Linux takes it from a serial line behind a break, from a hypervisor's console behind Ctrl-O. */
int consoles_sysrq(struct consoles *c, char key, struct err *e)
{
	const uint8_t keys[] = { 'O' & 0x1f, (uint8_t)key };
	struct uart8250 *uart = &c->uart[0];
	struct char_frontend virtio;
	bool taken;

	if (c->virtio.made) {
		virtio = virtio_console_frontend(&c->virtio.dev, 0);
		pthread_mutex_lock(virtio.lock);
		taken = virtio.input(virtio.ctx, keys, sizeof(keys)) == sizeof(keys);
		pthread_mutex_unlock(virtio.lock);
	} else {
		pthread_mutex_lock(&uart->lock);
		taken = uart8250_break(uart, &keys[1], 1);
		pthread_mutex_unlock(&uart->lock);
	}
	return taken ? 0 : err_set(e, EAGAIN, "the guest does not read its console");
}

static int add_ports(struct consoles *c, struct machine *m, struct err *e)
{
	struct virtio_console_line lines[CONSOLE_PORTS_MAX];
	uint32_t nr = c->options->nr_ports;
	int ret;

	for (uint32_t i = 0; i < nr; i++)
		lines[i] = (struct virtio_console_line){ .name = c->options->port[i].name,
							 .backend = c->port[i].backend };
	ret = virtio_console_init_ports(&c->ports.dev, "ports", &m->vm.ram, lines, nr,
					again_timer(c, &c->ports), e);
	if (ret == 0)
		ret = slots_add(m, &c->ports.dev.dev, VIRTIO_BUS_DEFAULT, e);
	for (uint32_t i = 0; i < nr && ret == 0; i++)
		line_connect(&c->port[i], virtio_console_frontend(&c->ports.dev, 1 + i));
	return ret;
}

int consoles_add(struct consoles *c, struct machine *m, struct err *e)
{
	int ret = add_uarts(c, m, e);

	m->consoles = c;
	if (ret == 0 && !c->options->virtio)
		connect_console(c, uart8250_frontend(&c->uart[0]));
	if (ret == 0 && c->options->virtio)
		ret = add_virtio(c, m, e);
	if (ret == 0 && c->options->nr_ports)
		ret = add_ports(c, m, e);
	return ret;
}

/* What the guest had sent when it ended, and nobody had looked at yet, still goes out. */
static void finish(struct device *d)
{
	if (!d->made)
		return;
	pthread_mutex_lock(&d->dev.dev.lock);
	virtio_console_finish(&d->dev);
	pthread_mutex_unlock(&d->dev.dev.lock);
}

static void destroy(struct device *d)
{
	if (!d->made)
		return;
	loop_timer_close(&d->again);
	virtio_console_destroy(&d->dev);
	d->made = false;
}

void consoles_remove(struct consoles *c, struct machine *m)
{
	(void)m;
	if (!c)
		return;
	finish(&c->virtio);
	finish(&c->ports);
	winsize_disconnect(&c->winsize);
	c->device = (struct char_frontend){ 0 };
	line_disconnect(&c->console);
	for (uint32_t i = 0; i < c->options->nr_ports; i++)
		line_disconnect(&c->port[i]);
	destroy(&c->virtio);
	destroy(&c->ports);
	for (; c->nr_uarts; c->nr_uarts--)
		uart8250_destroy(&c->uart[c->nr_uarts - 1]);
}

/* --- State --- */

#define COMPATIBLE_UART "lkvm,uart8250-1"

void consoles_save(struct consoles *c, struct dt *dt)
{
	for (unsigned int i = 0; i < c->nr_uarts; i++) {
		struct uart8250 *uart = &c->uart[i];

		dt_begin(dt, "serial@%llx", MAP_UART + i * MAP_UART_STRIDE);
		dt_string(dt, "compatible", COMPATIBLE_UART);
		pthread_mutex_lock(&uart->lock);
		uart8250_save(uart, dt);
		pthread_mutex_unlock(&uart->lock);
		dt_end(dt);
	}
}

void consoles_restore(struct consoles *c, struct dt_in *in)
{
	for (unsigned int i = 0; i < c->nr_uarts; i++) {
		struct uart8250 *uart = &c->uart[i];
		char name[32];
		int node;

		snprintf(name, sizeof(name), "serial@%llx", MAP_UART + i * MAP_UART_STRIDE);
		node = dt_in_node(in, 0, name, COMPATIBLE_UART);
		pthread_mutex_lock(&uart->lock);
		uart8250_restore(uart, in, node);
		pthread_mutex_unlock(&uart->lock);
	}
}
