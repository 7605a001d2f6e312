/* SPDX-License-Identifier: BSD-2-Clause */
/* Doorbells: what of the guest's writes reaches the loop, and when no longer. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>
#include "fake/board.h"
#include "fake/play.h"
#include "kvm/kvm.h"
#include "vm/doorbell.h"

#define BELL 0x0a000050ULL
#define OFF  FAKE_EVENT(KVM_SYSTEM_EVENT_SHUTDOWN)

struct world {
	struct board b;
	struct doorbell bell[2];
	pthread_mutex_t lock;
	atomic_uint rings[2];
	bool unlocked;
	unsigned int wanted; /* rings of bell 0 that end the VM */
};

static void rung(void *ctx, unsigned int nr)
{
	struct world *w = ctx;

	if (pthread_mutex_trylock(&w->lock) == 0)
		w->unlocked = true;
	if (++w->rings[nr] == w->wanted && nr == 0)
		vm_stop(&w->b.m.vm, VM_STOPPED);
}

static void world_open(struct world *w)
{
	struct machine_config cfg = play_config();

	*w = (struct world){ .lock = PTHREAD_MUTEX_INITIALIZER };
	board_build(&w->b, &fake_6_1, &cfg);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(doorbell_open(&w->bell[i], &w->b.loop, w->b.m.vm.fd, &w->lock,
					       rung, w, i, NULL),
				 0);
}

static void world_close(struct world *w)
{
	for (unsigned int i = 0; i < 2; i++)
		doorbell_close(&w->bell[i]);
	board_close(&w->b);
}

static void wait_for_second(void *ctx)
{
	struct world *w = ctx;

	for (int i = 0; i < 1000 && !w->rings[1]; i++)
		usleep(1000);
}

static void run(struct world *w, enum vm_end end)
{
	struct err e = { 0 };

	alarm(10);
	assert_int_equal(vm_run(&w->b.m.vm, &e), end);
	alarm(0);
}

/* As KVM does; and waits until it was heard, so that the next is an event of its own. */
static void ring(void *ctx)
{
	struct world *w = ctx;
	unsigned int before = w->rings[0];

	assert_int_equal(write(w->bell[0].source.fd, &(uint64_t){ 1 }, 8), 8);
	for (int i = 0; i < 1000 && w->rings[0] == before; i++)
		usleep(1000);
}

static void every_ring_is_heard_though_the_count_is_never_read(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	w.wanted = 5;
	assert_int_equal(doorbell_place(&w.bell[0], BELL, 4, false, 0), 0);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_CALL(ring, &w), FAKE_CALL(ring, &w),
		   FAKE_CALL(ring, &w), FAKE_CALL(ring, &w), FAKE_CALL(ring, &w));
	run(&w, VM_STOPPED);
	assert_int_equal(w.rings[0], 5);
	world_close(&w);
}

static void it_rings_with_the_lock_held(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	w.wanted = 1;
	assert_int_equal(doorbell_place(&w.bell[0], BELL, 4, false, 0), 0);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_WRITE(BELL, 4, 7));
	run(&w, VM_STOPPED);
	assert_false(w.unlocked);
	world_close(&w);
}

static void bells_at_one_address_are_told_apart_by_the_value(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	w.wanted = 1;
	assert_int_equal(doorbell_place(&w.bell[0], BELL, 4, true, 0), 0);
	assert_int_equal(doorbell_place(&w.bell[1], BELL, 4, true, 1), 0);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_WRITE(BELL, 4, 1), FAKE_WRITE(BELL, 4, 1),
		   FAKE_WRITE(BELL, 4, 2), FAKE_WRITE(BELL, 2, 0), FAKE_CALL(wait_for_second, &w),
		   FAKE_WRITE(BELL, 4, 0));
	run(&w, VM_STOPPED);
	assert_int_equal(w.rings[0], 1);
	assert_true(w.rings[1] >= 1);
	world_close(&w);
}

static void a_bell_of_any_width_has_no_value(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	w.wanted = 1;
	assert_int_equal(doorbell_place(&w.bell[0], BELL, 0, false, 3), 0);
	assert_int_equal(fake_last_value(KVM_IOEVENTFD, BELL), 0);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_WRITE(BELL, 2, 99));
	run(&w, VM_STOPPED);
	world_close(&w);
}

static void a_bell_that_is_placed_again_leaves_its_old_place(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	assert_int_equal(doorbell_place(&w.bell[0], BELL, 4, true, 0), 0);
	assert_int_equal(doorbell_place(&w.bell[0], BELL + 0x1000, 2, false, 0), 0);
	assert_int_equal(fake_nr_bells(), 1);
	assert_int_equal(doorbell_place(&w.bell[1], BELL, 4, false, 0), 0);
	assert_int_equal(fake_nr_bells(), 2);
	world_close(&w);
}

static void a_removed_bell_is_gone_from_kvm(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	assert_int_equal(doorbell_place(&w.bell[0], BELL, 4, true, 5), 0);
	doorbell_remove(&w.bell[0]);
	assert_int_equal(fake_nr_bells(), 0);
	doorbell_remove(&w.bell[0]);
	assert_int_equal(doorbell_place(&w.bell[1], BELL, 4, false, 0), 0);
	doorbell_close(&w.bell[1]);
	assert_int_equal(fake_nr_bells(), 0);
	world_close(&w);
}

static void a_bell_that_is_lent_rings_for_somebody_else(void **state)
{
	struct world w;
	uint64_t count = 0;
	int fd;

	(void)state;
	world_open(&w);
	w.wanted = 1;
	fd = doorbell_lend(&w.bell[1]);
	assert_int_equal(doorbell_place(&w.bell[0], BELL, 4, true, 0), 0);
	assert_int_equal(doorbell_place(&w.bell[1], BELL, 4, true, 1), 0);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_WRITE(BELL, 4, 1), FAKE_WRITE(BELL, 4, 0));
	run(&w, VM_STOPPED);
	assert_int_equal(w.rings[1], 0);
	assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
	assert_int_equal(count, 1);
	world_close(&w);
}

/* KVM has 1000 places for devices, and another bell may be there already. */
static void a_bell_that_kvm_refuses_is_not_there(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	assert_int_equal(doorbell_place(&w.bell[0], BELL, 4, false, 0), 0);
	assert_int_equal(doorbell_place(&w.bell[1], BELL, 4, true, 1), -EEXIST);
	doorbell_remove(&w.bell[1]);
	assert_int_equal(fake_nr_bells(), 1);
	fake_guest(FAKE_EVERY_BOOT, 0, OFF);
	run(&w, VM_OFF);
	world_close(&w);
}

static void closing_leaves_nothing_open(void **state)
{
	unsigned int fds = fake_open_fds();
	struct doorbell none = DOORBELL_NONE;
	struct world w;

	(void)state;
	doorbell_close(&none);
	world_open(&w);
	world_close(&w);
	doorbell_close(&w.bell[0]);
	assert_int_equal(fake_open_fds(), fds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_ring_is_heard_though_the_count_is_never_read),
		cmocka_unit_test(it_rings_with_the_lock_held),
		cmocka_unit_test(bells_at_one_address_are_told_apart_by_the_value),
		cmocka_unit_test(a_bell_of_any_width_has_no_value),
		cmocka_unit_test(a_bell_that_is_placed_again_leaves_its_old_place),
		cmocka_unit_test(a_removed_bell_is_gone_from_kvm),
		cmocka_unit_test(a_bell_that_is_lent_rings_for_somebody_else),
		cmocka_unit_test(a_bell_that_kvm_refuses_is_not_there),
		cmocka_unit_test(closing_leaves_nothing_open),
	};

	return cmocka_run_group_tests_name("doorbell", tests, NULL, NULL);
}
