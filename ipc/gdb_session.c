/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The commands. While the VM goes gdb has nothing to ask but to halt it, so all else fails then. An answer
 * that stays empty says that a command is not known.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "gdb_commands.h"
#include "util/bits.h"

/* Signals as gdb numbers them. */
#define SIGNAL_INT  2
#define SIGNAL_TRAP 5

int gdb_session_start(struct gdb_session *s, struct machine *m, void (*stopped)(void *ctx),
		      void *ctx, struct err *e)
{
	unsigned int nr = debug_nr_cpus(m);
	int ret;

	*s = (struct gdb_session){ .cpu_to_go = GDB_ALL };
	s->action = calloc(nr, sizeof(*s->action));
	if (!s->action)
		return err_sys(e, "cannot debug %u vCPUs", nr);
	ret = debug_attach(m, stopped, ctx, e);
	if (ret < 0)
		return ret;
	s->machine = m;
	s->xml_len = gdb_target_xml(s->xml, sizeof(s->xml));
	debug_halt(m);
	while (s->cpu + 1 < nr && !debug_cpu_is_on(m, s->cpu))
		s->cpu++;
	if (!debug_cpu_is_on(m, s->cpu))
		s->cpu = 0;
	return 0;
}

void gdb_session_end(struct gdb_session *s)
{
	if (s->machine)
		debug_detach(s->machine);
	free(s->action);
	s->action = NULL;
	s->machine = NULL;
}

void gdb_put_result(struct gdb_writer *w, int ret)
{
	if (ret < 0)
		gdb_put(w, "E%02x", (unsigned int)-ret & 0xff);
	else
		gdb_put(w, "OK");
}

bool gdb_take_thread(struct gdb_session *s, const char **text, unsigned int *cpu)
{
	uint64_t nr;

	if (!strncmp(*text, "-1", 2)) {
		*text += 2;
		*cpu = GDB_ALL;
		return true;
	}
	if (!gdb_take_number(text, &nr) || nr > debug_nr_cpus(s->machine))
		return false;
	*cpu = nr ? (unsigned int)nr - 1 : s->cpu;
	return true;
}

/* What has stopped, and why. */

static void put_stop(struct gdb_session *s, struct gdb_writer *w, unsigned int signal,
		     const struct debug_stop *stop)
{
	static const char *const watches[DEBUG_NR_POINTS] = {
		[DEBUG_WATCH_WRITE] = "watch",
		[DEBUG_WATCH_READ] = "rwatch",
		[DEBUG_WATCH_ACCESS] = "awatch",
	};

	gdb_put(w, "T%02xthread:%x;", signal, s->cpu + 1);
	if (!stop || stop->why != DEBUG_AT_POINT)
		return;
	if (watches[stop->point])
		gdb_put(w, "%s:%llx;", watches[stop->point], (unsigned long long)stop->addr);
	else if (s->knows_breaks)
		gdb_put(w, stop->point == DEBUG_BREAK ? "swbreak:;" : "hwbreak:;");
}

bool gdb_session_stopped(struct gdb_session *s, struct gdb_writer *w)
{
	struct debug_stop stop;

	if (!s->running || !debug_take_stop(s->machine, &stop))
		return false;
	s->running = false;
	s->cpu = stop.cpu;
	gdb_begin(w);
	put_stop(s, w, SIGNAL_TRAP, &stop);
	gdb_end(w);
	return true;
}

bool gdb_session_interrupt(struct gdb_session *s, struct gdb_writer *w)
{
	if (!s->running)
		return false;
	debug_halt(s->machine);
	if (gdb_session_stopped(s, w)) /* one was faster */
		return true;
	s->running = false;
	gdb_begin(w);
	put_stop(s, w, SIGNAL_INT, NULL);
	gdb_end(w);
	return true;
}

static GDB_HANDLER(why_stopped)
{
	(void)args;
	(void)len;
	put_stop(s, w, SIGNAL_TRAP, NULL);
	return GDB_REPLY;
}

/* Going on. */

static enum gdb_then go(struct gdb_session *s, struct gdb_writer *w)
{
	int ret = debug_go(s->machine, s->action);

	if (ret < 0) {
		gdb_put_result(w, ret);
		return GDB_REPLY;
	}
	s->running = true;
	return GDB_SILENT;
}

static void set_actions(struct gdb_session *s, enum debug_action action)
{
	for (unsigned int i = 0; i < debug_nr_cpus(s->machine); i++)
		s->action[i] = action;
}

/* "[ADDR]" of c and s. */
static bool take_pc(struct gdb_session *s, const char *args)
{
	uint8_t bytes[8];
	uint64_t pc;

	if (!*args)
		return true;
	if (!gdb_take_number(&args, &pc))
		return false;
	put_le64(bytes, pc);
	return debug_set_register(s->machine, s->cpu, DEBUG_REG_PC, bytes) == 0;
}

static GDB_HANDLER(go_on)
{
	(void)len;
	if (!take_pc(s, args)) {
		gdb_put_result(w, -EINVAL);
		return GDB_REPLY;
	}
	set_actions(s, DEBUG_GO);
	return go(s, w);
}

static GDB_HANDLER(step)
{
	(void)len;
	if (!take_pc(s, args)) {
		gdb_put_result(w, -EINVAL);
		return GDB_REPLY;
	}
	set_actions(s, DEBUG_HOLD);
	s->action[s->cpu_to_go == GDB_ALL ? s->cpu : s->cpu_to_go] = DEBUG_STEP;
	return go(s, w);
}

/* One ";ACTION[:THREAD]", of which an earlier one counts where @taken says so. */
static bool take_action(struct gdb_session *s, const char **args, bool *taken)
{
	enum debug_action action;
	unsigned int cpu = GDB_ALL;
	uint64_t signal;

	if (*(*args)++ != ';' || !**args)
		return false;
	switch (*(*args)++) {
	case 'C': /* a guest has no signals */
		if (!gdb_take_number(args, &signal))
			return false;
		/* fall through */
	case 'c':
		action = DEBUG_GO;
		break;
	case 'S':
		if (!gdb_take_number(args, &signal))
			return false;
		/* fall through */
	case 's':
		action = DEBUG_STEP;
		break;
	default:
		return false;
	}
	if (**args == ':' && ((*args)++, !gdb_take_thread(s, args, &cpu)))
		return false;
	for (unsigned int i = 0; i < debug_nr_cpus(s->machine); i++) {
		if ((cpu != GDB_ALL && cpu != i) || taken[i])
			continue;
		taken[i] = true;
		s->action[i] = action;
	}
	return true;
}

static GDB_HANDLER(go_each)
{
	bool *taken = calloc(debug_nr_cpus(s->machine), sizeof(*taken));
	bool fine = taken && *args;

	(void)len;
	set_actions(s, DEBUG_HOLD);
	while (fine && *args)
		fine = take_action(s, &args, taken);
	free(taken);
	if (fine)
		return go(s, w);
	gdb_put_result(w, -EINVAL);
	return GDB_REPLY;
}

static GDB_HANDLER(tell_actions)
{
	(void)s;
	(void)args;
	(void)len;
	gdb_put(w, "vCont;c;C;s;S");
	return GDB_REPLY;
}

/* The end. */

static GDB_HANDLER(detach)
{
	(void)s;
	(void)args;
	(void)len;
	gdb_put_result(w, 0);
	return GDB_DETACH;
}

static GDB_HANDLER(kill_vm)
{
	(void)s;
	(void)args;
	(void)len;
	gdb_put_result(w, 0);
	return GDB_KILL;
}

/* The first name that a packet begins with is the command. */
static const struct {
	const char *name;
	GDB_HANDLER((*run));
} commands[] = {
	{ "?", why_stopped },
	{ "g", gdb_read_registers },
	{ "G", gdb_write_registers },
	{ "p", gdb_read_register },
	{ "P", gdb_write_register },
	{ "m", gdb_read_memory },
	{ "M", gdb_write_memory },
	{ "X", gdb_write_binary },
	{ "Z", gdb_insert_point },
	{ "z", gdb_remove_point },
	{ "vCont?", tell_actions },
	{ "vCont", go_each },
	{ "vKill", kill_vm },
	{ "c", go_on },
	{ "s", step },
	{ "H", gdb_select_thread },
	{ "T", gdb_is_alive },
	{ "D", detach },
	{ "k", kill_vm },
	{ "qSupported", gdb_tell_features },
	{ "QStartNoAckMode", gdb_stop_acknowledging },
	{ "qC", gdb_tell_current },
	{ "qfThreadInfo", gdb_tell_threads },
	{ "qsThreadInfo", gdb_tell_no_more_threads },
	{ "qThreadExtraInfo,", gdb_describe_thread },
	{ "qAttached", gdb_tell_attached },
	{ "qXfer:features:read:target.xml:", gdb_read_target },
};

/* One letter has its arguments right behind it; a word ends first. */
static bool is_command(const char *payload, const char *name)
{
	size_t len = strlen(name);

	if (strncmp(payload, name, len) != 0)
		return false;
	return len == 1 || !isalnum((unsigned char)name[len - 1]) ||
	       !isalnum((unsigned char)payload[len]);
}

enum gdb_then gdb_session_command(struct gdb_session *s, const char *payload, size_t len,
				  struct gdb_writer *w)
{
	enum gdb_then then = GDB_REPLY;

	gdb_begin(w);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		size_t skip = strlen(commands[i].name);

		if (!is_command(payload, commands[i].name))
			continue;
		if (s->running)
			gdb_put_result(w, -EBUSY);
		else
			then = commands[i].run(s, payload + skip, len - skip, w);
		break;
	}
	gdb_end(w);
	return then;
}
