/* SPDX-License-Identifier: BSD-2-Clause */
/* A machine's run with streams of its own. Nothing here asserts while the streams are away. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include "fake/fake_kvm.h"
#include "fake/play.h"
#include "util/bits.h"

#define PATIENCE_SECONDS 30

/* A step of the harness itself that cannot fail. */
static int must(int ret)
{
	if (ret < 0) {
		perror("test harness");
		abort();
	}
	return ret;
}

static void *must_ptr(void *p)
{
	must(p ? 0 : -1);
	return p;
}

void capture_start(struct capture *c, int fd)
{
	fflush(NULL);
	c->fd = fd;
	c->saved = must(fcntl(fd, F_DUPFD_CLOEXEC, 10));
	c->file = must(memfd_create("capture", MFD_CLOEXEC));
	must(dup2(c->file, fd));
}

static void *fd_bytes(int fd, size_t *len)
{
	struct stat st;
	char *bytes;

	must(fstat(fd, &st));
	bytes = must_ptr(malloc((size_t)st.st_size + 1));
	must(pread(fd, bytes, (size_t)st.st_size, 0) == st.st_size ? 0 : -1);
	bytes[st.st_size] = '\0';
	if (len)
		*len = (size_t)st.st_size;
	return bytes;
}

char *capture_end(struct capture *c, size_t *len)
{
	char *bytes;

	fflush(NULL);
	must(dup2(c->saved, c->fd));
	close(c->saved);
	bytes = fd_bytes(c->file, len);
	close(c->file);
	return bytes;
}

struct machine_config play_config(void)
{
	struct machine_config cfg = machine_config_default;

	cfg.dev = FAKE_DEV;
	cfg.sandbox = false; /* the process goes on with other tests */
	cfg.ram_size = 64 * MiB;
	cfg.nr_cpus = 1;
	return cfg;
}

struct stdin_stream {
	int saved;
	int master, slave; /* of the terminal, or -1 */
	struct termios modes;
};

static void stdin_terminal(struct stdin_stream *s, const char *keys)
{
	must(openpty(&s->master, &s->slave, NULL, NULL, NULL));
	must(tcgetattr(s->slave, &s->modes));
	if (keys)
		must((int)write(s->master, keys, strlen(keys)));
	must(dup2(s->slave, STDIN_FILENO));
}

static void stdin_set(struct stdin_stream *s, const struct play *p)
{
	int pipes[2], fd;

	*s = (struct stdin_stream){ .master = -1, .slave = -1 };
	s->saved = must(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 10));
	if (p->terminal || p->keys) {
		stdin_terminal(s, p->keys);
	} else if (p->input) {
		must(pipe2(pipes, O_CLOEXEC));
		must(write(pipes[1], p->input, p->input_len) == (ssize_t)p->input_len ? 0 : -1);
		close(pipes[1]);
		must(dup2(pipes[0], STDIN_FILENO));
		close(pipes[0]);
	} else {
		fd = must(open("/dev/null", O_RDONLY | O_CLOEXEC));
		must(dup2(fd, STDIN_FILENO));
		close(fd);
	}
}

/* Returns whether the terminal's modes are no longer what they were. */
static bool stdin_reset(struct stdin_stream *s)
{
	struct termios now = s->modes;

	if (s->slave >= 0) {
		must(tcgetattr(s->slave, &now));
		close(s->slave);
		close(s->master);
	}
	must(dup2(s->saved, STDIN_FILENO));
	close(s->saved);
	return now.c_lflag != s->modes.c_lflag || now.c_iflag != s->modes.c_iflag ||
	       now.c_oflag != s->modes.c_oflag || now.c_cflag != s->modes.c_cflag;
}

static bool same_signals(const sigset_t *a, const sigset_t *b)
{
	for (int signal = 1; signal < NSIG; signal++) {
		if (sigismember(a, signal) != sigismember(b, signal))
			return false;
	}
	return true;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void run(struct play *p, const struct machine_config *cfg)
{
	struct rlimit usual, few;

	must(getrlimit(RLIMIT_NOFILE, &usual));
	few = usual;
	if (p->fd_limit)
		few.rlim_cur = p->fd_limit;
	must(setrlimit(RLIMIT_NOFILE, &few));
	p->status = machine_run(cfg, &p->e);
	must(setrlimit(RLIMIT_NOFILE, &usual));
}

void play(struct play *p, const struct machine_config *cfg)
{
	struct capture out, log;
	struct stdin_stream in;
	sigset_t before, after;
	double start;
	int fds;

	fflush(NULL);
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	stdin_set(&in, p);
	capture_start(&out, STDOUT_FILENO);
	capture_start(&log, STDERR_FILENO);
	fds = (int)fake_open_fds();
	alarm(PATIENCE_SECONDS);
	p->e = (struct err){ 0 };
	start = seconds();
	run(p, cfg);
	p->seconds = seconds() - start;
	alarm(0);
	p->fds = (int)fake_open_fds() - fds;
	p->log = capture_end(&log, NULL);
	p->out = capture_end(&out, &p->out_len);
	p->modes = stdin_reset(&in);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	p->signals = !same_signals(&before, &after);
	p->vcpus = fake_mapped_vcpus();
	p->ram = fake_nr_vms() && fake_ram_is_mapped();
}

void play_free(struct play *p)
{
	free(p->out);
	free(p->log);
	*p = (struct play){ 0 };
}

bool play_is_clean(const struct play *p)
{
	if (!p->fds && !p->vcpus && !p->ram && !p->modes && !p->signals)
		return true;
	fprintf(stderr, "left behind: %d fds, %u vCPU maps%s%s%s\n", p->fds, p->vcpus,
		p->ram ? ", guest memory" : "", p->modes ? ", terminal modes" : "",
		p->signals ? ", a signal mask" : "");
	return false;
}

static char *temp_path(void)
{
	const char *dir = getenv("TMPDIR");
	char *path;

	must(asprintf(&path, "%s/lkvm-test.XXXXXX", dir ? dir : "/tmp"));
	return path;
}

char *temp_file(const void *bytes, size_t len)
{
	char *path = temp_path();
	int fd = must(mkostemp(path, O_CLOEXEC));

	must(write(fd, bytes, len) == (ssize_t)len ? 0 : -1);
	close(fd);
	return path;
}

char *temp_dir(void)
{
	return must_ptr(mkdtemp(temp_path()));
}

void temp_remove(char *path)
{
	if (path)
		remove(path);
	free(path);
}

void *file_bytes(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *bytes;

	if (fd < 0)
		return NULL;
	bytes = fd_bytes(fd, len);
	close(fd);
	return bytes;
}

unsigned int dir_entries(const char *path)
{
	DIR *dir = must_ptr(opendir(path));
	unsigned int nr = 0;
	struct dirent *entry;

	while ((entry = readdir(dir)))
		nr += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
	closedir(dir);
	return nr;
}
