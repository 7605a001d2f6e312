/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's socket device: virtio-vsock over unix sockets. */
#include <errno.h>
#include <stdlib.h>
#include "arm/vsock.h"
#include "host/vsock_unix.h"
#include "parts.h"
#include "virtio/vsock.h"

struct vsock {
	const struct vsock_options *options;
	struct loop *loop;
	struct vsock_unix *unix_sockets; /* all lives of the machine */
	struct virtio_vsock dev;
	struct loop_timer timer;
	bool made;
};

static bool vsock_use(const struct machine_config *cfg, enum virtio_bus bus)
{
	return cfg->vsock.cid && slots_bus(cfg, cfg->vsock.bus) == bus;
}

static int vsock_open(void **part, const struct machine_config *cfg, struct loop *loop,
		      struct err *e)
{
	struct vsock *v;

	if (!cfg->vsock.cid)
		return 0;
	v = calloc(1, sizeof(*v));
	if (!v)
		return err_sys(e, "cannot make a socket device");
	v->options = &cfg->vsock;
	v->loop = loop;
	v->timer = LOOP_TIMER_NONE;
	*part = v;
	v->unix_sockets = vsock_unix_open(cfg->vsock.path, loop, e);
	return v->unix_sockets ? 0 : err_wrap(e, -EINVAL, "--vsock");
}

static int vsock_add(void *part, struct machine *m, struct err *e)
{
	struct vsock *v = part;
	int ret;

	v->made = true;
	loop_timer_init(&v->timer, v->loop, &v->dev.dev.lock, virtio_vsock_again, &v->dev);
	ret = virtio_vsock_init(&v->dev, "vsock", &m->vm.ram, v->options->cid,
				vsock_unix_backend(v->unix_sockets), loop_timer_value(&v->timer),
				e);
	if (ret == 0)
		ret = slots_add(m, &v->dev.dev, v->options->bus, e);
	vsock_unix_connect(v->unix_sockets, virtio_vsock_frontend(&v->dev));
	return ret;
}

static void vsock_remove(void *part, struct machine *m)
{
	struct vsock *v = part;

	(void)m;
	if (!v->made)
		return;
	loop_timer_close(&v->timer);
	virtio_vsock_destroy(&v->dev);
	vsock_unix_disconnect(v->unix_sockets);
	v->made = false;
}

static void vsock_close(void *part)
{
	struct vsock *v = part;

	vsock_unix_close(v->unix_sockets);
	free(v);
}

const struct machine_part vsock_part = {
	.uses = vsock_use,
	.open = vsock_open,
	.add = vsock_add,
	.remove = vsock_remove,
	.close = vsock_close,
};
