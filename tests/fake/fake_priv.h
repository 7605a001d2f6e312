/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of the fake KVM. Everything here is called with the fake's lock held. */
#ifndef LKVM_FAKE_PRIV_H
#define LKVM_FAKE_PRIV_H

#include <sys/types.h>
#include "fake/fake_kvm.h"
#include "kvm/newer.h"

#define FAKE_RUN_SIZE 8192 /* two pages, as on arm64 */
#define FAKE_SLOTS    8
#define FAKE_VCPUS    512
#define FAKE_REGIONS  4
#define FAKE_FILTERS  4
#define FAKE_BELLS    64

struct fake_slot {
	uint32_t slot;
	uint64_t gpa, size, host;
	uint32_t flags;
};

struct fake_region {
	uint64_t base, nr; /* CPUs */
};

struct fake_gic {
	uint32_t type; /* KVM_DEV_TYPE_ARM_VGIC_*; 0: none */
	uint64_t dist, cpu;
	bool has_dist, has_cpu, legacy, initialised;
	struct fake_region region[FAKE_REGIONS];
	unsigned int nr_regions;
	uint32_t nr_irqs; /* 0: not set */
	bool level[1024];
};

struct fake_bell {
	uint64_t gpa, value;
	uint32_t len;
	int fd;
	bool match;
};

struct fake_vcpu {
	struct fake_vm *vm;
	unsigned int id;
	struct kvm_run *run; /* the fake's own mapping */
	struct kvm_vcpu_init init;
	bool initialised, finalised, has_run, pmu_irq, pmu_ready;
	uint64_t pc, pstate, sctlr, x[4];
	uint32_t mp_state;
	size_t step, text_pos;
	uint64_t *read_to; /* where the MMIO read that just exited goes */
	bool reading, until, calling;
};

struct fake_vm {
	unsigned int index;
	unsigned int ipa_bits;
	struct fake_slot slot[FAKE_SLOTS];
	unsigned int nr_slots;
	struct fake_vcpu *vcpu[FAKE_VCPUS];
	unsigned int nr_vcpus;
	struct fake_gic gic;
	struct {
		uint64_t base;
		bool placed, initialised;
	} its;
	struct fake_bell bell[FAKE_BELLS];
	unsigned int nr_bells;
	uint32_t psci;
	uint64_t services[FAKE_BITMAPS];
	bool psci_set, nisv, has_run, suspend;
	struct kvm_smccc_filter filter[FAKE_FILTERS];
	unsigned int nr_filters;
};

/* What a descriptor stands for; found by the inode of its memory file. */
struct fake_object {
	enum { FAKE_SYSTEM, FAKE_VM, FAKE_VCPU, FAKE_DEVICE, FAKE_ITS } kind;
	ino_t inode;
	struct fake_vm *vm;
	struct fake_vcpu *vcpu;
};

struct fake_script {
	uint32_t boot;
	unsigned int vcpu;
	struct fake_step *steps;
	size_t nr;
};

const struct fake_host *fake_host(void);
const struct fake_script *fake_script_of(const struct fake_vcpu *vcpu);
bool fake_forgets_psci(void);
unsigned int fake_entry_ms(unsigned int vcpu);
struct fake_vm *fake_newest(void);
/* A new VM, the newest from now on. */
struct fake_vm *fake_new_vm(unsigned int ipa_bits);
/* A new descriptor for @object. */
int fake_new_fd(struct fake_object object, size_t size);
/* Around what may take its time: the script's own calls and sleep. */
void fake_lock(void);
void fake_unlock(void);

/* What the fake itself maps of the newest VMs' vCPUs, and where the newest one's RAM is (was). */
unsigned int fake_own_mappings(void);
void *fake_ram_host(void);

/* fake_vm.c */
int fake_check_extension(const struct fake_vm *vm, uint64_t cap); /* NULL: of the host */
int fake_create_vm(uint64_t type);
int fake_create_vcpu(struct fake_vm *vm, uint64_t id);
int fake_get_dirty_log(const struct fake_vm *vm, const struct kvm_dirty_log *arg);
int fake_set_memory(struct fake_vm *vm, const struct kvm_userspace_memory_region *arg);
int fake_enable_cap(struct fake_vm *vm, const struct kvm_enable_cap *arg);
int fake_vm_set_attr(struct fake_vm *vm, const struct kvm_device_attr *arg);
bool fake_is_filtered(const struct fake_vm *vm, uint32_t function); /* handed to user space */

/* fake_gic.c: as arm-vgic.rst and arm-vgic-v3.rst say. */
int fake_gic_create(struct fake_vm *vm, struct kvm_create_device *arg);
int fake_gic_set(struct fake_vm *vm, const struct kvm_device_attr *arg);
int fake_gic_has(const struct fake_vm *vm, const struct kvm_device_attr *arg);
int fake_gic_irq_line(struct fake_vm *vm, const struct kvm_irq_level *arg);

/* fake_bells.c */
int fake_ioeventfd(struct fake_vm *vm, const struct kvm_ioeventfd *arg);
/* The guest writes: whether that rang a doorbell and is done. */
bool fake_ring(const struct fake_vm *vm, uint64_t gpa, unsigned int len, uint64_t value);
int fake_its_create(struct fake_vm *vm, struct kvm_create_device *arg);
int fake_its_set(struct fake_vm *vm, const struct kvm_device_attr *arg);
int fake_signal_msi(struct fake_vm *vm, const struct kvm_msi *arg);

/* fake_vcpu.c */
int fake_vcpu_init(struct fake_vcpu *vcpu, const struct kvm_vcpu_init *arg);
int fake_vcpu_finalise(struct fake_vcpu *vcpu, int feature);
int fake_vcpu_reg(struct fake_vcpu *vcpu, const struct kvm_one_reg *arg, bool set);
int fake_vcpu_set_attr(struct fake_vcpu *vcpu, const struct kvm_device_attr *arg);
int fake_vcpu_get_mp_state(const struct fake_vcpu *vcpu, struct kvm_mp_state *arg);
int fake_vcpu_set_mp_state(struct fake_vcpu *vcpu, const struct kvm_mp_state *arg);
int fake_vcpu_set_events(const struct fake_vcpu *vcpu, const struct kvm_vcpu_events *arg);
bool fake_vcpu_has(const struct fake_vcpu *vcpu, unsigned int feature);
uint32_t fake_psci_of(const struct fake_vm *vm);

/* fake_run.c */
int fake_vcpu_run(struct fake_vcpu *vcpu);

#endif
