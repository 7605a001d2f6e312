/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file system device (virtio 1.2, section 5.11): a tag for the guest to mount by. All its queues are the back
 * end's.
 */
#ifndef LKVM_VIRTIO_FS_H
#define LKVM_VIRTIO_FS_H

#include "virtio/vhost.h"

#define VIRTIO_FS_TAG_MAX 36
#define VIRTIO_FS_QUEUES  2 /* urgent ones, requests */

struct virtio_fs {
	struct virtio_device dev; /* first: the class gets it back from here */
	struct virtio_vhost vhost;
	uint8_t config[VIRTIO_FS_TAG_MAX + sizeof(uint32_t)];
};

/*
 * Makes the device. @tag: 1 to VIRTIO_FS_TAG_MAX bytes. Returns 0, or -ENOMEM with @e set; virtio_fs_destroy() also after
 * that. The back end is connected to virtio_vhost_frontend(&fs->vhost).
 */
int virtio_fs_init(struct virtio_fs *fs, const char *name, const struct ram *ram,
		   struct vhost_backend backend, const char *tag, struct err *e);
void virtio_fs_destroy(struct virtio_fs *fs);

#endif
