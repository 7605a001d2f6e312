/* SPDX-License-Identifier: BSD-2-Clause */
/* The console's output: every kind of stdout, readers that are slow, stuck or gone. */
#include "tty_world.h"

/* Runs @w while a slow reader takes 1 MiB from @from. */
static void assert_exact_through_a_slow_reader(struct world *w, int from)
{
	uint8_t *pattern = make_pattern(MIB);
	struct reader *reader = reader_start(from, MIB);

	world_connect(w);
	world_start(w);
	send_all(w, pattern, MIB / 32, 1);
	send_all(w, pattern + MIB / 32, MIB - MIB / 32, 16);
	reader_finish(reader, pattern, MIB);
	assert_loop_is_idle(w);
	world_stop(w);
	world_close(w, 0);
	free(pattern);
}

static void a_slow_pipe_gets_every_byte(void **state)
{
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	fcntl(fd[1], F_SETPIPE_SZ, 4096);
	assert_exact_through_a_slow_reader(world_open(-1, fd[1]), fd[0]);
	close(fd[0]);
	close(fd[1]);
}

static void a_slow_socket_gets_every_byte(void **state)
{
	int fd[2], size = 4096;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	setsockopt(fd[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	assert_exact_through_a_slow_reader(world_open(-1, fd[1]), fd[0]);
	close(fd[0]);
	close(fd[1]);
}

static void a_slow_terminal_gets_every_byte(void **state)
{
	struct termios raw;
	int master, slave;

	(void)state;
	make_pty(&master, &slave);
	tcgetattr(slave, &raw);
	cfmakeraw(&raw); /* no output processing, to compare bytes */
	tcsetattr(slave, TCSANOW, &raw);
	assert_exact_through_a_slow_reader(world_open(-1, slave), master);
	close(master);
	close(slave);
}

static void a_file_gets_every_byte(void **state)
{
	uint8_t *pattern = make_pattern(MIB), *found = malloc(MIB);
	int fd = make_file();
	struct world *w = world_open(-1, fd);

	(void)state;
	assert_int_equal(write(fd, "before", 6), 6);
	world_connect(w);
	world_start(w);
	send_all(w, pattern, MIB, 16);
	world_stop(w);
	world_close(w, 1000);
	assert_int_equal(lseek(fd, 0, SEEK_END), MIB + 6);
	assert_int_equal(pread(fd, found, MIB, 6), MIB);
	assert_memory_equal(found, pattern, MIB);
	close(fd);
	free(found);
	free(pattern);
}

/* A descriptor that cannot be opened a second time is polled. */
static void a_pipe_and_a_terminal_of_another_user_get_every_byte(void **state)
{
	struct termios raw;
	int fd[2], master, slave;
	struct world *w;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(pipe(fd), 0);
	make_pty(&master, &slave);
	tcgetattr(slave, &raw);
	cfmakeraw(&raw);
	tcsetattr(slave, TCSANOW, &raw);
	fchmod(slave, 0600);
	fcntl(fd[1], F_SETPIPE_SZ, 4096);

	assert_int_equal(seteuid(65534), 0);
	w = world_open(-1, fd[1]);
	assert_int_equal(seteuid(0), 0);
	assert_exact_through_a_slow_reader(w, fd[0]);

	assert_int_equal(seteuid(65534), 0);
	w = world_open(slave, slave);
	assert_int_equal(seteuid(0), 0);
	world_connect(w);
	write_all(master, "in\x01x", 4);
	world_start(w);
	send_all(w, (const uint8_t *)"out", 3, 1);
	wait_input(w, 2);
	wait_quit(w);
	assert_memory_equal(w->in, "in", 2);
	assert_loop_is_idle(w);
	world_stop(w);
	world_close(w, 1000);
	close(fd[0]);
	close(fd[1]);
	close(master);
	close(slave);
}

static void the_callers_descriptors_stay_blocking(void **state)
{
	struct world *w;
	int fd[2], master, slave;

	(void)state;
	assert_int_equal(pipe(fd), 0);
	make_pty(&master, &slave);
	w = world_open(slave, fd[1]);
	assert_int_equal(fcntl(slave, F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(fcntl(fd[1], F_GETFL) & O_NONBLOCK, 0);
	world_close(w, 0);
	assert_true(fcntl(slave, F_GETFL) >= 0);
	assert_true(fcntl(fd[1], F_GETFL) >= 0);
	close(fd[0]);
	close(fd[1]);
	close(master);
	close(slave);
}

static void a_reader_that_goes_away_is_named_once_and_the_guest_runs_on(void **state)
{
	uint8_t *pattern = make_pattern(MIB);
	struct stderr_catcher catcher;
	const char *text;
	struct world *w;
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	w = world_open(-1, fd[1]);
	world_connect(w);
	stderr_catch(&catcher);
	world_start(w);
	send_all(w, pattern, 1000, 1);
	close(fd[0]);
	send_all(w, pattern, MIB, 16);
	assert_loop_is_idle(w);
	world_stop(w);
	world_close(w, 1000);
	text = stderr_end(&catcher);
	assert_non_null(strstr(text, "Warning: cannot write the console's output (Broken pipe)"));
	assert_null(strstr(strstr(text, "Warning") + 1, "Warning"));
	close(fd[1]);
	free(pattern);
}

static void a_guest_that_waits_hears_that_its_reader_is_gone(void **state)
{
	uint8_t *pattern = make_pattern(MIB);
	struct stderr_catcher catcher;
	struct world *w;
	int fd[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	w = world_open(-1, fd[1]);
	world_connect(w);
	stderr_catch(&catcher);
	world_start(w);
	pthread_mutex_lock(&w->lock);
	while (w->backend.output(w->backend.ctx, pattern, 4096) == 4096)
		sched_yield();
	close(fd[0]);
	pthread_cond_wait(&w->changed, &w->lock);
	pthread_mutex_unlock(&w->lock);
	send_all(w, pattern, MIB, 16);
	world_stop(w);
	world_close(w, 1000);
	stderr_end(&catcher);
	close(fd[1]);
	free(pattern);
}

static void a_full_disk_does_not_stop_the_guest(void **state)
{
	int fd = open("/dev/full", O_WRONLY);
	struct stderr_catcher catcher;
	struct world *w = world_open(-1, fd);
	uint8_t *pattern = make_pattern(MIB);

	(void)state;
	stderr_catch(&catcher);
	world_connect(w);
	world_start(w);
	send_all(w, pattern, MIB, 16);
	assert_loop_is_idle(w);
	world_stop(w);
	world_close(w, 1000);
	assert_non_null(strstr(stderr_end(&catcher), "No space left"));
	close(fd);
	free(pattern);
}

static void a_closed_stdout_swallows_output(void **state)
{
	struct world *w = world_open(-1, -1);
	uint8_t *pattern = make_pattern(MIB);

	(void)state;
	world_connect(w);
	world_start(w);
	send_all(w, pattern, MIB, 16);
	world_stop(w);
	world_close(w, 1000);
	free(pattern);
}

/* Opening it once more would allow what the descriptor itself does not. */
static void a_stdout_that_cannot_be_written_swallows_output(void **state)
{
	struct world *w;
	int fd[2], waiting;

	(void)state;
	assert_int_equal(pipe(fd), 0);
	w = world_open(-1, fd[0]);
	send_all(w, (const uint8_t *)"abc", 3, 1);
	world_close(w, 1000);
	assert_int_equal(ioctl(fd[0], FIONREAD, &waiting), 0);
	assert_int_equal(waiting, 0);
	close(fd[0]);
	close(fd[1]);
}

static void closing_writes_what_is_left(void **state)
{
	uint8_t *pattern = make_pattern(60000);
	struct reader *reader;
	struct world *w;
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	fcntl(fd[1], F_SETPIPE_SZ, 4096);
	w = world_open(-1, fd[1]);
	send_all(w, pattern, 60000, 16);
	reader = reader_start(fd[0], 60000);
	world_close(w, 5000);
	reader_finish(reader, pattern, 60000);
	close(fd[0]);
	close(fd[1]);
	free(pattern);
}

static void closing_does_not_wait_for_ever(void **state)
{
	uint8_t *pattern = make_pattern(60000);
	struct stderr_catcher catcher;
	struct timespec start, end;
	struct world *w;
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	fcntl(fd[1], F_SETPIPE_SZ, 4096);
	w = world_open(-1, fd[1]);
	send_all(w, pattern, 60000, 16);
	stderr_catch(&catcher);
	clock_gettime(CLOCK_MONOTONIC, &start);
	world_close(w, 50);
	clock_gettime(CLOCK_MONOTONIC, &end);
	assert_non_null(strstr(stderr_end(&catcher), "its last 55904 bytes are lost"));
	assert_in_range((end.tv_sec - start.tv_sec) * 1000 +
				(end.tv_nsec - start.tv_nsec) / 1000000,
			49, 1000);
	close(fd[0]);
	close(fd[1]);
	free(pattern);
}

/* At a reboot the old UART goes, with bytes in its FIFO that the guest saw itself send. */
static void disconnecting_takes_over_what_the_uart_holds(void **state)
{
	uint8_t *pattern = make_pattern(2 * MIB);
	struct uart8250 uart;
	struct reader *reader;
	size_t nr = 0;
	struct world *w;
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	w = world_open(-1, fd[1]);
	uart8250_init(&uart, (struct irq){ 0 }, w->backend);
	tty_connect(w->tty, uart8250_frontend(&uart));
	while (uart8250_mmio.read(&uart, 5, 1) & 0x20)
		uart8250_mmio.write(&uart, 0, pattern[nr++], 1);
	for (unsigned int i = 1; i < UART8250_FIFO_SIZE; i++)
		uart8250_mmio.write(&uart, 0, pattern[nr++], 1);
	tty_disconnect(w->tty);
	uart8250_destroy(&uart);

	world_connect(w);
	world_start(w);
	reader = reader_start(fd[0], nr + 1000);
	send_all(w, pattern + nr, 1000, 16);
	nr += 1000;
	reader_finish(reader, pattern, nr);
	world_stop(w);
	world_close(w, 0);
	close(fd[0]);
	close(fd[1]);
	free(pattern);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slow_pipe_gets_every_byte),
		cmocka_unit_test(a_slow_socket_gets_every_byte),
		cmocka_unit_test(a_slow_terminal_gets_every_byte),
		cmocka_unit_test(a_file_gets_every_byte),
		cmocka_unit_test(a_pipe_and_a_terminal_of_another_user_get_every_byte),
		cmocka_unit_test(the_callers_descriptors_stay_blocking),
		cmocka_unit_test(a_reader_that_goes_away_is_named_once_and_the_guest_runs_on),
		cmocka_unit_test(a_guest_that_waits_hears_that_its_reader_is_gone),
		cmocka_unit_test(a_full_disk_does_not_stop_the_guest),
		cmocka_unit_test(a_closed_stdout_swallows_output),
		cmocka_unit_test(a_stdout_that_cannot_be_written_swallows_output),
		cmocka_unit_test(closing_writes_what_is_left),
		cmocka_unit_test(closing_does_not_wait_for_ever),
		cmocka_unit_test(disconnecting_takes_over_what_the_uart_holds),
	};

	alarm(60); /* a wake-up that is lost is a failure, not a hang */
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("tty", tests, NULL, NULL);
}
