/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtiofsd: the one of QEMU, written in C, and its successor understand the same words. Both want a listening
 * socket and take one connection from it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "host/virtiofsd.h"
#include "util/cleanup.h"

/*
 * Its sandbox wants to be root; of a user namespace is enough. It also leaves the user's groups, which is only allowed in a
 * namespace whose groups are mapped by newgidmap.
 */
static int find_unshare(struct virtiofsd *fsd, struct err *e)
{
	autofree char *newuidmap = child_find("newuidmap", NULL);

	fsd->unshare = child_find("unshare", NULL);
	if (!fsd->unshare || !newuidmap)
		return err_set(e, ENOENT,
			       "for a user who is not root it needs newuidmap (a package uidmap); "
			       "--9p does not");
	return 0;
}

int virtiofsd_find(struct virtiofsd *fsd, struct err *e)
{
	static const char *const places[] = {
		"/usr/libexec/virtiofsd",
		"/usr/lib/qemu/virtiofsd",
		"/usr/lib/virtiofsd",
		NULL,
	};

	fsd->program = child_find("virtiofsd", places);
	if (!fsd->program)
		return err_set(e, ENOENT,
			       "there is no virtiofsd on this host (a package of that name, or "
			       "qemu-system-common)");
	return geteuid() == 0 ? 0 : find_unshare(fsd, e);
}

void virtiofsd_forget(struct virtiofsd *fsd)
{
	free(fsd->program);
	free(fsd->unshare);
	*fsd = (struct virtiofsd){ 0 };
}

int virtiofsd_folder(char **path, const char *dir, struct err *e)
{
	autofree char *full = realpath(dir, NULL);
	struct stat st;

	if (!full || stat(full, &st) < 0)
		return err_sys(e, "'%s' cannot be shared", dir);
	if (!S_ISDIR(st.st_mode))
		return err_set(e, ENOTDIR, "'%s' cannot be shared: it is not a folder", dir);
	if (access(full, R_OK | X_OK) < 0)
		return err_sys(e, "'%s' cannot be shared", dir);
	if (strpbrk(full, ",\\"))
		return err_set(e, EINVAL,
			       "'%s' cannot be shared: virtiofsd takes no name with a comma or a "
			       "backslash in it",
			       full);
	*path = full;
	full = NULL;
	return 0;
}

/*
 * Connects *@client to a new socket that listens, which is returned. It has a name for a moment only, in a folder that
 * nobody else can enter: so the first connection is this one.
 */
static int listening_socket(int *client, struct err *e)
{
	char dir[] = "/tmp/lkvm-XXXXXX";
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const struct sockaddr *name = (const struct sockaddr *)&addr;
	autofd int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	autofd int end = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int ret;

	if (server < 0 || end < 0)
		return err_sys(e, "cannot make a socket");
	if (!mkdtemp(dir))
		return err_sys(e, "cannot make a folder in /tmp for a socket");
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/virtiofsd", dir);
	ret = bind(server, name, sizeof(addr));
	if (ret == 0)
		ret = listen(server, 1);
	if (ret == 0)
		ret = connect(end, name, sizeof(addr));
	if (ret < 0)
		ret = err_sys(e, "cannot make the socket %s", addr.sun_path);
	unlink(addr.sun_path);
	rmdir(dir);
	if (ret < 0)
		return ret;
	*client = take_fd(&end);
	return take_fd(&server);
}

/* "KEY=VALUE" for "-o", or nothing if there is no @value. */
static void add_word(const char **argv, unsigned int *nr, const char *word, const char *value)
{
	if (!value)
		return;
	argv[(*nr)++] = "-o";
	argv[(*nr)++] = word;
}

int virtiofsd_start(const struct virtiofsd *fsd, struct child *child, const char *path,
		    const char *cache, const char *sandbox, struct loop *loop, struct err *e)
{
	autofree char *source = NULL;
	const char *argv[16];
	char fd[24], cache_word[32], sandbox_word[32];
	autofd int client = -1, server = listening_socket(&client, e);
	unsigned int nr = 0;
	int ret;

	if (server < 0)
		return server;
	if (asprintf(&source, "source=%s", path) < 0)
		return err_set(e, ENOMEM, "no memory for '%s'", path);
	snprintf(fd, sizeof(fd), "--fd=%d", server);
	snprintf(cache_word, sizeof(cache_word), "cache=%s", cache ? cache : "");
	snprintf(sandbox_word, sizeof(sandbox_word), "sandbox=%s", sandbox ? sandbox : "");
	if (fsd->unshare) {
		argv[nr++] = fsd->unshare;
		argv[nr++] = "--map-root-user";
		argv[nr++] = "--map-auto";
	}
	argv[nr++] = fsd->program;
	argv[nr++] = fd;
	add_word(argv, &nr, "log_level=err", path);
	add_word(argv, &nr, source, path);
	add_word(argv, &nr, cache_word, cache);
	add_word(argv, &nr, sandbox_word, sandbox);
	argv[nr] = NULL;
	ret = child_start(child, argv, &server, 1, loop, NULL, NULL, e);
	return ret < 0 ? ret : take_fd(&client);
}
