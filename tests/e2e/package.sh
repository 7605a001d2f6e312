#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The Debian package on a Debian (the disk), with its own dpkg: it says what it needs, installs, runs a guest, and leaves
# nothing behind.
# shellcheck source=lib.sh
. ./lib.sh

root=$work/debian
mkdir "$root"
if ! mount -t ext4 /dev/vda "$root"; then
	fail "package" "there is no Debian to install it on"
	exit
fi
for i in dev proc sys; do
	mount --bind "/$i" "$root/$i"
done
cp -r packages guests/min.bin "$root/tmp/"

# inside COMMAND...: in Debian.
cat >"$work/inside" <<END
#!/bin/sh
exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive "\$@"
END
chmod +x "$work/inside"
PATH=$PATH:$work

# All files and what dpkg knows, but for its logs, its older copies and what other packages' triggers renew.
listing()
{
	(cd "$root" && find . -xdev \( -path ./tmp -o -path ./run -o -path ./var/log -o -path './var/lib/dpkg/*-old' -o -path ./var/cache \
		-o -path ./etc/ld.so.cache \) -prune -o -print | sort)
}

listing >"$work/before"
check "package: without what it needs it is not configured" 1 "lkvm depends on libfdt1" \
	inside sh -c 'dpkg -i /tmp/packages/lkvm_*.deb 2>&1'
inside dpkg --purge lkvm >/dev/null 2>&1
check "package: it installs" 0 "Setting up lkvm" inside sh -c 'dpkg -i /tmp/packages/*.deb'
[ ! -s "$err" ] || fail "package: it installs without complaints" "$(head -n 1 "$err")"
check "package: lkvm version" 0 "linked: dynamically" inside lkvm version
check "package: lkvm runs a guest" 0 "" inside lkvm run -c 1 /tmp/min.bin
check "package: its own built-in guest" 0 "result: ok" inside lkvm run -c 1
inside lkvm help 2>/dev/null | sed -n 's/^  *\([a-z]*\)  .*/\1/p' >"$work/commands"
missing=
[ -s "$work/commands" ] || missing=" no command in lkvm help"
for i in lkvm $(sed 's/^/lkvm-/' "$work/commands"); do
	zcat "$root/usr/share/man/man1/$i.1.gz" 2>/dev/null | grep -q '^\.Sh NAME' || missing="$missing $i.1"
done
for i in bash-completion/completions/lkvm zsh/vendor-completions/_lkvm fish/vendor_completions.d/lkvm.fish; do
	grep -q snapshot "$root/usr/share/$i" || missing="$missing $i"
done
grep -q '^ExecStart=/usr/bin/lkvm run ' "$root/lib/systemd/system/lkvm@.service" || missing="$missing unit"
if [ -z "$missing" ]; then
	pass "package: it has a man page for each command, completions for three shells, and the unit"
else
	fail "package: it has a man page for each command, completions for three shells, and the unit" "not:$missing"
fi
# shellcheck disable=SC2016	# for the bash there
check "package: bash completes with it" 0 "snapshot" inside bash -c '. /usr/share/bash-completion/completions/lkvm
	COMP_WORDS=(lkvm s) COMP_CWORD=1; $(complete -p lkvm | sed "s/.*-F \([^ ]*\).*/\1/") lkvm s lkvm; echo "${COMPREPLY[@]}"'
check "package: systemd finds no fault with its unit" 0 "" inside systemd-analyze verify --man=no lkvm@web.service
[ ! -s "$err" ] || fail "package: systemd finds no fault with its unit" "$(head -n 1 "$err")"
check "package: its files are whole" 0 "" inside dpkg --verify lkvm
check "package: it is purged" 0 "Removing lkvm" inside dpkg --purge lkvm libfdt1 liburing2
listing >"$work/after"
if cmp -s "$work/before" "$work/after"; then
	pass "package: nothing of it is left"
else
	diff "$work/before" "$work/after" >"$out"
	: >"$err"
	fail "package: nothing of it is left" "other files than before"
fi
for i in dev proc sys; do
	umount "$root/$i"
done
umount "$root"
