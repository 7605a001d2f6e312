/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of the control socket, as any client or server may send them: framed by what their first
 * bytes say, then read as a request and as a reply. What can be read can be written and read again.
 */
#include <libfdt.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "ipc/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static void read_request(const void *blob, size_t size)
{
	struct request in = { 0 }, again = { 0 };
	struct dt dt = { 0 };

	if (request_decode(&in, blob, size, NULL) < 0)
		return;
	must(request_encode(&in, &dt, NULL) == 0);
	must(request_decode(&again, dt.blob, fdt_totalsize(dt.blob), NULL) == 0);
	must(!strcmp(in.command, again.command) && !strcmp(in.disk, again.disk));
	must(in.size == again.size);
	dt_free(&dt);
}

/* Everything in the tree as a client looks at it. */
static void read_values(const void *tree, int node)
{
	int property;

	fdt_for_each_property_offset(property, tree, node)
	{
		const char *name, *text;
		uint64_t number;

		fdt_getprop_by_offset(tree, property, &name, NULL);
		text = message_text(tree, node, name);
		must(!text || strlen(text) < MESSAGE_MAX);
		message_number(tree, node, name, &number);
	}
}

static void read_reply(const void *blob, size_t size)
{
	struct reply in = { 0 }, again = { 0 };
	struct dt dt = { 0 };
	int node;

	if (reply_decode(&in, blob, size, NULL) < 0)
		return;
	read_values(blob, 0);
	fdt_for_each_subnode(node, blob, 0) read_values(blob, node);
	must(message_start(&dt, NULL) == 0);
	message_answer(&dt, in.status, "%s", in.text);
	must(dt_finish(&dt, NULL) == 0);
	must(reply_decode(&again, dt.blob, fdt_totalsize(dt.blob), NULL) == 0);
	must(in.status == again.status && !strcmp(in.text, again.text));
	dt_free(&dt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int wanted;
	void *blob;

	if (size < MESSAGE_HEAD)
		return 0;
	wanted = message_size(data);
	must(wanted < 0 || (wanted > MESSAGE_HEAD && wanted <= MESSAGE_MAX));
	if (wanted < 0 || (size_t)wanted > size)
		return 0;
	/* Exactly so many bytes: a read beyond them is found. */
	blob = malloc((size_t)wanted);
	must(blob != NULL);
	memcpy(blob, data, (size_t)wanted);
	read_request(blob, (size_t)wanted);
	read_reply(blob, (size_t)wanted);
	free(blob);
	return 0;
}
