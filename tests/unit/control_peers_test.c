/* SPDX-License-Identifier: BSD-2-Clause */
/* The control socket and clients of all kinds: none harms the VM, or another client. */
#include "control_world.h"

static void assert_dropped(int fd)
{
	uint8_t byte;
	ssize_t got = recv(fd, &byte, 1, 0);

	assert_true(got == 0 || (got < 0 && errno == ECONNRESET));
	close(fd);
}

static void garbage_gets_its_sender_dropped(void **state)
{
	fdt32_t huge[4] = { cpu_to_fdt32(FDT_MAGIC), cpu_to_fdt32(UINT32_MAX) };
	struct world w;
	int fd;

	(void)state;
	world_start(&w);
	fd = connect_raw(&w);
	put(fd, "GET / HTTP/1.1\r\n\r\n", 18);
	assert_dropped(fd);
	fd = connect_raw(&w);
	put(fd, huge, sizeof(huge));
	assert_dropped(fd);
	assert_answers();
	world_end(&w);
}

static void a_broken_tree_is_answered_with_an_error(void **state)
{
	uint8_t bytes[MESSAGE_MAX];
	size_t size = request_bytes("resume", bytes);
	struct reply reply;
	struct world w;
	int fd;

	(void)state;
	world_start(&w);
	fd = connect_raw(&w);
	memset(bytes + MESSAGE_HEAD, 0xff, size - MESSAGE_HEAD);
	put(fd, bytes, size);
	receive(fd, &reply);
	assert_int_equal(reply.status, -EBADMSG);
	size = request_bytes("resume", bytes);
	put(fd, bytes, size);
	receive(fd, &reply);
	assert_int_equal(reply.status, 0);
	close(fd);
	world_end(&w);
}

static void a_client_that_goes_away_at_any_byte_harms_nobody(void **state)
{
	uint8_t bytes[MESSAGE_MAX];
	size_t size = request_bytes("resume", bytes);
	struct world w;

	(void)state;
	world_start(&w);
	for (size_t cut = 0; cut <= size; cut++) {
		int fd = connect_raw(&w);

		if (cut)
			put(fd, bytes, cut);
		close(fd);
	}
	assert_answers();
	world_end(&w);
}

static void a_request_may_come_byte_by_byte_and_another_behind_it(void **state)
{
	uint8_t bytes[MESSAGE_MAX];
	size_t size = request_bytes("resume", bytes);
	struct reply reply;
	struct world w;
	int fd;

	(void)state;
	world_start(&w);
	fd = connect_raw(&w);
	for (size_t i = 0; i < size; i++)
		put(fd, bytes + i, 1);
	memcpy(bytes + size, bytes, size);
	put(fd, bytes, 2 * size);
	for (int i = 0; i < 3; i++) {
		receive(fd, &reply);
		assert_int_equal(reply.status, 0);
	}
	close(fd);
	world_end(&w);
	assert_int_equal(w.machine.nr_wakes, 3);
}

static void two_clients_at_once_are_both_served(void **state)
{
	uint8_t bytes[MESSAGE_MAX];
	size_t size = request_bytes("resume", bytes), half = size / 2;
	struct reply reply;
	struct world w;
	int a, b;

	(void)state;
	world_start(&w);
	a = connect_raw(&w);
	b = connect_raw(&w);
	put(a, bytes, half);
	put(b, bytes, size);
	receive(b, &reply);
	assert_int_equal(reply.status, 0);
	put(a, bytes + half, size - half);
	receive(a, &reply);
	assert_int_equal(reply.status, 0);
	close(a);
	close(b);
	world_end(&w);
}

static void clients_that_hang_make_room_for_others_the_oldest_first(void **state)
{
	uint8_t bytes[MESSAGE_MAX];
	size_t size = request_bytes("resume", bytes);
	int fd[CONTROL_CLIENTS_MAX];
	struct reply reply;
	struct world w;

	(void)state;
	world_start(&w);
	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		fd[i] = connect_raw(&w);
		put(fd[i], bytes, 20);
	}
	assert_answers();
	assert_dropped(fd[0]);
	for (int i = 1; i < CONTROL_CLIENTS_MAX; i++) {
		put(fd[i], bytes + 20, size - 20);
		receive(fd[i], &reply);
		assert_int_equal(reply.status, 0);
		close(fd[i]);
	}
	world_end(&w);
}

/* It asks and asks and takes no answer: the server must neither wait nor hoard. */
static void a_client_that_never_reads_harms_nobody(void **state)
{
	uint8_t bytes[MESSAGE_MAX];
	size_t size = request_bytes("resume", bytes);
	struct world w;
	int fd;

	(void)state;
	world_start(&w);
	fd = connect_raw(&w);
	for (int idle = 0; idle < 20;) {
		if (send(fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
			assert_int_equal(errno, EAGAIN);
			idle++;
			usleep(1000);
		}
	}
	assert_answers();
	close(fd);
	assert_answers();
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(garbage_gets_its_sender_dropped),
		cmocka_unit_test(a_broken_tree_is_answered_with_an_error),
		cmocka_unit_test(a_client_that_goes_away_at_any_byte_harms_nobody),
		cmocka_unit_test(a_request_may_come_byte_by_byte_and_another_behind_it),
		cmocka_unit_test(two_clients_at_once_are_both_served),
		cmocka_unit_test(clients_that_hang_make_room_for_others_the_oldest_first),
		cmocka_unit_test(a_client_that_never_reads_harms_nobody),
	};

	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
