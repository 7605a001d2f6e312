/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of --gdb. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include "ipc/gdb.h"
#include "util/cleanup.h"
#include "util/opt.h"

static int set_unix(struct gdb_options *gdb, const char *path, struct err *e)
{
	struct sockaddr_un *address = (struct sockaddr_un *)&gdb->address;

	if (!*path)
		return err_set(e, EINVAL, "'unix:' needs the path of a socket");
	if (strlen(path) >= sizeof(address->sun_path))
		return err_set(e, ENAMETOOLONG,
			       "'%s' is too long for a socket: at most %zu characters are possible",
			       path, sizeof(address->sun_path) - 1);
	address->sun_family = AF_UNIX;
	strcpy(address->sun_path, path);
	gdb->address_len = sizeof(*address);
	return 0;
}

/* An address in digits, or nothing, which is this host alone. */
static bool set_host(struct gdb_options *gdb, const char *host, uint16_t port)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&gdb->address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&gdb->address;

	if (!*host || !strcmp(host, "localhost"))
		host = "127.0.0.1";
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		gdb->address_len = sizeof(*v4);
		return true;
	}
	if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		gdb->address_len = sizeof(*v6);
		return true;
	}
	return false;
}

/* "[HOST]:PORT"; the host of IPv6 may stand in brackets. */
static int set_tcp(struct gdb_options *gdb, char *where, struct err *e)
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
	if (!set_host(gdb, where, (uint16_t)port))
		return err_set(e, EINVAL,
			       "'%s' is no address: 192.0.2.1, 2001:db8::1, or nothing for this "
			       "host alone",
			       where);
	return 0;
}

static int set_where(struct gdb_options *gdb, char *word, struct err *e)
{
	if (!strncmp(word, "unix:", 5))
		return set_unix(gdb, word + 5, e);
	if (!strncmp(word, "tcp:", 4))
		return set_tcp(gdb, word + 4, e);
	return err_set(e, EINVAL, "'%s' is none of unix:PATH, tcp::PORT, tcp:HOST:PORT", word);
}

int gdb_parse(void *field, const char *value, struct err *e)
{
	struct gdb_options *gdb = field;
	autofree char *text = strdup(value);
	struct gdb_options new = { 0 };
	char *rest = text;
	int ret;

	if (!text)
		return err_sys(e, "no memory for '%s'", value);
	ret = set_where(&new, opt_next_word(&rest), e);
	while (ret == 0 && rest) {
		const char *word = opt_next_word(&rest);

		if (strcmp(word, "wait") != 0)
			return err_set(e, EINVAL, "'%s' is not wait", word);
		new.wait = true;
	}
	if (ret == 0)
		*gdb = new;
	return ret;
}
