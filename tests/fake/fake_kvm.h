/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A KVM made of memory, linked in place of kvm/ioctl.c: it judges every request as arm64's KVM does
 * as far as lkvm can tell, plays a guest by a script, writes down every call, and fails the one it
 * is told to. Descriptors are memory files of their own, so that a forgotten close() shows and a
 * closed one is not taken for another. Thread-safe once fake_start() has returned.
 *
 *	fake_start(&fake_6_1);
 *	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_TYPE("hello"), FAKE_EVENT(KVM_SYSTEM_EVENT_SHUTDOWN));
 *	machine_run(...);
 *	assert_int_equal(fake_count(KVM_SET_ONE_REG, KVM_REG_ARM_PSCI_VERSION), 1);
 *	fake_end();
 */
#ifndef LKVM_FAKE_KVM_H
#define LKVM_FAKE_KVM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/kvm.h>

/* What stands for /dev/kvm: any other file that lkvm opens in its place is not KVM. */
#define FAKE_DEV "/dev/null"

#define FAKE_BITMAPS 4

/* Its CPU. */
#define FAKE_MIDR   0x411fd071
#define FAKE_REVIDR 0x12
#define FAKE_AIDR   0x34

/* The host. Copied by fake_start(). */
struct fake_host {
	int api_version;   /* 12; 0: the device knows no KVM ioctl */
	bool arm;          /* false: another architecture's KVM */
	uint32_t psci_max; /* best PSCI version; 0: the register is not there */
	int max_vcpus;
	int ipa_bits; /* 0: no KVM_CAP_ARM_VM_IPA_SIZE: 40, and only machine type 0 */
	bool gicv2, gicv3, pmu, sve, ptrauth, nisv, system_suspend, smccc_filter;
	/* What each bitmap of services takes: KVM_REG_ARM_STD_BMAP and on; 0: it is not there. */
	uint64_t services[FAKE_BITMAPS];
};

/* Hosts by kernel, with a GICv3 and no optional CPU features. Ancient: before 4.17. */
extern const struct fake_host fake_ancient, fake_5_10, fake_6_1, fake_7_3;

/* What a vCPU does, one step after the other; behind the last it sleeps until it is kicked. */
struct fake_step {
	enum {
		FAKE_STEP_WRITE,  /* MMIO */
		FAKE_STEP_READ,   /* MMIO; the value goes to *result */
		FAKE_STEP_UNTIL,  /* MMIO reads of @addr until (value & mask) == data */
		FAKE_STEP_TYPE,   /* MMIO writes of @text's bytes to @addr */
		FAKE_STEP_EXIT,   /* exit reason @addr, its first field @data */
		FAKE_STEP_ERROR,  /* KVM_RUN returns -data */
		FAKE_STEP_HVC,    /* a call of function @addr; x0 that comes back goes to *result */
		FAKE_STEP_WAKE,   /* an interrupt: what ends KVM_MP_STATE_SUSPENDED */
		FAKE_STEP_NISV,   /* an access at @addr that KVM cannot decode */
		FAKE_STEP_SLEEP,  /* WFI: until a signal */
		FAKE_STEP_SPIN,   /* a busy guest: the same, without sleeping */
		FAKE_STEP_CALL,   /* @call(@ctx) on the vCPU's thread */
		FAKE_STEP_REPEAT, /* from the first step again */
	} what;
	uint64_t addr, data, mask;
	uint64_t x[3]; /* x1 to x3 of a call, or as they stand at a system event */
	unsigned int len;
	uint64_t *result;
	const char *text;
	size_t text_len;
	void (*call)(void *ctx);
	void *ctx;
};

#define FAKE_WRITE(a, l, d)                                                   \
	{                                                                     \
		.what = FAKE_STEP_WRITE, .addr = (a), .len = (l), .data = (d) \
	}
#define FAKE_READ(a, l, r)                                                     \
	{                                                                      \
		.what = FAKE_STEP_READ, .addr = (a), .len = (l), .result = (r) \
	}
#define FAKE_UNTIL(a, m, d)                                                              \
	{                                                                                \
		.what = FAKE_STEP_UNTIL, .addr = (a), .len = 1, .mask = (m), .data = (d) \
	}
/* @t: a string literal, without its terminator; onto the first UART. */
#define FAKE_TYPE(t)                                                                               \
	{                                                                                          \
		.what = FAKE_STEP_TYPE, .addr = 0x01000000, .text = (t), .text_len = sizeof(t) - 1 \
	}
#define FAKE_EXIT(reason, d)                                          \
	{                                                             \
		.what = FAKE_STEP_EXIT, .addr = (reason), .data = (d) \
	}
#define FAKE_EVENT(type) FAKE_EXIT(KVM_EXIT_SYSTEM_EVENT, type)
/* With the flags of newer kernels, and what the guest has in x1 and x2. */
#define FAKE_EVENT_FLAGS(type, f, x1, x2)                                              \
	{                                                                              \
		.what = FAKE_STEP_EXIT, .addr = KVM_EXIT_SYSTEM_EVENT, .data = (type), \
		.mask = (f),                                                           \
		.x = {(x1),                                                            \
		      (x2) }                                                           \
	}
#define FAKE_HVC(fn, x1, x2, x3, r)                                                           \
	{                                                                                     \
		.what = FAKE_STEP_HVC, .addr = (fn), .x = { (x1), (x2), (x3) }, .result = (r) \
	}
#define FAKE_WAKE                      \
	{                              \
		.what = FAKE_STEP_WAKE \
	}
#define FAKE_ERROR(code)                                \
	{                                               \
		.what = FAKE_STEP_ERROR, .data = (code) \
	}
#define FAKE_NISV(a)                                \
	{                                           \
		.what = FAKE_STEP_NISV, .addr = (a) \
	}
#define FAKE_SLEEP                      \
	{                               \
		.what = FAKE_STEP_SLEEP \
	}
#define FAKE_SPIN                      \
	{                              \
		.what = FAKE_STEP_SPIN \
	}
#define FAKE_CALL(f, c)                                         \
	{                                                       \
		.what = FAKE_STEP_CALL, .call = (f), .ctx = (c) \
	}
#define FAKE_REPEAT                      \
	{                                \
		.what = FAKE_STEP_REPEAT \
	}

/* One answered request. */
struct fake_call {
	unsigned long request;
	unsigned int vm;   /* in order of creation, from 0 */
	unsigned int vcpu; /* where the request is a vCPU's */
	/*
	 * Which one, as far as the request has several: register, capability, device type,
	 * FAKE_ATTR(), memory slot, vCPU, KVM_IRQ_LINE's irq, KVM_IOEVENTFD's and a message's
	 * address; and the value that goes with it: for KVM_IOEVENTFD its flags.
	 */
	uint64_t id, value;
	int ret;
};

#define FAKE_ATTR(group, attr) ((uint64_t)(group) << 48 | (attr))
#define FAKE_ANY               UINT64_MAX
#define FAKE_EVERY_BOOT        UINT32_MAX

/* A new host without VMs, scripts and calls. fake_end() forgets everything. */
void fake_start(const struct fake_host *host);
void fake_end(void);

/*
 * Gives vCPU @vcpu of the VM created as number @boot (from 0) its script: a copy of @nr steps.
 * What they point at stays until fake_end(). The first script that fits counts; a vCPU without one
 * sleeps.
 */
void fake_script(uint32_t boot, unsigned int vcpu, const struct fake_step *steps, size_t nr);

/* fake_script() with the steps listed. */
#define fake_guest(boot, vcpu, ...)                                        \
	fake_script(boot, vcpu, (const struct fake_step[]){ __VA_ARGS__ }, \
		    sizeof((const struct fake_step[]){ __VA_ARGS__ }) / sizeof(struct fake_step))

/* Makes request @nth from now (the next is 1) do nothing but fail with errno @code; 0: none. */
void fake_fail(unsigned int nth, int code);
/* Makes every request of this kind (see struct fake_call) fail so. */
void fake_refuse(unsigned long request, uint64_t id, int code);

/* Makes the host take PSCI versions and keep its own all the same: a defect no KVM has had yet. */
void fake_forget_psci(void);

/*
 * Makes vCPU @id slow on its way into KVM_RUN, by @ms: whatever signal comes meanwhile is taken by
 * its handler and gone.
 */
void fake_slow_entry(unsigned int id, unsigned int ms);

/* What happened. Calls are valid until the next request or fake_end(). */
size_t fake_nr_calls(void);
const struct fake_call *fake_call(size_t i);
/* How many requests of a kind succeeded; @id may be FAKE_ANY. */
unsigned int fake_count(unsigned long request, uint64_t id);
/* The first such request, or -1; and the last one's value, or FAKE_ANY. */
ptrdiff_t fake_first(unsigned long request, uint64_t id);
uint64_t fake_last_value(unsigned long request, uint64_t id);
/* The request that fake_fail() made fail, or NULL. */
const struct fake_call *fake_failed(void);

/* The newest VM as its guest finds it. For FAKE_CALL() and before the VM is destroyed. */
unsigned int fake_nr_vms(void);
void *fake_ram(uint64_t gpa, uint64_t len); /* NULL: not all RAM */
uint64_t fake_ram_size(void);
uint64_t fake_pc(void); /* of vCPU 0 */
uint64_t fake_x0(void);
uint64_t fake_psci(void);
uint64_t fake_vcpu_pc(unsigned int vcpu);
uint64_t fake_vcpu_x(unsigned int vcpu, unsigned int n); /* n: 0 to 3 */
uint64_t fake_vcpu_sctlr(unsigned int vcpu);
void fake_set_sctlr(unsigned int vcpu, uint64_t value);
uint64_t fake_services(unsigned int bitmap); /* as it was set, or came */
/* These two also while the VM runs, from any thread. */
uint32_t fake_mp_state(unsigned int vcpu);
void fake_set_mp_state(unsigned int vcpu, uint32_t state);
bool fake_powered_off(unsigned int vcpu); /* as it was initialised */
bool fake_has_feature(unsigned int vcpu, unsigned int feature);
bool fake_spi_level(unsigned int spi);
unsigned int fake_nr_bells(void); /* addresses with a KVM_IOEVENTFD */

/* What the VMs' user still holds. */
unsigned int fake_open_fds(void);     /* of the whole process */
unsigned int fake_mapped_vcpus(void); /* kvm_run areas */
bool fake_ram_is_mapped(void);        /* the newest VM's */

#endif
