/* SPDX-License-Identifier: BSD-2-Clause */
/* The file system device: its configuration. FUSE requests are between the driver and the back end. */
#include <assert.h>
#include <linux/virtio_ids.h>
#include <string.h>
#include "util/bits.h"
#include "virtio/fs.h"

/* Linux makes no request longer than its queue: 1 MiB, as FUSE allows, needs 256 parts and a few. */
#define QUEUE_SIZE 512

#define PCI_CLASS_STORAGE_OTHER 0x018000

static struct virtio_vhost *vhost_of(struct virtio_device *dev)
{
	return &container_of(dev, struct virtio_fs, dev)->vhost;
}

static void fs_start(struct virtio_device *dev)
{
	virtio_vhost_start(vhost_of(dev));
}

static void fs_notify(struct virtio_device *dev, unsigned int queue)
{
	virtio_vhost_notify(vhost_of(dev), queue);
}

static bool fs_stop(struct virtio_device *dev, int queue)
{
	return virtio_vhost_stop(vhost_of(dev), queue);
}

static const struct virtio_class fs_class = {
	.name = "fs",
	.id = VIRTIO_ID_FS,
	.pci_class = PCI_CLASS_STORAGE_OTHER,
	.start = fs_start,
	.notify = fs_notify,
	.stop = fs_stop,
};

int virtio_fs_init(struct virtio_fs *fs, const char *name, const struct ram *ram,
		   struct vhost_backend backend, const char *tag, struct err *e)
{
	size_t len = strlen(tag);
	int ret;

	assert(len <= VIRTIO_FS_TAG_MAX);
	*fs = (struct virtio_fs){ 0 };
	memcpy(fs->config, tag, len);
	put_le32(fs->config + VIRTIO_FS_TAG_MAX, VIRTIO_FS_QUEUES - 1);
	ret = virtio_init(&fs->dev, &fs_class, name, ram, VIRTIO_FS_QUEUES, QUEUE_SIZE, 0, e);
	if (ret < 0)
		return ret;
	fs->dev.config = fs->config;
	fs->dev.config_size = sizeof(fs->config);
	virtio_vhost_init(&fs->vhost, &fs->dev, backend, VIRTIO_FS_QUEUES, 0);
	return 0;
}

void virtio_fs_destroy(struct virtio_fs *fs)
{
	virtio_destroy(&fs->dev);
}
