/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest memory by the guest's own addresses, and what of the stack can be told without symbols. */
#include <errno.h>
#include <string.h>
#include "kvm/kvm.h"
#include "parts.h"
#include "regs.h"
#include "stage1.h"
#include "util/bits.h"

#define REG_TTBR0 ARM64_SYS_REG(3, 0, 2, 0, 0)
#define REG_TTBR1 ARM64_SYS_REG(3, 0, 2, 0, 1)

#define VA_HALF (1ULL << 55)

/* The smallest that a guest can have. */
#define PAGE 4096

static int read_ram(void *ctx, gpa_t gpa, void *buf, uint64_t len)
{
	return ram_read(ctx, gpa, buf, len);
}

int debug_stage1(struct machine *m, unsigned int cpu, struct stage1 *s)
{
	int vcpu = m->vm.vcpu[cpu].fd;
	int ret;

	*s = (struct stage1){ .read = read_ram, .ctx = &m->vm.ram };
	ret = kvm_get_reg(vcpu, REG_SCTLR, &s->sctlr);
	if (ret >= 0)
		ret = kvm_get_reg(vcpu, REG_TCR, &s->tcr);
	if (ret >= 0)
		ret = kvm_get_reg(vcpu, REG_TTBR0, &s->ttbr[0]);
	if (ret >= 0)
		ret = kvm_get_reg(vcpu, REG_TTBR1, &s->ttbr[1]);
	return ret < 0 ? ret : 0;
}

int debug_translate(struct machine *m, unsigned int cpu, uint64_t va, gpa_t *gpa)
{
	struct stage1 s;
	int ret = debug_stage1(m, cpu, &s);

	if (ret == 0)
		ret = stage1_translate(&s, va, gpa);
	return ret == 0 && !ram_slice(&m->vm.ram, *gpa, 1) ? -EFAULT : ret;
}

/*
 * Where @va is. The upper half is the kernel's, the same on every CPU that is in it; one that is in a process may
 * have it unmapped, and one that is off has nothing mapped.
 */
static int find(struct machine *m, unsigned int cpu, uint64_t va, gpa_t *gpa)
{
	int ret = debug_translate(m, cpu, va, gpa);

	if (va & VA_HALF) {
		for (unsigned int i = 0; i < m->vm.nr_vcpus && ret < 0; i++)
			ret = debug_translate(m, i, va, gpa);
	}
	return ret;
}

/*
 * What was written may be code. The guest's fetches may go past the caches, while its MMU is off, so it has to be in
 * memory itself; KVM keeps the addresses of a guest's instruction caches apart where the CPU does not.
 */
static void sync_code(uint8_t *at, size_t len)
{
#ifdef __aarch64__
	uint64_t ctr, line;

	__asm__ volatile("mrs %0, ctr_el0" : "=r"(ctr));
	line = 4ULL << (ctr >> 16 & 0xf);
	for (uint64_t p = align_down((uintptr_t)at, line); p < (uintptr_t)at + len; p += line)
		__asm__ volatile("dc civac, %0" : : "r"(p) : "memory");
	__asm__ volatile("dsb sy" : : : "memory");
#endif
	__builtin___clear_cache((char *)at, (char *)at + len);
}

static int write_ram(struct machine *m, gpa_t gpa, const void *buf, size_t len)
{
	uint8_t *at = ram_slice(&m->vm.ram, gpa, len);

	if (!at)
		return -EFAULT;
	memcpy(at, buf, len);
	ram_written(&m->vm.ram, at, len);
	sync_code(at, len);
	return 0;
}

int debug_read(struct machine *m, unsigned int cpu, uint64_t va, void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		size_t part = PAGE - (va + done) % PAGE;
		gpa_t gpa;
		int ret = find(m, cpu, va + done, &gpa);

		if (part > len - done)
			part = len - done;
		if (ret == 0)
			ret = ram_read(&m->vm.ram, gpa, (uint8_t *)buf + done, part);
		if (ret < 0)
			return ret;
		done += part;
	}
	return 0;
}

int debug_write(struct machine *m, unsigned int cpu, uint64_t va, const void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		size_t part = PAGE - (va + done) % PAGE;
		gpa_t gpa;
		int ret = find(m, cpu, va + done, &gpa);

		if (part > len - done)
			part = len - done;
		if (ret == 0)
			ret = write_ram(m, gpa, (const uint8_t *)buf + done, part);
		if (ret < 0)
			return ret;
		done += part;
	}
	return 0;
}

int debug_find_code(struct machine *m, unsigned int cpu, uint64_t va, gpa_t *gpa)
{
	return find(m, cpu, va, gpa);
}

int debug_patch_code(struct machine *m, gpa_t gpa, uint32_t insn)
{
	uint8_t bytes[4];

	put_le32(bytes, insn);
	return write_ram(m, gpa, bytes, sizeof(bytes));
}

unsigned int debug_backtrace(struct machine *m, unsigned int cpu, uint64_t *at, unsigned int max)
{
	int vcpu = m->vm.vcpu[cpu].fd;
	uint64_t fp = 0;
	struct stage1 s;
	unsigned int nr;

	if (!max || kvm_get_reg(vcpu, REG_PC, &at[0]) < 0)
		return 0;
	if (debug_stage1(m, cpu, &s) < 0 || kvm_get_reg(vcpu, REG_X(29), &fp) < 0)
		return 1;
	/* A frame record is the caller's frame pointer and the return address (AAPCS64, 6.2.3). */
	for (nr = 1; nr < max && fp && fp % 8 == 0; nr++) {
		uint8_t record[16];
		uint64_t unused;

		if (debug_read(m, cpu, fp, record, sizeof(record)) < 0)
			break;
		fp = get_le64(record);
		at[nr] = get_le64(record + 8);
		if (!at[nr])
			break;
		/* A signature is in the bits that no address needs. */
		unused = stage1_unused_bits(&s, at[nr]);
		at[nr] = at[nr] & VA_HALF ? at[nr] | unused : at[nr] & ~unused;
	}
	return nr;
}
