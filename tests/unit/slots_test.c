/* SPDX-License-Identifier: BSD-2-Clause */
/* Where virtio devices are: their nodes, registers, doorbells and messages, and what nobody pays for. */
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../../arm/msi.h"
#include "arm/psci.h"
#include "fdt_tree.h"
#include "kvm/kvm.h"
#include "virtio/device.h"
#include "vm/bus.h"

#define PCIE  "/pcie@3f000000"
#define GIC   "/interrupt-controller@8000000"
#define SLOTS 4

/* A device that does nothing. */
static const struct virtio_class idle = { .name = "idle", .id = 4, .pci_class = 0xff0000 };

struct world {
	struct tree t;
	struct virtio_device dev[SLOTS];
	unsigned int nr;
};

static struct machine_config gic(enum irqchip irqchip)
{
	return config(1, PSCI_AUTO, irqchip);
}

static void world_open(struct world *w, const struct machine_config *cfg)
{
	struct fake_host all = host();

	*w = (struct world){ .nr = 0 };
	board_build(&w->t.b, &all, cfg);
}

static void add(struct world *w, enum virtio_bus bus)
{
	struct virtio_device *dev = &w->dev[w->nr++];
	struct err e = { 0 };

	assert_int_equal(virtio_init(dev, &idle, "idle", &w->t.b.m.vm.ram, 2, 16, 0, &e), 0);
	assert_int_equal(slots_add(&w->t.b.m, dev, bus, &e), 0);
}

static void generate(struct world *w)
{
	struct err e = { 0 };

	assert_int_equal(fdt_generate(&w->t.b.m, &w->t.dt, &e), 0);
	w->t.blob = w->t.dt.blob;
	assert_int_equal(fdt_check_full(w->t.blob, fdt_totalsize(w->t.blob)), 0);
}

static void world_close(struct world *w)
{
	dt_free(&w->t.dt);
	for (unsigned int i = 0; i < w->nr; i++)
		virtio_destroy(&w->dev[i]);
	slots_destroy(&w->t.b.m);
	board_close(&w->t.b);
}

static bool has_node(const struct world *w, const char *path)
{
	return fdt_path_offset(w->t.blob, path) >= 0;
}

static bool has_prop(const struct world *w, const char *path, const char *name)
{
	return fdt_getprop(w->t.blob, node(&w->t, path), name, NULL) != NULL;
}

static uint64_t get(const struct world *w, gpa_t gpa, unsigned int len)
{
	uint8_t data[8] = { 0 };

	assert_int_equal(bus_access(&w->t.b.m.vm.bus, gpa, data, len, false), BUS_DONE);
	return get_le64(data);
}

static void put(const struct world *w, gpa_t gpa, unsigned int len, uint64_t value)
{
	uint8_t data[8];

	put_le64(data, value);
	assert_int_equal(bus_access(&w->t.b.m.vm.bus, gpa, data, len, true), BUS_DONE);
}

static gpa_t ecam(unsigned int slot, unsigned int off)
{
	return MAP_PCI_ECAM + (slot << 15) + off;
}

static void mmio_devices_stand_in_a_row_with_an_edge_interrupt_each(void **state)
{
	struct machine_config cfg = gic(IRQCHIP_AUTO);
	struct world w;

	(void)state;
	world_open(&w, &cfg);
	add(&w, VIRTIO_BUS_MMIO);
	add(&w, VIRTIO_BUS_MMIO);
	generate(&w);
	check_text(&w.t, "/virtio_mmio@a000000", "compatible", "virtio,mmio");
	check_prop(&w.t, "/virtio_mmio@a000000", "reg", 0, 0x0a000000, 0, 0x200);
	check_prop(&w.t, "/virtio_mmio@a000000", "interrupts", 0, 16, 1);
	check_prop(&w.t, "/virtio_mmio@a000200", "interrupts", 0, 17, 1);
	assert_true(fdt_path_offset(w.t.blob, "/virtio_mmio@a000000") <
		    fdt_path_offset(w.t.blob, "/virtio_mmio@a000200"));
	assert_true(has_prop(&w, "/virtio_mmio@a000200", "dma-coherent"));
	assert_int_equal(get(&w, 0x0a000000, 4), 0x74726976); /* MagicValue */
	assert_int_equal(get(&w, 0x0a000204, 4), 2);          /* Version */
	assert_false(has_node(&w, PCIE));
	assert_int_equal(fake_count(KVM_CREATE_DEVICE, KVM_DEV_TYPE_ARM_VGIC_ITS), 0);
	world_close(&w);
}

static void every_queue_of_an_mmio_device_has_a_doorbell(void **state)
{
	struct machine_config cfg = gic(IRQCHIP_AUTO);
	struct world w;

	(void)state;
	world_open(&w, &cfg);
	add(&w, VIRTIO_BUS_MMIO);
	assert_int_equal(fake_nr_bells(), 2);
	assert_int_equal(fake_count(KVM_IOEVENTFD, 0x0a000050), 2);
	world_close(&w);
}

static void a_full_window_says_so(void **state)
{
	struct machine_config cfg = gic(IRQCHIP_AUTO);
	struct err e = { 0 };
	struct world w;

	(void)state;
	world_open(&w, &cfg);
	add(&w, VIRTIO_BUS_MMIO);
	w.t.b.m.slots.nr_mmio = MAP_VIRTIO_NR;
	assert_int_equal(slots_add(&w.t.b.m, &w.dev[0], VIRTIO_BUS_MMIO, &e), -ENOSPC);
	assert_string_equal(e.text, "idle: all 32 virtio-mmio slots are taken");
	world_close(&w);
}

static void the_first_pci_device_brings_host_bridge_and_its(void **state)
{
	struct machine_config cfg = gic(IRQCHIP_GICV3);
	struct world w;

	(void)state;
	world_open(&w, &cfg);
	w.t.b.m.slots.pci_high = 0x100000000;
	add(&w, VIRTIO_BUS_PCI);
	add(&w, VIRTIO_BUS_PCI);
	generate(&w);
	check_text(&w.t, PCIE, "compatible", "pci-host-ecam-generic");
	check_prop(&w.t, PCIE, "reg", 0, 0x3f000000, 0, 0x100000);
	check_prop(&w.t, PCIE, "bus-range", 0, 0);
	check_prop(&w.t, PCIE, "ranges", 0x02000000, 0, 0x10000000, 0, 0x10000000, 0, 0x2eff0000,
		   0x43000000, 1, 0, 1, 0, 1, 0);
	check_prop(&w.t, PCIE, "msi-map", 0, DT_PHANDLE_MSI, 0, 0x10000);
	assert_true(has_prop(&w, PCIE, "dma-coherent"));
	check_text(&w.t, GIC "/msi-controller@8080000", "compatible", "arm,gic-v3-its");
	check_prop(&w.t, GIC "/msi-controller@8080000", "reg", 0, 0x08080000, 0, 0x20000);
	assert_int_equal(fdt_node_offset_by_phandle(w.t.blob, DT_PHANDLE_MSI),
			 node(&w.t, GIC "/msi-controller@8080000"));
	assert_int_equal(fake_count(KVM_CREATE_DEVICE, KVM_DEV_TYPE_ARM_VGIC_ITS), 1);
	assert_int_equal(get(&w, ecam(0, 0), 4), 0x10441af4);
	assert_int_equal(get(&w, ecam(1, 0), 4), 0x10441af4);
	assert_int_equal(get(&w, ecam(2, 0), 4), 0xffffffff);
	world_close(&w);
}

static void gicv2_carries_messages_by_a_frame(void **state)
{
	struct machine_config cfg = gic(IRQCHIP_GICV2);
	struct world w;

	(void)state;
	world_open(&w, &cfg);
	add(&w, VIRTIO_BUS_PCI);
	generate(&w);
	check_text(&w.t, GIC "/v2m@8020000", "compatible", "arm,gic-v2m-frame");
	check_prop(&w.t, GIC "/v2m@8020000", "reg", 0, 0x08020000, 0, 0x1000);
	check_prop(&w.t, PCIE, "msi-parent", DT_PHANDLE_MSI);
	assert_false(has_prop(&w, PCIE, "msi-map"));
	assert_int_equal(get(&w, 0x08020008, 4), (32 + 48) << 16 | 64); /* MSI_TYPER */
	put(&w, 0x08020040, 4, 32 + 111);                               /* MSI_SETSPI_NS */
	assert_true(fake_spi_level(111));
	assert_int_equal(fake_count(KVM_CREATE_DEVICE, KVM_DEV_TYPE_ARM_VGIC_ITS), 0);
	world_close(&w);
}

/* Function N's pin A is line N % 4, as hw/pci.c has it. */
static void the_map_of_lines_is_the_bridges(void **state)
{
	struct machine_config cfg = gic(IRQCHIP_GICV3);
	const fdt32_t *map;
	struct world w;
	int len;

	(void)state;
	world_open(&w, &cfg);
	add(&w, VIRTIO_BUS_PCI);
	add(&w, VIRTIO_BUS_PCI);
	generate(&w);
	check_prop(&w.t, PCIE, "interrupt-map-mask", 0x1800, 0, 0, 7);
	map = fdt_getprop(w.t.blob, node(&w.t, PCIE), "interrupt-map", &len);
	assert_int_equal(len, 16 * 40);
	for (unsigned int slot = 0; slot < 4; slot++) {
		const fdt32_t *row = map + slot * 40;

		assert_int_equal(fdt32_to_cpu(row[0]), slot << 11);
		assert_int_equal(fdt32_to_cpu(row[3]), 1);
		assert_int_equal(fdt32_to_cpu(row[4]), DT_PHANDLE_GIC);
		assert_int_equal(fdt32_to_cpu(row[7]), 0);
		assert_int_equal(fdt32_to_cpu(row[8]), 3 + slot);
		assert_int_equal(fdt32_to_cpu(row[9]), 4);
	}
	world_close(&w);
}

static void without_messages_there_is_neither_its_nor_frame(void **state)
{
	static const enum irqchip kinds[] = { IRQCHIP_GICV2, IRQCHIP_GICV3 };

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct machine_config cfg = gic(kinds[i]);
		struct world w;

		cfg.no_msi = true;
		world_open(&w, &cfg);
		add(&w, VIRTIO_BUS_PCI);
		generate(&w);
		assert_false(has_prop(&w, PCIE, "msi-map"));
		assert_false(has_prop(&w, PCIE, "msi-parent"));
		assert_false(has_node(&w, GIC "/v2m@8020000"));
		assert_false(has_node(&w, GIC "/msi-controller@8080000"));
		assert_int_equal(fake_count(KVM_CREATE_DEVICE, KVM_DEV_TYPE_ARM_VGIC_ITS), 0);
		world_close(&w);
	}
}

static void a_pci_devices_doorbells_follow_its_bar(void **state)
{
	struct machine_config cfg = gic(IRQCHIP_GICV3);
	struct world w;

	(void)state;
	world_open(&w, &cfg);
	add(&w, VIRTIO_BUS_PCI);
	assert_int_equal(fake_nr_bells(), 0);
	put(&w, ecam(0, PCI_BASE_ADDRESS_4), 4, 0x10000000);
	put(&w, ecam(0, PCI_BASE_ADDRESS_5), 4, 0);
	put(&w, ecam(0, PCI_COMMAND), 2, PCI_COMMAND_MEMORY);
	assert_int_equal(fake_nr_bells(), 2);
	put(&w, ecam(0, PCI_COMMAND), 2, 0);
	assert_int_equal(fake_nr_bells(), 0);
	world_close(&w);
}

/* Where one device has its doorbells, KVM refuses those of another: again and again, if the guest likes. */
static void doorbells_that_kvm_refuses_do_not_fill_the_log(void **state)
{
	struct machine_config cfg = gic(IRQCHIP_GICV3);
	unsigned int lines = 0;
	struct capture c;
	struct world w;
	char *log;

	(void)state;
	world_open(&w, &cfg);
	add(&w, VIRTIO_BUS_PCI);
	add(&w, VIRTIO_BUS_PCI);
	for (unsigned int slot = 0; slot < 2; slot++) {
		put(&w, ecam(slot, PCI_BASE_ADDRESS_4), 4, 0x10000000);
		put(&w, ecam(slot, PCI_BASE_ADDRESS_5), 4, 0);
	}
	put(&w, ecam(0, PCI_COMMAND), 2, PCI_COMMAND_MEMORY);
	log_set_level(LOG_DEBUG);
	capture_start(&c, STDERR_FILENO);
	for (unsigned int i = 0; i < 100; i++)
		put(&w, ecam(1, PCI_COMMAND), 2, i % 2 ? 0 : PCI_COMMAND_MEMORY);
	log = capture_end(&c, NULL);
	log_set_level(LOG_INFO);
	for (const char *p = log; (p = strstr(p, "has no doorbell")); p++)
		lines++;
	assert_in_range(lines, 1, 2 * LOG_LIMIT_BURST);
	free(log);
	world_close(&w);
}

static void a_message_goes_to_kvm_as_it_is(void **state)
{
	struct machine_config cfg = gic(IRQCHIP_GICV3);
	struct msi_controller msi;
	struct world w;

	(void)state;
	world_open(&w, &cfg);
	assert_int_equal(msi_create(&msi, &w.t.b.m.gic, &w.t.b.m.vm.bus, NULL), 0);
	msi.msi.send(msi.msi.ctx, 3 << 3, MAP_ITS + 0x10040, 7);
	assert_int_equal(fake_count(KVM_SIGNAL_MSI, MAP_ITS + 0x10040), 1);
	assert_int_equal(fake_last_value(KVM_SIGNAL_MSI, MAP_ITS + 0x10040), 7);
	msi.msi.send(msi.msi.ctx, 3 << 3, 0x1234, 7);
	assert_int_equal(fake_count(KVM_SIGNAL_MSI, FAKE_ANY), 1);
	msi_destroy(&msi);
	world_close(&w);
}

static void an_its_that_kvm_refuses_is_told_with_a_way_out(void **state)
{
	struct machine_config cfg = gic(IRQCHIP_GICV3);
	struct err e = { 0 };
	struct world w;

	(void)state;
	world_open(&w, &cfg);
	fake_refuse(KVM_CREATE_DEVICE, KVM_DEV_TYPE_ARM_VGIC_ITS, ENODEV);
	assert_int_equal(virtio_init(&w.dev[0], &idle, "idle", &w.t.b.m.vm.ram, 2, 16, 0, &e), 0);
	w.nr = 1;
	assert_int_equal(slots_add(&w.t.b.m, &w.dev[0], VIRTIO_BUS_PCI, &e), -ENODEV);
	assert_non_null(strstr(e.text, "--msi off"));
	world_close(&w);
}

static void the_machine_decides_for_devices_that_do_not(void **state)
{
	struct machine_config cfg = gic(IRQCHIP_GICV3);
	struct world w;

	(void)state;
	cfg.bus = VIRTIO_BUS_MMIO;
	world_open(&w, &cfg);
	add(&w, VIRTIO_BUS_DEFAULT);
	add(&w, VIRTIO_BUS_PCI);
	generate(&w);
	assert_true(has_node(&w, "/virtio_mmio@a000000"));
	assert_false(has_node(&w, "/virtio_mmio@a000200"));
	assert_int_equal(get(&w, ecam(0, 0), 4), 0x10441af4);
	assert_int_equal(get(&w, ecam(1, 0), 4), 0xffffffff);
	world_close(&w);
}

/* Address bits of the VM that @cfg makes on a host of @bits. */
static uint64_t vm_type(const struct machine_config *cfg, int bits)
{
	struct fake_host all = host();
	struct play p = { 0 };
	uint64_t type = 0;

	all.ipa_bits = bits;
	fake_start(&all);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_EVENT(KVM_SYSTEM_EVENT_SHUTDOWN));
	play(&p, cfg);
	assert_int_equal(p.status, MACHINE_OFF);
	for (size_t i = 0; i < fake_nr_calls(); i++) {
		if (fake_call(i)->request == KVM_CREATE_VM)
			type = fake_call(i)->id;
	}
	assert_true(play_is_clean(&p));
	play_free(&p);
	fake_end();
	return type;
}

static void only_pci_asks_for_room_above_and_does_without(void **state)
{
	struct machine_config cfg = play_config();

	(void)state;
	assert_int_equal(vm_type(&cfg, 40), 32);
	cfg.rng.present = true;
	cfg.bus = VIRTIO_BUS_MMIO;
	assert_int_equal(vm_type(&cfg, 40), 32);
	cfg.bus = VIRTIO_BUS_PCI;
	assert_int_equal(vm_type(&cfg, 40), 33);
	assert_int_equal(vm_type(&cfg, 32), 32);
}

/* KVM allocates every SPI that it is told of. */
static void a_gic_has_no_more_lines_than_the_devices_want(void **state)
{
	struct machine_config cfg = play_config();

	(void)state;
	assert_int_equal(slots_nr_spis(&cfg, IRQCHIP_GICV2), 32);
	cfg.rng.present = true;
	cfg.bus = VIRTIO_BUS_MMIO;
	assert_int_equal(slots_nr_spis(&cfg, IRQCHIP_GICV2), 64);
	cfg.bus = VIRTIO_BUS_PCI;
	assert_int_equal(slots_nr_spis(&cfg, IRQCHIP_GICV3), 64);
	assert_int_equal(slots_nr_spis(&cfg, IRQCHIP_GICV2), 128);
	cfg.no_msi = true;
	assert_int_equal(slots_nr_spis(&cfg, IRQCHIP_GICV2), 64);
	assert_true(MAP_SPI_UART + MAP_UART_NR <= MAP_SPI_NR_BOARD);
	assert_true(MAP_SPI_VIRTIO + MAP_VIRTIO_NR <= MAP_SPI_NR_VIRTIO);
	assert_true(MAP_SPI_GICV2M + MAP_SPI_GICV2M_NR <= MAP_SPI_NR);
}

/* The tree that the guest of @cfg got: the number of cells of the bridge's ranges. */
static int nr_range_cells(struct machine_config cfg, int bits)
{
	char *path = temp_file("", 0);
	size_t size;
	void *blob;
	int len;

	cfg.dump_dtb = path;
	vm_type(&cfg, bits);
	blob = file_bytes(path, &size);
	assert_non_null(blob);
	assert_non_null(fdt_getprop(blob, fdt_path_offset(blob, PCIE), "ranges", &len));
	free(blob);
	temp_remove(path);
	return len / 4;
}

static void the_guest_is_told_of_the_window_that_fits(void **state)
{
	struct machine_config cfg = play_config();

	(void)state;
	cfg.rng.present = true;
	cfg.bus = VIRTIO_BUS_PCI;
	assert_int_equal(nr_range_cells(cfg, 40), 14);
	assert_int_equal(nr_range_cells(cfg, 32), 7);
}

static void a_machine_without_virtio_pays_nothing(void **state)
{
	struct machine_config cfg = gic(IRQCHIP_AUTO);
	struct world w;

	(void)state;
	world_open(&w, &cfg);
	generate(&w);
	assert_false(has_node(&w, PCIE));
	assert_false(has_node(&w, "/virtio_mmio@a000000"));
	assert_int_equal(fake_count(KVM_IOEVENTFD, FAKE_ANY), 0);
	assert_int_equal(fake_count(KVM_CREATE_DEVICE, KVM_DEV_TYPE_ARM_VGIC_ITS), 0);
	world_close(&w);
}

/* Each life has its own, over the same session; nothing of the old one rings in the new one. */
static void a_reboot_makes_the_devices_anew(void **state)
{
	static const enum virtio_bus buses[] = { VIRTIO_BUS_MMIO, VIRTIO_BUS_PCI };

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct machine_config cfg = play_config();
		struct play p = { 0 };

		cfg.rng.present = cfg.console.virtio = cfg.reboot = true;
		cfg.bus = buses[i];
		fake_start(&fake_6_1);
		fake_guest(0, 0, FAKE_EVENT(KVM_SYSTEM_EVENT_RESET));
		fake_guest(1, 0, FAKE_EVENT(KVM_SYSTEM_EVENT_SHUTDOWN));
		play(&p, &cfg);
		assert_int_equal(p.status, MACHINE_OFF);
		assert_int_equal(fake_nr_vms(), 2);
		assert_int_equal(fake_nr_bells(), 0);
		assert_int_equal(fake_count(KVM_CREATE_DEVICE, KVM_DEV_TYPE_ARM_VGIC_ITS), 2 * i);
		assert_true(play_is_clean(&p));
		play_free(&p);
		fake_end();
	}
}

static void nothing_stays_behind(void **state)
{
	static const enum irqchip kinds[] = { IRQCHIP_GICV2, IRQCHIP_GICV3 };
	unsigned int fds = fake_open_fds();

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct machine_config cfg = gic(kinds[i]);
		struct world w;

		world_open(&w, &cfg);
		add(&w, VIRTIO_BUS_PCI);
		add(&w, VIRTIO_BUS_MMIO);
		world_close(&w);
		assert_int_equal(fake_open_fds(), fds);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mmio_devices_stand_in_a_row_with_an_edge_interrupt_each),
		cmocka_unit_test(every_queue_of_an_mmio_device_has_a_doorbell),
		cmocka_unit_test(a_full_window_says_so),
		cmocka_unit_test(the_first_pci_device_brings_host_bridge_and_its),
		cmocka_unit_test(gicv2_carries_messages_by_a_frame),
		cmocka_unit_test(the_map_of_lines_is_the_bridges),
		cmocka_unit_test(without_messages_there_is_neither_its_nor_frame),
		cmocka_unit_test(a_pci_devices_doorbells_follow_its_bar),
		cmocka_unit_test(doorbells_that_kvm_refuses_do_not_fill_the_log),
		cmocka_unit_test(a_message_goes_to_kvm_as_it_is),
		cmocka_unit_test(an_its_that_kvm_refuses_is_told_with_a_way_out),
		cmocka_unit_test(the_machine_decides_for_devices_that_do_not),
		cmocka_unit_test(only_pci_asks_for_room_above_and_does_without),
		cmocka_unit_test(a_gic_has_no_more_lines_than_the_devices_want),
		cmocka_unit_test(the_guest_is_told_of_the_window_that_fits),
		cmocka_unit_test(a_machine_without_virtio_pays_nothing),
		cmocka_unit_test(a_reboot_makes_the_devices_anew),
		cmocka_unit_test(nothing_stays_behind),
	};

	return cmocka_run_group_tests_name("slots", tests, NULL, NULL);
}
