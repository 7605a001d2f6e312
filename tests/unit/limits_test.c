/* SPDX-License-Identifier: BSD-2-Clause */
/* What a guest makes lkvm say is limited over all of its lives. */
#include <stdlib.h>
#include <unistd.h>
#include "arm/psci.h"
#include "fdt_tree.h"
#include "virtio/device.h"

#define DEVICES 2

static const struct virtio_class idle = { .name = "idle", .id = 4, .pci_class = 0xff0000 };

struct life {
	struct board b;
	struct virtio_device dev[DEVICES];
};

/* The next life of the machine that has left @limits. */
static void begin(struct life *life, struct log_limit *limits)
{
	struct machine_config cfg = config(2, PSCI_AUTO, IRQCHIP_AUTO);
	struct fake_host all = host();
	struct err e = { 0 };

	board_build(&life->b, &all, &cfg);
	life->b.m.limits = limits;
	for (unsigned int i = 0; i < DEVICES; i++) {
		assert_int_equal(virtio_init(&life->dev[i], &idle, "idle", &life->b.m.vm.ram, 2, 16,
					     0, &e),
				 0);
		assert_int_equal(slots_add(&life->b.m, &life->dev[i], VIRTIO_BUS_MMIO, &e), 0);
	}
	limits_give_back(&life->b.m);
}

static struct log_limit *end(struct life *life)
{
	struct log_limit *limits;

	limits_keep(&life->b.m);
	limits = life->b.m.limits;
	for (unsigned int i = 0; i < DEVICES; i++)
		virtio_destroy(&life->dev[i]);
	slots_destroy(&life->b.m);
	board_close(&life->b);
	return limits;
}

static char *break_all(struct life *life, unsigned int times)
{
	struct capture c;

	capture_start(&c, STDERR_FILENO);
	for (unsigned int i = 0; i < times; i++) {
		virtio_break(&life->dev[1], "is broken");
		life->dev[1].status = 0; /* and reset */
	}
	return capture_end(&c, NULL);
}

static void a_device_that_has_said_enough_says_no_more_in_the_next_life(void **state)
{
	struct log_limit *limits;
	struct life life;
	char *said;

	(void)state;
	begin(&life, NULL);
	free(break_all(&life, 20));
	limits = end(&life);
	begin(&life, limits);
	said = break_all(&life, 20);
	assert_string_equal(said, "");
	assert_int_equal(life.dev[1].limit.suppressed, 30);
	/* The others have said nothing yet. */
	assert_true(log_limit_ok(&life.dev[0].limit));
	free(said);
	free(end(&life));
}

static void each_vcpu_and_the_panic_keep_their_own(void **state)
{
	struct log_limit *limits;
	struct life life;

	(void)state;
	begin(&life, NULL);
	for (unsigned int i = 0; i < 7; i++)
		assert_true(log_limit_ok(&life.b.m.vm.vcpu[1].limit));
	for (unsigned int i = 0; i < 3; i++)
		assert_true(log_limit_ok(&life.b.m.panic.limit));
	limits = end(&life);
	begin(&life, limits);
	assert_int_equal(life.b.m.vm.vcpu[0].limit.nr, 0);
	assert_int_equal(life.b.m.vm.vcpu[1].limit.nr, 7);
	assert_int_equal(life.b.m.panic.limit.nr, 3);
	assert_int_equal(life.dev[0].limit.nr, 0);
	free(end(&life));
}

static void the_first_life_begins_with_nothing_said(void **state)
{
	struct life life;
	char *said;

	(void)state;
	begin(&life, NULL);
	said = break_all(&life, 1);
	assert_string_equal(said, "Warning: idle: is broken\n");
	free(said);
	free(end(&life));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_that_has_said_enough_says_no_more_in_the_next_life),
		cmocka_unit_test(each_vcpu_and_the_panic_keep_their_own),
		cmocka_unit_test(the_first_life_begins_with_nothing_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
