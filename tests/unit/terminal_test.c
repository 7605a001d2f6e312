/* SPDX-License-Identifier: BSD-2-Clause */
/* The console on a terminal: its modes, its keys, the escape, and the background. */
#include "tty_world.h"

static void a_terminal_is_raw_until_it_is_closed(void **state)
{
	struct termios before, during, after;
	int master, slave;
	struct world *w;

	(void)state;
	make_pty(&master, &slave);
	tcgetattr(slave, &before);
	w = world_open(slave, slave);
	tcgetattr(slave, &during);
	assert_int_equal(during.c_lflag & (ICANON | ECHO | ISIG | IEXTEN), 0);
	assert_int_equal(during.c_iflag & (ICRNL | IXON | BRKINT), 0);
	assert_int_equal(during.c_oflag, before.c_oflag);
	assert_true(during.c_oflag & OPOST);
	world_close(w, 0);
	tcgetattr(slave, &after);
	assert_int_equal(before.c_iflag, after.c_iflag);
	assert_int_equal(before.c_oflag, after.c_oflag);
	assert_int_equal(before.c_cflag, after.c_cflag);
	assert_int_equal(before.c_lflag, after.c_lflag);
	assert_memory_equal(before.c_cc, after.c_cc, sizeof(before.c_cc));
	close(master);
	close(slave);
}

static void every_key_reaches_the_guest(void **state)
{
	uint8_t keys[255];
	int master, slave;
	struct world *w;

	(void)state;
	for (unsigned int i = 0; i < 255; i++)
		keys[i] = (uint8_t)(i == 0 ? 0 : i + 1); /* all but Ctrl-A */
	make_pty(&master, &slave);
	w = world_open(slave, -1);
	world_connect(w);
	world_start(w);
	write_all(master, keys, sizeof(keys));
	wait_input(w, sizeof(keys));
	assert_memory_equal(w->in, keys, sizeof(keys));
	world_stop(w);
	world_close(w, 0);
	close(master);
	close(slave);
}

static void ctrl_a_twice_sends_one(void **state)
{
	int master, slave;
	struct world *w;

	(void)state;
	make_pty(&master, &slave);
	w = world_open(slave, -1);
	world_connect(w);
	world_start(w);
	write_all(master, "<\x01", 2);
	wait_input(w, 1);
	write_all(master,
		  "\x01>\x01"
		  "a!",
		  5);
	wait_input(w, 5);
	assert_memory_equal(w->in, "<\x01>\x01!", 5);
	world_stop(w);
	assert_int_equal(w->quits, 0);
	world_close(w, 0);
	close(master);
	close(slave);
}

static void ctrl_a_h_shows_help_and_the_guest_sees_nothing(void **state)
{
	int master, slave;
	struct world *w;
	char buf[512] = "";

	(void)state;
	make_pty(&master, &slave);
	w = world_open(slave, -1);
	world_connect(w);
	world_start(w);
	write_all(master, "\x01h", 2);
	assert_true(read(master, buf, sizeof(buf) - 1) > 0);
	assert_non_null(strstr(buf, "Ctrl-A x"));
	write_all(master, ".", 1);
	wait_input(w, 1);
	assert_int_equal(w->in[0], '.');
	world_stop(w);
	world_close(w, 0);
	close(master);
	close(slave);
}

static void ctrl_a_x_works_while_the_guest_takes_nothing(void **state)
{
	char keys[1000];
	int master, slave;
	struct world *w;

	(void)state;
	memset(keys, 'k', sizeof(keys));
	make_pty(&master, &slave);
	w = world_open(slave, -1);
	w->in_room = 0;
	world_connect(w);
	world_start(w);
	for (unsigned int i = 0; i < 200; i++)
		write_all(master, keys, sizeof(keys));
	write_all(master, "\x01x", 2);
	wait_quit(w);

	/* What fitted is still there for a guest that wakes up. */
	take_input(w, MIB);
	wait_input(w, 64 * 1024);
	world_stop(w);
	assert_int_equal(w->in_nr, 64 * 1024);
	world_close(w, 0);
	close(master);
	close(slave);
}

static void ctrl_a_x_works_without_a_device(void **state)
{
	int master, slave;
	struct world *w;

	(void)state;
	make_pty(&master, &slave);
	w = world_open(slave, -1);
	world_start(w);
	write_all(master, "\x01x", 2);
	wait_quit(w);
	world_stop(w);
	world_close(w, 0);
	close(master);
	close(slave);
}

/* A guest that fills the console again the moment it has room, until lkvm ends. */
static void flood(void *ctx)
{
	static const uint8_t text[4096] = "a flood of text";
	struct world *w = ctx;

	while (!w->quits && w->backend.output(w->backend.ctx, text, sizeof(text)))
		continue;
}

static void *swallow(void *ctx)
{
	static uint8_t buf[65536];
	const int *fd = ctx;

	while (read(*fd, buf, sizeof(buf)) > 0)
		continue;
	return NULL;
}

static void ctrl_a_x_works_while_the_guest_floods_the_console(void **state)
{
	int master, slave, fd[2];
	pthread_t reader;
	struct world *w;

	(void)state;
	assert_int_equal(pipe(fd), 0);
	make_pty(&master, &slave);
	w = world_open(slave, fd[1]);
	tty_connect(w->tty, (struct char_frontend){ .input = device_input,
						    .output_ready = flood,
						    .ctx = w,
						    .lock = &w->lock });
	flood(w);
	assert_int_equal(pthread_create(&reader, NULL, swallow, &fd[0]), 0);
	world_start(w);
	write_all(master, "\x01x", 2);
	wait_quit(w);
	world_stop(w);
	world_close(w, 1000);
	close(fd[1]);
	pthread_join(reader, NULL);
	close(fd[0]);
	close(master);
	close(slave);
}

static void a_terminal_that_hangs_up_ends_its_input_quietly(void **state)
{
	struct stderr_catcher catcher;
	int master, slave;
	struct world *w;

	(void)state;
	make_pty(&master, &slave);
	w = world_open(slave, -1);
	world_connect(w);
	stderr_catch(&catcher);
	world_start(w);
	write_all(master, "bye", 3);
	wait_input(w, 3);
	close(master);
	assert_loop_is_idle(w);
	world_stop(w);
	world_close(w, 0);
	assert_string_equal(stderr_end(&catcher), "");
	close(slave);
}

/* The life of a background job with the terminal @slave; returns its exit status. */
static int background_job(int slave)
{
	struct termios before, during;
	struct loop loop;
	struct tty *tty;
	int waiting;

	if (loop_create(&loop, NULL) < 0 || tcgetattr(slave, &before) < 0)
		return 2;
	tty = tty_open(&loop, slave, -1, on_quit, NULL, NULL);
	if (!tty)
		return 3;
	loop_quit(&loop);
	if (loop_run(&loop) < 0 || tcgetattr(slave, &during) < 0)
		return 4;
	if (before.c_lflag != during.c_lflag)
		return 5;
	tty_close(tty, 0);
	loop_destroy(&loop);
	/* Typed before it began, and still there for the shell. */
	return ioctl(slave, FIONREAD, &waiting) < 0 || waiting != 5 ? 6 : 0;
}

static void in_the_background_the_terminal_is_left_alone(void **state)
{
	int master, slave, status = -1;
	pid_t session;

	(void)state;
	make_pty(&master, &slave);
	write_all(master, "line\n", 5);
	session = fork();
	if (session == 0) {
		pid_t job;

		/* The session's leader stays in the foreground, as a shell does. */
		if (setsid() < 0 || ioctl(slave, TIOCSCTTY, 0) < 0)
			_exit(101);
		job = fork();
		if (job == 0) {
			setpgid(0, 0);
			_exit(background_job(slave));
		}
		if (waitpid(job, &status, WUNTRACED) != job)
			_exit(102);
		if (WIFSTOPPED(status)) {
			kill(job, SIGKILL);
			_exit(103);
		}
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 104);
	}
	assert_int_equal(waitpid(session, &status, 0), session);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	close(master);
	close(slave);
}

/* The escape by itself. */

static void the_key_after_ctrl_a_is_a_command(void **state)
{
	struct escape escape = { 0 };

	(void)state;
	for (unsigned int i = 0; i < 256; i++) {
		enum escape_action expected = i == 'x'                ? ESCAPE_QUIT
					      : i == 'd'              ? ESCAPE_DETACH
					      : i == 'h' || i == '?'  ? ESCAPE_HELP
					      : i == 'a' || i == 0x01 ? ESCAPE_PASS
								      : ESCAPE_DROP;
		uint8_t key = ESCAPE_KEY;

		assert_int_equal(escape_feed(&escape, &key), ESCAPE_DROP);
		key = (uint8_t)i;
		assert_int_equal(escape_feed(&escape, &key), expected);
		if (expected == ESCAPE_PASS)
			assert_int_equal(key, ESCAPE_KEY);
		key = 'x';
		assert_int_equal(escape_feed(&escape, &key), ESCAPE_PASS);
		assert_int_equal(key, 'x');
	}
}

static void without_ctrl_a_every_key_passes(void **state)
{
	struct escape escape = { 0 };

	(void)state;
	for (unsigned int i = 0; i < 256; i++) {
		uint8_t key = (uint8_t)i;

		if (i == ESCAPE_KEY)
			continue;
		assert_int_equal(escape_feed(&escape, &key), ESCAPE_PASS);
		assert_int_equal(key, i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_terminal_is_raw_until_it_is_closed),
		cmocka_unit_test(every_key_reaches_the_guest),
		cmocka_unit_test(ctrl_a_twice_sends_one),
		cmocka_unit_test(ctrl_a_h_shows_help_and_the_guest_sees_nothing),
		cmocka_unit_test(ctrl_a_x_works_while_the_guest_takes_nothing),
		cmocka_unit_test(ctrl_a_x_works_without_a_device),
		cmocka_unit_test(ctrl_a_x_works_while_the_guest_floods_the_console),
		cmocka_unit_test(a_terminal_that_hangs_up_ends_its_input_quietly),
		cmocka_unit_test(in_the_background_the_terminal_is_left_alone),
		cmocka_unit_test(the_key_after_ctrl_a_is_a_command),
		cmocka_unit_test(without_ctrl_a_every_key_passes),
	};

	alarm(60); /* a wake-up that is lost is a failure, not a hang */
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("terminal", tests, NULL, NULL);
}
