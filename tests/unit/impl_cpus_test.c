/* SPDX-License-Identifier: BSD-2-Clause */
/* What a guest is told of the CPUs that it may run on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "../../arm/impl-cpus.h"

#define VERSION 0xc6000040
#define CPUS    0xc6000041

static const struct impl_cpu here = { 0x410fd0c1, 2, 3 }, there = { 0x410fd083, 5, 6 };

static struct impl_cpus list_of(const struct impl_cpu *a, const struct impl_cpu *b)
{
	struct impl_cpus list = { 0 };

	if (a)
		impl_cpus_add(&list, a);
	if (b)
		impl_cpus_add(&list, b);
	return list;
}

/* The call with x1, and rubbish in x2 and x3, is answered with these four. */
static void answers(const struct impl_cpus *list, uint32_t function, uint64_t x1, int64_t x0,
		    uint64_t y1, uint64_t y2, uint64_t y3)
{
	const struct psci_call call = { function, { x1, 0xdead, UINT64_MAX } };
	const uint64_t want[4] = { (uint64_t)x0, y1, y2, y3 };
	uint64_t x[4] = { 7, 7, 7, 7 };

	assert_true(impl_cpus_answer(list, &call, x));
	assert_memory_equal(x, want, sizeof(x));
}

static void the_version_comes_with_the_number_of_cpus(void **state)
{
	struct impl_cpus one = list_of(&here, NULL), two = list_of(&here, &there);

	(void)state;
	answers(&one, VERSION, 0, 0, 0x10000, 1, 0);
	answers(&two, VERSION, 0, 0, 0x10000, 2, 0);
	answers(&two, VERSION, 99, 0, 0x10000, 2, 0);
}

static void each_cpu_is_told_by_its_number(void **state)
{
	struct impl_cpus two = list_of(&here, &there);

	(void)state;
	answers(&two, CPUS, 0, 0, here.midr, here.revidr, here.aidr);
	answers(&two, CPUS, 1, 0, there.midr, there.revidr, there.aidr);
}

static void numbers_beyond_the_list_are_invalid(void **state)
{
	static const uint64_t beyond[] = { 2, 3, 1ULL << 32, (1ULL << 32) + 1, UINT64_MAX };
	struct impl_cpus two = list_of(&here, &there);

	(void)state;
	for (size_t i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++)
		answers(&two, CPUS, beyond[i], -3, 0, 0, 0);
}

static void the_same_cpu_is_told_once(void **state)
{
	struct impl_cpu other = here;
	struct impl_cpus list = list_of(&here, &here);

	(void)state;
	assert_int_equal(list.nr, 1);
	/* The same design, but patched silicon. */
	other.revidr++;
	impl_cpus_add(&list, &other);
	assert_int_equal(list.nr, 2);
}

static void without_a_list_there_is_no_such_service(void **state)
{
	struct impl_cpus none = { 0 };

	(void)state;
	answers(&none, VERSION, 0, -1, 0, 0, 0);
	answers(&none, CPUS, 0, -1, 0, 0, 0);
}

static void other_calls_are_not_its_own(void **state)
{
	static const uint32_t others[] = { 0,          0x84000000, 0x86000040,
					   0xc600003f, 0xc6000042, UINT32_MAX };
	struct impl_cpus one = list_of(&here, NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		const struct psci_call call = { others[i], { 0 } };
		uint64_t x[4] = { 7, 7, 7, 7 };

		assert_false(impl_cpus_answer(&one, &call, x));
		assert_int_equal(x[0], 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_version_comes_with_the_number_of_cpus),
		cmocka_unit_test(each_cpu_is_told_by_its_number),
		cmocka_unit_test(numbers_beyond_the_list_are_invalid),
		cmocka_unit_test(the_same_cpu_is_told_once),
		cmocka_unit_test(without_a_list_there_is_no_such_service),
		cmocka_unit_test(other_calls_are_not_its_own),
	};

	return cmocka_run_group_tests_name("impl_cpus", tests, NULL, NULL);
}
