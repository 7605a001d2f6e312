# SPDX-License-Identifier: BSD-2-Clause
#
# What is installed beside the program: man pages and completions, made from the program's own tables by the scripts in
# dist/, and the systemd unit; and the Debian package of it all.

DIST	:= $(O)/dist
MANDIR	?= $(PREFIX)/share/man
BASHDIR	?= $(PREFIX)/share/bash-completion/completions
ZSHDIR	?= $(PREFIX)/share/zsh/site-functions
FISHDIR	?= $(PREFIX)/share/fish/vendor_completions.d
UNITDIR	?= $(PREFIX)/lib/systemd/system
DOCDIR	?= $(PREFIX)/share/doc/lkvm
DOC	:= README.md LICENSE $(sort $(wildcard docs/*.md)) $(wildcard docs/ci)

MAN_SRC	:= $(sort $(wildcard docs/man/*.1))
MAN	:= $(patsubst docs/man/%,$(DIST)/%,$(MAN_SRC))
COMPLETIONS := $(DIST)/lkvm.bash $(DIST)/lkvm.zsh $(DIST)/lkvm.fish

OPTION_HEADERS := $(wildcard include/*/*.h)

$(DIST)/table: dist/options $(OPTION_HEADERS) $(MAIN_SRC)
	$(Q)mkdir -p $(@D)
	$(Q)awk -f dist/options $(OPTION_HEADERS) $(MAIN_SRC) | sort -s -k1,1 >$@

# lkvm-run.1 is run's, lkvm.1 nobody's.
$(MAN): $(DIST)/%.1: docs/man/%.1 $(DIST)/table dist/page $(MAN_SRC)
	$(call say,MAN,$@)
	$(Q)awk -v own='$(patsubst lkvm-%,%,$(filter lkvm-%,$*))' -v pages='$(notdir $(MAN_SRC))' -f dist/page \
		$(DIST)/table $< >$@.new && mv $@.new $@

$(COMPLETIONS): $(DIST)/lkvm.%: $(DIST)/table dist/completions
	$(call say,COMPL,$@)
	$(Q)awk -v shell=$* -f dist/completions $(DIST)/table >$@

$(DIST)/lkvm@.service: dist/lkvm@.service.in FORCE
	$(Q)mkdir -p $(@D)
	$(Q)sed 's,@BINDIR@,$(PREFIX)/bin,g' $< >$@

.PHONY: dist install uninstall deb
dist: $(MAN) $(COMPLETIONS) $(DIST)/lkvm@.service

# FROM:TO:MODE of each file.
INSTALLED := $(O)/lkvm:$(PREFIX)/bin/lkvm:755 \
	$(foreach page,$(MAN),$(page):$(MANDIR)/man1/$(notdir $(page)):644) \
	$(DIST)/lkvm.bash:$(BASHDIR)/lkvm:644 $(DIST)/lkvm.zsh:$(ZSHDIR)/_lkvm:644 \
	$(DIST)/lkvm.fish:$(FISHDIR)/lkvm.fish:644 $(DIST)/lkvm@.service:$(UNITDIR)/lkvm@.service:644 \
	$(foreach page,$(filter-out docs/ci,$(DOC)),$(page):$(DOCDIR)/$(notdir $(page)):644) \
	$(foreach file,$(sort $(wildcard docs/ci/*)),$(file):$(DOCDIR)/ci/$(notdir $(file)):644)

install: $(O)/lkvm dist
	$(Q)for file in $(INSTALLED); do \
		to=$${file#*:}; \
		install -D -m "$${to#*:}" "$${file%%:*}" "$(DESTDIR)$${to%:*}" || exit; \
	done

uninstall:
	$(Q)for file in $(INSTALLED); do \
		to=$${file#*:}; \
		rm -f "$(DESTDIR)$${to%:*}" || exit; \
	done
	$(Q)rmdir '$(DESTDIR)$(DOCDIR)/ci' '$(DESTDIR)$(DOCDIR)' 2>/dev/null || true

# The same bytes for the same commit and compiler.
deb: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
deb: $(O)/lkvm
	+$(Q)dist/deb $(O) $(VERSION) $(CROSS_COMPILE)
