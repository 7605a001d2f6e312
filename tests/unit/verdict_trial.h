/* SPDX-License-Identifier: BSD-2-Clause */
/* A machine's run on the fake KVM that is watched for a verdict. */
#ifndef LKVM_UNIT_VERDICT_TRIAL_H
#define LKVM_UNIT_VERDICT_TRIAL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "arm/map.h"
#include "fake/fake_kvm.h"
#include "fake/play.h"
#include "ipc/verdict.h"

#define OFF   FAKE_EVENT(KVM_SYSTEM_EVENT_SHUTDOWN)
#define RESET FAKE_EVENT(KVM_SYSTEM_EVENT_RESET)
#define CRASH FAKE_EVENT(KVM_SYSTEM_EVENT_CRASH)

#define PANIC "[    1.5] Kernel panic - not syncing: it went wrong\r\n"

/* One run with options. */
struct trial {
	struct verdict v;
	struct machine_config cfg;
	struct play p;
	struct err e;
	int status;
};

static inline void begin(struct trial *t)
{
	*t = (struct trial){ .cfg = play_config() };
	t->v.cfg = &t->cfg;
	t->cfg.name = "it";
	fake_start(&fake_6_1);
}

static inline void expect(struct trial *t, const char *regex)
{
	assert_int_equal(verdict_add_expect(&t->v, regex, &t->e), 0);
}

static inline void reject(struct trial *t, const char *regex)
{
	assert_int_equal(verdict_add_reject(&t->v, regex, &t->e), 0);
}

/* @word: the verdict's; @why: what is told, or part of it. */
static inline void run(struct trial *t, enum verdict_word word, int status, const char *why)
{
	assert_int_equal(verdict_watch(&t->v, &t->cfg, &t->e), 0);
	play(&t->p, &t->cfg);
	assert_true(play_is_clean(&t->p));
	t->status = verdict_end(&t->v, t->p.status, &t->p.e);
	if (!*why)
		assert_string_equal(t->p.e.text, "");
	else if (!strstr(t->p.e.text, why))
		assert_string_equal(t->p.e.text, why);
	assert_int_equal(t->v.word, word);
	assert_int_equal(t->status, status);
}

static inline void end(struct trial *t)
{
	play_free(&t->p);
	verdict_free(&t->v);
	fake_end();
}

#endif
