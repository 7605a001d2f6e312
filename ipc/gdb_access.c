/* SPDX-License-Identifier: BSD-2-Clause */
/* gdb's commands for registers, memory, breakpoints and watchpoints. */
#include <errno.h>
#include <string.h>
#include "gdb_commands.h"

/* So much memory is read at once. */
#define CHUNK 2048
/* A read that goes beyond what is mapped ends with a page, the smallest that a guest can have. */
#define PAGE 4096

/* Registers. */

GDB_HANDLER(gdb_read_registers)
{
	const struct debug_register *reg;

	(void)args;
	(void)len;
	for (unsigned int nr = 0; (reg = debug_register(nr)); nr++) {
		uint8_t value[DEBUG_REGISTER_MAX];

		if (debug_get_register(s->machine, s->cpu, nr, value) == 0)
			gdb_put_hex(w, value, reg->size);
		else
			gdb_put(w, "%.*s", (int)reg->size * 2, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	}
	return GDB_REPLY;
}

/* Only those that change: writing some of them back as they are would have effects, or fail. */
GDB_HANDLER(gdb_write_registers)
{
	const struct debug_register *reg;
	int ret = 0;

	(void)len;
	for (unsigned int nr = 0; (reg = debug_register(nr)) && *args && ret == 0; nr++) {
		uint8_t value[DEBUG_REGISTER_MAX], old[DEBUG_REGISTER_MAX];

		if (!gdb_take_hex(&args, value, reg->size)) {
			ret = -EINVAL;
			break;
		}
		if (debug_get_register(s->machine, s->cpu, nr, old) == 0 &&
		    memcmp(old, value, reg->size) != 0)
			ret = debug_set_register(s->machine, s->cpu, nr, value);
	}
	gdb_put_result(w, ret);
	return GDB_REPLY;
}

GDB_HANDLER(gdb_read_register)
{
	const struct debug_register *reg;
	uint8_t value[DEBUG_REGISTER_MAX];
	uint64_t nr;
	int ret;

	(void)len;
	if (!gdb_take_number(&args, &nr) || nr > UINT32_MAX ||
	    !(reg = debug_register((unsigned int)nr))) {
		gdb_put_result(w, -EINVAL);
		return GDB_REPLY;
	}
	ret = debug_get_register(s->machine, s->cpu, (unsigned int)nr, value);
	if (ret < 0)
		gdb_put_result(w, ret);
	else
		gdb_put_hex(w, value, reg->size);
	return GDB_REPLY;
}

GDB_HANDLER(gdb_write_register)
{
	const struct debug_register *reg;
	uint8_t value[DEBUG_REGISTER_MAX];
	uint64_t nr;
	int ret = -EINVAL;

	(void)len;
	if (gdb_take_number(&args, &nr) && *args++ == '=' && nr <= UINT32_MAX &&
	    (reg = debug_register((unsigned int)nr)) && gdb_take_hex(&args, value, reg->size))
		ret = debug_set_register(s->machine, s->cpu, (unsigned int)nr, value);
	gdb_put_result(w, ret);
	return GDB_REPLY;
}

/* Memory. */

/* "ADDR,LEN", and what is behind it. */
static bool take_range(const char **args, uint64_t *addr, uint64_t *len)
{
	return gdb_take_number(args, addr) && *(*args)++ == ',' && gdb_take_number(args, len);
}

GDB_HANDLER(gdb_read_memory)
{
	uint8_t bytes[CHUNK];
	uint64_t addr, want;
	int ret = -EINVAL;

	(void)len;
	if (take_range(&args, &addr, &want)) {
		if (want > sizeof(bytes))
			want = sizeof(bytes);
		ret = debug_read(s->machine, s->cpu, addr, bytes, want);
		if (ret < 0 && want > PAGE - addr % PAGE) { /* what is before may be there */
			want = PAGE - addr % PAGE;
			ret = debug_read(s->machine, s->cpu, addr, bytes, want);
		}
	}
	if (ret < 0)
		gdb_put_result(w, ret);
	else
		gdb_put_hex(w, bytes, want);
	return GDB_REPLY;
}

GDB_HANDLER(gdb_write_memory)
{
	uint8_t bytes[GDB_PAYLOAD_MAX / 2];
	uint64_t addr, want;
	int ret = -EINVAL;

	(void)len;
	if (take_range(&args, &addr, &want) && *args++ == ':' && want <= sizeof(bytes) &&
	    gdb_take_hex(&args, bytes, want))
		ret = debug_write(s->machine, s->cpu, addr, bytes, want);
	gdb_put_result(w, ret);
	return GDB_REPLY;
}

GDB_HANDLER(gdb_write_binary)
{
	const char *end = args + len;
	uint64_t addr, want;
	int ret = -EINVAL;

	if (take_range(&args, &addr, &want) && *args++ == ':' && want == (size_t)(end - args))
		ret = debug_write(s->machine, s->cpu, addr, args, want);
	gdb_put_result(w, ret);
	return GDB_REPLY;
}

/* Points: "TYPE,ADDR,KIND". */

static bool take_point(const char *args, uint64_t *type, uint64_t *addr, uint64_t *kind)
{
	return gdb_take_number(&args, type) && *args++ == ',' && take_range(&args, addr, kind);
}

GDB_HANDLER(gdb_insert_point)
{
	uint64_t type, addr, kind;

	(void)len;
	if (!take_point(args, &type, &addr, &kind))
		gdb_put_result(w, -EINVAL);
	else if (type < DEBUG_NR_POINTS)
		gdb_put_result(w, debug_insert(s->machine, s->cpu, (enum debug_point)type, addr,
					       kind));
	return GDB_REPLY;
}

GDB_HANDLER(gdb_remove_point)
{
	uint64_t type, addr, kind;

	(void)len;
	if (!take_point(args, &type, &addr, &kind))
		gdb_put_result(w, -EINVAL);
	else if (type < DEBUG_NR_POINTS)
		gdb_put_result(w, debug_remove(s->machine, (enum debug_point)type, addr, kind));
	return GDB_REPLY;
}
