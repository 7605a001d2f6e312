/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first process of a guest that runs one command for lkvm: from an initramfs with a few kernel modules to
 * the command in the host's own files. In order: the kernel's file systems, modules, ports, mounts, command.
 */
#include <asm/poll.h>
#include <linux/mount.h>
#include "../str.h"
#include "guest/init.h"
#include "init.h"

#define TEXT_MAX (INIT_LINE_MAX - 64)

/* The kernel starts a program with its stack pointer at argc, and nothing to return to. */
void init_main(void) __attribute__((noreturn, used));

__asm__(".pushsection .text._start, \"ax\"\n"
	".globl	_start\n"
	"_start:\n"
	"	mov	x29, #0\n"
	"	mov	x30, #0\n"
	"	b	init_main\n"
	".popsection\n");

static int fail_port = -1;

void fail_by(int control)
{
	fail_port = control;
}

static char *append(char *to, const char *end, const char *text)
{
	while (*text && to < end)
		*to++ = *text++;
	return to;
}

/* All of it; the port may have no room for a moment. */
static void write_all(int fd, const char *text, size_t len)
{
	while (len) {
		long n = sys(write, fd, text, len);

		if (n == -EAGAIN) {
			struct pollfd poll = { .fd = fd, .events = POLLOUT };

			sys(ppoll, &poll, 1, NULL, NULL);
		} else if (n < 0) {
			return;
		} else {
			text += n;
			len -= (size_t)n;
		}
	}
}

void report(int control, const char *word, long number, const char *text, const char *name)
{
	char line[INIT_LINE_MAX], *p = line;
	const char *end = line + TEXT_MAX;

	p = append(p, end, word);
	*p++ = ' ';
	p = put_number(p, (unsigned long)number);
	if (text) {
		*p++ = ' ';
		p = append(p, end, text);
		*p++ = ' ';
		p = append(p, end, name);
	}
	*p++ = '\n';
	write_all(control, line, (size_t)(p - line));
}

void wait_for_end(void)
{
	for (;;)
		sys(ppoll, NULL, 0, NULL, NULL);
}

void fail(const char *what, const char *name, long error)
{
	if (fail_port >= 0) {
		report(fail_port, "fail", -error, what, name);
		wait_for_end();
	}
	report((int)sys(openat, AT_FDCWD, "/dev/console", O_WRONLY), "init cannot go on: error",
	       -error, what, name);
	/* The kernel ends with its first process. */
	sys(exit_group, 1);
	wait_for_end();
}

void init_main(void)
{
	static struct config cfg;
	struct ports ports;
	int watch;

	make_folder("/dev", 0755);
	make_folder("/sys", 0755);
	sys(mount, "devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=755");
	sys(mount, "sysfs", "/sys", "sysfs", 0, NULL);
	config_read(&cfg);
	watch = ports_watch();
	modules_load(&cfg);
	ports_open(&ports, &cfg, watch);
	fail_by(ports.control);
	if (cfg.hostname)
		sys(sethostname, cfg.hostname, strlen(cfg.hostname));
	mounts_make(&cfg);
	network_raise(&cfg);
	command_run(&cfg, &ports);
	wait_for_end();
}
