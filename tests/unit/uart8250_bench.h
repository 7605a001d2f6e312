/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of the 16550A UART share: one, with a back end that takes as much as it is told to, and its interrupt line. */
#ifndef LKVM_TESTS_UART8250_BENCH_H
#define LKVM_TESTS_UART8250_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "hw/uart8250.h"

enum { RBR, IER, IIR, LCR, MCR, LSR, MSR, SCR };
enum { THR = RBR, DLL = RBR, DLM = IER, FCR = IIR };

#define LSR_DR      0x01
#define LSR_OE      0x02
#define LSR_EMPTY   0x60 /* THRE and TEMT */
#define IIR_NONE    0x01
#define IIR_THRE    0x02
#define IIR_RDA     0x04
#define IIR_LINE    0x06
#define IIR_TIMEOUT 0x0c

/* A UART, what its back end was told, and what its interrupt line did. */
struct bench {
	struct uart8250 uart;
	struct char_frontend frontend;
	uint8_t out[256];
	size_t out_nr, out_room;
	unsigned int input_ready;
	bool irq;
	unsigned int irq_changes;
};

static inline size_t bench_output(void *ctx, const uint8_t *buf, size_t len)
{
	struct bench *b = ctx;

	if (len > b->out_room)
		len = b->out_room;
	memcpy(b->out + b->out_nr, buf, len);
	b->out_nr += len;
	b->out_room -= len;
	return len;
}

static inline void bench_input_ready(void *ctx)
{
	struct bench *b = ctx;

	b->input_ready++;
}

static inline void bench_irq(void *ctx, uint32_t nr, bool level)
{
	struct bench *b = ctx;

	assert_int_equal(nr, 8);
	b->irq = level;
	b->irq_changes++;
}

static inline int bench_setup(void **state)
{
	static struct bench b;
	struct char_backend backend = { .output = bench_output,
					.input_ready = bench_input_ready,
					.ctx = &b };

	memset(&b, 0, sizeof(b));
	b.out_room = sizeof(b.out);
	uart8250_init(&b.uart, (struct irq){ .set = bench_irq, .ctx = &b, .nr = 8 }, backend);
	b.frontend = uart8250_frontend(&b.uart);
	*state = &b;
	return 0;
}

static inline int bench_teardown(void **state)
{
	struct bench *b = *state;

	uart8250_destroy(&b->uart);
	return 0;
}

static inline uint8_t get(struct bench *b, unsigned int reg)
{
	return (uint8_t)uart8250_mmio.read(&b->uart, reg, 1);
}

static inline void put(struct bench *b, unsigned int reg, uint8_t value)
{
	uart8250_mmio.write(&b->uart, reg, value, 1);
}

static inline uint8_t interrupt(struct bench *b)
{
	return get(b, IIR) & 0x0f;
}

static inline size_t input(struct bench *b, const char *text)
{
	return b->frontend.input(b->frontend.ctx, (const uint8_t *)text, strlen(text));
}

static inline void send(struct bench *b, const char *text)
{
	while (*text)
		put(b, THR, (uint8_t)*text++);
}

static inline void assert_sent(const struct bench *b, const char *text)
{
	assert_int_equal(b->out_nr, strlen(text));
	assert_memory_equal(b->out, text, b->out_nr);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

#endif
