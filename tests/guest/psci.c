/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls every function of PSCI and of the other services behind the SMC Calling Convention, of every
 * version, with good and bad arguments, and prints each answer on a line: "CALL = ANSWER". By words
 * of the command line:
 *	(none)		all calls that come back, in one order; the last line is "psci: end"
 *	bad-address	the same, and CPU_ON at addresses where nothing can run
 *	digest		the same calls, of whose output only the digests are printed
 *	suspend		only SYSTEM_SUSPEND, from which the timer wakes the machine
 *	the names in the table below
 *			only these calls, each of which ends the machine; an answer is printed as
 *			"NAME = ANSWER", and after the last the machine is powered off
 */
#include "guest.h"
#include "psci-call.h"

#define VENDOR_TYPE 0x80000000 /* SYSTEM_RESET2: the first of those that are not Arm's */

static const struct {
	const char *word;
	uint32_t fn;
	uint64_t a1, a2;
} ends[] = {
	{ "off", 0x84000008, 0, 0 },
	{ "reset", 0x84000009, 0, 0 },
	{ "reset2-warm", 0xc4000012, 0, 0 },
	{ "reset2-warm-32", 0x84000012, 0, 0 },
	{ "reset2-vendor", 0xc4000012, VENDOR_TYPE, 0x1234 },
	{ "off2-hibernate", 0xc4000015, 1, 0 },
	{ "off2-hibernate-32", 0x84000015, 1, 0 },
	{ "off2-0", 0xc4000015, 0, 0 },
	{ "last-off", 0x84000002, 0, 0 },
};

static bool end_by_words(const struct guest *g)
{
	bool any = false;
	unsigned int i;

	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct answer a;

		if (!guest_has_arg(g, ends[i].word))
			continue;
		any = true;
		print("psci: %s\n", ends[i].word);
		a = call(ends[i].fn, ends[i].a1, ends[i].a2, 0);
		print("%s", ends[i].word);
		print_answer(READ_PSCI, &a);
	}
	return any;
}

/*
 * Each part's output is summed up in a line of its own, "digest: PART LINES CRC SIZE", so that a run can
 * be checked without the printing, which takes most of the time on slow consoles. CRC and SIZE are
 * as at the end of a gzip file (RFC 1952) of the part's lines, which end with LF there.
 */
static struct {
	uint32_t crc;
	unsigned int size;
	unsigned int lines;
	bool quiet;
} digest;

#define CRC32_REFLECTED 0xedb88320

static void add_byte(uint8_t byte)
{
	unsigned int bit;

	digest.crc ^= byte;
	for (bit = 0; bit < 8; bit++)
		digest.crc = digest.crc >> 1 ^ (digest.crc & 1 ? CRC32_REFLECTED : 0);
}

static bool add_to_digest(struct guest *g, const char *text, size_t size)
{
	size_t i;

	(void)g;
	for (i = 0; i < size; i++) {
		if (text[i] == '\r')
			continue;
		add_byte((uint8_t)text[i]);
		digest.size++;
		digest.lines += text[i] == '\n';
	}
	return !digest.quiet;
}

static void ask_part(struct guest *g, const char *name, void (*ask_it)(struct guest *g))
{
	digest.crc = ~0u;
	digest.size = 0;
	digest.lines = 0;
	g->on_print = add_to_digest;
	ask_it(g);
	g->on_print = NULL;
	print("digest: %s %u %08x %08x\n", name, digest.lines, ~digest.crc, digest.size);
}

static void ask_alone(struct guest *g)
{
	print("psci CPUs in the device tree = %u\n", cpu_count(&g->dt));
	ask_functions();
	ask_features();
	ask_suspend(g);
}

int guest_main(struct guest *g)
{
	uart_enable_fifo(&g->console);
	if (end_by_words(g))
		return 0;
	if (guest_has_arg(g, "suspend")) {
		ask_system_suspend(g);
		return 0;
	}
	digest.quiet = guest_has_arg(g, "digest");
	ask_part(g, "functions", ask_alone);
	ask_part(g, "cpus", ask_cpus);
	ask_part(g, "services", ask_services);
	if (guest_has_arg(g, "bad-address"))
		ask_part(g, "bad-address", ask_bad_addresses);
	print("psci: end\n");
	return 0;
}
