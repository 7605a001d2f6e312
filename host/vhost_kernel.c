/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vhost of the kernel: a descriptor serves two queues, by a thread that the kernel makes for it. What kinds of
 * them do differently is how a queue is switched on and off; see struct kind.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include "host/vhost_kernel.h"
#include "util/bits.h"
#include "util/cleanup.h"
#include "vm/doorbell.h"

#define QUEUES_PER_FD 2

struct kind {
	const char *path, *module;
	/* @index: the queue's number for the descriptor @fd; @arg: what the descriptor is for. */
	int (*set)(int fd, unsigned int index, int arg, bool on);
};

struct vhost_kernel {
	const struct kind *kind;
	struct loop *loop;
	uint64_t features;
	unsigned int nr_fds;
	struct {
		int fd, arg;
	} dev[VHOST_QUEUES_MAX / QUEUES_PER_FD];

	/* Of a machine's life. */
	const struct ram *ram;
	int kick[VHOST_QUEUES_MAX];             /* not owned */
	struct doorbell call[VHOST_QUEUES_MAX]; /* rung by the kernel, not by a guest */
	struct doorbell error;                  /* of any queue */
	struct vhost_frontend frontend;
};

static int vhost_ioctl(int fd, unsigned long request, void *arg)
{
	int ret;

	do
		ret = ioctl(fd, request, arg);
	while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : 0;
}

/* --- Kinds --- */

static int net_set(int fd, unsigned int index, int tap, bool on)
{
	struct vhost_vring_file file = { .index = index, .fd = on ? tap : -1 };

	return vhost_ioctl(fd, VHOST_NET_SET_BACKEND, &file);
}

/* It has one switch for both queues, which wants both to be set up: the second is the one that comes last. */
static int vsock_set(int fd, unsigned int index, int arg, bool on)
{
	int run = on;

	(void)arg;
	return on && index == 0 ? 0 : vhost_ioctl(fd, VHOST_VSOCK_SET_RUNNING, &run);
}

static const struct kind net = { "/dev/vhost-net", "vhost_net", net_set };
static const struct kind vsock = { "/dev/vhost-vsock", "vhost_vsock", vsock_set };

/* --- The device's calls --- */

static int fd_of(const struct vhost_kernel *v, unsigned int queue)
{
	return v->dev[queue / QUEUES_PER_FD].fd;
}

static int set_queue(const struct vhost_kernel *v, unsigned int queue, bool on)
{
	return v->kind->set(fd_of(v, queue), queue % QUEUES_PER_FD,
			    v->dev[queue / QUEUES_PER_FD].arg, on);
}

static int start(void *ctx, uint64_t features)
{
	struct vhost_kernel *v = ctx;
	int ret = 0;

	for (unsigned int i = 0; i < v->nr_fds && ret == 0; i++)
		ret = vhost_ioctl(v->dev[i].fd, VHOST_SET_FEATURES, &features);
	return ret;
}

static int start_queue(void *ctx, unsigned int queue, const struct vhost_queue *q)
{
	struct vhost_kernel *v = ctx;
	const unsigned int index = queue % QUEUES_PER_FD;
	/* The device found the areas to be in RAM. */
	struct vhost_vring_addr addr = {
		.index = index,
		.desc_user_addr = (uintptr_t)ram_slice(v->ram, q->desc, 0),
		.avail_user_addr = (uintptr_t)ram_slice(v->ram, q->driver, 0),
		.used_user_addr = (uintptr_t)ram_slice(v->ram, q->device, 0),
	};
	struct vhost_vring_state num = { .index = index, .num = q->size };
	struct vhost_vring_state base = { .index = index, .num = q->base };
	struct vhost_vring_file call = { .index = index, .fd = v->call[queue].source.fd };
	struct vhost_vring_file error = { .index = index, .fd = v->error.source.fd };
	struct vhost_vring_file kick = { .index = index, .fd = v->kick[queue] };
	const struct {
		unsigned long request;
		void *arg;
	} step[] = {
		{ VHOST_SET_VRING_NUM, &num },   { VHOST_SET_VRING_BASE, &base },
		{ VHOST_SET_VRING_ADDR, &addr }, { VHOST_SET_VRING_CALL, &call },
		{ VHOST_SET_VRING_ERR, &error }, { VHOST_SET_VRING_KICK, &kick },
	};
	int ret = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(step) && ret == 0; i++)
		ret = vhost_ioctl(fd_of(v, queue), step[i].request, step[i].arg);
	return ret ? ret : set_queue(v, queue, true);
}

/* The kernel's thread is done with the queue when this is. */
static bool stop_queue(void *ctx, unsigned int queue)
{
	struct vhost_kernel *v = ctx;
	struct vhost_vring_file kick = { .index = queue % QUEUES_PER_FD, .fd = VHOST_FILE_UNBIND };

	set_queue(v, queue, false);
	vhost_ioctl(fd_of(v, queue), VHOST_SET_VRING_KICK, &kick);
	return true;
}

static void kick_queue(void *ctx, unsigned int queue)
{
	struct vhost_kernel *v = ctx;

	eventfd_write(v->kick[queue], 1);
}

struct vhost_backend vhost_kernel_backend(struct vhost_kernel *v)
{
	return (struct vhost_backend){
		.features = v->features,
		.start = start,
		.start_queue = start_queue,
		.stop_queue = stop_queue,
		.kick = kick_queue,
		.ctx = v,
	};
}

unsigned int vhost_kernel_nr_queues(const struct vhost_kernel *v)
{
	return v->nr_fds * QUEUES_PER_FD;
}

/* --- A machine's life --- */

/* The kernel could not read a ring that the guest has changed since it was looked at, or to write it. */
static void failed(void *ctx, unsigned int nr)
{
	struct vhost_kernel *v = ctx;

	(void)nr;
	v->frontend.failed(v->frontend.ctx, "cannot go on with its queues");
}

static int set_memory(struct vhost_kernel *v, struct err *e)
{
	union {
		struct vhost_memory table;
		char space[sizeof(struct vhost_memory) + sizeof(struct vhost_memory_region)];
	} memory = { .table.nregions = 1 };
	int ret = 0;

	memory.table.regions[0] = (struct vhost_memory_region){
		.guest_phys_addr = v->ram->base,
		.memory_size = v->ram->size,
		.userspace_addr = (uintptr_t)v->ram->host,
	};
	for (unsigned int i = 0; i < v->nr_fds && ret == 0; i++)
		ret = vhost_ioctl(v->dev[i].fd, VHOST_SET_MEM_TABLE, &memory);
	return ret < 0 ? err_set(e, -ret, "%s refuses the guest's memory: %s", v->kind->path,
				 strerror(-ret))
		       : 0;
}

int vhost_kernel_connect(struct vhost_kernel *v, const struct ram *ram, const int *kick,
			 struct vhost_frontend frontend, struct err *e)
{
	unsigned int nr = vhost_kernel_nr_queues(v);
	int ret;

	v->ram = ram;
	v->frontend = frontend;
	memcpy(v->kick, kick, nr * sizeof(*kick));
	ret = set_memory(v, e);
	if (ret == 0)
		ret = doorbell_open(&v->error, v->loop, -1, frontend.lock, failed, v, 0, e);
	for (unsigned int i = 0; i < nr && ret == 0; i++)
		ret = doorbell_open(&v->call[i], v->loop, -1, frontend.lock, frontend.called,
				    frontend.ctx, i, e);
	return ret;
}

void vhost_kernel_disconnect(struct vhost_kernel *v)
{
	if (!v->ram)
		return;
	for (unsigned int i = 0; i < vhost_kernel_nr_queues(v); i++) {
		stop_queue(v, i);
		doorbell_close(&v->call[i]);
	}
	doorbell_close(&v->error);
	v->ram = NULL;
}

/* --- The session --- */

/* Opens one descriptor more, for @arg. Returns 0, or -errno with @e set. */
static int add_fd(struct vhost_kernel *v, int arg, struct err *e)
{
	const struct kind *kind = v->kind;
	int fd = open(kind->path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	int ret;

	if (fd < 0 && (errno == ENOENT || errno == ENODEV || errno == ENXIO))
		return err_set(e, ENODEV, "the host has no %s (modprobe %s)", kind->path,
			       kind->module);
	if (fd < 0)
		return err_sys(e, "cannot open %s", kind->path);
	v->dev[v->nr_fds].fd = fd;
	v->dev[v->nr_fds].arg = arg;
	v->nr_fds++;
	ret = vhost_ioctl(fd, VHOST_SET_OWNER, NULL);
	if (ret == 0)
		ret = vhost_ioctl(fd, VHOST_GET_FEATURES, &v->features);
	return ret < 0 ? err_set(e, -ret, "cannot use %s: %s", kind->path, strerror(-ret)) : 0;
}

static struct vhost_kernel *open_kind(const struct kind *kind, const int *arg, unsigned int nr_fds,
				      struct loop *loop, struct err *e)
{
	struct vhost_kernel *v = calloc(1, sizeof(*v));

	if (!v) {
		err_sys(e, "cannot use %s", kind->path);
		return NULL;
	}
	v->kind = kind;
	v->loop = loop;
	v->error = DOORBELL_NONE;
	for (unsigned int i = 0; i < VHOST_QUEUES_MAX; i++)
		v->call[i] = DOORBELL_NONE;
	for (unsigned int i = 0; i < nr_fds; i++) {
		if (add_fd(v, arg[i], e) < 0) {
			vhost_kernel_close(v);
			return NULL;
		}
	}
	return v;
}

struct vhost_kernel *vhost_net_open(const int *tap, unsigned int nr_pairs, struct loop *loop,
				    struct err *e)
{
	return open_kind(&net, tap, nr_pairs, loop, e);
}

struct vhost_kernel *vhost_vsock_open(uint64_t cid, struct loop *loop, struct err *e)
{
	const int none = -1;
	struct vhost_kernel *v = open_kind(&vsock, &none, 1, loop, e);
	int ret;

	if (!v)
		return NULL;
	ret = vhost_ioctl(v->dev[0].fd, VHOST_VSOCK_SET_GUEST_CID, &cid);
	if (ret == 0)
		return v;
	err_set(e, -ret, "the host refuses the CID %llu: %s", (unsigned long long)cid,
		ret == -EADDRINUSE ? "another VM has it" : strerror(-ret));
	vhost_kernel_close(v);
	return NULL;
}

void vhost_kernel_close(struct vhost_kernel *v)
{
	if (!v)
		return;
	vhost_kernel_disconnect(v);
	for (unsigned int i = 0; i < v->nr_fds; i++)
		close(v->dev[i].fd);
	free(v);
}
