/* SPDX-License-Identifier: BSD-2-Clause */
/* The PL031: the time it tells, setting it, the alarm, and when it wants its timer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "hw/pl031.h"

enum { DR = 0, MR = 4, LR = 8, CR = 12, IMSC = 16, RIS = 20, MIS = 24, ICR = 28 };

#define T0 1795384748ULL /* a second in 2026 */

struct bench {
	struct pl031 rtc;
	uint64_t now, timer;
	unsigned int timer_sets;
	bool irq;
};

static uint64_t bench_now(void *ctx)
{
	struct bench *b = ctx;

	return b->now;
}

static void bench_timer(void *ctx, uint64_t ns)
{
	struct bench *b = ctx;

	b->timer = ns;
	b->timer_sets += ns != 0;
}

static void bench_irq(void *ctx, uint32_t nr, bool level)
{
	struct bench *b = ctx;

	assert_int_equal(nr, 2);
	b->irq = level;
}

static int bench_setup(void **state)
{
	static struct bench b;

	memset(&b, 0, sizeof(b));
	b.now = T0 * NS_PER_S + NS_PER_S / 4;
	pl031_init(&b.rtc, (struct irq){ .set = bench_irq, .ctx = &b, .nr = 2 },
		   (struct clock){ .now = bench_now, .ctx = &b },
		   (struct timer){ .set = bench_timer, .ctx = &b });
	*state = &b;
	return 0;
}

static int bench_teardown(void **state)
{
	struct bench *b = *state;

	pl031_destroy(&b->rtc);
	return 0;
}

static uint32_t get(struct bench *b, uint64_t off)
{
	return (uint32_t)pl031_mmio.read(&b->rtc, off, 4);
}

static void put(struct bench *b, uint64_t off, uint32_t value)
{
	pl031_mmio.write(&b->rtc, off, value, 4);
}

static void pass(struct bench *b, uint64_t ns)
{
	b->now += ns;
}

static void it_tells_the_time(void **state)
{
	struct bench *b = *state;

	assert_int_equal(get(b, DR), T0);
	pass(b, 10 * NS_PER_S);
	assert_int_equal(get(b, DR), T0 + 10);
	pass(b, NS_PER_S * 3 / 4);
	assert_int_equal(get(b, DR), T0 + 11);
}

/* DDI 0224, 3.3: the ids by which Linux' AMBA bus finds the driver. */
static void it_has_the_primecell_ids(void **state)
{
	struct bench *b = *state;
	uint32_t id = 0, cell = 0;

	for (int i = 0; i < 4; i++) {
		id |= get(b, 0xfe0 + 4 * i) << 8 * i;
		cell |= get(b, 0xff0 + 4 * i) << 8 * i;
	}
	assert_int_equal(id & 0xfffff, 0x41031);
	assert_int_equal(cell, 0xb105f00d);
	assert_int_equal(get(b, 0xfe1), 0);
	assert_int_equal(get(b, 0x20), 0);
	assert_int_equal(get(b, 0xfdc), 0);
}

static void it_runs_and_cannot_be_stopped(void **state)
{
	struct bench *b = *state;

	put(b, CR, 0);
	assert_int_equal(get(b, CR), 1);
	pass(b, NS_PER_S);
	assert_int_equal(get(b, DR), T0 + 1);
}

static void the_guest_sets_it(void **state)
{
	struct bench *b = *state;

	put(b, LR, 1000);
	assert_int_equal(get(b, LR), 1000);
	assert_int_equal(get(b, DR), 1000);
	pass(b, 5 * NS_PER_S);
	assert_int_equal(get(b, DR), 1005);
	put(b, DR, 7);
	assert_int_equal(get(b, DR), 1005);
}

static void the_counter_wraps(void **state)
{
	struct bench *b = *state;

	put(b, LR, UINT32_MAX);
	pass(b, 2 * NS_PER_S);
	assert_int_equal(get(b, DR), 1);
}

static void an_alarm_raises_the_line_on_its_second(void **state)
{
	struct bench *b = *state;

	put(b, MR, T0 + 5);
	assert_int_equal(b->timer_sets, 0);
	put(b, IMSC, 1);
	assert_int_equal(b->timer, 5 * NS_PER_S - NS_PER_S / 4);
	pass(b, b->timer - 1);
	pl031_due(&b->rtc); /* early */
	assert_false(b->irq);
	assert_int_equal(b->timer, 1);
	pass(b, 1);
	pl031_due(&b->rtc);
	assert_true(b->irq);
	assert_int_equal(b->timer, 0);
	assert_int_equal(get(b, RIS), 1);
	assert_int_equal(get(b, MIS), 1);
	put(b, ICR, 1);
	assert_false(b->irq);
	assert_int_equal(get(b, RIS), 0);
	assert_int_equal(b->timer, 0); /* in 136 years */
}

static void clearing_needs_the_bit(void **state)
{
	struct bench *b = *state;

	put(b, IMSC, 1);
	put(b, MR, T0);
	assert_true(b->irq);
	put(b, ICR, 2);
	assert_true(b->irq);
}

static void a_masked_alarm_wants_no_timer_and_is_seen_nevertheless(void **state)
{
	struct bench *b = *state;

	put(b, MR, T0 + 5);
	pass(b, 4 * NS_PER_S);
	assert_int_equal(get(b, RIS), 0);
	pass(b, 4 * NS_PER_S);
	assert_int_equal(get(b, RIS), 1);
	assert_int_equal(get(b, MIS), 0);
	assert_false(b->irq);
	assert_int_equal(b->timer_sets, 0);
	put(b, IMSC, 1);
	assert_true(b->irq);
	assert_int_equal(get(b, MIS), 1);
	put(b, IMSC, 0);
	assert_false(b->irq);
	assert_int_equal(get(b, RIS), 1);
}

static void masking_takes_the_timer_back(void **state)
{
	struct bench *b = *state;

	put(b, MR, T0 + 5);
	put(b, IMSC, 1);
	assert_int_not_equal(b->timer, 0);
	put(b, IMSC, 0);
	assert_int_equal(b->timer, 0);
}

static void an_alarm_in_the_past_does_not_come(void **state)
{
	struct bench *b = *state;

	put(b, IMSC, 1);
	put(b, MR, T0 - 5);
	pl031_due(&b->rtc);
	assert_false(b->irq);
	pass(b, 100 * NS_PER_S);
	assert_int_equal(get(b, RIS), 0);
}

static void setting_the_clock_moves_the_alarm(void **state)
{
	struct bench *b = *state;

	put(b, MR, 1010);
	put(b, IMSC, 1);
	put(b, LR, 1000);
	assert_int_equal(b->timer, 10 * NS_PER_S - NS_PER_S / 4);
	put(b, LR, 1010);
	assert_true(b->irq);
}

static void a_host_clock_that_is_set_forward_passes_the_alarm(void **state)
{
	struct bench *b = *state;

	put(b, MR, T0 + 100);
	put(b, IMSC, 1);
	pass(b, 3600 * NS_PER_S);
	pl031_due(&b->rtc);
	assert_true(b->irq);
}

static void one_that_is_set_back_does_not(void **state)
{
	struct bench *b = *state;

	put(b, MR, T0 + 100);
	put(b, IMSC, 1);
	b->now -= 3600 * NS_PER_S;
	assert_int_equal(get(b, DR), T0 - 3600);
	assert_int_equal(get(b, RIS), 0);
	pass(b, 3500 * NS_PER_S);
	assert_int_equal(get(b, RIS), 0);
	pass(b, 200 * NS_PER_S);
	assert_int_equal(get(b, RIS), 1);
}

static void no_alarm_comes_that_was_not_set(void **state)
{
	struct bench *b = *state;

	for (int i = 0; i < 100; i++) {
		pass(b, NS_PER_S);
		assert_int_equal(get(b, RIS), 0);
	}
	assert_int_equal(b->timer_sets, 0);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)
	const struct CMUnitTest tests[] = {
		test(it_tells_the_time),
		test(it_has_the_primecell_ids),
		test(it_runs_and_cannot_be_stopped),
		test(the_guest_sets_it),
		test(the_counter_wraps),
		test(an_alarm_raises_the_line_on_its_second),
		test(clearing_needs_the_bit),
		test(a_masked_alarm_wants_no_timer_and_is_seen_nevertheless),
		test(masking_takes_the_timer_back),
		test(an_alarm_in_the_past_does_not_come),
		test(setting_the_clock_moves_the_alarm),
		test(a_host_clock_that_is_set_forward_passes_the_alarm),
		test(one_that_is_set_back_does_not),
		test(no_alarm_comes_that_was_not_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
