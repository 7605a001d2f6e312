/* SPDX-License-Identifier: BSD-2-Clause */
/* What a client may send gdb's server: framing, then every command on a machine that is none. Answers are packets. */
#include <stdlib.h>
#include "../unit/gdb_world.h"
#include "../../ipc/gdb_session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static void no_stop(void *ctx)
{
	(void)ctx;
}

/* What is sent can be read. */
static void check(const struct gdb_writer *w)
{
	struct gdb_reader r = { 0 };
	enum gdb_event event = GDB_NOTHING;

	must(!w->cut && w->len <= GDB_PACKET_MAX);
	for (size_t i = 0; i < w->len; i++)
		event = gdb_read(&r, (uint8_t)w->packet[i]);
	must(event == GDB_PACKET);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct gdb_session s;
	static struct gdb_writer w;
	static struct machine m;
	struct gdb_reader r = { 0 };
	enum gdb_then then;

	memset(&m, 0, sizeof(m));
	m.nr_cpus = 1 + size % CPUS_MAX;
	must(gdb_session_start(&s, &m, no_stop, NULL, NULL) == 0);
	for (size_t i = 0; i < size; i++) {
		switch (gdb_read(&r, data[i])) {
		case GDB_PACKET:
			then = gdb_session_command(&s, r.payload, r.len, &w);
			if (then != GDB_SILENT)
				check(&w);
			must(s.running == !m.halted);
			break;
		case GDB_INTERRUPT:
			m.stop.cpu = (unsigned int)i % m.nr_cpus;
			m.has_stop = i & 1;
			if (gdb_session_interrupt(&s, &w))
				check(&w);
			must(!s.running && m.halted);
			break;
		default:
			break;
		}
	}
	gdb_session_end(&s);
	return 0;
}
