/* SPDX-License-Identifier: BSD-2-Clause */
/* The state of a snapshot as outside bytes, and that of devices there and back. */
#include <errno.h>
#include <libfdt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <cmocka.h>
#include "../../snapshot/format.h"
#include "arm/psci.h"
#include "hw/pl031.h"
#include "hw/pl061.h"
#include "hw/uart8250.h"
#include "snapshot/snapshot.h"

/* A tree as machine_save() begins it, and its checksum; malloc()ed. */
static uint8_t *make(uint64_t *size, uint64_t memory, uint32_t cpus, uint32_t gic)
{
	struct format_trailer trailer = { .magic = FORMAT_MAGIC };
	uint64_t sve[8] = { 0 };
	struct dt dt = { 0 };
	struct err e;
	uint8_t *head;

	assert_int_equal(dt_start(&dt, &e), 0);
	dt_string(&dt, "compatible", FORMAT_COMPATIBLE);
	dt_cells(&dt, "version", FORMAT_VERSION);
	dt_begin(&dt, "machine");
	dt_string(&dt, "compatible", "lkvm,machine-1");
	dt_u64(&dt, "memory", memory);
	dt_cells(&dt, "cpus", cpus);
	dt_cells(&dt, "vcpu-features", 1 << 2);
	dt_cells(&dt, "psci", PSCI_VERSION(1, 1));
	dt_cells(&dt, "system-suspend", 1);
	dt_cells(&dt, "gic", gic);
	dt_bytes(&dt, "sve-lengths", sve, sizeof(sve));
	dt_cells(&dt, "pci", 0);
	dt_cells(&dt, "msi", 1);
	dt_cells(&dt, "balloon", 0);
	dt_cells(&dt, "virtio-console", 0);
	dt_cells(&dt, "virtio-console-pci", 0);
	dt_end(&dt);
	assert_int_equal(dt_finish(&dt, &e), 0);
	*size = fdt_totalsize(dt.blob);
	trailer.crc = cpu_to_fdt32((uint32_t)crc32(0, dt.blob, (uInt)*size));
	head = malloc(*size + sizeof(trailer));
	assert_non_null(head);
	memcpy(head, dt.blob, *size);
	memcpy(head + *size, &trailer, sizeof(trailer));
	*size += sizeof(trailer);
	dt_free(&dt);
	return head;
}

static int check(const uint8_t *head, uint64_t size)
{
	uint64_t ram_off;
	struct err e = { 0 };
	void *copy = malloc(size ? size : 1); /* its end is watched */
	int ret;

	assert_non_null(copy);
	memcpy(copy, head, size);
	ret = snapshot_check(copy, size, "snapshot x", &ram_off, &e);
	free(copy);
	if (ret < 0)
		assert_non_null(strstr(e.text, "snapshot x"));
	return ret;
}

static void a_state_with_any_byte_changed_is_refused(void **state)
{
	uint64_t size;
	uint8_t *head = make(&size, 64 * MiB, 2, 3);

	(void)state;
	assert_int_equal(check(head, size), 0);
	for (uint64_t i = 0; i < size; i++) {
		for (unsigned int bit = 0; bit < 8; bit++) {
			head[i] ^= (uint8_t)(1 << bit);
			assert_true(check(head, size) < 0);
			head[i] ^= (uint8_t)(1 << bit);
		}
	}
	free(head);
}

static void a_state_that_is_cut_off_anywhere_is_refused(void **state)
{
	uint64_t size;
	uint8_t *head = make(&size, 64 * MiB, 2, 3);

	(void)state;
	for (uint64_t i = 0; i < size; i++)
		assert_true(check(head, i) < 0);
	free(head);
}

/* A file of @size bytes, of which the header says that the state has @tree: it is refused before so much is allocated and read. */
static void bounded(uint64_t size, uint32_t tree)
{
	struct machine_config cfg = { 0 };
	char path[] = "/tmp/lkvm-snapshot-XXXXXX";
	uint32_t head[10] = { cpu_to_fdt32(FDT_MAGIC), cpu_to_fdt32(tree) };
	int fd = mkstemp(path);
	struct snapshot s;
	struct err e = { 0 };

	assert_true(fd >= 0);
	assert_int_equal(write(fd, head, sizeof(head)), sizeof(head));
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	assert_int_equal(snapshot_open(&s, path, &cfg, &e), -EINVAL);
	assert_non_null(strstr(e.text, "it is cut off"));
	assert_null(s.tree);
	snapshot_close(&s);
	close(fd);
	unlink(path);
}

static void a_state_larger_than_its_file_or_than_any_is_refused(void **state)
{
	(void)state;
	bounded(4096, 1u << 20);
	bounded(4096, 1u << 30);
	bounded(4096, UINT32_MAX);
	bounded(1u << 30, SAVE_STATE_MAX + 1u);
}

static int read_machine(uint64_t memory, uint32_t cpus, uint32_t gic, struct machine_config *cfg)
{
	uint64_t size;
	uint8_t *head = make(&size, memory, cpus, gic);
	struct saved_machine saved = { .fdt = head, .name = "snapshot x" };
	struct err e = { 0 };
	int ret = saved_machine_read(&saved, cfg, &e);

	free(head);
	return ret;
}

static void a_machine_is_what_its_state_says(void **state)
{
	struct machine_config cfg = { 0 };

	(void)state;
	assert_int_equal(read_machine(64 * MiB, 3, 2, &cfg), 0);
	assert_int_equal(cfg.ram_size, 64 * MiB);
	assert_int_equal(cfg.nr_cpus, 3);
	assert_int_equal(cfg.psci, PSCI_VERSION(1, 1));
	assert_int_equal(cfg.irqchip, IRQCHIP_GICV2);
	assert_non_null(cfg.saved);
}

static void sizes_and_numbers_out_of_range_are_refused(void **state)
{
	struct machine_config cfg = { 0 };

	(void)state;
	assert_true(read_machine(UINT64_MAX, 2, 3, &cfg) < 0);
	assert_true(read_machine(64 * MiB + 1, 2, 3, &cfg) < 0);
	assert_true(read_machine(64 * MiB, 0, 3, &cfg) < 0);
	assert_true(read_machine(64 * MiB, 100000, 3, &cfg) < 0);
	assert_true(read_machine(64 * MiB, 2, 4, &cfg) < 0);
	assert_null(cfg.saved);
}

/* --- Devices --- */

static void set_line(void *ctx, uint32_t nr, bool level)
{
	(void)nr;
	*(bool *)ctx = level;
}

/* The tree that @save writes of @device; malloc()ed. */
#define SAVED(save, device)                                \
	({                                                 \
		struct dt dt_ = { 0 };                     \
		struct err e_;                             \
		assert_int_equal(dt_start(&dt_, &e_), 0);  \
		save(device, &dt_);                        \
		assert_int_equal(dt_finish(&dt_, &e_), 0); \
		dt_.blob;                                  \
	})

static void a_uart_goes_on_with_its_bytes_and_its_interrupt(void **state)
{
	struct err e = { 0 };
	bool lines[2] = { false, false };
	struct uart8250 from, to;
	struct char_frontend input;
	void *tree;

	(void)state;
	uart8250_init(&from, (struct irq){ set_line, &lines[0], 8 }, (struct char_backend){ 0 });
	uart8250_init(&to, (struct irq){ set_line, &lines[1], 8 }, (struct char_backend){ 0 });
	uart8250_mmio.write(&from, 2, 1, 1); /* FCR */
	uart8250_mmio.write(&from, 1, 1, 1); /* IER: data */
	input = uart8250_frontend(&from);
	assert_int_equal(input.input(input.ctx, (const uint8_t *)"abc", 3), 3);
	tree = SAVED(uart8250_save, &from);
	uart8250_restore(&to, &(struct dt_in){ .fdt = tree, .name = "x", .e = &e }, 0);
	assert_true(lines[1]);
	assert_int_equal(uart8250_mmio.read(&to, 0, 1), 'a');
	assert_int_equal(uart8250_mmio.read(&to, 0, 1), 'b');
	assert_int_equal(uart8250_mmio.read(&to, 0, 1), 'c');
	assert_false(lines[1]);
	free(tree);
	uart8250_destroy(&from);
	uart8250_destroy(&to);
}

static void a_uart_takes_no_state_that_it_cannot_have(void **state)
{
	struct err e = { 0 };
	struct dt_in in = { .name = "x", .e = &e };
	struct uart8250 from, to;
	void *tree;

	(void)state;
	uart8250_init(&from, (struct irq){ 0 }, (struct char_backend){ 0 });
	uart8250_init(&to, (struct irq){ 0 }, (struct char_backend){ 0 });
	ring_put(&from.rx, (const uint8_t *)"abc", 3); /* without FIFOs there is room for one */
	tree = SAVED(uart8250_save, &from);
	in.fdt = tree;
	uart8250_restore(&to, &in, 0);
	assert_true(in.ret < 0);
	assert_int_equal(to.rx.nr, 0);
	free(tree);
	uart8250_destroy(&from);
	uart8250_destroy(&to);
}

static uint64_t told(void *ctx)
{
	return *(uint64_t *)ctx;
}

static void a_clock_s_alarm_that_came_meanwhile_is_due(void **state)
{
	uint64_t now = 1000 * NS_PER_S;
	struct clock clock = { told, &now };
	bool lines[2] = { false, false };
	struct err e = { 0 };
	struct pl031 from, to;
	void *tree;

	(void)state;
	pl031_init(&from, (struct irq){ set_line, &lines[0], 2 }, clock, (struct timer){ 0 });
	pl031_mmio.write(&from, 0x4, 1005, 4);
	pl031_mmio.write(&from, 0x10, 1, 4);
	tree = SAVED(pl031_save, &from);
	now = 1010 * NS_PER_S;
	pl031_init(&to, (struct irq){ set_line, &lines[1], 2 }, clock, (struct timer){ 0 });
	pl031_restore(&to, &(struct dt_in){ .fdt = tree, .name = "x", .e = &e }, 0);
	assert_int_equal(pl031_mmio.read(&to, 0, 4), 1010);
	assert_true(lines[1]);
	free(tree);
	pl031_destroy(&from);
	pl031_destroy(&to);
}

/* Files of an older lkvm, as make() has them, do not tell the moment. */
static void a_clock_runs_on_only_from_a_moment_that_is_known(void **state)
{
	struct machine_config cfg = { .clock_run = true };

	(void)state;
	assert_int_equal(read_machine(64 * MiB, 1, 3, &cfg), -EINVAL);
	cfg.clock_run = false;
	assert_int_equal(read_machine(64 * MiB, 1, 3, &cfg), 0);
}

static void the_time_away_is_counted_in_ticks(void **state)
{
	const uint64_t s = 1000000000, hz = 62500000, year = 365 * 24 * 3600ULL;

	(void)state;
	assert_int_equal(saved_ticks_away(5 * s, 8 * s, hz), 3 * hz);
	assert_int_equal(saved_ticks_away(5 * s, 5 * s + 16, hz), 1);
	assert_int_equal(saved_ticks_away(5 * s, 5 * s + s / 2, 1000000000), s / 2);
	assert_int_equal(saved_ticks_away(1, 1 + 500 * year * s, 1000000000), 500 * year * s);
	assert_int_equal(saved_ticks_away(8 * s, 5 * s, hz), 0);
	assert_int_equal(saved_ticks_away(UINT64_MAX, 5 * s, hz), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_state_with_any_byte_changed_is_refused),
		cmocka_unit_test(a_state_that_is_cut_off_anywhere_is_refused),
		cmocka_unit_test(a_state_larger_than_its_file_or_than_any_is_refused),
		cmocka_unit_test(a_machine_is_what_its_state_says),
		cmocka_unit_test(sizes_and_numbers_out_of_range_are_refused),
		cmocka_unit_test(a_uart_goes_on_with_its_bytes_and_its_interrupt),
		cmocka_unit_test(a_uart_takes_no_state_that_it_cannot_have),
		cmocka_unit_test(a_clock_s_alarm_that_came_meanwhile_is_due),
		cmocka_unit_test(a_clock_runs_on_only_from_a_moment_that_is_known),
		cmocka_unit_test(the_time_away_is_counted_in_ticks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
