/* SPDX-License-Identifier: BSD-2-Clause */
/* Between compare.c, which goes through all matters, and compare_register.c, which judges one register. */
#ifndef LKVM_ARM_COMPARE_PARTS_H
#define LKVM_ARM_COMPARE_PARTS_H

#include "arm/compare.h"

/* One direction being judged. */
struct judge {
	const struct host_profile *from, *to;
	uint32_t features; /* the VM's */
	/*
	 * @from is what one VM has of its host, by saved_profile(): its values are those that its guest left, and what does not
	 * fit is told of this VM instead of some.
	 */
	bool saved;
	struct comparison *c;
};

/* A new finding about @name, zeroed but for it; NULL without memory. */
struct finding *judge_add(struct judge *j, enum compare_class class, const char *name);

/* What @f means. */
void judge_say(struct finding *f, enum compare_class class, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The worst first. */
void comparison_sort(struct comparison *c);

/* The finding about register @id, which the VM has. Returns 0 or -ENOMEM. */
int judge_register(struct judge *j, uint64_t id);

#endif
