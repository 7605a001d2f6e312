/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtual machine from start to end: plain configuration in, a running VM out. arm/machine.c is
 * the one readable list of what is done, in order.
 */
#ifndef LKVM_ARM_MACHINE_H
#define LKVM_ARM_MACHINE_H

#include <assert.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include "arm/allow.h"
#include "arm/command.h"
#include "arm/consoles.h"
#include "arm/disks.h"
#include "arm/firmware.h"
#include "arm/networks.h"
#include "arm/fs.h"
#include "arm/rng.h"
#include "arm/shares.h"
#include "arm/transport.h"
#include "arm/vsock.h"
#include "util/err.h"
#include "vm/balloon.h"
#include "vm/vm.h"

enum irqchip { IRQCHIP_AUTO, IRQCHIP_GICV2, IRQCHIP_GICV3 };

struct dt;
struct loop;
struct machine;
struct machine_config;
struct saved_machine;
struct tally;
struct timeline;

/*
 * Who outside of the VM has a say in it, or hears of it, while it runs. All are called on the thread of
 * machine_run(); what has to wait is a source in @loop.
 */
struct machine_control {
	/*
	 * Called once before the first VM is built, with what machine_add_control() was given. *state is
	 * handed to the others; left NULL, they are not called. Returns 0, or -errno with @e set: then there
	 * is no VM.
	 */
	int (*open)(void *options, const struct machine_config *cfg, struct loop *loop,
		    void **state, struct err *e);
	/* @m is built, and runs whenever @loop does, until told otherwise; NULL: none runs any more. */
	void (*running)(void *state, struct machine *m);
	/* The last VM is gone. Takes its sources out of the loop. */
	void (*close)(void *state);
};

#define MACHINE_CONTROLS_MAX 8

/* What the user asked for. Strings are the caller's and outlive the machine. */
struct machine_config {
	const char *name;
	const char *dev;    /* the KVM device */
	const char *kernel; /* NULL: the embedded default guest */
	const struct saved_machine
		*saved;        /* to go on with instead of booting, or NULL; see arm/save.h */
	const char *initrd;    /* or NULL */
	const char *params;    /* kernel command line, or NULL */
	const char *dtb;       /* device tree to use instead of the generated one, or NULL */
	const char *dump_dtb;  /* where to write the tree the guest gets, or NULL */
	const char *hugetlbfs; /* mount point to take RAM from, or NULL */
	uint64_t ram_size;     /* bytes */
	bool mem_shared;       /* RAM is a file that other processes can map */
	uint32_t nr_cpus;
	bool named;     /* the name is the user's choice, by which others find the VM */
	bool psci_user; /* lkvm answers PSCI calls, not KVM */
	uint32_t psci;  /* major << 16 | minor; PSCI_AUTO: the host's best */
	struct firmware_pins firmware;
	const char *compat; /* profile of a host that the VM must be able to go to, or NULL */
	struct {
		const struct machine_control *control;
		void *options;
	} control[MACHINE_CONTROLS_MAX];
	unsigned int nr_controls;
	struct timeline *timeline; /* what happens when is marked in it, or NULL */
	struct tally *tally;       /* of each vCPU's exits, over all lives, or NULL */
	enum irqchip irqchip;
	bool no_msi;         /* PCI interrupts by INTx lines alone */
	enum virtio_bus bus; /* of virtio devices that do not name one */
	struct allow allow;  /* what --allow lets pass of a saved machine */
	bool clock_run;      /* a saved machine's counters count the time since it was saved */
	struct disk_options disks;
	struct console_options console;
	struct rng_options rng;
	struct network_options networks;
	struct fs_options fs;
	struct share_options shares;
	struct guest_command *command; /* that the guest runs, or NULL */
	struct vsock_options vsock;
	bool sandbox; /* confines the process before the guest runs; see util/sandbox.h */
	bool balloon; /* on the machine's bus */
	bool pmu;
	bool nodefaults; /* add nothing to the command line that was not asked for */
	bool reboot;     /* SYSTEM_RESET restarts the VM instead of ending lkvm */
	bool pin;        /* vCPU threads run on @affinity only */
	cpu_set_t affinity;
};

/* What lkvm run starts from before it reads its options. */
extern const struct machine_config machine_config_default;

/* Adds one of the caller's controls, which finds @options again when it is opened. */
static inline void machine_add_control(struct machine_config *cfg,
				       const struct machine_control *control, void *options)
{
	assert(cfg->nr_controls < MACHINE_CONTROLS_MAX);
	cfg->control[cfg->nr_controls].control = control;
	cfg->control[cfg->nr_controls++].options = options;
}

/* lkvm's exit statuses; 120 to 127 are its own. Documented in lkvm-run(1). */
enum machine_status {
	MACHINE_OFF = 0,       /* SYSTEM_OFF, or stopped by SIGTERM, SIGINT or Ctrl-A x */
	MACHINE_RESET = 120,   /* SYSTEM_RESET without --reboot */
	MACHINE_CRASHED = 121, /* the guest reported a crash */
	/* By ipc/verdict.h, not by machine_run(): */
	MACHINE_PANICKED = 122, /* the guest's kernel panicked */
	MACHINE_UNEXPECTED =
		123, /* it said what it must not, or ended before it had said what it should */
	MACHINE_TIMEOUT = 124, /* it took too long */

	MACHINE_FAILED = 125, /* lkvm or the host failed, or the user asked for what cannot be */
};

/*
 * Builds the machine, runs it until it ends (again after each reset with cfg->reboot), and takes
 * everything down. Blocks; the calling thread runs the event loop and owns SIGTERM, SIGINT and the
 * terminal meanwhile. Returns the status; MACHINE_FAILED comes with @e set.
 */
enum machine_status machine_run(const struct machine_config *cfg, struct err *e);

/*
 * Ends the machine as SIGTERM does, with no other life after this one. Any thread, while it runs; one that runs a command
 * only by the thread of machine_run().
 */
void machine_stop(struct machine *m);

/*
 * vm_pause() and vm_continue() for a machine_control, on the thread of machine_run(). A machine that is still paused
 * when it ends, or is reset, does so; its next life is not paused.
 */
void machine_pause(struct machine *m);
void machine_continue(struct machine *m);

/* Who hears what the guest says on the kernel's console. The caller's; stays where it is while it is a tap. */
struct console_tap {
	/*
	 * The guest said this, and it was taken. On the thread on which it was said, with the console's lock held:
	 * must not block.
	 */
	void (*heard)(void *ctx, const uint8_t *buf, size_t len);
	/*
	 * There is room for input again, or may be, after machine_console_input() took less than it was offered. Likewise.
	 * NULL: no matter.
	 */
	void (*room)(void *ctx);
	void *ctx;
	struct console_tap *next;
};

/*
 * From now on @tap hears the console, over all lives, until it is removed; when machine_untap_console() returns, it
 * is not called any more. Any thread, and not from heard(); in a control's close(), too.
 */
void machine_tap_console(struct machine *m, struct console_tap *tap);
void machine_untap_console(struct machine *m, struct console_tap *tap);

/*
 * Types on the console, beside whoever has the other end of its line; returns how many of the @len bytes the device
 * took. By a machine_control, on the thread of machine_run().
 */
size_t machine_console_input(struct machine *m, const uint8_t *buf, size_t len);

/*
 * Tells the guest that its console has another size, in characters, over all lives, until it has yet another. Returns false if
 * the console has none: a serial line. By a machine_control, on the thread of machine_run().
 */
bool machine_console_resize(struct machine *m, uint16_t cols, uint16_t rows);

/*
 * @heard(@ctx) is called when the guest's kernel says by the pvpanic device that it panicked, in place of a
 * warning: on a vCPU's thread, with the device's lock held; must not block. For one life: by a machine_control's
 * running(), before the guest runs.
 */
void machine_watch_panic(struct machine *m, void (*heard)(void *ctx), void *ctx);

/* What may be seen of a machine when it runs or has just ended (machine_control.running(), with NULL). */

/* How often its vCPU @cpu left the guest for this reason; 0 if there is no such vCPU. Any thread. */
uint64_t machine_exits(const struct machine *m, unsigned int cpu, enum vcpu_exit exit);
/* Why it ended; VM_RUNNING: it did not. Any thread. */
enum vm_end machine_end(const struct machine *m);
/* Of PSCI, that the guest finds. */
uint32_t machine_psci(const struct machine *m);

/*
 * Wakes a machine that sleeps in SYSTEM_SUSPEND, as an interrupt would; returns whether it slept. By
 * a machine_control, on the thread of machine_run().
 */
bool machine_wake(struct machine *m);

/*
 * Presses the machine's power button, for a moment; of a machine that runs a command, asks its guest to end that. What comes of
 * it is the guest's to say: nothing, if it has no driver for it. By a machine_control, on the thread of machine_run().
 */
void machine_press_power(struct machine *m);

/*
 * Types Linux's magic key and @key on the console: what the guest does with it is up to it. Returns 0, or -EAGAIN with @e set: it
 * does not read its console. By a machine_control, on the thread of machine_run().
 */
int machine_sysrq(struct machine *m, char key, struct err *e);

/* What a machine is and does at the moment. */
struct machine_state {
	bool paused;       /* by anybody */
	bool asleep;       /* in SYSTEM_SUSPEND */
	uint32_t nr_cpus;  /* those that there are; the guest may have fewer on */
	uint32_t psci;     /* effective version, major << 16 | minor */
	uint64_t ram_size; /* bytes */
};

void machine_get_state(struct machine *m, struct machine_state *state);

/*
 * Writes what a machine has done and taken so far into @dt, inside of a node that is begun: nodes whose properties are numbers of
 * 64 bits, and are what their names say (docs/control.md). By a machine_control, on the thread of machine_run().
 */
void machine_put_stat(struct machine *m, struct dt *dt);

/*
 * Gives a disk another size and tells the guest: disk_resize(), whose @size 0 means to look at the
 * image again. @disk is its number, as -d options were given, from 0, or its serial. Sets *now to the
 * size it has then, in bytes. Returns 0, or -errno with @e naming the disk as @disk does; then *now
 * is untouched. By a machine_control, on the thread of machine_run().
 */
int machine_resize_disk(struct machine *m, const char *disk, uint64_t size, uint64_t *now,
			struct err *e);

struct balloon_request {
	bool set;        /* the guest is to give @target bytes back, all in all, and keep to it */
	bool ask;        /* it is to tell of its memory anew: state.answers counts when it has */
	uint64_t target; /* less than it has */
};

/*
 * Does what @request asks of the balloon and says how it stands. Both guest's answers come later: ask again.
 * Returns 0, or -errno with @e set: there is no balloon, or too much is wanted; then nothing is done. By a
 * machine_control, on the thread of machine_run().
 */
int machine_balloon(struct machine *m, const struct balloon_request *request,
		    struct balloon_state *state, struct err *e);

#endif
