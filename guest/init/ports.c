/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ports to the host, by name. The driver makes them when the device tells it of them, a moment after its
 * module is loaded; the kernel announces each (and once more when it has its name), so nobody has to look
 * again and again.
 */
#include <asm/poll.h>
#include <linux/netlink.h>
#include <linux/time.h>
#include <linux/time_types.h>
#include "../str.h"
#include "guest/init.h"
#include "init.h"

#define CLASS "/sys/class/virtio-ports"

#define SOCK_DGRAM 2
/* Long enough for a busy host; what takes longer never comes. */
#define PATIENCE_S 60

struct dirent64 {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

int ports_watch(void)
{
	struct sockaddr_nl group = { .nl_family = 16 /* AF_NETLINK */, .nl_groups = 1 };
	int fd = (int)sys(socket, 16, SOCK_DGRAM | O_CLOEXEC, NETLINK_KOBJECT_UEVENT);

	if (fd >= 0)
		sys(bind, fd, &group, sizeof(group));
	return fd;
}

static char *join(char *to, const char *text)
{
	size_t len = strlen(text);

	memcpy(to, text, len + 1);
	return to + len;
}

/* The name of a port, without the newline; "" if it has none yet. */
static void read_name(const char *port, char *name, size_t size)
{
	char path[512];
	long n = 0;
	int fd;

	join(join(join(path, CLASS "/"), port), "/name");
	fd = open_file(path, O_RDONLY);
	if (fd >= 0)
		n = sys(read, fd, name, size - 1);
	sys(close, fd);
	name[n > 0 ? n - 1 : 0] = '\0';
}

struct wanted {
	const char *name;
	int *fd;
};

static void open_port(const struct wanted *wanted, const char *port)
{
	char name[65], path[300];

	read_name(port, name, sizeof(name));
	for (; wanted->name; wanted++) {
		if (*wanted->fd >= 0 || strcmp(wanted->name, name))
			continue;
		join(join(path, "/dev/"), port);
		*wanted->fd = open_file(path, O_RDWR | O_NONBLOCK);
		if (*wanted->fd < 0)
			fail("open", path, *wanted->fd);
	}
}

/* Opens those that are there now. */
static void scan(const struct wanted *wanted)
{
	char buf[2048] __attribute__((aligned(8)));
	int fd = open_file(CLASS, O_RDONLY | O_DIRECTORY);
	long nr;

	while (fd >= 0 && (nr = sys(getdents64, fd, buf, sizeof(buf))) > 0) {
		for (long at = 0; at < nr;) {
			struct dirent64 *entry = (struct dirent64 *)(buf + at);

			if (entry->name[0] == 'v')
				open_port(wanted, entry->name);
			at += entry->reclen;
		}
	}
	sys(close, fd);
}

static const char *first_missing(const struct wanted *wanted)
{
	for (; wanted->name; wanted++)
		if (*wanted->fd < 0)
			return wanted->name;
	return NULL;
}

void ports_open(struct ports *ports, const struct config *cfg, int watch)
{
	const struct wanted piped[] = {
		{ INIT_CONTROL, &ports->control },
		{ INIT_STDIN, &ports->in },
		{ INIT_STDOUT, &ports->out },
		{ INIT_STDERR, &ports->err },
		{ NULL, NULL },
	};
	const struct wanted tty[] = {
		{ INIT_CONTROL, &ports->control },
		{ INIT_TTY, &ports->tty },
		{ cfg->stderr_apart ? INIT_STDERR : NULL, &ports->err },
		{ NULL, NULL },
	};
	const struct wanted *wanted = cfg->tty ? tty : piped;

	*ports = (struct ports){ -1, -1, -1, -1, -1 };
	for (scan(wanted); first_missing(wanted); scan(wanted)) {
		struct pollfd poll = { .fd = watch, .events = POLLIN };
		struct __kernel_timespec limit = { .tv_sec = PATIENCE_S };
		char event[4096];

		if (sys(ppoll, &poll, 1, &limit, NULL) <= 0)
			fail("find the port", first_missing(wanted), -ENODEV);
		sys(read, watch, event, sizeof(event));
	}
	sys(close, watch);
}
