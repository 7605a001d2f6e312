/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is the console byte exact? By word of the command line:
 *	(none)		prints "echo: ready", then sends back every byte it receives, up to the
 *			first 'q' (which it sends too), and powers off
 *	bytes		sends the 256 byte values in order and nothing else
 *	pattern[=KIB]	sends KIB KiB (1024) and nothing else: lines of seven hexadecimal digits
 *			that count from 0
 *	sink=N		prints "echo: ready", takes N bytes as fast as they come, and prints how
 *			many there were and their sum
 */
#include "guest.h"

static void send_bytes(const struct uart *u)
{
	unsigned char all[256];
	unsigned int i;

	for (i = 0; i < sizeof(all); i++)
		all[i] = (unsigned char)i;
	uart_write(u, all, sizeof(all));
}

static void send_pattern(const struct uart *u, uint64_t kib)
{
	char lines[128]; /* 16 lines of 8 */
	uint64_t line = 0;
	unsigned int i;

	while (line < kib * 1024 / 8) {
		for (i = 0; i < sizeof(lines); i += 8, line++) {
			unsigned int n;

			for (n = 0; n < 7; n++)
				lines[i + n] = "0123456789abcdef"[line >> (24 - 4 * n) & 15];
			lines[i + 7] = '\n';
		}
		uart_write(u, lines, sizeof(lines));
	}
}

static int receive(const struct uart *u)
{
	int c;

	while ((c = uart_read(u)) < 0)
		cpu_yield();
	return c;
}

int guest_main(struct guest *g)
{
	struct uart *u = &g->console;
	uint64_t kib = guest_arg(g, "pattern", guest_has_arg(g, "pattern") ? 1024 : 0);
	uint64_t nr = guest_arg(g, "sink", 0), sum = 0, i;
	char c = 0;

	if (guest_has_arg(g, "bytes")) {
		uart_enable_fifo(u);
		send_bytes(u);
	} else if (kib) {
		uart_enable_fifo(u);
		send_pattern(u, kib);
	} else if (nr) {
		print("echo: ready\n");
		for (i = 0; i < nr; i++)
			sum += (uint64_t)receive(u);
		print("echo: %lu bytes, sum %lu\n", nr, sum);
	} else {
		print("echo: ready\n");
		while (c != 'q') {
			c = (char)receive(u);
			uart_write(u, &c, 1);
		}
	}
	return 0;
}
