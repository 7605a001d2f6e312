/* SPDX-License-Identifier: BSD-2-Clause */
/* gdb's questions: features, threads, registers' names. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "gdb_commands.h"

GDB_HANDLER(gdb_tell_features)
{
	(void)len;
	s->knows_breaks = strstr(args, "swbreak+") != NULL;
	gdb_put(w,
		"PacketSize=%x;QStartNoAckMode+;qXfer:features:read+;swbreak+;hwbreak+;"
		"vContSupported+",
		GDB_PAYLOAD_MAX);
	return GDB_REPLY;
}

GDB_HANDLER(gdb_stop_acknowledging)
{
	(void)args;
	(void)len;
	s->no_ack = true;
	gdb_put_result(w, 0);
	return GDB_REPLY;
}

/* "g" and "c" say for what. */
GDB_HANDLER(gdb_select_thread)
{
	unsigned int cpu;
	char what = *args;

	(void)len;
	if ((what != 'g' && what != 'c') || (args++, !gdb_take_thread(s, &args, &cpu))) {
		gdb_put_result(w, -EINVAL);
		return GDB_REPLY;
	}
	if (what == 'c')
		s->cpu_to_go = cpu;
	else if (cpu != GDB_ALL)
		s->cpu = cpu;
	gdb_put_result(w, 0);
	return GDB_REPLY;
}

GDB_HANDLER(gdb_is_alive)
{
	unsigned int cpu;

	(void)len;
	gdb_put_result(w, gdb_take_thread(s, &args, &cpu) ? 0 : -ESRCH);
	return GDB_REPLY;
}

GDB_HANDLER(gdb_tell_current)
{
	(void)args;
	(void)len;
	gdb_put(w, "QC%x", s->cpu + 1);
	return GDB_REPLY;
}

GDB_HANDLER(gdb_tell_threads)
{
	unsigned int nr = debug_nr_cpus(s->machine);

	(void)args;
	(void)len;
	for (unsigned int i = 1; i <= nr; i++)
		gdb_put(w, "%c%x", i == 1 ? 'm' : ',', i);
	return GDB_REPLY;
}

GDB_HANDLER(gdb_tell_no_more_threads)
{
	(void)s;
	(void)args;
	(void)len;
	gdb_put(w, "l");
	return GDB_REPLY;
}

GDB_HANDLER(gdb_describe_thread)
{
	char text[32];
	unsigned int cpu;
	int size;

	(void)len;
	if (!gdb_take_thread(s, &args, &cpu) || cpu == GDB_ALL) {
		gdb_put_result(w, -ESRCH);
		return GDB_REPLY;
	}
	size = snprintf(text, sizeof(text), "CPU %u, %s", cpu,
			debug_cpu_is_on(s->machine, cpu) ? "on" : "off");
	gdb_put_hex(w, text, (size_t)size);
	return GDB_REPLY;
}

/* It was there before gdb, which leaves it alone when it ends. */
GDB_HANDLER(gdb_tell_attached)
{
	(void)s;
	(void)args;
	(void)len;
	gdb_put(w, "1");
	return GDB_REPLY;
}

/* "OFFSET,LENGTH" of the description; 'l': the last part. */
GDB_HANDLER(gdb_read_target)
{
	uint64_t off, want, left;

	(void)len;
	if (!gdb_take_number(&args, &off) || *args++ != ',' || !gdb_take_number(&args, &want) ||
	    off > s->xml_len) {
		gdb_put_result(w, -EINVAL);
		return GDB_REPLY;
	}
	left = s->xml_len - off;
	if (want > GDB_PAYLOAD_MAX / 2 - 1) /* escaped it may be twice as long */
		want = GDB_PAYLOAD_MAX / 2 - 1;
	gdb_put(w, want < left ? "m" : "l");
	gdb_put_binary(w, s->xml + off, want < left ? want : left);
	return GDB_REPLY;
}
