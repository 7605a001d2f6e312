/* SPDX-License-Identifier: BSD-2-Clause */
/* A saved VM as the profile of a host: what it needs to find again, in the words in which hosts are compared. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "arm/map.h"
#include "arm/registers.h"
#include "arm/save.h"
#include "kvm/kvm.h"
#include "save_parts.h"
#include "util/bits.h"

/* No KVM has more registers: a tree that does was not made by lkvm. */
#define REGISTERS_MAX 4096

struct collect {
	struct host_profile *p;
	struct dt_in *in;
	size_t room; /* of p->base.reg */
};

static struct profile_register *find(struct profile_dump *dump, uint64_t id)
{
	for (size_t i = 0; i < dump->nr; i++) {
		if (dump->reg[i].id == id)
			return &dump->reg[i];
	}
	return NULL;
}

static struct profile_register *append(struct collect *c, uint64_t id)
{
	struct profile_dump *dump = &c->p->base;

	if (dump->nr == REGISTERS_MAX) {
		dt_in_fail(c->in, "registers", "so many are none");
		return NULL;
	}
	if (dump->nr == c->room) {
		size_t room = c->room ? 2 * c->room : 512;
		struct profile_register *reg = realloc(dump->reg, room * sizeof(*reg));

		if (!reg) {
			c->in->ret = err_set(c->in->e, ENOMEM, "%s: no memory for its registers",
					     c->in->name);
			return NULL;
		}
		dump->reg = reg;
		c->room = room;
	}
	dump->reg[dump->nr] = (struct profile_register){ .id = id };
	return &dump->reg[dump->nr++];
}

/* A register of one vCPU. Vectors are there or not, whatever is in them: their low 64 bits do. */
static void take(void *ctx, uint64_t id, const char *name, const uint8_t *value, size_t size)
{
	struct collect *c = ctx;
	struct profile_register *reg = find(&c->p->base, id);
	uint64_t low = 0;

	(void)name;
	if (c->in->ret < 0)
		return;
	memcpy(&low, value, size < sizeof(low) ? size : sizeof(low));
	low = le64toh(low);
	if (!reg)
		reg = append(c, id);
	if (reg && !reg->value)
		reg->value = low;
}

static int take_firmware(struct host_profile *p)
{
	const struct profile_dump *dump = &p->base;

	p->firmware = calloc(dump->nr + 1, sizeof(*p->firmware));
	if (!p->firmware)
		return -ENOMEM;
	for (size_t i = 0; i < dump->nr; i++) {
		enum register_kind kind = register_kind(dump->reg[i].id);

		if (kind == REGISTER_PSCI || kind == REGISTER_LEVEL || kind == REGISTER_SERVICES)
			p->firmware[p->nr_firmware++] =
				(struct profile_firmware){ .id = dump->reg[i].id,
							   .value = dump->reg[i].value };
	}
	return 0;
}

static int take_sve(struct host_profile *p, const uint64_t sve[8])
{
	struct profile_register *reg;

	if (!(p->full.features & 1u << KVM_ARM_VCPU_SVE))
		return 0;
	p->full.reg = reg = calloc(1, sizeof(*reg));
	if (!reg)
		return -ENOMEM;
	p->full.nr = 1;
	reg->id = KVM_REG_ARM64_SVE_VLS;
	reg->wide = malloc(register_size(reg->id));
	if (!reg->wide)
		return -ENOMEM;
	for (unsigned int i = 0; i < 8; i++)
		put_le64(reg->wide + 8 * i, sve[i]);
	return 0;
}

/* What "machine" and the interrupt controller's node say. */
static void take_machine(struct collect *c, const struct machine_config *cfg)
{
	struct host_profile *p = c->p;
	int node = dt_in_node(c->in, 0, "interrupt-controller", NULL);
	uint32_t iidr = 0;

	dt_in_u32(c->in, node, "GICD_IIDR", &iidr);
	if (cfg->irqchip == IRQCHIP_GICV3)
		p->gicv3_iidr = iidr;
	else
		p->gicv2_iidr = iidr;
	node = dt_in_node(c->in, 0, "machine", NULL);
	if (c->in->ret == 0 && dt_in_has(c->in, node, COUNTER_FREQUENCY))
		dt_in_u64(c->in, node, COUNTER_FREQUENCY, &p->counter_hz);
	p->max_vcpus = cfg->nr_cpus;
	p->ipa_bits =
		64 -
		(uint32_t)__builtin_clzll(gic_high_end(cfg->nr_cpus, MAP_RAM + cfg->ram_size) - 1);
	p->psci[p->nr_psci++] = cfg->psci;
	p->cap[KVM_CAP_ARM_SYSTEM_SUSPEND] = cfg->firmware.value[FIRMWARE_SYSTEM_SUSPEND];
}

int saved_profile(const struct saved_machine *saved, const struct machine_config *cfg,
		  struct host_profile *p, struct err *e)
{
	struct dt_in in = { .fdt = saved->fdt, .name = saved->name, .e = e };
	struct collect c = { .p = p, .in = &in };
	int ret;

	*p = PROFILE_NONE;
	p->vcpu_features = p->base.features = p->full.features = saved->features;
	for (unsigned int id = 0; id < cfg->nr_cpus && in.ret == 0; id++)
		cpu_registers_in(&in, id, take, &c);
	if (in.ret == 0)
		take_machine(&c, cfg);
	ret = in.ret;
	if (ret == 0) {
		ret = take_sve(p, saved->sve);
		if (ret == 0)
			ret = take_firmware(p);
		if (ret < 0)
			err_set(e, -ret, "%s: no memory for its registers", saved->name);
	}
	if (ret == 0)
		ret = profile_sort(p, e);
	if (ret < 0)
		profile_free(p);
	return ret;
}
