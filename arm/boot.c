/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the guest boots from, and where it goes (Linux: Documentation/arch/arm64/booting.rst).
 *
 *	RAM base                                                        RAM end or 512 MiB
 *	| text_offset | kernel ... image_size |   free   | device tree | initrd |
 *
 * The kernel lies where its header wants it; the initrd ends the first 512 MiB (or all RAM, where
 * it needs more), with the tree right below: early allocators and old kernels find both in reach, and
 * the BSS of a flat binary, whose size nobody knows, grows towards free memory.
 */
#include <errno.h>
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>
#include "guest/embed.h"
#include "kvm/kvm.h"
#include "parts.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/timeline.h"
#include "vm/dt.h"

/* Kernels before 4.2 look for the tree within 512 MiB of themselves. */
#define LOW_WINDOW (512 * MiB)

/* The initrd must lie within 32 GiB, 1 GiB aligned, of the kernel. */
#define INITRD_WINDOW (32 * GiB)

/* What a kernel maps a tree with, and old ones only once: DT_SIZE_MAX fits exactly. */
#define DT_BLOCK (2 * MiB)
#define DT_ALIGN (64 * KiB)

int boot_open(struct boot_files *files, const struct machine_config *cfg, struct err *e)
{
	int ret;

	*files = BOOT_FILES_NONE;
	if (cfg->kernel)
		ret = image_open(&files->kernel, cfg->kernel, e);
	else
		ret = image_from_memory(&files->kernel, "the embedded guest", guest_default,
					(uint64_t)(guest_default_end - guest_default), e);
	if (ret < 0)
		return ret;
	if (cfg->command) {
		files->initrd = command_initramfs(cfg, &files->kernel, &files->initrd_size, e);
		if (files->initrd < 0)
			return files->initrd;
	} else if (cfg->initrd) {
		files->initrd = file_open(cfg->initrd, "initrd", &files->initrd_size, e);
		if (files->initrd < 0)
			return files->initrd;
	}
	if (cfg->dtb)
		return fdt_load(cfg->dtb, &files->dtb, &files->dtb_size, e);
	return 0;
}

void boot_close(struct boot_files *files)
{
	image_close(&files->kernel);
	close_fd(&files->initrd);
	free(files->dtb);
	*files = BOOT_FILES_NONE;
}

/* One past the last address that @need bytes above @kernel_end may end at, or 0 if they do not fit. */
static gpa_t choose_top(const struct ram *ram, gpa_t kernel_end, uint64_t need)
{
	static const uint64_t windows[] = { LOW_WINDOW, INITRD_WINDOW - GiB };

	for (size_t i = 0; i < ARRAY_SIZE(windows); i++) {
		gpa_t top = ram->base + (ram->size < windows[i] ? ram->size : windows[i]);

		if (kernel_end <= top && need <= top - kernel_end)
			return top;
	}
	return 0;
}

static const char *initrd_name(const struct machine *m)
{
	return m->cfg->command ? "of the command" : m->cfg->initrd;
}

static int load_initrd(struct machine *m, const struct boot_files *files, gpa_t kernel_end,
		       struct err *e)
{
	const struct ram *ram = &m->vm.ram;
	gpa_t top;
	int ret;

	/* With room for a device tree, the largest there may be. */
	top = choose_top(ram, kernel_end, files->initrd_size);
	if (!top)
		return err_set(
			e, E2BIG,
			"initrd %s (%llu KiB) does not fit beside the kernel, which ends %llu "
			"KiB into the %llu MiB of memory: use a larger --mem",
			initrd_name(m), (unsigned long long)(files->initrd_size / KiB),
			(unsigned long long)((kernel_end - ram->base) / KiB),
			(unsigned long long)(ram->size / MiB));
	m->initrd = align_down(top - files->initrd_size, 4 * KiB);
	m->initrd_end = m->initrd + files->initrd_size;
	if (m->initrd < kernel_end) /* the rounding took the last page */
		return err_set(e, E2BIG, "initrd %s does not fit: use a larger --mem",
			       initrd_name(m));
	ret = file_read_at(files->initrd, ram_slice(ram, m->initrd, files->initrd_size),
			   files->initrd_size, 0);
	if (ret < 0)
		return err_set(e, -ret, "cannot read initrd %s: %s", initrd_name(m),
			       strerror(-ret));
	return 0;
}

/* The tree in a buffer of DT_SIZE_MAX bytes: the user's, or a generated one. */
static int make_dt(struct machine *m, const struct boot_files *files, struct dt *dt, struct err *e)
{
	if (!files->dtb)
		return fdt_generate(m, dt, e);
	*dt = (struct dt){ .blob = malloc(DT_SIZE_MAX) };
	if (!dt->blob)
		return err_sys(e, "cannot read device tree %s", m->cfg->dtb);
	memcpy(dt->blob, files->dtb, files->dtb_size);
	return fdt_fix_chosen(m, dt->blob, e);
}

/* The highest place for @size bytes below @top, none of them in another 2 MiB block than the first. */
static gpa_t dt_place(gpa_t top, uint64_t size)
{
	gpa_t start = align_down(top - size, DT_ALIGN);
	gpa_t last_block = align_down(start + size - 1, DT_BLOCK);

	return start < last_block ? align_down(last_block - size, DT_ALIGN) : start;
}

/* Places the tree below @top and above @kernel_end. */
static int load_dt(struct machine *m, const struct dt *dt, gpa_t kernel_end, gpa_t top,
		   struct err *e)
{
	uint64_t size = fdt_totalsize(dt->blob);
	gpa_t lowest = m->vm.ram.base;

	m->dtb = top - lowest < size ? 0 : dt_place(top, size);
	if (m->dtb < kernel_end)
		return err_set(
			e, E2BIG,
			"the device tree (%llu KiB) does not fit beside kernel and initrd in "
			"%llu MiB of memory: use a larger --mem",
			(unsigned long long)(size / KiB),
			(unsigned long long)(m->vm.ram.size / MiB));
	return ram_write(&m->vm.ram, m->dtb, dt->blob, size);
}

/* So little to load that huge pages would cost more to clear than all of the start. */
static bool is_small(const struct boot_files *files)
{
	return files->kernel.size + files->initrd_size < 2 * MiB;
}

int boot_load(struct machine *m, const struct boot_files *files, struct err *e)
{
	struct dt dt = { 0 };
	gpa_t kernel_end, top;
	int ret;

	ram_use_huge_pages(&m->vm.ram, !is_small(files));
	ret = image_load(&files->kernel, &m->vm.ram, &m->entry, &kernel_end, e);
	if (ret < 0)
		return ret;
	timeline_mark(m->cfg->timeline, "kernel loaded");
	m->initrd = m->initrd_end = 0;
	if (files->initrd >= 0) {
		ret = load_initrd(m, files, kernel_end, e);
		if (ret < 0)
			return ret;
	}
	timeline_mark(m->cfg->timeline, "initrd loaded");
	ret = make_dt(m, files, &dt, e);
	if (ret == 0) {
		top = m->initrd ? m->initrd
				: choose_top(&m->vm.ram, kernel_end, fdt_totalsize(dt.blob));
		ret = load_dt(m, &dt, kernel_end, top ? top : ram_end(&m->vm.ram), e);
	}
	if (ret == 0 && m->cfg->dump_dtb)
		ret = file_write(m->cfg->dump_dtb, dt.blob, fdt_totalsize(dt.blob), e);
	dt_free(&dt);
	if (ret < 0)
		return ret;
	ram_use_huge_pages(&m->vm.ram, true);

	log_debug("kernel   0x%llx-0x%llx, entry 0x%llx", (unsigned long long)m->vm.ram.base,
		  (unsigned long long)kernel_end, (unsigned long long)m->entry);
	if (m->initrd)
		log_debug("initrd   0x%llx-0x%llx", (unsigned long long)m->initrd,
			  (unsigned long long)m->initrd_end);
	log_debug("dtb      0x%llx", (unsigned long long)m->dtb);
	return cpu_set_boot_regs(m, e);
}
