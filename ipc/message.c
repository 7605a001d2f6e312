/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of the control socket. libfdt judges the structure of what came in (dt_check), then
 * each property's length is checked where it is read. Texts reach terminals, so they are plain.
 */
#include <errno.h>
#include <inttypes.h>
#include <libfdt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "ipc/message.h"
#include "util/bits.h"

#define COMPATIBLE "lkvm,control"

int message_size(const void *head)
{
	const fdt32_t *cells = head; /* magic, totalsize */
	uint32_t size = fdt32_ld(&cells[1]);

	if (fdt32_ld(&cells[0]) != FDT_MAGIC || size < sizeof(struct fdt_header))
		return -EBADMSG;
	return size > MESSAGE_MAX ? -EMSGSIZE : (int)size;
}

/*
 * The arguments of requests: each stands in struct request, and on the wire under its name. One more is a row here
 * and a field there.
 */
static const struct argument {
	const char *name;
	size_t off, size; /* of a text, with its terminator; 0: a number of 64 bits */
} arguments[] = {
	{ "path", offsetof(struct request, path), MESSAGE_PATH_SIZE },
	{ "disk", offsetof(struct request, disk), MESSAGE_DISK_SIZE },
	{ "size", offsetof(struct request, size), 0 },
	{ "cpu", offsetof(struct request, cpu), 0 },
	{ "columns", offsetof(struct request, columns), 0 },
	{ "rows", offsetof(struct request, rows), 0 },
	{ "time-ns", offsetof(struct request, time), 0 },
	{ "key", offsetof(struct request, key), MESSAGE_KEY_SIZE },
};

int message_start(struct dt *dt, struct err *e)
{
	int ret = dt_start(dt, e);

	if (ret < 0)
		return ret;
	dt_string(dt, "compatible", COMPATIBLE);
	dt_cells(dt, "version", MESSAGE_VERSION);
	return 0;
}

static void encode_argument(const struct argument *arg, const struct request *request,
			    struct dt *dt)
{
	const void *field = (const char *)request + arg->off;
	const char *text = field;
	const uint64_t *number = field;

	if (arg->size && *text)
		dt_string(dt, arg->name, text);
	if (!arg->size && *number)
		dt_u64(dt, arg->name, *number);
}

int request_encode(const struct request *request, struct dt *dt, struct err *e)
{
	int ret = message_start(dt, e);

	if (ret < 0)
		return ret;
	dt_string(dt, "command", request->command);
	for (size_t i = 0; i < ARRAY_SIZE(arguments); i++)
		encode_argument(&arguments[i], request, dt);
	return dt_finish(dt, e);
}

void message_answer(struct dt *dt, int status, const char *fmt, ...)
{
	char text[MESSAGE_TEXT_SIZE];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	/* Names of files and the like may be anything. */
	for (char *c = text; *c; c++)
		*c = *c < ' ' || *c > '~' ? '?' : *c;
	dt_cells(dt, "status", (uint32_t)status);
	dt_string(dt, "text", text);
}

int message_number(const void *tree, int node, const char *name, uint64_t *value)
{
	int len;
	const void *cells = fdt_getprop(tree, node, name, &len);

	if (!cells || (len != sizeof(fdt64_t) && len != sizeof(fdt32_t)))
		return -ENOENT;
	*value = len == sizeof(fdt64_t) ? fdt64_ld(cells) : fdt32_ld(cells);
	return 0;
}

const char *message_text(const void *tree, int node, const char *name)
{
	int len;
	const char *text = fdt_getprop(tree, node, name, &len);

	if (!text || len < 1 || text[len - 1])
		return NULL;
	for (int i = 0; i < len - 1; i++) {
		if (text[i] < ' ' || text[i] > '~')
			return NULL;
	}
	return text;
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
	if (!message_text(fdt, 0, name))
		return err_set(e, EBADMSG, "a message without a plain text: %s", name);
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

static int decode_argument(const struct argument *arg, struct request *request, const void *blob,
			   struct err *e)
{
	void *field = (char *)request + arg->off;

	if (!fdt_getprop(blob, 0, arg->name, NULL))
		return 0;
	if (arg->size)
		return get_text(blob, arg->name, field, arg->size, e);
	return get_u64(blob, arg->name, field, e);
}

int request_decode(struct request *request, const void *blob, size_t size, struct err *e)
{
	int ret = check(blob, size, e);

	*request = (struct request){ 0 };
	if (ret == 0)
		ret = get_text(blob, "command", request->command, sizeof(request->command), e);
	for (size_t i = 0; i < ARRAY_SIZE(arguments) && ret == 0; i++)
		ret = decode_argument(&arguments[i], request, blob, e);
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
	if (ret == 0)
		reply->status = (int32_t)status;
	return ret;
}
