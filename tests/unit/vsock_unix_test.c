/* SPDX-License-Identifier: BSD-2-Clause */
/* Unix sockets behind a socket device: the line of a client, guests that call, files of the living and the dead. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>
#include "host/vsock_unix.h"
#include "util/cleanup.h"

struct vsock_conn {
	struct vsock_stream *stream;
	unsigned int ready;
};

struct world {
	char folder[32], path[64];
	struct loop loop;
	struct loop_source wake;
	struct vsock_unix *u;
	struct vsock_backend backend;
	pthread_mutex_t lock;
	struct vsock_conn conn[64];
	unsigned int nr;
	uint32_t port; /* of the last that was connected */
	bool refuse;
};

static struct vsock_conn *on_connect(void *ctx, uint32_t port, struct vsock_stream *stream)
{
	struct world *w = ctx;

	w->port = port;
	if (w->refuse)
		return NULL;
	w->conn[w->nr].stream = stream;
	return &w->conn[w->nr++];
}

static void on_ready(void *ctx, struct vsock_conn *conn, unsigned int what)
{
	(void)ctx;
	conn->ready |= what;
}

static void end_turn(void *ctx, uint32_t events)
{
	struct world *w = ctx;
	eventfd_t count;

	(void)events;
	eventfd_read(w->wake.fd, &count);
	loop_quit(&w->loop);
}

/* Serves all that is there. */
static void turn(struct world *w)
{
	for (int i = 0; i < 20; i++) {
		eventfd_write(w->wake.fd, 1);
		assert_int_equal(loop_run(&w->loop), 0);
	}
}

static struct world *world_open(void)
{
	struct world *w = calloc(1, sizeof(*w));
	struct err e = { 0 };

	assert_non_null(w);
	strcpy(w->folder, "/tmp/vsock-test-XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	snprintf(w->path, sizeof(w->path), "%s/v", w->folder);
	pthread_mutex_init(&w->lock, NULL);
	assert_int_equal(loop_create(&w->loop, &e), 0);
	w->wake = (struct loop_source){ eventfd(0, EFD_NONBLOCK), end_turn, w };
	assert_int_equal(loop_add(&w->loop, &w->wake, EPOLLIN), 0);
	w->u = vsock_unix_open(w->path, &w->loop, &e);
	assert_non_null(w->u);
	w->backend = vsock_unix_backend(w->u);
	vsock_unix_connect(w->u, (struct vsock_frontend){ on_connect, on_ready, w, &w->lock });
	return w;
}

static void world_free(struct world *w)
{
	for (unsigned int i = 0; i < w->nr; i++) {
		if (w->conn[i].stream)
			w->backend.close(w->conn[i].stream);
	}
	vsock_unix_disconnect(w->u);
	vsock_unix_close(w->u);
	assert_int_equal(access(w->path, F_OK), -1);
	loop_remove(&w->loop, &w->wake);
	close(w->wake.fd);
	loop_destroy(&w->loop);
	pthread_mutex_destroy(&w->lock);
	assert_int_equal(rmdir(w->folder), 0);
	free(w);
}

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return address;
}

static int client(const struct world *w)
{
	struct sockaddr_un address = address_of(w->path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* What the client hears; "hung up", or "" if it hears nothing. */
static const char *hear(int fd, char *buf, size_t size)
{
	ssize_t len = recv(fd, buf, size - 1, 0);

	if (len == 0 || (len < 0 && errno != EAGAIN))
		return "hung up";
	buf[len < 0 ? 0 : len] = '\0';
	return buf;
}

static void a_client_is_connected_by_its_line(void **state)
{
	struct world *w = world_open();
	int fd = client(w);
	char buf[64];
	struct iovec iov = { buf, sizeof(buf) };

	(void)state;
	assert_int_equal(send(fd, "CONNECT 1000\nhello", 18, 0), 18);
	turn(w);
	assert_int_equal(w->nr, 1);
	assert_int_equal(w->port, 1000);
	assert_string_equal(hear(fd, buf, sizeof(buf)), "");
	w->backend.accepted(w->conn[0].stream, 1073741824);
	assert_string_equal(hear(fd, buf, sizeof(buf)), "OK 1073741824\n");
	assert_int_equal(w->backend.receive(w->conn[0].stream, &iov, 1), 5);
	assert_memory_equal(buf, "hello", 5);
	assert_int_equal(w->backend.receive(w->conn[0].stream, &iov, 1), -EAGAIN);
	close(fd);
	world_free(w);
}

static void a_line_may_come_in_pieces(void **state)
{
	static const char line[] = "CONNECT 4294967295\n";
	struct world *w = world_open();
	int fd = client(w);

	(void)state;
	for (size_t i = 0; i < sizeof(line) - 1; i++) {
		assert_int_equal(w->nr, 0);
		assert_int_equal(send(fd, &line[i], 1, 0), 1);
		turn(w);
	}
	assert_int_equal(w->nr, 1);
	assert_int_equal(w->port, UINT32_MAX);
	close(fd);
	world_free(w);
}

static void what_is_no_such_line_is_hung_up_on(void **state)
{
	static const char *const bad[] = {
		"\n",
		"CONNECT\n",
		"CONNECT \n",
		"CONNECT x\n",
		"CONNECT 1 2\n",
		"CONNECT -1\n",
		"CONNECT 4294967296\n",
		"connect 1\n",
		"GET / HTTP/1.1\r\n",
		"CONNECT 00000000000000000000000000000001\n",
		"01234567890123456789012345678901234567890123456789",
	};
	struct world *w = world_open();
	char buf[64];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int fd = client(w);

		assert_true(send(fd, bad[i], strlen(bad[i]), 0) > 0);
		turn(w);
		assert_string_equal(hear(fd, buf, sizeof(buf)), "hung up");
		assert_int_equal(w->nr, 0);
		close(fd);
	}
	world_free(w);
}

static void a_client_that_the_device_refuses_is_hung_up_on(void **state)
{
	struct world *w = world_open();
	int fd = client(w);
	char buf[64];

	(void)state;
	w->refuse = true;
	assert_int_equal(send(fd, "CONNECT 7\n", 10, 0), 10);
	turn(w);
	assert_string_equal(hear(fd, buf, sizeof(buf)), "hung up");
	close(fd);
	world_free(w);
}

static void of_clients_that_say_nothing_the_oldest_goes(void **state)
{
	struct world *w = world_open();
	int fd[VSOCK_UNIX_NEW_MAX + 2];
	const unsigned int last = VSOCK_UNIX_NEW_MAX + 1;
	char buf[64];

	(void)state;
	for (unsigned int i = 0; i <= last; i++) {
		fd[i] = client(w);
		turn(w);
	}
	assert_string_equal(hear(fd[0], buf, sizeof(buf)), "hung up");
	assert_string_equal(hear(fd[1], buf, sizeof(buf)), "hung up");
	assert_string_equal(hear(fd[2], buf, sizeof(buf)), "");
	assert_int_equal(send(fd[last], "CONNECT 7\n", 10, 0), 10);
	turn(w);
	assert_int_equal(w->nr, 1);
	for (unsigned int i = 0; i <= last; i++)
		close(fd[i]);
	turn(w);
	world_free(w);
}

static void ends_and_room_are_told(void **state)
{
	struct world *w = world_open();
	static char big[1 << 20];
	struct iovec iov = { big, sizeof(big) };
	struct vsock_stream *stream;
	int fd = client(w);

	(void)state;
	assert_int_equal(send(fd, "CONNECT 7\n", 10, 0), 10);
	turn(w);
	stream = w->conn[0].stream;
	while (w->backend.send(stream, &iov, 1) > 0)
		;
	assert_int_equal(w->backend.send(stream, &iov, 1), -EAGAIN);
	turn(w);
	w->conn[0].ready = 0;
	while (recv(fd, big, sizeof(big), 0) > 0)
		;
	turn(w);
	assert_int_equal(w->conn[0].ready & VSOCK_WRITABLE, VSOCK_WRITABLE);
	w->conn[0].ready = 0;
	shutdown(fd, SHUT_WR);
	turn(w);
	assert_int_equal(w->conn[0].ready & (VSOCK_READABLE | VSOCK_GONE), VSOCK_READABLE);
	assert_int_equal(w->backend.receive(stream, &iov, 1), 0);
	close(fd);
	turn(w);
	assert_int_equal(w->conn[0].ready & VSOCK_GONE, VSOCK_GONE);
	assert_int_equal(w->backend.send(stream, &iov, 1), -EPIPE);
	world_free(w);
}

static void the_guest_calls_who_listens_at_its_port(void **state)
{
	struct world *w = world_open();
	struct vsock_conn conn = { 0 };
	char path[80], buf[8];
	struct iovec iov = { (char *)"hi", 2 };
	struct sockaddr_un address;
	struct vsock_stream *stream;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), peer;

	(void)state;
	assert_null(w->backend.connect(w->backend.ctx, 2000, &conn));
	snprintf(path, sizeof(path), "%s_2000", w->path);
	address = address_of(path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_null(w->backend.connect(w->backend.ctx, 2000, &conn));
	assert_int_equal(listen(fd, 1), 0);
	stream = w->backend.connect(w->backend.ctx, 2000, &conn);
	assert_non_null(stream);
	peer = accept(fd, NULL, NULL);
	assert_int_equal(w->backend.send(stream, &iov, 1), 2);
	assert_int_equal(recv(peer, buf, sizeof(buf), 0), 2);
	w->backend.shutdown(stream);
	assert_int_equal(recv(peer, buf, sizeof(buf), 0), 0);
	w->backend.close(stream);
	turn(w);
	close(peer);
	close(fd);
	unlink(path);
	world_free(w);
}

static void the_socket_is_the_users_alone(void **state)
{
	struct world *w = world_open();
	struct stat st;

	(void)state;
	assert_int_equal(stat(w->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	world_free(w);
}

static void the_living_and_other_files_keep_their_place(void **state)
{
	struct world *w = world_open();
	struct err e = { 0 };
	char path[80];
	FILE *file;

	(void)state;
	assert_null(vsock_unix_open(w->path, &w->loop, &e));
	assert_non_null(strstr(e.text, "another VM's"));
	snprintf(path, sizeof(path), "%s/file", w->folder);
	file = fopen(path, "w");
	fclose(file);
	assert_null(vsock_unix_open(path, &w->loop, &e));
	assert_non_null(strstr(e.text, "is no socket"));
	assert_int_equal(unlink(path), 0);
	world_free(w);
}

static void the_dead_give_way(void **state)
{
	struct world *w = world_open();
	struct sockaddr_un address;
	struct vsock_unix *u;
	struct err e = { 0 };
	char path[80];
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	snprintf(path, sizeof(path), "%s/dead", w->folder);
	address = address_of(path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	close(fd);
	u = vsock_unix_open(path, &w->loop, &e);
	assert_non_null(u);
	vsock_unix_close(u);
	assert_int_equal(access(path, F_OK), -1);
	world_free(w);
}

static void a_path_leaves_room_for_a_port(void **state)
{
	struct world *w = world_open();
	struct err e = { 0 };
	char path[98];

	(void)state;
	memset(path, 'x', sizeof(path));
	path[97] = '\0';
	assert_null(vsock_unix_open(path, &w->loop, &e));
	assert_non_null(strstr(e.text, "at most 96 characters"));
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_is_connected_by_its_line),
		cmocka_unit_test(a_line_may_come_in_pieces),
		cmocka_unit_test(what_is_no_such_line_is_hung_up_on),
		cmocka_unit_test(a_client_that_the_device_refuses_is_hung_up_on),
		cmocka_unit_test(of_clients_that_say_nothing_the_oldest_goes),
		cmocka_unit_test(ends_and_room_are_told),
		cmocka_unit_test(the_guest_calls_who_listens_at_its_port),
		cmocka_unit_test(the_socket_is_the_users_alone),
		cmocka_unit_test(the_living_and_other_files_keep_their_place),
		cmocka_unit_test(the_dead_give_way),
		cmocka_unit_test(a_path_leaves_room_for_a_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
