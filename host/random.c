/* SPDX-License-Identifier: BSD-2-Clause */
/* Random bytes by getrandom(): the same that /dev/urandom gives, without a file. */
#include <errno.h>
#include <sys/random.h>
#include <sys/types.h>
#include "host/random.h"

bool random_fill(void *ctx, void *buf, size_t len)
{
	char *to = buf;

	(void)ctx;
	while (len) {
		ssize_t n = getrandom(to, len, GRND_NONBLOCK);

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0) {
			to += n;
			len -= (size_t)n;
		}
	}
	return true;
}
