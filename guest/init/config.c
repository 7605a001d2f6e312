/* SPDX-License-Identifier: BSD-2-Clause */
/* The configuration: strings of "key=value" that lkvm wrote (include/guest/init.h), and the modules. */
#include <linux/mman.h>
#include <linux/stat.h>
#include <asm/stat.h>
#include "../str.h"
#include "guest/init.h"
#include "init.h"

char *put_number(char *to, unsigned long number)
{
	char digits[20];
	unsigned int nr = 0;

	do
		digits[nr++] = (char)('0' + number % 10);
	while (number /= 10);
	while (nr)
		*to++ = digits[--nr];
	return to;
}

unsigned long get_number(const char **text)
{
	unsigned long number = 0;

	for (; **text >= '0' && **text <= '9'; (*text)++)
		number = number * 10 + (unsigned long)(**text - '0');
	return number;
}

static void *allocate(size_t size)
{
	long at = sys(mmap, NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	if (at < 0 && at > -4096)
		fail("get memory", "", at);
	return (void *)at;
}

/* The whole file, with a zero behind it. */
static char *read_all(const char *path, size_t *size)
{
	int fd = open_file(path, O_RDONLY);
	struct stat st;
	size_t nr = 0;
	char *text;

	if (fd < 0)
		fail("open", path, fd);
	sys(fstat, fd, &st);
	text = allocate((size_t)st.st_size + 1);
	while (nr < (size_t)st.st_size) {
		long n = sys(read, fd, text + nr, (size_t)st.st_size - nr);

		if (n <= 0)
			fail("read", path, n);
		nr += (size_t)n;
	}
	sys(close, fd);
	*size = nr;
	return text;
}

/* The value of @string if @key, which ends in '=', is its key. */
static char *value_of(char *string, const char *key)
{
	size_t len = strlen(key);

	return memcmp(string, key, len) ? NULL : string + len;
}

static void read_share(struct config *cfg, char *value)
{
	char *colon = memchr(value, ':', strlen(value));

	if (!colon || cfg->nr_shares == SHARES_MAX)
		fail("read", INIT_CONFIG, -EINVAL);
	*colon = '\0';
	cfg->share[cfg->nr_shares].tag = value;
	cfg->share[cfg->nr_shares++].path = colon + 1;
}

static void read_group(struct config *cfg, const char *value)
{
	if (cfg->nr_groups < GROUPS_MAX)
		cfg->groups[cfg->nr_groups++] = (unsigned int)get_number(&value);
}

/* @number and @flag, or @string, or nothing of these. */
static void read_string(struct config *cfg, char *string, char ***arg, char ***env)
{
	const struct {
		const char *key;
		char **text;
		unsigned int *number;
		bool *flag;
	} rows[] = {
		{ "root=", &cfg->root, NULL, NULL },
		{ "root-rw=", NULL, NULL, &cfg->root_rw },
		{ "cwd=", &cfg->cwd, NULL, NULL },
		{ "cwd-may-miss=", NULL, NULL, &cfg->cwd_may_miss },
		{ "hostname=", &cfg->hostname, NULL, NULL },
		{ "tty=", NULL, NULL, &cfg->tty },
		{ "stderr-apart=", NULL, NULL, &cfg->stderr_apart },
		{ "dhcp=", NULL, NULL, &cfg->dhcp },
		{ "uid=", NULL, &cfg->uid, NULL },
		{ "gid=", NULL, &cfg->gid, NULL },
	};
	char *value;

	if ((value = value_of(string, "arg=")))
		*(*arg)++ = value;
	else if ((value = value_of(string, "env=")))
		*(*env)++ = value;
	else if ((value = value_of(string, "share=")))
		read_share(cfg, value);
	else if ((value = value_of(string, "group=")))
		read_group(cfg, value);
	else if ((value = value_of(string, "module=")) && !cfg->modules)
		cfg->modules = string;
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *digits = value_of(string, rows[i].key);

		if (digits && rows[i].text)
			*rows[i].text = string + strlen(rows[i].key);
		else if (digits && rows[i].number)
			*rows[i].number = (unsigned int)get_number(&digits);
		else if (digits)
			*rows[i].flag = true;
	}
}

void config_read(struct config *cfg)
{
	size_t size, nr = 0;
	char *text = read_all(INIT_CONFIG, &size);
	char **arg, **env;

	for (size_t i = 0; i < size; i++)
		nr += !text[i];
	*cfg = (struct config){ .end = text + size };
	arg = cfg->argv = allocate((nr + 1) * sizeof(*arg));
	env = cfg->env = allocate((nr + 1) * sizeof(*env));
	for (char *p = text; p < cfg->end; p += strlen(p) + 1)
		read_string(cfg, p, &arg, &env);
	if (!cfg->argv[0] || !cfg->cwd || !cfg->root)
		fail("read", INIT_CONFIG, -EINVAL);
}

void modules_load(const struct config *cfg)
{
	char *end = cfg->end;

	for (char *p = cfg->modules; p && p < end; p += strlen(p) + 1) {
		char *name = value_of(p, "module=");
		int fd;
		long ret;

		if (!name)
			continue;
		fd = open_file(name, O_RDONLY);
		ret = fd < 0 ? fd : sys(finit_module, fd, "", 0);
		if (ret < 0 && ret != -EEXIST)
			fail("load the module", name, ret);
		sys(close, fd);
	}
}
