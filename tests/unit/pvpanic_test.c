/* SPDX-License-Identifier: BSD-2-Clause */
/* The register by which a guest's kernel says that it panicked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "hw/pvpanic.h"

struct calls {
	unsigned int nr, last;
};

static void happened(void *ctx, unsigned int events)
{
	struct calls *calls = ctx;

	calls->nr++;
	calls->last = events;
}

static void it_says_which_events_it_understands(void **state)
{
	struct pvpanic p;

	(void)state;
	pvpanic_init(&p, happened, NULL);
	assert_int_equal(pvpanic_mmio.read(&p, PVPANIC_EVENTS, 1), 7);
	assert_int_equal(pvpanic_mmio.read(&p, PVPANIC_EVENTS + 1, 1), 0);
	pvpanic_destroy(&p);
}

static void an_event_is_passed_on(void **state)
{
	struct calls calls = { 0 };
	struct pvpanic p;

	(void)state;
	pvpanic_init(&p, happened, &calls);
	for (unsigned int events = 1; events <= 7; events++) {
		pvpanic_mmio.write(&p, PVPANIC_EVENTS, events, 1);
		assert_int_equal(calls.nr, events);
		assert_int_equal(calls.last, events);
	}
	pvpanic_destroy(&p);
}

static void what_it_does_not_understand_is_ignored(void **state)
{
	struct calls calls = { 0 };
	struct pvpanic p;

	(void)state;
	pvpanic_init(&p, happened, &calls);
	pvpanic_mmio.write(&p, PVPANIC_EVENTS, 0, 1);
	pvpanic_mmio.write(&p, PVPANIC_EVENTS, 0xf8, 1);
	pvpanic_mmio.write(&p, PVPANIC_EVENTS, 0x0100, 2);
	pvpanic_mmio.write(&p, PVPANIC_EVENTS + 1, 1, 1);
	assert_int_equal(calls.nr, 0);
	pvpanic_mmio.write(&p, PVPANIC_EVENTS, 0xf9, 1);
	assert_int_equal(calls.last, PVPANIC_PANICKED);
	pvpanic_destroy(&p);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_says_which_events_it_understands),
		cmocka_unit_test(an_event_is_passed_on),
		cmocka_unit_test(what_it_does_not_understand_is_ignored),
	};

	return cmocka_run_group_tests_name("pvpanic", tests, NULL, NULL);
}
