/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Control sockets as files: $XDG_RUNTIME_DIR/lkvm/NAME.sock, without XDG_RUNTIME_DIR (or with one that
 * is no absolute path, as its specification says) /run/lkvm for root and /tmp/lkvm-UID for others. The
 * folder is the user's alone, so whoever can reach a socket could also have made it.
 */
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

/* Connections that wait to be accepted; more make clients wait. */
#define BACKLOG 8

int socket_find(struct socket_place *place, const char *name, struct err *e)
{
	struct sockaddr_un *address = &place->address;
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	int len;

	*place = (struct socket_place){ .address = { .sun_family = AF_UNIX } };
	if (runtime && runtime[0] == '/')
		len = snprintf(place->folder, sizeof(place->folder), "%s/lkvm", runtime);
	else if (geteuid() == 0)
		len = snprintf(place->folder, sizeof(place->folder), "/run/lkvm");
	else
		len = snprintf(place->folder, sizeof(place->folder), "/tmp/lkvm-%u", geteuid());
	if (len > 0 && len < (int)sizeof(place->folder))
		len = snprintf(address->sun_path, sizeof(address->sun_path), "%s/%s.sock",
			       place->folder, name);
	if (len < 0 || len >= (int)sizeof(address->sun_path))
		return err_set(e, ENAMETOOLONG,
			       "the control socket of VM %s would have too long a path: at most "
			       "%zu characters are possible, XDG_RUNTIME_DIR included",
			       name, sizeof(address->sun_path) - 1);
	return 0;
}

/* Opens the folder, made if need be, and checks that it is nobody else's. */
static int open_folder(const char *path, struct err *e)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	autofd int fd = open(path, flags);
	struct stat st;

	if (fd < 0 && errno == ENOENT && (mkdir(path, 0700) == 0 || errno == EEXIST))
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
	autofd int folder = open_folder(place->folder, e);
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

bool socket_peer_is_ours(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return false;
	return peer.uid == 0 || peer.uid == geteuid();
}
