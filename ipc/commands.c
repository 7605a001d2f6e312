/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The commands of a control socket: a row each. All of them answer at once; what takes a guest its time (giving back memory,
 * powering off) is for the client to look at again, or to wait for.
 */
#include <errno.h>
#include <inttypes.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "arm/machine.h"
#include "attach.h"
#include "commands.h"
#include "snapshot/migrate.h"
#include "snapshot/snapshot.h"
#include "util/bits.h"
#include "util/log.h"
#include "vm/timer.h"

/* How the VM is, in one word. */
static const char *state_of(const struct machine_state *state)
{
	if (state->paused)
		return "paused";
	return state->asleep ? "asleep" : "running";
}

/* Ends a pause; one that wanted none is woken if it sleeps. */
static void resume(struct steered *vm, const struct request *request, struct dt *dt)
{
	const char *how = "is running";
	struct machine_state state;

	(void)request;
	if (migration_is_stranded(vm->migration)) {
		struct err e = { 0 };
		int ret = migration_resume(vm->migration, &e);

		message_answer(dt, ret, "VM %s %s", vm->name, ret < 0 ? e.text : "goes on here");
		return;
	}
	if (vm->paused) {
		vm->paused = false;
		machine_continue(vm->machine);
		machine_get_state(vm->machine, &state);
		how = state.asleep ? "goes on, and is asleep" : "goes on";
		if (state.paused)
			how = "goes on as soon as its debugger lets it";
	} else if (machine_wake(vm->machine)) {
		how = "wakes up";
	}
	message_answer(dt, 0, "VM %s %s", vm->name, how);
}

static void pause_vm(struct steered *vm, const struct request *request, struct dt *dt)
{
	bool was = vm->paused;

	(void)request;
	if (!was && migration_goes_on(vm->migration)) {
		message_answer(dt, -EBUSY, "VM %s is on its way to another host", vm->name);
		return;
	}
	if (!was)
		machine_pause(vm->machine);
	vm->paused = true;
	message_answer(dt, 0, "VM %s is paused%s", vm->name, was ? " already" : "");
}

/* A guest that is paused or asleep would not see its button: it goes on first. */
static void power_button(struct steered *vm, const struct request *request, struct dt *dt)
{
	(void)request;
	if (vm->paused)
		machine_continue(vm->machine);
	vm->paused = false;
	machine_wake(vm->machine);
	machine_press_power(vm->machine);
	message_answer(dt, 0, "VM %s: its power button is pressed", vm->name);
}

static void stop(struct steered *vm, const struct request *request, struct dt *dt)
{
	(void)request;
	machine_stop(vm->machine);
	message_answer(dt, 0, "VM %s is stopped", vm->name);
}

/* What one asks of any VM. */
static void put_state(struct steered *vm, struct dt *dt)
{
	struct machine_state state;
	char psci[16];

	machine_get_state(vm->machine, &state);
	snprintf(psci, sizeof(psci), "%" PRIu32 ".%" PRIu32, state.psci >> 16, state.psci & 0xffff);
	message_answer(dt, 0, "VM %s is %s", vm->name, state_of(&state));
	dt_string(dt, "state", state_of(&state));
	dt_u64(dt, "pid", (uint64_t)getpid());
	dt_u64(dt, "cpus", state.nr_cpus);
	dt_u64(dt, "memory-bytes", state.ram_size);
	dt_string(dt, "psci", psci);
	dt_u64(dt, "uptime-ns", clock_boottime.now(NULL) - vm->since);
}

static void status(struct steered *vm, const struct request *request, struct dt *dt)
{
	(void)request;
	put_state(vm, dt);
}

static void stat(struct steered *vm, const struct request *request, struct dt *dt)
{
	(void)request;
	put_state(vm, dt);
	machine_put_stat(vm->machine, dt);
}

/* "snapshot-stop" ends the VM where the snapshot was taken. */
static void take_snapshot(struct steered *vm, const struct request *request, struct dt *dt)
{
	bool ends = !strcmp(request->command, "snapshot-stop");
	struct err e = { 0 };
	int ret = -EINVAL;

	/* The client knows its folder, and not this process's. */
	if (*request->path == '/')
		ret = snapshot_write(vm->machine, request->path, ends, &e);
	else
		err_set(&e, EINVAL, "no path for a snapshot");
	if (ret == 0)
		message_answer(dt, 0, "VM %s is saved to %s%s", vm->name, request->path,
			       ends ? ", and stopped" : "");
	else
		message_answer(dt, ret, "VM %s: %s", vm->name, e.text);
}

static void go(struct steered *vm, int fd, uint64_t downtime, bool brakes)
{
	struct err e = { 0 };

	migration_free(vm->migration);
	vm->migration = migration_start(vm->machine, vm->name, vm->loop, fd, downtime, brakes, &e);
	if (!vm->migration)
		log_info("VM %s does not move: %s", vm->name, e.text);
}

static void goes(struct steered *vm, int fd, uint64_t arg)
{
	go(vm, fd, arg, false);
}

static void goes_with_brakes(struct steered *vm, int fd, uint64_t arg)
{
	go(vm, fd, arg, true);
}

/* The conversation itself follows the answer. "migrate-converge" holds the guest up if it has to. */
static void migrate(struct steered *vm, const struct request *request, struct dt *dt)
{
	bool brakes = !strcmp(request->command, "migrate-converge");
	struct err e = { 0 };
	int ret = machine_can_save(vm->machine, &e);

	if (ret == 0 && migration_goes_on(vm->migration))
		ret = err_set(&e, EBUSY, "it is on its way already");
	if (ret == 0 && vm->paused)
		ret = err_set(&e, EBUSY, "it is paused; 'lkvm resume' lets it go on");
	if (ret == 0)
		vm->follow = (struct follow){ .take = brakes ? goes_with_brakes : goes,
					      .arg = request->time };
	if (ret == 0)
		message_answer(dt, 0, "VM %s: it follows", vm->name);
	else
		message_answer(dt, ret, "VM %s: %s", vm->name, e.text);
}

static void resize(struct steered *vm, const struct request *request, struct dt *dt)
{
	struct err e = { 0 };
	uint64_t size;
	int ret = machine_resize_disk(vm->machine, request->disk, request->size, &size, &e);

	if (ret == 0)
		message_answer(dt, 0, "VM %s: disk %s has %" PRIu64 " bytes now", vm->name,
			       request->disk, size);
	else
		message_answer(dt, ret, "VM %s: %s", vm->name, e.text);
}

static void balloon_do(struct steered *vm, const struct balloon_request *what, struct dt *dt)
{
	struct balloon_state state;
	fdt64_t stat[BALLOON_NR_STATS];
	struct err e = { 0 };
	int ret = machine_balloon(vm->machine, what, &state, &e);

	if (ret < 0) {
		message_answer(dt, ret, "VM %s: %s", vm->name, e.text);
		return;
	}
	message_answer(dt, 0, "VM %s: %" PRIu64 " of %" PRIu64 " MiB given back", vm->name,
		       (uint64_t)(state.actual / MiB), (uint64_t)(state.target / MiB));
	dt_u64(dt, "target", state.target);
	dt_u64(dt, "actual", state.actual);
	dt_u64(dt, "answers", state.answers);
	for (size_t i = 0; i < BALLOON_NR_STATS; i++)
		fdt64_st(&stat[i], state.stat[i]);
	dt_bytes(dt, "statistics", stat, sizeof(stat));
}

static void balloon(struct steered *vm, const struct request *request, struct dt *dt)
{
	(void)request;
	balloon_do(vm, &(struct balloon_request){ 0 }, dt);
}

static void balloon_ask(struct steered *vm, const struct request *request, struct dt *dt)
{
	(void)request;
	balloon_do(vm, &(struct balloon_request){ .ask = true }, dt);
}

static void balloon_set(struct steered *vm, const struct request *request, struct dt *dt)
{
	balloon_do(vm, &(struct balloon_request){ .set = true, .target = request->size }, dt);
}

static void at_console(struct steered *vm, int fd, uint64_t arg)
{
	(void)arg;
	attach_add(vm->attach, fd);
}

static void console(struct steered *vm, const struct request *request, struct dt *dt)
{
	(void)request;
	if (attach_has_room(vm->attach)) {
		vm->follow.take = at_console;
		message_answer(dt, 0, "VM %s: its console follows", vm->name);
	} else {
		message_answer(dt, -EBUSY, "VM %s: %d are at its console already", vm->name,
			       ATTACH_MAX);
	}
}

static void console_size(struct steered *vm, const struct request *request, struct dt *dt)
{
	if (request->columns > UINT16_MAX || request->rows > UINT16_MAX)
		message_answer(dt, -EINVAL, "VM %s: no terminal is so large", vm->name);
	else if (machine_console_resize(vm->machine, (uint16_t)request->columns,
					(uint16_t)request->rows))
		message_answer(dt, 0, "VM %s: its console has that size", vm->name);
	else
		message_answer(dt, -EOPNOTSUPP, "VM %s has a console without a size", vm->name);
}

/* Each answers, once, and may add to its answer. */
static const struct command {
	const char *name;
	void (*run)(struct steered *vm, const struct request *request, struct dt *dt);
	bool stranded; /* also of a VM of which nobody knows whether it runs elsewhere */
} commands[] = {
	{ "status", status, true },
	{ "stat", stat, true },
	{ "console", console, false },
	{ "console-size", console_size, false },
	{ "pause", pause_vm, false },
	{ "resume", resume, true },
	{ "power-button", power_button, false },
	{ "stop", stop, true },
	{ "snapshot", take_snapshot, false },
	{ "snapshot-stop", take_snapshot, false },
	{ "migrate", migrate, false },
	{ "migrate-converge", migrate, false },
	{ "debug", command_debug, false },
	{ "sysrq", command_sysrq, false },
	{ "resize", resize, false },
	{ "balloon", balloon, false },
	{ "balloon-ask", balloon_ask, false },
	{ "balloon-set", balloon_set, false },
};

void commands_run(struct steered *vm, const struct request *request, struct dt *dt)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, request->command))
			continue;
		if (commands[i].stranded || !migration_is_stranded(vm->migration))
			commands[i].run(vm, request, dt);
		else
			message_answer(dt, -EBUSY,
				       "VM %s stands still, and may run where it was moved to: "
				       "'lkvm resume' or 'lkvm stop --force'",
				       vm->name);
		return;
	}
	message_answer(dt, -EOPNOTSUPP, "VM %s knows no command '%s'", vm->name, request->command);
}
