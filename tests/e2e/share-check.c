/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What programs expect of a file system, tried in a folder that a guest has from its host:
 *
 *	share-check DIR [loose]		all of it; "loose": the guest caches
 *	share-check ro DIR		that nothing in DIR can be changed, and that "file" there says "hello"
 *
 * Prints a line for each check that fails and, if none does, how many there were. The folder is a server's, so what
 * counts is what its client makes of the answers.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define LARGE_OFF ((off_t)5 << 30)

static int failed_line;
static bool loosely; /* the guest caches, and answers some questions itself */

#define MUST(what)                              \
	do {                                    \
		if (!(what)) {                  \
			failed_line = __LINE__; \
			return false;           \
		}                               \
	} while (0)
#define FAILS(call, error) MUST((call) == -1 && errno == (error))

static bool put(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	MUST(fd >= 0);
	MUST(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	MUST(close(fd) == 0);
	return true;
}

static bool has(const char *name, const char *text)
{
	char buf[256] = { 0 };
	int fd = open(name, O_RDONLY);
	ssize_t len;

	MUST(fd >= 0);
	len = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	MUST(len == (ssize_t)strlen(text) && !strcmp(buf, text));
	return true;
}

static bool create(void)
{
	struct stat st;
	int fd = open("new", O_RDWR | O_CREAT | O_EXCL, 0640);

	MUST(fd >= 0);
	FAILS(open("new", O_RDWR | O_CREAT | O_EXCL, 0640), EEXIST);
	MUST(write(fd, "hello", 5) == 5 && fstat(fd, &st) == 0);
	MUST(st.st_mode == (S_IFREG | 0640) && st.st_size == 5 && st.st_nlink == 1);
	MUST(st.st_uid == getuid() && st.st_gid == getgid());
	MUST(close(fd) == 0 && has("new", "hello"));
	FAILS(open("none/new", O_RDWR | O_CREAT, 0640), ENOENT);
	FAILS(open("new/new", O_RDWR | O_CREAT, 0640), ENOTDIR);
	return true;
}

static bool unlink_files(void)
{
	MUST(put("gone", "x") && unlink("gone") == 0);
	FAILS(unlink("gone"), ENOENT);
	FAILS(open("gone", O_RDONLY), ENOENT);
	MUST(mkdir("folder", 0755) == 0);
	FAILS(unlink("folder"), EISDIR);
	MUST(put("folder/x", "x"));
	FAILS(rmdir("folder"), ENOTEMPTY);
	MUST(unlink("folder/x") == 0 && rmdir("folder") == 0);
	FAILS(rmdir("folder"), ENOENT);
	return true;
}

static bool rename_files(void)
{
	struct stat st;
	int fd;

	MUST(put("a", "a") && put("b", "b") && rename("a", "b") == 0 && has("b", "a"));
	FAILS(access("a", F_OK), ENOENT);
	MUST(mkdir("from", 0755) == 0 && mkdir("from/in", 0755) == 0 && mkdir("to", 0755) == 0);
	MUST(put("from/in/file", "deep"));
	fd = open("from/in/file", O_RDWR);
	MUST(fd >= 0);
	FAILS(rename("from", "from/in/loop"), EINVAL);
	FAILS(rename("b", "to"), EISDIR);
	FAILS(rename("to", "b"), ENOTDIR);
	MUST(rename("from", "to") == 0 && has("to/in/file", "deep"));
	MUST(pwrite(fd, "D", 1, 0) == 1 && fsync(fd) == 0 && close(fd) == 0);
	MUST(has("to/in/file", "Deep") && stat("to/in", &st) == 0 && S_ISDIR(st.st_mode));
	MUST(mkdir("other", 0755) == 0);
	FAILS(rename("other", "to"), ENOTEMPTY);
	return true;
}

static bool links(void)
{
	char target[64];
	struct stat st, other;

	MUST(put("one", "1") && link("one", "two") == 0);
	MUST(stat("one", &st) == 0 && stat("two", &other) == 0);
	MUST(st.st_ino == other.st_ino && other.st_nlink == 2);
	FAILS(link("one", "two"), EEXIST);
	MUST(unlink("one") == 0 && has("two", "1"));
	MUST(symlink("two", "sym") == 0 && has("sym", "1"));
	MUST(readlink("sym", target, sizeof(target)) == 3 && !memcmp(target, "two", 3));
	MUST(lstat("sym", &st) == 0 && S_ISLNK(st.st_mode) && st.st_size == 3);
	FAILS(open("sym", O_RDONLY | O_NOFOLLOW), ELOOP);
	MUST(symlink("nowhere", "dangling") == 0);
	FAILS(open("dangling", O_RDONLY), ENOENT);
	/* An absolute one leads where it leads in the guest. */
	MUST(symlink("/proc/version", "absolute") == 0 && access("absolute", R_OK) == 0);
	FAILS(link(".", "folder-link"), EPERM);
	return true;
}

static bool attributes(void)
{
	struct timespec times[2] = { { 1000, 500000000 }, { 2000, 250000000 } };
	struct stat st;

	MUST(put("attr", "12345") && chmod("attr", 0604) == 0 && stat("attr", &st) == 0);
	MUST(st.st_mode == (S_IFREG | 0604));
	MUST(chown("attr", 1234, 5678) == 0 && stat("attr", &st) == 0);
	MUST(st.st_uid == 1234 && st.st_gid == 5678);
	MUST(utimensat(AT_FDCWD, "attr", times, 0) == 0 && stat("attr", &st) == 0);
	MUST(st.st_atim.tv_sec == 1000 && st.st_mtim.tv_sec == 2000);
	MUST(symlink("attr", "attr-link") == 0);
	MUST(lchown("attr-link", 1, 2) == 0 && lstat("attr-link", &st) == 0 && st.st_gid == 2);
	MUST(stat("attr", &st) == 0 && st.st_uid == 1234);
	MUST(mkdir("sticky", 01777) == 0 && chmod("sticky", 01777) == 0);
	MUST(stat("sticky", &st) == 0 && st.st_mode == (S_IFDIR | 01777));
	return true;
}

static bool truncation(void)
{
	char buf[8] = "xxxxxxx";
	struct stat st;
	int fd;

	MUST(put("cut", "0123456789") && truncate("cut", 4) == 0 && has("cut", "0123"));
	fd = open("cut", O_RDWR);
	MUST(fd >= 0 && ftruncate(fd, 6) == 0 && pread(fd, buf, 8, 0) == 6);
	MUST(!memcmp(buf, "0123\0\0", 6) && close(fd) == 0);
	fd = open("cut", O_RDWR | O_TRUNC);
	MUST(fd >= 0 && fstat(fd, &st) == 0 && st.st_size == 0);
	/* Far out, without what lies before it. */
	MUST(pwrite(fd, "end", 3, LARGE_OFF) == 3 && fsync(fd) == 0 && fstat(fd, &st) == 0);
	MUST(st.st_size == LARGE_OFF + 3 && (loosely || st.st_blocks < 1000));
	MUST(pread(fd, buf, 8, LARGE_OFF) == 3 && !memcmp(buf, "end", 3) && close(fd) == 0);
	FAILS(truncate(".", 1), EISDIR);
	return unlink("cut") == 0;
}

static bool open_after_unlink(void)
{
	char buf[8];
	struct stat st;
	int fd = open("ghost", O_RDWR | O_CREAT, 0600);

	MUST(fd >= 0 && write(fd, "ghost", 5) == 5 && unlink("ghost") == 0);
	MUST(pwrite(fd, "G", 1, 0) == 1 && pread(fd, buf, 8, 0) == 5 && !memcmp(buf, "Ghost", 5));
	MUST(ftruncate(fd, 2) == 0 && fstat(fd, &st) == 0 && st.st_size == 2);
	MUST(put("ghost", "another") && pread(fd, buf, 8, 0) == 2 && close(fd) == 0);
	return has("ghost", "another");
}

static bool append(void)
{
	int a = open("log", O_WRONLY | O_CREAT | O_APPEND, 0644);
	int b = open("log", O_WRONLY | O_APPEND);

	MUST(a >= 0 && b >= 0);
	MUST(write(a, "1", 1) == 1 && write(b, "2", 1) == 1 && write(a, "3", 1) == 1);
	MUST(close(a) == 0 && close(b) == 0);
	return has("log", "123");
}

static bool mappings(void)
{
	int fd = open("map", O_RDWR | O_CREAT, 0644);
	char page[4096], *p;

	memset(page, 'a', sizeof(page));
	MUST(fd >= 0 && write(fd, page, sizeof(page)) == sizeof(page) && fsync(fd) == 0);
	p = mmap(NULL, sizeof(page), PROT_READ, MAP_PRIVATE, fd, 0);
	MUST(p != MAP_FAILED && p[100] == 'a' && munmap(p, sizeof(page)) == 0);
	if (loosely) {
		p = mmap(NULL, sizeof(page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		MUST(p != MAP_FAILED);
		p[10] = 'b';
		MUST(msync(p, sizeof(page), MS_SYNC) == 0 && munmap(p, sizeof(page)) == 0);
		MUST(pread(fd, page, 1, 10) == 1 && page[0] == 'b');
	}
	return close(fd) == 0;
}

/* Its status, as wait() has it, of @check in another process. */
static int child(bool (*check)(int fd), int fd)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0)
		_exit(check(fd) ? 0 : 1);
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

static struct flock range(short type, off_t start, off_t len)
{
	return (struct flock){
		.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len
	};
}

static bool others_see_the_lock(int fd)
{
	struct flock lock = range(F_WRLCK, 5, 10);

	(void)fd;
	fd = open("locked", O_RDWR);
	MUST(fd >= 0);
	MUST(fcntl(fd, F_SETLK, &lock) == -1 && (errno == EAGAIN || errno == EACCES));
	lock = range(F_WRLCK, 100, 10);
	MUST(fcntl(fd, F_SETLK, &lock) == 0);
	lock = range(F_RDLCK, 5, 10);
	MUST(fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type == F_WRLCK && lock.l_start == 0);
	return true;
}

static bool nobody_has_a_lock(int fd)
{
	struct flock lock = range(F_WRLCK, 0, 0);

	(void)fd;
	fd = open("locked", O_RDWR);
	MUST(fd >= 0);
	return fcntl(fd, F_SETLK, &lock) == 0;
}

static bool locks(void)
{
	int fd = open("locked", O_RDWR | O_CREAT, 0644);
	struct flock lock = range(F_WRLCK, 0, 50);

	MUST(fd >= 0 && fcntl(fd, F_SETLK, &lock) == 0);
	MUST(child(others_see_the_lock, fd) == 0);
	lock = range(F_UNLCK, 0, 0);
	MUST(fcntl(fd, F_SETLK, &lock) == 0 && child(nobody_has_a_lock, fd) == 0);
	lock = range(F_WRLCK, 0, 0);
	MUST(fcntl(fd, F_SETLK, &lock) == 0 && close(fd) == 0);
	return child(nobody_has_a_lock, -1) == 0;
}

static bool xattrs(void)
{
	const char *name = "user.check";
	char value[600], large[512];
	ssize_t len;

	memset(large, 'v', sizeof(large));
	MUST(put("xattr", "x"));
	/* tmpfs has had those for longer. */
	if (setxattr("xattr", name, "1", 1, 0) < 0)
		name = "trusted.check";
	MUST(setxattr("xattr", name, "value", 5, 0) == 0);
	FAILS(setxattr("xattr", name, "value", 5, XATTR_CREATE), EEXIST);
	MUST(getxattr("xattr", name, value, sizeof(value)) == 5 && !memcmp(value, "value", 5));
	FAILS(getxattr("xattr", name, value, 2), ERANGE);
	MUST(setxattr("xattr", name, large, sizeof(large), XATTR_REPLACE) == 0);
	MUST(getxattr("xattr", name, value, sizeof(value)) == sizeof(large));
	len = listxattr("xattr", value, sizeof(value));
	MUST(len > 0 && memmem(value, (size_t)len, name, strlen(name) + 1));
	MUST(removexattr("xattr", name) == 0);
	FAILS(getxattr("xattr", name, value, sizeof(value)), ENODATA);
	FAILS(removexattr("xattr", name), ENODATA);
	return true;
}

/* The host put 3000 files in it: "1" to "3000". */
static bool folders(void)
{
	static unsigned char seen[3001];
	unsigned int nr = 0;
	struct dirent *entry;
	long middle = -1;
	char next[64] = "";
	DIR *dir;

	dir = opendir("many");
	MUST(dir);
	while ((entry = readdir(dir))) {
		int i = atoi(entry->d_name);

		if (i < 1 || i > 3000)
			continue;
		seen[i]++;
		nr++;
		if (middle >= 0 && !next[0])
			strcpy(next, entry->d_name);
		if (nr == 1500)
			middle = telldir(dir);
	}
	MUST(nr == 3000);
	for (int i = 1; i <= 3000; i++)
		MUST(seen[i] == 1);
	seekdir(dir, middle);
	entry = readdir(dir);
	MUST(entry && !strcmp(entry->d_name, next));
	/* Emptied while it is read. */
	rewinddir(dir);
	while ((entry = readdir(dir)))
		if (!strncmp(entry->d_name, "77", 2))
			MUST(unlinkat(dirfd(dir), entry->d_name, 0) == 0);
	closedir(dir);
	FAILS(access("many/777", F_OK), ENOENT);
	return true;
}

static bool names(void)
{
	char name[300];

	memset(name, 'n', sizeof(name));
	name[255] = '\0';
	MUST(put(name, "long") && has(name, "long") && unlink(name) == 0);
	name[255] = 'n';
	name[256] = '\0';
	FAILS(open(name, O_RDWR | O_CREAT, 0644), ENAMETOOLONG);
	MUST(put("a b\n\\\xff", "odd") && has("a b\n\\\xff", "odd"));
	return true;
}

/* They are this machine's, whatever the host has of them. */
static bool special_files(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = "socket" };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), in, out;
	struct stat st;
	char buf[4];

	MUST(mkfifo("fifo", 0600) == 0 && stat("fifo", &st) == 0 && S_ISFIFO(st.st_mode));
	in = open("fifo", O_RDONLY | O_NONBLOCK);
	out = open("fifo", O_WRONLY | O_NONBLOCK);
	MUST(in >= 0 && out >= 0 && write(out, "abc", 3) == 3 && read(in, buf, 4) == 3);
	MUST(close(in) == 0 && close(out) == 0);
	MUST(bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 && listen(fd, 1) == 0);
	MUST(stat("socket", &st) == 0 && S_ISSOCK(st.st_mode) && close(fd) == 0);
	MUST(mknod("zero", S_IFCHR | 0600, makedev(1, 5)) == 0 && stat("zero", &st) == 0);
	MUST(st.st_rdev == makedev(1, 5));
	fd = open("zero", O_RDONLY);
	MUST(fd >= 0 && read(fd, buf, 4) == 4 && !buf[0] && close(fd) == 0);
	return true;
}

static bool space(void)
{
	struct statfs fs;

	MUST(statfs(".", &fs) == 0 && fs.f_blocks > 0 && fs.f_bsize > 0 && fs.f_namelen == 255);
	return true;
}

static const struct {
	const char *name;
	bool (*run)(void);
} checks[] = {
	{ "create", create },
	{ "unlink", unlink_files },
	{ "rename", rename_files },
	{ "links", links },
	{ "attributes", attributes },
	{ "truncation", truncation },
	{ "open after unlink", open_after_unlink },
	{ "append", append },
	{ "mapping", mappings },
	{ "locks", locks },
	{ "extended attributes", xattrs },
	{ "folders", folders },
	{ "names", names },
	{ "special files", special_files },
	{ "space", space },
};

static bool read_only(void)
{
	MUST(has("file", "hello"));
	FAILS(open("file", O_RDWR), EROFS);
	FAILS(open("file", O_WRONLY | O_TRUNC), EROFS);
	FAILS(open("new", O_RDWR | O_CREAT, 0644), EROFS);
	FAILS(mkdir("new", 0755), EROFS);
	FAILS(symlink("x", "new"), EROFS);
	FAILS(link("file", "new"), EROFS);
	FAILS(rename("file", "new"), EROFS);
	FAILS(unlink("file"), EROFS);
	FAILS(chmod("file", 0600), EROFS);
	FAILS(truncate("file", 0), EROFS);
	FAILS(utimensat(AT_FDCWD, "file", NULL, 0), EROFS);
	return has("file", "hello");
}

static bool failed(const char *name)
{
	printf("share-check: FAILED %s, line %d: %s\n", name, failed_line, strerror(errno));
	return true;
}

int main(int argc, char **argv)
{
	bool ro = argc == 3 && !strcmp(argv[1], "ro"), bad = false;

	if (argc < 2 || argc > 3 || chdir(argv[ro ? 2 : 1]) < 0) {
		fprintf(stderr, "usage: share-check DIR [loose] | ro DIR\n");
		return 2;
	}
	loosely = argc == 3 && !ro;
	umask(0);
	if (ro)
		bad = !read_only() && failed("read-only");
	for (unsigned int i = 0; !ro && i < sizeof(checks) / sizeof(checks[0]); i++) {
		if (!checks[i].run())
			bad = failed(checks[i].name);
	}
	if (!bad)
		printf("share-check: %s, %zu checks: ok\n", argv[ro ? 2 : 1],
		       ro ? 1 : sizeof(checks) / sizeof(checks[0]));
	return bad;
}
