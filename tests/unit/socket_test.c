/* SPDX-License-Identifier: BSD-2-Clause */
/* Where control sockets are: names, folders, and what stands in the way. */
#include "control_world.h"
#include "../../ipc/socket.h"
#include "ipc/name.h"

static void a_name_that_is_taken_is_refused_and_a_default_name_goes_without(void **state)
{
	struct loop other = LOOP_NONE; /* another process's */
	struct machine_config cfg;
	void *second = NULL;
	struct err e = { 0 };
	struct world w;

	(void)state;
	world_start(&w);
	assert_int_equal(loop_create(&other, NULL), 0);
	cfg = w.cfg;
	assert_int_equal(control_server.open(NULL, &cfg, &other, &second, &e), -EADDRINUSE);
	assert_non_null(strstr(e.text, "a VM named web is running"));
	cfg.named = false;
	assert_int_equal(control_server.open(NULL, &cfg, &other, &second, NULL), 0);
	assert_null(second);
	assert_answers();
	loop_destroy(&other);
	world_end(&w);
}

static void a_dead_socket_is_replaced(void **state)
{
	struct socket_place place;
	struct world w, again;

	(void)state;
	setting(&w);
	assert_int_equal(socket_find(&place, "web", NULL), 0);
	close(socket_listen(&place, "web", NULL));
	assert_int_equal(access(w.path, F_OK), 0);
	assert_int_equal(loop_create(&again.loop, NULL), 0);
	again.server = NULL;
	assert_int_equal(control_server.open(NULL, &w.cfg, &again.loop, &again.server, NULL), 0);
	assert_non_null(again.server);
	control_server.close(again.server);
	loop_destroy(&again.loop);
	assert_int_equal(access(w.path, F_OK), -1);
	setting_end(&w);
}

/* Opening fails for a named VM, saying @word; a VM that is not named runs without. */
static void assert_no_place(struct world *w, const char *word)
{
	void *server = NULL;
	struct err e = { 0 };

	assert_int_equal(loop_create(&w->loop, NULL), 0);
	assert_true(control_server.open(NULL, &w->cfg, &w->loop, &server, &e) < 0);
	if (!strstr(e.text, word))
		assert_string_equal(e.text, word);
	w->cfg.named = false;
	assert_int_equal(control_server.open(NULL, &w->cfg, &w->loop, &server, NULL), 0);
	assert_null(server);
	loop_destroy(&w->loop);
}

static void a_folder_that_others_may_enter_is_refused(void **state)
{
	struct world w;

	(void)state;
	setting(&w);
	assert_int_equal(mkdir(w.folder, 0700), 0);
	assert_int_equal(chmod(w.folder, 0750), 0);
	assert_no_place(&w, "not for this user alone");
	setting_end(&w);
}

static void a_folder_that_is_a_link_is_refused(void **state)
{
	struct world w;

	(void)state;
	setting(&w);
	assert_int_equal(symlink("/tmp", w.folder), 0);
	assert_no_place(&w, w.folder);
	unlink(w.folder);
	setting_end(&w);
}

static void a_path_that_does_not_fit_is_refused(void **state)
{
	char lengthy[200] = "/";
	struct world w;

	(void)state;
	setting(&w);
	memset(lengthy + 1, 'x', sizeof(lengthy) - 2);
	setenv("XDG_RUNTIME_DIR", lengthy, 1);
	assert_no_place(&w, "too long a path");
	setting_end(&w);
}

static void without_a_runtime_folder_root_has_run_and_others_tmp(void **state)
{
	struct socket_place place;
	char want[32];

	(void)state;
	setenv("XDG_RUNTIME_DIR", "not/absolute", 1);
	snprintf(want, sizeof(want), geteuid() ? "/tmp/lkvm-%u" : "/run/lkvm", geteuid());
	assert_int_equal(socket_find(&place, "web", NULL), 0);
	assert_string_equal(place.folder, want);
}

static void a_name_has_no_slash_and_an_end(void **state)
{
	const char *name = NULL;
	char lengthy[NAME_MAX_LEN + 2];

	(void)state;
	memset(lengthy, 'x', sizeof(lengthy));
	lengthy[sizeof(lengthy) - 1] = '\0';
	assert_int_equal(name_set(&name, "", NULL), -EINVAL);
	assert_int_equal(name_set(&name, "../web", NULL), -EINVAL);
	assert_int_equal(name_set(&name, lengthy, NULL), -EINVAL);
	assert_null(name);
	assert_int_equal(name_set(&name, lengthy + 1, NULL), 0);
	assert_ptr_equal(name, lengthy + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_that_is_taken_is_refused_and_a_default_name_goes_without),
		cmocka_unit_test(a_dead_socket_is_replaced),
		cmocka_unit_test(a_folder_that_others_may_enter_is_refused),
		cmocka_unit_test(a_folder_that_is_a_link_is_refused),
		cmocka_unit_test(a_path_that_does_not_fit_is_refused),
		cmocka_unit_test(without_a_runtime_folder_root_has_run_and_others_tmp),
		cmocka_unit_test(a_name_has_no_slash_and_an_end),
	};

	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
