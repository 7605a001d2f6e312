/* SPDX-License-Identifier: BSD-2-Clause */
/* What a machine tells of itself, and its power button, on a board without a guest. */
#include <libfdt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include "arm/psci.h"
#include "fdt_tree.h"
#include "virtio/device.h"
#include "vm/dt.h"

struct counted {
	struct virtio_device dev;
	uint64_t apples, pears;
};

static const struct virtio_counter counters[] = {
	{ "apples", offsetof(struct counted, apples) },
	{ "pears-bytes", offsetof(struct counted, pears) },
	{ 0 },
};

static const struct virtio_class counting = { .name = "counted", .id = 4, .counters = counters };

static uint64_t number(const void *tree, const char *path, const char *name)
{
	int len, at = fdt_path_offset(tree, path);
	const fdt64_t *value = fdt_getprop(tree, at, name, &len);

	assert_true(at >= 0 && value && len == sizeof(*value));
	return fdt64_ld(value);
}

static void a_machine_tells_what_its_parts_have_counted(void **state)
{
	struct machine_config cfg = config(2, PSCI_AUTO, IRQCHIP_AUTO);
	struct fake_host all = host();
	struct counted device = { .apples = 0 };
	struct err e = { 0 };
	struct dt dt = { 0 };
	struct board b;

	(void)state;
	board_build(&b, &all, &cfg);
	assert_int_equal(virtio_init(&device.dev, &counting, "dev0", &b.m.vm.ram, 1, 16, 0, &e), 0);
	assert_int_equal(slots_add(&b.m, &device.dev, VIRTIO_BUS_MMIO, &e), 0);
	device.apples = 7;
	device.pears = 1ull << 40;
	b.m.vm.vcpu[0].exits[VCPU_EXIT_MMIO] = 3;
	b.m.vm.vcpu[1].exits[VCPU_EXIT_MMIO] = 4;
	b.m.vm.vcpu[1].exits[VCPU_EXIT_SYSTEM_EVENT] = 5;
	assert_int_equal(dt_start(&dt, &e), 0);
	machine_put_stat(&b.m, &dt);
	assert_int_equal(dt_finish(&dt, &e), 0);

	assert_int_equal(number(dt.blob, "/exits", "mmio"), 7);
	assert_int_equal(number(dt.blob, "/exits", "system-event"), 5);
	assert_int_equal(number(dt.blob, "/exits", "debug"), 0);
	assert_int_equal(number(dt.blob, "/vcpu0", "mmio"), 3);
	assert_int_equal(number(dt.blob, "/vcpu1", "system-event"), 5);
	assert_null(fdt_getprop(dt.blob, fdt_path_offset(dt.blob, "/vcpu0"), "debug", NULL));
	assert_int_equal(number(dt.blob, "/dev0", "apples"), 7);
	assert_int_equal(number(dt.blob, "/dev0", "pears-bytes"), 1ull << 40);
	assert_int_equal(number(dt.blob, "/dev0", "notifications"), 0);
	assert_int_equal(number(dt.blob, "/console-line", "output-bytes"), 0);
	assert_true(number(dt.blob, "/process", "resident-bytes") > 1 << 20);
	assert_true(number(dt.blob, "/process", "cpu-ns") >=
		    number(dt.blob, "/process", "loop-cpu-ns"));
	dt_free(&dt);
	virtio_destroy(&device.dev);
	slots_destroy(&b.m);
	board_close(&b);
}

static void *run(void *loop)
{
	loop_run(loop);
	return NULL;
}

static bool pressed(struct machine *m)
{
	uint8_t data[4];

	assert_int_equal(bus_access(&m->vm.bus, MAP_GPIO + (8 << 2), data, 4, false), BUS_DONE);
	return data[0] == 8;
}

static void the_power_button_is_let_go_of_a_moment_later(void **state)
{
	struct machine_config cfg = config(1, PSCI_AUTO, IRQCHIP_AUTO);
	const struct timespec moment = { .tv_nsec = 10000000 };
	struct fake_host all = host();
	struct err e = { 0 };
	pthread_t thread;
	struct board b;

	(void)state;
	board_build(&b, &all, &cfg);
	assert_int_equal(button_add(&b.m, &e), 0);
	assert_false(pressed(&b.m));
	button_press(&b.m);
	assert_true(pressed(&b.m));
	assert_int_equal(pthread_create(&thread, NULL, run, &b.loop), 0);
	for (int i = 0; i < 1000 && pressed(&b.m); i++)
		nanosleep(&moment, NULL);
	assert_false(pressed(&b.m));
	loop_quit(&b.loop);
	pthread_join(thread, NULL);
	button_remove(&b.m);
	button_remove(&b.m);
	board_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_machine_tells_what_its_parts_have_counted),
		cmocka_unit_test(the_power_button_is_let_go_of_a_moment_later),
	};

	return cmocka_run_group_tests_name("stat", tests, NULL, NULL);
}
