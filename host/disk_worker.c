/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that wait for the host's storage in place of the event loop.
 *
 *	loop, vCPUs			a worker
 *	put ---> todo ---------------> run
 *	take <--- done <-------------- (eventfd, when done was empty)
 *
 * Requests are begun in order; with one thread they also end in order.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include "disk_engine.h"

#define NR_MAX 16

/* Enough for what runs here; a stack that is never touched costs nothing, but one has to fit. */
#define STACK_SIZE (256 * 1024)

struct list {
	struct block_request *first, **end;
};

struct disk_workers {
	int (*run)(void *ctx, struct block_request *req);
	void *ctx;
	int wake;

	pthread_mutex_t lock; /* guards the rest; the innermost lock */
	pthread_cond_t work, finished;
	struct list todo, done;
	unsigned int nr_todo, nr_idle;
	bool quit;

	pthread_t thread[NR_MAX];
	unsigned int nr, nr_max;
};

static void list_append(struct list *list, struct block_request *req)
{
	req->next = NULL;
	*list->end = req;
	list->end = &req->next;
}

static void list_clear(struct list *list)
{
	*list = (struct list){ .end = &list->first };
}

static struct block_request *list_take(struct list *list)
{
	struct block_request *req = list->first;

	if (req) {
		list->first = req->next;
		if (!list->first)
			list->end = &list->first;
	}
	return req;
}

/* With the lock held: a request that is done. */
static void report(struct disk_workers *workers, struct block_request *req)
{
	bool first = !workers->done.first;

	list_append(&workers->done, req);
	if (!first)
		return;
	pthread_cond_signal(&workers->finished);
	eventfd_write(workers->wake, 1);
}

static void *work(void *arg)
{
	struct disk_workers *workers = arg;
	struct block_request *req;

	pthread_mutex_lock(&workers->lock);
	for (;;) {
		req = list_take(&workers->todo);
		if (!req && workers->quit)
			break;
		if (!req) {
			workers->nr_idle++;
			pthread_cond_wait(&workers->work, &workers->lock);
			workers->nr_idle--;
			continue;
		}
		workers->nr_todo--;
		pthread_mutex_unlock(&workers->lock);
		req->result = workers->run(workers->ctx, req);
		pthread_mutex_lock(&workers->lock);
		report(workers, req);
	}
	pthread_mutex_unlock(&workers->lock);
	return NULL;
}

struct disk_workers *disk_workers_create(unsigned int nr_max,
					 int (*run)(void *ctx, struct block_request *req),
					 void *ctx, int wake, struct err *e)
{
	struct disk_workers *workers = calloc(1, sizeof(*workers));

	if (!workers) {
		err_sys(e, "cannot be served");
		return NULL;
	}
	workers->run = run;
	workers->ctx = ctx;
	workers->wake = wake;
	workers->nr_max = nr_max < NR_MAX ? nr_max : NR_MAX;
	pthread_mutex_init(&workers->lock, NULL);
	pthread_cond_init(&workers->work, NULL);
	pthread_cond_init(&workers->finished, NULL);
	list_clear(&workers->todo);
	list_clear(&workers->done);
	return workers;
}

/* With the lock held. Signals are for the threads that know what to do with them. */
static bool start_thread(struct disk_workers *workers)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int ret;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	ret = pthread_create(&workers->thread[workers->nr], &attr, work, workers);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (ret == 0)
		workers->nr++;
	return ret == 0;
}

bool disk_workers_put(struct disk_workers *workers, struct block_request *req)
{
	bool ok;

	pthread_mutex_lock(&workers->lock);
	/* More to do than threads that wait for it: those busy now come back, but when? */
	if (workers->nr_todo >= workers->nr_idle && workers->nr < workers->nr_max)
		start_thread(workers);
	ok = workers->nr > 0;
	if (ok) {
		list_append(&workers->todo, req);
		workers->nr_todo++;
		pthread_cond_signal(&workers->work);
	}
	pthread_mutex_unlock(&workers->lock);
	return ok;
}

struct block_request *disk_workers_take(struct disk_workers *workers, bool wait)
{
	struct block_request *list;

	pthread_mutex_lock(&workers->lock);
	while (wait && !workers->done.first)
		pthread_cond_wait(&workers->finished, &workers->lock);
	list = workers->done.first;
	list_clear(&workers->done);
	pthread_mutex_unlock(&workers->lock);
	return list;
}

void disk_workers_destroy(struct disk_workers *workers)
{
	if (!workers)
		return;
	pthread_mutex_lock(&workers->lock);
	workers->quit = true;
	pthread_cond_broadcast(&workers->work);
	pthread_mutex_unlock(&workers->lock);
	for (unsigned int i = 0; i < workers->nr; i++)
		pthread_join(workers->thread[i], NULL);
	pthread_cond_destroy(&workers->work);
	pthread_cond_destroy(&workers->finished);
	pthread_mutex_destroy(&workers->lock);
	free(workers);
}
