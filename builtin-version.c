/* SPDX-License-Identifier: BSD-2-Clause */
/* lkvm version: what a bug report needs to know about the program itself. */
#include <libfdt.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <zlib.h>
#include "arm/machine.h"
#include "arm/modules.h"
#include "builtin.h"
#include "host/disk.h"
#include "util/log.h"
#include "util/opt.h"

#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

#ifndef LKVM_VERSION
#define LKVM_VERSION "unknown"
#endif

int builtin_version(int argc, char **argv)
{
	struct err e = { 0 };
	bool help;

	if (opt_parse(NULL, 0, NULL, argc - 1, argv + 1, NULL, &help, NULL, &e) < 0) {
		log_error("version: %s", e.text);
		return MACHINE_FAILED;
	}
	if (help) {
		puts("Usage: lkvm version");
		return MACHINE_OFF;
	}
	printf("lkvm %s\n", LKVM_VERSION);
	/* Without a dynamic linker the kernel passes no base address of one. */
	printf("linked: %s\n", getauxval(AT_BASE) ? "dynamically" : "statically");
#ifdef __GLIBC__
	printf("libc: glibc %s\n", gnu_get_libc_version());
#endif
	printf("zlib: %s\n", zlibVersion());
#ifdef LKVM_LIBFDT_VERSION
	printf("libfdt: %s\n", LKVM_LIBFDT_VERSION);
#endif
	printf("modules: .ko .ko.gz%s%s\n", unpack_has("xz") ? " .ko.xz" : "",
	       unpack_has("zstd") ? " .ko.zst" : "");
	printf("io_uring: %s\n", disk_has_uring() ? "built in" : "no");
	printf("device tree format: %d to %d\n", FDT_FIRST_SUPPORTED_VERSION,
	       FDT_LAST_SUPPORTED_VERSION);
	printf("compiler: %s\n", __VERSION__);
	return MACHINE_OFF;
}
