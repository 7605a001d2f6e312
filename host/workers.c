/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that wait for the host's storage in place of the event loop.
 *
 *	loop, vCPUs			a worker
 *	put ---> todo ---------------> run
 *	take <--- done <-------------- (eventfd, when done was empty)
 *
 * Work is begun in order; with one thread it also ends in order.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include "workers.h"

#define NR_MAX 16

/* Enough for what runs here; a stack that is never touched costs nothing, but one has to fit. */
#define STACK_SIZE (256 * 1024)

struct workers {
	struct worker_job job;
	int wake;

	pthread_mutex_t lock; /* guards the rest; the innermost lock */
	pthread_cond_t more, finished;
	struct work_list todo, done;
	unsigned int nr_todo, nr_idle;
	bool quit;

	pthread_t owner, thread[NR_MAX];
	unsigned int nr, nr_max;
};

/* With the lock held: @work is done. */
static void report(struct workers *workers, struct work *work)
{
	bool first = !workers->done.first;

	work_list_append(&workers->done, work);
	if (!first)
		return;
	pthread_cond_signal(&workers->finished);
	eventfd_write(workers->wake, 1);
}

static void *serve(void *arg)
{
	struct workers *workers = arg;
	struct work *work;

	pthread_setname_np(pthread_self(), workers->job.name);
	if (workers->job.begin)
		workers->job.begin(workers->job.ctx);
	sandbox_enter(workers->job.sandbox);
	pthread_mutex_lock(&workers->lock);
	for (;;) {
		work = work_list_take(&workers->todo);
		if (!work && workers->quit)
			break;
		if (!work) {
			workers->nr_idle++;
			pthread_cond_wait(&workers->more, &workers->lock);
			workers->nr_idle--;
			continue;
		}
		workers->nr_todo--;
		pthread_mutex_unlock(&workers->lock);
		workers->job.run(workers->job.ctx, work);
		pthread_mutex_lock(&workers->lock);
		report(workers, work);
	}
	pthread_mutex_unlock(&workers->lock);
	return NULL;
}

struct workers *workers_create(unsigned int nr_max, struct worker_job job, int wake, struct err *e)
{
	struct workers *workers = calloc(1, sizeof(*workers));

	if (!workers) {
		err_sys(e, "cannot be served");
		return NULL;
	}
	workers->job = job;
	workers->wake = wake;
	workers->nr_max = nr_max < NR_MAX ? nr_max : NR_MAX;
	workers->owner = pthread_self();
	pthread_mutex_init(&workers->lock, NULL);
	pthread_cond_init(&workers->more, NULL);
	pthread_cond_init(&workers->finished, NULL);
	work_list_clear(&workers->todo);
	work_list_clear(&workers->done);
	return workers;
}

/* With the lock held. Signals are for the threads that know what to do with them. */
static bool start_thread(struct workers *workers)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int ret;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	ret = pthread_create(&workers->thread[workers->nr], &attr, serve, workers);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (ret == 0)
		workers->nr++;
	return ret == 0;
}

/*
 * With the lock held, by the owner: a thread for each piece of work that none waits for. Those busy now come back, but
 * when? No other thread starts one, which would have no more rights than that thread, a vCPU's say, has.
 */
static void start_threads(struct workers *workers)
{
	unsigned int nr =
		workers->nr_todo > workers->nr_idle ? workers->nr_todo - workers->nr_idle : 0;

	while (nr-- && workers->nr < workers->nr_max && start_thread(workers))
		;
}

void workers_put(struct workers *workers, struct work *work)
{
	pthread_mutex_lock(&workers->lock);
	work_list_append(&workers->todo, work);
	workers->nr_todo++;
	if (pthread_equal(pthread_self(), workers->owner))
		start_threads(workers);
	else if (workers->nr_todo > workers->nr_idle && workers->nr < workers->nr_max)
		eventfd_write(workers->wake, 1);
	pthread_cond_signal(&workers->more);
	pthread_mutex_unlock(&workers->lock);
}

/* With the lock held. The last resort: the loop waits for storage, and what the guest asked for is not lost. */
static void do_one_myself(struct workers *workers)
{
	struct work *work = work_list_take(&workers->todo);

	if (!work)
		return;
	workers->nr_todo--;
	workers->job.run(workers->job.ctx, work);
	report(workers, work); /* rings for the next, too */
}

struct work *workers_take(struct workers *workers, bool wait)
{
	struct work *list;

	pthread_mutex_lock(&workers->lock);
	start_threads(workers);
	if (!workers->nr)
		do_one_myself(workers);
	while (wait && !workers->done.first)
		pthread_cond_wait(&workers->finished, &workers->lock);
	list = workers->done.first;
	work_list_clear(&workers->done);
	pthread_mutex_unlock(&workers->lock);
	return list;
}

void workers_destroy(struct workers *workers)
{
	if (!workers)
		return;
	pthread_mutex_lock(&workers->lock);
	workers->quit = true;
	pthread_cond_broadcast(&workers->more);
	pthread_mutex_unlock(&workers->lock);
	for (unsigned int i = 0; i < workers->nr; i++)
		pthread_join(workers->thread[i], NULL);
	pthread_cond_destroy(&workers->more);
	pthread_cond_destroy(&workers->finished);
	pthread_mutex_destroy(&workers->lock);
	free(workers);
}
