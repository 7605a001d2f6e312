/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine's state as a whole: what it is made of ("machine"), its vCPUs, its interrupt controller, its devices. What has
 * no node is either made anew from these facts, or machine_can_save() refuses the machine.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include "arm/probe.h"
#include "arm/psci.h"
#include "arm/save.h"
#include "kvm/kvm.h"
#include "save_parts.h"
#include "util/bits.h"
#include "virtio/save.h"
#include "vm/timer.h"

#define COMPATIBLE_MACHINE "lkvm,machine-1"
#define COMPATIBLE_RTC     "lkvm,pl031-1"
#define COMPATIBLE_GPIO    "lkvm,pl061-1"

/* When the machine was saved, by the host's real time, in ns; files of before have none. */
#define SAVED_AT "saved-at"

/* The features that a vCPU of ours can have. */
#define FEATURES                                                                            \
	(1u << KVM_ARM_VCPU_PSCI_0_2 | 1u << KVM_ARM_VCPU_PMU_V3 | 1u << KVM_ARM_VCPU_SVE | \
	 1u << KVM_ARM_VCPU_PTRAUTH_ADDRESS | 1u << KVM_ARM_VCPU_PTRAUTH_GENERIC)

static int unsupported(struct err *e, const char *why)
{
	return err_set(e, EOPNOTSUPP, "it cannot be saved: %s", why);
}

int machine_can_save(struct machine *m, struct err *e)
{
	char names[256];

	if (slots_names(m, virtio_can_save, names, sizeof(names)))
		return err_set(
			e, EOPNOTSUPP,
			"it cannot be saved: it has devices whose state lkvm cannot save: %s",
			names);
	if (m->cfg->command)
		return unsupported(e, "it runs a command of the host");
	if (m->cfg->psci_user)
		return unsupported(e, "its PSCI calls are answered by lkvm (--psci=user)");
	if (firmware_discovers_cpus(&m->cfg->firmware))
		return unsupported(e, "it discovers CPU implementations (--firmware impl-cpus=on)");
	if (m->debug.stopped) /* its breakpoints are in the guest's memory and registers */
		return unsupported(e, "a debugger is attached to it");
	if (power_sleeps(m))
		return unsupported(e, "it sleeps; 'lkvm resume' wakes it");
	return 0;
}

int machine_log_writes(struct machine *m, bool on, struct err *e)
{
	return vm_log_writes(&m->vm, on, e);
}

int machine_take_writes(struct machine *m, uint64_t *bitmap, struct err *e)
{
	return vm_take_writes(&m->vm, bitmap, e);
}

const struct ram *machine_ram(const struct machine *m)
{
	return &m->vm.ram;
}

/* Whether the guest finds SYSTEM_SUSPEND, which no register tells: as firmware_enable() has it. */
static bool has_suspend(const struct machine *m)
{
	const struct firmware_pins *pins = &m->cfg->firmware;

	if (m->psci < PSCI_VERSION(1, 0) ||
	    (pins->pinned[FIRMWARE_SYSTEM_SUSPEND] && !pins->value[FIRMWARE_SYSTEM_SUSPEND]))
		return false;
	return kvm_check_extension(m->vm.fd, KVM_CAP_ARM_SYSTEM_SUSPEND) > 0;
}

static int save_machine(struct machine *m, struct dt *dt, struct err *e)
{
	uint64_t sve[8] = { 0 };
	int ret;

	if (m->features & 1u << KVM_ARM_VCPU_SVE) {
		ret = kvm_get_reg_bytes(m->vm.vcpu[0].fd, KVM_REG_ARM64_SVE_VLS, sve);

		if (ret < 0)
			return err_set(e, -ret, "KVM does not tell its vector lengths: %s",
				       strerror(-ret));
	}
	dt_begin(dt, "machine");
	dt_string(dt, "compatible", COMPATIBLE_MACHINE);
	dt_u64(dt, "memory", m->vm.ram.size);
	dt_cells(dt, "cpus", m->vm.nr_vcpus);
	dt_cells(dt, "vcpu-features", m->features);
	dt_cells(dt, "psci", m->psci);
	dt_cells(dt, "system-suspend", has_suspend(m));
	dt_cells(dt, "gic", m->gic.version == IRQCHIP_GICV3 ? 3 : 2);
	dt_bytes(dt, "sve-lengths", sve, sizeof(sve));
	dt_u64(dt, COUNTER_FREQUENCY, counter_frequency());
	dt_u64(dt, SAVED_AT, clock_realtime.now(clock_realtime.ctx));
	ret = config_save(m, dt, e);
	dt_end(dt);
	return ret;
}

static void save_devices(struct machine *m, struct dt *dt)
{
	dt_begin(dt, "rtc");
	dt_string(dt, "compatible", COMPATIBLE_RTC);
	pthread_mutex_lock(&m->rtc.lock);
	pl031_save(&m->rtc, dt);
	pthread_mutex_unlock(&m->rtc.lock);
	dt_end(dt);
	dt_begin(dt, "gpio");
	dt_string(dt, "compatible", COMPATIBLE_GPIO);
	pthread_mutex_lock(&m->button.gpio.lock);
	pl061_save(&m->button.gpio, dt);
	pthread_mutex_unlock(&m->button.gpio.lock);
	dt_end(dt);
	consoles_save(m->consoles, dt);
}

int machine_save(struct machine *m, struct dt *dt, struct err *e)
{
	int ret;

	if (atomic_load(&m->vm.end) != VM_RUNNING)
		return unsupported(e, "it is ending");
	ret = save_machine(m, dt, e);
	if (ret == 0)
		ret = cpus_save(m, dt, e);
	if (ret == 0)
		ret = gic_save(m, dt, e);
	if (ret == 0)
		ret = its_save(m, dt, e);
	if (ret == 0)
		ret = devices_save(m, dt, e);
	if (ret == 0)
		save_devices(m, dt);
	return ret;
}

/* --- And back --- */

static void restore_devices(struct machine *m, struct dt_in *in)
{
	int node = dt_in_node(in, 0, "rtc", COMPATIBLE_RTC);

	pthread_mutex_lock(&m->rtc.lock);
	pl031_restore(&m->rtc, in, node);
	pthread_mutex_unlock(&m->rtc.lock);
	node = dt_in_node(in, 0, "gpio", COMPATIBLE_GPIO);
	pthread_mutex_lock(&m->button.gpio.lock);
	pl061_restore(&m->button.gpio, in, node);
	/* Nobody presses it any more. */
	for (unsigned int pin = 0; pin < PL061_NR_PINS; pin++)
		pl061_set_pin(&m->button.gpio, pin, false);
	pthread_mutex_unlock(&m->button.gpio.lock);
	consoles_restore(m->consoles, in);
}

/* The guest has read CNTFRQ_EL0, and reckons with it. */
static void check_counter(const struct machine *m, struct dt_in *in)
{
	int node = dt_in_node(in, 0, "machine", COMPATIBLE_MACHINE);
	uint64_t was = 0, is = counter_frequency();

	if (in->ret == 0 && dt_in_has(in, node, COUNTER_FREQUENCY))
		dt_in_u64(in, node, COUNTER_FREQUENCY, &was);
	if (in->ret == 0 && was && is && was != is && !allow_has(&m->cfg->allow, COUNTER_FREQUENCY))
		in->ret = err_set(in->e, EINVAL,
				  "%s cannot be restored: its counter ran at %" PRIu64
				  " Hz, this host's runs at %" PRIu64 " (--allow " COUNTER_FREQUENCY
				  " goes on, and its time is off)",
				  in->name, was, is);
}

static int take_ram(struct machine *m, const struct saved_machine *saved, struct err *e)
{
	int ret;

	if (!saved->pages)
		return ram_map_file(&m->vm.ram, saved->ram, saved->ram_off, e);
	ret = ram_take_pages(&m->vm.ram, *saved->pages, e);
	if (ret == 0)
		*saved->pages = NULL;
	return ret;
}

uint64_t saved_ticks_away(uint64_t saved_at, uint64_t now, uint64_t hz)
{
	uint64_t away = now > saved_at ? now - saved_at : 0;

	/* Whole seconds apart, so that no product is too large for what real time can be. */
	return away / NS_PER_S * hz + away % NS_PER_S * hz / NS_PER_S;
}

int machine_restore(struct machine *m, struct err *e)
{
	const struct saved_machine *saved = m->cfg->saved;
	struct dt_in in = { .fdt = saved->fdt, .name = saved->name, .e = e };
	int ret = take_ram(m, saved, e);

	if (ret < 0)
		return err_wrap(e, ret, "%s", saved->name);
	check_counter(m, &in);
	/* The GIC wants to know of pending interrupts before timers look at theirs; the clock comes last. */
	if (in.ret == 0)
		gic_restore(m, &in);
	if (in.ret == 0)
		its_restore(m, &in);
	if (in.ret == 0)
		restore_devices(m, &in);
	if (in.ret == 0)
		devices_restore(m, &in);
	if (in.ret == 0)
		cpus_restore(m, &in);
	if (in.ret == 0)
		devices_thaw(m);
	return in.ret;
}

int machine_arrive(const struct machine *m, struct err *e)
{
	const struct saved_machine *saved = m->cfg->saved;

	return saved && saved->arrived ? saved->arrived(saved->ctx, e) : 0;
}

int saved_machine_read(struct saved_machine *saved, struct machine_config *cfg, struct err *e)
{
	struct dt_in in = { .fdt = saved->fdt, .name = saved->name, .e = e };
	int node = dt_in_node(&in, 0, "machine", COMPATIBLE_MACHINE);
	uint32_t suspend = 0, gic = 0, psci = 0, cpus = 0;
	uint64_t memory = 0;
	size_t len = 0;

	dt_in_u64(&in, node, "memory", &memory);
	dt_in_u32(&in, node, "cpus", &cpus);
	dt_in_u32(&in, node, "vcpu-features", &saved->features);
	dt_in_u32(&in, node, "psci", &psci);
	dt_in_u32(&in, node, "system-suspend", &suspend);
	dt_in_u32(&in, node, "gic", &gic);
	dt_in_bytes(&in, node, "sve-lengths", saved->sve, sizeof(saved->sve), &len);
	if (in.ret == 0 &&
	    (memory < MAP_RAM_SIZE_MIN || memory > MAP_RAM_SIZE_MAX || memory % (4 * KiB)))
		dt_in_fail(&in, "memory", "no such size");
	if (in.ret == 0 && (cpus < 1 || cpus > MAP_CPUS_MAX))
		dt_in_fail(&in, "cpus", "no such number");
	if (in.ret == 0 && (saved->features & ~FEATURES || len != sizeof(saved->sve)))
		dt_in_fail(&in, "vcpu-features", "unknown ones");
	if (in.ret == 0 && (suspend > 1 || (gic != 2 && gic != 3) || psci == PSCI_AUTO))
		dt_in_fail(&in, "machine", "no such value");
	if (in.ret == 0 && dt_in_has(&in, node, SAVED_AT))
		dt_in_u64(&in, node, SAVED_AT, &saved->saved_at);
	config_restore(&in, node, cfg);
	if (in.ret < 0)
		return in.ret;
	if (cfg->clock_run && !saved->saved_at)
		return err_set(
			e, EINVAL,
			"%s does not tell when it was saved, which --clock=run counts from (an older "
			"lkvm wrote it); --clock=stop goes on without",
			saved->name);
	cfg->ram_size = memory;
	cfg->nr_cpus = cpus;
	cfg->psci = psci;
	cfg->pmu = saved->features & 1u << KVM_ARM_VCPU_PMU_V3;
	cfg->irqchip = gic == 3 ? IRQCHIP_GICV3 : IRQCHIP_GICV2;
	cfg->firmware.pinned[FIRMWARE_SYSTEM_SUSPEND] = psci >= PSCI_VERSION(1, 0);
	cfg->firmware.value[FIRMWARE_SYSTEM_SUSPEND] = suspend;
	cfg->saved = saved;
	return 0;
}
