/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console's visitors.
 *
 *	device --heard()--> kept (ring of ATTACH_SIZE) --wake--> loop --> each visitor, from its own place in the ring
 *	device <--machine_console_input()-- what it typed, while the device has room <-- each visitor
 *
 * The guest never waits: the ring is overwritten, and a visitor whose place is gone goes on at the oldest byte that is
 * left. Nor does one visitor wait for another. Input is read when the device has taken what was read before, so
 * who types too much is held up by his own socket.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include "arm/machine.h"
#include "attach.h"
#include "util/bits.h"
#include "util/cleanup.h"

#define IN_SIZE 256
/* How much one visitor is sent before other sources of the loop have their turn. */
#define TURN_SIZE 16384
/* How long the last output may take to reach the visitors once the VM is gone. */
#define DRAIN_MS 200

struct visitor {
	struct attach *attach;
	struct loop_source source; /* its fd is -1: the place is free */
	uint64_t place;            /* the next byte that it is to see */
	char note[80];             /* that output was lost; sent before anything else */
	size_t note_nr, note_done;
	bool out_waits; /* its socket is full */
	bool deaf;      /* does not read any more; what it has typed counts */
	uint8_t in[IN_SIZE];
	size_t in_nr, in_done; /* read, and taken by the device */
};

struct attach {
	struct loop *loop;
	struct machine *machine; /* that runs now, or NULL */
	struct machine *tapped;  /* whose console it hears, or NULL */
	struct console_tap tap;
	struct loop_source wake; /* eventfd, edge-triggered and never read */
	atomic_bool watched;     /* there are visitors */
	atomic_bool full;        /* the device takes no input now */
	pthread_mutex_t lock;    /* guards the next two; innermost */
	uint64_t nr;             /* bytes that the guest ever said */
	uint8_t kept[ATTACH_SIZE];
	struct visitor visitor[ATTACH_MAX];
};

static void wake_loop(struct attach *a)
{
	eventfd_write(a->wake.fd, 1);
}

/* On the thread on which it was said. */
static void heard(void *ctx, const uint8_t *buf, size_t len)
{
	struct attach *a = ctx;

	pthread_mutex_lock(&a->lock);
	for (size_t done = 0, part; done < len; done += part) {
		size_t at = (a->nr + done) % ATTACH_SIZE;

		part = len - done < ATTACH_SIZE - at ? len - done : ATTACH_SIZE - at;
		memcpy(a->kept + at, buf + done, part);
	}
	a->nr += len;
	pthread_mutex_unlock(&a->lock);
	if (atomic_load(&a->watched))
		wake_loop(a);
}

/* The device has room again; any thread, with its lock held. */
static void room(void *ctx)
{
	struct attach *a = ctx;

	atomic_store(&a->full, false);
	wake_loop(a);
}

/* --- Output --- */

/*
 * Copies what @v is to see next into @buf and returns how much that is. If some of it is overwritten already it
 * gets a note instead, and its place is behind the gap.
 */
static size_t next_output(struct visitor *v, uint8_t *buf, size_t size)
{
	struct attach *a = v->attach;
	uint64_t lost = 0;
	size_t len;

	pthread_mutex_lock(&a->lock);
	if (a->nr - v->place > ATTACH_SIZE) {
		lost = a->nr - v->place - ATTACH_SIZE;
		v->place += lost;
	}
	len = a->nr - v->place < size ? (size_t)(a->nr - v->place) : size;
	for (size_t i = 0; i < len && !lost; i++)
		buf[i] = a->kept[(v->place + i) % ATTACH_SIZE];
	pthread_mutex_unlock(&a->lock);
	if (!lost)
		return len;
	v->note_nr = (size_t)snprintf(v->note, sizeof(v->note),
				      "\r\n[lkvm: %llu bytes of output are lost here]\r\n",
				      (unsigned long long)lost);
	v->note_done = 0;
	return 0;
}

/* One piece to the visitor: 1 if there may be more, 0 if it has seen all, or -errno. */
static int send_some(struct visitor *v)
{
	const uint8_t *from = (const uint8_t *)v->note + v->note_done;
	size_t len = v->note_nr - v->note_done;
	uint8_t buf[4096];
	bool note = len > 0;
	ssize_t put;

	if (!note) {
		len = next_output(v, buf, sizeof(buf));
		if (!len)
			return v->note_done < v->note_nr;
		from = buf;
	}
	put = send(v->source.fd, from, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (put < 0)
		return errno == EINTR ? 1 : -errno;
	if (note)
		v->note_done += (size_t)put;
	else
		v->place += (uint64_t)put;
	return 1;
}

static void watch(struct visitor *v)
{
	uint32_t events = v->in_done < v->in_nr ? 0 : EPOLLIN;

	if (v->out_waits && !v->deaf)
		events |= EPOLLOUT;
	loop_modify(v->attach->loop, &v->source, events);
}

static void send_output(struct visitor *v)
{
	int ret = 1;

	v->out_waits = false;
	for (size_t done = 0; ret > 0 && done < TURN_SIZE && !v->deaf; done += 4096)
		ret = send_some(v);
	if (ret > 0 && !v->deaf)
		wake_loop(v->attach);
	v->out_waits = ret == -EAGAIN;
	v->deaf |= ret < 0 && ret != -EAGAIN;
}

/* --- Input --- */

static void leave(struct visitor *v)
{
	struct attach *a = v->attach;
	bool any = false;

	loop_remove(a->loop, &v->source);
	close_fd(&v->source.fd);
	for (size_t i = 0; i < ARRAY_SIZE(a->visitor); i++)
		any |= a->visitor[i].source.fd >= 0;
	atomic_store(&a->watched, any);
}

/*
 * Gives the device what it takes. It is called full before it is asked: what it says about room from then on
 * counts.
 */
static void deliver(struct visitor *v)
{
	struct attach *a = v->attach;
	size_t left = v->in_nr - v->in_done;
	size_t taken;

	if (!left || !a->machine || atomic_load(&a->full))
		return;
	atomic_store(&a->full, true);
	taken = machine_console_input(a->machine, v->in + v->in_done, left);
	v->in_done += taken;
	if (taken == left)
		atomic_store(&a->full, false);
}

/* Reads once; returns false if the visitor has gone. */
static bool receive(struct visitor *v)
{
	ssize_t got;

	if (v->in_done < v->in_nr)
		return true;
	got = recv(v->source.fd, v->in, sizeof(v->in), MSG_DONTWAIT);
	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
		leave(v);
		return false;
	}
	v->in_nr = got > 0 ? (size_t)got : 0;
	v->in_done = 0;
	return true;
}

static void ready(void *ctx, uint32_t events)
{
	struct visitor *v = ctx;

	if ((events & ~(uint32_t)EPOLLOUT) && !receive(v))
		return;
	deliver(v);
	send_output(v);
	watch(v);
}

/* Output came, or room for input. */
static void woken(void *ctx, uint32_t events)
{
	struct attach *a = ctx;

	(void)events;
	for (size_t i = 0; i < ARRAY_SIZE(a->visitor); i++) {
		struct visitor *v = &a->visitor[i];

		if (v->source.fd < 0)
			continue;
		deliver(v);
		if (!v->out_waits)
			send_output(v);
		watch(v);
	}
}

/* --- Coming and going --- */

/* Has hung up. Nobody hears of it while the guest does not take what was typed before. */
static bool is_gone(const struct visitor *v)
{
	struct pollfd pollfd = { .fd = v->source.fd };

	return poll(&pollfd, 1, 0) > 0;
}

static struct visitor *find_place(struct attach *a)
{
	struct visitor *gone = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(a->visitor); i++) {
		if (a->visitor[i].source.fd < 0)
			return &a->visitor[i];
		if (is_gone(&a->visitor[i]))
			gone = &a->visitor[i];
	}
	if (gone)
		leave(gone);
	return gone;
}

bool attach_has_room(struct attach *a)
{
	return find_place(a);
}

/* Where who comes begins to read: at a line's beginning, if there is one in what is shown of what was. */
static uint64_t first_place(struct attach *a)
{
	uint64_t place, first;

	pthread_mutex_lock(&a->lock);
	first = a->nr < ATTACH_BEFORE ? 0 : a->nr - ATTACH_BEFORE;
	for (place = first; place && place < a->nr; place++) {
		if (a->kept[(place - 1) % ATTACH_SIZE] == '\n')
			break;
	}
	if (place == a->nr)
		place = first;
	pthread_mutex_unlock(&a->lock);
	return place;
}

void attach_add(struct attach *a, int fd)
{
	autofd int owned = fd;
	struct visitor *v = find_place(a);

	if (!v)
		return;
	*v = (struct visitor){
		.attach = a,
		.source = { .fd = fd, .ready = ready, .ctx = v },
		.place = first_place(a),
	};
	if (loop_add(a->loop, &v->source, EPOLLIN) < 0) {
		v->source.fd = -1;
		return;
	}
	take_fd(&owned);
	atomic_store(&a->watched, true);
	wake_loop(a);
}

void attach_running(struct attach *a, struct machine *m)
{
	a->machine = m;
	if (!m)
		return;
	if (!a->tapped)
		machine_tap_console(m, &a->tap);
	a->tapped = m;
	atomic_store(&a->full, false);
	wake_loop(a);
}

struct attach *attach_open(struct loop *loop, struct err *e)
{
	struct attach *a = calloc(1, sizeof(*a));
	int ret;

	if (!a)
		goto fail;
	a->loop = loop;
	a->tap = (struct console_tap){ .heard = heard, .room = room, .ctx = a };
	pthread_mutex_init(&a->lock, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(a->visitor); i++)
		a->visitor[i].source.fd = -1;
	a->wake = (struct loop_source){ .fd = -1, .ready = woken, .ctx = a };
	a->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (a->wake.fd < 0)
		goto fail;
	ret = loop_add(loop, &a->wake, EPOLLIN | EPOLLET);
	if (ret == 0)
		return a;
	errno = -ret;
fail:
	err_sys(e, "cannot let anybody see the console");
	if (a) {
		close_fd(&a->wake.fd);
		free(a);
	}
	return NULL;
}

/* The loop does not run any more: waits for the visitor itself, *@patience ms, and for nobody after one in vain. */
static void drain(struct visitor *v, int *patience)
{
	struct pollfd pollfd = { .fd = v->source.fd, .events = POLLOUT };
	int ret = v->deaf ? 0 : 1;

	while (ret != 0) {
		ret = send_some(v);
		if (ret == -EAGAIN && poll(&pollfd, 1, *patience) > 0)
			ret = 1;
		else if (ret == -EAGAIN)
			*patience = 0;
		if (ret < 0)
			break;
	}
}

void attach_close(struct attach *a)
{
	int patience = DRAIN_MS;

	if (!a)
		return;
	if (a->tapped)
		machine_untap_console(a->tapped, &a->tap);
	for (size_t i = 0; i < ARRAY_SIZE(a->visitor); i++) {
		if (a->visitor[i].source.fd < 0)
			continue;
		drain(&a->visitor[i], &patience);
		leave(&a->visitor[i]);
	}
	loop_remove(a->loop, &a->wake);
	close_fd(&a->wake.fd);
	pthread_mutex_destroy(&a->lock);
	free(a);
}
