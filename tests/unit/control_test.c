/* SPDX-License-Identifier: BSD-2-Clause */
/* The control socket: what each command does to the machine, and what is answered. */
#include "control_world.h"

static void a_sleeping_vm_is_woken_once(void **state)
{
	struct reply reply = { 0 };
	struct world w;

	(void)state;
	world_start(&w);
	w.machine.asleep = true;
	assert_int_equal(ask("resume", &reply, NULL), 0);
	assert_int_equal(reply.status, 0);
	assert_string_equal(reply.text, "VM web wakes up");
	assert_answers();
	world_end(&w);
	assert_int_equal(w.machine.nr_wakes, 2);
}

static void a_disk_is_resized(void **state)
{
	struct request request = { .command = "resize", .disk = "0", .size = 1ull << 40 };
	struct reply sized = { 0 }, unsized = { 0 };
	uint64_t told;
	struct world w;

	(void)state;
	world_start(&w);
	call(&request, &sized, NULL);
	told = w.machine.size;
	request.size = 0;
	call(&request, &unsized, NULL);
	world_end(&w);
	assert_int_equal(sized.status, 0);
	assert_string_equal(sized.text, "VM web: disk 0 has 1099511627776 bytes now");
	assert_int_equal(told, 1ull << 40);
	assert_string_equal(unsized.text, "VM web: disk 0 has 4096 bytes now");
	assert_int_equal(w.machine.size, 0);
}

static void a_console_is_told_the_size_of_a_terminal(void **state)
{
	struct request request = { .command = "console-size", .columns = 132, .rows = 43 };
	struct reply told = { 0 }, serial = { 0 }, large = { 0 };
	struct world w;

	(void)state;
	world_start(&w);
	call(&request, &told, NULL);
	w.machine.serial = true;
	call(&request, &serial, NULL);
	request.rows = 65536;
	call(&request, &large, NULL);
	world_end(&w);
	assert_int_equal(told.status, 0);
	assert_int_equal(w.machine.cols, 132);
	assert_int_equal(w.machine.rows, 43);
	assert_int_equal(serial.status, -EOPNOTSUPP);
	assert_int_equal(large.status, -EINVAL);
}

static void a_disk_that_cannot_be_resized_is_answered_with_the_reason(void **state)
{
	struct request request = { .command = "resize", .disk = "7" };
	struct reply seven = { 0 }, none = { 0 };
	struct world w;

	(void)state;
	world_start(&w);
	call(&request, &seven, NULL);
	ask("resize", &none, NULL);
	world_end(&w);
	assert_int_equal(seven.status, -ENOENT);
	assert_string_equal(seven.text, "VM web: there is no disk '7'");
	assert_int_equal(none.status, -ENOENT);
}

static void a_balloon_is_set_and_says_how_it_stands(void **state)
{
	struct request request = { .command = "balloon-set", .size = 1 << 20 };
	struct reply set = { 0 }, asked = { 0 }, refused = { 0 };
	uint64_t target = 0, actual = 0, answers = 0;
	const fdt64_t *stat;
	struct world w;
	int len;

	(void)state;
	world_start(&w);
	w.machine.size = 2 << 20;
	call(&request, &set, NULL);
	client_call("web", &(struct request){ .command = "balloon-ask" }, &asked, NULL);
	request.size = 3 << 20;
	call(&request, &refused, NULL);
	world_end(&w);
	assert_int_equal(set.status, 0);
	message_number(asked.tree, 0, "target", &target);
	message_number(asked.tree, 0, "actual", &actual);
	message_number(asked.tree, 0, "answers", &answers);
	assert_int_equal(target, 1 << 20);
	assert_int_equal(actual, 4096);
	assert_int_equal(answers, 7);
	stat = fdt_getprop(asked.tree, 0, "statistics", &len);
	assert_int_equal(len, BALLOON_NR_STATS * sizeof(*stat));
	for (uint64_t i = 0; i < BALLOON_NR_STATS; i++)
		assert_int_equal(fdt64_ld(&stat[i]), i << 40);
	free(asked.tree);
	assert_int_equal(refused.status, -ERANGE);
	assert_string_equal(refused.text, "VM web: it has not so much");
}

static void a_paused_vm_goes_on_and_its_sleep_is_left_alone(void **state)
{
	struct reply paused = { 0 }, again = { 0 }, resumed = { 0 }, woken = { 0 };
	struct world w;

	(void)state;
	world_start(&w);
	w.machine.asleep = true;
	ask("pause", &paused, NULL);
	ask("pause", &again, NULL);
	assert_int_equal(w.machine.pauses, 1);
	ask("resume", &resumed, NULL);
	assert_int_equal(w.machine.pauses, 0);
	assert_int_equal(w.machine.nr_wakes, 0);
	ask("resume", &woken, NULL);
	world_end(&w);
	assert_string_equal(paused.text, "VM web is paused");
	assert_string_equal(again.text, "VM web is paused already");
	assert_string_equal(resumed.text, "VM web goes on, and is asleep");
	assert_string_equal(woken.text, "VM web wakes up");
}

/* Asks it to move, over a connection that stays open; returns that, with what was answered. */
static int begin_to_move(struct world *w, struct reply *reply)
{
	struct request request = { .command = "migrate", .time = 5 };
	struct dt dt = { 0 };
	int fd = connect_raw(w);

	assert_int_equal(request_encode(&request, &dt, NULL), 0);
	put(fd, dt.blob, fdt_totalsize(dt.blob));
	dt_free(&dt);
	receive(fd, reply);
	return fd;
}

static void who_moves_a_vm_has_the_connection_after_the_answer(void **state)
{
	struct reply first, second, paused, ask_pause = { 0 };
	struct world w;
	char byte = 0;
	int a, b;

	(void)state;
	world_start(&w);
	a = begin_to_move(&w, &first);
	assert_int_equal(first.status, 0);
	while (!w.machine.moves)
		usleep(1000);
	assert_int_equal(w.machine.downtime, 5);
	assert_int_equal(write(w.machine.moving_fd, "!", 1), 1);
	assert_int_equal(read(a, &byte, 1), 1);
	assert_int_equal(byte, '!');
	b = begin_to_move(&w, &second);
	assert_int_equal(second.status, -EBUSY);
	ask("pause", &ask_pause, NULL); /* there it would run */
	assert_int_equal(ask_pause.status, -EBUSY);
	assert_int_equal(w.machine.pauses, 0);
	close(a);
	close(b);
	w.machine.moves = false;
	ask("pause", &ask_pause, NULL);
	b = begin_to_move(&w, &paused);
	assert_int_equal(paused.status, -EBUSY);
	close(b);
	close(w.machine.moving_fd);
	ask("resume", &ask_pause, NULL);
	w.machine.cannot_move = true;
	b = begin_to_move(&w, &paused);
	assert_int_equal(paused.status, -EOPNOTSUPP);
	close(b);
	world_end(&w);
}

static void a_vm_that_may_run_elsewhere_only_resumes_or_stops(void **state)
{
	struct reply moved, snap = { 0 }, status = { 0 }, busy = { 0 }, here = { 0 }, after = { 0 };
	struct world w;
	int fd;

	(void)state;
	world_start(&w);
	fd = begin_to_move(&w, &moved);
	close(fd);
	while (!w.machine.moves)
		usleep(1000);
	w.machine.moves = false;
	w.machine.stranded = true;
	w.machine.asleep = true; /* so that the first try to resume fails */
	ask("power-button", &snap, NULL);
	assert_int_equal(snap.status, -EBUSY);
	assert_int_equal(w.machine.nr_presses, 0);
	ask("status", &status, NULL);
	assert_int_equal(status.status, 0);
	ask("resume", &busy, NULL);
	assert_int_equal(busy.status, -EBUSY);
	ask("resume", &here, NULL);
	assert_int_equal(here.status, 0);
	assert_string_equal(here.text, "VM web goes on here");
	ask("power-button", &after, NULL);
	assert_int_equal(after.status, 0);
	close(w.machine.moving_fd);
	world_end(&w);
}

static void a_pause_outlives_a_reset(void **state)
{
	struct machine next = { 0 };
	struct reply reply = { 0 };
	struct world w;

	(void)state;
	world_start(&w);
	ask("pause", &reply, NULL);
	control_server.running(w.server, NULL);
	control_server.running(w.server, &next);
	assert_int_equal(next.pauses, 1);
	ask("resume", &reply, NULL);
	world_end(&w);
	assert_int_equal(next.pauses, 0);
	assert_int_equal(w.machine.pauses, 1);
}

static void the_power_button_of_a_paused_sleeper_finds_it_awake(void **state)
{
	struct reply reply = { 0 };
	struct world w;

	(void)state;
	world_start(&w);
	w.machine.asleep = true;
	ask("pause", &reply, NULL);
	ask("power-button", &reply, NULL);
	world_end(&w);
	assert_int_equal(reply.status, 0);
	assert_int_equal(w.machine.pauses, 0);
	assert_false(w.machine.asleep);
	assert_int_equal(w.machine.nr_presses, 1);
	assert_int_equal(w.machine.nr_stops, 0);
}

static void a_vm_says_what_it_is_and_does(void **state)
{
	struct reply status = { 0 }, stat = { 0 };
	uint64_t pid = 0, cpus = 0, memory = 0, up = 0, wakes = 9;
	struct world w;

	(void)state;
	world_start(&w);
	client_call("web", &(struct request){ .command = "status" }, &status, NULL);
	client_call("web", &(struct request){ .command = "stat" }, &stat, NULL);
	world_end(&w);
	assert_string_equal(message_text(status.tree, 0, "state"), "running");
	assert_string_equal(message_text(status.tree, 0, "psci"), "1.1");
	message_number(status.tree, 0, "pid", &pid);
	message_number(status.tree, 0, "cpus", &cpus);
	message_number(status.tree, 0, "memory-bytes", &memory);
	message_number(status.tree, 0, "uptime-ns", &up);
	assert_int_equal(pid, getpid());
	assert_int_equal(cpus, 3);
	assert_int_equal(memory, 64 << 20);
	assert_in_range(up, 1, 60000000000);
	assert_string_equal(message_text(stat.tree, 0, "state"), "running");
	message_number(stat.tree, fdt_subnode_offset(stat.tree, 0, "counters"), "wakes", &wakes);
	assert_int_equal(wakes, 0);
	free(status.tree);
	free(stat.tree);
}

static void an_unknown_command_is_answered_with_an_error(void **state)
{
	struct reply reply = { 0 };
	struct world w;

	(void)state;
	world_start(&w);
	assert_int_equal(ask("levitate", &reply, NULL), 0);
	assert_int_equal(reply.status, -EOPNOTSUPP);
	assert_string_equal(reply.text, "VM web knows no command 'levitate'");
	world_end(&w);
	assert_int_equal(w.machine.nr_wakes, 0);
}

static void a_request_of_another_version_is_answered_with_an_error(void **state)
{
	void *fdt = tree("lkvm,control", 7, "resume", 7);
	struct reply reply;
	struct world w;
	int fd;

	(void)state;
	world_start(&w);
	fd = connect_raw(&w);
	put(fd, fdt, fdt_totalsize(fdt));
	receive(fd, &reply);
	assert_int_equal(reply.status, -EPROTONOSUPPORT);
	assert_non_null(strstr(reply.text, "version 7"));
	close(fd);
	free(fdt);
	world_end(&w);
	assert_int_equal(w.machine.nr_wakes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sleeping_vm_is_woken_once),
		cmocka_unit_test(a_disk_is_resized),
		cmocka_unit_test(a_console_is_told_the_size_of_a_terminal),
		cmocka_unit_test(a_disk_that_cannot_be_resized_is_answered_with_the_reason),
		cmocka_unit_test(a_balloon_is_set_and_says_how_it_stands),
		cmocka_unit_test(a_paused_vm_goes_on_and_its_sleep_is_left_alone),
		cmocka_unit_test(who_moves_a_vm_has_the_connection_after_the_answer),
		cmocka_unit_test(a_vm_that_may_run_elsewhere_only_resumes_or_stops),
		cmocka_unit_test(a_pause_outlives_a_reset),
		cmocka_unit_test(the_power_button_of_a_paused_sleeper_finds_it_awake),
		cmocka_unit_test(a_vm_says_what_it_is_and_does),
		cmocka_unit_test(an_unknown_command_is_answered_with_an_error),
		cmocka_unit_test(a_request_of_another_version_is_answered_with_an_error),
	};

	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
