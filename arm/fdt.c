/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device tree the guest boots with, generated from the machine as it was built, or the user's
 * own. Bindings: Documentation/devicetree/bindings of Linux, and the Devicetree Specification.
 */
#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "arm/psci.h"
#include "hw/uart8250.h"
#include "kvm/kvm.h"
#include "parts.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "vm/dt.h"

#define DT_PHANDLE_SYSCON 2
#define DT_PHANDLE_CLOCK  4

/* The bus clock of the RTC, in Hz, as QEMU's virt has it. Nothing depends on it. */
#define RTC_PCLK 24000000

/* What the ns16550a binding derives the divisor from; PC16550D, 115200 baud * 16. */
#define UART_CLOCK 1843200

/* arm64 Linux's COMMAND_LINE_SIZE. */
#define BOOTARGS_MAX 2048

/* MPIDR_EL1's affinity fields 2:0 are what a cpu node's reg holds with one address cell. */
#define MPIDR_AFF_MASK 0xffffff

/* PSCI 0.2 and later, DEN 0022 chapter 5: ids for those who only know the oldest binding. */
#define PSCI_CPU_SUSPEND_64 0xc4000001
#define PSCI_CPU_OFF        0x84000002
#define PSCI_CPU_ON_64      0xc4000003

char *fdt_bootargs(const struct machine_config *cfg, struct err *e)
{
	const char *params = cfg->params ? cfg->params : "";
	const char *console = "";
	char *args;

	if (!cfg->nodefaults && !strstr(params, "console="))
		console = cfg->console.virtio ? "console=hvc0" : "console=ttyS0";
	if (asprintf(&args, "%s%s%s", console, *console && *params ? " " : "", params) < 0) {
		err_sys(e, "cannot write the kernel command line");
		return NULL;
	}
	if (strlen(args) >= BOOTARGS_MAX)
		log_warning("the kernel command line has %zu characters; Linux reads %d of them",
			    strlen(args), BOOTARGS_MAX - 1);
	return args;
}

static int chosen(const struct machine *m, struct dt *dt, struct err *e)
{
	autofree char *bootargs = fdt_bootargs(m->cfg, e);
	uint64_t seed[9]; /* kaslr-seed, then rng-seed */

	if (!bootargs)
		return -ENOMEM;
	if (getrandom(seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		return err_sys(e, "cannot get random numbers for the guest");
	dt_begin(dt, "chosen");
	dt_string(dt, "bootargs", bootargs);
	dt_string(dt, "stdout-path", "serial0:115200n8");
	if (m->initrd != m->initrd_end) {
		dt_u64(dt, "linux,initrd-start", m->initrd);
		dt_u64(dt, "linux,initrd-end", m->initrd_end);
	}
	dt_bytes(dt, "kaslr-seed", seed, sizeof(seed[0]));
	dt_bytes(dt, "rng-seed", seed + 1, sizeof(seed) - sizeof(seed[0]));
	dt_end(dt);
	return 0;
}

static void aliases(struct dt *dt)
{
	char name[16], path[32];

	dt_begin(dt, "aliases");
	for (unsigned int i = 0; i < MAP_UART_NR; i++) {
		snprintf(name, sizeof(name), "serial%u", i);
		snprintf(path, sizeof(path), "/serial@%llx", MAP_UART + i * MAP_UART_STRIDE);
		dt_string(dt, name, path);
	}
	dt_end(dt);
}

static void memory(const struct machine *m, struct dt *dt)
{
	dt_begin(dt, "memory@%llx", (unsigned long long)m->vm.ram.base);
	dt_string(dt, "device_type", "memory");
	dt_cells(dt, "reg", DT_U64(m->vm.ram.base), DT_U64(m->vm.ram.size));
	dt_end(dt);
}

static void cpus(const struct machine *m, struct dt *dt)
{
	dt_begin(dt, "cpus");
	dt_cells(dt, "#address-cells", 1);
	dt_cells(dt, "#size-cells", 0);
	for (unsigned int i = 0; i < m->vm.nr_vcpus; i++) {
		uint32_t aff = (uint32_t)m->mpidr[i] & MPIDR_AFF_MASK;

		dt_begin(dt, "cpu@%x", aff);
		dt_string(dt, "device_type", "cpu");
		dt_string(dt, "compatible", "arm,armv8");
		dt_string(dt, "enable-method", "psci");
		dt_cells(dt, "reg", aff);
		dt_end(dt);
	}
	dt_end(dt);
}

/* The node says what the firmware register says: a guest may trust either. */
static void psci(const struct machine *m, struct dt *dt)
{
	static const char v1_0[] = "arm,psci-1.0\0arm,psci-0.2\0arm,psci";
	static const char v0_2[] = "arm,psci-0.2\0arm,psci";

	dt_begin(dt, "psci");
	if (m->psci >= PSCI_VERSION(1, 0))
		dt_bytes(dt, "compatible", v1_0, sizeof(v1_0));
	else if (m->psci >= PSCI_VERSION(0, 2))
		dt_bytes(dt, "compatible", v0_2, sizeof(v0_2));
	else
		dt_string(dt, "compatible", "arm,psci");
	dt_string(dt, "method", "hvc");
	if (m->psci >= PSCI_VERSION(0, 2)) {
		dt_cells(dt, "cpu_suspend", PSCI_CPU_SUSPEND_64);
		dt_cells(dt, "cpu_off", PSCI_CPU_OFF);
		dt_cells(dt, "cpu_on", PSCI_CPU_ON_64);
	} else {
		/* KVM answers NOT_SUPPORTED to 0.1's CPU_SUSPEND and MIGRATE: they are not there. */
		dt_cells(dt, "cpu_off", KVM_PSCI_FN_CPU_OFF);
		dt_cells(dt, "cpu_on", KVM_PSCI_FN_CPU_ON);
	}
	dt_end(dt);
}

static void timer(const struct machine *m, struct dt *dt)
{
	uint32_t flags = gic_ppi_flags(&m->gic);

	dt_begin(dt, "timer");
	dt_string(dt, "compatible", "arm,armv8-timer");
	dt_cells(dt, "interrupts", DT_GIC_PPI, MAP_PPI_TIMER_SECURE, flags, DT_GIC_PPI,
		 MAP_PPI_TIMER_PHYS, flags, DT_GIC_PPI, MAP_PPI_TIMER_VIRT, flags, DT_GIC_PPI,
		 MAP_PPI_TIMER_HYP, flags);
	dt_empty(dt, "always-on");
	dt_end(dt);
}

static void pmu(const struct machine *m, struct dt *dt)
{
	if (!m->cfg->pmu)
		return;
	dt_begin(dt, "pmu");
	dt_string(dt, "compatible", "arm,armv8-pmuv3");
	dt_cells(dt, "interrupts", DT_GIC_PPI, MAP_PPI_PMU, gic_ppi_flags(&m->gic));
	dt_end(dt);
}

static void uarts(struct dt *dt)
{
	for (unsigned int i = 0; i < MAP_UART_NR; i++) {
		uint64_t base = MAP_UART + i * MAP_UART_STRIDE;

		dt_begin(dt, "serial@%llx", (unsigned long long)base);
		dt_string(dt, "compatible", "ns16550a");
		dt_cells(dt, "reg", DT_U64(base), DT_U64(UART8250_REGS_SIZE));
		dt_cells(dt, "clock-frequency", UART_CLOCK);
		dt_cells(dt, "interrupts", DT_GIC_SPI, MAP_SPI_UART + i, DT_IRQ_LEVEL_HIGH);
		dt_end(dt);
	}
}

/* Its clock is one that never changes; the primecell binding wants to hear of it. */
static void rtc(struct dt *dt)
{
	static const char compatible[] = "arm,pl031\0arm,primecell";

	dt_begin(dt, "apb-pclk");
	dt_string(dt, "compatible", "fixed-clock");
	dt_cells(dt, "#clock-cells", 0);
	dt_cells(dt, "clock-frequency", RTC_PCLK);
	dt_cells(dt, "phandle", DT_PHANDLE_CLOCK);
	dt_end(dt);
	dt_begin(dt, "rtc@%llx", MAP_RTC);
	dt_bytes(dt, "compatible", compatible, sizeof(compatible));
	dt_cells(dt, "reg", DT_U64(MAP_RTC), DT_U64(MAP_RTC_SIZE));
	dt_cells(dt, "interrupts", DT_GIC_SPI, MAP_SPI_RTC, DT_IRQ_LEVEL_HIGH);
	dt_cells(dt, "clocks", DT_PHANDLE_CLOCK);
	dt_string(dt, "clock-names", "apb_pclk");
	dt_end(dt);
}

static void pvpanic(struct dt *dt)
{
	dt_begin(dt, "pvpanic@%llx", MAP_PVPANIC);
	dt_string(dt, "compatible", "qemu,pvpanic-mmio");
	dt_cells(dt, "reg", DT_U64(MAP_PVPANIC), DT_U64(PVPANIC_REGS_SIZE));
	dt_end(dt);
}

static void syscon_action(struct dt *dt, const char *name, uint32_t value)
{
	dt_begin(dt, "%s", name);
	dt_string(dt, "compatible", name);
	dt_cells(dt, "regmap", DT_PHANDLE_SYSCON);
	dt_cells(dt, "offset", SYSCON_POWER);
	dt_cells(dt, "value", value);
	dt_end(dt);
}

static void syscon(const struct machine *m, struct dt *dt)
{
	if (!machine_has_syscon(m))
		return;
	dt_begin(dt, "syscon@%llx", MAP_SYSCON);
	dt_string(dt, "compatible", "syscon");
	dt_cells(dt, "reg", DT_U64(MAP_SYSCON), DT_U64(SYSCON_REGS_SIZE));
	dt_cells(dt, "phandle", DT_PHANDLE_SYSCON);
	dt_end(dt);
	syscon_action(dt, "syscon-poweroff", SYSCON_POWER_OFF);
	syscon_action(dt, "syscon-reboot", SYSCON_POWER_RESET);
}

int fdt_generate(const struct machine *m, struct dt *dt, struct err *e)
{
	int ret = dt_start(dt, e);

	if (ret < 0)
		return ret;
	dt_string(dt, "compatible", "linux,dummy-virt");
	dt_string(dt, "model", "lkvm");
	dt_cells(dt, "interrupt-parent", DT_PHANDLE_GIC);
	dt_cells(dt, "#address-cells", 2);
	dt_cells(dt, "#size-cells", 2);
	ret = chosen(m, dt, e);
	if (ret < 0)
		return ret;
	aliases(dt);
	memory(m, dt);
	cpus(m, dt);
	psci(m, dt);
	timer(m, dt);
	pmu(m, dt);
	gic_fdt_begin(&m->gic, dt);
	slots_fdt_msi(m, dt);
	dt_end(dt);
	uarts(dt);
	rtc(dt);
	button_fdt(dt, DT_PHANDLE_CLOCK);
	pvpanic(dt);
	syscon(m, dt);
	slots_fdt(m, dt);
	return dt_finish(dt, e);
}

int fdt_load(const char *path, void **blob, size_t *size, struct err *e)
{
	autofree void *buf = NULL;
	autofd int fd = -1;
	uint64_t len;
	int ret;

	fd = file_open(path, "device tree", &len, e);
	if (fd < 0)
		return fd;
	if (len > DT_SIZE_MAX)
		return err_set(e, EFBIG, "device tree %s has %llu bytes; a guest can take %d", path,
			       (unsigned long long)len, DT_SIZE_MAX);
	buf = malloc(len);
	if (!buf)
		return err_sys(e, "cannot read device tree %s", path);
	ret = file_read_at(fd, buf, len, 0);
	if (ret < 0)
		return err_set(e, -ret, "cannot read device tree %s: %s", path, strerror(-ret));
	ret = dt_check(buf, len);
	if (ret < 0)
		return err_set(e, EINVAL, "%s is not a sound device tree blob: %s", path,
			       fdt_strerror(ret));
	*blob = buf;
	*size = len;
	buf = NULL;
	return 0;
}

/* Whether the tree's /psci node is the one that this machine's firmware has. */
static void warn_of_other_psci(const struct machine *m, const void *blob)
{
	int node = fdt_path_offset(blob, "/psci");
	bool v1_0 = node >= 0 && !fdt_node_check_compatible(blob, node, "arm,psci-1.0");
	bool v0_2 = node >= 0 && !fdt_node_check_compatible(blob, node, "arm,psci-0.2");
	char text[PSCI_TEXT_SIZE];

	if (node < 0 || v1_0 != (m->psci >= PSCI_VERSION(1, 0)) ||
	    v0_2 != (m->psci >= PSCI_VERSION(0, 2)))
		log_warning("the /psci node of %s is not that of PSCI %s, which the guest gets",
			    m->cfg->dtb, psci_format(m->psci, text));
}

int fdt_fix_chosen(const struct machine *m, void *blob, struct err *e)
{
	int node, ret;

	warn_of_other_psci(m, blob);
	if (m->initrd == m->initrd_end && !m->cfg->params)
		return 0;

	ret = fdt_open_into(blob, blob, DT_SIZE_MAX);
	node = ret < 0 ? ret : fdt_path_offset(blob, "/chosen");
	if (node == -FDT_ERR_NOTFOUND)
		node = fdt_add_subnode(blob, 0, "chosen");
	ret = node < 0 ? node : 0;
	if (!ret && m->cfg->params)
		ret = fdt_setprop_string(blob, node, "bootargs", m->cfg->params);
	if (!ret && m->initrd != m->initrd_end)
		ret = fdt_setprop_u64(blob, node, "linux,initrd-start", m->initrd);
	if (!ret && m->initrd != m->initrd_end)
		ret = fdt_setprop_u64(blob, node, "linux,initrd-end", m->initrd_end);
	if (!ret)
		ret = fdt_pack(blob);
	if (ret)
		return err_set(e, EINVAL, "cannot put the initrd and --params in %s: %s",
			       m->cfg->dtb, fdt_strerror(ret));
	return 0;
}
