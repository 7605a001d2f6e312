/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM that comes: who may bring it, and which options it leaves. */
#include <errno.h>
#include <string.h>
#include "arm/firmware.h"
#include "ipc/incoming.h"
#include "util/bits.h"

static bool pins_any(const struct firmware_pins *pins)
{
	const struct firmware_pins none = { 0 };

	return memcmp(pins, &none, sizeof(none)) != 0;
}

int arrival_check(const struct machine_config *cfg, struct err *e)
{
	const struct machine_config *d = &machine_config_default;
	const struct {
		const char *option;
		bool given;
	} rows[] = {
		{ "a kernel", cfg->kernel },
		{ "--initrd", cfg->initrd },
		{ "--params", cfg->params },
		{ "--dtb", cfg->dtb },
		{ "--dump-dtb", cfg->dump_dtb },
		{ "--mem", cfg->ram_size != d->ram_size },
		{ "--hugetlbfs", cfg->hugetlbfs },
		{ "--mem-shared", cfg->mem_shared },
		{ "--cpus", cfg->nr_cpus != d->nr_cpus },
		{ "--psci", cfg->psci_user },
		{ "--psci-version", cfg->psci != d->psci },
		{ "--firmware", pins_any(&cfg->firmware) },
		{ "--compat", cfg->compat },
		{ "--irqchip", cfg->irqchip != d->irqchip },
		{ "--msi", cfg->no_msi },
		{ "--virtio-transport", cfg->bus != d->bus },
		{ "--rng", cfg->rng.present },
		{ "--balloon", cfg->balloon },
		{ "--vsock", cfg->vsock.cid },
		{ "--fs", cfg->fs.nr },
		{ "--9p", cfg->shares.nr },
		{ "--port", cfg->console.nr_ports },
		{ "--pmu", cfg->pmu },
		{ "--nodefaults", cfg->nodefaults },
		{ "--reboot", cfg->reboot },
		{ "a command", cfg->command },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].given)
			return err_set(e, EINVAL,
				       "--incoming goes without %s: what the VM is comes with it",
				       rows[i].option);
	}
	return 0;
}

int arrival_wait(struct arrival *a, struct machine_config *cfg, struct err *e)
{
	int ret, fd;

	if (!a->where)
		return 0;
	ret = peer_accept(&a->peer, a->where, e);
	if (ret < 0)
		return err_wrap(e, ret, "--incoming");
	fd = a->peer.fd;
	a->peer.fd = -1;
	return incoming_receive(&a->incoming, fd, cfg, e);
}

void arrival_end(struct arrival *a, const char *why)
{
	incoming_close(&a->incoming, why);
	peer_close(&a->peer);
}
