#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016	# what stands in single quotes is for the guest's shell
#
# The consoles of running VMs at other people's terminals; consoles' files that are put aside; messages as JSON; a trace.
# shellcheck source=lib.sh
. ./lib.sh

export XDG_RUNTIME_DIR="$work"
escape=$(printf '\001')

until_true()
{
	n=0
	until "$@" 2>/dev/null; do
		n=$((n + 1))
		[ $n -lt 300 ] || return 1
		sleep 0.1
	done
}

verdict() { if [ -z "$2" ]; then pass "$1"; else fail "$1" "$2"; fi; }

# start NAME ARGUMENT...: a VM in the background, $pid, whose console is stdout, a file; until it says $ready.
start()
{
	vm=$1
	shift
	"$LKVM" run --name "$vm" "$@" </dev/null >"$work/$vm.out" 2>"$err" &
	pid=$!
	until_true grep -q "${ready:-echo: ready}" "$work/$vm.out"
}

# visit FILE LINES: `lkvm console web` on a terminal that is typed LINES; what it shows in FILE, its status in $status.
visit()
{
	status=0
	echo "$2" | timeout -s KILL 60 ./on-terminal 24 80 "$LKVM" console web >"$1.raw" 2>"$err" || status=$?
	tr -d '\r' <"$1.raw" >"$1"
}

# shows FILE TEXT...: each is in it; else why it is not, in $why.
shows()
{
	file=$1
	shift
	for i; do
		grep -qF -- "$i" "$file" || why="${why:-'$i' is not in: $(tail -n 12 "$file" | tr '\n' '~')}"
	done
}

start web guests/echo.bin
why=
visit "$out" "@wait echo: ready
hello
@wait hello
${escape}d"
[ $status -eq 0 ] || why="status $status"
shows "$out" 'echo: ready' hello 'left the console of VM web'
kill -0 $pid 2>/dev/null || why="${why:-the VM is gone}"
verdict "attach: what was said before is shown, keys reach the guest, Ctrl-A d leaves" "$why"

# Two people; what one types both see.
why=
visit "$work/one" "@wait together
${escape}d" &
one=$!
sleep 1
visit "$out" "@wait echo: ready
together
@wait together
${escape}d"
wait $one
shows "$work/one" together 'left the console'
shows "$out" together
verdict "attach: two at once" "$why"

why=
printf 'from a pipe\n' | timeout -s KILL 30 "$LKVM" console -n web >"$out" 2>"$err" || why="status $?"
shows "$out" 'from a pipe'
[ ! -s "$err" ] || why="${why:-it is not silent}"
verdict "attach: from a pipe, until there is silence" "$why"

check "attach: a VM that is not there" 125 "Fatal: there is no VM nobody" "$LKVM" console nobody

# One that hangs, and is killed: nobody else minds.
why=
sleep 100 | "$LKVM" console web >/dev/null 2>&1 &
hung=$!
sleep 0.5
kill -STOP $hung
printf 'on it goes\n' | timeout -s KILL 30 "$LKVM" console web >"$out" 2>"$err" || why="status $?"
shows "$out" 'on it goes'
kill -KILL $hung
verdict "attach: one that hangs is in nobody's way" "$why"

why=
visit "$out" "@wait echo: ready
${escape}h
@wait Ctrl-A d
${escape}x
@wait never"
[ $status -eq 0 ] || kill $pid
wait $pid || why="status $? of the VM"
[ $status -eq 0 ] || why="${why:-status $status}"
shows "$out" 'leave the console' 'VM web has ended'
[ ! -e "$work/lkvm/web.sock" ] || why="${why:-the socket is left behind}"
verdict "attach: Ctrl-A x ends the VM, and the visit with it" "$why"

# A Linux guest's shell. It ends when its answer is there: a terminal's last output is lost when its session ends.
why=
ready='built-in shell'
start web kernel -i initrd.gz -m 256 -p "quiet lkvm.test=shell" || why="there is no shell: $(tail -n 3 "$work/web.out")"
visit "$out" '@wait #
echo $((6 * 7)) asked
@wait 42 asked
exit
@wait never'
shows "$out" '42 asked' 'VM web has ended'
[ $status -eq 0 ] || kill $pid
wait $pid || why="${why:-status $? of the VM}"
verdict "attach: a command is typed into a Linux guest's shell, which answers" "$why"

# 16 KiB in files of 4, all of it, in order.
why=
check "log: the pattern in one file" 0 "" "$LKVM" run guests/echo.bin -p pattern=16 --console "file=$work/whole"
check "log: the pattern in several" 0 "" "$LKVM" run guests/echo.bin -p pattern=16 \
	--console "file=$work/part,max=4K,keep=9"
cat "$work/part.3" "$work/part.2" "$work/part.1" "$work/part" 2>/dev/null | cmp -s - "$work/whole" ||
	why="$(wc -c "$work"/part* | tr '\n' ';')"
verdict "log: a console's files that are put aside have every byte" "$why"

why=
ready='echo: ready'
start web guests/echo.bin --log-format json --log-file "$work/log,max=64K" --trace "$work/trace"
kill -TERM $pid
wait $pid
[ ! -s "$err" ] || why="messages are on stderr"
grep -qE '^\{"time":"20[0-9-]+T[0-9:.]+Z","level":"info","vm":"web","message":"VM web: stopped by Terminated"\}$' \
	"$work/log" || why="${why:-$(cat "$work/log")}"
verdict "log: JSON in a file" "$why"

why=
shows "$work/trace" '"name":"lkvm web"' '"name":"first instruction"' '"name":"life 1"' '"mmio":' '"name":"first console byte"'
[ "$(tail -n 1 "$work/trace")" = "]}" ] || why="${why:-it has no end}"
verdict "trace: steps, a life, exits" "$why"
echo "trace: $(grep -c '"ph":"X"' "$work/trace") spans, $(wc -c <"$work/trace") bytes"
