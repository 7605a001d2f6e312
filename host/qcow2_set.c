/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * qcow2: which clusters hold the active metadata. An image made to harm may lead the guest's data, or
 * the allocator, to them; so they are known, and looked up before a cluster is written in place,
 * taken or freed.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include "qcow2.h"

/* The first place whose number is not below @nr. */
static size_t place(const struct qcow2_set *set, uint64_t nr)
{
	size_t low = 0, high = set->nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (set->nrs[mid] < nr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool qcow2_set_has(const struct qcow2_set *set, uint64_t nr)
{
	size_t i = place(set, nr);

	return i < set->nr && set->nrs[i] == nr;
}

static int make_room(struct qcow2_set *set, size_t more)
{
	size_t room = set->nr + more;
	uint64_t *nrs;

	if (room <= set->room)
		return 0;
	room += room / 2;
	nrs = realloc(set->nrs, room * sizeof(*nrs));
	if (!nrs)
		return -ENOMEM;
	set->nrs = nrs;
	set->room = room;
	return 0;
}

int qcow2_set_add(struct qcow2_set *set, uint64_t nr)
{
	size_t i = place(set, nr);
	int ret;

	if (i < set->nr && set->nrs[i] == nr)
		return 0;
	ret = make_room(set, 1);
	if (ret < 0)
		return ret;
	memmove(set->nrs + i + 1, set->nrs + i, (set->nr - i) * sizeof(*set->nrs));
	set->nrs[i] = nr;
	set->nr++;
	return 0;
}

void qcow2_set_remove(struct qcow2_set *set, uint64_t nr)
{
	size_t i = place(set, nr);

	if (i == set->nr || set->nrs[i] != nr)
		return;
	set->nr--;
	memmove(set->nrs + i, set->nrs + i + 1, (set->nr - i) * sizeof(*set->nrs));
}

/* Appends an array's own clusters and what its entries lead to; not sorted yet. */
static int append(struct qcow2 *q, const struct qcow2_array *array, uint64_t mask, const char *name,
		  struct err *e)
{
	uint32_t bits = q->header.cluster_bits;
	uint64_t clusters = (8ULL * array->nr + q->cluster_size - 1) >> bits;
	struct qcow2_set *set = &q->own;

	if (make_room(set, clusters + array->nr) < 0)
		return err_set(e, ENOMEM, "no memory for its %s table", name);
	for (uint64_t i = 0; i < clusters; i++)
		set->nrs[set->nr++] = (array->off >> bits) + i;
	for (uint32_t i = 0; i < array->nr; i++) {
		uint64_t off = array->entries[i] & mask;

		if (!array->entries[i])
			continue;
		if (!qcow2_off_ok(q, off))
			return err_set(e, EINVAL,
				       "entry %" PRIu32 " of its %s table leads nowhere (%#" PRIx64
				       "): `qemu-img check -r all` may mend it, ro attaches it "
				       "read-only",
				       i, name, array->entries[i]);
		set->nrs[set->nr++] = off >> bits;
	}
	return 0;
}

static int by_number(const void *one, const void *other)
{
	uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;

	return a < b ? -1 : a > b;
}

int qcow2_set_fill(struct qcow2 *q, struct err *e)
{
	struct qcow2_set *set = &q->own;
	int ret = qcow2_set_add(set, 0);

	if (ret < 0)
		return err_set(e, ENOMEM, "no memory for its tables");
	ret = append(q, &q->l1, QCOW2_OFFSET, "L1", e);
	if (ret == 0)
		ret = append(q, &q->reftable, UINT64_MAX, "refcount", e);
	if (ret < 0)
		return ret;
	qsort(set->nrs, set->nr, sizeof(*set->nrs), by_number);
	for (size_t i = 1; i < set->nr; i++)
		if (set->nrs[i] == set->nrs[i - 1])
			return err_set(e, EINVAL,
				       "two of its tables lie at one place (%#" PRIx64
				       "): `qemu-img check -r all` may mend it, ro attaches it "
				       "read-only",
				       set->nrs[i] << q->header.cluster_bits);
	return 0;
}
