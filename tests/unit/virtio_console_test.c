/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio console: what goes out, what comes in, its size, emergency writes, and drivers that break rules. */
#include "virtio_console_world.h"

#define F_SIZE (1ULL << VIRTIO_CONSOLE_F_SIZE)

/* The quiet moment before the first input is over. */
static void settle(struct world *w)
{
	assert_int_equal(world_input(w, 0, "x"), 0);
	assert_true(w->timer > 1);
	virtio_console_again(&w->con);
	assert_int_equal(w->line[0].input_ready, 1);
	w->line[0].input_ready = 0;
}

static void what_the_driver_sends_reaches_the_line(void **state)
{
	struct world *w = world_console(0);

	(void)state;
	world_send(w, TX0, "hello", 5);
	assert_output(w, 0, "hello");
	assert_used(w, TX0, 0, NULL, 0);
	assert_int_equal(w->counts.used, 1);
	world_free(w);
}

static void a_buffer_may_have_many_parts(void **state)
{
	struct world *w = world_console(FEATURE_INDIRECT);
	struct ring_part part[] = {
		{ .addr = world_data(w, "one ", 4), .len = 4 },
		{ .addr = world_data(w, "", 1), .len = 0 },
		{ .addr = world_data(w, "two ", 4), .len = 4 },
		{ .addr = world_data(w, "three", 5), .len = 5 },
	};

	(void)state;
	ring_add(&w->ring[TX0], part, 4);
	ring_add_indirect(&w->ring[TX0], world_data(w, NULL, 64), part, 4);
	virtio_notify(&w->con.dev, TX0);
	assert_output(w, 0, "one two threeone two three");
	world_free(w);
}

static void one_interrupt_tells_of_a_batch(void **state)
{
	struct world *w = world_console(0);
	struct ring_part part = { .addr = world_data(w, "abc", 3), .len = 3 };

	(void)state;
	for (int i = 0; i < 5; i++)
		ring_add(&w->ring[TX0], &part, 1);
	virtio_notify(&w->con.dev, TX0);
	assert_output(w, 0, "abcabcabcabcabc");
	assert_int_equal(w->counts.used, 1);
	world_free(w);
}

static void what_the_line_refuses_waits_in_the_guests_buffer(void **state)
{
	struct world *w = world_console(0);

	(void)state;
	w->line[0].out_room = 3;
	world_send(w, TX0, "hello", 5);
	world_send(w, TX0, " world", 6);
	assert_output(w, 0, "hel");
	assert_none_used(w, TX0);
	w->line[0].out_room = 4;
	world_output_ready(w, 0);
	assert_output(w, 0, "lo w");
	assert_used(w, TX0, 0, NULL, 0);
	assert_none_used(w, TX0);
	w->line[0].out_room = ALL_ROOM;
	world_output_ready(w, 0);
	assert_output(w, 0, "orld");
	assert_used(w, TX0, 0, NULL, 0);
	world_free(w);
}

static void a_part_of_a_buffer_that_the_line_took_is_not_sent_again(void **state)
{
	struct world *w = world_console(0);
	struct ring_part part[] = {
		{ .addr = world_data(w, "ab", 2), .len = 2 },
		{ .addr = world_data(w, "cd", 2), .len = 2 },
		{ .addr = world_data(w, "ef", 2), .len = 2 },
	};

	(void)state;
	ring_add(&w->ring[TX0], part, 3);
	for (int i = 0; i < 6; i++) {
		w->line[0].out_room = 1;
		world_output_ready(w, 0);
	}
	assert_output(w, 0, "abcdef");
	world_free(w);
}

/* Between two looks at a buffer the driver has made it shorter: no byte before its start, none behind its end. */
static void a_buffer_that_shrinks_meanwhile_is_done(void **state)
{
	struct world *w = world_console(0);
	gpa_t data = world_data(w, "hello", 5);
	struct ring_part part = { .addr = data, .len = 5 };
	uint16_t head;

	(void)state;
	w->line[0].out_room = 4;
	head = ring_add(&w->ring[TX0], &part, 1);
	virtio_notify(&w->con.dev, TX0);
	ring_desc(&w->ring[TX0], w->ring[TX0].desc, head, data, 2, 0, 0);
	w->line[0].out_room = ALL_ROOM;
	world_output_ready(w, 0);
	assert_output(w, 0, "hell");
	assert_used(w, TX0, 0, NULL, 0);
	world_send(w, TX0, "next", 4);
	assert_output(w, 0, "next");
	world_free(w);
}

/* 5.3.6.1: the driver must not put a device-writable buffer in a transmitq. */
static void a_writable_buffer_to_send_breaks_the_device(void **state)
{
	struct world *w = world_console(0);

	(void)state;
	world_offer(w, TX0, 8);
	virtio_notify(&w->con.dev, TX0);
	assert_true(world_broken(w));
	assert_int_equal(w->counts.config, 1);
	world_free(w);
}

/* 5.3.6.1: nor a device-readable one in a receiveq. */
static void a_readable_buffer_to_receive_in_breaks_the_device(void **state)
{
	struct world *w = world_console(0);

	(void)state;
	settle(w);
	world_send(w, RX0, "hello", 5);
	assert_false(world_broken(w));
	assert_int_equal(world_input(w, 0, "abc"), 0);
	assert_true(world_broken(w));
	world_free(w);
}

static void a_buffer_without_room_breaks_the_device(void **state)
{
	struct world *w = world_console(0);

	(void)state;
	settle(w);
	world_offer(w, RX0, 0);
	assert_int_equal(world_input(w, 0, "abc"), 0);
	assert_true(world_broken(w));
	world_free(w);
}

static void input_fills_the_guests_buffers_in_order(void **state)
{
	struct world *w = world_console(0);
	gpa_t first = world_offer(w, RX0, 4), second = world_offer(w, RX0, 4);

	(void)state;
	settle(w);
	assert_int_equal(world_input(w, 0, "abcdef"), 6);
	assert_used(w, RX0, first, "abcd", 4);
	assert_used(w, RX0, second, "ef", 2);
	assert_int_equal(w->counts.used, 1);
	assert_int_equal(w->counts.last_queue, RX0);
	world_free(w);
}

static void input_is_scattered_over_the_parts_of_a_buffer(void **state)
{
	struct world *w = world_console(0);
	gpa_t at = world_data(w, NULL, 8);
	struct ring_part part[] = { { .addr = at, .len = 2, .in = true },
				    { .addr = at + 2, .len = 3, .in = true } };

	(void)state;
	settle(w);
	ring_add(&w->ring[RX0], part, 2);
	assert_int_equal(world_input(w, 0, "abcdef"), 5);
	assert_used(w, RX0, at, "abcde", 5);
	world_free(w);
}

static void refused_input_is_asked_for_when_there_is_room(void **state)
{
	struct world *w = world_console(0);
	gpa_t at;

	(void)state;
	settle(w);
	assert_int_equal(world_input(w, 0, "abc"), 0);
	virtio_notify(&w->con.dev, TX0);
	assert_int_equal(w->line[0].input_ready, 0);
	at = world_offer(w, RX0, 8);
	virtio_notify(&w->con.dev, RX0);
	assert_int_equal(w->line[0].input_ready, 1);
	assert_int_equal(world_input(w, 0, "abc"), 3);
	assert_used(w, RX0, at, "abc", 3);
	virtio_notify(&w->con.dev, RX0);
	assert_int_equal(w->line[0].input_ready, 1);
	world_free(w);
}

/* Linux throws away what it receives while it sets the console up and prints its log. */
static void the_first_input_waits_for_a_moment_without_output(void **state)
{
	struct world *w = world_console(0);
	unsigned int sets;

	(void)state;
	world_offer(w, RX0, 8);
	assert_int_equal(w->timer_sets, 0);
	assert_int_equal(world_input(w, 0, "abc"), 0);
	assert_int_equal(w->timer, 2 * NS_PER_S);
	sets = w->timer_sets;
	world_send(w, TX0, "log", 3);
	assert_int_equal(w->timer_sets, sets + 1);
	assert_int_equal(w->timer, NS_PER_S / 4);
	assert_int_equal(world_input(w, 0, "abc"), 0);
	assert_int_equal(w->timer, NS_PER_S / 4);
	assert_int_equal(w->line[0].input_ready, 0);
	virtio_console_again(&w->con);
	assert_int_equal(w->line[0].input_ready, 1);
	assert_int_equal(world_input(w, 0, "abc"), 3);
	sets = w->timer_sets;
	world_send(w, TX0, "log", 3);
	assert_int_equal(w->timer_sets, sets);
	world_free(w);
}

static void a_new_driver_has_its_quiet_moment_too(void **state)
{
	struct world *w = world_console(0);

	(void)state;
	world_send(w, TX0, "log", 3);
	settle(w);
	virtio_set_status(&w->con.dev, 0);
	assert_int_equal(w->timer, 0);
	virtio_console_again(&w->con); /* one that was under way */
	ring_make(&w->ring[RX0], &w->ram, w->ring[RX0].desc, RING_SIZE);
	ring_make(&w->ring[TX0], &w->ram, w->ring[TX0].desc, RING_SIZE);
	ring_start(&w->con.dev, FEATURE_VERSION_1, w->ring, 2);
	world_offer(w, RX0, 8);
	assert_int_equal(world_input(w, 0, "abc"), 0);
	assert_int_equal(w->timer, 2 * NS_PER_S);
	world_free(w);
}

static void before_the_driver_runs_input_waits(void **state)
{
	struct world *w = world_console(0);

	(void)state;
	virtio_set_status(&w->con.dev, 0);
	assert_int_equal(world_input(w, 0, "abc"), 0);
	world_output_ready(w, 0);
	assert_int_equal(w->timer, 0);
	ring_make(&w->ring[RX0], &w->ram, w->ring[RX0].desc, RING_SIZE);
	world_offer(w, RX0, 8);
	ring_start(&w->con.dev, FEATURE_VERSION_1, w->ring, 2);
	assert_int_equal(w->line[0].input_ready, 1);
	world_free(w);
}

static void a_reset_forgets_a_buffer_that_was_half_sent(void **state)
{
	struct world *w = world_console(0);

	(void)state;
	w->line[0].out_room = 3;
	world_send(w, TX0, "hello", 5);
	virtio_set_status(&w->con.dev, 0);
	assert_int_equal(virtio_get_status(&w->con.dev), 0);
	assert_output(w, 0, "hel");
	w->line[0].out_room = ALL_ROOM;
	world_output_ready(w, 0);
	assert_output(w, 0, "");
	ring_make(&w->ring[TX0], &w->ram, w->ring[TX0].desc, RING_SIZE);
	ring_start(&w->con.dev, FEATURE_VERSION_1, w->ring, 2);
	world_send(w, TX0, "anew", 4);
	assert_output(w, 0, "anew");
	world_free(w);
}

static void so_does_a_reset_of_the_queue(void **state)
{
	struct world *w = world_console(FEATURE_RING_RESET);

	(void)state;
	w->line[0].out_room = 3;
	world_send(w, TX0, "hello", 5);
	virtio_reset_queue(&w->con.dev, TX0);
	w->line[0].out_room = ALL_ROOM;
	ring_make(&w->ring[TX0], &w->ram, w->ring[TX0].desc, RING_SIZE);
	ring_connect(&w->con.dev, TX0, &w->ring[TX0]);
	world_send(w, TX0, "anew", 4);
	assert_output(w, 0, "helanew");
	world_free(w);
}

static void a_guest_that_sends_much_takes_turns(void **state)
{
	struct world *w = world_console(0);
	struct ring_part part = { .addr = DATA, .len = 48 * KiB };

	(void)state;
	for (int i = 0; i < 3; i++)
		ring_add(&w->ring[TX0], &part, 1);
	virtio_notify(&w->con.dev, TX0);
	assert_in_range(w->line[0].out_nr, 63 * KiB, 64 * KiB);
	assert_int_equal(w->timer, 1);
	virtio_console_again(&w->con);
	assert_in_range(w->line[0].out_nr, 126 * KiB, 128 * KiB);
	virtio_console_again(&w->con);
	assert_int_equal(w->line[0].out_nr, 144 * KiB);
	assert_int_equal(w->timer_sets, 2);
	world_free(w);
}

static void the_size_is_configuration(void **state)
{
	struct world *w = world_console(F_SIZE);
	struct char_frontend frontend = virtio_console_frontend(&w->con, 0);
	uint8_t generation = w->con.dev.generation;

	(void)state;
	frontend.resized(frontend.ctx, 132, 43);
	assert_int_equal(virtio_config_read(&w->con.dev, 0, 2), 132);
	assert_int_equal(virtio_config_read(&w->con.dev, 2, 2), 43);
	assert_int_equal(w->counts.config, 1);
	assert_int_not_equal(w->con.dev.generation, generation);
	frontend.resized(frontend.ctx, 132, 43);
	assert_int_equal(w->counts.config, 1);
	world_free(w);
}

/* Linux reads the size only when it is told that it has changed. */
static void a_driver_that_is_ready_is_told_of_the_size(void **state)
{
	struct world *w = world_console(F_SIZE);

	(void)state;
	assert_int_equal(w->timer, 2 * NS_PER_S);
	world_send(w, TX0, "log", 3);
	assert_int_equal(w->timer, NS_PER_S / 4);
	assert_int_equal(w->counts.config, 0);
	virtio_console_again(&w->con);
	assert_int_equal(w->counts.config, 1);
	w->timer = 0;
	world_send(w, TX0, "log", 3);
	assert_int_equal(w->timer, 0);
	world_free(w);
}

static void a_console_offers_its_size_which_is_not_known_at_first(void **state)
{
	struct world *w = world_console(F_SIZE);

	(void)state;
	assert_int_equal(virtio_get_offered(&w->con.dev, 0) & 7,
			 1 << VIRTIO_CONSOLE_F_EMERG_WRITE | 1 << VIRTIO_CONSOLE_F_SIZE);
	assert_int_equal(virtio_config_read(&w->con.dev, 0, 4), 0);
	world_free(w);
}

/* 5.3.4: a driver may write emerg_wr in any state. */
static void an_emergency_write_shows_whatever_the_state(void **state)
{
	struct world *w = world_console(0);

	(void)state;
	virtio_config_write(&w->con.dev, 8, 'A', 4);
	virtio_set_status(&w->con.dev, 0);
	virtio_config_write(&w->con.dev, 8, 'B', 1);
	assert_output(w, 0, "AB");
	virtio_config_write(&w->con.dev, 0, 'C', 1);
	virtio_config_write(&w->con.dev, 4, 'D', 4);
	assert_output(w, 0, "");
	world_free(w);
}

static void emergency_bytes_that_are_refused_are_held_up_to_a_limit(void **state)
{
	struct world *w = world_console(0);
	char expected[CHAR_HELD_MAX + 1] = { 0 };

	(void)state;
	w->line[0].out_room = 0;
	for (int i = 0; i < CHAR_HELD_MAX + 9; i++)
		virtio_config_write(&w->con.dev, 8, i < CHAR_HELD_MAX ? 'e' : 'z', 1);
	memset(expected, 'e', CHAR_HELD_MAX);
	w->line[0].out_room = 10;
	world_output_ready(w, 0);
	w->line[0].out_room = ALL_ROOM;
	world_output_ready(w, 0);
	assert_output(w, 0, expected);
	world_free(w);
}

static void at_the_end_what_nobody_looked_at_goes_out(void **state)
{
	struct world *w = world_console(0);
	struct ring_part part = { .addr = world_data(w, "last", 4), .len = 4 };

	(void)state;
	ring_add(&w->ring[TX0], &part, 1);
	assert_output(w, 0, "");
	virtio_console_finish(&w->con);
	assert_output(w, 0, "last");
	world_free(w);
}

static void a_line_without_a_back_end_swallows_everything(void **state)
{
	struct world *w = world_alloc();
	struct err e = { 0 };

	(void)state;
	virtio_console_init(&w->con, "console", &w->ram, (struct char_backend){ 0 }, test_timer(w),
			    &e);
	ring_start(&w->con.dev, FEATURE_VERSION_1, w->ring, 2);
	world_send(w, TX0, "hello", 5);
	assert_used(w, TX0, 0, NULL, 0);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_driver_sends_reaches_the_line),
		cmocka_unit_test(a_buffer_may_have_many_parts),
		cmocka_unit_test(one_interrupt_tells_of_a_batch),
		cmocka_unit_test(what_the_line_refuses_waits_in_the_guests_buffer),
		cmocka_unit_test(a_part_of_a_buffer_that_the_line_took_is_not_sent_again),
		cmocka_unit_test(a_buffer_that_shrinks_meanwhile_is_done),
		cmocka_unit_test(a_writable_buffer_to_send_breaks_the_device),
		cmocka_unit_test(a_readable_buffer_to_receive_in_breaks_the_device),
		cmocka_unit_test(a_buffer_without_room_breaks_the_device),
		cmocka_unit_test(input_fills_the_guests_buffers_in_order),
		cmocka_unit_test(input_is_scattered_over_the_parts_of_a_buffer),
		cmocka_unit_test(refused_input_is_asked_for_when_there_is_room),
		cmocka_unit_test(the_first_input_waits_for_a_moment_without_output),
		cmocka_unit_test(a_new_driver_has_its_quiet_moment_too),
		cmocka_unit_test(before_the_driver_runs_input_waits),
		cmocka_unit_test(a_reset_forgets_a_buffer_that_was_half_sent),
		cmocka_unit_test(so_does_a_reset_of_the_queue),
		cmocka_unit_test(a_guest_that_sends_much_takes_turns),
		cmocka_unit_test(the_size_is_configuration),
		cmocka_unit_test(a_driver_that_is_ready_is_told_of_the_size),
		cmocka_unit_test(a_console_offers_its_size_which_is_not_known_at_first),
		cmocka_unit_test(an_emergency_write_shows_whatever_the_state),
		cmocka_unit_test(emergency_bytes_that_are_refused_are_held_up_to_a_limit),
		cmocka_unit_test(at_the_end_what_nobody_looked_at_goes_out),
		cmocka_unit_test(a_line_without_a_back_end_swallows_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
