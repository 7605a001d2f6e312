#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# lkvm in the background: it returns when the guest runs, or with the reason why none does; pidfiles; a service
# manager that hears of it.
# shellcheck source=lib.sh
. ./lib.sh

export XDG_RUNTIME_DIR="$work"

# until_true COMMAND...: tries it again for ten seconds.
until_true()
{
	n=0
	until "$@" 2>/dev/null; do
		n=$((n + 1))
		[ $n -lt 100 ] || return 1
		sleep 0.1
	done
}

# verdict NAME WHY: WHY is empty if all is well.
verdict() { if [ -z "$2" ]; then pass "$1"; else fail "$1" "$2"; fi; }

is_gone() { ! kill -0 "$1"; }

pidfile=$work/pid

# What runs in the background holds neither output: run would wait for it to the end.
why=
run 20 "$LKVM" run --daemonize --name web --pidfile "$pidfile" --console file="$work/said" guests/wfi.bin
[ "$status" -eq 0 ] || why="status $status"
[ ! -s "$out" ] || why="${why:-it says something}"
pid=$(cat "$pidfile")
kill -0 "$pid" 2>/dev/null || why="${why:-no process has the number in the pidfile: $pid}"
[ "$(readlink "/proc/$pid/fd/0") $(readlink "/proc/$pid/fd/1") $(readlink "/proc/$pid/fd/2")" = \
	"/dev/null /dev/null /dev/null" ] || why="${why:-its standard streams are not all /dev/null}"
[ "$(awk '{ print $6 }' "/proc/$pid/stat")" = "$pid" ] || why="${why:-it has no session of its own}"
"$LKVM" resume web 2>"$work/answer" || why="${why:-its control socket does not answer}"
grep -q 'VM web' "$work/answer" || why="${why:-it answers $(cat "$work/answer")}"
verdict "daemonize: lkvm run returns when the guest runs" "$why"

check "pidfile: the one of a VM that runs is refused, by its number" 125 "is that of process $pid, which runs" \
	"$LKVM" run --pidfile "$pidfile" guests/min.bin
check "daemonize: the same is told from the background" 125 "is that of process $pid, which runs" \
	"$LKVM" run --daemonize --pidfile "$pidfile" guests/min.bin

why=
kill -TERM "$pid"
until_true is_gone "$pid" || why="SIGTERM does not end it"
[ ! -e "$pidfile" ] || why="${why:-its pidfile is left}"
[ -z "$(ls "$work/lkvm")" ] || why="${why:-its socket is left}"
verdict "daemonize: SIGTERM ends the VM, and its pidfile goes too" "$why"

check "daemonize: a start that fails is told, with its status" 125 "Fatal: Unable to open kernel /nowhere" \
	"$LKVM" run --daemonize --pidfile "$pidfile" /nowhere
why=
[ ! -e "$pidfile" ] || why="it is left"
verdict "pidfile: it goes with a start that fails" "$why"
check "daemonize: a host without KVM is told" 125 "/dev/nokvm" "$LKVM" run --daemonize --dev /dev/nokvm
check "daemonize: a command goes without it" 125 "--daemonize goes without a command" "$LKVM" run --daemonize -- true

echo important >"$work/file"
check "pidfile: a file that is none is left alone" 125 "is no pidfile" "$LKVM" run --pidfile "$work/file" guests/min.bin
[ "$(cat "$work/file")" = important ] || fail "pidfile: a file that is none is left alone" "it is overwritten"

# Killed: what it leaves harms nobody.
why=
"$LKVM" run --daemonize --name web --pidfile "$pidfile" guests/wfi.bin </dev/null >"$out" 2>"$err" || why="status $?"
pid=$(cat "$pidfile")
kill -KILL "$pid"
until_true is_gone "$pid" || why="${why:-it is not dead}"
[ -e "$pidfile" ] || why="${why:-there is no stale pidfile to try it with}"
run 20 "$LKVM" run --daemonize --name web --pidfile "$pidfile" guests/wfi.bin
[ "$status" -eq 0 ] || why="${why:-status $status of the next one}"
[ "$(cat "$pidfile")" != "$pid" ] || why="${why:-the pidfile is the old one}"
kill "$(cat "$pidfile")"
until_true [ ! -e "$pidfile" ] || why="${why:-the next one does not end}"
verdict "daemonize: one that was killed does not keep the next from starting" "$why"

# A name that is made of the number is made of the one of the process that runs.
why=
"$LKVM" run --daemonize --pidfile "$pidfile" guests/wfi.bin </dev/null 2>"$err" || why="status $?"
pid=$(cat "$pidfile")
[ -S "$work/lkvm/guest-$pid.sock" ] || why="${why:-no socket guest-$pid: $(ls "$work/lkvm")}"
kill "$pid"
until_true [ ! -e "$pidfile" ] || why="${why:-it does not end}"
verdict "daemonize: a VM without a name is called by the number in the pidfile" "$why"

# hears NAME ADDRESS OPTION...: a service manager at ADDRESS hears of a VM.
hears()
{
	title=$1 address=$2 why=
	shift 2
	./notify-peer "$address" 2 >"$work/heard" 2>&1 &
	peer=$!
	until_true grep -q listening "$work/heard" || why="the peer does not listen: $(cat "$work/heard")"
	NOTIFY_SOCKET=$address "$LKVM" run "$@" --name web --pidfile "$pidfile" guests/wfi.bin </dev/null >"$out" 2>"$err" &
	vm=$!
	until_true grep -q READY=1 "$work/heard" || why="${why:-it is not told READY=1}"
	pid=$(cat "$pidfile")
	grep -q "^READY=1 MAINPID=$pid STATUS=VM web is running$" "$work/heard" || why="${why:-it hears $(cat "$work/heard")}"
	kill "$pid"
	wait $vm || why="${why:-status $?}"
	until_true grep -q '^STOPPING=1 ' "$work/heard" || why="${why:-it is not told STOPPING=1}"
	[ -z "$why" ] || kill $peer 2>/dev/null
	wait $peer 2>/dev/null
	until_true [ ! -e "$pidfile" ] || why="${why:-it does not end}"
	verdict "$title" "$why"
}
hears "notify: a service manager hears when the guest runs and when it ends" "$work/notify"
hears "notify: the same at an abstract name, from the background" "@lkvm-e2e" --daemonize
