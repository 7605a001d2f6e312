#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# lkvm is killed while its guest writes, again and again: what the guest was told is on the disk has to be there, and
# the file system has to be whole once its journal was replayed. VIRTIO_CRASHES: how often for each kind of image.
# shellcheck source=virtio-lib.sh
. ./virtio-lib.sh

# crash NAME TIMES DISK: the last number that the guest said is on the disk is what the next life has to find.
crash()
{
	name=$1 times=$2 disk=$3
	last=-1
	n=0
	while [ $n -lt "$times" ]; do
		n=$((n + 1))
		: >"$out"
		: >"$err"
		"$LKVM" run kernel-6.1 -i initrd-6.1.gz -m 256 -c 1 -d "$disk" \
			-p "quiet lkvm.test=blk-sync lkvm.last=$last" </dev/null >"$out" 2>"$err" &
		pid=$!
		# From a moment after the first record on, never at the same place.
		i=0
		until grep -q '^synced ' "$out" || ! kill -0 $pid 2>/dev/null || [ $i -gt 1800 ]; do
			i=$((i + 1))
			usleep 100000
		done
		usleep $((n * 73000 + 100000))
		kill -KILL $pid 2>/dev/null
		wait $pid 2>/dev/null
		tr -d '\r' <"$out" >"$work/said"
		if grep -q FAILED "$work/said" || ! grep -q '^synced ' "$work/said"; then
			fail "$name" "life $n: $(grep -m 1 FAILED "$work/said" || echo 'it wrote nothing')"
			return
		fi
		# A number that ends without its full stop was cut off.
		now=$(sed -n 's/^synced \([0-9]*\)\.$/\1/p' "$work/said" | tail -n 1)
		last=${now:-$last}
	done
	guest "${LIMIT:-120}" 6.1 "lkvm.test=blk-sync lkvm.last=$last lkvm.more=0" -d "$disk" -c 1
	judge "$name" "blk-sync: fsck: ok" "blk-sync: records to $last: ok"
}

# kills KIND TIMES DISK
kills()
{
	crash "virtio-crash: $1, killed ${VIRTIO_CRASHES:-$2} times" "${VIRTIO_CRASHES:-$2}" "$3"
}

truncate -s 96M "$disks/raw" "$disks/direct"
cp empty.qcow2 "$disks/qcow2"
kills raw 3 "$disks/raw,format=raw"
kills "raw, direct" 2 "$disks/direct,format=raw,direct"
kills qcow2 5 "$disks/qcow2,format=qcow2"
