/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM that comes (snapshot/migrate_in.c): what a stream may hold, and what it may not. What the state means is other tests'. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "arm/compare.h"
#include "arm/machine.h"
#include "arm/probe.h"
#include "snapshot/snapshot.h"
#include "snapshot/stream.h"
#include "util/bits.h"
#include "util/log.h"

#define RAM (4 * MiB)

static enum compare_class worst;
static bool damaged;

int snapshot_check(const void *head, uint64_t size, const char *name, uint64_t *ram_off,
		   struct err *e)
{
	(void)head;
	*ram_off = 0;
	assert_true(size > 0);
	return damaged ? err_set(e, EINVAL, "%s is damaged", name) : 0;
}

int saved_machine_read(struct saved_machine *saved, struct machine_config *cfg, struct err *e)
{
	(void)e;
	cfg->ram_size = RAM;
	cfg->saved = saved;
	return 0;
}

int host_probe(const char *dev, struct host_profile *p, struct err *e)
{
	(void)dev;
	(void)p;
	(void)e;
	return 0;
}

void profile_free(struct host_profile *p)
{
	(void)p;
}

int snapshot_judge(const struct saved_machine *saved, const struct machine_config *cfg,
		   const struct host_profile *to, enum snapshot_at at, struct comparison *c,
		   struct err *e)
{
	(void)saved;
	(void)cfg;
	(void)to;
	(void)e;
	assert_int_equal(at, SNAPSHOT_LIVE);
	c->finding = calloc(1, sizeof(*c->finding));
	c->nr = 1;
	snprintf(c->finding[0].name, sizeof(c->finding[0].name), "PSCI_VERSION");
	return 0;
}

enum compare_class comparison_worst(const struct comparison *c)
{
	(void)c;
	return worst;
}

void comparison_free(struct comparison *c)
{
	free(c->finding);
}

void compare_print_check(const struct comparison *c, const char *from, const char *to, FILE *out)
{
	(void)c;
	(void)from;
	(void)to;
	fputs("the verdict", out);
}

struct world {
	int fd; /* the VM's */
	struct incoming in;
	struct machine_config cfg;
	struct err e;
};

static void start(struct world *w, int *in)
{
	int fd[2];

	*w = (struct world){ .cfg.dev = "kvm" };
	worst = COMPARE_SAME;
	damaged = false;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	w->fd = fd[0];
	*in = fd[1];
}

static void say(struct world *w, enum stream_type type, uint64_t a, uint64_t b, const void *behind,
		size_t len)
{
	assert_int_equal(stream_put_record(w->fd, type, a, b, 5000), 0);
	assert_int_equal(stream_put(w->fd, behind, len, 5000), 0);
}

static void facts(struct world *w)
{
	say(w, STREAM_FACTS, 5, STREAM_VERSION, "facts", 5);
}

/* What comes of what was said, and nothing more is. */
static int hear(struct world *w, int in)
{
	int ret;

	shutdown(w->fd, SHUT_WR);
	ret = incoming_receive(&w->in, in, &w->cfg, &w->e);
	assert_true(ret == 0 || *w->e.text);
	return ret;
}

static void end(struct world *w)
{
	incoming_close(&w->in, w->e.text);
	close(w->fd);
}

static void expect_text(struct world *w, enum stream_type type, uint64_t a, const char *text)
{
	struct stream_record record = { 0 };
	char got[256] = "";

	assert_int_equal(stream_get_record(w->fd, &record, 5000), 0);
	assert_int_equal(record.type, type);
	assert_int_equal(record.a, a);
	assert_true(record.b < sizeof(got));
	assert_int_equal(stream_get(w->fd, got, record.b, 5000), 0);
	assert_non_null(strstr(got, text));
}

static void a_vm_comes_and_runs_when_it_is_let_go_of(void **state)
{
	struct stream_record record;
	struct world w;
	int in;

	(void)state;
	start(&w, &in);
	facts(&w);
	say(&w, STREAM_ROUND, 1, RAM, NULL, 0);
	say(&w, STREAM_PAGES, 8192, 3, "abc", 3);
	say(&w, STREAM_PAGES, RAM - 2, 2, "zz", 2);
	say(&w, STREAM_ZERO, 8193, 1, NULL, 0);
	say(&w, STREAM_STATE, 5, 0, "state", 5);
	say(&w, STREAM_GO, 0, 0, NULL, 0);
	assert_int_equal(hear(&w, in), 0);
	expect_text(&w, STREAM_VERDICT, 0, "the verdict");
	assert_memory_equal((char *)w.in.pages + 8192, "a\0c", 4);
	assert_memory_equal((char *)w.in.pages + RAM - 2, "zz", 2);
	assert_memory_equal(w.in.machine.fdt, "state", 5);
	assert_ptr_equal(w.cfg.saved, &w.in.machine);
	assert_int_equal(w.in.machine.arrived(w.in.machine.ctx, &w.e), 0);
	assert_int_equal(stream_get_record(w.fd, &record, 5000), 0);
	assert_int_equal(record.type, STREAM_READY);
	assert_int_equal(stream_get_record(w.fd, &record, 5000), 0);
	assert_int_equal(record.type, STREAM_RUNNING);
	end(&w);
}

static void a_vm_that_is_not_let_go_of_does_not_run(void **state)
{
	static const enum stream_type words[] = { STREAM_ROUND, STREAM_FAILED, 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		struct world w;
		int in;

		start(&w, &in);
		facts(&w);
		say(&w, STREAM_STATE, 5, 0, "state", 5);
		if (words[i])
			say(&w, words[i], 0, 0, NULL, 0);
		assert_int_equal(hear(&w, in), 0);
		assert_true(w.in.machine.arrived(w.in.machine.ctx, &w.e) < 0);
		assert_false(w.in.arrived);
		end(&w);
	}
}

static void a_vm_that_cannot_come_is_told_so_and_nothing_is_taken(void **state)
{
	struct world w;
	int in;

	(void)state;
	start(&w, &in);
	worst = COMPARE_IMPOSSIBLE;
	facts(&w);
	say(&w, STREAM_PAGES, 0, 3, "abc", 3);
	assert_int_equal(hear(&w, in), -EINVAL);
	assert_non_null(strstr(w.e.text, "PSCI_VERSION"));
	assert_null(w.in.pages);
	expect_text(&w, STREAM_VERDICT, 2, "the verdict");
	end(&w);
}

static void what_is_harmless_comes_with_notes(void **state)
{
	struct world w;
	int in;

	(void)state;
	start(&w, &in);
	worst = COMPARE_HARMLESS;
	facts(&w);
	say(&w, STREAM_STATE, 5, 0, "state", 5);
	assert_int_equal(hear(&w, in), 0);
	expect_text(&w, STREAM_VERDICT, 1, "the verdict");
	end(&w);
}

static void another_version_is_refused(void **state)
{
	struct world w;
	int in;

	(void)state;
	start(&w, &in);
	say(&w, STREAM_FACTS, 5, STREAM_VERSION + 1, "facts", 5);
	assert_int_equal(hear(&w, in), -EPROTONOSUPPORT);
	incoming_close(&w.in, w.e.text);
	expect_text(&w, STREAM_FAILED, 0, "version 2");
	close(w.fd);
}

static void damage_is_refused_in_either_tree(void **state)
{
	struct world w;
	int in;

	(void)state;
	start(&w, &in);
	damaged = true;
	facts(&w);
	assert_int_equal(hear(&w, in), -EINVAL);
	end(&w);
}

static void what_must_not_come_is_refused(void **state)
{
	static const struct {
		enum stream_type type;
		uint64_t a, b;
	} bad[] = {
		{ STREAM_PAGES, RAM, 1 },
		{ STREAM_PAGES, RAM - 1, 2 },
		{ STREAM_PAGES, UINT64_MAX, 2 },
		{ STREAM_PAGES, UINT64_MAX - 1, 1 },
		{ STREAM_PAGES, 0, STREAM_PAGES_MAX + 1 },
		{ STREAM_PAGES, 0, UINT64_MAX },
		{ STREAM_ZERO, 0, RAM + 1 },
		{ STREAM_ZERO, RAM, 1 },
		{ STREAM_ZERO, 1, UINT64_MAX },
		{ STREAM_STATE, SAVE_STATE_MAX + 1ULL, 0 },
		{ STREAM_STATE, UINT64_MAX, 0 },
		{ STREAM_FACTS, 0, 0 },
		{ STREAM_GO, 0, 0 },
		{ STREAM_READY, 0, 0 },
		{ STREAM_VERDICT, 0, STREAM_TEXT_MAX + 1 },
		{ STREAM_NR_TYPES, 0, 0 },
		{ 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct world w;
		int in;

		start(&w, &in);
		facts(&w);
		say(&w, bad[i].type, bad[i].a, bad[i].b, "xy", 2);
		assert_int_equal(hear(&w, in), -EBADMSG);
		end(&w);
	}
}

static void a_stream_that_is_cut_anywhere_is_refused(void **state)
{
	uint8_t all[1024];
	struct world w;
	size_t len;
	int in;

	(void)state;
	start(&w, &in);
	facts(&w);
	say(&w, STREAM_PAGES, 4096, 3, "abc", 3);
	say(&w, STREAM_STATE, 5, 0, "state", 5);
	len = (size_t)recv(in, all, sizeof(all), 0);
	close(in);
	close(w.fd);
	assert_int_equal(len, 3 * STREAM_RECORD_SIZE + 5 + 3 + 5);
	for (size_t cut = 0; cut < len; cut++) {
		start(&w, &in);
		assert_int_equal(stream_put(w.fd, all, cut, 5000), 0);
		assert_int_equal(hear(&w, in), -ECONNRESET);
		end(&w);
	}
}

static void no_byte_of_a_record_s_head_can_be_another(void **state)
{
	const struct stream_record record = { .type = STREAM_PAGES, .a = 1, .b = 2 };
	uint8_t bytes[STREAM_RECORD_SIZE];
	struct stream_record other;

	(void)state;
	for (size_t i = 0; i < 7; i++) {
		stream_encode(&record, bytes);
		assert_int_equal(stream_decode(&other, bytes), 0);
		assert_true(other.type == record.type && other.a == 1 && other.b == 2);
		bytes[i] ^= 0x40;
		assert_int_equal(stream_decode(&other, bytes), -EBADMSG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_vm_comes_and_runs_when_it_is_let_go_of),
		cmocka_unit_test(a_vm_that_is_not_let_go_of_does_not_run),
		cmocka_unit_test(a_vm_that_cannot_come_is_told_so_and_nothing_is_taken),
		cmocka_unit_test(what_is_harmless_comes_with_notes),
		cmocka_unit_test(another_version_is_refused),
		cmocka_unit_test(damage_is_refused_in_either_tree),
		cmocka_unit_test(what_must_not_come_is_refused),
		cmocka_unit_test(a_stream_that_is_cut_anywhere_is_refused),
		cmocka_unit_test(no_byte_of_a_record_s_head_can_be_another),
	};

	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
