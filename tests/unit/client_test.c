/* SPDX-License-Identifier: BSD-2-Clause */
/* The clients of control sockets: one VM or all of them, those that hang, and those that are gone. */
#include "control_world.h"
#include "../../ipc/socket.h"
#include "ipc/target.h"

/* A call of VM @name. */
static struct client_call a_call(const char *name)
{
	struct client_call one = CLIENT_CALL_NONE;

	snprintf(one.name, sizeof(one.name), "%s", name);
	return one;
}

/* A listener that never accepts, and one VM that answers, and one that is not there. */
static void one_that_hangs_does_not_keep_the_others(void **state)
{
	struct client_call calls[] = { a_call("hung"), a_call("nobody"), a_call("web") };
	struct socket_place place;
	struct world w;
	int fd;

	(void)state;
	world_start(&w);
	assert_int_equal(socket_find(&place, "hung", NULL), 0);
	fd = socket_listen(&place, "hung", NULL);
	client_call_all(calls, 3, &(struct request){ .command = "status" }, 200);
	assert_int_equal(calls[0].ret, -EAGAIN);
	assert_int_equal(calls[0].pid, getpid());
	assert_true(calls[0].process >= 0);
	assert_int_equal(calls[1].ret, -ENOENT);
	assert_int_equal(calls[2].ret, 0);
	assert_string_equal(calls[2].reply.text, "VM web is running");
	/* And again, with what is left of the first time. */
	client_call_all(calls, 3, &(struct request){ .command = "status" }, 200);
	assert_int_equal(calls[0].ret, -EAGAIN);
	assert_int_equal(calls[2].ret, 0);
	client_end(calls, 3);
	close(fd);
	unlink(place.address.sun_path);
	world_end(&w);
}

/* Its queue is full of clients that wait: connecting itself is what does not end. */
static void one_whose_queue_is_full_hangs(void **state)
{
	struct client_call one = a_call("hung");
	struct socket_place place;
	struct world w;
	int fd, client[32], nr = 0;

	(void)state;
	setting(&w);
	assert_int_equal(socket_find(&place, "hung", NULL), 0);
	fd = socket_listen(&place, "hung", NULL);
	do
		client[nr] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	while (connect(client[nr++], (struct sockaddr *)&place.address, sizeof(place.address)) ==
		       0 &&
	       nr < 32);
	assert_in_range(nr, 2, 31);
	client_call_all(&one, 1, &(struct request){ .command = "status" }, 100);
	assert_int_equal(one.ret, -EAGAIN);
	client_end(&one, 1);
	while (nr--)
		close(client[nr]);
	close(fd);
	unlink(place.address.sun_path);
	setting_end(&w);
}

static void sockets_are_listed_in_order_and_dead_ones_removed(void **state)
{
	static const char *const files[] = { "vm10.sock", "vm9.sock", "notes", ".sock",
					     "a b.sock" };
	struct target all = { .all = true };
	struct socket_place place;
	struct client_call *calls;
	char path[128];
	struct world w;

	(void)state;
	setting(&w);
	assert_int_equal(target_find(&all, &calls, NULL), 0);
	assert_int_equal(socket_find(&place, "vm10", NULL), 0);
	close(socket_listen(&place, "vm10", NULL));
	assert_int_equal(socket_find(&place, "vm9", NULL), 0);
	close(socket_listen(&place, "vm9", NULL));
	for (size_t i = 2; i < 5; i++) {
		snprintf(path, sizeof(path), "%s/%s", w.folder, files[i]);
		close(creat(path, 0600));
	}
	assert_int_equal(target_find(&all, &calls, NULL), 2);
	assert_string_equal(calls[0].name, "vm9");
	assert_string_equal(calls[1].name, "vm10");
	client_call_all(calls, 2, &(struct request){ .command = "status" }, 1000);
	assert_true(target_is_gone(&all, &calls[0]) && target_is_gone(&all, &calls[1]));
	target_free(calls, 2);
	for (size_t i = 0; i < 5; i++) {
		snprintf(path, sizeof(path), "%s/%s", w.folder, files[i]);
		assert_int_equal(unlink(path), i < 2 ? -1 : 0);
	}
	setting_end(&w);
}

/* A file in a socket's place is somebody's, and a socket with a listener is a VM's. */
static void only_dead_sockets_are_removed(void **state)
{
	struct world w;
	char path[128];

	(void)state;
	world_start(&w);
	socket_remove_dead("web");
	assert_answers();
	snprintf(path, sizeof(path), "%s/file.sock", w.folder);
	close(creat(path, 0600));
	socket_remove_dead("file");
	assert_int_equal(unlink(path), 0);
	world_end(&w);
}

static void a_vm_that_is_not_there_is_named(void **state)
{
	struct reply reply;
	struct err e = { 0 };
	struct world w;

	(void)state;
	setting(&w);
	assert_int_equal(ask("resume", &reply, &e), -ENOENT);
	assert_non_null(strstr(e.text, "there is no VM web"));
	setting_end(&w);
}

static void a_vm_that_hangs_is_not_waited_for_forever(void **state)
{
	struct socket_place place;
	struct reply reply;
	struct err e = { 0 };
	struct world w;
	int fd;

	(void)state;
	setting(&w);
	assert_int_equal(socket_find(&place, "web", NULL), 0);
	fd = socket_listen(&place, "web", NULL);
	assert_true(fd >= 0);
	assert_int_equal(ask("resume", &reply, &e), -EAGAIN);
	assert_string_equal(e.text, "VM web does not answer: it hangs");
	close(fd);
	unlink(w.path);
	setting_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_hangs_does_not_keep_the_others),
		cmocka_unit_test(one_whose_queue_is_full_hangs),
		cmocka_unit_test(sockets_are_listed_in_order_and_dead_ones_removed),
		cmocka_unit_test(only_dead_sockets_are_removed),
		cmocka_unit_test(a_vm_that_is_not_there_is_named),
		cmocka_unit_test(a_vm_that_hangs_is_not_waited_for_forever),
	};

	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
