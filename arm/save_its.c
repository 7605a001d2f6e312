/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ITS's state (Documentation/virt/kvm/devices/arm-vgic-its.rst): KVM writes the tables of devices, collections and
 * pending LPIs to where the guest has put them in its memory, and reads them from there again; registers are few.
 *
 * The order is KVM's: when the ITS goes on, GITS_CBASER first, since that zeroes GITS_CREADR; then the others, IIDR with the
 * tables' layout among them; then the tables; GITS_CTLR, which starts it, last. The redistributors came before.
 */
#include <string.h>
#include "kvm/kvm.h"
#include "save_parts.h"
#include "util/bits.h"

#define COMPATIBLE "lkvm,its-1"

static const struct {
	const char *name;
	uint32_t off;
} regs[] = {
	{ "GITS_CBASER", 0x80 },  { "GITS_IIDR", 0x04 },    { "GITS_CWRITER", 0x88 },
	{ "GITS_CREADR", 0x90 },  { "GITS_BASER0", 0x100 }, { "GITS_BASER1", 0x108 },
	{ "GITS_BASER2", 0x110 }, { "GITS_BASER3", 0x118 }, { "GITS_BASER4", 0x120 },
	{ "GITS_BASER5", 0x128 }, { "GITS_BASER6", 0x130 }, { "GITS_BASER7", 0x138 },
	{ "GITS_CTLR", 0x00 },
};

static int control(int fd, uint64_t what)
{
	return kvm_device_set(fd, KVM_DEV_ARM_VGIC_GRP_CTRL, what, NULL);
}

int its_save(const struct machine *m, struct dt *dt, struct err *e)
{
	int its = slots_its(m), ret;

	if (its < 0)
		return 0;
	ret = control(its, KVM_DEV_ARM_ITS_SAVE_TABLES);
	if (ret >= 0)
		ret = control(m->gic.fd, KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES);
	dt_begin(dt, "its");
	dt_string(dt, "compatible", COMPATIBLE);
	for (size_t i = 0; i < ARRAY_SIZE(regs) && ret >= 0; i++) {
		uint64_t value = 0;

		ret = kvm_device_get(its, KVM_DEV_ARM_VGIC_GRP_ITS_REGS, regs[i].off, &value);
		dt_u64(dt, regs[i].name, value);
	}
	dt_end(dt);
	if (ret < 0)
		return err_set(e, -ret, "KVM does not tell the ITS's state: %s", strerror(-ret));
	return 0;
}

void its_restore(const struct machine *m, struct dt_in *in)
{
	int its = slots_its(m), node, ret = 0;

	if (its < 0)
		return;
	node = dt_in_node(in, 0, "its", COMPATIBLE);
	for (size_t i = 0; i < ARRAY_SIZE(regs) && in->ret == 0; i++) {
		const char *what = regs[i].name;
		uint64_t value = 0;

		dt_in_u64(in, node, what, &value);
		if (in->ret == 0 && i == ARRAY_SIZE(regs) - 1) {
			ret = control(its, KVM_DEV_ARM_ITS_RESTORE_TABLES);
			what = ret < 0 ? "ITS's tables" : what;
		}
		if (in->ret == 0 && ret >= 0)
			ret = kvm_device_set(its, KVM_DEV_ARM_VGIC_GRP_ITS_REGS, regs[i].off,
					     &value);
		if (ret < 0)
			in->ret = err_set(in->e, -ret,
					  "%s cannot be restored: this host's KVM does not take "
					  "its %s: %s",
					  in->name, what, strerror(-ret));
	}
}
