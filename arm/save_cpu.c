/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vCPUs' state: every register that KVM lists, whether it runs, and exceptions that wait.
 *
 * Registers go back in this order, as those that describe the CPU decide what others may hold: ID registers and caches,
 * firmware registers, the rest. The two counters come last, and once, because they are the whole VM's: the guest's
 * time goes on where it stood. A register that KVM refuses is no harm if it holds the saved value anyway; all others are
 * told, and the VM is not restored.
 */
#include <errno.h>
#include <inttypes.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "arm/probe.h"
#include "arm/registers.h"
#include "arm/save.h"
#include "compare_value.h"
#include "kvm/kvm.h"
#include "save_parts.h"
#include "util/bits.h"
#include "util/cleanup.h"
#include "vm/timer.h"

#define COMPATIBLE "lkvm,cpu-1"

/* So many registers that the host refuses are told one by one. */
#define TELL_MAX 16

/* Of SVE the vector lengths are in saved_machine: they have to be set before a vCPU is final. */
static bool is_special(uint64_t id)
{
	return id == KVM_REG_ARM64_SVE_VLS;
}

static bool is_counter(uint64_t id)
{
	return id == KVM_REG_ARM_TIMER_CNT || id == KVM_REG_ARM_PTIMER_CNT;
}

/* In a tree numbers are big-endian, also long ones; in memory here they are little-endian. */
static void reverse(uint8_t *to, const uint8_t *from, size_t size)
{
	for (size_t i = 0; i < size; i++)
		to[i] = from[size - 1 - i];
}

static int save_registers(int vcpu, struct dt *dt)
{
	uint8_t value[REGISTER_BYTES_MAX], be[REGISTER_BYTES_MAX];
	autofree uint64_t *ids = NULL;
	ssize_t nr = kvm_list_regs(vcpu, &ids);
	char name[REGISTER_NAME_SIZE];

	dt_begin(dt, "registers");
	for (ssize_t i = 0; i < nr; i++) {
		size_t size = register_size(ids[i]);
		int ret;

		if (is_special(ids[i]) || !size || size > sizeof(value))
			continue;
		ret = kvm_get_reg_bytes(vcpu, ids[i], value);
		if (ret == -ENOENT) /* old kernels list what a vCPU without the feature has not */
			continue;
		if (ret < 0)
			return ret;
		reverse(be, value, size);
		dt_bytes(dt, register_name(ids[i], name), be, size);
	}
	dt_end(dt);
	return nr < 0 ? (int)nr : 0;
}

static int save_cpu(int vcpu, struct dt *dt)
{
	struct kvm_vcpu_events events;
	uint32_t state = 0;
	int ret = kvm_get_mp_state(vcpu, &state);

	if (ret >= 0)
		ret = kvm_get_events(vcpu, &events);
	if (ret < 0)
		return ret;
	dt_string(dt, "compatible", COMPATIBLE);
	dt_cells(dt, "mp-state", state);
	dt_cells(dt, "serror", events.exception.serror_pending, events.exception.serror_has_esr);
	dt_u64(dt, "serror-esr", events.exception.serror_esr);
	return save_registers(vcpu, dt);
}

int cpus_save(struct machine *m, struct dt *dt, struct err *e)
{
	for (unsigned int id = 0; id < m->vm.nr_vcpus; id++) {
		int ret;

		dt_begin(dt, "cpu@%x", id);
		ret = save_cpu(m->vm.vcpu[id].fd, dt);
		dt_end(dt);
		if (ret < 0)
			return err_set(e, -ret, "KVM does not tell the state of vCPU %u: %s", id,
				       strerror(-ret));
	}
	return 0;
}

/* --- And back --- */

/* The nodes of vCPUs and of their registers. */
static void find_cpu(struct dt_in *in, unsigned int id, int *cpu, int *registers)
{
	char name[16];

	snprintf(name, sizeof(name), "cpu@%x", id);
	*cpu = dt_in_node(in, 0, name, COMPATIBLE);
	*registers = dt_in_node(in, *cpu, "registers", NULL);
}

void cpu_registers_in(struct dt_in *in, unsigned int id,
		      void (*take)(void *ctx, uint64_t id, const char *name, const uint8_t *value,
				   size_t size),
		      void *ctx)
{
	uint8_t value[REGISTER_BYTES_MAX];
	int cpu, node, prop;

	find_cpu(in, id, &cpu, &node);
	if (in->ret < 0)
		return;
	fdt_for_each_property_offset(prop, in->fdt, node)
	{
		const char *name;
		int len;
		const uint8_t *be = fdt_getprop_by_offset(in->fdt, prop, &name, &len);
		uint64_t reg;

		if (!be || !register_by_name(name, &reg)) {
			dt_in_fail(in, be ? name : "registers", "no register");
			return;
		}
		if ((size_t)len != register_size(reg) || (size_t)len > sizeof(value)) {
			dt_in_fail(in, name, "its length is wrong");
			return;
		}
		reverse(value, be, (size_t)len);
		take(ctx, reg, name, value, (size_t)len);
	}
}

enum pass { PASS_ID, PASS_FIRMWARE, PASS_STATE, NR_PASSES };

/* A restore of all vCPUs' registers. */
struct restore {
	struct dt_in *in;
	int vcpu;
	unsigned int id;
	unsigned int nr_refused;
	enum pass pass;
	uint32_t features; /* of the vCPUs */
	bool steal_time;   /* this KVM has it, whatever registers it has */
	const struct allow *allow;
};

static enum pass pass_of(uint64_t id)
{
	switch (register_kind(id)) {
	case REGISTER_ID:
	case REGISTER_CACHE:
		return PASS_ID;
	case REGISTER_PSCI:
	case REGISTER_LEVEL:
	case REGISTER_SERVICES:
		return PASS_FIRMWARE;
	default:
		return PASS_STATE;
	}
}

static void refused(struct restore *r, const char *name, const char *why)
{
	if (r->nr_refused++ < TELL_MAX)
		log_warning("vCPU %u: this host's KVM does not take register %s%s", r->id, name,
			    why);
}

static uint64_t low(const uint8_t *value, size_t size)
{
	uint64_t bits = 0;

	memcpy(&bits, value, size < sizeof(bits) ? size : sizeof(bits));
	return le64toh(bits);
}

/* Whether the guest misses nothing if this KVM has no such register: what `lkvm check` calls harmless. */
static bool may_be_left_out(const struct restore *r, uint64_t id, const uint8_t *value, size_t size)
{
	for (size_t i = sizeof(uint64_t); i < size; i++) {
		if (value[i])
			return false;
	}
	return register_features(id) & ~r->features ||
	       compare_is_dispensable(id, low(value, size), r->steal_time);
}

/* An ID register whose value KVM refused: without the fields that tell of a vCPU feature which this VM does not have. */
static bool write_but_foreign(const struct restore *r, uint64_t id, uint64_t is, uint64_t want)
{
	uint64_t differing = is ^ want;
	uint64_t value = want ^ (differing & compare_foreign_bits(id, differing, r->features));

	if (register_kind(id) != REGISTER_ID)
		return false;
	return value == is || (value != want && kvm_set_reg(r->vcpu, id, value) == 0);
}

/* Services that this KVM has and the old one had not, and so not the guest: none appears in mid-life. */
static void hide_new_services(struct restore *r)
{
	static const uint64_t services[] = { KVM_REG_ARM_STD_BMAP, KVM_REG_ARM_VENDOR_HYP_BMAP,
					     KVM_REG_ARM_VENDOR_HYP_BMAP_2 };
	int cpu, registers;

	find_cpu(r->in, 0, &cpu, &registers);
	for (size_t i = 0; i < ARRAY_SIZE(services) && r->in->ret == 0; i++) {
		char name[REGISTER_NAME_SIZE];
		int ret;

		if (dt_in_has(r->in, registers, register_name(services[i], name)))
			continue;
		ret = kvm_set_reg(r->vcpu, services[i], 0);
		if (ret < 0 && ret != -ENOENT)
			refused(r, name, ", which has to be 0");
	}
}

/* Whether the guest would go on, on another CPU, believing in the errata of the one it knows; a KVM since 6.15 would let it. */
static bool is_another_cpu(const struct restore *r, uint64_t id, const char *name,
			   const uint8_t *want, size_t size)
{
	uint8_t is[REGISTER_BYTES_MAX];

	return compare_names_cpu(id) && kvm_get_reg_bytes(r->vcpu, id, is) == 0 &&
	       memcmp(is, want, size) && !allow_has(r->allow, name);
}

/*
 * Whether a value that KVM does not take (@ret) is not needed. Describing registers are mostly what they have to be already, and
 * writing them may be refused even so.
 */
static bool is_as_good(const struct restore *r, uint64_t id, const uint8_t *want, size_t size,
		       int ret)
{
	uint8_t is[REGISTER_BYTES_MAX];

	if (ret == -ENOENT)
		return may_be_left_out(r, id, want, size);
	if (kvm_get_reg_bytes(r->vcpu, id, is) < 0)
		return false;
	return !memcmp(is, want, size) || write_but_foreign(r, id, low(is, size), low(want, size));
}

/*
 * Whether the user lets the guest go on without it: what `lkvm check` calls unsafe, and not what it calls impossible. Of services it
 * then has those that both KVMs have, of all else what this one has.
 */
static bool is_allowed(const struct restore *r, uint64_t id, const char *name, const uint8_t *want,
		       int ret)
{
	enum register_kind kind = register_kind(id);
	uint64_t is;

	if (kind == REGISTER_PSCI || !allow_has(r->allow, name))
		return false;
	if (ret != -ENOENT && (kind == REGISTER_ID || kind == REGISTER_CACHE))
		return false;
	if (r->id == 0)
		log_warning("the guest goes on without its %s, which --allow lets pass", name);
	return ret == -ENOENT || kind != REGISTER_SERVICES ||
	       (kvm_get_reg(r->vcpu, id, &is) == 0 &&
		kvm_set_reg(r->vcpu, id, is & low(want, sizeof(is))) == 0);
}

static void write_register(struct restore *r, uint64_t id, const char *name, const uint8_t *want,
			   size_t size)
{
	int ret;

	if (is_another_cpu(r, id, name, want, size)) {
		refused(r, name, ": it is another CPU's");
		return;
	}
	ret = kvm_set_reg_bytes(r->vcpu, id, want);
	if (ret < 0 && !is_as_good(r, id, want, size, ret) && !is_allowed(r, id, name, want, ret))
		refused(r, name,
			ret == -ENOENT   ? ": it has none"
			: ret == -EINVAL ? "'s value"
					 : "");
}

/* A pass over a vCPU's registers: those of another pass wait for it, and the counters for the end. */
static void restore_register(void *ctx, uint64_t id, const char *name, const uint8_t *value,
			     size_t size)
{
	struct restore *r = ctx;

	if (!is_special(id) && !is_counter(id) && pass_of(id) == r->pass)
		write_register(r, id, name, value, size);
}

static void restore_events(struct restore *r, int node)
{
	struct kvm_vcpu_events events = { 0 };
	uint32_t serror[2] = { 0 }, state = 0;
	int ret;

	dt_in_cells(r->in, node, "serror", serror, 2);
	dt_in_u64(r->in, node, "serror-esr", (uint64_t *)&events.exception.serror_esr);
	dt_in_u32(r->in, node, "mp-state", &state);
	if (r->in->ret == 0 && (serror[0] > 1 || serror[1] > 1))
		dt_in_fail(r->in, "serror", "no such value");
	if (r->in->ret == 0 && state != KVM_MP_STATE_RUNNABLE && state != KVM_MP_STATE_STOPPED)
		dt_in_fail(r->in, "mp-state", "no such value");
	if (r->in->ret < 0)
		return;
	events.exception.serror_pending = (uint8_t)serror[0];
	events.exception.serror_has_esr = (uint8_t)serror[1];
	ret = serror[0] ? kvm_set_events(r->vcpu, &events) : 0;
	if (ret >= 0)
		ret = kvm_set_mp_state(r->vcpu, state);
	if (ret < 0)
		refused(r, "mp-state", " and events");
}

/*
 * The guest's clock goes on, with --clock=run from @away ticks later: KVM works out the VM's offset from the value. A KVM before 6.4 has no physical counter
 * that can be set; there the guest sees the host's.
 */
static void restore_counter(struct restore *r, int node, uint64_t id, uint64_t away)
{
	char name[REGISTER_NAME_SIZE];
	uint64_t value;
	int ret;

	register_name(id, name);
	if (!dt_in_has(r->in, node, name))
		return;
	dt_in_u64(r->in, node, name, &value);
	if (r->in->ret < 0)
		return;
	ret = kvm_set_reg(r->vcpu, id, value + away);
	if (ret < 0 && id == KVM_REG_ARM_TIMER_CNT)
		refused(r, name, "");
}

int cpus_restore(struct machine *m, struct dt_in *in)
{
	struct restore r = {
		.in = in,
		.features = m->cfg->saved->features,
		.allow = &m->cfg->allow,
		.steal_time = kvm_check_extension(m->vm.fd, KVM_CAP_STEAL_TIME) > 0,
	};
	uint64_t away = 0;
	int cpu, registers;

	for (r.pass = 0; r.pass < NR_PASSES && in->ret == 0; r.pass++) {
		for (r.id = 0; r.id < m->vm.nr_vcpus && in->ret == 0; r.id++) {
			r.vcpu = m->vm.vcpu[r.id].fd;
			cpu_registers_in(in, r.id, restore_register, &r);
			if (r.pass == PASS_FIRMWARE && r.id == 0)
				hide_new_services(&r);
			if (r.pass != PASS_STATE)
				continue;
			find_cpu(in, r.id, &cpu, &registers);
			if (in->ret == 0)
				restore_events(&r, cpu);
		}
	}
	if (m->cfg->clock_run)
		away = saved_ticks_away(m->cfg->saved->saved_at,
					clock_realtime.now(clock_realtime.ctx),
					counter_frequency());
	r.id = 0;
	r.vcpu = m->vm.vcpu[0].fd;
	find_cpu(in, 0, &cpu, &registers);
	if (in->ret == 0)
		restore_counter(&r, registers, KVM_REG_ARM_PTIMER_CNT, away);
	if (in->ret == 0)
		restore_counter(&r, registers, KVM_REG_ARM_TIMER_CNT, away);
	if (in->ret == 0 && r.nr_refused)
		in->ret = err_set(
			in->e, EINVAL,
			"%s cannot be restored: this host's KVM does not take %u values of its "
			"vCPUs ('lkvm check' says what helps)",
			in->name, r.nr_refused);
	return in->ret;
}
