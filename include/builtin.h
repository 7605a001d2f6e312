/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The commands of lkvm, one file each. They get the words from the command's own name on, print what
 * is to be said, errors included, and return lkvm's exit status (enum machine_status).
 */
#ifndef LKVM_BUILTIN_H
#define LKVM_BUILTIN_H

int builtin_balloon(int argc, char **argv);
int builtin_check(int argc, char **argv);
int builtin_console(int argc, char **argv);
int builtin_debug(int argc, char **argv);
int builtin_host(int argc, char **argv);
int builtin_list(int argc, char **argv);
int builtin_pause(int argc, char **argv);
int builtin_resize(int argc, char **argv);
int builtin_restore(int argc, char **argv);
int builtin_resume(int argc, char **argv);
int builtin_run(int argc, char **argv);
int builtin_snapshot(int argc, char **argv);
int builtin_migrate(int argc, char **argv);
int builtin_stat(int argc, char **argv);
int builtin_stop(int argc, char **argv);
int builtin_test(int argc, char **argv);
int builtin_version(int argc, char **argv);

#endif
