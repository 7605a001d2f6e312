/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Snapshots: any bytes as one; and as the tree of one, whose checksum is right. A device that took such a state must
 * bear a guest.
 */
#include <stdlib.h>
#include <string.h>
#include "hw/pl031.h"
#include "hw/pl061.h"
#include "hw/uart8250.h"
#include "snapshot/snapshot.h"
#include "vm/dt_in.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t now(void *ctx)
{
	(void)ctx;
	return 1000 * NS_PER_S;
}

static void use(const struct mmio_ops *ops, void *dev)
{
	for (uint64_t off = 0; off < 0x20; off += 4)
		ops->read(dev, off, 4);
	for (uint64_t off = 0; off < 8; off++) {
		ops->read(dev, off, 1);
		ops->write(dev, off, off, 1);
	}
}

/* Each finds its registers in the root. */
static void restore_devices(const void *tree)
{
	struct err e;
	struct dt_in in[3];
	struct uart8250 uart;
	struct pl031 rtc;
	struct pl061 gpio;

	for (unsigned int i = 0; i < 3; i++)
		in[i] = (struct dt_in){ .fdt = tree, .name = "input", .e = &e };
	uart8250_init(&uart, (struct irq){ 0 }, (struct char_backend){ 0 });
	pl031_init(&rtc, (struct irq){ 0 }, (struct clock){ .now = now }, (struct timer){ 0 });
	pl061_init(&gpio, (struct irq){ 0 });
	uart8250_restore(&uart, &in[0], 0);
	pl031_restore(&rtc, &in[1], 0);
	pl061_restore(&gpio, &in[2], 0);
	use(&uart8250_mmio, &uart);
	use(&pl031_mmio, &rtc);
	use(&pl061_mmio, &gpio);
	uart8250_destroy(&uart);
	pl031_destroy(&rtc);
	pl061_destroy(&gpio);
}

static void read_machine(const void *tree)
{
	struct saved_machine saved = { .fdt = tree, .name = "input" };
	struct machine_config cfg = { 0 };
	struct err e;

	if (saved_machine_read(&saved, &cfg, &e) < 0)
		return;
	if (!cfg.nr_cpus || cfg.nr_cpus > 512 || cfg.ram_size > 1ULL << 40)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	void *copy = malloc(size ? size : 1); /* aligned, and its end is watched */
	uint64_t ram_off;
	struct err e;

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	snapshot_check(copy, size, "input", &ram_off, &e);
	if (dt_check(copy, size) == 0) {
		read_machine(copy);
		restore_devices(copy);
	}
	free(copy);
	return 0;
}
