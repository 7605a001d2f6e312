/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a network carries, for tests/bench/run: the host serves, the guest asks and measures, over IPv4.
 *
 *	net-load serve			TCP and UDP port 5201, one client after another, until it is killed
 *	net-load ask ADDRESS MIB N	prints "net-load: WHAT: NS ns" a line: MIB MiB by TCP to the server ("send") and
 *					from it ("receive"), N datagrams of 64 bytes to it, 32 on their way at
 *					most ("packets"), and N there and back one at a time ("echo"); each
 *					is the time of all
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PORT   5201
#define WINDOW 32
#define MIB    (1024 * 1024)

/* First in a TCP connection, behind a byte of the server's (passt of Debian 12 gives up connections on which only the
 * guest speaks), and in each datagram. */
struct order {
	char what; /* TCP: 's'end to the server, 'r'eceive; UDP: 'a'nswer this one, or '-' */
	uint32_t mib;
};

static char buf[128 * 1024];

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void send_all(int fd, const void *from, size_t len)
{
	for (const char *p = from; len;) {
		ssize_t done = send(fd, p, len, MSG_NOSIGNAL);

		if (done <= 0)
			die("send");
		p += done;
		len -= (size_t)done;
	}
}

static void send_mib(int fd, uint32_t mib)
{
	for (uint64_t left = (uint64_t)mib * MIB; left; left -= sizeof(buf))
		send_all(fd, buf, sizeof(buf));
}

static void receive_mib(int fd, uint32_t mib)
{
	uint64_t left = (uint64_t)mib * MIB;

	while (left) {
		ssize_t len = recv(fd, buf, left < sizeof(buf) ? left : sizeof(buf), 0);

		if (len <= 0)
			die("recv");
		left -= (uint64_t)len;
	}
}

static void receive_byte(int fd)
{
	if (recv(fd, buf, 1, 0) != 1)
		die("recv");
}

/* --- The server --- */

static void serve_tcp(int listener)
{
	int fd = accept(listener, NULL, NULL);
	struct order order;

	if (fd < 0)
		die("accept");
	send_all(fd, "h", 1);
	if (recv(fd, &order, sizeof(order), MSG_WAITALL) == sizeof(order)) {
		if (order.what == 's') {
			receive_mib(fd, order.mib);
			send_all(fd, "k", 1);
		} else {
			send_mib(fd, order.mib);
		}
	}
	close(fd);
}

static void serve_udp(int fd)
{
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	ssize_t len = recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &size);

	if (len > 0 && buf[0] == 'a')
		sendto(fd, buf, (size_t)len, 0, (struct sockaddr *)&from, size);
}

static void serve(void)
{
	const struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	struct pollfd fd[2] = {
		{ .fd = socket(AF_INET, SOCK_STREAM, 0), .events = POLLIN },
		{ .fd = socket(AF_INET, SOCK_DGRAM, 0), .events = POLLIN },
	};
	const int on = 1;

	setsockopt(fd[0].fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	for (unsigned int i = 0; i < 2; i++)
		if (bind(fd[i].fd, (const struct sockaddr *)&any, sizeof(any)) < 0)
			die("bind");
	if (listen(fd[0].fd, 8) < 0)
		die("listen");
	for (;;) {
		if (poll(fd, 2, -1) < 0)
			die("poll");
		if (fd[1].revents)
			serve_udp(fd[1].fd);
		if (fd[0].revents)
			serve_tcp(fd[0].fd);
	}
}

/* --- The client --- */

static int connect_to(const char *address, int type)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int fd = socket(AF_INET, type, 0);

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1) {
		fprintf(stderr, "net-load: '%s' is no address\n", address);
		exit(2);
	}
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		die("connect");
	return fd;
}

static void stream(const char *address, char what, uint32_t mib)
{
	const struct order order = { .what = what, .mib = mib };
	int fd = connect_to(address, SOCK_STREAM);

	receive_byte(fd);
	send_all(fd, &order, sizeof(order));
	if (what == 's') {
		send_mib(fd, mib);
		receive_byte(fd);
	} else {
		receive_mib(fd, mib);
	}
	close(fd);
}

/* @count datagrams; every @every-th comes back and is waited for. */
static void datagrams(const char *address, unsigned int count, unsigned int every)
{
	int fd = connect_to(address, SOCK_DGRAM);
	struct pollfd in = { .fd = fd, .events = POLLIN };

	for (unsigned int i = 1; i <= count; i++) {
		char packet[64] = { i % every ? '-' : 'a' };

		if (send(fd, packet, sizeof(packet), 0) < 0)
			die("send");
		if (i % every)
			continue;
		if (poll(&in, 1, 2000) != 1) {
			fprintf(stderr, "net-load: datagram %u of %u was lost\n", i, count);
			exit(1);
		}
		if (recv(fd, packet, sizeof(packet), 0) < 0)
			die("recv");
	}
	close(fd);
}

static int ask(const char *address, uint32_t mib, unsigned int count)
{
	static const char *const what[] = { "send", "receive", "packets", "echo" };
	int64_t at[5];

	datagrams(address, WINDOW, 1); /* addresses are resolved, windows open */
	at[0] = now_ns();
	stream(address, 's', mib);
	at[1] = now_ns();
	stream(address, 'r', mib);
	at[2] = now_ns();
	datagrams(address, count, WINDOW);
	at[3] = now_ns();
	datagrams(address, count, 1);
	at[4] = now_ns();
	for (unsigned int i = 0; i < 4; i++)
		printf("net-load: %s: %lld ns\n", what[i], (long long)(at[i + 1] - at[i]));
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "serve"))
		serve();
	if (argc == 5 && !strcmp(argv[1], "ask"))
		return ask(argv[2], (uint32_t)strtoul(argv[3], NULL, 10),
			   (unsigned int)strtoul(argv[4], NULL, 10));
	fprintf(stderr, "usage: net-load serve | ask ADDRESS MIB N\n");
	return 2;
}
