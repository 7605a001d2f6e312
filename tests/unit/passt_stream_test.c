/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames on passt's stream, over a real socket: torn ones, full sockets, ends that speak nonsense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "host/passt.h"

#define HDR NET_HDR_SIZE

struct world {
	struct passt_stream s;
	int peer;
};

static int make(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	int fds[2];

	assert_non_null(w);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	w->s.fd = fds[0];
	w->peer = fds[1];
	*state = w;
	return 0;
}

static int end(void **state)
{
	struct world *w = *state;

	close(w->s.fd);
	if (w->peer >= 0)
		close(w->peer);
	free(w);
	return 0;
}

static void peer_writes(struct world *w, const void *bytes, size_t len)
{
	assert_int_equal(write(w->peer, bytes, len), len);
}

static size_t receive(struct world *w, uint8_t *buf, size_t len)
{
	/* In three parts, as a guest may have it. */
	const struct iovec iov[] = { { buf, 5 }, { buf + 5, 10 }, { buf + 15, len - 15 } };

	return passt_stream_receive(&w->s, iov, 3);
}

static bool send_frame(struct world *w, uint8_t *buf, size_t len)
{
	const struct iovec iov[] = { { buf, HDR - 2 },
				     { buf + HDR - 2, 4 },
				     { buf + HDR + 2, len - HDR - 2 } };

	return passt_stream_send(&w->s, iov, 3, len);
}

static void a_frame_is_preceded_by_its_length(void **state)
{
	struct world *w = *state;
	uint8_t frame[HDR + 60] = { 0 }, got[200];

	memset(frame, 0xaa, HDR);
	frame[HDR] = 1;
	frame[HDR + 59] = 2;
	assert_true(send_frame(w, frame, sizeof(frame)));
	assert_int_equal(read(w->peer, got, sizeof(got)), 64);
	assert_memory_equal(got, "\0\0\0\x3c\x01", 5);
	assert_int_equal(got[63], 2);
}

static void torn_frames_wait_until_they_are_whole(void **state)
{
	struct world *w = *state;
	uint8_t bytes[4 + 20] = { 0, 0, 0, 20, 7 }, got[100];

	bytes[23] = 9;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		passt_stream_fill(&w->s);
		assert_int_equal(receive(w, got, sizeof(got)), 0);
		peer_writes(w, bytes + i, 1);
	}
	passt_stream_fill(&w->s);
	memset(got, 0xff, sizeof(got));
	assert_int_equal(receive(w, got, sizeof(got)), HDR + 20);
	assert_memory_equal(got, "\0\0\0\0\0\0\0\0\0\0\0\0\x07", HDR + 1);
	assert_int_equal(got[HDR + 19], 9);
	assert_int_equal(receive(w, got, sizeof(got)), 0);
	assert_false(w->s.broken);
}

static void several_frames_come_with_one_read(void **state)
{
	struct world *w = *state;
	uint8_t bytes[2 * (4 + 20) + 10] = { 0, 0, 0, 20 }, got[100];

	memcpy(bytes + 24, "\0\0\0\x14\x05", 5);
	memcpy(bytes + 48, "\0\0\0\x14\x06", 5);
	peer_writes(w, bytes, sizeof(bytes));
	passt_stream_fill(&w->s);
	assert_int_equal(receive(w, got, sizeof(got)), HDR + 20);
	assert_int_equal(receive(w, got, sizeof(got)), HDR + 20);
	assert_int_equal(got[HDR], 5);
	assert_int_equal(receive(w, got, sizeof(got)), 0);
	peer_writes(w, bytes + 8, 14);
	passt_stream_fill(&w->s);
	assert_int_equal(receive(w, got, sizeof(got)), HDR + 20);
	assert_int_equal(got[HDR], 6);
}

static void a_frame_that_is_longer_than_the_buffer_tells_its_length(void **state)
{
	struct world *w = *state;
	uint8_t bytes[4 + 200] = { 0, 0, 0, 200 }, got[100 + 8];

	memset(got, 0xee, sizeof(got));
	peer_writes(w, bytes, sizeof(bytes));
	passt_stream_fill(&w->s);
	assert_int_equal(receive(w, got, 100), HDR + 200);
	assert_int_equal(got[100], 0xee);
}

static void a_checked_frame_says_so(void **state)
{
	struct world *w = *state;
	uint8_t bytes[4 + 20] = { 0, 0, 0, 20 }, got[100];

	w->s.checked = true;
	peer_writes(w, bytes, sizeof(bytes));
	passt_stream_fill(&w->s);
	assert_int_equal(receive(w, got, sizeof(got)), HDR + 20);
	assert_int_equal(got[0], 2); /* VIRTIO_NET_HDR_F_DATA_VALID */
}

static void lengths_that_cannot_be_break_the_stream(void **state)
{
	static const char *const bad[] = { "\0\0\0\0", "\0\0\0\x0d", "\0\x01\0\x12",
					   "\xff\xff\xff\xff" };
	struct world *w = *state;
	uint8_t got[100];

	for (int i = 0; i < 4; i++) {
		w->s.broken = false;
		w->s.in_start = w->s.in_end = 0;
		peer_writes(w, bad[i], 4);
		passt_stream_fill(&w->s);
		assert_int_equal(receive(w, got, sizeof(got)), 0);
		assert_true(w->s.broken);
	}
}

static void the_other_ends_end_breaks_the_stream(void **state)
{
	struct world *w = *state;
	uint8_t frame[HDR + 60] = { 0 };

	close(w->peer);
	w->peer = -1;
	passt_stream_fill(&w->s);
	assert_true(w->s.broken);
	w->s.broken = false;
	assert_true(send_frame(w, frame, sizeof(frame)));
	assert_true(w->s.broken);
}

/* Whatever the socket takes of a frame, the stream has all of it, or nothing. */
static void a_full_socket_loses_nothing(void **state)
{
	const size_t len = HDR + 60000;
	struct world *w = *state;
	uint8_t *frame = calloc(1, len), *got = malloc(8 << 20);
	size_t sent = 0, nr_got = 0;
	int frames = 0;
	ssize_t n;

	for (; frames < 64; frames++) {
		memset(frame + HDR, frames, len - HDR);
		if (!send_frame(w, frame, len))
			break;
	}
	assert_in_range(frames, 1, 63);
	while ((n = recv(w->peer, got + nr_got, 8 << 20, MSG_DONTWAIT)) > 0)
		nr_got += (size_t)n;
	assert_true(send_frame(w, frame, len));
	while ((n = recv(w->peer, got + nr_got, 8 << 20, MSG_DONTWAIT)) > 0)
		nr_got += (size_t)n;
	sent = (size_t)(frames + 1) * (4 + 60000);
	assert_int_equal(nr_got, sent);
	for (int i = 0; i <= frames; i++) {
		const uint8_t *at = got + (size_t)i * (4 + 60000);

		assert_memory_equal(at, "\0\0\xea\x60", 4);
		assert_int_equal(at[4], i);
		assert_int_equal(at[4 + 59999], i);
	}
	free(frame);
	free(got);
}

static void frames_that_cannot_be_are_dropped(void **state)
{
	struct world *w = *state;
	uint8_t *frame = calloc(1, HDR + NET_FRAME_MAX + 1), got[10];

	assert_true(send_frame(w, frame, HDR + 13));
	assert_true(send_frame(w, frame, HDR + NET_FRAME_MAX + 1));
	assert_int_equal(recv(w->peer, got, sizeof(got), MSG_DONTWAIT), -1);
	free(frame);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_frame_is_preceded_by_its_length),
		TEST(torn_frames_wait_until_they_are_whole),
		TEST(several_frames_come_with_one_read),
		TEST(a_frame_that_is_longer_than_the_buffer_tells_its_length),
		TEST(a_checked_frame_says_so),
		TEST(lengths_that_cannot_be_break_the_stream),
		TEST(the_other_ends_end_breaks_the_stream),
		TEST(a_full_socket_loses_nothing),
		TEST(frames_that_cannot_be_are_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
