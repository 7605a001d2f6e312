/* SPDX-License-Identifier: BSD-2-Clause */
/* The generated device tree, read back with libfdt. */
#include <errno.h>
#include <libfdt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "arm/psci.h"
#include "fdt_tree.h"
#include "kvm/kvm.h"

static void check_absent(const struct tree *t, const char *path)
{
	assert_int_equal(fdt_path_offset(t->blob, path), -FDT_ERR_NOTFOUND);
}

static void psci_0_1_has_its_function_ids_and_a_power_register(void **state)
{
	struct machine_config cfg = config(1, PSCI_VERSION(0, 1), IRQCHIP_AUTO);
	struct tree t;

	(void)state;
	tree_make(&t, &cfg);
	check_text(&t, "/psci", "compatible", "arm,psci");
	check_text(&t, "/psci", "method", "hvc");
	check_prop(&t, "/psci", "cpu_off", KVM_PSCI_FN_CPU_OFF);
	check_prop(&t, "/psci", "cpu_on", KVM_PSCI_FN_CPU_ON);
	check_prop(&t, "/syscon@9030000", "reg", 0, 0x09030000, 0, 0x1000);
	check_text(&t, "/syscon-poweroff", "compatible", "syscon-poweroff");
	check_prop(&t, "/syscon-poweroff", "value", SYSCON_POWER_OFF);
	check_prop(&t, "/syscon-reboot", "value", SYSCON_POWER_RESET);
	check_prop(&t, "/syscon-reboot", "offset", SYSCON_POWER);
	assert_int_equal(fdt_node_offset_by_phandle(
				 t.blob, fdt32_ld(fdt_getprop(t.blob, node(&t, "/syscon-reboot"),
							      "regmap", NULL))),
			 node(&t, "/syscon@9030000"));
	tree_free(&t);
}

static void the_power_button_is_a_key_on_a_gpio(void **state)
{
	struct machine_config cfg = config(1, PSCI_AUTO, IRQCHIP_AUTO);
	const fdt32_t *gpios;
	struct tree t;

	(void)state;
	tree_make(&t, &cfg);
	check_text(&t, "/gpio@9040000", "compatible", "arm,pl061\0arm,primecell");
	check_prop(&t, "/gpio@9040000", "reg", 0, 0x09040000, 0, 0x1000);
	check_prop(&t, "/gpio@9040000", "interrupts", 0, 7, 4);
	check_prop(&t, "/gpio@9040000", "#gpio-cells", 2);
	check_text(&t, "/gpio-keys", "compatible", "gpio-keys");
	check_prop(&t, "/gpio-keys/key-power", "linux,code", 116);
	gpios = fdt_getprop(t.blob, node(&t, "/gpio-keys/key-power"), "gpios", NULL);
	assert_int_equal(fdt_node_offset_by_phandle(t.blob, fdt32_ld(&gpios[0])),
			 node(&t, "/gpio@9040000"));
	assert_int_equal(fdt32_ld(&gpios[1]), 3);
	assert_int_equal(fdt32_ld(&gpios[2]), 0);
	tree_free(&t);
}

static void psci_0_2_says_so(void **state)
{
	struct machine_config cfg = config(1, PSCI_VERSION(0, 2), IRQCHIP_AUTO);
	struct tree t;

	(void)state;
	tree_make(&t, &cfg);
	check_text(&t, "/psci", "compatible", "arm,psci-0.2\0arm,psci");
	check_text(&t, "/psci", "method", "hvc");
	check_prop(&t, "/psci", "cpu_suspend", 0xc4000001);
	check_prop(&t, "/psci", "cpu_off", 0x84000002);
	check_prop(&t, "/psci", "cpu_on", 0xc4000003);
	check_absent(&t, "/syscon@9030000");
	check_absent(&t, "/syscon-poweroff");
	check_absent(&t, "/syscon-reboot");
	tree_free(&t);
}

static void psci_1_0_and_later_say_1_0(void **state)
{
	static const uint32_t versions[] = { PSCI_VERSION(1, 0), PSCI_VERSION(1, 1),
					     PSCI_VERSION(1, 2), PSCI_VERSION(1, 3), PSCI_AUTO };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		struct machine_config cfg = config(1, versions[i], IRQCHIP_AUTO);
		struct tree t;

		tree_make(&t, &cfg);
		check_text(&t, "/psci", "compatible", "arm,psci-1.0\0arm,psci-0.2\0arm,psci");
		check_absent(&t, "/syscon@9030000");
		tree_free(&t);
	}
}

static void gicv2_ppis_name_their_cpus(void **state)
{
	struct machine_config cfg = config(3, PSCI_AUTO, IRQCHIP_GICV2);
	struct tree t;

	(void)state;
	cfg.pmu = true;
	tree_make(&t, &cfg);
	check_text(&t, "/interrupt-controller@8000000", "compatible", "arm,cortex-a15-gic");
	check_prop(&t, "/interrupt-controller@8000000", "reg", 0, 0x08000000, 0, 0x10000, 0,
		   0x08010000, 0, 0x2000);
	check_prop(&t, "/timer", "interrupts", 1, 13, 0x704, 1, 14, 0x704, 1, 11, 0x704, 1, 10,
		   0x704);
	check_prop(&t, "/pmu", "interrupts", 1, 7, 0x704);
	tree_free(&t);
}

static void gicv3_ppis_do_not(void **state)
{
	struct machine_config cfg = config(3, PSCI_AUTO, IRQCHIP_GICV3);
	struct tree t;

	(void)state;
	tree_make(&t, &cfg);
	check_prop(&t, "/timer", "interrupts", 1, 13, 4, 1, 14, 4, 1, 11, 4, 1, 10, 4);
	check_text(&t, "/timer", "compatible", "arm,armv8-timer");
	check_absent(&t, "/pmu");
	tree_free(&t);
}

static void gicv3_has_a_region_for_up_to_123_cpus(void **state)
{
	static const unsigned int nrs[] = { 1, 123 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(nrs); i++) {
		struct machine_config cfg = config(nrs[i], PSCI_AUTO, IRQCHIP_GICV3);
		struct tree t;

		tree_make(&t, &cfg);
		check_text(&t, "/interrupt-controller@8000000", "compatible", "arm,gic-v3");
		check_prop(&t, "/interrupt-controller@8000000", "reg", 0, 0x08000000, 0, 0x10000, 0,
			   0x080a0000, 0, nrs[i] * 0x20000);
		assert_null(fdt_getprop(t.blob, node(&t, "/interrupt-controller@8000000"),
					"#redistributor-regions", NULL));
		tree_free(&t);
	}
}

static void gicv3_has_a_second_region_above_ram_for_more(void **state)
{
	static const unsigned int nrs[] = { 124, 512 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(nrs); i++) {
		struct machine_config cfg = config(nrs[i], PSCI_AUTO, IRQCHIP_GICV3);
		struct tree t;

		cfg.ram_size = 5 * GiB;
		tree_make(&t, &cfg);
		check_prop(&t, "/interrupt-controller@8000000", "reg", 0, 0x08000000, 0, 0x10000, 0,
			   0x080a0000, 0, 123 * 0x20000, 1, 0x80000000, 0,
			   (nrs[i] - 123) * 0x20000);
		check_prop(&t, "/interrupt-controller@8000000", "#redistributor-regions", 2);
		tree_free(&t);
	}
}

static void each_cpu_has_its_number_and_comes_up_by_psci(void **state)
{
	struct machine_config cfg = config(40, PSCI_AUTO, IRQCHIP_GICV3);
	unsigned int nr = 0;
	struct tree t;
	int cpu;

	(void)state;
	tree_make(&t, &cfg);
	fdt_for_each_subnode(cpu, t.blob, node(&t, "/cpus"))
	{
		uint32_t aff = fdt32_ld(fdt_getprop(t.blob, cpu, "reg", NULL));
		char name[32];

		snprintf(name, sizeof(name), "cpu@%x", aff);
		assert_string_equal(fdt_get_name(t.blob, cpu, NULL), name);
		assert_int_equal(aff, (nr & 0xf) | nr >> 4 << 8);
		assert_string_equal(fdt_getprop(t.blob, cpu, "device_type", NULL), "cpu");
		assert_string_equal(fdt_getprop(t.blob, cpu, "enable-method", NULL), "psci");
		nr++;
	}
	assert_int_equal(nr, 40);
	check_prop(&t, "/cpus", "#address-cells", 1);
	check_prop(&t, "/cpus", "#size-cells", 0);
	tree_free(&t);
}

static void memory_is_what_was_asked_for(void **state)
{
	struct machine_config cfg = config(1, PSCI_AUTO, IRQCHIP_AUTO);
	struct tree t;

	(void)state;
	tree_make(&t, &cfg);
	check_prop(&t, "/memory@40000000", "reg", 0, 0x40000000, 0, 64 * MiB);
	check_text(&t, "/memory@40000000", "device_type", "memory");
	tree_free(&t);
	cfg.ram_size = 300 * GiB;
	tree_make(&t, &cfg);
	check_prop(&t, "/memory@40000000", "reg", 0, 0x40000000, 75, 0);
	tree_free(&t);
}

static void four_uarts_stand_where_the_map_says(void **state)
{
	struct machine_config cfg = config(1, PSCI_AUTO, IRQCHIP_AUTO);
	struct tree t;

	(void)state;
	tree_make(&t, &cfg);
	for (uint32_t i = 0; i < 4; i++) {
		char path[32], alias[16];

		snprintf(path, sizeof(path), "/serial@%x", 0x1000000 + i * 0x1000);
		snprintf(alias, sizeof(alias), "serial%u", i);
		check_text(&t, path, "compatible", "ns16550a");
		check_prop(&t, path, "reg", 0, 0x1000000 + i * 0x1000, 0, 8);
		check_prop(&t, path, "interrupts", 0, 8 + i, 4);
		check_prop(&t, path, "clock-frequency", 1843200);
		assert_string_equal(fdt_get_alias(t.blob, alias), path);
	}
	check_text(&t, "/chosen", "stdout-path", "serial0:115200n8");
	tree_free(&t);
}

static void a_panicking_kernel_finds_whom_to_tell(void **state)
{
	struct machine_config cfg = config(1, PSCI_AUTO, IRQCHIP_AUTO);
	struct tree t;

	(void)state;
	tree_make(&t, &cfg);
	check_text(&t, "/pvpanic@9060000", "compatible", "qemu,pvpanic-mmio");
	check_prop(&t, "/pvpanic@9060000", "reg", 0, 0x09060000, 0, 2);
	tree_free(&t);
}

static void interrupts_go_to_the_controller(void **state)
{
	struct machine_config cfg = config(1, PSCI_AUTO, IRQCHIP_AUTO);
	struct tree t;
	int gic;

	(void)state;
	tree_make(&t, &cfg);
	gic = node(&t, "/interrupt-controller@8000000");
	assert_int_equal(fdt_node_offset_by_phandle(t.blob, fdt32_ld(fdt_getprop(t.blob, 0,
										 "interrupt-parent",
										 NULL))),
			 gic);
	check_prop(&t, "/interrupt-controller@8000000", "#interrupt-cells", 3);
	assert_non_null(fdt_getprop(t.blob, gic, "interrupt-controller", NULL));
	tree_free(&t);
}

static void check_bootargs(const char *params, bool nodefaults, const char *bootargs)
{
	struct machine_config cfg = config(1, PSCI_AUTO, IRQCHIP_AUTO);
	struct tree t;

	cfg.params = params;
	cfg.nodefaults = nodefaults;
	tree_make(&t, &cfg);
	assert_string_equal(fdt_getprop(t.blob, node(&t, "/chosen"), "bootargs", NULL), bootargs);
	tree_free(&t);
}

static void a_console_is_added_unless_there_is_one_or_none_is_wanted(void **state)
{
	(void)state;
	check_bootargs(NULL, false, "console=ttyS0");
	check_bootargs("", false, "console=ttyS0");
	check_bootargs("quiet", false, "console=ttyS0 quiet");
	check_bootargs("quiet console=ttyS1", false, "quiet console=ttyS1");
	check_bootargs("console=ttyAMA0", false, "console=ttyAMA0");
	check_bootargs(NULL, true, "");
	check_bootargs("quiet", true, "quiet");
}

static void a_longer_command_line_than_linux_reads_is_warned_of(void **state)
{
	char params[3000];
	struct machine_config cfg = config(1, PSCI_AUTO, IRQCHIP_AUTO);
	struct err e = { 0 };
	struct capture c;
	char *args, *log;

	(void)state;
	memset(params, 'x', sizeof(params) - 1);
	params[sizeof(params) - 1] = '\0';
	cfg.params = params;
	cfg.nodefaults = true;
	capture_start(&c, STDERR_FILENO);
	args = fdt_bootargs(&cfg, &e);
	log = capture_end(&c, NULL);
	assert_string_equal(args, params);
	assert_non_null(strstr(log, "Warning: "));
	assert_non_null(strstr(log, "2999"));
	free(args);
	free(log);

	params[2047] = '\0';
	capture_start(&c, STDERR_FILENO);
	args = fdt_bootargs(&cfg, &e);
	log = capture_end(&c, NULL);
	assert_string_equal(log, "");
	free(args);
	free(log);
}

static void an_initrd_is_told_only_if_there_is_one(void **state)
{
	struct machine_config cfg = config(1, PSCI_AUTO, IRQCHIP_AUTO);
	struct err e = { 0 };
	struct tree t;

	(void)state;
	tree_make(&t, &cfg);
	assert_null(fdt_getprop(t.blob, node(&t, "/chosen"), "linux,initrd-start", NULL));
	assert_null(fdt_getprop(t.blob, node(&t, "/chosen"), "linux,initrd-end", NULL));
	dt_free(&t.dt);
	t.b.m.initrd = 0x140000000;
	t.b.m.initrd_end = 0x140000007;
	assert_int_equal(fdt_generate(&t.b.m, &t.dt, &e), 0);
	t.blob = t.dt.blob;
	check_prop(&t, "/chosen", "linux,initrd-start", 1, 0x40000000);
	check_prop(&t, "/chosen", "linux,initrd-end", 1, 0x40000007);
	tree_free(&t);
}

static void seeds_are_new_in_each_tree(void **state)
{
	static const char *const names[] = { "kaslr-seed", "rng-seed" };
	static const int lengths[] = { 8, 64 };
	struct machine_config cfg = config(1, PSCI_AUTO, IRQCHIP_AUTO);
	struct err e = { 0 };
	struct dt second;
	struct tree t;

	(void)state;
	tree_make(&t, &cfg);
	assert_int_equal(fdt_generate(&t.b.m, &second, &e), 0);
	for (int i = 0; i < 2; i++) {
		const void *a, *b;
		int len;

		a = fdt_getprop(t.blob, node(&t, "/chosen"), names[i], &len);
		assert_int_equal(len, lengths[i]);
		b = fdt_getprop(second.blob, fdt_path_offset(second.blob, "/chosen"), names[i],
				NULL);
		assert_memory_not_equal(a, b, (size_t)len);
	}
	dt_free(&second);
	tree_free(&t);
}

static void a_tree_ends_where_it_says(void **state)
{
	struct machine_config cfg = config(2, PSCI_AUTO, IRQCHIP_AUTO);
	struct tree t;

	(void)state;
	tree_make(&t, &cfg);
	assert_int_equal(fdt_totalsize(t.blob),
			 fdt_off_dt_strings(t.blob) + fdt_size_dt_strings(t.blob));
	tree_free(&t);
}

/* What dtc says to a tree; "" is nothing. */
static char *dtc_says(const void *blob)
{
	char *path = temp_file(blob, fdt_totalsize(blob)), *says = calloc(1, 4096);
	char command[512];
	FILE *dtc;

	snprintf(command, sizeof(command), "dtc -I dtb -O dts -o /dev/null %s 2>&1", path);
	dtc = popen(command, "r");
	assert_non_null(dtc);
	assert_non_null(says);
	says[fread(says, 1, 4095, dtc)] = '\0';
	if (pclose(dtc) != 0 && !*says)
		strcpy(says, "dtc failed");
	temp_remove(path);
	return says;
}

static void dtc_reads_every_tree_without_a_warning(void **state)
{
	static const struct {
		unsigned int nr_cpus;
		uint32_t psci;
		enum irqchip irqchip;
	} rows[] = {
		{ 1, PSCI_VERSION(0, 1), IRQCHIP_GICV3 },
		{ 8, PSCI_VERSION(0, 1), IRQCHIP_GICV2 },
		{ 2, PSCI_VERSION(0, 2), IRQCHIP_GICV3 },
		{ 3, PSCI_VERSION(1, 3), IRQCHIP_GICV2 },
		{ 512, PSCI_VERSION(1, 1), IRQCHIP_GICV3 },
	};

	(void)state;
	if (system("command -v dtc >/dev/null") != 0)
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct machine_config cfg = config(rows[i].nr_cpus, rows[i].psci, rows[i].irqchip);
		struct tree t;
		char *says;

		cfg.pmu = true;
		tree_make(&t, &cfg);
		says = dtc_says(t.blob);
		assert_string_equal(says, "");
		free(says);
		tree_free(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(psci_0_1_has_its_function_ids_and_a_power_register),
		cmocka_unit_test(the_power_button_is_a_key_on_a_gpio),
		cmocka_unit_test(psci_0_2_says_so),
		cmocka_unit_test(psci_1_0_and_later_say_1_0),
		cmocka_unit_test(gicv2_ppis_name_their_cpus),
		cmocka_unit_test(gicv3_ppis_do_not),
		cmocka_unit_test(gicv3_has_a_region_for_up_to_123_cpus),
		cmocka_unit_test(gicv3_has_a_second_region_above_ram_for_more),
		cmocka_unit_test(each_cpu_has_its_number_and_comes_up_by_psci),
		cmocka_unit_test(memory_is_what_was_asked_for),
		cmocka_unit_test(four_uarts_stand_where_the_map_says),
		cmocka_unit_test(a_panicking_kernel_finds_whom_to_tell),
		cmocka_unit_test(interrupts_go_to_the_controller),
		cmocka_unit_test(a_console_is_added_unless_there_is_one_or_none_is_wanted),
		cmocka_unit_test(a_longer_command_line_than_linux_reads_is_warned_of),
		cmocka_unit_test(an_initrd_is_told_only_if_there_is_one),
		cmocka_unit_test(seeds_are_new_in_each_tree),
		cmocka_unit_test(a_tree_ends_where_it_says),
		cmocka_unit_test(dtc_reads_every_tree_without_a_warning),
	};

	return cmocka_run_group_tests_name("fdt", tests, NULL, NULL);
}
