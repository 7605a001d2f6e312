/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VM that goes. Its loop sends what it is, and then its memory, over and over what was written meanwhile, while it
 * runs. When little enough is left it stands still, and the rest is synchronous: as with a snapshot nothing touches the machine between its
 * state and its memory.
 *
 *	FACTS --verdict--> ROUNDS --little is left--> (stands still: pages, state, ready) --GO--> gone
 *
 * Until GO is sent whatever fails lets the VM go on here. From then on it may run at the other end: only that end's word, or a person's,
 * tells.
 */
#include <errno.h>
#include <inttypes.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include "arm/machine.h"
#include "brake.h"
#include "format.h"
#include "pages.h"
#include "snapshot/stream.h"
#include "util/bits.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "vm/timer.h"

/* What the loop sends, and looks at for zeroes, before others have their turn. */
#define TURN_BYTES (1 * MiB)
#define TURN_SCAN  (16 * MiB)
/* How long the other end may be silent while the machine stands still: long enough to build it there. */
#define PATIENCE_MS 30000
/* How often the disks are asked for that somebody has: for a second. */
#define TAKE_BACK_TRIES 20

enum state {
	WAITS,    /* for the verdict, the facts being sent, or about to be */
	ROUNDS,   /* sends memory, and runs */
	STRANDED, /* stands still: gone, or not */
	ENDED,
};

struct migration {
	struct machine *m;
	const char *name;
	struct loop *loop;
	struct loop_source source;
	uint64_t downtime_ns;
	enum state state;
	bool logging;

	uint8_t in[STREAM_RECORD_SIZE];
	size_t in_nr;

	/* What is being sent: a record and what is behind it, which is the guest's memory or @head. */
	uint8_t record[STREAM_RECORD_SIZE];
	const uint8_t *behind;
	uint64_t behind_len;
	uint64_t sent, size; /* of both together */
	uint8_t *head;

	struct pages pages;
	uint64_t round, round_sent, round_since;
	uint64_t total;

	struct brake brake;
};

static uint64_t now(void)
{
	return clock_boottime.now(NULL);
}

/* What is sent next; nothing is on its way. */
static void send_next(struct migration *mig, enum stream_type type, uint64_t a, uint64_t b,
		      const void *behind)
{
	const struct stream_record record = { .type = type, .a = a, .b = b };

	stream_encode(&record, mig->record);
	mig->behind = behind;
	mig->behind_len = stream_behind(&record);
	mig->sent = 0;
	mig->size = STREAM_RECORD_SIZE + mig->behind_len;
}

/* It is over, and the connection closed. */
static void finish(struct migration *mig)
{
	if (mig->state == ENDED)
		return;
	mig->state = ENDED;
	brake_release(&mig->brake);
	if (mig->source.fd >= 0) {
		loop_remove(mig->loop, &mig->source);
		close_fd(&mig->source.fd);
	}
	if (mig->logging)
		machine_log_writes(mig->m, false, NULL);
	mig->logging = false;
	pages_free(&mig->pages);
	free(mig->head);
	mig->head = NULL;
}

/* The VM stays. Who carries the stream is told why, if it is at the end of a record. */
static void give_up(struct migration *mig, const char *why)
{
	if (mig->state == ENDED)
		return;
	if (mig->sent == mig->size)
		stream_put_text(mig->source.fd, STREAM_FAILED, 0, why, 0);
	log_info("VM %s: it stays here: %s", mig->name, why);
	finish(mig);
}

/* The state of a machine that stands still, in mig->head. */
static int take_state(struct migration *mig, uint64_t *size, struct err *e)
{
	free(mig->head);
	mig->head = format_head(mig->m, size, e);
	return mig->head ? 0 : -EIO;
}

/* --- While it stands still --- */

static int put_pages(struct migration *mig, struct err *e)
{
	int fd = mig->source.fd;
	struct pages_piece piece;
	int ret = 0;

	while (ret == 0 && pages_next(&mig->pages, STREAM_PAGES_MAX, UINT64_MAX, &piece) > 0) {
		ret = stream_put_record(fd, piece.zero ? STREAM_ZERO : STREAM_PAGES, piece.off,
					piece.len, PATIENCE_MS);
		if (ret == 0 && !piece.zero)
			ret = stream_put(fd, mig->pages.ram->host + piece.off, piece.len,
					 PATIENCE_MS);
		mig->total += STREAM_RECORD_SIZE + (piece.zero ? 0 : piece.len);
	}
	return ret < 0 ? err_set(e, -ret, "its memory could not be sent: %s", strerror(-ret)) : 0;
}

/* Its memory and its state: nothing of the machine changes any more. State first: KVM's ITS puts its tables into memory. */
static int put_rest(struct migration *mig, struct err *e)
{
	uint64_t size = 0;
	int ret = take_state(mig, &size, e);

	if (ret == 0)
		ret = machine_take_writes(mig->m, mig->pages.news, e);
	if (ret < 0)
		return ret;
	pages_again(&mig->pages);
	ret = put_pages(mig, e);
	if (ret < 0)
		return ret;
	machine_yield(mig->m);
	ret = stream_put_record(mig->source.fd, STREAM_STATE, size, 0, PATIENCE_MS);
	if (ret == 0)
		ret = stream_put(mig->source.fd, mig->head, size, PATIENCE_MS);
	mig->total += STREAM_RECORD_SIZE + size;
	return ret < 0 ? err_set(e, -ret, "its state could not be sent: %s", strerror(-ret)) : 0;
}

static int expect(struct migration *mig, enum stream_type type, const char *what, struct err *e)
{
	struct stream_record record = { 0 };
	int ret = stream_get_record(mig->source.fd, &record, PATIENCE_MS);

	if (ret == 0 && record.type == STREAM_FAILED)
		return err_set(e, ECONNABORTED, "the other end cannot go on with it");
	if (ret == 0 && record.type != type)
		ret = -EBADMSG;
	return ret < 0 ? err_set(e, -ret, "the other end did not say that %s: %s", what,
				 strerror(-ret))
		       : 0;
}

/* It goes on here, if nobody has its disks; one that is just ending may still have them for a moment. */
static int stay(struct migration *mig, struct err *e)
{
	const struct timespec moment = { .tv_nsec = 50 * 1000 * 1000 };
	int ret = machine_take_back(mig->m, e);

	for (int i = 0; ret == -EBUSY && i < TAKE_BACK_TRIES; i++) {
		nanosleep(&moment, NULL);
		ret = machine_take_back(mig->m, e);
	}
	if (ret == 0)
		machine_thaw(mig->m);
	return ret;
}

/* GO was sent. */
static void strand(struct migration *mig, const struct err *why)
{
	log_warning(
		"VM %s stands still: %s, so that it may run there. If it does not, 'lkvm resume %s' "
		"lets it go on here; if it does, 'lkvm stop --force %s' ends it",
		mig->name, why->text, mig->name, mig->name);
	finish(mig);
	mig->state = STRANDED;
}

static void hand_over(struct migration *mig)
{
	struct err e = { 0 }, other = { 0 };
	int ret = machine_can_save(mig->m, &e);
	uint64_t since = now();
	bool gone = false;

	if (ret == 0)
		ret = machine_freeze(mig->m, &e);
	if (ret < 0) {
		give_up(mig, e.text);
		return;
	}
	mig->sent = mig->size; /* all that is sent from here on is whole, or the connection ends */
	ret = put_rest(mig, &e);
	if (ret == 0)
		ret = expect(mig, STREAM_READY, "all is in place", &e);
	if (ret == 0) {
		gone = true;
		ret = stream_put_record(mig->source.fd, STREAM_GO, 0, 0, PATIENCE_MS);
		if (ret < 0)
			err_set(&e, -ret, "the other end could not be told: %s", strerror(-ret));
	}
	if (ret == 0)
		ret = expect(mig, STREAM_RUNNING, "it runs", &e);
	if (ret == 0) {
		since = now() - since;
		stream_put_record(mig->source.fd, STREAM_DONE, since, mig->total, PATIENCE_MS);
		log_info("VM %s has moved; it stood still for %" PRIu64 " ms", mig->name,
			 since / 1000000);
		finish(mig);
		machine_stop(mig->m);
		machine_thaw(mig->m);
	} else if (gone) {
		strand(mig, &e);
	} else if (stay(mig, &other) == 0) {
		give_up(mig, e.text);
	} else {
		strand(mig, &other);
	}
}

/* --- While it runs --- */

/* Sends the piece that is next, or sees that the round is over. Returns 1 if it is; 0, or -EAGAIN: nothing was found yet. */
static int next_piece(struct migration *mig, uint64_t *scan)
{
	uint64_t before = mig->pages.at;
	struct pages_piece piece;
	int next = pages_next(&mig->pages, STREAM_PAGES_MAX, *scan, &piece);
	uint64_t seen = (mig->pages.at - before) * mig->pages.page;

	*scan -= seen < *scan ? seen : *scan;
	if (piece.len)
		send_next(mig, piece.zero ? STREAM_ZERO : STREAM_PAGES, piece.off, piece.len,
			  mig->pages.ram->host + piece.off);
	if (piece.len)
		return 0;
	return next < 0 ? next : 1;
}

/* Whether what is left is sent within the time for which the machine may stand still, at the pace of the last round. */
static bool is_little(const struct migration *mig, uint64_t left)
{
	uint64_t took = now() - mig->round_since;

	if (left <= STREAM_PAGES_MAX)
		return true;
	return mig->round_sent && took &&
	       (double)left / (double)mig->round_sent * (double)took <= (double)mig->downtime_ns;
}

static void end_round(struct migration *mig)
{
	struct err e = { 0 };
	uint64_t left;

	if (machine_take_writes(mig->m, mig->pages.news, &e) < 0) {
		give_up(mig, e.text);
		return;
	}
	pages_again(&mig->pages);
	left = pages_left(&mig->pages);
	if (is_little(mig, left)) {
		hand_over(mig);
		return;
	}
	brake_round(&mig->brake, left);
	mig->round_sent = 0;
	mig->round_since = now();
	send_next(mig, STREAM_ROUND, ++mig->round, left, NULL);
}

/* Sends some of what is on its way. Returns 0, or -errno. */
static int flow(struct migration *mig)
{
	uint64_t done = mig->sent < STREAM_RECORD_SIZE ? 0 : mig->sent - STREAM_RECORD_SIZE;
	struct iovec iov[] = {
		{ mig->record + mig->sent, 0 },
		{ (void *)(uintptr_t)(mig->behind + done), mig->behind_len - done },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t put;

	if (mig->sent < STREAM_RECORD_SIZE) {
		iov[0].iov_len = STREAM_RECORD_SIZE - mig->sent;
	} else {
		msg.msg_iov = &iov[1];
		msg.msg_iovlen = 1;
	}
	put = sendmsg(mig->source.fd, &msg, MSG_NOSIGNAL);
	if (put < 0)
		return -errno;
	mig->sent += (uint64_t)put;
	mig->round_sent += (uint64_t)put;
	mig->total += (uint64_t)put;
	return 0;
}

static void lost(struct migration *mig, int error)
{
	char why[128];

	snprintf(why, sizeof(why), "the connection broke: %s", strerror(error));
	give_up(mig, why);
}

static void write_ready(struct migration *mig)
{
	uint64_t scan = TURN_SCAN, end = mig->total + TURN_BYTES;
	int ret = 0;

	while (ret == 0 && mig->state != ENDED && mig->state != STRANDED && mig->total < end) {
		if (mig->sent < mig->size) {
			ret = flow(mig);
		} else if (mig->state == WAITS) {
			loop_modify(mig->loop, &mig->source, EPOLLIN);
			return;
		} else if ((ret = next_piece(mig, &scan)) == 1) {
			end_round(mig);
			ret = 0;
		}
	}
	if (ret < 0 && ret != -EAGAIN && ret != -EINTR)
		lost(mig, -ret);
}

/* Which of its memory is written to is logged from here on; all of it is sent once, before. */
static int start_rounds(struct migration *mig, struct err *e)
{
	int ret = machine_log_writes(mig->m, true, e);

	if (ret < 0)
		return ret;
	mig->logging = true;
	ret = pages_start(&mig->pages, machine_ram(mig->m));
	if (ret < 0)
		return err_set(e, -ret, "no memory to keep account of its memory");
	mig->state = ROUNDS;
	mig->round_sent = 0;
	mig->round_since = now();
	send_next(mig, STREAM_ROUND, mig->round = 1, pages_left(&mig->pages), NULL);
	loop_modify(mig->loop, &mig->source, EPOLLIN | EPOLLOUT);
	return 0;
}

static void take_record(struct migration *mig)
{
	struct stream_record record = { 0 };
	struct err e = { 0 };

	mig->in_nr = 0;
	if (stream_decode(&record, mig->in) < 0 || stream_behind(&record) ||
	    record.type != STREAM_VERDICT || mig->state != WAITS || mig->sent < mig->size)
		give_up(mig, record.type == STREAM_FAILED ? "the other end has failed"
							  : "the other end says what it must not");
	else if (record.a > 1)
		give_up(mig, "it cannot go on there");
	else if (start_rounds(mig, &e) < 0)
		give_up(mig, e.text);
}

static void read_ready(struct migration *mig)
{
	ssize_t got = recv(mig->source.fd, mig->in + mig->in_nr, sizeof(mig->in) - mig->in_nr, 0);

	if (got == 0) {
		lost(mig, ECONNRESET);
	} else if (got < 0) {
		if (errno != EAGAIN && errno != EINTR)
			lost(mig, errno);
	} else {
		mig->in_nr += (size_t)got;
		if (mig->in_nr == sizeof(mig->in))
			take_record(mig);
	}
}

static void ready(void *ctx, uint32_t events)
{
	struct migration *mig = ctx;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		read_ready(mig);
	if (events & EPOLLOUT && (mig->state == WAITS || mig->state == ROUNDS))
		write_ready(mig);
}

/* What it is, as a snapshot of this moment says it. */
static int take_facts(struct migration *mig, struct err *e)
{
	uint64_t size = 0;
	int ret = machine_can_save(mig->m, e);

	if (ret == 0)
		ret = machine_freeze(mig->m, e);
	if (ret < 0)
		return ret;
	ret = take_state(mig, &size, e);
	machine_thaw(mig->m);
	if (ret == 0)
		send_next(mig, STREAM_FACTS, size, STREAM_VERSION, mig->head);
	return ret;
}

struct migration *migration_start(struct machine *m, const char *name, struct loop *loop, int fd,
				  uint64_t downtime_ns, bool brakes, struct err *e)
{
	struct migration *mig = calloc(1, sizeof(*mig));
	int ret;

	if (!mig) {
		close_fd(&fd);
		err_sys(e, "no memory");
		return NULL;
	}
	*mig = (struct migration){
		.m = m,
		.name = name,
		.loop = loop,
		.source = { .fd = fd, .ready = ready, .ctx = mig },
		.downtime_ns = downtime_ns,
		.brake = { .m = m, .loop = loop, .works = brakes, .timer = LOOP_TIMER_NONE },
	};
	ret = loop_add(loop, &mig->source, EPOLLIN | EPOLLOUT);
	if (ret < 0)
		err_set(e, -ret, "its connection cannot be served: %s", strerror(-ret));
	else
		ret = take_facts(mig, e);
	if (ret < 0) {
		give_up(mig, e->text);
		free(mig);
		return NULL;
	}
	return mig;
}

bool migration_goes_on(const struct migration *mig)
{
	return mig && (mig->state == WAITS || mig->state == ROUNDS);
}

bool migration_is_stranded(const struct migration *mig)
{
	return mig && mig->state == STRANDED;
}

int migration_resume(struct migration *mig, struct err *e)
{
	int ret = stay(mig, e);

	if (ret == 0)
		mig->state = ENDED;
	return ret;
}

void migration_free(struct migration *mig)
{
	if (!mig)
		return;
	if (migration_goes_on(mig))
		give_up(mig, "it has ended, or begins anew");
	free(mig);
}
