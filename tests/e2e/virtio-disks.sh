#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Disks of every kind under one Debian guest, eight at once, one that its host has no room for, and deep sleep.
# shellcheck source=virtio-lib.sh
. ./virtio-lib.sh

cp empty.qcow2 "$disks/qcow2"
truncate -s 40M "$work/memory" "$disks/file" "$disks/direct" "$disks/threads" "$disks/through" "$disks/unsafe"
truncate -s 4M "$work/ro"
guest "${LIMIT:-300}" 6.1 "lkvm.disks=8 lkvm.test=blk-many" -c 2 --virtio-transport pci \
	-d "$work/memory,format=raw" -d "$disks/file,format=raw" -d "$disks/direct,format=raw,direct" \
	-d "$disks/threads,format=raw,aio=threads,queues=4" -d "$disks/through,format=raw,cache=writethrough,transport=mmio" \
	-d "$disks/unsafe,format=raw,cache=unsafe,transport=mmio" -d "$disks/qcow2,format=qcow2" \
	-d "$work/ro,format=raw,ro,serial=read-only"
judge "virtio-disks: eight kinds of disk at once" "blk-many: 8 disks: done"
rm -f "$disks/qcow2" "$disks/file" "$disks/direct" "$disks/threads" "$disks/through" "$disks/unsafe"

# A file that cannot grow: the guest's write fails, and lkvm and the disk live on.
name="virtio-disks: a host without room is an I/O error to the guest"
if [ -n "${loop-}" ]; then
	truncate -s 2G "$disks/full"
	truncate -s 40M "$work/other"
	guest "${LIMIT:-300}" 6.1 "lkvm.disks=2 lkvm.test=blk-full" --virtio-transport mmio -d "$disks/full,format=raw" \
		-d "$work/other,format=raw"
	judge "$name" "blk-full: an error, and the disk lives on: ok"
	rm -f "$disks/full"
else
	skip "$name" "no file system of its own here"
fi

# So is a limit on the size of lkvm's files, which would otherwise be a signal.
name="virtio-disks: ulimit -f is an I/O error to the guest"
truncate -s 40M "$work/limited"
run "${LIMIT:-200}" sh -c 'ulimit -f 1024; exec "$@"' sh "$LKVM" run kernel-6.1 -i initrd-6.1.gz -m 512 \
	-d "$work/limited,format=raw" -p "quiet lkvm.disks=1 lkvm.test=blk"
if [ "$status" -eq 0 ] && grep -q 'File too large; the guest sees an I/O error' "$err"; then
	pass "$name"
else
	fail "$name" "status $status, or no word of it"
fi
rm -f "$work/limited"

# Deep sleep ends with a byte on the console, and the disk works as before.
name="virtio-disks: deep sleep"
if [ "$LAB_HOST" = 5.10 ]; then
	skip "$name" "KVM of Linux 5.10 has no SYSTEM_SUSPEND"
	exit
fi
truncate -s 40M "$disks/pci" "$disks/mmio"
mkfifo "$work/keys"
: >"$out"
: >"$err"
timeout -s KILL "${LIMIT:-200}" "$LKVM" run kernel-6.1 -i initrd-6.1.gz -m 512 -d "$disks/pci,format=raw,transport=pci" \
	-d "$disks/mmio,format=raw,transport=mmio" -p "quiet lkvm.disks=2 lkvm.test=blk-many,suspend,blk-many" \
	<"$work/keys" >"$out" 2>"$err" &
pid=$!
exec 9>"$work/keys"
while kill -0 $pid 2>/dev/null && ! grep -q 'asleep until an interrupt' "$err"; do
	usleep 200000
done
usleep 500000
(echo >&9) 2>/dev/null
status=0
wait $pid || status=$?
exec 9>&-
judge "$name" "sleep: over, status 0" "blk-many: 2 disks: done"
