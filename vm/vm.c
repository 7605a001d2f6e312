/* SPDX-License-Identifier: BSD-2-Clause */
/* The VM as a whole: made of parts, run until the first reason to end, taken apart. */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "kvm/kvm.h"
#include "util/bits.h"
#include "util/cleanup.h"
#include "vm/vm.h"
#include "vcpu.h"

int vm_create(struct vm *vm, int kvm, unsigned long type, struct loop *loop, struct err *e)
{
	int fd;

	*vm = VM_NONE;
	do { /* creating a VM allocates and waits, so that a signal can interrupt it */
		fd = kvm_create_vm(kvm, type);
	} while (fd == -EINTR);
	if (fd < 0)
		return err_set(e, -fd, "KVM cannot create a VM: %s", strerror(-fd));
	vm->fd = fd;
	vm->loop = loop;
	return 0;
}

int vm_add_ram(struct vm *vm, gpa_t base, uint64_t size, const char *hugetlbfs, bool shared,
	       struct err *e)
{
	int ret = ram_create(&vm->ram, base, size, hugetlbfs, shared, e);

	if (ret < 0)
		return ret;
	ret = kvm_set_memory(vm->fd, 0, vm->ram.base, vm->ram.size, vm->ram.host, 0);
	if (ret < 0)
		return err_set(e, -ret, "KVM refuses %llu MiB of guest memory: %s",
			       (unsigned long long)(vm->ram.size / MiB), strerror(-ret));
	return 0;
}

int vm_log_writes(struct vm *vm, bool on, struct err *e)
{
	int ret = on ? ram_log_start(&vm->ram, e) : 0;

	if (ret < 0)
		return ret;
	ret = kvm_set_memory(vm->fd, 0, vm->ram.base, vm->ram.size, vm->ram.host,
			     on ? KVM_MEM_LOG_DIRTY_PAGES : 0);
	return ret < 0 ? err_set(e, -ret, "KVM does not log what the guest writes: %s",
				 strerror(-ret))
		       : 0;
}

int vm_take_writes(struct vm *vm, uint64_t *bitmap, struct err *e)
{
	int ret = kvm_get_dirty_log(vm->fd, 0, bitmap);

	if (ret < 0)
		return err_set(e, -ret, "KVM does not tell what the guest has written: %s",
			       strerror(-ret));
	ram_log_take(&vm->ram, bitmap);
	return 0;
}

static int vm_add_vcpu(struct vm *vm, unsigned int id, struct err *e)
{
	struct vcpu *vcpu = &vm->vcpu[id];
	void *run;
	int fd;

	fd = kvm_create_vcpu(vm->fd, id);
	if (fd < 0)
		return err_set(e, -fd, "KVM cannot create vCPU %u: %s", id, strerror(-fd));
	*vcpu = (struct vcpu){ .vm = vm, .id = id, .fd = fd };
	vm->nr_vcpus++;
	run = mmap(NULL, vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (run == MAP_FAILED)
		return err_sys(e, "cannot map vCPU %u", id);
	vcpu->run = run;
	return 0;
}

int vm_add_vcpus(struct vm *vm, int kvm, unsigned int nr, struct err *e)
{
	int size = kvm_vcpu_mmap_size(kvm);
	int ret = 0;

	if (size < (int)sizeof(struct kvm_run))
		return err_set(e, ENODEV, "KVM tells no usable vCPU size (%d)", size);
	vm->run_size = (size_t)size;
	vm->vcpu = calloc(nr, sizeof(*vm->vcpu));
	if (!vm->vcpu)
		return err_sys(e, "cannot create %u vCPUs", nr);
	for (unsigned int id = 0; id < nr && ret == 0; id++)
		ret = vm_add_vcpu(vm, id, e);
	return ret;
}

void vm_set_ops(struct vm *vm, const struct vcpu_ops *ops, void *ctx)
{
	vm->ops = ops;
	vm->ops_ctx = ctx;
}

/* True for the caller whose reason is the one that counts. */
static bool end_first(struct vm *vm, enum vm_end why)
{
	int running = VM_RUNNING;

	return atomic_compare_exchange_strong(&vm->end, &running, why);
}

void vm_stop(struct vm *vm, enum vm_end why)
{
	if (end_first(vm, why))
		loop_quit(vm->loop);
}

void vm_fail(struct vm *vm, const char *fmt, ...)
{
	va_list args;

	if (!end_first(vm, VM_FAILED))
		return;
	va_start(args, fmt);
	vsnprintf(vm->failure.text, sizeof(vm->failure.text), fmt, args);
	va_end(args);
	/* vm_run() reads the text after it has joined this thread. */
	loop_quit(vm->loop);
}

void vm_release(struct vm *vm)
{
	for (unsigned int i = 0; i < vm->nr_vcpus; i++) {
		if (atomic_load(&vm->vcpu[i].held)) /* pairs with wait_for_device() */
			vcpu_kick(&vm->vcpu[i]);
	}
}

void vm_pause(struct vm *vm)
{
	if (atomic_fetch_add(&vm->pauses, 1)) /* pairs with park() */
		return;
	pthread_mutex_lock(&vm->pause_lock);
	if (vm->nr_threads) {
		for (unsigned int i = 0; i < vm->nr_vcpus; i++)
			vcpu_kick(&vm->vcpu[i]);
	}
	while (vm->nr_parked < vm->nr_threads)
		pthread_cond_wait(&vm->pause_changed, &vm->pause_lock);
	pthread_mutex_unlock(&vm->pause_lock);
}

void vm_continue(struct vm *vm)
{
	assert(atomic_load(&vm->pauses));
	if (atomic_fetch_sub(&vm->pauses, 1) > 1)
		return;
	for (unsigned int i = 0; i < vm->nr_vcpus; i++) {
		if (vm->vcpu[i].started)
			vcpu_kick(&vm->vcpu[i]);
	}
}

enum vm_end vm_run(struct vm *vm, struct err *e)
{
	int ret = vcpu_kick_setup(e);

	assert(vm->ops);
	for (unsigned int i = 0; i < vm->nr_vcpus && ret == 0; i++)
		ret = vcpu_start(&vm->vcpu[i], e);
	if (ret == 0) {
		ret = loop_run(vm->loop);
		if (ret < 0)
			err_set(e, -ret, "the event loop failed: %s", strerror(-ret));
	}
	if (ret < 0) /* @e says why, not vm->failure */
		end_first(vm, VM_STOPPED);

	for (unsigned int i = 0; i < vm->nr_vcpus; i++) {
		if (vm->vcpu[i].started)
			vcpu_kick(&vm->vcpu[i]);
	}
	for (unsigned int i = 0; i < vm->nr_vcpus; i++) {
		if (vm->vcpu[i].started)
			pthread_join(vm->vcpu[i].thread, NULL);
		vm->vcpu[i].started = false;
	}
	if (ret < 0)
		return VM_FAILED;
	if (atomic_load(&vm->end) == VM_FAILED)
		err_set(e, EIO, "%s", vm->failure.text);
	return atomic_load(&vm->end);
}

void vm_destroy(struct vm *vm)
{
	for (unsigned int i = 0; i < vm->nr_vcpus; i++) {
		if (vm->vcpu[i].run)
			munmap(vm->vcpu[i].run, vm->run_size);
		close_fd(&vm->vcpu[i].fd);
	}
	free(vm->vcpu);
	close_fd(&vm->fd);
	ram_destroy(&vm->ram);
	*vm = VM_NONE;
}
