/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Trees of files, for copying between a host and its guest:
 *
 *	share-tree make DIR NR	makes DIR with NR files and symbolic links in folders; the same ones each time
 *	share-tree same A B	whether two trees have the same in them, down to times and modes
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool trouble(const char *what, const char *name)
{
	printf("share-tree: FAILED, %s %s: %s\n", what, name, errno ? strerror(errno) : "differs");
	return false;
}

/* Most are small, as in a tree of sources; some are not, and a few are empty. */
static size_t size_of(unsigned int nr)
{
	return nr % 200 == 7 ? 300000 : nr % 50 == 3 ? 0 : nr * 37 % 9000;
}

static bool make_file(const char *name, unsigned int nr)
{
	struct timespec times[2] = { { 1000000000 + nr, nr }, { 1100000000 + nr, nr } };
	static char buf[300000];
	size_t size = size_of(nr);
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);

	for (size_t i = 0; i < size; i++)
		buf[i] = (char)(i * 7 + nr * 13 + i / 256);
	if (fd < 0 || write(fd, buf, size) != (ssize_t)size ||
	    fchmod(fd, nr % 3 ? 0644 : 0755) < 0 || futimens(fd, times) < 0 || close(fd) < 0)
		return trouble("making", name);
	return true;
}

static bool make_tree(const char *dir, unsigned int nr_files)
{
	char name[512], target[64];

	if (mkdir(dir, 0755) < 0)
		return trouble("making", dir);
	for (unsigned int i = 0; i < nr_files; i++) {
		int len = snprintf(name, sizeof(name), "%s/folder %u", dir, i / 200);

		mkdir(name, 0755);
		len += snprintf(name + len, sizeof(name) - (size_t)len, "/%u", i / 20 % 10);
		mkdir(name, 0700);
		snprintf(name + len, sizeof(name) - (size_t)len, "/file-%u", i);
		snprintf(target, sizeof(target), "../file-%u", i - 1);
		if (i % 10 == 9 ? symlink(target, name) < 0 : !make_file(name, i))
			return trouble("making", name);
	}
	return true;
}

static bool same_content(const char *a, const char *b)
{
	static char one[65536], two[65536];
	int fd_a = open(a, O_RDONLY), fd_b = open(b, O_RDONLY);
	ssize_t len = -1, other = -1;
	bool same = false;

	while (fd_a >= 0 && fd_b >= 0) {
		len = read(fd_a, one, sizeof(one));
		other = read(fd_b, two, sizeof(two));
		same = len == other && len >= 0 && !memcmp(one, two, (size_t)len);
		if (!same || !len)
			break;
	}
	close(fd_a);
	close(fd_b);
	return same;
}

static bool same_target(const char *a, const char *b)
{
	char one[512], two[512];
	ssize_t len = readlink(a, one, sizeof(one));

	return len > 0 && readlink(b, two, sizeof(two)) == len && !memcmp(one, two, (size_t)len);
}

static bool same(const char *a, const char *b, unsigned int *nr);

/* All that is in @a is also in @b; @nr: of how many. */
static bool same_entries(const char *a, const char *b, unsigned int *nr)
{
	char in_a[1024], in_b[1024];
	struct dirent *entry;
	DIR *dir = opendir(a);
	bool ok = dir;

	while (ok && (entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		snprintf(in_a, sizeof(in_a), "%s/%s", a, entry->d_name);
		snprintf(in_b, sizeof(in_b), "%s/%s", b, entry->d_name);
		ok = same(in_a, in_b, nr);
		(*nr)++;
	}
	if (dir)
		closedir(dir);
	return ok;
}

static bool same(const char *a, const char *b, unsigned int *nr)
{
	struct stat one, two;

	errno = 0;
	if (lstat(a, &one) < 0 || lstat(b, &two) < 0)
		return trouble("looking at", b);
	if (one.st_mode != two.st_mode || (S_ISREG(one.st_mode) && one.st_size != two.st_size))
		return trouble("mode or size of", b);
	if (S_ISREG(one.st_mode) && one.st_mtim.tv_sec != two.st_mtim.tv_sec)
		return trouble("time of", b);
	if (S_ISREG(one.st_mode) && !same_content(a, b))
		return trouble("content of", b);
	if (S_ISLNK(one.st_mode) && !same_target(a, b))
		return trouble("target of", b);
	if (!S_ISDIR(one.st_mode))
		return true;
	return same_entries(a, b, nr);
}

int main(int argc, char **argv)
{
	unsigned int nr = 0, back = 0;

	if (argc == 4 && !strcmp(argv[1], "make"))
		return !make_tree(argv[2], (unsigned int)atoi(argv[3]));
	if (argc == 4 && !strcmp(argv[1], "same")) {
		if (!same(argv[2], argv[3], &nr) || !same(argv[3], argv[2], &back))
			return 1;
		printf("share-tree: %u files and folders are the same: ok\n", nr);
		return 0;
	}
	fprintf(stderr, "usage: share-tree make DIR NR | same A B\n");
	return 2;
}
