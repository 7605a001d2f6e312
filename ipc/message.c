/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of the control socket. libfdt judges the structure of what came in (dt_check), then
 * each property's length is checked where it is read. Texts reach terminals, so they are plain.
 */
#include <errno.h>
#include <inttypes.h>
#include <libfdt.h>
#include <string.h>
#include "ipc/message.h"

#define COMPATIBLE "lkvm,control"

int message_size(const void *head)
{
	const fdt32_t *cells = head; /* magic, totalsize */
	uint32_t size = fdt32_ld(&cells[1]);

	if (fdt32_ld(&cells[0]) != FDT_MAGIC || size < sizeof(struct fdt_header))
		return -EBADMSG;
	return size > MESSAGE_MAX ? -EMSGSIZE : (int)size;
}

static int start(struct dt *dt, struct err *e)
{
	int ret = dt_start(dt, e);

	if (ret < 0)
		return ret;
	dt_string(dt, "compatible", COMPATIBLE);
	dt_cells(dt, "version", MESSAGE_VERSION);
	return 0;
}

int request_encode(const struct request *request, struct dt *dt, struct err *e)
{
	int ret = start(dt, e);

	if (ret < 0)
		return ret;
	dt_string(dt, "command", request->command);
	if (request->disk[0])
		dt_string(dt, "disk", request->disk);
	if (request->size)
		dt_u64(dt, "size", request->size);
	return dt_finish(dt, e);
}

static void encode_balloon(const struct balloon_state *state, struct dt *dt)
{
	fdt64_t stat[BALLOON_NR_STATS];

	dt_u64(dt, "target", state->target);
	dt_u64(dt, "actual", state->actual);
	dt_u64(dt, "answers", state->answers);
	for (size_t i = 0; i < BALLOON_NR_STATS; i++)
		fdt64_st(&stat[i], state->stat[i]);
	dt_bytes(dt, "statistics", stat, sizeof(stat));
}

int reply_encode(const struct reply *reply, struct dt *dt, struct err *e)
{
	int ret = start(dt, e);

	if (ret < 0)
		return ret;
	dt_cells(dt, "status", (uint32_t)reply->status);
	dt_string(dt, "text", reply->text);
	if (reply->has_balloon)
		encode_balloon(&reply->balloon, dt);
	return dt_finish(dt, e);
}

static int get_u32(const void *fdt, const char *name, uint32_t *value, struct err *e)
{
	int len;
	const void *cell = fdt_getprop(fdt, 0, name, &len);

	if (!cell || len != sizeof(*value))
		return err_set(e, EBADMSG, "a message without a number: %s", name);
	*value = fdt32_ld(cell);
	return 0;
}

static int get_u64(const void *fdt, const char *name, uint64_t *value, struct err *e)
{
	int len;
	const void *cells = fdt_getprop(fdt, 0, name, &len);

	if (!cells || len != sizeof(*value))
		return err_set(e, EBADMSG, "a message without a number of 64 bits: %s", name);
	*value = fdt64_ld(cells);
	return 0;
}

static int get_text(const void *fdt, const char *name, char *text, size_t size, struct err *e)
{
	int len;
	const char *value = fdt_getprop(fdt, 0, name, &len);

	if (!value || len < 1 || (size_t)len > size || value[len - 1])
		return err_set(e, EBADMSG, "a message without a short text: %s", name);
	for (int i = 0; i < len - 1; i++) {
		if (value[i] < ' ' || value[i] > '~')
			return err_set(e, EBADMSG, "a message without a plain text: %s", name);
	}
	memcpy(text, value, (size_t)len);
	return 0;
}

/* What both kinds of messages begin with. */
static int check(const void *blob, size_t size, struct err *e)
{
	uint32_t version;
	int ret;

	if (dt_check(blob, size))
		return err_set(e, EBADMSG, "a message that is no device tree");
	if (fdt_node_check_compatible(blob, 0, COMPATIBLE))
		return err_set(e, EBADMSG, "a message that is not compatible with " COMPATIBLE);
	ret = get_u32(blob, "version", &version, e);
	if (ret < 0)
		return ret;
	if (version != MESSAGE_VERSION)
		return err_set(e, EPROTONOSUPPORT,
			       "a message of version %" PRIu32 ", and this lkvm speaks version %d",
			       version, MESSAGE_VERSION);
	return 0;
}

int request_decode(struct request *request, const void *blob, size_t size, struct err *e)
{
	int ret = check(blob, size, e);

	*request = (struct request){ 0 };
	if (ret == 0)
		ret = get_text(blob, "command", request->command, sizeof(request->command), e);
	if (ret == 0 && fdt_getprop(blob, 0, "disk", NULL))
		ret = get_text(blob, "disk", request->disk, sizeof(request->disk), e);
	if (ret == 0 && fdt_getprop(blob, 0, "size", NULL))
		ret = get_u64(blob, "size", &request->size, e);
	return ret;
}

/* A later version may tell more, an earlier one less: what did not come is not known. */
static int decode_balloon(const void *blob, struct balloon_state *state, struct err *e)
{
	int len;
	const fdt64_t *stat = fdt_getprop(blob, 0, "statistics", &len);
	int ret = get_u64(blob, "target", &state->target, e);

	if (ret == 0)
		ret = get_u64(blob, "actual", &state->actual, e);
	if (ret == 0)
		ret = get_u64(blob, "answers", &state->answers, e);
	for (size_t i = 0; i < BALLOON_NR_STATS; i++)
		state->stat[i] = stat && (i + 1) * sizeof(*stat) <= (size_t)len
					 ? fdt64_ld(&stat[i])
					 : BALLOON_STAT_UNKNOWN;
	return ret;
}

int reply_decode(struct reply *reply, const void *blob, size_t size, struct err *e)
{
	int ret = check(blob, size, e);
	uint32_t status = 0;

	if (ret == 0)
		ret = get_u32(blob, "status", &status, e);
	if (ret == 0)
		ret = get_text(blob, "text", reply->text, sizeof(reply->text), e);
	reply->has_balloon = ret == 0 && fdt_getprop(blob, 0, "answers", NULL);
	if (reply->has_balloon)
		ret = decode_balloon(blob, &reply->balloon, e);
	if (ret < 0)
		return ret;
	reply->status = (int32_t)status;
	return 0;
}
