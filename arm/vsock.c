/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's socket device: virtio-vsock over unix sockets, or served by the host's kernel. */
#include <errno.h>
#include <stdlib.h>
#include "arm/vsock.h"
#include "host/vhost_kernel.h"
#include "host/vsock_unix.h"
#include "parts.h"
#include "virtio/vsock.h"

struct vsock {
	const struct vsock_options *options;
	struct loop *loop;
	struct vsock_unix *sockets; /* this or the next; all lives of the machine */
	struct vhost_kernel *vhost;
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
	if (cfg->vsock.path)
		v->sockets = vsock_unix_open(cfg->vsock.path, loop, e);
	else
		v->vhost = vhost_vsock_open(cfg->vsock.cid, loop, e);
	return v->sockets || v->vhost ? 0 : err_wrap(e, -EINVAL, "--vsock");
}

static int connect_vhost(struct vsock *v, struct machine *m, struct err *e)
{
	int kick[2];

	slots_lend_bells(m, &v->dev.dev, kick, ARRAY_SIZE(kick));
	return vhost_kernel_connect(v->vhost, &m->vm.ram, kick,
				    virtio_vhost_frontend(&v->dev.vhost), e);
}

static int vsock_add(void *part, struct machine *m, struct err *e)
{
	struct vsock *v = part;
	struct vsock_backend backend = { 0 };
	int ret;

	if (v->sockets)
		backend = vsock_unix_backend(v->sockets);
	v->made = true;
	loop_timer_init(&v->timer, v->loop, &v->dev.dev.lock, virtio_vsock_again, &v->dev);
	ret = virtio_vsock_init(&v->dev, "vsock", &m->vm.ram, v->options->cid, backend,
				loop_timer_value(&v->timer), e);
	if (ret == 0 && v->vhost)
		virtio_vsock_use_vhost(&v->dev, vhost_kernel_backend(v->vhost));
	if (ret == 0)
		ret = slots_add(m, &v->dev.dev, v->options->bus, e);
	if (ret == 0 && v->vhost)
		ret = connect_vhost(v, m, e);
	if (v->sockets)
		vsock_unix_connect(v->sockets, virtio_vsock_frontend(&v->dev));
	return ret;
}

static void vsock_remove(void *part, struct machine *m)
{
	struct vsock *v = part;

	(void)m;
	if (!v->made)
		return;
	if (v->vhost)
		vhost_kernel_disconnect(v->vhost);
	loop_timer_close(&v->timer);
	/* First, since its connections close their streams. */
	virtio_vsock_destroy(&v->dev);
	if (v->sockets)
		vsock_unix_disconnect(v->sockets);
	v->made = false;
}

static void vsock_close(void *part)
{
	struct vsock *v = part;

	vsock_unix_close(v->sockets);
	vhost_kernel_close(v->vhost);
	free(v);
}

const struct machine_part vsock_part = {
	.uses = vsock_use,
	.open = vsock_open,
	.add = vsock_add,
	.remove = vsock_remove,
	.close = vsock_close,
};
