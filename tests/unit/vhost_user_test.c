/* SPDX-License-Identifier: BSD-2-Clause */
/* The vhost-user front end, over a socket whose other end says what it should, and what it should not. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "../../host/vhost_user_message.h"
#include "host/vhost_user.h"
#include "util/bits.h"
#include "util/cleanup.h"
#include "vm/timer.h"

#define BASE     0x40000000ULL
#define PROTOCOL (1ULL << 30)
#define FEATURES (1ULL << 32 | 1ULL << 28 | PROTOCOL)
#define NR       2

struct world {
	struct loop loop;
	struct ram ram;
	struct vhost_user *v;
	struct vhost_backend backend;
	pthread_mutex_t lock;
	int peer; /* the other end */
	int kick[NR];
	unsigned int gone, called[NR], stopped[NR];
	char why[64];
	struct loop_timer watchdog; /* ends a loop_run() that nothing else ends */
};

/* --- The other end --- */

/* An answer put into the socket before it is asked for. @len bytes of it. */
static void answer(struct world *w, uint32_t request, uint32_t flags, uint32_t size, uint64_t value,
		   size_t len)
{
	struct vhost_user_message m = {
		.request = request,
		.flags = flags,
		.size = size,
		.u64 = value,
	};

	assert_int_equal(write(w->peer, &m, len), len);
}

static void reply(struct world *w, uint32_t request, uint64_t value)
{
	answer(w, request, 5, 8, value, 20);
}

/* A reply that a queue has been given back. */
static void give_back(struct world *w, uint32_t queue)
{
	reply(w, VHOST_USER_GET_VRING_BASE, queue);
}

/* The next request, with the descriptor that came with it, or -1, in *fd, which the caller closes. */
static struct vhost_user_message next(struct world *w, int *fd)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct vhost_user_message m = { 0 };
	struct iovec iov = { .iov_base = &m, .iov_len = VHOST_USER_HEAD };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	*fd = -1;
	assert_int_equal(recvmsg(w->peer, &msg, 0), VHOST_USER_HEAD);
	if (CMSG_FIRSTHDR(&msg))
		memcpy(fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(*fd));
	assert_int_equal(m.flags, VHOST_USER_VERSION);
	assert_true(m.size <= sizeof(m) - VHOST_USER_HEAD);
	if (m.size)
		assert_int_equal(recv(w->peer, (uint8_t *)&m + VHOST_USER_HEAD, m.size,
				      MSG_WAITALL),
				 m.size);
	return m;
}

/* The next request has to be this one. */
static struct vhost_user_message expect(struct world *w, uint32_t request)
{
	int fd;
	struct vhost_user_message m = next(w, &fd);

	close_fd(&fd);
	assert_int_equal(m.request, request);
	return m;
}

static bool nothing_more(struct world *w)
{
	char byte;

	return recv(w->peer, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
}

/* --- The device --- */

static void called(void *ctx, unsigned int queue)
{
	struct world *w = ctx;

	assert_int_not_equal(pthread_mutex_trylock(&w->lock), 0);
	w->called[queue]++;
	loop_quit(&w->loop);
}

static void stopped(void *ctx, unsigned int queue)
{
	struct world *w = ctx;

	assert_int_not_equal(pthread_mutex_trylock(&w->lock), 0);
	w->stopped[queue]++;
	loop_quit(&w->loop);
}

static void failed(void *ctx, const char *why)
{
	struct world *w = ctx;

	assert_int_equal(w->gone, 1); /* it is gone before the device hears of it */
	assert_string_equal(w->why, "");
	snprintf(w->why, sizeof(w->why), "%s", why);
	loop_quit(&w->loop);
}

static void gone(void *ctx)
{
	struct world *w = ctx;

	w->gone++;
}

static void bite(void *ctx)
{
	struct world *w = ctx;

	loop_quit(&w->loop);
}

/* The loop, until something happens, or for @ms. */
static void run(struct world *w, unsigned int ms)
{
	struct timer timer;

	loop_timer_init(&w->watchdog, &w->loop, &w->lock, bite, w);
	timer = loop_timer_value(&w->watchdog);
	timer_set(&timer, ms * 1000000ULL);
	assert_int_equal(loop_run(&w->loop), 0);
	loop_timer_close(&w->watchdog);
}

/* --- Worlds --- */

static struct world *world_make(void)
{
	struct world *w = calloc(1, sizeof(*w));
	struct err e = { 0 };

	assert_non_null(w);
	w->loop = LOOP_NONE;
	w->watchdog = LOOP_TIMER_NONE;
	pthread_mutex_init(&w->lock, NULL);
	assert_int_equal(loop_create(&w->loop, &e), 0);
	assert_int_equal(ram_create(&w->ram, BASE, 4 * MiB, NULL, true, &e), 0);
	w->peer = -1;
	w->kick[0] = w->kick[1] = -1;
	return w;
}

/* Agrees with a peer that has said all it will before; NULL: @e says why not. */
static struct vhost_user *agree(struct world *w, int end, struct err *e)
{
	w->v = vhost_user_open(&end, NR, &w->loop, e);
	assert_int_equal(end, -1);
	return w->v;
}

static int pair(struct world *w)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	w->peer = fd[0];
	return fd[1];
}

static void connect_device(struct world *w)
{
	struct vhost_frontend frontend = {
		.called = called,
		.stopped = stopped,
		.failed = failed,
		.ctx = w,
		.lock = &w->lock,
	};
	struct err e = { 0 };
	int pipes[2];

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0); /* descriptors that can be told apart */
	memcpy(w->kick, pipes, sizeof(pipes));
	assert_int_equal(vhost_user_connect(w->v, &w->ram, w->kick, frontend, gone, w, &e), 0);
	w->backend = vhost_user_backend(w->v);
}

/* Agreed, and its requests of the time read. */
static struct world *world_open(void)
{
	struct world *w = world_make();
	int end = pair(w);

	reply(w, VHOST_USER_GET_FEATURES, FEATURES);
	reply(w, VHOST_USER_GET_PROTOCOL_FEATURES, 0xffff);
	reply(w, VHOST_USER_GET_QUEUE_NUM, NR);
	assert_non_null(agree(w, end, NULL));
	expect(w, VHOST_USER_GET_FEATURES);
	expect(w, VHOST_USER_GET_PROTOCOL_FEATURES);
	assert_int_equal(expect(w, VHOST_USER_SET_PROTOCOL_FEATURES).u64, 1);
	expect(w, VHOST_USER_GET_QUEUE_NUM);
	expect(w, VHOST_USER_SET_OWNER);
	assert_true(nothing_more(w));
	connect_device(w);
	return w;
}

static void world_close(struct world *w)
{
	vhost_user_close(w->v);
	close_fd(&w->peer);
	close_fd(&w->kick[0]);
	close_fd(&w->kick[1]);
	ram_destroy(&w->ram);
	loop_destroy(&w->loop);
	free(w);
}

static int start_queue(struct world *w, unsigned int queue)
{
	const struct vhost_queue q = {
		.size = 64,
		.base = 7,
		.desc = BASE + 0x1000,
		.driver = BASE + 0x2000,
		.device = BASE + 0x3000,
	};

	return w->backend.start_queue(w->backend.ctx, queue, &q);
}

static bool stop_queue(struct world *w, unsigned int queue)
{
	bool ret;

	pthread_mutex_lock(&w->lock);
	ret = w->backend.stop_queue(w->backend.ctx, queue);
	pthread_mutex_unlock(&w->lock);
	return ret;
}

static void drain(struct world *w)
{
	char buf[4096];

	while (recv(w->peer, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
}

/* --- The agreement --- */

static void the_devices_features_are_the_processes_without_the_protocols(void **state)
{
	struct world *w = world_open();

	(void)state;
	assert_int_equal(w->backend.features, FEATURES & ~PROTOCOL);
	world_close(w);
}

static void a_process_without_protocol_features_will_do(void **state)
{
	struct world *w = world_make();
	int end = pair(w);

	(void)state;
	reply(w, VHOST_USER_GET_FEATURES, FEATURES & ~PROTOCOL);
	assert_non_null(agree(w, end, NULL));
	expect(w, VHOST_USER_GET_FEATURES);
	expect(w, VHOST_USER_SET_OWNER);
	connect_device(w);
	assert_int_equal(start_queue(w, 0), 0);
	for (unsigned int i = 0; i < 5; i++)
		assert_int_not_equal(next(w, &(int){ 0 }).request, VHOST_USER_SET_VRING_ENABLE);
	assert_true(nothing_more(w));
	world_close(w);
}

/* Says what it said before it was asked, torn into pieces. */
static void replies_may_come_in_pieces(void **state)
{
	struct world *w = world_make();
	int end = pair(w);
	struct vhost_user_message m = {
		.request = VHOST_USER_GET_FEATURES, .flags = 5, .size = 8, .u64 = 1ULL << 32
	};
	pid_t child;

	(void)state;
	child = fork();
	if (child == 0) {
		for (size_t i = 0; i < 20; i++) {
			usleep(1000);
			if (write(w->peer, (uint8_t *)&m + i, 1) != 1)
				_exit(1);
		}
		_exit(0);
	}
	assert_true(child > 0);
	assert_non_null(agree(w, end, NULL));
	world_close(w);
}

static void refused(uint32_t request, uint32_t flags, uint32_t size, size_t len, const char *why)
{
	struct world *w = world_make();
	struct err e = { 0 };
	int end = pair(w);

	answer(w, request, flags, size, FEATURES, len);
	assert_int_equal(shutdown(w->peer, SHUT_WR), 0);
	assert_null(agree(w, end, &e));
	assert_non_null(strstr(e.text, why));
	world_close(w);
}

static void answers_that_are_none_are_refused(void **state)
{
	(void)state;
	refused(VHOST_USER_GET_QUEUE_NUM, 5, 8, 20, "does not speak vhost-user");
	refused(VHOST_USER_GET_FEATURES, 1, 8, 20, "does not speak vhost-user");
	refused(VHOST_USER_GET_FEATURES, 6, 8, 20, "does not speak vhost-user");
	refused(VHOST_USER_GET_FEATURES, 5, 0, 12, "does not speak vhost-user");
	refused(VHOST_USER_GET_FEATURES, 5, UINT32_MAX, 20, "does not speak vhost-user");
	refused(VHOST_USER_GET_FEATURES, 5, 8, 19, "hung up");
	refused(VHOST_USER_GET_FEATURES, 5, 8, 3, "hung up");
}

static void a_process_that_hung_up_is_refused(void **state)
{
	struct world *w = world_make();
	struct err e = { 0 };
	int end = pair(w);

	(void)state;
	close_fd(&w->peer);
	assert_null(agree(w, end, &e));
	assert_non_null(strstr(e.text, "hung up"));
	world_close(w);
}

static void too_few_queues_are_refused(void **state)
{
	struct world *w = world_make();
	struct err e = { 0 };
	int end = pair(w);

	(void)state;
	reply(w, VHOST_USER_GET_FEATURES, FEATURES);
	reply(w, VHOST_USER_GET_PROTOCOL_FEATURES, 1);
	reply(w, VHOST_USER_GET_QUEUE_NUM, NR - 1);
	assert_null(agree(w, end, &e));
	assert_non_null(strstr(e.text, "1 queues, and 2 are needed"));
	world_close(w);
}

/* --- At work --- */

static void starting_gives_it_features_and_memory(void **state)
{
	struct world *w = world_open();
	struct vhost_user_message m;
	char byte = 0;
	int fd;

	(void)state;
	assert_int_equal(w->backend.start(w->backend.ctx, 1ULL << 32), 0);
	assert_int_equal(expect(w, VHOST_USER_SET_FEATURES).u64, 1ULL << 32 | PROTOCOL);
	m = next(w, &fd);
	assert_int_equal(m.request, VHOST_USER_SET_MEM_TABLE);
	assert_int_equal(m.memory.nr, 1);
	assert_int_equal(m.memory.region[0].gpa, BASE);
	assert_int_equal(m.memory.region[0].size, 4 * MiB);
	assert_int_equal(m.memory.region[0].user_addr, (uintptr_t)w->ram.host);
	assert_int_equal(m.memory.region[0].file_off, 0);
	w->ram.host[5] = 'x';
	assert_int_equal(pread(fd, &byte, 1, 5), 1);
	assert_int_equal(byte, 'x');
	close_fd(&fd);
	assert_true(nothing_more(w));
	world_close(w);
}

static void a_queue_is_set_up_with_all_it_needs(void **state)
{
	struct world *w = world_open();
	struct vhost_user_message m;
	int call, kick;

	(void)state;
	assert_int_equal(start_queue(w, 1), 0);
	m = expect(w, VHOST_USER_SET_VRING_NUM);
	assert_int_equal(m.state.index, 1);
	assert_int_equal(m.state.num, 64);
	m = expect(w, VHOST_USER_SET_VRING_BASE);
	assert_int_equal(m.state.index, 1);
	assert_int_equal(m.state.num, 7);
	m = expect(w, VHOST_USER_SET_VRING_ADDR);
	assert_int_equal(m.addr.index, 1);
	assert_int_equal(m.addr.desc_user_addr, (uintptr_t)w->ram.host + 0x1000);
	assert_int_equal(m.addr.avail_user_addr, (uintptr_t)w->ram.host + 0x2000);
	assert_int_equal(m.addr.used_user_addr, (uintptr_t)w->ram.host + 0x3000);
	m = next(w, &call);
	assert_int_equal(m.request, VHOST_USER_SET_VRING_CALL);
	assert_int_equal(m.u64, 1);
	m = next(w, &kick);
	assert_int_equal(m.request, VHOST_USER_SET_VRING_KICK);
	assert_int_equal(m.u64, 1);
	m = expect(w, VHOST_USER_SET_VRING_ENABLE);
	assert_int_equal(m.state.index, 1);
	assert_int_equal(m.state.num, 1);
	assert_true(nothing_more(w));

	/* What it rings is heard; what the device rings reaches it. */
	assert_int_equal(write(call, &(uint64_t){ 1 }, 8), 8);
	run(w, 2000);
	assert_int_equal(w->called[1], 1);
	assert_int_equal(w->called[0], 0);
	w->backend.kick(w->backend.ctx, 1);
	assert_int_equal(read(w->kick[0], &(uint64_t){ 0 }, 8), 8);
	close_fd(&call);
	close_fd(&kick);
	world_close(w);
}

static void a_queue_is_stopped_when_it_was_given_back(void **state)
{
	struct world *w = world_open();

	(void)state;
	assert_false(stop_queue(w, 1));
	assert_int_equal(expect(w, VHOST_USER_GET_VRING_BASE).state.index, 1);
	run(w, 50);
	assert_int_equal(w->stopped[1], 0);
	give_back(w, 1);
	run(w, 2000);
	assert_int_equal(w->stopped[1], 1);
	assert_string_equal(w->why, "");
	world_close(w);
}

static void queues_are_given_back_in_any_order(void **state)
{
	struct world *w = world_open();

	(void)state;
	assert_false(stop_queue(w, 0));
	assert_false(stop_queue(w, 1));
	give_back(w, 1);
	give_back(w, 0);
	run(w, 2000);
	if (!w->stopped[0])
		run(w, 2000);
	assert_int_equal(w->stopped[0], 1);
	assert_int_equal(w->stopped[1], 1);
	world_close(w);
}

/* --- Its end --- */

static void ends_with(struct world *w, const char *why)
{
	run(w, 8000);
	assert_int_equal(w->gone, 1);
	assert_string_equal(w->why, why);
	assert_int_equal(w->backend.start(w->backend.ctx, 0), -ENOTCONN);
	assert_true(stop_queue(w, 0));
	world_close(w);
}

static void a_process_that_dies_is_gone(void **state)
{
	struct world *w = world_open();

	(void)state;
	close_fd(&w->peer);
	ends_with(w, "hung up");
}

static void a_process_that_dies_gives_its_queues_back(void **state)
{
	struct world *w = world_open();

	(void)state;
	assert_false(stop_queue(w, 0));
	assert_false(stop_queue(w, 1));
	close_fd(&w->peer);
	run(w, 2000);
	assert_int_equal(w->stopped[0], 1);
	assert_int_equal(w->stopped[1], 1);
	world_close(w);
}

static void a_reply_that_nobody_asked_for_is_the_end(void **state)
{
	struct world *w = world_open();

	(void)state;
	give_back(w, 0);
	ends_with(w, "broke the rules of vhost-user");
}

static void a_queue_that_does_not_exist_is_the_end(void **state)
{
	struct world *w = world_open();

	(void)state;
	assert_false(stop_queue(w, 0));
	give_back(w, 64);
	ends_with(w, "broke the rules of vhost-user");
}

static void another_reply_is_the_end(void **state)
{
	struct world *w = world_open();

	(void)state;
	assert_false(stop_queue(w, 0));
	reply(w, VHOST_USER_GET_FEATURES, 0);
	ends_with(w, "broke the rules of vhost-user");
}

static void a_reply_of_another_size_is_the_end(void **state)
{
	struct world *w = world_open();

	(void)state;
	assert_false(stop_queue(w, 0));
	answer(w, VHOST_USER_GET_VRING_BASE, 5, 4096, 0, 20);
	ends_with(w, "broke the rules of vhost-user");
}

static void a_process_that_keeps_a_queue_is_given_up(void **state)
{
	struct world *w = world_open();

	(void)state;
	assert_false(stop_queue(w, 0));
	answer(w, VHOST_USER_GET_VRING_BASE, 5, 8, 0, 19);
	run(w, 1000);
	assert_int_equal(w->gone, 0);
	ends_with(w, "does not answer");
}

static void a_process_that_does_not_listen_is_given_up(void **state)
{
	struct world *w = world_open();
	int ret = 0;

	(void)state;
	for (unsigned int i = 0; i < 100000 && ret == 0; i++)
		ret = start_queue(w, 0);
	assert_true(ret < 0);
	drain(w);
	ends_with(w, "does not listen");
}

static void descriptors_that_it_sends_are_not_kept(void **state)
{
	struct world *w = world_open();
	struct vhost_user_message m = {
		.request = VHOST_USER_GET_VRING_BASE,
		.size = 8,
		.state = { .index = 0 },
	};
	int pipes[2];
	char byte;

	(void)state;
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	assert_false(stop_queue(w, 0));
	assert_int_equal(vhost_user_send(w->peer, &m, pipes[1]), 0); /* and is no reply */
	close_fd(&pipes[1]);
	run(w, 2000);
	assert_string_equal(w->why, "broke the rules of vhost-user");
	assert_int_equal(read(pipes[0], &byte, 1), 0); /* nobody has the other end */
	close_fd(&pipes[0]);
	world_close(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_devices_features_are_the_processes_without_the_protocols),
		cmocka_unit_test(a_process_without_protocol_features_will_do),
		cmocka_unit_test(replies_may_come_in_pieces),
		cmocka_unit_test(answers_that_are_none_are_refused),
		cmocka_unit_test(a_process_that_hung_up_is_refused),
		cmocka_unit_test(too_few_queues_are_refused),
		cmocka_unit_test(starting_gives_it_features_and_memory),
		cmocka_unit_test(a_queue_is_set_up_with_all_it_needs),
		cmocka_unit_test(a_queue_is_stopped_when_it_was_given_back),
		cmocka_unit_test(queues_are_given_back_in_any_order),
		cmocka_unit_test(a_process_that_dies_is_gone),
		cmocka_unit_test(a_process_that_dies_gives_its_queues_back),
		cmocka_unit_test(a_reply_that_nobody_asked_for_is_the_end),
		cmocka_unit_test(a_queue_that_does_not_exist_is_the_end),
		cmocka_unit_test(another_reply_is_the_end),
		cmocka_unit_test(a_reply_of_another_size_is_the_end),
		cmocka_unit_test(a_process_that_keeps_a_queue_is_given_up),
		cmocka_unit_test(a_process_that_does_not_listen_is_given_up),
		cmocka_unit_test(descriptors_that_it_sends_are_not_kept),
	};

	alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
