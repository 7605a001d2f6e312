#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The control socket: a VM that sleeps is woken by name, names are taken once, and neither a dead socket
# nor a bad client harms anybody.
# shellcheck source=lib.sh
. ./lib.sh

export XDG_RUNTIME_DIR="$work"
sockets=$work/lkvm

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

# verdict NAME WHY...: WHY is empty if all is well.
verdict() { if [ -z "$2" ]; then pass "$1"; else fail "$1" "$2"; fi; }

# start NAME ARGUMENT...: `lkvm run --name NAME ARGUMENT...` in the background, $pid, until it has its socket.
start()
{
	vm=$1
	shift
	: >"$err"
	"$LKVM" run --name "$vm" "$@" </dev/null >"$out" 2>"$err" &
	pid=$!
	until_true [ -S "$sockets/$vm.sock" ]
}

# stop SIGNAL: ends it; its status is $status.
stop()
{
	kill -"$1" $pid
	wait $pid 2>/dev/null
	status=$?
}

# sleeps NAME ARGUMENT...: a guest that sleeps is woken by lkvm resume, and then powers off.
sleeps()
{
	name=$1 why=
	shift
	start sleeper guests/sleep.bin "$@"
	until_true grep -q 'asleep until an interrupt' "$err" || why="it does not fall asleep"
	[ -n "$why" ] || "$LKVM" resume sleeper 2>"$work/resume" || why="resume: status $?"
	grep -q '^Info: VM sleeper wakes up$' "$work/resume" || why="${why:-resume: $(cat "$work/resume")}"
	[ -z "$why" ] || kill -TERM $pid 2>/dev/null
	wait $pid
	status=$?
	[ $status -eq 0 ] || why="${why:-status $status}"
	grep -q 'awake$' "$err" || why="${why:-it never says that it is awake}"
	[ ! -e "$sockets/sleeper.sock" ] || why="${why:-its socket is left behind}"
	verdict "$name" "$why"
}

# SYSTEM_SUSPEND came to KVM after 5.10.
case $LAB_HOST in
5.10) skip "control: lkvm resume wakes a VM that sleeps" "no SYSTEM_SUSPEND on Linux 5.10" ;;
*) sleeps "control: lkvm resume wakes a VM that sleeps" -c 1 ;;
esac
case $LAB_HOST in
5.10 | 6.1) ;; # no SMCCC filter
*) sleeps "control: lkvm resume wakes a VM that sleeps, --psci=user" --psci=user -c 4 ;;
esac

start web guests/wfi.bin
check "control: a VM that does not sleep is left alone" 0 "Info: VM web is running" "$LKVM" resume -n web

why=
"$LKVM" run --name web guests/wfi.bin </dev/null >"$work/second" 2>&1
[ $? -eq 125 ] || why="status is not 125"
[ "$(wc -l <"$work/second")" -eq 1 ] || why="${why:-not one line}"
grep -q '^Fatal: .*a VM named web is running' "$work/second" || why="${why:-$(cat "$work/second")}"
verdict "control: a name that a living VM has is refused" "$why"

check "control: a VM bears clients that send garbage" 0 "" ./bad-client "$sockets/web.sock" garbage
check "control: a VM bears clients that go away in the middle" 0 "" ./bad-client "$sockets/web.sock" half

# Two proper clients at the same time, among more that hang than the server has places for.
why=
./bad-client "$sockets/web.sock" hang >"$work/hang" &
hang=$!
until_true grep -q hanging "$work/hang" || why="the clients that are to hang do not connect"
"$LKVM" resume web 2>"$work/one" &
one=$!
"$LKVM" resume web 2>"$work/two" &
two=$!
wait $one || why="${why:-status $? of the first}"
wait $two || why="${why:-status $? of the second}"
kill $hang
cmp -s "$work/one" "$work/two" || why="${why:-$(cat "$work/one" "$work/two")}"
verdict "control: two clients at once are served, among others that hang" "$why"

stop TERM
why=
[ $status -eq 0 ] || why="status $status"
[ ! -e "$sockets/web.sock" ] || why="${why:-the socket is left behind}"
verdict "control: the socket goes with the VM" "$why"

start web guests/wfi.bin
stop KILL
why=
[ -S "$sockets/web.sock" ] || why="there is no dead socket to try it with"
check "control: a VM that was killed is not there" 125 "Fatal: there is no VM web" "$LKVM" resume web
"$LKVM" run --name web guests/min.bin -c 1 </dev/null >"$out" 2>"$err" || why="${why:-status $?}"
[ ! -s "$err" ] || why="${why:-it is not silent}"
verdict "control: a dead socket is replaced without a word" "$why"

check "control: a VM that never was is named" 125 "Fatal: there is no VM nobody" "$LKVM" resume nobody

: >"$work/file"
XDG_RUNTIME_DIR=$work/file
check "control: without a place for sockets a VM runs all the same" 0 "" "$LKVM" run guests/min.bin -c 1
refuse "control: without a place for sockets --name is refused" "$work/file/lkvm" --name web guests/min.bin
