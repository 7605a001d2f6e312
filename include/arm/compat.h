/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * --compat: how a VM has to be started here so that it can later run on another host as well. The
 * judgement is arm/compare.c's; this turns it into settings, and refuses what no setting mends.
 */
#ifndef LKVM_ARM_COMPAT_H
#define LKVM_ARM_COMPAT_H

#include <stddef.h>
#include <stdint.h>
#include "arm/machine.h"
#include "arm/profile.h"
#include "util/err.h"

/* What tells one design of CPU from another, and so which errata it has: the registers' values. */
struct impl_cpu {
	uint64_t midr, revidr, aidr;
};

struct compat_write {
	uint64_t id, value;
};

struct compat {
	uint32_t features;   /* vCPU features, bits of struct kvm_vcpu_init, but for POWER_OFF */
	uint64_t sve[8];     /* vector lengths, as KVM_REG_ARM64_SVE_VLS has them */
	struct impl_cpu cpu; /* the other host's CPU */
	size_t nr;
	struct compat_write *write; /* ID registers that differ from this host's own; owned */
};

#define COMPAT_NONE ((struct compat){ 0 })

/*
 * Plans a VM of @cfg on the host @here that can go to the host @there, which the user calls @name.
 * Lowers cfg->psci and pins services in cfg->firmware where that is what it takes; the rest is put
 * in @c, the caller's to compat_free(). Each thing that stands in the way is told by log_warning();
 * then -EINVAL with @e set.
 */
int compat_plan(struct compat *c, struct machine_config *cfg, const struct host_profile *here,
		const struct host_profile *there, const char *name, struct err *e);
void compat_free(struct compat *c);

/* The same from the profile @name and a probe of this host. */
int compat_load(struct compat *c, struct machine_config *cfg, const char *name, struct err *e);

/*
 * Writes the ID registers of @c to @vcpu, which is initialised and has not run, and reads them back.
 * Before firmware registers are written, some of which depend on them.
 */
int compat_apply(const struct compat *c, int vcpu, struct err *e);

#endif
