/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of vsock, in guests and on hosts, with and without its address family:
 *
 *	vsock-talk serve WHERE NR	NR clients, one after another: what each sends goes back, until it sends no
 *					more; then a line that says how much that was
 *	vsock-talk send WHERE BYTES	connects, sends that much and checks what comes back meanwhile
 *	vsock-talk many WHERE NR	NR connections at once, each of which says something and hears it
 *	vsock-talk hang WHERE SECONDS	connects, sends all that it can, and reads nothing
 *
 * WHERE is CID:PORT (a server's CID is not looked at), unix:PATH, or unix:PATH:PORT, where a client asks lkvm for the
 * guest's port.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <linux/vm_sockets.h> /* needs struct sockaddr */

#define PIECE    65536
#define MANY_MAX 256

static void die(const char *what)
{
	fprintf(stderr, "vsock-talk: %s: %s\n", what, strerror(errno));
	exit(1);
}

union address {
	struct sockaddr any;
	struct sockaddr_un un;
	struct sockaddr_vm vm;
};

/* Reads WHERE; returns the port that lkvm is to be asked for, or -1. */
static long read_where(const char *where, union address *address, socklen_t *len)
{
	char *colon;
	long port;

	memset(address, 0, sizeof(*address));
	if (!strncmp(where, "unix:", 5)) {
		address->un.sun_family = AF_UNIX;
		snprintf(address->un.sun_path, sizeof(address->un.sun_path), "%s", where + 5);
		colon = strrchr(address->un.sun_path, ':');
		if (colon)
			*colon = '\0';
		*len = sizeof(address->un);
		return colon ? atol(colon + 1) : -1;
	}
	port = strtol(where, &colon, 10);
	address->vm.svm_family = AF_VSOCK;
	address->vm.svm_cid = (unsigned int)port;
	address->vm.svm_port = *colon ? (unsigned int)atol(colon + 1) : 0;
	*len = sizeof(address->vm);
	return -1;
}

/* lkvm's answer, and not a byte more. */
static void ask_for_port(int fd, long port)
{
	char line[64];
	size_t got = 0;
	int len = snprintf(line, sizeof(line), "CONNECT %ld\n", port);

	if (write(fd, line, (size_t)len) != len)
		die("write");
	do {
		if (read(fd, line + got, 1) != 1) {
			errno = ECONNREFUSED;
			die("connect");
		}
	} while (line[got++] != '\n' && got < sizeof(line) - 1);
	if (strncmp(line, "OK ", 3)) {
		errno = EPROTO;
		die("connect");
	}
}

static int connect_to(const char *where)
{
	union address address;
	socklen_t len;
	long port = read_where(where, &address, &len);
	int fd = socket(address.any.sa_family, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, &address.any, len) < 0)
		die("connect");
	if (port >= 0)
		ask_for_port(fd, port);
	return fd;
}

static void write_all(int fd, const uint8_t *buf, size_t len)
{
	while (len) {
		ssize_t n = write(fd, buf, len);

		if (n < 0)
			die("write");
		buf += n;
		len -= (size_t)n;
	}
}

static void serve_one(int fd)
{
	static uint8_t buf[PIECE];
	unsigned long long total = 0;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		write_all(fd, buf, (size_t)n);
		total += (unsigned long long)n;
	}
	printf("served %llu%s\n", total, n < 0 ? ", broken" : "");
	fflush(stdout);
	close(fd);
}

/* Clients are served at once, each by a process. */
static void serve(const char *where, int nr)
{
	union address address;
	socklen_t len;
	int listener;

	read_where(where, &address, &len);
	if (address.any.sa_family == AF_VSOCK)
		address.vm.svm_cid = VMADDR_CID_ANY;
	listener = socket(address.any.sa_family, SOCK_STREAM, 0);
	if (listener < 0 || bind(listener, &address.any, len) < 0 || listen(listener, 128) < 0)
		die("listen");
	puts("listens");
	fflush(stdout);
	while (nr--) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			die("accept");
		if (fork() == 0) {
			serve_one(fd);
			exit(0);
		}
		close(fd);
	}
}

/* Byte @at of what is sent. */
static uint8_t pattern(uint64_t at)
{
	uint64_t word = (at >> 3) * 0x9e3779b97f4a7c15ULL;

	return (uint8_t)(word >> (at & 7) * 8);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Sends, in the meantime checks what comes back, and then half-closes and waits for the end. */
static void send_bytes(const char *where, uint64_t bytes)
{
	static uint8_t buf[PIECE];
	uint64_t sent = 0, got = 0;
	int fd = connect_to(where);
	double begin = now();

	for (;;) {
		struct pollfd pollfd = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (sent < bytes)
			pollfd.events |= POLLOUT;
		if (poll(&pollfd, 1, 30000) <= 0)
			die("nothing goes on");
		if (pollfd.revents & POLLOUT && sent < bytes) {
			size_t len = bytes - sent < PIECE ? (size_t)(bytes - sent) : PIECE;

			for (size_t i = 0; i < len; i++)
				buf[i] = pattern(sent + i);
			n = send(fd, buf, len, MSG_DONTWAIT);
			if (n < 0 && errno != EAGAIN)
				die("send");
			sent += n > 0 ? (uint64_t)n : 0;
			if (sent == bytes)
				shutdown(fd, SHUT_WR);
		}
		if (!(pollfd.revents & (POLLIN | POLLHUP)))
			continue;
		n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			continue;
		if (n < 0)
			die("recv");
		if (n == 0)
			break;
		for (ssize_t i = 0; i < n; i++) {
			if (buf[i] != pattern(got + (uint64_t)i)) {
				printf("byte %llu is wrong\n", (unsigned long long)got);
				exit(1);
			}
		}
		got += (uint64_t)n;
	}
	printf("%llu of %llu bytes back\n", (unsigned long long)got, (unsigned long long)bytes);
	fprintf(stderr, "%.1f MiB/s each way\n", (double)got / (now() - begin) / 1048576);
	exit(got != bytes);
}

static void many(const char *where, int nr)
{
	int fd[MANY_MAX], good = 0;
	char line[16], back[16];

	if (nr > MANY_MAX)
		nr = MANY_MAX;
	for (int i = 0; i < nr; i++)
		fd[i] = connect_to(where);
	for (int i = 0; i < nr; i++) {
		snprintf(line, sizeof(line), "%015d", i);
		write_all(fd[i], (uint8_t *)line, sizeof(line));
	}
	for (int i = nr - 1; i >= 0; i--) {
		snprintf(line, sizeof(line), "%015d", i);
		good += recv(fd[i], back, sizeof(back), MSG_WAITALL) == sizeof(back) &&
			!memcmp(line, back, sizeof(back));
		close(fd[i]);
	}
	printf("%d of %d connections\n", good, nr);
	exit(good != nr);
}

static void hang(const char *where, unsigned int seconds)
{
	static uint8_t buf[PIECE];
	unsigned long long total = 0;
	int fd = connect_to(where);
	ssize_t n;

	for (int idle = 0; idle < 10; usleep(50000), idle++) {
		while ((n = send(fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
			total += (unsigned long long)n;
			idle = 0;
		}
	}
	printf("hangs after %llu\n", total);
	fflush(stdout);
	sleep(seconds);
	exit(0);
}

int main(int argc, char **argv)
{
	unsigned long long nr = argc == 4 ? strtoull(argv[3], NULL, 10) : 0;

	if (argc != 4)
		return 2;
	if (!strcmp(argv[1], "serve"))
		serve(argv[2], (int)nr);
	else if (!strcmp(argv[1], "send"))
		send_bytes(argv[2], nr);
	else if (!strcmp(argv[1], "many"))
		many(argv[2], (int)nr);
	else if (!strcmp(argv[1], "hang"))
		hang(argv[2], (unsigned int)nr);
	else
		return 2;
	return 0;
}
