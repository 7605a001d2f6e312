/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console device's state: how far its driver is, what it has open, and what a line has taken of a buffer. The
 * lines themselves are the host's, and begin anew.
 */
#include <linux/virtio_config.h>
#include <linux/virtio_console.h>
#include "console_parts.h"
#include "util/bits.h"
#include "vm/dt_in.h"

static const struct dt_field fields[] = {
	DT_FIELD(virtio_console, spoke),
	DT_FIELD(virtio_console, settled),
};

static const struct dt_field port_fields[] = {
	DT_FIELD(virtio_console_port, sent),    DT_FIELD(virtio_console_port, added),
	DT_FIELD(virtio_console_port, open),    DT_FIELD(virtio_console_port, closing),
	DT_FIELD(virtio_console_port, hung_up), DT_FIELD(virtio_console_port, due),
};

void console_save(const struct virtio_device *dev, struct dt *dt)
{
	const struct virtio_console *con = container_of(dev, struct virtio_console, dev);

	dt_cells(dt, "ports", con->nr_ports);
	dt_fields(dt, con, fields, ARRAY_SIZE(fields));
	dt_bytes(dt, "emergency", con->emergency, con->nr_emergency);
	for (unsigned int i = 0; i < con->nr_ports; i++) {
		dt_begin(dt, "port@%x", i);
		dt_fields(dt, &con->port[i], port_fields, ARRAY_SIZE(port_fields));
		dt_end(dt);
	}
}

void console_restore(struct virtio_device *dev, struct dt_in *in, int node)
{
	struct virtio_console *con = container_of(dev, struct virtio_console, dev);
	uint32_t nr = 0;

	dt_in_u32(in, node, "ports", &nr);
	if (in->ret == 0 && nr != con->nr_ports)
		dt_in_fail(in, "ports", "there is another number of them here");
	dt_in_fields(in, node, con, fields, ARRAY_SIZE(fields));
	dt_in_bytes(in, node, "emergency", con->emergency, sizeof(con->emergency),
		    &con->nr_emergency);
	for (unsigned int i = 0; i < con->nr_ports && in->ret == 0; i++) {
		dt_in_fields(in, dt_in_nth(in, node, "port", i), &con->port[i], port_fields,
			     ARRAY_SIZE(port_fields));
		if (con->port[i].due >= CONSOLE_DUE_END)
			dt_in_fail(in, "due", "no such message");
	}
	if (in->ret < 0)
		return;
	/* The line here has another size, or none; and a driver that was not ready is waited for again. */
	if (virtio_has(dev, VIRTIO_CONSOLE_F_SIZE))
		dev->config_news = true;
	if (!con->settled && virtio_runs(dev))
		console_wait_for_driver(con);
}
