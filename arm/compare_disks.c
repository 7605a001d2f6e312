/* SPDX-License-Identifier: BSD-2-Clause */
/* The disks of a saved VM on this host: opened as its restore would open them, looked at, and let go of. */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "arm/save.h"
#include "compare_parts.h"
#include "save_parts.h"

static int add(struct comparison *c, enum compare_class class, const struct err *why)
{
	struct judge j = { .saved = true, .c = c };
	struct finding *f = judge_add(&j, class, "disk");

	if (!f)
		return -ENOMEM;
	judge_say(f, class, "%s", why->text);
	return 0;
}

static int look_at_disks(const struct machine_config *cfg, struct comparison *c)
{
	int ret = 0;

	for (uint32_t i = 0; i < cfg->disks.nr && ret == 0; i++) {
		const struct disk_config *file = &cfg->disks.disk[i].file;
		struct err why = { 0 };

		if (access(file->path, file->readonly ? R_OK : R_OK | W_OK) < 0) {
			err_sys(&why, "disk '%s' cannot be used here", file->path);
			ret = add(c, COMPARE_IMPOSSIBLE, &why);
		}
	}
	return ret;
}

int compare_disks(const struct saved_machine *saved, const struct machine_config *cfg, bool live,
		  struct comparison *c, struct err *e)
{
	struct err why = { 0 };
	struct dt_in in = { .fdt = saved->fdt, .name = saved->name, .e = &why };
	struct loop loop = LOOP_NONE;
	void *disks = NULL;
	int ret = live ? look_at_disks(cfg, c) : loop_create(&loop, e);

	if (live && ret == 0)
		comparison_sort(c);
	if (live || ret < 0)
		return ret;
	in.ret = disks_part.open(&disks, cfg, &loop, &why);
	disks_check(disks, cfg, &in);
	if (in.ret < 0) /* what has changed, the user can allow */
		ret = add(c, in.ret == -ESTALE ? COMPARE_UNSAFE : COMPARE_IMPOSSIBLE, &why);
	if (disks)
		disks_part.close(disks);
	loop_destroy(&loop);
	if (ret < 0)
		return err_set(e, -ret, "cannot compare: %s", strerror(-ret));
	comparison_sort(c);
	return 0;
}
