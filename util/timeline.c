/* SPDX-License-Identifier: BSD-2-Clause */
/* Marks of what happened when. */
#include <string.h>
#include <time.h>
#include "util/timeline.h"

uint64_t timeline_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void timeline_mark(struct timeline *t, const char *name)
{
	uint64_t now;

	if (!t)
		return;
	now = timeline_now();
	pthread_mutex_lock(&t->lock);
	if (t->nr < TIMELINE_MARKS_MAX)
		t->mark[t->nr++] = (struct timeline_mark){
			.name = name,
			.ns = now,
		};
	pthread_mutex_unlock(&t->lock);
}

uint64_t timeline_first(const struct timeline *t, const char *name)
{
	for (unsigned int i = 0; i < t->nr; i++) {
		if (!strcmp(t->mark[i].name, name))
			return t->mark[i].ns;
	}
	return 0;
}
