/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's memory balloon: virtio-balloon over the machine's RAM. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "parts.h"
#include "virtio/balloon.h"

struct balloon {
	struct loop *loop;
	const struct ram *ram; /* of the machine of now */
	struct virtio_balloon dev;
	struct loop_timer timer;
	struct log_limit limit;
	uint64_t target; /* a wish for all lives of the machine */
	bool made;
};

static bool balloon_use(const struct machine_config *cfg, enum virtio_bus bus)
{
	return cfg->balloon && slots_bus(cfg, VIRTIO_BUS_DEFAULT) == bus;
}

static int balloon_open(void **part, const struct machine_config *cfg, struct loop *loop,
			struct err *e)
{
	struct balloon *b;

	if (!cfg->balloon)
		return 0;
	b = calloc(1, sizeof(*b));
	if (!b)
		return err_sys(e, "cannot make a balloon");
	b->loop = loop;
	b->timer = LOOP_TIMER_NONE;
	*part = b;
	return 0;
}

static void discard(void *ctx, gpa_t gpa, uint64_t len)
{
	struct balloon *b = ctx;
	int ret = ram_discard(b->ram, gpa, len);

	if (ret < 0 && log_limit_ok(&b->limit))
		log_warning("the host does not take memory back from the guest: %s",
			    strerror(-ret));
}

static int balloon_add(void *part, struct machine *m, struct err *e)
{
	struct balloon *b = part;
	int ret;

	b->made = true;
	b->ram = &m->vm.ram;
	loop_timer_init(&b->timer, b->loop, &b->dev.dev.lock, virtio_balloon_again, &b->dev);
	ret = virtio_balloon_init(&b->dev, "balloon", b->ram,
				  (struct balloon_backend){ .discard = discard, .ctx = b },
				  b->target, loop_timer_value(&b->timer), e);
	if (ret == 0)
		ret = slots_add(m, &b->dev.dev, VIRTIO_BUS_DEFAULT, e);
	m->balloon = b;
	return ret;
}

static void balloon_remove(void *part, struct machine *m)
{
	struct balloon *b = part;

	(void)m;
	if (!b->made)
		return;
	loop_timer_close(&b->timer);
	virtio_balloon_destroy(&b->dev);
	b->made = false;
}

int balloon_command(struct balloon *b, const struct balloon_request *request,
		    struct balloon_state *state, struct err *e)
{
	if (!b)
		return err_set(e, ENODEV, "it has no balloon: it was started without --balloon");
	if (request->set && request->target >= b->ram->size)
		return err_set(e, ERANGE, "it has %llu MiB of memory, and cannot give back %llu",
			       (unsigned long long)(b->ram->size / MiB),
			       (unsigned long long)(request->target / MiB));
	pthread_mutex_lock(&b->dev.dev.lock);
	if (request->set) {
		b->target = request->target;
		virtio_balloon_set_target(&b->dev, request->target);
	}
	if (request->ask)
		virtio_balloon_ask(&b->dev);
	virtio_balloon_state(&b->dev, state);
	pthread_mutex_unlock(&b->dev.dev.lock);
	return 0;
}

const struct machine_part balloon_part = {
	.uses = balloon_use,
	.open = balloon_open,
	.add = balloon_add,
	.remove = balloon_remove,
	.close = free,
};
