/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between lkvm and the first process of a guest that runs one command (guest/init): what is in the initramfs,
 * and what the two say to each other. Both sides include this; it has no types.
 *
 * The initramfs holds /init; INIT_CONFIG, strings that each end in a zero; and the modules, at the root:
 *
 *	arg=WORD	the command and its arguments, in order
 *	env=NAME=VALUE	its environment
 *	cwd=PATH	its folder; cwd-may-miss=1: or /
 *	uid=N gid=N group=N
 *	root=TAG	the shared folder that is the root, overlaid unless root-rw=1
 *	share=TAG:PATH	another one, and where it is
 *	module=FILE	to be loaded, in order
 *	hostname=NAME
 *	dhcp=1		its network devices ask for their addresses
 *	tty=1		the command has a terminal; stderr-apart=1: but not as its stderr
 *
 * The guest's bytes come by ports with the names below. On the control port go lines:
 *
 *	guest to lkvm	"exit N"		the command ended with that status
 *			"signal N"		it was killed
 *			"exec ERRNO"		it could not be executed
 *			"fail ERRNO WHAT"	it was not come to
 *	lkvm to guest	"size COLUMNS ROWS"	of the terminal, whenever it changes
 *			"terminate"		the command, once: SIGTERM, and on a terminal SIGHUP
 *
 * The first of the guest's lines is its last: after it, and when all of its ports for output are closed, lkvm
 * ends the machine.
 */
#ifndef LKVM_GUEST_INIT_H
#define LKVM_GUEST_INIT_H

#define INIT_CONFIG  "/config"
#define INIT_CONTROL "lkvm.control"
#define INIT_STDIN   "lkvm.stdin"
#define INIT_STDOUT  "lkvm.stdout"
#define INIT_STDERR  "lkvm.stderr"
#define INIT_TTY     "lkvm.tty"

/* No line is longer, its end included. */
#define INIT_LINE_MAX 512

#endif
