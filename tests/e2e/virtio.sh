#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Debian guests and their virtio devices: disks that are written and checked, file systems, drivers that leave, return
# and reset, suspend, random numbers, the clock. Which kernels on which transport: tests/e2e/virtio/matrix.
# shellcheck source=virtio-lib.sh
. ./virtio-lib.sh

grep -v '^#' virtio/matrix >"$work/matrix"
while read -r host gic version transport <&3; do
	case $LAB_HOST$LAB_GIC in
	"$host$gic") ;;
	here*) [ "$gic" = 3 ] || continue ;; # all guests there are
	*) continue ;;
	esac
	name="virtio-$transport, a guest of Linux $version"
	[ -e "kernel-$version" ] || { skip "$name" "there is no kernel $version"; continue; }
	case $transport in
	intx) set -- --virtio-transport pci --msi off ;;
	*) set -- --virtio-transport "$transport" ;;
	esac
	truncate -s 48M "$work/memory" "$disks/disk"
	before=$(date +%s)
	guest "${LIMIT:-300}" "$version" "lkvm.disks=2 lkvm.test=blk,blk-reload,blk-reset,blk-suspend,rng,clock" \
		"$@" --rng -c 2 \
		-d "$work/memory,format=raw,serial=memory" -d "$disks/disk,format=raw,serial=disk,queues=2"
	judge "$name: disks" "serial memory" "serial disk, 2 queues" "blk: ext4 on vda: ok" "blk: ext4 on vdb: ok" \
		"blk-reset: resets under load: ok" "blk-suspend: requests are being made" \
		"blk-suspend: freeze and restore: ok" "blk-suspend: the requests around it: ok"
	if [ "$status" -eq 0 ]; then
		judge "$name: random numbers" "rng: virtio_rng.0" "rng: 1 KiB from the device: ok"
		clock=$(sed -n 's/^guest: clock: \([0-9]*\).*/\1/p' "$work/said")
		# Linux takes the middle of the second that the clock shows, and may be half of one ahead.
		after=$(($(date +%s) + 1))
		if [ "${clock:-0}" -ge "$before" ] && [ "$clock" -le "$after" ]; then
			pass "$name: the clock is right"
		else
			fail "$name: the clock is right" "it says ${clock:-nothing}, between $before and $after"
		fi
	fi
	rm -f "$work/memory" "$disks/disk"
done 3<"$work/matrix"
