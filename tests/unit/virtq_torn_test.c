/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A ring's index that the driver changes between any two instructions of the device: a child pops a buffer, its parent lets it go
 * instruction by instruction and changes the index meanwhile. Threads that race meet in so few places only by chance.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
#include "virtq_world.h"

#define NO_PTRACE 2

/* In the child: whether the index was one that was there. */
static int look_once(struct world *w)
{
	int ret;

	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		return NO_PTRACE;
	raise(SIGSTOP);
	ret = pop(w);
	raise(SIGSTOP);
	return ret == 1 && (w->q.seen_avail == 0xff || w->q.seen_avail == 0x100) ? 0 : 1;
}

/* Changes the index after each @period instructions of the child. Returns its exit status. */
static int step_through(struct world *w, unsigned int period, unsigned int *steps)
{
	uint16_t *idx = ram_slice(&w->ram, w->ring.driver + 2, 2);
	pid_t child;
	int status;

	*idx = 0xff;
	child = fork();
	if (!child)
		_exit(look_once(w));
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NO_PTRACE)
		skip();
	do {
		if (++*steps % period == 0)
			*idx ^= 0x00ff ^ 0x0100;
		assert_int_equal(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
	} while (WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(ptrace(PTRACE_CONT, child, NULL, NULL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Two loads d instructions apart, d an odd number of periods, have an odd number of changes between them. */
static void an_index_that_changes_between_two_instructions_is_not_torn(void **state)
{
	struct world w = { .ram = { .base = BASE, .size = RAM_SIZE, .fd = -1 } };
	unsigned int steps = 0;

	(void)state;
	w.ram.host =
		mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(w.ram.host, MAP_FAILED);
	start_queue(&w, VIRTQ_SIZE_MAX, VIRTQ_SIZE_MAX, false, false);
	ring_desc(&w.ring, w.ring.desc, 0, BUF, 1, 0, 0);
	for (unsigned int period = 1; period <= 16; period *= 2)
		assert_int_equal(step_through(&w, period, &steps), 0);
	assert_true(steps > 100);
	munmap(w.ram.host, RAM_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_index_that_changes_between_two_instructions_is_not_torn),
	};

	return cmocka_run_group_tests_name("virtq_torn", tests, NULL, NULL);
}
