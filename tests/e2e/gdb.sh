#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Debian's own gdb-multiarch debugs a guest's kernel, which is that of the host: so the host's /proc/kallsyms, of a
# kernel that was not moved (nokaslr), says where the guest's functions are.
# shellcheck disable=SC2016	# gdb's dollars and the guest's
# shellcheck source=guest-lib.sh
. ./guest-lib.sh

socket=$work/gdb.sock
log=$work/gdb.out
# Without pointer authentication: gdb before 14 does not take a kernel's signatures off.
plain="nokaslr arm64.nopauth"

./map-elf </proc/kallsyms >"$work/vmlinux"
# Where the kernel begins: all of it is in the 2 MiB and on that its first function is in.
text=0x$(sort /proc/kallsyms | awk '$2 ~ /[tT]/ && $3 ~ /^(_text|_stext|primary_entry|vectors)$/ { print $1; exit }' |
	sed -E 's/.{5}$/00000/; s/[13579bdf](.{5})$/0\1/')

# gdb COMMAND...: attached to the VM at $at; what it says is in $log.
at=$socket
gdb()
{
	{
		printf '%s\n' "set pagination off" "set confirm off" "set architecture aarch64" \
			"file $work/vmlinux" "target remote $at"
		printf '%s\n' "$@"
	} >"$work/commands"
	timeout -s KILL 100 gdb-multiarch -nx -batch -x "$work/commands" </dev/null >"$log" 2>&1
}

# verdict NAME WHY: WHY is empty if all is well.
verdict()
{
	if [ -z "$2" ]; then pass "$1"; else cat "$log"; fail "$1" "$2"; fi
}

# expect REGEX...: they are in what gdb said, one after the other; why is set if not.
expect()
{
	line=0
	for i; do
		next=$(tail -n +$((line + 1)) "$log" | grep -nE -- "$i" | head -n 1 | cut -d: -f1)
		[ -n "$next" ] || { why="${why:-gdb does not say $i}"; return; }
		line=$((line + next))
	done
}

# start_waiting PARAMETERS ARGUMENT...: a guest that waits for gdb.
start_waiting()
{
	parameters=$1
	shift
	"$LKVM" run "kernel-$version" -i "initrd-$version.gz" -p "$plain $parameters" --gdb "unix:$socket,wait" "$@" \
		</dev/null >"$out" 2>"$err" &
	pid=$!
	n=0
	until [ -S "$socket" ] || [ $n -gt 50 ]; do usleep 100000; n=$((n + 1)); done
}

# ends: the VM is to end by itself, with status 0.
ends()
{
	(sleep 30; kill -KILL $pid) 2>/dev/null &
	guard=$!
	status=0
	wait $pid || status=$?
	kill $guard 2>/dev/null
	[ $status -eq 0 ] || why="${why:-status $status}"
}

why=
start_waiting "quiet lkvm.test=poweroff" -c 2
[ ! -s "$out" ] || why="the guest has not waited"
# getpid() ends on the CPU where it began: `finish` waits on that one.
gdb "info threads" "break start_kernel" "continue" "backtrace" "x/s $text + 0x38" "stepi" "stepi" "stepi" \
	"p \$pc - (unsigned long)start_kernel" "p \$x0 = 0x1234" "p \$x0" "info registers VBAR_EL1" \
	"hbreak rest_init" "continue" "backtrace" "watch -l *(long *)(\$sp - 16)" "continue" "delete" \
	"hbreak secondary_start_kernel" "continue" "info threads" "delete" \
	"break __arm64_sys_getpid" "continue" "backtrace" "finish" "delete" "detach"
expect '^\* 1 .*CPU 0, on' '2 .*CPU 1, off' 'Thread 1 .*hit Breakpoint 1, .*start_kernel' '^#0 .*start_kernel' \
	'^#1 .*(__primary_switched|0x0000000000000000 in)' '"ARMd' '^\$1 = .*0xc' '^\$3 = (0x1234|4660)' 'VBAR_EL1 .*vectors' \
	'hit Breakpoint 2, .*rest_init' '^#1 .*(start_kernel|arch_call_rest_init)' \
	'Hardware watchpoint 3' 'hit Hardware watchpoint 3' 'Old value = ' 'New value = ' \
	'Thread 2 .*hit Breakpoint 4, .*secondary_start_kernel' '^\* 2 .*CPU 1, on' \
	'hit Breakpoint 5, .*__arm64_sys_getpid' '^#1 .*(invoke_syscall|el0_svc_common)' \
	'^0x.* in (invoke_syscall|el0_svc_common)' 'detached'
ends
grep -q 'guest: powering off' "$out" || why="${why:-the guest has not powered off}"
verdict "gdb: from the first instruction to start_kernel, the second CPU and a process, until it leaves" "$why"

# From here on with one guest that does what it is told.
make_initrd ./brk
start_guest debugged "$plain" --gdb "unix:$socket" -c 2 || fail "gdb: a guest is ready" "it is not"

# goes COMMAND...: gdb in the background, where its last `continue` is with "going" before it.
goes()
{
	rm -f "$work/going"
	gdb "$@" &
	session=$!
	n=0
	until [ -e "$work/going" ] || [ $n -gt 200 ]; do usleep 100000; n=$((n + 1)); done
	usleep 300000
}
going="shell touch $work/going"

why=
goes "break __arm64_sys_sethostname" "$going" continue continue delete detach
tell 'taskset 1 hostname one; taskset 2 hostname two; hostname' || why="the guest says '$said'"
wait $session
[ "$said" = two ] || why="${why:-the guest says '$said'}"
expect 'Thread 1 .*hit Breakpoint 1, .*sethostname' 'Thread 2 .*hit Breakpoint 1, .*sethostname' 'detached'
verdict "gdb: one breakpoint is hit on both CPUs" "$why"

why=
goes "break __arm64_sys_sethostname" "$going" continue "set \$i = 0" "set \$low = (unsigned long)__arm64_sys_sethostname" \
	"while \$i < 30" "stepi" "if (unsigned long)\$pc - $text < 0x20000" "echo @ an exception\\n" "end" \
	"set \$i = \$i + 1" "end" "echo @ stepped\\n" "delete" "detach"
tell 'hostname stepped; hostname' || why="the guest says '$said'"
wait $session
expect 'hit Breakpoint 1' '@ stepped' 'detached'
! grep -q '@ an exception' "$log" || why="${why:-a step ends in an interrupt}"
verdict "gdb: steps are not interrupted, whatever the timer does" "$why"

# A system call reads its second argument (here, 7) from the registers that were saved, and its result replaces the first.
why=
goes "break __arm64_sys_sethostname" "$going" continue "set \$saved = \$x0" delete \
	"rwatch -l *(long *)(\$saved + 8)" continue delete "awatch -l *(long *)\$saved" continue delete \
	"set \$i = 0" "while \$i < 40" "hbreak *($text + 4 * \$i)" "set \$i = \$i + 1" "end" stepi # this is an error, and gdb ends
tell 'hostname watched; hostname' || why="the guest says '$said'"
wait $session
[ "$said" = watched ] || why="${why:-the guest says '$said'}"
expect 'hit Hardware read watchpoint 2' '^Value = 7$' 'hit Hardware access \(read/write\) watchpoint 3' '^New value = 0$' \
	'Could not insert hardware breakpoint'
verdict "gdb: watchpoints for reads; more breakpoints of the CPU than it has are refused" "$why"

# Breakpoints of the guest's own, while KVM gives all of them to lkvm.
why=
goes "break __arm64_sys_sethostname" "$going" continue detach
tell '/brk; echo "brk $?"' || why="the guest says '$said'"
[ "$(echo "$said" | grep -o 'brk [0-9]*$')" = "brk 133" ] || why="${why:-the guest says '$said'}"
tell 'mount -t tracefs t /sys/kernel/tracing; cd /sys/kernel/tracing; echo p:mine do_sys_openat2 >kprobe_events; echo 1 >events/kprobes/enable; cat /proc/version >/dev/null; echo 0 >events/kprobes/enable; grep -c mine: trace; cd /' ||
	why="${why:-kprobes: the guest says '$said'}"
[ "${said:-0}" -gt 0 ] || why="${why:-kprobes: the guest says '$said'}"
tell 'hostname gone' || why="${why:-the guest says '$said'}"
wait $session
expect 'hit Breakpoint 1' 'detached'
[ "$(grep -c 'hit Breakpoint\|SIGTRAP' "$log")" -eq 1 ] || why="${why:-gdb gets those of the guest}"
verdict "gdb: a guest's own breakpoints and kprobes stay its own" "$why"

why=
goes "$going" continue "info threads" "shell gdb-multiarch -nx -batch -ex 'target remote $socket' >$work/second 2>&1" \
	"p \$pc" detach
kill -INT "$(pidof gdb-multiarch)"
wait $session
expect 'SIGINT' '1 .*CPU 0, on' '2 .*CPU 1, on' '^\$1 = ' 'detached'
grep -qiE 'closed|reset|disconnected' "$work/second" || why="${why:-a second gdb: $(cat "$work/second")}"
tell hostname || why="${why:-the guest does not go on}"
verdict "gdb: Ctrl-C stops the guest, and a second gdb is turned away" "$why"

why=
goes "break __arm64_sys_sethostname" "$going" continue
kill -KILL "$(pidof gdb-multiarch)"
wait $session
tell 'hostname alone; hostname' || why="the guest hangs"
[ "$said" = alone ] || why="${why:-the guest says '$said'}"
for i in garbage half; do
	./bad-client "$socket" $i >/dev/null 2>&1
	tell hostname || why="${why:-the guest hangs after a client that sends $i}"
done
gdb detach
expect 'detached'
tell hostname || why="${why:-the guest hangs}"
verdict "gdb: the guest goes on when gdb is killed, and bears other clients" "$why"

why=
cat /proc/kallsyms >"$work/map"
"$LKVM" debug --symbols "$work/map" debugged >"$log" 2>&1 || why="status $?"
expect '^CPU 0, on' '^  pc ffff.*(cpu_do_idle|arch_cpu_idle|finish)' '  SPSR_EL1' 'called from' ' do_idle\+0x' ' cpu_startup_entry\+0x' \
	'^CPU 1, on' ' secondary_start_kernel\+0x'
"$LKVM" debug --symbols "$work/vmlinux" --json debugged >"$log" 2>&1 || why="status $? for --json"
expect '"cpu": 0' '"pc": "0xffff' '"symbol": "cpu_startup_entry\+0x' '"cpu": 1'
verdict "debug: lkvm debug tells where the CPUs are" "$why"

: >"$out"
why=
"$LKVM" debug --sysrq h debugged >"$log" 2>&1 || why="status $?"
await 'sysrq: HELP' 10 || why="${why:-the guest does not help}"
tell hostname || why="${why:-the guest hangs}"
verdict "debug: Linux's magic key is typed on the console" "$why"

why=
goes "$going" continue
end_guest
wait $session
[ $status -eq 0 ] || why="status $status"
expect 'exited normally'
[ ! -e "$socket" ] || why="${why:-the socket is left behind}"
verdict "gdb: it is told of the end, and the socket goes with the VM" "$why"

# tcp ADDRESS: gdb comes to a guest with 8 CPUs by TCP and ends it; a second VM finds the port taken.
tcp()
{
	why=
	: >"$err" # lest its last words are taken for those of the one that is just starting
	"$LKVM" run guests/wfi.bin -c 8 --gdb "tcp:$1:0,wait" </dev/null >"$out" 2>"$err" &
	pid=$!
	n=0
	until at=$(sed -n 's/^Info: .* waits for gdb: target remote //p' "$err") && [ -n "$at" ] || [ $n -gt 50 ]; do
		usleep 100000
		n=$((n + 1))
	done
	"$LKVM" run guests/min.bin --gdb "tcp:$1:${at##*:}" </dev/null >"$log" 2>&1 && why="two have one port"
	grep -qF "cannot listen at $at: Address already in use" "$log" || why="${why:-two at one port: $(cat "$log")}"
	gdb "info threads" stepi "p \$pc" kill
	expect '^\* 1 .*CPU 0, on' '^  8 .*CPU 7, off' '^\$1 = .*0x400000(04|40)$' 'killed'
	ends
	verdict "gdb: by TCP, at $1: 8 CPUs, a step, the end" "$why"
}
tcp 127.0.0.1
tcp '[::1]'
