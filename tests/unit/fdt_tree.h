/* SPDX-License-Identifier: BSD-2-Clause */
/* A device tree generated for a machine on the fake KVM, and what tests ask of its properties. */
#ifndef LKVM_UNIT_FDT_TREE_H
#define LKVM_UNIT_FDT_TREE_H

#include <libfdt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "fake/board.h"
#include "fake/play.h"
#include "vm/dt.h"

struct tree {
	struct board b;
	struct dt dt;
	const void *blob;
};

static inline struct machine_config config(unsigned int nr_cpus, uint32_t psci,
					   enum irqchip irqchip)
{
	struct machine_config cfg = play_config();

	cfg.nr_cpus = nr_cpus;
	cfg.psci = psci;
	cfg.irqchip = irqchip;
	return cfg;
}

static inline struct fake_host host(void)
{
	struct fake_host all = fake_7_3;

	all.gicv2 = all.pmu = true;
	return all;
}

static inline void tree_make(struct tree *t, const struct machine_config *cfg)
{
	struct fake_host all = host();
	struct err e = { 0 };

	board_build(&t->b, &all, cfg);
	assert_int_equal(fdt_generate(&t->b.m, &t->dt, &e), 0);
	assert_string_equal(e.text, "");
	t->blob = t->dt.blob;
	assert_int_equal(fdt_check_full(t->blob, fdt_totalsize(t->blob)), 0);
}

static inline void tree_free(struct tree *t)
{
	dt_free(&t->dt);
	board_close(&t->b);
}

static inline int node(const struct tree *t, const char *path)
{
	int off = fdt_path_offset(t->blob, path);

	if (off < 0)
		print_error("no node %s\n", path);
	assert_true(off >= 0);
	return off;
}

static inline void check_cells(const struct tree *t, const char *path, const char *name,
			       const uint32_t *cells, size_t nr)
{
	int len;
	const fdt32_t *value = fdt_getprop(t->blob, node(t, path), name, &len);

	assert_non_null(value);
	assert_int_equal(len, nr * sizeof(*cells));
	for (size_t i = 0; i < nr; i++)
		assert_int_equal(fdt32_to_cpu(value[i]), cells[i]);
}

#define check_prop(t, path, name, ...)                                \
	check_cells(t, path, name, (const uint32_t[]){ __VA_ARGS__ }, \
		    sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

/* @value: all bytes of the property but the last terminator, as a literal has them. */
#define check_text(t, path, name, value) check_bytes(t, path, name, value, sizeof(value))

static inline void check_bytes(const struct tree *t, const char *path, const char *name,
			       const void *bytes, size_t nr)
{
	int len;
	const void *value = fdt_getprop(t->blob, node(t, path), name, &len);

	assert_non_null(value);
	assert_int_equal(len, nr);
	assert_memory_equal(value, bytes, nr);
}

#endif
