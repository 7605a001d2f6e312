/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of "--network [mode=]MODE[,KEY=VALUE]...". A comma that belongs to a name is written twice. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "arm/networks.h"
#include "util/bits.h"
#include "util/cleanup.h"
#include "util/opt.h"

static int set_mac(struct network_option *nic, const char *value, struct err *e)
{
	static const uint8_t none[NET_MAC_SIZE];
	uint8_t mac[NET_MAC_SIZE];
	const char *p = value;

	for (int i = 0; i < NET_MAC_SIZE; i++) {
		char digits[3] = { 0 };

		if (!isxdigit((unsigned char)p[0]) || !isxdigit((unsigned char)p[1]) ||
		    p[2] != (i < NET_MAC_SIZE - 1 ? ':' : '\0'))
			return err_set(e, EINVAL,
				       "'%s' is not a MAC address such as 02:00:00:12:34:56",
				       value);
		memcpy(digits, p, 2);
		mac[i] = (uint8_t)strtoul(digits, NULL, 16);
		p += 3;
	}
	if (mac[0] & 1 || !memcmp(mac, none, sizeof(mac)))
		return err_set(e, EINVAL, "'%s' cannot be the MAC address of a single device",
			       value);
	memcpy(nic->mac, mac, sizeof(mac));
	nic->has_mac = true;
	return 0;
}

static int set_transport(struct network_option *nic, const char *value, struct err *e)
{
	return transport_parse(value, &nic->bus, e);
}

/* --- mode=tap --- */

static int set_copy(const char **field, const char *value, struct err *e)
{
	char *copy = strdup(value);

	if (!copy)
		return err_set(e, ENOMEM, "no memory for it");
	free((char *)*field);
	*field = copy;
	return 0;
}

static int set_tapif(struct network_option *nic, const char *value, struct err *e)
{
	if (!*value || strlen(value) >= IFNAMSIZ || strpbrk(value, "/% \t"))
		return err_set(e, EINVAL,
			       "'%s' is not an interface's name: 1 to %d characters, without '/'",
			       value, IFNAMSIZ - 1);
	return set_copy(&nic->tap.name, value, e);
}

static int set_script(struct network_option *nic, const char *value, struct err *e)
{
	if (!*value)
		return err_set(e, EINVAL, "the name of the file is empty");
	return set_copy(&nic->tap.script, value, e);
}

static int set_queues(struct network_option *nic, const char *value, struct err *e)
{
	uint32_t nr;
	int ret = opt_set_u32(&nr, value, e);

	if (ret == -EINVAL)
		return ret;
	if (ret < 0 || nr < 1 || nr > NET_PAIRS_MAX)
		return err_set(e, ERANGE, "'%s' is out of range: 1 to %d pairs of queues", value,
			       NET_PAIRS_MAX);
	if (nic->tap.by_fd && nr != nic->tap.nr_pairs)
		return err_set(e, EINVAL, "fd= has %u descriptors: one a pair", nic->tap.nr_pairs);
	nic->tap.nr_pairs = nr;
	return 0;
}

/* "3", or of several queues "3:4:5". */
static int set_fd(struct network_option *nic, const char *value, struct err *e)
{
	autofree char *text = strdup(value);
	char *rest = text, *word;
	unsigned int nr = 0;
	uint32_t fd;

	if (!text)
		return err_set(e, ENOMEM, "no memory for it");
	while ((word = strsep(&rest, ":"))) {
		if (opt_set_u32(&fd, word, NULL) < 0 || fd > INT32_MAX)
			return err_set(e, EINVAL, "'%s' is not a list of descriptors such as 3:4",
				       value);
		if (nr == NET_PAIRS_MAX)
			return err_set(e, E2BIG, "'%s' is too long: up to %d descriptors", value,
				       NET_PAIRS_MAX);
		nic->tap.fd[nr++] = (int)fd;
	}
	if (nic->tap.nr_pairs > 1 && nic->tap.nr_pairs != nr)
		return err_set(e, EINVAL, "'%s' has %u descriptors: one a pair of queues=%u", value,
			       nr, nic->tap.nr_pairs);
	nic->tap.by_fd = true;
	nic->tap.nr_pairs = nr;
	return 0;
}

static int set_vhost(struct network_option *nic, const char *value, struct err *e)
{
	bool on = !strcmp(value, "on") || !strcmp(value, "1");

	if (!on && strcmp(value, "off") && strcmp(value, "0"))
		return err_set(e, EINVAL, "'%s' is none of on, off", value);
	nic->vhost = on;
	return 0;
}

/* --- mode=user --- */

static bool is_port(const char *text)
{
	uint32_t nr;

	return opt_set_u32(&nr, text, NULL) == 0 && nr >= 1 && nr <= 65535;
}

/* Splits "[ADDRESS:]PORT"; an IPv6 address stands in brackets. Returns whether it is that; writes into @text. */
static bool split_host(char *text, const char **address, const char **port)
{
	char *colon = strrchr(text, ':');
	uint8_t bytes[16];
	int family = AF_INET;

	*port = colon ? colon + 1 : text;
	*address = NULL;
	if (!is_port(*port))
		return false;
	if (!colon || colon == text)
		return true;
	*colon = '\0';
	if (*text == '[' && colon[-1] == ']') {
		colon[-1] = '\0';
		text++;
		family = AF_INET6;
	}
	*address = text;
	return inet_pton(family, text, bytes) == 1;
}

static int set_hostfwd(struct network_option *nic, const char *value, struct err *e)
{
	autofree char *text = strdup(value);
	const char *address, *host, *guest, *option;
	char *from, *to, *spec;
	bool tcp, good;

	if (!text)
		return err_set(e, ENOMEM, "no memory for it");
	tcp = !strncmp(text, "tcp:", 4);
	from = text + 4;
	to = strchr(text, '-');
	good = (tcp || !strncmp(text, "udp:", 4)) && to;
	if (good)
		*to++ = '\0';
	guest = good && *to == ':' ? to + 1 : "";
	if (good && *to && *to != ':')
		return err_set(
			e, EINVAL,
			"'%s': the guest has one address, leave out what stands before its port",
			value);
	if (!good || !is_port(guest) || !split_host(from, &address, &host))
		return err_set(e, EINVAL,
			       "'%s' is not a forward such as tcp:8080-:80 or udp:127.0.0.1:53-:53",
			       value);
	if (nic->nr_ports == NETWORK_PORTS_MAX)
		return err_set(e, E2BIG, "'%s' is one too many: up to %d forwards", value,
			       NETWORK_PORTS_MAX);
	option = tcp ? "-t" : "-u";
	if (asprintf(&spec, "%s%s%s:%s", address ? address : "", address ? "/" : "", host, guest) <
	    0)
		return err_set(e, ENOMEM, "no memory for it");
	nic->port[2 * nic->nr_ports] = option;
	nic->port[2 * nic->nr_ports + 1] = spec;
	nic->nr_ports++;
	return 0;
}

/* --- All of them --- */

#define BOTH -1

static int set_bps(struct network_option *nic, const char *value, struct err *e)
{
	return opt_set_rate(&nic->bps, value, e);
}

static const struct {
	const char *name;
	int mode; /* that it is for */
	int (*set)(struct network_option *nic, const char *value, struct err *e);
} keys[] = {
	{ "mac", BOTH, set_mac },
	{ "guest_mac", BOTH, set_mac }, /* as kvmtool has it */
	{ "transport", BOTH, set_transport },
	{ "trans", BOTH, set_transport },
	{ "bps", BOTH, set_bps },
	{ "hostfwd", NETWORK_USER, set_hostfwd },
	{ "tapif", NETWORK_TAP, set_tapif },
	{ "script", NETWORK_TAP, set_script },
	{ "vhost", NETWORK_TAP, set_vhost },
	{ "queues", NETWORK_TAP, set_queues },
	{ "fd", NETWORK_TAP, set_fd },
};

#define KEYS "mac=, transport=, bps=, hostfwd=, tapif=, script=, vhost=, queues=, fd="

static int parse_key(struct network_option *nic, char *word, struct err *e)
{
	static const char *const modes[] = { [NETWORK_USER] = "user", [NETWORK_TAP] = "tap" };
	char *value = strchr(word, '=');

	if (!*word)
		return err_set(e, EINVAL, "nothing follows a comma");
	if (value)
		*value++ = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		int ret;

		if (strcmp(keys[i].name, word))
			continue;
		if (!value)
			return err_set(e, EINVAL, "'%s' needs a value: %s=...", word, word);
		if (keys[i].mode != BOTH && keys[i].mode != (int)nic->mode)
			return err_set(e, EINVAL, "'%s' is for mode=%s", word, modes[keys[i].mode]);
		ret = keys[i].set(nic, value, e);
		return ret < 0 ? err_wrap(e, ret, "%s", word) : 0;
	}
	return err_set(e, EINVAL, "'%s' is none of " KEYS, word);
}

/* The first word. Returns 1 for "none". */
static int parse_mode(struct network_option *nic, const char *word, struct err *e)
{
	if (!strncmp(word, "mode=", 5))
		word += 5;
	if (!strcmp(word, "none"))
		return 1;
	if (!strcmp(word, "user"))
		nic->mode = NETWORK_USER;
	else if (!strcmp(word, "tap"))
		nic->mode = NETWORK_TAP;
	else
		return err_set(e, EINVAL, "'%s' is none of mode=none, mode=user, mode=tap", word);
	return 0;
}

static void free_option(struct network_option *nic)
{
	free(nic->text);
	free((char *)nic->tap.name);
	free((char *)nic->tap.script);
	for (unsigned int i = 0; i < nic->nr_ports; i++)
		free((char *)nic->port[2 * i + 1]);
}

void network_options_free(struct network_options *networks)
{
	for (uint32_t i = 0; i < networks->nr; i++)
		free_option(&networks->nic[i]);
	free(networks->nic);
	*networks = (struct network_options){ 0 };
}

int network_parse(void *field, const char *value, struct err *e)
{
	struct network_options *networks = field;
	struct network_option nic = { .tap.nr_pairs = 1 }, *all;
	autofree char *text = strdup(value);
	char *rest = text;
	int ret;

	if (networks->nr == NETWORKS_MAX)
		return err_set(e, E2BIG, "'%s' is one too many: a VM has up to %d network devices",
			       value, NETWORKS_MAX);
	all = realloc(networks->nic, (networks->nr + 1) * sizeof(*all));
	if (all)
		networks->nic = all;
	if (!all || !text)
		return err_set(e, ENOMEM, "no memory for '%s'", value);
	ret = parse_mode(&nic, opt_next_word(&rest), e);
	if (ret == 1) {
		if (rest)
			return err_set(e, EINVAL, "'%s': there is nothing to say of no network",
				       value);
		network_options_free(networks);
		return 0;
	}
	while (ret == 0 && rest)
		ret = parse_key(&nic, opt_next_word(&rest), e);
	if (ret == 0 && nic.tap.by_fd && (nic.tap.name || nic.tap.script))
		ret = err_set(e, EINVAL,
			      "fd= stands for an interface that is there: no tapif=, no script=");
	if (ret == 0 && nic.bps && nic.vhost)
		ret = err_set(e, EINVAL,
			      "bps= does not go with vhost=on: the kernel moves the frames");
	nic.text = strdup(value);
	if (ret == 0 && !nic.text)
		ret = err_set(e, ENOMEM, "no memory for it");
	if (ret < 0) {
		free_option(&nic);
		return err_wrap(e, ret, "'%s'", value);
	}
	networks->nic[networks->nr++] = nic;
	return 0;
}

/* FNV-1a, 64 bits. */
void network_mac(const char *name, uint32_t nr, uint8_t mac[NET_MAC_SIZE])
{
	uint64_t hash = 0xcbf29ce484222325;

	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 0x100000001b3;
	hash = (hash ^ nr) * 0x100000001b3;
	hash ^= hash >> 32; /* the upper bits know all of it */
	for (int i = 0; i < NET_MAC_SIZE; i++)
		mac[i] = (uint8_t)(hash >> 8 * i);
	mac[0] = (uint8_t)((mac[0] & 0xfc) | 2);
}
