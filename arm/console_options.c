/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of --console and --port. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "arm/consoles.h"
#include "util/bits.h"
#include "util/cleanup.h"
#include "util/opt.h"

/* As the guest's kernel can name a link by it, and short enough for the device. */
#define PORT_NAME_MAX 63
#define NAME_CHARS    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

static void free_line(struct line_options *line)
{
	free(line->file);
	free(line->log);
}

/* The text behind @key in @word, or NULL if that is another word. */
static const char *value_of(const char *word, const char *key)
{
	size_t len = strlen(key);

	return strncmp(word, key, len) ? NULL : word + len;
}

static int set_path(char **path, const char *word, const char *value, struct err *e)
{
	if (!*value)
		return err_set(e, EINVAL, "'%s': the name of the file is empty", word);
	if (*path)
		return err_set(e, EINVAL, "'%s': there is one already, '%s'", word, *path);
	*path = strdup(value);
	return *path ? 0 : err_sys(e, "cannot read '%s'", word);
}

/* One word that all lines have. Returns 1 if it was one, 0 if not, -errno with @e set. */
static int parse_line_word(struct line_options *line, const char *word, struct err *e)
{
	const char *value;
	int ret;

	ret = growing_parse_word(&line->limit, word, e);
	if (ret != 0)
		return ret;
	value = value_of(word, "log=");
	if (value) {
		ret = set_path(&line->log, word, value, e);
		return ret < 0 ? ret : 1;
	}
	value = value_of(word, "file=");
	if (value) {
		ret = set_path(&line->file, word, value, e);
		if (ret < 0)
			return ret;
	} else if (strcmp(word, "pty")) {
		return 0;
	}
	if (value ? line->end == LINE_PTY : line->file != NULL)
		return err_set(e, EINVAL, "'%s': it can be a pty or a file, not both", word);
	line->end = value ? LINE_FILE : LINE_PTY;
	return 1;
}

static int check_line(const struct line_options *line, const char *value, struct err *e)
{
	if ((line->limit.max || line->limit.keep) && !line->file && !line->log)
		return err_set(e, EINVAL, "'%s': max= and keep= go with file= or log=", value);
	if (line->limit.keep && !line->limit.max)
		return err_set(e, EINVAL, "'%s': keep= goes with max=", value);
	return 0;
}

static int parse_console_word(struct console_options *console, const char *word, struct err *e)
{
	const char *transport = value_of(word, "transport=");
	int ret;

	if (!strcmp(word, "serial") || !strcmp(word, "virtio")) {
		console->virtio = *word == 'v';
		return 0;
	}
	if (transport)
		return transport_parse(transport, &console->bus, e);
	ret = parse_line_word(&console->line, word, e);
	if (ret == 0)
		return err_set(e, EINVAL,
			       "'%s' is none of serial, virtio, pty, file=PATH, log=PATH, "
			       "max=SIZE, keep=NR, transport=mmio|pci",
			       word);
	return ret < 0 ? ret : 0;
}

int console_parse(void *field, const char *value, struct err *e)
{
	struct console_options *console = field;
	autofree char *words = strdup(value);
	char *rest = words;
	int ret = 0;

	if (!words)
		return err_sys(e, "cannot read '%s'", value);
	free_line(&console->line);
	console->line = (struct line_options){ 0 };
	console->given = true;
	console->virtio = false;
	console->bus = VIRTIO_BUS_DEFAULT;
	while (ret == 0 && rest)
		ret = parse_console_word(console, opt_next_word(&rest), e);
	if (ret == 0 && console->bus != VIRTIO_BUS_DEFAULT && !console->virtio)
		ret = err_set(e, EINVAL, "'%s': a serial console has no transport", value);
	return ret < 0 ? ret : check_line(&console->line, value, e);
}

static int check_name(const struct console_options *console, const char *name, struct err *e)
{
	size_t len = strlen(name);

	if (!len || len > PORT_NAME_MAX || strspn(name, NAME_CHARS) != len)
		return err_set(e, EINVAL,
			       "'%s' is not a port's name: 1 to %d of the characters A-Z a-z 0-9 "
			       ". _ -",
			       name, PORT_NAME_MAX);
	for (uint32_t i = 0; i < console->nr_ports; i++)
		if (!strcmp(console->port[i].name, name))
			return err_set(e, EEXIST, "there is a port '%s' already", name);
	if (console->nr_ports == CONSOLE_PORTS_MAX)
		return err_set(e, ENOSPC, "'%s' is one too many: there can be %d ports", name,
			       CONSOLE_PORTS_MAX);
	return 0;
}

int console_parse_port(void *field, const char *value, struct err *e)
{
	struct console_options *console = field;
	autofree char *words = strdup(value);
	struct port_options port = { .line.end = LINE_STDIO };
	char *rest = words, *word;
	int ret;

	if (!words)
		return err_sys(e, "cannot read '%s'", value);
	word = opt_next_word(&rest);
	ret = check_name(console, word, e);
	port.name = word;
	while (ret >= 0 && rest) {
		word = opt_next_word(&rest);
		ret = parse_line_word(&port.line, word, e);
		if (ret == 0)
			ret = err_set(e, EINVAL,
				      "'%s' is none of pty, file=PATH, log=PATH, max=SIZE, keep=NR",
				      word);
	}
	if (ret >= 0)
		ret = check_line(&port.line, value, e);
	if (ret >= 0) {
		port.name = strdup(port.name);
		port.text = strdup(value);
		ret = port.name && port.text ? 0 : err_sys(e, "cannot read '%s'", value);
		if (ret < 0)
			free(port.name);
	}
	if (ret < 0) {
		free(port.text);
		free_line(&port.line);
		return ret;
	}
	if (port.line.end == LINE_STDIO)
		port.line.end = LINE_PTY;
	console->port[console->nr_ports++] = port;
	return 0;
}

void console_options_free(struct console_options *console)
{
	free_line(&console->line);
	for (uint32_t i = 0; i < console->nr_ports; i++) {
		free(console->port[i].name);
		free(console->port[i].text);
		free_line(&console->port[i].line);
	}
	*console = (struct console_options){ 0 };
}
