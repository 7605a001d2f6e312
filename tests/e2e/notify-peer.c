/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In place of a service manager: notify-peer ADDRESS COUNT listens at ADDRESS, a path or an abstract name
 * behind '@', as NOTIFY_SOCKET has it, says "listening", and prints COUNT messages, a line each, the lines of
 * a message separated by " ".
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

int main(int argc, char **argv)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char text[1024];
	size_t size;

	if (argc != 3 || strlen(argv[1]) >= sizeof(at.sun_path)) {
		fputs("usage: notify-peer ADDRESS COUNT\n", stderr);
		return 2;
	}
	size = strlen(argv[1]);
	memcpy(at.sun_path, argv[1], size);
	if (*argv[1] == '@')
		at.sun_path[0] = '\0';
	size += offsetof(struct sockaddr_un, sun_path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, (socklen_t)size) < 0) {
		perror("notify-peer");
		return 1;
	}
	puts("listening");
	fflush(stdout);
	for (int left = atoi(argv[2]); left > 0; left--) {
		ssize_t len = recv(fd, text, sizeof(text), 0);

		for (ssize_t i = 0; i < len; i++)
			putchar(text[i] == '\n' ? ' ' : text[i]);
		putchar('\n');
		fflush(stdout);
	}
	return 0;
}
