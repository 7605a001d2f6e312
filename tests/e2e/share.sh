#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Shared folders by 9p in a Linux guest: what programs expect of a file system, with and without the guest's cache, by mmio
# and PCI; read-only; a tree of SHARE_FILES files copied there and back; what cannot be shared.
# shellcheck source=lib.sh
. ./lib.sh

files=${SHARE_FILES:-200}
share=$work/share
mkdir -p "$share/none/many" "$share/back" "$work/loose/many" "$work/ro"
cp share-check share-tree "$share/"
(cd "$share/none/many" && seq 3000 | xargs touch)
cp -r "$share/none/many" "$work/loose/"
printf hello >"$work/ro/file"
./share-tree make "$share/tree" "$files"

cat >"$share/job" <<'END'
mkdir /loose /ro
options=trans=virtio,version=9p2000.L,msize=512000
mount -t 9p -o $options,cache=loose loose /loose || echo "mount loose FAILED"
mount -t 9p -o $options ro /ro || echo "mount ro FAILED"
/share/share-check /share/none
/share/share-check /loose loose
/share/share-check ro /ro
cp -a /share/tree /tmp/tree && /share/share-tree same /share/tree /tmp/tree && echo "there: ok"
cp -a /tmp/tree /share/back/ && cp -a /tmp/tree /loose/ && echo "back: ok"
umount /loose && umount /ro && echo "unmounted: ok"
END

guest="a guest of Linux ${SHARE_GUEST:=$LAB_HOST}"
if [ ! -e "kernel-$SHARE_GUEST" ]; then
	skip "share: $guest" "there is no such kernel here"
	exit
fi
# On one CPU, so that nothing waits for an emulated one to wake up.
run "${LIMIT:-400}" taskset 1 "$LKVM" run "kernel-$SHARE_GUEST" -i "share-$SHARE_GUEST.gz" -m 512 -c 1 -p "quiet lkvm.test=share" \
	--9p "$share,share" --9p "$work/loose,loose,transport=pci" --9p "$work/ro,ro,ro"
tr -d '\r' <"$out" >"$work/said"
says()
{
	name="share: $guest: $1"
	if grep -q "FAILED" "$work/said"; then
		fail "$name" "$(grep -m 1 FAILED "$work/said")"
	elif ! grep -qF -- "$2" "$work/said" || [ "$status" -ne 0 ]; then
		fail "$name" "status $status, or it never said '$2'"
	else
		pass "$name"
	fi
}
says "a file system without a cache, by mmio" "share-check: /share/none, 15 checks: ok"
says "a file system with a cache, by PCI" "share-check: /loose, 15 checks: ok"
says "a folder that is read-only" "share-check: /ro, 1 checks: ok"
says "a tree is read" "there: ok"
says "unmounting" "unmounted: ok"
for i in "$share/back/tree" "$work/loose/tree"; do
	check "share: $guest: $files files come back the same (${i#"$work"/})" 0 "are the same: ok" ./share-tree same "$share/tree" "$i"
done
check "share: $guest: nothing of it is left in the read-only folder" 0 "" sh -c "[ \"\$(ls $work/ro)\" = file ] && [ \"\$(cat $work/ro/file)\" = hello ]"

refuse "share: a folder that is not there" "'$work/missing' cannot be shared: No such file" --9p "$work/missing,tag"
refuse "share: a file" "'$work/ro/file' cannot be shared: it is not a folder" --9p "$work/ro/file,tag"
refuse "share: no tag" "'$work' has no tag" --9p "$work"
refuse "share: a tag twice" "the tag 'tag' is taken" --9p "$work,tag" --9p /,tag
