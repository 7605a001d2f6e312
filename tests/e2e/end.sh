#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# How a VM ends, and lkvm's status: the table of lkvm-run(1).
# shellcheck source=lib.sh
. ./lib.sh

check "end: SYSTEM_OFF is 0" 0 "" "$LKVM" run guests/min.bin -c 1
check "end: SYSTEM_RESET is 120" 120 "reset: now" "$LKVM" run guests/reset.bin
check "end: SYSTEM_RESET by syscon under PSCI 0.1 is 120" 120 "reset: now" \
	"$LKVM" run guests/reset.bin --psci-version=0.1
check "end: a guest that faults reports it" 120 "" "$LKVM" run guests/crash.bin

# wait_for TEXT: until the command's output has it, for ten seconds.
wait_for()
{
	n=0
	until grep -qF -- "$1" "$out"; do
		n=$((n + 1))
		[ $n -lt 100 ] || return 1
		sleep 0.1
	done
}

# stops NAME SIGNAL TEXT ARGUMENT...: `lkvm run ARGUMENT...`, once it has said TEXT, ends within a second
# of SIGNAL, with status 0.
stops()
{
	name=$1 signal=$2 text=$3
	shift 3
	: >"$out"
	"$LKVM" run "$@" </dev/null >"$out" 2>"$err" &
	pid=$!
	if ! wait_for "$text"; then
		kill -KILL $pid
		wait $pid
		fail "$name" "it never said '$text'"
		return
	fi
	kill -"$signal" $pid
	# One second, in steps that busybox can sleep.
	n=0
	while kill -0 $pid 2>/dev/null && [ $n -lt 10 ]; do
		n=$((n + 1))
		sleep 0.1
	done
	if [ $n -eq 10 ]; then
		kill -KILL $pid
		wait $pid
		fail "$name" "still there a second after SIG$signal"
		return
	fi
	wait $pid
	status=$?
	if [ $status -eq 0 ]; then pass "$name"; else fail "$name" "status $status instead of 0"; fi
}

stops "end: SIGTERM ends a guest that spins" TERM "hang: spinning" guests/hang.bin
stops "end: SIGINT ends a guest that sleeps" INT "wfi: sleeping" guests/wfi.bin
stops "end: SIGTERM ends a guest whose CPUs all write" TERM "smp: go 4" guests/smp.bin -c 4 -p forever
stops "end: SIGHUP ends a guest that faults for ever" HUP "loop" guests/crash.bin -p loop

# --reboot: the same guest again and again, until it is stopped.
"$LKVM" run guests/reset.bin --reboot </dev/null >"$out" 2>"$err" &
pid=$!
n=0
while [ "$(grep -c 'reset: now' "$out")" -lt 5 ] && [ $n -lt 100 ]; do
	n=$((n + 1))
	sleep 0.1
done
kill -TERM $pid
wait $pid
status=$?
if [ $status -eq 0 ] && [ "$(grep -c 'reset: now' "$out")" -ge 5 ]; then
	pass "end: --reboot starts the guest again"
else
	fail "end: --reboot starts the guest again" "status $status"
fi

check "end: LDP and post-index on devices abort, the VM runs on" 0 "ldp: ok" "$LKVM" run guests/ldp.bin
check "end: accesses to nowhere read zero" 0 "nowhere: ok" "$LKVM" run guests/nowhere.bin
