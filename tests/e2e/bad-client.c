/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bad-client SOCKET garbage|half|hang: a client that a VM's control socket has to bear.
 *
 *	garbage	connects a hundred times and sends what is no message
 *	half	connects a hundred times and leaves in the middle of one
 *	hang	opens twenty connections, sends half a message on each, and stays until it is killed
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A device tree's magic, its size of 100 bytes, and the first of those that would follow. */
static const char half[] = "\xd0\x0d\xfe\xed\0\0\0\x64\0\0\0\x38";

/* A connection on which @size bytes were sent; the server may have hung up already. */
static int talk(const char *path, const void *bytes, size_t size)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	send(fd, bytes, size, MSG_NOSIGNAL);
	return fd;
}

int main(int argc, char **argv)
{
	char garbage[5000];

	if (argc != 3)
		return 2;
	for (size_t i = 0; i < sizeof(garbage); i++)
		garbage[i] = (char)(i * 7 + 1);
	if (!strcmp(argv[2], "hang")) {
		for (int i = 0; i < 20; i++)
			if (talk(argv[1], half, sizeof(half) - 1) < 0)
				return 1;
		puts("hanging");
		fflush(stdout);
		pause();
	}
	for (int i = 0; i < 100; i++) {
		int fd = !strcmp(argv[2], "half") ? talk(argv[1], half, sizeof(half) - 1)
						  : talk(argv[1], garbage, sizeof(garbage));

		if (fd < 0)
			return 1;
		close(fd);
	}
	return 0;
}
