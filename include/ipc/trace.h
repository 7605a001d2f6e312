/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * --trace: a run as a picture, in the trace event format that browsers' viewers and Perfetto read (docs/trace.md): the
 * steps of each start, the lives of the VM, and how often its vCPUs left the guest over time.
 */
#ifndef LKVM_IPC_TRACE_H
#define LKVM_IPC_TRACE_H

#include <stdio.h>
#include "arm/machine.h"
#include "util/tally.h"
#include "util/timeline.h"

/* Starts as { 0 }. */
struct trace {
	FILE *out;           /* NULL: nobody wants one */
	const char *path;    /* the caller's */
	struct tally *tally; /* of each vCPU */
};

/*
 * If @path is not NULL: makes the file and has the machine of @cfg, whose timeline there is, count for it. trace_close()
 * ends it, also after a failure. Returns 0, or -errno with @e naming @path.
 */
int trace_open(struct trace *trace, const char *path, struct machine_config *cfg, struct err *e);

/* Writes what @cfg's machine did, when it is gone, however it ended. A file that cannot be written is a warning. */
void trace_close(struct trace *trace, const struct machine_config *cfg);

/* The text itself, for tests: @tally of the vCPUs, or NULL. */
void trace_write(FILE *out, const char *name, const struct timeline *timeline,
		 const struct tally *tally, unsigned int nr_vcpus);

#endif
