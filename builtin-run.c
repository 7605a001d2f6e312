/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lkvm run: option rows -> struct machine_config -> machine_run(). What can be judged without a host
 * is judged here, in the words that the user typed; the rest where the host answers.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "arm/command.h"
#include "arm/firmware.h"
#include "arm/machine.h"
#include "arm/map.h"
#include "arm/psci.h"
#include "builtin.h"
#include "ipc/control.h"
#include "ipc/gdb.h"
#include "ipc/incoming.h"
#include "ipc/name.h"
#include "ipc/service.h"
#include "ipc/trace.h"
#include "ipc/verdict.h"
#include "util/log.h"
#include "util/opt.h"

/* Of a kernel that ended before its command did. */
#define LAST_LINES 40

struct run {
	struct machine_config cfg;
	struct guest_command command;
	struct gdb_options gdb;
	struct service service;
	struct arrival arrival;
	struct verdict verdict;
	bool read;                   /* the options were, without a mistake */
	char name[NAME_MAX_LEN + 1]; /* of a VM that was given none */
	enum log_level loglevel;
	struct log_output log;
	const char *trace_path; /* or NULL */
	struct trace trace;
	struct timeline timeline;
};

/* The index of @value in a NULL-terminated list of words, or -EINVAL with @e naming @list. */
static int find_word(const char *value, const char *const *words, const char *list, struct err *e)
{
	for (int i = 0; words[i]; i++)
		if (!strcmp(words[i], value))
			return i;
	return err_set(e, EINVAL, "'%s' is none of %s", value, list);
}

static int set_path(void *field, const char *value, struct err *e)
{
	if (!*value)
		return err_set(e, EINVAL, "the name of the file is empty");
	return opt_set_string(field, value, e);
}

static int set_cpus(void *field, const char *value, struct err *e)
{
	uint32_t nr;
	int ret = opt_set_u32(&nr, value, e);

	if (ret == -EINVAL)
		return ret;
	if (ret < 0 || nr < 1 || nr > MAP_CPUS_MAX)
		return err_set(e, ERANGE, "'%s' is out of range: a VM has 1 to %d CPUs", value,
			       MAP_CPUS_MAX);
	*(uint32_t *)field = nr;
	return 0;
}

static int set_mem(void *field, const char *value, struct err *e)
{
	uint64_t size;
	int ret = opt_set_size(&size, value, e);

	if (ret == -EINVAL)
		return ret;
	if (ret < 0 || size < MAP_RAM_SIZE_MIN || size > MAP_RAM_SIZE_MAX)
		return err_set(e, ERANGE,
			       "'%s' is out of range: a VM has %" PRIu64 " MiB to %" PRIu64
			       " GiB of memory",
			       value, (uint64_t)(MAP_RAM_SIZE_MIN / MiB),
			       (uint64_t)(MAP_RAM_SIZE_MAX / GiB));
	*(uint64_t *)field = size;
	return 0;
}

static int set_psci(void *field, const char *value, struct err *e)
{
	return psci_parse(value, field, e);
}

static int set_psci_server(void *field, const char *value, struct err *e)
{
	static const char *const words[] = { "kernel", "user", NULL };
	int i = find_word(value, words, "kernel, user", e);

	if (i < 0)
		return i;
	*(bool *)field = i == 1;
	return 0;
}

static int set_irqchip(void *field, const char *value, struct err *e)
{
	static const char *const words[] = {
		[IRQCHIP_AUTO] = "auto",
		[IRQCHIP_GICV2] = "gicv2",
		[IRQCHIP_GICV3] = "gicv3",
		NULL,
	};
	int i = find_word(value, words, "auto, gicv2, gicv3", e);

	if (i < 0)
		return i;
	*(enum irqchip *)field = i;
	return 0;
}

static int set_loglevel(void *field, const char *value, struct err *e)
{
	static const char *const words[] = {
		[LOG_ERROR] = "error",
		[LOG_WARNING] = "warning",
		[LOG_INFO] = "info",
		[LOG_DEBUG] = "debug",
		NULL,
	};
	int i = find_word(value, words, "error, warning, info, debug", e);

	if (i < 0)
		return i;
	*(enum log_level *)field = i;
	return 0;
}

static int set_transport(void *field, const char *value, struct err *e)
{
	return transport_parse(value, field, e);
}

static int set_msi(void *field, const char *value, struct err *e)
{
	bool on;
	int ret = opt_set_switch(&on, value, e);

	if (ret == 0)
		*(bool *)field = !on;
	return ret;
}

/* One CPU number at *@text, which moves behind it; -1 if there is none below @nr. */
static int read_cpu(const char **text, int nr)
{
	int cpu = 0;

	if (!isdigit((unsigned char)**text))
		return -1;
	for (; isdigit((unsigned char)**text); (*text)++) {
		cpu = cpu * 10 + (**text - '0');
		if (cpu >= nr)
			return -1;
	}
	return cpu;
}

/* "0,2-5", as taskset has it. @field is the whole configuration. */
static int set_affinity(void *field, const char *value, struct err *e)
{
	struct machine_config *cfg = field;
	const char *p = value;
	cpu_set_t set;

	CPU_ZERO(&set);
	for (;;) {
		int first = read_cpu(&p, CPU_SETSIZE), last = first;

		if (first >= 0 && *p == '-') {
			p++;
			last = read_cpu(&p, CPU_SETSIZE);
		}
		if (first < 0 || last < first || (*p && *p != ','))
			return err_set(e, EINVAL,
				       "'%s' is not a list of host CPUs, 0 to %d, such as 0,2-5",
				       value, CPU_SETSIZE - 1);
		for (int cpu = first; cpu <= last; cpu++)
			CPU_SET(cpu, &set);
		if (!*p)
			break;
		p++;
	}
	cfg->affinity = set;
	cfg->pin = true;
	return 0;
}

#define CFG(member)     offsetof(struct run, cfg.member)
#define COMMAND(member) offsetof(struct run, command.member)
#define VERDICT(member) offsetof(struct run, verdict.member)

static const struct opt rows[] = {
	{ 'k', "kernel", "FILE",
	  "Kernel: Image, Image.gz, EFI zboot (gzip) or flat binary\n"
	  "(default: a built-in guest that prints what it sees)",
	  set_path, CFG(kernel) },
	{ 'i', "initrd", "FILE", "Initial RAM disk", set_path, CFG(initrd) },
	{ 'p', "params", "TEXT", "Kernel command line", opt_set_string, CFG(params) },
	{ 'c', "cpus", "NR", "Number of CPUs (default: 2)", set_cpus, CFG(nr_cpus) },
	{ 'm', "mem", "SIZE", "Memory; suffixes B K M G T, none is M (default: 256M)", set_mem,
	  CFG(ram_size) },
	{ 'd', "disk", "FILE[,KEY...]",
	  "A disk whose content is FILE (see lkvm-run(1) for the keys);\n"
	  "may be given several times",
	  disk_parse, CFG(disks) },
	{ 0, "fs", "DIR,TAG[,KEY...]",
	  "Share the folder DIR by virtiofs; the guest mounts TAG. Needs virtiofsd;\n"
	  "may be given several times",
	  fs_parse, CFG(fs) },
	{ 0, "psci-version", "X.Y|auto",
	  "PSCI version that the guest finds: 0.1, 0.2, 1.0, 1.1, 1.2, 1.3\n"
	  "(default: auto, the best that the host's KVM has)",
	  set_psci, CFG(psci) },
	{ 0, "firmware", "NAME=VALUE",
	  "Pin a service or a mitigation level of KVM's firmware (see below);\n"
	  "may be given several times",
	  firmware_parse, CFG(firmware) },
	{ 0, "psci", "WHO",
	  "Who answers PSCI calls: kernel (default), or user: lkvm itself,\n"
	  "which has 0.2 to 1.3 on any host since Linux 6.4",
	  set_psci_server, CFG(psci_user) },
	{ 0, "compat", "PROFILE",
	  "Start a VM that can later run on this profile's host, too\n"
	  "('lkvm host -o PROFILE' there makes it)",
	  set_path, CFG(compat) },
	{ 0, "irqchip", "TYPE", "Interrupt controller: gicv2, gicv3 or auto (default)", set_irqchip,
	  CFG(irqchip) },
	{ 0, "virtio-transport", "TYPE",
	  "How the guest reaches virtio devices: mmio (default) or pci", set_transport, CFG(bus) },
	{ 0, "msi", "on|off", "Message-signalled interrupts for PCI devices (default: on)", set_msi,
	  CFG(no_msi) },
	{ 0, "rng", NULL, "Give the guest a source of random numbers", opt_set_flag,
	  CFG(rng.present) },
	{ 0, "rng-rate", "SIZE", "Bytes a second that it gives at most (default: no limit)",
	  rng_parse_rate, CFG(rng) },
	{ 0, "balloon", NULL, "Let the guest give memory back (see lkvm-balloon(1))", opt_set_flag,
	  CFG(balloon) },
	{ 0, "vsock", "CID[,KEY...]",
	  "Sockets between the guest, which is CID there, and programs of the host:\n"
	  "by the host's kernel, or unix=PATH",
	  vsock_parse, CFG(vsock) },
	{ 0, "pmu", NULL, "Give the guest a performance monitoring unit", opt_set_flag, CFG(pmu) },
	{ 0, "name", "NAME", "Name of the VM (default: guest-PID)", name_set, CFG(name) },
	{ 0, "console", "TYPE[,KEY...]",
	  "The kernel's console: serial (default) or virtio; on lkvm's own input and\n"
	  "output or with pty, file=PATH; log=PATH gets a copy;\n"
	  "max=SIZE, keep=NR put files aside that have that size",
	  console_parse, CFG(console) },
	{ 0, "port", "NAME[,KEY...]",
	  "A named port, /dev/virtio-ports/NAME for the guest: pty (default) or file=PATH;\n"
	  "may be given several times",
	  console_parse_port, CFG(console) },
	{ 0, "9p", "DIR,TAG[,KEY...]",
	  "Share the folder DIR with the guest, which mounts it by TAG (9p);\n"
	  "keys: ro, transport=; may be given several times",
	  share_parse, CFG(shares) },
	{ 0, "root", "DIR", "Root folder of a COMMAND (default: the host's)", set_path,
	  COMMAND(root) },
	{ 0, "root-rw", NULL, "What a COMMAND writes there is written on the host", opt_set_flag,
	  COMMAND(root_rw) },
	{ 0, "rw", "DIR",
	  "Share DIR with a COMMAND, where it is and to be written to;\n"
	  "may be given several times",
	  command_add_rw, offsetof(struct run, command) },
	{ 0, "env", "NAME[=VALUE]",
	  "Give a COMMAND this variable, with lkvm's own value or VALUE;\n"
	  "may be given several times",
	  command_add_env, offsetof(struct run, command) },
	{ 0, "user", "UID[:GID]", "Who a COMMAND is run as (default: you)", command_set_user,
	  offsetof(struct run, command) },
	{ 0, "modules", "DIR",
	  "A COMMAND's kernel has its modules here (default: /lib/modules/VERSION),\n"
	  "or none: it needs none",
	  set_path, COMMAND(modules) },
	{ 0, "network", "MODE[,KEY...]",
	  "A network device: user (by passt, needs no privileges), tap, or none (default);\n"
	  "user takes hostfwd=tcp:8080-:80; see lkvm-run(1); may be given several times",
	  network_parse, CFG(networks) },
	{ 0, "nodefaults", NULL, "Do not put console=ttyS0 in the kernel command line",
	  opt_set_flag, CFG(nodefaults) },
	{ 0, "reboot", NULL, "Restart the VM when the guest resets it, instead of ending",
	  opt_set_flag, CFG(reboot) },
	{ 0, "incoming", "WHERE",
	  "Go on with a VM that 'lkvm migrate' brings, in place of starting one: unix:PATH,\n"
	  "tcp:[HOST]:PORT or exec:COMMAND",
	  set_path, offsetof(struct run, arrival.where) },
	{ 0, "allow", "NAME", "Of a VM that comes: let this pass, as 'lkvm restore' has it",
	  allow_add, CFG(allow) },
	{ 0, "daemonize", NULL, "Go to the background, and return when the guest runs",
	  opt_set_flag, offsetof(struct run, service.daemonize) },
	{ 0, "pidfile", "FILE", "Keep lkvm's process number in FILE while it runs", set_path,
	  offsetof(struct run, service.pidfile) },
	{ 0, "timeout", "TIME",
	  "Stop the VM after so long, with status 124: 30s, 2m, 500ms, 1h;\n"
	  "a bare number is seconds",
	  opt_set_time, VERDICT(timeout) },
	{ 0, "expect", "REGEX",
	  "Stop the VM, with status 0, when its console has said this;\n"
	  "may be given several times: in this order",
	  verdict_add_expect, offsetof(struct run, verdict) },
	{ 0, "reject", "REGEX",
	  "Stop the VM, with status 123, if its console says this;\n"
	  "may be given several times",
	  verdict_add_reject, offsetof(struct run, verdict) },
	{ 0, "panic", "WHAT",
	  "What a panic of the guest's kernel does: stop the VM, with status 122\n"
	  "(default with the three above), or report: a warning",
	  verdict_set_panic, offsetof(struct run, verdict) },
	{ 0, "report", "FILE", "Write how the run went to FILE, as JSON", verdict_set_file,
	  VERDICT(report) },
	{ 0, "junit", "FILE", "The same as a test's result, for JUnit's readers", verdict_set_file,
	  VERDICT(junit) },
	{ 0, "tap", "FILE", "The same in the Test Anything Protocol", verdict_set_file,
	  VERDICT(tap) },
	{ 0, "dtb", "FILE", "Device tree to give to the guest instead of the generated one",
	  set_path, CFG(dtb) },
	{ 0, "dump-dtb", "FILE", "Write the device tree that the guest gets to FILE", set_path,
	  CFG(dump_dtb) },
	{ 0, "vcpu-affinity", "LIST", "Run the vCPUs on these host CPUs only, such as 0,2-5",
	  set_affinity, offsetof(struct run, cfg) },
	{ 0, "hugetlbfs", "PATH", "Take the guest's memory from this hugetlbfs mount", set_path,
	  CFG(hugetlbfs) },
	{ 0, "mem-shared", NULL, "Make the guest's memory a file that other processes can map",
	  opt_set_flag, CFG(mem_shared) },
	{ 0, "gdb", "WHERE[,wait]",
	  "Let gdb debug the guest: unix:PATH, tcp::PORT (this host alone) or\n"
	  "tcp:HOST:PORT; wait: the guest does not start before gdb has come",
	  gdb_parse, offsetof(struct run, gdb) },
	{ 0, "sandbox", "on|off",
	  "Confine lkvm's threads to the system calls that they need (default: on)", opt_set_switch,
	  CFG(sandbox) },
	{ 0, "dev", "PATH", "KVM device (default: /dev/kvm)", set_path, CFG(dev) },
	{ 0, "loglevel", "LEVEL", "Messages to print: error, warning, info (default) or debug",
	  set_loglevel, offsetof(struct run, loglevel) },
	{ 0, "log-format", "FORMAT",
	  "What messages look like: text (default) or json, an object a line", log_parse_format,
	  offsetof(struct run, log) },
	{ 0, "log-file", "FILE[,KEY...]",
	  "Messages go to FILE, fatal ones to standard error, too; keys: max=SIZE, keep=NR",
	  log_parse_file, offsetof(struct run, log) },
	{ 0, "trace", "FILE", "Write what the run did, and when, for a trace viewer", set_path,
	  offsetof(struct run, trace_path) },
};

/* The first bare word is the kernel. */
static int set_bare_word(void *target, const char *word, struct err *e)
{
	struct run *run = target;

	if (run->cfg.kernel)
		return err_set(e, EINVAL, "'%s' is one word too many: the kernel is '%s'", word,
			       run->cfg.kernel);
	return set_path(&run->cfg.kernel, word, e);
}

static void usage(void)
{
	puts("Usage: lkvm run [OPTIONS] [KERNEL]\n"
	     "       lkvm run [OPTIONS] [KERNEL] -- COMMAND [ARG...]\n"
	     "\n"
	     "Start a virtual machine. Ctrl-A x on its console stops it, Ctrl-A h helps.\n"
	     "With a COMMAND, the machine runs it in the host's files, and ends as it does.\n");
	opt_print(stdout, rows, ARRAY_SIZE(rows));
	puts("\nWhat --firmware pins; what is not pinned is the host's best ('lkvm host' shows it):");
	firmware_print(stdout);
}

/* The words behind "--", and the options that mean nothing without them. */
static int take_command(struct run *run, char **words, struct err *e)
{
	struct guest_command *c = &run->command;

	if (words && !*words)
		return err_set(e, EINVAL, "'--' stands before a command, and there is none");
	if (words && run->service.daemonize)
		return err_set(e, EINVAL,
			       "--daemonize goes without a command, whose output would go nowhere");
	c->argv = words;
	if (words)
		return command_prepare(c, &run->cfg, e);
	if (c->root || c->root_rw || c->nr_rw || c->nr_env || c->other_user || c->modules)
		return err_set(e, EINVAL,
			       "--root, --root-rw, --rw, --env, --user and --modules go with a "
			       "command: -- COMMAND");
	return 0;
}

static int run_machine(struct run *run, int argc, char **argv, struct err *e)
{
	char **words;
	bool help;
	int ret, status = MACHINE_FAILED;

	snprintf(run->name, sizeof(run->name), "guest-%d", (int)getpid());
	run->cfg.name = run->name;
	ret = opt_parse(rows, ARRAY_SIZE(rows), run, argc - 1, argv + 1, set_bare_word, &help,
			&words, e);
	if (ret == 0 && help) {
		usage();
		return MACHINE_OFF;
	}
	log_set_level(run->loglevel);
	run->log.vm = run->cfg.name;
	run->read = ret == 0;
	if (ret == 0)
		ret = log_open(&run->log, e);
	if (ret == 0)
		ret = take_command(run, words, e);
	if (ret == 0 && run->arrival.where)
		ret = arrival_check(&run->cfg, e);
	if (ret == 0 && !run->arrival.where && run->cfg.allow.nr)
		ret = err_set(e, EINVAL, "--allow goes with --incoming");
	if (ret == 0)
		ret = verdict_watch(&run->verdict, &run->cfg, e);
	if (ret == 0)
		ret = service_start(&run->service, &status, e);
	if (ret > 0) {
		run->read = false; /* the rest is the other process's */
		return status;
	}
	run->cfg.named = run->cfg.name != run->name;
	if (!run->cfg.named) /* perhaps in another process now */
		snprintf(run->name, sizeof(run->name), "guest-%d", (int)getpid());
	if (run->trace_path && !run->cfg.timeline)
		run->cfg.timeline = &run->timeline;
	if (ret == 0)
		ret = arrival_wait(&run->arrival, &run->cfg, e);
	if (ret == 0)
		ret = trace_open(&run->trace, run->trace_path, &run->cfg, e);
	if (ret < 0) {
		err_wrap(e, 0, "run");
		return MACHINE_FAILED;
	}
	machine_add_control(&run->cfg, &service_control, &run->service);
	machine_add_control(&run->cfg, &control_server, NULL);
	if (run->gdb.address.len)
		machine_add_control(&run->cfg, &gdb_server, &run->gdb);
	status = machine_run(&run->cfg, e);
	return status == MACHINE_FAILED || !words ? status : command_status(&run->command, e);
}

int builtin_run(int argc, char **argv)
{
	struct run run = { .cfg = machine_config_default,
			   .service = SERVICE_NONE,
			   .arrival = ARRIVAL_NONE,
			   .verdict.cfg = &run.cfg,
			   .loglevel = LOG_INFO,
			   .timeline = TIMELINE_NONE };
	struct err e = { 0 };
	int status = run_machine(&run, argc, argv, &e);

	arrival_end(&run.arrival, *e.text ? e.text : "it was stopped");
	if (run.read)
		status = verdict_end(&run.verdict, status, &e);
	if (*e.text)
		log_error("%s", e.text);
	if (run.command.argv && !run.command.done)
		tail_print(&run.command.console, LAST_LINES, "  | ");
	trace_close(&run.trace, &run.cfg);
	if (run.read)
		status = verdict_tell(&run.verdict, status, &e);
	verdict_free(&run.verdict);
	service_end(&run.service);
	disk_options_free(&run.cfg.disks);
	share_options_free(&run.cfg.shares);
	console_options_free(&run.cfg.console);
	fs_options_free(&run.cfg.fs);
	command_free(&run.command);
	network_options_free(&run.cfg.networks);
	vsock_options_free(&run.cfg.vsock);
	log_close();
	free(run.log.path);
	return status;
}
