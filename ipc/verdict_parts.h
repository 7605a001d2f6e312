/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of verdict.h share. */
#ifndef LKVM_IPC_VERDICT_PARTS_H
#define LKVM_IPC_VERDICT_PARTS_H

#include <stdio.h>
#include "console_lines.h"
#include "ipc/verdict.h"

/* So many of the console's last lines are kept. */
#define VERDICT_LINES 40

/* The word's name: "off", "panicked"... */
const char *verdict_name(enum verdict_word word);

/* Whether something decides before the guest ends of itself. */
bool verdict_judges(const struct verdict *v);
/* A panic ends the VM. */
bool verdict_stops_at_panic(const struct verdict *v);

/* Compiles what the user typed. Returns 0, or -errno with @e (which may be NULL) saying what is wrong with it. */
int verdict_compile(regex_t *regex, const char *text, struct err *e);

/* A guest's words @from, or NULL, as they may go to a terminal; @to has @size bytes. */
void verdict_printable(char *to, size_t size, const char *from);

/* verdict.c, one thread at a time: */

/* What the guest says, as it says it: a console_lines' told(). */
void verdict_line(void *ctx, const struct console_line *line);
/* The guest's kernel panicked; @why: what it said of that. */
void verdict_panic(struct verdict *v, const char *why);
/* Decides for @word, if nothing is decided yet. */
void verdict_decide(struct verdict *v, enum verdict_word word);

/* verdict_watch.c: the machine_control that watches. Its options are a struct verdict. */
extern const struct machine_control verdict_control;

/* verdict_report.c: writes @v, with which lkvm ends with @status and the message @why, or NULL, as JSON. */
void verdict_report(const struct verdict *v, int status, const char *why, FILE *out);

#endif
