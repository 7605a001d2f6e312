/* SPDX-License-Identifier: BSD-2-Clause */
/* Kernel files: any bytes as a kernel, recognised and loaded into a small RAM. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "arm/image.h"
#include "arm/map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ram ram = { 0 };
	struct image image;
	struct err e;
	gpa_t entry, end;
	char path[32];
	int fd = memfd_create("kernel", 0);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (image_open(&image, path, &e) == 0) {
		if (ram_create(&ram, MAP_RAM, 4 * MiB, NULL, false, &e) < 0)
			abort();
		if (image_load(&image, &ram, &entry, &end, &e) == 0 &&
		    (entry < ram.base || end < entry || end > ram_end(&ram)))
			abort(); /* what it says it needs is not RAM */
		ram_destroy(&ram);
		image_close(&image);
	}
	close(fd);
	return 0;
}
