/* SPDX-License-Identifier: BSD-2-Clause */
/* The network devices that the user asked for: what lkvm run's --network says of each. */
#ifndef LKVM_ARM_NETWORKS_H
#define LKVM_ARM_NETWORKS_H

#include <stdbool.h>
#include <stdint.h>
#include "arm/transport.h"
#include "host/tap.h"
#include "util/err.h"

#define NETWORKS_MAX 8
/* Ports forwarded to one device. */
#define NETWORK_PORTS_MAX 64

struct network_option {
	enum { NETWORK_USER, NETWORK_TAP } mode;
	enum virtio_bus bus;
	char *text; /* the whole option, as it was given; malloc()ed */
	bool has_mac;
	uint8_t mac[NET_MAC_SIZE];
	uint64_t bps;          /* bytes a second each way at the most; 0: any number */
	bool vhost;            /* NETWORK_TAP: the kernel moves the frames */
	struct tap_config tap; /* NETWORK_TAP; its strings are this struct's own */
	/* NETWORK_USER: passt's options, option and value in turn, and NULL; the values are this struct's own. */
	const char *port[2 * NETWORK_PORTS_MAX + 1];
	unsigned int nr_ports;
};

struct network_options {
	struct network_option *nic; /* @nr of them */
	uint32_t nr;
};

/*
 * Appends the device of one "--network VALUE" to *@networks; "none" takes all of them away. Returns 0, or -errno
 * with @e naming what is wrong with @value; what was there before stays then. network_options_free() ends it all.
 * A setter for option rows: @networks is a struct network_options.
 */
int network_parse(void *networks, const char *value, struct err *e);
void network_options_free(struct network_options *networks);

/* The address of device @nr of the VM @name that was given none: the same each time, and administered locally. */
void network_mac(const char *name, uint32_t nr, uint8_t mac[NET_MAC_SIZE]);

#endif
