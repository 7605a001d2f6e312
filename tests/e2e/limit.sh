#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016	# what stands in single quotes is for the guest's shell
# Limits of disks, as a Linux guest finds them: it takes as long as it must, and not much longer, and another disk is not slowed down.
# shellcheck source=guest-lib.sh
. ./guest-lib.sh

if [ -z "$version" ]; then
	skip "limit: a Linux guest" "there is no kernel for it"
	exit
fi
# shellcheck disable=SC2119	# no files of its own
make_initrd
for i in bytes requests free; do
	dd if=/dev/zero of="$work/$i" bs=1M count=16 2>/dev/null
done
start_guest limited "" -c 1 -m 256 -d "$work/bytes,bps=1M" -d "$work/requests,iops=10" -d "$work/free"

# takes NAME FROM TO COMMAND...: that takes FROM to TO tenths of a second; NAME says of what.
takes()
{
	name=$1 from=$2 to=$3
	shift 3
	tell "sleep 2; set -- \$(cat /proc/uptime); a=\$1; $*; set -- \$(cat /proc/uptime); echo \$a \$1"
	tenths=$(echo "$said" | awk '{ print int(($2 - $1) * 10) }')
	if [ "${tenths:-0}" -ge "$from" ] && [ "${tenths:-0}" -le "$to" ]; then
		pass "limit: $name"
	else
		fail "limit: $name" "it took $tenths tenths of a second, which are not $from to $to"
	fi
}

# read_all DISK: 6 MiB in one go.
read_all() { echo "dd if=/dev/$1 of=/dev/null bs=64K count=96 iflag=direct 2>/dev/null"; }
# read_some DISK: 60 blocks that lie far from each other.
read_some() { echo "i=0; while [ \$i -lt 60 ]; do dd if=/dev/$1 of=/dev/null bs=4K count=1 skip=\$((i * 64)) 2>/dev/null; i=\$((i + 1)); done"; }

# A second's worth is free after a pause.
takes "6 MiB at 1 MiB a second" 48 90 "$(read_all vda)"
takes "60 requests at 10 a second" 48 110 "$(read_some vdb)"
takes "a disk without a limit has none" 0 30 "$(read_all vdc)"
takes "nor has it one of requests" 0 40 "$(read_some vdc)"
end_guest
if [ $status -eq 0 ]; then pass "limit: the guest powers off"; else fail "limit: the guest powers off" "status $status"; fi
