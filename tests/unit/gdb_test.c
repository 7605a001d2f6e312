/* SPDX-License-Identifier: BSD-2-Clause */
/* gdb's remote protocol: packets, commands on a machine that is none, and the server over a real socket. */
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
#include "../../ipc/gdb_session.h"
#include "gdb_world.h"
#include "ipc/gdb.h"
#include "util/log.h"
#include "vm/loop.h"

/* --- Packets --- */

/* What the reader makes of @len bytes: the events but GDB_NOTHING, a letter each. */
static const char *events(struct gdb_reader *r, const char *bytes, size_t len)
{
	static char text[64];
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		enum gdb_event event = gdb_read(r, (uint8_t)bytes[i]);

		if (event != GDB_NOTHING && n < sizeof(text) - 1)
			text[n++] = " PDIA"[event];
	}
	text[n] = '\0';
	return text;
}

#define EVENTS(r, literal) events(r, literal, sizeof(literal) - 1)

static void packets_are_told_from_what_is_around_them(void **state)
{
	struct gdb_reader r = { 0 };

	(void)state;
	assert_string_equal(EVENTS(&r, "++$g#67"), "P");
	assert_string_equal(r.payload, "g");
	assert_string_equal(EVENTS(&r, "\x03-xyz$#00"), "IAP");
	assert_int_equal(r.len, 0);
	assert_string_equal(EVENTS(&r, "$lost$?#3F"), "P");
	assert_string_equal(r.payload, "?");
}

static void another_checksum_is_damage(void **state)
{
	struct gdb_reader r = { 0 };

	(void)state;
	assert_string_equal(EVENTS(&r, "$g#68"), "D");
	assert_string_equal(EVENTS(&r, "$g#6x"), "D");
	assert_string_equal(EVENTS(&r, "$g#x7"), "D");
	assert_string_equal(EVENTS(&r, "$g#67"), "P");
}

static void an_escaped_byte_is_another(void **state)
{
	struct gdb_reader r = { 0 };

	(void)state;
	/* "}" and what '#' becomes. */
	assert_string_equal(EVENTS(&r, "$X}\x03#d8"), "P");
	assert_string_equal(r.payload, "X#");
}

static void a_packet_that_is_too_long_is_damage_and_the_next_is_read(void **state)
{
	static struct gdb_reader r;
	char bytes[GDB_PAYLOAD_MAX + 8];

	(void)state;
	for (size_t more = 0; more < 2; more++) {
		size_t len = GDB_PAYLOAD_MAX + more;

		memset(bytes, 0, sizeof(bytes));
		bytes[0] = '$';
		memset(bytes + 1, '@', len); /* 64 each: a multiple of 256 with 4 more or less */
		sprintf(bytes + 1 + len, "#%02x", (unsigned int)(len * '@') & 0xff);
		assert_string_equal(events(&r, bytes, len + 4), more ? "D" : "P");
		assert_string_equal(EVENTS(&r, "$g#67"), "P");
	}
}

static void what_is_written_is_read(void **state)
{
	static struct gdb_reader r;
	static struct gdb_writer w;
	const char binary[] = "a#b$c}d*\0e";

	(void)state;
	gdb_begin(&w);
	gdb_put(&w, "l%x", 0xabc);
	gdb_put_hex(&w, "\x12\xff", 2);
	gdb_put_binary(&w, binary, sizeof(binary) - 1);
	gdb_end(&w);
	assert_string_equal(events(&r, w.packet, w.len), "P");
	assert_int_equal(r.len, 8 + sizeof(binary) - 1);
	assert_memory_equal(r.payload, "labc12ff", 8);
	assert_memory_equal(r.payload + 8, binary, sizeof(binary) - 1);
}

static void what_does_not_fit_is_left_out(void **state)
{
	static struct gdb_writer w;
	uint8_t bytes[100] = { 0 };

	(void)state;
	gdb_begin(&w);
	for (unsigned int i = 0; i < 100; i++) {
		gdb_put_hex(&w, bytes, sizeof(bytes));
		gdb_put_binary(&w, "####", 4);
		gdb_put(&w, "%099d", 0);
	}
	gdb_end(&w);
	assert_true(w.cut);
	assert_true(w.len <= GDB_PACKET_MAX);
	assert_int_equal(w.packet[w.len - 3], '#');
}

/* --- Commands --- */

struct talk {
	struct machine machine;
	struct gdb_session session;
	struct gdb_writer writer;
	char answer[GDB_PACKET_MAX];
};

static void no_stop(void *ctx)
{
	(void)ctx;
}

static struct talk *talk_start(unsigned int nr_cpus)
{
	struct talk *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	t->machine.nr_cpus = nr_cpus;
	for (size_t i = 0; i < MEMORY_SIZE; i++)
		t->machine.memory[i] = (uint8_t)i;
	assert_int_equal(gdb_session_start(&t->session, &t->machine, no_stop, NULL, NULL), 0);
	assert_true(t->machine.halted);
	return t;
}

static void talk_end(struct talk *t)
{
	gdb_session_end(&t->session);
	assert_false(t->machine.attached);
	free(t);
}

static const char *answer(struct talk *t)
{
	assert_int_equal(t->writer.packet[0], '$');
	assert_false(t->writer.cut);
	snprintf(t->answer, sizeof(t->answer), "%.*s", (int)t->writer.len - 4,
		 t->writer.packet + 1);
	return t->answer;
}

static const char *ask(struct talk *t, const char *command)
{
	assert_int_equal(gdb_session_command(&t->session, command, strlen(command), &t->writer),
			 GDB_REPLY);
	return answer(t);
}

static void assert_goes(struct talk *t, const char *command, const char *actions)
{
	assert_int_equal(gdb_session_command(&t->session, command, strlen(command), &t->writer),
			 GDB_SILENT);
	assert_true(t->session.running);
	for (unsigned int i = 0; i < t->machine.nr_cpus; i++)
		assert_int_equal("gsh"[t->machine.action[i]], actions[i]);
}

static void assert_stops(struct talk *t, struct debug_stop stop, const char *says)
{
	t->machine.stop = stop;
	t->machine.has_stop = true;
	assert_true(gdb_session_stopped(&t->session, &t->writer));
	assert_string_equal(answer(t), says);
	assert_false(t->session.running);
}

static void registers_are_read_and_written(void **state)
{
	struct talk *t = talk_start(2);

	(void)state;
	memcpy(t->machine.regs[0][0], "\x11\x22\x33\x44\x55\x66\x77\x88", 8);
	memcpy(t->machine.regs[0][2], "\xc5\x03", 2);
	assert_string_equal(ask(t, "g"), "1122334455667788"
					 "0000000000000000"
					 "c5030000"
					 "00000000000000000000000000000000"
					 "xxxxxxxx");
	assert_string_equal(ask(t, "p2"), "c5030000");
	assert_string_equal(ask(t, "P1=efcdab0000000000"), "OK");
	assert_string_equal(ask(t, "p1"), "efcdab0000000000");
	assert_string_equal(ask(t, "P1=efcdab"), "E16");
	assert_string_equal(ask(t, "p5"), "E16");
	assert_string_equal(ask(t, "pffffffffffffffffff"), "E16");
	assert_string_equal(ask(t, "p4"), "E02");
	/* Only what changes is written. */
	t->machine.nr_sets = 0;
	assert_string_equal(ask(t, "G1122334455667788efcdab0000000001c5030000"), "OK");
	assert_int_equal(t->machine.nr_sets, 1);
	assert_string_equal(ask(t, "p1"), "efcdab0000000001");
	assert_string_equal(ask(t, "Gxx"), "E16");
	/* Those of another CPU. */
	assert_string_equal(ask(t, "Hg2"), "OK");
	assert_string_equal(ask(t, "p2"), "00000000");
	assert_string_equal(ask(t, "Hg3"), "E16");
	talk_end(t);
}

static void memory_is_read_and_written(void **state)
{
	struct talk *t = talk_start(1);

	(void)state;
	assert_string_equal(ask(t, "mffff000000010001,3"), "010203");
	/* Up to the end of what is there. */
	assert_string_equal(ask(t, "mffff00000001fffe,2000"), "feff");
	assert_string_equal(ask(t, "m0,4"), "E0e");
	assert_string_equal(ask(t, "m0"), "E16");
	assert_string_equal(ask(t, "mffff000000010000,0"), "");
	assert_string_equal(ask(t, "Mffff000000010004,2:aabb"), "OK");
	assert_string_equal(ask(t, "Mffff000000010006,2:aa"), "E16");
	assert_string_equal(ask(t, "Mffff000000010006,ffffffff:aa"), "E16");
	assert_string_equal(ask(t, "Xffff000000010008,3:xyz"), "OK");
	assert_string_equal(ask(t, "Xffff000000010008,4:xyz"), "E16");
	assert_string_equal(ask(t, "mffff000000010004,7"), "aabb060778797a");
	talk_end(t);
}

static void points_are_put_and_taken(void **state)
{
	struct talk *t = talk_start(1);

	(void)state;
	assert_string_equal(ask(t, "Z0,ffff000000010000,4"), "OK");
	assert_int_equal(t->machine.point, DEBUG_BREAK);
	assert_int_equal(t->machine.point_addr, MEMORY);
	assert_string_equal(ask(t, "Z2,10,8"), "OK");
	assert_int_equal(t->machine.point, DEBUG_WATCH_WRITE);
	assert_int_equal(t->machine.point_len, 8);
	assert_string_equal(ask(t, "z0,ffff000000010000,4"), "OK");
	assert_int_equal(t->machine.nr_points, 1);
	assert_string_equal(ask(t, "Z5,0,4"), "");
	assert_string_equal(ask(t, "Z0,0"), "E16");
	for (int i = 0; i < 3; i++)
		assert_string_equal(ask(t, "Z1,0,4"), "OK");
	assert_string_equal(ask(t, "Z1,0,4"), "E1c");
	talk_end(t);
}

static void each_cpu_does_what_it_is_told(void **state)
{
	static const struct debug_stop stepped = { .cpu = 1, .why = DEBUG_STEPPED };
	struct talk *t = talk_start(3);

	(void)state;
	assert_string_equal(ask(t, "vCont?"), "vCont;c;C;s;S");
	assert_goes(t, "vCont;s:2;c", "gsg");
	assert_stops(t, stepped, "T05thread:2;");
	assert_goes(t, "vCont;s:2", "hsh");
	assert_stops(t, stepped, "T05thread:2;");
	assert_goes(t, "vCont;C05:1;S05:-1", "gss");
	assert_stops(t, stepped, "T05thread:2;");
	assert_goes(t, "c", "ggg");
	assert_stops(t, stepped, "T05thread:2;");
	/* Without a thread: the one that stopped; with one: that. */
	assert_goes(t, "s", "hsh");
	assert_stops(t, stepped, "T05thread:2;");
	assert_string_equal(ask(t, "Hc3"), "OK");
	assert_goes(t, "s", "hhs");
	assert_stops(t, stepped, "T05thread:2;");
	/* Somewhere else. */
	assert_goes(t, "cffff000000010004", "ggg");
	assert_int_equal(t->machine.regs[1][1][0], 4);
	assert_stops(t, stepped, "T05thread:2;");
	t->machine.nr_goes = 0;
	assert_string_equal(ask(t, "vCont"), "E16");
	assert_string_equal(ask(t, "vCont;"), "E16");
	assert_string_equal(ask(t, "vCont;t"), "E16");
	assert_string_equal(ask(t, "vCont;c:4"), "E16");
	assert_string_equal(ask(t, "vCont;C;c"), "E16");
	assert_string_equal(ask(t, "cx"), "E16");
	assert_int_equal(t->machine.nr_goes, 0);
	talk_end(t);
}

static void stops_say_why(void **state)
{
	struct debug_stop stop = { .cpu = 0, .why = DEBUG_AT_POINT, .point = DEBUG_BREAK };
	struct talk *t = talk_start(1);

	(void)state;
	assert_string_equal(ask(t, "?"), "T05thread:1;");
	assert_goes(t, "c", "g");
	assert_stops(t, stop, "T05thread:1;");
	assert_non_null(strstr(ask(t, "qSupported:multiprocess+;swbreak+;hwbreak+"), "swbreak+"));
	assert_goes(t, "c", "g");
	assert_stops(t, stop, "T05thread:1;swbreak:;");
	stop.point = DEBUG_BREAK_HW;
	assert_goes(t, "c", "g");
	assert_stops(t, stop, "T05thread:1;hwbreak:;");
	stop.point = DEBUG_WATCH_READ;
	stop.addr = 0xffff000000010010;
	assert_goes(t, "c", "g");
	assert_stops(t, stop, "T05thread:1;rwatch:ffff000000010010;");
	talk_end(t);
}

static void only_a_vm_that_goes_can_be_interrupted(void **state)
{
	static const struct debug_stop stop = { .why = DEBUG_AT_POINT, .point = DEBUG_WATCH_WRITE };
	struct talk *t = talk_start(1);

	(void)state;
	assert_false(gdb_session_interrupt(&t->session, &t->writer));
	assert_goes(t, "c", "g");
	assert_string_equal(ask(t, "g"), "E10");
	assert_true(gdb_session_interrupt(&t->session, &t->writer));
	assert_string_equal(answer(t), "T02thread:1;");
	assert_true(t->machine.halted);
	/* A CPU that has stopped just before is what is told, and told once. */
	assert_goes(t, "c", "g");
	t->machine.stop = stop;
	t->machine.has_stop = true;
	assert_true(gdb_session_interrupt(&t->session, &t->writer));
	assert_string_equal(answer(t), "T05thread:1;watch:0;");
	assert_false(gdb_session_stopped(&t->session, &t->writer));
	talk_end(t);
}

static void threads_are_cpus(void **state)
{
	struct talk *t = talk_start(3);

	(void)state;
	assert_string_equal(ask(t, "qfThreadInfo"), "m1,2,3");
	assert_string_equal(ask(t, "qsThreadInfo"), "l");
	assert_string_equal(ask(t, "qC"), "QC1");
	assert_string_equal(ask(t, "qCRC:0,1"), ""); /* not known, and not qC */
	assert_string_equal(ask(t, "T3"), "OK");
	assert_string_equal(ask(t, "T4"), "E03");
	/* "CPU 2, off" */
	assert_string_equal(ask(t, "qThreadExtraInfo,3"), "43505520322c206f6666");
	assert_string_equal(ask(t, "qThreadExtraInfo,-1"), "E03");
	assert_string_equal(ask(t, "qAttached"), "1");
	assert_string_equal(ask(t, "vMustReplyEmpty"), "");
	assert_string_equal(ask(t, "QStartNoAckMode"), "OK");
	assert_true(t->session.no_ack);
	talk_end(t);
}

static void the_target_is_described_in_parts(void **state)
{
	struct talk *t = talk_start(1);
	char whole[GDB_XML_MAX], command[64];
	size_t len = 0;

	(void)state;
	do {
		snprintf(command, sizeof(command), "qXfer:features:read:target.xml:%zx,40", len);
		ask(t, command);
		strcpy(whole + len, t->answer + 1);
		len += strlen(t->answer + 1);
	} while (t->answer[0] == 'm');
	assert_int_equal(t->answer[0], 'l');
	assert_string_equal(whole, t->session.xml);
	assert_non_null(strstr(whole, "<reg name=\"x0\" bitsize=\"64\" type=\"int\"/>"));
	assert_non_null(strstr(whole, "<union id=\"aarch64v\">"));
	assert_string_equal(whole + len - 9, "</target>");
	assert_string_equal(ask(t, "qXfer:features:read:target.xml:ffffffff,40"), "E16");
	assert_string_equal(ask(t, "qXfer:features:read:other.xml:0,40"), "");
	talk_end(t);
}

static void the_end_is_gdbs_to_choose(void **state)
{
	struct talk *t = talk_start(1);

	(void)state;
	assert_int_equal(gdb_session_command(&t->session, "D", 1, &t->writer), GDB_DETACH);
	assert_string_equal(answer(t), "OK");
	assert_int_equal(gdb_session_command(&t->session, "k", 1, &t->writer), GDB_KILL);
	assert_int_equal(gdb_session_command(&t->session, "vKill;1", 7, &t->writer), GDB_KILL);
	talk_end(t);
}

/* --- The words --- */

static void places_are_read(void **state)
{
	struct gdb_options gdb = { 0 };

	(void)state;
	assert_int_equal(gdb_parse(&gdb, "unix:/tmp/a,,b,wait", NULL), 0);
	assert_string_equal(((struct sockaddr_un *)&gdb.address)->sun_path, "/tmp/a,b");
	assert_true(gdb.wait);
	assert_int_equal(gdb_parse(&gdb, "tcp::1234", NULL), 0);
	assert_false(gdb.wait);
	assert_int_equal(gdb.address.ss_family, AF_INET);
	assert_memory_equal((uint8_t *)&gdb.address + 2, "\x04\xd2\x7f\0\0\1", 6);
	assert_int_equal(gdb_parse(&gdb, "tcp:[::1]:80,wait", NULL), 0);
	assert_int_equal(gdb.address.ss_family, AF_INET6);
	assert_int_equal(gdb_parse(&gdb, "tcp:10.0.0.1:0", NULL), 0);
	assert_memory_equal((uint8_t *)&gdb.address + 4, "\x0a\0\0\1", 4);
}

static void mistakes_are_named(void **state)
{
	static const char *const rows[][2] = {
		{ "1234", "'1234' is none of unix:PATH" },
		{ "tcp:1234", "names no port" },
		{ "tcp:", "names no port" },
		{ "tcp::", "names no port" },
		{ "tcp::65536", "names no port" },
		{ "tcp:host:1", "'host' is no address" },
		{ "unix:", "needs the path" },
		{ "tcp::1,halt", "'halt' is not wait" },
	};
	char path[200];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gdb_options gdb = { 0 };
		struct err e = { 0 };

		assert_true(gdb_parse(&gdb, rows[i][0], &e) < 0);
		if (!strstr(e.text, rows[i][1]))
			assert_string_equal(e.text, rows[i][1]);
		assert_int_equal(gdb.address_len, 0);
	}
	memset(path, 'a', sizeof(path));
	memcpy(path, "unix:", 5);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(gdb_parse(&(struct gdb_options){ 0 }, path, NULL), -ENAMETOOLONG);
}

/* --- The server --- */

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
	assert_int_equal(connect(fd, (struct sockaddr *)&world.options.address,
				 world.options.address_len),
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
		cmocka_unit_test(packets_are_told_from_what_is_around_them),
		cmocka_unit_test(another_checksum_is_damage),
		cmocka_unit_test(an_escaped_byte_is_another),
		cmocka_unit_test(a_packet_that_is_too_long_is_damage_and_the_next_is_read),
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(what_does_not_fit_is_left_out),
		cmocka_unit_test(registers_are_read_and_written),
		cmocka_unit_test(memory_is_read_and_written),
		cmocka_unit_test(points_are_put_and_taken),
		cmocka_unit_test(each_cpu_does_what_it_is_told),
		cmocka_unit_test(stops_say_why),
		cmocka_unit_test(only_a_vm_that_goes_can_be_interrupted),
		cmocka_unit_test(threads_are_cpus),
		cmocka_unit_test(the_target_is_described_in_parts),
		cmocka_unit_test(the_end_is_gdbs_to_choose),
		cmocka_unit_test(places_are_read),
		cmocka_unit_test(mistakes_are_named),
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
