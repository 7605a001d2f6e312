/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The default guest's list of firmware services. Only what a version has is called: SMCCC_VERSION
 * is found through PSCI_FEATURES (PSCI 1.0), and everything else needs SMCCC 1.1.
 */
#include "default.h"
#include "guest.h"

/* Result of SMCCC_ARCH_FEATURES for @fn. */
static int arch_features(const struct psci *p, uint32_t fn)
{
	return psci_call(p, SMCCC_ARCH_FEATURES, fn, 0, 0);
}

static void show_psci_functions(const struct psci *p)
{
	static const struct {
		uint32_t fn;
		const char *name;
	} functions[] = {
		{ PSCI_SYSTEM_RESET2, "SYSTEM_RESET2" },
		{ PSCI_SYSTEM_SUSPEND, "SYSTEM_SUSPEND" },
		{ PSCI_SYSTEM_OFF2, "SYSTEM_OFF2" },
	};
	unsigned int i;

	for (i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		print("service: %s %s\n", functions[i].name,
		      psci_has(p, functions[i].fn) ? "present" : "absent");
}

/* SMCCC, appendix "Arm architecture calls": 0, 1 and the negative results differ in meaning. */
static void show_workarounds(const struct psci *p)
{
	static const struct {
		uint32_t fn;
		const char *name;
		const char *other; /* any other negative result */
	} workarounds[] = {
		{ SMCCC_ARCH_WORKAROUND_1, "WORKAROUND_1", "not available" },
		{ SMCCC_ARCH_WORKAROUND_2, "WORKAROUND_2", "not available or unknown" },
		{ SMCCC_ARCH_WORKAROUND_3, "WORKAROUND_3", "not available" },
	};
	unsigned int i;

	for (i = 0; i < sizeof(workarounds) / sizeof(workarounds[0]); i++) {
		int result = arch_features(p, workarounds[i].fn);
		const char *words = workarounds[i].other;

		if (result == SMCCC_SUCCESS)
			words = "available";
		else if (result > 0 || result == SMCCC_NOT_REQUIRED)
			words = "not required";
		print("service: %s %s\n", workarounds[i].name, words);
	}
}

static void show_trng(const struct psci *p)
{
	int version = psci_call(p, TRNG_VERSION, 0, 0, 0);
	struct smccc_result r;

	if (version < 0) {
		print("service: TRNG absent\n");
		return;
	}
	r = smccc_call(p->conduit, TRNG_RND64, 64, 0, 0);
	print("service: TRNG %u.%u, %s\n", PSCI_MAJOR((uint32_t)version),
	      PSCI_MINOR((uint32_t)version),
	      (int32_t)r.x0 == SMCCC_SUCCESS ? "gives 64 bits" : "gives nothing now");
}

static void show_stolen_time(const struct psci *p)
{
	const char *words = "absent";

	if (arch_features(p, PV_TIME_FEATURES) >= 0)
		words = psci_call(p, PV_TIME_FEATURES, PV_TIME_ST, 0, 0) >= 0
				? "present"
				: "offered, not set up";
	print("service: stolen time %s\n", words);
}

static void show_vendor(const struct psci *p)
{
	static const uint32_t kvm[4] = { 0xb66fb428, 0xe911c52e, 0x564bcaa9, 0x743a004d };
	struct smccc_result r = smccc_call(p->conduit, VENDOR_HYP_CALL_UID, 0, 0, 0);
	uint32_t features;

	if ((int32_t)r.x0 == SMCCC_NOT_SUPPORTED) {
		print("service: vendor hypervisor absent\n");
		return;
	}
	if ((uint32_t)r.x0 != kvm[0] || (uint32_t)r.x1 != kvm[1] || (uint32_t)r.x2 != kvm[2] ||
	    (uint32_t)r.x3 != kvm[3]) {
		print("service: vendor hypervisor unknown, uid %08x %08x %08x %08x\n",
		      (uint32_t)r.x0, (uint32_t)r.x1, (uint32_t)r.x2, (uint32_t)r.x3);
		return;
	}
	features = (uint32_t)smccc_call(p->conduit, VENDOR_HYP_KVM_FEATURES, 0, 0, 0).x0;
	print("service: vendor hypervisor KVM, features 0x%x\n", features);
	print("service: PTP %s\n",
	      features & (1u << (VENDOR_HYP_KVM_PTP & 0xffff)) ? "present" : "absent");
}

void show_services(const struct psci *p)
{
	uint32_t smccc = psci_smccc_version(p);

	print("smccc: %u.%u\n", PSCI_MAJOR(smccc), PSCI_MINOR(smccc));
	if (p->version >= PSCI_V(1, 0))
		show_psci_functions(p);
	if (smccc < PSCI_V(1, 1))
		return;
	show_workarounds(p);
	show_trng(p);
	show_stolen_time(p);
	show_vendor(p);
}
