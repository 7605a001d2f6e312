/* SPDX-License-Identifier: BSD-2-Clause */
/* The 16550A UART: the registers that drivers probe, and output. */
#include "uart8250_bench.h"

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
