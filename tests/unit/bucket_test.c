/* SPDX-License-Identifier: BSD-2-Clause */
/* Rate limits: vm/bucket.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "vm/bucket.h"

#define S 1000000000ULL

static void without_a_rate_all_is_free(void **state)
{
	struct bucket b = bucket_of(0, 5);

	(void)state;
	for (int i = 0; i < 10; i++) {
		assert_int_equal(bucket_wait(&b, 1ULL << 32, 5), 0);
		bucket_spend(&b, 1ULL << 32);
	}
}

static void a_full_one_has_a_second_and_no_more(void **state)
{
	struct bucket b = bucket_of(100, 7 * S);

	(void)state;
	assert_int_equal(bucket_wait(&b, 100, 1000 * S), 0);
	bucket_spend(&b, 100);
	assert_int_equal(bucket_wait(&b, 1, 1000 * S), S / 100);
	assert_int_equal(bucket_wait(&b, 30, 1000 * S + S / 5), S / 10);
	assert_int_equal(bucket_wait(&b, 30, 1000 * S + S / 5 + S / 10), 0);
}

static void what_is_more_than_a_second_s_is_owed(void **state)
{
	struct bucket b = bucket_of(1000, 0);

	(void)state;
	assert_int_equal(bucket_wait(&b, 5000, 0), 0);
	bucket_spend(&b, 5000);
	assert_int_equal(bucket_wait(&b, 1, 0), 4 * S + S / 1000);
	assert_int_equal(bucket_wait(&b, 1, 4 * S), S / 1000);
	assert_int_equal(bucket_wait(&b, 1, 4 * S + S / 1000), 0);
}

static void small_ones_are_not_free(void **state)
{
	struct bucket b = bucket_of(5 * S, 0);

	(void)state;
	b.credit = 1;
	assert_int_equal(bucket_wait(&b, 1, 0), 0);
	bucket_spend(&b, 1);
	assert_int_equal(bucket_wait(&b, 1, 0), 1);
}

static void the_ends_of_the_numbers_do_not_overflow(void **state)
{
	struct bucket slow = bucket_of(1, 0), fast = bucket_of(UINT64_MAX, 0);
	uint64_t wait;

	(void)state;
	assert_int_equal(bucket_wait(&slow, 1ULL << 32, 0), 0);
	bucket_spend(&slow, 1ULL << 32);
	wait = bucket_wait(&slow, 1, 0);
	assert_int_equal(wait, (1ULL << 32) * S);
	assert_int_equal(bucket_wait(&slow, 1, wait - 1), 1);
	assert_int_equal(bucket_wait(&slow, 1, wait), 0);
	assert_int_equal(bucket_wait(&slow, 1, UINT64_MAX), 0);
	assert_int_equal(slow.credit, S);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(bucket_wait(&fast, 1ULL << 32, 0), 0);
		bucket_spend(&fast, 1ULL << 32);
	}
}

/* Whatever the sizes: over a while it comes to the rate, and the second that there was. */
static void the_rate_is_kept_on_average(void **state)
{
	struct bucket b = bucket_of(1000000, 0);
	uint64_t now = 0, done = 0, units = 1;

	(void)state;
	while (now < 100 * S) {
		uint64_t wait = bucket_wait(&b, 1, now);

		now += wait;
		if (wait)
			continue;
		units = units * 7 % 70001 + 1;
		bucket_spend(&b, units);
		done += units;
	}
	assert_in_range(done, 100 * 1000000, 102 * 1000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_rate_all_is_free),
		cmocka_unit_test(a_full_one_has_a_second_and_no_more),
		cmocka_unit_test(what_is_more_than_a_second_s_is_owed),
		cmocka_unit_test(small_ones_are_not_free),
		cmocka_unit_test(the_ends_of_the_numbers_do_not_overflow),
		cmocka_unit_test(the_rate_is_kept_on_average),
	};

	return cmocka_run_group_tests_name("bucket", tests, NULL, NULL);
}
