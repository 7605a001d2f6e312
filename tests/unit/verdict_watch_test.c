/* SPDX-License-Identifier: BSD-2-Clause */
/* What the console says to a watch whose loop does not come: the machine is a tap and a stop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "../../ipc/verdict_parts.h"
#include "vm/loop.h"

/* In place of the real one. */
struct machine {
	struct console_tap *tap;
	unsigned int nr_stops;
};

void machine_stop(struct machine *m)
{
	m->nr_stops++;
}

void machine_tap_console(struct machine *m, struct console_tap *tap)
{
	m->tap = tap;
}

void machine_untap_console(struct machine *m, struct console_tap *tap)
{
	assert_ptr_equal(m->tap, tap);
	m->tap = NULL;
}

void machine_watch_panic(struct machine *m, void (*heard)(void *ctx), void *ctx)
{
	(void)m;
	(void)heard;
	(void)ctx;
}

uint64_t machine_exits(const struct machine *m, unsigned int cpu, enum vcpu_exit exit)
{
	(void)m;
	return cpu * 100 + exit;
}

enum vm_end machine_end(const struct machine *m)
{
	return m->nr_stops ? VM_STOPPED : VM_OFF;
}

uint32_t machine_psci(const struct machine *m)
{
	(void)m;
	return 0x10001;
}

struct world {
	struct verdict v;
	struct machine_config cfg;
	struct machine machine;
	struct loop loop;
	void *state;
};

static void open_watch(struct world *w)
{
	struct err e = { 0 };

	w->cfg.name = "it";
	w->cfg.nr_cpus = 2;
	assert_int_equal(loop_create(&w->loop, NULL), 0);
	assert_int_equal(verdict_watch(&w->v, &w->cfg, &e), 0);
	assert_int_equal(w->cfg.nr_controls, 1);
	assert_int_equal(verdict_control.open(w->cfg.control[0].options, &w->cfg, &w->loop,
					      &w->state, &e),
			 0);
	verdict_control.running(w->state, &w->machine);
	assert_non_null(w->machine.tap);
}

static void close_watch(struct world *w)
{
	verdict_control.running(w->state, NULL);
	verdict_control.close(w->state);
	assert_null(w->machine.tap);
	loop_destroy(&w->loop);
}

static void say(struct world *w, const void *text, size_t len)
{
	w->machine.tap->heard(w->machine.tap->ctx, text, len);
}

/* The guest says at once much more than there is room for. */
static void nothing_that_is_said_is_lost(void **state)
{
	const size_t size = 100000;
	char *text = malloc(size);
	struct world world = { 0 }, *w = &world;

	(void)state;
	assert_non_null(text);
	memset(text, '.', size);
	for (size_t i = 79; i < size; i += 80)
		text[i] = '\n';
	for (size_t i = 0; i < size; i += 10000)
		memcpy(text + i + 1, "mark", 4);
	for (int i = 0; i < 11; i++)
		assert_int_equal(verdict_add_expect(&w->v, "mark", NULL), 0);
	open_watch(w);
	say(w, text, size);
	/* What there is room for is judged when the loop comes, or in the end. */
	assert_true(w->v.nr_seen > 5 && w->v.nr_seen <= 10);
	say(w, "mark", 4);
	close_watch(w);
	assert_int_equal(w->v.word, VERDICT_EXPECTED);
	verdict_free(&w->v);
	free(text);
}

static void a_machine_is_stopped_once(void **state)
{
	struct world world = { 0 }, *w = &world;
	char text[40000];

	(void)state;
	memset(text, '\n', sizeof(text));
	memcpy(text, "bad", 3);
	assert_int_equal(verdict_add_reject(&w->v, "bad", NULL), 0);
	open_watch(w);
	say(w, text, sizeof(text));
	assert_int_equal(w->machine.nr_stops, 1);
	say(w, text, sizeof(text));
	close_watch(w);
	assert_int_equal(w->machine.nr_stops, 1);
	verdict_free(&w->v);
}

static void exits_add_up_over_lives(void **state)
{
	struct world world = { 0 }, *w = &world;

	(void)state;
	w->v.on_panic = VERDICT_PANIC_REPORT;
	open_watch(w);
	verdict_control.running(w->state, NULL);
	verdict_control.running(w->state, &w->machine);
	close_watch(w);
	assert_int_equal(w->v.lives, 2);
	assert_int_equal(w->v.exits[1][VCPU_EXIT_SIGNAL], 2 * (100 + VCPU_EXIT_SIGNAL));
	assert_int_equal(w->v.end, VM_OFF);
	verdict_free(&w->v);
}

/* Nobody listens, and nothing is in the VM's way, unless somebody asks for it. */
static void without_options_there_is_no_watch(void **state)
{
	struct machine_config cfg = { .nr_cpus = 1 };
	struct guest_command command = { 0 };
	struct verdict v = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(verdict_watch(&v, &cfg, &e), 0);
	assert_int_equal(cfg.nr_controls, 0);
	assert_null(cfg.timeline);
	cfg.command = &command;
	v.timeout = 1000;
	assert_int_equal(verdict_watch(&v, &cfg, &e), 0);
	assert_int_equal(cfg.nr_controls, 1);
	assert_int_equal(verdict_add_reject(&v, "x", &e), 0);
	assert_true(verdict_watch(&v, &cfg, &e) < 0);
	assert_non_null(strstr(e.text, "--expect and --reject are about a console"));
	verdict_free(&v);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_that_is_said_is_lost),
		cmocka_unit_test(a_machine_is_stopped_once),
		cmocka_unit_test(exits_add_up_over_lives),
		cmocka_unit_test(without_options_there_is_no_watch),
	};

	return cmocka_run_group_tests_name("verdict_watch", tests, NULL, NULL);
}
