/* SPDX-License-Identifier: BSD-2-Clause */
/* Host profiles: written, read back, shown; damaged ones refused by name. */
#include <errno.h>
#include <libfdt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>
#include "facts.h"
#include "fake/play.h"

/* A profile with something of everything. */
static void rich(struct host_profile *p)
{
	struct profile_register *reg;
	struct err e = { 0 };

	facts_profile(p, "max", "7.3");
	p->gicv2_iidr = 0x4b00343b;
	p->cap[300] = 7; /* not in the table */
	p->vcpu_features |= 1u << KVM_ARM_VCPU_EL1_32BIT;
	p->full.features |= 1u << KVM_ARM_VCPU_SVE;
	reg = &p->full.reg[p->full.nr++];
	*reg = (struct profile_register){ .id = KVM_REG_ARM64_SVE_VLS, .value = 0x3 };
	reg->wide = calloc(1, 64);
	reg->wide[0] = 3;
	reg->wide[63] = 0x80;
	reg = &p->full.reg[p->full.nr++];
	*reg = (struct profile_register){ .id = 0x603000000013ffff, .value = 0x123456789 };
	p->firmware[p->nr_firmware++] = (struct profile_firmware){
		.id = KVM_REG_ARM_FW_FEAT_BMAP_REG(7), .value = 4, .takes = 6
	};
	assert_int_equal(profile_sort(p, &e), 0);
}

static char *shown(const struct host_profile *p, bool json)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (json)
		profile_print_json(p, out);
	else
		profile_print(p, true, out);
	fclose(out);
	return text;
}

static void has(const char *text, const char *part)
{
	if (!strstr(text, part)) {
		fprintf(stderr, "'%s' is not in\n%s\n", part, text);
		fail();
	}
}

static void same_profile(const struct host_profile *a, const struct host_profile *b)
{
	for (int json = 0; json < 2; json++) {
		char *x = shown(a, json), *y = shown(b, json);

		assert_string_equal(x, y);
		free(x);
		free(y);
	}
}

static void what_is_written_is_read(void **state)
{
	struct host_profile p, q;
	struct err e = { 0 };
	void *blob, *again;
	size_t size, size_again;

	(void)state;
	for (size_t c = 0; c <= ARRAY_SIZE(facts_cpus); c++) {
		if (c < ARRAY_SIZE(facts_cpus))
			facts_profile(&p, facts_cpus[c], "6.1");
		else
			rich(&p);
		assert_int_equal(profile_encode(&p, &blob, &size, &e), 0);
		assert_int_equal(profile_decode(&q, blob, size, "f", &e), 0);
		same_profile(&p, &q);
		assert_int_equal(profile_encode(&q, &again, &size_again, &e), 0);
		assert_int_equal(size_again, size);
		assert_memory_equal(again, blob, size);
		free(blob);
		free(again);
		profile_free(&p);
		profile_free(&q);
	}
}

static void a_file_is_written_whole_and_read(void **state)
{
	struct host_profile p, q;
	struct err e = { 0 };
	char *path = temp_file("", 0);

	(void)state;
	rich(&p);
	assert_int_equal(profile_write(&p, path, &e), 0);
	assert_int_equal(profile_read(&q, path, &e), 0);
	same_profile(&p, &q);
	profile_free(&q);
	assert_int_equal(profile_write(&p, "/nowhere/p.dtb", &e), -ENOENT);
	has(e.text, "/nowhere/p.dtb");
	profile_free(&p);
	temp_remove(path);
}

static void what_is_no_profile_file_is_refused(void **state)
{
	struct host_profile p;
	struct err e = { 0 };
	char *path, *big;

	(void)state;
	assert_int_equal(profile_read(&p, "/nowhere", &e), -ENOENT);
	has(e.text, "Unable to open host profile /nowhere");
	assert_int_equal(profile_read(&p, "/tmp", &e), -EISDIR);
	path = temp_file("hello", 5);
	assert_int_equal(profile_read(&p, path, &e), -EINVAL);
	has(e.text, "is not a host profile (lkvm host -o makes one)");
	temp_remove(path);
	big = calloc(1, PROFILE_FILE_MAX + 1);
	path = temp_file(big, PROFILE_FILE_MAX + 1);
	assert_int_equal(profile_read(&p, path, &e), -EFBIG);
	has(e.text, "has 1048577 bytes, and none has more than 1048576");
	temp_remove(path);
	free(big);
}

/* A profile opened for changes: room behind it, owned by the caller. */
static void *editable(size_t *size)
{
	struct host_profile p;
	struct err e = { 0 };
	void *blob, *room;
	size_t len;

	rich(&p);
	assert_int_equal(profile_encode(&p, &blob, &len, &e), 0);
	profile_free(&p);
	*size = len + 4096;
	room = malloc(*size);
	assert_int_equal(fdt_open_into(blob, room, (int)*size), 0);
	free(blob);
	return room;
}

/* Sets @name of node @path to @len bytes and expects @words in the refusal; NULL: it is read. */
static void edited(const char *path, const char *name, const void *value, int len,
		   const char *words)
{
	struct host_profile p;
	struct err e = { 0 };
	size_t size;
	void *fdt = editable(&size);
	int ret;

	assert_int_equal(fdt_setprop(fdt, fdt_path_offset(fdt, path), name, value, len), 0);
	ret = profile_decode(&p, fdt, size, "x.dtb", &e);
	if (words) {
		assert_int_equal(ret, -EINVAL);
		has(e.text, "x.dtb");
		has(e.text, words);
		assert_null(p.base.reg);
	} else {
		assert_int_equal(ret, 0);
		profile_free(&p);
	}
	free(fdt);
}

static void damage_is_told_by_name(void **state)
{
	static const char eight[8], many[68];

	(void)state;
	edited("/limits", "page-size", eight, 8, "damaged: page-size: its length is wrong");
	edited("/limits", "counter-frequency", eight, 4, "damaged: counter-frequency: its length");
	edited("/limits", "ipa-bits", "\0\0\0\x7f", 4, "ipa-bits: no such number of address bits");
	edited("/gic", "gicv3-iidr", eight, 3, "damaged: gicv3-iidr: its length is wrong");
	edited("/gic", "its", eight, 1, "damaged: its: its length is wrong");
	edited("/psci", "versions", eight, 0, "damaged: versions: not a list of versions");
	edited("/psci", "versions", eight, 7, "damaged: versions: not a list of versions");
	edited("/psci", "versions", many, 68, "damaged: versions: not a list of versions");
	edited("/psci", "versions", eight, 8, "damaged: versions: not in order");
	edited("/firmware", "STD_BMAP", eight, 8, "damaged: STD_BMAP: its length is wrong");
	edited("/capabilities", "ARM_SVE", eight, 8, "damaged: ARM_SVE: its length is wrong");
	edited("/capabilities", "cap-12", eight, 0, "damaged: cap-12: its length is wrong");
	edited("/writable/registers", "CTR_EL0", eight, 4, "damaged: CTR_EL0: its length is wrong");
	edited("/base/registers", "X0", eight, 4, "damaged: X0: its length is wrong");
	edited("/base/registers", "V0", eight, 8, "damaged: V0: its length is wrong");
	edited("/full/registers", "SVE_VLS", eight, 8, "damaged: SVE_VLS: its length is wrong");
	edited("/full", "vcpu-features", "pmu", 3, "vcpu-features: not a list of words");
	edited("/", "kernel", "\033[31m", 6, "kernel: not a plain text");
	edited("/", "kernel", "x", 1, "kernel: not a short text");
	edited("/", "kernel", "", 0, "kernel: not a short text");
	/* The same register under its name and its id. */
	edited("/base/registers", "reg-603000000013c080", eight, 8, "SCTLR_EL1 is there twice");
	edited("/base/registers", "reg-609000000013c080", eight, 8, "its length is wrong");
}

static void another_version_or_kind_of_tree_is_refused(void **state)
{
	(void)state;
	edited("/", "version", "\0\0\0\2", 4, "has version 2, this lkvm reads version 1");
	edited("/", "version", "\0\0\0", 3, "damaged: version: its length is wrong");
	edited("/", "compatible", "linux,dummy-virt", 17, "but not a host profile");
}

static void what_a_newer_lkvm_adds_is_ignored(void **state)
{
	(void)state;
	edited("/", "colour", "blue", 5, NULL);
	edited("/capabilities", "ARM_TELEPORT", "x", 2, NULL);
	edited("/capabilities", "cap-99999", "x", 2, NULL);
	edited("/capabilities", "cap-", "x", 2, NULL);
	edited("/base/registers", "NEW_EL1", "12345678", 8, NULL);
	edited("/", "vcpu-features", "psci-0.2\0warp", 14, NULL);
}

static void a_node_that_is_missing_is_named(void **state)
{
	static const char *const nodes[] = { "limits", "psci", "firmware", "base", "full" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		struct host_profile p;
		struct err e = { 0 };
		char words[40];
		size_t size;
		void *fdt = editable(&size);

		assert_int_equal(fdt_del_node(fdt, fdt_subnode_offset(fdt, 0, nodes[i])), 0);
		assert_int_equal(profile_decode(&p, fdt, size, "x.dtb", &e), -EINVAL);
		snprintf(words, sizeof(words), "damaged: %s: missing", nodes[i]);
		has(e.text, words);
		free(fdt);
	}
}

/* Cut off anywhere, or with any byte changed: read or refused, nothing else (sanitizers watch). */
static void any_damage_is_survived(void **state)
{
	struct host_profile p, q;
	struct err e = { 0 };
	uint8_t *blob, *copy;
	size_t size;

	(void)state;
	rich(&p);
	assert_int_equal(profile_encode(&p, (void **)&blob, &size, &e), 0);
	profile_free(&p);
	for (size_t len = 0; len < size; len += 37) {
		copy = malloc(len ? len : 1);
		memcpy(copy, blob, len);
		assert_true(profile_decode(&q, copy, len, "f", &e) < 0);
		free(copy);
	}
	copy = malloc(size);
	for (size_t i = 0; i < size; i += 13) {
		memcpy(copy, blob, size);
		copy[i] ^= (uint8_t)(1u << (i % 8));
		if (profile_decode(&q, copy, size, "f", &e) == 0)
			profile_free(&q);
	}
	free(copy);
	free(blob);
}

static void values_are_put_together_by_features(void **state)
{
	const uint64_t dfr0 = ARM64_SYS_REG(3, 0, 0, 5, 0), isar1 = ARM64_SYS_REG(3, 0, 0, 6, 1);
	struct host_profile p;
	uint64_t value, id;

	(void)state;
	facts_profile(&p, "max", "7.3");
	/* The plain vCPU, the full one, and one in between that no dump is of. */
	assert_true(profile_value(&p, FACTS_PSCI, dfr0, &value));
	assert_int_equal(value, 0x10305009);
	assert_true(profile_value(&p, p.full.features, dfr0, &value));
	assert_int_equal(value, 0x10305609);
	assert_true(profile_value(&p, FACTS_PSCI | FACTS_PTRAUTH, dfr0, &value));
	assert_int_equal(value, 0x10305009);
	assert_true(profile_value(&p, FACTS_PSCI | FACTS_PTRAUTH, isar1, &value));
	assert_int_equal(value, 0x0011111110211102);
	assert_true(profile_value(&p, FACTS_PSCI | FACTS_PMU, isar1, &value));
	assert_int_equal(value, 0x0011111100211002);
	/* Registers of a feature are there with it only. */
	assert_true(register_by_name("PMCR_EL0", &id));
	assert_true(profile_value(&p, FACTS_PSCI | FACTS_PMU, id, &value));
	assert_false(profile_value(&p, FACTS_PSCI | FACTS_PTRAUTH, id, &value));
	assert_false(profile_value(&p, FACTS_PSCI, id, &value));
	assert_int_equal(profile_default_features(&p), FACTS_PSCI | FACTS_PTRAUTH);
	profile_free(&p);
}

static void the_table_says_it_in_words(void **state)
{
	struct host_profile p;
	char *text;

	(void)state;
	rich(&p);
	text = shown(&p, false);
	has(text, "Kernel            Linux 7.3\n");
	has(text, "PSCI              0.1, 0.2, 1.0, 1.1, 1.2, 1.3\n");
	has(text, "GIC               gicv2 (revision 3), gicv3 (revision 3), ITS\n");
	has(text, "vCPU features     el1-32bit psci-0.2 pmu ptrauth-address ptrauth-generic\n");
	has(text, "SVE vectors       128 256 65536 bits");
	has(text, "  trng           on                true random numbers");
	has(text, "  impl-version   off, can be on    discovery");
	has(text, "  not known      off, can be on    reg-6030000000160007 bit 1\n");
	has(text, "  not known      on                reg-6030000000160007 bit 2\n");
	has(text, "  system-suspend on                PSCI SYSTEM_SUSPEND");
	has(text, "  workaround-1   not-required      branch predictor");
	has(text, "Firmware registers not known to this lkvm\n  reg-6030000000160007     0x4\n");
	has(text, "  SMCCC filter  ");
	has(text, "ID_AA64DFR0_EL1     0000000010305009  0000000010305609  ");
	for (char *line = text; *line; line += strcspn(line, "\n") + 1)
		assert_true(strcspn(line, "\n") <= 100);
	free(text);
	profile_free(&p);

	facts_profile(&p, "max", "5.10");
	text = shown(&p, false);
	has(text, "  trng           needs Linux 5.19  true random numbers");
	has(text, "  SMCCC filter                   6.4   PSCI");
	has(text, "(as tried)");
	free(text);
	profile_free(&p);
}

static void json_has_everything_under_stable_keys(void **state)
{
	struct host_profile p;
	char *text;

	(void)state;
	rich(&p);
	text = shown(&p, true);
	assert_memory_equal(text, "{\n  \"version\": 1,\n  \"kernel\": \"Linux 7.3\",\n", 42);
	has(text, "\"psci\": [\n    \"0.1\",");
	has(text, "\"gicv3\": {\n    \"revision\": 3,\n    \"iidr\": \"0x4b00343b\"\n  }");
	has(text, "\"sve-lengths\": [\n    128,\n    256,\n    65536\n  ]");
	has(text,
	    "\"trng\": {\n      \"default\": true,\n      \"offered\": true,\n      \"since\": \"5.19\"");
	has(text, "\"system-suspend\": {\n      \"default\": true,\n");
	has(text, "\"cap-300\": 7");
	has(text, "\"workaround-1\": \"not-required\"");
	has(text, "\"ID_AA64DFR0_EL1\": \"0x0000000010305009\"");
	has(text, "\"reg-603000000013ffff\": \"0x0000000123456789\"");
	has(text, "\"FPSR\": \"0x00000000\"");
	has(text, "\"V0\": \"0x00000000000000000000000000000000\"");
	assert_string_equal(text + strlen(text) - 3, "\n}\n");
	free(text);
	profile_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(a_file_is_written_whole_and_read),
		cmocka_unit_test(what_is_no_profile_file_is_refused),
		cmocka_unit_test(damage_is_told_by_name),
		cmocka_unit_test(another_version_or_kind_of_tree_is_refused),
		cmocka_unit_test(what_a_newer_lkvm_adds_is_ignored),
		cmocka_unit_test(a_node_that_is_missing_is_named),
		cmocka_unit_test(any_damage_is_survived),
		cmocka_unit_test(values_are_put_together_by_features),
		cmocka_unit_test(the_table_says_it_in_words),
		cmocka_unit_test(json_has_everything_under_stable_keys),
	};

	return cmocka_run_group_tests_name("profile", tests, NULL, NULL);
}
