/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands of the network device, and what comes of them; hostile ones, too. */
#include "virtio_net_world.h"

#define USUAL                                                                                   \
	(F(CTRL_VQ) | F(CTRL_RX) | F(CTRL_RX_EXTRA) | F(CTRL_VLAN) | F(CTRL_MAC_ADDR) | F(MQ) | \
	 F(GUEST_CSUM) | F(GUEST_TSO4) | F(CTRL_GUEST_OFFLOADS) | F(MRG_RXBUF))

/* Queues a command, its bytes in two parts; returns where the answer goes. */
static gpa_t queue_command(struct world *w, unsigned int queue, uint8_t class, uint8_t command,
			   const void *data, uint32_t len)
{
	const uint8_t head[] = { class, command };
	struct ring_part part[] = {
		{ .addr = world_data(w, head, 2), .len = 2 },
		{ .addr = world_data(w, data, len), .len = len },
		{ .addr = world_data(w, "\xee", 1), .len = 1, .in = true },
	};

	ring_add(&w->ring[queue], part, 3);
	return part[2].addr;
}

static uint8_t run(struct world *w, uint8_t class, uint8_t command, const void *data, uint32_t len)
{
	gpa_t answer = queue_command(w, CONTROL, class, command, data, len);

	virtio_notify(&w->net.dev, CONTROL);
	assert_used(w, CONTROL, 1);
	return (uint8_t)ring_get(&w->ring[CONTROL], answer, 1);
}

static uint8_t set_mode(struct world *w, uint8_t mode, uint8_t on)
{
	return run(w, VIRTIO_NET_CTRL_RX, mode, &on, 1);
}

/* Whether a frame to @dst reaches the guest. */
static bool arrives(struct world *w, const char *dst)
{
	uint32_t id, len;

	memcpy(w->dst, dst, sizeof(w->dst));
	world_frame(w, 60, 0);
	world_offer(w, RX0, 1526);
	virtio_notify(&w->net.dev, RX0);
	assert_int_equal(w->nr_frames, 0);
	return ring_used(&w->ring[RX0], &id, &len);
}

#define OWN       "\x02\x00\x00\x01\x02\x03"
#define OTHER     "\x02\x00\x00\x01\x02\x04"
#define MULTI     "\x33\x33\x00\x00\x00\x01"
#define BROADCAST "\xff\xff\xff\xff\xff\xff"

static void everything_arrives_until_the_driver_says_otherwise(void **state)
{
	struct world *w = world_make(USUAL, 5);

	(void)state;
	assert_true(arrives(w, OTHER));
	assert_int_equal(set_mode(w, VIRTIO_NET_CTRL_RX_PROMISC, 0), VIRTIO_NET_OK);
	assert_true(arrives(w, OWN));
	assert_true(arrives(w, BROADCAST));
	assert_false(arrives(w, OTHER));
	assert_false(arrives(w, MULTI));
	assert_int_equal(set_mode(w, VIRTIO_NET_CTRL_RX_ALLMULTI, 1), VIRTIO_NET_OK);
	assert_true(arrives(w, MULTI));
	assert_int_equal(set_mode(w, VIRTIO_NET_CTRL_RX_NOBCAST, 1), VIRTIO_NET_OK);
	assert_false(arrives(w, BROADCAST));
	assert_int_equal(set_mode(w, VIRTIO_NET_CTRL_RX_NOBCAST + 1, 1), VIRTIO_NET_ERR);
	world_free(w);
}

static void addresses_of_the_drivers_tables_arrive(void **state)
{
	struct world *w = world_make(USUAL, 5);
	const char table[] = "\x01\x00\x00\x00" OTHER "\x01\x00\x00\x00" MULTI;

	(void)state;
	set_mode(w, VIRTIO_NET_CTRL_RX_PROMISC, 0);
	assert_int_equal(run(w, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, table, 20),
			 VIRTIO_NET_OK);
	assert_true(arrives(w, OTHER));
	assert_true(arrives(w, MULTI));
	assert_false(arrives(w, "\x33\x33\x00\x00\x00\x02"));
	world_free(w);
}

static void a_table_that_is_too_long_lets_all_of_its_kind_arrive(void **state)
{
	struct world *w = world_make(USUAL, 5);
	uint8_t table[4 + 6 * (VIRTIO_NET_MACS_MAX + 1) + 4] = { VIRTIO_NET_MACS_MAX + 1 };

	(void)state;
	set_mode(w, VIRTIO_NET_CTRL_RX_PROMISC, 0);
	assert_int_equal(run(w, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, table,
			     sizeof(table)),
			 VIRTIO_NET_OK);
	assert_true(arrives(w, OTHER));
	assert_false(arrives(w, MULTI));
	world_free(w);
}

static void both_tables_share_the_room_that_there_is(void **state)
{
	struct world *w = world_make(USUAL, 5);
	uint8_t table[4 + 6 * VIRTIO_NET_MACS_MAX + 4 + 6] = { VIRTIO_NET_MACS_MAX };

	(void)state;
	table[4 + 6 * VIRTIO_NET_MACS_MAX] = 1;
	set_mode(w, VIRTIO_NET_CTRL_RX_PROMISC, 0);
	assert_int_equal(run(w, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, table,
			     sizeof(table)),
			 VIRTIO_NET_OK);
	assert_int_equal(w->net.filter.nr_macs, VIRTIO_NET_MACS_MAX);
	assert_false(arrives(w, OTHER));
	assert_true(arrives(w, MULTI));
	world_free(w);
}

static void a_table_that_ends_too_early_changes_nothing(void **state)
{
	struct world *w = world_make(USUAL, 5);
	static const struct {
		const char *bytes;
		uint32_t len;
	} bad[] = {
		{ "\xff\xff\xff\xff" OTHER, 10 },          { "\x01\x00\x00\x00" OTHER, 9 },
		{ "\x01\x00\x00\x00" OTHER, 10 },          { "\x00\x00\x00", 3 },
		{ "\x00\x00\x00\x00\xff\xff\xff\x7f", 8 },
	};

	(void)state;
	set_mode(w, VIRTIO_NET_CTRL_RX_PROMISC, 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(run(w, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET,
				     bad[i].bytes, bad[i].len),
				 VIRTIO_NET_ERR);
	assert_false(arrives(w, OTHER));
	assert_true(world_runs(w));
	world_free(w);
}

static void the_driver_changes_the_address_until_a_reset(void **state)
{
	struct world *w = world_make(USUAL, 5);

	(void)state;
	set_mode(w, VIRTIO_NET_CTRL_RX_PROMISC, 0);
	assert_int_equal(run(w, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, OTHER, 6),
			 VIRTIO_NET_OK);
	assert_true(arrives(w, OTHER));
	assert_false(arrives(w, OWN));
	assert_int_equal(virtio_config_read(&w->net.dev, 5, 1), 4);
	virtio_set_status(&w->net.dev, 0);
	assert_int_equal(virtio_config_read(&w->net.dev, 5, 1), 3);
	world_free(w);
}

static void tagged_frames_arrive_if_their_vlan_is_wanted(void **state)
{
	struct world *w = world_make(USUAL, 5);

	(void)state;
	/* The fake's frames have the tag 0: all their bytes are. */
	w->type = 0x8100;
	set_mode(w, VIRTIO_NET_CTRL_RX_PROMISC, 0);
	assert_false(arrives(w, OWN));
	assert_int_equal(run(w, VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD, "\x00\x00", 2),
			 VIRTIO_NET_OK);
	assert_true(arrives(w, OWN));
	assert_int_equal(run(w, VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_DEL, "\x00\x00", 2),
			 VIRTIO_NET_OK);
	assert_false(arrives(w, OWN));
	assert_int_equal(run(w, VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD, "\x00\x10", 2),
			 VIRTIO_NET_ERR);
	world_free(w);
}

static void queues_are_used_as_many_as_the_driver_says(void **state)
{
	struct world *w = world_make(USUAL, 5);

	(void)state;
	assert_int_equal(w->pairs, 1);
	world_transmit(w, TX1, 100, 1);
	assert_int_equal(w->nr_sent, 0);
	assert_int_equal(run(w, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, "\x02\x00", 2),
			 VIRTIO_NET_OK);
	assert_int_equal(w->pairs, 2);
	/* What was queued before goes out now. */
	assert_int_equal(w->nr_sent, 1);
	world_offer(w, RX1, 1526);
	virtio_notify(&w->net.dev, RX1);
	assert_true(w->read[1]);
	assert_int_equal(run(w, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, "\x01\x00", 2),
			 VIRTIO_NET_OK);
	assert_false(w->read[1]);
	assert_int_equal(run(w, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, "\x00\x00", 2),
			 VIRTIO_NET_ERR);
	assert_int_equal(run(w, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, "\x03\x00", 2),
			 VIRTIO_NET_ERR);
	assert_int_equal(w->pairs, 1);
	world_free(w);
}

static void without_mq_commands_come_by_the_third_queue(void **state)
{
	struct world *w = world_make(F(CTRL_VQ) | F(CTRL_RX), 3);
	gpa_t answer = queue_command(w, 2, VIRTIO_NET_CTRL_RX, 0, "", 1);

	(void)state;
	virtio_notify(&w->net.dev, 2);
	assert_int_equal(ring_get(&w->ring[2], answer, 1), VIRTIO_NET_OK);
	assert_false(w->net.filter.promisc);
	world_free(w);
}

static void offloads_change_while_the_device_runs(void **state)
{
	struct world *w = world_make(USUAL, 5);
	uint64_t csum = F(GUEST_CSUM), other = F(GUEST_CSUM) | F(GUEST_TSO6);

	(void)state;
	assert_int_equal(w->offloads, NET_CSUM | NET_TSO4);
	assert_int_equal(run(w, VIRTIO_NET_CTRL_GUEST_OFFLOADS, VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET,
			     &csum, 8),
			 VIRTIO_NET_OK);
	assert_int_equal(w->offloads, NET_CSUM);
	assert_int_equal(run(w, VIRTIO_NET_CTRL_GUEST_OFFLOADS, VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET,
			     &other, 8),
			 VIRTIO_NET_ERR);
	assert_int_equal(w->offloads, NET_CSUM);
	world_free(w);
}

static void what_was_not_negotiated_is_an_error(void **state)
{
	struct world *w = world_make(F(CTRL_VQ) | F(MQ), 5);

	(void)state;
	assert_int_equal(set_mode(w, VIRTIO_NET_CTRL_RX_PROMISC, 0), VIRTIO_NET_ERR);
	assert_int_equal(run(w, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, OTHER, 6),
			 VIRTIO_NET_ERR);
	assert_int_equal(run(w, VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD, "\x00\x00", 2),
			 VIRTIO_NET_ERR);
	assert_int_equal(run(w, VIRTIO_NET_CTRL_ANNOUNCE, 0, NULL, 0), VIRTIO_NET_ERR);
	assert_int_equal(run(w, 200, 0, NULL, 0), VIRTIO_NET_ERR);
	assert_true(w->net.filter.promisc);
	world_free(w);
}

static void a_command_without_room_for_an_answer_breaks_the_device(void **state)
{
	struct world *w = world_make(USUAL, 5);
	struct ring_part part = { .addr = world_data(w, "\0\0\0", 3), .len = 3 };

	(void)state;
	log_set_level(LOG_ERROR);
	ring_add(&w->ring[CONTROL], &part, 1);
	virtio_notify(&w->net.dev, CONTROL);
	assert_false(world_runs(w));
	world_free(w);
}

static void many_commands_are_done_in_turns(void **state)
{
	struct world *w = world_make(USUAL, 5);

	(void)state;
	for (int i = 0; i < 20; i++)
		queue_command(w, CONTROL, VIRTIO_NET_CTRL_RX, 0, "", 1);
	virtio_notify(&w->net.dev, CONTROL);
	assert_int_equal(ring_used_idx(&w->ring[CONTROL]), 16);
	assert_true(w->write[0]);
	world_ready(w, 0, false, true);
	assert_int_equal(ring_used_idx(&w->ring[CONTROL]), 20);
	assert_false(w->write[0]);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_arrives_until_the_driver_says_otherwise),
		cmocka_unit_test(addresses_of_the_drivers_tables_arrive),
		cmocka_unit_test(a_table_that_is_too_long_lets_all_of_its_kind_arrive),
		cmocka_unit_test(both_tables_share_the_room_that_there_is),
		cmocka_unit_test(a_table_that_ends_too_early_changes_nothing),
		cmocka_unit_test(the_driver_changes_the_address_until_a_reset),
		cmocka_unit_test(tagged_frames_arrive_if_their_vlan_is_wanted),
		cmocka_unit_test(queues_are_used_as_many_as_the_driver_says),
		cmocka_unit_test(without_mq_commands_come_by_the_third_queue),
		cmocka_unit_test(offloads_change_while_the_device_runs),
		cmocka_unit_test(what_was_not_negotiated_is_an_error),
		cmocka_unit_test(a_command_without_room_for_an_answer_breaks_the_device),
		cmocka_unit_test(many_commands_are_done_in_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
