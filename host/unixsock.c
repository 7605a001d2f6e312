/* SPDX-License-Identifier: BSD-2-Clause */
/* Listening unix sockets. */
#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "host/unixsock.h"
#include "util/cleanup.h"

/* Whether somebody listens; a listener with its queue full (EAGAIN) is one. */
static bool is_alive(const struct sockaddr_un *address)
{
	autofd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
	       errno != ECONNREFUSED;
}

int unix_remove_dead(const struct sockaddr_un *address)
{
	struct stat st;

	if (lstat(address->sun_path, &st) < 0)
		return -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	if (is_alive(address))
		return -EADDRINUSE;
	return unlink(address->sun_path) < 0 ? -errno : 0;
}

int unix_listen(const struct sockaddr_un *address, int backlog)
{
	const struct sockaddr *any = (const struct sockaddr *)address;
	autofd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int ret;

	if (fd < 0)
		return -errno;
	ret = bind(fd, any, sizeof(*address)) < 0 ? -errno : 0;
	if (ret == -EADDRINUSE) {
		ret = unix_remove_dead(address);
		if (ret == 0 && bind(fd, any, sizeof(*address)) < 0)
			ret = -errno;
	}
	if (ret < 0)
		return ret;
	/* Nobody can connect before it listens, so nobody has had wider rights. */
	if (chmod(address->sun_path, 0600) < 0 || listen(fd, backlog) < 0) {
		ret = -errno;
		unlink(address->sun_path);
		return ret;
	}
	return take_fd(&fd);
}
