/* SPDX-License-Identifier: BSD-2-Clause */
/* The typed calls: what is accepted as a KVM, and what each request carries. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "fake/fake_kvm.h"
#include "fake/play.h"
#include "kvm/kvm.h"

static void an_arm64_kvm_is_opened_close_on_exec(void **state)
{
	struct err e = { 0 };
	int fd;

	(void)state;
	fake_start(&fake_6_1);
	fd = kvm_open(FAKE_DEV, &e);
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_string_equal(e.text, "");
	close(fd);
	fake_end();
}

static void check_refused(const struct fake_host *host, const char *path, int ret, const char *word)
{
	struct err e = { 0 };
	unsigned int fds = fake_open_fds();

	fake_start(host);
	assert_int_equal(kvm_open(path, &e), ret);
	assert_non_null(strstr(e.text, path));
	assert_non_null(strstr(e.text, word));
	assert_int_equal(fake_open_fds(), fds);
	fake_end();
}

static void what_is_not_an_arm64_kvm_is_refused(void **state)
{
	struct fake_host not_kvm = fake_6_1, old_kvm = fake_6_1, not_arm = fake_6_1;

	(void)state;
	not_kvm.api_version = 0;
	old_kvm.api_version = 11;
	not_arm.arm = false;
	check_refused(&not_kvm, FAKE_DEV, -ENODEV, "not a KVM device");
	check_refused(&old_kvm, FAKE_DEV, -ENODEV, "version 11; lkvm needs 12");
	check_refused(&not_arm, FAKE_DEV, -ENODEV, "64-bit Arm");
	check_refused(&fake_6_1, "/dev/zero", -ENODEV, "not a KVM device");
}

static void a_device_that_cannot_be_opened_says_what_to_do(void **state)
{
	(void)state;
	check_refused(&fake_6_1, "/no/such/device", -ENOENT, "enabled in this host's kernel");
	check_refused(&fake_6_1, "/tmp", -EISDIR, "cannot open");
}

static void a_device_without_permission_says_which_group_to_join(void **state)
{
	char *path = temp_file("x", 1);
	uid_t user = geteuid();

	(void)state;
	assert_int_equal(chmod(path, 0), 0);
	/* Root may open everything. */
	if (user == 0)
		assert_int_equal(seteuid(65534), 0);
	check_refused(&fake_6_1, path, -EACCES, "join the group");
	if (user == 0)
		assert_int_equal(seteuid(0), 0);
	temp_remove(path);
}

struct host {
	int kvm, vm, vcpu;
};

static struct host host_open(const struct fake_host *profile)
{
	struct kvm_vcpu_init init;
	struct host host;

	fake_start(profile);
	host.kvm = kvm_open(FAKE_DEV, NULL);
	host.vm = kvm_create_vm(host.kvm, 0);
	host.vcpu = kvm_create_vcpu(host.vm, 0);
	assert_true(host.vcpu >= 0);
	assert_int_equal(kvm_preferred_target(host.vm, &init), 0);
	assert_int_equal(kvm_vcpu_init(host.vcpu, &init), 0);
	return host;
}

static void host_close(struct host *host)
{
	close(host->vcpu);
	close(host->vm);
	close(host->kvm);
	fake_end();
}

static void requests_carry_what_they_are_given(void **state)
{
	static const uint64_t pc =
		KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(regs.pc);
	struct host host = host_open(&fake_6_1);
	static uint8_t page[65536] __attribute__((aligned(65536)));
	uint64_t value;

	(void)state;
	assert_int_equal(kvm_set_memory(host.vm, 3, 0x40000000, sizeof(page), page, 0), 0);
	assert_ptr_equal(fake_ram(0x40000000, sizeof(page)), page);
	assert_null(fake_ram(0x40000001, sizeof(page)));
	assert_int_equal(kvm_set_reg(host.vcpu, pc, 0x123456789abcdefULL), 0);
	assert_true(fake_pc() == 0x123456789abcdefULL);
	assert_int_equal(kvm_get_reg(host.vcpu, pc, &value), 0);
	assert_true(value == 0x123456789abcdefULL);
	assert_int_equal(kvm_enable_cap(host.vm, KVM_CAP_ARM_NISV_TO_USER), 0);
	assert_int_equal(kvm_enable_cap(host.vm, 9999), -EINVAL);
	assert_int_equal(kvm_inject_external_abort(host.vcpu), 0);
	assert_int_equal(fake_count(KVM_SET_VCPU_EVENTS, 1), 1);
	assert_int_equal(kvm_vcpu_mmap_size(host.kvm), 8192);
	assert_int_equal(kvm_check_extension(host.kvm, 9999), 0);
	host_close(&host);
}

static void a_device_can_be_asked_for_without_making_it(void **state)
{
	struct host host = host_open(&fake_6_1);
	unsigned int fds = fake_open_fds();
	uint32_t nr_irqs = 96, odd = 97;
	int gic;

	(void)state;
	assert_int_equal(kvm_has_device(host.vm, KVM_DEV_TYPE_ARM_VGIC_V3), 0);
	assert_int_equal(kvm_has_device(host.vm, KVM_DEV_TYPE_ARM_VGIC_V2), -ENODEV);
	assert_int_equal(fake_open_fds(), fds);
	gic = kvm_create_device(host.vm, KVM_DEV_TYPE_ARM_VGIC_V3);
	assert_true(gic >= 0);
	assert_int_equal(fake_open_fds(), fds + 1);
	assert_int_equal(kvm_device_has(gic, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0), 0);
	assert_int_equal(kvm_device_has(gic, 99, 0), -ENXIO);
	assert_int_equal(kvm_device_set(gic, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &odd), -EINVAL);
	assert_int_equal(kvm_device_set(gic, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &nr_irqs), 0);
	close(gic);
	host_close(&host);
}

static void a_refusal_is_minus_errno(void **state)
{
	struct host host = host_open(&fake_6_1);
	struct kvm_vcpu_init init = { .target = 12345 };
	uint64_t value;

	(void)state;
	assert_int_equal(kvm_create_vcpu(host.vm, 0), -EEXIST);
	assert_int_equal(kvm_create_vcpu(host.vm, 100000), -EINVAL);
	assert_int_equal(kvm_get_reg(host.vcpu, 1, &value), -ENOENT);
	assert_int_equal(kvm_vcpu_init(host.vcpu, &init), -EINVAL);
	assert_int_equal(kvm_vcpu_finalize(host.vcpu, KVM_ARM_VCPU_SVE), -EINVAL);
	assert_int_equal(kvm_irq_line(host.vm, 40, true), -ENXIO);
	assert_int_equal(kvm_create_device(host.vm, 4711), -ENODEV);
	assert_int_equal(kvm_run(host.vm), -ENOTTY);
	assert_int_equal(kvm_run(-1), -EBADF);
	host_close(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_arm64_kvm_is_opened_close_on_exec),
		cmocka_unit_test(what_is_not_an_arm64_kvm_is_refused),
		cmocka_unit_test(a_device_that_cannot_be_opened_says_what_to_do),
		cmocka_unit_test(a_device_without_permission_says_which_group_to_join),
		cmocka_unit_test(requests_carry_what_they_are_given),
		cmocka_unit_test(a_device_can_be_asked_for_without_making_it),
		cmocka_unit_test(a_refusal_is_minus_errno),
	};

	return cmocka_run_group_tests_name("kvm", tests, NULL, NULL);
}
