/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Snapshots: a machine that stands still as a file, and such a file as a machine again. docs/snapshots.md describes the
 * format: a device tree, its checksum, and page-aligned behind them the image of RAM, in which pages of zeroes are holes.
 */
#ifndef LKVM_SNAPSHOT_SNAPSHOT_H
#define LKVM_SNAPSHOT_SNAPSHOT_H

#include "arm/save.h"
#include "util/err.h"

struct machine;

/*
 * Writes @m to the file @path: whole and on stable storage, or the file is as it was, or absent. @m is paused meanwhile, and
 * goes on afterwards, unless it was paused by somebody else; with @stop it ends where it stands, if all went well. Takes as long as the disk does. Returns 0, or -errno with @e set. The
 * loop's thread, while the machine runs.
 */
int snapshot_write(struct machine *m, const char *path, bool stop, struct err *e);

/* Whether the file @path looks like a snapshot, damaged or not: 1 or 0; or -errno with @e set. */
int snapshot_is(const char *path, struct err *e);

/* A snapshot that was opened. */
struct snapshot {
	struct saved_machine machine;
	char *name; /* "snapshot PATH"; owned */
	void *tree; /* owned */
	int fd;
};

#define SNAPSHOT_NONE ((struct snapshot){ .fd = -1, .machine.ram = -1 })

/*
 * Opens the snapshot @path, checks it and puts what it is a machine of into @cfg, whose cfg->saved is @s then: machine_run()
 * goes on with it. @s must stay where it is until then. Returns 0, or -errno with @e set; snapshot_close() also after that.
 */
int snapshot_open(struct snapshot *s, const char *path, struct machine_config *cfg, struct err *e);
void snapshot_close(struct snapshot *s);

/* Where the VM is that is judged. */
enum snapshot_at {
	SNAPSHOT_THERE, /* on another host, of which nothing is known but its profile */
	SNAPSHOT_HERE,  /* on this host, at rest */
	SNAPSHOT_LIVE,  /* it will be on this host, and runs elsewhere, perhaps with its disks */
};

/*
 * Whether the VM that saved_machine_read() made @saved and @cfg of can go on at the host @to, into *c, the caller's to comparison_free(),
 * also after a failure. Returns 0, or -errno with @e set if that cannot be said.
 */
struct comparison;
struct host_profile;
int snapshot_judge(const struct saved_machine *saved, const struct machine_config *cfg,
		   const struct host_profile *to, enum snapshot_at at, struct comparison *c,
		   struct err *e);

/*
 * Whether the @size bytes at @head, which may be anything, begin a snapshot of a file of @file_size bytes. Sets *ram_off to where
 * the image of RAM begins. @name is what messages call it. Returns 0, or -errno with @e set.
 */
int snapshot_check(const void *head, uint64_t size, const char *name, uint64_t *ram_off,
		   struct err *e);

#endif
