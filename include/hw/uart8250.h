/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A 16550A UART, as National Semiconductor's PC16550D data sheet describes it: registers one byte
 * apart, 16-byte FIFOs, DLAB, loopback, interrupts. It differs where time comes in, because its line
 * is infinitely fast: a byte sent is gone at once unless the back end is full, and the receive
 * time-out is due as soon as there are fewer bytes than the trigger level. The divisor, parity and
 * break only read back. There is no overrun outside loopback: input that finds no room waits.
 *
 * Every register is 8 bits wide. A wider access is one of the register it starts at: a read is
 * zero-extended, of a write the low byte counts.
 */
#ifndef LKVM_HW_UART8250_H
#define LKVM_HW_UART8250_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include "vm/bus.h"
#include "vm/chardev.h"
#include "vm/dt_in.h"
#include "vm/irq.h"
#include "vm/ring.h"

#define UART8250_REGS_SIZE 8
#define UART8250_FIFO_SIZE 16

struct uart8250 {
	pthread_mutex_t lock;
	struct irq irq;
	struct char_backend backend;

	struct ring rx, tx; /* @tx: what the guest sent and the back end refused; usually empty */
	uint8_t rx_buf[UART8250_FIFO_SIZE], tx_buf[UART8250_FIFO_SIZE];
	uint8_t ier, fcr, lcr, mcr, scr, dll, dlm;
	uint8_t lsr_errors; /* LSR's OE and BI, cleared when LSR is read */
	uint8_t msr_deltas; /* MSR's low half, cleared when MSR is read */
	bool thre_pending;  /* the THRE interrupt is due until IIR names it or THR is written */
	uint8_t irq_causes; /* why the line is high; 0: it is low */
	bool input_refused; /* the back end wants to hear of room */
};

extern const struct mmio_ops uart8250_mmio;

/*
 * Makes a UART in its reset state. @backend.output may be NULL: then output vanishes and there
 * is no input. The object must stay where it is; uart8250_destroy() ends it.
 */
void uart8250_init(struct uart8250 *uart, struct irq irq, struct char_backend backend);
void uart8250_destroy(struct uart8250 *uart);

/*
 * The line is held down for longer than a byte takes (break), and then comes @len bytes. With uart->lock held. All of it or
 * nothing: false if the guest has not read all that came before, or there is no room.
 */
bool uart8250_break(struct uart8250 *uart, const uint8_t *then, size_t len);

/* What a back end calls: see vm/chardev.h. Valid as long as @uart. */
struct char_frontend uart8250_frontend(struct uart8250 *uart);

/*
 * Its registers for a snapshot, as properties of the node that @dt is at; and from such a node, which may hold anything: what is no
 * state of such a device is refused (in->ret), and it is as before then. With the lock held.
 */
void uart8250_save(const struct uart8250 *uart, struct dt *dt);
void uart8250_restore(struct uart8250 *uart, struct dt_in *in, int node);

#endif
