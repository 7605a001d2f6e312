/* SPDX-License-Identifier: BSD-2-Clause */
/* For a guest: a program with a breakpoint of its own, as abort() in other languages is; it ends by SIGTRAP. */
int main(void)
{
	__asm__ volatile("brk #0x123");
	return 0;
}
