/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a saved VM can go on somewhere: what its host was like, held against what that one is like. */
#include "arm/compare.h"
#include "arm/profile.h"
#include "snapshot/snapshot.h"

int snapshot_judge(const struct saved_machine *saved, const struct machine_config *cfg,
		   const struct host_profile *to, enum snapshot_at at, struct comparison *c,
		   struct err *e)
{
	struct host_profile from = PROFILE_NONE;
	int ret = saved_profile(saved, cfg, &from, e);

	if (ret == 0)
		ret = compare_saved(&from, to, saved->features, c, e);
	if (ret == 0 && at != SNAPSHOT_THERE) /* no profile tells of files */
		ret = compare_disks(saved, cfg, at == SNAPSHOT_LIVE, c, e);
	if (ret == 0)
		comparison_allow(c, &cfg->allow);
	profile_free(&from);
	return ret;
}
