/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of --env, --rw and --user, and what a command's machine is when they are read. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "arm/command.h"
#include "arm/machine.h"
#include "host/terminal.h"
#include "util/bits.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/opt.h"

/* Tags of the folders that a command sees. */
#define ROOT_TAG "lkvm.root"

static int append(char ***list, uint32_t *nr, char *text, struct err *e)
{
	char **all = text ? realloc(*list, (*nr + 1) * sizeof(*all)) : NULL;

	if (!all) {
		free(text);
		return err_set(e, ENOMEM, "no memory for it");
	}
	all[(*nr)++] = text;
	*list = all;
	return 0;
}

int command_add_env(void *field, const char *value, struct err *e)
{
	struct guest_command *c = field;
	const char *set;
	char *text;

	if (!*value || *value == '=')
		return err_set(e, EINVAL, "'%s' is no variable: say NAME or NAME=VALUE", value);
	if (strchr(value, '='))
		return append(&c->env, &c->nr_env, strdup(value), e);
	set = getenv(value);
	if (!set)
		return err_set(e, ENOENT, "lkvm has no variable '%s': say %s=VALUE", value, value);
	if (asprintf(&text, "%s=%s", value, set) < 0)
		text = NULL;
	return append(&c->env, &c->nr_env, text, e);
}

int command_add_rw(void *field, const char *value, struct err *e)
{
	struct guest_command *c = field;
	char *path = realpath(value, NULL);
	struct stat st;

	if (!path || stat(path, &st) < 0) {
		free(path);
		return err_sys(e, "cannot share '%s'", value);
	}
	if (!S_ISDIR(st.st_mode)) {
		free(path);
		return err_set(e, ENOTDIR, "cannot share '%s': it is no folder", value);
	}
	return append(&c->rw, &c->nr_rw, path, e);
}

int command_set_user(void *field, const char *value, struct err *e)
{
	struct guest_command *c = field;
	autofree char *uid = strdup(value);
	char *gid = uid ? strchr(uid, ':') : NULL;
	int ret;

	if (!uid)
		return err_set(e, ENOMEM, "no memory for it");
	if (gid)
		*gid++ = '\0';
	ret = opt_set_u32(&c->uid, uid, e);
	c->gid = c->uid;
	if (ret == 0 && gid)
		ret = opt_set_u32(&c->gid, gid, e);
	if (ret < 0 || c->uid == UINT32_MAX || c->gid == UINT32_MAX)
		return err_set(e, EINVAL, "'%s' is no user: say UID or UID:GID, in numbers", value);
	c->other_user = true;
	return 0;
}

/* The kernel that this host has booted, where distributions put it. */
static int find_kernel(struct guest_command *c, struct err *e)
{
	static const char *const places[] = { "/boot/vmlinuz-%s", "/boot/Image-%s",
					      "/lib/modules/%s/vmlinuz", "/boot/Image" };
	struct utsname host;

	uname(&host);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		const char *percent = strchr(places[i], '%');
		int len = percent ? (int)(percent - places[i]) : (int)strlen(places[i]);

		free(c->kernel);
		if (asprintf(&c->kernel, "%.*s%s%s", len, places[i], percent ? host.release : "",
			     percent ? percent + 2 : "") < 0)
			c->kernel = NULL;
		if (!c->kernel)
			return err_set(e, ENOMEM, "no memory to look for a kernel");
		if (access(c->kernel, F_OK) == 0)
			return 0;
	}
	return err_set(e, ENOENT,
		       "no kernel for the command: there is no /boot/vmlinuz-%s, /boot/Image-%s, "
		       "/lib/modules/%s/vmlinuz or /boot/Image; name one with --kernel",
		       host.release, host.release, host.release);
}

static int share_folders(struct guest_command *c, struct machine_config *cfg, struct err *e)
{
	char root[] = ROOT_TAG, slash[] = "/", tag[32];
	struct share_option share = { .dir = c->root ? (char *)c->root : slash,
				      .tag = root,
				      .ro = !c->root_rw };
	int ret;

	c->first_share = cfg->shares.nr;
	ret = share_add(&cfg->shares, share, e);
	if (ret < 0)
		return err_wrap(e, ret, "--root");
	for (uint32_t i = 0; i < c->nr_rw; i++) {
		snprintf(tag, sizeof(tag), "lkvm.rw%u", i);
		share = (struct share_option){ .dir = c->rw[i], .tag = tag };
		ret = share_add(&cfg->shares, share, e);
		if (ret < 0)
			return err_wrap(e, ret, "--rw");
	}
	return 0;
}

/*
 * The kernel's console is the user's if they said where it goes. Otherwise it must not mix with the command's
 * output: it is kept, or shown on stderr.
 */
static void choose_console(struct guest_command *c, struct machine_config *cfg)
{
	if (cfg->console.line.end != LINE_STDIO)
		return;
	cfg->console.line.end = LINE_TAIL;
	cfg->console.line.tail = &c->console;
	c->console.show = cfg->console.given || log_enabled(LOG_DEBUG);
}

static int refuse_others(const struct machine_config *cfg, struct err *e)
{
	const struct {
		bool given;
		const char *name;
	} rows[] = {
		{ cfg->initrd != NULL, "--initrd" },
		{ cfg->dtb != NULL, "--dtb" },
		{ cfg->reboot, "--reboot" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].given)
			return err_set(e, EINVAL, "%s does not go with a command", rows[i].name);
	return 0;
}

int command_prepare(struct guest_command *c, struct machine_config *cfg, struct err *e)
{
	int ret = refuse_others(cfg, e);

	if (ret == 0 && !cfg->kernel) {
		ret = find_kernel(c, e);
		cfg->kernel = c->kernel;
	}
	if (ret == 0)
		ret = share_folders(c, cfg, e);
	if (ret < 0)
		return ret;
	choose_console(c, cfg);
	/* A kernel that cannot go on resets the machine at once, which ends it. */
	if (asprintf(&c->params, "%spanic=-1%s%s", c->console.show ? "" : "quiet ",
		     cfg->params ? " " : "", cfg->params ? cfg->params : "") < 0) {
		c->params = NULL;
		return err_set(e, ENOMEM, "no memory for the kernel command line");
	}
	cfg->params = c->params;
	c->tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && terminal_is_ours(STDIN_FILENO);
	c->stderr_apart = !isatty(STDERR_FILENO);
	cfg->command = c;
	return 0;
}

void command_free(struct guest_command *c)
{
	for (uint32_t i = 0; i < c->nr_env; i++)
		free(c->env[i]);
	for (uint32_t i = 0; i < c->nr_rw; i++)
		free(c->rw[i]);
	free(c->env);
	free(c->rw);
	free(c->kernel);
	free(c->params);
	*c = (struct guest_command){ 0 };
}
