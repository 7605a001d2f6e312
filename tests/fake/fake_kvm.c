/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fake KVM's door, and its memory of what was asked. kvm_ioctl() knows no context but
 * the descriptor, as ioctl(2), so the fake is the one place where state hangs off the file.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "fake_priv.h"
#include "kvm/kvm.h"
#include "util/bits.h"

#define SCRIPTS_MAX  32
#define REFUSALS_MAX 8

static struct {
	pthread_mutex_t lock;
	struct fake_host host;
	struct fake_object *object;
	size_t nr_objects;
	struct fake_vm **vm;
	unsigned int nr_vms;
	struct fake_script script[SCRIPTS_MAX];
	unsigned int nr_scripts;
	struct fake_call *call;
	size_t nr_calls, max_calls;
	unsigned int fail_in; /* requests from now; 0: never */
	int fail_code;
	bool has_failed;
	struct fake_call failed;
	struct {
		unsigned long request;
		uint64_t id;
		int code;
	} refuse[REFUSALS_MAX];
	unsigned int nr_refusals;
	bool forgets_psci;
	unsigned int slow_id, slow_ms;
} fake = { .lock = PTHREAD_MUTEX_INITIALIZER };

const struct fake_host *fake_host(void)
{
	return &fake.host;
}

void fake_lock(void)
{
	pthread_mutex_lock(&fake.lock);
}

void fake_unlock(void)
{
	pthread_mutex_unlock(&fake.lock);
}

/* Memory that a test cannot go on without. */
static void *need(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

void fake_start(const struct fake_host *host)
{
	fake_end();
	fake.host = *host;
}

void fake_end(void)
{
	for (unsigned int i = 0; i < fake.nr_vms; i++) {
		for (unsigned int id = 0; id < FAKE_VCPUS; id++) {
			if (fake.vm[i]->vcpu[id])
				munmap(fake.vm[i]->vcpu[id]->run, FAKE_RUN_SIZE);
			free(fake.vm[i]->vcpu[id]);
		}
		free(fake.vm[i]);
	}
	for (unsigned int i = 0; i < fake.nr_scripts; i++)
		free(fake.script[i].steps);
	free(fake.vm);
	free(fake.object);
	free(fake.call);
	memset(&fake, 0, sizeof(fake));
	pthread_mutex_init(&fake.lock, NULL);
}

void fake_script(uint32_t boot, unsigned int vcpu, const struct fake_step *steps, size_t nr)
{
	struct fake_step *copy;

	if (fake.nr_scripts == SCRIPTS_MAX)
		abort();
	copy = need(malloc(nr * sizeof(*steps)));
	memcpy(copy, steps, nr * sizeof(*steps));
	fake.script[fake.nr_scripts++] =
		(struct fake_script){ .boot = boot, .vcpu = vcpu, .steps = copy, .nr = nr };
}

const struct fake_script *fake_script_of(const struct fake_vcpu *vcpu)
{
	for (unsigned int i = 0; i < fake.nr_scripts; i++) {
		const struct fake_script *script = &fake.script[i];

		if (script->vcpu == vcpu->id &&
		    (script->boot == FAKE_EVERY_BOOT || script->boot == vcpu->vm->index))
			return script;
	}
	return NULL;
}

void fake_fail(unsigned int nth, int code)
{
	fake.fail_in = nth;
	fake.fail_code = code;
}

void fake_refuse(unsigned long request, uint64_t id, int code)
{
	fake_lock();
	if (fake.nr_refusals == REFUSALS_MAX)
		abort();
	fake.refuse[fake.nr_refusals].request = request;
	fake.refuse[fake.nr_refusals].id = id;
	fake.refuse[fake.nr_refusals++].code = code;
	fake_unlock();
}

void fake_forget_psci(void)
{
	fake.forgets_psci = true;
}

bool fake_forgets_psci(void)
{
	return fake.forgets_psci;
}

void fake_slow_entry(unsigned int id, unsigned int ms)
{
	fake.slow_id = id;
	fake.slow_ms = ms;
}

unsigned int fake_entry_ms(unsigned int vcpu)
{
	return vcpu == fake.slow_id ? fake.slow_ms : 0;
}

struct fake_vm *fake_new_vm(unsigned int ipa_bits)
{
	struct fake_vm *vm = need(calloc(1, sizeof(*vm)));

	*vm = (struct fake_vm){ .index = fake.nr_vms, .ipa_bits = ipa_bits };
	/* All services are on but those of the last bitmap. */
	memcpy(vm->services, fake.host.services, (FAKE_BITMAPS - 1) * sizeof(vm->services[0]));
	fake.vm = need(realloc(fake.vm, (fake.nr_vms + 1) * sizeof(*fake.vm)));
	fake.vm[fake.nr_vms++] = vm;
	return vm;
}

int fake_new_fd(struct fake_object object, size_t size)
{
	static const char *const names[] = { "fake-kvm", "fake-vm", "fake-vcpu", "fake-device",
					     "fake-its" };
	int fd = memfd_create(names[object.kind], MFD_CLOEXEC);
	struct stat st;

	if (fd < 0 || ftruncate(fd, (off_t)size) < 0 || fstat(fd, &st) < 0)
		return -errno;
	object.inode = st.st_ino;
	fake.object = need(realloc(fake.object, (fake.nr_objects + 1) * sizeof(*fake.object)));
	fake.object[fake.nr_objects++] = object;
	return fd;
}

/* What @fd stands for, by what is behind it now: its number may have had other uses. */
static bool find_object(int fd, struct fake_object *object)
{
	struct stat st, dev;

	if (fstat(fd, &st) < 0)
		return false;
	if (stat(FAKE_DEV, &dev) == 0 && st.st_dev == dev.st_dev && st.st_ino == dev.st_ino) {
		*object = (struct fake_object){ .kind = FAKE_SYSTEM };
		return true;
	}
	for (size_t i = fake.nr_objects; S_ISREG(st.st_mode) && i-- > 0;) {
		if (fake.object[i].inode == st.st_ino) {
			*object = fake.object[i];
			return true;
		}
	}
	return false;
}

static int system_ioctl(unsigned long request, void *arg)
{
	if (!fake.host.api_version)
		return -ENOTTY;
	switch (request) {
	case KVM_GET_API_VERSION:
		return fake.host.api_version;
	case KVM_CHECK_EXTENSION:
		return fake_check_extension(NULL, (uintptr_t)arg);
	case KVM_GET_VCPU_MMAP_SIZE:
		return FAKE_RUN_SIZE;
	case KVM_CREATE_VM:
		return fake_create_vm((uintptr_t)arg);
	default:
		return -ENOTTY;
	}
}

static int vm_ioctl(struct fake_vm *vm, unsigned long request, void *arg)
{
	switch (request) {
	case KVM_CHECK_EXTENSION:
		return fake_check_extension(vm, (uintptr_t)arg);
	case KVM_ENABLE_CAP:
		return fake_enable_cap(vm, arg);
	case KVM_CREATE_VCPU:
		return fake_create_vcpu(vm, (uintptr_t)arg);
	case KVM_SET_USER_MEMORY_REGION:
		return fake_set_memory(vm, arg);
	case KVM_GET_DIRTY_LOG:
		return fake_get_dirty_log(vm, arg);
	case KVM_ARM_PREFERRED_TARGET:
		memset(arg, 0, sizeof(struct kvm_vcpu_init));
		((struct kvm_vcpu_init *)arg)->target = KVM_ARM_TARGET_GENERIC_V8;
		return 0;
	case KVM_CREATE_DEVICE:
		if (((const struct kvm_create_device *)arg)->type == KVM_DEV_TYPE_ARM_VGIC_ITS)
			return fake_its_create(vm, arg);
		return fake_gic_create(vm, arg);
	case KVM_IOEVENTFD:
		return fake_ioeventfd(vm, arg);
	case KVM_SIGNAL_MSI:
		return fake_signal_msi(vm, arg);
	case KVM_IRQ_LINE:
		return fake_gic_irq_line(vm, arg);
	case KVM_SET_DEVICE_ATTR:
		return fake_vm_set_attr(vm, arg);
	default:
		return -ENOTTY;
	}
}

static int vcpu_ioctl(struct fake_vcpu *vcpu, unsigned long request, void *arg)
{
	switch (request) {
	case KVM_ARM_VCPU_INIT:
		return fake_vcpu_init(vcpu, arg);
	case KVM_ARM_VCPU_FINALIZE:
		return fake_vcpu_finalise(vcpu, *(const int *)arg);
	case KVM_GET_ONE_REG:
		return fake_vcpu_reg(vcpu, arg, false);
	case KVM_SET_ONE_REG:
		return fake_vcpu_reg(vcpu, arg, true);
	case KVM_GET_MP_STATE:
		return fake_vcpu_get_mp_state(vcpu, arg);
	case KVM_SET_MP_STATE:
		return fake_vcpu_set_mp_state(vcpu, arg);
	case KVM_SET_VCPU_EVENTS:
		return fake_vcpu_set_events(vcpu, arg);
	case KVM_SET_DEVICE_ATTR:
		return fake_vcpu_set_attr(vcpu, arg);
	case KVM_RUN:
		return fake_vcpu_run(vcpu);
	default:
		return -ENOTTY;
	}
}

static int device_ioctl(struct fake_vm *vm, unsigned long request, void *arg)
{
	switch (request) {
	case KVM_SET_DEVICE_ATTR:
		return fake_gic_set(vm, arg);
	case KVM_HAS_DEVICE_ATTR:
		return fake_gic_has(vm, arg);
	default:
		return -ENOTTY;
	}
}

static int dispatch(const struct fake_object *object, unsigned long request, void *arg)
{
	switch (object->kind) {
	case FAKE_SYSTEM:
		return system_ioctl(request, arg);
	case FAKE_VM:
		return vm_ioctl(object->vm, request, arg);
	case FAKE_VCPU:
		return vcpu_ioctl(object->vcpu, request, arg);
	case FAKE_ITS:
		return request == KVM_SET_DEVICE_ATTR ? fake_its_set(object->vm, arg) : -ENOTTY;
	default:
		return device_ioctl(object->vm, request, arg);
	}
}

/* The first 8 or 4 bytes that a device attribute points at; 0 if there are none. */
static uint64_t attr_value(const struct fake_object *object, const struct kvm_device_attr *attr)
{
	const void *p = (const void *)(uintptr_t)attr->addr;

	if (!p)
		return 0;
	if ((object->kind == FAKE_DEVICE || object->kind == FAKE_ITS) &&
	    attr->group == KVM_DEV_ARM_VGIC_GRP_ADDR)
		return get_le64(p);
	return get_le32(p);
}

/* What the request is about, for the record. Read before it is served. */
static void describe(struct fake_call *call, const struct fake_object *object, const void *arg)
{
	call->vm = object->vm ? object->vm->index : 0;
	call->vcpu = object->vcpu ? object->vcpu->id : 0;
	switch (call->request) {
	case KVM_CHECK_EXTENSION:
	case KVM_CREATE_VCPU:
	case KVM_CREATE_VM:
		call->id = (uintptr_t)arg;
		break;
	case KVM_ENABLE_CAP:
		call->id = ((const struct kvm_enable_cap *)arg)->cap;
		break;
	case KVM_CREATE_DEVICE:
		call->id = ((const struct kvm_create_device *)arg)->type;
		call->value = ((const struct kvm_create_device *)arg)->flags;
		break;
	case KVM_SET_DEVICE_ATTR:
	case KVM_HAS_DEVICE_ATTR: {
		const struct kvm_device_attr *attr = arg;

		call->id = FAKE_ATTR(attr->group, attr->attr);
		call->value = attr_value(object, attr);
		break;
	}
	case KVM_SET_USER_MEMORY_REGION:
		call->id = ((const struct kvm_userspace_memory_region *)arg)->guest_phys_addr;
		call->value = ((const struct kvm_userspace_memory_region *)arg)->memory_size;
		break;
	case KVM_GET_ONE_REG:
		call->id = ((const struct kvm_one_reg *)arg)->id;
		break;
	case KVM_SET_ONE_REG:
		call->id = ((const struct kvm_one_reg *)arg)->id;
		call->value = *(const uint64_t *)(uintptr_t)((const struct kvm_one_reg *)arg)->addr;
		break;
	case KVM_SET_MP_STATE:
		call->id = ((const struct kvm_mp_state *)arg)->mp_state;
		break;
	case KVM_SET_VCPU_EVENTS:
		call->id = ((const struct kvm_vcpu_events *)arg)->exception.ext_dabt_pending;
		break;
	case KVM_IOEVENTFD:
		call->id = ((const struct kvm_ioeventfd *)arg)->addr;
		call->value = ((const struct kvm_ioeventfd *)arg)->flags;
		break;
	case KVM_SIGNAL_MSI:
		call->id = ((const struct kvm_msi *)arg)->address_lo;
		call->value = ((const struct kvm_msi *)arg)->data;
		break;
	case KVM_IRQ_LINE:
		call->id = ((const struct kvm_irq_level *)arg)->irq;
		call->value = ((const struct kvm_irq_level *)arg)->level;
		break;
	}
}

static void record(const struct fake_call *call)
{
	if (fake.nr_calls == fake.max_calls) {
		fake.max_calls = fake.max_calls ? 2 * fake.max_calls : 256;
		fake.call = need(realloc(fake.call, fake.max_calls * sizeof(*fake.call)));
	}
	fake.call[fake.nr_calls++] = *call;
}

/* Returns the errno value that the test wants for this request, or 0. */
static int wanted_failure(const struct fake_call *call)
{
	if (fake.fail_in && --fake.fail_in == 0) {
		fake.failed = *call;
		fake.has_failed = true;
		return fake.fail_code;
	}
	for (unsigned int i = 0; i < fake.nr_refusals; i++) {
		if (fake.refuse[i].request == call->request &&
		    (fake.refuse[i].id == FAKE_ANY || fake.refuse[i].id == call->id))
			return fake.refuse[i].code;
	}
	return 0;
}

int kvm_ioctl(int fd, unsigned long request, void *arg)
{
	struct fake_call call = { .request = request };
	struct fake_object object;
	int ret, failure;

	fake_lock();
	if (!find_object(fd, &object)) {
		fake_unlock();
		return fcntl(fd, F_GETFD) < 0 ? -EBADF : -ENOTTY;
	}
	describe(&call, &object, arg);
	failure = wanted_failure(&call);
	ret = failure ? -failure : dispatch(&object, request, arg);
	call.ret = ret;
	record(&call);
	fake_unlock();
	return ret;
}

size_t fake_nr_calls(void)
{
	return fake.nr_calls;
}

const struct fake_call *fake_call(size_t i)
{
	return &fake.call[i];
}

static bool matches(const struct fake_call *call, unsigned long request, uint64_t id)
{
	return call->request == request && (id == FAKE_ANY || call->id == id);
}

unsigned int fake_count(unsigned long request, uint64_t id)
{
	unsigned int nr = 0;

	for (size_t i = 0; i < fake.nr_calls; i++)
		nr += matches(&fake.call[i], request, id) && fake.call[i].ret >= 0;
	return nr;
}

ptrdiff_t fake_first(unsigned long request, uint64_t id)
{
	for (size_t i = 0; i < fake.nr_calls; i++) {
		if (matches(&fake.call[i], request, id))
			return (ptrdiff_t)i;
	}
	return -1;
}

uint64_t fake_last_value(unsigned long request, uint64_t id)
{
	for (size_t i = fake.nr_calls; i-- > 0;) {
		if (matches(&fake.call[i], request, id))
			return fake.call[i].value;
	}
	return FAKE_ANY;
}

const struct fake_call *fake_failed(void)
{
	return fake.has_failed ? &fake.failed : NULL;
}

unsigned int fake_nr_vms(void)
{
	return fake.nr_vms;
}

struct fake_vm *fake_newest(void)
{
	if (!fake.nr_vms)
		abort();
	return fake.vm[fake.nr_vms - 1];
}

unsigned int fake_own_mappings(void)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < fake.nr_vms; i++)
		nr += fake.vm[i]->nr_vcpus;
	return nr;
}
