/* SPDX-License-Identifier: BSD-2-Clause */
/* What makes a request able to stand in a queue, in one at a time: a link in it, and lists of those. */
#ifndef LKVM_VM_WORK_H
#define LKVM_VM_WORK_H

#include <stddef.h>

struct work {
	struct work *next;
};

/* First in, first out. work_list_clear() makes it empty, as it has to be before its first use. */
struct work_list {
	struct work *first, **end;
};

static inline void work_list_clear(struct work_list *list)
{
	*list = (struct work_list){ .end = &list->first };
}

static inline void work_list_append(struct work_list *list, struct work *work)
{
	work->next = NULL;
	*list->end = work;
	list->end = &work->next;
}

/* The oldest, or NULL. */
static inline struct work *work_list_take(struct work_list *list)
{
	struct work *work = list->first;

	if (work) {
		list->first = work->next;
		if (!list->first)
			list->end = &list->first;
	}
	return work;
}

#endif
