/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A reader of flattened device trees. It knows no devices; everything in a guest that wants to know
 * what the machine has asks here.
 */
#include "dt.h"
#include "str.h"

#define FDT_MAGIC     0xd00dfeed
#define FDT_VERSION   17         /* the first with size_dt_struct */
#define FDT_MAX_SIZE  (2u << 20) /* arm64 boot protocol: a device tree is at most 2 MiB */
#define FDT_MAX_DEPTH 16

enum { BEGIN_NODE = 1, END_NODE = 2, PROP = 3, NOP = 4, END = 9 };

/* Header, in words */
enum {
	MAGIC,
	TOTALSIZE,
	OFF_STRUCT,
	OFF_STRINGS,
	OFF_RSVMAP,
	VERSION,
	LAST_COMP_VERSION,
	BOOT_CPUID,
	SIZE_STRINGS,
	SIZE_STRUCT
};

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t header(const void *blob, unsigned int word)
{
	return be32((const uint8_t *)blob + 4 * word);
}

bool dt_open(struct dt *dt, const void *blob)
{
	uint32_t total, structs, strings;

	*dt = (struct dt){ 0 };
	if (!blob || ((uintptr_t)blob & 7) || header(blob, MAGIC) != FDT_MAGIC ||
	    header(blob, VERSION) < FDT_VERSION || header(blob, LAST_COMP_VERSION) > FDT_VERSION)
		return false;
	total = header(blob, TOTALSIZE);
	structs = header(blob, OFF_STRUCT);
	strings = header(blob, OFF_STRINGS);
	if (total > FDT_MAX_SIZE || structs > total || strings > total || structs & 3 ||
	    header(blob, SIZE_STRUCT) > total - structs ||
	    header(blob, SIZE_STRINGS) > total - strings)
		return false;

	dt->structs = (const uint8_t *)blob + structs;
	dt->structs_size = header(blob, SIZE_STRUCT);
	dt->strings = (const char *)blob + strings;
	dt->strings_size = header(blob, SIZE_STRINGS);
	return true;
}

/* Length of the string at @p without its end; -1 if it has none within @room bytes. */
static int bounded_length(const void *p, uint32_t room)
{
	const char *s = p;
	uint32_t n;

	for (n = 0; n < room; n++)
		if (!s[n])
			return (int)n;
	return -1;
}

/*
 * Reads the token at @off. Returns the offset behind all that belongs to it, always inside the
 * block and above @off, or -1 at the end or where the tree is damaged.
 */
static int token(const struct dt *dt, int off, uint32_t *tag)
{
	uint32_t at = (uint32_t)off, room, len;
	int name;

	*tag = END;
	if (off < 0 || at > dt->structs_size || dt->structs_size - at < 4)
		return -1;
	*tag = be32(dt->structs + at);
	at += 4;
	room = dt->structs_size - at;
	switch (*tag) {
	case BEGIN_NODE:
		name = bounded_length(dt->structs + at, room);
		if (name < 0)
			return -1;
		len = (uint32_t)name + 1;
		break;
	case PROP:
		if (room < 8 || be32(dt->structs + at) > room - 8)
			return -1;
		len = 8 + be32(dt->structs + at);
		break;
	case END_NODE:
	case NOP:
		len = 0;
		break;
	default:
		return -1;
	}
	len = (len + 3) & ~3u;
	return len <= room ? (int)(at + len) : -1;
}

int dt_next(const struct dt *dt, int node)
{
	uint32_t tag;
	int at = 0;

	if (node >= 0)
		at = token(dt, node, &tag);
	while (at >= 0) {
		int here = at;

		at = token(dt, here, &tag);
		if (at >= 0 && tag == BEGIN_NODE)
			return here;
	}
	return -1;
}

int dt_child(const struct dt *dt, int node)
{
	uint32_t tag;
	int at = token(dt, node, &tag);

	while (at >= 0) {
		int here = at;

		at = token(dt, here, &tag);
		if (at >= 0 && tag == BEGIN_NODE)
			return here;
		if (tag != PROP && tag != NOP)
			break;
	}
	return -1;
}

int dt_sibling(const struct dt *dt, int node)
{
	int depth = 0, at = node;
	uint32_t tag;

	do {
		at = token(dt, at, &tag);
		if (at < 0)
			return -1;
		if (tag == BEGIN_NODE)
			depth++;
		else if (tag == END_NODE)
			depth--;
	} while (depth > 0);

	while (at >= 0) {
		int here = at;

		at = token(dt, here, &tag);
		if (at >= 0 && tag == BEGIN_NODE)
			return here;
		if (tag != NOP)
			break;
	}
	return -1;
}

static int parent(const struct dt *dt, int node)
{
	int stack[FDT_MAX_DEPTH], depth = 0, at = 0;
	uint32_t tag;

	while (at >= 0 && at < node) {
		int here = at;

		at = token(dt, here, &tag);
		if (at >= 0 && tag == BEGIN_NODE) {
			if (depth == FDT_MAX_DEPTH)
				return -1;
			stack[depth++] = here;
		} else if (at >= 0 && tag == END_NODE && --depth < 0) {
			return -1;
		}
	}
	return at == node && depth ? stack[depth - 1] : -1;
}

const char *dt_name(const struct dt *dt, int node)
{
	uint32_t tag;

	if (token(dt, node, &tag) < 0 || tag != BEGIN_NODE)
		return "";
	return (const char *)dt->structs + node + 4;
}

const uint8_t *dt_prop(const struct dt *dt, int node, const char *name, uint32_t *len)
{
	size_t wanted = strlen(name);
	uint32_t tag, name_off;
	int at = token(dt, node, &tag);

	while (at >= 0) {
		int here = at;

		at = token(dt, here, &tag);
		if (at < 0 || (tag != PROP && tag != NOP))
			break;
		if (tag == NOP)
			continue;
		name_off = be32(dt->structs + here + 8);
		if (name_off >= dt->strings_size || dt->strings_size - name_off <= wanted ||
		    memcmp(dt->strings + name_off, name, wanted + 1))
			continue;
		if (len)
			*len = be32(dt->structs + here + 4);
		return dt->structs + here + 12;
	}
	return NULL;
}

const char *dt_string_at(const struct dt *dt, int node, const char *name, unsigned int index)
{
	uint32_t len, at = 0;
	const uint8_t *value = dt_prop(dt, node, name, &len);

	while (value && at < len) {
		int n = bounded_length(value + at, len - at);

		if (n < 0)
			return NULL;
		if (!index--)
			return (const char *)value + at;
		at += (uint32_t)n + 1;
	}
	return NULL;
}

const char *dt_string(const struct dt *dt, int node, const char *name)
{
	return dt_string_at(dt, node, name, 0);
}

bool dt_has_string(const struct dt *dt, int node, const char *name, const char *s)
{
	const char *have;
	unsigned int i;

	for (i = 0; (have = dt_string_at(dt, node, name, i)); i++)
		if (!strcmp(have, s))
			return true;
	return false;
}

uint32_t dt_u32(const struct dt *dt, int node, const char *name, uint32_t other)
{
	uint32_t len;
	const uint8_t *value = dt_prop(dt, node, name, &len);

	return value && len == 4 ? be32(value) : other;
}

uint64_t dt_cells(const uint8_t *p, unsigned int cells)
{
	uint64_t value = 0;

	for (; cells; cells--, p += 4)
		value = value << 32 | be32(p);
	return value;
}

bool dt_reg(const struct dt *dt, int node, unsigned int index, uint64_t *address, uint64_t *size)
{
	int up = parent(dt, node);
	uint32_t addresses = dt_u32(dt, up, "#address-cells", 2);
	uint32_t sizes = dt_u32(dt, up, "#size-cells", 1);
	uint32_t len, entry;
	const uint8_t *reg = dt_prop(dt, node, "reg", &len);

	if (!reg || addresses < 1 || addresses > 2 || sizes > 2)
		return false;
	entry = 4 * (addresses + sizes);
	if (index >= len / entry)
		return false;
	reg += (size_t)index * entry;
	*address = dt_cells(reg, addresses);
	*size = dt_cells(reg + 4 * addresses, sizes);
	return true;
}

/* Does the node called @name answer to the @len characters at @part of a path? */
static bool name_matches(const char *name, const char *part, size_t len)
{
	if (strlen(name) < len || memcmp(name, part, len))
		return false;
	return !name[len] || (name[len] == '@' && !memchr(part, '@', len));
}

/* dt_path() for the first @len characters of @path. */
static int path_length(const struct dt *dt, const char *path, size_t len)
{
	const char *end = path + len;
	int node = dt_next(dt, -1);

	if (path == end || *path != '/')
		return -1;
	while (node >= 0) {
		const char *part;

		while (path < end && *path == '/')
			path++;
		if (path == end)
			return node;
		for (part = path; path < end && *path != '/';)
			path++;
		for (node = dt_child(dt, node); node >= 0; node = dt_sibling(dt, node))
			if (name_matches(dt_name(dt, node), part, (size_t)(path - part)))
				break;
	}
	return -1;
}

int dt_path(const struct dt *dt, const char *path)
{
	return path_length(dt, path, strlen(path));
}

int dt_alias(const struct dt *dt, const char *name)
{
	const char *colon = memchr(name, ':', strlen(name));
	size_t len = colon ? (size_t)(colon - name) : strlen(name);
	char alias[32];
	const char *path;

	if (*name == '/')
		return path_length(dt, name, len);
	if (len >= sizeof(alias))
		return -1;
	memcpy(alias, name, len);
	alias[len] = 0;
	path = dt_string(dt, dt_path(dt, "/aliases"), alias);
	return path ? dt_path(dt, path) : -1;
}

int dt_compatible(const struct dt *dt, int node, const char *compatible)
{
	while ((node = dt_next(dt, node)) >= 0)
		if (dt_has_string(dt, node, "compatible", compatible))
			return node;
	return -1;
}

int dt_phandle(const struct dt *dt, uint32_t phandle)
{
	int node = -1;

	if (!phandle)
		return -1;
	while ((node = dt_next(dt, node)) >= 0)
		if (dt_u32(dt, node, "phandle", 0) == phandle)
			return node;
	return -1;
}
