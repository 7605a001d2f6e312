/* SPDX-License-Identifier: BSD-2-Clause */
/* Terminal modes and the escape key, for host/tty.c. */
#include <errno.h>
#include <signal.h>
#include <unistd.h>
#include "host/terminal.h"

bool terminal_is_ours(int fd)
{
	pid_t foreground = tcgetpgrp(fd);

	return foreground < 0 || foreground == getpgrp();
}

/*
 * tcsetattr() from the background stops the whole process group with SIGTTOU. Callers look first,
 * but the shell can take the terminal back in between; with the signal blocked nothing stops. Not
 * TCSADRAIN: a terminal held by Ctrl-S would make it wait for ever.
 */
static int set_modes(int fd, const struct termios *modes)
{
	sigset_t ttou, old;
	int ret;

	sigemptyset(&ttou);
	sigaddset(&ttou, SIGTTOU);
	pthread_sigmask(SIG_BLOCK, &ttou, &old);
	ret = tcsetattr(fd, TCSANOW, modes) < 0 ? -errno : 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return ret;
}

int terminal_make_raw(int fd, struct termios *saved)
{
	struct termios old, raw;

	if (tcgetattr(fd, &old) < 0)
		return -errno;
	raw = old;
	raw.c_iflag &= ~(IGNBRK | BRKINT | PARMRK | INPCK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
	raw.c_lflag &= ~(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
	raw.c_cflag = (raw.c_cflag & ~(CSIZE | PARENB)) | CS8;
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	*saved = old;
	return set_modes(fd, &raw);
}

void terminal_restore(int fd, const struct termios *saved)
{
	if (terminal_is_ours(fd))
		set_modes(fd, saved);
}

enum escape_action escape_feed(struct escape *escape, uint8_t *key)
{
	if (!escape->pending) {
		escape->pending = *key == ESCAPE_KEY;
		return escape->pending ? ESCAPE_DROP : ESCAPE_PASS;
	}
	escape->pending = false;
	switch (*key) {
	case 'x':
		return ESCAPE_QUIT;
	case 'd':
		return ESCAPE_DETACH;
	case 'h':
	case '?':
		return ESCAPE_HELP;
	case ESCAPE_KEY:
	case 'a':
		*key = ESCAPE_KEY;
		return ESCAPE_PASS;
	default:
		return ESCAPE_DROP;
	}
}
