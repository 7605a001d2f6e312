/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the lab's Linux guests do to their disks. All data goes around the guest's page cache
 * (O_DIRECT), so that every request reaches the device, and all of it can be told from any other.
 *
 *	disk-load time FILE SIZE read|write COUNT	COUNT requests of SIZE bytes, one after another:
 *							nanoseconds each, for tests/bench
 *	disk-load verify FILE OPS [JOBS]		random reads, writes, discards and zeroing of
 *							random lengths, checked; JOBS at the same time
 *	disk-load records DIR FIRST			appends records to DIR/records, each on the disk
 *							before its number is said, beside other work; for ever
 *	disk-load check DIR LAST			the records up to LAST are all there
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECTOR    512u
#define KIB       1024u
#define MIB       (1024u * KIB)
#define RECORD    (4 * KIB)
#define SPAN_MAX  (8 * MIB) /* what one job of verify works on */
#define WARM_UP   16
#define BULK_STEP MIB
#define BULK_MAX  (8 * MIB)

static void fail(const char *what)
{
	dprintf(STDERR_FILENO, "disk-load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void *buffer(size_t size)
{
	void *p;

	errno = posix_memalign(&p, 4 * KIB, size);
	if (errno)
		fail("memory");
	return p;
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static uint64_t size_of(int fd, const char *path)
{
	uint64_t size;
	struct stat st;

	if (fstat(fd, &st) < 0)
		fail(path);
	if (!S_ISBLK(st.st_mode))
		return st.st_size;
	if (ioctl(fd, BLKGETSIZE64, &size) < 0)
		fail(path);
	return size;
}

/* xorshift64: the same numbers in every run. */
static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void transfer(int fd, bool write_it, void *buf, size_t size, uint64_t off, const char *path)
{
	ssize_t done = write_it ? pwrite(fd, buf, size, off) : pread(fd, buf, size, off);

	if (done < 0)
		fail(path);
	if ((size_t)done != size) {
		errno = EIO;
		fail(path);
	}
}

static int do_time(const char *path, size_t size, bool write_it, unsigned int count)
{
	int fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	uint64_t slots, off, state = 88172645463325252ull;
	int64_t start = 0;
	char *buf;

	if (fd < 0 || size == 0 || size % SECTOR)
		fail(path);
	slots = size_of(fd, path) / size;
	buf = buffer(size);
	memset(buf, 0x5a, size);
	for (unsigned int i = 0; i < WARM_UP + count; i++) {
		if (i == WARM_UP)
			start = now_ns();
		off = next(&state) % slots * size;
		transfer(fd, write_it, buf, size, off, path);
	}
	printf("disk-load: %s %zu: %u requests, %lld ns each\n", write_it ? "write" : "read", size,
	       count, (long long)((now_ns() - start) / count));
	return 0;
}

/* --- verify --- */

/* What a sector holds: a number that no other sector at any other time holds. */
enum { ZERO = 0, UNKNOWN = UINT32_MAX };

struct span {
	int fd;
	const char *path;
	uint64_t start;
	uint32_t nr;       /* sectors */
	uint32_t *version; /* of each sector */
	uint32_t last;     /* version given out */
	uint64_t state;
	char *buf;
};

static void fill(uint64_t *words, uint64_t sector, uint32_t version)
{
	for (unsigned int i = 0; i < SECTOR / sizeof(*words); i++)
		words[i] =
			version == ZERO ? 0 : (sector << 32 | version) * 0x9e3779b97f4a7c15ull + i;
}

static void check_sectors(struct span *s, uint32_t first, uint32_t nr)
{
	uint64_t want[SECTOR / sizeof(uint64_t)];

	transfer(s->fd, false, s->buf, (size_t)nr * SECTOR, s->start + (uint64_t)first * SECTOR,
		 s->path);
	for (uint32_t i = 0; i < nr; i++) {
		uint64_t sector = s->start / SECTOR + first + i;

		if (s->version[first + i] == UNKNOWN)
			continue;
		fill(want, sector, s->version[first + i]);
		if (!memcmp(s->buf + (size_t)i * SECTOR, want, SECTOR))
			continue;
		dprintf(STDERR_FILENO,
			"disk-load: %s: sector %llu does not hold what was written (%u)\n", s->path,
			(unsigned long long)sector, s->version[first + i]);
		exit(1);
	}
}

static void write_sectors(struct span *s, uint32_t first, uint32_t nr)
{
	s->last++;
	for (uint32_t i = 0; i < nr; i++) {
		fill((uint64_t *)(s->buf + (size_t)i * SECTOR), s->start / SECTOR + first + i,
		     s->last);
		s->version[first + i] = s->last;
	}
	transfer(s->fd, true, s->buf, (size_t)nr * SECTOR, s->start + (uint64_t)first * SECTOR,
		 s->path);
}

/* A disk need not have them: then nothing changes. Before it is done, and if it fails, no one knows. */
static void clear_sectors(struct span *s, uint32_t first, uint32_t nr, bool zero)
{
	uint64_t range[2] = { s->start + (uint64_t)first * SECTOR, (uint64_t)nr * SECTOR };
	int ret = ioctl(s->fd, zero ? BLKZEROOUT : BLKDISCARD, range);

	if (ret < 0 && errno != EOPNOTSUPP)
		fail(zero ? "BLKZEROOUT" : "BLKDISCARD");
	for (uint32_t i = 0; ret == 0 && i < nr; i++)
		s->version[first + i] = zero ? ZERO : UNKNOWN;
}

static int verify_span(struct span *s, unsigned int ops)
{
	/* Small requests, some large, one in a while that has to be split. */
	static const uint32_t most[] = { 1, 8, 8, 8, 16, 64, 256, 2048 };

	for (uint32_t i = 0; i < s->nr; i++)
		s->version[i] = UNKNOWN;
	for (unsigned int i = 0; i < ops; i++) {
		uint32_t nr = 1 + next(&s->state) % most[next(&s->state) % 8];
		uint32_t first = next(&s->state) % (s->nr - nr + 1);
		unsigned int what = next(&s->state) % 32;

		if (what == 0)
			clear_sectors(s, first, nr, true);
		else if (what == 1)
			clear_sectors(s, first, nr, false);
		else if (what == 2 && fdatasync(s->fd) < 0)
			fail("fdatasync");
		else if (what < 20)
			write_sectors(s, first, nr);
		else
			check_sectors(s, first, nr);
	}
	for (uint32_t i = 0; i < s->nr; i += 2048)
		check_sectors(s, i, s->nr - i < 2048 ? s->nr - i : 2048);
	return 0;
}

static int do_verify(const char *path, unsigned int ops, unsigned int jobs)
{
	int fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC), status, failed = 0;
	uint64_t span;

	if (fd < 0)
		fail(path);
	span = size_of(fd, path) / jobs / SECTOR * SECTOR;
	if (span > SPAN_MAX)
		span = SPAN_MAX;
	for (unsigned int i = 0; i < jobs; i++) {
		struct span s = { .fd = fd,
				  .path = path,
				  .start = i * span,
				  .nr = span / SECTOR,
				  .state = 0x2545f4914f6cdd1dull + i };
		pid_t pid = fork();

		if (pid < 0)
			fail("fork");
		if (pid > 0)
			continue;
		s.buf = buffer(MIB);
		s.version = calloc(s.nr, sizeof(*s.version));
		if (!s.version || s.nr < 4096) {
			errno = ENOSPC;
			fail(path);
		}
		_exit(verify_span(&s, ops));
	}
	while (wait(&status) > 0)
		failed |= status;
	if (!failed)
		printf("disk-load: %s: %u jobs, %u requests each: all as written\n", path, jobs,
		       ops);
	return failed != 0;
}

/* --- records --- */

static void fill_record(uint64_t *words, uint64_t number)
{
	for (unsigned int i = 0; i < RECORD / sizeof(*words); i++)
		words[i] = i ? number * 0x9e3779b97f4a7c15ull + i : number;
}

/* Data that is always on its way, and files that come and go. */
static void churn(const char *dir)
{
	char path[256], *buf = buffer(BULK_STEP);
	uint64_t state = 88172645463325252ull;

	for (unsigned int n = 0;; n++) {
		size_t size = next(&state) % BULK_STEP + 1;
		int fd;

		memset(buf, n, size);
		snprintf(path, sizeof(path), "%s/churn-%u", dir, n % 16);
		unlink(path);
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		if (fd < 0 || write(fd, buf, size) != (ssize_t)size)
			fail(path);
		close(fd);
		snprintf(path, sizeof(path), "%s/bulk", dir);
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		if (fd < 0 || pwrite(fd, buf, BULK_STEP, next(&state) % BULK_MAX) < 0)
			fail(path);
		if (n % 4 == 0 && fdatasync(fd) < 0)
			fail(path);
		close(fd);
	}
}

static _Noreturn void do_records(const char *dir, uint64_t number)
{
	char path[256], *buf = buffer(RECORD);
	int fd;

	snprintf(path, sizeof(path), "%s/records", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		fail(path);
	if (fork() == 0)
		churn(dir);
	for (;; number++) {
		fill_record((uint64_t *)buf, number);
		if (pwrite(fd, buf, RECORD, number * RECORD) != RECORD || fsync(fd) < 0)
			fail(path);
		printf("synced %llu.\n", (unsigned long long)number);
		fflush(stdout);
	}
}

static int do_check(const char *dir, uint64_t last)
{
	char path[256], *buf = buffer(RECORD), *want = buffer(RECORD);
	int fd;

	snprintf(path, sizeof(path), "%s/records", dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail(path);
	for (uint64_t i = 0; i <= last; i++) {
		fill_record((uint64_t *)want, i);
		if (pread(fd, buf, RECORD, i * RECORD) != RECORD || memcmp(buf, want, RECORD)) {
			dprintf(STDERR_FILENO, "disk-load: record %llu of %llu is lost\n",
				(unsigned long long)i, (unsigned long long)last);
			return 1;
		}
	}
	printf("disk-load: all records up to %llu are there\n", (unsigned long long)last);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";

	if (!strcmp(what, "time") && argc == 6)
		return do_time(argv[2], strtoul(argv[3], NULL, 10), !strcmp(argv[4], "write"),
			       strtoul(argv[5], NULL, 10));
	if (!strcmp(what, "verify") && (argc == 4 || argc == 5))
		return do_verify(argv[2], strtoul(argv[3], NULL, 10),
				 argc == 5 ? strtoul(argv[4], NULL, 10) : 1);
	if (!strcmp(what, "records") && argc == 4)
		do_records(argv[2], strtoull(argv[3], NULL, 10));
	if (!strcmp(what, "check") && argc == 4)
		return do_check(argv[2], strtoull(argv[3], NULL, 10));
	dprintf(STDERR_FILENO,
		"usage: disk-load time FILE SIZE read|write COUNT | verify FILE OPS [JOBS] |\n"
		"       records DIR FIRST | check DIR LAST\n");
	return 2;
}
