/* SPDX-License-Identifier: BSD-2-Clause */
/* From a new process of init's to the command: streams, person, folder, and the program by PATH. */
#include <asm/ioctls.h>
#include <asm/signal.h>
#include "../str.h"
#include "init.h"

#define PATH_SIZE 4096

static int take_streams(const struct streams *streams)
{
	const uint64_t none = 0;
	long ret = 0;

	sys(rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));
	sys(setsid);
	if (streams->tty)
		sys(ioctl, streams->fd[0], TIOCSCTTY, 0);
	for (int i = 0; i < 3 && ret >= 0; i++)
		ret = sys(dup3, streams->fd[i], i, 0);
	return (int)ret;
}

static int become(const struct config *cfg)
{
	long ret = sys(setgroups, cfg->nr_groups, cfg->groups);

	if (ret == 0)
		ret = sys(setgid, cfg->gid);
	if (ret == 0)
		ret = sys(setuid, cfg->uid);
	return (int)ret;
}

/* A file without a first line that names its interpreter is a script of the shell, as everywhere. */
static int exec_file(char *path, const struct config *cfg)
{
	long ret = sys(execve, path, cfg->argv, cfg->env);

	if (ret == -ENOEXEC) {
		static char shell[] = "/bin/sh";
		char *argv[256] = { shell, path };
		unsigned int nr = 2;

		for (char **arg = cfg->argv + 1; *arg && nr < 255; arg++)
			argv[nr++] = *arg;
		if (!cfg->argv[nr - 1]) /* they are all there */
			ret = sys(execve, shell, argv, cfg->env);
	}
	return (int)ret;
}

static const char *find_path(const struct config *cfg)
{
	for (char **env = cfg->env; *env; env++)
		if (!memcmp(*env, "PATH=", 5))
			return *env + 5;
	return "";
}

/* As execvp(): one that may not be executed is passed by, and remembered. */
static int search(const struct config *cfg)
{
	const char *name = cfg->argv[0], *path = find_path(cfg);
	size_t len = strlen(name);
	int ret, worst = -ENOENT;

	for (;;) {
		const char *end = path;
		char file[PATH_SIZE], *p = file;

		while (*end && *end != ':')
			end++;
		if ((size_t)(end - path) + len + 2 <= sizeof(file)) {
			memcpy(p, path, (size_t)(end - path));
			p += end - path;
			if (end > path)
				*p++ = '/';
			memcpy(p, name, len + 1);
			ret = exec_file(file, cfg);
			if (ret == -EACCES)
				worst = ret;
			else if (ret != -ENOENT && ret != -ENOTDIR)
				return ret;
		}
		if (!*end)
			return worst;
		path = end + 1;
	}
}

int command_exec(const struct config *cfg, const struct streams *streams, const char **what)
{
	char *name = cfg->argv[0];
	int ret = take_streams(streams);

	*what = "give the command its streams";
	if (ret >= 0) {
		*what = "become the command's user";
		ret = become(cfg);
	}
	if (ret >= 0) {
		*what = "enter the folder";
		ret = (int)sys(chdir, cfg->cwd);
		if (ret < 0 && cfg->cwd_may_miss)
			ret = (int)sys(chdir, "/");
	}
	if (ret < 0)
		return ret;
	*what = NULL;
	if (!*name)
		return -ENOENT;
	return memchr(name, '/', strlen(name)) ? exec_file(name, cfg) : search(cfg);
}
