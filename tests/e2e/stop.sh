#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016	# what stands in single quotes is for the guest's shell
#
# A Linux guest that is stopped, paused and watched from outside: its power button is a key that it reads, what it does is
# counted, and while it does nothing lkvm does nothing. $IDLE says for how many seconds that is looked at.
# shellcheck source=guest-lib.sh
. ./guest-lib.sh

if [ -z "$version" ]; then
	skip "stop" "there is no kernel for a guest"
	exit
fi
# shellcheck disable=SC2119	# no files of its own
make_initrd
guest="stop: a guest of Linux $version"
idle=${IDLE:-5}
dd if=/dev/zero of="$work/disk" bs=1M count=16 2>/dev/null

# is NAME CONDITION...: as test(1) has it.
is()
{
	what="$guest: $1"
	shift
	if [ "$@" ]; then pass "$what"; else fail "$what" "not: $*; $(tail -n 4 "$work/said" 2>/dev/null)"; fi
}

ms() { awk '{ print int($1 * 1000) }' /proc/uptime; }
state() { "$LKVM" list | awk -v name="$name" '$1 == name { print $3 }'; }

# await_state STATE: for twenty seconds.
await_state()
{
	n=0
	until [ "$(state)" = "$1" ]; do
		n=$((n + 1))
		[ $n -lt 100 ] || return 1
		usleep 200000
	done
}

# value NODE NAME: of `lkvm stat --json`.
value()
{
	"$LKVM" stat "$name" --json >"$work/said" 2>&1
	sed -n '/^  "'"$1"'": {/,/}/s/.*"'"$2"'": \([0-9]*\).*/\1/p' "$work/said"
}

# A guest that powers off when it reads a key's event, of which it says kind, code and value.
button='exec 4</dev/input/event0; (dd <&4 bs=24 count=1 2>/dev/null | od -An -tu2 -j16 | sed "s/^ */@ key /"; poweroff -f) &'

# stop ARGUMENT...: lkvm stop; what it says is in $work/said, how long it took in $took, lkvm's own status in $status.
stop()
{
	begin=$(ms)
	stopped=0
	"$LKVM" stop "$@" >"$work/said" 2>&1 || stopped=$?
	took=$(($(ms) - begin))
	exec 3>&-
	status=0
	wait "$pid" || status=$?
}

# --- What it does ---

start_guest web "" -m 256 -c 2 -d "$work/disk"
reads=$(value blk0 reads) bytes=$(value blk0 read_bytes) said_before=$(value console-line output_bytes)
mmio=$(value exits mmio)
tell 'dd if=/dev/vda of=/dev/null bs=1M count=4 2>/dev/null; dd if=/dev/zero of=/dev/vda bs=64k count=1 conv=fsync 2>/dev/null'
is "reads are counted" "$(value blk0 reads)" -gt "$reads"
is "and their bytes" "$(value blk0 read_bytes)" -ge $((bytes + 4194304))
is "and writes, and flushes" "$(value blk0 write_bytes)" = 65536 -a "$(value blk0 flushes)" -ge 1 -a "$(value blk0 errors)" = 0
is "and what it says" "$(value console-line output_bytes)" -gt "$said_before"
is "and exits" "$(value exits mmio)" -gt "$mmio"
is "its memory is known" "$(value process resident_bytes)" -gt 10000000
"$LKVM" stat web >"$work/said" 2>&1
is "people can read it" "$(grep -cE '^(web  .*running, pid [0-9]+, 2 CPUs, 256 MiB|exits  .*mmio|vcpu1  .*cpu|blk0  .*read 4?[0-9]+[KM])' "$work/said")" -eq 4
timeout -s INT 3 "$LKVM" stat web --watch 500ms >"$work/said" 2>&1
is "and watch it" "$(grep -c '^web ' "$work/said")" -ge 3

# --- What lkvm does meanwhile ---

# wakes [all]: how often threads of lkvm (but vCPUs') have slept so far.
wakes()
{
	for i in /proc/"$pid"/task/*; do
		case $1$(cat "$i/comm") in vcpu*) ;; *) awk '/^voluntary_ctxt/ { print $2 }' "$i/status" ;; esac
	done | awk '{ n += $1 } END { print n }'
}
sleep 1
before=$(wakes)
sleep "$idle"
is "lkvm wakes up 0 times in $idle idle seconds by itself ($(($(wakes) - before)))" "$(wakes)" -eq "$before"

# --- Pausing ---

tell '(while :; do :; done) & echo busy'
"$LKVM" pause web >"$work/said" 2>&1
is "is paused" "$(cat "$work/said")" = "Info: VM web is paused"
is "and listed so" "$(state)" = paused
ran=$(value vcpu0 cpu_ns)
before=$(wakes all)
sleep 1
slept=$(wakes all)
is "a paused guest does not run" "$(value vcpu0 cpu_ns)" -eq "$ran"
is "and none of lkvm's threads wakes up" "$slept" -eq "$before"
"$LKVM" resume web >"$work/said" 2>&1
is "goes on" "$(cat "$work/said")" = "Info: VM web goes on"
tell 'echo still here'
is "as if nothing had been" "$said" = "still here"
"$LKVM" pause web >"$work/said" 2>&1

# --- Stopping ---

stop --timeout 1s web
is "without a reader of its button it is stopped in the end" $stopped -eq 0 -a $status -eq 0
is "and that is said" "$(cat "$work/said")" = "Warning: VM web did not power off within 1 s
Info: VM web was stopped"

# by_button NAME BEFORE ARGUMENT...: its button is pressed when BEFORE has been done to it.
by_button()
{
	how="powers off by its button$1" before=$2
	shift 2
	rm -f "$work/in.key"
	start_guest key "" -m 256 "$@"
	tell "$button"
	$before
	stop key
	is "$how" "$(cat "$work/said")" = "Info: VM key powered off"
	is "$how: status 0 of both, in $took ms" $stopped -eq 0 -a $status -eq 0
	is "$how: as a key" "$(tr -d '\r' <"$out" | grep -c '^@ key *1 *116 *1 *0')" -eq 1
	[ ! -e "$work/lkvm/key.sock" ] || fail "$guest: $how" "its socket is left"
}

paused() { "$LKVM" pause key 2>/dev/null; }
asleep()
{
	echo 'echo mem >/sys/power/state' >&3
	await_state asleep
	is "sleeps, and is listed so" "$(state)" = asleep
}

by_button " under PSCI 0.1" true -c 2 --psci-version 0.1
by_button " when it was paused" paused -c 1
by_button " when it slept" asleep -c 1
