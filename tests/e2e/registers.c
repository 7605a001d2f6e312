/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a VM's vCPU holds, and whether another host takes it: the proof behind --compat.
 *
 *	registers dump [PROFILE]	all registers of a fresh vCPU, started with --compat=PROFILE
 *	registers try FILE		writes such a dump to a fresh vCPU of this host; prints refusals
 *
 * A dump is text: "features HEX", then a line "ID VALUE" a register, both hexadecimal.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../arm/parts.h"
#include "arm/probe.h"
#include "arm/registers.h"
#include "kvm/kvm.h"

static int dump(struct machine *m, uint32_t features)
{
	int vcpu = m->vm.vcpu[0].fd;
	uint64_t *ids;
	ssize_t nr = kvm_list_regs(vcpu, &ids);

	printf("features %x\n", features);
	for (ssize_t i = 0; i < nr; i++) {
		uint8_t value[REGISTER_BYTES_MAX];
		size_t size = register_size(ids[i]);

		if (!size || size > sizeof(value) || kvm_get_reg_bytes(vcpu, ids[i], value) < 0)
			continue;
		printf("%016" PRIx64 " ", ids[i]);
		while (size--)
			printf("%02x", value[size]);
		printf("\n");
	}
	free(ids);
	return nr < 0;
}

/* Hexadecimal, most significant byte first, into little-endian bytes; returns whether it fits. */
static int parse_value(const char *text, uint8_t *value, size_t size)
{
	if (strlen(text) != 2 * size)
		return 0;
	for (size_t i = 0; i < size; i++) {
		char byte[3] = { text[2 * i], text[2 * i + 1], '\0' };

		value[size - 1 - i] = (uint8_t)strtoul(byte, NULL, 16);
	}
	return 1;
}

static int try(int vcpu, FILE *in)
{
	unsigned int nr = 0, refused = 0, unknown = 0;
	char text[2 * REGISTER_BYTES_MAX + 1], name[REGISTER_NAME_SIZE];
	uint8_t value[REGISTER_BYTES_MAX];
	uint64_t id;

	while (fscanf(in, "%" SCNx64 " %512s", &id, text) == 2) {
		size_t size = register_size(id);
		int ret;

		if (!size || !parse_value(text, value, size))
			return 2;
		ret = kvm_set_reg_bytes(vcpu, id, value);
		nr++;
		refused += ret < 0 && ret != -ENOENT;
		unknown += ret == -ENOENT;
		if (ret < 0)
			printf("%s %s %s\n", ret == -ENOENT ? "unknown" : "refused",
			       register_name(id, name), text);
	}
	printf("%u registers, %u refused, %u unknown\n", nr, refused, unknown);
	return refused || !nr;
}

/* A VM of one vCPU as `lkvm run` makes it, up to where it would be loaded. */
static int build(struct machine *m, int kvm, struct err *e)
{
	int ret = vm_create(&m->vm, kvm, 0, NULL, e);

	if (ret == 0)
		ret = vm_add_vcpus(&m->vm, kvm, 1, e);
	return ret == 0 ? cpus_init(m, e) : ret;
}

int main(int argc, char **argv)
{
	struct machine_config cfg = machine_config_default;
	struct machine m = { .cfg = &cfg };
	struct compat compat = COMPAT_NONE;
	struct err e = { 0 };
	int kvm, ret = 2;

	cfg.nr_cpus = 1;
	kvm = kvm_open(cfg.dev, &e);
	if (argc == 3 && !strcmp(argv[1], "try")) {
		FILE *in = fopen(argv[2], "r");

		m.compat = &compat;
		if (in && fscanf(in, "features %x", &compat.features) == 1 &&
		    build(&m, kvm, &e) == 0)
			return try(m.vm.vcpu[0].fd, in);
	} else if (argc == 2 && !strcmp(argv[1], "dump")) {
		struct host_profile here;

		if (host_probe(cfg.dev, &here, &e) == 0 && build(&m, kvm, &e) == 0)
			ret = dump(&m, profile_default_features(&here));
	} else if (argc == 3 && !strcmp(argv[1], "dump")) {
		m.compat = &compat;
		if (compat_load(&compat, &cfg, argv[2], &e) == 0 && build(&m, kvm, &e) == 0)
			ret = dump(&m, compat.features);
	}
	if (*e.text)
		fprintf(stderr, "registers: %s\n", e.text);
	return ret;
}
