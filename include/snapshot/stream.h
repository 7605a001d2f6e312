/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What flows when a VM moves while it runs: records, some with bytes behind them; numbers big-endian. docs/migration.md
 * tells the conversation.
 */
#ifndef LKVM_SNAPSHOT_STREAM_H
#define LKVM_SNAPSHOT_STREAM_H

#include <stddef.h>
#include <stdint.h>
#include "snapshot/migrate.h"
#include "util/err.h"

#define STREAM_VERSION 1

/*
 * Writes or reads exactly @len bytes of a stream socket that does not block; each wait for the other end takes at most @patience_ms, or,
 * -1, any time. Return 0, or -errno: -ECONNRESET at the end, -ETIMEDOUT.
 */
int stream_put(int fd, const void *buf, size_t len, int patience_ms);
int stream_get(int fd, void *buf, size_t len, int patience_ms);

/* A record without anything behind it. */
int stream_put_record(int fd, enum stream_type type, uint64_t a, uint64_t b, int patience_ms);
/* -EBADMSG: it is none. */
int stream_get_record(int fd, struct stream_record *record, int patience_ms);

/* A record of @type and number @a with a text behind it, of STREAM_TEXT_MAX bytes at the most: its beginning. */
int stream_put_text(int fd, enum stream_type type, uint64_t a, const char *text, int patience_ms);

#endif
