/* SPDX-License-Identifier: BSD-2-Clause */
/* A machine's parts put together for tests. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fake/board.h"
#include "kvm/kvm.h"
#include "util/cleanup.h"

static void must(int ret, const struct err *e)
{
	if (ret < 0) {
		fprintf(stderr, "test board: %s\n", e->text);
		abort();
	}
}

void board_open(struct board *b, const struct fake_host *host, const struct machine_config *cfg)
{
	struct err e = { 0 };

	fake_start(host);
	memset(b, 0, sizeof(*b));
	b->cfg = *cfg;
	b->m = (struct machine){ .cfg = &b->cfg, .vm = VM_NONE, .gic = GIC_NONE };
	must(loop_create(&b->loop, &e), &e);
	b->kvm = kvm_open(FAKE_DEV, &e);
	must(b->kvm, &e);
	must(vm_create(&b->m.vm, b->kvm, host->ipa_bits ? (unsigned long)host->ipa_bits : 0,
		       &b->loop, &e),
	     &e);
	must(vm_add_ram(&b->m.vm, MAP_RAM, cfg->ram_size, NULL, cfg->mem_shared, &e), &e);
	must(vm_add_vcpus(&b->m.vm, b->kvm, cfg->nr_cpus, &e), &e);
}

void board_build(struct board *b, const struct fake_host *host, const struct machine_config *cfg)
{
	struct err e = { 0 };
	int version;

	board_open(b, host, cfg);
	must(cpus_init(&b->m, &e), &e);
	version = gic_choose(b->m.vm.fd, cfg->irqchip, cfg->nr_cpus, &e);
	must(version, &e);
	must(gic_create(&b->m.gic, &b->m.vm, (enum irqchip)version, MAP_SPI_NR, &e), &e);
	must(cpus_init_pmu(&b->m, &e), &e);
	must(power_init(&b->m, &e), &e);
	must(debug_init(&b->m, &e), &e);
}

void board_close(struct board *b)
{
	vm_destroy(&b->m.vm);
	gic_destroy(&b->m.gic);
	debug_destroy(&b->m);
	power_destroy(&b->m);
	free(b->m.mpidr);
	loop_destroy(&b->loop);
	close_fd(&b->kvm);
	fake_end();
}
