#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Many VMs on one host: started, listed, paused, resumed and stopped all at once; one that hangs among them; and nothing is
# left of those that were killed. $MANY says how many.
# shellcheck source=lib.sh
. ./lib.sh
export XDG_RUNTIME_DIR="$work"
sockets=$work/lkvm
many=${MANY:-50}

# verdict NAME WHY...: WHY is empty if all is well.
verdict() { if [ -z "$2" ]; then pass "$1"; else fail "$1" "$2"; fi; }

ms() { awk '{ print int($1 * 1000) }' /proc/uptime; }
sockets() { find "$sockets" -name "*.sock" | wc -l; }

# start_all FIRST LAST: VMs vm-N in the background, $pids.
start_all()
{
	i=$1 pids=
	while [ "$i" -le "$2" ]; do
		"$LKVM" run --name "vm-$i" -m 32 -c 1 guests/wfi.bin </dev/null >/dev/null 2>>"$err" &
		pids="$pids $!"
		i=$((i + 1))
	done
}

# count STATE: how many are listed so.
count() { "$LKVM" list | awk -v state="$1" '$3 == state' | wc -l; }

# await_count STATE NUMBER: for a minute.
await_count()
{
	n=0
	until [ "$(count "$1")" -eq "$2" ]; do
		n=$((n + 1))
		[ $n -lt 120 ] || return 1
		sleep 0.5
	done
}

# wait_for_all: their statuses other than 0, in $bad.
wait_for_all()
{
	bad=
	for i in $pids; do
		wait "$i" || bad="$bad $?"
	done
}

: >"$err"
begin=$(ms)
start_all 1 "$many"
why=
await_count running "$many" || why="$(count running) of them run"
verdict "many: $many VMs start and are listed" "$why"
echo "started and listed after $(($(ms) - begin)) ms"

"$LKVM" list >"$out" 2>&1
why=$(awk 'NR > 1 { print $1 }' "$out" | sort -V -c 2>&1)
[ "$(sed -n 2p "$out" | cut -d' ' -f1)" = vm-1 ] || why="${why:-the first is $(sed -n 2p "$out")}"
verdict "many: the list is in order" "$why"

begin=$(ms)
"$LKVM" list >/dev/null
echo "lkvm list: $(($(ms) - begin)) ms"

begin=$(ms)
"$LKVM" pause -a >"$work/said" 2>&1 || echo "status $?" >>"$work/said"
echo "lkvm pause -a: $(($(ms) - begin)) ms"
why=
[ "$(grep -c '^Info: VM vm-[0-9]* is paused$' "$work/said")" -eq "$many" ] || why="$(grep -v paused "$work/said")"
[ "$(count paused)" -eq "$many" ] || why="${why:-$(count paused) are paused}"
verdict "many: all are paused at once" "$why"
"$LKVM" resume -a >"$work/said" 2>&1 || echo "status $?" >>"$work/said"
why=
[ "$(grep -c '^Info: VM vm-[0-9]* goes on$' "$work/said")" -eq "$many" ] || why="$(grep -v 'goes on' "$work/said")"
[ "$(count running)" -eq "$many" ] || why="${why:-$(count running) run}"
verdict "many: all go on at once" "$why"

# One that hangs costs a moment's patience, however many the others are.
first=${pids# }
first=${first%% *}
kill -STOP "$first"
why=
begin=$(ms)
"$LKVM" list >"$out"
took=$(($(ms) - begin))
kill -CONT "$first"
[ "$(awk '$3 == "hangs" { print $2 }' "$out")" = "$first" ] || why="$(grep hangs "$out")"
[ "$(grep -c ' running ' "$out")" -eq $((many - 1)) ] || why="${why:-$(grep -c running "$out") run}"
[ $took -lt 4000 ] || why="${why:-it takes $took ms}"
verdict "many: one that hangs is listed as such, and keeps nobody" "$why"

begin=$(ms)
"$LKVM" stop --force -a >"$work/said" 2>&1 || echo "status $?" >>"$work/said"
echo "lkvm stop --force -a: $(($(ms) - begin)) ms"
wait_for_all
why=
[ "$(grep -c '^Info: VM vm-[0-9]* was stopped$' "$work/said")" -eq "$many" ] || why="$(grep -v 'was stopped' "$work/said")"
[ -z "$bad" ] || why="${why:-statuses$bad}"
[ -z "$(ls -A "$sockets")" ] || why="${why:-left: $(ls "$sockets")}"
[ -z "$(pidof lkvm)" ] || why="${why:-processes $(pidof lkvm) are left}"
verdict "many: all are stopped at once, and nothing is left" "$why"

# Killed while they run: what they leave is in nobody's way, and the list clears it away.
start_all 1 8
await_count running 8
# shellcheck disable=SC2086	# numbers
kill -KILL $pids
wait_for_all 2>/dev/null
why=
[ "$(sockets)" -eq 8 ] || why="there are no dead sockets to try it with"
start_all 1 4
await_count running 4 || why="${why:-$(count running) of 4 start}"
[ "$("$LKVM" list | wc -l)" -eq 5 ] || why="${why:-$("$LKVM" list)}"
[ "$(sockets)" -eq 4 ] || why="${why:-left: $(ls "$sockets")}"
"$LKVM" stop -f -a 2>/dev/null || why="${why:-stop: status $?}"
wait_for_all
[ -z "$(ls -A "$sockets")" ] || why="${why:-left at last: $(ls "$sockets")}"
verdict "many: what killed VMs leave is in nobody's way, and goes" "$why"
check "many: to stop none is well" 0 "there are no VMs" "$LKVM" stop -a
