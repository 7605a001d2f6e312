/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What gdb says, and what it is told: the commands of the remote protocol on the functions of arm/debug.h. No
 * descriptor is known here. A vCPU is a thread, and its number is one more: 0 has a meaning of its own.
 */
#ifndef LKVM_IPC_GDB_SESSION_H
#define LKVM_IPC_GDB_SESSION_H

#include "arm/debug.h"
#include "gdb_packet.h"

#define GDB_XML_MAX 16384

struct gdb_session {
	struct machine *machine;
	unsigned int cpu;       /* that registers and memory are of: Hg, or the last that stopped */
	unsigned int cpu_to_go; /* Hc; GDB_ALL */
	bool running;           /* gdb waits to be told that something has stopped */
	bool no_ack;
	bool knows_breaks; /* it wants to know which kind of breakpoint it was */
	enum debug_action *action;
	char xml[GDB_XML_MAX];
	size_t xml_len;
};

#define GDB_ALL UINT32_MAX

/* Takes hold of @m, which halts. gdb_session_end() also after a failure. Returns 0, or -errno with @e set. */
int gdb_session_start(struct gdb_session *s, struct machine *m, void (*stopped)(void *ctx),
		      void *ctx, struct err *e);
/* All breakpoints are out, and the VM goes on. */
void gdb_session_end(struct gdb_session *s);

enum gdb_then {
	GDB_REPLY,  /* @w holds the answer, which may be empty */
	GDB_SILENT, /* there is none, now or at all */
	GDB_DETACH, /* the answer is the last */
	GDB_KILL,   /* likewise, and the VM is to end */
};

/* One packet's payload of @len bytes, behind which is a '\0'. */
enum gdb_then gdb_session_command(struct gdb_session *s, const char *payload, size_t len,
				  struct gdb_writer *w);

/* The person has typed Ctrl-C. False: nothing is to be told. */
bool gdb_session_interrupt(struct gdb_session *s, struct gdb_writer *w);
/* @stopped was called. Likewise. */
bool gdb_session_stopped(struct gdb_session *s, struct gdb_writer *w);

/* gdb_target.c: the description of the registers. Returns its length, at most @size. */
size_t gdb_target_xml(char *xml, size_t size);

#endif
