/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The only process of the Linux guest that tests/bench/run boots: it says when it was reached and
 * powers the machine off. The time is that of the virtual counter, which Linux lets processes read:
 * it starts with the machine (KVM: with its first vCPU), long before Linux keeps time.
 */
#include <stdint.h>
#include <stdio.h>
#include <sys/reboot.h>
#include <unistd.h>

int main(void)
{
	uint64_t ticks, hz;

	__asm__ volatile("isb; mrs %0, cntvct_el0; mrs %1, cntfrq_el0" : "=r"(ticks), "=r"(hz));
	dprintf(STDOUT_FILENO, "bench: init after %llu ns\n",
		(unsigned long long)(ticks * (1000000000.0 / hz)));
	reboot(RB_POWER_OFF);
	return 1;
}
