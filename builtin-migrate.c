/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lkvm migrate: carries the conversation between a VM and the process in which it is to go on (docs/migration.md). The VM itself knows
 * no network: what it sends and hears goes through here, record by record, and what is meant for people is shown.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "arm/machine.h"
#include "builtin.h"
#include "ipc/client.h"
#include "ipc/peer.h"
#include "snapshot/stream.h"
#include "util/bits.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/opt.h"
#include "vm/timer.h"

/* It cannot go on there: as lkvm check has it. */
#define MIGRATE_NO 2

#define DOWNTIME_MS 300
/* When somebody should know that it does not come to an end by itself. */
#define LONG_ROUNDS 12
#define NS_PER_MS   1000000ULL
/* So much is carried at once. */
#define CHUNK 65536

struct options {
	const char *name, *where;
	uint64_t downtime_ms;
	uint64_t bandwidth; /* bytes a second; 0: all there is */
	bool converge;
};

struct carrier {
	const struct options *o;
	int vm, other;
	uint64_t since, carried;     /* by the bandwidth's clock */
	uint64_t round, round_bytes; /* that is being sent */
	bool draws, drawn;           /* on a terminal */
	bool ready, running;         /* all of it is there; and it runs */
	int verdict;
	bool done; /* one way or the other */
	int status;
};

static const struct opt rows[] = {
	{ 0, "downtime", "TIME", "How long the VM may stand still (default: 300ms)", opt_set_time,
	  offsetof(struct options, downtime_ms) },
	{ 0, "bandwidth", "SIZE", "Bytes a second that are sent at most; no suffix is M",
	  opt_set_size, offsetof(struct options, bandwidth) },
	{ 0, "auto-converge", NULL,
	  "Hold the VM up, more and more, while it writes faster than it can be sent", opt_set_flag,
	  offsetof(struct options, converge) },
};

/* Bare words are the VM and where it goes. */
static int set_bare_word(void *target, const char *word, struct err *e)
{
	struct options *o = target;

	if (!o->name)
		return name_set(&o->name, word, e);
	if (o->where)
		return err_set(e, EINVAL, "'%s' is one word too many: it goes to '%s'", word,
			       o->where);
	o->where = word;
	return 0;
}

static void usage(void)
{
	puts("Usage: lkvm migrate NAME WHERE [OPTIONS]\n"
	     "\n"
	     "Move the running virtual machine NAME, while it runs, to 'lkvm run --incoming', which waits at WHERE:\n"
	     "unix:PATH, tcp:HOST:PORT, or exec:COMMAND, by whose input and output it is reached. Ctrl-C: it stays.\n");
	opt_print(stdout, rows, ARRAY_SIZE(rows));
}

static uint64_t now(void)
{
	return clock_boottime.now(NULL);
}

/* --- Progress, on a terminal --- */

static void draw(struct carrier *c)
{
	uint64_t took = now() - c->since;
	double rate = took ? (double)c->carried / (double)took * (double)NS_PER_S : 0;

	fprintf(stderr,
		"\rround %" PRIu64 ": %" PRIu64 " MiB to send, %" PRIu64 " MiB sent, %" PRIu64
		" MiB/s ",
		c->round, (uint64_t)(c->round_bytes / MiB), (uint64_t)(c->carried / MiB),
		(uint64_t)(rate / (double)MiB));
	c->drawn = true;
}

static void clear(struct carrier *c)
{
	if (c->drawn)
		fputs("\r\033[K", stderr);
	c->drawn = false;
}

/* --- Carrying --- */

static void keep_pace(struct carrier *c, size_t len)
{
	uint64_t due, is = now() - c->since;
	struct timespec left;

	c->carried += len;
	if (!c->o->bandwidth)
		return;
	due = (uint64_t)((double)c->carried / (double)c->o->bandwidth * (double)NS_PER_S);
	if (due <= is)
		return;
	left = (struct timespec){ .tv_sec = (time_t)((due - is) / NS_PER_S),
				  .tv_nsec = (long)((due - is) % NS_PER_S) };
	nanosleep(&left, NULL);
}

static int pass(struct carrier *c, const struct stream_record *record)
{
	static uint8_t buf[CHUNK];
	uint64_t left = stream_behind(record);
	int ret = stream_put_record(c->other, record->type, record->a, record->b, -1);

	while (left && ret == 0) {
		size_t part = left < sizeof(buf) ? (size_t)left : sizeof(buf);

		ret = stream_get(c->vm, buf, part, -1);
		if (ret == 0)
			ret = stream_put(c->other, buf, part, -1);
		keep_pace(c, part);
		left -= part;
	}
	return ret;
}

/* The text behind a record, for people. */
static int show(int fd, const struct stream_record *record, FILE *out, const char *before)
{
	char text[1024];
	uint64_t left = stream_behind(record);
	int ret = 0;

	fputs(before, out);
	while (left && ret == 0) {
		size_t part = left < sizeof(text) ? (size_t)left : sizeof(text);

		ret = stream_get(fd, text, part, -1);
		for (size_t i = 0; i < part && ret == 0; i++)
			putc(text[i] == '\n' || (text[i] >= ' ' && text[i] <= '~') ? text[i] : '?',
			     out);
		left -= part;
	}
	return ret;
}

static int failed(struct carrier *c, int fd, const struct stream_record *record, const char *who)
{
	clear(c);
	c->done = true;
	fprintf(stderr, "  Error: VM %s stays here: ", c->o->name);
	show(fd, record, stderr, who);
	putc('\n', stderr);
	return 0;
}

static int from_vm(struct carrier *c)
{
	struct stream_record record;
	int ret = stream_get_record(c->vm, &record, -1);

	if (ret < 0)
		return ret;
	switch (record.type) {
	case STREAM_FAILED:
		return failed(c, c->vm, &record, "");
	case STREAM_DONE:
		clear(c);
		printf("VM %s has moved to %s: %" PRIu64 " MiB in %" PRIu64
		       " rounds; it stood still for %" PRIu64 " ms\n",
		       c->o->name, c->o->where, (uint64_t)(record.b / MiB), c->round,
		       (uint64_t)(record.a / NS_PER_MS));
		c->done = true;
		c->status = MACHINE_OFF;
		return 0;
	case STREAM_ROUND:
		if (record.a == LONG_ROUNDS && !c->o->converge) {
			clear(c);
			log_info(
				"VM %s writes about as fast as it can be sent: --auto-converge holds it up, "
				"--downtime lets it stand still for longer; Ctrl-C lets it stay",
				c->o->name);
		}
		c->round = record.a;
		c->round_bytes = record.b;
		if (c->draws)
			draw(c);
		break;
	default:
		break;
	}
	return pass(c, &record);
}

static int from_other(struct carrier *c)
{
	struct stream_record record;
	int ret = stream_get_record(c->other, &record, -1);

	if (ret < 0)
		return ret;
	clear(c);
	if (record.type == STREAM_FAILED) {
		failed(c, c->other, &record, "the other end says: ");
		record.b = 0;
		return stream_put_record(c->vm, record.type, 0, 0, -1);
	}
	if (record.type == STREAM_VERDICT) {
		ret = show(c->other, &record, record.a > 1 ? stderr : stdout, "");
		c->status = record.a > 1 ? MIGRATE_NO : c->status;
		c->done = record.a > 1;
		record.b = 0;
		c->since = now(); /* of what is sent behind it */
		c->carried = 0;
	}
	if (stream_behind(&record))
		return -EBADMSG;
	c->ready |= record.type == STREAM_READY;
	c->running |= record.type == STREAM_RUNNING;
	return ret < 0 ? ret : stream_put_record(c->vm, record.type, record.a, 0, -1);
}

/* Until it is there, or stays. */
static int carry(struct carrier *c, struct err *e)
{
	int ret = 0;

	while (!c->done && ret == 0) {
		struct pollfd fds[] = { { .fd = c->vm, .events = POLLIN },
					{ .fd = c->running ? -1 : c->other, .events = POLLIN } };

		if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
			continue;
		/* What the other end has to say comes first: it may have failed, and takes nothing more. */
		if (fds[1].revents)
			ret = from_other(c);
		else if (fds[0].revents)
			ret = from_vm(c);
		if (ret < 0 && !c->done)
			clear(c);
	}
	if (ret < 0)
		return err_set(e, -ret, "the connection broke%s: %s",
			       c->ready
				       ? " when all was there; 'lkvm list' tells whether it goes on"
				       : "",
			       strerror(-ret));
	return 0;
}

static int move(const struct options *o, int *status, struct err *e)
{
	struct client_call call = CLIENT_CALL_NONE;
	struct request request = { .time = o->downtime_ms * NS_PER_MS };
	struct peer peer = PEER_NONE;
	int ret;

	if (!o->where)
		return err_set(e, EINVAL, "say which VM, and where to: lkvm migrate NAME WHERE");
	snprintf(call.name, sizeof(call.name), "%s", o->name);
	snprintf(request.command, sizeof(request.command), "%s",
		 o->converge ? "migrate-converge" : "migrate");
	/* Nobody is waited for in vain on the other side. */
	client_call_all(&call, 1, &(struct request){ .command = "status" }, CLIENT_PATIENCE_MS);
	ret = call.ret < 0 ? err_set(e, -call.ret, "%s", call.e.text)
			   : peer_connect(&peer, o->where, e);
	if (ret == 0) {
		call.keep = true;
		client_call_all(&call, 1, &request, CLIENT_PATIENCE_MS);
		if (call.ret < 0)
			ret = err_set(e, -call.ret, "%s", call.e.text);
		else if (call.reply.status < 0)
			ret = err_set(e, -call.reply.status, "%s", call.reply.text);
	}
	if (ret == 0) {
		struct carrier c = {
			.o = o,
			.vm = call.fd,
			.other = peer.fd,
			.since = now(),
			.draws = isatty(STDERR_FILENO),
			.status = MACHINE_FAILED,
		};

		signal(SIGPIPE, SIG_IGN);
		ret = carry(&c, e);
		*status = c.status;
	}
	close_fd(&call.fd);
	client_end(&call, 1);
	peer_close(&peer);
	return ret;
}

int builtin_migrate(int argc, char **argv)
{
	struct options o = { .downtime_ms = DOWNTIME_MS };
	int status = MACHINE_FAILED;
	struct err e = { 0 };
	bool help;
	int ret = opt_parse(rows, ARRAY_SIZE(rows), &o, argc - 1, argv + 1, set_bare_word, &help,
			    NULL, &e);

	if (ret == 0 && help) {
		usage();
		return MACHINE_OFF;
	}
	if (ret == 0)
		ret = move(&o, &status, &e);
	if (ret < 0) {
		log_error("migrate: %s", e.text);
		return MACHINE_FAILED;
	}
	return status;
}
