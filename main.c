/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of commands, and which of them to call. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include "arm/machine.h"
#include "builtin.h"
#include "util/bits.h"
#include "util/log.h"

static int builtin_help(int argc, char **argv);

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{ "run", builtin_run, "Start a virtual machine" },
	{ "host", builtin_host,
	  "Show what this host offers to guests; profiles of hosts, compared" },
	{ "list", builtin_list, "List the running virtual machines" },
	{ "stat", builtin_stat, "Show what a running virtual machine does and takes" },
	{ "stop", builtin_stop, "Power off a running virtual machine" },
	{ "pause", builtin_pause, "Let a running virtual machine stand still" },
	{ "console", builtin_console, "Attach to the console of a running virtual machine" },
	{ "resume", builtin_resume,
	  "Let a virtual machine go on that was paused, or wake one that sleeps" },
	{ "snapshot", builtin_snapshot, "Save a running virtual machine to a file" },
	{ "restore", builtin_restore, "Let a saved virtual machine go on" },
	{ "migrate", builtin_migrate, "Move a running virtual machine to another host" },
	{ "check", builtin_check,
	  "Say whether a saved virtual machine can go on here, or elsewhere" },
	{ "balloon", builtin_balloon, "Take memory from a running guest, or see how it has it" },
	{ "debug", builtin_debug, "Show where a running virtual machine's CPUs are" },
	{ "resize", builtin_resize, "Give a disk of a running virtual machine another size" },
	{ "test", builtin_test, "Run the guests of test plans, and count who did what it should" },
	{ "version", builtin_version, "Print what this lkvm is and what it was built with" },
	{ "help", builtin_help, "Print this list, or the options of one command" },
};

static void usage(FILE *out)
{
	fputs("Usage: lkvm COMMAND [OPTIONS]\n"
	      "\n"
	      "The most commonly used lkvm commands are:\n",
	      out);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-10s%s\n", commands[i].name, commands[i].help);
	fputs("\n"
	      "'lkvm help COMMAND' lists the options of a command.\n",
	      out);
}

static int run_command(int argc, char **argv)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, argv[0]))
			return commands[i].run(argc, argv);
	log_error("'%s' is not an lkvm command; see 'lkvm --help'", argv[0]);
	return MACHINE_FAILED;
}

/* "lkvm help run" is "lkvm run --help". */
static int builtin_help(int argc, char **argv)
{
	char option[] = "--help";
	char *words[] = { argc > 1 ? argv[1] : NULL, option, NULL };

	if (argc > 2) {
		log_error("help: one command at a time; see 'lkvm --help'");
		return MACHINE_FAILED;
	}
	if (argc == 2 && strcmp(argv[1], "help"))
		return run_command(2, words);
	usage(stdout);
	return MACHINE_OFF;
}

/*
 * A parent may have closed a standard stream. Its number must not go to a file that is opened later:
 * messages and the guest's console would be written there.
 */
static int open_standard_streams(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return -1;
	return 0;
}

int main(int argc, char **argv)
{
	int status;

	if (open_standard_streams() < 0)
		return MACHINE_FAILED;
	if (argc < 2) {
		usage(stderr);
		return MACHINE_FAILED;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		status = builtin_help(argc - 1, argv + 1);
	else if (!strcmp(argv[1], "--version"))
		status = builtin_version(argc - 1, argv + 1);
	else
		status = run_command(argc - 1, argv + 1);

	if (fflush(stdout) || ferror(stdout)) {
		log_error("cannot write to standard output: %s", strerror(errno));
		return MACHINE_FAILED;
	}
	return status;
}
