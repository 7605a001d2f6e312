/* SPDX-License-Identifier: BSD-2-Clause */
/* gdb's remote protocol: commands on a machine that is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "../../ipc/gdb_session.h"
#include "gdb_world.h"
#include "util/log.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(registers_are_read_and_written),
		cmocka_unit_test(memory_is_read_and_written),
		cmocka_unit_test(points_are_put_and_taken),
		cmocka_unit_test(each_cpu_does_what_it_is_told),
		cmocka_unit_test(stops_say_why),
		cmocka_unit_test(only_a_vm_that_goes_can_be_interrupted),
		cmocka_unit_test(threads_are_cpus),
		cmocka_unit_test(the_target_is_described_in_parts),
		cmocka_unit_test(the_end_is_gdbs_to_choose),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
