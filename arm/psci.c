/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PSCI versions: read from the command line, pinned in KVM's firmware register.
 *
 * The register holds the host's best until it is written, so the VM itself tells what the host
 * offers: no second VM is made to ask.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "arm/psci.h"
#include "kvm/kvm.h"
#include "psci-user.h"
#include "util/bits.h"

/* Every version Arm has published that KVM can know; a host has a part of them. */
static const uint32_t versions[] = {
	PSCI_VERSION(0, 1), PSCI_VERSION(0, 2), PSCI_VERSION(1, 0),
	PSCI_VERSION(1, 1), PSCI_VERSION(1, 2), PSCI_VERSION(1, 3),
};

/* Room for every version and ", " between. */
#define LIST_SIZE (ARRAY_SIZE(versions) * (PSCI_TEXT_SIZE + 2))

const char *psci_format(uint32_t version, char text[PSCI_TEXT_SIZE])
{
	/* A host's register may hold what no version has: still bounded. */
	snprintf(text, PSCI_TEXT_SIZE, "%u.%u", PSCI_MAJOR(version) % 1000,
		 PSCI_MINOR(version) % 1000);
	return text;
}

static void list_add(char list[LIST_SIZE], uint32_t version)
{
	char text[PSCI_TEXT_SIZE];
	size_t len = strlen(list);

	snprintf(list + len, LIST_SIZE - len, "%s%s", len ? ", " : "", psci_format(version, text));
}

int psci_parse(const char *text, uint32_t *version, struct err *e)
{
	char list[LIST_SIZE] = "", known[PSCI_TEXT_SIZE];

	if (strcmp(text, "auto") == 0) {
		*version = PSCI_AUTO;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		if (strcmp(text, psci_format(versions[i], known)) == 0) {
			*version = versions[i];
			return 0;
		}
		list_add(list, versions[i]);
	}
	return err_set(e, EINVAL, "'%s' is not a PSCI version (there are %s, and auto)", text,
		       list);
}

/*
 * "0.1, 0.2, 1.0": what the host takes, tried one by one. 0.1 is the absence of a vCPU feature and
 * not of the register's doing; every KVM has it.
 */
static void list_offered(int vcpu, char list[LIST_SIZE])
{
	list_add(list, PSCI_VERSION(0, 1));
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		if (psci_needs_feature(versions[i]) &&
		    kvm_set_reg(vcpu, KVM_REG_ARM_PSCI_VERSION, versions[i]) == 0)
			list_add(list, versions[i]);
	}
}

static int refuse(int vcpu, uint32_t want, struct err *e)
{
	char list[LIST_SIZE] = "", text[PSCI_TEXT_SIZE];

	list_offered(vcpu, list);
	return err_set(e, EINVAL, "PSCI %s is not offered by this host's KVM (it offers %s)",
		       psci_format(want, text), list);
}

/* A KVM without the register (before 4.17): the vCPU feature alone decides. */
static int apply_without_register(uint32_t want, uint32_t *effective, struct err *e)
{
	char text[PSCI_TEXT_SIZE];

	if (want == PSCI_AUTO)
		want = PSCI_VERSION(0, 2);
	if (want > PSCI_VERSION(0, 2))
		return err_set(
			e, EINVAL,
			"PSCI %s cannot be chosen: this host's KVM has no PSCI version register "
			"(it offers 0.1, 0.2)",
			psci_format(want, text));
	*effective = want;
	return 0;
}

int psci_apply(int vcpu, uint32_t want, uint32_t *effective, struct err *e)
{
	char text[PSCI_TEXT_SIZE], got_text[PSCI_TEXT_SIZE];
	uint64_t best, got;
	int ret;

	ret = kvm_get_reg(vcpu, KVM_REG_ARM_PSCI_VERSION, &best);
	if (ret == -ENOENT)
		return apply_without_register(want, effective, e);
	if (ret < 0)
		return err_set(e, -ret, "cannot read KVM's PSCI version: %s", strerror(-ret));
	if (want == PSCI_AUTO)
		want = (uint32_t)best;

	ret = kvm_set_reg(vcpu, KVM_REG_ARM_PSCI_VERSION, want);
	if (ret == -EINVAL)
		return refuse(vcpu, want, e);
	if (ret < 0)
		return err_set(e, -ret, "cannot set KVM's PSCI version to %s: %s",
			       psci_format(want, text), strerror(-ret));

	ret = kvm_get_reg(vcpu, KVM_REG_ARM_PSCI_VERSION, &got);
	if (ret < 0)
		return err_set(e, -ret, "cannot read KVM's PSCI version back: %s", strerror(-ret));
	if (got != want)
		return err_set(e, EIO, "KVM was told PSCI %s and gives %s", psci_format(want, text),
			       psci_format((uint32_t)got, got_text));
	*effective = want;
	return 0;
}

/* Hands every id of PSCI, in both calling conventions, to user space. */
static int take_calls(int vm)
{
	int ret = kvm_filter_smccc(vm, PSCI_FN_32, PSCI_FN_NR, KVM_SMCCC_FILTER_FWD_TO_USER);

	if (ret == 0)
		ret = kvm_filter_smccc(vm, PSCI_FN_64, PSCI_FN_NR, KVM_SMCCC_FILTER_FWD_TO_USER);
	return ret;
}

int psci_apply_user(int vm, int vcpu, uint32_t want, uint32_t *effective, struct err *e)
{
	int ret;

	if (want == PSCI_AUTO)
		want = versions[ARRAY_SIZE(versions) - 1];
	if (!psci_needs_feature(want))
		return err_set(e, EINVAL,
			       "PSCI 0.1 is not offered with --psci=user: every KVM has it, take "
			       "--psci=kernel");
	ret = take_calls(vm);
	if (ret == -ENXIO || ret == -EINVAL || ret == -ENOTTY)
		return err_set(e, -ret,
			       "--psci=user takes Linux 6.4 or later on the host: this one's KVM "
			       "does not hand PSCI calls to user space");
	if (ret < 0)
		return err_set(e, -ret, "KVM cannot hand PSCI calls to user space: %s",
			       strerror(-ret));
	ret = kvm_set_reg(vcpu, KVM_REG_ARM_PSCI_VERSION, PSCI_VERSION(0, 2));
	if (ret < 0)
		return err_set(e, -ret, "cannot set KVM's PSCI version to 0.2: %s", strerror(-ret));
	*effective = want;
	return 0;
}
