/* SPDX-License-Identifier: BSD-2-Clause */
/* What a service manager hears: sd_notify(3) without its library, for its protocol is smaller than that. */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include "notify.h"
#include "util/cleanup.h"
#include "util/log.h"

#define MESSAGE_SIZE 512

int notify_open(const char *address, struct err *e)
{
	/* A manager whose queue is full reads soon; one that hangs must not hang the VM. */
	const struct timeval patience = { .tv_sec = 1 };
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = strlen(address);
	autofd int fd = -1;

	if ((*address != '/' && *address != '@') || len < 2)
		return err_set(e, EAFNOSUPPORT,
			       "NOTIFY_SOCKET is '%s': neither a path nor an abstract name",
			       address);
	if (len >= sizeof(to.sun_path))
		return err_set(e, ENAMETOOLONG, "NOTIFY_SOCKET is too long: '%s'", address);
	memcpy(to.sun_path, address, len);
	if (*address == '@')
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
	    connect(fd, (struct sockaddr *)&to,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
		return err_sys(e, "cannot reach NOTIFY_SOCKET %s", address);
	return take_fd(&fd);
}

void notify_send(int fd, const char *fmt, ...)
{
	char text[MESSAGE_SIZE];
	va_list args;
	int len;

	if (fd < 0)
		return;
	va_start(args, fmt);
	len = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (len < 0 || (size_t)len >= sizeof(text))
		return;
	if (send(fd, text, (size_t)len, MSG_NOSIGNAL) < 0)
		log_warning("the service manager cannot be told how the VM is: %s",
			    strerror(errno));
}
