/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's network devices: each a tap interface or a passt of the host behind a virtio device. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "host/passt.h"
#include "host/tap.h"
#include "host/vhost_kernel.h"
#include "parts.h"
#include "virtio/net.h"

struct networks {
	const struct machine_config *cfg;
	struct loop *loop;
	struct one_nic {
		struct tap *tap; /* one of the two, for all lives of the machine */
		struct passt *passt;
		struct vhost_kernel *vhost; /* moves the tap's frames, or NULL */
		struct virtio_net dev;
		struct loop_timer timer; /* of its limit */
		bool made;               /* @dev is, for the machine of now */
	} nic[];
};

static bool networks_use(const struct machine_config *cfg, enum virtio_bus bus)
{
	for (uint32_t i = 0; i < cfg->networks.nr; i++) {
		if (slots_bus(cfg, cfg->networks.nic[i].bus) == bus)
			return true;
	}
	return false;
}

static int open_tap(struct one_nic *one, const struct network_option *option, struct loop *loop,
		    struct err *e)
{
	int fd[NET_PAIRS_MAX];

	one->tap = tap_open(&option->tap, loop, e);
	if (!one->tap)
		return -EINVAL;
	if (!option->vhost)
		return 0;
	for (unsigned int i = 0; i < option->tap.nr_pairs; i++)
		fd[i] = tap_fd(one->tap, i);
	one->vhost = vhost_net_open(fd, option->tap.nr_pairs, loop, e);
	return one->vhost ? 0 : -EINVAL;
}

static int networks_open(void **part, const struct machine_config *cfg, struct loop *loop,
			 struct err *e)
{
	const struct network_options *options = &cfg->networks;
	struct networks *n;

	if (!options->nr)
		return 0;
	n = calloc(1, sizeof(*n) + options->nr * sizeof(n->nic[0]));
	if (!n)
		return err_sys(e, "cannot make network devices");
	n->cfg = cfg;
	n->loop = loop;
	*part = n;
	for (uint32_t i = 0; i < options->nr; i++) {
		const struct network_option *option = &options->nic[i];
		struct one_nic *one = &n->nic[i];

		if (option->mode == NETWORK_USER)
			one->passt = passt_open(option->port, loop, e);
		if (option->mode == NETWORK_USER ? !one->passt : open_tap(one, option, loop, e) < 0)
			return err_wrap(e, -EINVAL, "network");
	}
	return 0;
}

static int connect_nic(struct one_nic *one, struct machine *m, struct err *e)
{
	int kick[2 * NET_PAIRS_MAX];

	if (one->passt)
		passt_connect(one->passt, virtio_net_frontend(&one->dev));
	else
		tap_connect(one->tap, virtio_net_frontend(&one->dev));
	if (!one->vhost)
		return 0;
	slots_lend_bells(m, &one->dev.dev, kick, one->dev.vhost.nr);
	return vhost_kernel_connect(one->vhost, &m->vm.ram, kick,
				    virtio_vhost_frontend(&one->dev.vhost), e);
}

static int add_nic(struct networks *n, uint32_t nr, struct machine *m, struct err *e)
{
	const struct network_option *option = &n->cfg->networks.nic[nr];
	struct one_nic *one = &n->nic[nr];
	struct net_backend backend;
	uint8_t mac[NET_MAC_SIZE];
	char name[16];
	int ret = one->passt ? passt_wait(one->passt, e) : 0;

	if (ret < 0)
		return ret;
	backend = one->tap ? tap_backend(one->tap) : passt_backend(one->passt);
	network_mac(n->cfg->name, nr, mac);
	snprintf(name, sizeof(name), "net%u", nr);
	one->made = true;
	ret = virtio_net_init(&one->dev, name, &m->vm.ram, backend,
			      option->has_mac ? option->mac : mac, e);
	if (ret < 0)
		return ret;
	loop_timer_init(&one->timer, n->loop, &one->dev.dev.lock, virtio_net_due, &one->dev);
	virtio_net_set_limit(&one->dev, option->bps, clock_boottime, loop_timer_value(&one->timer));
	if (one->vhost)
		virtio_net_use_vhost(&one->dev, vhost_kernel_backend(one->vhost));
	ret = slots_add(m, &one->dev.dev, option->bus, e);
	return ret < 0 ? ret : connect_nic(one, m, e);
}

static int networks_add(void *part, struct machine *m, struct err *e)
{
	struct networks *n = part;

	for (uint32_t i = 0; i < n->cfg->networks.nr; i++) {
		int ret = add_nic(n, i, m, e);

		if (ret < 0)
			return err_wrap(e, ret, "network");
	}
	return 0;
}

static void networks_remove(void *part, struct machine *m)
{
	struct networks *n = part;

	(void)m;
	for (uint32_t i = 0; i < n->cfg->networks.nr; i++) {
		struct one_nic *one = &n->nic[i];

		if (!one->made)
			continue;
		if (one->vhost)
			vhost_kernel_disconnect(one->vhost);
		if (one->tap)
			tap_disconnect(one->tap);
		else
			passt_disconnect(one->passt);
		loop_timer_close(&one->timer);
		virtio_net_destroy(&one->dev);
		one->made = false;
	}
}

static void networks_close(void *part)
{
	struct networks *n = part;

	for (uint32_t i = 0; i < n->cfg->networks.nr; i++) {
		vhost_kernel_close(n->nic[i].vhost);
		tap_close(n->nic[i].tap);
		passt_close(n->nic[i].passt);
	}
	free(n);
}

const struct machine_part networks_part = {
	.uses = networks_use,
	.open = networks_open,
	.add = networks_add,
	.remove = networks_remove,
	.close = networks_close,
};
