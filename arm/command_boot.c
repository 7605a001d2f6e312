/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a command's guest boots with: an initial RAM disk of lkvm's own first process (guest/init), the modules that
 * this kernel needs to reach its root, and a file that says what to do (include/guest/init.h).
 */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "arm/command.h"
#include "arm/modules.h"
#include "guest/embed.h"
#include "initramfs.h"
#include "parts.h"
#include "unpack.h"
#include "util/cleanup.h"

#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* As many groups of the caller's as guest/init takes. */
#define GROUPS_MAX 64

static bool on_mmio(const struct machine_config *cfg)
{
	return slots_bus(cfg, VIRTIO_BUS_DEFAULT) == VIRTIO_BUS_MMIO;
}

static bool always(const struct machine_config *cfg)
{
	(void)cfg;
	return true;
}

static bool overlaid(const struct machine_config *cfg)
{
	return !cfg->command->root_rw;
}

static bool has_disks(const struct machine_config *cfg)
{
	return cfg->disks.nr > 0;
}

static bool has_rng(const struct machine_config *cfg)
{
	return cfg->rng.present;
}

static bool has_nics(const struct machine_config *cfg)
{
	return cfg->networks.nr > 0;
}

/* Whether there is passt to say what address the guest has; who makes a tap knows best himself. */
static bool has_dhcp(const struct machine_config *cfg)
{
	for (uint32_t i = 0; i < cfg->networks.nr; i++)
		if (cfg->networks.nic[i].mode == NETWORK_USER)
			return true;
	return false;
}

static bool has_fs(const struct machine_config *cfg)
{
	return cfg->fs.nr > 0;
}

static bool has_vsock(const struct machine_config *cfg)
{
	return cfg->vsock.cid != 0;
}

static bool has_balloon(const struct machine_config *cfg)
{
	return cfg->balloon;
}

/* What a guest needs of its kernel, and whether this one does. */
static const struct {
	const char *module;
	bool (*wanted)(const struct machine_config *cfg);
} needs[] = {
	{ "virtio_mmio", on_mmio },
	{ "virtio_pci", slots_need_pci },
	{ "virtio_console", always },
	{ "9pnet_virtio", always },
	{ "9p", always },
	{ "overlay", overlaid },
	{ "virtio_blk", has_disks },
	{ "virtio_rng", has_rng },
	{ "virtio_net", has_nics },
	{ "af_packet", has_dhcp },
	{ "virtiofs", has_fs },
	{ "vmw_vsock_virtio_transport", has_vsock },
	{ "virtio_balloon", has_balloon },
};

static int find_modules(struct module_list *list, const char *dir, const char *version,
			const struct machine_config *cfg, struct err *e)
{
	struct module_index index;
	int ret = module_index_read(&index, dir, version, e);

	for (size_t i = 0; i < ARRAY_SIZE(needs) && ret == 0; i++) {
		if (!needs[i].wanted(cfg))
			continue;
		ret = module_list_add(list, &index, needs[i].module);
		if (ret < 0)
			err_set(e, -ret, "%s has no module %s (%s), which a command's guest needs",
				dir, needs[i].module, strerror(-ret));
	}
	module_index_free(&index);
	return ret;
}

/* Puts one into the RAM disk and names it in the configuration. */
static int add_module(struct initramfs *fs, FILE *config, const char *dir, const char *path,
		      unsigned int nr, struct err *e)
{
	autofree char *from = NULL;
	autofree uint8_t *data = NULL;
	const char *file = strrchr(path, '/');
	char name[80];
	size_t size;
	int ret;

	if (asprintf(&from, "%s/%s", dir, path) < 0)
		return err_set(e, ENOMEM, "no memory for the module %s", path);
	ret = unpack_file(from, &data, &size, e);
	if (ret < 0)
		return ret;
	/* The name is for messages; the number tells two of the same name apart. */
	snprintf(name, sizeof(name), "/%02u-%.60s", nr, file ? file + 1 : path);
	initramfs_add(fs, name + 1, S_IFREG | 0600, data, size);
	fprintf(config, "module=%s%c", name, 0);
	return 0;
}

static int add_modules(struct initramfs *fs, FILE *config, const struct machine_config *cfg,
		       const struct image *kernel, struct err *e)
{
	const char *dir = cfg->command->modules;
	char version[IMAGE_VERSION_SIZE] = "";
	autofree char *usual = NULL;
	struct module_list list = { 0 };
	int ret = 0;

	if (dir && !strcmp(dir, "none"))
		return 0;
	if (!dir) {
		ret = image_linux_version(kernel, version, e);
		if (ret < 0)
			return ret;
		if (asprintf(&usual, "/lib/modules/%s", version) < 0)
			return err_set(e, ENOMEM, "no memory to look for modules");
	}
	ret = find_modules(&list, dir ? dir : usual, *version ? version : "in use", cfg, e);
	for (unsigned int i = 0; i < list.nr && ret == 0; i++)
		ret = add_module(fs, config, dir ? dir : usual, list.path[i], i, e);
	module_list_free(&list);
	return ret;
}

static bool has_env(const struct guest_command *c, const char *name)
{
	size_t len = strlen(name);

	for (uint32_t i = 0; i < c->nr_env; i++)
		if (!strncmp(c->env[i], name, len) && c->env[i][len] == '=')
			return true;
	return false;
}

static void put_env(FILE *config, const struct guest_command *c, const char *name,
		    const char *value)
{
	if (value && !has_env(c, name))
		fprintf(config, "env=%s=%s%c", name, value, 0);
}

static void put_environment(FILE *config, const struct guest_command *c)
{
	const char *home = getenv("HOME");

	if (c->other_user || !home)
		home = (c->other_user ? c->uid : getuid()) ? "/" : "/root";
	put_env(config, c, "PATH", PATH_DEFAULT);
	put_env(config, c, "HOME", home);
	put_env(config, c, "TERM", c->tty ? getenv("TERM") : NULL);
	for (uint32_t i = 0; i < c->nr_env; i++)
		fprintf(config, "env=%s%c", c->env[i], 0);
}

static void put_user(FILE *config, const struct guest_command *c)
{
	gid_t groups[GROUPS_MAX];
	int nr = c->other_user ? 0 : getgroups(GROUPS_MAX, groups);

	fprintf(config, "uid=%u%c", c->other_user ? c->uid : getuid(), 0);
	fprintf(config, "gid=%u%c", c->other_user ? c->gid : getgid(), 0);
	for (int i = 0; i < nr; i++)
		fprintf(config, "group=%u%c", groups[i], 0);
}

static void put_flag(FILE *config, const char *name, bool set)
{
	if (set)
		fprintf(config, "%s=1%c", name, 0);
}

static int put_config(FILE *config, const struct machine_config *cfg, struct err *e)
{
	const struct guest_command *c = cfg->command;
	autofree char *cwd = getcwd(NULL, 0);

	if (!cwd)
		return err_sys(e, "cannot tell the current folder");
	for (char **arg = c->argv; *arg; arg++)
		fprintf(config, "arg=%s%c", *arg, 0);
	put_environment(config, c);
	put_user(config, c);
	fprintf(config, "cwd=%s%c", cwd, 0);
	put_flag(config, "cwd-may-miss", c->root != NULL);
	fprintf(config, "root=%s%c", cfg->shares.share[c->first_share].tag, 0);
	put_flag(config, "root-rw", c->root_rw);
	for (uint32_t i = 0; i < c->nr_rw; i++)
		fprintf(config, "share=%s:%s%c", cfg->shares.share[c->first_share + 1 + i].tag,
			c->rw[i], 0);
	fprintf(config, "hostname=%s%c", cfg->name, 0);
	put_flag(config, "dhcp", has_dhcp(cfg));
	put_flag(config, "tty", c->tty);
	put_flag(config, "stderr-apart", c->tty && c->stderr_apart);
	return 0;
}

int command_initramfs(const struct machine_config *cfg, const struct image *kernel, uint64_t *size,
		      struct err *e)
{
	autofree char *text = NULL;
	struct initramfs fs;
	size_t text_size;
	FILE *config = open_memstream(&text, &text_size);
	int fd, ret;

	if (!config)
		return err_sys(e, "cannot make an initial RAM disk");
	initramfs_begin(&fs);
	initramfs_add(&fs, "init", S_IFREG | 0755, guest_init,
		      (size_t)(guest_init_end - guest_init));
	ret = put_config(config, cfg, e);
	if (ret == 0)
		ret = add_modules(&fs, config, cfg, kernel, e);
	if (fclose(config) && ret == 0)
		ret = err_sys(e, "cannot make an initial RAM disk");
	if (ret == 0)
		initramfs_add(&fs, &INIT_CONFIG[1], S_IFREG | 0600, text, text_size);
	fd = initramfs_finish(&fs, size, ret == 0 ? e : NULL);
	if (ret < 0)
		close_fd(&fd);
	return ret < 0 ? ret : fd;
}
