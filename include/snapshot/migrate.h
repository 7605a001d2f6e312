/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Live migration (docs/migration.md): a VM that runs goes on at another host, or in another process of this one. Both ends speak over one
 * stream of bytes; whoever carries it between them (lkvm migrate) can look at the records and needs to know nothing else.
 */
#ifndef LKVM_SNAPSHOT_MIGRATE_H
#define LKVM_SNAPSHOT_MIGRATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "arm/save.h"
#include "util/err.h"
#include "vm/loop.h"

/* --- Records --- */

#define STREAM_RECORD_SIZE 24
/* No record has a longer text. */
#define STREAM_TEXT_MAX 65536
/* Nor more of RAM. */
#define STREAM_PAGES_MAX (1024 * 1024)

enum stream_type {
	/* From the VM. */
	STREAM_FACTS =
		1, /* @a bytes follow: a tree and its trailer, as a snapshot has them; @b: the version */
	STREAM_PAGES, /* @b bytes follow, which are RAM's from the offset @a on */
	STREAM_ZERO,  /* @b bytes of RAM from @a on are zero */
	STREAM_ROUND, /* round @a begins, of @b bytes of RAM */
	STREAM_STATE, /* @a bytes follow, like those of STREAM_FACTS: where it stands, behind which nothing changes */
	STREAM_GO,   /* it is the other end's from here on */
	STREAM_DONE, /* to who carries: it stood still for @a ns; @b bytes in all */
	STREAM_FAILED, /* to who carries, from either end: @b bytes of text follow. Nothing comes behind it */
	/* To the VM. */
	STREAM_VERDICT, /* whether it can go on there: yes 0, with notes 1, no 2 is @a. @b bytes of text follow, for who carries */
	STREAM_READY,   /* all of it is in place */
	STREAM_RUNNING, /* and it runs */
	STREAM_NR_TYPES,
};

struct stream_record {
	enum stream_type type;
	uint64_t a, b;
};

void stream_encode(const struct stream_record *record, uint8_t bytes[STREAM_RECORD_SIZE]);
/* Returns 0, or -EBADMSG: it is none, or has more behind it than it may. */
int stream_decode(struct stream_record *record, const uint8_t bytes[STREAM_RECORD_SIZE]);
/* How many bytes follow. */
uint64_t stream_behind(const struct stream_record *record);

/* --- The VM that goes --- */

struct migration;

/*
 * Begins to send @m to who is at the other end of @fd, a connected stream socket that does not block, and which is the migration's then,
 * also if it fails. It goes on in @loop while the machine runs; at the end, when what is left takes less than @downtime_ns, it is
 * synchronous, and the machine stands still. With @brakes a machine that writes faster than it can be sent is held up for more and more of the
 * time until it does not. Afterwards either @m has ended (machine_stop()), or it runs on, or it is stranded. Returns
 * NULL with @e set; the other end has been told then. The loop's thread.
 */
struct migration *migration_start(struct machine *m, const char *name, struct loop *loop, int fd,
				  uint64_t downtime_ns, bool brakes, struct err *e);

/* Whether it is still going on. */
bool migration_goes_on(const struct migration *mig);

/*
 * Whether the machine stands still because nobody knows if it runs at the other end: the connection broke between the last word of the one
 * and that of the other. Nothing but migration_resume() or its end may be done with it.
 */
bool migration_is_stranded(const struct migration *mig);

/* It goes on here, if nobody else has its disks: returns 0, or -errno with @e set. Of a stranded one. */
int migration_resume(struct migration *mig, struct err *e);

/* Its machine is reset or ends, or nobody wants it any more. NULL is fine. */
void migration_free(struct migration *mig);

/* --- The VM that comes --- */

struct incoming {
	struct saved_machine machine;
	char *name; /* what messages call it; owned */
	void *tree; /* owned */
	int fd;
	void *pages;   /* its memory, until that is the machine's */
	uint64_t size; /* of it */
	bool arrived, told;
};

#define INCOMING_NONE ((struct incoming){ .fd = -1, .machine.ram = -1 })

/*
 * Receives a VM from @fd, which is @in's then: judges whether it can go on here, says so to the other end, and takes its memory. @cfg has what the
 * user named anew, and --allow; afterwards it is that VM's, and cfg->saved is @in's, which must stay where it is:
 * machine_run() goes on with it. Blocks. Returns 0, or -errno with @e set; incoming_close() also after that.
 */
int incoming_receive(struct incoming *in, int fd, struct machine_config *cfg, struct err *e);

/* Tells the other end @why, if the VM has not arrived, and frees everything. */
void incoming_close(struct incoming *in, const char *why);

#endif
