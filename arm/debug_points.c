/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Breakpoints and watchpoints. An instruction's is a BRK in guest memory, while debuggers that stop put the instruction
 * back; the rest are the CPU's own registers, which KVM lends (KVM_SET_GUEST_DEBUG) and keeps the guest from meanwhile.
 */
#include <errno.h>
#include <string.h>
#include "kvm/kvm.h"
#include "parts.h"
#include "util/bits.h"

/* DBGBCR<n>_EL1 and DBGWCR<n>_EL1: on, at EL1 and EL0. */
#define CONTROL_ON    (1u << 0 | 3u << 1)
#define BCR_WORD      (0xfu << 5) /* BAS: all of an A64 instruction */
#define WCR_LOAD      (1u << 3)
#define WCR_STORE     (1u << 4)
#define WCR_BAS_SHIFT 5
#define WCR_BAS_ALL   (0xffu << WCR_BAS_SHIFT)
#define WCR_MASK(n)   ((uint32_t)(n) << 24)

/* What one can watch at once: a part of 8 aligned bytes, or an aligned power of two up to 2 GiB. */
#define WATCH_SMALL   8
#define WATCH_LEN_MAX (1ULL << 31)

/* Bits that an address register does not have; KVM wants the upper ones as the VA's. */
#define BVR_ALIGN 4

const struct debug_patch *debug_find_patch(const struct machine *m, gpa_t gpa)
{
	for (unsigned int i = 0; i < m->debug.nr_patches; i++) {
		if (m->debug.patch[i].gpa == gpa)
			return &m->debug.patch[i];
	}
	return NULL;
}

static struct debug_patch *find_patch_va(struct debug *d, uint64_t va)
{
	for (unsigned int i = 0; i < d->nr_patches; i++) {
		if (d->patch[i].va == va)
			return &d->patch[i];
	}
	return NULL;
}

const struct debug_slot *debug_find_break(const struct machine *m, uint64_t va)
{
	for (unsigned int i = 0; i < m->debug.nr_breaks; i++) {
		if (m->debug.breaks[i].used && m->debug.breaks[i].va == va)
			return &m->debug.breaks[i];
	}
	return NULL;
}

const struct debug_slot *debug_find_watch(const struct machine *m, uint64_t va)
{
	const struct debug_slot *near = NULL;

	for (unsigned int i = 0; i < m->debug.nr_watches; i++) {
		const struct debug_slot *slot = &m->debug.watches[i];

		if (!slot->used)
			continue;
		if (va - slot->va < slot->len)
			return slot;
		/* The address told may be where the access begins, before what is watched (D2.10.5). */
		if (!near || slot->va - va < near->va - va)
			near = slot;
	}
	return near;
}

static struct debug_slot *find_slot(struct debug_slot *slots, unsigned int nr,
				    enum debug_point point, uint64_t va, uint64_t len)
{
	for (unsigned int i = 0; i < nr; i++) {
		if (slots[i].used && slots[i].point == point && slots[i].va == va &&
		    slots[i].len == len)
			return &slots[i];
	}
	return NULL;
}

static int use_slot(struct debug_slot *slots, unsigned int nr, enum debug_point point, uint64_t va,
		    uint64_t len)
{
	if (find_slot(slots, nr, point, va, len))
		return 0;
	for (unsigned int i = 0; i < nr; i++) {
		if (!slots[i].used) {
			slots[i] = (struct debug_slot){
				.used = true, .point = point, .va = va, .len = len
			};
			return 0;
		}
	}
	return -ENOSPC;
}

static int insert_patch(struct machine *m, uint64_t va, gpa_t gpa)
{
	struct debug *d = &m->debug;
	const struct debug_patch *same = debug_find_patch(m, gpa);
	uint8_t insn[4];
	int ret;

	if (d->nr_patches == DEBUG_PATCHES_MAX)
		return -ENOSPC;
	ret = ram_read(&m->vm.ram, gpa, insn, sizeof(insn));
	if (ret < 0)
		return ret;
	d->patch[d->nr_patches] = (struct debug_patch){ .va = va,
							.gpa = gpa,
							.old = same ? same->old : get_le32(insn) };
	ret = debug_patch_code(m, gpa, INSN_BRK);
	if (ret == 0)
		d->nr_patches++;
	return ret;
}

static void remove_patch(struct machine *m, struct debug_patch *patch)
{
	struct debug *d = &m->debug;
	struct debug_patch old = *patch;
	uint8_t insn[4];

	*patch = d->patch[--d->nr_patches];
	/* The guest may have other code there by now, and another address may lead to the same. */
	if (!debug_find_patch(m, old.gpa) && ram_read(&m->vm.ram, old.gpa, insn, 4) == 0 &&
	    get_le32(insn) == INSN_BRK)
		debug_patch_code(m, old.gpa, old.old);
}

static bool watch_possible(uint64_t va, uint64_t len)
{
	if (!len || len > WATCH_LEN_MAX)
		return false;
	if (len <= WATCH_SMALL && va % WATCH_SMALL + len <= WATCH_SMALL)
		return true;
	return (len & (len - 1)) == 0 && va % len == 0;
}

int debug_insert(struct machine *m, unsigned int cpu, enum debug_point point, uint64_t va,
		 uint64_t len)
{
	struct debug *d = &m->debug;
	gpa_t gpa;

	if (point >= DEBUG_WATCH_WRITE)
		return watch_possible(va, len) ? use_slot(d->watches, d->nr_watches, point, va, len)
					       : -EINVAL;
	if (va % BVR_ALIGN)
		return -EINVAL;
	if (point == DEBUG_BREAK) {
		if (find_patch_va(d, va))
			return 0;
		if (debug_find_code(m, cpu, va, &gpa) == 0)
			return insert_patch(m, va, gpa);
	}
	return use_slot(d->breaks, d->nr_breaks, point, va, 0);
}

int debug_remove(struct machine *m, enum debug_point point, uint64_t va, uint64_t len)
{
	struct debug *d = &m->debug;
	struct debug_patch *patch = point == DEBUG_BREAK ? find_patch_va(d, va) : NULL;
	struct debug_slot *slot;

	if (patch) {
		remove_patch(m, patch);
		return 0;
	}
	if (point >= DEBUG_WATCH_WRITE)
		slot = find_slot(d->watches, d->nr_watches, point, va, len);
	else
		slot = find_slot(d->breaks, d->nr_breaks, point, va, 0);
	if (slot)
		slot->used = false;
	return 0;
}

void debug_remove_all(struct machine *m)
{
	struct debug *d = &m->debug;

	while (d->nr_patches)
		remove_patch(m, &d->patch[0]);
	memset(d->breaks, 0, sizeof(d->breaks));
	memset(d->watches, 0, sizeof(d->watches));
}

static uint32_t watch_control(const struct debug_slot *slot)
{
	uint32_t control = CONTROL_ON;

	if (slot->point != DEBUG_WATCH_WRITE)
		control |= WCR_LOAD;
	if (slot->point != DEBUG_WATCH_READ)
		control |= WCR_STORE;
	if (slot->len > WATCH_SMALL)
		return control | WCR_BAS_ALL |
		       WCR_MASK(63 - (unsigned int)__builtin_clzll(slot->len));
	return control | (((1u << slot->len) - 1) << slot->va % WATCH_SMALL) << WCR_BAS_SHIFT;
}

/* Returns whether there is any. */
static bool set_slots(const struct debug *d, struct kvm_guest_debug_arch *arch)
{
	bool any = false;

	for (unsigned int i = 0; i < DEBUG_SLOTS_MAX; i++) {
		const struct debug_slot *slot = &d->breaks[i], *watch = &d->watches[i];

		if (slot->used) {
			arch->dbg_bcr[i] = CONTROL_ON | BCR_WORD;
			arch->dbg_bvr[i] = slot->va;
		}
		if (watch->used) {
			arch->dbg_wcr[i] = watch_control(watch);
			arch->dbg_wvr[i] = align_down(watch->va, WATCH_SMALL);
		}
		any |= slot->used | watch->used;
	}
	return any;
}

int debug_arm(struct machine *m, unsigned int cpu, bool step)
{
	struct debug *d = &m->debug;
	struct kvm_guest_debug debug = { 0 };
	int ret;

	if (set_slots(d, &debug.arch))
		debug.control |= KVM_GUESTDBG_USE_HW;
	if (d->nr_patches)
		debug.control |= KVM_GUESTDBG_USE_SW_BP;
	if (step)
		debug.control |= KVM_GUESTDBG_SINGLESTEP;
	if (debug.control)
		debug.control |= KVM_GUESTDBG_ENABLE;
	else if (!d->cpu[cpu].armed)
		return 0;
	ret = kvm_set_guest_debug(m->vm.vcpu[cpu].fd, &debug);
	if (ret >= 0)
		d->cpu[cpu].armed = debug.control != 0;
	return ret < 0 ? ret : 0;
}
