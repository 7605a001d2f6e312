/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attacks a shared folder by 9P messages that no driver sends. The folder holds "file" with "hello"; beside it lies "secret". Each line says
 * "p9: ATTACK: ok" or what came instead; after each the folder still serves. The last is "p9: N attacks, all ok" or how many were not.
 * With "fids=N" the guest takes up to N fids first.
 */
#include "p9-wire.h"
#include "str.h"

#define ROOT 1u
#define FID  2u /* of the attack that runs */
#define FILE 3u

#define O_RDWR_CREAT 0102u
#define S_IFCHR      0020000u
#define S_IFBLK      0060000u
#define AT_REMOVEDIR 0x200u

#define NEGATIVE 0x8000000000000000ull /* an offset of the host's has a sign */

static struct p9_wire wire;
static struct p9_wire *const w = &wire;

/* The session from its beginning: ROOT, and FILE open. Returns 0 or what went wrong. */
static int begin(void)
{
	int ret = p9_call(w, TVERSION, "ds", P9_ROOM, "9P2000.L");

	if (ret == 0)
		ret = p9_call(w, TATTACH, "ddssd", ROOT, NOFID, "", "", 0);
	if (ret == 0)
		ret = p9_call(w, TWALK, "ddws", ROOT, FILE, 1, "file");
	return ret ? ret : p9_call(w, TLOPEN, "dd", FILE, 2);
}

static bool serves(void)
{
	static const uint8_t answer[] = { 16, 0, 0, 0,   117, 1,   0,   5,
					  0,  0, 0, 'h', 'e', 'l', 'l', 'o' };

	if (p9_broke(w) && (!p9_reset(w) || begin()))
		return false;
	return p9_call(w, TREAD, "dqd", FILE, 0ull, 100) == 0 &&
	       memcmp(w->message[0].in, answer, sizeof(answer)) == 0;
}

/* Whether it is an error as a server has them: no answer, or one that is none, is a fault. */
static bool is_error(int ret)
{
	return ret < 0 && ret > -1000;
}

static bool negative_sizes(void)
{
	/* Of Tsetattr: valid (the size alone), mode, uid, gid, size, times. */
	return is_error(p9_call(w, TREAD, "dqd", FILE, NEGATIVE, 100)) &&
	       is_error(p9_call(w, TREAD, "dqd", FILE, ~0ull, 100)) &&
	       is_error(p9_call(w, TWRITE, "dqdd", FILE, NEGATIVE, 4, 0)) &&
	       is_error(p9_call(w, TWRITE, "dqdd", FILE, ~0ull, 4, 0)) &&
	       is_error(p9_call(w, TSETATTR, "dddddqqqqq", FILE, 8, 0, 0, 0, NEGATIVE, 0ull, 0ull,
				0ull, 0ull));
}

/* Asked for more than there is room for, it fills the room at most. */
static bool counts_beyond_the_room(void)
{
	int ret = p9_call(w, TREAD, "dqd", FILE, 0ull, 0xffffffffu);

	if (ret != 0 && !is_error(ret))
		return false;
	p9_message(w, 0, TREAD, 1, "dqd", FILE, 0ull, 0xfffffff0u);
	p9_offer_message(w, 0, 12);
	p9_notify(w);
	p9_wait(w, 1);
	for (unsigned int i = 12; i < 64; i++) {
		if (w->message[0].in[i] != 0xee)
			return false;
	}
	/* Said to be written are more bytes than the message has. */
	ret = p9_call(w, TWRITE, "dqdd", FILE, 0ull, 0xffffffffu, 0);
	return is_error(ret) || ret == -1002;
}

/* Each call that takes the name of something new. */
static bool creates(const char *name)
{
	return p9_call(w, TMKDIR, "dsdd", ROOT, name, 0755, 0) == 0 ||
	       p9_call(w, TSYMLINK, "dssd", ROOT, name, "x", 0) == 0 ||
	       p9_call(w, TMKNOD, "dsdddd", ROOT, name, 0100644, 0, 0, 0) == 0 ||
	       p9_call(w, TLINK, "dds", ROOT, FILE, name) == 0 ||
	       p9_call(w, TRENAME, "dds", FILE, ROOT, name) == 0 ||
	       p9_call(w, TRENAMEAT, "dsds", ROOT, "file", ROOT, name) == 0 ||
	       p9_call(w, TRENAMEAT, "dsds", ROOT, name, ROOT, "x") == 0 ||
	       p9_call(w, TUNLINKAT, "dsd", ROOT, name, 0) == 0 ||
	       p9_call(w, TUNLINKAT, "dsd", ROOT, name, AT_REMOVEDIR) == 0 ||
	       (p9_call(w, TWALK, "ddw", ROOT, FID, 0) == 0 &&
		p9_call(w, TLCREATE, "dsddd", FID, name, O_RDWR_CREAT, 0644, 0) == 0) ||
	       (p9_call(w, TCLUNK, "d", FID), false);
}

static bool names_that_are_paths(void)
{
	static const char *const names[] = {
		"..",          ".",       "",    "/",  "../secret", "../../secret",
		"/etc/passwd", "file/..", "./x", "\n", "new\nx",    "file\nx",
	};
	static char longest[4097];

	for (unsigned int i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (creates(names[i]))
			return false;
		/* ".." is a word of Twalk; the root's is the root. */
		if (strcmp(names[i], "..") &&
		    p9_call(w, TWALK, "ddws", ROOT, FID, 1, names[i]) == 0)
			return false;
	}
	memset(longest, 'n', sizeof(longest) - 1);
	return !creates(longest);
}

static bool qid_of_walk_is(const char *name, const uint8_t qid[13])
{
	bool same = p9_call(w, TWALK, "ddws", ROOT, FID, 1, name) == 0 &&
		    memcmp(w->message[0].in + 9, qid, 13) == 0;

	p9_call(w, TCLUNK, "d", FID);
	return same;
}

static bool dot_dot_at_the_root(void)
{
	uint8_t root[13];

	if (p9_call(w, TATTACH, "ddssd", 9, NOFID, "", "", 0))
		return false;
	memcpy(root, w->message[0].in + 7, sizeof(root));
	p9_call(w, TCLUNK, "d", 9);
	/* Sixteen of them, and what lies beside the folder. */
	if (p9_call(w, TWALK, "ddwssss", ROOT, FID, 4, "..", "..", "..", "secret") == 0 &&
	    p9_call(w, TLOPEN, "dd", FID, 0) == 0)
		return false;
	p9_call(w, TCLUNK, "d", FID);
	return qid_of_walk_is("..", root);
}

static bool symbolic_links(void)
{
	static const char *const targets[] = { "/etc", "..", "/proc/self/root", "/" };
	bool ok = true;

	for (unsigned int i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
		ok = ok && p9_call(w, TSYMLINK, "dssd", ROOT, "link", targets[i], 0) == 0;
		/* Through it nothing is found, whatever it points at; and it is not opened. */
		if (p9_call(w, TWALK, "ddwss", ROOT, FID, 2, "link", "passwd") == 0)
			ok = ok && p9_call(w, TLOPEN, "dd", FID, 0) != 0;
		p9_call(w, TCLUNK, "d", FID);
		if (p9_call(w, TWALK, "ddws", ROOT, FID, 1, "link") == 0)
			ok = ok && is_error(p9_call(w, TLOPEN, "dd", FID, 0));
		p9_call(w, TCLUNK, "d", FID);
		ok = ok && p9_call(w, TUNLINKAT, "dsd", ROOT, "link", 0) == 0;
	}
	return ok;
}

/* The host may be asked to make them, if lkvm may; they are not opened. */
static bool device_nodes(void)
{
	static const uint32_t modes[] = { S_IFCHR | 0666, S_IFBLK | 0666, 0010666, 0140666 };
	bool ok = true;

	for (unsigned int i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		p9_call(w, TMKNOD, "dsdddd", ROOT, "node", modes[i], 1, 3, 0);
		if (p9_call(w, TWALK, "ddws", ROOT, FID, 1, "node") == 0)
			ok = ok && is_error(p9_call(w, TLOPEN, "dd", FID, 2));
		p9_call(w, TCLUNK, "d", FID);
		p9_call(w, TUNLINKAT, "dsd", ROOT, "node", 0);
	}
	return ok;
}

/* One that is taken, one that is open, and one that is gone. */
static bool fids_again(void)
{
	bool ok = is_error(p9_call(w, TWALK, "ddw", ROOT, FILE, 0)) &&
		  is_error(p9_call(w, TATTACH, "ddssd", FILE, NOFID, "", "", 0)) &&
		  is_error(p9_call(w, TLOPEN, "dd", FILE, 2)) &&
		  is_error(p9_call(w, TLCREATE, "dsddd", FILE, "new", O_RDWR_CREAT, 0644, 0));

	/* Tlcreate makes the folder's fid the file's. */
	ok = ok && p9_call(w, TWALK, "ddw", ROOT, FID, 0) == 0 &&
	     p9_call(w, TLCREATE, "dsddd", FID, "new", O_RDWR_CREAT, 0644, 0) == 0 &&
	     is_error(p9_call(w, TLCREATE, "dsddd", FID, "newer", O_RDWR_CREAT, 0644, 0)) &&
	     is_error(p9_call(w, TREADDIR, "dqd", FID, 0ull, 100)) &&
	     p9_call(w, TUNLINKAT, "dsd", ROOT, "new", 0) == 0;
	return ok && p9_call(w, TCLUNK, "d", FID) == 0 && is_error(p9_call(w, TCLUNK, "d", FID)) &&
	       is_error(p9_call(w, TREAD, "dqd", FID, 0ull, 5));
}

/* Sizes in the header that are not the message's, and messages of which half is missing. */
static bool headers_that_lie(void)
{
	static const uint32_t sizes[] = { 0, 6, 7, 18, 20, 0x7fffffff, 0x80000000, 0xffffffff };

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		p9_message(w, 0, TGETATTR, 1, "dq", ROOT, ~0ull);
		for (unsigned int byte = 0; byte < 4; byte++)
			w->message[0].out[byte] = (uint8_t)(sizes[i] >> 8 * byte);
		p9_offer_message(w, 0, P9_ROOM);
		p9_notify(w);
		if ((p9_wait(w, 1) && p9_result(w, 0) == 0) || !serves())
			return false;
	}
	for (uint32_t len = 0; len < 19; len++) {
		p9_message(w, 0, TGETATTR, 1, "dq", ROOT, ~0ull);
		w->message[0].len = len;
		if (len >= 4)
			w->message[0].out[0] = (uint8_t)len;
		p9_offer_message(w, 0, P9_ROOM);
		p9_notify(w);
		if ((p9_wait(w, 1) && p9_result(w, 0) == 0) || !serves())
			return false;
	}
	return true;
}

static bool unknown_types(void)
{
	for (unsigned int type = 0; type < 256; type++) {
		if (type >= 8 && type <= 126)
			continue; /* where 9P has its own */
		if (!is_error(p9_call(w, (uint8_t)type, "dddddd", ROOT, FID, 0, 0, 0, 0)))
			return false;
	}
	return true;
}

/* Two messages of one tag, and a flush of itself. */
static bool tags_that_live(void)
{
	for (unsigned int slot = 0; slot < 2; slot++) {
		p9_message(w, slot, TREAD, 5, "dqd", FILE, 0ull, 5);
		p9_offer_message(w, slot, P9_ROOM);
	}
	p9_notify(w);
	if (p9_wait(w, 2) != 2)
		return false;
	p9_message(w, 0, TFLUSH, 7, "w", 7);
	p9_offer_message(w, 0, P9_ROOM);
	p9_notify(w);
	return p9_wait(w, 1) == 1;
}

/* A new session while another's messages are on their way; each is answered once. */
static bool a_version_in_flight(void)
{
	p9_message(w, 0, TREAD, 1, "dqd", FILE, 0ull, 5);
	p9_message(w, 1, TVERSION, 0xffff, "ds", P9_ROOM, "9P2000.L");
	p9_message(w, 2, TWALK, 2, "ddws", ROOT, FID, 1, "file");
	p9_message(w, 3, TVERSION, 0xffff, "ds", 1, "");
	for (unsigned int slot = 0; slot < P9_SLOTS; slot++)
		p9_offer_message(w, slot, P9_ROOM);
	p9_notify(w);
	return p9_wait(w, P9_SLOTS) == P9_SLOTS && begin() == 0;
}

static bool buffer(const struct p9_piece *piece, unsigned int nr)
{
	p9_message(w, 0, TGETATTR, 1, "dq", ROOT, ~0ull);
	p9_offer(w, 0, piece, nr);
	p9_notify(w);
	p9_wait(w, 1);
	return serves();
}

/* Buffers in the wrong order, too small, at the edge of RAM, in the registers of a device, around the end of addresses. */
static bool buffers(const struct guest *g)
{
	uint64_t out = (uint64_t)w->message[0].out, in = (uint64_t)w->message[0].in;
	uint64_t end = g->ram_base + g->ram_size;
	const struct p9_piece bad[][2] = {
		{ { in, P9_ROOM, true }, { out, 19, false } },
		{ { out, 19, false }, { in, 6, true } },
		{ { out, 19, false }, { in, 0, true } },
		{ { out, 0, false }, { in, P9_ROOM, true } },
		{ { end - 8, 19, false }, { in, P9_ROOM, true } },
		{ { out, 19, false }, { end - 8, P9_ROOM, true } },
		{ { end, 19, false }, { in, P9_ROOM, true } },
		{ { w->base, 19, false }, { in, P9_ROOM, true } },
		{ { out, 19, false }, { w->base, P9_ROOM, true } },
		{ { 0xfffffffffffffff0, 19, false }, { in, P9_ROOM, true } },
		{ { out, 0xffffffff, false }, { in, 0xffffffff, true } },
		{ { out, 19, false }, { out, 0xffffffff, true } },
	};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (!buffer(bad[i], 2)) {
			print("p9: buffer %u\n", i);
			return false;
		}
	}
	return buffer(bad[1], 1); /* no room for an answer at all */
}

/* Up to @nr fids: an error at some point or not at all, and every one is given back. */
static bool fids(uint32_t nr)
{
	uint32_t have = 0;
	bool ok = true;

	w->brief = true;
	while (have < nr && p9_call(w, TWALK, "ddw", ROOT, 100 + have, 0) == 0)
		have++;
	print("p9: %u fids\n", have);
	ok = serves();
	while (have--)
		ok = ok && p9_call(w, TCLUNK, "d", 100 + have) == 0;
	w->brief = false;
	return ok;
}

int guest_main(struct guest *g)
{
	static const struct {
		const char *name;
		bool (*run)(void);
	} attacks[] = {
		{ "negative sizes", negative_sizes },
		{ "counts beyond the room", counts_beyond_the_room },
		{ "names that are paths", names_that_are_paths },
		{ "dot-dot at the root", dot_dot_at_the_root },
		{ "symbolic links", symbolic_links },
		{ "device nodes", device_nodes },
		{ "fids again", fids_again },
		{ "headers that lie", headers_that_lie },
		{ "unknown types", unknown_types },
		{ "tags that live", tags_that_live },
		{ "a version in flight", a_version_in_flight },
	};
	uint32_t nr_fids = (uint32_t)guest_arg(g, "fids", 0);
	unsigned int nr = sizeof(attacks) / sizeof(*attacks), bad = 0;

	if (!p9_open(w, g) || begin()) {
		print("p9: no shared folder\n");
		return 1;
	}
	if (nr_fids)
		print("p9: fids: %s\n", fids(nr_fids) ? "ok" : (bad++, "FAILED"));
	for (unsigned int i = 0; i < nr; i++) {
		bool ok = attacks[i].run();

		ok = serves() && ok;
		print("p9: %s: %s\n", attacks[i].name, ok ? "ok" : (bad++, "FAILED"));
	}
	print("p9: buffers: %s\n", buffers(g) ? "ok" : (bad++, "FAILED"));
	if (bad)
		print("p9: %u attacks FAILED\n", bad);
	else
		print("p9: %u attacks, all ok\n", nr + 1);
	return bad != 0;
}
