/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Leaves a process behind that holds a VM, which never runs: KVM's parts of the scheduler, which are patched in with the first VM and out
 * with the last, then stay as they are. See docs/lab.md, "What the emulator gets wrong".
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm < 0 || ioctl(kvm, KVM_CREATE_VM, 0) < 0) {
		perror("hold-vm");
		return 1;
	}
	if (fork())
		return 0;
	for (;;)
		pause();
}
