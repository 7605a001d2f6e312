/* SPDX-License-Identifier: BSD-2-Clause */
/* The one door to the kernel. Tests link another file in its place. */
#include <errno.h>
#include <sys/ioctl.h>
#include "kvm/kvm.h"

int kvm_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}
