/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VM that comes, from a stream that may hold anything. Nothing of it is a machine before all has come and was checked; and no
 * instruction of it runs before the other end has said that it will run none any more.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "arm/compare.h"
#include "arm/machine.h"
#include "arm/probe.h"
#include "arm/profile.h"
#include "snapshot/snapshot.h"
#include "snapshot/stream.h"
#include "util/bits.h"
#include "util/cleanup.h"

/* How long the other end may take to say that the VM is ours, once all has come. */
#define PATIENCE_MS 30000

static int broken(const struct incoming *in, int error, struct err *e)
{
	return err_set(e, error, "%s: %s", in->name,
		       error == EBADMSG ? "what comes is no VM" : "the connection broke");
}

/* A tree and its trailer, checked, as in->tree. */
static int take_tree(struct incoming *in, uint64_t size, struct err *e)
{
	uint64_t ram_off; /* of a file alone */
	uint8_t *tree = malloc(size);
	int ret;

	if (!tree)
		return err_sys(e, "no memory for the state of %s", in->name);
	free(in->tree);
	in->tree = tree;
	in->machine.fdt = tree;
	ret = stream_get(in->fd, tree, size, -1);
	if (ret < 0)
		return broken(in, -ret, e);
	return snapshot_check(tree, size, in->name, &ram_off, e);
}

/* The verdict, as lkvm check would print it, to who asks; 0 if it can come. */
static int answer(struct incoming *in, const struct comparison *c, struct err *e)
{
	enum compare_class worst = comparison_worst(c);
	uint64_t verdict = worst >= COMPARE_UNSAFE ? 2 : worst == COMPARE_HARMLESS;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	int ret;

	if (!out)
		return err_sys(e, "no memory for the verdict");
	compare_print_check(c, "it", "this host", out);
	ret = fclose(out) ? -ENOMEM
			  : stream_put_text(in->fd, STREAM_VERDICT, verdict, text, PATIENCE_MS);
	free(text);
	if (ret < 0)
		return broken(in, -ret, e);
	if (verdict < 2)
		return 0;
	in->told = true;
	return err_set(e, EINVAL, "%s cannot go on here: %s: %s", in->name, c->finding[0].name,
		       c->finding[0].text);
}

static int judge(struct incoming *in, const struct machine_config *cfg, struct err *e)
{
	struct host_profile here = PROFILE_NONE;
	struct comparison c = COMPARISON_NONE;
	int ret = host_probe(cfg->dev, &here, e);

	if (ret == 0)
		ret = snapshot_judge(&in->machine, cfg, &here, SNAPSHOT_LIVE, &c, e);
	if (ret == 0)
		ret = answer(in, &c, e);
	comparison_free(&c);
	profile_free(&here);
	return ret;
}

static int take_facts(struct incoming *in, struct machine_config *cfg, struct err *e)
{
	struct stream_record record;
	int ret = stream_get_record(in->fd, &record, -1);

	if (ret == 0 && record.type != STREAM_FACTS)
		ret = -EBADMSG;
	if (ret < 0)
		return broken(in, -ret, e);
	if (record.b != STREAM_VERSION)
		return err_set(e, EPROTONOSUPPORT,
			       "%s speaks version %" PRIu64 " of migration, this lkvm version %d",
			       in->name, record.b, STREAM_VERSION);
	ret = take_tree(in, record.a, e);
	if (ret == 0)
		ret = saved_machine_read(&in->machine, cfg, e);
	return ret < 0 ? ret : judge(in, cfg, e);
}

/* Where @len bytes from @off on are, or NULL: not in its memory. */
static uint8_t *place(const struct incoming *in, uint64_t off, uint64_t len)
{
	if (off > in->size || len > in->size - off)
		return NULL;
	return (uint8_t *)in->pages + off;
}

static int take_piece(struct incoming *in, const struct stream_record *record)
{
	uint8_t *to = place(in, record->a, record->b);

	if (!to)
		return -EBADMSG;
	if (record->type == STREAM_PAGES)
		return stream_get(in->fd, to, record->b, -1);
	memset(to, 0, record->b);
	return 0;
}

/* Its memory, in whichever order, until its state comes. */
static int take_memory(struct incoming *in, struct stream_record *record, struct err *e)
{
	int ret;

	do {
		ret = stream_get_record(in->fd, record, -1);
		if (ret == 0 && (record->type == STREAM_PAGES || record->type == STREAM_ZERO))
			ret = take_piece(in, record);
		else if (ret == 0 && record->type != STREAM_ROUND && record->type != STREAM_STATE)
			ret = -EBADMSG;
	} while (ret == 0 && record->type != STREAM_STATE);
	return ret < 0 ? broken(in, -ret, e) : 0;
}

/* All is in place here: whether it is ours now. */
static int arrived(void *ctx, struct err *e)
{
	struct incoming *in = ctx;
	struct stream_record record = { 0 };
	int ret;

	ret = stream_put_record(in->fd, STREAM_READY, 0, 0, PATIENCE_MS);
	if (ret == 0)
		ret = stream_get_record(in->fd, &record, PATIENCE_MS);
	if (ret == 0 && record.type != STREAM_GO)
		ret = -EBADMSG;
	if (ret < 0)
		return err_set(e, -ret, "%s did not let go of it: %s", in->name, strerror(-ret));
	in->arrived = true;
	stream_put_record(in->fd, STREAM_RUNNING, 0, 0, PATIENCE_MS);
	close_fd(&in->fd);
	return 0;
}

int incoming_receive(struct incoming *in, int fd, struct machine_config *cfg, struct err *e)
{
	struct stream_record record = { 0 };
	int ret;

	*in = INCOMING_NONE;
	in->fd = fd;
	in->name = strdup("the VM that comes");
	if (!in->name || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return err_sys(e, "cannot receive a VM");
	in->machine.name = in->name;
	ret = take_facts(in, cfg, e);
	if (ret < 0)
		return ret;
	in->pages = mmap(NULL, cfg->ram_size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (in->pages == MAP_FAILED)
		in->pages = NULL;
	if (!in->pages)
		return err_sys(e, "the host has no %" PRIu64 " MiB of memory for %s",
			       (uint64_t)(cfg->ram_size / MiB), in->name);
	in->machine.pages = &in->pages;
	in->size = cfg->ram_size;
	ret = take_memory(in, &record, e);
	if (ret == 0)
		ret = take_tree(in, record.a, e);
	if (ret < 0)
		return ret;
	in->machine.arrived = arrived;
	in->machine.ctx = in;
	return 0;
}

void incoming_close(struct incoming *in, const char *why)
{
	if (in->fd >= 0 && !in->arrived && !in->told)
		stream_put_text(in->fd, STREAM_FAILED, 0, why, 0);
	close_fd(&in->fd);
	if (in->pages)
		munmap(in->pages, in->size);
	free(in->tree);
	free(in->name);
	*in = INCOMING_NONE;
}
