/* SPDX-License-Identifier: BSD-2-Clause */
/* What a command's guest says on the control port, in pieces; and the words that its options are. */
#include <stdlib.h>
#include <string.h>
#include "arm/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char prog[] = "prog", *argv[] = { prog, NULL };
	struct guest_command c = { .argv = argv };
	size_t step = size ? 1 + data[0] % 32 : 1;
	struct err e = { 0 };
	int status;

	for (size_t at = 0; at < size; at += step)
		command_hear(&c, data + at, size - at < step ? size - at : step);
	status = command_status(&c, &e);
	if (status < 0 || status > 255 || (c.done && !c.error) != !*e.text)
		abort();
	/* It goes to a terminal. */
	for (const char *p = c.failed; *p; p++)
		if (*p < ' ' || *p > '~')
			abort();
	return 0;
}
