/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Linux's system calls as they are: sys(NAME, ARGUMENT...) is what the kernel returns, a result or -errno.
 * Numbers and structures come from the kernel's own headers; there is no C library.
 */
#ifndef INIT_SYS_H
#define INIT_SYS_H

#include <asm/unistd.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline long sys_call(long nr, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc	#0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}

/* Up to six arguments; those left out are 0. */
#define SYS_SIX(nr, a, b, c, d, e, f, ...) \
	sys_call(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define sys(name, ...) SYS_SIX(__NR_##name, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)

static inline int open_file(const char *path, int flags)
{
	return (int)sys(openat, AT_FDCWD, path, flags | O_CLOEXEC);
}

static inline long make_folder(const char *path, unsigned int mode)
{
	return sys(mkdirat, AT_FDCWD, path, mode);
}

#endif
