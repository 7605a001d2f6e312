/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * generate ARCH: makes C of host/sandbox/rows.h, for the machine that lkvm is built for: a filter of each class, in the
 * form that seccomp(2) takes, and the names of all system calls. It runs while lkvm is built, so that lkvm itself has
 * nothing to compile when it starts, and needs no library for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <linux/vhost.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>
#include "kvm/newer.h"
#include "util/sandbox.h"

/* The kernel's limit for a filter, in instructions. */
#define FILTER_MAX 4096

struct row {
	const char *name;
	unsigned int classes;
	uint32_t action;
	unsigned int nr_args; /* 0 or 1 that @arg compares */
	struct scmp_arg_cmp arg;
};

#define ROW(call, who, what, ...) { .name = call, .classes = who, .action = what, __VA_ARGS__ },
#define CALL(call, who)           ROW(#call, who, SCMP_ACT_ALLOW)
#define NO_SUCH(call, who)        ROW(#call, who, SCMP_ACT_ERRNO(ENOSYS))
#define IF(...)                   .nr_args = 1, .arg = { __VA_ARGS__ }
#define CALL_IF(call, who, nr, mask, value) \
	ROW(#call, who, SCMP_ACT_ALLOW, IF(nr, SCMP_CMP_MASKED_EQ, mask, value))
#define IOCTL(request, who) \
	ROW("ioctl", who, SCMP_ACT_ALLOW, IF(1, SCMP_CMP_EQ, (uint32_t)(request), 0))

static const struct row rows[] = {
#include "rows.h"
};

static const char *const class_name[SANDBOX_NR] = {
	[SANDBOX_LOOP] = "loop",     [SANDBOX_REBUILD] = "rebuild", [SANDBOX_VCPU] = "vcpu",
	[SANDBOX_WRITER] = "writer", [SANDBOX_DISK] = "disk",       [SANDBOX_SHARE] = "share",
};

static void __attribute__((noreturn)) die(const char *what, const char *name, int ret)
{
	fprintf(stderr, "generate: %s %s: %s\n", what, name, strerror(ret < 0 ? -ret : ret));
	exit(1);
}

/* A name that the machine's kernel does not have (an older one's call, on a newer machine) is no row there. */
static void add_row(scmp_filter_ctx filter, uint32_t arch, const struct row *row)
{
	int nr = seccomp_syscall_resolve_name_arch(arch, row->name);
	int ret;

	if (nr == __NR_SCMP_ERROR)
		die("no system call is called", row->name, EINVAL);
	if (nr < 0)
		return;
	ret = seccomp_rule_add_array(filter, row->action, seccomp_syscall_resolve_name(row->name),
				     row->nr_args, &row->arg);
	if (ret < 0)
		die("cannot add", row->name, ret);
}

static void print_filter(scmp_filter_ctx filter, const char *name)
{
	struct sock_filter code[FILTER_MAX];
	int fd = memfd_create("filter", 0);
	ssize_t size;
	int ret = fd < 0 ? -errno : seccomp_export_bpf(filter, fd);

	if (ret < 0)
		die("cannot make the filter", name, ret);
	size = pread(fd, code, sizeof(code), 0);
	close(fd);
	if (size <= 0 || (size_t)size == sizeof(code))
		die("bad size of the filter", name, E2BIG);
	printf("\nstatic const struct sock_filter %s_filter[] = {\n", name);
	for (size_t i = 0; i < (size_t)size / sizeof(*code); i++)
		printf("\t{ 0x%04x, %u, %u, 0x%08x },\n", code[i].code, code[i].jt, code[i].jf,
		       code[i].k);
	puts("};");
}

static void make_filter(uint32_t arch, enum sandbox class)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
	int ret;

	if (!filter)
		die("cannot begin", class_name[class], ENOMEM);
	/* A binary search in place of a list of calls. */
	ret = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (ret == 0 && arch != seccomp_arch_native()) {
		ret = seccomp_arch_add(filter, arch);
		if (ret == 0)
			ret = seccomp_arch_remove(filter, SCMP_ARCH_NATIVE);
	}
	if (ret < 0)
		die("cannot prepare", class_name[class], ret);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (rows[i].classes & 1u << class)
			add_row(filter, arch, &rows[i]);
	}
	print_filter(filter, class_name[class]);
	seccomp_release(filter);
}

/* Numbers have gaps: where none is for long, there are no more. */
static void print_names(uint32_t arch)
{
	puts("\nstatic const char *const call_name[] = {");
	for (int nr = 0; nr < 1024; nr++) {
		char *name = seccomp_syscall_resolve_num_arch(arch, nr);

		if (name)
			printf("\t[%d] = \"%s\",\n", nr, name);
		free(name);
	}
	puts("};");
}

int main(int argc, char **argv)
{
	uint32_t arch = argc == 2 ? seccomp_arch_resolve_name(argv[1]) : 0;

	if (!arch) {
		fputs("usage: generate ARCH\n", stderr);
		return 2;
	}
	puts("/* Made by host/sandbox/generate.c. */");
	for (enum sandbox class = 0; class < SANDBOX_NR; class ++)
		make_filter(arch, class);
	puts("\nstatic const struct sock_fprog filter[SANDBOX_NR] = {");
	for (enum sandbox class = 0; class < SANDBOX_NR; class ++)
		printf("\t{ ARRAY_SIZE(%s_filter), (struct sock_filter *)%s_filter },\n",
		       class_name[class], class_name[class]);
	puts("};");
	print_names(arch);
	return fflush(stdout) == 0 ? 0 : 1;
}
