/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timer COMMAND [ARGUMENT]...: runs the command and prints on standard error what it took: "NS KIB
 * STATUS", the nanoseconds from fork() to wait4()'s return, the peak resident size (ru_maxrss, with
 * the libraries it maps), and the exit status (128 + signal, as shells say it).
 *
 * ru_maxrss of a child cannot be less than the parent had at the fork, so this program is static and
 * small: `timer timer true` shows its own size.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int main(int argc, char **argv)
{
	struct rusage usage;
	int64_t start, end;
	int status;
	pid_t pid;

	if (argc < 2) {
		dprintf(STDERR_FILENO, "usage: timer COMMAND [ARGUMENT]...\n");
		return 2;
	}
	start = now_ns();
	pid = fork();
	if (pid == 0) {
		execvp(argv[1], argv + 1);
		dprintf(STDERR_FILENO, "timer: cannot run %s: %s\n", argv[1], strerror(errno));
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) < 0) {
		dprintf(STDERR_FILENO, "timer: %s\n", strerror(errno));
		return 2;
	}
	end = now_ns();
	dprintf(STDERR_FILENO, "%lld %ld %d\n", (long long)(end - start), usage.ru_maxrss,
		WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return 0;
}
