/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Doorbells. The eventfd is watched edge-triggered and never read: each write of KVM's is an edge, and its
 * count, which nobody looks at, stops at its limit. So a ring costs the loop no system call of its own.
 */
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include "kvm/kvm.h"
#include "util/cleanup.h"
#include "vm/doorbell.h"

static void ready(void *ctx, uint32_t events)
{
	struct doorbell *bell = ctx;

	(void)events;
	pthread_mutex_lock(bell->lock);
	bell->rung(bell->ctx, bell->nr);
	pthread_mutex_unlock(bell->lock);
}

int doorbell_open(struct doorbell *bell, struct loop *loop, int vm, pthread_mutex_t *lock,
		  void (*rung)(void *ctx, unsigned int nr), void *ctx, unsigned int nr,
		  struct err *e)
{
	int ret;

	*bell = (struct doorbell){
		.source = { .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
			    .ready = ready,
			    .ctx = bell },
		.loop = loop,
		.vm = vm,
		.lock = lock,
		.rung = rung,
		.ctx = ctx,
		.nr = nr,
	};
	if (bell->source.fd < 0)
		return err_sys(e, "cannot make a doorbell");
	ret = loop_add(loop, &bell->source, EPOLLIN | EPOLLET);
	if (ret < 0) {
		close_fd(&bell->source.fd);
		return err_set(e, -ret, "cannot watch a doorbell: %s", strerror(-ret));
	}
	return 0;
}

static int tell_kvm(const struct doorbell *bell, bool assign)
{
	const struct kvm_bell arg = {
		.gpa = bell->gpa,
		.value = bell->value,
		.len = bell->len,
		.match = bell->match,
	};

	return kvm_ioeventfd(bell->vm, bell->source.fd, &arg, assign);
}

int doorbell_place(struct doorbell *bell, gpa_t gpa, unsigned int len, bool match, uint64_t value)
{
	int ret;

	doorbell_remove(bell);
	bell->gpa = gpa;
	bell->len = len;
	bell->match = match;
	bell->value = match ? value : 0;
	ret = tell_kvm(bell, true);
	bell->placed = ret >= 0;
	return ret < 0 ? ret : 0;
}

void doorbell_remove(struct doorbell *bell)
{
	if (bell->placed)
		tell_kvm(bell, false);
	bell->placed = false;
}

int doorbell_lend(struct doorbell *bell)
{
	loop_remove(bell->loop, &bell->source);
	return bell->source.fd;
}

void doorbell_close(struct doorbell *bell)
{
	if (bell->source.fd < 0)
		return;
	doorbell_remove(bell);
	loop_remove(bell->loop, &bell->source);
	close_fd(&bell->source.fd);
}
