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
	"$LKVM" run --name "$vm" "$@" </dev/null >"${to:-$out}" 2>"$err" &
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

ms() { awk '{ print int($1 * 1000) }' /proc/uptime; }
state() { "$LKVM" list | awk -v name="$1" '$1 == name { print $3 }'; }
is_now() { [ "$(state web)" = "$1" ]; }

# forced STATE[, MORE] ARGUMENT...: a VM in that state is gone within a second.
forced()
{
	name="control: lkvm stop --force, $1" why=
	how=$1
	want=${1%%,*}
	shift
	start web "$@"
	[ "$how" != paused ] || "$LKVM" pause web 2>/dev/null || why="pause: status $?"
	until_true is_now "$want" || why="${why:-it is $(state web)}"
	begin=$(ms)
	"$LKVM" stop --force web 2>"$work/said" || why="${why:-status $?}"
	took=$(($(ms) - begin))
	[ "$(cat "$work/said")" = "Info: VM web was stopped" ] || why="${why:-$(cat "$work/said")}"
	[ $took -le 1000 ] || why="${why:-it takes $took ms}"
	[ ! -e "$sockets/web.sock" ] || why="${why:-its socket is left}"
	wait $pid || why="${why:-status $? of the VM}"
	verdict "$name" "$why"
}
forced running guests/hang.bin -c 1
forced paused guests/hang.bin
[ "$LAB_HOST" = 5.10 ] || forced asleep guests/sleep.bin -c 1
forced "running, which resets without end" guests/reset.bin --reboot -c 1
forced "paused, which waits for gdb" guests/hang.bin --gdb "unix:$work/gdb,wait"
# A pipe that somebody has open and nobody reads.
mkfifo "$work/stuck"
exec 5<>"$work/stuck"
to=$work/stuck
forced "running, whose output nobody takes" guests/echo.bin -p pattern=1024
to=
exec 5<&-

# Not forced: a guest that takes no notice of its button, and could not, being paused.
start web guests/hang.bin
"$LKVM" pause web 2>/dev/null
check "control: lkvm stop, of a paused guest that knows no button" 0 "Warning: VM web did not power off within 0.5 s" \
	"$LKVM" stop --timeout 500ms web
wait $pid
status=$?
why=
[ $status -eq 0 ] || why="status $status"
[ ! -e "$sockets/web.sock" ] || why="${why:-its socket is left}"
verdict "control: and it is gone then" "$why"

start web guests/wfi.bin
"$LKVM" pause -n web 2>"$work/said"
check "control: pausing twice is well" 0 "VM web is paused already" "$LKVM" pause web
check "control: a paused VM answers" 0 "there is no disk '0'" sh -c "! $LKVM resize web 0"
stop TERM
why=
[ $status -eq 0 ] || why="status $status"
verdict "control: SIGTERM ends a paused VM" "$why"

# lkvm itself hangs, as far as anybody can see.
start web guests/wfi.bin
kill -STOP $pid
why=
begin=$(ms)
"$LKVM" stop --force web 2>"$work/said" || why="status $?"
took=$(($(ms) - begin))
stop CONT 2>/dev/null
[ $status -eq 137 ] || why="${why:-its status is $status}"
grep -q "^Warning: VM web hangs, and is killed" "$work/said" || why="${why:-$(cat "$work/said")}"
[ $took -le 1500 ] || why="${why:-it takes $took ms}"
[ ! -e "$sockets/web.sock" ] || why="${why:-its socket is left}"
verdict "control: a VM that hangs is killed by --force, and its socket goes" "$why"

# Commands of all kinds at once, among clients that hang and send garbage.
start web guests/wfi.bin
./bad-client "$sockets/web.sock" hang >"$work/hang" &
hang=$!
until_true grep -q hanging "$work/hang"
why=
./bad-client "$sockets/web.sock" garbage &
garbage=$!
for i in list "stat web" "stat --json web" "pause web" "resume web"; do
	# shellcheck disable=SC2086	# words
	"$LKVM" $i >"$work/said" 2>&1 || why="${why:-$i: status $?, $(cat "$work/said")}"
done
wait $garbage || why="${why:-bad-client: status $?}"
kill $hang
is_now running || why="${why:-it is $(state web)}"
verdict "control: all commands are answered among clients that hang and send garbage" "$why"
stop TERM

check "control: to stop nobody is refused" 125 "Fatal: stop: which VM?" "$LKVM" stop
check "control: one VM, or all of them" 125 "Fatal: pause: VM 'web', or all of them?" "$LKVM" pause -a web
check "control: stop says who is not there" 125 "Fatal: there is no VM nobody" "$LKVM" stop nobody
check "control: a VM that never was is named" 125 "Fatal: there is no VM nobody" "$LKVM" resume nobody

: >"$work/file"
XDG_RUNTIME_DIR=$work/file
check "control: without a place for sockets a VM runs all the same" 0 "" "$LKVM" run guests/min.bin -c 1
refuse "control: without a place for sockets --name is refused" "$work/file/lkvm" --name web guests/min.bin
