/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vhost-user, the front end. After the agreement at the start nobody waits: requests are sent and forgotten, but for
 * the one that stops a queue, whose reply the loop receives or a timer misses.
 *
 * The connection ends in one place, ready(), on the loop's thread. Whoever finds it useless, on whatever thread,
 * notes why and shuts it down, which wakes that.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include "host/vhost_user.h"
#include "util/bits.h"
#include "util/cleanup.h"
#include "vhost_user_message.h"
#include "vm/doorbell.h"
#include "vm/timer.h"

#define BIT(nr) (UINT64_C(1) << (nr))

/* How long it may think about the agreement, and about giving a queue back. */
#define AGREE_NS (10 * NS_PER_S)
#define STOP_NS  (5 * NS_PER_S)

struct vhost_user {
	struct loop *loop;
	struct loop_source source; /* the socket */
	unsigned int nr;           /* queues */
	uint64_t features;

	pthread_mutex_t *lock; /* the device's, over all below; NULL: not connected */
	const struct ram *ram;
	int kick[VHOST_QUEUES_MAX];             /* not owned */
	struct doorbell call[VHOST_QUEUES_MAX]; /* rung by the process, not by a guest */
	struct vhost_frontend frontend;
	void (*gone)(void *ctx);
	void *gone_ctx;
	struct loop_timer timer;
	uint64_t stopping;            /* a bit a queue: it is to give it back */
	struct vhost_user_message in; /* the reply that arrives, */
	size_t have;                  /* so many bytes of it */
	const char *why;              /* the connection is of no use any more, or NULL */
	bool ended;                   /* and is given up */
};

/* --- Requests --- */

static int send_u64(struct vhost_user *v, uint32_t request, uint64_t value, int pass)
{
	struct vhost_user_message m = { .request = request, .size = sizeof(value), .u64 = value };

	return vhost_user_send(v->source.fd, &m, pass);
}

static int send_state(struct vhost_user *v, uint32_t request, unsigned int queue, uint32_t value)
{
	struct vhost_user_message m = {
		.request = request,
		.size = sizeof(m.state),
		.state = { .index = queue, .num = value },
	};

	return vhost_user_send(v->source.fd, &m, -1);
}

static int send_memory(struct vhost_user *v)
{
	struct vhost_user_message m = {
		.request = VHOST_USER_SET_MEM_TABLE,
		.size = sizeof(m.memory),
		.memory = {
			.nr = 1,
			.region = { {
				.gpa = v->ram->base,
				.size = v->ram->size,
				.user_addr = (uintptr_t)v->ram->host,
			} },
		},
	};

	return vhost_user_send(v->source.fd, &m, v->ram->fd);
}

/* Addresses of rings are those of this process, as in the table of memory. */
static int send_addr(struct vhost_user *v, unsigned int queue, const struct vhost_queue *q)
{
	struct vhost_user_message m = {
		.request = VHOST_USER_SET_VRING_ADDR,
		.size = sizeof(m.addr),
		.addr = {
			.index = queue,
			.desc_user_addr = (uintptr_t)ram_slice(v->ram, q->desc, 0),
			.avail_user_addr = (uintptr_t)ram_slice(v->ram, q->driver, 0),
			.used_user_addr = (uintptr_t)ram_slice(v->ram, q->device, 0),
		},
	};

	return vhost_user_send(v->source.fd, &m, -1);
}

/* --- The agreement --- */

/* Asks for a number, and waits for it. Returns 0, or -errno with @e set. */
static int ask(struct vhost_user *v, uint32_t request, uint64_t deadline, uint64_t *answer,
	       struct err *e)
{
	struct vhost_user_message m = { .request = request };
	int ret = vhost_user_send(v->source.fd, &m, -1);

	while (ret == 0) {
		struct pollfd fd = { .fd = v->source.fd, .events = POLLIN };
		uint64_t now = clock_boottime.now(clock_boottime.ctx);

		if (now >= deadline)
			return err_set(e, ETIMEDOUT, "it does not answer");
		if (poll(&fd, 1, (int)((deadline - now) / 1000000 + 1)) > 0)
			ret = vhost_user_receive(v->source.fd, &v->in, &v->have, request);
	}
	if (ret < 0)
		return err_set(e, -ret,
			       ret == -EPROTO ? "it does not speak vhost-user" : "it hung up");
	*answer = v->in.u64;
	return 0;
}

static int agree_on_protocol(struct vhost_user *v, uint64_t deadline, struct err *e)
{
	uint64_t features, nr;
	int ret = ask(v, VHOST_USER_GET_PROTOCOL_FEATURES, deadline, &features, e);

	if (ret < 0)
		return ret;
	features &= BIT(VHOST_USER_PROTOCOL_F_MQ);
	ret = send_u64(v, VHOST_USER_SET_PROTOCOL_FEATURES, features, -1);
	if (ret < 0)
		return err_set(e, -ret, "it hung up");
	if (!features)
		return 0;
	ret = ask(v, VHOST_USER_GET_QUEUE_NUM, deadline, &nr, e);
	if (ret == 0 && nr < v->nr)
		ret = err_set(e, EINVAL, "it has %llu queues, and %u are needed",
			      (unsigned long long)nr, v->nr);
	return ret;
}

static int agree(struct vhost_user *v, struct err *e)
{
	const uint64_t deadline = clock_boottime.now(clock_boottime.ctx) + AGREE_NS;
	struct vhost_user_message owner = { .request = VHOST_USER_SET_OWNER };
	int ret = ask(v, VHOST_USER_GET_FEATURES, deadline, &v->features, e);

	if (ret == 0 && v->features & BIT(VHOST_USER_F_PROTOCOL_FEATURES))
		ret = agree_on_protocol(v, deadline, e);
	if (ret < 0)
		return ret;
	ret = vhost_user_send(v->source.fd, &owner, -1);
	return ret < 0 ? err_set(e, -ret, "it hung up") : 0;
}

struct vhost_user *vhost_user_open(int *fd, unsigned int nr_queues, struct loop *loop,
				   struct err *e)
{
	autofd int socket = take_fd(fd);
	struct vhost_user *v = calloc(1, sizeof(*v));

	if (!v) {
		err_sys(e, "no memory for it");
		return NULL;
	}
	v->loop = loop;
	v->nr = nr_queues;
	v->source.fd = take_fd(&socket);
	v->timer = LOOP_TIMER_NONE;
	for (unsigned int i = 0; i < VHOST_QUEUES_MAX; i++)
		v->call[i] = DOORBELL_NONE;
	if (agree(v, e) < 0) {
		vhost_user_close(v);
		return NULL;
	}
	return v;
}

/* --- The end of a connection --- */

static void give_up(struct vhost_user *v, const char *why)
{
	if (!v->why)
		v->why = why;
	shutdown(v->source.fd, SHUT_RDWR);
}

static void end(struct vhost_user *v)
{
	loop_remove(v->loop, &v->source);
	v->ended = true;
	if (v->gone)
		v->gone(v->gone_ctx);
	v->frontend.failed(v->frontend.ctx, v->why);
	for (unsigned int i = 0; i < v->nr; i++) {
		if (v->stopping & BIT(i))
			v->frontend.stopped(v->frontend.ctx, i);
	}
	v->stopping = 0;
}

/* A queue was given back. Returns -EPROTO if that was not asked for. */
static int queue_back(struct vhost_user *v)
{
	struct timer timer = loop_timer_value(&v->timer);
	uint32_t queue = v->in.state.index;

	if (queue >= v->nr || !(v->stopping & BIT(queue)))
		return -EPROTO;
	v->stopping &= ~BIT(queue);
	if (!v->stopping)
		timer_set(&timer, 0);
	v->frontend.stopped(v->frontend.ctx, queue);
	return 0;
}

static void ready(void *ctx, uint32_t events)
{
	struct vhost_user *v = ctx;
	int ret;

	(void)events;
	pthread_mutex_lock(v->lock);
	if (!v->why) {
		ret = vhost_user_receive(v->source.fd, &v->in, &v->have, VHOST_USER_GET_VRING_BASE);
		if (ret > 0)
			ret = queue_back(v);
		if (ret < 0)
			v->why = ret == -EPROTO ? "broke the rules of vhost-user" : "hung up";
	}
	if (v->why && !v->ended)
		end(v);
	pthread_mutex_unlock(v->lock);
}

static void too_late(void *ctx)
{
	struct vhost_user *v = ctx;

	if (v->stopping)
		give_up(v, "does not answer");
}

/* --- The device's calls --- */

/* Returns @ret, of requests; if one could not be sent, that is the end. */
static int sent(struct vhost_user *v, int ret)
{
	if (ret < 0)
		give_up(v, ret == -EAGAIN ? "does not listen" : "hung up");
	return ret;
}

static int start(void *ctx, uint64_t features)
{
	struct vhost_user *v = ctx;
	int ret;

	if (v->why)
		return -ENOTCONN;
	features |= v->features & BIT(VHOST_USER_F_PROTOCOL_FEATURES);
	ret = send_u64(v, VHOST_USER_SET_FEATURES, features, -1);
	if (ret == 0)
		ret = send_memory(v);
	return sent(v, ret);
}

static int start_queue(void *ctx, unsigned int queue, const struct vhost_queue *q)
{
	struct vhost_user *v = ctx;
	int ret = send_state(v, VHOST_USER_SET_VRING_NUM, queue, q->size);

	if (ret == 0)
		ret = send_state(v, VHOST_USER_SET_VRING_BASE, queue, q->base);
	if (ret == 0)
		ret = send_addr(v, queue, q);
	if (ret == 0)
		ret = send_u64(v, VHOST_USER_SET_VRING_CALL, queue, v->call[queue].source.fd);
	if (ret == 0)
		ret = send_u64(v, VHOST_USER_SET_VRING_KICK, queue, v->kick[queue]);
	if (ret == 0 && v->features & BIT(VHOST_USER_F_PROTOCOL_FEATURES))
		ret = send_state(v, VHOST_USER_SET_VRING_ENABLE, queue, 1);
	return sent(v, ret);
}

static bool stop_queue(void *ctx, unsigned int queue)
{
	struct vhost_user *v = ctx;
	struct timer timer = loop_timer_value(&v->timer);

	if (v->ended)
		return true;
	v->stopping |= BIT(queue);
	timer_set(&timer, STOP_NS);
	sent(v, send_state(v, VHOST_USER_GET_VRING_BASE, queue, 0));
	return false;
}

static void kick_queue(void *ctx, unsigned int queue)
{
	struct vhost_user *v = ctx;

	eventfd_write(v->kick[queue], 1);
}

struct vhost_backend vhost_user_backend(struct vhost_user *v)
{
	return (struct vhost_backend){
		.features = v->features & ~BIT(VHOST_USER_F_PROTOCOL_FEATURES),
		.start = start,
		.start_queue = start_queue,
		.stop_queue = stop_queue,
		.kick = kick_queue,
		.ctx = v,
	};
}

int vhost_user_connect(struct vhost_user *v, const struct ram *ram, const int *kick,
		       struct vhost_frontend frontend, void (*gone)(void *ctx), void *ctx,
		       struct err *e)
{
	int ret = 0;

	v->ram = ram;
	memcpy(v->kick, kick, v->nr * sizeof(*kick));
	v->frontend = frontend;
	v->gone = gone;
	v->gone_ctx = ctx;
	loop_timer_init(&v->timer, v->loop, frontend.lock, too_late, v);
	for (unsigned int i = 0; i < v->nr && ret == 0; i++)
		ret = doorbell_open(&v->call[i], v->loop, -1, frontend.lock, frontend.called,
				    frontend.ctx, i, e);
	if (ret < 0)
		return ret;
	v->lock = frontend.lock;
	v->source.ready = ready;
	v->source.ctx = v;
	ret = loop_add(v->loop, &v->source, EPOLLIN);
	return ret < 0 ? err_set(e, -ret, "cannot watch it: %s", strerror(-ret)) : 0;
}

void vhost_user_close(struct vhost_user *v)
{
	if (!v)
		return;
	if (v->lock)
		loop_remove(v->loop, &v->source);
	for (unsigned int i = 0; i < v->nr; i++)
		doorbell_close(&v->call[i]);
	loop_timer_close(&v->timer);
	close_fd(&v->source.fd);
	free(v);
}
