/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Control sockets as files: $XDG_RUNTIME_DIR/lkvm/NAME.sock, without XDG_RUNTIME_DIR (or with one that
 * is no absolute path, as its specification says) /run/lkvm for root and /tmp/lkvm-UID for others. The
 * folder is the user's alone, so whoever can reach a socket could also have made it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "host/unixsock.h"
#include "socket.h"
#include "util/cleanup.h"

#define SUFFIX ".sock"

/* Connections that wait to be accepted; more make clients wait. */
#define BACKLOG 8

/* The folder's path; returns its length, or a number that is too great. */
static int find_folder(struct socket_place *place)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	int len;

	*place = (struct socket_place){ .address = { .sun_family = AF_UNIX } };
	if (runtime && runtime[0] == '/')
		len = snprintf(place->folder, sizeof(place->folder), "%s/lkvm", runtime);
	else if (geteuid() == 0)
		len = snprintf(place->folder, sizeof(place->folder), "/run/lkvm");
	else
		len = snprintf(place->folder, sizeof(place->folder), "/tmp/lkvm-%u", geteuid());
	return len;
}

int socket_find(struct socket_place *place, const char *name, struct err *e)
{
	struct sockaddr_un *address = &place->address;
	int len = find_folder(place);

	if (len > 0 && len < (int)sizeof(place->folder))
		len = snprintf(address->sun_path, sizeof(address->sun_path), "%s/%s" SUFFIX,
			       place->folder, name);
	if (len < 0 || len >= (int)sizeof(address->sun_path))
		return err_set(e, ENAMETOOLONG,
			       "the control socket of VM %s would have too long a path: at most "
			       "%zu characters are possible, XDG_RUNTIME_DIR included",
			       name, sizeof(address->sun_path) - 1);
	return 0;
}

/* Opens the folder, made if need be and @make, and checks that it is nobody else's. */
static int open_folder(const char *path, bool make, struct err *e)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	autofd int fd = open(path, flags);
	struct stat st;

	if (fd < 0 && errno == ENOENT && make && (mkdir(path, 0700) == 0 || errno == EEXIST))
		fd = open(path, flags);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, "cannot use %s for control sockets", path);
	if (st.st_uid != geteuid() || (st.st_mode & (S_IRWXG | S_IRWXO)))
		return err_set(e, EPERM,
			       "%s is not for this user alone, so no control socket is made there "
			       "(chown, chmod 700)",
			       path);
	return take_fd(&fd);
}

int socket_listen(const struct socket_place *place, const char *name, struct err *e)
{
	const char *path = place->address.sun_path;
	autofd int folder = open_folder(place->folder, true, e);
	int fd;

	if (folder < 0)
		return folder;
	/*
	 * The lock, gone with the descriptor, makes the steps of unix_listen() one: a socket that is bound and
	 * does not listen yet must not be taken for a dead one.
	 */
	if (flock(folder, LOCK_EX) < 0)
		return err_sys(e, "cannot lock %s", place->folder);
	fd = unix_listen(&place->address, BACKLOG);
	if (fd == -EADDRINUSE)
		return err_set(e, EADDRINUSE,
			       "a VM named %s is running: stop it, or choose another --name", name);
	if (fd < 0)
		return err_set(e, -fd, "cannot create the control socket %s: %s", path,
			       strerror(-fd));
	return fd;
}

/* The name of the VM whose socket the folder's entry @file is; false: it is no socket's. */
static bool name_of(const char *file, struct socket_name *name)
{
	size_t len = strlen(file), suffix = strlen(SUFFIX);
	const char *checked;

	if (len <= suffix || len - suffix > NAME_MAX_LEN || strcmp(file + len - suffix, SUFFIX))
		return false;
	memcpy(name->text, file, len - suffix);
	name->text[len - suffix] = '\0';
	return name_set(&checked, name->text, NULL) == 0;
}

static int by_name(const void *a, const void *b)
{
	const struct socket_name *one = a, *other = b;

	return strverscmp(one->text, other->text);
}

static int list_names(DIR *dir, struct socket_name **names)
{
	struct socket_name *more, name;
	struct dirent *entry;
	int nr = 0;

	while ((entry = readdir(dir))) {
		if (!name_of(entry->d_name, &name))
			continue;
		more = reallocarray(*names, (size_t)nr + 1, sizeof(**names));
		if (!more)
			return -ENOMEM;
		*names = more;
		more[nr++] = name;
	}
	if (nr)
		qsort(*names, (size_t)nr, sizeof(**names), by_name);
	return nr;
}

int socket_list(struct socket_name **names, struct err *e)
{
	struct socket_place place;
	int len = find_folder(&place), nr;
	autofd int fd = -1;
	DIR *dir;

	*names = NULL;
	if (len < 0 || len >= (int)sizeof(place.folder))
		return err_set(e, ENAMETOOLONG, "control sockets would have too long a path");
	fd = open_folder(place.folder, false, e);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	dir = fdopendir(fd);
	if (!dir)
		return err_sys(e, "cannot read %s", place.folder);
	take_fd(&fd);
	nr = list_names(dir, names);
	closedir(dir);
	return nr < 0 ? err_set(e, -nr, "cannot list VMs: %s", strerror(-nr)) : nr;
}

void socket_remove_dead(const char *name)
{
	struct socket_place place;
	autofd int folder = -1;

	if (socket_find(&place, name, NULL) < 0)
		return;
	folder = open_folder(place.folder, false, NULL);
	if (folder >= 0 && flock(folder, LOCK_EX) == 0)
		unix_remove_dead(&place.address);
}

bool socket_peer_is_ours(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return false;
	return peer.uid == 0 || peer.uid == geteuid();
}
