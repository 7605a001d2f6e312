# SPDX-License-Identifier: BSD-2-Clause
#
# lkvm: build, install, test. Native on arm64; cross-compiled elsewhere (override with CROSS_COMPILE=).
# `make help` lists the targets and variables.

O	?= build
PREFIX	?= /usr/local
DESTDIR	?=
V	?= 0

MACHINE	:= $(shell uname -m)
ifeq ($(MACHINE),aarch64)
CROSS_COMPILE ?=
else
CROSS_COMPILE ?= aarch64-linux-gnu-
endif
ifeq ($(origin CC),default)
CC	:= $(CROSS_COMPILE)gcc
endif
GUEST_CC ?= $(CROSS_COMPILE)gcc
HOSTCC	?= gcc

# arm64 libfdt and zlib for a cross build, put there by tests/lab/setup.
LKVM_CACHE ?= $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/lkvm
SYSROOT	?= $(if $(CROSS_COMPILE),$(LKVM_CACHE)/sysroot)
export LKVM_CACHE

VERSION	:= $(shell git describe --always --dirty 2>/dev/null || echo unknown)

# What the code is made of, lowest layer first.
LAYERS	:= util kvm vm host hw virtio arm snapshot ipc
LIB_SRC	:= $(foreach dir,$(LAYERS),$(sort $(wildcard $(dir)/*.c)))
MAIN_SRC := main.c $(sort $(wildcard builtin-*.c))

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wvla -Wformat=2 \
	-Wpointer-arith -Wwrite-strings $(if $(WERROR),-Werror)
HARDENING := -fPIE -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fno-common
CFLAGS	?= -O2 -g
BASE_CFLAGS := -std=gnu11 -D_GNU_SOURCE -Iinclude $(WARNINGS) -DLKVM_VERSION='"$(VERSION)"'
LKVM_CFLAGS := $(BASE_CFLAGS) $(HARDENING) -pthread -I$(O)/obj
LKVM_LDFLAGS := -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--gc-sections -pthread
LKVM_CFLAGS += -ffunction-sections -fdata-sections
ifneq ($(SYSROOT),)
LKVM_CFLAGS += -isystem $(SYSROOT)/usr/include -isystem $(SYSROOT)/usr/include/aarch64-linux-gnu
LKVM_LDFLAGS += -L$(SYSROOT)/usr/lib/aarch64-linux-gnu
endif
LIBS	:= -lfdt -lz

# What is built in where its library is (in the sysroot or with the compiler, and beside the unit tests' compiler):
# io_uring, and kernel modules compressed by xz and zstd. MACRO:HEADER:LIBRARY.
OPTIONAL := URING:liburing.h:uring LZMA:lzma.h:lzma ZSTD:zstd.h:zstd
field	= $(word $(1),$(subst :, ,$(2)))
has_header = $(shell printf '\#include <$(2)>\n' | $(1) -E -o /dev/null - 2>/dev/null && echo 1)
optional = $(foreach o,$(OPTIONAL),$(if $(call has_header,$(1),$(call field,2,$o)),$o))
HAVE	:= $(call optional,$(CC) $(LKVM_CFLAGS))
LKVM_CFLAGS += $(foreach o,$(HAVE),-DLKVM_HAVE_$(call field,1,$o))
LIBS	+= $(foreach o,$(HAVE),-l$(call field,3,$o))

Q	:= $(if $(filter 1,$(V)),,@)
say	= $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' '$(1)' '$(2)')

# Static and dynamic lkvm are linked from the same objects (PIE both).
ifeq ($(STATIC),1)
BINARY_LDFLAGS := -static-pie
else
BINARY_LDFLAGS := -pie
endif

.PHONY: all
all: $(O)/lkvm

include guest/guest.mk

OBJ	:= $(patsubst %.c,$(O)/obj/%.o,$(LIB_SRC) $(MAIN_SRC)) $(O)/guest/embed.o

# A change of the compiler or its flags rebuilds everything.
FLAGS	:= $(CC) $(CFLAGS) $(LKVM_CFLAGS) $(LKVM_LDFLAGS)
$(O)/flags: FORCE
	$(Q)mkdir -p $(@D)
	$(Q)echo '$(subst ','\'',$(FLAGS))' | cmp -s - $@ || echo '$(subst ','\'',$(FLAGS))' > $@
.PHONY: FORCE
FORCE:

$(O)/obj/%.o: %.c $(O)/flags
	$(Q)mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(LKVM_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(O)/binary-flags: FORCE
	$(Q)mkdir -p $(@D)
	$(Q)echo '$(BINARY_LDFLAGS)' | cmp -s - $@ || echo '$(BINARY_LDFLAGS)' > $@

$(O)/lkvm: $(OBJ) $(O)/binary-flags
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LKVM_LDFLAGS) $(BINARY_LDFLAGS) -o $@ $(OBJ) $(LIBS)

# The one that the lab's hosts run: they have no libraries.
$(O)/lkvm-static: $(OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LKVM_LDFLAGS) -static-pie -o $@ $(OBJ) $(LIBS)

# The same parts under another main: what a vCPU of ours holds, for the lab.
$(O)/registers: $(O)/obj/tests/e2e/registers.o $(filter-out $(MAIN_SRC:%.c=$(O)/obj/%.o),$(OBJ))
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LKVM_LDFLAGS) -static-pie -o $@ $^ $(LIBS)

# For the lab: clients that a control socket has to bear, what its guests do to disks and folders, and who answers them.
$(O)/bad-client $(O)/disk-load $(O)/net-peer $(O)/notify-peer $(O)/on-terminal $(O)/share-check $(O)/share-tree $(O)/vsock-talk $(O)/map-elf $(O)/brk: $(O)/%: $(O)/obj/tests/e2e/%.o
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LKVM_LDFLAGS) -static-pie -o $@ $^

$(O)/hold-vm: $(O)/obj/tests/lab/hold-vm.o
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LKVM_LDFLAGS) -static-pie -o $@ $^

-include $(wildcard $(O)/obj/*.d $(O)/obj/*/*.d)

# Unit tests: compiled for the machine that runs make, against a fake KVM, under sanitizers.
NATIVE	:= $(O)/native
UNIT_SRC := $(sort $(wildcard tests/unit/*_test.c))
UNIT	:= $(patsubst tests/unit/%_test.c,$(O)/unit/%_test,$(UNIT_SRC))
FAKE_SRC := $(sort $(wildcard tests/fake/*.c))
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
NATIVE_CFLAGS := $(BASE_CFLAGS) -isystem $(O)/uapi -Itests -I$(NATIVE) -O1 -g -pthread $(SANITIZE)
NATIVE_LIBS := -lfdt -lz
NATIVE_HAVE := $(call optional,$(HOSTCC))
NATIVE_CFLAGS += $(foreach o,$(NATIVE_HAVE),-DLKVM_HAVE_$(call field,1,$o))
NATIVE_LIBS += $(foreach o,$(NATIVE_HAVE),-l$(call field,3,$o))
NATIVE_OBJ := $(patsubst %.c,$(NATIVE)/%.o,$(filter-out kvm/ioctl.c,$(LIB_SRC)) $(FAKE_SRC)) \
	$(NATIVE)/embed.o

# The arm64 KVM interface for code compiled on another machine: those headers and no others.
UAPI	:= $(patsubst %,$(O)/uapi/asm/%.h,kvm ptrace sve_context hwcap)
UAPI_DIR := $(firstword $(wildcard /usr/aarch64-linux-gnu/include/asm /usr/include/aarch64-linux-gnu/asm))
$(UAPI): $(O)/uapi/asm/%.h:
	$(Q)mkdir -p $(@D)
	$(Q)ln -sf $(UAPI_DIR)/$*.h $@

# What threads may ask of the kernel, made of host/sandbox/rows.h: for the machine that lkvm runs on, and for that of the
# unit tests.
GENERATE := $(O)/generate-sandbox
$(GENERATE): host/sandbox/generate.c host/sandbox/rows.h include/util/sandbox.h include/kvm/newer.h $(O)/flags | $(UAPI)
	$(call say,HOSTCC,$@)
	$(Q)$(HOSTCC) $(BASE_CFLAGS) -isystem $(O)/uapi -O1 -o $@ $< -lseccomp
$(O)/obj/sandbox_filters.h: ARCH := aarch64
$(NATIVE)/sandbox_filters.h: ARCH := $(MACHINE)
%/sandbox_filters.h: $(GENERATE)
	$(Q)mkdir -p $(@D)
	$(Q)$< $(ARCH) >$@.new && mv $@.new $@
$(O)/obj/util/sandbox.o: $(O)/obj/sandbox_filters.h
$(NATIVE)/util/sandbox.o: $(NATIVE)/sandbox_filters.h

$(NATIVE)/%.o: %.c $(UAPI)
	$(Q)mkdir -p $(@D)
	$(call say,HOSTCC,$<)
	$(Q)$(HOSTCC) $(NATIVE_CFLAGS) -MMD -MP -c -o $@ $<

$(NATIVE)/embed.o: guest/embed.S $(EMBEDDED)
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) $(EMBED_FLAGS) -c -o $@ $<

$(NATIVE)/lkvm.a: $(NATIVE_OBJ)
	$(Q)rm -f $@
	$(Q)ar rcs $@ $^

$(O)/unit/%_test: $(NATIVE)/tests/unit/%_test.o $(NATIVE)/lkvm.a
	$(Q)mkdir -p $(@D)
	$(call say,HOSTLD,$@)
	$(Q)$(HOSTCC) $(SANITIZE) -pthread -o $@ $< $(NATIVE)/lkvm.a -lcmocka $(NATIVE_LIBS)

.PRECIOUS: $(NATIVE)/tests/unit/%_test.o
-include $(wildcard $(NATIVE)/*/*.d $(NATIVE)/*/*/*.d)

.PHONY: unit
unit: $(UNIT)

# Fuzzers: libFuzzer targets for what reads outside bytes, tests/fuzz/NAME_fuzz.c with its seeds in
# tests/fuzz/NAME/. `make fuzz TIME=60` gives each that many seconds.
FUZZ_CC	?= clang
FUZZ_OBJ := $(O)/fuzz/obj
FUZZ	:= $(patsubst tests/fuzz/%_fuzz.c,$(O)/fuzz/%,$(sort $(wildcard tests/fuzz/*_fuzz.c)))
FUZZ_SANITIZE := address,undefined
FUZZ_CFLAGS := $(filter-out $(SANITIZE),$(NATIVE_CFLAGS)) -fno-sanitize-recover=undefined
FUZZ_LIB := $(patsubst %.c,$(FUZZ_OBJ)/%.o,$(filter-out kvm/ioctl.c,$(LIB_SRC)) $(FAKE_SRC)) \
	$(NATIVE)/embed.o
TIME	?= 60

$(FUZZ_OBJ)/util/sandbox.o: $(NATIVE)/sandbox_filters.h
$(FUZZ_OBJ)/%.o: %.c $(UAPI)
	$(Q)mkdir -p $(@D)
	$(call say,FUZZCC,$<)
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link,$(FUZZ_SANITIZE) -MMD -MP -c -o $@ $<

$(O)/fuzz/lkvm.a: $(FUZZ_LIB)
	$(Q)rm -f $@
	$(Q)ar rcs $@ $^

$(O)/fuzz/%: $(FUZZ_OBJ)/tests/fuzz/%_fuzz.o $(O)/fuzz/lkvm.a
	$(call say,FUZZLD,$@)
	$(Q)$(FUZZ_CC) -fsanitize=fuzzer,$(FUZZ_SANITIZE) -pthread -o $@ $< $(O)/fuzz/lkvm.a $(NATIVE_LIBS)

.PRECIOUS: $(FUZZ_OBJ)/tests/fuzz/%_fuzz.o
-include $(wildcard $(FUZZ_OBJ)/*/*.d $(FUZZ_OBJ)/*/*/*.d)

# What a run finds new stays in the build folder; a crash's input stands beside it.
.PHONY: fuzz fuzzers
fuzzers: $(FUZZ)
fuzz: $(FUZZ)
	$(Q)for target in $(FUZZ); do \
		name=$${target##*/}; \
		mkdir -p $(O)/fuzz/corpus/$$name tests/fuzz/$$name; \
		echo "== $$name, $(TIME) s"; \
		$$target -max_total_time=$(TIME) -print_final_stats=1 -artifact_prefix=$(O)/fuzz/$$name- \
			$(O)/fuzz/corpus/$$name tests/fuzz/$$name 2>$(O)/fuzz/$$name.log || \
			{ tail -n 40 $(O)/fuzz/$$name.log; exit 1; }; \
		grep -E 'stat::number_of_executed|DONE' $(O)/fuzz/$$name.log; \
	done

# What the analyzers are to see of the code.
.PHONY: print-cflags analyze
print-cflags:
	@echo $(LKVM_CFLAGS)
analyze:
	$(Q)tests/analysis/run; tests/analysis/tsan

# The commands people type.
include dist/dist.mk

.PHONY: demo check lint bench clean help setup
# Set-up comes first and may install what the rest of the Makefile looks for: hence the second make.
setup:
	@tests/lab/setup build

demo:
	@tests/lab/setup build lab
	@$(MAKE) --no-print-directory $(O)/lkvm-static
	@tests/lab/demo

check:
	@tests/lab/setup build lab
	@tests/run

lint:
	@tests/lint/run

bench:
	@tests/lab/setup build lab bench
	@$(MAKE) --no-print-directory $(O)/lkvm $(O)/lkvm-static $(O)/disk-load $(O)/net-peer $(O)/share-tree guests
	@tests/bench/run

clean:
	rm -rf $(O)

help:
	@echo 'Targets:'
	@echo '  all (default)  $(O)/lkvm'
	@echo '  demo           set up everything and boot a Debian guest under PSCI 0.2'
	@echo '  check          set up everything and run every test'
	@echo '  fuzz           feed each parser of outside bytes for TIME seconds (60)'
	@echo '  analyze        let static analyzers and ThreadSanitizer look'
	@echo '  bench          measure, and set lkvm beside its peers'
	@echo '  lint           the fast checks of the source itself'
	@echo '  setup          install what the build needs'
	@echo '  dist           man pages, completions and the systemd unit'
	@echo '  deb            a Debian package'
	@echo '  install, uninstall, clean'
	@echo 'Variables:'
	@echo '  O=DIR          build folder                     ($(O))'
	@echo '  STATIC=1       link lkvm statically'
	@echo '  PREFIX=, DESTDIR=                               ($(PREFIX))'
	@echo '  CROSS_COMPILE= compiler prefix                  ($(CROSS_COMPILE))'
	@echo '  CC=, CFLAGS=, V=1, WERROR=1'
	@echo '  LKVM_CACHE=DIR what tests download              ($(LKVM_CACHE))'
