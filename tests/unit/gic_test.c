/* SPDX-License-Identifier: BSD-2-Clause */
/* The interrupt controller: which one, where its parts lie, and what its lines reach. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "fake/board.h"
#include "fake/play.h"
#include "kvm/kvm.h"

#define ADDR(type) FAKE_ATTR(KVM_DEV_ARM_VGIC_GRP_ADDR, type)
#define NR_IRQS    FAKE_ATTR(KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0)
#define INIT       FAKE_ATTR(KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT)

static struct fake_host host_with(bool gicv2, bool gicv3)
{
	struct fake_host host = fake_6_1;

	host.gicv2 = gicv2;
	host.gicv3 = gicv3;
	return host;
}

static struct machine_config cpus(unsigned int nr)
{
	struct machine_config cfg = play_config();

	cfg.nr_cpus = nr;
	return cfg;
}

static int choose(bool gicv2, bool gicv3, enum irqchip want, unsigned int nr, struct err *e)
{
	struct fake_host host = host_with(gicv2, gicv3);
	struct machine_config cfg = cpus(1);
	struct board b;
	int ret;

	board_open(&b, &host, &cfg);
	ret = gic_choose(b.m.vm.fd, want, nr, e);
	board_close(&b);
	return ret;
}

static void auto_is_the_newest_that_the_host_has(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(choose(true, true, IRQCHIP_AUTO, 2, &e), IRQCHIP_GICV3);
	assert_int_equal(choose(false, true, IRQCHIP_AUTO, 2, &e), IRQCHIP_GICV3);
	assert_int_equal(choose(true, false, IRQCHIP_AUTO, 2, &e), IRQCHIP_GICV2);
	assert_int_equal(choose(true, true, IRQCHIP_GICV2, 2, &e), IRQCHIP_GICV2);
	assert_string_equal(e.text, "");
}

static void gicv2_has_eight_cpus_at_most(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(choose(true, true, IRQCHIP_GICV2, 8, &e), IRQCHIP_GICV2);
	assert_int_equal(choose(true, true, IRQCHIP_GICV2, 9, &e), -EINVAL);
	assert_non_null(strstr(e.text, "at most 8 CPUs (9 asked for)"));
	assert_int_equal(choose(true, false, IRQCHIP_AUTO, 9, &e), -EINVAL);
	assert_int_equal(choose(true, true, IRQCHIP_AUTO, 9, &e), IRQCHIP_GICV3);
}

static void check_missing(bool gicv2, bool gicv3, enum irqchip version, const char *text)
{
	struct fake_host host = host_with(gicv2, gicv3);
	struct machine_config cfg = cpus(1);
	struct err e = { 0 };
	struct board b;

	board_open(&b, &host, &cfg);
	assert_int_equal(gic_create(&b.m.gic, &b.m.vm, version, MAP_SPI_NR, &e), -ENODEV);
	assert_string_equal(e.text, text);
	board_close(&b);
}

static void a_version_the_host_lacks_names_the_one_it_has(void **state)
{
	(void)state;
	check_missing(true, false, IRQCHIP_GICV3, "this host's KVM has no gicv3 (it has gicv2)");
	check_missing(false, true, IRQCHIP_GICV2, "this host's KVM has no gicv2 (it has gicv3)");
	check_missing(false, false, IRQCHIP_GICV2, "this host's KVM has no gicv2 (it has none)");
}

/* KVM learns of the addresses before it is told to begin; nothing may come behind. */
static void check_order(void)
{
	ptrdiff_t init = fake_first(KVM_SET_DEVICE_ATTR, INIT);

	assert_int_equal(fake_count(KVM_SET_DEVICE_ATTR, INIT), 1);
	assert_int_equal(fake_count(KVM_SET_DEVICE_ATTR, NR_IRQS), 1);
	assert_int_equal(init, (ptrdiff_t)fake_nr_calls() - 1);
	assert_true(fake_first(KVM_CREATE_DEVICE, FAKE_ANY) < init);
}

static void gicv2_lies_where_the_map_says(void **state)
{
	struct fake_host host = host_with(true, false);
	struct machine_config cfg = cpus(8);
	struct board b;

	(void)state;
	board_build(&b, &host, &cfg);
	assert_int_equal(fake_last_value(KVM_SET_DEVICE_ATTR, ADDR(KVM_VGIC_V2_ADDR_TYPE_DIST)),
			 MAP_GICD);
	assert_int_equal(fake_last_value(KVM_SET_DEVICE_ATTR, ADDR(KVM_VGIC_V2_ADDR_TYPE_CPU)),
			 MAP_GICC);
	assert_int_equal(fake_last_value(KVM_SET_DEVICE_ATTR, NR_IRQS), 160);
	check_order();
	board_close(&b);
}

static void redistributors_of_123_cpus_lie_below_ram(void **state)
{
	static const unsigned int nrs[] = { 1, 2, 123 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct machine_config cfg = cpus(nrs[i]);
		struct board b;

		board_build(&b, &fake_6_1, &cfg);
		assert_int_equal(fake_last_value(KVM_SET_DEVICE_ATTR,
						 ADDR(KVM_VGIC_V3_ADDR_TYPE_DIST)),
				 MAP_GICD);
		assert_int_equal(fake_last_value(KVM_SET_DEVICE_ATTR,
						 ADDR(KVM_VGIC_V3_ADDR_TYPE_REDIST)),
				 MAP_GICR);
		assert_int_equal(gic_high_end(nrs[i], ram_end(&b.m.vm.ram)), ram_end(&b.m.vm.ram));
		check_order();
		board_close(&b);
	}
	/* Where the next thing on the map begins. */
	assert_true(MAP_GICR + MAP_GICR_LOW_NR * MAP_GICR_SIZE <= 0x09000000);
}

static void check_two_regions(unsigned int nr, uint64_t ram_size, gpa_t high)
{
	const uint64_t attr = ADDR(KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION);
	struct machine_config cfg = cpus(nr);
	struct board b;

	cfg.ram_size = ram_size;
	board_build(&b, &fake_6_1, &cfg);
	assert_int_equal(fake_count(KVM_SET_DEVICE_ATTR, attr), 2);
	assert_int_equal(fake_call((size_t)fake_first(KVM_SET_DEVICE_ATTR, attr))->value,
			 (uint64_t)123 << 52 | MAP_GICR);
	assert_int_equal(fake_last_value(KVM_SET_DEVICE_ATTR, attr),
			 (uint64_t)(nr - 123) << 52 | high | 1);
	assert_int_equal(gic_high_end(nr, ram_end(&b.m.vm.ram)), high + (nr - 123) * 0x20000ULL);
	check_order();
	board_close(&b);
}

static void those_of_further_cpus_lie_above_ram(void **state)
{
	(void)state;
	check_two_regions(124, 64 * MiB, 0x80000000);
	check_two_regions(512, 64 * MiB, 0x80000000);
	check_two_regions(124, 1 * GiB, 0x80000000); /* RAM ends there exactly */
	check_two_regions(124, 1 * GiB + 4096, 0xc0000000);
	check_two_regions(512, 255 * GiB, 0x4000000000);
}

static void a_line_reaches_its_spi(void **state)
{
	struct machine_config cfg = cpus(1);
	struct board b;
	struct irq irq;

	(void)state;
	board_build(&b, &fake_6_1, &cfg);
	for (uint32_t spi = 0; spi < MAP_SPI_NR; spi++) {
		irq = gic_spi(&b.m.gic, spi);
		irq_set(&irq, true);
		assert_true(fake_spi_level(spi));
		irq_set(&irq, false);
		assert_false(fake_spi_level(spi));
	}
	assert_int_equal(fake_count(KVM_IRQ_LINE, FAKE_ANY), 2 * MAP_SPI_NR);
	board_close(&b);
}

static void a_ppi_of_gicv2_names_its_cpus(void **state)
{
	struct gic gic = { .version = IRQCHIP_GICV2, .nr_cpus = 1 };

	(void)state;
	assert_int_equal(gic_ppi_flags(&gic), 0x104);
	gic.nr_cpus = 8;
	assert_int_equal(gic_ppi_flags(&gic), 0xff04);
	gic.version = IRQCHIP_GICV3;
	assert_int_equal(gic_ppi_flags(&gic), 0x4);
}

/* Each of the requests behind the creation, refused. */
static void a_gic_that_cannot_be_set_up_is_an_error_and_leaves_nothing(void **state)
{
	(void)state;
	for (unsigned int nth = 1; nth <= 5; nth++) {
		struct machine_config cfg = cpus(124);
		struct err e = { 0 };
		unsigned int fds;
		struct board b;

		board_open(&b, &fake_6_1, &cfg);
		fds = fake_open_fds();
		fake_fail(nth, ENOMEM);
		assert_int_equal(gic_create(&b.m.gic, &b.m.vm, IRQCHIP_GICV3, MAP_SPI_NR, &e),
				 -ENOMEM);
		assert_non_null(strstr(e.text, "gicv3 for 124 CPUs: Cannot allocate memory"));
		gic_destroy(&b.m.gic);
		assert_int_equal(fake_open_fds(), fds);
		board_close(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(auto_is_the_newest_that_the_host_has),
		cmocka_unit_test(gicv2_has_eight_cpus_at_most),
		cmocka_unit_test(a_version_the_host_lacks_names_the_one_it_has),
		cmocka_unit_test(gicv2_lies_where_the_map_says),
		cmocka_unit_test(redistributors_of_123_cpus_lie_below_ram),
		cmocka_unit_test(those_of_further_cpus_lie_above_ram),
		cmocka_unit_test(a_line_reaches_its_spi),
		cmocka_unit_test(a_ppi_of_gicv2_names_its_cpus),
		cmocka_unit_test(a_gic_that_cannot_be_set_up_is_an_error_and_leaves_nothing),
	};

	return cmocka_run_group_tests_name("gic", tests, NULL, NULL);
}
