/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of gdb's commands. Each handler gets what stands behind the command's name, @len bytes and a '\0'. */
#ifndef LKVM_IPC_GDB_COMMANDS_H
#define LKVM_IPC_GDB_COMMANDS_H

#include "gdb_session.h"

#define GDB_HANDLER(name)                                                       \
	enum gdb_then name(struct gdb_session *s, const char *args, size_t len, \
			   struct gdb_writer *w)

/* "OK", or "E" and what @ret, an -errno, is. */
void gdb_put_result(struct gdb_writer *w, int ret);
/* A thread as gdb writes it: -1 is all of them (GDB_ALL), 0 any. False: there is no such thread. */
bool gdb_take_thread(struct gdb_session *s, const char **text, unsigned int *cpu);

/* gdb_access.c: registers, memory, points. */
GDB_HANDLER(gdb_read_registers);
GDB_HANDLER(gdb_write_registers);
GDB_HANDLER(gdb_read_register);
GDB_HANDLER(gdb_write_register);
GDB_HANDLER(gdb_read_memory);
GDB_HANDLER(gdb_write_memory);
GDB_HANDLER(gdb_write_binary);
GDB_HANDLER(gdb_insert_point);
GDB_HANDLER(gdb_remove_point);

/* gdb_query.c: what there is, and what both can do. */
GDB_HANDLER(gdb_tell_features);
GDB_HANDLER(gdb_stop_acknowledging);
GDB_HANDLER(gdb_select_thread);
GDB_HANDLER(gdb_is_alive);
GDB_HANDLER(gdb_tell_current);
GDB_HANDLER(gdb_tell_threads);
GDB_HANDLER(gdb_tell_no_more_threads);
GDB_HANDLER(gdb_describe_thread);
GDB_HANDLER(gdb_tell_attached);
GDB_HANDLER(gdb_read_target);

#endif
