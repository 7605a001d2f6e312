/* SPDX-License-Identifier: BSD-2-Clause */
/* The filters that host/sandbox/generate.c made, put on. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>
#include "util/bits.h"
#include "util/log.h"
#include "util/sandbox.h"

#include "sandbox_filters.h" /* host/sandbox/generate.c made it: filter[], call_name[] */

/* lkvm's status when it failed: MACHINE_FAILED, which is above this layer. */
#define STATUS_FAILED 125

/* Whether this process is confined: the process's own state, as its filters are. Set before there are other threads. */
static atomic_bool started;

static const char *name_of_call(int nr)
{
	const char *name = nr >= 0 && nr < (int)ARRAY_SIZE(call_name) ? call_name[nr] : NULL;

	return name ? name : "?";
}

/* An argument of the call that was refused, for who mends the rows. */
static unsigned long argument(const void *context, unsigned int nr)
{
#if defined(__aarch64__)
	return ((const ucontext_t *)context)->uc_mcontext.regs[nr];
#elif defined(__x86_64__)
	static const int reg[] = { REG_RDI, REG_RSI };

	return (unsigned long)((const ucontext_t *)context)->uc_mcontext.gregs[reg[nr]];
#else
	(void)context;
	return nr;
#endif
}

/*
 * SIGSYS: it comes where the call was made, by this thread, so what is async-signal-safe is not the question, but whether
 * this calls what is refused: then the signal is blocked, and the kernel ends the process.
 */
static void refused(int sig, siginfo_t *info, void *context)
{
	char name[16] = "?";

	(void)sig;
	prctl(PR_GET_NAME, name);
	log_error("the sandbox ended this VM: its thread %.16s called %s (%d; 0x%lx, 0x%lx), which "
		  "none like it should; is it a guest's attack, or does lkvm lack a rule?",
		  name, name_of_call(info->si_syscall), info->si_syscall, argument(context, 0),
		  argument(context, 1));
	syscall(SYS_exit_group, STATUS_FAILED); /* a sanitizer's _exit() has calls of its own */
}

static int put_on(enum sandbox class)
{
	if (class == SANDBOX_NONE)
		return 0;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter[class]) < 0 ? -errno : 0;
}

/* Blocked, SIGSYS would end the process without a word. */
static void unblock_signal(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGSYS);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

int sandbox_start(enum sandbox loop, struct err *e)
{
	struct sigaction action = { .sa_sigaction = refused, .sa_flags = SA_SIGINFO };
	int ret = 0;

	/* What the C library opens when it needs it: the time zone, and what memory of many threads costs. */
	tzset();
	mallopt(M_ARENA_MAX, 1);
	sigfillset(&action.sa_mask);
	if (sigaction(SIGSYS, &action, NULL) < 0)
		ret = -errno;
	unblock_signal();
	if (ret == 0)
		ret = put_on(loop);
	if (ret < 0)
		return err_set(e, -ret,
			       "cannot confine lkvm by seccomp: %s (--sandbox=off goes without)",
			       strerror(-ret));
	atomic_store(&started, true);
	return 0;
}

bool sandbox_is_on(void)
{
	return atomic_load_explicit(&started, memory_order_relaxed);
}

void sandbox_give_up(int ret)
{
	log_error("cannot confine a thread: %s (--sandbox=off goes without)", strerror(-ret));
	_exit(STATUS_FAILED);
}

void sandbox_enter(enum sandbox class)
{
	int ret;

	if (!sandbox_is_on())
		return;
	unblock_signal();
	ret = put_on(class);
	if (ret < 0)
		sandbox_give_up(ret);
}
