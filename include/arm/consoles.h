/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's consoles and named ports: what lkvm run's --console and --port say. */
#ifndef LKVM_ARM_CONSOLES_H
#define LKVM_ARM_CONSOLES_H

#include <stdbool.h>
#include <stdint.h>
#include "arm/transport.h"
#include "host/tail.h"
#include "util/err.h"
#include "util/growing.h"

#define CONSOLE_PORTS_MAX 16

/* What is at the host's end of a line. */
enum line_end {
	LINE_STDIO, /* lkvm's own stdin and stdout; of a console only */
	LINE_PTY,
	LINE_FILE, /* output alone */
	LINE_TAIL, /* output alone, kept in memory; of a console only */
};

struct line_options {
	enum line_end end;
	char *file;                 /* LINE_FILE: its path */
	struct tail *tail;          /* LINE_TAIL: the caller's */
	char *log;                  /* gets a copy of the output, or NULL */
	struct growing_limit limit; /* of each of the two files */
};

struct port_options {
	char *name;
	char *text; /* the whole option, as it was given */
	struct line_options line;
};

/* Starts as { 0 }: a serial console on stdin and stdout. Strings are malloc()ed. */
struct console_options {
	bool given;          /* the user said what it is */
	bool virtio;         /* the kernel's console is hvc0, not ttyS0 */
	enum virtio_bus bus; /* of the virtio console; named ports are on the machine's */
	struct line_options line;
	struct port_options port[CONSOLE_PORTS_MAX];
	uint32_t nr_ports;
};

/*
 * Reads "--console VALUE": serial or virtio, and after commas pty or file=PATH, log=PATH, max=SIZE,
 * keep=NR, transport=BUS.
 * Takes the place of what was read before. Returns 0, or -errno with @e naming what is wrong.
 * A setter for option rows: @console is a struct console_options.
 */
int console_parse(void *console, const char *value, struct err *e);

/*
 * Reads "--port VALUE": a name, and after commas pty (the default) or file=PATH, log=PATH, max=, keep=. Adds a port.
 * A setter for option rows: @console is a struct console_options.
 */
int console_parse_port(void *console, const char *value, struct err *e);

void console_options_free(struct console_options *console);

#endif
