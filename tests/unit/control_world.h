/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the control socket share: a folder for sockets, and a VM named "web" that has one. Its loop runs in a
 * thread of its own, and the machine is a number that was woken so many times.
 */
#ifndef LKVM_TESTS_CONTROL_WORLD_H
#define LKVM_TESTS_CONTROL_WORLD_H

#include <errno.h>
#include <fcntl.h>
#include <libfdt.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>
#include "ipc/client.h"
#include "ipc/control.h"
#include "ipc/message.h"
#include "snapshot/migrate.h"
#include "snapshot/snapshot.h"
#include "util/log.h"
#include "vm/loop.h"

/* In place of the real one. */
struct machine {
	atomic_bool asleep;
	unsigned int nr_wakes;
	/* What its only disk, "0", was told. */
	uint64_t size;
	uint64_t balloon; /* what its guest is to give back */
	int pauses;
	unsigned int nr_presses, nr_stops;
	struct console_tap *tap;
	size_t nr_typed;
	uint8_t typed[100];  /* the console has no more room */
	uint16_t cols, rows; /* its size */
	bool serial;         /* and then it has none */
	/* It moves: over this connection, for so long; and nobody knows how that went. */
	atomic_bool cannot_move, moves, stranded;
	int moving_fd;
	bool brakes;
	uint64_t downtime;
};

bool machine_wake(struct machine *m)
{
	bool slept = m->asleep;

	m->asleep = false;
	m->nr_wakes++;
	return slept;
}

int machine_resize_disk(struct machine *m, const char *disk, uint64_t size, uint64_t *now,
			struct err *e)
{
	if (strcmp(disk, "0") != 0)
		return err_set(e, ENOENT, "there is no disk '%s'", disk);
	m->size = size;
	*now = size ? size : 4096;
	return 0;
}

int machine_balloon(struct machine *m, const struct balloon_request *request,
		    struct balloon_state *state, struct err *e)
{
	if (request->target > m->size)
		return err_set(e, ERANGE, "it has not so much");
	if (request->set)
		m->balloon = request->target;
	*state = (struct balloon_state){ .target = m->balloon, .actual = 4096, .answers = 7 };
	for (unsigned int i = 0; i < BALLOON_NR_STATS; i++)
		state->stat[i] = (uint64_t)i << 40;
	return 0;
}

void machine_pause(struct machine *m)
{
	m->pauses++;
}

void machine_continue(struct machine *m)
{
	m->pauses--;
}

void machine_tap_console(struct machine *m, struct console_tap *tap)
{
	m->tap = tap;
}

void machine_untap_console(struct machine *m, struct console_tap *tap)
{
	if (m->tap == tap) /* and not of an earlier life of the test's */
		m->tap = NULL;
}

size_t machine_console_input(struct machine *m, const uint8_t *buf, size_t len)
{
	size_t room = sizeof(m->typed) - m->nr_typed;

	if (len > room)
		len = room;
	memcpy(m->typed + m->nr_typed, buf, len);
	m->nr_typed += len;
	return len;
}

void machine_stop(struct machine *m)
{
	m->nr_stops++;
}

int snapshot_write(struct machine *m, const char *path, bool stop, struct err *e)
{
	if (strcmp(path, "/there") != 0)
		return err_set(e, EACCES, "not to %s", path);
	m->nr_stops += stop;
	return 0;
}

int machine_can_save(struct machine *m, struct err *e)
{
	return m->cannot_move ? err_set(e, EOPNOTSUPP, "it cannot be saved") : 0;
}

struct migration *migration_start(struct machine *m, const char *name, struct loop *loop, int fd,
				  uint64_t downtime_ns, bool brakes, struct err *e)
{
	(void)name;
	(void)loop;
	(void)e;
	m->moving_fd = fd;
	m->brakes = brakes;
	m->downtime = downtime_ns;
	m->moves = true; /* the last: the test's thread looks at it first */
	return (struct migration *)m;
}

bool migration_goes_on(const struct migration *mig)
{
	return mig && ((const struct machine *)mig)->moves;
}

bool migration_is_stranded(const struct migration *mig)
{
	return mig && ((const struct machine *)mig)->stranded;
}

/* Its disks are somebody else's the first time. */
int migration_resume(struct migration *mig, struct err *e)
{
	struct machine *m = (struct machine *)mig;

	if (m->asleep) {
		m->asleep = false;
		return err_set(e, EBUSY, "has a disk in use");
	}
	m->stranded = false;
	return 0;
}

void migration_free(struct migration *mig)
{
	if (mig)
		((struct machine *)mig)->moves = false;
}

void machine_press_power(struct machine *m)
{
	m->nr_presses++;
}

void machine_get_state(struct machine *m, struct machine_state *state)
{
	*state = (struct machine_state){ .paused = m->pauses,
					 .asleep = m->asleep,
					 .nr_cpus = 3,
					 .psci = 0x10001,
					 .ram_size = 64 << 20 };
}

bool machine_console_resize(struct machine *m, uint16_t cols, uint16_t rows)
{
	m->cols = cols;
	m->rows = rows;
	return !m->serial;
}

int machine_sysrq(struct machine *m, char key, struct err *e)
{
	(void)m;
	return key == 'h' ? 0 : err_set(e, EAGAIN, "the guest does not read its console");
}

void machine_put_stat(struct machine *m, struct dt *dt)
{
	dt_begin(dt, "counters");
	dt_u64(dt, "wakes", m->nr_wakes);
	dt_end(dt);
}

/* A folder for sockets, and a VM named "web" in it. */
struct world {
	char dir[32], folder[48], path[64];
	struct machine_config cfg;
	struct machine machine;
	struct loop loop;
	pthread_t thread;
	void *server;
};

static inline void *run_loop(void *arg)
{
	loop_run(arg);
	return NULL;
}

/* The folder alone. */
static inline void setting(struct world *w)
{
	*w = (struct world){ .dir = "/tmp/control-test-XXXXXX",
			     .cfg = { .name = "web", .named = true } };
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->folder, sizeof(w->folder), "%s/lkvm", w->dir);
	snprintf(w->path, sizeof(w->path), "%s/web.sock", w->folder);
	setenv("XDG_RUNTIME_DIR", w->dir, 1);
}

static inline void setting_end(struct world *w)
{
	rmdir(w->folder);
	assert_int_equal(rmdir(w->dir), 0);
}

static inline void world_start(struct world *w)
{
	struct err e = { 0 };

	setting(w);
	assert_int_equal(loop_create(&w->loop, NULL), 0);
	control_server.open(NULL, &w->cfg, &w->loop, &w->server, &e);
	assert_string_equal(e.text, "");
	assert_non_null(w->server);
	control_server.running(w->server, &w->machine);
	assert_int_equal(pthread_create(&w->thread, NULL, run_loop, &w->loop), 0);
}

static inline void world_end(struct world *w)
{
	loop_quit(&w->loop);
	pthread_join(w->thread, NULL);
	control_server.running(w->server, NULL);
	control_server.close(w->server);
	loop_destroy(&w->loop);
	assert_int_equal(access(w->path, F_OK), -1);
	setting_end(w);
}

/* A client that has to be waited for ten seconds at the most. */
static inline int connect_raw(const struct world *w)
{
	const struct timeval patience = { .tv_sec = 10 };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, w->path, sizeof(w->path));
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	return fd;
}

static inline size_t request_bytes(const char *command, uint8_t *to)
{
	struct request request = { 0 };
	struct dt dt = { 0 };
	size_t size;

	snprintf(request.command, sizeof(request.command), "%s", command);
	assert_int_equal(request_encode(&request, &dt, NULL), 0);
	size = fdt_totalsize(dt.blob);
	assert_true(size <= MESSAGE_MAX);
	memcpy(to, dt.blob, size);
	dt_free(&dt);
	return size;
}

static inline void put(int fd, const void *bytes, size_t size)
{
	assert_int_equal(send(fd, bytes, size, MSG_NOSIGNAL), size);
}

static inline void receive(int fd, struct reply *reply)
{
	uint8_t blob[4096];
	int size;

	assert_int_equal(recv(fd, blob, MESSAGE_HEAD, MSG_WAITALL), MESSAGE_HEAD);
	size = message_size(blob);
	assert_in_range(size, MESSAGE_HEAD + 1, sizeof(blob));
	assert_int_equal(recv(fd, blob + MESSAGE_HEAD, size - MESSAGE_HEAD, MSG_WAITALL),
			 size - MESSAGE_HEAD);
	assert_int_equal(reply_decode(reply, blob, size, NULL), 0);
}

/* The reply alone, without its tree. */
static inline int call(const struct request *request, struct reply *reply, struct err *e)
{
	int ret = client_call("web", request, reply, e);

	if (ret == 0)
		free(reply->tree);
	reply->tree = NULL;
	return ret;
}

/* A command without arguments. */
static inline int ask(const char *command, struct reply *reply, struct err *e)
{
	struct request request = { 0 };

	snprintf(request.command, sizeof(request.command), "%s", command);
	return call(&request, reply, e);
}

/* The VM still answers who asks properly. */
static inline void assert_answers(void)
{
	struct reply reply;
	struct err e = { 0 };

	ask("resume", &reply, &e);
	assert_string_equal(e.text, "");
	assert_int_equal(reply.status, 0);
	assert_string_equal(reply.text, "VM web is running");
}

/* A tree with these properties at its root; the caller frees it. */
static inline void *tree(const char *compatible, uint32_t version, const void *command, int len)
{
	void *fdt = calloc(1, MESSAGE_MAX);

	assert_int_equal(fdt_create_empty_tree(fdt, MESSAGE_MAX), 0);
	assert_int_equal(fdt_setprop_string(fdt, 0, "compatible", compatible), 0);
	assert_int_equal(fdt_setprop_u32(fdt, 0, "version", version), 0);
	assert_int_equal(fdt_setprop(fdt, 0, "command", command, len), 0);
	assert_int_equal(fdt_setprop_string(fdt, 0, "of-a-newer-lkvm", "ignored"), 0);
	assert_int_equal(fdt_pack(fdt), 0);
	return fdt;
}

#endif
