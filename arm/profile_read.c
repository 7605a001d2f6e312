/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a host profile, a file that may come from anywhere. libfdt judges the structure first
 * (dt_check), then every property's length is checked where it is read. Absent is 0; names
 * that this lkvm does not know are ignored; a length that is wrong is damage, and told by name.
 */
#include <errno.h>
#include <inttypes.h>
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>
#include "arm/profile.h"
#include "arm/registers.h"
#include "profile_names.h"
#include "util/bits.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "vm/dt.h"

/* The tree, and what to call it in messages. */
struct source {
	const void *fdt;
	const char *path;
	struct err *e;
};

static int damaged(const struct source *s, const char *what, const char *name)
{
	return err_set(s->e, EINVAL, "host profile %s is damaged: %s: %.64s", s->path, name, what);
}

/* A property of exactly @size bytes; NULL without it; *ret is set when it has another length. */
static const void *get(const struct source *s, int node, const char *name, int size, int *ret)
{
	const void *value;
	int len;

	if (node < 0)
		return NULL;
	value = fdt_getprop(s->fdt, node, name, &len);
	if (!value)
		return NULL;
	if (len != size) {
		*ret = damaged(s, "its length is wrong", name);
		return NULL;
	}
	return value;
}

static void get_u32(const struct source *s, int node, const char *name, uint32_t *value, int *ret)
{
	const void *p = get(s, node, name, sizeof(*value), ret);

	if (p)
		*value = fdt32_ld(p);
}

static void get_u64(const struct source *s, int node, const char *name, uint64_t *value, int *ret)
{
	const void *p = get(s, node, name, sizeof(*value), ret);

	if (p)
		*value = fdt64_ld(p);
}

static void get_flag(const struct source *s, int node, const char *name, bool *flag, int *ret)
{
	*flag = get(s, node, name, 0, ret) != NULL;
}

/* Text for people: it reaches terminals, so nothing but plain characters. */
static int get_label(const struct source *s, const char *name, char label[PROFILE_LABEL_SIZE])
{
	int len;
	const char *text = fdt_getprop(s->fdt, 0, name, &len);

	if (!text)
		return 0;
	if (len < 1 || len > PROFILE_LABEL_SIZE || text[len - 1])
		return damaged(s, "not a short text", name);
	for (int i = 0; i < len - 1; i++) {
		if (text[i] < ' ' || text[i] > '~')
			return damaged(s, "not a plain text", name);
	}
	memcpy(label, text, (size_t)len);
	return 0;
}

static uint32_t feature_bit(const char *name)
{
	for (unsigned int bit = 0; bit < 32; bit++) {
		const char *known = profile_feature_name(bit);

		if (known && !strcmp(name, known))
			return 1u << bit;
	}
	return 0;
}

static int get_features(const struct source *s, int node, uint32_t *features)
{
	int len;
	const char *list = fdt_getprop(s->fdt, node, PROFILE_FEATURES, &len);

	if (!list || !len)
		return 0;
	if (list[len - 1])
		return damaged(s, "not a list of words", PROFILE_FEATURES);
	for (const char *name = list; name < list + len; name += strlen(name) + 1)
		*features |= feature_bit(name);
	return 0;
}

static int get_psci(const struct source *s, struct host_profile *p)
{
	int node = fdt_subnode_offset(s->fdt, 0, PROFILE_PSCI);
	const char *cells;
	int len;

	if (node < 0)
		return damaged(s, "missing", PROFILE_PSCI);
	cells = fdt_getprop(s->fdt, node, PROFILE_VERSIONS, &len);
	if (!cells || len % 4 || len < 4 || len > 4 * PROFILE_PSCI_MAX)
		return damaged(s, "not a list of versions", PROFILE_VERSIONS);
	for (int i = 0; i < len / 4; i++) {
		p->psci[i] = fdt32_ld((const fdt32_t *)(cells + 4 * i));
		if (i && p->psci[i] <= p->psci[i - 1])
			return damaged(s, "not in order", PROFILE_VERSIONS);
	}
	p->nr_psci = (size_t)len / 4;
	return 0;
}

static int get_limits(const struct source *s, struct host_profile *p)
{
	int limits = fdt_subnode_offset(s->fdt, 0, PROFILE_LIMITS);
	int gic = fdt_subnode_offset(s->fdt, 0, PROFILE_GIC);
	int ret = 0;

	if (limits < 0)
		return damaged(s, "missing", PROFILE_LIMITS);
	get_u32(s, limits, PROFILE_PAGE_SIZE, &p->page_size, &ret);
	get_u32(s, limits, PROFILE_IPA_BITS, &p->ipa_bits, &ret);
	get_u32(s, limits, PROFILE_MAX_VCPUS, &p->max_vcpus, &ret);
	get_u64(s, limits, PROFILE_COUNTER_HZ, &p->counter_hz, &ret);
	get_u32(s, gic, PROFILE_GICV2, &p->gicv2_iidr, &ret);
	get_u32(s, gic, PROFILE_GICV3, &p->gicv3_iidr, &ret);
	get_flag(s, gic, PROFILE_ITS, &p->its, &ret);
	get_flag(s, 0, PROFILE_SMCCC_FILTER, &p->smccc_filter, &ret);
	get_flag(s, 0, PROFILE_PVTIME, &p->pvtime, &ret);
	if (ret == 0 && p->ipa_bits > 64)
		return damaged(s, "no such number of address bits", PROFILE_IPA_BITS);
	return ret;
}

/* The number in "cap-123", or -1. */
static int cap_number(const char *name)
{
	size_t prefix = strlen(PROFILE_CAP_PREFIX);
	size_t digits;

	if (strncmp(name, PROFILE_CAP_PREFIX, prefix))
		return -1;
	digits = strspn(name + prefix, "0123456789");
	if (digits < 1 || digits > 4 || name[prefix + digits])
		return -1;
	return atoi(name + prefix);
}

static int get_capabilities(const struct source *s, struct host_profile *p)
{
	int node = fdt_subnode_offset(s->fdt, 0, PROFILE_CAPABILITIES);
	int prop;

	if (node < 0)
		return 0;
	fdt_for_each_property_offset(prop, s->fdt, node)
	{
		const char *name;
		int len;
		const void *value = fdt_getprop_by_offset(s->fdt, prop, &name, &len);
		const struct capability *row;
		int cap;

		if (!value)
			return damaged(s, "unreadable", PROFILE_CAPABILITIES);
		row = capability_by_name(name);
		cap = row ? (int)row->cap : cap_number(name);
		if (cap < 0 || cap >= CAPABILITY_NR)
			continue;
		if (len != 4)
			return damaged(s, "its length is wrong", name);
		p->cap[cap] = (int32_t)fdt32_ld(value);
	}
	return 0;
}

static size_t nr_properties(const struct source *s, int node)
{
	size_t nr = 0;
	int prop;

	fdt_for_each_property_offset(prop, s->fdt, node) nr++;
	return nr;
}

/*
 * Calls @take for each property of @node that is called as a register, as long as it returns 0. @take
 * is never called more often than nr_properties() says.
 */
static int
each_register(const struct source *s, int node, struct host_profile *p, struct profile_dump *dump,
	      int (*take)(const struct source *s, struct host_profile *p, struct profile_dump *dump,
			  uint64_t id, const char *name, const uint8_t *value, int len))
{
	int prop, ret = 0;

	fdt_for_each_property_offset(prop, s->fdt, node)
	{
		const char *name;
		int len;
		const uint8_t *value = fdt_getprop_by_offset(s->fdt, prop, &name, &len);
		uint64_t id;

		if (!value)
			return damaged(s, "unreadable", PROFILE_REGISTERS);
		if (!register_by_name(name, &id))
			continue;
		ret = take(s, p, dump, id, name, value, len);
		if (ret < 0)
			break;
	}
	return ret;
}

static int take_firmware(const struct source *s, struct host_profile *p, struct profile_dump *dump,
			 uint64_t id, const char *name, const uint8_t *value, int len)
{
	(void)dump;
	if (len != 16)
		return damaged(s, "its length is wrong", name);
	p->firmware[p->nr_firmware++] = (struct profile_firmware){
		.id = id,
		.value = fdt64_ld((const fdt64_t *)value),
		.takes = fdt64_ld((const fdt64_t *)(value + 8)),
	};
	return 0;
}

static int take_mask(const struct source *s, struct host_profile *p, struct profile_dump *dump,
		     uint64_t id, const char *name, const uint8_t *value, int len)
{
	(void)dump;
	if (len != 8)
		return damaged(s, "its length is wrong", name);
	p->mask[p->nr_masks++] =
		(struct profile_mask){ .id = id, .mask = fdt64_ld((const fdt64_t *)value) };
	return 0;
}

static int take_register(const struct source *s, struct host_profile *p, struct profile_dump *dump,
			 uint64_t id, const char *name, const uint8_t *value, int len)
{
	struct profile_register *reg = &dump->reg[dump->nr];
	size_t size = register_size(id);

	(void)p;
	if (!size || (size_t)len != size)
		return damaged(s, "its length is wrong", name);
	*reg = (struct profile_register){ .id = id };
	if (size > sizeof(reg->value)) {
		reg->wide = malloc(size);
		if (!reg->wide)
			return err_sys(s->e, "cannot read host profile %s", s->path);
		for (size_t i = 0; i < size; i++)
			reg->wide[i] = value[size - 1 - i];
	}
	for (size_t i = 0; i < size && i < sizeof(reg->value); i++)
		reg->value |= (uint64_t)value[size - 1 - i] << (8 * i);
	dump->nr++;
	return 0;
}

static int get_firmware(const struct source *s, struct host_profile *p)
{
	int node = fdt_subnode_offset(s->fdt, 0, PROFILE_FIRMWARE);

	if (node < 0)
		return damaged(s, "missing", PROFILE_FIRMWARE);
	p->firmware = calloc(nr_properties(s, node) + 1, sizeof(*p->firmware));
	if (!p->firmware)
		return err_sys(s->e, "cannot read host profile %s", s->path);
	return each_register(s, node, p, NULL, take_firmware);
}

static int get_masks(const struct source *s, struct host_profile *p)
{
	int node = fdt_subnode_offset(s->fdt, 0, PROFILE_WRITABLE);
	int ret = 0;

	if (node < 0)
		return 0;
	get_flag(s, node, PROFILE_TOLD, &p->masks_told, &ret);
	node = fdt_subnode_offset(s->fdt, node, PROFILE_REGISTERS);
	if (node < 0 || ret < 0)
		return ret;
	p->mask = calloc(nr_properties(s, node) + 1, sizeof(*p->mask));
	if (!p->mask)
		return err_sys(s->e, "cannot read host profile %s", s->path);
	return each_register(s, node, p, NULL, take_mask);
}

static int get_dump(const struct source *s, struct host_profile *p, struct profile_dump *dump,
		    const char *name)
{
	int node = fdt_subnode_offset(s->fdt, 0, name);
	int registers = node < 0 ? node : fdt_subnode_offset(s->fdt, node, PROFILE_REGISTERS);
	int ret;

	if (registers < 0)
		return damaged(s, "missing", name);
	ret = get_features(s, node, &dump->features);
	if (ret < 0)
		return ret;
	dump->reg = calloc(nr_properties(s, registers) + 1, sizeof(*dump->reg));
	if (!dump->reg)
		return err_sys(s->e, "cannot read host profile %s", s->path);
	return each_register(s, registers, p, dump, take_register);
}

static int check_root(const struct source *s, size_t size)
{
	uint32_t version = 0;
	int ret = 0;

	if (size < sizeof(struct fdt_header) || fdt_magic(s->fdt) != FDT_MAGIC)
		return err_set(s->e, EINVAL, "%s is not a host profile (lkvm host -o makes one)",
			       s->path);
	if (dt_check(s->fdt, size))
		return damaged(s, "the device tree is broken or cut off", "structure");
	if (fdt_node_check_compatible(s->fdt, 0, PROFILE_COMPATIBLE))
		return err_set(
			s->e, EINVAL,
			"%s is a device tree, but not a host profile (lkvm host -o makes one)",
			s->path);
	get_u32(s, 0, PROFILE_VERSION_NAME, &version, &ret);
	if (ret == 0 && version != PROFILE_VERSION)
		return err_set(s->e, EINVAL,
			       "host profile %s has version %" PRIu32
			       ", this lkvm reads version %d: make it again with lkvm host -o",
			       s->path, version, PROFILE_VERSION);
	return ret;
}

int profile_decode(struct host_profile *p, const void *blob, size_t size, const char *path,
		   struct err *e)
{
	struct source s = { .fdt = blob, .path = path, .e = e };
	int ret = check_root(&s, size);

	*p = PROFILE_NONE;
	if (ret == 0)
		ret = get_label(&s, PROFILE_KERNEL, p->kernel);
	if (ret == 0)
		ret = get_features(&s, 0, &p->vcpu_features);
	if (ret == 0)
		ret = get_limits(&s, p);
	if (ret == 0)
		ret = get_psci(&s, p);
	if (ret == 0)
		ret = get_firmware(&s, p);
	if (ret == 0)
		ret = get_capabilities(&s, p);
	if (ret == 0)
		ret = get_masks(&s, p);
	if (ret == 0)
		ret = get_dump(&s, p, &p->base, PROFILE_BASE);
	if (ret == 0)
		ret = get_dump(&s, p, &p->full, PROFILE_FULL);
	if (ret == 0) {
		ret = profile_sort(p, e);
		if (ret < 0)
			err_wrap(e, ret, "host profile %s is damaged", path);
	}
	if (ret < 0)
		profile_free(p);
	return ret;
}

int profile_read(struct host_profile *p, const char *path, struct err *e)
{
	uint64_t size;
	autofd int fd = file_open(path, "host profile", &size, e);
	autofree void *blob = NULL;
	int ret;

	*p = PROFILE_NONE;
	if (fd < 0)
		return fd;
	if (size > PROFILE_FILE_MAX)
		return err_set(e, EFBIG,
			       "%s is not a host profile: it has %" PRIu64
			       " bytes, and none has more than %d",
			       path, size, PROFILE_FILE_MAX);
	blob = malloc(size);
	if (!blob)
		return err_sys(e, "cannot read host profile %s", path);
	ret = file_read_at(fd, blob, size, 0);
	if (ret < 0)
		return err_set(e, -ret, "cannot read host profile %s: %s", path, strerror(-ret));
	return profile_decode(p, blob, size, path, e);
}
