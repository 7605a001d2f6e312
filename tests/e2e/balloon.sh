#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016	# what stands in single quotes is for the guest's shell
# The balloon: what guests give back is seen in lkvm's memory, comes back, is there for a guest in need; what it tells of
# its memory; free page reporting; and what is refused.
# shellcheck source=guest-lib.sh
. ./guest-lib.sh

if [ -z "$version" ]; then
	skip "balloon" "there is no kernel for a guest"
	exit
fi
# shellcheck disable=SC2119	# no files of its own
make_initrd
guest="balloon: a guest of Linux $version"

# Anonymous memory that lkvm has, in MiB.
rss() { awk '/^RssAnon/ { print int($2 / 1024) }' "/proc/$pid/status"; }

# is NAME CONDITION...: as test(1) has it.
is()
{
	what="$guest: $1"
	shift
	if [ "$@" ]; then pass "$what"; else fail "$what" "not: $*; $(cat "$work/said" 2>/dev/null)"; fi
}

balloon() { "$LKVM" balloon "$@" >"$work/said" 2>&1; }
value() { sed -n "s/^$1  *\([0-9]*\).*/\1/p" "$work/said"; }
fill="dd if=/dev/zero of=/tmp/fill bs=1M count=300 2>/dev/null"

tmpfs="mount -t tmpfs -o size=400M tmp /tmp"

# Pages that are cleared when they are freed are not reported: so nothing but the balloon gives any back.
start_guest still "init_on_free=1" -m 512 --balloon
tell "$tmpfs; $fill && rm /tmp/fill"
before=$(rss)
is "has touched its memory ($before MiB)" "$before" -ge 300
balloon still 256M
is "gives 256 MiB back" $? -eq 0
is "and lkvm has 256 MiB less ($(rss) MiB)" "$(rss)" -le $((before - 245))
balloon still
tell 'awk "/^MemTotal/ { print \$2 }" /proc/meminfo'
is "tells how much it has, all in all" "$(value total)" = "$said"
tell 'awk "/^MemFree/ { print \$2 }" /proc/meminfo'
is "and how much is free, within 8 MiB" $(($(value free) - said)) -ge -8192 -a $(($(value free) - said)) -le 8192
balloon still --json
is "and tells it to programs" "$(grep -cE '"(target|actual)": 268435456|"available": [0-9]+|"major_faults": [0-9]+' "$work/said")" -eq 4
balloon still 512M
is "cannot give all it has" "$(cat "$work/said")" = "Fatal: VM still: it has 512 MiB of memory, and cannot give back 512"
balloon still 100K
is "gives pages" "$(cat "$work/said")" = "Fatal: balloon: '100K' is no multiple of 64 KiB"
end_guest
is "ends" $status -eq 0

start_guest busy "" -m 512 --balloon --virtio-transport pci
tell 'readlink -f /sys/bus/virtio/drivers/virtio_balloon/virtio*'
is "has it on PCI" "${said#*/pci}" != "$said"
tell "$tmpfs; $fill && tail -c 1000000 /tmp/fill | md5sum"
first=$said
before=$(rss)
tell 'rm /tmp/fill'
end=$(($(now) + 30))
while [ "$(rss)" -gt $((before - 250)) ] && [ "$(now)" -lt $end ]; do
	usleep 200000
done
is "reports free pages, and lkvm has less ($before, then $(rss) MiB)" "$(rss)" -le $((before - 250))
balloon busy 256M
tell "$fill && tail -c 1000000 /tmp/fill | md5sum"
is "in need takes out of the balloon what it needs" "$said" = "$first"
balloon busy
is "and says so ($(head -n 1 "$work/said"))" "$(value 'given back')" -lt 256
is "that lkvm has more, too ($(rss) MiB)" "$(rss)" -ge 300
tell 'rm /tmp/fill'
balloon busy 256M
is "gives it back again" $? -eq 0
tell 'rmmod virtio_balloon'
balloon busy
is "without a driver has given nothing" "$(value 'given back')" -eq 0
tell 'insmod /modules/*virtio_balloon.ko && sleep 1'
balloon busy 256M
is "with its driver back has given 256 MiB" $? -eq 0
balloon busy 0
is "takes all of it" $? -eq 0
tell "dd if=/dev/zero of=/tmp/again bs=1M count=100 2>/dev/null && tail -c 1000000 /tmp/again | md5sum"
is "and it is memory as any other" "$said" = "$first"
end_guest

"$LKVM" run --name none guests/wfi.bin </dev/null >"$out" 2>"$err" &
pid=$!
n=0
until [ -S "$work/lkvm/none.sock" ] || [ $n -ge 100 ]; do usleep 100000; n=$((n + 1)); done
check "balloon: a VM without one" 125 "VM none: it has no balloon: it was started without --balloon" "$LKVM" balloon none 1M
kill $pid
wait $pid
check "balloon: a VM that is not there" 125 "there is no VM none" "$LKVM" balloon none
