/* SPDX-License-Identifier: BSD-2-Clause */
/* Ways to the other end of a migration. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "ipc/address.h"
#include "ipc/peer.h"
#include "socket.h"
#include "util/cleanup.h"
#include "util/log.h"

#define EXEC "exec:"

/* What a COMMAND would find blocked or ignored, as lkvm has it for itself, is as usual for it. */
static void usual_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
}

static int start(struct peer *peer, const char *command, struct err *e)
{
	int fd[2];

	if (!*command)
		return err_set(e, EINVAL, "'" EXEC "' needs a command");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) < 0)
		return err_sys(e, "cannot start '%s'", command);
	peer->pid = fork();
	if (peer->pid == 0) {
		usual_signals();
		if (dup2(fd[1], 0) == 0 && dup2(fd[1], 1) == 1)
			execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	close(fd[1]);
	peer->fd = fd[0];
	if (peer->pid < 0) {
		peer->pid = 0;
		return err_sys(e, "cannot start '%s'", command);
	}
	return fcntl(peer->fd, F_SETFL, O_NONBLOCK) < 0 ? err_sys(e, "cannot start '%s'", command)
							: 0;
}

static int parse(struct address *a, const char *where, struct err *e)
{
	autofree char *word = strdup(where);

	if (!word)
		return err_sys(e, "no memory");
	if (strncmp(where, "unix:", 5) && strncmp(where, "tcp:", 4))
		return err_set(e, EINVAL, "'%s' is none of unix:PATH, tcp:HOST:PORT, exec:COMMAND",
			       where);
	return address_parse(a, word, e);
}

static void set_up(int fd, const struct address *a)
{
	const int on = 1;

	if (a->address.ss_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

int peer_connect(struct peer *peer, const char *where, struct err *e)
{
	struct address a = { 0 };
	int ret;

	*peer = PEER_NONE;
	if (!strncmp(where, EXEC, strlen(EXEC)))
		return start(peer, where + strlen(EXEC), e);
	ret = parse(&a, where, e);
	if (ret < 0)
		return ret;
	peer->fd = socket(a.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (peer->fd < 0 || connect(peer->fd, (const struct sockaddr *)&a.address, a.len) < 0 ||
	    fcntl(peer->fd, F_SETFL, O_NONBLOCK) < 0)
		return err_sys(e, "cannot reach %s", where);
	set_up(peer->fd, &a);
	return 0;
}

int peer_accept(struct peer *peer, const char *where, struct err *e)
{
	struct address a = { 0 };
	autofd int listener = -1;
	int ret;

	*peer = PEER_NONE;
	if (!strncmp(where, EXEC, strlen(EXEC)))
		return start(peer, where + strlen(EXEC), e);
	ret = parse(&a, where, e);
	if (ret < 0)
		return ret;
	listener = address_listen(&a);
	if (listener < 0)
		return err_set(e, -listener, "cannot listen at %s: %s", where, strerror(-listener));
	log_info("a VM may come by %s", where);
	while (peer->fd < 0) {
		struct pollfd p = { .fd = listener, .events = POLLIN };

		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			return err_sys(e, "cannot listen at %s", where);
		peer->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (peer->fd >= 0 && a.address.ss_family == AF_UNIX &&
		    !socket_peer_is_ours(peer->fd))
			close_fd(&peer->fd);
	}
	set_up(peer->fd, &a);
	/* One VM comes, and no other. */
	if (a.address.ss_family == AF_UNIX)
		unlink(((const struct sockaddr_un *)&a.address)->sun_path);
	return 0;
}

void peer_close(struct peer *peer)
{
	close_fd(&peer->fd);
	if (peer->pid)
		waitpid(peer->pid, NULL, 0);
	*peer = PEER_NONE;
}
