/* SPDX-License-Identifier: BSD-2-Clause */
/* What follows the facts of a VM that comes: records and what is behind them, as any bytes. The trees' own fuzzer is snapshot_fuzz.c. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "arm/compare.h"
#include "arm/machine.h"
#include "arm/probe.h"
#include "snapshot/snapshot.h"
#include "snapshot/stream.h"
#include "util/bits.h"

/* All of it is in the socket before it is read. */
#define SIZE_MAX_HERE 100000

int snapshot_check(const void *head, uint64_t size, const char *name, uint64_t *ram_off,
		   struct err *e)
{
	(void)name;
	(void)e;
	*ram_off = 0;
	return size && ((const uint8_t *)head)[size - 1] == 255 ? -1 : 0;
}

int saved_machine_read(struct saved_machine *saved, struct machine_config *cfg, struct err *e)
{
	(void)e;
	cfg->ram_size = MiB;
	cfg->saved = saved;
	return 0;
}

int host_probe(const char *dev, struct host_profile *p, struct err *e)
{
	(void)dev;
	(void)p;
	(void)e;
	return 0;
}

void profile_free(struct host_profile *p)
{
	(void)p;
}

int snapshot_judge(const struct saved_machine *saved, const struct machine_config *cfg,
		   const struct host_profile *to, enum snapshot_at at, struct comparison *c,
		   struct err *e)
{
	(void)saved;
	(void)cfg;
	(void)to;
	(void)at;
	(void)c;
	(void)e;
	return 0;
}

enum compare_class comparison_worst(const struct comparison *c)
{
	(void)c;
	return COMPARE_SAME;
}

void comparison_free(struct comparison *c)
{
	(void)c;
}

void compare_print_check(const struct comparison *c, const char *from, const char *to, FILE *out)
{
	(void)c;
	(void)from;
	(void)to;
	(void)out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct machine_config cfg = { .dev = "kvm" };
	struct incoming in;
	struct err e = { 0 };
	int fd[2];

	if (size > SIZE_MAX_HERE || socketpair(AF_UNIX, SOCK_STREAM, 0, fd) < 0)
		return 0;
	if (stream_put_record(fd[0], STREAM_FACTS, 1, STREAM_VERSION, 0) < 0 ||
	    stream_put(fd[0], "f", 1, 0) < 0 || stream_put(fd[0], data, size, 0) < 0)
		abort();
	shutdown(fd[0], SHUT_WR);
	if (incoming_receive(&in, fd[1], &cfg, &e) == 0)
		in.machine.arrived(in.machine.ctx, &e);
	incoming_close(&in, e.text);
	close(fd[0]);
	return 0;
}
