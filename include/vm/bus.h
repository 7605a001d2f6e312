/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MMIO bus: which device answers at a guest-physical address. Filled while the machine is
 * built, by one thread; read by every vCPU thread afterwards.
 */
#ifndef LKVM_VM_BUS_H
#define LKVM_VM_BUS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include "util/err.h"
#include "vm/ram.h"

/*
 * A device's registers. Called with the region's lock held and @off < size, @off + @len <= size;
 * @len is 1, 2, 4 or 8. Values are those of the guest's little-endian access, zero-extended.
 */
struct mmio_ops {
	uint64_t (*read)(void *dev, uint64_t off, unsigned int len);
	void (*write)(void *dev, uint64_t off, uint64_t value, unsigned int len);
	/*
	 * Whether what the last write asked for is still going on: the vCPU that wrote waits until it is
	 * over, which the device says by vm_release(). NULL: no write takes time.
	 */
	bool (*busy)(void *dev);
};

struct mmio_region {
	const char *name; /* static or outliving the bus */
	gpa_t base;
	uint64_t size;
	const struct mmio_ops *ops;
	void *dev;
	pthread_mutex_t *lock; /* the device's; the bus takes it around every access */
};

#define BUS_MAX_REGIONS 64

struct bus {
	struct mmio_region region[BUS_MAX_REGIONS]; /* sorted by base */
	unsigned int nr;
};

/*
 * Adds a copy of @region; all its fields are set. Returns 0, or -errno with @e set: EEXIST if it
 * overlaps another, EINVAL if it is empty or passes the end of the address space, ENOSPC if
 * BUS_MAX_REGIONS are there. The bus is unchanged then.
 */
int bus_add(struct bus *bus, const struct mmio_region *region, struct err *e);

enum bus_answer {
	BUS_NOBODY, /* no device is there */
	BUS_DONE,
	BUS_BUSY, /* what was written is still going on: wait while bus_busy() */
};

/*
 * One guest access of @len bytes (1 to 8) at @gpa. @data holds the bytes as the guest sees them.
 * An address without a device, an access that leaves its region and an odd width read as zero and
 * write nothing. Any vCPU thread.
 */
enum bus_answer bus_access(const struct bus *bus, gpa_t gpa, uint8_t *data, unsigned int len,
			   bool is_write);

/* Whether the device that a BUS_BUSY write of @len bytes at @gpa went to is busy still. Any vCPU thread. */
bool bus_busy(const struct bus *bus, gpa_t gpa, unsigned int len);

#endif
