/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The block device: buffers from its queues become requests of the image behind it, and what the
 * image has done goes back, with one interrupt for a batch.
 *
 *	notify --> run_queue: pop, blk_read_chain --> backend.submit ... backend.kick
 *	                                                 |  at once          | later
 *	                              finish: status, push <--------------- done
 *	                    tell_driver: one interrupt a queue <----------- done_end
 *
 * Every buffer that a queue can hold has its room from the start (pages that are never used cost
 * nothing), so no request allocates, and the driver cannot have more in flight than that. One room
 * more is for looking whether there is a buffer while all the others are in flight.
 */
#include <assert.h>
#include <errno.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include "blk_chain.h"
#include "util/bits.h"
#include "virtio/blk.h"
#include "vm/dt_in.h"

/* Two parts of a chain are header and status. */
#define SEG_MAX (VIRTIO_BLK_QUEUE_SIZE - 2)

/* The longest DISCARD or WRITE_ZEROES: bounds how long the host is busy with one. */
#define RANGE_SECTORS_MAX (1 * GiB / BLOCK_SECTOR)

/*
 * Buffers taken in one go: a guest that fills its queue as fast must not keep the loop for itself.
 */
#define BATCH_MAX 64

static struct virtio_blk *to_blk(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_blk, dev);
}

#define FIELD(blk, name) ((blk)->config + offsetof(struct virtio_blk_config, name))

/*
 * Room for one more buffer: there is, since a ring never has more than its size out. That which was
 * used last is the warmest; new pages come last.
 */
static struct virtio_blk_request *find_room(struct virtio_blk *blk)
{
	struct work *room = blk->free;

	if (!room) {
		assert(blk->nr_used < blk->nr_requests);
		return &blk->request[blk->nr_used++];
	}
	blk->free = room->next;
	return container_of(room, struct virtio_blk_request, io.work);
}

static void give_back(struct virtio_blk *blk, struct virtio_blk_request *rq)
{
	rq->io.work.next = blk->free;
	blk->free = &rq->io.work;
}

/* Gives the buffer back with @status; the interrupt comes later. */
static void finish(struct virtio_blk *blk, struct virtio_blk_request *rq, uint8_t status)
{
	bool ok = status == VIRTIO_BLK_S_OK;

	blk->count.errors += !ok;
	*rq->status = status;
	/*
	 * After an error only the last byte has been written: of nothing else, if there was room
	 * for data.
	 */
	virtio_push(&blk->dev, rq->queue, rq->head, ok || rq->written == 1 ? rq->written : 0);
	blk->pushed |= 1U << rq->queue;
	give_back(blk, rq);
}

static uint8_t status_of(int result)
{
	if (result == -EOPNOTSUPP)
		return VIRTIO_BLK_S_UNSUPP;
	return result < 0 ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK;
}

/* The same for one that was in the back end's hands, for which a reset may be waiting. */
static void finish_late(struct virtio_blk *blk, struct virtio_blk_request *rq)
{
	unsigned int queue = rq->queue;

	finish(blk, rq, status_of(rq->io.result));
	blk->queue_in_flight[queue]--;
	if (!blk->queue_in_flight[queue])
		virtio_stopped(&blk->dev, (int)queue);
	blk->in_flight--;
	if (!blk->in_flight)
		virtio_stopped(&blk->dev, VIRTIO_ALL);
}

static void count(struct virtio_blk *blk, const struct block_request *io)
{
	switch (io->op) {
	case BLOCK_READ:
		blk->count.reads++;
		blk->count.read_bytes += io->len;
		break;
	case BLOCK_WRITE:
		blk->count.writes++;
		blk->count.write_bytes += io->len;
		break;
	case BLOCK_FLUSH:
		blk->count.flushes++;
		break;
	default:
		blk->count.discards++;
	}
}

static void submit(struct virtio_blk *blk, struct virtio_blk_request *rq)
{
	count(blk, &rq->io);
	if (blk->backend.submit(blk->backend.ctx, &rq->io)) {
		finish(blk, rq, status_of(rq->io.result));
		return;
	}
	blk->in_flight++;
	blk->queue_in_flight[rq->queue]++;
}

/* Whether a limit lets one more request through; if not, the timer comes when it does, and goes on with @queue. */
static bool has_credit(struct virtio_blk *blk, unsigned int queue)
{
	struct virtio_blk_limit *limit = &blk->limit;
	uint64_t now, early, other;

	if (!limit->bytes.rate && !limit->requests.rate)
		return true;
	now = limit->clock.now(limit->clock.ctx);
	early = bucket_wait(&limit->bytes, 1, now);
	other = bucket_wait(&limit->requests, 1, now);
	if (other > early)
		early = other;
	if (!early)
		return true;
	blk->waiting |= 1U << queue;
	timer_set(&limit->timer, early);
	return false;
}

static void spend(struct virtio_blk *blk, const struct block_request *io)
{
	bool moves = io->op == BLOCK_READ || io->op == BLOCK_WRITE;

	bucket_spend(&blk->limit.bytes, moves ? io->len : 0);
	bucket_spend(&blk->limit.requests, 1);
}

/* Takes one buffer; returns whether there was one. */
static bool run_one(struct virtio_blk *blk, unsigned int queue)
{
	struct virtio_blk_request *rq;
	struct virtq_chain chain;
	int ret;

	if (!has_credit(blk, queue))
		return false;
	rq = find_room(blk);
	if (!virtio_pop(&blk->dev, queue, &chain, rq->iov, BLK_PARTS_MAX)) {
		give_back(blk, rq);
		return false;
	}
	ret = blk_read_chain(blk, rq, &chain);
	if (ret < 0) {
		give_back(blk, rq);
		virtio_break(&blk->dev, "a request of %u bytes, with room for %u, is too short",
			     chain.out_len, chain.in_len);
		return false;
	}
	rq->head = chain.head;
	rq->queue = (uint8_t)queue;
	if (ret == BLK_SUBMIT) {
		spend(blk, &rq->io);
		submit(blk, rq);
	} else {
		finish(blk, rq, (uint8_t)ret);
	}
	return true;
}

/* Takes what is in @queue; if that is more than its share, blk_done_end() soon goes on with it. */
static void run_queue(struct virtio_blk *blk, unsigned int queue)
{
	for (unsigned int i = 0; i < BATCH_MAX; i++)
		if (!run_one(blk, queue))
			return;
	blk->waiting |= 1U << queue;
	blk->backend.later(blk->backend.ctx);
}

static void tell_driver(struct virtio_blk *blk)
{
	uint32_t queues = blk->pushed;

	blk->pushed = 0;
	for (; queues; queues &= queues - 1)
		virtio_push_end(&blk->dev, (unsigned int)__builtin_ctz(queues));
}

static void blk_notify(struct virtio_device *dev, unsigned int queue)
{
	struct virtio_blk *blk = to_blk(dev);

	run_queue(blk, queue);
	blk->backend.kick(blk->backend.ctx);
	tell_driver(blk);
}

/* Back to the cache mode that the user chose: what the driver chose ends with a reset. */
static void set_writeback(struct virtio_blk *blk, bool on)
{
	*FIELD(blk, wce) = on;
}

static bool blk_stop(struct virtio_device *dev, int queue)
{
	struct virtio_blk *blk = to_blk(dev);

	if (queue != VIRTIO_ALL) {
		blk->waiting &= ~(1U << queue);
		return !blk->queue_in_flight[queue];
	}
	blk->waiting = 0;
	set_writeback(blk, blk->backend.info.writeback);
	return !blk->in_flight;
}

/* Only the cache mode can be written (5.2.5), and only by a driver that knows how to flush. */
static void blk_config_write(struct virtio_device *dev, uint32_t off, uint32_t value,
			     unsigned int len)
{
	if (off == offsetof(struct virtio_blk_config, wce) && len == 1 &&
	    virtio_has(dev, VIRTIO_BLK_F_CONFIG_WCE))
		set_writeback(to_blk(dev), (value & 1) && virtio_has(dev, VIRTIO_BLK_F_FLUSH));
}

/* A driver that took CONFIG_WCE without FLUSH finds writes going through (5.2.5.2). */
static void blk_start(struct virtio_device *dev)
{
	if (!virtio_has(dev, VIRTIO_BLK_F_FLUSH))
		set_writeback(to_blk(dev), false);
}

static bool blk_freeze(struct virtio_device *dev)
{
	return !to_blk(dev)->in_flight;
}

static void blk_save(const struct virtio_device *dev, struct dt *dt)
{
	const struct virtio_blk *blk = container_of(dev, struct virtio_blk, dev);

	dt_cells(dt, "writeback", *FIELD(blk, wce));
	dt_u64(dt, "capacity", blk->backend.info.size);
}

static void blk_restore(struct virtio_device *dev, struct dt_in *in, int node)
{
	struct virtio_blk *blk = to_blk(dev);
	uint32_t writeback = 0;
	uint64_t size = 0;

	dt_in_u32(in, node, "writeback", &writeback);
	dt_in_u64(in, node, "capacity", &size);
	if (writeback > 1)
		dt_in_fail(in, "writeback", "no such value");
	if (in->ret < 0)
		return;
	if (blk->backend.info.readonly && dev->status & VIRTIO_CONFIG_S_FEATURES_OK &&
	    !virtio_has(dev, VIRTIO_BLK_F_RO)) {
		in->ret = err_set(in->e, EROFS, "%s: the guest writes to %s, which is read-only",
				  in->name, dev->name);
		return;
	}
	set_writeback(blk, writeback);
	dev->config_news |= size != blk->backend.info.size;
	dev->generation += size != blk->backend.info.size;
}

static const struct virtio_counter blk_counters[] = {
	{ "reads", offsetof(struct virtio_blk, count.reads) },
	{ "read-bytes", offsetof(struct virtio_blk, count.read_bytes) },
	{ "writes", offsetof(struct virtio_blk, count.writes) },
	{ "write-bytes", offsetof(struct virtio_blk, count.write_bytes) },
	{ "flushes", offsetof(struct virtio_blk, count.flushes) },
	{ "discards", offsetof(struct virtio_blk, count.discards) },
	{ "errors", offsetof(struct virtio_blk, count.errors) },
	{ 0 },
};

static const struct virtio_class blk_class = {
	.name = "blk",
	.id = VIRTIO_ID_BLOCK,
	.pci_class = 0x010000, /* mass storage, SCSI: what drivers of this device expect */
	.counters = blk_counters,
	.config_write = blk_config_write,
	.start = blk_start,
	.notify = blk_notify,
	.stop = blk_stop,
	.freeze = blk_freeze,
	.save = blk_save,
	.restore = blk_restore,
};

static void blk_done(void *ctx, struct block_request *io)
{
	finish_late(ctx, container_of(io, struct virtio_blk_request, io));
}

static void blk_done_end(void *ctx)
{
	struct virtio_blk *blk = ctx;
	uint32_t queues = blk->waiting;

	blk->waiting = 0;
	if (queues && virtio_runs(&blk->dev)) {
		for (; queues; queues &= queues - 1)
			run_queue(blk, (unsigned int)__builtin_ctz(queues));
		blk->backend.kick(blk->backend.ctx);
	}
	tell_driver(blk);
}

static void blk_resized(void *ctx, uint64_t size)
{
	struct virtio_blk *blk = ctx;

	blk->backend.info.size = size;
	put_le64(FIELD(blk, capacity), size / BLOCK_SECTOR);
	virtio_config_changed(&blk->dev);
}

struct block_frontend virtio_blk_frontend(struct virtio_blk *blk)
{
	return (struct block_frontend){ .done = blk_done,
					.done_end = blk_done_end,
					.resized = blk_resized,
					.ctx = blk,
					.lock = &blk->dev.lock };
}

static void fill_config(struct virtio_blk *blk, unsigned int nr_queues)
{
	const struct block_info *info = &blk->backend.info;
	uint32_t blocks = info->physical_block / info->logical_block;
	uint32_t align = info->discard_align / BLOCK_SECTOR;

	put_le64(FIELD(blk, capacity), info->size / BLOCK_SECTOR);
	put_le32(FIELD(blk, seg_max), SEG_MAX);
	put_le32(FIELD(blk, blk_size), info->logical_block);
	if (blocks > 1) {
		*FIELD(blk, physical_block_exp) = (uint8_t)__builtin_ctz(blocks);
		put_le16(FIELD(blk, min_io_size), (uint16_t)blocks);
	}
	put_le32(FIELD(blk, opt_io_size), info->optimal_io / info->logical_block);
	set_writeback(blk, info->writeback);
	put_le16(FIELD(blk, num_queues), (uint16_t)nr_queues);
	put_le32(FIELD(blk, max_discard_sectors), RANGE_SECTORS_MAX);
	put_le32(FIELD(blk, max_discard_seg), 1);
	put_le32(FIELD(blk, discard_sector_alignment), align ? align : 1);
	put_le32(FIELD(blk, max_write_zeroes_sectors), RANGE_SECTORS_MAX);
	put_le32(FIELD(blk, max_write_zeroes_seg), 1);
	*FIELD(blk, write_zeroes_may_unmap) = info->discard;
}

static uint64_t features_of(const struct block_info *info, unsigned int nr_queues)
{
	uint64_t features = 1ULL << VIRTIO_BLK_F_SEG_MAX | 1ULL << VIRTIO_BLK_F_BLK_SIZE |
			    1ULL << VIRTIO_BLK_F_FLUSH | 1ULL << VIRTIO_BLK_F_TOPOLOGY |
			    1ULL << VIRTIO_BLK_F_CONFIG_WCE;

	if (nr_queues > 1)
		features |= 1ULL << VIRTIO_BLK_F_MQ;
	if (info->readonly)
		return features | 1ULL << VIRTIO_BLK_F_RO;
	if (info->discard)
		features |= 1ULL << VIRTIO_BLK_F_DISCARD;
	return features | 1ULL << VIRTIO_BLK_F_WRITE_ZEROES;
}

int virtio_blk_init(struct virtio_blk *blk, const char *name, const struct ram *ram,
		    struct block_backend backend, unsigned int nr_queues, const char *serial,
		    struct err *e)
{
	int ret;

	*blk = (struct virtio_blk){ .backend = backend };
	ret = virtio_init(&blk->dev, &blk_class, name, ram, nr_queues, VIRTIO_BLK_QUEUE_SIZE,
			  features_of(&backend.info, nr_queues), e);
	if (ret < 0)
		return ret;
	memcpy(blk->serial, serial, strnlen(serial, VIRTIO_BLK_SERIAL_MAX));
	blk->dev.config = blk->config;
	blk->dev.config_size = sizeof(blk->config);
	fill_config(blk, nr_queues);
	blk->nr_requests = nr_queues * VIRTIO_BLK_QUEUE_SIZE + 1;
	blk->request = calloc(blk->nr_requests, sizeof(*blk->request));
	if (!blk->request)
		return err_set(e, ENOMEM, "%s: no memory for its requests", name);
	return 0;
}

void virtio_blk_set_limit(struct virtio_blk *blk, uint64_t bytes, uint64_t requests,
			  struct clock clock, struct timer timer)
{
	uint64_t now = clock.now(clock.ctx);

	blk->limit = (struct virtio_blk_limit){ .bytes = bucket_of(bytes, now),
						.requests = bucket_of(requests, now),
						.clock = clock,
						.timer = timer };
}

void virtio_blk_due(void *ctx)
{
	blk_done_end(ctx);
}

void virtio_blk_destroy(struct virtio_blk *blk)
{
	free(blk->request);
	blk->request = NULL;
	virtio_destroy(&blk->dev);
}
