/* SPDX-License-Identifier: BSD-2-Clause */
/* lkvm host: what its options do, and its statuses. The probe is one of a host on paper. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>
#include "../../builtin-host.c"
#include "facts.h"
#include "fake/play.h"

static const char *probed_kernel = "6.1";
static const char *probed_dev;
static int nr_probes;

int host_probe(const char *dev, struct host_profile *p, struct err *e)
{
	probed_dev = dev;
	nr_probes++;
	if (!probed_kernel) {
		*p = PROFILE_NONE;
		return err_set(e, ENODEV, "no luck");
	}
	facts_profile(p, "cortex-a72", probed_kernel);
	return 0;
}

/* The profile of a kernel in a file of its own, until temp_remove(). */
static char *profile_file(const char *cpu, const char *kernel)
{
	struct host_profile p;
	struct err e = { 0 };
	char *path = temp_file("", 0);

	facts_profile(&p, cpu, kernel);
	assert_int_equal(profile_write(&p, path, &e), 0);
	profile_free(&p);
	return path;
}

static char *out, *err;

static int run_words(int argc, const char **words)
{
	const char *argv[12] = { "host" };
	struct capture c1, c2;
	int status;

	free(out);
	free(err);
	memcpy(argv + 1, words, (size_t)argc * sizeof(*words));
	nr_probes = 0;
	fflush(stdout);
	capture_start(&c1, 1);
	capture_start(&c2, 2);
	status = builtin_host(argc + 1, (char **)argv);
	fflush(stdout);
	err = capture_end(&c2, NULL);
	out = capture_end(&c1, NULL);
	return status;
}

#define WORDS(...) ((const char *[]){ __VA_ARGS__ })
#define run(...)   run_words(ARRAY_SIZE(WORDS(__VA_ARGS__)), WORDS(__VA_ARGS__))

#define refuse(words, ...)                                          \
	do {                                                        \
		assert_int_equal(run(__VA_ARGS__), MACHINE_FAILED); \
		assert_string_equal(err, "Fatal: " words "\n");     \
		assert_string_equal(out, "");                       \
	} while (0)

static void without_options_this_host_is_shown(void **state)
{
	(void)state;
	assert_int_equal(run_words(0, WORDS(NULL)), 0);
	assert_int_equal(nr_probes, 1);
	assert_string_equal(probed_dev, "/dev/kvm");
	assert_non_null(strstr(out, "PSCI              0.1, 0.2, 1.0, 1.1\n"));
	assert_null(strstr(out, "ID_AFR0_EL1 "));
	assert_int_equal(run("--dev", "/dev/other", "--all"), 0);
	assert_string_equal(probed_dev, "/dev/other");
	assert_non_null(strstr(out, "ID_AFR0_EL1 "));
	assert_int_equal(run("--json"), 0);
	assert_memory_equal(out, "{\n", 2);
}

static void a_profile_goes_out_and_comes_back_as_it_was(void **state)
{
	char *path = temp_file("", 0), *shown;

	(void)state;
	assert_int_equal(run_words(0, WORDS(NULL)), 0);
	shown = out;
	out = NULL;
	assert_int_equal(run("-o", path), 0);
	assert_string_equal(out, "");
	assert_int_equal(nr_probes, 1);
	assert_int_equal(run("--profile", path), 0);
	assert_int_equal(nr_probes, 0);
	assert_string_equal(out, shown);
	free(shown);
	temp_remove(path);
}

static void the_status_says_which_way(void **state)
{
	char *old = profile_file("cortex-a72", "6.1"), *new = profile_file("cortex-a72", "7.3");
	char *max = profile_file("max", "5.10"), *max_new = profile_file("max", "7.3");
	char *max_old = profile_file("max", "6.1");

	(void)state;
	assert_int_equal(run("--compare", old, old), 0);
	assert_int_equal(nr_probes, 0);
	assert_int_equal(run("--compare", old, new), 1);
	assert_int_equal(run("--compare", new, old), 2);
	assert_int_equal(run("--compare", max, max_new), 3);
	/* This host, 6.1, is B. */
	assert_int_equal(run("--compare", new), 2);
	assert_int_equal(nr_probes, 1);
	assert_non_null(strstr(out, "B  this host: Linux 6.1\n"));
	assert_int_equal(run("--compare", new, "--profile", old), 2);
	assert_int_equal(nr_probes, 0);
	/* Neither has a PMU to start with; the others have, and its registers go up and not down. */
	assert_int_equal(run("--pmu", "--compare", old, new), 3);
	assert_non_null(strstr(out, "vCPU feature pmu: vCPUs here do not have it\n"));
	assert_int_equal(run("--pmu", "--compare", max_old, max_new), 1);
	assert_null(strstr(out, "vCPU feature"));
	temp_remove(old);
	temp_remove(new);
	temp_remove(max);
	temp_remove(max_new);
	temp_remove(max_old);
}

static void what_cannot_be_read_is_named(void **state)
{
	char *bad = temp_file("hello", 5), *good = profile_file("max", "6.1");
	char words[300];

	(void)state;
	assert_int_equal(run("--profile", bad), MACHINE_FAILED);
	snprintf(words, sizeof(words), "Fatal: %s is not a host profile (lkvm host -o makes one)\n",
		 bad);
	assert_string_equal(err, words);
	assert_int_equal(run("--compare", good, bad), MACHINE_FAILED);
	assert_string_equal(err, words);
	assert_string_equal(out, "");
	assert_int_equal(run("--compare", bad, good), MACHINE_FAILED);
	probed_kernel = NULL;
	refuse("no luck", "--json");
	refuse("no luck", "--compare", good);
	probed_kernel = "6.1";
	temp_remove(bad);
	temp_remove(good);
}

static void what_says_nothing_together_is_refused(void **state)
{
	(void)state;
	refuse("host: 'x' is one word too many", "x");
	refuse("host: 'c' is one word too many: two profiles are compared", "--compare", "a", "b",
	       "c");
	refuse("host: --compare goes without -o, --json and --all", "--compare", "a", "--json");
	refuse("host: --compare goes without -o, --json and --all", "--compare", "a", "-o", "b");
	refuse("host: three profiles: --compare takes two", "--compare=a", "b", "--profile=c");
	refuse("host: --pmu goes with --compare", "--pmu");
	refuse("host: -o shows nothing, so that --json and --all mean nothing", "-o", "a", "--all");
	refuse("host: -o: the name of the file is empty", "-o", "");
	refuse("host: --profile: the name of the file is empty", "--profile=");
}

static void help_lists_every_option_and_probes_nothing(void **state)
{
	(void)state;
	assert_int_equal(run("--help"), 0);
	assert_int_equal(nr_probes, 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char words[40];

		snprintf(words, sizeof(words), "--%s", rows[i].name);
		assert_non_null(strstr(out, words));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_options_this_host_is_shown),
		cmocka_unit_test(a_profile_goes_out_and_comes_back_as_it_was),
		cmocka_unit_test(the_status_says_which_way),
		cmocka_unit_test(what_cannot_be_read_is_named),
		cmocka_unit_test(what_says_nothing_together_is_refused),
		cmocka_unit_test(help_lists_every_option_and_probes_nothing),
	};
	int ret = cmocka_run_group_tests_name("host", tests, NULL, NULL);

	free(out);
	free(err);
	return ret;
}
