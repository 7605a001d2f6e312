/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine from start to end. machine_build() is the list of what is done, in the order KVM
 * wants it; a reboot takes the VM apart and builds it again from the same configuration, so that
 * nothing of the old life can survive in the new one.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include "arm/psci.h"
#include "kvm/kvm.h"
#include "parts.h"
#include "save_parts.h"
#include "util/cleanup.h"
#include "util/timeline.h"

/* KVM's machine type 0 stands for this many bits of guest-physical addresses. */
#define IPA_BITS_DEFAULT 40
/* The fewest that KVM's machine type can ask for. */
#define IPA_BITS_MIN 32

const struct machine_config machine_config_default = {
	.dev = "/dev/kvm",
	.ram_size = 256 * MiB,
	.nr_cpus = 2,
	.psci = PSCI_AUTO,
	.irqchip = IRQCHIP_AUTO,
	.sandbox = true,
};

/* What stays while VMs come and go: the host's side of one lkvm run. */
struct session {
	const struct machine_config *cfg;
	struct machine_config lowered; /* for --compat: @cfg points here */
	struct compat compat;
	struct boot_files files;
	int kvm;
	struct loop loop;
	void *part[MACHINE_PARTS_MAX]; /* of machine_parts[] each; NULL: not asked for */
	struct consoles *consoles;
	int signal_fd;
	struct loop_source signals;
	struct vm *vm;                       /* the one that runs now */
	void *control[MACHINE_CONTROLS_MAX]; /* of cfg->control[] each, or NULL */
	bool announced;
	bool confined;
	/* By the person or a signal: no other life, even if the guest wants one. */
	atomic_bool stopped;
};

bool machine_has_syscon(const struct machine *m)
{
	return m->psci < PSCI_VERSION(0, 2);
}

/* The address bits that hold all below @end. */
static int bits_for(gpa_t end)
{
	return 64 - __builtin_clzll(end - 1);
}

/*
 * Returns the machine type for KVM_CREATE_VM, or -errno with @e set. PCI's 64-bit window is above all
 * else, if the host's address bits suffice; nothing but room is lost without it.
 */
static int64_t choose_vm_type(struct machine *m, int kvm, struct err *e)
{
	const struct machine_config *cfg = m->cfg;
	/* Pages of hugetlbfs have up to 1 GiB, and RAM is rounded up to them. */
	uint64_t size = cfg->hugetlbfs ? align_up(cfg->ram_size, GiB) : cfg->ram_size;
	gpa_t end = gic_high_end(cfg->nr_cpus, MAP_RAM + size);
	gpa_t pci = align_up(end, MAP_PCI_HIGH_SIZE);
	int host = kvm_check_extension(kvm, KVM_CAP_ARM_VM_IPA_SIZE);
	int limit = host > 0 ? host : IPA_BITS_DEFAULT;
	int bits = bits_for(end);

	if (bits > limit)
		return err_set(
			e, E2BIG,
			"%llu MiB of memory are more than this host's KVM can give a VM (its "
			"%d address bits leave %llu MiB)",
			(unsigned long long)(cfg->ram_size / MiB), limit,
			(unsigned long long)(((1ULL << limit) - MAP_RAM) / MiB));
	if (slots_need_pci(cfg) && bits_for(pci + MAP_PCI_HIGH_SIZE) <= limit) {
		m->slots.pci_high = pci;
		bits = bits_for(pci + MAP_PCI_HIGH_SIZE);
	}
	if (host <= 0)
		return 0;
	return (int64_t)KVM_VM_TYPE_ARM_IPA_SIZE((uint64_t)(bits < IPA_BITS_MIN ? IPA_BITS_MIN
										: bits));
}

static int check_cpu_limit(int vm, unsigned int nr_cpus, struct err *e)
{
	int max = kvm_check_extension(vm, KVM_CAP_MAX_VCPUS);

	if (max > 0 && nr_cpus > (unsigned int)max)
		return err_set(e, EINVAL,
			       "%u CPUs are more than this host's KVM gives a VM (at most "
			       "%d)",
			       nr_cpus, max);
	return 0;
}

/* Ends the VM when the guest writes the power register (PSCI 0.1). A vCPU's thread. */
static void power(void *ctx, uint32_t value)
{
	struct machine *m = ctx;

	vm_stop(&m->vm, value == SYSCON_POWER_RESET ? VM_RESET : VM_OFF);
}

static int add_rtc(struct machine *m, struct err *e)
{
	loop_timer_init(&m->alarm, m->vm.loop, &m->rtc.lock, pl031_due, &m->rtc);
	pl031_init(&m->rtc, gic_spi(&m->gic, MAP_SPI_RTC), clock_realtime,
		   loop_timer_value(&m->alarm));
	return bus_add(&m->vm.bus,
		       &(struct mmio_region){
			       .name = "rtc",
			       .base = MAP_RTC,
			       .size = PL031_REGS_SIZE,
			       .ops = &pl031_mmio,
			       .dev = &m->rtc,
			       .lock = &m->rtc.lock,
		       },
		       e);
}

static int add_syscon(struct machine *m, struct err *e)
{
	if (!machine_has_syscon(m))
		return 0;
	syscon_init(&m->syscon, power, m);
	return bus_add(&m->vm.bus,
		       &(struct mmio_region){
			       .name = "syscon",
			       .base = MAP_SYSCON,
			       .size = SYSCON_REGS_SIZE,
			       .ops = &syscon_mmio,
			       .dev = &m->syscon,
			       .lock = &m->syscon.lock,
		       },
		       e);
}

static int add_devices(struct machine *m, struct session *s, struct err *e)
{
	int ret = add_syscon(m, e);

	if (ret == 0)
		ret = add_rtc(m, e);
	if (ret == 0)
		ret = button_add(m, e);
	if (ret == 0)
		ret = panic_add(m, e);
	if (ret == 0)
		ret = consoles_add(s->consoles, m, e);
	for (unsigned int i = 0; machine_parts[i] && ret == 0; i++) {
		if (s->part[i])
			ret = machine_parts[i]->add(s->part[i], m, e);
	}
	return ret;
}

/* Back ends let go of their devices, which end. Neither vCPUs nor the loop run. */
static void remove_devices(struct machine *m, struct session *s)
{
	for (unsigned int i = MACHINE_PARTS_MAX; i-- > 0;) {
		if (s->part[i])
			machine_parts[i]->remove(s->part[i], m);
	}
	consoles_remove(s->consoles, m);
	slots_destroy(m);
	button_remove(m);
	loop_timer_close(&m->alarm);
	pl031_destroy(&m->rtc);
	panic_remove(m);
}

/* Whether other processes are to map it. */
static bool ram_is_shared(const struct machine_config *cfg)
{
	return cfg->mem_shared || cfg->fs.nr;
}

/* Everything, in order. machine_destroy() also after a failure. */
static int machine_build(struct machine *m, struct session *s, struct err *e)
{
	const struct machine_config *cfg = s->cfg;
	int irqchip, ret;
	int64_t type;

	*m = (struct machine){ .cfg = cfg,
			       .session = s,
			       .vm = VM_NONE,
			       .gic = GIC_NONE,
			       .alarm = LOOP_TIMER_NONE,
			       .compat = cfg->compat ? &s->compat : NULL,
			       .events = m->events,
			       .limits = m->limits };
	type = choose_vm_type(m, s->kvm, e);
	if (type < 0)
		return (int)type;
	ret = vm_create(&m->vm, s->kvm, (unsigned long)type, &s->loop, e);
	if (ret < 0)
		return ret;
	timeline_mark(cfg->timeline, "VM");
	irqchip = gic_choose(m->vm.fd, cfg->irqchip, cfg->nr_cpus, e);
	if (irqchip < 0)
		return irqchip;
	ret = check_cpu_limit(m->vm.fd, cfg->nr_cpus, e);
	if (ret < 0)
		return ret;
	m->vm.timeline = cfg->timeline;
	m->vm.tally = cfg->tally;
	/* Undecodable accesses become ours to judge; a KVM too old for it ends the VM on them. */
	kvm_enable_cap(m->vm.fd, KVM_CAP_ARM_NISV_TO_USER);
	m->vm.sandbox = confine_vcpus(cfg);
	m->vm.affinity = cfg->pin ? &cfg->affinity : NULL;

	ret = vm_add_ram(&m->vm, MAP_RAM, cfg->ram_size, cfg->hugetlbfs, ram_is_shared(cfg), e);
	timeline_mark(cfg->timeline, "memory");
	if (ret == 0)
		ret = vm_add_vcpus(&m->vm, s->kvm, cfg->nr_cpus, e);
	if (ret == 0)
		ret = cpus_init(m, e);
	if (ret == 0)
		ret = power_init(m, e);
	if (ret == 0)
		ret = debug_init(m, e);
	timeline_mark(cfg->timeline, "CPUs");
	if (ret == 0)
		ret = gic_create(&m->gic, &m->vm, (enum irqchip)irqchip,
				 slots_nr_spis(cfg, (enum irqchip)irqchip), e);
	if (ret == 0)
		ret = cpus_init_pmu(m, e);
	timeline_mark(cfg->timeline, "interrupt controller");
	if (ret == 0)
		ret = add_devices(m, s, e);
	timeline_mark(cfg->timeline, "devices");
	if (ret == 0)
		ret = cfg->saved ? machine_restore(m, e) : boot_load(m, &s->files, e);
	timeline_mark(cfg->timeline, cfg->saved ? "state restored" : "boot files loaded");
	return ret;
}

static void machine_destroy(struct machine *m, struct session *s)
{
	remove_devices(m, s);
	/* The GIC first: the VM is gone with its last descriptor, and RAM then unmapped from no guest. */
	gic_destroy(&m->gic);
	vm_destroy(&m->vm);
	if (machine_has_syscon(m))
		syscon_destroy(&m->syscon);
	debug_destroy(m);
	power_destroy(m);
	free(m->mpidr);
}

static int open_controls(struct session *s, struct err *e)
{
	const struct machine_config *cfg = s->cfg;
	int ret = 0;

	for (unsigned int i = 0; i < cfg->nr_controls && ret == 0; i++)
		ret = cfg->control[i].control->open(cfg->control[i].options, cfg, &s->loop,
						    &s->control[i], e);
	return ret;
}

static void tell_controls(struct session *s, struct machine *m)
{
	for (unsigned int i = 0; i < s->cfg->nr_controls; i++) {
		if (s->control[i])
			s->cfg->control[i].control->running(s->control[i], m);
	}
}

static void close_controls(struct session *s)
{
	for (unsigned int i = s->cfg->nr_controls; i-- > 0;) {
		if (s->control[i])
			s->cfg->control[i].control->close(s->control[i]);
	}
}

/* One life of the VM, from building to the end. */
static enum vm_end run_once(struct session *s, struct machine *m, struct err *e)
{
	enum vm_end end = VM_FAILED;

	if (machine_build(m, s, e) == 0 && confine(s->cfg, &s->confined, e) == 0 &&
	    machine_arrive(m, e) == 0) {
		if (!s->cfg->kernel && !s->cfg->saved && !s->announced)
			log_info("no kernel given: running the embedded guest");
		s->announced = true;
		s->vm = &m->vm;
		limits_give_back(m);
		tell_controls(s, m);
		end = vm_run(&m->vm, e);
		timeline_mark(s->cfg->timeline, "end");
		tell_controls(s, NULL);
		s->vm = NULL;
		if (end == VM_RESET && s->cfg->reboot)
			limits_keep(m);
	}
	machine_destroy(m, s);
	timeline_mark(s->cfg->timeline, "taken down");
	return end;
}

static void quit(void *ctx)
{
	struct session *s = ctx;

	atomic_store(&s->stopped, true);
	if (s->vm)
		vm_stop(s->vm, VM_STOPPED);
}

void machine_stop(struct machine *m)
{
	if (m->cfg->command)
		command_stopped(m->cfg->command, SIGTERM);
	atomic_store(&m->session->stopped, true);
	vm_stop(&m->vm, VM_STOPPED);
}

void machine_tap_console(struct machine *m, struct console_tap *tap)
{
	consoles_tap(m->session->consoles, tap);
}

void machine_untap_console(struct machine *m, struct console_tap *tap)
{
	consoles_untap(m->session->consoles, tap);
}

size_t machine_console_input(struct machine *m, const uint8_t *buf, size_t len)
{
	return consoles_input(m->session->consoles, buf, len);
}

static void signalled(void *ctx, uint32_t events)
{
	struct session *s = ctx;
	struct signalfd_siginfo info;

	(void)events;
	if (read(s->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		log_info("VM %s: stopped by %s", s->cfg->name, strsignal((int)info.ssi_signo));
		if (s->cfg->command)
			command_stopped(s->cfg->command, (int)info.ssi_signo);
		quit(s);
	}
}

/* Those that stop a VM. */
static void stop_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGQUIT);
}

/* SIGTERM and its like arrive at the loop, as an orderly end, in place of ending the process. */
static int take_signals(struct session *s, sigset_t *old, struct err *e)
{
	sigset_t set;
	int ret;

	stop_signals(&set);
	pthread_sigmask(SIG_BLOCK, &set, old);
	signal(SIGPIPE, SIG_IGN);
	/* A file at its limit (ulimit -f) is the device's error, and not the process's end. */
	signal(SIGXFSZ, SIG_IGN);
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signal_fd < 0)
		return err_sys(e, "cannot receive signals");
	s->signals = (struct loop_source){ .fd = s->signal_fd, .ready = signalled, .ctx = s };
	ret = loop_add(&s->loop, &s->signals, EPOLLIN);
	if (ret < 0)
		return err_set(e, -ret, "cannot receive signals: %s", strerror(-ret));
	return 0;
}

/*
 * Back to how signals were. Whoever stops lkvm may say so twice (timeout(1) does, to the process and to its
 * group): what came while the VM was being stopped must not end the process with another status.
 */
static void give_signals(const sigset_t *old)
{
	const struct timespec now = { 0 };
	sigset_t set;

	stop_signals(&set);
	while (sigtimedwait(&set, NULL, &now) > 0)
		;
	pthread_sigmask(SIG_SETMASK, old, NULL);
}

static int session_open(struct session *s, const struct machine_config *cfg, sigset_t *old,
			struct err *e)
{
	int ret = cfg->saved ? 0 : boot_open(&s->files, cfg, e);

	timeline_mark(cfg->timeline, "boot files opened");
	if (ret == 0 && cfg->compat) {
		s->lowered = *cfg;
		s->cfg = &s->lowered;
		ret = compat_load(&s->compat, &s->lowered, cfg->compat, e);
	}
	if (ret == 0)
		ret = loop_create(&s->loop, e);
	for (unsigned int i = 0; machine_parts[i] && ret == 0; i++)
		ret = machine_parts[i]->open(&s->part[i], s->cfg, &s->loop, e);
	if (ret == 0)
		ret = s->kvm = kvm_open(cfg->dev, e);
	timeline_mark(cfg->timeline, "devices' files, KVM opened");
	if (ret >= 0)
		ret = take_signals(s, old, e);
	if (ret >= 0)
		ret = open_controls(s, e);
	/* Last: the terminal is raw from here on. */
	if (ret >= 0)
		ret = consoles_open(&s->consoles, s->cfg, &s->loop, quit, s, e);
	timeline_mark(cfg->timeline, "host's files");
	return ret < 0 ? ret : 0;
}

static void session_close(struct session *s)
{
	close_controls(s);
	consoles_close(s->consoles);
	for (unsigned int i = MACHINE_PARTS_MAX; i-- > 0;) {
		if (s->part[i])
			machine_parts[i]->close(s->part[i]);
	}
	loop_destroy(&s->loop);
	close_fd(&s->signal_fd);
	close_fd(&s->kvm);
	compat_free(&s->compat);
	boot_close(&s->files);
}

static enum machine_status status_of(enum vm_end end)
{
	switch (end) {
	case VM_OFF:
	case VM_STOPPED:
		return MACHINE_OFF;
	case VM_RESET:
		return MACHINE_RESET;
	case VM_CRASHED:
		return MACHINE_CRASHED;
	default:
		return MACHINE_FAILED;
	}
}

enum machine_status machine_run(const struct machine_config *cfg, struct err *e)
{
	struct session s = {
		.cfg = cfg,
		.files = BOOT_FILES_NONE,
		.kvm = -1,
		.loop = LOOP_NONE,
		.signal_fd = -1,
	};
	enum vm_end end = VM_FAILED;
	struct machine *m;
	sigset_t old;

	timeline_mark(cfg->timeline, "start");
	pthread_sigmask(SIG_SETMASK, NULL, &old);
	m = calloc(1, sizeof(*m));
	if (!m)
		err_sys(e, "cannot build a machine");
	else if (session_open(&s, cfg, &old, e) == 0) {
		do
			end = run_once(&s, m, e);
		while (end == VM_RESET && cfg->reboot && !s.stopped);
		if (s.stopped && cfg->reboot && end == VM_RESET)
			end = VM_STOPPED;
	}
	session_close(&s);
	give_signals(&old);
	if (m)
		free(m->limits);
	free(m);
	return status_of(end);
}
