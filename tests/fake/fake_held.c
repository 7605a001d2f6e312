/* SPDX-License-Identifier: BSD-2-Clause */
/* What a process holds: open files and mappings, to find out what was not given back. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "fake_priv.h"

unsigned int fake_open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int nr = 0;

	if (!dir)
		abort();
	while (readdir(dir))
		nr++;
	closedir(dir);
	return nr;
}

unsigned int fake_mapped_vcpus(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned int nr = 0;
	char line[512];

	if (!maps)
		abort();
	while (fgets(line, sizeof(line), maps))
		nr += strstr(line, "memfd:fake-vcpu") != NULL;
	fclose(maps);
	return nr - fake_own_mappings();
}

bool fake_ram_is_mapped(void)
{
	long page = sysconf(_SC_PAGESIZE);
	unsigned char resident;

	if (!fake_ram_host())
		return false;
	/* A byte in its middle: what the range's ends become is anyone's. */
	return mincore((char *)fake_ram_host() + fake_ram_size() / 2 / (size_t)page * (size_t)page,
		       1, &resident) == 0;
}
