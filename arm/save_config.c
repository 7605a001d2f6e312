/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which devices a saved machine has: options as its user gave them, word by word, which are read again by who read them
 * then. What belongs to the host, files and networks, can be named anew; what the guest sees of a device stays.
 */
#include <errno.h>
#include <stdlib.h>
#include "save_parts.h"
#include "util/bits.h"

/* A list of strings, as it is being put together for dt_bytes(). */
struct strings {
	char *bytes;
	size_t len;
	bool failed;
};

static void add_string(struct strings *list, const char *text)
{
	size_t len = strlen(text) + 1;
	char *bytes = realloc(list->bytes, list->len + len);

	if (!bytes) {
		list->failed = true;
		return;
	}
	memcpy(bytes + list->len, text, len);
	list->bytes = bytes;
	list->len += len;
}

static int put_strings(struct dt *dt, const char *name, struct strings *list, struct err *e)
{
	if (list->len)
		dt_bytes(dt, name, list->bytes, list->len);
	free(list->bytes);
	return list->failed ? err_set(e, ENOMEM, "no memory") : 0;
}

int config_save(const struct machine *m, struct dt *dt, struct err *e)
{
	const struct machine_config *cfg = m->cfg;
	struct strings disks = { 0 }, networks = { 0 }, ports = { 0 };
	int ret;

	for (uint32_t i = 0; i < cfg->disks.nr; i++)
		add_string(&disks, cfg->disks.disk[i].text);
	for (uint32_t i = 0; i < cfg->networks.nr; i++)
		add_string(&networks, cfg->networks.nic[i].text);
	for (uint32_t i = 0; i < cfg->console.nr_ports; i++)
		add_string(&ports, cfg->console.port[i].text);
	dt_cells(dt, "pci", slots_bus(cfg, VIRTIO_BUS_DEFAULT) == VIRTIO_BUS_PCI);
	dt_cells(dt, "msi", !cfg->no_msi);
	dt_cells(dt, "virtio-console", cfg->console.virtio);
	dt_cells(dt, "virtio-console-pci", slots_bus(cfg, cfg->console.bus) == VIRTIO_BUS_PCI);
	dt_cells(dt, "balloon", cfg->balloon);
	if (cfg->rng.present) {
		dt_u64(dt, "rng-rate", cfg->rng.rate);
		dt_cells(dt, "rng-pci", slots_bus(cfg, cfg->rng.bus) == VIRTIO_BUS_PCI);
	}
	ret = put_strings(dt, "disks", &disks, e);
	if (ret == 0)
		ret = put_strings(dt, "networks", &networks, e);
	return ret < 0 ? ret : put_strings(dt, "ports", &ports, e);
}

/* --- And back --- */

static void get_bool(struct dt_in *in, int node, const char *name, bool *value)
{
	uint32_t cell = 0;

	dt_in_u32(in, node, name, &cell);
	if (cell > 1)
		dt_in_fail(in, name, "no such value");
	*value = cell;
}

static void get_bus(struct dt_in *in, int node, const char *name, enum virtio_bus *bus)
{
	bool pci = false;

	get_bool(in, node, name, &pci);
	*bus = pci ? VIRTIO_BUS_PCI : VIRTIO_BUS_MMIO;
}

/* Whether as many were named anew as there are, or none. */
static bool count_fits(struct dt_in *in, const char *what, uint32_t given, uint32_t nr)
{
	if (in->ret == 0 && given && given != nr)
		in->ret = err_set(in->e, EINVAL,
				  "%s has %u %s: give as many options for them as that, or none "
				  "(there are %u)",
				  in->name, nr, what, given);
	return in->ret == 0;
}

static void get_disks(struct dt_in *in, int node, struct disk_options *disks)
{
	struct disk_options was = { 0 };

	dt_in_strings(in, node, "disks", disk_parse, &was);
	if (!count_fits(in, "disks", disks->nr, was.nr)) {
		disk_options_free(&was);
		return;
	}
	for (uint32_t i = 0; i < disks->nr; i++) {
		struct disk_config file = was.disk[i].file;

		was.disk[i].file = disks->disk[i].file;
		disks->disk[i].file = file;
		free(was.disk[i].text); /* the next who saves it names it as it is now */
		was.disk[i].text = disks->disk[i].text;
		disks->disk[i].text = NULL;
	}
	disk_options_free(disks);
	*disks = was;
}

static void get_networks(struct dt_in *in, int node, struct network_options *networks)
{
	struct network_options was = { 0 };

	dt_in_strings(in, node, "networks", network_parse, &was);
	count_fits(in, "network devices", networks->nr, was.nr);
	for (uint32_t i = 0; i < was.nr && in->ret == 0 && !networks->nr; i++) {
		const struct tap_config *tap = &was.nic[i].tap;

		/* A file from anywhere must not run a program, and a descriptor is another's today. */
		if (tap->script || tap->by_fd)
			in->ret = err_set(in->e, EINVAL,
					  "%s has a network device '%s': say by --network what it "
					  "is here",
					  in->name, was.nic[i].text);
	}
	for (uint32_t i = 0; i < networks->nr && in->ret == 0; i++)
		networks->nic[i].bus = was.nic[i].bus;
	if (in->ret == 0 && !networks->nr) {
		*networks = was;
		return;
	}
	network_options_free(&was);
}

static void get_console(struct dt_in *in, int node, struct console_options *console)
{
	bool virtio = false;

	get_bool(in, node, "virtio-console", &virtio);
	if (in->ret == 0 && console->given && console->virtio != virtio)
		in->ret = err_set(in->e, EINVAL, "%s: the guest's console is %s: say --console %s",
				  in->name, virtio ? "virtio" : "serial",
				  virtio ? "virtio,..." : "serial,...");
	console->virtio = virtio;
	get_bus(in, node, "virtio-console-pci", &console->bus);
	if (dt_in_has(in, node, "ports"))
		dt_in_strings(in, node, "ports", console_parse_port, console);
}

void config_restore(struct dt_in *in, int node, struct machine_config *cfg)
{
	bool msi = true;

	get_bus(in, node, "pci", &cfg->bus);
	get_bool(in, node, "msi", &msi);
	cfg->no_msi = !msi;
	get_bool(in, node, "balloon", &cfg->balloon);
	cfg->rng.present = dt_in_has(in, node, "rng-rate");
	if (cfg->rng.present) {
		dt_in_u64(in, node, "rng-rate", &cfg->rng.rate);
		get_bus(in, node, "rng-pci", &cfg->rng.bus);
	}
	get_console(in, node, &cfg->console);
	get_disks(in, node, &cfg->disks);
	get_networks(in, node, &cfg->networks);
}
