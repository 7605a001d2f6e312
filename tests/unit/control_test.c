/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control socket: its messages, where it is, and a server with clients of all kinds. The loop runs
 * in a thread of its own, and the machine is a number that was woken so many times.
 */
#include <errno.h>
#include <fcntl.h>
#include <libfdt.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>
#include <cmocka.h>
#include "../../ipc/socket.h"
#include "ipc/client.h"
#include "ipc/control.h"
#include "ipc/message.h"
#include "ipc/name.h"
#include "ipc/target.h"
#include "snapshot/snapshot.h"
#include "util/log.h"
#include "vm/loop.h"

/* In place of the real one. */
struct machine {
	bool asleep;
	unsigned int nr_wakes;
	/* What its only disk, "0", was told. */
	uint64_t size;
	uint64_t balloon; /* what its guest is to give back */
	int pauses;
	unsigned int nr_presses, nr_stops;
	struct console_tap *tap;
	size_t nr_typed;
	uint8_t typed[100]; /* the console has no more room */
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

static void *run_loop(void *arg)
{
	loop_run(arg);
	return NULL;
}

/* The folder alone. */
static void setting(struct world *w)
{
	*w = (struct world){ .dir = "/tmp/control-test-XXXXXX",
			     .cfg = { .name = "web", .named = true } };
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->folder, sizeof(w->folder), "%s/lkvm", w->dir);
	snprintf(w->path, sizeof(w->path), "%s/web.sock", w->folder);
	setenv("XDG_RUNTIME_DIR", w->dir, 1);
}

static void setting_end(struct world *w)
{
	rmdir(w->folder);
	assert_int_equal(rmdir(w->dir), 0);
}

static void world_start(struct world *w)
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

static void world_end(struct world *w)
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
static int connect_raw(const struct world *w)
{
	const struct timeval patience = { .tv_sec = 10 };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, w->path, sizeof(w->path));
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	return fd;
}

static size_t request_bytes(const char *command, uint8_t *to)
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

static void put(int fd, const void *bytes, size_t size)
{
	assert_int_equal(send(fd, bytes, size, MSG_NOSIGNAL), size);
}

static void receive(int fd, struct reply *reply)
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

static void assert_dropped(int fd)
{
	uint8_t byte;
	ssize_t got = recv(fd, &byte, 1, 0);

	assert_true(got == 0 || (got < 0 && errno == ECONNRESET));
	close(fd);
}

/* The reply alone, without its tree. */
static int call(const struct request *request, struct reply *reply, struct err *e)
{
	int ret = client_call("web", request, reply, e);

	if (ret == 0)
		free(reply->tree);
	reply->tree = NULL;
	return ret;
}

/* A command without arguments. */
static int ask(const char *command, struct reply *reply, struct err *e)
{
	struct request request = { 0 };

	snprintf(request.command, sizeof(request.command), "%s", command);
	return call(&request, reply, e);
}

/* The VM still answers who asks properly. */
static void assert_answers(void)
{
	struct reply reply;
	struct err e = { 0 };

	ask("resume", &reply, &e);
	assert_string_equal(e.text, "");
	assert_int_equal(reply.status, 0);
	assert_string_equal(reply.text, "VM web is running");
}

/* Messages. */

/* A tree with these properties at its root; the caller frees it. */
static void *tree(const char *compatible, uint32_t version, const void *command, int len)
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

static int decode(const char *compatible, uint32_t version, const void *command, int len,
		  struct request *request, struct err *e)
{
	void *fdt = tree(compatible, version, command, len);
	int ret = request_decode(request, fdt, fdt_totalsize(fdt), e);

	free(fdt);
	return ret;
}

static void a_reply_arrives_as_it_was_sent(void **state)
{
	struct reply in = { 0 };
	struct dt dt = { 0 };
	uint64_t number;

	(void)state;
	assert_int_equal(message_start(&dt, NULL), 0);
	message_answer(&dt, -EBUSY, "VM %s is busy\n", "web");
	dt_u64(&dt, "exits", 0x123456789a);
	dt_string(&dt, "state", "running");
	dt_begin(&dt, "vcpu0");
	dt_u64(&dt, "mmio", 7);
	dt_end(&dt);
	assert_int_equal(dt_finish(&dt, NULL), 0);
	assert_int_equal(message_size(dt.blob), fdt_totalsize(dt.blob));
	assert_int_equal(reply_decode(&in, dt.blob, fdt_totalsize(dt.blob), NULL), 0);
	assert_int_equal(in.status, -EBUSY);
	assert_string_equal(in.text, "VM web is busy?");
	assert_int_equal(message_number(dt.blob, 0, "exits", &number), 0);
	assert_int_equal(number, 0x123456789a);
	assert_string_equal(message_text(dt.blob, 0, "state"), "running");
	assert_int_equal(message_number(dt.blob, fdt_subnode_offset(dt.blob, 0, "vcpu0"), "mmio",
					&number),
			 0);
	assert_int_equal(number, 7);
	dt_free(&dt);
}

static void a_property_of_another_kind_is_none(void **state)
{
	struct dt dt = { 0 };
	uint64_t number = 5;

	(void)state;
	assert_int_equal(message_start(&dt, NULL), 0);
	message_answer(&dt, 0, "well");
	dt_bytes(&dt, "odd", "123", 3);
	dt_bytes(&dt, "open", "abc", 3);
	dt_string(&dt, "loud", "\033[2J");
	dt_u64(&dt, "number", 0);
	dt_empty(&dt, "empty");
	assert_int_equal(dt_finish(&dt, NULL), 0);
	assert_int_equal(message_number(dt.blob, 0, "odd", &number), -ENOENT);
	assert_int_equal(message_number(dt.blob, 0, "none", &number), -ENOENT);
	assert_int_equal(message_number(dt.blob, 0, "empty", &number), -ENOENT);
	assert_int_equal(number, 5);
	assert_null(message_text(dt.blob, 0, "open"));
	assert_null(message_text(dt.blob, 0, "loud"));
	assert_null(message_text(dt.blob, 0, "number"));
	assert_null(message_text(dt.blob, 0, "empty"));
	assert_null(message_text(dt.blob, 0, "none"));
	dt_free(&dt);
}

static void properties_that_are_not_known_are_ignored(void **state)
{
	struct request request = { 0 };

	(void)state;
	assert_int_equal(decode("lkvm,control", 1, "resume", 7, &request, NULL), 0);
	assert_string_equal(request.command, "resume");
}

static void arguments_arrive_as_they_were_sent(void **state)
{
	struct request out = { .command = "resize", .disk = "a serial", .size = 0x123456789a };
	struct request in = { 0 };
	struct dt dt = { 0 };

	(void)state;
	assert_int_equal(request_encode(&out, &dt, NULL), 0);
	assert_int_equal(request_decode(&in, dt.blob, fdt_totalsize(dt.blob), NULL), 0);
	assert_string_equal(in.command, "resize");
	assert_string_equal(in.disk, "a serial");
	assert_int_equal(in.size, 0x123456789a);
	dt_free(&dt);
}

/* A request of an older lkvm has none, and one of ours that needs none is the same to an older VM. */
static void arguments_may_be_missing(void **state)
{
	struct request in = { .disk = "left over", .size = 1 };
	struct request out = { .command = "resume" };
	struct dt dt = { 0 };

	(void)state;
	assert_int_equal(decode("lkvm,control", 1, "resume", 7, &in, NULL), 0);
	assert_string_equal(in.disk, "");
	assert_int_equal(in.size, 0);
	assert_int_equal(request_encode(&out, &dt, NULL), 0);
	assert_null(fdt_getprop(dt.blob, 0, "disk", NULL));
	assert_null(fdt_getprop(dt.blob, 0, "size", NULL));
	dt_free(&dt);
}

/* Decodes a request with one more property. */
static int decode_with(const char *name, const void *value, int len)
{
	uint8_t fdt[4096];
	struct request request;
	void *small = tree("lkvm,control", 1, "resize", 7);

	assert_int_equal(fdt_open_into(small, fdt, sizeof(fdt)), 0);
	assert_int_equal(fdt_setprop(fdt, 0, name, value, len), 0);
	free(small);
	return request_decode(&request, fdt, fdt_totalsize(fdt), NULL);
}

static void arguments_are_bounded(void **state)
{
	char lengthy[MESSAGE_DISK_SIZE + 1];

	(void)state;
	memset(lengthy, 'x', sizeof(lengthy));
	lengthy[sizeof(lengthy) - 1] = '\0';
	assert_int_equal(decode_with("disk", lengthy, sizeof(lengthy)), -EBADMSG);
	assert_int_equal(decode_with("disk", lengthy + 1, sizeof(lengthy) - 1), 0);
	assert_int_equal(decode_with("disk", "0", 1), -EBADMSG);
	assert_int_equal(decode_with("disk", "", 0), -EBADMSG);
	assert_int_equal(decode_with("disk", "\033", 2), -EBADMSG);
	assert_int_equal(decode_with("size", "1234567", 8), 0);
	assert_int_equal(decode_with("size", "123", 4), -EBADMSG);
	assert_int_equal(decode_with("size", "12345678", 9), -EBADMSG);
	assert_int_equal(decode_with("size", "", 0), -EBADMSG);
}

static void a_message_of_another_version_or_kind_is_refused(void **state)
{
	struct request request;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(decode("lkvm,control", 2, "resume", 7, &request, &e), -EPROTONOSUPPORT);
	assert_non_null(strstr(e.text, "version 2"));
	assert_int_equal(decode("lkvm,host", 1, "resume", 7, &request, NULL), -EBADMSG);
}

static void a_command_is_a_short_plain_text(void **state)
{
	char lengthy[MESSAGE_COMMAND_SIZE + 1];
	struct request request;

	(void)state;
	memset(lengthy, 'x', sizeof(lengthy));
	lengthy[sizeof(lengthy) - 1] = '\0';
	assert_int_equal(decode("lkvm,control", 1, "resume", 6, &request, NULL), -EBADMSG);
	assert_int_equal(decode("lkvm,control", 1, "", 0, &request, NULL), -EBADMSG);
	assert_int_equal(decode("lkvm,control", 1, "\033[2J", 5, &request, NULL), -EBADMSG);
	assert_int_equal(decode("lkvm,control", 1, "a\0b", 4, &request, NULL), -EBADMSG);
	assert_int_equal(decode("lkvm,control", 1, lengthy, sizeof(lengthy), &request, NULL),
			 -EBADMSG);
	assert_int_equal(decode("lkvm,control", 1, lengthy + 1, sizeof(lengthy) - 1, &request,
				NULL),
			 0);
}

static void a_request_that_is_cut_off_is_refused_at_every_byte(void **state)
{
	uint8_t bytes[MESSAGE_MAX];
	size_t size = request_bytes("resume", bytes);
	struct request request;

	(void)state;
	for (size_t cut = 0; cut < size; cut++) {
		void *blob = malloc(cut + !cut);

		memcpy(blob, bytes, cut);
		assert_int_equal(request_decode(&request, blob, cut, NULL), -EBADMSG);
		free(blob);
	}
}

static void a_tree_of_an_old_format_is_refused(void **state)
{
	uint8_t bytes[MESSAGE_MAX];
	size_t size = request_bytes("resume", bytes);
	struct request request;

	(void)state;
	fdt_set_version(bytes, 15);
	fdt_set_last_comp_version(bytes, 2);
	assert_int_equal(request_decode(&request, bytes, size, NULL), -EBADMSG);
}

static void a_message_s_size_is_bounded(void **state)
{
	fdt32_t head[2] = { cpu_to_fdt32(FDT_MAGIC), cpu_to_fdt32(MESSAGE_MAX) };

	(void)state;
	assert_int_equal(message_size(head), MESSAGE_MAX);
	head[1] = cpu_to_fdt32(MESSAGE_MAX + 1);
	assert_int_equal(message_size(head), -EMSGSIZE);
	head[1] = cpu_to_fdt32(UINT32_MAX);
	assert_int_equal(message_size(head), -EMSGSIZE);
	head[1] = cpu_to_fdt32(MESSAGE_HEAD);
	assert_int_equal(message_size(head), -EBADMSG);
	head[0] = 0;
	assert_int_equal(message_size(head), -EBADMSG);
}

/* Commands. */

static void a_sleeping_vm_is_woken_once(void **state)
{
	struct reply reply = { 0 };
	struct world w;

	(void)state;
	world_start(&w);
	w.machine.asleep = true;
	assert_int_equal(ask("resume", &reply, NULL), 0);
	assert_int_equal(reply.status, 0);
	assert_string_equal(reply.text, "VM web wakes up");
	assert_answers();
	world_end(&w);
	assert_int_equal(w.machine.nr_wakes, 2);
}

static void a_disk_is_resized(void **state)
{
	struct request request = { .command = "resize", .disk = "0", .size = 1ull << 40 };
	struct reply sized = { 0 }, unsized = { 0 };
	uint64_t told;
	struct world w;

	(void)state;
	world_start(&w);
	call(&request, &sized, NULL);
	told = w.machine.size;
	request.size = 0;
	call(&request, &unsized, NULL);
	world_end(&w);
	assert_int_equal(sized.status, 0);
	assert_string_equal(sized.text, "VM web: disk 0 has 1099511627776 bytes now");
	assert_int_equal(told, 1ull << 40);
	assert_string_equal(unsized.text, "VM web: disk 0 has 4096 bytes now");
	assert_int_equal(w.machine.size, 0);
}

static void a_disk_that_cannot_be_resized_is_answered_with_the_reason(void **state)
{
	struct request request = { .command = "resize", .disk = "7" };
	struct reply seven = { 0 }, none = { 0 };
	struct world w;

	(void)state;
	world_start(&w);
	call(&request, &seven, NULL);
	ask("resize", &none, NULL);
	world_end(&w);
	assert_int_equal(seven.status, -ENOENT);
	assert_string_equal(seven.text, "VM web: there is no disk '7'");
	assert_int_equal(none.status, -ENOENT);
}

static void a_balloon_is_set_and_says_how_it_stands(void **state)
{
	struct request request = { .command = "balloon-set", .size = 1 << 20 };
	struct reply set = { 0 }, asked = { 0 }, refused = { 0 };
	uint64_t target = 0, actual = 0, answers = 0;
	const fdt64_t *stat;
	struct world w;
	int len;

	(void)state;
	world_start(&w);
	w.machine.size = 2 << 20;
	call(&request, &set, NULL);
	client_call("web", &(struct request){ .command = "balloon-ask" }, &asked, NULL);
	request.size = 3 << 20;
	call(&request, &refused, NULL);
	world_end(&w);
	assert_int_equal(set.status, 0);
	message_number(asked.tree, 0, "target", &target);
	message_number(asked.tree, 0, "actual", &actual);
	message_number(asked.tree, 0, "answers", &answers);
	assert_int_equal(target, 1 << 20);
	assert_int_equal(actual, 4096);
	assert_int_equal(answers, 7);
	stat = fdt_getprop(asked.tree, 0, "statistics", &len);
	assert_int_equal(len, BALLOON_NR_STATS * sizeof(*stat));
	for (uint64_t i = 0; i < BALLOON_NR_STATS; i++)
		assert_int_equal(fdt64_ld(&stat[i]), i << 40);
	free(asked.tree);
	assert_int_equal(refused.status, -ERANGE);
	assert_string_equal(refused.text, "VM web: it has not so much");
}

static void a_paused_vm_goes_on_and_its_sleep_is_left_alone(void **state)
{
	struct reply paused = { 0 }, again = { 0 }, resumed = { 0 }, woken = { 0 };
	struct world w;

	(void)state;
	world_start(&w);
	w.machine.asleep = true;
	ask("pause", &paused, NULL);
	ask("pause", &again, NULL);
	assert_int_equal(w.machine.pauses, 1);
	ask("resume", &resumed, NULL);
	assert_int_equal(w.machine.pauses, 0);
	assert_int_equal(w.machine.nr_wakes, 0);
	ask("resume", &woken, NULL);
	world_end(&w);
	assert_string_equal(paused.text, "VM web is paused");
	assert_string_equal(again.text, "VM web is paused already");
	assert_string_equal(resumed.text, "VM web goes on, and is asleep");
	assert_string_equal(woken.text, "VM web wakes up");
}

static void a_pause_outlives_a_reset(void **state)
{
	struct machine next = { 0 };
	struct reply reply = { 0 };
	struct world w;

	(void)state;
	world_start(&w);
	ask("pause", &reply, NULL);
	control_server.running(w.server, NULL);
	control_server.running(w.server, &next);
	assert_int_equal(next.pauses, 1);
	ask("resume", &reply, NULL);
	world_end(&w);
	assert_int_equal(next.pauses, 0);
	assert_int_equal(w.machine.pauses, 1);
}

static void the_power_button_of_a_paused_sleeper_finds_it_awake(void **state)
{
	struct reply reply = { 0 };
	struct world w;

	(void)state;
	world_start(&w);
	w.machine.asleep = true;
	ask("pause", &reply, NULL);
	ask("power-button", &reply, NULL);
	world_end(&w);
	assert_int_equal(reply.status, 0);
	assert_int_equal(w.machine.pauses, 0);
	assert_false(w.machine.asleep);
	assert_int_equal(w.machine.nr_presses, 1);
	assert_int_equal(w.machine.nr_stops, 0);
}

static void a_vm_says_what_it_is_and_does(void **state)
{
	struct reply status = { 0 }, stat = { 0 };
	uint64_t pid = 0, cpus = 0, memory = 0, up = 0, wakes = 9;
	struct world w;

	(void)state;
	world_start(&w);
	client_call("web", &(struct request){ .command = "status" }, &status, NULL);
	client_call("web", &(struct request){ .command = "stat" }, &stat, NULL);
	world_end(&w);
	assert_string_equal(message_text(status.tree, 0, "state"), "running");
	assert_string_equal(message_text(status.tree, 0, "psci"), "1.1");
	message_number(status.tree, 0, "pid", &pid);
	message_number(status.tree, 0, "cpus", &cpus);
	message_number(status.tree, 0, "memory-bytes", &memory);
	message_number(status.tree, 0, "uptime-ns", &up);
	assert_int_equal(pid, getpid());
	assert_int_equal(cpus, 3);
	assert_int_equal(memory, 64 << 20);
	assert_in_range(up, 1, 60000000000);
	assert_string_equal(message_text(stat.tree, 0, "state"), "running");
	message_number(stat.tree, fdt_subnode_offset(stat.tree, 0, "counters"), "wakes", &wakes);
	assert_int_equal(wakes, 0);
	free(status.tree);
	free(stat.tree);
}

/* Many VMs. */

/* A call of VM @name. */
static struct client_call a_call(const char *name)
{
	struct client_call one = CLIENT_CALL_NONE;

	snprintf(one.name, sizeof(one.name), "%s", name);
	return one;
}

/* A listener that never accepts, and one VM that answers, and one that is not there. */
static void one_that_hangs_does_not_keep_the_others(void **state)
{
	struct client_call calls[] = { a_call("hung"), a_call("nobody"), a_call("web") };
	struct socket_place place;
	struct world w;
	int fd;

	(void)state;
	world_start(&w);
	assert_int_equal(socket_find(&place, "hung", NULL), 0);
	fd = socket_listen(&place, "hung", NULL);
	client_call_all(calls, 3, &(struct request){ .command = "status" }, 200);
	assert_int_equal(calls[0].ret, -EAGAIN);
	assert_int_equal(calls[0].pid, getpid());
	assert_true(calls[0].process >= 0);
	assert_int_equal(calls[1].ret, -ENOENT);
	assert_int_equal(calls[2].ret, 0);
	assert_string_equal(calls[2].reply.text, "VM web is running");
	/* And again, with what is left of the first time. */
	client_call_all(calls, 3, &(struct request){ .command = "status" }, 200);
	assert_int_equal(calls[0].ret, -EAGAIN);
	assert_int_equal(calls[2].ret, 0);
	client_end(calls, 3);
	close(fd);
	unlink(place.address.sun_path);
	world_end(&w);
}

/* Its queue is full of clients that wait: connecting itself is what does not end. */
static void one_whose_queue_is_full_hangs(void **state)
{
	struct client_call one = a_call("hung");
	struct socket_place place;
	struct world w;
	int fd, client[32], nr = 0;

	(void)state;
	setting(&w);
	assert_int_equal(socket_find(&place, "hung", NULL), 0);
	fd = socket_listen(&place, "hung", NULL);
	do
		client[nr] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	while (connect(client[nr++], (struct sockaddr *)&place.address, sizeof(place.address)) ==
		       0 &&
	       nr < 32);
	assert_in_range(nr, 2, 31);
	client_call_all(&one, 1, &(struct request){ .command = "status" }, 100);
	assert_int_equal(one.ret, -EAGAIN);
	client_end(&one, 1);
	while (nr--)
		close(client[nr]);
	close(fd);
	unlink(place.address.sun_path);
	setting_end(&w);
}

static void sockets_are_listed_in_order_and_dead_ones_removed(void **state)
{
	static const char *const files[] = { "vm10.sock", "vm9.sock", "notes", ".sock",
					     "a b.sock" };
	struct target all = { .all = true };
	struct socket_place place;
	struct client_call *calls;
	char path[128];
	struct world w;

	(void)state;
	setting(&w);
	assert_int_equal(target_find(&all, &calls, NULL), 0);
	assert_int_equal(socket_find(&place, "vm10", NULL), 0);
	close(socket_listen(&place, "vm10", NULL));
	assert_int_equal(socket_find(&place, "vm9", NULL), 0);
	close(socket_listen(&place, "vm9", NULL));
	for (size_t i = 2; i < 5; i++) {
		snprintf(path, sizeof(path), "%s/%s", w.folder, files[i]);
		close(creat(path, 0600));
	}
	assert_int_equal(target_find(&all, &calls, NULL), 2);
	assert_string_equal(calls[0].name, "vm9");
	assert_string_equal(calls[1].name, "vm10");
	client_call_all(calls, 2, &(struct request){ .command = "status" }, 1000);
	assert_true(target_is_gone(&all, &calls[0]) && target_is_gone(&all, &calls[1]));
	target_free(calls, 2);
	for (size_t i = 0; i < 5; i++) {
		snprintf(path, sizeof(path), "%s/%s", w.folder, files[i]);
		assert_int_equal(unlink(path), i < 2 ? -1 : 0);
	}
	setting_end(&w);
}

/* A file in a socket's place is somebody's, and a socket with a listener is a VM's. */
static void only_dead_sockets_are_removed(void **state)
{
	struct world w;
	char path[128];

	(void)state;
	world_start(&w);
	socket_remove_dead("web");
	assert_answers();
	snprintf(path, sizeof(path), "%s/file.sock", w.folder);
	close(creat(path, 0600));
	socket_remove_dead("file");
	assert_int_equal(unlink(path), 0);
	world_end(&w);
}

static void a_target_is_one_vm_or_all(void **state)
{
	struct target one = { .name = "web" }, both = { .name = "web", .all = true }, none = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(target_check(&one, "stop", NULL), 0);
	assert_int_equal(target_check(&both, "stop", &e), -EINVAL);
	assert_string_equal(e.text, "VM 'web', or all of them? See 'lkvm stop --help'");
	assert_int_equal(target_check(&none, "stop", &e), -EINVAL);
	assert_string_equal(e.text, "which VM? See 'lkvm stop --help'");
	assert_int_equal(target_set_word(&one, "db", &e), -EINVAL);
	assert_string_equal(e.text, "'db' is one word too many: the VM is 'web'");
}

static void an_unknown_command_is_answered_with_an_error(void **state)
{
	struct reply reply = { 0 };
	struct world w;

	(void)state;
	world_start(&w);
	assert_int_equal(ask("levitate", &reply, NULL), 0);
	assert_int_equal(reply.status, -EOPNOTSUPP);
	assert_string_equal(reply.text, "VM web knows no command 'levitate'");
	world_end(&w);
	assert_int_equal(w.machine.nr_wakes, 0);
}

static void a_request_of_another_version_is_answered_with_an_error(void **state)
{
	void *fdt = tree("lkvm,control", 7, "resume", 7);
	struct reply reply;
	struct world w;
	int fd;

	(void)state;
	world_start(&w);
	fd = connect_raw(&w);
	put(fd, fdt, fdt_totalsize(fdt));
	receive(fd, &reply);
	assert_int_equal(reply.status, -EPROTONOSUPPORT);
	assert_non_null(strstr(reply.text, "version 7"));
	close(fd);
	free(fdt);
	world_end(&w);
	assert_int_equal(w.machine.nr_wakes, 0);
}

static void a_vm_that_is_not_there_is_named(void **state)
{
	struct reply reply;
	struct err e = { 0 };
	struct world w;

	(void)state;
	setting(&w);
	assert_int_equal(ask("resume", &reply, &e), -ENOENT);
	assert_non_null(strstr(e.text, "there is no VM web"));
	setting_end(&w);
}

/* Clients of all kinds. */

static void garbage_gets_its_sender_dropped(void **state)
{
	fdt32_t huge[4] = { cpu_to_fdt32(FDT_MAGIC), cpu_to_fdt32(UINT32_MAX) };
	struct world w;
	int fd;

	(void)state;
	world_start(&w);
	fd = connect_raw(&w);
	put(fd, "GET / HTTP/1.1\r\n\r\n", 18);
	assert_dropped(fd);
	fd = connect_raw(&w);
	put(fd, huge, sizeof(huge));
	assert_dropped(fd);
	assert_answers();
	world_end(&w);
}

static void a_broken_tree_is_answered_with_an_error(void **state)
{
	uint8_t bytes[MESSAGE_MAX];
	size_t size = request_bytes("resume", bytes);
	struct reply reply;
	struct world w;
	int fd;

	(void)state;
	world_start(&w);
	fd = connect_raw(&w);
	memset(bytes + MESSAGE_HEAD, 0xff, size - MESSAGE_HEAD);
	put(fd, bytes, size);
	receive(fd, &reply);
	assert_int_equal(reply.status, -EBADMSG);
	size = request_bytes("resume", bytes);
	put(fd, bytes, size);
	receive(fd, &reply);
	assert_int_equal(reply.status, 0);
	close(fd);
	world_end(&w);
}

static void a_client_that_goes_away_at_any_byte_harms_nobody(void **state)
{
	uint8_t bytes[MESSAGE_MAX];
	size_t size = request_bytes("resume", bytes);
	struct world w;

	(void)state;
	world_start(&w);
	for (size_t cut = 0; cut <= size; cut++) {
		int fd = connect_raw(&w);

		if (cut)
			put(fd, bytes, cut);
		close(fd);
	}
	assert_answers();
	world_end(&w);
}

static void a_request_may_come_byte_by_byte_and_another_behind_it(void **state)
{
	uint8_t bytes[MESSAGE_MAX];
	size_t size = request_bytes("resume", bytes);
	struct reply reply;
	struct world w;
	int fd;

	(void)state;
	world_start(&w);
	fd = connect_raw(&w);
	for (size_t i = 0; i < size; i++)
		put(fd, bytes + i, 1);
	memcpy(bytes + size, bytes, size);
	put(fd, bytes, 2 * size);
	for (int i = 0; i < 3; i++) {
		receive(fd, &reply);
		assert_int_equal(reply.status, 0);
	}
	close(fd);
	world_end(&w);
	assert_int_equal(w.machine.nr_wakes, 3);
}

static void two_clients_at_once_are_both_served(void **state)
{
	uint8_t bytes[MESSAGE_MAX];
	size_t size = request_bytes("resume", bytes), half = size / 2;
	struct reply reply;
	struct world w;
	int a, b;

	(void)state;
	world_start(&w);
	a = connect_raw(&w);
	b = connect_raw(&w);
	put(a, bytes, half);
	put(b, bytes, size);
	receive(b, &reply);
	assert_int_equal(reply.status, 0);
	put(a, bytes + half, size - half);
	receive(a, &reply);
	assert_int_equal(reply.status, 0);
	close(a);
	close(b);
	world_end(&w);
}

static void clients_that_hang_make_room_for_others_the_oldest_first(void **state)
{
	uint8_t bytes[MESSAGE_MAX];
	size_t size = request_bytes("resume", bytes);
	int fd[CONTROL_CLIENTS_MAX];
	struct reply reply;
	struct world w;

	(void)state;
	world_start(&w);
	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		fd[i] = connect_raw(&w);
		put(fd[i], bytes, 20);
	}
	assert_answers();
	assert_dropped(fd[0]);
	for (int i = 1; i < CONTROL_CLIENTS_MAX; i++) {
		put(fd[i], bytes + 20, size - 20);
		receive(fd[i], &reply);
		assert_int_equal(reply.status, 0);
		close(fd[i]);
	}
	world_end(&w);
}

/* It asks and asks and takes no answer: the server must neither wait nor hoard. */
static void a_client_that_never_reads_harms_nobody(void **state)
{
	uint8_t bytes[MESSAGE_MAX];
	size_t size = request_bytes("resume", bytes);
	struct world w;
	int fd;

	(void)state;
	world_start(&w);
	fd = connect_raw(&w);
	for (int idle = 0; idle < 20;) {
		if (send(fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
			assert_int_equal(errno, EAGAIN);
			idle++;
			usleep(1000);
		}
	}
	assert_answers();
	close(fd);
	assert_answers();
	world_end(&w);
}

static void a_vm_that_hangs_is_not_waited_for_forever(void **state)
{
	struct socket_place place;
	struct reply reply;
	struct err e = { 0 };
	struct world w;
	int fd;

	(void)state;
	setting(&w);
	assert_int_equal(socket_find(&place, "web", NULL), 0);
	fd = socket_listen(&place, "web", NULL);
	assert_true(fd >= 0);
	assert_int_equal(ask("resume", &reply, &e), -EAGAIN);
	assert_string_equal(e.text, "VM web does not answer: it hangs");
	close(fd);
	unlink(w.path);
	setting_end(&w);
}

/* Names and places. */

static void a_name_that_is_taken_is_refused_and_a_default_name_goes_without(void **state)
{
	struct loop other = LOOP_NONE; /* another process's */
	struct machine_config cfg;
	void *second = NULL;
	struct err e = { 0 };
	struct world w;

	(void)state;
	world_start(&w);
	assert_int_equal(loop_create(&other, NULL), 0);
	cfg = w.cfg;
	assert_int_equal(control_server.open(NULL, &cfg, &other, &second, &e), -EADDRINUSE);
	assert_non_null(strstr(e.text, "a VM named web is running"));
	cfg.named = false;
	assert_int_equal(control_server.open(NULL, &cfg, &other, &second, NULL), 0);
	assert_null(second);
	assert_answers();
	loop_destroy(&other);
	world_end(&w);
}

static void a_dead_socket_is_replaced(void **state)
{
	struct socket_place place;
	struct world w, again;

	(void)state;
	setting(&w);
	assert_int_equal(socket_find(&place, "web", NULL), 0);
	close(socket_listen(&place, "web", NULL));
	assert_int_equal(access(w.path, F_OK), 0);
	assert_int_equal(loop_create(&again.loop, NULL), 0);
	again.server = NULL;
	assert_int_equal(control_server.open(NULL, &w.cfg, &again.loop, &again.server, NULL), 0);
	assert_non_null(again.server);
	control_server.close(again.server);
	loop_destroy(&again.loop);
	assert_int_equal(access(w.path, F_OK), -1);
	setting_end(&w);
}

/* Opening fails for a named VM, saying @word; a VM that is not named runs without. */
static void assert_no_place(struct world *w, const char *word)
{
	void *server = NULL;
	struct err e = { 0 };

	assert_int_equal(loop_create(&w->loop, NULL), 0);
	assert_true(control_server.open(NULL, &w->cfg, &w->loop, &server, &e) < 0);
	if (!strstr(e.text, word))
		assert_string_equal(e.text, word);
	w->cfg.named = false;
	assert_int_equal(control_server.open(NULL, &w->cfg, &w->loop, &server, NULL), 0);
	assert_null(server);
	loop_destroy(&w->loop);
}

static void a_folder_that_others_may_enter_is_refused(void **state)
{
	struct world w;

	(void)state;
	setting(&w);
	assert_int_equal(mkdir(w.folder, 0700), 0);
	assert_int_equal(chmod(w.folder, 0750), 0);
	assert_no_place(&w, "not for this user alone");
	setting_end(&w);
}

static void a_folder_that_is_a_link_is_refused(void **state)
{
	struct world w;

	(void)state;
	setting(&w);
	assert_int_equal(symlink("/tmp", w.folder), 0);
	assert_no_place(&w, w.folder);
	unlink(w.folder);
	setting_end(&w);
}

static void a_path_that_does_not_fit_is_refused(void **state)
{
	char lengthy[200] = "/";
	struct world w;

	(void)state;
	setting(&w);
	memset(lengthy + 1, 'x', sizeof(lengthy) - 2);
	setenv("XDG_RUNTIME_DIR", lengthy, 1);
	assert_no_place(&w, "too long a path");
	setting_end(&w);
}

static void without_a_runtime_folder_root_has_run_and_others_tmp(void **state)
{
	struct socket_place place;
	char want[32];

	(void)state;
	setenv("XDG_RUNTIME_DIR", "not/absolute", 1);
	snprintf(want, sizeof(want), geteuid() ? "/tmp/lkvm-%u" : "/run/lkvm", geteuid());
	assert_int_equal(socket_find(&place, "web", NULL), 0);
	assert_string_equal(place.folder, want);
}

static void a_name_has_no_slash_and_an_end(void **state)
{
	const char *name = NULL;
	char lengthy[NAME_MAX_LEN + 2];

	(void)state;
	memset(lengthy, 'x', sizeof(lengthy));
	lengthy[sizeof(lengthy) - 1] = '\0';
	assert_int_equal(name_set(&name, "", NULL), -EINVAL);
	assert_int_equal(name_set(&name, "../web", NULL), -EINVAL);
	assert_int_equal(name_set(&name, lengthy, NULL), -EINVAL);
	assert_null(name);
	assert_int_equal(name_set(&name, lengthy + 1, NULL), 0);
	assert_ptr_equal(name, lengthy + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reply_arrives_as_it_was_sent),
		cmocka_unit_test(a_property_of_another_kind_is_none),
		cmocka_unit_test(properties_that_are_not_known_are_ignored),
		cmocka_unit_test(arguments_arrive_as_they_were_sent),
		cmocka_unit_test(arguments_may_be_missing),
		cmocka_unit_test(arguments_are_bounded),
		cmocka_unit_test(a_message_of_another_version_or_kind_is_refused),
		cmocka_unit_test(a_command_is_a_short_plain_text),
		cmocka_unit_test(a_request_that_is_cut_off_is_refused_at_every_byte),
		cmocka_unit_test(a_tree_of_an_old_format_is_refused),
		cmocka_unit_test(a_message_s_size_is_bounded),
		cmocka_unit_test(a_sleeping_vm_is_woken_once),
		cmocka_unit_test(a_disk_is_resized),
		cmocka_unit_test(a_disk_that_cannot_be_resized_is_answered_with_the_reason),
		cmocka_unit_test(a_balloon_is_set_and_says_how_it_stands),
		cmocka_unit_test(a_paused_vm_goes_on_and_its_sleep_is_left_alone),
		cmocka_unit_test(a_pause_outlives_a_reset),
		cmocka_unit_test(the_power_button_of_a_paused_sleeper_finds_it_awake),
		cmocka_unit_test(a_vm_says_what_it_is_and_does),
		cmocka_unit_test(one_that_hangs_does_not_keep_the_others),
		cmocka_unit_test(one_whose_queue_is_full_hangs),
		cmocka_unit_test(sockets_are_listed_in_order_and_dead_ones_removed),
		cmocka_unit_test(only_dead_sockets_are_removed),
		cmocka_unit_test(a_target_is_one_vm_or_all),
		cmocka_unit_test(an_unknown_command_is_answered_with_an_error),
		cmocka_unit_test(a_request_of_another_version_is_answered_with_an_error),
		cmocka_unit_test(a_vm_that_is_not_there_is_named),
		cmocka_unit_test(garbage_gets_its_sender_dropped),
		cmocka_unit_test(a_broken_tree_is_answered_with_an_error),
		cmocka_unit_test(a_client_that_goes_away_at_any_byte_harms_nobody),
		cmocka_unit_test(a_request_may_come_byte_by_byte_and_another_behind_it),
		cmocka_unit_test(two_clients_at_once_are_both_served),
		cmocka_unit_test(clients_that_hang_make_room_for_others_the_oldest_first),
		cmocka_unit_test(a_client_that_never_reads_harms_nobody),
		cmocka_unit_test(a_vm_that_hangs_is_not_waited_for_forever),
		cmocka_unit_test(a_name_that_is_taken_is_refused_and_a_default_name_goes_without),
		cmocka_unit_test(a_dead_socket_is_replaced),
		cmocka_unit_test(a_folder_that_others_may_enter_is_refused),
		cmocka_unit_test(a_folder_that_is_a_link_is_refused),
		cmocka_unit_test(a_path_that_does_not_fit_is_refused),
		cmocka_unit_test(without_a_runtime_folder_root_has_run_and_others_tmp),
		cmocka_unit_test(a_name_has_no_slash_and_an_end),
	};

	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
