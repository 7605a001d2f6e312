/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of a machine and the steps that machine.c puts them together with. */
#ifndef LKVM_ARM_PARTS_H
#define LKVM_ARM_PARTS_H

#include "arm/compat.h"
#include "arm/image.h"
#include "arm/machine.h"
#include "arm/map.h"
#include "button.h"
#include "debugger.h"
#include "gic.h"
#include "hw/pl031.h"
#include "hw/pvpanic.h"
#include "hw/syscon.h"
#include "kvm/kvm.h"
#include "power.h"
#include "slots.h"
#include "vm/vm.h"

/* What the guest boots from: opened once, loaded at every boot. */
struct boot_files {
	struct image kernel;
	int initrd; /* -1: none */
	uint64_t initrd_size;
	void *dtb; /* the user's tree, checked, or NULL; owned */
	size_t dtb_size;
};

#define BOOT_FILES_NONE ((struct boot_files){ .kernel = { .fd = -1 }, .initrd = -1 })

struct session;

struct machine {
	const struct machine_config *cfg;
	struct session *session; /* that it is a life of */
	struct vm vm;
	struct gic gic;
	const struct compat *compat; /* how the vCPUs are lowered, or NULL; the session's */
	struct power power;
	struct debug debug;
	struct log_limit events;  /* what resets and the like may make lkvm say, over all lives */
	struct log_limit *limits; /* of its earlier lives, or NULL; by limits.c; owned */
	uint32_t psci;            /* effective */
	uint32_t features;       /* of the vCPUs, bits of struct kvm_vcpu_init, but for POWER_OFF */
	uint64_t *mpidr;         /* of each vCPU */
	struct slots slots;      /* where virtio devices are */
	struct disks *disks;     /* the session's, or NULL; by disks.c */
	struct balloon *balloon; /* likewise; by balloon.c */
	struct consoles *consoles; /* likewise; by consoles.c */
	struct streams *command;   /* likewise; by command.c */
	struct pl031 rtc;
	struct loop_timer alarm; /* the RTC's */
	struct syscon syscon;    /* PSCI 0.1 only */
	struct button button;
	struct {
		struct pvpanic dev;
		void (*heard)(void *ctx); /* by machine_watch_panic(), or NULL */
		void *ctx;
		struct log_limit limit;
	} panic;

	/* Where things are in guest memory, set by boot_load(). */
	gpa_t entry;
	gpa_t initrd, initrd_end; /* equal: none */
	gpa_t dtb;
};

/* Whether the guest ends itself by the syscon device: PSCI 0.1 cannot. */
bool machine_has_syscon(const struct machine *m);

/* panic.c: the register by which the guest's kernel says that it panicked. */
int panic_add(struct machine *m, struct err *e);
/* Also when panic_add() was never called. */
void panic_remove(struct machine *m);

/*
 * limits.c: a life that ends leaves to the next one what its vCPUs and devices may still say. All are there, and the guest does
 * not run.
 */
void limits_keep(struct machine *m);
void limits_give_back(struct machine *m);

/* cpu.c: vCPUs as the guest finds them at reset. */

/*
 * Initialises every vCPU with the features that the host has and the configuration asks for, pins
 * the PSCI version and learns the MPIDRs. Sets m->psci and m->mpidr.
 */
int cpus_init(struct machine *m, struct err *e);
/* Where a CPU starts: as CPU_ON leaves it (DEN 0022, initial core configuration). */
struct cpu_entry {
	uint64_t pc, x0;
	bool big_endian; /* data accesses, as its starter's */
};

/*
 * Starts a vCPU that is off or asleep at @entry, as PSCI does; ID and firmware registers stay. On its
 * own thread. Returns 0 or -errno.
 *
 * KVM_ARM_VCPU_INIT would reset more, but it also takes all of the VM's memory out of stage 2 where
 * the CPU needs that for cache coherency, while other vCPUs run; a KVM since 6.15 on a Cortex-A57 of
 * erratum 834220 then never gets a page table back in.
 */
int cpu_start(struct machine *m, unsigned int id, const struct cpu_entry *entry);
/* What must wait for the GIC: the PMU's interrupt. */
int cpus_init_pmu(struct machine *m, struct err *e);
/* Sets the boot CPU's first instruction and its argument, the device tree (booting.rst). */
int cpu_set_boot_regs(struct machine *m, struct err *e);

/* boot.c: files into guest memory. */

/* Opens what cfg names. Returns 0, or -errno with @e set. boot_close() ends it, also after a failure. */
int boot_open(struct boot_files *files, const struct machine_config *cfg, struct err *e);
void boot_close(struct boot_files *files);
/* Loads kernel, initrd and device tree and sets m->entry, initrd and dtb. */
int boot_load(struct machine *m, const struct boot_files *files, struct err *e);

/* fdt.c: the tree that says what the machine is. */

struct dt;
/* Generates it, for an initrd placed and everything else built. dt_free() by the caller. */
int fdt_generate(const struct machine *m, struct dt *dt, struct err *e);
/* The kernel command line: cfg's and, without nodefaults, the console. malloc()ed; NULL with @e. */
char *fdt_bootargs(const struct machine_config *cfg, struct err *e);
/* Reads and checks the user's tree. *blob is malloc()ed. */
int fdt_load(const char *path, void **blob, size_t *size, struct err *e);
/* Puts what the command line names (initrd, --params) in the user's tree, in place: DT_SIZE_MAX bytes. */
int fdt_fix_chosen(const struct machine *m, void *blob, struct err *e);

/*
 * Devices with a host's side: a const table a part. Each is one object of the session, which outlives
 * machines. vCPUs and loop do not run during any of these; RAM, GIC and transports exist throughout add()
 * and remove().
 */
struct machine_part {
	/* Whether @cfg asks for a device of this part that will be on @bus, which is not the default. */
	bool (*uses)(const struct machine_config *cfg, enum virtio_bus bus);
	/*
	 * Opens the host's files; before KVM is touched, so that the user's mistakes come first. Leaves *part
	 * NULL if the user asked for none: then there is no more to it. Returns 0, or -errno with @e set;
	 * close() also after that.
	 */
	int (*open)(void **part, const struct machine_config *cfg, struct loop *loop,
		    struct err *e);
	/*
	 * Makes its devices for the machine of one life, puts them on it by bus_add() or slots_add() and
	 * connects them. Returns 0, or -errno with @e set.
	 */
	int (*add)(void *part, struct machine *m, struct err *e);
	/*
	 * Ends add(): back ends are disconnected, devices destroyed. Also after an add() that failed, or was
	 * never called: then it undoes what there is.
	 */
	void (*remove)(void *part, struct machine *m);
	/* At the very end. */
	void (*close)(void *part);
};

/* All of them, in the order in which their devices are put on the machine, and NULL; parts.c. */
#define MACHINE_PARTS_MAX 12
extern const struct machine_part *const machine_parts[];

extern const struct machine_part disks_part;    /* disks.c */
extern const struct machine_part rng_part;      /* rng.c */
extern const struct machine_part networks_part; /* networks.c */
extern const struct machine_part shares_part;   /* shares.c */
extern const struct machine_part fs_part;       /* fs.c */
extern const struct machine_part balloon_part;  /* balloon.c */
extern const struct machine_part vsock_part;    /* vsock.c */

extern const struct machine_part
	command_part; /* command.c: the ports of a command, and how it ends */

struct streams;
/* Asks the command's guest to end it, once a life; the guest hears of it when it can. On the loop's thread. */
void command_terminate(struct streams *s);

/*
 * command_boot.c: the initial RAM disk of cfg->command's guest, which boots @kernel. Returns its descriptor, the
 * caller's, and *size in bytes, or -errno with @e set.
 */
int command_initramfs(const struct machine_config *cfg, const struct image *kernel, uint64_t *size,
		      struct err *e);

struct disks;
/* machine_resize_disk(), which says what it does. @disks may be NULL: then there is no such disk. */
int disks_resize(struct disks *disks, const char *disk, uint64_t size, uint64_t *now,
		 struct err *e);

struct balloon;
/* machine_balloon(), which says what it does. @balloon may be NULL: then there is none. */
int balloon_command(struct balloon *balloon, const struct balloon_request *request,
		    struct balloon_state *state, struct err *e);

/*
 * consoles.c: the terminal and all that characters come from and go to: the four UARTs (the regions of the
 * map), and the virtio console. As a part, but opened after all others: the terminal is raw from then on.
 * @quit is called on the loop's thread when the person types Ctrl-A x.
 */
struct consoles;
bool consoles_use(const struct machine_config *cfg, enum virtio_bus bus);
int consoles_open(struct consoles **consoles, const struct machine_config *cfg, struct loop *loop,
		  void (*quit)(void *ctx), void *ctx, struct err *e);
int consoles_add(struct consoles *consoles, struct machine *m, struct err *e);
void consoles_remove(struct consoles *consoles, struct machine *m);
/* How many bytes the guest of @m has said on its console's line so far, over all lives. */
uint64_t consoles_output(const struct machine *m);
/* machine_sysrq(). */
int consoles_sysrq(struct consoles *consoles, char key, struct err *e);
/* machine_tap_console() and machine_untap_console(). */
void consoles_tap(struct consoles *consoles, struct console_tap *tap);
void consoles_untap(struct consoles *consoles, struct console_tap *tap);
/* machine_console_input() and machine_console_resize() */
size_t consoles_input(struct consoles *consoles, const uint8_t *buf, size_t len);
bool consoles_resize(struct consoles *consoles, uint16_t cols, uint16_t rows);
/* Waits a moment for a slow reader of the last output. */
void consoles_close(struct consoles *consoles);

/* What each vCPU's thread is confined to: to less where no file is put aside by whoever fills it. */
enum sandbox confine_vcpus(const struct machine_config *cfg);

/*
 * Confines the process if that is wanted and *confined is false, which it then sets. The machine is built, so that all it
 * needs is open, and no vCPU runs; with --reboot the right to do so again stays. Returns 0, or -errno with @e set.
 */
int confine(const struct machine_config *cfg, bool *confined, struct err *e);

#endif
