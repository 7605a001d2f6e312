/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lkvm run up to the machine: which configuration a command line becomes. The machine itself is
 * replaced by one that writes the configuration down.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "../../builtin-run.c"

const struct machine_config machine_config_default = {
	.dev = "/dev/kvm",
	.ram_size = 256 * MiB,
	.nr_cpus = 2,
};

/* Not the real ones, which stand on the real machine. */
const struct machine_control control_server = { 0 };
const struct machine_control verdict_control = { 0 };

void machine_stop(struct machine *m)
{
	(void)m;
}

static struct machine_config cfg;
static char cfg_name[NAME_MAX_LEN + 1];
static enum machine_status answer;
static int nr_runs;

enum machine_status machine_run(const struct machine_config *wanted, struct err *e)
{
	cfg = *wanted;
	snprintf(cfg_name, sizeof(cfg_name), "%s", wanted->name);
	nr_runs++;
	if (answer == MACHINE_FAILED)
		err_set(e, 1, "no luck");
	return answer;
}

/* Runs it with what it writes to @fd (1 or 2) in @out. */
static int run_words(int argc, const char **words, int fd, char *out, size_t size)
{
	const char *argv[16] = { "run" };
	int saved = dup(fd), status, pipe_fds[2];
	ssize_t nr;

	memcpy(argv + 1, words, argc * sizeof(*words));
	assert_int_equal(pipe(pipe_fds), 0);
	fflush(stdout);
	dup2(pipe_fds[1], fd);
	nr_runs = 0;
	status = builtin_run(argc + 1, (char **)argv);
	fflush(stdout);
	dup2(saved, fd);
	close(saved);
	close(pipe_fds[1]);
	nr = read(pipe_fds[0], out, size - 1);
	close(pipe_fds[0]);
	assert_true(nr >= 0);
	out[nr] = '\0';
	return status;
}

static char out[8192];

#define WORDS(...) ((const char *[]){ __VA_ARGS__ })
#define run(fd, ...) \
	run_words(ARRAY_SIZE(WORDS(__VA_ARGS__)), WORDS(__VA_ARGS__), fd, out, sizeof(out))

#define accept(...)                                                 \
	do {                                                        \
		assert_int_equal(run(2, __VA_ARGS__), MACHINE_OFF); \
		assert_string_equal(out, "");                       \
		assert_int_equal(nr_runs, 1);                       \
	} while (0)

/* Refused in one line, before any machine is made. */
#define refuse(words, ...)                                             \
	do {                                                           \
		assert_int_equal(run(2, __VA_ARGS__), MACHINE_FAILED); \
		assert_string_equal(out, "Fatal: run: " words "\n");   \
		assert_int_equal(nr_runs, 0);                          \
	} while (0)

static void without_options_the_defaults_run(void **state)
{
	char name[40];

	(void)state;
	assert_int_equal(run_words(0, WORDS(NULL), 2, out, sizeof(out)), MACHINE_OFF);
	snprintf(name, sizeof(name), "guest-%d", (int)getpid());
	assert_string_equal(cfg_name, name);
	assert_null(cfg.kernel);
	assert_int_equal(cfg.nr_cpus, 2);
	assert_int_equal(cfg.ram_size, 256 * MiB);
	assert_false(cfg.pin || cfg.pmu || cfg.reboot || cfg.nodefaults);
}

static void the_first_bare_word_is_the_kernel(void **state)
{
	(void)state;
	accept("Image");
	assert_string_equal(cfg.kernel, "Image");
	accept("-k", "Image", "-i", "initrd", "-p", "console=ttyS0 quiet");
	assert_string_equal(cfg.kernel, "Image");
	assert_string_equal(cfg.initrd, "initrd");
	assert_string_equal(cfg.params, "console=ttyS0 quiet");
	refuse("'b' is one word too many: the kernel is 'a'", "a", "b");
	refuse("'b' is one word too many: the kernel is 'a'", "-k", "a", "b");
}

static void a_file_without_a_name_is_refused(void **state)
{
	(void)state;
	refuse("the name of the file is empty", "");
	refuse("--kernel: the name of the file is empty", "--kernel=");
	refuse("-i: the name of the file is empty", "-i", "");
	refuse("--dump-dtb: the name of the file is empty", "--dump-dtb=");
	accept("--params=");
}

static void the_number_of_cpus_has_limits(void **state)
{
	(void)state;
	accept("-c", "1");
	assert_int_equal(cfg.nr_cpus, 1);
	accept("--cpus=512");
	assert_int_equal(cfg.nr_cpus, 512);
	refuse("-c: '0' is out of range: a VM has 1 to 512 CPUs", "-c", "0");
	refuse("--cpus: '513' is out of range: a VM has 1 to 512 CPUs", "--cpus", "513");
	refuse("-c: '9999999999' is out of range: a VM has 1 to 512 CPUs", "-c9999999999");
	refuse("-c: '-1' is not a whole number", "-c", "-1");
}

#define MEM_LIMITS "' is out of range: a VM has 1 MiB to 1024 GiB of memory"

static void the_memory_has_limits(void **state)
{
	(void)state;
	accept("-m", "1");
	assert_int_equal(cfg.ram_size, MiB);
	accept("--mem=1T");
	assert_int_equal(cfg.ram_size, TiB);
	refuse("-m: '0" MEM_LIMITS, "-m", "0");
	refuse("-m: '1B" MEM_LIMITS, "-m1B");
	refuse("-m: '1048575B" MEM_LIMITS, "-m", "1048575B");
	refuse("--mem: '1048577" MEM_LIMITS, "--mem=1048577");
	refuse("--mem: '3T" MEM_LIMITS, "--mem=3T");
	refuse("--mem: '99999999999999999999" MEM_LIMITS, "--mem=99999999999999999999");
	refuse("--mem: '12Q' is not a size: a whole number and one of B K M G T, or none for M",
	       "--mem=12Q");
}

static void a_psci_version_is_one_that_there_is(void **state)
{
	static const char *const wrong[] = {
		"", "0.3", "2.0", "1", "1.1x", "99999999999.0", " 1.1"
	};

	(void)state;
	accept("--psci-version=0.2");
	assert_int_equal(cfg.psci, PSCI_VERSION(0, 2));
	accept("--psci-version", "1.3", "--psci-version=auto");
	assert_int_equal(cfg.psci, PSCI_AUTO);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		char words[100];

		assert_int_equal(run(2, "--psci-version", wrong[i]), MACHINE_FAILED);
		snprintf(words, sizeof(words), "Fatal: run: --psci-version: '%s' is not", wrong[i]);
		assert_memory_equal(out, words, strlen(words));
	}
}

static void an_irqchip_is_one_of_three(void **state)
{
	(void)state;
	accept("--irqchip=gicv2");
	assert_int_equal(cfg.irqchip, IRQCHIP_GICV2);
	accept("--irqchip=gicv3");
	assert_int_equal(cfg.irqchip, IRQCHIP_GICV3);
	accept("--irqchip=auto");
	assert_int_equal(cfg.irqchip, IRQCHIP_AUTO);
	refuse("--irqchip: 'gicv4' is none of auto, gicv2, gicv3", "--irqchip=gicv4");
}

static void a_name_is_short_and_plain(void **state)
{
	(void)state;
	accept("--name=a.B_9-");
	assert_string_equal(cfg_name, "a.B_9-");
	accept("--name=0123456789012345678901234567890123456789012345678901234567890123");
	refuse("--name: '' is not a name: 1 to 64 of the characters A-Z a-z 0-9 . _ -", "--name=");
	refuse("--name: 'a/b' is not a name: 1 to 64 of the characters A-Z a-z 0-9 . _ -",
	       "--name=a/b");
	refuse("--name: '01234567890123456789012345678901234567890123456789012345678901234' "
	       "is not a name: 1 to 64 of the characters A-Z a-z 0-9 . _ -",
	       "--name=01234567890123456789012345678901234567890123456789012345678901234");
}

static void network_devices_are_kept(void **state)
{
	(void)state;
	accept("--network=user", "--network", "mode=tap,tapif=t,queues=2");
	assert_int_equal(cfg.networks.nr, 2);
	accept("--network", "user", "--network=mode=none");
	assert_int_equal(cfg.networks.nr, 0);
	refuse("--network: 'slirp': 'slirp' is none of mode=none, mode=user, mode=tap", "--network",
	       "slirp");
}

static void devices_are_kept(void **state)
{
	(void)state;
	accept("--console=virtio,transport=pci", "--rng-rate", "1K", "--virtio-transport=mmio",
	       "--msi=off");
	assert_true(cfg.console.virtio && cfg.rng.present && cfg.no_msi);
	assert_int_equal(cfg.console.bus, VIRTIO_BUS_PCI);
	assert_int_equal(cfg.bus, VIRTIO_BUS_MMIO);
	assert_int_equal(cfg.rng.rate, 1024);
	accept("--rng", "--msi", "on", "-d", "a", "--disk=b,ro", "--port", "p");
	assert_true(cfg.rng.present && !cfg.no_msi);
	assert_int_equal(cfg.bus, VIRTIO_BUS_DEFAULT);
	assert_int_equal(cfg.disks.nr, 2);
	assert_int_equal(cfg.console.nr_ports, 1);
	refuse("--virtio-transport: 'usb' is none of mmio, pci", "--virtio-transport", "usb");
	refuse("--msi: 'maybe' is none of on, off", "--msi=maybe");
}

static void switches_are_kept(void **state)
{
	(void)state;
	accept("--pmu", "--reboot", "--nodefaults");
	assert_true(cfg.pmu && cfg.reboot && cfg.nodefaults);
}

static void places_are_kept(void **state)
{
	(void)state;
	accept("--dev=d", "--dtb=t", "--dump-dtb=u", "--hugetlbfs=h");
	assert_string_equal(cfg.dev, "d");
	assert_string_equal(cfg.dtb, "t");
	assert_string_equal(cfg.dump_dtb, "u");
	assert_string_equal(cfg.hugetlbfs, "h");
}

static void an_affinity_is_a_list_of_cpus_and_ranges(void **state)
{
	static const char *const wrong[] = {
		"",    ",", "0,", ",0",    "0,,1", "3-1",    "1-",
		"-1",  "a", "0 ", "1-2-3", "1024", "0-1024", "99999999999999999999",
		"0x1",
	};

	(void)state;
	accept("--vcpu-affinity=0,2-5,1023");
	assert_true(cfg.pin);
	assert_int_equal(CPU_COUNT(&cfg.affinity), 6);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		assert_int_equal(!!CPU_ISSET(cpu, &cfg.affinity),
				 cpu == 0 || (cpu >= 2 && cpu <= 5) || cpu == 1023);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_int_equal(run(2, "--vcpu-affinity", wrong[i]), MACHINE_FAILED);
		assert_non_null(strstr(out,
				       "is not a list of host CPUs, 0 to 1023, such as 0,2-5"));
	}
}

static void a_log_level_is_one_of_four(void **state)
{
	(void)state;
	accept("--loglevel=error");
	assert_false(log_enabled(LOG_WARNING));
	accept("--loglevel=debug");
	assert_true(log_enabled(LOG_DEBUG));
	accept("--loglevel=warning");
	assert_true(log_enabled(LOG_WARNING) && !log_enabled(LOG_INFO));
	accept("--name=x");
	assert_true(log_enabled(LOG_INFO) && !log_enabled(LOG_DEBUG));
	refuse("--loglevel: 'loud' is none of error, warning, info, debug", "--loglevel=loud");
}

static void the_machines_status_is_the_commands(void **state)
{
	(void)state;
	answer = MACHINE_RESET;
	assert_int_equal(run(2, "Image"), 120);
	assert_string_equal(out, "");
	answer = MACHINE_CRASHED;
	assert_int_equal(run(2, "Image"), 121);
	answer = MACHINE_FAILED;
	assert_int_equal(run(2, "Image"), 125);
	assert_string_equal(out, "Fatal: no luck\n");
	answer = MACHINE_OFF;
}

static void help_lists_every_option_and_runs_nothing(void **state)
{
	(void)state;
	assert_int_equal(run(1, "--help"), MACHINE_OFF);
	assert_int_equal(nr_runs, 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char words[40];

		snprintf(words, sizeof(words), "--%s", rows[i].name);
		assert_non_null(strstr(out, words));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_options_the_defaults_run),
		cmocka_unit_test(the_first_bare_word_is_the_kernel),
		cmocka_unit_test(a_file_without_a_name_is_refused),
		cmocka_unit_test(the_number_of_cpus_has_limits),
		cmocka_unit_test(the_memory_has_limits),
		cmocka_unit_test(a_psci_version_is_one_that_there_is),
		cmocka_unit_test(an_irqchip_is_one_of_three),
		cmocka_unit_test(a_name_is_short_and_plain),
		cmocka_unit_test(network_devices_are_kept),
		cmocka_unit_test(devices_are_kept),
		cmocka_unit_test(switches_are_kept),
		cmocka_unit_test(places_are_kept),
		cmocka_unit_test(an_affinity_is_a_list_of_cpus_and_ranges),
		cmocka_unit_test(a_log_level_is_one_of_four),
		cmocka_unit_test(the_machines_status_is_the_commands),
		cmocka_unit_test(help_lists_every_option_and_runs_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
