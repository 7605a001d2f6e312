#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016	# what stands in single quotes is for the guest's shell
#
# VMs that are saved to files and go on from there: a bare guest that counts and asks its firmware again, and a Linux guest
# with two CPUs that counts in a shell. What cannot be saved, or is damaged, is refused in one line.
# shellcheck source=guest-lib.sh
. ./guest-lib.sh

snap=$work/vm.snap

# is NAME CONDITION...: as test(1) has it.
is()
{
	what="snapshot: $1"
	shift
	if [ "$@" ]; then pass "$what"; else fail "$what" "not: $*; $(cat "$work/said" 2>/dev/null)"; fi
}

# The last line of the counting guest, and its numbers.
last() { tr -d '\r' <"$out" | sed -n 's/^count: \([0-9]*\) at \([0-9]*\) ms, psci \([0-9.]*\), other \(.*\)$/\1 \2 \3 \4/p' | tail -n 1; }

# count NAME OPTION...: it counts, is saved and stopped, and goes on.
count()
{
	name=$1
	shift
	: >"$out"
	"$LKVM" run guests/count.bin --name count "$@" </dev/null >"$out" 2>"$err" &
	pid=$!
	await "count: 5 "
	"$LKVM" snapshot count "$snap" --stop >"$work/said" 2>&1
	saved=$?
	wait "$pid"
	is "$name: is saved and stopped" $saved -eq 0 -a $? -eq 0
	# shellcheck disable=SC2046	# its words
	set -- $(last)
	n=${1:--1} ms=${2:-0} psci=${3:-none}
	sleep 2 # longer than a gap that is let pass
	: >"$out"
	"$LKVM" restore "$snap" --name count </dev/null >"$out" 2>"$err" &
	pid=$!
	await "count: $((n + 12)) "
	# shellcheck disable=SC2046	# its words
	set -- $(tr -d '\r' <"$out" | sed -n "s/^count: $((n + 2)) at \([0-9]*\) ms, psci \([0-9.]*\), other \(.*\)$/\1 \2 \3/p")
	is "$name: goes on where it was, with PSCI $psci" "${2:-}" = "$psci"
	is "$name: its other CPU counts" "${3:-}" = counts
	is "$name: its clock stood still" "${1:-0}" -gt "$ms" -a "${1:-0}" -lt $((ms + 1500))
	"$LKVM" stop count --force >/dev/null 2>&1
	status=0
	wait "$pid" || status=$?
	is "$name: ends as it should" $status -eq 0
}

count "a bare guest" -c 2 -m 64
case $offered in *1.0*) [ "$best" = 1.0 ] || count "a bare guest under PSCI 1.0" -c 2 -m 64 --psci-version 1.0 ;; esac
count "a bare guest under PSCI 0.2" -c 2 -m 64 --psci-version 0.2

# The last of them again, seconds after it was saved, and its clock has run on.
: >"$out"
"$LKVM" restore "$snap" --name count --clock=run </dev/null >"$out" 2>"$err" &
pid=$!
await "count: $((n + 12)) "
# shellcheck disable=SC2046	# its words
set -- $(tr -d '\r' <"$out" | sed -n "s/^count: $((n + 2)) at \([0-9]*\) ms, .*/\1/p")
is "with --clock=run its clock has run on" "${1:-0}" -gt $((ms + 2000)) -a "${1:-0}" -lt $((ms + 60000))
"$LKVM" stop count --force >/dev/null 2>&1
wait "$pid"

# refused NAME TEXT COMMAND...: it fails with 125 and one line with TEXT in it.
refused()
{
	name=$1 text=$2
	shift 2
	run 30 "$@"
	if [ "$status" -eq 125 ] && [ "$(wc -l <"$err")" -eq 1 ] && grep -qF -- "$text" "$err"; then
		pass "snapshot: $name"
	else
		fail "snapshot: $name" "status $status"
	fi
}

size=$(wc -c <"$snap")
is "memory without content takes no room" "$(du -k "$snap" | cut -f1)" -lt 8192
head -c $((size - 65536)) "$snap" >"$work/short"
refused "a file that is cut off is refused" "is damaged" "$LKVM" restore "$work/short"
cp "$snap" "$work/flipped"
printf '\125' | dd of="$work/flipped" bs=1 seek=5000 conv=notrunc 2>/dev/null
refused "a file with a wrong byte in its state is refused" "checksum" "$LKVM" restore "$work/flipped"
refused "another file is refused" "snapshot" "$LKVM" restore guests/count.bin
refused "a clock that neither stops nor runs is refused" "none of stop, run" "$LKVM" restore "$snap" --clock=walk
refused "a VM that is not there" "there is no VM" "$LKVM" snapshot nobody "$work/none"

"$LKVM" run guests/count.bin --name rng --rng --9p "$work,here" </dev/null >"$work/rng" 2>&1 &
pid=$!
out=$work/rng await "count: 1 "
refused "a VM with a device that cannot be saved is refused by its name" "cannot save: 9p0" "$LKVM" snapshot rng "$work/none"
is "and leaves no file" ! -e "$work/none"
"$LKVM" snapshot rng "$work/nowhere/none" >/dev/null 2>&1
n=$(wc -l <"$work/rng")
sleep 1
is "and the VM runs on" "$(wc -l <"$work/rng")" -gt "$n"
"$LKVM" stop rng --force >/dev/null 2>&1
wait "$pid"

# Killed at any moment while it writes, lkvm leaves the file as it was or a whole new one, and nothing beside it.
killed()
{
	mkdir "$work/kill"
	cp "$snap" "$work/kill/vm"
	"$LKVM" run guests/count.bin -m 256 --name killed </dev/null >"$out" 2>"$err" &
	pid=$!
	await "count: 1 "
	"$LKVM" snapshot killed "$work/kill/vm" >/dev/null 2>&1 &
	other=$!
	sleep "$1"
	kill -9 "$pid"
	wait "$pid" "$other"
	kept=new
	! cmp -s "$snap" "$work/kill/vm" || kept=old
	echo "killed after $1 s: the file is the $kept one"
	run 30 "$LKVM" check "$work/kill/vm"
	is "killed after $1 s, it leaves a whole file" "$status" -ne 125
	is "killed after $1 s, it leaves nothing else" "$(ls "$work/kill")" = vm
	rm -r "$work/kill"
}
for after in 0.02 0.05 0.1 0.2 0.4 1; do killed $after; done

if [ -z "$version" ]; then
	skip "snapshot: a Linux guest" "there is no kernel for it"
	exit
fi
# shellcheck disable=SC2119	# no files of its own
make_initrd
guest="a guest of Linux $version"
start_guest linux "" -c 2 -m 256
tell 'for i in 0 1; do (n=0; while :; do n=$((n + 1)); [ $((n % 500)) -ne 0 ] || echo $n >/count.$i; done) & done; until [ -s /count.0 ] && [ -s /count.1 ]; do sleep 0.2; done; dmesg | wc -l >/lines; a=; until [ -n "$a" ]; do a=$(cat /count.0); done; echo $a'
is "$guest: is ready" "${said:-0}" -gt 0
"$LKVM" snapshot linux "$snap" >"$work/said" 2>&1
is "$guest: is saved" $? -eq 0
tell 'a=$(cat /count.0); sleep 1; [ "$(cat /count.0)" != "$a" ]'
is "$guest: runs on when it was saved" $? -eq 0
"$LKVM" snapshot linux "$snap" --stop >"$work/said" 2>&1
is "$guest: is saved again, and stopped" $? -eq 0
exec 3>&-
wait "$pid"
for round in once twice; do
	mkfifo "$work/in.$round"
	: >"$out"
	"$LKVM" restore "$snap" --name linux <"$work/in.$round" >>"$out" 2>"$err" &
	pid=$!
	exec 3<>"$work/in.$round"
	tell 'look() { a=; until [ -n "$a" ]; do a=$(cat /count.$1); done; }; for i in 0 1; do look $i; b=$a; sleep 1; look $i; [ $a -gt $b ] || echo stands; done; nproc'
	is "$guest, restored $round: both its CPUs count" "$said" = 2
	tell 'ticks() { grep arch_timer /proc/interrupts | sed "s/.*: *//"; }; set -- $(ticks); a=$1 b=$2; sleep 2; set -- $(ticks); [ $1 -gt $((a + 20)) ] && [ $2 -gt $((b + 20)) ]'
	is "$guest, restored $round: both its CPUs have their ticks" $? -eq 0
	tell 'echo 0 >/sys/devices/system/cpu/cpu1/online && nproc && echo 1 >/sys/devices/system/cpu/cpu1/online && nproc'
	is "$guest, restored $round: a CPU goes and comes" "$(echo "$said" | tr "\n" " ")" = "1 2 "
	tell 'dmesg | tail -n +$(($(cat /lines) + 1)) | grep -ivE "psci: CPU1|CPU1: |Detected .*I-cache|GICv3: |arch_timer: |hrtimer: interrupt took"'
	is "$guest, restored $round: nothing in its log" -z "$said"
	end_guest
	is "$guest, restored $round: powers off" $status -eq 0
done
