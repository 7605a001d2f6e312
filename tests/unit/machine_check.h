/* SPDX-License-Identifier: BSD-2-Clause */
/* What every run of a machine in a test has to show, however it ends. */
#ifndef LKVM_UNIT_MACHINE_CHECK_H
#define LKVM_UNIT_MACHINE_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "fake/play.h"

#define OFF FAKE_EVENT(KVM_SYSTEM_EVENT_SHUTDOWN)

/* Runs it, and asserts that it leaves nothing and ends so; the text of a failure has @word. */
static inline void check(struct play *p, const struct machine_config *cfg,
			 enum machine_status status, const char *word)
{
	play(p, cfg);
	if (status != MACHINE_FAILED)
		assert_string_equal(p->e.text, "");
	else if (!strstr(p->e.text, word))
		assert_string_equal(p->e.text, word);
	assert_int_equal(p->status, status);
	assert_null(strstr(p->log, "Fatal"));
	assert_true(play_is_clean(p));
}

static inline void check_end(const struct machine_config *cfg, enum machine_status status,
			     const char *word)
{
	struct play p = { 0 };

	check(&p, cfg, status, word);
	play_free(&p);
}

#endif
