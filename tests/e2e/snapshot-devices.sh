#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016	# what stands in single quotes is for the guest's shell
#
# Linux guests with virtio devices under load, which are saved to files and go on from there: what they wrote is on their
# disks, their network answers, and nothing in their logs tells of it. ROUNDS, once, is how
# often each is saved; ALL adds a machine without message-signalled interrupts.
# Beside them is empty.qcow2, an image of 96 MiB.
# shellcheck source=guest-lib.sh
. ./guest-lib.sh

snap=$work/vm.snap
rounds=${ROUNDS:-1}

# is NAME CONDITION...: as test(1) has it.
is()
{
	what="snapshot-devices: $1"
	shift
	if [ "$@" ]; then pass "$what"; else fail "$what" "not: $*; $(cat "$work/said" "$err" 2>/dev/null | tail -n 3)"; fi
}

# refused NAME TEXT COMMAND...: it fails with 125 and one line with TEXT in it.
refused()
{
	name=$1 text=$2
	shift 2
	run 30 "$@"
	if [ "$status" -eq 125 ] && [ "$(wc -l <"$err")" -eq 1 ] && grep -qF -- "$text" "$err"; then
		pass "snapshot-devices: $name"
	else
		fail "snapshot-devices: $name" "status $status"
	fi
}

# checked NAME STATUS TEXT OPTION...: what `lkvm check` says of the snapshot.
checked()
{
	name=$1 want=$2 text=$3
	shift 3
	# shellcheck disable=SC2086	# words
	run 60 "$LKVM" check "$snap" $net "$@"
	if [ "$status" -eq "$want" ] && grep -qF -- "$text" "$out"; then
		pass "snapshot-devices: $name"
	else
		fail "snapshot-devices: $name" "status $status; $(grep -F disk "$out")"
	fi
}

cat >"$work/up" <<'END'
#!/lab/busybox sh
# The same address each time, which the guest remembers.
ip link set "$1" address 02:00:00:00:00:05 up && ip addr add 10.9.5.1/24 dev "$1"
END
chmod +x "$work/up"
net=
[ "$LAB_HOST" = here ] || net="--network tap,tapif=tap5,script=$work/up"

# Each second or so: blocks of random bytes to the disk, their sums to memory; random bytes; a line on the console's port.
cat >"$work/load" <<'END'
mkdir -p /l
(n=0
while [ ! -e /l/end ]; do
	dd if=/dev/urandom of=/l/block bs=64k count=2 2>/dev/null
	dd if=/l/block of=/dev/vda bs=64k count=2 seek=$((n % 400 * 2)) conv=notrunc,fsync 2>/dev/null || echo disk >>/l/wrong
	dd if=/l/block of=/dev/vdb bs=64k count=2 seek=$((n % 400 * 2)) conv=notrunc,fsync 2>/dev/null || echo disk >>/l/wrong
	md5sum </l/block >/l/sum.$((n % 400))
	n=$((n + 1))
	echo $n >/l/disk
done; echo >/l/ended) &
(n=0; while [ ! -e /l/end ]; do
	dd if=/dev/hwrng of=/dev/null bs=512 count=1 2>/dev/null || echo hwrng >>/l/wrong
	n=$((n + 1)); echo $n >/l/rng
done) &
END
# Every block that was written is as it was.
cat >"$work/check" <<'END'
touch /l/end
until [ -e /l/ended ]; do usleep 50000; done
echo 3 >/proc/sys/vm/drop_caches
for disk in vda vdb; do
	for i in /l/sum.*; do
		dd if=/dev/$disk bs=64k count=2 skip=$((${i#*sum.} * 2)) 2>/dev/null | md5sum | cmp -s - $i || echo $disk >>/l/wrong
	done
done
[ ! -e /l/wrong ] && [ $(ls /l/sum.* | wc -l) -gt 2 ]
END
make_initrd "$work/load" "$work/check"

# busy WHAT: these counters of the guest go on.
busy()
{
	tell 'look() { a=; until [ -n "$a" ]; do a=$(cat /l/$1 2>/dev/null); [ -n "$a" ] || usleep 50000; done; }; for i in disk rng; do look $i; b=$a; n=0; until [ $a -gt $b ] || [ $n -gt 100 ]; do usleep 100000; n=$((n + 1)); look $i; done; [ $a -gt $b ] || echo $i stands; done'
	is "$1: disk and random numbers go on" -z "$said"
	[ -z "$net" ] || { tell 'ping -c 1 -W 5 10.9.5.1 >/dev/null'; is "$1: its network answers" $? -eq 0; }
}

# go_on NAME OPTION...: the VM is restored, its console in the place of $in.
go_on()
{
	name=$1
	shift
	rm -f "$work/in.again"
	mkfifo "$work/in.again"
	: >"$out"
	# shellcheck disable=SC2086	# words
	"$LKVM" restore "$snap" --name devices $net "$@" <"$work/in.again" >>"$out" 2>"$err" &
	pid=$!
	exec 3<>"$work/in.again"
}

# vm NAME ARGUMENT...: a guest is saved and goes on, as often as it is to.
vm()
{
	guest=$1
	shift
	rm -f "$work/in.devices"
	truncate -s 64M "$work/disk"
	cp empty.qcow2 "$work/qcow2"
	# shellcheck disable=SC2086	# words
	start_guest devices "" -c 2 -m 192 -d "$work/disk,format=raw,serial=first" -d "$work/qcow2,format=qcow2" --rng $net "$@"
	tell 'ip link set eth0 up 2>/dev/null && ip addr add 10.9.5.2/24 dev eth0; . /load; usleep 500000; dmesg | wc -l >/lines; echo "$(cat /sys/block/vda/serial)"'
	is "$guest: is ready" "$said" = first
	busy "$guest"
	n=0
	while [ $n -lt "$rounds" ]; do
		n=$((n + 1))
		"$LKVM" snapshot devices "$snap" --stop >"$work/said" 2>&1
		is "$guest, $n: is saved and stopped" $? -eq 0
		exec 3>&-
		wait "$pid"
		checked "$guest, $n: check finds its disks as they were" 0 "verdict     yes"
		go_on "$guest"
		busy "$guest, restored $n"
	done
	"$LKVM" snapshot devices "$snap" >"$work/said" 2>&1
	is "$guest: is saved while it runs" $? -eq 0
	busy "$guest, after that"
	tell 'dmesg | tail -n +$(($(cat /lines) + 1)) | grep -v "hrtimer: interrupt took"'
	is "$guest: nothing in its log" -z "$said"
	tell '. /check'
	is "$guest: all that it wrote is there" $? -eq 0
	tell 'cat /l/wrong 2>/dev/null; rm -rf /l; cd /sys/block/vda/../..; d=$(basename $(readlink -f /sys/block/vda/device)); echo $d >/sys/bus/virtio/drivers/virtio_blk/unbind && echo $d >/sys/bus/virtio/drivers/virtio_blk/bind && dd if=/dev/vda of=/dev/null bs=64k count=4 2>/dev/null'
	is "$guest: its disk's driver goes and comes" $? -eq 0
	end_guest
	is "$guest: powers off" $status -eq 0
	# shellcheck disable=SC2086	# words
	refused "$guest: its disk has changed since it was saved" "has changed since: it was written to" \
		"$LKVM" restore "$snap" $net
	checked "$guest: check sees it, too" 2 "unsafe      disk"
	checked "$guest: check says what --allow makes of it" 0 "verdict     yes" --allow disk-changed
}

vm mmio --virtio-transport mmio --console serial
[ -z "${ALL-}" ] || vm "pci by lines" --virtio-transport pci --msi off --console serial
vm pci --virtio-transport pci --console virtio
# shellcheck disable=SC2086	# words
checked "check sees that a disk is not there" 2 "$work/nowhere" -d "$work/nowhere" -d "$work/qcow2,format=qcow2"
# shellcheck disable=SC2086	# words
refused "one disk of two" "has 2 disks: give as many" "$LKVM" restore "$snap" -d "$work/disk" $net
# shellcheck disable=SC2086	# words
refused "another kind of console" "say --console virtio" "$LKVM" restore "$snap" $net --console serial
if [ -n "$net" ]; then
	refused "a script in a file from anywhere is not run" "say by --network what it is here" "$LKVM" restore "$snap"
fi
