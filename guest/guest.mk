# SPDX-License-Identifier: BSD-2-Clause
#
# Rules for the code that runs inside VMs; the Makefile includes this file. Uses O (the build
# folder), CROSS_COMPILE, GUEST_CC, GUEST_OBJCOPY, WERROR, and Q and say for quiet rules. Provides:
#
#   GUEST_BINS	everything below; `make guests` builds it
#   $(O)/guest/default.bin	the guest that is embedded in lkvm
#   $(O)/guest/init	the first process of guests that run one command (guest/init), embedded too
#   $(O)/guest/embed.o	these two as an object of lkvm's (guest/embed.h), made with CC
#   $(O)/guest/NAME.bin	one test guest for each tests/guest/NAME.c and NAME.S
#
# A .c is a guest with an Image header, on top of the library; NAME-*.c and NAME-*.S are further parts
# of it. Any other .S is a bare flat binary.

O ?= build
GUEST_CC ?= $(CROSS_COMPILE)gcc
GUEST_OBJCOPY ?= $(CROSS_COMPILE)objcopy

GUEST_CFLAGS := -std=gnu11 -Os -g -ffreestanding -fpie -mstrict-align -mgeneral-regs-only \
	-ffunction-sections -fdata-sections -fno-stack-protector -fno-asynchronous-unwind-tables \
	-fno-unwind-tables -fno-common -Wall -Wextra -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wundef -Wvla $(if $(WERROR),-Werror) -Iguest
GUEST_LDFLAGS := -nostdlib -static -Wl,-pie -Wl,--no-dynamic-linker -Wl,--gc-sections \
	-Wl,--build-id=none -Wl,-z,norelro -Wl,-z,max-page-size=4096 -Wl,-T,guest/image.lds

GUEST_OBJ := $(O)/guest/obj
GUEST_LIB := $(patsubst %,$(GUEST_OBJ)/%.o,entry start abort cpu dt gic power print psci str uart)
GUEST_DEFAULT := $(patsubst %,$(GUEST_OBJ)/%.o,default default-cpus default-services)

GUEST_SOURCES := $(notdir $(wildcard tests/guest/*.c tests/guest/*.S))
GUEST_PARTS := $(foreach f,$(GUEST_SOURCES),$(if $(findstring -,$f),$f))
GUEST_TESTS := $(patsubst %.c,%,$(filter-out $(GUEST_PARTS),$(filter %.c,$(GUEST_SOURCES))))
GUEST_FLAT := $(patsubst %.S,%,$(filter-out $(GUEST_PARTS),$(filter %.S,$(GUEST_SOURCES))))
GUEST_BINS := $(patsubst %,$(O)/guest/%.bin,default $(GUEST_TESTS) $(GUEST_FLAT))

.PHONY: guests
guests: $(GUEST_BINS)

$(GUEST_OBJ)/%.o: guest/%.c guest/guest.mk
	$(Q)mkdir -p $(@D)
	$(call say,GUESTCC,$<)
	$(Q)$(GUEST_CC) $(GUEST_CFLAGS) -MMD -MP -c -o $@ $<

$(GUEST_OBJ)/%.o: guest/%.S guest/guest.mk
	$(Q)mkdir -p $(@D)
	$(call say,GUESTCC,$<)
	$(Q)$(GUEST_CC) -Iguest -MMD -MP -c -o $@ $<

$(GUEST_OBJ)/tests/%.o: tests/guest/%.c guest/guest.mk
	$(Q)mkdir -p $(@D)
	$(call say,GUESTCC,$<)
	$(Q)$(GUEST_CC) $(GUEST_CFLAGS) -MMD -MP -c -o $@ $<

$(GUEST_OBJ)/tests/%.o: tests/guest/%.S guest/guest.mk
	$(Q)mkdir -p $(@D)
	$(call say,GUESTCC,$<)
	$(Q)$(GUEST_CC) -Iguest -MMD -MP -c -o $@ $<

$(O)/guest/default.elf: $(GUEST_DEFAULT)
$(GUEST_TESTS:%=$(O)/guest/%.elf): $(O)/guest/%.elf: $(GUEST_OBJ)/tests/%.o
$(foreach t,$(GUEST_TESTS),$(eval $(O)/guest/$t.elf: \
	$(patsubst %,$(GUEST_OBJ)/tests/%.o,$(basename $(filter $t-%,$(GUEST_PARTS))))))
$(O)/guest/default.elf $(GUEST_TESTS:%=$(O)/guest/%.elf): $(GUEST_LIB) guest/image.lds
	$(call say,GUESTLD,$@)
	$(Q)$(GUEST_CC) $(GUEST_LDFLAGS) -o $@ $(filter %.o,$^)

$(O)/guest/default.bin $(GUEST_TESTS:%=$(O)/guest/%.bin): %.bin: %.elf
	$(Q)$(GUEST_OBJCOPY) -O binary $< $@

$(GUEST_FLAT:%=$(O)/guest/%.bin): $(O)/guest/%.bin: $(GUEST_OBJ)/tests/%.o
	$(Q)$(GUEST_OBJCOPY) -O binary -j .text $< $@

# A program of Linux: the same compiler, the kernel's headers, and nothing of a C library.
INIT_OBJ := $(patsubst guest/init/%.c,$(GUEST_OBJ)/init/%.o,$(wildcard guest/init/*.c)) $(GUEST_OBJ)/str.o

$(GUEST_OBJ)/init/%.o: guest/init/%.c guest/guest.mk
	$(Q)mkdir -p $(@D)
	$(call say,GUESTCC,$<)
	$(Q)$(GUEST_CC) $(filter-out -fpie,$(GUEST_CFLAGS)) -fno-pie -Iinclude -MMD -MP -c -o $@ $<

$(O)/guest/init: $(INIT_OBJ)
	$(call say,GUESTLD,$@)
	$(Q)$(GUEST_CC) -nostdlib -static -no-pie -s -Wl,--gc-sections -Wl,--build-id=none \
		-Wl,-z,noexecstack -Wl,-z,max-page-size=65536 -o $@ $^

EMBEDDED := $(O)/guest/default.bin $(O)/guest/init
EMBED_FLAGS := -DGUEST_DEFAULT_BIN='"$(O)/guest/default.bin"' -DGUEST_INIT='"$(O)/guest/init"'

$(O)/guest/embed.o: guest/embed.S $(EMBEDDED)
	$(Q)$(CC) $(EMBED_FLAGS) -c -o $@ $<

-include $(wildcard $(GUEST_OBJ)/*.d $(GUEST_OBJ)/tests/*.d $(GUEST_OBJ)/init/*.d)
