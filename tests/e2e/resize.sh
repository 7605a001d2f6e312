#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# lkvm resize: a running Debian guest's disk grows, and whatever cannot be resized is refused in one line.
# shellcheck source=virtio-lib.sh
. ./virtio-lib.sh

export XDG_RUNTIME_DIR="$work"

# start NAME WORD ARGUMENT...: `lkvm run --name NAME ARGUMENT...` in the background, $pid, until WORD is there: a file, or
# what it says.
start()
{
	vm=$1 word=$2
	shift 2
	: >"$out"
	: >"$err"
	timeout -s KILL "${LIMIT:-200}" "$LKVM" run --name "$vm" "$@" </dev/null >"$out" 2>"$err" &
	pid=$!
	while kill -0 $pid 2>/dev/null && ! [ -S "$word" ] && ! grep -q "$word" "$out"; do
		usleep 100000
	done
}

# on_a_guest TRANSPORT: from 40 to 64 MiB by the size, then to 48 MiB more from outside.
on_a_guest()
{
	truncate -s 40M "$disks/disk"
	start web "blk-grow: 81920 sectors" kernel-6.1 -i initrd-6.1.gz -m 512 --virtio-transport "$1" \
		-d "$disks/disk,format=raw,serial=data" -p "quiet lkvm.disks=1 lkvm.test=blk-grow,blk-grow"
	name="resize: a disk on virtio-$1 grows"
	"$LKVM" resize web data 64M >"$work/one" 2>&1 || echo "status $?" >>"$work/one"
	while kill -0 $pid 2>/dev/null && ! grep -q "blk-grow: 131072 sectors.\?$" "$out"; do
		usleep 100000
	done
	truncate -s 112M "$disks/disk"
	"$LKVM" resize web 0 >"$work/two" 2>&1 || echo "status $?" >>"$work/two"
	status=0
	wait $pid || status=$?
	if [ "$(cat "$work/one")" != "Info: VM web: disk data has 67108864 bytes now" ]; then
		fail "$name" "$(cat "$work/one")"
	elif [ "$(cat "$work/two")" != "Info: VM web: disk 0 has 117440512 bytes now" ]; then
		fail "$name" "$(cat "$work/two")"
	else
		judge "$name" "blk-grow: 131072 sectors now" "blk-grow: 229376 sectors now" \
			"blk-grow: the last sector: ok" "blk-grow: direct I/O on vda: ok"
	fi
	rm -f "$disks/disk"
}

on_a_guest mmio
on_a_guest pci

# refused NAME TEXT ARGUMENT...: `lkvm resize web ARGUMENT...` fails with 125 and one line, which has TEXT in it.
refused()
{
	name="resize: $1" text=$2
	shift 2
	status=0
	"$LKVM" resize web "$@" >"$work/said" 2>&1 || status=$?
	if [ "$status" -ne 125 ] || [ "$(wc -l <"$work/said")" -ne 1 ] || ! grep -q '^Fatal: ' "$work/said"; then
		fail "$name" "status $status: $(cat "$work/said")"
	elif ! grep -qF -- "$text" "$work/said"; then
		fail "$name" "it does not say '$text': $(cat "$work/said")"
	else
		pass "$name"
	fi
}

refused "a VM that is not there" "there is no VM web" 0 1G
truncate -s 1M "$work/raw" "$work/ro"
cp empty.qcow2 "$work/qcow2"
loop2=$(losetup -f 2>/dev/null) && truncate -s 1M "$work/device" && losetup "$loop2" "$work/device" 2>/dev/null || loop2=
set -- -d "$work/raw,format=raw,serial=1x" -d "$work/ro,format=raw,ro" -d "$work/qcow2,format=qcow2"
# A file may have no more than 8 MiB here.
(ulimit -f 16384 2>/dev/null && exec "$LKVM" run --name web guests/wfi.bin "$@" ${loop2:+-d "$loop2,format=raw"}) \
	</dev/null >"$out" 2>"$err" &
pid=$!
n=0
until [ -S "$work/lkvm/web.sock" ] || [ $n -ge 100 ]; do
	usleep 100000
	n=$((n + 1))
done
refused "a number that no disk has" "there is no disk '7': it has 0 to" 7 1G
refused "a serial that no disk has" "there is no disk 'x1'" x1 1G
refused "a disk is not made shorter" "disk 0: has 1048576 bytes and only grows: not to 524288" 0 512K
refused "half a sector" "disk 1x: grows by multiples of 512 bytes: not to 2097153" 1x 2097153B
refused "a read-only disk" "disk 1: is read-only" 1 2M
refused "a qcow2 image" "disk 2: is a qcow2 image" 2 200M
refused "what is no size" "'large' is not a size" 0 large
refused "no disk at all" "which disk of VM web?"
refused "one word too many" "'more' is one word too many" 0 2M more
refused "a file that may not grow so far" "disk 0: cannot be resized: File too large" 0 1G
check "resize: the same size again" 0 "disk 0 has 1048576 bytes now" "$LKVM" resize web 0 1M
check "resize: a file may grow as far as it may" 0 "disk 1x has 8388608 bytes now" "$LKVM" resize web 1x 8
if [ -n "$loop2" ]; then
	refused "a block device is the host's to resize" "is a block device" 3 2M
	truncate -s 3M "$work/device"
	losetup -c "$loop2"
	check "resize: a block device of another size" 0 "disk 3 has 3145728 bytes now" "$LKVM" resize web 3
else
	skip "resize: a block device of another size" "no loop device here"
fi
name="resize: the VM lives on"
status=0
kill -TERM $pid 2>/dev/null
wait $pid || status=$?
if [ "$status" -eq 0 ]; then pass "$name"; else fail "$name" "status $status"; fi
[ -z "$loop2" ] || losetup -d "$loop2"
