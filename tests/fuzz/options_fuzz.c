/* SPDX-License-Identifier: BSD-2-Clause */
/* The texts of option values: PSCI versions, firmware pins, disks, sizes and numbers. */
#include <stdlib.h>
#include <string.h>
#include "arm/disks.h"
#include "arm/firmware.h"
#include "arm/psci.h"
#include "util/opt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct firmware_pins pins = { 0 };
	struct disk_options disks = { 0 };
	char back[PSCI_TEXT_SIZE];
	uint32_t version, number;
	uint64_t bytes;
	struct err e;
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	/* What is accepted is what it is called, to the letter. */
	if (psci_parse(text, &version, &e) == 0 && version != PSCI_AUTO &&
	    strcmp(psci_format(version, back), text))
		abort();
	if (firmware_parse(&pins, text, &e) == 0 && !strchr(text, '='))
		abort();
	/* Twice: one disk after another. */
	if (disk_parse(&disks, text, &e) == 0 && disk_parse(&disks, text, &e) != 0)
		abort();
	disk_options_free(&disks);
	opt_set_size(&bytes, text, &e);
	opt_set_u32(&number, text, &e);
	free(text);
	return 0;
}
