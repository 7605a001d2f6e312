/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whatever the process at the other end of a vhost-user socket says: the first byte tells which queues are being stopped
 * meanwhile, the others are its answers, then it hangs up. In the end the device has its queues back, once each.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "host/vhost_user.h"
#include "util/bits.h"
#include "util/cleanup.h"

#define NR   3
#define BASE 0x40000000ULL

struct fuzz {
	struct loop loop;
	struct ram ram;
	pthread_mutex_t lock;
	unsigned int stopped[NR], gone;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static void called(void *ctx, unsigned int queue)
{
	(void)ctx;
	must(queue < NR);
}

static void stopped(void *ctx, unsigned int queue)
{
	struct fuzz *f = ctx;

	must(queue < NR);
	f->stopped[queue]++;
}

static void failed(void *ctx, const char *why)
{
	struct fuzz *f = ctx;

	must(*why && f->gone == 1);
	loop_quit(&f->loop);
}

static void gone(void *ctx)
{
	struct fuzz *f = ctx;

	f->gone++;
}

static void at_work(struct fuzz *f, struct vhost_user *v, unsigned int stops)
{
	const struct vhost_frontend frontend = {
		.called = called, .stopped = stopped, .failed = failed, .ctx = f, .lock = &f->lock
	};
	const struct vhost_queue q = { .size = 4, .desc = BASE, .driver = BASE, .device = BASE };
	const struct vhost_backend back = vhost_user_backend(v);
	const int kick[NR] = { 0, 0, 0 };

	must(vhost_user_connect(v, &f->ram, kick, frontend, gone, f, NULL) == 0);
	pthread_mutex_lock(&f->lock);
	must(back.start(back.ctx, back.features) == 0);
	for (unsigned int i = 0; i < NR; i++) {
		must(back.start_queue(back.ctx, i, &q) == 0);
		if (stops >> i & 1)
			must(!back.stop_queue(back.ctx, i));
	}
	pthread_mutex_unlock(&f->lock);
	must(loop_run(&f->loop) == 0);
	must(f->gone == 1);
	for (unsigned int i = 0; i < NR; i++)
		must(f->stopped[i] == (stops >> i & 1));
	must(back.start(back.ctx, 0) == -ENOTCONN);
	must(back.stop_queue(back.ctx, 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f = { .loop = LOOP_NONE };
	struct vhost_user *v;
	int pair[2];

	if (!size || size > 4096)
		return 0;
	pthread_mutex_init(&f.lock, NULL);
	must(loop_create(&f.loop, NULL) == 0);
	must(ram_create(&f.ram, BASE, 64 * KiB, NULL, true, NULL) == 0);
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	must(write(pair[1], data + 1, size - 1) == (ssize_t)size - 1);
	must(shutdown(pair[1], SHUT_WR) == 0);
	v = vhost_user_open(&pair[0], NR, &f.loop, NULL);
	if (v)
		at_work(&f, v, data[0]);
	vhost_user_close(v);
	close_fd(&pair[1]);
	ram_destroy(&f.ram);
	loop_destroy(&f.loop);
	return 0;
}
