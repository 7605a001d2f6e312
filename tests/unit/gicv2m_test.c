/* SPDX-License-Identifier: BSD-2-Clause */
/* The GICv2m frame: what its registers say, and which messages become interrupts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "hw/gicv2m.h"

#define BASE      0x08020000ULL
#define DOORBELL  (BASE + 0x40)
#define FIRST     48 /* SPI; the guest says 80 */
#define NR        16
#define MSI_TYPER 0x008
#define SETSPI    0x040
#define MSI_IIDR  0xfcc

struct bench {
	struct gicv2m v2m;
	struct msi msi;
	unsigned int nr_raised;
	uint32_t last;
	bool level;
};

static void bench_irq(void *ctx, uint32_t nr, bool level)
{
	struct bench *b = ctx;

	b->nr_raised++;
	b->last = nr;
	b->level = level;
}

static int setup(void **state)
{
	static struct bench b;

	memset(&b, 0, sizeof(b));
	gicv2m_init(&b.v2m, BASE, (struct irq){ .set = bench_irq, .ctx = &b, .nr = FIRST }, NR);
	b.msi = gicv2m_msi(&b.v2m);
	*state = &b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	gicv2m_destroy(&b->v2m);
	return 0;
}

static void send(struct bench *b, uint64_t addr, uint32_t data)
{
	b->msi.send(b->msi.ctx, 8, addr, data);
}

static void msi_typer_says_which_interrupts_there_are(void **state)
{
	struct bench *b = *state;

	assert_int_equal(gicv2m_mmio.read(&b->v2m, MSI_TYPER, 4), (32 + FIRST) << 16 | NR);
	gicv2m_mmio.write(&b->v2m, MSI_TYPER, 0, 4);
	assert_int_equal(gicv2m_mmio.read(&b->v2m, MSI_TYPER, 4), (32 + FIRST) << 16 | NR);
}

static void everything_else_reads_as_zero(void **state)
{
	struct bench *b = *state;

	for (unsigned int off = 0; off < GICV2M_REGS_SIZE; off += 4)
		if (off != MSI_TYPER)
			assert_int_equal(gicv2m_mmio.read(&b->v2m, off, 4), 0);
	assert_int_equal(gicv2m_mmio.read(&b->v2m, MSI_IIDR, 4), 0);
	assert_int_equal(gicv2m_mmio.read(&b->v2m, MSI_TYPER, 2), 0);
	assert_int_equal(gicv2m_mmio.read(&b->v2m, MSI_TYPER, 8), 0);
}

static void a_message_raises_the_interrupt_it_names(void **state)
{
	struct bench *b = *state;

	send(b, DOORBELL, 32 + FIRST);
	assert_int_equal(b->nr_raised, 1);
	assert_int_equal(b->last, FIRST);
	assert_true(b->level);
	send(b, DOORBELL, 32 + FIRST + NR - 1);
	assert_int_equal(b->nr_raised, 2);
	assert_int_equal(b->last, FIRST + NR - 1);
}

static void a_message_that_names_no_interrupt_of_the_frame_is_dropped(void **state)
{
	struct bench *b = *state;

	send(b, DOORBELL, 32 + FIRST - 1);
	send(b, DOORBELL, 32 + FIRST + NR);
	send(b, DOORBELL, FIRST);
	send(b, DOORBELL, 0);
	send(b, DOORBELL, 31);
	send(b, DOORBELL, UINT32_MAX);
	send(b, DOORBELL, 0x10000 | (32 + FIRST));
	assert_int_equal(b->nr_raised, 0);
}

static void a_message_to_any_other_address_is_dropped(void **state)
{
	struct bench *b = *state;

	send(b, DOORBELL + 4, 32 + FIRST);
	send(b, BASE, 32 + FIRST);
	send(b, SETSPI, 32 + FIRST);
	send(b, 1ULL << 32 | DOORBELL, 32 + FIRST);
	assert_int_equal(b->nr_raised, 0);
}

static void a_cpu_may_write_the_register_itself(void **state)
{
	struct bench *b = *state;

	gicv2m_mmio.write(&b->v2m, SETSPI, 32 + FIRST + 2, 4);
	assert_int_equal(b->nr_raised, 1);
	assert_int_equal(b->last, FIRST + 2);
	gicv2m_mmio.write(&b->v2m, SETSPI, 32 + FIRST, 2);
	gicv2m_mmio.write(&b->v2m, SETSPI, 32 + FIRST, 8);
	gicv2m_mmio.write(&b->v2m, SETSPI + 4, 32 + FIRST, 4);
	gicv2m_mmio.write(&b->v2m, SETSPI, 0, 4);
	assert_int_equal(b->nr_raised, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(msi_typer_says_which_interrupts_there_are),
		TEST(everything_else_reads_as_zero),
		TEST(a_message_raises_the_interrupt_it_names),
		TEST(a_message_that_names_no_interrupt_of_the_frame_is_dropped),
		TEST(a_message_to_any_other_address_is_dropped),
		TEST(a_cpu_may_write_the_register_itself),
	};

	return cmocka_run_group_tests_name("gicv2m", tests, NULL, NULL);
}
