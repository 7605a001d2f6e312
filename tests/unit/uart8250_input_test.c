/* SPDX-License-Identifier: BSD-2-Clause */
/* The 16550A UART: input, its interrupts, and breaks. */
#include "uart8250_bench.h"

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

	return cmocka_run_group_tests(tests, NULL, NULL);
}
