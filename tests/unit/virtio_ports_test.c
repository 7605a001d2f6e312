/* SPDX-License-Identifier: BSD-2-Clause */
/* Named ports of a virtio console: how they are announced, opened and closed, and bad control messages. */
#include "virtio_console_world.h"

/* The next control message that the driver received is @event of port @id. */
static void assert_message(struct world *w, gpa_t addr, uint32_t id, uint16_t event, uint16_t value,
			   const char *text)
{
	uint8_t msg[8 + 64];
	uint32_t fixed[2] = { htole32(id), htole32(event | (uint32_t)value << 16) };

	memcpy(msg, fixed, sizeof(fixed));
	memcpy(msg + 8, text, strlen(text));
	assert_used(w, CONTROL_RX, addr, msg, (uint32_t)(8 + strlen(text)));
}

/* The driver says that it is ready, has buffers, and hears of both ports. */
static void announce(struct world *w)
{
	gpa_t first = world_offer(w, CONTROL_RX, 128), second = world_offer(w, CONTROL_RX, 128);

	world_control(w, UINT32_MAX, VIRTIO_CONSOLE_DEVICE_READY, 1);
	assert_message(w, first, 1, VIRTIO_CONSOLE_PORT_ADD, 0, "");
	assert_message(w, second, 2, VIRTIO_CONSOLE_PORT_ADD, 0, "");
}

static void a_ready_driver_hears_of_each_port(void **state)
{
	struct world *w = world_ports();

	(void)state;
	announce(w);
	assert_int_equal(virtio_config_read(&w->con.dev, 4, 4), 3);
	world_free(w);
}

/* In this order: a driver that has the name knows that the port is open. */
static void a_ready_port_is_open_and_gets_its_name(void **state)
{
	struct world *w = world_ports();
	gpa_t name, open;

	(void)state;
	announce(w);
	open = world_offer(w, CONTROL_RX, 128);
	name = world_offer(w, CONTROL_RX, 128);
	world_control(w, 2, VIRTIO_CONSOLE_PORT_READY, 1);
	assert_message(w, open, 2, VIRTIO_CONSOLE_PORT_OPEN, 1, "");
	assert_message(w, name, 2, VIRTIO_CONSOLE_PORT_NAME, 1, "second");
	assert_none_used(w, CONTROL_RX);
	world_free(w);
}

static void messages_wait_for_buffers(void **state)
{
	struct world *w = world_ports();
	gpa_t first;

	(void)state;
	world_control(w, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	assert_none_used(w, CONTROL_RX);
	first = world_offer(w, CONTROL_RX, 128);
	virtio_notify(&w->con.dev, CONTROL_RX);
	assert_message(w, first, 1, VIRTIO_CONSOLE_PORT_ADD, 0, "");
	first = world_offer(w, CONTROL_RX, 128);
	virtio_notify(&w->con.dev, CONTROL_RX);
	assert_message(w, first, 2, VIRTIO_CONSOLE_PORT_ADD, 0, "");
	world_free(w);
}

/* 5.3.6.2: the device must not add a port that exists. */
static void a_port_is_added_once(void **state)
{
	struct world *w = world_ports();

	(void)state;
	announce(w);
	world_offer(w, CONTROL_RX, 128);
	for (int i = 0; i < 3; i++)
		world_control(w, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	assert_none_used(w, CONTROL_RX);
	world_free(w);
}

static void a_driver_that_failed_hears_of_nothing(void **state)
{
	struct world *w = world_ports();

	(void)state;
	world_offer(w, CONTROL_RX, 128);
	world_control(w, 0, VIRTIO_CONSOLE_DEVICE_READY, 0);
	assert_none_used(w, CONTROL_RX);
	world_free(w);
}

static void nor_does_a_port_that_failed(void **state)
{
	struct world *w = world_ports();

	(void)state;
	announce(w);
	world_offer(w, CONTROL_RX, 128);
	world_control(w, 1, VIRTIO_CONSOLE_PORT_READY, 0);
	assert_none_used(w, CONTROL_RX);
	world_free(w);
}

static void asking_again_and_again_is_answered_once(void **state)
{
	struct world *w = world_ports();
	uint32_t id, len;
	int answers = 0;

	(void)state;
	announce(w);
	for (int i = 0; i < 100; i++)
		world_control(w, 1, VIRTIO_CONSOLE_PORT_READY, 1);
	for (int i = 0; i < 10; i++)
		world_offer(w, CONTROL_RX, 128);
	virtio_notify(&w->con.dev, CONTROL_RX);
	while (ring_used(&w->ring[CONTROL_RX], &id, &len))
		answers++;
	assert_int_equal(answers, 2);
	world_free(w);
}

static void bytes_find_their_port(void **state)
{
	struct world *w = world_ports();
	gpa_t at;

	(void)state;
	announce(w);
	world_send(w, TX1, "to first", 8);
	world_send(w, TX2, "to second", 9);
	assert_output(w, 1, "to first");
	assert_output(w, 2, "to second");
	assert_output(w, 0, "");
	world_control(w, 2, VIRTIO_CONSOLE_PORT_OPEN, 1);
	at = world_offer(w, RX2, 16);
	assert_int_equal(world_input(w, 2, "from second"), 11);
	assert_used(w, RX2, at, "from second", 11);
	assert_none_used(w, RX1);
	world_free(w);
}

static void input_waits_until_the_guest_opens_the_port(void **state)
{
	struct world *w = world_ports();
	gpa_t at = world_offer(w, RX1, 16);

	(void)state;
	announce(w);
	assert_int_equal(world_input(w, 1, "early"), 0);
	virtio_notify(&w->con.dev, RX1);
	w->line[1].input_ready = 0;
	assert_int_equal(world_input(w, 1, "early"), 0);
	world_control(w, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	assert_int_equal(w->line[1].input_ready, 1);
	assert_int_equal(world_input(w, 1, "early"), 5);
	assert_used(w, RX1, at, "early", 5);
	world_control(w, 1, VIRTIO_CONSOLE_PORT_OPEN, 0);
	world_offer(w, RX1, 16);
	assert_int_equal(world_input(w, 1, "late"), 0);
	world_free(w);
}

static void a_line_that_is_full_does_not_stop_the_other(void **state)
{
	struct world *w = world_ports();

	(void)state;
	w->line[1].out_room = 0;
	world_send(w, TX1, "stuck", 5);
	world_send(w, TX2, "free", 4);
	assert_output(w, 2, "free");
	assert_none_used(w, TX1);
	w->line[1].out_room = ALL_ROOM;
	world_output_ready(w, 1);
	assert_output(w, 1, "stuck");
	world_free(w);
}

static void messages_that_mean_nothing_are_ignored(void **state)
{
	struct world *w = world_ports();

	(void)state;
	announce(w);
	world_offer(w, CONTROL_RX, 128);
	world_control(w, 0, VIRTIO_CONSOLE_PORT_READY, 1);
	world_control(w, 3, VIRTIO_CONSOLE_PORT_READY, 1);
	world_control(w, UINT32_MAX, VIRTIO_CONSOLE_PORT_OPEN, 1);
	world_control(w, 1, VIRTIO_CONSOLE_CONSOLE_PORT, 1);
	world_control(w, 1, 0xffff, 1);
	world_send(w, CONTROL_TX, "short", 5);
	assert_none_used(w, CONTROL_RX);
	assert_false(world_broken(w));
	for (int i = 0; i < 7; i++) /* with the one that announced */
		assert_used(w, CONTROL_TX, 0, NULL, 0);
	world_free(w);
}

/* Its last byte is missing, and would have been a zero. */
static void a_message_that_is_cut_short_is_ignored(void **state)
{
	struct world *w = world_ports();

	(void)state;
	world_offer(w, CONTROL_RX, 128);
	world_send(w, CONTROL_TX, "\0\0\0\0\0\0\1", 7);
	assert_none_used(w, CONTROL_RX);
	assert_used(w, CONTROL_TX, 0, NULL, 0);
	world_free(w);
}

static void a_port_not_announced_cannot_be_opened(void **state)
{
	struct world *w = world_ports();

	(void)state;
	world_control(w, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	world_offer(w, RX1, 16);
	assert_int_equal(world_input(w, 1, "abc"), 0);
	world_free(w);
}

static void a_message_may_be_cut_in_parts(void **state)
{
	struct world *w = world_ports();
	const uint8_t msg[8] = { 0, 0, 0, 0, VIRTIO_CONSOLE_DEVICE_READY, 0, 1, 0 };
	gpa_t at = world_data(w, msg, sizeof(msg)), first = world_offer(w, CONTROL_RX, 128);
	struct ring_part part[] = { { .addr = at, .len = 3 },
				    { .addr = at + 3, .len = 4 },
				    { .addr = at + 7, .len = 1 } };

	(void)state;
	ring_add(&w->ring[CONTROL_TX], part, 3);
	virtio_notify(&w->con.dev, CONTROL_TX);
	assert_message(w, first, 1, VIRTIO_CONSOLE_PORT_ADD, 0, "");
	world_free(w);
}

static void a_buffer_too_small_for_a_message_breaks_the_device(void **state)
{
	struct world *w = world_ports();

	(void)state;
	world_offer(w, CONTROL_RX, 7);
	world_control(w, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	assert_true(world_broken(w));
	world_free(w);
}

static void a_writable_message_breaks_the_device(void **state)
{
	struct world *w = world_ports();

	(void)state;
	world_offer(w, CONTROL_TX, 8);
	virtio_notify(&w->con.dev, CONTROL_TX);
	assert_true(world_broken(w));
	world_free(w);
}

static void a_reset_starts_the_announcements_anew(void **state)
{
	struct world *w = world_ports();

	(void)state;
	announce(w);
	world_control(w, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	world_control(w, 1, VIRTIO_CONSOLE_PORT_READY, 1);
	virtio_set_status(&w->con.dev, 0);
	for (unsigned int i = 0; i < QUEUES; i++)
		ring_make(&w->ring[i], &w->ram, w->ring[i].desc, RING_SIZE);
	ring_start(&w->con.dev, FEATURE_VERSION_1 | 1ULL << VIRTIO_CONSOLE_F_MULTIPORT, w->ring,
		   QUEUES);
	world_offer(w, RX1, 16);
	assert_int_equal(world_input(w, 1, "abc"), 0);
	announce(w);
	world_free(w);
}

/* A driver without MULTIPORT takes port 0 for a console. There is none, and the named ones stay what they are. */
static void a_driver_without_multiport_finds_an_empty_console(void **state)
{
	struct world *w = world_ports();

	(void)state;
	virtio_set_status(&w->con.dev, 0);
	for (unsigned int i = 0; i < QUEUES; i++)
		ring_make(&w->ring[i], &w->ram, w->ring[i].desc, RING_SIZE);
	ring_start(&w->con.dev, FEATURE_VERSION_1, w->ring, QUEUES);
	world_send(w, TX0, "hello", 5);
	assert_used(w, TX0, 0, NULL, 0);
	world_offer(w, CONTROL_RX, 128);
	world_control(w, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	assert_none_used(w, CONTROL_TX);
	assert_none_used(w, CONTROL_RX);
	assert_false(world_broken(w));
	world_free(w);
}

static void hang_up(struct world *w, unsigned int id)
{
	struct char_frontend frontend = virtio_console_frontend(&w->con, id);

	frontend.hang_up(frontend.ctx);
}

static void a_line_that_hangs_up_closes_its_port_once(void **state)
{
	struct world *w = world_ports();
	gpa_t at;

	(void)state;
	announce(w);
	at = world_offer(w, CONTROL_RX, 128);
	world_offer(w, CONTROL_RX, 128);
	hang_up(w, 1);
	hang_up(w, 1);
	assert_message(w, at, 1, VIRTIO_CONSOLE_PORT_OPEN, 0, "");
	assert_none_used(w, CONTROL_RX);
	world_free(w);
}

/* A driver must not miss that it was open: the end would be no end. */
static void one_that_hung_up_before_is_open_and_then_closed(void **state)
{
	struct world *w = world_ports();
	gpa_t at[3];

	(void)state;
	hang_up(w, 2);
	announce(w);
	for (unsigned int i = 0; i < 3; i++)
		at[i] = world_offer(w, CONTROL_RX, 128);
	world_control(w, 2, VIRTIO_CONSOLE_PORT_READY, 1);
	assert_message(w, at[0], 2, VIRTIO_CONSOLE_PORT_OPEN, 1, "");
	assert_message(w, at[1], 2, VIRTIO_CONSOLE_PORT_NAME, 1, "second");
	assert_message(w, at[2], 2, VIRTIO_CONSOLE_PORT_OPEN, 0, "");
	world_free(w);
}

/* The messages are on another queue than the bytes, which were sent first. */
static void a_line_hears_of_the_guests_end_when_it_has_all_bytes(void **state)
{
	struct world *w = world_ports();

	(void)state;
	announce(w);
	world_control(w, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	w->line[1].out_room = 2;
	world_send(w, TX1, "hello", 5);
	world_control(w, 1, VIRTIO_CONSOLE_PORT_OPEN, 0);
	assert_output(w, 1, "he");
	assert_int_equal(w->line[1].closed, 0);
	w->line[1].out_room = ALL_ROOM;
	world_output_ready(w, 1);
	assert_output(w, 1, "llo");
	assert_int_equal(w->line[1].closed, 1);
	world_output_ready(w, 1);
	assert_int_equal(w->line[1].closed, 1);
	assert_int_equal(w->line[2].closed, 0);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ready_driver_hears_of_each_port),
		cmocka_unit_test(a_ready_port_is_open_and_gets_its_name),
		cmocka_unit_test(messages_wait_for_buffers),
		cmocka_unit_test(a_port_is_added_once),
		cmocka_unit_test(a_driver_that_failed_hears_of_nothing),
		cmocka_unit_test(nor_does_a_port_that_failed),
		cmocka_unit_test(asking_again_and_again_is_answered_once),
		cmocka_unit_test(bytes_find_their_port),
		cmocka_unit_test(input_waits_until_the_guest_opens_the_port),
		cmocka_unit_test(a_line_that_is_full_does_not_stop_the_other),
		cmocka_unit_test(messages_that_mean_nothing_are_ignored),
		cmocka_unit_test(a_message_that_is_cut_short_is_ignored),
		cmocka_unit_test(a_port_not_announced_cannot_be_opened),
		cmocka_unit_test(a_message_may_be_cut_in_parts),
		cmocka_unit_test(a_buffer_too_small_for_a_message_breaks_the_device),
		cmocka_unit_test(a_writable_message_breaks_the_device),
		cmocka_unit_test(a_reset_starts_the_announcements_anew),
		cmocka_unit_test(a_line_that_hangs_up_closes_its_port_once),
		cmocka_unit_test(one_that_hung_up_before_is_open_and_then_closed),
		cmocka_unit_test(a_line_hears_of_the_guests_end_when_it_has_all_bytes),
		cmocka_unit_test(a_driver_without_multiport_finds_an_empty_console),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
