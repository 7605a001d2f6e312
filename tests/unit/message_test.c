/* SPDX-License-Identifier: BSD-2-Clause */
/* The messages of the control socket: what is sent arrives, and what is not well-formed is refused. */
#include "control_world.h"

static int decode(const char *compatible, uint32_t version, const void *command, int len,
		  struct request *request, struct err *e)
{
	void *fdt = tree(compatible, version, command, len);
	int ret = request_decode(request, fdt, fdt_totalsize(fdt), e);

	free(fdt);
	return ret;
}

static void a_reply_arrives_as_it_was_sent(void **state)
{
	struct reply in = { 0 };
	struct dt dt = { 0 };
	uint64_t number;

	(void)state;
	assert_int_equal(message_start(&dt, NULL), 0);
	message_answer(&dt, -EBUSY, "VM %s is busy\n", "web");
	dt_u64(&dt, "exits", 0x123456789a);
	dt_string(&dt, "state", "running");
	dt_begin(&dt, "vcpu0");
	dt_u64(&dt, "mmio", 7);
	dt_end(&dt);
	assert_int_equal(dt_finish(&dt, NULL), 0);
	assert_int_equal(message_size(dt.blob), fdt_totalsize(dt.blob));
	assert_int_equal(reply_decode(&in, dt.blob, fdt_totalsize(dt.blob), NULL), 0);
	assert_int_equal(in.status, -EBUSY);
	assert_string_equal(in.text, "VM web is busy?");
	assert_int_equal(message_number(dt.blob, 0, "exits", &number), 0);
	assert_int_equal(number, 0x123456789a);
	assert_string_equal(message_text(dt.blob, 0, "state"), "running");
	assert_int_equal(message_number(dt.blob, fdt_subnode_offset(dt.blob, 0, "vcpu0"), "mmio",
					&number),
			 0);
	assert_int_equal(number, 7);
	dt_free(&dt);
}

static void a_property_of_another_kind_is_none(void **state)
{
	struct dt dt = { 0 };
	uint64_t number = 5;

	(void)state;
	assert_int_equal(message_start(&dt, NULL), 0);
	message_answer(&dt, 0, "well");
	dt_bytes(&dt, "odd", "123", 3);
	dt_bytes(&dt, "open", "abc", 3);
	dt_string(&dt, "loud", "\033[2J");
	dt_u64(&dt, "number", 0);
	dt_empty(&dt, "empty");
	assert_int_equal(dt_finish(&dt, NULL), 0);
	assert_int_equal(message_number(dt.blob, 0, "odd", &number), -ENOENT);
	assert_int_equal(message_number(dt.blob, 0, "none", &number), -ENOENT);
	assert_int_equal(message_number(dt.blob, 0, "empty", &number), -ENOENT);
	assert_int_equal(number, 5);
	assert_null(message_text(dt.blob, 0, "open"));
	assert_null(message_text(dt.blob, 0, "loud"));
	assert_null(message_text(dt.blob, 0, "number"));
	assert_null(message_text(dt.blob, 0, "empty"));
	assert_null(message_text(dt.blob, 0, "none"));
	dt_free(&dt);
}

static void properties_that_are_not_known_are_ignored(void **state)
{
	struct request request = { 0 };

	(void)state;
	assert_int_equal(decode("lkvm,control", 1, "resume", 7, &request, NULL), 0);
	assert_string_equal(request.command, "resume");
}

static void arguments_arrive_as_they_were_sent(void **state)
{
	struct request out = { .command = "resize", .disk = "a serial", .size = 0x123456789a };
	struct request in = { 0 };
	struct dt dt = { 0 };

	(void)state;
	assert_int_equal(request_encode(&out, &dt, NULL), 0);
	assert_int_equal(request_decode(&in, dt.blob, fdt_totalsize(dt.blob), NULL), 0);
	assert_string_equal(in.command, "resize");
	assert_string_equal(in.disk, "a serial");
	assert_int_equal(in.size, 0x123456789a);
	dt_free(&dt);
}

/* A request of an older lkvm has none, and one of ours that needs none is the same to an older VM. */
static void arguments_may_be_missing(void **state)
{
	struct request in = { .disk = "left over", .size = 1 };
	struct request out = { .command = "resume" };
	struct dt dt = { 0 };

	(void)state;
	assert_int_equal(decode("lkvm,control", 1, "resume", 7, &in, NULL), 0);
	assert_string_equal(in.disk, "");
	assert_int_equal(in.size, 0);
	assert_int_equal(request_encode(&out, &dt, NULL), 0);
	assert_null(fdt_getprop(dt.blob, 0, "disk", NULL));
	assert_null(fdt_getprop(dt.blob, 0, "size", NULL));
	dt_free(&dt);
}

/* Decodes a request with one more property. */
static int decode_with(const char *name, const void *value, int len)
{
	uint8_t fdt[4096];
	struct request request;
	void *small = tree("lkvm,control", 1, "resize", 7);

	assert_int_equal(fdt_open_into(small, fdt, sizeof(fdt)), 0);
	assert_int_equal(fdt_setprop(fdt, 0, name, value, len), 0);
	free(small);
	return request_decode(&request, fdt, fdt_totalsize(fdt), NULL);
}

static void arguments_are_bounded(void **state)
{
	char lengthy[MESSAGE_DISK_SIZE + 1];

	(void)state;
	memset(lengthy, 'x', sizeof(lengthy));
	lengthy[sizeof(lengthy) - 1] = '\0';
	assert_int_equal(decode_with("disk", lengthy, sizeof(lengthy)), -EBADMSG);
	assert_int_equal(decode_with("disk", lengthy + 1, sizeof(lengthy) - 1), 0);
	assert_int_equal(decode_with("disk", "0", 1), -EBADMSG);
	assert_int_equal(decode_with("disk", "", 0), -EBADMSG);
	assert_int_equal(decode_with("disk", "\033", 2), -EBADMSG);
	assert_int_equal(decode_with("size", "1234567", 8), 0);
	assert_int_equal(decode_with("size", "123", 4), -EBADMSG);
	assert_int_equal(decode_with("size", "12345678", 9), -EBADMSG);
	assert_int_equal(decode_with("size", "", 0), -EBADMSG);
}

static void a_message_of_another_version_or_kind_is_refused(void **state)
{
	struct request request;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(decode("lkvm,control", 2, "resume", 7, &request, &e), -EPROTONOSUPPORT);
	assert_non_null(strstr(e.text, "version 2"));
	assert_int_equal(decode("lkvm,host", 1, "resume", 7, &request, NULL), -EBADMSG);
}

static void a_command_is_a_short_plain_text(void **state)
{
	char lengthy[MESSAGE_COMMAND_SIZE + 1];
	struct request request;

	(void)state;
	memset(lengthy, 'x', sizeof(lengthy));
	lengthy[sizeof(lengthy) - 1] = '\0';
	assert_int_equal(decode("lkvm,control", 1, "resume", 6, &request, NULL), -EBADMSG);
	assert_int_equal(decode("lkvm,control", 1, "", 0, &request, NULL), -EBADMSG);
	assert_int_equal(decode("lkvm,control", 1, "\033[2J", 5, &request, NULL), -EBADMSG);
	assert_int_equal(decode("lkvm,control", 1, "a\0b", 4, &request, NULL), -EBADMSG);
	assert_int_equal(decode("lkvm,control", 1, lengthy, sizeof(lengthy), &request, NULL),
			 -EBADMSG);
	assert_int_equal(decode("lkvm,control", 1, lengthy + 1, sizeof(lengthy) - 1, &request,
				NULL),
			 0);
}

static void a_request_that_is_cut_off_is_refused_at_every_byte(void **state)
{
	uint8_t bytes[MESSAGE_MAX];
	size_t size = request_bytes("resume", bytes);
	struct request request;

	(void)state;
	for (size_t cut = 0; cut < size; cut++) {
		void *blob = malloc(cut + !cut);

		memcpy(blob, bytes, cut);
		assert_int_equal(request_decode(&request, blob, cut, NULL), -EBADMSG);
		free(blob);
	}
}

static void a_tree_of_an_old_format_is_refused(void **state)
{
	uint8_t bytes[MESSAGE_MAX];
	size_t size = request_bytes("resume", bytes);
	struct request request;

	(void)state;
	fdt_set_version(bytes, 15);
	fdt_set_last_comp_version(bytes, 2);
	assert_int_equal(request_decode(&request, bytes, size, NULL), -EBADMSG);
}

static void a_message_s_size_is_bounded(void **state)
{
	fdt32_t head[2] = { cpu_to_fdt32(FDT_MAGIC), cpu_to_fdt32(MESSAGE_MAX) };

	(void)state;
	assert_int_equal(message_size(head), MESSAGE_MAX);
	head[1] = cpu_to_fdt32(MESSAGE_MAX + 1);
	assert_int_equal(message_size(head), -EMSGSIZE);
	head[1] = cpu_to_fdt32(UINT32_MAX);
	assert_int_equal(message_size(head), -EMSGSIZE);
	head[1] = cpu_to_fdt32(MESSAGE_HEAD);
	assert_int_equal(message_size(head), -EBADMSG);
	head[0] = 0;
	assert_int_equal(message_size(head), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reply_arrives_as_it_was_sent),
		cmocka_unit_test(a_property_of_another_kind_is_none),
		cmocka_unit_test(properties_that_are_not_known_are_ignored),
		cmocka_unit_test(arguments_arrive_as_they_were_sent),
		cmocka_unit_test(arguments_may_be_missing),
		cmocka_unit_test(arguments_are_bounded),
		cmocka_unit_test(a_message_of_another_version_or_kind_is_refused),
		cmocka_unit_test(a_command_is_a_short_plain_text),
		cmocka_unit_test(a_request_that_is_cut_off_is_refused_at_every_byte),
		cmocka_unit_test(a_tree_of_an_old_format_is_refused),
		cmocka_unit_test(a_message_s_size_is_bounded),
	};

	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
