/* SPDX-License-Identifier: BSD-2-Clause */
/* The power and reset register. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "hw/syscon.h"

struct calls {
	unsigned int nr;
	uint32_t last;
};

static void power(void *ctx, uint32_t value)
{
	struct calls *calls = ctx;

	calls->nr++;
	calls->last = value;
}

static void power_off_and_reset_are_passed_on(void **state)
{
	struct syscon syscon;
	struct calls calls = { 0 };

	(void)state;
	syscon_init(&syscon, power, &calls);
	syscon_mmio.write(&syscon, SYSCON_POWER, SYSCON_POWER_OFF, 4);
	assert_int_equal(calls.nr, 1);
	assert_int_equal(calls.last, SYSCON_POWER_OFF);
	syscon_mmio.write(&syscon, SYSCON_POWER, SYSCON_POWER_RESET, 4);
	assert_int_equal(calls.nr, 2);
	assert_int_equal(calls.last, SYSCON_POWER_RESET);
	syscon_destroy(&syscon);
}

static void anything_else_is_ignored(void **state)
{
	struct syscon syscon;
	struct calls calls = { 0 };

	(void)state;
	syscon_init(&syscon, power, &calls);
	syscon_mmio.write(&syscon, SYSCON_POWER, 0, 4);
	syscon_mmio.write(&syscon, SYSCON_POWER, 0xffffffff, 4);
	syscon_mmio.write(&syscon, SYSCON_POWER, SYSCON_POWER_OFF, 1);
	syscon_mmio.write(&syscon, SYSCON_POWER, SYSCON_POWER_OFF, 2);
	syscon_mmio.write(&syscon, SYSCON_POWER, 0x100000000 | SYSCON_POWER_OFF, 8);
	syscon_mmio.write(&syscon, SYSCON_POWER + 4, SYSCON_POWER_OFF, 4);
	syscon_mmio.write(&syscon, SYSCON_REGS_SIZE - 4, SYSCON_POWER_OFF, 4);
	assert_int_equal(calls.nr, 0);
	syscon_destroy(&syscon);
}

/* A driver that updates bits reads first; seeing its own value, it would not write it. */
static void it_reads_as_zero(void **state)
{
	struct syscon syscon;
	struct calls calls = { 0 };

	(void)state;
	syscon_init(&syscon, power, &calls);
	syscon_mmio.write(&syscon, SYSCON_POWER, SYSCON_POWER_OFF, 4);
	assert_int_equal(syscon_mmio.read(&syscon, SYSCON_POWER, 4), 0);
	assert_int_equal(syscon_mmio.read(&syscon, SYSCON_REGS_SIZE - 8, 8), 0);
	syscon_destroy(&syscon);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(power_off_and_reset_are_passed_on),
		cmocka_unit_test(anything_else_is_ignored),
		cmocka_unit_test(it_reads_as_zero),
	};

	return cmocka_run_group_tests_name("syscon", tests, NULL, NULL);
}
