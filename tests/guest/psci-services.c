/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The psci guest's questions about the services besides PSCI, and about the SMC Calling Convention
 * itself (DEN 0028). What is random or a time is checked, and printed as a word.
 */
#include "guest.h"
#include "psci-call.h"

#define BIT_64_CALL  0x40000000u
#define BIT_SVE_HINT 0x00010000u

#define PTP_VIRTUAL  0
#define PTP_PHYSICAL 1

/* No bit is set beyond @bits in x1 to x3, @width wide each, of which x3 has the lowest. */
static bool only_bits(const struct answer *a, unsigned int width, uint64_t bits)
{
	unsigned int reg;

	for (reg = 3; reg >= 1; reg--) {
		unsigned int here = bits < width ? (unsigned int)bits : width;

		if (here < 64 && a->x[reg] >> here)
			return false;
		bits -= here;
	}
	return true;
}

/* TRNG_RND32, TRNG_RND64 (@width 32 or 64) for @bits bits; 32 zeros and more are no chance. */
static void ask_random(unsigned int width, uint64_t bits)
{
	struct answer a = call(width == 64 ? TRNG_RND64 : TRNG_RND32, bits, 0, 0);
	const char *got = "bits";

	print("trng TRNG_RND%u(%lu)", width, bits);
	print_answer(READ_TRNG, &a);
	if (a.x[0])
		return;
	if (!only_bits(&a, width, bits))
		got = "more bits than asked for";
	else if (!bits || (bits >= 32 && !(a.x[1] | a.x[2] | a.x[3])))
		got = "nothing";
	else if (bits >= 96 && !(a.x[2] & 0xffffffff))
		got = "too few bits";
	print("trng TRNG_RND%u(%lu) gives = %s\n", width, bits, got);
}

static void ask_trng(void)
{
	static const uint64_t bits32[] = { 0, 1, 32, 96, 97 };
	static const uint64_t bits64[] = { 0, 1, 64, 192, 193, 1ul << 32 };
	struct answer a = call(TRNG_GET_UUID, 0, 0, 0);
	unsigned int i;

	ask("trng TRNG_VERSION()", READ_VERSION, TRNG_VERSION, 0, 0, 0);
	ask("trng TRNG_VERSION as a 64-bit call", READ_TRNG, TRNG_VERSION | BIT_64_CALL, 0, 0, 0);
	ask("trng TRNG_FEATURES(TRNG_VERSION)", READ_TRNG, TRNG_FEATURES, TRNG_VERSION, 0, 0);
	ask("trng TRNG_FEATURES(TRNG_FEATURES)", READ_TRNG, TRNG_FEATURES, TRNG_FEATURES, 0, 0);
	ask("trng TRNG_FEATURES(TRNG_GET_UUID)", READ_TRNG, TRNG_FEATURES, TRNG_GET_UUID, 0, 0);
	ask("trng TRNG_FEATURES(TRNG_RND32)", READ_TRNG, TRNG_FEATURES, TRNG_RND32, 0, 0);
	ask("trng TRNG_FEATURES(TRNG_RND64)", READ_TRNG, TRNG_FEATURES, TRNG_RND64, 0, 0);
	ask("trng TRNG_FEATURES(PSCI_VERSION)", READ_TRNG, TRNG_FEATURES, PSCI_VERSION, 0, 0);
	print("trng TRNG_GET_UUID() = %s\n",
	      (uint32_t)a.x[0] == 0xffffffff ? "NOT_SUPPORTED" : "a UUID");
	for (i = 0; i < sizeof(bits32) / sizeof(bits32[0]); i++)
		ask_random(32, bits32[i]);
	for (i = 0; i < sizeof(bits64) / sizeof(bits64[0]); i++)
		ask_random(64, bits64[i]);
}

static void ask_arch(void)
{
	static const struct {
		const char *name;
		uint32_t fn;
	} functions[] = {
		{ "SMCCC_VERSION", SMCCC_VERSION },
		{ "SMCCC_ARCH_FEATURES", SMCCC_ARCH_FEATURES },
		{ "SMCCC_ARCH_SOC_ID_32", SMCCC_ARCH_SOC_ID },
		{ "SMCCC_ARCH_SOC_ID_64", SMCCC_ARCH_SOC_ID_64 },
		{ "SMCCC_ARCH_FEATURE_AVAILABILITY", SMCCC_ARCH_FEATURE_AVAILABILITY },
		{ "SMCCC_ARCH_WORKAROUND_1", SMCCC_ARCH_WORKAROUND_1 },
		{ "SMCCC_ARCH_WORKAROUND_2", SMCCC_ARCH_WORKAROUND_2 },
		{ "SMCCC_ARCH_WORKAROUND_3", SMCCC_ARCH_WORKAROUND_3 },
		{ "SMCCC_ARCH_WORKAROUND_4", SMCCC_ARCH_WORKAROUND_4 },
		{ "PV_TIME_FEATURES", PV_TIME_FEATURES },
		{ "PV_TIME_ST", PV_TIME_ST },
		{ "PSCI_VERSION", PSCI_VERSION },
		{ "TRNG_VERSION", TRNG_VERSION },
		{ "0xffffffff", 0xffffffff },
	};
	unsigned int i;

	ask("smccc SMCCC_VERSION()", READ_VERSION, SMCCC_VERSION, 0, 0, 0);
	for (i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		struct answer a = call(SMCCC_ARCH_FEATURES, functions[i].fn, 0, 0);

		print("smccc ARCH_FEATURES(%s)", functions[i].name);
		print_answer(READ_SMCCC, &a);
	}
	ask("smccc SMCCC_ARCH_SOC_ID_32(version)", READ_SMCCC, SMCCC_ARCH_SOC_ID, 0, 0, 0);
	ask("smccc SMCCC_ARCH_SOC_ID_32(revision)", READ_SMCCC, SMCCC_ARCH_SOC_ID, 1, 0, 0);
	ask("smccc SMCCC_ARCH_SOC_ID_32(3)", READ_SMCCC, SMCCC_ARCH_SOC_ID, 3, 0, 0);
	ask("smccc SMCCC_ARCH_SOC_ID_64(name)", READ_SMCCC, SMCCC_ARCH_SOC_ID_64, 2, 0, 0);
}

/* The mitigation calls have no result; what counts is that they come back and leave the rest. */
static void ask_workarounds(void)
{
	static const struct {
		const char *name;
		uint32_t fn;
		uint64_t argument;
	} functions[] = {
		{ "SMCCC_ARCH_WORKAROUND_1()", SMCCC_ARCH_WORKAROUND_1, 0 },
		{ "SMCCC_ARCH_WORKAROUND_2(off)", SMCCC_ARCH_WORKAROUND_2, 0 },
		{ "SMCCC_ARCH_WORKAROUND_2(on)", SMCCC_ARCH_WORKAROUND_2, 1 },
		{ "SMCCC_ARCH_WORKAROUND_3()", SMCCC_ARCH_WORKAROUND_3, 0 },
	};
	unsigned int i;

	for (i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		struct answer a = call(functions[i].fn, functions[i].argument, 0, 0);

		a.x[0] = (uint64_t) "back";
		print("smccc %s", functions[i].name);
		print_answer(READ_TEXT, &a);
	}
}

static void ask_time(void)
{
	struct answer a;

	ask("pvtime PV_TIME_FEATURES(PV_TIME_FEATURES)", READ_SMCCC, PV_TIME_FEATURES,
	    PV_TIME_FEATURES, 0, 0);
	ask("pvtime PV_TIME_FEATURES(PV_TIME_ST)", READ_SMCCC, PV_TIME_FEATURES, PV_TIME_ST, 0, 0);
	ask("pvtime PV_TIME_FEATURES(PSCI_VERSION)", READ_SMCCC, PV_TIME_FEATURES, PSCI_VERSION, 0,
	    0);
	a = call(PV_TIME_ST, 0, 0, 0);
	if ((int64_t)a.x[0] > 0)
		a.x[0] = (uint64_t)((a.x[0] & 63) ? "an address, not aligned to 64" : "an address");
	else
		a.x[0] = (uint64_t)(a.x[0] == (uint64_t)SMCCC_NOT_SUPPORTED ? "NOT_SUPPORTED"
									    : "neither");
	print("pvtime PV_TIME_ST()");
	print_answer(READ_TEXT, &a);
}

/* KVM's PTP: the time of day in x0:x1, the counter's value at that moment in x2:x3. */
static void ask_ptp(const char *text, uint64_t counter)
{
	uint64_t before = counter_now(), after, then;
	struct answer a = call(VENDOR_HYP_KVM_PTP, counter, 0, 0);

	after = counter_now();
	then = a.x[2] << 32 | (uint32_t)a.x[3];
	print("%s", text);
	if ((int64_t)a.x[0] > 0 || (!a.x[0] && a.x[1])) {
		if (counter == PTP_VIRTUAL && (then < before || then > after))
			a.x[0] = (uint64_t) "a time, at no moment of this counter";
		else
			a.x[0] = (uint64_t) "a time";
		print_answer(READ_TEXT, &a);
	} else {
		print_answer(READ_SMCCC, &a);
	}
}

/* The CPUs that the VM may run on: MIDR_EL1, REVIDR_EL1 and AIDR_EL1 of each in x1 to x3. */
static void ask_implementation(uint64_t index)
{
	struct answer a = call(VENDOR_HYP_KVM_DISCOVER_IMPL_CPUS, index, 0, 0);

	print("vendor DISCOVER_IMPL_CPUS(%lu)", index);
	if (a.x[0]) {
		print_answer(READ_SMCCC, &a);
		return;
	}
	if (a.x[1] == sysreg_read(midr_el1) && a.x[2] == sysreg_read(revidr_el1) &&
	    a.x[3] == sysreg_read(aidr_el1))
		print(" = this CPU\n");
	else
		print(" = MIDR_EL1 0x%lx, REVIDR_EL1 0x%lx, AIDR_EL1 0x%lx\n", a.x[1], a.x[2],
		      a.x[3]);
}

static void ask_implementations(void)
{
	struct answer a = call(VENDOR_HYP_KVM_DISCOVER_IMPL_VER, 0, 0, 0);

	print("vendor DISCOVER_IMPL_VER()");
	if (a.x[0])
		print_answer(READ_SMCCC, &a);
	else
		print(" = %lu.%lu, CPUs: %lu, 0x%lx\n", a.x[1] >> 16, a.x[1] & 0xffff, a.x[2],
		      a.x[3]);
	ask_implementation(0);
	ask_implementation(1);
	ask_implementation(2);
	ask_implementation(1ul << 32);
	ask("vendor DISCOVER_IMPL_VER as a 32-bit call", READ_SMCCC,
	    VENDOR_HYP_KVM_DISCOVER_IMPL_VER & ~BIT_64_CALL, 0, 0, 0);
}

static void ask_vendor(void)
{
	static const uint32_t kvm[4] = { 0xb66fb428, 0xe911c52e, 0x564bcaa9, 0x743a004d };
	struct answer a = call(VENDOR_HYP_CALL_UID, 0, 0, 0);
	unsigned int i;

	for (i = 0; i < 4 && (uint32_t)a.x[i] == kvm[i]; i++)
		;
	print("vendor CALL_UID() = %s\n", i == 4                           ? "KVM's"
					  : (uint32_t)a.x[0] == 0xffffffff ? "NOT_SUPPORTED"
									   : "another's");
	a = call(VENDOR_HYP_KVM_FEATURES, 0, 0, 0);
	if ((uint32_t)a.x[0] == 0xffffffff)
		print("vendor FEATURES() = NOT_SUPPORTED\n");
	else
		print("vendor FEATURES() = 0x%lx 0x%lx 0x%lx 0x%lx\n", a.x[0], a.x[1], a.x[2],
		      a.x[3]);
	ask_ptp("vendor PTP(virtual counter)", PTP_VIRTUAL);
	ask_ptp("vendor PTP(physical counter)", PTP_PHYSICAL);
	ask_ptp("vendor PTP(2)", 2);
	ask("vendor HYP_MEMINFO()", READ_SMCCC, VENDOR_HYP_KVM_HYP_MEMINFO, 0, 0, 0);
	ask("vendor MEM_SHARE()", READ_SMCCC, VENDOR_HYP_KVM_MEM_SHARE, 0, 0, 0);
	ask("vendor MEM_UNSHARE()", READ_SMCCC, VENDOR_HYP_KVM_MEM_UNSHARE, 0, 0, 0);
	ask("vendor MMIO_GUARD()", READ_SMCCC, VENDOR_HYP_KVM_MMIO_GUARD, 0, 0, 0);
	ask_implementations();
}

/* A function that nobody has, of each owner: -1 in x0, sign-extended, in both conventions. */
static void ask_unknown(void)
{
	static const struct {
		const char *name;
		uint32_t nr;
	} owners[] = {
		{ "Arm architecture", 0 },
		{ "CPU", 1 },
		{ "SiP", 2 },
		{ "OEM", 3 },
		{ "standard secure", 4 },
		{ "standard hypervisor", 5 },
		{ "vendor hypervisor", 6 },
		{ "vendor EL3 monitor", 7 },
		{ "reserved owner", 0x10 },
		{ "trusted application", 0x30 },
		{ "trusted OS", 0x32 },
	};
	unsigned int i, both;

	for (i = 0; i < sizeof(owners) / sizeof(owners[0]); i++)
		for (both = 0; both < 2; both++) {
			uint64_t fn = 0x8000f00du | owners[i].nr << 24 | (both ? BIT_64_CALL : 0);
			struct answer a = call(fn, 0, 0, 0);

			print("smccc unknown, %s_%u", owners[i].name, both ? 64 : 32);
			if (a.x[0] == 0xffffffff)
				a.x[0] = (uint64_t) "NOT_SUPPORTED, but not sign-extended";
			else if (a.x[0] == (uint64_t)SMCCC_NOT_SUPPORTED)
				a.x[0] = (uint64_t) "NOT_SUPPORTED";
			else
				a.x[0] = (uint64_t) "something else";
			print_answer(READ_TEXT, &a);
		}
}

/* An instruction that is not there is stepped over, with a word of ours as its answer. */
static bool step_over(struct guest *g, struct trap *t)
{
	(void)g;
	if (ESR_EC(t->esr) != 0)
		return false;
	t->x[0] = (uint64_t) "an undefined instruction";
	t->elr += 4;
	return true;
}

static void ask_convention(struct guest *g)
{
	struct answer a;

	ask("smccc PSCI_VERSION, bits 63 to 32 of x0 set", READ_VERSION,
	    0xdeadbeef00000000 | PSCI_VERSION, 0, 0, 0);
	ask("smccc PSCI_VERSION, not as a fast call", READ_VERSION, PSCI_VERSION & 0x7fffffff, 0, 0,
	    0);
	ask("smccc yielding call 0", READ_SMCCC, 0, 0, 0, 0);
	ask("smccc PSCI_VERSION, with the hint of SMCCC 1.3", READ_VERSION,
	    PSCI_VERSION | BIT_SVE_HINT, 0, 0, 0);
	ask("smccc SMCCC_VERSION as a 64-bit call", READ_VERSION, SMCCC_VERSION | BIT_64_CALL, 0, 0,
	    0);
	a = call_by(psci_hvc_1, PSCI_VERSION, 0, 0, 0);
	print("smccc PSCI_VERSION by HVC with immediate 1");
	print_answer(READ_VERSION, &a);

	g->on_trap = step_over;
	a = call_by(psci_smc, PSCI_VERSION, 0, 0, 0);
	g->on_trap = NULL;
	print("smccc PSCI_VERSION by SMC");
	print_answer(a.x[0] > 1ul << 30 && (int64_t)a.x[0] > 0 ? READ_TEXT : READ_VERSION, &a);

	print("smccc x4 to x30 after all these calls = %s\n",
	      call_ever_changed() ? "changed by some" : "preserved");
}

void ask_services(struct guest *g)
{
	ask_arch();
	ask_workarounds();
	ask_trng();
	ask_time();
	ask_vendor();
	ask_unknown();
	ask_convention(g);
}
