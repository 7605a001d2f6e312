/* SPDX-License-Identifier: BSD-2-Clause */
/* "unix:PATH" and "tcp:[HOST]:PORT". */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>
#include "host/unixsock.h"
#include "ipc/address.h"
#include "util/cleanup.h"
#include "util/opt.h"

#define BACKLOG 1

static int set_unix(struct address *a, const char *path, struct err *e)
{
	struct sockaddr_un *address = (struct sockaddr_un *)&a->address;

	if (!*path)
		return err_set(e, EINVAL, "'unix:' needs the path of a socket");
	if (strlen(path) >= sizeof(address->sun_path))
		return err_set(e, ENAMETOOLONG,
			       "'%s' is too long for a socket: at most %zu characters are possible",
			       path, sizeof(address->sun_path) - 1);
	address->sun_family = AF_UNIX;
	strcpy(address->sun_path, path);
	a->len = sizeof(*address);
	return 0;
}

/* An address in digits, or nothing, which is this host alone. */
static bool set_host(struct address *a, const char *host, uint16_t port)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&a->address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a->address;

	if (!*host || !strcmp(host, "localhost"))
		host = "127.0.0.1";
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		a->len = sizeof(*v4);
		return true;
	}
	if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		a->len = sizeof(*v6);
		return true;
	}
	return false;
}

/* "[HOST]:PORT"; the host of IPv6 may stand in brackets. */
static int set_tcp(struct address *a, char *where, struct err *e)
{
	char *colon = strrchr(where, ':');
	size_t len;
	uint32_t port;

	if (!colon || !colon[1] || opt_set_u32(&port, colon + 1, NULL) < 0 || port > UINT16_MAX)
		return err_set(e, EINVAL,
			       "'tcp:%s' names no port: tcp::1234 is port 1234 of this host "
			       "(0: a free one)",
			       where);
	*colon = '\0';
	len = strlen(where);
	if (len > 1 && where[0] == '[' && where[len - 1] == ']') {
		where[len - 1] = '\0';
		where++;
	}
	if (!set_host(a, where, (uint16_t)port))
		return err_set(e, EINVAL,
			       "'%s' is no address: 192.0.2.1, 2001:db8::1, or nothing for this "
			       "host alone",
			       where);
	return 0;
}

int address_parse(struct address *a, char *word, struct err *e)
{
	if (!strncmp(word, "unix:", 5))
		return set_unix(a, word + 5, e);
	if (!strncmp(word, "tcp:", 4))
		return set_tcp(a, word + 4, e);
	return err_set(e, EINVAL, "'%s' is none of unix:PATH, tcp::PORT, tcp:HOST:PORT", word);
}

static int listen_tcp(const struct address *a)
{
	autofd int fd = socket(a->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int on = 1;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)&a->address, a->len) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	return take_fd(&fd);
}

int address_listen(const struct address *a)
{
	if (a->address.ss_family == AF_UNIX)
		return unix_listen((const struct sockaddr_un *)&a->address, BACKLOG);
	return listen_tcp(a);
}
