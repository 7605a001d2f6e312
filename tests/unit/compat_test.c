/* SPDX-License-Identifier: BSD-2-Clause */
/* Plans of --compat between hosts made of tests/facts: what is lowered, and what stands in the way. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "arm/compat.h"
#include "arm/psci.h"
#include "facts.h"
#include "fake/play.h"

#define MIDR       ARM64_SYS_REG(3, 0, 0, 0, 0)
#define OTHER_MIDR 0x410fd0c1

struct plan {
	struct host_profile here, there;
	struct machine_config cfg;
	struct compat c;
	struct err e;
	char *log;
	int ret;
};

static void hosts(struct plan *p, const char *cpu, const char *here, const char *there)
{
	memset(p, 0, sizeof(*p));
	p->cfg = play_config();
	facts_profile(&p->here, cpu, here);
	facts_profile(&p->there, cpu, there);
}

static void plan(struct plan *p)
{
	struct capture capture;

	capture_start(&capture, 2);
	p->ret = compat_plan(&p->c, &p->cfg, &p->here, &p->there, "old.dtb", &p->e);
	p->log = capture_end(&capture, NULL);
}

static void plan_end(struct plan *p)
{
	compat_free(&p->c);
	profile_free(&p->here);
	profile_free(&p->there);
	free(p->log);
}

static void pin(struct plan *p, unsigned int row, bool on)
{
	p->cfg.firmware.pinned[row] = true;
	p->cfg.firmware.value[row] = on;
}

static void set_reg(struct host_profile *host, uint64_t id, uint64_t value)
{
	struct profile_dump *dumps[] = { &host->base, &host->full };

	for (unsigned int d = 0; d < 2; d++) {
		for (size_t i = 0; i < dumps[d]->nr; i++) {
			if (dumps[d]->reg[i].id == id)
				dumps[d]->reg[i].value = value;
		}
	}
}

static const struct compat_write *planned(const struct plan *p, uint64_t id)
{
	for (size_t i = 0; i < p->c.nr; i++) {
		if (p->c.write[i].id == id)
			return &p->c.write[i];
	}
	return NULL;
}

static void a_vm_for_an_older_host_is_lowered(void **state)
{
	struct plan p;

	(void)state;
	hosts(&p, "max", "7.3", "6.1");
	plan(&p);
	assert_int_equal(p.ret, 0);
	assert_string_equal(p.log, "");
	assert_int_equal(p.cfg.psci, PSCI_VERSION(1, 1));
	assert_true(p.cfg.firmware.pinned[FIRMWARE_IMPL_CPUS]);
	assert_int_equal(p.cfg.firmware.value[FIRMWARE_IMPL_CPUS], 0);
	assert_false(p.cfg.firmware.pinned[FIRMWARE_TRNG]);
	assert_true(p.c.nr > 0);
	for (size_t i = 0; i < p.c.nr; i++)
		assert_int_equal(register_kind(p.c.write[i].id) == REGISTER_ID ||
					 register_kind(p.c.write[i].id) == REGISTER_CACHE,
				 true);
	plan_end(&p);
}

static void what_is_asked_for_and_missing_there_is_told(void **state)
{
	struct plan p;

	(void)state;
	hosts(&p, "max", "7.3", "6.1");
	p.cfg.psci = PSCI_VERSION(1, 3);
	pin(&p, FIRMWARE_IMPL_CPUS, true);
	plan(&p);
	assert_int_equal(p.ret, -EINVAL);
	assert_non_null(strstr(p.e.text, "could not run there (2 reasons above)"));
	assert_non_null(strstr(p.log, "PSCI 1.3 is not offered there: --psci-version=1.1 is"));
	assert_non_null(strstr(p.log, "impl-cpus=on is not offered there"));
	plan_end(&p);
}

static void psci_in_user_space_needs_a_filter_there_too(void **state)
{
	struct plan p;

	(void)state;
	hosts(&p, "max", "7.3", "6.1");
	p.cfg.psci_user = true;
	plan(&p);
	assert_int_equal(p.ret, -EINVAL);
	assert_non_null(strstr(p.log, "--psci=user takes Linux 6.4 or later there too"));
	assert_int_equal(p.cfg.psci, PSCI_AUTO);
	plan_end(&p);
}

/* Two hosts that differ in nothing but the design of their CPU. */
static void two_designs(struct plan *p)
{
	hosts(p, "cortex-a72", "7.3", "7.3");
	set_reg(&p->there, MIDR, OTHER_MIDR);
}

static void another_cpu_stands_in_the_way_and_names_the_remedy(void **state)
{
	struct plan p;

	(void)state;
	two_designs(&p);
	plan(&p);
	assert_int_equal(p.ret, -EINVAL);
	assert_non_null(strstr(p.log, "MIDR_EL1: another CPU: the guest knows this one's errata; "
				      "it takes --firmware impl-cpus=on"));
	plan_end(&p);
}

static void a_guest_that_is_told_of_both_cpus_can_go(void **state)
{
	static const unsigned int rows[] = { FIRMWARE_IMPL_VERSION, FIRMWARE_IMPL_CPUS };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct plan p;

		two_designs(&p);
		pin(&p, rows[i], true);
		plan(&p);
		assert_int_equal(p.ret, 0);
		assert_int_equal(p.c.cpu.midr, OTHER_MIDR);
		/* The vCPU keeps this host's name. */
		assert_null(planned(&p, MIDR));
		plan_end(&p);
	}
}

static void a_host_that_fixes_its_cpus_name_takes_no_other(void **state)
{
	struct plan p;

	(void)state;
	hosts(&p, "cortex-a72", "7.3", "6.1");
	set_reg(&p.there, MIDR, OTHER_MIDR);
	plan(&p);
	assert_int_equal(p.ret, -EINVAL);
	assert_non_null(strstr(p.log, "MIDR_EL1: "));
	assert_null(strstr(p.log, "impl-cpus"));
	assert_null(planned(&p, MIDR));
	plan_end(&p);
}

static void the_interrupt_controller_that_was_asked_for_counts(void **state)
{
	static const struct {
		enum irqchip asked;
		uint32_t v2, v3; /* there */
		const char *text;
	} rows[] = {
		{ IRQCHIP_AUTO, 1, 0, "gicv3: KVM there has none; it takes --irqchip=gicv2" },
		{ IRQCHIP_GICV2, 1, 0, NULL },
		{ IRQCHIP_GICV2, 0, 1, "KVM there has no gicv2" },
		{ IRQCHIP_GICV3, 1, 0, "KVM there has no gicv3" },
		{ IRQCHIP_GICV3, 0, 1, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct plan p;

		hosts(&p, "cortex-a72", "7.3", "7.3");
		p.here.gicv2_iidr = 1;
		p.there.gicv2_iidr = rows[i].v2;
		p.there.gicv3_iidr = rows[i].v3 ? p.here.gicv3_iidr : 0;
		p.cfg.irqchip = rows[i].asked;
		plan(&p);
		assert_int_equal(p.ret, rows[i].text ? -EINVAL : 0);
		if (rows[i].text && !strstr(p.log, rows[i].text))
			assert_string_equal(p.log, rows[i].text);
		plan_end(&p);
	}
}

static void a_service_without_a_name_cannot_be_left_out(void **state)
{
	struct plan p;

	(void)state;
	hosts(&p, "cortex-a72", "7.3", "7.3");
	set_reg(&p.here, KVM_REG_ARM_STD_BMAP, 5);
	plan(&p);
	assert_int_equal(p.ret, -EINVAL);
	assert_non_null(strstr(p.log, "STD_BMAP: the guest would lose bit 2\n"));
	plan_end(&p);
}

static void hosts_without_a_common_psci_version_are_told(void **state)
{
	struct plan p;

	(void)state;
	hosts(&p, "cortex-a72", "7.3", "7.3");
	p.there.nr_psci = 0;
	plan(&p);
	assert_int_equal(p.ret, -EINVAL);
	assert_non_null(strstr(p.log, "no PSCI version is offered both here and there"));
	plan_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_vm_for_an_older_host_is_lowered),
		cmocka_unit_test(what_is_asked_for_and_missing_there_is_told),
		cmocka_unit_test(psci_in_user_space_needs_a_filter_there_too),
		cmocka_unit_test(another_cpu_stands_in_the_way_and_names_the_remedy),
		cmocka_unit_test(a_guest_that_is_told_of_both_cpus_can_go),
		cmocka_unit_test(the_interrupt_controller_that_was_asked_for_counts),
		cmocka_unit_test(a_service_without_a_name_cannot_be_left_out),
		cmocka_unit_test(hosts_without_a_common_psci_version_are_told),
		cmocka_unit_test(a_host_that_fixes_its_cpus_name_takes_no_other),
	};

	return cmocka_run_group_tests_name("compat", tests, NULL, NULL);
}
