/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a guest may make lkvm say is limited over all its lives: vCPUs and devices are made anew for each, and a guest that
 * resets in a loop would make as many limits. They are kept in one row, which is the same in each life: the panic's, those of
 * the vCPUs, those of the virtio devices.
 */
#include <stdlib.h>
#include "parts.h"
#include "virtio/device.h"

struct walk {
	struct log_limit *kept;
	bool keep; /* or give back */
};

static void visit(struct walk *walk, struct log_limit *limit)
{
	if (walk->keep)
		*walk->kept = *limit;
	else
		*limit = *walk->kept;
	walk->kept++;
}

static void visit_device(void *ctx, struct virtio_device *dev)
{
	visit(ctx, &dev->limit);
}

static void visit_all(struct machine *m, bool keep)
{
	struct walk walk = { .kept = m->limits, .keep = keep };

	visit(&walk, &m->panic.limit);
	for (unsigned int i = 0; i < m->vm.nr_vcpus; i++)
		visit(&walk, &m->vm.vcpu[i].limit);
	slots_for_each(m, visit_device, &walk);
}

static void count_device(void *ctx, struct virtio_device *dev)
{
	(void)dev;
	++*(size_t *)ctx;
}

void limits_keep(struct machine *m)
{
	size_t nr = 1 + m->vm.nr_vcpus;

	slots_for_each(m, count_device, &nr);
	if (!m->limits)
		m->limits = calloc(nr, sizeof(*m->limits));
	/* Without memory the next life has limits of its own. */
	if (m->limits)
		visit_all(m, true);
}

void limits_give_back(struct machine *m)
{
	if (m->limits)
		visit_all(m, false);
}
