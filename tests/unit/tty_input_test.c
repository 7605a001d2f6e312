/* SPDX-License-Identifier: BSD-2-Clause */
/* The console's input from anything but a terminal. */
#include "tty_world.h"

static void a_pipe_is_read_only_as_the_guest_takes_it(void **state)
{
	uint8_t *pattern = make_pattern(60000);
	struct world *w;
	int fd[2], waiting;

	(void)state;
	assert_int_equal(pipe(fd), 0);
	write_all(fd[1], pattern, 60000);
	close(fd[1]);
	w = world_open(fd[0], -1);
	w->in_room = 16;
	world_connect(w);
	world_start(w);
	wait_input(w, 16);
	assert_loop_is_idle(w);
	assert_int_equal(ioctl(fd[0], FIONREAD, &waiting), 0);
	assert_int_equal(waiting, 60000 - 4096);
	for (size_t nr = 16; nr < 60000; nr += 16) {
		take_input(w, 16);
		wait_input(w, nr + 16 < 60000 ? nr + 16 : 60000);
	}
	assert_loop_is_idle(w); /* the end of the pipe is no reason to spin */
	assert_int_equal(w->in_nr, 60000);
	assert_memory_equal(w->in, pattern, 60000);
	world_stop(w);
	world_close(w, 0);
	close(fd[0]);
	free(pattern);
}

static void input_waits_for_its_device(void **state)
{
	struct world *w;
	int fd[2], waiting;

	(void)state;
	assert_int_equal(pipe(fd), 0);
	write_all(fd[1], "hello", 5);
	w = world_open(fd[0], -1);
	world_start(w);
	assert_loop_is_idle(w);
	world_stop(w);
	assert_int_equal(ioctl(fd[0], FIONREAD, &waiting), 0);
	assert_int_equal(waiting, 5);
	world_connect(w);
	world_start(w);
	wait_input(w, 5);
	world_stop(w);

	tty_disconnect(w->tty);
	write_all(fd[1], " again", 6);
	world_start(w);
	assert_loop_is_idle(w);
	world_stop(w);
	assert_int_equal(w->in_nr, 5);
	world_connect(w);
	world_start(w);
	wait_input(w, 11);
	assert_memory_equal(w->in, "hello again", 11);
	world_stop(w);
	world_close(w, 0);
	close(fd[0]);
	close(fd[1]);
}

static void the_escape_is_nothing_special_in_a_pipe(void **state)
{
	struct world *w;
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	write_all(fd[1], "\x01x\x01h\x01\x01", 6);
	w = world_open(fd[0], -1);
	world_connect(w);
	world_start(w);
	wait_input(w, 6);
	assert_memory_equal(w->in, "\x01x\x01h\x01\x01", 6);
	world_stop(w);
	assert_int_equal(w->quits, 0);
	world_close(w, 0);
	close(fd[0]);
	close(fd[1]);
}

static void a_file_is_read_to_its_end(void **state)
{
	uint8_t *pattern = make_pattern(MIB);
	int fd = make_file();
	struct world *w;

	(void)state;
	write_all(fd, pattern, MIB);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	w = world_open(fd, -1);
	w->in_room = 16;
	world_connect(w);
	world_start(w);
	wait_input(w, 16);
	assert_loop_is_idle(w); /* it is always ready, the guest is not */
	take_input(w, MIB);
	wait_input(w, MIB);
	assert_memory_equal(w->in, pattern, MIB);
	assert_loop_is_idle(w);
	world_stop(w);
	world_close(w, 0);
	close(fd);
	free(pattern);
}

static void a_socket_may_be_both_ends(void **state)
{
	struct world *w;
	char buf[3];
	int fd[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	w = world_open(fd[1], fd[1]);
	world_connect(w);
	world_start(w);
	write_all(fd[0], "hello", 5);
	wait_input(w, 5);
	assert_memory_equal(w->in, "hello", 5);
	send_all(w, (const uint8_t *)"out", 3, 1);
	assert_int_equal(recv(fd[0], buf, 3, MSG_WAITALL), 3);
	assert_memory_equal(buf, "out", 3);
	world_stop(w);
	world_close(w, 0);
	close(fd[0]);
	close(fd[1]);
}

static void dev_null_and_a_closed_stdin_are_no_input(void **state)
{
	int fd[3] = { open("/dev/null", O_RDONLY), -1, open("/", O_RDONLY) };
	struct stderr_catcher catcher;

	(void)state;
	stderr_catch(&catcher);
	for (unsigned int i = 0; i < 3; i++) {
		struct world *w = world_open(fd[i], -1);

		world_connect(w);
		world_start(w);
		assert_loop_is_idle(w);
		world_stop(w);
		assert_int_equal(w->in_nr, 0);
		world_close(w, 0);
		close(fd[i]);
	}
	/* Only the directory is worth a word. */
	assert_non_null(strstr(stderr_end(&catcher), "console's input (Is a directory)"));
	assert_ptr_equal(strstr(catcher.text, "Warning"), catcher.text);
	assert_null(strstr(catcher.text + 1, "Warning"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pipe_is_read_only_as_the_guest_takes_it),
		cmocka_unit_test(input_waits_for_its_device),
		cmocka_unit_test(the_escape_is_nothing_special_in_a_pipe),
		cmocka_unit_test(a_file_is_read_to_its_end),
		cmocka_unit_test(a_socket_may_be_both_ends),
		cmocka_unit_test(dev_null_and_a_closed_stdin_are_no_input),
	};

	alarm(60); /* a wake-up that is lost is a failure, not a hang */
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("tty_input", tests, NULL, NULL);
}
