/* SPDX-License-Identifier: BSD-2-Clause */
/* What a machine's threads are confined to; see util/sandbox.h. */
#include "parts.h"
#include "util/timeline.h"

enum sandbox confine_vcpus(const struct machine_config *cfg)
{
	const struct console_options *console = &cfg->console;
	bool writes = log_is_put_aside() || console->line.limit.max;

	for (uint32_t i = 0; i < console->nr_ports; i++)
		writes = writes || console->port[i].line.limit.max;
	return writes ? SANDBOX_WRITER : SANDBOX_VCPU;
}

int confine(const struct machine_config *cfg, bool *confined, struct err *e)
{
	enum sandbox loop = SANDBOX_LOOP;
	int ret = 0;

	if (!cfg->sandbox || *confined)
		return 0;
	if (cfg->reboot)
		loop = cfg->fs.nr ? SANDBOX_NONE
				  : SANDBOX_REBUILD; /* virtiofsd is each life's own */
	ret = sandbox_start(loop, e);
	*confined = ret == 0;
	timeline_mark(cfg->timeline, "sandbox");
	return ret;
}
