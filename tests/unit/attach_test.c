/* SPDX-License-Identifier: BSD-2-Clause */
/* Visitors at a VM's console: what they see, what they type, and that none of them holds up the guest. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "../../ipc/attach.h"
#include "arm/machine.h"
#include "vm/loop.h"

/* A machine whose console has room for so many bytes. */
struct machine {
	struct console_tap *tap;
	size_t room, nr;
	uint8_t typed[65536];
};

void machine_tap_console(struct machine *m, struct console_tap *tap)
{
	assert_null(m->tap);
	m->tap = tap;
}

void machine_untap_console(struct machine *m, struct console_tap *tap)
{
	assert_ptr_equal(m->tap, tap);
	m->tap = NULL;
}

size_t machine_console_input(struct machine *m, const uint8_t *buf, size_t len)
{
	if (len > m->room)
		len = m->room;
	memcpy(m->typed + m->nr, buf, len);
	m->nr += len;
	m->room -= len;
	return len;
}

#define TEXT_SIZE (512 * 1024)

struct world {
	struct loop loop;
	struct machine machine;
	struct attach *attach;
};

static void start(struct world *w)
{
	memset(w, 0, sizeof(*w));
	assert_int_equal(loop_create(&w->loop, NULL), 0);
	w->attach = attach_open(&w->loop, NULL);
	assert_non_null(w->attach);
	attach_running(w->attach, &w->machine);
}

static void end(struct world *w)
{
	attach_close(w->attach);
	assert_null(w->machine.tap);
	loop_destroy(&w->loop);
}

static void *quit_soon(void *arg)
{
	usleep(20000);
	loop_quit(arg);
	return NULL;
}

/* The loop does what there is to do. */
static void turn(struct world *w)
{
	pthread_t thread;

	pthread_create(&thread, NULL, quit_soon, &w->loop);
	loop_run(&w->loop);
	pthread_join(thread, NULL);
}

static void say(struct world *w, const char *text)
{
	w->machine.tap->heard(w->machine.tap->ctx, (const uint8_t *)text, strlen(text));
}

static int visit(struct world *w)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	attach_add(w->attach, fd[1]);
	turn(w);
	return fd[0];
}

/* What has come, as a string; 512 KiB at the most. */
static const char *seen(int fd)
{
	static char begins[TEXT_SIZE + 2];
	char *text = begins + 1; /* a byte stands before it */
	size_t nr = 0;
	ssize_t n;

	while (nr < TEXT_SIZE && (n = read(fd, text + nr, TEXT_SIZE - nr)) > 0)
		nr += (size_t)n;
	text[nr] = '\0';
	return text;
}

static void who_comes_sees_what_was_said_before_from_a_lines_beginning(void **state)
{
	char line[101];
	struct world w;
	int fd;

	(void)state;
	start(&w);
	memset(line, 'x', 99);
	memcpy(line + 99, "\n", 2);
	for (int i = 0; i < 100; i++)
		say(&w, line);
	say(&w, "login: ");
	fd = visit(&w);
	assert_int_equal(strlen(seen(fd)), 20 * 100 + 7);
	close(fd);
	/* Of little, all. */
	end(&w);
	start(&w);
	say(&w, "login: ");
	fd = visit(&w);
	assert_string_equal(seen(fd), "login: ");
	close(fd);
	end(&w);
}

static void all_see_everything_and_all_may_type(void **state)
{
	struct world w;
	int one, two;

	(void)state;
	start(&w);
	w.machine.room = 100;
	one = visit(&w);
	two = visit(&w);
	say(&w, "hello\n");
	turn(&w);
	assert_string_equal(seen(one), "hello\n");
	assert_string_equal(seen(two), "hello\n");
	assert_int_equal(write(one, "a", 1), 1);
	turn(&w);
	assert_int_equal(write(two, "b", 1), 1);
	turn(&w);
	assert_memory_equal(w.machine.typed, "ab", 2);
	close(one);
	say(&w, "still there\n");
	turn(&w);
	assert_string_equal(seen(two), "still there\n");
	close(two);
	end(&w);
}

/* What was said is seen, or told to be lost. */
static void a_slow_reader_is_told_how_much_it_missed(void **state)
{
	size_t lost = 0, got = 0;
	char line[1001];
	struct world w;
	int fd;

	(void)state;
	start(&w);
	fd = visit(&w);
	memset(line, 'y', 1000);
	line[1000] = '\0';
	for (int i = 0; i < 2000; i++) {
		say(&w, line);
		if (i % 200 == 0)
			turn(&w);
	}
	for (const char *text = seen(fd); *text; text = seen(fd)) {
		for (const char *c = text; *c; c++)
			got += *c == 'y' && c[-1] != 'b'; /* as in "bytes" */
		for (const char *note = text; (note = strstr(note, "[lkvm: ")); note++)
			lost += strtoul(note + 7, NULL, 10);
		turn(&w);
	}
	assert_true(lost > 1000000);
	assert_int_equal(got + lost, 2000 * 1000);
	close(fd);
	end(&w);
}

static void input_waits_until_the_console_has_room(void **state)
{
	struct world w;
	uint8_t keys[5000];
	int fd;

	(void)state;
	start(&w);
	for (size_t i = 0; i < sizeof(keys); i++)
		keys[i] = (uint8_t)i;
	fd = visit(&w);
	assert_int_equal(write(fd, keys, sizeof(keys)), sizeof(keys));
	turn(&w);
	assert_int_equal(w.machine.nr, 0);
	while (w.machine.nr < sizeof(keys)) {
		size_t before = w.machine.nr;

		w.machine.room = 100;
		w.machine.tap->room(w.machine.tap->ctx);
		turn(&w);
		assert_int_equal(w.machine.nr, before + 100);
	}
	assert_memory_equal(w.machine.typed, keys, sizeof(keys));
	close(fd);
	end(&w);
}

/* What was typed waits while there is no machine, and is the next one's. */
static void a_reboot_is_no_end(void **state)
{
	struct world w;
	int fd;

	(void)state;
	start(&w);
	w.machine.room = 10;
	fd = visit(&w);
	attach_running(w.attach, NULL);
	assert_int_equal(write(fd, "x", 1), 1);
	turn(&w);
	assert_int_equal(w.machine.nr, 0);
	attach_running(w.attach, &w.machine);
	turn(&w);
	assert_int_equal(w.machine.nr, 1);
	close(fd);
	end(&w);
}

static void who_has_gone_frees_the_place_even_if_the_guest_reads_nothing(void **state)
{
	int fd[ATTACH_MAX];
	struct world w;

	(void)state;
	start(&w);
	for (int i = 0; i < ATTACH_MAX; i++) {
		assert_true(attach_has_room(w.attach));
		fd[i] = visit(&w);
		assert_int_equal(write(fd[i], "x", 1), 1);
		turn(&w);
	}
	assert_false(attach_has_room(w.attach));
	close(fd[3]);
	assert_true(attach_has_room(w.attach));
	fd[3] = visit(&w);
	say(&w, "x");
	turn(&w);
	assert_string_equal(seen(fd[3]), "x");
	for (int i = 0; i < ATTACH_MAX; i++)
		close(fd[i]);
	end(&w);
}

static void the_last_words_are_seen(void **state)
{
	struct world w;
	char byte;
	int fd;

	(void)state;
	start(&w);
	fd = visit(&w);
	say(&w, "Power down\n");
	end(&w);
	assert_string_equal(seen(fd), "Power down\n");
	assert_int_equal(read(fd, &byte, 1), 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_comes_sees_what_was_said_before_from_a_lines_beginning),
		cmocka_unit_test(all_see_everything_and_all_may_type),
		cmocka_unit_test(a_slow_reader_is_told_how_much_it_missed),
		cmocka_unit_test(input_waits_until_the_console_has_room),
		cmocka_unit_test(a_reboot_is_no_end),
		cmocka_unit_test(who_has_gone_frees_the_place_even_if_the_guest_reads_nothing),
		cmocka_unit_test(the_last_words_are_seen),
	};

	return cmocka_run_group_tests_name("attach", tests, NULL, NULL);
}
