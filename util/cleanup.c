/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include "util/cleanup.h"

void close_fd(int *fd)
{
	int saved_errno = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved_errno;
}
