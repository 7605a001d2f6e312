/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of registers as a profile has them, and fields of any register. */
#include <stdlib.h>
#include <string.h>
#include "arm/registers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A name that is taken stands for one id, whose own name stands for it too. */
static void check_name(const char *text)
{
	char name[REGISTER_NAME_SIZE];
	uint64_t id, again;

	if (!register_by_name(text, &id))
		return;
	register_name(id, name);
	if (!register_by_name(name, &again) || again != id)
		abort();
	if (strcmp(name, text) && strncmp(text, "reg-", 4))
		abort();
}

/* A field holds the bit it was asked for, and compares as at least itself. */
static void check_fields(uint64_t id, uint64_t value)
{
	register_kind(id);
	register_features(id);
	if (register_size(id) > REGISTER_BYTES_MAX)
		abort();
	for (unsigned int bit = 0; bit < 64; bit++) {
		struct register_field field = register_field_at(id, bit);
		uint64_t v = register_field_get(field, value);
		char text[REGISTER_NAME_SIZE];

		if (!(register_field_mask(field) >> bit & 1) ||
		    !register_field_covers(field, v, v) || !*register_field_name(field, text))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t words[2] = { 0 };
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	check_name(text);
	memcpy(words, data, size < sizeof(words) ? size : sizeof(words));
	check_fields(words[0], words[1]);
	free(text);
	return 0;
}
