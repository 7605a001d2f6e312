/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MMIO bus: finds the device behind a guest's access and calls it under its lock. Filled by
 * arm/machine.c, used by every vCPU thread.
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "vm/bus.h"

/* The number of regions whose base is at or below @gpa; the last of them is the one to look at. */
static unsigned int regions_up_to(const struct bus *bus, gpa_t gpa)
{
	unsigned int low = 0, high = bus->nr;

	while (low < high) {
		unsigned int mid = low + (high - low) / 2;

		if (bus->region[mid].base <= gpa)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int overlap(const struct mmio_region *new, const struct mmio_region *old, struct err *e)
{
	return err_set(e, EEXIST,
		       "%s at 0x%" PRIx64 " (0x%" PRIx64 " bytes) overlaps %s at 0x%" PRIx64
		       " (0x%" PRIx64 " bytes)",
		       new->name, new->base, new->size, old->name, old->base, old->size);
}

int bus_add(struct bus *bus, const struct mmio_region *region, struct err *e)
{
	unsigned int at = regions_up_to(bus, region->base);
	struct mmio_region *slot = &bus->region[at];

	/* The last byte must have an address: @size - 1 is compared, because base + size may be 2^64. */
	if (!region->size || region->size - 1 > UINT64_MAX - region->base)
		return err_set(e, EINVAL, "%s: 0x%" PRIx64 " bytes at 0x%" PRIx64 " are no range",
			       region->name, region->size, region->base);
	if (at > 0 && region->base - slot[-1].base < slot[-1].size)
		return overlap(region, &slot[-1], e);
	if (at < bus->nr && slot->base - region->base < region->size)
		return overlap(region, slot, e);
	if (bus->nr == BUS_MAX_REGIONS)
		return err_set(e, ENOSPC, "%s: the bus has no place for more than %d devices",
			       region->name, BUS_MAX_REGIONS);

	memmove(slot + 1, slot, (bus->nr - at) * sizeof(*slot));
	*slot = *region;
	bus->nr++;
	return 0;
}

/* The region that holds all of [@gpa, @gpa + @len), or NULL. */
static const struct mmio_region *find(const struct bus *bus, gpa_t gpa, unsigned int len)
{
	unsigned int nr = regions_up_to(bus, gpa);
	const struct mmio_region *region;
	uint64_t off;

	if (!nr)
		return NULL;
	region = &bus->region[nr - 1];
	off = gpa - region->base;
	return off < region->size && len <= region->size - off ? region : NULL;
}

static bool device_busy(const struct mmio_region *region)
{
	return region->ops->busy && region->ops->busy(region->dev);
}

enum bus_answer bus_access(const struct bus *bus, gpa_t gpa, uint8_t *data, unsigned int len,
			   bool is_write)
{
	bool width_ok = len == 1 || len == 2 || len == 4 || len == 8;
	const struct mmio_region *region = width_ok ? find(bus, gpa, len) : NULL;
	uint64_t value = 0;
	bool busy = false;

	if (!region) {
		if (!is_write)
			memset(data, 0, len);
		return BUS_NOBODY;
	}
	if (is_write) {
		memcpy(&value, data, len);
		value = le64toh(value);
	}
	pthread_mutex_lock(region->lock);
	if (is_write) {
		region->ops->write(region->dev, gpa - region->base, value, len);
		busy = device_busy(region);
	} else {
		value = region->ops->read(region->dev, gpa - region->base, len);
	}
	pthread_mutex_unlock(region->lock);
	if (!is_write) {
		value = htole64(value);
		memcpy(data, &value, len);
	}
	return busy ? BUS_BUSY : BUS_DONE;
}

bool bus_busy(const struct bus *bus, gpa_t gpa, unsigned int len)
{
	const struct mmio_region *region = find(bus, gpa, len);
	bool busy;

	if (!region)
		return false;
	pthread_mutex_lock(region->lock);
	busy = device_busy(region);
	pthread_mutex_unlock(region->lock);
	return busy;
}
