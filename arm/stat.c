/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a machine has done so far, written as a device tree: a node each for the process, the vCPUs' exits, each vCPU and each
 * device, with counters of 64 bits as properties. Who counts does so for nothing: under a lock that is held anyway, or as the
 * only one that writes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "parts.h"
#include "virtio/device.h"
#include "vm/dt.h"

static uint64_t cpu_time(clockid_t clock)
{
	struct timespec ts = { 0 };

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* The sizes in /proc/self/status, in KiB there, that tell what memory the process has. */
static void put_memory(struct dt *dt)
{
	static const struct {
		const char *line, *name;
	} sizes[] = {
		{ "VmRSS:", "resident-bytes" },
		{ "VmHWM:", "peak-resident-bytes" },
		{ "HugetlbPages:", "huge-bytes" },
	};
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			size_t len = strlen(sizes[i].line);

			if (!strncmp(line, sizes[i].line, len))
				dt_u64(dt, sizes[i].name, strtoull(line + len, NULL, 10) * KiB);
		}
	}
	if (file)
		fclose(file);
}

/* A property's name: without blanks. */
static void put_exits(struct dt *dt, enum vcpu_exit kind, uint64_t nr)
{
	char name[32];

	snprintf(name, sizeof(name), "%s", vcpu_exit_name(kind));
	for (char *c = name; *c; c++)
		*c = *c == ' ' ? '-' : *c;
	dt_u64(dt, name, nr);
}

static uint64_t exits_of(const struct vcpu *vcpu, unsigned int kind)
{
	return atomic_load_explicit(&vcpu->exits[kind], memory_order_relaxed);
}

static void put_vcpus(struct vm *vm, struct dt *dt)
{
	dt_begin(dt, "exits");
	for (unsigned int kind = 0; kind < VCPU_NR_EXITS; kind++) {
		uint64_t all = 0;

		for (unsigned int i = 0; i < vm->nr_vcpus; i++)
			all += exits_of(&vm->vcpu[i], kind);
		put_exits(dt, kind, all);
	}
	dt_end(dt);
	for (unsigned int i = 0; i < vm->nr_vcpus; i++) {
		dt_begin(dt, "vcpu%u", i);
		dt_u64(dt, "cpu-ns", vcpu_cpu_time(&vm->vcpu[i]));
		for (unsigned int kind = 0; kind < VCPU_NR_EXITS; kind++) {
			/* With 512 CPUs what is not said counts: absent is 0. */
			if (exits_of(&vm->vcpu[i], kind))
				put_exits(dt, kind, exits_of(&vm->vcpu[i], kind));
		}
		dt_end(dt);
	}
}

static void put_device(void *ctx, struct virtio_device *dev)
{
	struct dt *dt = ctx;

	dt_begin(dt, "%s", dev->name);
	pthread_mutex_lock(&dev->lock);
	for (const struct virtio_counter *c = dev->class->counters; c && c->name; c++) {
		uint64_t value;

		memcpy(&value, (const char *)dev + c->off, sizeof(value));
		dt_u64(dt, c->name, value);
	}
	dt_u64(dt, "notifications", dev->nr_notifications);
	dt_u64(dt, "interrupts", dev->nr_interrupts);
	pthread_mutex_unlock(&dev->lock);
	dt_end(dt);
}

void machine_put_stat(struct machine *m, struct dt *dt)
{
	uint64_t loop = cpu_time(CLOCK_THREAD_CPUTIME_ID);

	dt_begin(dt, "process");
	dt_u64(dt, "cpu-ns", cpu_time(CLOCK_PROCESS_CPUTIME_ID));
	dt_u64(dt, "loop-cpu-ns", loop);
	put_memory(dt);
	dt_end(dt);
	put_vcpus(&m->vm, dt);
	dt_begin(dt, "console-line");
	dt_u64(dt, "output-bytes", consoles_output(m));
	dt_end(dt);
	slots_for_each(m, put_device, dt);
}
