/* SPDX-License-Identifier: BSD-2-Clause */
/* PSCI as lkvm answers it: each function of each version, in both calling conventions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "../../arm/psci-user.h"
#include "arm/psci.h"
#include "util/bits.h"

#define NR                4
#define HIGH              0xdeadbeef00000000ULL
#define VERSION           0x84000000
#define SUSPEND           0x84000001
#define OFF               0x84000002
#define ON                0x84000003
#define ON_64             0xc4000003
#define INFO              0x84000004
#define INFO_64           0xc4000004
#define FEATURES          0x8400000a
#define SYSTEM_SUSPEND_64 0xc400000e
#define RESET2            0x84000012
#define RESET2_64         0xc4000012
#define OFF2              0x84000015
#define OFF2_64           0xc4000015

static const uint32_t versions[] = {
	PSCI_VERSION(0, 2), PSCI_VERSION(1, 0), PSCI_VERSION(1, 1),
	PSCI_VERSION(1, 2), PSCI_VERSION(1, 3),
};

/* Two CPUs in each of two clusters; the first is on. Bit 31 is RES1, bit 24 would be MT. */
static const uint64_t mpidr[NR] = { 0x80000000, 0x80000001, 0x80000100, 0x180000101 };

struct board {
	struct psci_cpus cpus;
	bool on[NR];
	struct psci_reply reply;
};

static struct board *board(struct board *b, uint32_t version)
{
	*b = (struct board){ .on = { true } };
	b->cpus = (struct psci_cpus){ .version = version, .nr = NR, .mpidr = mpidr, .on = b->on };
	return b;
}

static int64_t call(struct board *b, uint32_t function, uint64_t x1, uint64_t x2, uint64_t x3)
{
	psci_decide(&b->cpus, 0, &(struct psci_call){ function, { x1, x2, x3 } }, &b->reply);
	return b->reply.result;
}

static int64_t ask(uint32_t version, uint32_t function, uint64_t x1, uint64_t x2)
{
	struct board b;

	return call(board(&b, version), function, x1, x2, 0);
}

/* All that there is, and since when. Whatever is not here is not supported in any version. */
static const struct {
	uint32_t function, since;
	int64_t features;
	bool feature_only; /* the call itself is not PSCI's */
} known[] = {
	{ 0x84000000, PSCI_VERSION(0, 2), 0, false }, { 0x84000001, PSCI_VERSION(0, 2), 0, false },
	{ 0xc4000001, PSCI_VERSION(0, 2), 0, false }, { 0x84000002, PSCI_VERSION(0, 2), 0, false },
	{ 0x84000003, PSCI_VERSION(0, 2), 0, false }, { 0xc4000003, PSCI_VERSION(0, 2), 0, false },
	{ 0x84000004, PSCI_VERSION(0, 2), 0, false }, { 0xc4000004, PSCI_VERSION(0, 2), 0, false },
	{ 0x84000006, PSCI_VERSION(0, 2), 0, false }, { 0x84000008, PSCI_VERSION(0, 2), 0, false },
	{ 0x84000009, PSCI_VERSION(0, 2), 0, false }, { 0x8400000a, PSCI_VERSION(1, 0), 0, false },
	{ 0x8400000e, PSCI_VERSION(1, 0), 0, false }, { 0xc400000e, PSCI_VERSION(1, 0), 0, false },
	{ 0x84000012, PSCI_VERSION(1, 1), 0, false }, { 0xc4000012, PSCI_VERSION(1, 1), 0, false },
	{ 0x84000015, PSCI_VERSION(1, 3), 1, false }, { 0xc4000015, PSCI_VERSION(1, 3), 1, false },
	{ 0x80000000, PSCI_VERSION(1, 0), 0, true },
};

static int64_t feature_of(uint32_t function, uint32_t version, bool *callable)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (known[i].function == function && version >= known[i].since) {
			*callable = !known[i].feature_only;
			return known[i].features;
		}
	}
	*callable = false;
	return PSCI_NOT_SUPPORTED;
}

static void each_version_has_its_functions_and_features_says_so(void **state)
{
	static const uint32_t ranges[] = { PSCI_FN_32, PSCI_FN_64, 0x80000000, 0x95c1ba5e, 0 };

	(void)state;
	for (size_t v = 0; v < ARRAY_SIZE(versions); v++) {
		for (size_t r = 0; r < ARRAY_SIZE(ranges) * 0x100; r++) {
			uint32_t function = ranges[r / 0x100] + r % 0x100;
			bool callable;
			int64_t feature = feature_of(function, versions[v], &callable);
			int64_t said = ask(versions[v], FEATURES, function, 0);

			if (versions[v] >= PSCI_VERSION(1, 0))
				assert_int_equal(said, feature);
			else
				assert_int_equal(said, PSCI_NOT_SUPPORTED);
			assert_int_equal(ask(versions[v], function, 0, 0) != PSCI_NOT_SUPPORTED ||
						 function == FEATURES,
					 callable || function == FEATURES);
		}
		assert_int_equal(ask(versions[v], VERSION, 0, 0), versions[v]);
		assert_int_equal(ask(versions[v], 0x84000006, 0, 0), 2);
	}
}

static void cpu_on_starts_a_cpu_that_is_off(void **state)
{
	struct board b;

	(void)state;
	board(&b, versions[0]);
	assert_int_equal(call(&b, ON_64, 0x100, HIGH | 16, HIGH | 7), PSCI_SUCCESS);
	assert_int_equal(b.reply.action, PSCI_START);
	assert_int_equal(b.reply.cpu, 2);
	assert_int_equal(b.reply.entry, HIGH | 16);
	assert_int_equal(b.reply.context, HIGH | 7);
	assert_true(b.on[2]);
	assert_int_equal(call(&b, ON_64, 0x100, 16, 7), PSCI_ALREADY_ON);
	assert_int_equal(b.reply.action, PSCI_ANSWER);
	assert_int_equal(call(&b, ON_64, 0, 16, 7), PSCI_ALREADY_ON);
}

static void the_32_bit_convention_has_32_bit_arguments(void **state)
{
	struct board b;

	(void)state;
	assert_int_equal(call(board(&b, versions[0]), ON, HIGH | 1, HIGH | 16, HIGH | 7),
			 PSCI_SUCCESS);
	assert_int_equal(b.reply.cpu, 1);
	assert_int_equal(b.reply.entry, 16);
	assert_int_equal(b.reply.context, 7);
	assert_int_equal(ask(versions[0], INFO, HIGH, HIGH), 0);
	assert_int_equal(ask(versions[0], INFO_64, HIGH, 0), PSCI_INVALID_PARAMETERS);
}

static void cpu_on_wants_the_affinity_and_nothing_else(void **state)
{
	static const uint64_t wrong[] = { 2,          0x10000,    1ULL << 32, 1ULL << 24,
					  1ULL << 31, 1ULL << 63, 0x80000001, UINT64_MAX };
	struct board b;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_int_equal(call(board(&b, versions[0]), ON_64, wrong[i], 0, 0),
				 PSCI_INVALID_PARAMETERS);
		assert_int_equal(b.reply.action, PSCI_ANSWER);
		assert_false(b.on[1] || b.on[2] || b.on[3]);
	}
}

static void cpu_off_stops_the_caller(void **state)
{
	struct board b;

	(void)state;
	call(board(&b, versions[0]), OFF, 0, 0, 0);
	assert_int_equal(b.reply.action, PSCI_STOP);
	assert_false(b.on[0]);
}

static void affinity_info_is_of_a_cpu_or_a_cluster(void **state)
{
	struct board b;

	(void)state;
	board(&b, versions[0]);
	assert_int_equal(call(&b, INFO_64, 0, 0, 0), 0);
	assert_int_equal(call(&b, INFO_64, 1, 0, 0), 1);
	assert_int_equal(call(&b, INFO_64, 1, 1, 0), 0);     /* its cluster: CPU 0 is on */
	assert_int_equal(call(&b, INFO_64, 0x1ff, 1, 0), 1); /* the other: none is */
	assert_int_equal(call(&b, INFO_64, 0x200, 1, 0), PSCI_INVALID_PARAMETERS);
	assert_int_equal(call(&b, INFO_64, 0xff00, 2, 0), 0);
	assert_int_equal(call(&b, INFO_64, 0x10000, 2, 0), PSCI_INVALID_PARAMETERS);
	assert_int_equal(call(&b, INFO_64, 0xffffff, 3, 0), 0);
	assert_int_equal(call(&b, INFO_64, 1ULL << 32, 3, 0), 1); /* CPU 3 has Aff3 = 1 */
	assert_int_equal(call(&b, INFO_64, 2, 0, 0), PSCI_INVALID_PARAMETERS);
	assert_int_equal(call(&b, INFO_64, 0, 4, 0), PSCI_INVALID_PARAMETERS);
	assert_int_equal(call(&b, INFO_64, 0, 1ULL << 32, 0), PSCI_INVALID_PARAMETERS);
	assert_int_equal(call(&b, INFO_64, 1ULL << 24, 0, 0), PSCI_INVALID_PARAMETERS);
	assert_int_equal(call(&b, INFO_64, 1ULL << 40, 3, 0), PSCI_INVALID_PARAMETERS);
}

static void cpu_suspend_is_a_standby(void **state)
{
	struct board b;

	(void)state;
	assert_int_equal(call(board(&b, versions[0]), SUSPEND, 1 << 16, 0x40000000, 1),
			 PSCI_SUCCESS);
	assert_int_equal(b.reply.action, PSCI_STANDBY);
	assert_true(b.on[0]);
}

static void system_suspend_is_for_the_last_cpu(void **state)
{
	struct board b;

	(void)state;
	board(&b, PSCI_VERSION(1, 0));
	b.on[3] = true;
	assert_int_equal(call(&b, SYSTEM_SUSPEND_64, HIGH, 7, 0), PSCI_DENIED);
	assert_int_equal(b.reply.action, PSCI_ANSWER);
	b.on[3] = false;
	call(&b, SYSTEM_SUSPEND_64, HIGH, 7, 0);
	assert_int_equal(b.reply.action, PSCI_SUSPEND);
	assert_int_equal(b.reply.entry, HIGH);
	assert_int_equal(b.reply.context, 7);
	assert_true(b.on[0]);
}

static void system_suspend_can_be_hidden(void **state)
{
	struct board b;

	(void)state;
	board(&b, PSCI_VERSION(1, 3));
	b.cpus.no_suspend = true;
	assert_int_equal(call(&b, SYSTEM_SUSPEND_64, 0, 0, 0), PSCI_NOT_SUPPORTED);
	assert_int_equal(b.reply.action, PSCI_ANSWER);
	assert_int_equal(call(&b, FEATURES, SYSTEM_SUSPEND_64, 0, 0), PSCI_NOT_SUPPORTED);
	assert_int_equal(call(&b, FEATURES, 0x84000012, 0, 0), PSCI_SUCCESS);
}

static void off_and_reset_end_the_machine(void **state)
{
	struct board b;

	(void)state;
	board(&b, versions[0]);
	assert_int_equal(call(&b, 0x84000008, 0, 0, 0), PSCI_INTERNAL_FAILURE);
	assert_int_equal(b.reply.action, PSCI_OFF);
	assert_int_equal(call(&b, 0x84000009, 0, 0, 0), PSCI_INTERNAL_FAILURE);
	assert_int_equal(b.reply.action, PSCI_RESET);
}

static void reset2_has_types_and_a_cookie(void **state)
{
	struct board b;

	(void)state;
	board(&b, PSCI_VERSION(1, 1));
	assert_int_equal(call(&b, RESET2_64, 1, 0, 0), PSCI_INVALID_PARAMETERS);
	assert_int_equal(call(&b, RESET2_64, 0x7fffffff, 0, 0), PSCI_INVALID_PARAMETERS);
	assert_int_equal(b.reply.action, PSCI_ANSWER);
	call(&b, RESET2_64, 0, HIGH, 0);
	assert_int_equal(b.reply.action, PSCI_RESET2);
	assert_int_equal(b.reply.entry, 0);
	assert_int_equal(b.reply.context, HIGH);
	call(&b, RESET2, HIGH | 0x80000001, HIGH | 3, 0);
	assert_int_equal(b.reply.action, PSCI_RESET2);
	assert_int_equal(b.reply.entry, 0x80000001);
	assert_int_equal(b.reply.context, 3);
}

static void off2_hibernates_and_nothing_else(void **state)
{
	struct board b;

	(void)state;
	board(&b, PSCI_VERSION(1, 3));
	for (uint64_t type = 0; type < 4; type++) {
		bool good = type < 2;

		call(&b, OFF2_64, type, 0, 0);
		assert_int_equal(b.reply.action, good ? PSCI_HIBERNATE : PSCI_ANSWER);
		assert_int_equal(b.reply.result,
				 good ? PSCI_INTERNAL_FAILURE : PSCI_INVALID_PARAMETERS);
		assert_int_equal(call(&b, OFF2_64, type, HIGH, 0), PSCI_INVALID_PARAMETERS);
		assert_int_equal(call(&b, OFF2, type, 1, 0), PSCI_INVALID_PARAMETERS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_version_has_its_functions_and_features_says_so),
		cmocka_unit_test(cpu_on_starts_a_cpu_that_is_off),
		cmocka_unit_test(the_32_bit_convention_has_32_bit_arguments),
		cmocka_unit_test(cpu_on_wants_the_affinity_and_nothing_else),
		cmocka_unit_test(cpu_off_stops_the_caller),
		cmocka_unit_test(affinity_info_is_of_a_cpu_or_a_cluster),
		cmocka_unit_test(cpu_suspend_is_a_standby),
		cmocka_unit_test(system_suspend_is_for_the_last_cpu),
		cmocka_unit_test(system_suspend_can_be_hidden),
		cmocka_unit_test(off_and_reset_end_the_machine),
		cmocka_unit_test(reset2_has_types_and_a_cookie),
		cmocka_unit_test(off2_hibernates_and_nothing_else),
	};

	return cmocka_run_group_tests_name("psci_user", tests, NULL, NULL);
}
