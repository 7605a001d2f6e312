/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's entropy device: virtio-rng over the host's kernel. */
#include <errno.h>
#include <stdlib.h>
#include "arm/rng.h"
#include "host/random.h"
#include "parts.h"
#include "util/opt.h"
#include "virtio/rng.h"

struct rng {
	const struct machine_config *cfg;
	struct loop *loop;
	struct virtio_rng dev;
	struct loop_timer timer;
	bool made;
};

int rng_parse_rate(void *field, const char *value, struct err *e)
{
	struct rng_options *rng = field;
	int ret = opt_set_rate(&rng->rate, value, e);

	rng->present |= ret == 0;
	return ret;
}

static bool rng_use(const struct machine_config *cfg, enum virtio_bus bus)
{
	return cfg->rng.present && slots_bus(cfg, cfg->rng.bus) == bus;
}

static int rng_open(void **part, const struct machine_config *cfg, struct loop *loop, struct err *e)
{
	struct rng *r;

	if (!cfg->rng.present)
		return 0;
	r = calloc(1, sizeof(*r));
	if (!r)
		return err_sys(e, "cannot make an entropy device");
	r->cfg = cfg;
	r->loop = loop;
	r->timer = LOOP_TIMER_NONE;
	*part = r;
	return 0;
}

static int rng_add(void *part, struct machine *m, struct err *e)
{
	struct rng *r = part;
	int ret;

	r->made = true;
	loop_timer_init(&r->timer, r->loop, &r->dev.dev.lock, virtio_rng_due, &r->dev);
	ret = virtio_rng_init(&r->dev, "rng", &m->vm.ram,
			      (struct rng_source){ .fill = random_fill }, r->cfg->rng.rate,
			      clock_boottime, loop_timer_value(&r->timer), e);
	if (ret == 0)
		ret = slots_add(m, &r->dev.dev, r->cfg->rng.bus, e);
	return ret;
}

static void rng_remove(void *part, struct machine *m)
{
	struct rng *r = part;

	(void)m;
	if (!r->made)
		return;
	loop_timer_close(&r->timer);
	virtio_rng_destroy(&r->dev);
	r->made = false;
}

const struct machine_part rng_part = {
	.uses = rng_use,
	.open = rng_open,
	.add = rng_add,
	.remove = rng_remove,
	.close = free,
};
