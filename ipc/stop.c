/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stopping VMs and seeing them gone, any number at once. Each of them goes down these stairs until it has ended:
 *
 *	its power button is pressed, again and again	(not by force)
 *	it is told to stop
 *	SIGKILL						(by force)
 *
 * A VM has ended when the process that had its socket has: then its disks and its name are free again. A call whose
 * VM is still waited for has the process's descriptor; all others have none.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "arm/machine.h"
#include "ipc/stop.h"
#include "socket.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "vm/timer.h"

#define NS_PER_MS 1000000ULL

/* The button is pressed again so often: a guest that is only starting takes no notice of the first time. */
#define PRESS_PERIOD_MS 5000

/*
 * How long lkvm may take to say that it stops, by force, before it is taken for one that hangs: of many that end at the same
 * time, each waits for the others' processors. And how long to end when it has said so.
 */
#define FORCED_PATIENCE_MS(nr) (600 + 100 * (unsigned int)(nr))
#define END_MS                 10000

struct stopping {
	const struct target *target;
	struct client_call *calls;
	int nr; /* those that are waited for come first */
	bool good;
};

static uint64_t now_ms(void)
{
	return clock_boottime.now(NULL) / NS_PER_MS;
}

/* Brings those that are waited for to the front again. */
static void sort_out(struct stopping *s)
{
	int left = 0;

	for (int i = 0; i < s->nr; i++) {
		struct client_call call = s->calls[i];

		if (call.process < 0)
			continue;
		s->calls[i] = s->calls[left];
		s->calls[left++] = call;
	}
	s->nr = left;
}

/* Waits until all have ended, @ms at the most, and says @how of each that has. */
static void wait_for_ends(struct stopping *s, uint64_t ms, const char *how)
{
	autofree struct pollfd *fds = calloc((size_t)s->nr + 1, sizeof(*fds));
	uint64_t now = now_ms(), end = now + ms;

	for (; fds && s->nr && now < end; now = now_ms()) {
		for (int i = 0; i < s->nr; i++)
			fds[i] = (struct pollfd){ .fd = s->calls[i].process, .events = POLLIN };
		poll(fds, (nfds_t)s->nr, (int)(end - now));
		for (int i = 0; i < s->nr; i++) {
			if (!fds[i].revents)
				continue;
			log_info("VM %s %s", s->calls[i].name, how);
			socket_remove_dead(s->calls[i].name);
			close_fd(&s->calls[i].process);
		}
		sort_out(s);
	}
}

/*
 * Tells all of them. Who cannot be told, and is not known to run, is done with; who does not answer may be about to end,
 * or hangs: that shows.
 */
static void tell(struct stopping *s, const char *command, unsigned int patience_ms)
{
	struct request request = { 0 };

	snprintf(request.command, sizeof(request.command), "%s", command);
	client_call_all(s->calls, (size_t)s->nr, &request, patience_ms);
	for (int i = 0; i < s->nr; i++) {
		struct client_call *call = &s->calls[i];
		bool refused = call->ret == 0 && call->reply.status < 0;

		if (call->process >= 0 && !refused)
			continue;
		close_fd(&call->process);
		if (target_is_gone(s->target, call))
			continue;
		if (call->ret == 0 && !refused)
			log_error("VM %s was told, but its process cannot be seen from here",
				  call->name);
		else
			target_report(call);
		s->good = false;
	}
	sort_out(s);
}

static void press_buttons(struct stopping *s, uint64_t timeout_ms)
{
	uint64_t now = now_ms(), end = now + timeout_ms;

	for (; s->nr && now < end; now = now_ms()) {
		uint64_t left = end - now;
		unsigned int patience =
			left < CLIENT_PATIENCE_MS ? (unsigned int)left : CLIENT_PATIENCE_MS;

		tell(s, "power-button", patience);
		wait_for_ends(s, left < PRESS_PERIOD_MS ? left : PRESS_PERIOD_MS, "powered off");
	}
	for (int i = 0; i < s->nr; i++)
		log_warning("VM %s did not power off within %g s", s->calls[i].name,
			    (double)timeout_ms / 1000);
}

/* Those that did not even answer, or all that are left. */
static void kill_those_that_hang(struct stopping *s, bool all)
{
	for (int i = 0; i < s->nr; i++) {
		if (!all && s->calls[i].ret != -EAGAIN)
			continue;
		log_warning("VM %s hangs, and is killed", s->calls[i].name);
		syscall(SYS_pidfd_send_signal, s->calls[i].process, SIGKILL, NULL, 0);
	}
}

static void stop_all(struct stopping *s, bool force, uint64_t timeout_ms)
{
	if (!force)
		press_buttons(s, timeout_ms);
	tell(s, "stop", force ? FORCED_PATIENCE_MS(s->nr) : CLIENT_PATIENCE_MS);
	if (force)
		kill_those_that_hang(s, false);
	wait_for_ends(s, END_MS, "was stopped");
	if (force && s->nr) {
		kill_those_that_hang(s, true);
		wait_for_ends(s, END_MS, "was stopped");
	}
	for (int i = 0; i < s->nr; i++) {
		log_error("VM %s does not end%s", s->calls[i].name,
			  force ? "" : "; --force will end it");
		s->good = false;
	}
}

int stop_target(const struct target *target, bool force, uint64_t timeout_ms)
{
	struct stopping s = { .target = target, .good = true };
	struct err e = { 0 };
	int nr = target_find(target, &s.calls, &e);

	if (nr < 0) {
		log_error("%s", e.text);
		return MACHINE_FAILED;
	}
	if (nr == 0)
		log_info("there are no VMs");
	s.nr = nr;
	if (nr)
		stop_all(&s, force, timeout_ms);
	target_free(s.calls, nr);
	return s.good ? MACHINE_OFF : MACHINE_FAILED;
}
