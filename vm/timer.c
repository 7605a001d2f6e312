/* SPDX-License-Identifier: BSD-2-Clause */
/* Clocks and one-shot timers for devices, by clock_gettime() and a timerfd in the loop. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include "util/cleanup.h"
#include "util/log.h"
#include "vm/timer.h"

static uint64_t now(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static uint64_t realtime_now(void *ctx)
{
	(void)ctx;
	return now(CLOCK_REALTIME);
}

static uint64_t boottime_now(void *ctx)
{
	(void)ctx;
	return now(CLOCK_BOOTTIME);
}

const struct clock clock_realtime = { .now = realtime_now };
const struct clock clock_boottime = { .now = boottime_now };

static void expired(void *ctx, uint32_t events)
{
	struct loop_timer *timer = ctx;

	(void)events;
	pthread_mutex_lock(timer->lock);
	timer->due(timer->ctx);
	pthread_mutex_unlock(timer->lock);
}

/* Edge-triggered: each expiry is an event, and nobody needs to read how many there were. */
static int open_fd(struct loop_timer *timer)
{
	int ret;

	timer->source.fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (timer->source.fd < 0)
		return -errno;
	/* Not loop_add(): this may be a vCPU's thread. */
	ret = loop_modify(timer->loop, &timer->source, EPOLLIN | EPOLLET);
	if (ret < 0)
		close_fd(&timer->source.fd);
	return ret;
}

static void loop_timer_set(void *ctx, uint64_t ns)
{
	struct loop_timer *timer = ctx;
	struct itimerspec when = {
		.it_value = { .tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S) },
	};
	int ret = 0;

	if (timer->source.fd < 0) {
		if (!ns)
			return;
		ret = open_fd(timer);
	}
	if (ret == 0 && timerfd_settime(timer->source.fd, 0, &when, NULL) < 0)
		ret = -errno;
	if (ret < 0 && log_limit_ok(&timer->limit))
		log_warning("the host has no timer for a device (%s): it is not woken",
			    strerror(-ret));
}

void loop_timer_init(struct loop_timer *timer, struct loop *loop, pthread_mutex_t *lock,
		     void (*due)(void *ctx), void *ctx)
{
	*timer = (struct loop_timer){
		.source = { .fd = -1, .ready = expired, .ctx = timer },
		.loop = loop,
		.lock = lock,
		.due = due,
		.ctx = ctx,
	};
}

struct timer loop_timer_value(struct loop_timer *timer)
{
	return (struct timer){ .set = loop_timer_set, .ctx = timer };
}

void loop_timer_close(struct loop_timer *timer)
{
	if (timer->source.fd >= 0)
		loop_remove(timer->loop, &timer->source);
	close_fd(&timer->source.fd);
}
