/* SPDX-License-Identifier: BSD-2-Clause */
/* The disks that the user named: what lkvm run's -d says of each. */
#ifndef LKVM_ARM_DISKS_H
#define LKVM_ARM_DISKS_H

#include <stdint.h>
#include "arm/transport.h"
#include "host/disk.h"
#include "util/err.h"

#define DISKS_MAX 32

struct disk_option {
	struct disk_config file; /* its strings are this struct's own: malloc()ed */
	char *serial;            /* or NULL */
	char *text;              /* the whole option, as it was given; malloc()ed */
	uint32_t nr_queues;      /* 0: one */
	uint64_t bps;            /* bytes that it moves a second at the most; 0: any number */
	uint32_t iops;           /* likewise, requests */
	enum virtio_bus bus;
};

struct disk_options {
	struct disk_option *disk; /* @nr of them */
	uint32_t nr;
};

/*
 * Appends the disk of one "-d FILE[,KEY...]" to *@disks. Returns 0, or -errno with @e naming what is wrong
 * with @value; what was appended before stays. disk_options_free() ends it all.
 * A setter for option rows: @disks is a struct disk_options.
 */
int disk_parse(void *disks, const char *value, struct err *e);
void disk_options_free(struct disk_options *disks);

#endif
