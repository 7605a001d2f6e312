/* SPDX-License-Identifier: BSD-2-Clause */
/* A person's terminal: its modes while a guest has it, and the escape key that reaches lkvm itself. */
#ifndef LKVM_HOST_TERMINAL_H
#define LKVM_HOST_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>
#include <termios.h>

/*
 * Whether this process may read terminal @fd and change its modes: it is in the foreground, or job
 * control does not apply because the terminal is not its controlling one.
 */
bool terminal_is_ours(int fd);

/*
 * Makes @fd pass every key at once and unchanged; *saved gets the old modes. Output processing stays
 * as it is, so that log lines end where they should. Returns 0, or -errno with the modes unchanged.
 */
int terminal_make_raw(int fd, struct termios *saved);

/* Puts the modes back, unless the terminal is by now someone else's. */
void terminal_restore(int fd, const struct termios *saved);

#define ESCAPE_KEY 0x01 /* Ctrl-A */

/* Where in the escape a person is. Starts as { 0 }. */
struct escape {
	bool pending; /* the escape key was the last one */
};

enum escape_action { ESCAPE_PASS, ESCAPE_DROP, ESCAPE_QUIT, ESCAPE_HELP, ESCAPE_DETACH };

/*
 * What to do with the next key: give *key, which may have been changed, to the guest; nothing; end
 * the VM; show help; leave the VM alone, which a VM's own terminal cannot. The key after the escape key is a command; one that is none is dropped with it,
 * lest a slip reach the guest.
 */
enum escape_action escape_feed(struct escape *escape, uint8_t *key);

#endif
