/* SPDX-License-Identifier: BSD-2-Clause */
/* A shared folder behind a device: threads, the loop, flushes, and the end. */
#include <pthread.h>
#include "host/share.h"
#include "p9_world.h"

#define MANY 64

struct one {
	struct p9_request req;
	struct iovec out, in;
	uint8_t message[64], room[64];
	unsigned int when; /* it was done as the when-th; 0: not yet */
};

struct device {
	struct world *w;
	struct loop loop;
	struct share *share;
	pthread_mutex_t lock;
	unsigned int nr_done, nr_pending, nr_ends;
	struct one one[MANY];
};

static void done(void *ctx, struct p9_request *req)
{
	struct device *d = ctx;

	assert_int_not_equal(pthread_mutex_trylock(&d->lock), 0); /* it is held */
	assert_true(d->nr_pending-- > 0);
	container_of(req, struct one, req)->when = ++d->nr_done;
}

static void done_end(void *ctx)
{
	struct device *d = ctx;

	d->nr_ends++;
	if (!d->nr_pending)
		loop_quit(&d->loop);
}

static void connect_device(struct device *d)
{
	share_connect(d->share,
		      (struct p9_frontend){
			      .done = done, .done_end = done_end, .ctx = d, .lock = &d->lock });
}

static int set_up_device(void **state)
{
	struct device *d = calloc(1, sizeof(*d));
	struct p9_config cfg = { .fids_max = 1000 };
	struct err e = { 0 };
	void *w;

	assert_non_null(d);
	assert_int_equal(set_up(&w), 0);
	d->w = w;
	cfg.dir = d->w->dir;
	pthread_mutex_init(&d->lock, NULL);
	assert_int_equal(loop_create(&d->loop, &e), 0);
	d->share = share_open(&cfg, &d->loop, &e);
	if (!d->share)
		fail_msg("%s", e.text);
	connect_device(d);
	*state = d;
	return 0;
}

static int tear_down_device(void **state)
{
	struct device *d = *state;
	void *w = d->w;

	share_disconnect(d->share);
	share_close(d->share);
	loop_destroy(&d->loop);
	pthread_mutex_destroy(&d->lock);
	free(d);
	return tear_down(&w);
}

/* Hands over, as request @nr with the tag @tag, what stands in w->out. Returns whether it was done at once. */
static bool submit(struct device *d, unsigned int nr, uint16_t tag)
{
	struct p9_backend backend = share_backend(d->share);
	struct one *one = &d->one[nr];
	bool ret;

	assert_true(d->w->out_len <= sizeof(one->message));
	memcpy(one->message, d->w->out, d->w->out_len);
	put_le16(one->message + 5, tag);
	one->out = (struct iovec){ one->message, d->w->out_len };
	one->in = (struct iovec){ one->room, sizeof(one->room) };
	one->req = (struct p9_request){ .out = &one->out,
					.nr_out = 1,
					.out_len = d->w->out_len,
					.in = &one->in,
					.nr_in = 1,
					.in_len = sizeof(one->room) };
	one->when = 0;
	pthread_mutex_lock(&d->lock);
	d->nr_pending++;
	ret = backend.submit(backend.ctx, &one->req);
	if (ret)
		d->nr_pending--;
	pthread_mutex_unlock(&d->lock);
	return ret;
}

/* The loop, until nothing is in flight. */
static void finish(struct device *d)
{
	while (d->nr_pending)
		assert_int_equal(loop_run(&d->loop), 0);
}

static uint8_t type_of(const struct device *d, unsigned int nr)
{
	return d->one[nr].room[4];
}

static void send(struct device *d, unsigned int nr, uint8_t type)
{
	assert_false(submit(d, nr, (uint16_t)nr));
	finish(d);
	assert_int_equal(type_of(d, nr), type + 1);
}

static void begin_session(struct device *d)
{
	message(d->w, TVERSION, "ds", 8192, "9P2000.L");
	send(d, 0, TVERSION);
	message(d->w, TATTACH, "ddssd", ROOT, NOFID, "root", "", 0);
	send(d, 0, TATTACH);
}

static void messages_are_answered_by_threads(void **state)
{
	struct device *d = *state;

	begin_session(d);
	for (unsigned int i = 0; i < MANY; i++) {
		message(d->w, TWALK, "ddw", ROOT, 100 + i, 0);
		assert_false(submit(d, i, (uint16_t)i));
	}
	finish(d);
	for (unsigned int i = 0; i < MANY; i++) {
		assert_int_equal(type_of(d, i), TWALK + 1);
		assert_int_equal(get_le16(d->one[i].room + 5), i);
	}
}

static void a_flush_of_nothing_is_answered_at_once(void **state)
{
	struct device *d = *state;

	begin_session(d);
	message(d->w, TFLUSH, "w", 77);
	assert_true(submit(d, 1, 5));
	assert_int_equal(type_of(d, 1), TFLUSH + 1);
	assert_int_equal(d->one[1].req.result, 7);
}

static void a_flush_is_answered_after_what_it_names(void **state)
{
	struct device *d = *state;

	begin_session(d);
	for (unsigned int round = 0; round < 100; round++) {
		message(d->w, TGETATTR, "dq", ROOT, 0ULL);
		assert_false(submit(d, 1, 41));
		message(d->w, TSTATFS, "d", ROOT);
		assert_false(submit(d, 2, 42));
		message(d->w, TFLUSH, "w", 42);
		assert_false(submit(d, 3, 43));
		assert_false(submit(d, 4, 44));
		finish(d);
		assert_true(d->one[2].when && d->one[1].when);
		assert_true(d->one[3].when > d->one[2].when);
		assert_true(d->one[4].when > d->one[2].when);
		assert_int_equal(type_of(d, 2), 7); /* has no room for all of it */
		assert_int_equal(type_of(d, 3), TFLUSH + 1);
	}
}

static void what_is_no_message_is_said_at_once(void **state)
{
	struct device *d = *state;

	message(d->w, TGETATTR, "dq", ROOT, 0ULL);
	put_le32(d->w->out, 5000);
	assert_true(submit(d, 1, 1));
	assert_int_equal(d->one[1].req.result, -EBADMSG);
}

static void disconnecting_waits_and_closes_what_was_open(void **state)
{
	struct device *d = *state;

	begin_session(d);
	for (unsigned int i = 1; i < MANY; i++) {
		message(d->w, TWALK, "ddw", ROOT, 100 + i, 0);
		assert_false(submit(d, i, (uint16_t)i));
	}
	message(d->w, TFLUSH, "w", MANY - 1);
	submit(d, 0, 99);
	share_disconnect(d->share);
	assert_int_equal(d->nr_pending, 0);
	/* The next life of the machine begins anew. */
	connect_device(d);
	message(d->w, TGETATTR, "dq", ROOT, 0ULL);
	assert_false(submit(d, 1, 1));
	finish(d);
	assert_int_equal(type_of(d, 1), 7);
	begin_session(d);
}

static void later_ends_a_batch_soon(void **state)
{
	struct device *d = *state;
	struct p9_backend backend = share_backend(d->share);

	backend.later(backend.ctx);
	assert_int_equal(loop_run(&d->loop), 0);
	assert_int_equal(d->nr_ends, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_device, tear_down_device)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(messages_are_answered_by_threads),
		TEST(a_flush_of_nothing_is_answered_at_once),
		TEST(a_flush_is_answered_after_what_it_names),
		TEST(what_is_no_message_is_said_at_once),
		TEST(disconnecting_waits_and_closes_what_was_open),
		TEST(later_ends_a_batch_soon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
