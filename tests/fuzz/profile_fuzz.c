/* SPDX-License-Identifier: BSD-2-Clause */
/* Host profiles: any bytes as one; what is accepted is written, read again, shown and compared. */
#include <stdlib.h>
#include <string.h>
#include "arm/compare.h"
#include "arm/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *shown(const struct host_profile *p, size_t *len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, len);

	if (!out)
		abort();
	profile_print(p, true, out);
	profile_print_json(p, out);
	fclose(out);
	return text;
}

/* Written and read again it is the same. */
static void check_round(const struct host_profile *p)
{
	struct host_profile again;
	size_t size, len[2];
	char *text[2];
	void *blob;
	struct err e;

	if (profile_encode(p, &blob, &size, &e) < 0 ||
	    profile_decode(&again, blob, size, "again", &e) < 0)
		abort();
	text[0] = shown(p, &len[0]);
	text[1] = shown(&again, &len[1]);
	if (len[0] != len[1] || memcmp(text[0], text[1], len[0]))
		abort();
	free(text[0]);
	free(text[1]);
	free(blob);
	profile_free(&again);
}

/* A VM can stay where it is, unless the profile contradicts itself; and the report never fails. */
static void check_compare(const struct host_profile *p)
{
	bool a_to_b, b_to_a;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	struct err e;

	if (!out || compare_print(p, "a", p, "b", true, out, &a_to_b, &b_to_a, &e) < 0)
		abort();
	if (a_to_b != b_to_a)
		abort();
	fclose(out);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct host_profile p;
	struct err e;
	void *copy = malloc(size ? size : 1); /* aligned, and its end is watched */

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	if (profile_decode(&p, copy, size, "input", &e) == 0) {
		check_round(&p);
		check_compare(&p);
		profile_free(&p);
	}
	free(copy);
	return 0;
}
