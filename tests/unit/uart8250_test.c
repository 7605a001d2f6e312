/* SPDX-License-Identifier: BSD-2-Clause */
/* The 16550A UART: what drivers probe, the interrupts, and a back end that is full. */
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

static size_t bench_output(void *ctx, const uint8_t *buf, size_t len)
{
	struct bench *b = ctx;

	if (len > b->out_room)
		len = b->out_room;
	memcpy(b->out + b->out_nr, buf, len);
	b->out_nr += len;
	b->out_room -= len;
	return len;
}

static void bench_input_ready(void *ctx)
{
	struct bench *b = ctx;

	b->input_ready++;
}

static void bench_irq(void *ctx, uint32_t nr, bool level)
{
	struct bench *b = ctx;

	assert_int_equal(nr, 8);
	b->irq = level;
	b->irq_changes++;
}

static int bench_setup(void **state)
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

static int bench_teardown(void **state)
{
	struct bench *b = *state;

	uart8250_destroy(&b->uart);
	return 0;
}

static uint8_t get(struct bench *b, unsigned int reg)
{
	return (uint8_t)uart8250_mmio.read(&b->uart, reg, 1);
}

static void put(struct bench *b, unsigned int reg, uint8_t value)
{
	uart8250_mmio.write(&b->uart, reg, value, 1);
}

static uint8_t interrupt(struct bench *b)
{
	return get(b, IIR) & 0x0f;
}

static size_t input(struct bench *b, const char *text)
{
	return b->frontend.input(b->frontend.ctx, (const uint8_t *)text, strlen(text));
}

static void send(struct bench *b, const char *text)
{
	while (*text)
		put(b, THR, (uint8_t)*text++);
}

static void assert_sent(const struct bench *b, const char *text)
{
	assert_int_equal(b->out_nr, strlen(text));
	assert_memory_equal(b->out, text, b->out_nr);
}

/* The registers a driver looks at to see what is there. */

static void after_reset_it_is_idle(void **state)
{
	struct bench *b = *state;

	assert_int_equal(get(b, IER), 0);
	assert_int_equal(get(b, IIR), IIR_NONE);
	assert_int_equal(get(b, LCR), 0);
	assert_int_equal(get(b, MCR), 0);
	assert_int_equal(get(b, LSR), LSR_EMPTY);
	assert_int_equal(get(b, MSR), 0xb0);
	assert_int_equal(get(b, RBR), 0);
	assert_false(b->irq);
}

static void scratch_and_lcr_hold_every_value(void **state)
{
	struct bench *b = *state;

	for (unsigned int v = 0; v < 256; v++) {
		put(b, SCR, (uint8_t)v);
		put(b, LCR, (uint8_t)~v);
		assert_int_equal(get(b, SCR), v);
		assert_int_equal(get(b, LCR), (uint8_t)~v);
	}
}

static void only_ier_and_mcr_bits_that_exist_can_be_set(void **state)
{
	struct bench *b = *state;

	put(b, IER, 0xff);
	put(b, MCR, 0xff);
	assert_int_equal(get(b, IER), 0x0f);
	assert_int_equal(get(b, MCR), 0x1f);
}

static void lsr_and_msr_cannot_be_written(void **state)
{
	struct bench *b = *state;

	put(b, LSR, 0x1f);
	put(b, MSR, 0x0f);
	assert_int_equal(get(b, LSR), LSR_EMPTY);
	assert_int_equal(get(b, MSR), 0xb0);
}

static void dlab_uncovers_the_divisor(void **state)
{
	struct bench *b = *state;

	put(b, IER, 0x05);
	put(b, LCR, 0x83);
	put(b, DLL, 0x34);
	put(b, DLM, 0x12);
	assert_int_equal(get(b, DLL), 0x34);
	assert_int_equal(get(b, DLM), 0x12);
	put(b, LCR, 0x03);
	assert_int_equal(get(b, IER), 0x05);
	assert_sent(b, "");
	put(b, LCR, 0x83);
	assert_int_equal(get(b, DLL), 0x34);
}

/* A driver that reads back a baud rate divides by it. */
static void the_divisor_is_never_found_zero(void **state)
{
	struct bench *b = *state;

	put(b, LCR, 0x80);
	assert_int_equal(get(b, DLL) | get(b, DLM) << 8, 1);
}

static void iir_tells_whether_fifos_are_on(void **state)
{
	struct bench *b = *state;

	put(b, FCR, 0x01);
	assert_int_equal(get(b, IIR), 0xc0 | IIR_NONE);
	put(b, FCR, 0x21); /* a 16750 would show its 64-byte FIFO in bit 5 */
	assert_int_equal(get(b, IIR), 0xc0 | IIR_NONE);
	put(b, FCR, 0xc0);
	assert_int_equal(get(b, IIR), IIR_NONE);
}

static void loopback_connects_the_modem_lines(void **state)
{
	static const uint8_t line[4] = { 0x20, 0x10, 0x40, 0x80 }; /* DTR RTS OUT1 OUT2 */
	struct bench *b = *state;

	for (unsigned int v = 0; v < 16; v++) {
		uint8_t expected = 0;

		for (unsigned int i = 0; i < 4; i++)
			expected |= v & 1U << i ? line[i] : 0;
		put(b, MCR, (uint8_t)(0x10 | v));
		assert_int_equal(get(b, MSR) & 0xf0, expected);
	}
	put(b, MCR, 0x0f);
	assert_int_equal(get(b, MSR) & 0xf0, 0xb0);
}

static void modem_changes_interrupt_until_msr_is_read(void **state)
{
	struct bench *b = *state;

	put(b, MCR, 0x1b);
	get(b, MSR);
	put(b, IER, 0x08);
	assert_int_equal(interrupt(b), IIR_NONE);
	put(b, MCR, 0x19); /* RTS off: CTS changes */
	assert_true(b->irq);
	assert_int_equal(interrupt(b), 0x00);
	assert_int_equal(get(b, MSR), 0xa1);
	assert_false(b->irq);
	assert_int_equal(get(b, MSR), 0xa0);
}

static void of_the_ring_indicator_only_the_end_counts(void **state)
{
	struct bench *b = *state;

	put(b, MCR, 0x10);
	get(b, MSR);
	put(b, MCR, 0x14);
	assert_int_equal(get(b, MSR), 0x40);
	put(b, MCR, 0x10);
	assert_int_equal(get(b, MSR), 0x04);
}

static void a_driver_measures_a_fifo_of_16_bytes_in_loopback(void **state)
{
	struct bench *b = *state;
	unsigned int nr = 0;

	put(b, FCR, 0x07);
	put(b, MCR, 0x10);
	for (unsigned int i = 0; i < 256; i++)
		put(b, THR, (uint8_t)i);
	assert_int_equal(get(b, LSR), LSR_EMPTY | LSR_OE | LSR_DR);
	while (get(b, LSR) & LSR_DR)
		assert_int_equal(get(b, RBR), nr++);
	assert_int_equal(nr, 16);
	assert_sent(b, "");
}

static void without_fifos_the_receiver_holds_one_byte(void **state)
{
	struct bench *b = *state;

	assert_int_equal(input(b, "ab"), 1);
	assert_int_equal(get(b, RBR), 'a');
	assert_int_equal(get(b, LSR), LSR_EMPTY);
}

static void a_wide_access_is_one_of_its_first_register(void **state)
{
	struct bench *b = *state;

	for (unsigned int len = 1; len <= 8; len *= 2) {
		uart8250_mmio.write(&b->uart, SCR, 0x1122334455667788, len);
		assert_int_equal(uart8250_mmio.read(&b->uart, SCR, len), 0x88);
	}
	uart8250_mmio.write(&b->uart, THR, 0x0f0f0f41, 4);
	assert_sent(b, "A");
	assert_int_equal(get(b, IER), 0);
}

/* Output. */

static void what_is_sent_goes_to_the_back_end(void **state)
{
	struct bench *b = *state;

	send(b, "hello");
	assert_sent(b, "hello");
	assert_int_equal(get(b, LSR), LSR_EMPTY);
}

static void without_a_back_end_output_vanishes(void **state)
{
	struct bench *b = *state;

	b->uart.backend = (struct char_backend){ 0 };
	send(b, "hello");
	assert_int_equal(get(b, LSR), LSR_EMPTY);
	b->frontend.output_ready(b->frontend.ctx);
}

static void a_refused_byte_waits_and_the_transmitter_is_busy(void **state)
{
	struct bench *b = *state;

	b->out_room = 1;
	send(b, "ab");
	assert_sent(b, "a");
	assert_int_equal(get(b, LSR), 0);
	b->out_room = 9;
	b->frontend.output_ready(b->frontend.ctx);
	assert_sent(b, "ab");
	assert_int_equal(get(b, LSR), LSR_EMPTY);
}

/* Having seen THRE, a driver fills the FIFO without another look. */
static void sixteen_bytes_written_at_once_are_never_lost(void **state)
{
	struct bench *b = *state;

	put(b, FCR, 0x01);
	b->out_room = 0;
	send(b, "0123456789abcdef");
	for (unsigned int i = 0; i < 16; i++) {
		assert_int_equal(get(b, LSR), 0);
		b->out_room = 1;
		b->frontend.output_ready(b->frontend.ctx);
	}
	assert_sent(b, "0123456789abcdef");
	assert_int_equal(get(b, LSR), LSR_EMPTY);
}

static void more_than_the_fifo_holds_is_lost_and_nothing_else(void **state)
{
	struct bench *b = *state;

	put(b, FCR, 0x01);
	b->out_room = 0;
	send(b, "0123456789abcdefghij");
	b->out_room = 99;
	b->frontend.output_ready(b->frontend.ctx);
	send(b, "!");
	assert_sent(b, "0123456789abcdef!");
}

static void order_is_kept_when_room_comes_before_it_is_told(void **state)
{
	struct bench *b = *state;

	b->out_room = 0;
	send(b, "a");
	b->out_room = 9;
	send(b, "b");
	b->frontend.output_ready(b->frontend.ctx);
	assert_sent(b, "ab");
}

static void thre_interrupts_when_enabled_and_until_iir_is_read(void **state)
{
	struct bench *b = *state;

	put(b, IER, 0x02);
	assert_true(b->irq);
	assert_int_equal(interrupt(b), IIR_THRE);
	assert_false(b->irq);
	assert_int_equal(interrupt(b), IIR_NONE);

	/* Drivers test that enabling it once more brings it back. */
	put(b, IER, 0x00);
	put(b, IER, 0x02);
	assert_int_equal(interrupt(b), IIR_THRE);
}

static void a_disabled_thre_interrupt_is_not_due(void **state)
{
	struct bench *b = *state;

	put(b, IER, 0x02);
	put(b, IER, 0x00);
	assert_false(b->irq);
	assert_int_equal(interrupt(b), IIR_NONE);
}

static void a_byte_sent_makes_thre_due_again(void **state)
{
	struct bench *b = *state;

	put(b, IER, 0x02);
	assert_int_equal(interrupt(b), IIR_THRE);
	put(b, THR, 'a');
	assert_true(b->irq);
	assert_int_equal(interrupt(b), IIR_THRE);
	assert_int_equal(interrupt(b), IIR_NONE);
}

static void thre_is_due_only_when_the_back_end_took_everything(void **state)
{
	struct bench *b = *state;

	put(b, FCR, 0x01);
	put(b, IER, 0x02);
	interrupt(b);
	b->out_room = 0;
	send(b, "abc");
	assert_false(b->irq);
	assert_int_equal(interrupt(b), IIR_NONE);
	b->out_room = 2;
	b->frontend.output_ready(b->frontend.ctx);
	assert_false(b->irq);
	b->out_room = 1;
	b->frontend.output_ready(b->frontend.ctx);
	assert_true(b->irq);
	assert_int_equal(interrupt(b), IIR_THRE);
	assert_sent(b, "abc");
}

static void enabling_thre_while_bytes_wait_raises_nothing(void **state)
{
	struct bench *b = *state;

	b->out_room = 0;
	send(b, "a");
	put(b, IER, 0x02);
	assert_false(b->irq);
	b->out_room = 1;
	b->frontend.output_ready(b->frontend.ctx);
	assert_true(b->irq);
}

static void news_of_room_that_was_not_wanted_is_harmless(void **state)
{
	struct bench *b = *state;

	put(b, IER, 0x02);
	interrupt(b);
	b->frontend.output_ready(b->frontend.ctx);
	assert_false(b->irq);
}

static void a_stream_of_bytes_does_not_move_the_line(void **state)
{
	struct bench *b = *state;

	put(b, IER, 0x02);
	b->irq_changes = 0;
	send(b, "a console message");
	assert_int_equal(b->irq_changes, 0);
	assert_true(b->irq);
}

static void a_further_cause_moves_a_line_that_is_high(void **state)
{
	struct bench *b = *state;

	put(b, FCR, 0x01);
	put(b, IER, 0x01);
	input(b, "a");
	assert_true(b->irq);
	b->irq_changes = 0;
	put(b, IER, 0x03); /* the transmitter is empty, too */
	assert_true(b->irq);
	assert_int_equal(b->irq_changes, 2);
	input(b, "b");
	assert_true(b->irq);
	assert_int_equal(b->irq_changes, 4);
	get(b, LSR);
	put(b, SCR, 1);
	assert_int_equal(b->irq_changes, 4);
}

static void clearing_the_transmit_fifo_drops_what_waits(void **state)
{
	struct bench *b = *state;

	put(b, FCR, 0x01);
	b->out_room = 0;
	send(b, "abc");
	put(b, FCR, 0x05);
	assert_int_equal(get(b, LSR), LSR_EMPTY);
	b->out_room = 9;
	b->frontend.output_ready(b->frontend.ctx);
	assert_sent(b, "");
}

/* Input. */

static void input_is_read_in_order(void **state)
{
	struct bench *b = *state;

	put(b, FCR, 0x01);
	assert_int_equal(input(b, "hello"), 5);
	for (const char *c = "hello"; *c; c++) {
		assert_int_equal(get(b, LSR), LSR_EMPTY | LSR_DR);
		assert_int_equal(get(b, RBR), *c);
	}
	assert_int_equal(get(b, LSR), LSR_EMPTY);
}

static void input_that_finds_no_room_waits(void **state)
{
	struct bench *b = *state;

	put(b, FCR, 0x01);
	assert_int_equal(input(b, "0123456789abcdefXYZ"), 16);
	assert_int_equal(input(b, "X"), 0);
	for (unsigned int i = 0; i < 16; i++) {
		assert_int_equal(b->input_ready, 0);
		assert_int_equal(get(b, RBR), "0123456789abcdef"[i]);
	}
	assert_int_equal(b->input_ready, 1);
	assert_int_equal(get(b, LSR), LSR_EMPTY); /* no overrun */
	assert_int_equal(input(b, "XYZ"), 3);
	while (get(b, LSR) & LSR_DR)
		get(b, RBR);
	assert_int_equal(b->input_ready, 1);
}

static void a_cleared_receive_fifo_asks_for_what_was_refused(void **state)
{
	struct bench *b = *state;

	put(b, FCR, 0x01);
	input(b, "0123456789abcdefXYZ");
	put(b, FCR, 0x03);
	assert_int_equal(b->input_ready, 1);
	assert_int_equal(get(b, LSR), LSR_EMPTY);
}

static void turning_fifos_on_or_off_empties_them(void **state)
{
	struct bench *b = *state;

	assert_int_equal(input(b, "a"), 1);
	put(b, FCR, 0x01);
	assert_int_equal(get(b, LSR), LSR_EMPTY);
	input(b, "ab");
	put(b, FCR, 0x01);
	assert_int_equal(get(b, LSR), LSR_EMPTY | LSR_DR);
	put(b, FCR, 0x00);
	assert_int_equal(get(b, LSR), LSR_EMPTY);
}

static void fcr_bits_without_the_enable_bit_do_nothing(void **state)
{
	struct bench *b = *state;

	input(b, "a");
	put(b, FCR, 0x06);
	assert_int_equal(get(b, RBR), 'a');
}

static void input_waits_while_in_loopback(void **state)
{
	struct bench *b = *state;

	put(b, MCR, 0x10);
	assert_int_equal(input(b, "a"), 0);
	put(b, THR, 'x');
	assert_int_equal(get(b, RBR), 'x');
	assert_int_equal(b->input_ready, 0);
	put(b, MCR, 0x00);
	assert_int_equal(b->input_ready, 1);
	assert_int_equal(input(b, "a"), 1);
}

static void received_data_interrupts_until_it_is_read(void **state)
{
	struct bench *b = *state;

	put(b, IER, 0x01);
	input(b, "a");
	assert_true(b->irq);
	assert_int_equal(interrupt(b), IIR_RDA);
	assert_int_equal(interrupt(b), IIR_RDA);
	get(b, RBR);
	assert_false(b->irq);
	assert_int_equal(interrupt(b), IIR_NONE);
}

static void below_the_trigger_level_it_is_the_timeout(void **state)
{
	static const struct {
		uint8_t fcr, level;
	} row[] = { { 0x01, 1 }, { 0x41, 4 }, { 0x81, 8 }, { 0xc1, 14 } };
	struct bench *b = *state;

	put(b, IER, 0x01);
	for (unsigned int i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		put(b, FCR, row[i].fcr | 0x02);
		for (unsigned int nr = 1; nr <= 16; nr++) {
			input(b, "a");
			assert_int_equal(interrupt(b), nr < row[i].level ? IIR_TIMEOUT : IIR_RDA);
			assert_true(b->irq);
		}
	}
}

static void interrupts_come_in_the_order_of_their_priority(void **state)
{
	struct bench *b = *state;

	put(b, FCR, 0x01);
	put(b, MCR, 0x10);
	send(b, "0123456789abcdef!"); /* the last one overruns */
	put(b, IER, 0x0f);
	assert_int_equal(interrupt(b), IIR_LINE);
	assert_int_equal(get(b, LSR), LSR_EMPTY | LSR_OE | LSR_DR);
	assert_int_equal(get(b, LSR), LSR_EMPTY | LSR_DR);
	assert_int_equal(interrupt(b), IIR_RDA);
	put(b, FCR, 0x03);
	assert_int_equal(interrupt(b), IIR_THRE);
	assert_int_equal(interrupt(b), 0x00);
	assert_true(b->irq);
	get(b, MSR);
	assert_int_equal(interrupt(b), IIR_NONE);
	assert_false(b->irq);
}

/* Reading IIR clears THRE only when it is THRE that it names. */
static void a_hidden_thre_interrupt_is_not_lost(void **state)
{
	struct bench *b = *state;

	put(b, IER, 0x03);
	input(b, "a");
	assert_int_equal(interrupt(b), IIR_RDA);
	get(b, RBR);
	assert_int_equal(interrupt(b), IIR_THRE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

static void a_break_is_a_zero_that_the_line_status_marks(void **state)
{
	struct bench *b = *state;

	assert_false(uart8250_break(&b->uart, (const uint8_t *)"h", 1)); /* without FIFOs */
	put(b, FCR, 1);
	put(b, IER, 5);
	assert_true(uart8250_break(&b->uart, (const uint8_t *)"h", 1));
	assert_true(b->irq);
	assert_int_equal(get(b, IIR) & 0xf, IIR_LINE);
	assert_int_equal(get(b, LSR) & 0x1f, 0x10 | LSR_DR);
	assert_int_equal(get(b, LSR) & 0x1f, LSR_DR); /* it is told once */
	/* What was there before would be taken for it. */
	assert_false(uart8250_break(&b->uart, (const uint8_t *)"h", 1));
	assert_int_equal(get(b, RBR), 0);
	assert_int_equal(get(b, RBR), 'h');
	assert_false(b->irq);
	assert_false(uart8250_break(&b->uart, (const uint8_t[16]){ 0 }, 16));
	assert_int_equal(get(b, LSR) & 0x1f, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(after_reset_it_is_idle),
		TEST(scratch_and_lcr_hold_every_value),
		TEST(only_ier_and_mcr_bits_that_exist_can_be_set),
		TEST(lsr_and_msr_cannot_be_written),
		TEST(dlab_uncovers_the_divisor),
		TEST(the_divisor_is_never_found_zero),
		TEST(iir_tells_whether_fifos_are_on),
		TEST(loopback_connects_the_modem_lines),
		TEST(modem_changes_interrupt_until_msr_is_read),
		TEST(of_the_ring_indicator_only_the_end_counts),
		TEST(a_driver_measures_a_fifo_of_16_bytes_in_loopback),
		TEST(without_fifos_the_receiver_holds_one_byte),
		TEST(a_wide_access_is_one_of_its_first_register),
		TEST(what_is_sent_goes_to_the_back_end),
		TEST(without_a_back_end_output_vanishes),
		TEST(a_refused_byte_waits_and_the_transmitter_is_busy),
		TEST(sixteen_bytes_written_at_once_are_never_lost),
		TEST(more_than_the_fifo_holds_is_lost_and_nothing_else),
		TEST(order_is_kept_when_room_comes_before_it_is_told),
		TEST(thre_interrupts_when_enabled_and_until_iir_is_read),
		TEST(a_disabled_thre_interrupt_is_not_due),
		TEST(a_byte_sent_makes_thre_due_again),
		TEST(thre_is_due_only_when_the_back_end_took_everything),
		TEST(enabling_thre_while_bytes_wait_raises_nothing),
		TEST(news_of_room_that_was_not_wanted_is_harmless),
		TEST(a_stream_of_bytes_does_not_move_the_line),
		TEST(a_further_cause_moves_a_line_that_is_high),
		TEST(clearing_the_transmit_fifo_drops_what_waits),
		TEST(input_is_read_in_order),
		TEST(input_that_finds_no_room_waits),
		TEST(a_cleared_receive_fifo_asks_for_what_was_refused),
		TEST(turning_fifos_on_or_off_empties_them),
		TEST(fcr_bits_without_the_enable_bit_do_nothing),
		TEST(input_waits_while_in_loopback),
		TEST(received_data_interrupts_until_it_is_read),
		TEST(below_the_trigger_level_it_is_the_timeout),
		TEST(interrupts_come_in_the_order_of_their_priority),
		TEST(a_hidden_thre_interrupt_is_not_lost),
		TEST(a_break_is_a_zero_that_the_line_status_marks),
	};

	return cmocka_run_group_tests_name("uart8250", tests, NULL, NULL);
}
