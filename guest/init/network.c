/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network of a command: every interface is raised, and if lkvm says so, asks for its address by DHCP (RFC
 * 2131, 2132). By frames of our own, headers and all, because an interface without an address receives nothing
 * that is sent to the one it is offered. Without an answer the command runs as with a cable unplugged.
 */
#include <asm/byteorder.h>
#include <asm/poll.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/route.h>
#include <linux/sockios.h>
#include <linux/time_types.h>
#include <linux/udp.h>
#include <sys/socket.h>
#include "../str.h"
#include "init.h"

/* Whoever answers is near: passt does at once. */
#define TRIES      4
#define TIMEOUT_NS 700000000

#define INTERFACES_MAX 16
#define DNS_MAX        3 /* as many as a resolver uses */
#define OPTIONS_SIZE   312
#define MTU_MIN        576
#define MTU_MAX        65535

enum { DISCOVER = 1, OFFER, REQUEST, DECLINE, ACK };

enum { /* options */
       OPT_PAD,
       OPT_NETMASK,
       OPT_ROUTER = 3,
       OPT_DNS = 6,
       OPT_MTU = 26,
       OPT_ADDRESS = 50,
       OPT_TYPE = 53,
       OPT_SERVER,
       OPT_WANTED,
       OPT_END = 255,
};

struct packet {
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
	uint8_t op, htype, hlen, hops;
	__be32 xid;
	__be16 secs, flags;
	__be32 ciaddr, yiaddr, siaddr, giaddr;
	uint8_t chaddr[16], sname[64], file[128];
	__be32 cookie;
	uint8_t options[OPTIONS_SIZE];
} __attribute__((packed));

#define COOKIE 0x63825363

/* What a server gives; in the network's byte order, but for the MTU. */
struct lease {
	__be32 address, server, netmask, router, dns[DNS_MAX];
	unsigned int nr_dns, mtu;
};

struct interface {
	char name[IFNAMSIZ];
	int frames, control; /* sockets */
	uint8_t mac[ETH_ALEN];
	__be32 xid;
};

static uint16_t ip_checksum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static uint8_t *put_option(uint8_t *p, uint8_t what, const void *value, uint8_t len)
{
	*p++ = what;
	*p++ = len;
	memcpy(p, value, len);
	return p + len;
}

/* DISCOVER, or with @offer REQUEST. */
static void ask(const struct interface *i, uint8_t type, const struct lease *offer)
{
	static const uint8_t wanted[] = { OPT_NETMASK, OPT_ROUTER, OPT_DNS, OPT_MTU };
	struct packet packet = {
		.eth.h_proto = __cpu_to_be16(ETH_P_IP),
		.ip = { .version = 4,
			.ihl = sizeof(packet.ip) / 4,
			.tot_len = __cpu_to_be16(sizeof(packet) - sizeof(packet.eth)),
			.ttl = 64,
			.protocol = IPPROTO_UDP,
			.daddr = 0xffffffff },
		.udp = { .source = __cpu_to_be16(68),
			 .dest = __cpu_to_be16(67),
			 .len = __cpu_to_be16(sizeof(packet) - sizeof(packet.eth) -
					      sizeof(packet.ip)) },
		.op = 1,
		.htype = ARPHRD_ETHER,
		.hlen = ETH_ALEN,
		.xid = i->xid,
		.cookie = __cpu_to_be32(COOKIE),
	};
	uint8_t *p = packet.options;

	memset(packet.eth.h_dest, 0xff, ETH_ALEN);
	memcpy(packet.eth.h_source, i->mac, ETH_ALEN);
	memcpy(packet.chaddr, i->mac, ETH_ALEN);
	packet.ip.check =
		__cpu_to_be16(ip_checksum((const uint8_t *)&packet.ip, sizeof(packet.ip)));
	p = put_option(p, OPT_TYPE, &type, sizeof(type));
	p = put_option(p, OPT_WANTED, wanted, sizeof(wanted));
	if (offer) {
		p = put_option(p, OPT_ADDRESS, &offer->address, sizeof(offer->address));
		p = put_option(p, OPT_SERVER, &offer->server, sizeof(offer->server));
	}
	*p = OPT_END;
	sys(write, i->frames, &packet, sizeof(packet));
}

/* The option's value into the lease; one that is too short is none. */
static void read_option(struct lease *lease, uint8_t what, const uint8_t *value, uint8_t len)
{
	if (what == OPT_MTU && len >= 2)
		lease->mtu = (unsigned int)value[0] << 8 | value[1];
	if (len < sizeof(__be32))
		return;
	if (what == OPT_NETMASK)
		memcpy(&lease->netmask, value, sizeof(__be32));
	else if (what == OPT_ROUTER)
		memcpy(&lease->router, value, sizeof(__be32));
	else if (what == OPT_SERVER)
		memcpy(&lease->server, value, sizeof(__be32));
	for (; what == OPT_DNS && len >= sizeof(__be32) && lease->nr_dns < DNS_MAX;
	     len -= 4, value += 4)
		memcpy(&lease->dns[lease->nr_dns++], value, sizeof(__be32));
}

/* Reads what came, of @len bytes; returns its type if it is an answer to us, or 0. */
static uint8_t read_answer(const struct interface *i, const struct packet *packet, size_t len,
			   struct lease *lease)
{
	const uint8_t *p = packet->options, *end = (const uint8_t *)packet + len;
	uint8_t type = 0;

	if (len <= offsetof(struct packet, options) ||
	    packet->eth.h_proto != __cpu_to_be16(ETH_P_IP) || packet->ip.version != 4 ||
	    packet->ip.ihl != sizeof(packet->ip) / 4 || packet->ip.protocol != IPPROTO_UDP ||
	    packet->udp.dest != __cpu_to_be16(68) || packet->op != 2 || packet->xid != i->xid ||
	    packet->cookie != __cpu_to_be32(COOKIE))
		return 0;
	*lease = (struct lease){ .address = packet->yiaddr };
	while (p < end && *p != OPT_END) {
		if (*p == OPT_PAD) {
			p++;
			continue;
		}
		if (end - p < 2 || end - p - 2 < p[1])
			return 0;
		if (*p == OPT_TYPE && p[1] == 1)
			type = p[2];
		read_option(lease, p[0], p + 2, p[1]);
		p += 2 + p[1];
	}
	return type;
}

/* Asks until an answer of type @want comes. */
static bool converse(const struct interface *i, uint8_t type, const struct lease *offer,
		     uint8_t want, struct lease *lease)
{
	static union {
		struct packet packet;
		uint8_t bytes[2048];
	} in;

	for (unsigned int try = 0; try < TRIES; try++) {
		struct __kernel_timespec left = { .tv_nsec = TIMEOUT_NS };
		struct pollfd poll = { .fd = i->frames, .events = POLLIN };

		ask(i, type, offer);
		/* The kernel writes back how much of the time is left. */
		while (sys(ppoll, &poll, 1, &left) > 0) {
			long len = sys(read, i->frames, &in, sizeof(in));

			if (len > 0 && read_answer(i, &in.packet, (size_t)len, lease) == want)
				return true;
		}
	}
	return false;
}

static void set_address(const struct interface *i, unsigned int request, __be32 address)
{
	struct ifreq req = { 0 };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = address };

	memcpy(req.ifr_name, i->name, sizeof(req.ifr_name));
	memcpy(&req.ifr_addr, &in, sizeof(in));
	sys(ioctl, i->control, request, &req);
}

static void add_route(const struct interface *i, __be32 to, __be32 mask, __be32 router)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = to };
	struct rtentry route = { .rt_flags = RTF_UP, .rt_dev = (char *)i->name };

	memcpy(&route.rt_dst, &in, sizeof(in));
	in.sin_addr.s_addr = mask;
	memcpy(&route.rt_genmask, &in, sizeof(in));
	if (router) {
		in.sin_addr.s_addr = router;
		memcpy(&route.rt_gateway, &in, sizeof(in));
		route.rt_flags |= RTF_GATEWAY;
	}
	sys(ioctl, i->control, SIOCADDRT, &route);
}

static void use(const struct interface *i, const struct lease *lease)
{
	struct ifreq req = { .ifr_mtu = (int)lease->mtu };

	memcpy(req.ifr_name, i->name, sizeof(req.ifr_name));
	if (lease->mtu >= MTU_MIN && lease->mtu <= MTU_MAX)
		sys(ioctl, i->control, SIOCSIFMTU, &req);
	set_address(i, SIOCSIFADDR, lease->address);
	if (lease->netmask)
		set_address(i, SIOCSIFNETMASK, lease->netmask);
	if (!lease->router)
		return;
	/* A router beyond the mask is still on this wire. */
	if ((lease->router ^ lease->address) & lease->netmask)
		add_route(i, lease->router, 0xffffffff, 0);
	add_route(i, 0, 0, lease->router);
}

/* In place of the host's, whose servers may be its own. A link, if it is one, leads to where nothing is. */
static void write_resolv_conf(const struct lease *lease)
{
	char text[DNS_MAX * 32], *p = text;
	int fd;

	for (unsigned int i = 0; i < lease->nr_dns; i++) {
		const uint8_t *byte = (const uint8_t *)&lease->dns[i];

		memcpy(p, "nameserver ", 11);
		p += 11;
		for (unsigned int n = 0; n < 4; n++) {
			p = put_number(p, byte[n]);
			*p++ = n < 3 ? '.' : '\n';
		}
	}
	make_folder("/etc", 0755);
	sys(unlinkat, AT_FDCWD, "/etc/resolv.conf");
	fd = (int)sys(openat, AT_FDCWD, "/etc/resolv.conf", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		      0644);
	sys(write, fd, text, p - text);
	sys(close, fd);
}

static void configure(const struct config *cfg, struct interface *i, int index)
{
	struct sockaddr_ll at = {
		.sll_family = AF_PACKET,
		.sll_protocol = __cpu_to_be16(ETH_P_IP),
		.sll_ifindex = index,
	};
	struct lease offer, lease;

	i->frames = (int)sys(socket, AF_PACKET, SOCK_RAW | O_CLOEXEC, at.sll_protocol);
	if (i->frames < 0)
		return;
	if (sys(bind, i->frames, &at, sizeof(at)) == 0 &&
	    sys(getrandom, &i->xid, sizeof(i->xid)) == sizeof(i->xid) &&
	    converse(i, DISCOVER, NULL, OFFER, &offer) &&
	    converse(i, REQUEST, &offer, ACK, &lease)) {
		use(i, &lease);
		if (lease.nr_dns && !cfg->root_rw)
			write_resolv_conf(&lease);
	}
	sys(close, i->frames);
}

void network_raise(const struct config *cfg)
{
	struct interface i = { .control = (int)sys(socket, AF_INET, SOCK_DGRAM | O_CLOEXEC) };

	for (int index = 1; i.control >= 0 && index <= INTERFACES_MAX; index++) {
		struct ifreq req = { .ifr_ifindex = index };

		if (sys(ioctl, i.control, SIOCGIFNAME, &req) < 0)
			continue;
		memcpy(i.name, req.ifr_name, sizeof(i.name));
		sys(ioctl, i.control, SIOCGIFFLAGS, &req);
		req.ifr_flags |= IFF_UP;
		sys(ioctl, i.control, SIOCSIFFLAGS, &req);
		if (!cfg->dhcp || sys(ioctl, i.control, SIOCGIFHWADDR, &req) < 0 ||
		    req.ifr_hwaddr.sa_family != ARPHRD_ETHER)
			continue;
		memcpy(i.mac, req.ifr_hwaddr.sa_data, sizeof(i.mac));
		configure(cfg, &i, index);
	}
	sys(close, i.control);
}
