/* SPDX-License-Identifier: BSD-2-Clause */
/* Temporaries that clean themselves up when they leave scope, and how to hand one over. */
#ifndef LKVM_UTIL_CLEANUP_H
#define LKVM_UTIL_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

/* Closes *@fd if it is open and makes it -1. Keeps errno. */
void close_fd(int *fd);

/* The fd, with *@fd made -1: the caller owns it from here on. */
static inline int take_fd(int *fd)
{
	int ret = *fd;

	*fd = -1;
	return ret;
}

static inline void cleanup_free(void *ptr)
{
	free(*(void **)ptr);
}

#define autofd   __attribute__((cleanup(close_fd)))
#define autofree __attribute__((cleanup(cleanup_free)))

#endif
