/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which files a module is, and in which order they go in. A line of modules.dep is a file, a colon, and all that it
 * needs, directly or not, the last of which goes in first (modules.dep(5)); so nothing has to be followed, and a
 * file that needs itself does no harm.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "arm/modules.h"
#include "unpack.h"
#include "util/cleanup.h"

static int read_text(const char *dir, const char *file, char **text, struct err *e)
{
	autofree char *path = NULL;
	size_t size;

	if (asprintf(&path, "%s/%s", dir, file) < 0)
		return err_sys(e, "cannot read %s", dir);
	return unpack_file(path, (uint8_t **)text, &size, e);
}

int module_index_read(struct module_index *index, const char *dir, const char *version,
		      struct err *e)
{
	struct err ignored = { 0 };
	struct stat st;
	int ret;

	*index = (struct module_index){ 0 };
	if (stat(dir, &st) < 0 || !S_ISDIR(st.st_mode))
		return err_set(
			e, ENOENT,
			"the kernel is Linux %s, and its modules are not in %s: say --modules "
			"DIR, or --modules none if all that a command needs is built in",
			version, dir);
	ret = read_text(dir, "modules.dep", &index->dep, e);
	if (ret < 0)
		return ret;
	/* A kernel that was not installed as packages are may have none. */
	read_text(dir, "modules.builtin", &index->builtin, &ignored);
	return 0;
}

void module_index_free(struct module_index *index)
{
	free(index->dep);
	free(index->builtin);
	*index = (struct module_index){ 0 };
}

/* The end of the path at @path: a blank, a colon, or where the line ends. */
static size_t path_len(const char *path)
{
	return strcspn(path, ": \t\r\n");
}

/* Whether the path of @len bytes is the module @name: '-' and '_' are the same in it, and .ko.xz is .ko. */
static bool is_module(const char *path, size_t len, const char *name)
{
	const char *file = path + len;

	while (file > path && file[-1] != '/')
		file--;
	for (; *name; name++, file++) {
		if (file == path + len)
			return false;
		if (*file != *name && !(*file == '-' && *name == '_') &&
		    !(*file == '_' && *name == '-'))
			return false;
	}
	return (size_t)(path + len - file) >= 3 && !memcmp(file, ".ko", 3) &&
	       (file + 3 == path + len || file[3] == '.');
}

/* The line of @text whose first path is the module @name, or NULL. */
static const char *find_line(const char *text, const char *name)
{
	while (text && *text) {
		if (is_module(text, path_len(text), name))
			return text;
		text = strchr(text, '\n');
		if (text)
			text++;
	}
	return NULL;
}

static int add_path(struct module_list *list, const char *path, size_t len)
{
	for (unsigned int i = 0; i < list->nr; i++)
		if (strlen(list->path[i]) == len && !memcmp(list->path[i], path, len))
			return 0;
	if (list->nr == MODULES_MAX)
		return -E2BIG;
	list->path[list->nr] = strndup(path, len);
	if (!list->path[list->nr])
		return -ENOMEM;
	list->nr++;
	return 0;
}

int module_list_add(struct module_list *list, const struct module_index *index, const char *name)
{
	const char *line = find_line(index->dep, name), *start, *end;
	int ret = 0;

	if (!line)
		return !index->builtin || find_line(index->builtin, name) ? 0 : -ENOENT;
	/* From the last of its paths to the first, which is the module. */
	end = line + strcspn(line, "\n");
	while (end > line && ret == 0) {
		while (end > line && strchr(": \t\r", end[-1]))
			end--;
		start = end;
		while (start > line && !strchr(": \t\r", start[-1]))
			start--;
		if (start < end)
			ret = add_path(list, start, (size_t)(end - start));
		end = start;
	}
	return ret;
}

void module_list_free(struct module_list *list)
{
	for (unsigned int i = 0; i < list->nr; i++)
		free(list->path[i]);
	list->nr = 0;
}
