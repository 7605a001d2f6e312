/* SPDX-License-Identifier: BSD-2-Clause */
/* modules.dep and modules.builtin, one text behind the other with a zero between; and compressed files. */
#include <stdlib.h>
#include <string.h>
#include "../../arm/unpack.h"
#include "arm/modules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "9p", "virtio_mmio", "a", "" };
	struct module_list list = { 0 };
	struct module_index index;
	struct err e = { 0 };
	size_t unpacked_size;
	uint8_t *unpacked;
	char *text = malloc(size + 2);

	if (!text)
		return 0;
	memcpy(text, data, size);
	memset(text + size, 0, 2);
	index = (struct module_index){ .dep = text, .builtin = text + strlen(text) + 1 };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		module_list_add(&list, &index, names[i]);
	if (list.nr > MODULES_MAX)
		abort();
	for (unsigned int i = 0; i < list.nr; i++)
		if (!*list.path[i] || strpbrk(list.path[i], ": \t\n"))
			abort();
	module_list_free(&list);
	free(text);
	if (unpack("file", data, size, &unpacked, &unpacked_size, &e) == 0) {
		if (unpacked_size > UNPACK_MAX || unpacked[unpacked_size])
			abort();
		free(unpacked);
	}
	return 0;
}
