/* SPDX-License-Identifier: BSD-2-Clause */
/* The GPIO controller: pins in and out, and what makes it interrupt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "hw/pl061.h"

enum { DATA = 0, DIR = 0x400, IS = 0x404, IBE = 0x408, IEV = 0x40c, IE = 0x410 };
enum { RIS = 0x414, MIS = 0x418, IC = 0x41c, AFSEL = 0x420 };

#define PIN      3
#define BIT      (1 << PIN)
#define ALL_PINS (0xff << 2) /* of DATA's address */

struct world {
	struct pl061 gpio;
	bool irq;
};

static void set_irq(void *ctx, uint32_t nr, bool level)
{
	struct world *w = ctx;

	assert_int_equal(nr, 7);
	w->irq = level;
}

static void start(struct world *w)
{
	pl061_init(&w->gpio, (struct irq){ .set = set_irq, .ctx = w, .nr = 7 });
	w->irq = false;
}

static void put(struct world *w, uint64_t off, uint64_t value)
{
	pl061_mmio.write(&w->gpio, off, value, 4);
}

static uint64_t get(struct world *w, uint64_t off)
{
	return pl061_mmio.read(&w->gpio, off, 4);
}

static void a_driver_finds_its_primecell(void **state)
{
	static const uint8_t ids[] = { 0x61, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };
	struct world w;

	(void)state;
	start(&w);
	for (unsigned int i = 0; i < sizeof(ids); i++)
		assert_int_equal(get(&w, 0xfe0 + 4 * i), ids[i]);
	assert_int_equal(get(&w, 0xfe2), 0);
	pl061_destroy(&w.gpio);
}

static void the_address_is_a_mask_of_pins(void **state)
{
	struct world w;

	(void)state;
	start(&w);
	pl061_set_pin(&w.gpio, PIN, true);
	pl061_set_pin(&w.gpio, 7, true);
	assert_int_equal(get(&w, DATA + ALL_PINS), BIT | 0x80);
	assert_int_equal(get(&w, DATA + (BIT << 2)), BIT);
	assert_int_equal(get(&w, DATA), 0);
	put(&w, DIR, 0x0f);
	put(&w, DATA + (0x05 << 2), 0xff);
	assert_int_equal(get(&w, DATA + ALL_PINS), 0x05 | 0x80);
	pl061_destroy(&w.gpio);
}

/* What a driver of keys asks for: press and release. */
static void both_edges_are_seen_until_they_are_cleared(void **state)
{
	struct world w;

	(void)state;
	start(&w);
	put(&w, IBE, BIT);
	put(&w, IE, BIT);
	assert_false(w.irq);
	for (int i = 0; i < 2; i++) {
		pl061_set_pin(&w.gpio, PIN, i == 0);
		assert_true(w.irq);
		assert_int_equal(get(&w, RIS), BIT);
		put(&w, IC, (uint8_t)~BIT);
		assert_true(w.irq);
		put(&w, IC, BIT);
		assert_false(w.irq);
		assert_int_equal(get(&w, RIS), 0);
	}
	pl061_set_pin(&w.gpio, PIN, false);
	assert_false(w.irq);
	pl061_destroy(&w.gpio);
}

static void one_edge_is_seen_where_one_is_wanted(void **state)
{
	struct world w;

	(void)state;
	start(&w);
	put(&w, IE, BIT);
	put(&w, IEV, BIT);
	pl061_set_pin(&w.gpio, PIN, true);
	assert_true(w.irq);
	put(&w, IC, BIT);
	pl061_set_pin(&w.gpio, PIN, false);
	assert_false(w.irq);
	put(&w, IEV, 0);
	pl061_set_pin(&w.gpio, PIN, true);
	assert_false(w.irq);
	pl061_set_pin(&w.gpio, PIN, false);
	assert_true(w.irq);
	pl061_destroy(&w.gpio);
}

static void a_level_interrupts_as_long_as_it_holds(void **state)
{
	struct world w;

	(void)state;
	start(&w);
	put(&w, IS, BIT);
	put(&w, IEV, BIT);
	put(&w, IE, BIT);
	pl061_set_pin(&w.gpio, PIN, true);
	put(&w, IC, BIT);
	assert_true(w.irq);
	pl061_set_pin(&w.gpio, PIN, false);
	assert_false(w.irq);
	put(&w, IEV, 0);
	assert_true(w.irq);
	pl061_destroy(&w.gpio);
}

static void a_masked_pin_is_seen_and_does_not_interrupt(void **state)
{
	struct world w;

	(void)state;
	start(&w);
	put(&w, IBE, BIT);
	pl061_set_pin(&w.gpio, PIN, true);
	assert_false(w.irq);
	assert_int_equal(get(&w, RIS), BIT);
	assert_int_equal(get(&w, MIS), 0);
	put(&w, IE, BIT);
	assert_true(w.irq);
	assert_int_equal(get(&w, MIS), BIT);
	pl061_destroy(&w.gpio);
}

/* The guest drives the pin itself: the outside is not heard. */
static void a_pin_that_is_an_output_is_not_driven_from_outside(void **state)
{
	struct world w;

	(void)state;
	start(&w);
	put(&w, DIR, BIT);
	put(&w, IBE, BIT);
	put(&w, IE, BIT);
	pl061_set_pin(&w.gpio, PIN, true);
	assert_false(w.irq);
	assert_int_equal(get(&w, DATA + ALL_PINS), 0);
	pl061_destroy(&w.gpio);
}

static void registers_hold_a_bit_a_pin(void **state)
{
	static const uint64_t plain[] = { DIR, IS, IBE, IEV, IE, AFSEL };
	struct world w;

	(void)state;
	start(&w);
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		put(&w, plain[i], 0x12345678abcdefa5);
		assert_int_equal(get(&w, plain[i]), 0xa5);
	}
	put(&w, 0x424, 0xff);
	assert_int_equal(get(&w, 0x424), 0);
	pl061_destroy(&w.gpio);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_driver_finds_its_primecell),
		cmocka_unit_test(the_address_is_a_mask_of_pins),
		cmocka_unit_test(both_edges_are_seen_until_they_are_cleared),
		cmocka_unit_test(one_edge_is_seen_where_one_is_wanted),
		cmocka_unit_test(a_level_interrupts_as_long_as_it_holds),
		cmocka_unit_test(a_masked_pin_is_seen_and_does_not_interrupt),
		cmocka_unit_test(a_pin_that_is_an_output_is_not_driven_from_outside),
		cmocka_unit_test(registers_hold_a_bit_a_pin),
	};

	return cmocka_run_group_tests_name("pl061", tests, NULL, NULL);
}
