/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM that goes (snapshot/migrate_out.c), and what becomes of it when the other end, which is a thread here, breaks off at each step. */
#include <errno.h>
#include <fcntl.h>
#include <libfdt.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "../../snapshot/format.h"
#include "arm/machine.h"
#include "snapshot/stream.h"
#include "util/log.h"
#include "vm/dt.h"

#define PAGES 2048 /* more than is little, whatever the pace */

/* The machine, as it is seen from there. */
struct machine {
	struct loop loop;
	struct ram ram;
	uint64_t page;
	bool logging, frozen, yielded;
	unsigned int freezes, stops;
	unsigned int taken;   /* how often its disks were asked for */
	unsigned int holders; /* so often somebody else has them */
	unsigned int news;    /* how often something is written to: page 3, and at last page 20 */
	bool cannot_freeze;
	unsigned int pauses, nr_pauses;
	unsigned int greedy; /* rounds in which it writes to half of all */
	bool heeds;          /* and less, once it has been held up */
};

int machine_can_save(struct machine *m, struct err *e)
{
	(void)m;
	(void)e;
	return 0;
}

int machine_freeze(struct machine *m, struct err *e)
{
	if (m->cannot_freeze && m->logging)
		return err_set(e, EBUSY, "it has requests that do not come to an end");
	assert_false(m->frozen);
	m->frozen = true;
	m->freezes++;
	return 0;
}

void machine_thaw(struct machine *m)
{
	assert_true(m->frozen);
	assert_false(m->yielded);
	m->frozen = false;
}

void machine_pause(struct machine *m)
{
	m->pauses++;
	m->nr_pauses++;
}

void machine_continue(struct machine *m)
{
	assert_true(m->pauses);
	m->pauses--;
}

void machine_yield(struct machine *m)
{
	m->yielded = true;
}

int machine_take_back(struct machine *m, struct err *e)
{
	if (m->taken++ < m->holders)
		return err_set(e, EBUSY, "disk 'd' is in use by process 7 (lkvm)");
	m->yielded = false;
	return 0;
}

int machine_log_writes(struct machine *m, bool on, struct err *e)
{
	m->logging = on;
	return on ? ram_log_start(&m->ram, e) : 0;
}

int machine_take_writes(struct machine *m, uint64_t *bitmap, struct err *e)
{
	(void)e;
	ram_log_take(&m->ram, bitmap);
	if (m->greedy && !(m->heeds && m->nr_pauses)) {
		m->greedy--;
		for (unsigned int i = 0; i < PAGES / 2; i++) {
			m->ram.host[i * m->page]++;
			bitmap[i / 64] |= 1ULL << i % 64;
		}
	}
	if (m->news) {
		unsigned int page = m->news-- > 1 ? 3 : 20;

		m->ram.host[page * m->page] += 1;
		bitmap[0] |= 1U << page;
	}
	return 0;
}

const struct ram *machine_ram(const struct machine *m)
{
	return &m->ram;
}

void machine_stop(struct machine *m)
{
	assert_true(m->frozen);
	m->yielded = false;
	m->stops++;
}

/* A tree, and a trailer of zeroes. */
void *format_head(struct machine *m, uint64_t *size, struct err *e)
{
	struct dt dt = { 0 };
	uint8_t *head;

	assert_true(m->frozen);
	assert_int_equal(dt_start(&dt, e), 0);
	dt_cells(&dt, "freezes", m->freezes);
	assert_int_equal(dt_finish(&dt, e), 0);
	*size = fdt_totalsize(dt.blob) + sizeof(struct format_trailer);
	head = calloc(1, *size);
	memcpy(head, dt.blob, fdt_totalsize(dt.blob));
	dt_free(&dt);
	return head;
}

/* --- The other end --- */

enum step { FACTS, VERDICT, PIECES, STATE, READY, GO, RUNNING, DONE, NEVER };

struct other {
	int fd;
	enum step leaves; /* it is gone before this step */
	uint64_t verdict;
	enum stream_type wrong; /* said in place of READY */
	uint8_t *memory;
	uint64_t page;
	unsigned int pieces, zeroes, of_page3;
	bool got_go, got_done;
};

static void get_tree(struct other *o, const struct stream_record *record, unsigned int freezes)
{
	void *tree = malloc(record->a);
	const fdt32_t *cell;

	assert_int_equal(stream_get(o->fd, tree, record->a, 5000), 0);
	assert_int_equal(fdt_totalsize(tree) + sizeof(struct format_trailer), record->a);
	cell = fdt_getprop(tree, 0, "freezes", NULL);
	assert_int_equal(fdt32_ld(cell), freezes);
	free(tree);
}

/* Memory until the state. */
static bool take_pieces(struct other *o)
{
	struct stream_record record;

	for (;;) {
		if (stream_get_record(o->fd, &record, 5000) < 0)
			return false;
		if (record.type == STREAM_STATE)
			break;
		if (record.type == STREAM_ZERO)
			o->zeroes++;
		if (record.type != STREAM_PAGES)
			continue;
		o->pieces++;
		o->of_page3 += record.a <= 3 * o->page && record.a + record.b > 3 * o->page;
		assert_true(record.a + record.b <= PAGES * o->page);
		assert_int_equal(stream_get(o->fd, o->memory + record.a, record.b, 5000), 0);
		if (o->leaves == PIECES)
			return false;
	}
	get_tree(o, &record, 2);
	return true;
}

static void converse(struct other *o)
{
	struct stream_record record;

	if (o->leaves == FACTS || stream_get_record(o->fd, &record, 5000) < 0)
		return;
	assert_int_equal(record.type, STREAM_FACTS);
	assert_int_equal(record.b, STREAM_VERSION);
	get_tree(o, &record, 1);
	if (o->leaves == VERDICT)
		return;
	stream_put_record(o->fd, STREAM_VERDICT, o->verdict, 0, 5000);
	if (!take_pieces(o) || o->leaves == READY)
		return;
	stream_put_record(o->fd, o->wrong ? o->wrong : STREAM_READY, 0, 0, 5000);
	o->got_go = stream_get_record(o->fd, &record, 5000) == 0 && record.type == STREAM_GO;
	if (!o->got_go || o->leaves == RUNNING)
		return;
	stream_put_record(o->fd, STREAM_RUNNING, 0, 0, 5000);
	o->got_done = stream_get_record(o->fd, &record, 5000) == 0 && record.type == STREAM_DONE;
}

struct world {
	struct machine m;
	struct other other;
	struct migration *mig;
	bool brakes;
	uint64_t downtime;
};

static void *be_the_other(void *ctx)
{
	struct world *w = ctx;

	converse(&w->other);
	close(w->other.fd);
	usleep(100 * 1000); /* what comes of it may need a turn of the loop */
	loop_quit(&w->m.loop);
	return NULL;
}

static void move(struct world *w)
{
	pthread_t thread;
	int fd[2];

	w->m.page = w->other.page = (uint64_t)sysconf(_SC_PAGESIZE);
	assert_int_equal(loop_create(&w->m.loop, NULL), 0);
	assert_int_equal(ram_create(&w->m.ram, 0x40000000, PAGES * w->m.page, NULL, false, NULL),
			 0);
	w->other.memory = calloc(PAGES, w->m.page);
	memset(w->m.ram.host + 3 * w->m.page, 5, w->m.page);
	memset(w->m.ram.host + 40 * w->m.page, 7, 10 * w->m.page);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	w->other.fd = fd[1];
	w->mig = migration_start(&w->m, "web", &w->m.loop, fd[0],
				 w->downtime ? w->downtime : 300000000, w->brakes, NULL);
	assert_non_null(w->mig);
	assert_true(migration_goes_on(w->mig));
	assert_int_equal(pthread_create(&thread, NULL, be_the_other, w), 0);
	assert_int_equal(loop_run(&w->m.loop), 0);
	pthread_join(thread, NULL);
	assert_false(migration_goes_on(w->mig));
	assert_false(w->m.logging);
}

static void done(struct world *w)
{
	migration_free(w->mig);
	free(w->other.memory);
	ram_destroy(&w->m.ram);
	loop_destroy(&w->m.loop);
}

/* It runs on, as if nothing had been. */
static void stays(struct world *w)
{
	assert_false(migration_is_stranded(w->mig));
	assert_false(w->m.frozen);
	assert_false(w->m.yielded);
	assert_int_equal(w->m.stops, 0);
	assert_false(w->other.got_done);
	done(w);
}

static void a_vm_moves_with_all_its_memory(void **state)
{
	struct world w = { .other.leaves = NEVER };

	(void)state;
	move(&w);
	assert_true(w.other.got_go && w.other.got_done);
	assert_int_equal(w.m.stops, 1);
	assert_memory_equal(w.other.memory, w.m.ram.host, w.m.ram.size);
	assert_int_equal(w.other.pieces, 2); /* and nothing of the zeroes between them */
	assert_int_equal(w.other.zeroes, 0);
	done(&w);
}

static void what_is_written_meanwhile_is_sent_again(void **state)
{
	struct world w = { .other.leaves = NEVER, .m.news = 2 };

	(void)state;
	move(&w);
	assert_int_equal(w.m.stops, 1);
	assert_int_equal(w.other.of_page3, 2);
	assert_int_equal(w.other.memory[20 * w.m.page], 1); /* when it stood still already */
	assert_memory_equal(w.other.memory, w.m.ram.host, w.m.ram.size);
	done(&w);
}

/* Half of all is written to in each round: that is not little at any pace, when nothing is to stand still for long. */
static void a_vm_that_writes_too_fast_is_held_up_if_that_is_wanted(void **state)
{
	struct world w = { .other.leaves = NEVER,
			   .brakes = true,
			   .m = { .greedy = 50, .heeds = true } };
	struct world free = { .other.leaves = NEVER, .m.greedy = 50 };

	(void)state;
	w.downtime = free.downtime = 1;
	move(&w);
	assert_int_equal(w.m.stops, 1);
	assert_true(w.m.nr_pauses > 0);
	assert_int_equal(w.m.pauses, 0);
	assert_true(w.m.greedy > 40);
	assert_memory_equal(w.other.memory, w.m.ram.host, w.m.ram.size);
	done(&w);
	move(&free);
	assert_int_equal(free.m.nr_pauses, 0);
	assert_int_equal(free.m.greedy, 0);
	assert_int_equal(free.m.stops, 1);
	done(&free);
}

static void a_vm_that_cannot_go_on_there_stays(void **state)
{
	struct world w = { .other = { .leaves = NEVER, .verdict = 2 } };

	(void)state;
	move(&w);
	assert_int_equal(w.other.pieces, 0);
	assert_int_equal(w.m.freezes, 1);
	stays(&w);
}

static void an_end_that_leaves_before_go_has_nothing(void **state)
{
	static const enum step steps[] = { FACTS, VERDICT, PIECES, READY };

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct world w = { .other.leaves = steps[i] };

		move(&w);
		stays(&w);
	}
}

static void an_end_that_says_something_else_has_nothing(void **state)
{
	static const enum stream_type words[] = { STREAM_RUNNING, STREAM_FAILED, STREAM_VERDICT };

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct world w = { .other = { .leaves = NEVER, .wrong = words[i] } };

		move(&w);
		assert_false(w.other.got_go);
		stays(&w);
	}
}

static void a_vm_that_does_not_come_to_a_stand_stays(void **state)
{
	struct world w = { .other.leaves = NEVER, .m.cannot_freeze = true };

	(void)state;
	move(&w);
	stays(&w);
}

static void between_go_and_running_it_stands_still_until_somebody_says(void **state)
{
	struct world w = { .other.leaves = RUNNING };
	struct err e = { 0 };

	(void)state;
	move(&w);
	assert_true(w.other.got_go);
	assert_true(migration_is_stranded(w.mig));
	assert_true(w.m.frozen && w.m.yielded);
	assert_int_equal(w.m.stops, 0);
	assert_int_equal(w.m.taken, 0);
	w.m.holders = 1000; /* it runs there */
	assert_int_equal(migration_resume(w.mig, &e), -EBUSY);
	assert_non_null(strstr(e.text, "in use by process 7"));
	assert_true(migration_is_stranded(w.mig) && w.m.frozen);
	w.m.holders = 0;
	assert_int_equal(migration_resume(w.mig, &e), 0);
	stays(&w);
}

static void disks_that_are_let_go_of_late_are_waited_for(void **state)
{
	struct world w = { .other.leaves = READY, .m.holders = 3 };

	(void)state;
	move(&w);
	assert_int_equal(w.m.taken, 4);
	stays(&w);
}

static void a_vm_whose_disks_somebody_has_does_not_run(void **state)
{
	struct world w = { .other.leaves = READY, .m.holders = 1000 };

	(void)state;
	move(&w);
	assert_true(migration_is_stranded(w.mig));
	assert_true(w.m.frozen);
	done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_vm_moves_with_all_its_memory),
		cmocka_unit_test(what_is_written_meanwhile_is_sent_again),
		cmocka_unit_test(a_vm_that_writes_too_fast_is_held_up_if_that_is_wanted),
		cmocka_unit_test(a_vm_that_cannot_go_on_there_stays),
		cmocka_unit_test(an_end_that_leaves_before_go_has_nothing),
		cmocka_unit_test(an_end_that_says_something_else_has_nothing),
		cmocka_unit_test(a_vm_that_does_not_come_to_a_stand_stays),
		cmocka_unit_test(between_go_and_running_it_stands_still_until_somebody_says),
		cmocka_unit_test(disks_that_are_let_go_of_late_are_waited_for),
		cmocka_unit_test(a_vm_whose_disks_somebody_has_does_not_run),
	};

	log_set_level(LOG_ERROR - 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
