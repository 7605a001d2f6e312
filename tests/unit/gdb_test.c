/* SPDX-License-Identifier: BSD-2-Clause */
/* gdb's server over a real socket, for a machine that is none. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include "gdb_world.h"
#include "ipc/gdb.h"
#include "util/log.h"
#include "vm/loop.h"

struct world {
	char dir[32];
	struct gdb_options options;
	struct machine_config cfg;
	struct machine machine;
	struct loop loop;
	void *server;
	int fd;
	unsigned int pauses;
	bool is_stopped;
};

static struct world world;

void machine_pause(struct machine *m)
{
	assert_ptr_equal(m, &world.machine);
	world.pauses++;
}

void machine_continue(struct machine *m)
{
	assert_ptr_equal(m, &world.machine);
	world.pauses--;
}

void machine_stop(struct machine *m)
{
	assert_ptr_equal(m, &world.machine);
	world.is_stopped = true;
}

static void *end_soon(void *arg)
{
	struct timespec moment = { .tv_nsec = 20000000 };

	nanosleep(&moment, NULL);
	loop_quit(arg);
	return NULL;
}

/* Lets the server do what there is to do. */
static void serve(void)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, end_soon, &world.loop), 0);
	assert_int_equal(loop_run(&world.loop), 0);
	pthread_join(thread, NULL);
}

static void world_start(bool wait)
{
	char value[64];

	memset(&world, 0, sizeof(world));
	world.machine.nr_cpus = 2;
	world.cfg.name = "web";
	strcpy(world.dir, "/tmp/gdb-test-XXXXXX");
	assert_non_null(mkdtemp(world.dir));
	snprintf(value, sizeof(value), "unix:%s/gdb%s", world.dir, wait ? ",wait" : "");
	assert_int_equal(gdb_parse(&world.options, value, NULL), 0);
	assert_int_equal(loop_create(&world.loop, NULL), 0);
	log_set_level(LOG_ERROR);
	assert_int_equal(gdb_server.open(&world.options, &world.cfg, &world.loop, &world.server,
					 NULL),
			 0);
	gdb_server.running(world.server, &world.machine);
}

static void world_end(void)
{
	gdb_server.running(world.server, NULL);
	gdb_server.close(world.server);
	loop_destroy(&world.loop);
	assert_false(world.machine.attached);
	assert_int_equal(rmdir(world.dir), 0); /* the socket is gone */
}

static int connect_to_it(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&world.options.address.address,
				 world.options.address.len),
			 0);
	serve();
	return fd;
}

/* What comes back at once, as a string; "" is the end. */
static const char *tell(int fd, const char *bytes)
{
	static char got[4096];
	ssize_t len;

	if (*bytes)
		assert_int_equal(send(fd, bytes, strlen(bytes), MSG_NOSIGNAL), strlen(bytes));
	serve();
	len = recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT);
	if (len < 0)
		return "nothing";
	got[len] = '\0';
	return got;
}

static void a_client_halts_the_vm_and_is_answered(void **state)
{
	int fd;

	(void)state;
	world_start(false);
	fd = connect_to_it();
	assert_true(world.machine.halted);
	assert_string_equal(tell(fd, "+$?#3f"), "+$T05thread:1;#d7");
	assert_string_equal(tell(fd, "-"), "$T05thread:1;#d7");
	assert_string_equal(tell(fd, "$?#00"), "-");
	assert_string_equal(tell(fd, "$QStartNoAckMode#b0"), "+$OK#9a");
	assert_string_equal(tell(fd, "$qC#b4$qC#b4"), "$QC1#c5$QC1#c5");
	assert_string_equal(tell(fd, "$c#63"), "nothing");
	assert_false(world.machine.halted);
	assert_string_equal(tell(fd, "\x03"), "$T02thread:1;#d4");
	close(fd);
	serve();
	assert_false(world.machine.attached);
	world_end();
}

static void a_stop_is_told_by_itself(void **state)
{
	int fd;

	(void)state;
	world_start(false);
	fd = connect_to_it();
	tell(fd, "$c#63");
	world.machine.stop = (struct debug_stop){ .cpu = 1, .why = DEBUG_STEPPED };
	world.machine.has_stop = true;
	world.machine.stopped(world.machine.ctx);
	assert_string_equal(tell(fd, ""), "$T05thread:2;#d8");
	close(fd);
	world_end();
}

static void a_second_client_finds_the_door_closed(void **state)
{
	int first, second;

	(void)state;
	world_start(false);
	first = connect_to_it();
	second = connect_to_it();
	serve();
	assert_int_equal(recv(second, &(char){ 0 }, 1, MSG_DONTWAIT), 0);
	close(second);
	assert_string_equal(tell(first, "$qC#b4"), "+$QC1#c5");
	close(first);
	serve();
	first = connect_to_it();
	assert_string_equal(tell(first, "$qC#b4"), "+$QC1#c5");
	close(first);
	world_end();
}

static void a_client_that_vanishes_takes_its_breakpoints_with_it(void **state)
{
	int fd;

	(void)state;
	world_start(false);
	fd = connect_to_it();
	assert_string_equal(tell(fd, "$Z0,ffff000000010000,4#ef"), "+$OK#9a");
	assert_int_equal(world.machine.nr_points, 1);
	tell(fd, "$m0,");
	close(fd);
	serve();
	assert_int_equal(world.machine.nr_points, 0);
	assert_false(world.machine.halted);
	world_end();
}

static void a_vm_that_waits_goes_when_gdb_lets_it(void **state)
{
	int fd;

	(void)state;
	world_start(true);
	assert_int_equal(world.pauses, 1);
	fd = connect_to_it();
	assert_int_equal(world.pauses, 0);
	assert_true(world.machine.halted);
	close(fd);
	serve();
	assert_int_equal(world.pauses, 0);
	world_end();
}

static void detach_and_kill_end_the_connection(void **state)
{
	int fd;

	(void)state;
	world_start(false);
	fd = connect_to_it();
	assert_string_equal(tell(fd, "$D#44"), "+$OK#9a");
	assert_string_equal(tell(fd, ""), "");
	assert_false(world.machine.attached);
	assert_false(world.is_stopped);
	close(fd);
	fd = connect_to_it();
	assert_string_equal(tell(fd, "$k#6b"), "+$OK#9a");
	assert_true(world.is_stopped);
	close(fd);
	world_end();
}

static void a_client_that_waits_is_told_of_the_end(void **state)
{
	char got[16] = "";
	int fd;

	(void)state;
	world_start(false);
	fd = connect_to_it();
	tell(fd, "$c#63");
	gdb_server.running(world.server, NULL);
	assert_int_equal(recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT), 7);
	assert_string_equal(got, "$W00#b7");
	close(fd);
	world_end();
}

static void a_host_that_cannot_leaves_the_vm_alone(void **state)
{
	int fd;

	(void)state;
	world_start(false);
	world.machine.refuses = true;
	fd = connect_to_it();
	assert_int_equal(recv(fd, &(char){ 0 }, 1, MSG_DONTWAIT), 0);
	close(fd);
	world_end();
}

/* It never takes an answer. */
static void a_client_that_does_not_read_gets_no_more(void **state)
{
	static const char ask_all[] = "$mffff000000010000,800#0a";
	int fd;

	(void)state;
	world_start(false);
	fd = connect_to_it();
	for (int i = 0; i < 200; i++) {
		if (send(fd, ask_all, sizeof(ask_all) - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			break;
		if (i % 50 == 0)
			serve();
	}
	serve();
	assert_true(world.machine.attached);
	close(fd);
	serve();
	assert_false(world.machine.attached);
	world_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_halts_the_vm_and_is_answered),
		cmocka_unit_test(a_stop_is_told_by_itself),
		cmocka_unit_test(a_second_client_finds_the_door_closed),
		cmocka_unit_test(a_client_that_vanishes_takes_its_breakpoints_with_it),
		cmocka_unit_test(a_vm_that_waits_goes_when_gdb_lets_it),
		cmocka_unit_test(detach_and_kill_end_the_connection),
		cmocka_unit_test(a_client_that_waits_is_told_of_the_end),
		cmocka_unit_test(a_host_that_cannot_leaves_the_vm_alone),
		cmocka_unit_test(a_client_that_does_not_read_gets_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
