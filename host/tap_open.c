/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opening a tap interface: one that there is, a new one where lkvm may make it, or descriptors that someone else
 * opened. What goes wrong here is the user's to mend, so the messages say how.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include "tap_parts.h"
#include "util/bits.h"
#include "util/cleanup.h"

#define TUN_DEVICE "/dev/net/tun"
#define USUAL_MTU  1500

extern char **environ;

int tap_offloads(int fd, unsigned int offloads)
{
	unsigned long bits = (offloads & NET_CSUM ? TUN_F_CSUM : 0) |
			     (offloads & NET_TSO4 ? TUN_F_TSO4 : 0) |
			     (offloads & NET_TSO6 ? TUN_F_TSO6 : 0) |
			     (offloads & NET_TSO_ECN ? TUN_F_TSO_ECN : 0);

	return ioctl(fd, TUNSETOFFLOAD, bits) < 0 ? -errno : 0;
}

/* Headers as the device's, no blocking, and whatever the kernel can leave undone. */
static int set_up(struct tap *tap, int fd, struct err *e)
{
	int size = NET_HDR_SIZE;
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || ioctl(fd, TUNSETVNETHDRSZ, &size) < 0)
		return err_sys(e, "cannot set up interface '%s'", tap->name);
	if (tap_offloads(fd, TAP_OFFLOADS) == 0 && tap_offloads(fd, 0) == 0)
		tap->rx_offloads = TAP_OFFLOADS;
	return 0;
}

static int refused(const struct tap_config *cfg, const struct ifreq *ifr, bool exists,
		   struct err *e)
{
	const char *multi = cfg->nr_pairs > 1 ? " multi_queue" : "";
	const char *name = *ifr->ifr_name ? ifr->ifr_name : "tap0";

	switch (errno) {
	case EPERM:
		return err_set(e, EPERM,
			       "%s interface '%s'%s: 'ip tuntap add %s mode tap user %u%s', as "
			       "root, makes one for you",
			       exists ? "you may not use" : "there is no", name,
			       exists ? "" : " and you may not make it", exists ? "NAME" : name,
			       (unsigned int)geteuid(), multi);
	case EBUSY:
		return err_set(e, EBUSY, "interface '%s' is in use by another program", name);
	case EINVAL:
		return err_set(
			e, EINVAL,
			"interface '%s' cannot be used with %u queue%s: it is no tap, or was "
			"not made by 'ip tuntap add %s mode tap%s'",
			name, cfg->nr_pairs, cfg->nr_pairs > 1 ? "s" : "", name, multi);
	default:
		return err_sys(e, "cannot open interface '%s'", name);
	}
}

/* Brings an interface up that nobody else knows yet. */
static int bring_up(struct tap *tap, struct err *e)
{
	autofd int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { 0 };

	memcpy(ifr.ifr_name, tap->name, sizeof(ifr.ifr_name));
	if (sock < 0 || ioctl(sock, SIOCGIFFLAGS, &ifr) < 0)
		return err_sys(e, "cannot look at interface '%s'", tap->name);
	ifr.ifr_flags |= IFF_UP;
	if (ioctl(sock, SIOCSIFFLAGS, &ifr) < 0)
		return err_sys(e, "cannot bring up interface '%s'", tap->name);
	return 0;
}

static void read_mtu(struct tap *tap)
{
	autofd int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { 0 };

	memcpy(ifr.ifr_name, tap->name, sizeof(ifr.ifr_name));
	if (sock >= 0 && ioctl(sock, SIOCGIFMTU, &ifr) == 0 && ifr.ifr_mtu != USUAL_MTU &&
	    ifr.ifr_mtu >= 68 && ifr.ifr_mtu <= UINT16_MAX)
		tap->mtu = (uint16_t)ifr.ifr_mtu;
}

static int run_script(const char *script, const char *name, struct err *e)
{
	char *const argv[] = { (char *)script, (char *)name, NULL };
	int status, ret;
	pid_t pid;

	ret = posix_spawn(&pid, script, NULL, NULL, argv, environ);
	if (ret)
		return err_set(e, ret, "cannot run '%s': %s", script, strerror(ret));
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return err_sys(e, "cannot wait for '%s'", script);
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return err_set(e, EIO, "'%s %s' failed: it ended with %s %d", script, name,
		       WIFEXITED(status) ? "status" : "signal",
		       WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

/* Opens the files of an interface that is named, or to be made. */
static int open_by_name(struct tap *tap, const struct tap_config *cfg, struct err *e)
{
	bool exists = cfg->name && if_nametoindex(cfg->name);
	struct ifreq ifr = {
		.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR |
				     (cfg->nr_pairs > 1 ? IFF_MULTI_QUEUE : 0)),
	};
	int ret = 0;

	if (cfg->name)
		memcpy(ifr.ifr_name, cfg->name, strnlen(cfg->name, IFNAMSIZ - 1));
	for (unsigned int i = 0; i < cfg->nr_pairs && ret == 0; i++) {
		int *fd = &tap->queue[i].source.fd;

		*fd = open(TUN_DEVICE, O_RDWR | O_CLOEXEC);
		if (*fd < 0)
			return err_sys(e, "cannot open %s ('modprobe tun' may help)", TUN_DEVICE);
		if (ioctl(*fd, TUNSETIFF, &ifr) < 0)
			return refused(cfg, &ifr, exists, e);
		memcpy(tap->name, ifr.ifr_name, sizeof(tap->name));
		ret = set_up(tap, *fd, e);
	}
	if (ret == 0 && cfg->script)
		ret = run_script(cfg->script, tap->name, e);
	else if (ret == 0 && !exists)
		ret = bring_up(tap, e);
	return ret;
}

/* Takes over descriptors that someone else opened. */
static int open_by_fd(struct tap *tap, const struct tap_config *cfg, struct err *e)
{
	const int need = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;

	for (unsigned int i = 0; i < cfg->nr_pairs; i++) {
		struct ifreq ifr = { 0 };
		int fd = cfg->fd[i], ret;

		if (fcntl(fd, F_GETFD) < 0)
			return err_set(e, EBADF, "descriptor %d is not open", fd);
		if (ioctl(fd, TUNGETIFF, &ifr) < 0)
			return err_set(e, EINVAL, "descriptor %d is not that of a tap interface",
				       fd);
		if ((ifr.ifr_flags & need) != need)
			return err_set(e, EINVAL,
				       "descriptor %d: its interface %s was opened without "
				       "IFF_VNET_HDR and IFF_NO_PI",
				       fd, ifr.ifr_name);
		memcpy(tap->name, ifr.ifr_name, sizeof(tap->name));
		tap->queue[i].source.fd = fd;
		ret = set_up(tap, fd, e);
		if (ret < 0)
			return ret;
	}
	return 0;
}

struct tap *tap_open(const struct tap_config *cfg, struct loop *loop, struct err *e)
{
	struct tap *tap = calloc(1, sizeof(*tap));
	int ret;

	if (!tap) {
		err_sys(e, "cannot open a tap interface");
		return NULL;
	}
	tap->loop = loop;
	tap->nr = cfg->nr_pairs;
	for (unsigned int i = 0; i < tap->nr; i++) {
		tap->queue[i] = (struct tap_queue){
			.tap = tap,
			.nr = i,
			.source = { .fd = -1, .ready = tap_ready, .ctx = &tap->queue[i] },
			.left = 1,
		};
	}
	ret = cfg->by_fd ? open_by_fd(tap, cfg, e) : open_by_name(tap, cfg, e);
	for (unsigned int i = 0; i < tap->nr && ret == 0; i++) {
		ret = loop_add(loop, &tap->queue[i].source, 0);
		if (ret < 0)
			err_set(e, -ret, "cannot watch interface '%s': %s", tap->name,
				strerror(-ret));
	}
	if (ret < 0) {
		tap_close(tap);
		return NULL;
	}
	read_mtu(tap);
	return tap;
}
