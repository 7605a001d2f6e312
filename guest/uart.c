/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 16550's registers are as in its data sheet, the PL011's as in its technical reference manual
 * (Arm DDI 0183). No interrupts: a guest that wants them brings its own.
 */
#include "dt.h"
#include "mmio.h"
#include "uart.h"

enum { RBR = 0, THR = 0, FCR = 2, IIR = 2, LCR = 3, LSR = 5 };
#define FCR_ENABLE 0x01
#define IIR_FIFO   0xc0
#define LCR_8_BITS 0x03
#define LSR_DR     0x01
#define LSR_THRE   0x20
#define FIFO_16550 16

enum { UARTDR = 0x00, UARTFR = 0x18, UARTLCR_H = 0x2c, UARTCR = 0x30 };
#define UARTFR_RXFE     0x10
#define UARTFR_TXFF     0x20
#define UARTLCR_H_8_FEN 0x70
#define UARTCR_ON       0x301

static uint8_t reg_read(const struct uart *u, unsigned int reg)
{
	return mmio_read8(u->base + (reg << u->shift));
}

static void reg_write(const struct uart *u, unsigned int reg, uint8_t value)
{
	mmio_write8(u->base + (reg << u->shift), value);
}

bool uart_open(struct uart *u, const struct dt *dt, int node)
{
	uint64_t size;

	*u = (struct uart){ .kind = UART_NONE };
	if (!dt_reg(dt, node, 0, &u->base, &size))
		return false;

	if (dt_has_string(dt, node, "compatible", "arm,pl011")) {
		u->kind = UART_PL011;
		u->burst = 1;
		mmio_write32(u->base + UARTCR, 0);
		mmio_write32(u->base + UARTLCR_H, UARTLCR_H_8_FEN);
		mmio_write32(u->base + UARTCR, UARTCR_ON);
	} else if (dt_has_string(dt, node, "compatible", "ns16550a") ||
		   dt_has_string(dt, node, "compatible", "ns16550") ||
		   dt_has_string(dt, node, "compatible", "ns8250")) {
		u->kind = UART_8250;
		u->shift = dt_u32(dt, node, "reg-shift", 0) & 3;
		reg_write(u, LCR, LCR_8_BITS);
		u->burst = 1;
	}
	return u->kind != UART_NONE;
}

void uart_enable_fifo(struct uart *u)
{
	if (u->kind != UART_8250)
		return;
	reg_write(u, FCR, FCR_ENABLE);
	u->burst = (reg_read(u, IIR) & IIR_FIFO) == IIR_FIFO ? FIFO_16550 : 1;
}

bool uart_open_console(struct uart *u, const struct dt *dt)
{
	const char *path = dt_string(dt, dt_path(dt, "/chosen"), "stdout-path");
	int node = -1;

	if (path && uart_open(u, dt, dt_alias(dt, path)))
		return true;
	while ((node = dt_next(dt, node)) >= 0)
		if (uart_open(u, dt, node))
			return true;
	return false;
}

static bool ready(const struct uart *u)
{
	if (u->kind == UART_8250)
		return reg_read(u, LSR) & LSR_THRE;
	return !(mmio_read32(u->base + UARTFR) & UARTFR_TXFF);
}

void uart_write(const struct uart *u, const void *bytes, size_t size)
{
	const uint8_t *p = bytes;
	unsigned int n;

	if (u->kind == UART_NONE)
		return;
	while (size) {
		while (!ready(u))
			;
		for (n = u->burst; n && size; n--, size--, p++) {
			if (u->kind == UART_8250)
				reg_write(u, THR, *p);
			else
				mmio_write32(u->base + UARTDR, *p);
		}
	}
}

int uart_read(const struct uart *u)
{
	if (u->kind == UART_8250 && reg_read(u, LSR) & LSR_DR)
		return reg_read(u, RBR);
	if (u->kind == UART_PL011 && !(mmio_read32(u->base + UARTFR) & UARTFR_RXFE))
		return mmio_read32(u->base + UARTDR) & 0xff;
	return -1;
}
