/* SPDX-License-Identifier: BSD-2-Clause */
/* The MMIO bus: who answers where, and what an access nobody owns does. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "vm/bus.h"

struct device {
	pthread_mutex_t lock;
	uint64_t answer, off, value;
	unsigned int len, reads, writes;
	bool was_locked, busy, asked_locked;
};

static bool is_locked(struct device *dev)
{
	if (pthread_mutex_trylock(&dev->lock) != 0)
		return true;
	pthread_mutex_unlock(&dev->lock);
	return false;
}

static uint64_t device_read(void *ctx, uint64_t off, unsigned int len)
{
	struct device *dev = ctx;

	dev->reads++;
	dev->off = off;
	dev->len = len;
	dev->was_locked = is_locked(dev);
	return dev->answer;
}

static void device_write(void *ctx, uint64_t off, uint64_t value, unsigned int len)
{
	struct device *dev = ctx;

	dev->writes++;
	dev->off = off;
	dev->len = len;
	dev->value = value;
	dev->was_locked = is_locked(dev);
}

static bool device_busy(void *ctx)
{
	struct device *dev = ctx;

	dev->asked_locked = is_locked(dev);
	return dev->busy;
}

static const struct mmio_ops device_ops = { .read = device_read, .write = device_write };
static const struct mmio_ops slow_ops = { .read = device_read,
					  .write = device_write,
					  .busy = device_busy };

#define DEVICE ((struct device){ .lock = PTHREAD_MUTEX_INITIALIZER })

static int add(struct bus *bus, struct device *dev, gpa_t base, uint64_t size, struct err *e)
{
	return bus_add(bus,
		       &(struct mmio_region){ .name = "device",
					      .base = base,
					      .size = size,
					      .ops = &device_ops,
					      .dev = dev,
					      .lock = &dev->lock },
		       e);
}

static void a_write_reaches_the_device_at_its_offset(void **state)
{
	struct bus bus = { 0 };
	struct device dev = DEVICE;
	uint8_t data[8] = { 0x44, 0x33, 0x22, 0x11 };

	(void)state;
	assert_int_equal(add(&bus, &dev, 0x1000, 0x10, NULL), 0);
	assert_true(bus_access(&bus, 0x1008, data, 4, true));
	assert_int_equal(dev.writes, 1);
	assert_int_equal(dev.off, 8);
	assert_int_equal(dev.len, 4);
	assert_int_equal(dev.value, 0x11223344);
}

static void a_read_returns_only_the_bytes_asked_for(void **state)
{
	struct bus bus = { 0 };
	struct device dev = DEVICE;
	uint8_t data[8];

	(void)state;
	dev.answer = 0x8877665544332211;
	assert_int_equal(add(&bus, &dev, 0x1000, 0x10, NULL), 0);
	for (unsigned int len = 1; len <= 8; len *= 2) {
		memset(data, 0xaa, sizeof(data));
		assert_true(bus_access(&bus, 0x1000, data, len, false));
		for (unsigned int i = 0; i < 8; i++)
			assert_int_equal(data[i], i < len ? 0x11 * (i + 1) : 0xaa);
	}
}

static void the_devices_lock_is_held_around_each_access(void **state)
{
	struct bus bus = { 0 };
	struct device dev = DEVICE;
	uint8_t data[8] = { 0 };

	(void)state;
	assert_int_equal(add(&bus, &dev, 0x1000, 0x10, NULL), 0);
	bus_access(&bus, 0x1000, data, 1, false);
	assert_true(dev.was_locked);
	dev.was_locked = false;
	bus_access(&bus, 0x1000, data, 1, true);
	assert_true(dev.was_locked);
	assert_false(is_locked(&dev));
}

static void an_address_without_a_device_reads_zero(void **state)
{
	struct bus bus = { 0 };
	struct device dev = DEVICE;
	uint8_t data[8];

	(void)state;
	memset(data, 0xff, sizeof(data));
	assert_false(bus_access(&bus, 0x1000, data, 8, false));
	assert_int_equal(add(&bus, &dev, 0x1000, 0x10, NULL), 0);
	assert_false(bus_access(&bus, 0xfff, data, 1, false));
	assert_false(bus_access(&bus, 0x1010, data, 1, false));
	assert_false(bus_access(&bus, UINT64_MAX, data, 1, false));
	for (unsigned int i = 0; i < 8; i++)
		assert_int_equal(data[i], 0);
	assert_false(bus_access(&bus, 0x1010, data, 1, true));
	assert_int_equal(dev.reads + dev.writes, 0);
}

static void an_access_that_leaves_its_region_is_nobodys(void **state)
{
	struct bus bus = { 0 };
	struct device low = DEVICE, high = DEVICE;
	uint8_t data[8] = { 1, 1, 1, 1 };

	(void)state;
	assert_int_equal(add(&bus, &low, 0x1000, 0x10, NULL), 0);
	assert_int_equal(add(&bus, &high, 0x1010, 0x10, NULL), 0);
	assert_false(bus_access(&bus, 0x100e, data, 4, false));
	assert_false(bus_access(&bus, 0x100e, data, 4, true));
	assert_int_equal(data[0] | data[3], 0);
	assert_int_equal(low.reads + low.writes + high.reads + high.writes, 0);
	assert_true(bus_access(&bus, 0x100e, data, 2, false));
	assert_int_equal(low.reads, 1);
}

static void an_odd_width_reads_zero_and_writes_nothing(void **state)
{
	static const unsigned int odd[] = { 0, 3, 5, 6, 7 };
	struct bus bus = { 0 };
	struct device dev = DEVICE;
	uint8_t data[8];

	(void)state;
	dev.answer = UINT64_MAX;
	assert_int_equal(add(&bus, &dev, 0x1000, 0x10, NULL), 0);
	for (unsigned int i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		memset(data, 0xff, sizeof(data));
		assert_false(bus_access(&bus, 0x1000, data, odd[i], true));
		assert_false(bus_access(&bus, 0x1000, data, odd[i], false));
		for (unsigned int j = 0; j < 8; j++)
			assert_int_equal(data[j], j < odd[i] ? 0 : 0xff);
	}
	assert_int_equal(dev.reads + dev.writes, 0);
}

static void regions_may_be_added_in_any_order(void **state)
{
	static const unsigned int order[] = { 5, 0, 7, 3, 1, 6, 2, 4 };
	struct bus bus = { 0 };
	struct device dev[8];
	uint8_t data[8];

	(void)state;
	for (unsigned int i = 0; i < 8; i++)
		dev[i] = DEVICE;
	for (unsigned int i = 0; i < 8; i++)
		assert_int_equal(add(&bus, &dev[order[i]], 0x1000 * order[i], 0x100, NULL), 0);
	for (unsigned int i = 0; i < 8; i++) {
		assert_true(bus_access(&bus, 0x1000 * i + 0xff, data, 1, false));
		assert_int_equal(dev[i].reads, 1);
		assert_int_equal(dev[i].off, 0xff);
		assert_false(bus_access(&bus, 0x1000 * i + 0x100, data, 1, false));
	}
}

static void overlapping_regions_are_refused(void **state)
{
	static const struct {
		gpa_t base;
		uint64_t size;
	} bad[] = {
		{ 0x1000, 0x10 }, { 0xff1, 0x10 }, { 0x100f, 1 }, { 0xf00, 0x1000 }, { 0x1004, 4 }
	};
	struct bus bus = { 0 };
	struct device dev = DEVICE;

	(void)state;
	assert_int_equal(add(&bus, &dev, 0x1000, 0x10, NULL), 0);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err e = { 0 };

		assert_int_equal(add(&bus, &dev, bad[i].base, bad[i].size, &e), -EEXIST);
		assert_non_null(strstr(e.text, "overlaps device at 0x1000"));
	}
	assert_int_equal(bus.nr, 1);
	assert_int_equal(add(&bus, &dev, 0xff0, 0x10, NULL), 0);
	assert_int_equal(add(&bus, &dev, 0x1010, 0x10, NULL), 0);
}

static void a_region_is_a_range_of_addresses_that_exist(void **state)
{
	struct bus bus = { 0 };
	struct device dev = DEVICE;
	uint8_t data[8];

	(void)state;
	assert_int_equal(add(&bus, &dev, 0x1000, 0, NULL), -EINVAL);
	assert_int_equal(add(&bus, &dev, UINT64_MAX - 0xf, 0x11, NULL), -EINVAL);
	assert_int_equal(add(&bus, &dev, UINT64_MAX - 0xf, 0x10, NULL), 0);
	assert_true(bus_access(&bus, UINT64_MAX - 7, data, 8, false));
	assert_false(bus_access(&bus, UINT64_MAX - 3, data, 8, false));
	assert_int_equal(dev.reads, 1);
}

static void a_full_bus_says_so(void **state)
{
	struct bus bus = { 0 };
	struct device dev = DEVICE;
	struct err e = { 0 };

	(void)state;
	for (unsigned int i = 0; i < BUS_MAX_REGIONS; i++)
		assert_int_equal(add(&bus, &dev, 0x100 * i, 0x100, NULL), 0);
	assert_int_equal(add(&bus, &dev, 0x100000, 1, &e), -ENOSPC);
	assert_non_null(strstr(e.text, "no place"));
}

static void a_write_that_takes_time_is_busy_until_the_device_is_through(void **state)
{
	struct bus bus = { 0 };
	struct device dev = DEVICE;
	uint8_t data[8] = { 0 };

	(void)state;
	assert_int_equal(add(&bus, &dev, 0x1000, 0x10, NULL), 0);
	bus.region[0].ops = &slow_ops;
	assert_int_equal(bus_access(&bus, 0x1008, data, 4, true), BUS_DONE);
	dev.busy = true;
	assert_int_equal(bus_access(&bus, 0x1008, data, 4, true), BUS_BUSY);
	assert_true(dev.asked_locked);
	dev.asked_locked = false;
	assert_true(bus_busy(&bus, 0x1008, 4));
	assert_true(dev.asked_locked);
	dev.busy = false;
	assert_false(bus_busy(&bus, 0x1008, 4));
	assert_false(is_locked(&dev));
}

/* The vCPU that reads did not ask for anything that it could wait for. */
static void a_read_is_never_busy(void **state)
{
	struct bus bus = { 0 };
	struct device dev = DEVICE;
	uint8_t data[8];

	(void)state;
	assert_int_equal(add(&bus, &dev, 0x1000, 0x10, NULL), 0);
	bus.region[0].ops = &slow_ops;
	dev.busy = true;
	assert_int_equal(bus_access(&bus, 0x1008, data, 4, false), BUS_DONE);
	assert_false(bus_busy(&bus, 0x2000, 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_write_reaches_the_device_at_its_offset),
		cmocka_unit_test(a_read_returns_only_the_bytes_asked_for),
		cmocka_unit_test(the_devices_lock_is_held_around_each_access),
		cmocka_unit_test(an_address_without_a_device_reads_zero),
		cmocka_unit_test(an_access_that_leaves_its_region_is_nobodys),
		cmocka_unit_test(an_odd_width_reads_zero_and_writes_nothing),
		cmocka_unit_test(regions_may_be_added_in_any_order),
		cmocka_unit_test(overlapping_regions_are_refused),
		cmocka_unit_test(a_region_is_a_range_of_addresses_that_exist),
		cmocka_unit_test(a_full_bus_says_so),
		cmocka_unit_test(a_write_that_takes_time_is_busy_until_the_device_is_through),
		cmocka_unit_test(a_read_is_never_busy),
	};

	return cmocka_run_group_tests_name("bus", tests, NULL, NULL);
}
