/* SPDX-License-Identifier: BSD-2-Clause */
/* Virtio over MMIO: each register of 4.2.2 and each requirement of 4.2.2.1 and 4.2.2.2 a device can check. */
#include "virtio_board.h"

/* --- 4.2.2.1 --- */

static void the_device_says_what_it_is(void **state)
{
	struct board *b = *state;

	assert_int_equal(get(b, MAGIC), 0x74726976);
	assert_int_equal(get(b, VERSION), 2);
	assert_int_equal(get(b, DEVICE_ID), 42);
	assert_int_not_equal(get(b, VENDOR_ID), 0);
}

static void features_are_read_and_written_by_halves(void **state)
{
	struct board *b = *state;
	const struct virtio_device *dev = &b->w->dev;

	put(b, DEVICE_FEATURES_SEL, 1);
	assert_int_equal(get(b, DEVICE_FEATURES), dev->offered >> 32);
	put(b, DEVICE_FEATURES_SEL, 0);
	assert_int_equal(get(b, DEVICE_FEATURES), (uint32_t)dev->offered);
	put(b, DEVICE_FEATURES_SEL, 2);
	assert_int_equal(get(b, DEVICE_FEATURES), 0);
	put(b, DRIVER_FEATURES_SEL, 1);
	put(b, DRIVER_FEATURES, 1);
	put(b, DRIVER_FEATURES_SEL, 0);
	put(b, DRIVER_FEATURES, 8);
	assert_true(dev->features == (FEATURE_VERSION_1 | 8));
}

static void a_driver_gets_its_buffers_back(void **state)
{
	struct board *b = *state;
	uint32_t id, len;

	start(b);
	use_one(b, 1);
	assert_true(ring_used(&b->w->ring[1], &id, &len));
	assert_int_equal(len, 7);
	assert_int_equal(b->edges, 1);
}

static void each_event_is_shown_until_acknowledged(void **state)
{
	struct board *b = *state;

	start(b);
	assert_int_equal(get(b, INTERRUPT_STATUS), 0);
	use_one(b, 0);
	assert_int_equal(get(b, INTERRUPT_STATUS), 1);
	virtio_config_changed(&b->w->dev);
	assert_int_equal(get(b, INTERRUPT_STATUS), 3);
	put(b, INTERRUPT_ACK, 1);
	assert_int_equal(get(b, INTERRUPT_STATUS), 2);
	put(b, INTERRUPT_ACK, 0xfffffffe);
	assert_int_equal(get(b, INTERRUPT_STATUS), 0);
}

/* Also while the last one is not acknowledged: the driver may be between reading and acknowledging. */
static void each_event_is_an_edge(void **state)
{
	struct board *b = *state;

	start(b);
	for (unsigned int i = 1; i < 4; i++) {
		use_one(b, 0);
		assert_int_equal(b->edges, i);
	}
	assert_false(b->irq_low);
}

static void a_reset_clears_interrupt_status_and_queue_ready(void **state)
{
	struct board *b = *state;

	start(b);
	use_one(b, 0);
	put(b, STATUS, 0);
	assert_int_equal(get(b, STATUS), 0);
	assert_int_equal(get(b, INTERRUPT_STATUS), 0);
	for (unsigned int i = 0; i < NR_QUEUES; i++) {
		put(b, QUEUE_SEL, i);
		assert_int_equal(get(b, QUEUE_READY), 0);
		assert_int_equal(get(b, QUEUE_RESET), 0);
	}
	assert_false(virtio_mmio_ops.busy(&b->mmio));
	assert_int_equal(b->releases, 0);
	start(b);
}

/* Drivers for MMIO do not poll the status: the vCPU is held instead. */
static void a_reset_with_requests_in_flight_keeps_the_vcpu_until_they_are_back(void **state)
{
	struct board *b = *state;

	start(b);
	use_one(b, 0);
	b->w->keep = true;
	use_one(b, 0);
	put(b, STATUS, 0);
	assert_true(virtio_mmio_ops.busy(&b->mmio));
	assert_int_equal(get(b, STATUS), STATUS_RUNS);
	assert_int_equal(b->releases, 0);
	complete_all(b->w);
	assert_false(virtio_mmio_ops.busy(&b->mmio));
	assert_int_equal(b->releases, 1);
	assert_int_equal(get(b, STATUS), 0);
	assert_int_equal(get(b, INTERRUPT_STATUS), 0);
	assert_int_equal(b->edges, 1);
	b->w->keep = false;
	start(b);
	assert_int_equal(b->releases, 1);
}

static void the_generation_changes_with_the_configuration(void **state)
{
	struct board *b = *state;
	uint32_t before = get(b, CONFIG_GENERATION);

	assert_int_equal(get(b, CONFIG_GENERATION), before);
	virtio_config_changed(&b->w->dev);
	assert_int_not_equal(get(b, CONFIG_GENERATION), before);
}

static void the_device_does_not_touch_a_queue_that_is_not_ready(void **state)
{
	struct board *b = *state;

	start(b);
	put(b, QUEUE_SEL, 0);
	put(b, QUEUE_READY, 0);
	assert_int_equal(get(b, QUEUE_READY), 0);
	use_one(b, 0);
	assert_int_equal(ring_used_idx(&b->w->ring[0]), 0);
	use_one(b, 1);
	assert_int_equal(ring_used_idx(&b->w->ring[1]), 1);
}

static void queue_reset_reads_1_while_it_is_going_on(void **state)
{
	struct board *b = *state;

	start(b);
	b->w->keep = true;
	use_one(b, 1);
	put(b, QUEUE_SEL, 1);
	put(b, QUEUE_RESET, 0);
	put(b, QUEUE_RESET, 2);
	assert_int_equal(get(b, QUEUE_RESET), 0);
	put(b, QUEUE_RESET, 1);
	assert_int_equal(get(b, QUEUE_RESET), 1);
	put(b, QUEUE_SEL, 0);
	assert_int_equal(get(b, QUEUE_RESET), 0);
	put(b, QUEUE_SEL, 1);
	complete_all(b->w);
	assert_int_equal(get(b, QUEUE_RESET), 0);
	assert_int_equal(get(b, QUEUE_READY), 0);
	b->w->keep = false;
	ring_make(&b->w->ring[1], &b->w->ram, b->w->ring[1].desc, 4);
	connect(b, 1, &b->w->ring[1]);
	assert_int_equal(get(b, QUEUE_RESET), 0);
	assert_int_equal(get(b, QUEUE_READY), 1);
	use_one(b, 1);
	assert_int_equal(ring_used_idx(&b->w->ring[1]), 1);
}

static void there_is_no_shared_memory(void **state)
{
	struct board *b = *state;

	for (uint32_t id = 0; id < 3; id++) {
		put(b, SHM_SEL, id);
		for (uint64_t off = SHM_LEN_LOW; off <= SHM_BASE_HIGH; off += 4)
			assert_int_equal(get(b, off), UINT32_MAX);
	}
}

static void a_queue_that_does_not_exist_has_no_size(void **state)
{
	struct board *b = *state;

	put(b, QUEUE_SEL, NR_QUEUES);
	assert_int_equal(get(b, QUEUE_NUM_MAX), 0);
	put(b, QUEUE_SEL, UINT32_MAX);
	assert_int_equal(get(b, QUEUE_NUM_MAX), 0);
	assert_int_equal(get(b, QUEUE_READY), 0);
}

/* --- 4.2.2.2: what the driver must not do, and what comes of it --- */

static void registers_are_32_bits_wide(void **state)
{
	struct board *b = *state;

	for (unsigned int len = 1; len <= 8; len *= 2) {
		if (len == 4)
			continue;
		assert_int_equal(virtio_mmio_ops.read(&b->mmio, MAGIC, len), 0);
		virtio_mmio_ops.write(&b->mmio, STATUS, STATUS_ACKNOWLEDGE, len);
		assert_int_equal(get(b, STATUS), 0);
		/* The last register, and on into the configuration. */
		assert_int_equal(virtio_mmio_ops.read(&b->mmio, CONFIG_GENERATION, len), 0);
	}
}

static void registers_are_aligned(void **state)
{
	struct board *b = *state;

	for (unsigned int off = 1; off < 4; off++) {
		assert_int_equal(get(b, MAGIC + off), 0);
		put(b, STATUS + off, STATUS_ACKNOWLEDGE);
		put(b, STATUS - off, STATUS_ACKNOWLEDGE);
	}
	assert_int_equal(get(b, STATUS), 0);
}

static void registers_that_are_written_read_as_0(void **state)
{
	struct board *b = *state;
	static const uint16_t regs[] = {
		DEVICE_FEATURES_SEL, DRIVER_FEATURES, DRIVER_FEATURES_SEL, QUEUE_SEL,
		QUEUE_NUM,           QUEUE_NOTIFY,    INTERRUPT_ACK,       QUEUE_DESC,
		QUEUE_DESC + 4,      QUEUE_DRIVER,    QUEUE_DRIVER + 4,    QUEUE_DEVICE,
		QUEUE_DEVICE + 4,    SHM_SEL,
	};

	start(b);
	put(b, QUEUE_SEL, 1);
	for (unsigned int i = 0; i < ARRAY_SIZE(regs); i++)
		assert_int_equal(get(b, regs[i]), 0);
}

/* Whatever is not described, and what can only be read. */
static void other_registers_are_not_written(void **state)
{
	struct board *b = *state;
	static const uint16_t regs[] = {
		MAGIC, VERSION, DEVICE_ID, VENDOR_ID,     DEVICE_FEATURES, 0x018,
		0x028, 0x03c,   0x040,     QUEUE_NUM_MAX, 0x05c,           0x07c,
		0x088, 0x098,   0x0a8,     SHM_LEN_LOW,   0x0c4,           CONFIG_GENERATION
	};
	struct virtio_mmio before;
	struct virtio_device dev;

	start(b);
	before = b->mmio;
	dev = b->w->dev;
	for (unsigned int i = 0; i < ARRAY_SIZE(regs); i++) {
		uint32_t value = get(b, regs[i]);

		put(b, regs[i], ~value);
		assert_int_equal(get(b, regs[i]), value);
	}
	assert_memory_equal(&before, &b->mmio, sizeof(before));
	assert_memory_equal(&dev, &b->w->dev, sizeof(dev));
}

static void a_size_beyond_queue_num_max_breaks(void **state)
{
	struct board *b = *state;

	put(b, STATUS, STATUS_ACKNOWLEDGE);
	put(b, QUEUE_NUM, 2 * SIZE);
	assert_true(get(b, STATUS) & STATUS_NEEDS_RESET);
}

/* The driver writes all registers of queue @nr, and none takes it. */
static void assert_not_changed(struct board *b, uint32_t nr)
{
	struct virtq before = b->w->dev.queue[nr];

	put(b, QUEUE_SEL, nr);
	put(b, QUEUE_NUM, 2);
	put_addr(b, QUEUE_DESC, 0x1122334455667780);
	put_addr(b, QUEUE_DRIVER, 0);
	put_addr(b, QUEUE_DEVICE, UINT64_MAX);
	put(b, QUEUE_READY, 1);
	assert_memory_equal(&before, &b->w->dev.queue[nr], sizeof(before));
}

/* CVE-2026-5747 */
static void a_ready_queue_is_not_changed(void **state)
{
	struct board *b = *state;

	ring_negotiate(&b->w->dev, FEATURES);
	ring_connect(&b->w->dev, 0, &b->w->ring[0]);
	assert_not_changed(b, 0);
	virtio_set_status(&b->w->dev, STATUS_RUNS);
	assert_not_changed(b, 0);
	use_one(b, 0);
	assert_int_equal(ring_used_idx(&b->w->ring[0]), 1);
}

static void a_queue_that_was_left_out_is_not_set_up_after_driver_ok(void **state)
{
	struct board *b = *state;

	ring_start(&b->w->dev, FEATURES, b->w->ring, 1);
	assert_not_changed(b, 1);
	assert_int_equal(get(b, QUEUE_READY), 0);
	assert_int_equal(get(b, STATUS), STATUS_RUNS);
}

static void a_notification_of_no_queue_is_ignored(void **state)
{
	struct board *b = *state;

	start(b);
	put(b, QUEUE_NOTIFY, NR_QUEUES);
	put(b, QUEUE_NOTIFY, 0x10000);
	put(b, QUEUE_NOTIFY, UINT32_MAX);
	assert_int_equal(get(b, STATUS), STATUS_RUNS);
}

static void the_driver_may_be_told_of_trouble(void **state)
{
	struct board *b = *state;

	start(b);
	ring_offer(&b->w->ring[0], SIZE);
	put(b, QUEUE_NOTIFY, 0);
	assert_int_equal(get(b, STATUS), STATUS_RUNS | STATUS_NEEDS_RESET);
	assert_int_equal(get(b, INTERRUPT_STATUS), 2);
	assert_int_equal(b->edges, 1);
}

/* --- The configuration, and doorbells --- */

static void the_configuration_is_read_and_written_at_any_width(void **state)
{
	struct board *b = *state;

	assert_int_equal(virtio_mmio_ops.read(&b->mmio, CONFIG + 1, 1), 0x11);
	assert_int_equal(virtio_mmio_ops.read(&b->mmio, CONFIG + 2, 2), 0x1312);
	assert_int_equal(get(b, CONFIG), 0x13121110);
	assert_true(virtio_mmio_ops.read(&b->mmio, CONFIG, 8) == 0x1716151413121110);
	assert_int_equal(virtio_mmio_ops.read(&b->mmio, VIRTIO_MMIO_REGS_SIZE - 8, 8), 0);
	virtio_mmio_ops.write(&b->mmio, CONFIG + 6, 0xbeef, 2);
	assert_int_equal(b->w->writes, 1);
	assert_int_equal(b->w->write_off, 6);
	assert_int_equal(b->w->write_value, 0xbeef);
	assert_int_equal(b->w->write_len, 2);
}

static void each_queue_has_a_doorbell(void **state)
{
	struct board *b = *state;

	assert_int_equal(b->placed, NR_QUEUES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOARD(the_device_says_what_it_is),
		BOARD(features_are_read_and_written_by_halves),
		BOARD(a_driver_gets_its_buffers_back),
		BOARD(each_event_is_shown_until_acknowledged),
		BOARD(each_event_is_an_edge),
		BOARD(a_reset_clears_interrupt_status_and_queue_ready),
		BOARD(a_reset_with_requests_in_flight_keeps_the_vcpu_until_they_are_back),
		BOARD(the_generation_changes_with_the_configuration),
		BOARD(the_device_does_not_touch_a_queue_that_is_not_ready),
		BOARD(queue_reset_reads_1_while_it_is_going_on),
		BOARD(there_is_no_shared_memory),
		BOARD(a_queue_that_does_not_exist_has_no_size),
		BOARD(registers_are_32_bits_wide),
		BOARD(registers_are_aligned),
		BOARD(registers_that_are_written_read_as_0),
		BOARD(other_registers_are_not_written),
		BOARD(a_size_beyond_queue_num_max_breaks),
		BOARD(a_ready_queue_is_not_changed),
		BOARD(a_queue_that_was_left_out_is_not_set_up_after_driver_ok),
		BOARD(a_notification_of_no_queue_is_ignored),
		BOARD(the_driver_may_be_told_of_trouble),
		BOARD(the_configuration_is_read_and_written_at_any_width),
		BOARD(each_queue_has_a_doorbell),
	};

	return cmocka_run_group_tests_name("virtio mmio", tests, NULL, NULL);
}
