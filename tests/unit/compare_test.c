/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Predictions between hosts against what KVM answered when it was tried (tests/facts), and what the
 * answers are taken to mean.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "arm/compare.h"
#include "arm/psci.h"
#include "facts.h"

/* Four VMs: two CPUs of one kind, and the third plain and with all it has. */
static const struct vm_kind {
	const char *name; /* as in cross-restore.tsv */
	const char *cpu;
	uint32_t features;
} kinds[] = {
	{ "cortex-a72", "cortex-a72", FACTS_PSCI },
	{ "neoverse-n1", "neoverse-n1", FACTS_PSCI },
	{ "max", "max", FACTS_PSCI },
	{ "max-pmu-pauth", "max", FACTS_PSCI | FACTS_PMU | FACTS_PTRAUTH },
};

/* Predictions for one pair, to be struck off by what happened. */
struct prediction {
	struct host_profile from, to;
	struct comparison c;
	unsigned int refused, missing;
};

static void predict(struct prediction *p, const struct vm_kind *kind, const char *from,
		    const char *to)
{
	struct err e = { 0 };

	memset(p, 0, sizeof(*p));
	facts_profile(&p->from, kind->cpu, from);
	facts_profile(&p->to, kind->cpu, to);
	assert_int_equal(compare_profiles(&p->from, &p->to, kind->features, &p->c, &e), 0);
}

static void predict_end(struct prediction *p)
{
	comparison_free(&p->c);
	profile_free(&p->from);
	profile_free(&p->to);
}

static const struct finding *finding(const struct comparison *c, uint64_t id)
{
	for (size_t i = 0; i < c->nr; i++) {
		if (c->finding[i].id == id && c->finding[i].in_from)
			return &c->finding[i];
	}
	return NULL;
}

static const struct finding *named(const struct comparison *c, const char *name)
{
	for (size_t i = 0; i < c->nr; i++) {
		if (!strcmp(c->finding[i].name, name))
			return &c->finding[i];
	}
	return NULL;
}

/* A row of cross-restore.tsv: the register was refused with this error. */
static void check_refusal(struct prediction *p, char **field)
{
	const struct finding *f = finding(&p->c, strtoull(field[3], NULL, 16));
	int error = !strcmp(field[4], "ENOENT") ? ENOENT : EINVAL;

	if (!f || f->write != error) {
		fprintf(stderr, "%s %s to %s: %s should be %s\n", field[0], field[1], field[2],
			f ? f->name : field[3], field[4]);
		fail();
	}
	if (error == EINVAL)
		p->refused++;
	else
		p->missing++;
}

/* The row with the totals: nothing else was refused. */
static void check_totals(struct prediction *p, char **field)
{
	unsigned int nr[3] = { 0 }, ok, refused, missing;

	for (size_t i = 0; i < p->c.nr; i++) {
		if (p->c.finding[i].id && p->c.finding[i].in_from)
			nr[p->c.finding[i].write == 0        ? 0
			   : p->c.finding[i].write == EINVAL ? 1
							     : 2]++;
	}
	assert_int_equal(sscanf(field[4], "ok=%u", &ok), 1);
	assert_int_equal(sscanf(field[5], "value_rejected=%u", &refused), 1);
	assert_int_equal(sscanf(field[6], "missing=%u", &missing), 1);
	if (nr[0] != ok || nr[1] != refused || nr[2] != missing) {
		for (size_t i = 0; i < p->c.nr; i++)
			if (p->c.finding[i].write)
				fprintf(stderr, "  %s %d\n", p->c.finding[i].name,
					p->c.finding[i].write);
		fprintf(stderr, "%s %s to %s: %u %u %u instead of %u %u %u\n", field[0], field[1],
			field[2], nr[0], nr[1], nr[2], ok, refused, missing);
		fail();
	}
	assert_int_equal(p->refused, refused);
	assert_int_equal(p->missing, missing);
}

static void every_answer_of_kvm_is_predicted_row_by_row(void **state)
{
	char line[256], *field[7], pair[64] = "";
	FILE *file = facts_open("cross-restore");
	struct prediction p = { 0 };
	unsigned int pairs = 0;

	(void)state;
	while (facts_line(file, line, field, 7)) {
		char here[64];

		snprintf(here, sizeof(here), "%s %s %s", field[0], field[1], field[2]);
		for (size_t i = 0; strcmp(here, pair) && i < ARRAY_SIZE(kinds); i++) {
			if (strcmp(kinds[i].name, field[0]))
				continue;
			predict_end(&p);
			predict(&p, &kinds[i], field[1], field[2]);
			strcpy(pair, here);
			pairs++;
		}
		assert_string_equal(here, pair);
		if (!strcmp(field[3], "TOTAL"))
			check_totals(&p, field);
		else
			check_refusal(&p, field);
	}
	predict_end(&p);
	fclose(file);
	assert_int_equal(pairs, ARRAY_SIZE(kinds) * 9);
}

/* What --compat is for: a VM on the newest kernel that the older one takes. */
static void a_vm_dressed_for_an_older_host_is_taken_there(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		for (size_t older = 0; older < 2; older++) {
			uint64_t value, blocked, harmless;
			struct prediction p;

			predict(&p, &kinds[k], "7.3", facts_kernels[older]);
			for (size_t i = 0; i < p.c.nr; i++) {
				const struct finding *f = &p.c.finding[i];
				enum register_kind kind = register_kind(f->id);

				if ((kind != REGISTER_ID && kind != REGISTER_CACHE) ||
				    !compare_common(&p.from, &p.to, kinds[k].features, f->id,
						    &value, &blocked, &harmless))
					continue;
				assert_int_equal(blocked & ~harmless, 0);
				/* 5.10 shows a PMU's version even where there is no PMU. */
				if (blocked)
					assert_int_equal(older, 0);
				else
					assert_int_equal(compare_write(&p.to, kinds[k].features,
								       f->id, value),
							 0);
				assert_int_equal(compare_write(&p.from, kinds[k].features, f->id,
							       value),
						 0);
			}
			predict_end(&p);
		}
	}
}

static void upwards_everything_goes(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct prediction p;

		predict(&p, &kinds[k], "6.1", "7.3");
		assert_true(comparison_worst(&p.c) <= COMPARE_CARRIED);
		predict_end(&p);
		predict(&p, &kinds[k], "6.1", "6.1");
		assert_int_equal(comparison_worst(&p.c), COMPARE_SAME);
		predict_end(&p);
	}
}

static void a_psci_version_that_is_missing_there_names_one_that_is_not(void **state)
{
	const struct finding *f;
	struct prediction p;

	(void)state;
	predict(&p, &kinds[0], "7.3", "6.1");
	f = finding(&p.c, KVM_REG_ARM_PSCI_VERSION);
	assert_int_equal(f->class, COMPARE_IMPOSSIBLE);
	assert_string_equal(f->text, "PSCI 1.3 is not offered there");
	assert_string_equal(f->remedy, "--psci-version=1.1");
	assert_true(f->compat);
	assert_int_equal(compare_common_psci(&p.from, &p.to), PSCI_VERSION(1, 1));
	predict_end(&p);
}

static void services_that_vanish_are_unsafe_and_can_be_left_out(void **state)
{
	const struct finding *f;
	struct prediction p;

	(void)state;
	predict(&p, &kinds[0], "6.1", "5.10");
	f = finding(&p.c, KVM_REG_ARM_STD_BMAP);
	assert_int_equal(f->class, COMPARE_UNSAFE);
	assert_string_equal(f->text, "the guest would lose trng");
	assert_string_equal(f->remedy, "--firmware trng=off");
	f = finding(&p.c, KVM_REG_ARM_VENDOR_HYP_BMAP);
	assert_string_equal(f->remedy, "--firmware kvm-features=off --firmware ptp=off");
	/* Stolen time is older than the register that hides it. */
	assert_int_equal(finding(&p.c, KVM_REG_ARM_STD_HYP_BMAP)->class, COMPARE_HARMLESS);
	p.to.cap[KVM_CAP_STEAL_TIME] = 0;
	comparison_free(&p.c);
	assert_int_equal(compare_profiles(&p.from, &p.to, FACTS_PSCI, &p.c, NULL), 0);
	assert_int_equal(finding(&p.c, KVM_REG_ARM_STD_HYP_BMAP)->class, COMPARE_UNSAFE);
	predict_end(&p);
}

static void a_service_that_is_a_capability_is_judged_like_the_others(void **state)
{
	const struct finding *f;
	struct prediction p;

	(void)state;
	predict(&p, &kinds[0], "6.1", "5.10");
	f = named(&p.c, "ARM_SYSTEM_SUSPEND");
	assert_int_equal(f->class, COMPARE_UNSAFE);
	assert_string_equal(f->text, "the guest would lose system-suspend");
	assert_string_equal(f->remedy, "--firmware system-suspend=off");
	predict_end(&p);
	predict(&p, &kinds[0], "5.10", "6.1");
	assert_int_equal(named(&p.c, "ARM_SYSTEM_SUSPEND")->class, COMPARE_CARRIED);
	predict_end(&p);
}

static void services_that_are_new_there_stay_off(void **state)
{
	struct prediction p;

	(void)state;
	predict(&p, &kinds[0], "5.10", "6.1");
	assert_int_equal(named(&p.c, "STD_BMAP")->class, COMPARE_CARRIED);
	assert_false(named(&p.c, "STD_BMAP")->in_from);
	predict_end(&p);
}

static void a_mitigation_the_guest_counts_on_is_not_dropped_silently(void **state)
{
	const struct finding *f;
	struct prediction p;

	(void)state;
	predict(&p, &kinds[2], "5.10", "7.3");
	f = finding(&p.c, KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3);
	assert_int_equal(f->class, COMPARE_UNSAFE);
	assert_string_equal(f->text,
			    "the guest was told \"not-required\"; there it is \"not-available\"");
	assert_false(f->compat || f->remedy[0]);
	predict_end(&p);
	/* A guest that expects nothing loses nothing. */
	predict(&p, &kinds[2], "7.3", "5.10");
	f = finding(&p.c, KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3);
	assert_int_equal(f->class, COMPARE_HARMLESS);
	predict_end(&p);
}

static void a_pmu_version_without_a_pmu_is_harmless(void **state)
{
	const uint64_t dfr0 = ARM64_SYS_REG(3, 0, 0, 5, 0);
	struct prediction p;

	(void)state;
	predict(&p, &kinds[0], "5.10", "7.3");
	assert_int_equal(finding(&p.c, dfr0)->write, EINVAL);
	assert_int_equal(finding(&p.c, dfr0)->class, COMPARE_HARMLESS);
	assert_int_equal(comparison_worst(&p.c), COMPARE_HARMLESS);
	predict_end(&p);
	/* With a PMU it is a promise, which 7.3 keeps and 6.1 cannot. */
	predict(&p, &kinds[3], "5.10", "7.3");
	assert_int_equal(finding(&p.c, dfr0)->class, COMPARE_CARRIED);
	predict_end(&p);
	predict(&p, &kinds[3], "5.10", "6.1");
	assert_int_equal(finding(&p.c, dfr0)->class, COMPARE_IMPOSSIBLE);
	assert_false(finding(&p.c, dfr0)->compat);
	predict_end(&p);
}

static void registers_not_kept_there_are_told_apart(void **state)
{
	struct prediction p;

	(void)state;
	predict(&p, &kinds[0], "5.10", "7.3");
	assert_string_equal(named(&p.c, "PMEVCNTR7_EL0")->text,
			    "listed without the vCPU feature it belongs to");
	predict_end(&p);
	predict(&p, &kinds[0], "7.3", "6.1");
	assert_string_equal(named(&p.c, "CCSIDR9_EL1")->text,
			    "describes a cache that is not listed there");
	assert_int_equal(named(&p.c, "CNTP_CTL_EL0")->class, COMPARE_HARMLESS);
	assert_string_equal(named(&p.c, "VENDOR_HYP_BMAP_2")->text, "not there, and nothing is on");
	predict_end(&p);
}

static void an_id_field_is_named_with_both_values(void **state)
{
	const struct finding *f;
	struct prediction p;

	(void)state;
	predict(&p, &kinds[2], "7.3", "6.1");
	f = finding(&p.c, ARM64_SYS_REG(3, 0, 0, 7, 1));
	assert_int_equal(f->class, COMPARE_IMPOSSIBLE);
	assert_string_equal(f->text, "HCX 0x1 (there 0x0)");
	assert_true(f->compat);
	predict_end(&p);
}

static void another_cpu_is_unsafe_where_it_can_be_claimed_at_all(void **state)
{
	struct host_profile a, b;
	struct comparison c;

	(void)state;
	facts_profile(&a, "cortex-a72", "7.3");
	facts_profile(&b, "neoverse-n1", "7.3");
	assert_int_equal(compare_profiles(&a, &b, FACTS_PSCI, &c, NULL), 0);
	assert_int_equal(named(&c, "MIDR_EL1")->class, COMPARE_UNSAFE);
	comparison_free(&c);
	profile_free(&b);
	facts_profile(&b, "neoverse-n1", "6.1");
	assert_int_equal(compare_profiles(&a, &b, FACTS_PSCI, &c, NULL), 0);
	assert_int_equal(named(&c, "MIDR_EL1")->class, COMPARE_IMPOSSIBLE);
	comparison_free(&c);
	profile_free(&a);
	profile_free(&b);
}

/* Two hosts alike, and what a test changes in the second. */
static void twins(struct host_profile *a, struct host_profile *b)
{
	facts_profile(a, "max", "6.1");
	facts_profile(b, "max", "6.1");
}

static void twins_end(struct host_profile *a, struct host_profile *b)
{
	profile_free(a);
	profile_free(b);
}

/* The one finding about @name between them, copied. */
static struct finding between(const struct host_profile *a, const struct host_profile *b,
			      uint32_t features, const char *name)
{
	const struct finding *f;
	struct finding copy = { .class = COMPARE_SAME };
	struct comparison c;

	assert_int_equal(compare_profiles(a, b, features, &c, NULL), 0);
	f = named(&c, name);
	if (f)
		copy = *f;
	comparison_free(&c);
	return copy;
}

static void a_vcpu_feature_that_is_missing_is_named(void **state)
{
	struct host_profile a, b;
	struct finding f;

	(void)state;
	twins(&a, &b);
	b.full.features &= ~(FACTS_PMU | FACTS_PTRAUTH);
	f = between(&a, &b, a.full.features, "vCPU feature pmu");
	assert_int_equal(f.class, COMPARE_IMPOSSIBLE);
	assert_string_equal(f.remedy, "no --pmu");
	f = between(&a, &b, profile_default_features(&a), "vCPU feature ptrauth-address");
	assert_int_equal(f.class, COMPARE_IMPOSSIBLE);
	assert_true(f.compat);
	/* A VM without it does not care. */
	f = between(&a, &b, FACTS_PSCI, "vCPU feature ptrauth-address");
	assert_int_equal(f.class, COMPARE_SAME);
	twins_end(&a, &b);
}

static void interrupt_controllers_are_compared(void **state)
{
	struct host_profile a, b;
	struct finding f;

	(void)state;
	twins(&a, &b);
	a.gicv2_iidr = b.gicv2_iidr = 0x4b00343b;
	b.gicv3_iidr = 0;
	f = between(&a, &b, FACTS_PSCI, "gicv3");
	assert_int_equal(f.class, COMPARE_IMPOSSIBLE);
	assert_string_equal(f.remedy, "--irqchip=gicv2");
	b.gicv3_iidr = 0x4b00143b;
	f = between(&a, &b, FACTS_PSCI, "gicv3");
	assert_int_equal(f.class, COMPARE_HARMLESS);
	assert_string_equal(f.text, "revision 3 here, 1 there");
	f = between(&b, &a, FACTS_PSCI, "gicv3");
	assert_int_equal(f.class, COMPARE_CARRIED);
	a.gicv2_iidr = a.gicv3_iidr = 0;
	a.gicv2_iidr = 0x4b00343b;
	b.gicv2_iidr = 0;
	f = between(&a, &b, FACTS_PSCI, "gicv2");
	assert_int_equal(f.class, COMPARE_IMPOSSIBLE);
	assert_string_equal(f.remedy, "");
	twins_end(&a, &b);
}

static void a_counter_of_another_speed_is_unsafe(void **state)
{
	struct host_profile a, b;

	(void)state;
	twins(&a, &b);
	b.counter_hz = 1000000000;
	assert_int_equal(between(&a, &b, FACTS_PSCI, "counter-frequency").class, COMPARE_UNSAFE);
	b.counter_hz = 0; /* not known is not different */
	assert_int_equal(between(&a, &b, FACTS_PSCI, "counter-frequency").class, COMPARE_SAME);
	twins_end(&a, &b);
}

/* Gives the full vCPU SVE with the lengths of @vls (bit n: (n + 1) * 128). */
static void give_sve(struct host_profile *p, uint64_t vls)
{
	struct profile_register *reg = &p->full.reg[p->full.nr++];
	struct err e = { 0 };

	p->full.features |= 1u << KVM_ARM_VCPU_SVE;
	*reg = (struct profile_register){ .id = KVM_REG_ARM64_SVE_VLS, .value = vls };
	reg->wide = calloc(1, 64);
	memcpy(reg->wide, &vls, sizeof(vls));
	assert_int_equal(profile_sort(p, &e), 0);
}

static void vector_lengths_must_be_the_same_up_to_the_vms_longest(void **state)
{
	static const struct {
		uint64_t from, to;
		enum compare_class class;
		const char *text;
	} rows[] = {
		{ 0xf, 0xf, COMPARE_SAME, "" },
		{ 0x3, 0xf, COMPARE_CARRIED, "the VM's own are set there too" },
		{ 0xf, 0x3, COMPARE_IMPOSSIBLE, "512 bits only here" },
		{ 0xb, 0xf, COMPARE_IMPOSSIBLE, "384 bits only there" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct host_profile a, b;
		struct finding f;

		twins(&a, &b);
		give_sve(&a, rows[i].from);
		give_sve(&b, rows[i].to);
		f = between(&a, &b, a.full.features, "SVE vector lengths");
		assert_int_equal(f.class, rows[i].class);
		assert_string_equal(f.text, rows[i].text);
		twins_end(&a, &b);
	}
}

static void smaller_limits_are_told(void **state)
{
	struct host_profile a, b;

	(void)state;
	twins(&a, &b);
	b.ipa_bits = 40;
	b.max_vcpus = 8;
	assert_int_equal(between(&a, &b, FACTS_PSCI, "guest addresses").class, COMPARE_CARRIED);
	assert_int_equal(between(&a, &b, FACTS_PSCI, "number of vCPUs").class, COMPARE_CARRIED);
	twins_end(&a, &b);
}

static void findings_come_worst_first(void **state)
{
	struct prediction p;

	(void)state;
	predict(&p, &kinds[2], "7.3", "5.10");
	for (size_t i = 1; i < p.c.nr; i++)
		assert_true(p.c.finding[i - 1].class >= p.c.finding[i].class);
	predict_end(&p);
}

/* The report of two profiles, as a string to free. */
static char *report(const char *cpu, const char *kernel_a, const char *kernel_b, bool *a_to_b,
		    bool *b_to_a)
{
	struct host_profile a, b;
	struct err e = { 0 };
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	facts_profile(&a, cpu, kernel_a);
	facts_profile(&b, cpu, kernel_b);
	assert_int_equal(compare_print(&a, "a.dtb", &b, "b.dtb", false, out, a_to_b, b_to_a, &e),
			 0);
	fclose(out);
	profile_free(&a);
	profile_free(&b);
	return text;
}

static void has(const char *text, const char *part)
{
	if (!strstr(text, part)) {
		fprintf(stderr, "'%s' is not in\n%s\n", part, text);
		fail();
	}
}

static void no_line_is_too_long(const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		assert_true(len <= 100);
		text += len + (text[len] == '\n');
	}
}

static void the_report_gives_both_verdicts(void **state)
{
	bool a_to_b, b_to_a;
	char *text;

	(void)state;
	text = report("cortex-a72", "7.3", "6.1", &a_to_b, &b_to_a);
	assert_true(!a_to_b && b_to_a);
	has(text, "A  a.dtb: Linux 7.3\nB  b.dtb: Linux 6.1\n");
	has(text,
	    "  CLIDR_EL1                      0000000009200003  000000000a200023  Ctype2=0|4 ");
	has(text, "PSCI_VERSION: PSCI 1.3 is not offered there\n");
	has(text, "CCSIDR3_EL1 to CCSIDR13_EL1");
	has(text, "  verdict     not as it is; it could, started with --compat=b.dtb\n");
	has(text, "  verdict     yes\n");
	no_line_is_too_long(text);
	free(text);

	text = report("max", "5.10", "7.3", &a_to_b, &b_to_a);
	assert_true(!a_to_b && !b_to_a);
	has(text, "no, whatever it is started with, because of SMCCC_ARCH_WORKAROUND_3\n");
	no_line_is_too_long(text);
	free(text);

	text = report("max", "6.1", "6.1", &a_to_b, &b_to_a);
	assert_true(a_to_b && b_to_a);
	free(text);
}

/* Options that do it alone are named instead of --compat, which is more than is needed. */
static void the_smallest_remedy_is_named(void **state)
{
	struct host_profile a, b;
	struct err e = { 0 };
	bool a_to_b, b_to_a;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	twins(&a, &b);
	b.nr_psci = 3;
	for (size_t i = 0; i < b.nr_firmware; i++) {
		if (b.firmware[i].id == KVM_REG_ARM_STD_BMAP)
			b.firmware[i].takes = 0;
	}
	assert_int_equal(compare_write(&b, FACTS_PSCI, KVM_REG_ARM_STD_BMAP, 1), EINVAL);
	assert_int_equal(compare_write(&b, FACTS_PSCI, KVM_REG_ARM_STD_BMAP, 0), 0);
	assert_int_equal(compare_print(&a, "a", &b, "b", false, out, &a_to_b, &b_to_a, &e), 0);
	fclose(out);
	has(text, "  verdict     not as it is; it could, started with --psci-version=1.0 "
		  "--firmware trng=off\n");
	free(text);
	twins_end(&a, &b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_answer_of_kvm_is_predicted_row_by_row),
		cmocka_unit_test(a_vm_dressed_for_an_older_host_is_taken_there),
		cmocka_unit_test(upwards_everything_goes),
		cmocka_unit_test(a_psci_version_that_is_missing_there_names_one_that_is_not),
		cmocka_unit_test(services_that_vanish_are_unsafe_and_can_be_left_out),
		cmocka_unit_test(a_service_that_is_a_capability_is_judged_like_the_others),
		cmocka_unit_test(services_that_are_new_there_stay_off),
		cmocka_unit_test(a_mitigation_the_guest_counts_on_is_not_dropped_silently),
		cmocka_unit_test(a_pmu_version_without_a_pmu_is_harmless),
		cmocka_unit_test(registers_not_kept_there_are_told_apart),
		cmocka_unit_test(an_id_field_is_named_with_both_values),
		cmocka_unit_test(another_cpu_is_unsafe_where_it_can_be_claimed_at_all),
		cmocka_unit_test(a_vcpu_feature_that_is_missing_is_named),
		cmocka_unit_test(interrupt_controllers_are_compared),
		cmocka_unit_test(a_counter_of_another_speed_is_unsafe),
		cmocka_unit_test(vector_lengths_must_be_the_same_up_to_the_vms_longest),
		cmocka_unit_test(smaller_limits_are_told),
		cmocka_unit_test(findings_come_worst_first),
		cmocka_unit_test(the_report_gives_both_verdicts),
		cmocka_unit_test(the_smallest_remedy_is_named),
	};

	return cmocka_run_group_tests_name("compare", tests, NULL, NULL);
}
