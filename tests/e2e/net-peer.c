/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For the lab: the other end of a guest's network, where busybox has nothing.
 *
 *	net-peer dns		a name server at 127.0.0.1: every name has the address 192.0.2.7
 *	net-peer udp PORT	prints the first datagram that comes there
 *	net-peer udp PORT TEXT	sends one to 127.0.0.1
 *	net-peer hold FILE FD... -- COMMAND...
 *				runs COMMAND with descriptors of the tap interface FILE, opened with as many queues
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADER 12
#define TYPE_A 1

/* RFC 1035, 4.1: the question comes back, behind it one answer if an IPv4 address was asked for. */
static size_t answer(uint8_t *msg, size_t len)
{
	static const uint8_t record[] = { 0xc0, HEADER, 0, TYPE_A, 0,   1, 0, 0,
					  0,    60,     0, 4,      192, 0, 2, 7 };
	size_t at = HEADER;

	while (at < len && msg[at])
		at += msg[at] + 1U;
	if (at + 5 > len)
		return 0;
	len = at + 5;
	msg[2] = 0x84;
	msg[3] = 0;
	memset(msg + 6, 0, HEADER - 6);
	if (msg[at + 2] != TYPE_A)
		return len;
	msg[7] = 1;
	memcpy(msg + len, record, sizeof(record));
	return len + sizeof(record);
}

static int serve_names(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_port = htons(53),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int sock = socket(AF_INET, SOCK_DGRAM, 0);
	uint8_t msg[512 + 64];

	if (sock < 0 || bind(sock, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return 1;
	for (;;) {
		struct sockaddr_in from;
		socklen_t size = sizeof(from);
		ssize_t len = recvfrom(sock, msg, 512, 0, (struct sockaddr *)&from, &size);
		size_t out = len > HEADER ? answer(msg, (size_t)len) : 0;

		if (out && sendto(sock, msg, out, 0, (struct sockaddr *)&from, size) < 0)
			return 1;
	}
}

static int datagram(const char *port, const char *text)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_port = htons((uint16_t)atoi(port)) };
	int sock = socket(AF_INET, SOCK_DGRAM, 0);
	char buf[256];
	ssize_t len;

	if (text) {
		addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return sendto(sock, text, strlen(text), 0, (struct sockaddr *)&addr, sizeof(addr)) <
		       0;
	}
	if (sock < 0 || bind(sock, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return 1;
	len = recv(sock, buf, sizeof(buf), 0);
	printf("%.*s\n", len > 0 ? (int)len : 0, buf);
	return 0;
}

static int hold(const char *name, char **argv)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };

	strncpy(ifr.ifr_name, name, IFNAMSIZ - 1);
	if (argv[0] && argv[1] && strcmp(argv[1], "--"))
		ifr.ifr_flags |= IFF_MULTI_QUEUE;
	for (; *argv && strcmp(*argv, "--"); argv++) {
		int fd = open("/dev/net/tun", O_RDWR);

		if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0 || dup2(fd, atoi(*argv)) < 0) {
			perror(name);
			return 1;
		}
		close(fd);
	}
	if (*argv)
		execvp(argv[1], argv + 1);
	return 1;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "dns"))
		return serve_names();
	if (argc > 2 && !strcmp(argv[1], "udp"))
		return datagram(argv[2], argv[3]);
	if (argc > 4 && !strcmp(argv[1], "hold"))
		return hold(argv[2], argv + 3);
	return 2;
}
