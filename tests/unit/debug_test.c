/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A debugger's hold on two vCPUs without threads: KVM is a list of registers and what it was told last, and a test
 * plays the exits.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "../../arm/parts.h"
#include "../../arm/regs.h"

#define NR_CPUS 2
#define NR_REGS 256

#define REG_ELR   CORE_REG(elr_el1)
#define REG_SPSR  CORE_REG(spsr[KVM_SPSR_EL1])
#define REG_ESR   ARM64_SYS_REG(3, 0, 5, 2, 0)
#define REG_TTBR1 ARM64_SYS_REG(3, 0, 2, 0, 1)

#define RAM  0x40000000
#define CODE 0x40010000ULL /* where the kernel is */
/* By its tables: 39 bits, blocks of 1 GiB, the first of which is RAM. */
#define KERNEL (0xffffff8000000000ULL + 0x10000)
#define VBAR   0xffffff8000000800ULL

#define NOP      0xd503201fu
#define BRK(n)   (0xd4200000u | (n) << 5)
#define MSR_DAIF 0xd50342dfu /* daifset, #2 */

#define ESR_BRK(n)  (0x3cU << 26 | 1U << 25 | (n))
#define ESR_STEP    (0x33U << 26 | 1U << 25 | 0x22)
#define ESR_BREAK   (0x31U << 26 | 1U << 25 | 0x22)
#define ESR_WATCH   (0x35U << 26 | 1U << 25 | 0x22)
#define ESR_UNKNOWN (0x01U << 26)

#define EL1H 0x5
#define I    (1ULL << 7)
#define F    (1ULL << 6)

struct reg {
	uint64_t id, value;
};

struct paper {
	struct reg reg[NR_CPUS][NR_REGS];
	unsigned int nr_regs[NR_CPUS];
	struct kvm_guest_debug debug[NR_CPUS];
	unsigned int nr_debugs;
	uint32_t mp_state[NR_CPUS];
	bool cannot, has_sve;
	int breaks, watches;
	uint8_t z0[256];
};

static struct paper paper;

static struct reg *find_reg(unsigned int cpu, uint64_t id)
{
	for (unsigned int i = 0; i < paper.nr_regs[cpu]; i++) {
		if (paper.reg[cpu][i].id == id)
			return &paper.reg[cpu][i];
	}
	assert_true(paper.nr_regs[cpu] < NR_REGS);
	paper.reg[cpu][paper.nr_regs[cpu]].id = id;
	return &paper.reg[cpu][paper.nr_regs[cpu]++];
}

static int one_reg(unsigned int cpu, const struct kvm_one_reg *arg, bool set)
{
	size_t size = 1UL << ((arg->id & KVM_REG_SIZE_MASK) >> KVM_REG_SIZE_SHIFT);
	struct reg *reg = find_reg(cpu, arg->id);
	void *value = (void *)(uintptr_t)arg->addr;

	if (size == 256) {
		memcpy(set ? paper.z0 : value, set ? value : paper.z0, size);
		return 0;
	}
	if (size == 16 && paper.has_sve)
		return -EINVAL;
	assert_true(size <= 16);
	if (size > sizeof(reg->value))
		size = sizeof(reg->value);
	memcpy(set ? (void *)&reg->value : value, set ? value : (void *)&reg->value, size);
	return 0;
}

/* vCPU i is descriptor i, the VM is 100. */
int kvm_ioctl(int fd, unsigned long request, void *arg)
{
	switch (request) {
	case KVM_CHECK_EXTENSION:
		switch ((uintptr_t)arg) {
		case KVM_CAP_SET_GUEST_DEBUG:
			return !paper.cannot;
		case KVM_CAP_GUEST_DEBUG_HW_BPS:
			return paper.breaks;
		case KVM_CAP_GUEST_DEBUG_HW_WPS:
			return paper.watches;
		}
		return 0;
	case KVM_GET_ONE_REG:
		return one_reg((unsigned int)fd, arg, false);
	case KVM_SET_ONE_REG:
		return one_reg((unsigned int)fd, arg, true);
	case KVM_GET_MP_STATE:
		((struct kvm_mp_state *)arg)->mp_state = paper.mp_state[fd];
		return 0;
	case KVM_SET_GUEST_DEBUG:
		paper.debug[fd] = *(struct kvm_guest_debug *)arg;
		paper.nr_debugs++;
		return 0;
	default:
		return -ENOTTY;
	}
}

static uint64_t reg_of(unsigned int cpu, uint64_t id)
{
	return find_reg(cpu, id)->value;
}

static void set_reg(unsigned int cpu, uint64_t id, uint64_t value)
{
	find_reg(cpu, id)->value = value;
}

struct world {
	struct machine machine;
	struct vcpu vcpu[NR_CPUS];
	struct kvm_run run[NR_CPUS];
	unsigned int nr_stops;
};

static void stopped(void *ctx)
{
	((struct world *)ctx)->nr_stops++;
}

static uint32_t insn_at(struct world *w, gpa_t gpa)
{
	uint8_t bytes[4];

	assert_int_equal(ram_read(&w->machine.vm.ram, gpa, bytes, 4), 0);
	return get_le32(bytes);
}

static void put_insn(struct world *w, gpa_t gpa, uint32_t insn)
{
	uint8_t bytes[4];

	put_le32(bytes, insn);
	assert_int_equal(ram_write(&w->machine.vm.ram, gpa, bytes, 4), 0);
}

/* Both CPUs in the kernel with its MMU on, attached and halted. */
static struct world *world_start(void)
{
	struct world *w = calloc(1, sizeof(*w));
	struct machine *m = &w->machine;
	uint64_t block = htole64(RAM | 0x701);

	memset(&paper, 0, sizeof(paper));
	paper.breaks = 6;
	paper.watches = 4;
	m->vm = VM_NONE;
	m->vm.fd = 100;
	m->vm.vcpu = w->vcpu;
	m->vm.nr_vcpus = NR_CPUS;
	assert_int_equal(ram_create(&m->vm.ram, RAM, 1 << 20, NULL, false, NULL), 0);
	ram_write(&m->vm.ram, RAM, &block, sizeof(block));
	for (unsigned int i = 0; i < NR_CPUS; i++) {
		w->vcpu[i] = (struct vcpu){ .vm = &m->vm, .id = i, .fd = (int)i };
		w->vcpu[i].run = &w->run[i];
		set_reg(i, REG_SCTLR, 1);
		set_reg(i, REG_TCR, 25 | 25 << 16 | 2ULL << 30);
		set_reg(i, REG_TTBR1, RAM);
		set_reg(i, REG_VBAR, VBAR);
		set_reg(i, REG_PC, KERNEL);
		set_reg(i, REG_PSTATE, EL1H);
	}
	put_insn(w, CODE, NOP);
	assert_int_equal(debug_init(m, NULL), 0);
	assert_int_equal(debug_attach(m, stopped, w, NULL), 0);
	debug_halt(m);
	return w;
}

static void world_end(struct world *w)
{
	debug_detach(&w->machine);
	assert_int_equal(w->machine.vm.pauses, 0);
	debug_destroy(&w->machine);
	ram_destroy(&w->machine.vm.ram);
	free(w);
}

static void go(struct world *w, enum debug_action first, enum debug_action second)
{
	const enum debug_action action[NR_CPUS] = { first, second };

	assert_int_equal(debug_go(&w->machine, action), 0);
	assert_int_equal(w->machine.vm.pauses, 0);
}

static void leave(struct world *w, unsigned int cpu, uint32_t esr, uint64_t far)
{
	w->run[cpu].debug.arch.hsr = esr;
	w->run[cpu].debug.arch.far = far;
	debug_exit(&w->machine, &w->vcpu[cpu]);
}

static void assert_stop(struct world *w, unsigned int cpu, enum debug_why why,
			enum debug_point point)
{
	struct debug_stop stop;

	assert_false(debug_lets_go(&w->machine, &w->vcpu[cpu]));
	assert_int_equal(w->nr_stops, 1);
	w->nr_stops = 0;
	assert_true(debug_take_stop(&w->machine, &stop));
	assert_int_equal(stop.cpu, cpu);
	assert_int_equal(stop.why, why);
	if (why == DEBUG_AT_POINT)
		assert_int_equal(stop.point, point);
	assert_int_equal(w->machine.vm.pauses, 1);
	assert_false(debug_take_stop(&w->machine, &stop));
}

static void a_breakpoint_is_an_instruction_and_stops_its_cpu(void **state)
{
	struct world *w = world_start();

	(void)state;
	assert_int_equal(debug_insert(&w->machine, 0, DEBUG_BREAK, KERNEL, 4), 0);
	assert_int_equal(debug_insert(&w->machine, 0, DEBUG_BREAK, KERNEL, 4), 0);
	assert_int_equal(insn_at(w, CODE), INSN_BRK);
	go(w, DEBUG_GO, DEBUG_GO);
	for (unsigned int i = 0; i < NR_CPUS; i++)
		assert_int_equal(paper.debug[i].control,
				 KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP);
	assert_true(debug_lets_go(&w->machine, &w->vcpu[1]));
	leave(w, 1, ESR_BRK(0), 0);
	assert_stop(w, 1, DEBUG_AT_POINT, DEBUG_BREAK);
	assert_int_equal(debug_remove(&w->machine, DEBUG_BREAK, KERNEL, 4), 0);
	assert_int_equal(debug_remove(&w->machine, DEBUG_BREAK, KERNEL, 4), 0);
	assert_int_equal(insn_at(w, CODE), NOP);
	go(w, DEBUG_GO, DEBUG_GO);
	assert_int_equal(paper.debug[1].control, 0);
	/* Nothing is to be told KVM any more. */
	paper.nr_debugs = 0;
	debug_halt(&w->machine);
	go(w, DEBUG_GO, DEBUG_GO);
	assert_int_equal(paper.nr_debugs, 0);
	world_end(w);
}

static void two_addresses_of_one_instruction_are_two_breakpoints(void **state)
{
	struct world *w = world_start();

	(void)state;
	set_reg(0, REG_SCTLR, 0); /* where an address is itself */
	assert_int_equal(debug_insert(&w->machine, 0, DEBUG_BREAK, CODE, 4), 0);
	assert_int_equal(debug_insert(&w->machine, 1, DEBUG_BREAK, KERNEL, 4), 0);
	debug_remove(&w->machine, DEBUG_BREAK, CODE, 4);
	assert_int_equal(insn_at(w, CODE), INSN_BRK);
	debug_remove(&w->machine, DEBUG_BREAK, KERNEL, 4);
	assert_int_equal(insn_at(w, CODE), NOP);
	/* What the guest has written there since stays. */
	assert_int_equal(debug_insert(&w->machine, 1, DEBUG_BREAK, KERNEL, 4), 0);
	put_insn(w, CODE, MSR_DAIF);
	debug_remove(&w->machine, DEBUG_BREAK, KERNEL, 4);
	assert_int_equal(insn_at(w, CODE), MSR_DAIF);
	world_end(w);
}

static void a_breakpoint_that_is_mapped_nowhere_is_the_cpus_own(void **state)
{
	struct world *w = world_start();

	(void)state;
	for (unsigned int i = 0; i < NR_CPUS; i++)
		set_reg(i, REG_SCTLR, 0);
	assert_int_equal(debug_insert(&w->machine, 0, DEBUG_BREAK, KERNEL, 4), 0);
	go(w, DEBUG_GO, DEBUG_GO);
	assert_int_equal(paper.debug[1].control, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW);
	assert_int_equal(paper.debug[1].arch.dbg_bvr[0], KERNEL);
	assert_int_equal(paper.debug[1].arch.dbg_bcr[0], 0x1e7);
	leave(w, 0, ESR_BREAK, 0);
	assert_stop(w, 0, DEBUG_AT_POINT, DEBUG_BREAK); /* as it was asked for */
	debug_remove(&w->machine, DEBUG_BREAK, KERNEL, 4);
	go(w, DEBUG_GO, DEBUG_GO);
	assert_int_equal(paper.debug[1].control, 0);
	debug_halt(&w->machine);
	/* So many there are, and no more. */
	for (unsigned int i = 0; i < 7; i++)
		assert_int_equal(debug_insert(&w->machine, 0, DEBUG_BREAK_HW, KERNEL + 4 * i, 4),
				 i < 6 ? 0 : -ENOSPC);
	assert_int_equal(debug_insert(&w->machine, 0, DEBUG_BREAK_HW, KERNEL + 2, 4), -EINVAL);
	world_end(w);
}

static void one_cpu_in_the_kernel_is_enough_to_find_its_addresses(void **state)
{
	struct world *w = world_start();
	uint8_t insn[4];

	(void)state;
	set_reg(0, REG_SCTLR, 0);
	assert_int_equal(debug_insert(&w->machine, 0, DEBUG_BREAK, KERNEL, 4), 0);
	assert_int_equal(insn_at(w, CODE), INSN_BRK);
	assert_int_equal(debug_read(&w->machine, 0, KERNEL, insn, 4), 0);
	/* Those of a process are its own. */
	assert_int_equal(debug_read(&w->machine, 1, CODE, insn, 4), -EFAULT);
	world_end(w);
}

static void watchpoints_watch_so_many_bytes(void **state)
{
	static const struct {
		enum debug_point point;
		uint64_t va, len, wvr;
		uint32_t wcr;
	} rows[] = {
		{ DEBUG_WATCH_WRITE, 0x1004, 4, 0x1000, 0x1e17 },
		{ DEBUG_WATCH_READ, 0x1007, 1, 0x1000, 0x100f },
		{ DEBUG_WATCH_ACCESS, 0x1008, 8, 0x1008, 0x1fff },
		{ DEBUG_WATCH_WRITE, 0x2000, 256, 0x2000, 0x08001ff7 },
	};
	struct world *w = world_start();

	(void)state;
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(debug_insert(&w->machine, 0, rows[i].point, rows[i].va,
					      rows[i].len),
				 0);
	assert_int_equal(debug_insert(&w->machine, 0, DEBUG_WATCH_WRITE, 0x3000, 8), -ENOSPC);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(debug_insert(&w->machine, 0, DEBUG_WATCH_WRITE, 0x3004,
					      (uint64_t[]){ 0, 8, 12 }[i]),
				 -EINVAL);
	go(w, DEBUG_GO, DEBUG_GO);
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(paper.debug[1].arch.dbg_wvr[i], rows[i].wvr);
		assert_int_equal(paper.debug[1].arch.dbg_wcr[i], rows[i].wcr);
	}
	leave(w, 0, ESR_WATCH, 0x1007);
	assert_stop(w, 0, DEBUG_AT_POINT, DEBUG_WATCH_WRITE); /* the first that has it */
	debug_remove(&w->machine, DEBUG_WATCH_WRITE, 0x1004, 4);
	go(w, DEBUG_GO, DEBUG_GO);
	leave(w, 0, ESR_WATCH, 0x1007);
	assert_stop(w, 0, DEBUG_AT_POINT, DEBUG_WATCH_READ);
	world_end(w);
}

static void a_step_is_one_cpus_and_its_interrupts_wait(void **state)
{
	struct world *w = world_start();

	(void)state;
	go(w, DEBUG_STEP, DEBUG_HOLD);
	assert_int_equal(paper.debug[0].control, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP);
	assert_int_equal(paper.debug[1].control, 0);
	assert_true(debug_lets_go(&w->machine, &w->vcpu[0]));
	assert_false(debug_lets_go(&w->machine, &w->vcpu[1]));
	assert_int_equal(reg_of(0, REG_PSTATE), EL1H | I | F);
	set_reg(0, REG_PC, KERNEL + 4);
	leave(w, 0, ESR_STEP, 0);
	assert_stop(w, 0, DEBUG_STEPPED, 0);
	assert_int_equal(reg_of(0, REG_PSTATE), EL1H);
	/* What was masked by the guest stays so. */
	set_reg(0, REG_PSTATE, EL1H | I);
	go(w, DEBUG_STEP, DEBUG_HOLD);
	assert_int_equal(reg_of(0, REG_PSTATE), EL1H | I | F);
	debug_halt(&w->machine); /* before it is over */
	assert_int_equal(reg_of(0, REG_PSTATE), EL1H | I);
	world_end(w);
}

static void a_step_into_an_exception_puts_interrupts_back_where_they_were_saved(void **state)
{
	struct world *w = world_start();

	(void)state;
	go(w, DEBUG_STEP, DEBUG_HOLD);
	set_reg(0, REG_PC, VBAR + 0x200);
	set_reg(0, REG_SPSR, EL1H | I | F);
	set_reg(0, REG_PSTATE, EL1H | 0x3c0);
	leave(w, 0, ESR_STEP, 0);
	assert_stop(w, 0, DEBUG_STEPPED, 0);
	assert_int_equal(reg_of(0, REG_SPSR), EL1H);
	assert_int_equal(reg_of(0, REG_PSTATE), EL1H | 0x3c0);
	world_end(w);
}

static void what_knows_interrupts_is_stepped_as_it_is(void **state)
{
	static const uint32_t knows[] = {
		MSR_DAIF,   0xd50343ff /* daifclr, #3 */, 0xd53b4220 /* mrs x0, daif */,
		0xd51b4225, 0xd69f03e0 /* eret */,        0xd69f0bff /* eretaa */,
	};
	struct world *w = world_start();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(knows); i++) {
		put_insn(w, CODE, knows[i]);
		go(w, DEBUG_STEP, DEBUG_HOLD);
		assert_int_equal(reg_of(0, REG_PSTATE), EL1H);
		leave(w, 0, ESR_STEP, 0);
		assert_stop(w, 0, DEBUG_STEPPED, 0);
	}
	world_end(w);
}

static void a_guests_own_breakpoint_is_its_exception(void **state)
{
	static const struct {
		uint64_t pstate, sctlr, new, offset;
	} rows[] = {
		/* C, PAN, SSBS of the interrupted code; what EL1 is entered with. */
		{ 0x20000005, 1, 0x204003c5, 0x200 },
		{ 0x20001004, 1 | 1ULL << 23, 0x200003c5, 0x000 },
		{ 0x60400000, 1 | 1ULL << 23 | 1ULL << 44, 0x604013c5, 0x400 },
		{ 0x61000010, 1 | 1ULL << 23, 0x610003c5, 0x600 },
	};
	struct world *w = world_start();

	(void)state;
	put_insn(w, CODE, BRK(0x800));
	assert_int_equal(debug_insert(&w->machine, 0, DEBUG_BREAK, KERNEL + 8, 4), 0);
	go(w, DEBUG_GO, DEBUG_GO);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		set_reg(0, REG_PC, KERNEL);
		set_reg(0, REG_PSTATE, rows[i].pstate);
		set_reg(0, REG_SCTLR, rows[i].sctlr);
		leave(w, 0, ESR_BRK(0x800), 0);
		assert_int_equal(w->nr_stops, 0);
		assert_true(debug_lets_go(&w->machine, &w->vcpu[0]));
		assert_int_equal(reg_of(0, REG_ESR), ESR_BRK(0x800));
		assert_int_equal(reg_of(0, REG_ELR), KERNEL);
		assert_int_equal(reg_of(0, REG_SPSR), rows[i].pstate);
		assert_int_equal(reg_of(0, REG_PSTATE), rows[i].new);
		assert_int_equal(reg_of(0, REG_PC), VBAR + rows[i].offset);
	}
	world_end(w);
}

static void a_breakpoint_that_is_gone_is_executed_again(void **state)
{
	struct world *w = world_start();

	(void)state;
	assert_int_equal(debug_insert(&w->machine, 0, DEBUG_BREAK, KERNEL + 8, 4), 0);
	go(w, DEBUG_GO, DEBUG_GO);
	leave(w, 0, ESR_BRK(0), 0); /* on the NOP */
	assert_int_equal(reg_of(0, REG_PC), KERNEL);
	assert_int_equal(w->nr_stops, 0);
	leave(w, 0, ESR_UNKNOWN, 0);
	assert_true(debug_lets_go(&w->machine, &w->vcpu[0]));
	world_end(w);
}

static void detach_takes_all_back(void **state)
{
	struct world *w = world_start();
	struct debug_stop stop;

	(void)state;
	assert_int_equal(debug_insert(&w->machine, 0, DEBUG_BREAK, KERNEL, 4), 0);
	assert_int_equal(debug_insert(&w->machine, 0, DEBUG_BREAK_HW, KERNEL, 4), 0);
	assert_int_equal(debug_attach(&w->machine, stopped, w, NULL), -EBUSY);
	go(w, DEBUG_STEP, DEBUG_HOLD);
	leave(w, 0, ESR_BREAK, 0);
	debug_detach(&w->machine);
	assert_int_equal(insn_at(w, CODE), NOP);
	for (unsigned int i = 0; i < NR_CPUS; i++) {
		assert_int_equal(paper.debug[i].control, 0);
		assert_true(debug_lets_go(&w->machine, &w->vcpu[i]));
	}
	assert_int_equal(reg_of(0, REG_PSTATE), EL1H);
	assert_false(debug_take_stop(&w->machine, &stop));
	/* Late news go nowhere. */
	w->nr_stops = 0;
	leave(w, 1, ESR_STEP, 0);
	assert_int_equal(w->nr_stops, 0);
	assert_int_equal(debug_attach(&w->machine, stopped, w, NULL), 0);
	world_end(w);
}

static void a_host_that_cannot_says_so(void **state)
{
	struct world *w = world_start();
	struct err e = { 0 };

	(void)state;
	debug_detach(&w->machine);
	paper.cannot = true;
	assert_int_equal(debug_attach(&w->machine, stopped, w, &e), -ENODEV);
	assert_non_null(strstr(e.text, "KVM does not let guests be debugged"));
	paper.cannot = false;
	paper.breaks = -1;
	assert_int_equal(debug_attach(&w->machine, stopped, w, NULL), 0);
	debug_halt(&w->machine);
	assert_int_equal(debug_insert(&w->machine, 0, DEBUG_BREAK_HW, KERNEL, 4), -ENOSPC);
	world_end(w);
}

static unsigned int number_of(const char *name)
{
	unsigned int nr = 0;

	while (debug_register(nr) && strcmp(debug_register(nr)->name, name) != 0)
		nr++;
	assert_non_null(debug_register(nr));
	return nr;
}

static void registers_have_gdbs_numbers(void **state)
{
	(void)state;
	assert_int_equal(number_of("x29"), DEBUG_REG_FP);
	assert_int_equal(number_of("sp"), DEBUG_REG_SP);
	assert_int_equal(number_of("pc"), DEBUG_REG_PC);
	assert_int_equal(number_of("cpsr"), 33);
	assert_int_equal(number_of("v0"), 34);
	assert_int_equal(number_of("fpcr"), 67);
	assert_null(debug_register(1000));
}

static void registers_are_found(void **state)
{
	struct world *w = world_start();
	uint8_t value[DEBUG_REGISTER_MAX] = { 0 }, new[DEBUG_REGISTER_MAX] = { 1, 2, 3 };

	(void)state;
	set_reg(0, CORE_REG(sp_el1), 0x1111);
	set_reg(0, CORE_REG(regs.sp), 0x2222);
	assert_int_equal(debug_get_register(&w->machine, 0, DEBUG_REG_SP, value), 0);
	assert_int_equal(get_le64(value), 0x1111);
	set_reg(0, REG_PSTATE, 0); /* EL0 */
	assert_int_equal(debug_get_register(&w->machine, 0, DEBUG_REG_SP, value), 0);
	assert_int_equal(get_le64(value), 0x2222);
	assert_int_equal(debug_set_register(&w->machine, 0, DEBUG_REG_SP, new), 0);
	assert_int_equal(reg_of(0, CORE_REG(regs.sp)), 0x030201);
	/* Its upper half is nobody's to lose. */
	set_reg(0, REG_PSTATE, 0xffffffff00000000);
	assert_int_equal(debug_get_register(&w->machine, 0, 33, value), 0);
	assert_int_equal(get_le32(value), 0);
	assert_int_equal(debug_get_register(&w->machine, 0, number_of("pauth_cmask_high"), value),
			 0);
	assert_int_equal(get_le64(value), 0xff7fff8000000000);
	assert_int_equal(debug_set_register(&w->machine, 0, number_of("pauth_cmask"), new), -EPERM);
	assert_int_equal(debug_get_register(&w->machine, 0, 1000, value), -ENOENT);
	world_end(w);
}

static void vectors_are_parts_of_sves_where_there_is_sve(void **state)
{
	struct world *w = world_start();
	uint8_t value[DEBUG_REGISTER_MAX], new[DEBUG_REGISTER_MAX] = { 9, 9 };

	(void)state;
	paper.has_sve = true;
	memset(paper.z0, 7, sizeof(paper.z0));
	assert_int_equal(debug_get_register(&w->machine, 0, number_of("v0"), value), 0);
	assert_int_equal(value[15], 7);
	assert_int_equal(debug_set_register(&w->machine, 0, number_of("v0"), new), 0);
	assert_memory_equal(paper.z0, new, 16);
	assert_int_equal(paper.z0[16], 7);
	world_end(w);
}

static void memory_is_copied_over_pages_and_what_is_missing_is_told(void **state)
{
	struct world *w = world_start();
	uint8_t bytes[8192], back[8192];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 3);
	assert_int_equal(debug_write(&w->machine, 0, KERNEL + 100, bytes, sizeof(bytes)), 0);
	assert_int_equal(debug_read(&w->machine, 1, KERNEL + 100, back, sizeof(back)), 0);
	assert_memory_equal(bytes, back, sizeof(bytes));
	/* RAM is a MiB, the block that maps it a GiB. */
	assert_int_equal(debug_read(&w->machine, 0, KERNEL - 0x10000 + (1 << 20) - 4, back, 8),
			 -EFAULT);
	assert_int_equal(debug_write(&w->machine, 0, UINT64_MAX - 3, bytes, 8), -EFAULT);
	world_end(w);
}

static void a_stack_is_followed_and_signatures_are_taken_off(void **state)
{
	struct world *w = world_start();
	uint8_t record[16];
	uint64_t at[8];

	(void)state;
	set_reg(0, REG_X(29), KERNEL + 0x100);
	put_le64(record, KERNEL + 0x200);
	put_le64(record + 8,
		 0x12ffff8000010044); /* KERNEL + 0x44, signed: bit 55 says which half */
	assert_int_equal(debug_write(&w->machine, 0, KERNEL + 0x100, record, 16), 0);
	put_le64(record, KERNEL + 0x200); /* its own caller, for ever */
	put_le64(record + 8, KERNEL + 0x88);
	assert_int_equal(debug_write(&w->machine, 0, KERNEL + 0x200, record, 16), 0);
	assert_int_equal(debug_backtrace(&w->machine, 0, at, 8), 8);
	assert_int_equal(at[0], KERNEL);
	assert_int_equal(at[1], KERNEL + 0x44);
	assert_int_equal(at[7], KERNEL + 0x88);
	set_reg(0, REG_X(29), KERNEL + 0x101);
	assert_int_equal(debug_backtrace(&w->machine, 0, at, 8), 1);
	set_reg(0, REG_X(29), 0x1000);
	assert_int_equal(debug_backtrace(&w->machine, 0, at, 8), 1);
	assert_int_equal(debug_backtrace(&w->machine, 0, at, 0), 0);
	world_end(w);
}

static void a_cpu_that_is_off_is_known(void **state)
{
	struct world *w = world_start();

	(void)state;
	paper.mp_state[1] = KVM_MP_STATE_STOPPED;
	assert_true(debug_cpu_is_on(&w->machine, 0));
	assert_false(debug_cpu_is_on(&w->machine, 1));
	assert_int_equal(debug_nr_cpus(&w->machine), NR_CPUS);
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_breakpoint_is_an_instruction_and_stops_its_cpu),
		cmocka_unit_test(two_addresses_of_one_instruction_are_two_breakpoints),
		cmocka_unit_test(a_breakpoint_that_is_mapped_nowhere_is_the_cpus_own),
		cmocka_unit_test(one_cpu_in_the_kernel_is_enough_to_find_its_addresses),
		cmocka_unit_test(watchpoints_watch_so_many_bytes),
		cmocka_unit_test(a_step_is_one_cpus_and_its_interrupts_wait),
		cmocka_unit_test(
			a_step_into_an_exception_puts_interrupts_back_where_they_were_saved),
		cmocka_unit_test(what_knows_interrupts_is_stepped_as_it_is),
		cmocka_unit_test(a_guests_own_breakpoint_is_its_exception),
		cmocka_unit_test(a_breakpoint_that_is_gone_is_executed_again),
		cmocka_unit_test(detach_takes_all_back),
		cmocka_unit_test(a_host_that_cannot_says_so),
		cmocka_unit_test(registers_have_gdbs_numbers),
		cmocka_unit_test(registers_are_found),
		cmocka_unit_test(vectors_are_parts_of_sves_where_there_is_sve),
		cmocka_unit_test(memory_is_copied_over_pages_and_what_is_missing_is_told),
		cmocka_unit_test(a_stack_is_followed_and_signatures_are_taken_off),
		cmocka_unit_test(a_cpu_that_is_off_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
