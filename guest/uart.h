/* SPDX-License-Identifier: BSD-2-Clause */
/* Serial ports, by polling: 8250 and its successors, and PL011. */
#ifndef GUEST_UART_H
#define GUEST_UART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dt;

struct uart {
	enum { UART_NONE, UART_8250, UART_PL011 } kind;
	uint64_t base;
	unsigned int shift; /* 8250: register n is at base + (n << shift) */
	unsigned int burst; /* bytes it takes once it is ready */
};

/* Prepares the port at @node. False, and a port that swallows output, if it is not one we know. */
bool uart_open(struct uart *u, const struct dt *dt, int node);

/*
 * Turns the FIFOs on where they begin turned off (a 16550): sending takes half the accesses then.
 * What was received before is lost, so a guest that wants its input from the first byte leaves it.
 */
void uart_enable_fifo(struct uart *u);

/* The console: /chosen/stdout-path, or else the first port in the tree. */
bool uart_open_console(struct uart *u, const struct dt *dt);

/* Sends @size bytes as they are, waiting whenever the port is not ready. */
void uart_write(const struct uart *u, const void *bytes, size_t size);

/* A received byte, or -1 if there is none now. */
int uart_read(const struct uart *u);

#endif
