#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016	# what stands in single quotes is for the guest's shell
#
# VMs that move while they run, from one lkvm to another on the same host: a bare guest that counts and asks its firmware again, and a
# Linux guest with two CPUs that writes to memory, disk and network. Whatever breaks on the way leaves one that runs.
# shellcheck source=guest-lib.sh
. ./guest-lib.sh

place=$work/place

is()
{
	what="migrate: $1"
	shift
	if [ "$@" ]; then pass "$what"; else fail "$what" "not: $*; $(cat "$work/said" "$work/err.there" 2>/dev/null)"; fi
}

# incoming WHERE OPTION...: somebody waits there. $there is its lkvm.
incoming()
{
	where=$1
	shift
	: >"$work/out.there"
	"$LKVM" run --incoming "$where" --name there "$@" </dev/null >>"$work/out.there" 2>"$work/err.there" &
	there=$!
	case $where in
	unix:*) until [ -S "${where#unix:}" ] || ! kill -0 $there 2>/dev/null; do usleep 50000; done ;;
	*) sleep 1 ;;
	esac
}

# counting [OPTION...]: the guest that counts runs as "here"; $pid is its lkvm.
counting()
{
	: >"$out"
	"$LKVM" run guests/count.bin --name here -c 2 -m 64 "$@" </dev/null >>"$out" 2>"$err" &
	pid=$!
	await "count: 3 "
}

# The last number, PSCI version and other CPU that the counting guest told in FILE.
last() { tr -d '\r' <"$1" | sed -n 's/^count: \([0-9]*\) at [0-9]* ms, psci \([0-9.]*\), other \(.*\)$/\1 \2 \3/p' | tail -n 1; }

# still NAME: what was to move runs here, on and on.
still()
{
	before=$(last "$out")
	sleep 1
	after=$(last "$out")
	is "$1: it runs on here" "${after%% *}" -gt "${before%% *}"
}

# ends PID STATUS NAME
ends()
{
	status=0
	wait "$1" || status=$?
	is "$3" $status -eq "$2"
}

# moves NAME WHERE THERE [OPTION...]: the counting guest moves to THERE, where it counts on.
moves()
{
	name=$1 to=$2 at=$3
	shift 3
	counting "$@"
	incoming "$at"
	"$LKVM" migrate here "$to" >"$work/said" 2>&1
	is "$name: moves" $? -eq 0
	ends $pid 0 "$name: its lkvm ends"
	# shellcheck disable=SC2046	# its words
	set -- $(last "$out")
	n=${1:--1} psci=${2:-none}
	end=$(($(now) + 20))
	until grep -q "^count: $((n + 12)) .*psci $psci, other counts" "$work/out.there" || [ "$(now)" -ge $end ]; do usleep 100000; done
	is "$name: counts on there, with PSCI $psci, and so does its other CPU" "$(now)" -lt $end
	first=$(tr -d '\r' <"$work/out.there" | sed -n 's/^count: \([0-9]*\) .*/\1/p' | head -n 1)
	is "$name: no number is said twice or lost" "${first:-0}" -ge "$n" -a "${first:-0}" -le $((n + 2))
	"$LKVM" stop there --force >/dev/null 2>&1
	ends $there 0 "$name: and can be stopped there"
}

moves "a bare guest" "unix:$place" "unix:$place"
moves "a bare guest under PSCI 0.2, by TCP" "tcp:127.0.0.1:4444" "tcp::4444" --psci-version 0.2
moves "a bare guest, by commands" "exec:nc 127.0.0.1 4445" "exec:nc -l -p 4445"

# failed NAME TEXT STATUS: what lkvm migrate said and how it ended.
failed()
{
	is "$1" "$status" -eq "$3"
	if ! grep -qF -- "$2" "$work/said"; then fail "migrate: $1: says why" "$(cat "$work/said")"; fi
}

try_move()
{
	status=0
	"$LKVM" migrate "$@" >"$work/said" 2>&1 || status=$?
}

try_move nobody "unix:$place"
failed "a VM that is not there" "there is no VM nobody" 125
dd if=/dev/zero of="$work/disk" bs=1M count=4 2>/dev/null
counting -d "$work/disk"
try_move here "unix:$work/nowhere"
failed "nobody waits there" "cannot reach unix:$work/nowhere" 125
try_move here "$work/nowhere"
failed "a place of no kind" "none of unix:PATH" 125
still "nobody waits there"

incoming "unix:$place" -d "$work/missing"
try_move here "unix:$place"
failed "refused before it moves" "impossible" 2
ends $there 125 "refused before it moves: the other end ends"
still "refused before it moves"

incoming "unix:$place" -d "$work/disk"
"$LKVM" migrate here "unix:$place" --bandwidth 64K >"$work/said" 2>&1 &
mover=$!
usleep 500000
kill -KILL $mover
wait $mover
ends $there 125 "who carries it is killed: the other end ends"
is "who carries it is killed: the other end says so in a line" "$(grep -c "Fatal" "$work/err.there")" -eq 1
still "who carries it is killed"

incoming "unix:$place" -d "$work/disk"
"$LKVM" migrate here "unix:$place" --bandwidth 64K >"$work/said" 2>&1 &
mover=$!
usleep 500000
kill -KILL $there
status=0
wait $mover || status=$?
wait $there
failed "the other end is killed" "broke" 125
still "the other end is killed"

counting_pid=$pid
incoming "tcp::4446" -d "$work/disk"
echo "this is a line and not a VM, although it is long enough" | nc 127.0.0.1 4446 >/dev/null 2>&1
ends $there 125 "what comes is no VM: refused"
is "what comes is no VM: refused in a line" "$(grep -c "Fatal.*is no VM" "$work/err.there")" -eq 1
"$LKVM" stop here --force >/dev/null 2>&1
ends $counting_pid 0 "and can be stopped"

for i in "--mem 128" "--cpus 4" "--psci-version 0.2" "--reboot" "guests/count.bin"; do
	status=0
	# shellcheck disable=SC2086	# its words
	"$LKVM" run --incoming "unix:$place" $i </dev/null >"$work/said" 2>&1 || status=$?
	failed "--incoming with $i" "--incoming goes without" 125
done

if [ -z "$version" ]; then
	skip "migrate: a Linux guest" "there is no kernel for it"
	exit
fi
# shellcheck disable=SC2119	# no files of its own
make_initrd
guest="a guest of Linux $version"
dd if=/dev/zero of="$work/disk" bs=1M count=8 2>/dev/null
dd if=/dev/urandom bs=1M count=24 2>/dev/null >>"$work/disk"
sum=$(dd if="$work/disk" bs=1M skip=8 2>/dev/null | md5sum | cut -d' ' -f1)
start_guest here "" -c 2 -m 256 -d "$work/disk" --rng
tell 'for i in 0 1; do (n=0; while :; do n=$((n + 1)); [ $((n % 500)) -ne 0 ] || echo $n >/count.$i; done) & done; ls /dev/vda'
is "$guest: has its disk" "$said" = /dev/vda
tell '(i=0; until [ -e /enough ]; do i=$((i % 8 + 1)); dd if=/dev/urandom bs=64K count=4 2>/dev/null >/block.$i; dd if=/block.$i of=/dev/vda bs=256K seek=$i conv=fsync,notrunc 2>/dev/null; done; echo all >/written) & until [ -e /block.8 ]; do sleep 1; done; dmesg | wc -l >/lines'
is "$guest: writes to disk and memory" $? -eq 0
# What it reads goes from the device to its page cache, and stays there.
tell '(i=8; while [ $i -lt 32 ]; do dd if=/dev/vda bs=1M skip=$i count=1 of=/dev/null 2>/dev/null; i=$((i + 1)); usleep 200000; done; echo all >/read) &'
mkfifo "$work/in.there"
exec 4<>"$work/in.there"
: >"$work/out.there"
"$LKVM" run --incoming "unix:$place" --name there <"$work/in.there" >>"$work/out.there" 2>"$work/err.there" &
there=$!
until [ -S "$place" ]; do usleep 50000; done
"$LKVM" migrate here "unix:$place" --bandwidth 16M --auto-converge >"$work/said" 2>&1
is "$guest: moves" $? -eq 0
sed 's/^/  /' "$work/said"
ends $pid 0 "$guest: its lkvm ends"
exec 3>&-
exec 3>&4
pid=$there out=$work/out.there
tell 'look() { a=; until [ -n "$a" ]; do a=$(cat /count.$1); done; }; for i in 0 1; do look $i; b=$a; sleep 2; look $i; [ $a -gt $b ] || echo stands; done; nproc'
is "$guest, there: both its CPUs count" "$said" = 2
patience=120
tell 'touch /enough; until [ -e /written ]; do sleep 1; done; i=0; while [ $i -lt 8 ]; do i=$((i + 1)); dd if=/dev/vda bs=256K skip=$i count=1 iflag=direct 2>/dev/null | cmp - /block.$i || echo $i; done'
is "$guest, there: what it wrote is on the disk, and in its memory" -z "$said"
tell 'until [ -e /read ]; do sleep 1; done; dd if=/dev/vda bs=1M skip=8 2>/dev/null | md5sum | cut -d" " -f1'
is "$guest, there: what it has read meanwhile is what is there" "$said" = "$sum"
tell 'echo 0 >/sys/devices/system/cpu/cpu1/online && nproc && echo 1 >/sys/devices/system/cpu/cpu1/online && nproc'
is "$guest, there: a CPU goes and comes" "$(echo "$said" | tr "\n" " ")" = "1 2 "
tell 'dmesg | tail -n +$(($(cat /lines) + 1)) | grep -ivE "psci: CPU1|CPU1: |Detected .*I-cache|GICv3: |arch_timer: |hrtimer: interrupt took"'
is "$guest, there: nothing in its log" -z "$said"
exec 4>&-
end_guest
is "$guest, there: powers off" $status -eq 0
