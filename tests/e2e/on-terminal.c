/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * on-terminal ROWS COLS COMMAND...: runs the command on a terminal of its own, of that size, with the bytes of
 * stdin as keys and what it shows on stdout. Lines on stdin that are no keys:
 *
 *	@size ROWS COLS	the terminal gets that size
 *	@wait TEXT	what follows waits until the command has shown TEXT, after the last key or the last such line
 *
 * Ends with the command's status. For the lab, whose host has no script(1).
 */
#include <poll.h>
#include <pty.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void write_all(int fd, const char *buf, size_t len)
{
	while (len) {
		ssize_t n = write(fd, buf, len);

		if (n <= 0)
			return;
		buf += n;
		len -= (size_t)n;
	}
}

struct session {
	int master;
	char line[256], wait[256]; /* being read; to be seen first, or empty */
	char shown[4096];          /* the end of what the command has shown */
	size_t nr_shown;
};

/* Ends the wait if what it is for was shown. */
static void look(struct session *s)
{
	if (*s->wait && memmem(s->shown, s->nr_shown, s->wait, strlen(s->wait))) {
		*s->wait = '\0';
		s->nr_shown = 0;
	}
}

static void take_line(struct session *s)
{
	struct winsize size = { 0 };

	if (sscanf(s->line, "@size %hu %hu", &size.ws_row, &size.ws_col) == 2) {
		ioctl(s->master, TIOCSWINSZ, &size);
	} else if (!strncmp(s->line, "@wait ", 6)) {
		snprintf(s->wait, sizeof(s->wait), "%.*s", (int)strcspn(s->line + 6, "\n"),
			 s->line + 6);
	} else {
		s->nr_shown = 0;
		write_all(s->master, s->line, strlen(s->line));
	}
	look(s);
	*s->line = '\0';
}

/* Returns false at the end of stdin. */
static bool take_input(struct session *s)
{
	size_t len = strlen(s->line);

	if (read(STDIN_FILENO, s->line + len, 1) <= 0)
		return false;
	s->line[len + 1] = '\0';
	if (s->line[len] == '\n' || len + 2 == sizeof(s->line))
		take_line(s);
	return true;
}

/* Returns false when the command is gone. */
static bool take_output(struct session *s)
{
	char buf[1024];
	ssize_t n = read(s->master, buf, sizeof(buf));
	size_t keep = sizeof(s->shown) - sizeof(buf);

	if (n <= 0)
		return false;
	write_all(STDOUT_FILENO, buf, (size_t)n);
	if (s->nr_shown > keep) {
		memmove(s->shown, s->shown + s->nr_shown - keep, keep);
		s->nr_shown = keep;
	}
	memcpy(s->shown + s->nr_shown, buf, (size_t)n);
	s->nr_shown += (size_t)n;
	look(s);
	return true;
}

static void pass_on(struct session *s)
{
	struct pollfd fds[] = { { .events = POLLIN }, { .fd = s->master, .events = POLLIN } };
	bool input = true;

	for (;;) {
		fds[0].fd = input && !*s->wait ? STDIN_FILENO : -1;
		if (poll(fds, 2, -1) < 0)
			return;
		if (fds[1].revents && !take_output(s))
			return;
		if (fds[0].fd >= 0 && fds[0].revents)
			input = take_input(s);
	}
}

int main(int argc, char **argv)
{
	struct session s = { 0 };
	struct winsize size = { 0 };
	int status;
	pid_t pid;

	if (argc < 4) {
		fputs("usage: on-terminal ROWS COLS COMMAND...\n", stderr);
		return 2;
	}
	size.ws_row = (unsigned short)atoi(argv[1]);
	size.ws_col = (unsigned short)atoi(argv[2]);
	pid = forkpty(&s.master, NULL, NULL, &size);
	if (pid == 0) {
		execvp(argv[3], argv + 3);
		_exit(127);
	}
	if (pid < 0)
		return 2;
	pass_on(&s);
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return 2;
	return WEXITSTATUS(status);
}
