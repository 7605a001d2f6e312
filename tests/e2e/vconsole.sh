#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016	# what stands in single quotes is for the guest's shell
# Consoles and ports of Linux guests: hvc0, its size, logs, pseudo-terminals, named ports; the entropy device's rate, and
# the clock's alarm. Which kernel on which transport: tests/e2e/virtio/matrix, the first line of this host.
# shellcheck source=lib.sh
. ./lib.sh

export XDG_RUNTIME_DIR="$work"

line=$(awk -v on="$LAB_HOST $LAB_GIC" '$1 " " $2 == on || on ~ /^here/ { print $3, $4; exit }' virtio/matrix)
version=${line% *} transport=${line#* }

# A guest whose shell, on a terminal, is typed the lines of $1 (tests/e2e/on-terminal.c: some are no keys); further
# arguments are lkvm's. Its console's output in $out.
shell()
{
	typed=$1
	shift
	echo "$typed" | timeout -s KILL "${LIMIT:-240}" ./on-terminal 33 101 "$LKVM" run "kernel-$version" \
		-i "initrd-$version.gz" -m 384 --virtio-transport "$transport" -p "quiet lkvm.disks=0 lkvm.test=shell" "$@" \
		>"$work/raw" 2>"$err"
	echo $? >"$work/status"
	tr -d '\r' <"$work/raw" >"$out"
}

same()
{
	if cmp -s "$2" "$3"; then pass "$1"; else fail "$1" "$(cmp "$2" "$3" 2>&1)"; fi
}

# says NAME TEXT...: the guest ended well, and each TEXT is a whole line of what it said.
says()
{
	name=$1 status=$(cat "$work/status")
	shift
	if [ "$status" -ne 0 ]; then
		fail "$name" "status $status"
		return
	fi
	for i; do
		grep -qxF -- "$i" "$out" && continue
		fail "$name" "there is no line '$i'"
		return
	done
	pass "$name"
}

# What the guest does first: $port NAME says the device behind it.
port='port() { for i in /sys/class/virtio-ports/*; do [ "$(cat $i/name 2>/dev/null)" != $1 ] || echo /dev/${i##*/}; done; }'

# A pseudo-terminal behind an echoing guest; nobody has it open at first, and twice somebody comes.
(timeout -s KILL 60 "$LKVM" run guests/echo.bin --console pty,log="$work/log" >"$out" 2>"$err"; echo "$?" >"$work/status") &
i=0
while ! grep -q 'echo: ready' "$work/log" 2>/dev/null && [ $i -lt 30 ]; do sleep 1; i=$((i + 1)); done
pts=$(sed -n 's/^Info: the console is //p' "$err")
if [ -c "$pts" ]; then
	for i in one two; do
		(printf %s $i >&4; head -c 3 <&4 >"$work/$i") 4<>"$pts"
	done
	printf q >"$pts"
fi
wait
said=$(cat "$work/one" "$work/two" "$work/status" 2>/dev/null)
if [ "$said" = onetwo0 ]; then pass "serial on a pty: people come and go"; else
	fail "serial on a pty: people come and go" "'$said' on '$pts'"; fi
rm -f "$work/log"
check "serial in a file alone" 0 "" "$LKVM" run guests/echo.bin -p pattern=1 --console file="$work/log"
if [ "$(wc -c <"$work/log")" -eq 1024 ] && [ ! -s "$out" ]; then pass "serial in a file: every byte, and none on stdout"; else
	fail "serial in a file: every byte, and none on stdout" "$(wc -c <"$work/log") bytes"; fi

"$LKVM" run guests/wfi.bin --name deaf --console virtio </dev/null >"$work/deaf" 2>&1 &
deaf=$!
i=0
until [ -S "$work/lkvm/deaf.sock" ] || [ $i -gt 100 ]; do i=$((i + 1)); usleep 100000; done
check "no magic key where nobody reads hvc0" 125 "the guest does not read its console" "$LKVM" debug --sysrq h deaf
kill $deaf

if [ ! -e "kernel-$version" ]; then
	skip "vconsole" "there is no kernel ${version:-for this host}"
	exit
fi

# What was typed before the driver was there arrives; the log has what the terminal shows; a size, and another; bytes go
# through ports both ways.
rm -f "$work/log"
shell "$port"'
echo "@ console $(cat /sys/class/tty/console/active), size $(stty size)"; echo $((6 * 7)) asked
@wait 42 asked
@size 44 132
sleep 1; echo "@ now $(stty size)"
p=$(port bulk); head -c 1000000 /dev/urandom >/tmp/bulk; cat /tmp/bulk >$p; echo "@ $(md5sum </tmp/bulk)"
exec 3<>$(port talk); echo ready >&3; read -r i <&3; echo "@ heard $i"; head -c 100000 <&3 | md5sum >&3; read -r i <&3; exec 3<&-
exit' --name hvc --console virtio,log="$work/log" --port bulk,file="$work/port" --port talk,log="$work/talk" &
job=$!
while ! grep -q ready "$work/talk" 2>/dev/null && kill -0 $job 2>/dev/null; do sleep 1; done
pts=$(tr -d '\r' <"$work/raw" | sed -n 's/.*Info: port talk is //p')
guest="a guest of Linux $version, $transport"
check "$guest: Linux's magic key is typed" 0 "VM hvc: sysrq h is typed" "$LKVM" debug --sysrq h hvc
if [ -c "$pts" ]; then
	exec 4<>"$pts"
	head -c 100000 /dev/urandom >"$work/bulk"
	(echo "a person"; cat "$work/bulk") >&4
	read -r i <&4
	[ "$i" != ready ] || read -r i <&4
	if [ "$i" = "$(md5sum <"$work/bulk")" ]; then pass "$guest: a port on a pty: 100 KB arrive, and the answer"; else
		fail "$guest: a port on a pty: 100 KB arrive, and the answer" "it answers '$i'"; fi
	echo end >&4
	exec 4<&-
else
	fail "$guest: a port on a pty" "there is no '$pts'"
fi
wait $job
says "$guest: hvc0, its size, 1 MB by a port into a file" "@ console hvc0, size 33 101" "@ now 44 132" "@ $(md5sum <"$work/port")" \
	"@ heard a person"
# Before that, the terminal showed what was typed, and lkvm's messages.
tr -d '\r' <"$work/log" >"$work/logged"
tail -c "$(wc -c <"$work/logged")" "$out" >"$work/shown"
same "$guest: the log has what the terminal showed" "$work/shown" "$work/logged"
if grep -q 'sysrq: HELP' "$work/logged"; then pass "$guest: and hvc0 takes it for that"; else
	fail "$guest: and hvc0 takes it for that" "it does not help"; fi

# Somebody comes to the console of a VM without a terminal: that one's size, and its changes, become the guest's.
XDG_RUNTIME_DIR=$work timeout -s KILL "${LIMIT:-240}" "$LKVM" run "kernel-$version" -i "initrd-$version.gz" -m 384 --name web --console virtio \
	--virtio-transport "$transport" -p "quiet lkvm.disks=0 lkvm.test=shell" </dev/null >"$work/web" 2>"$err" &
job=$!
while ! grep -q 'built-in shell' "$work/web" && kill -0 $job 2>/dev/null; do sleep 0.5; done
echo '@wait built-in shell
echo "@ size $(stty size)"
@wait @ size 40 90
@size 50 120
sleep 1; echo "@ now $(stty size)"
@wait @ now
exit
@wait never' | XDG_RUNTIME_DIR=$work timeout -s KILL "${LIMIT:-240}" ./on-terminal 40 90 "$LKVM" console web >"$work/raw" 2>&1
tr -d '\r' <"$work/raw" >"$out"
wait $job
echo $? >"$work/status"
says "$guest: lkvm console brings its terminal's size" "@ size 40 90" "@ now 50 120"

# The entropy device keeps to its rate; an alarm of the clock; a reboot keeps a port's far end.
rm -f "$work/log"
shell '@wait built-in shell
'"$port"'
a=$(cut -d. -f1 /proc/uptime); dd if=/dev/hwrng of=/tmp/r bs=512 count=12 iflag=fullblock 2>/dev/null
echo "@ $(wc -c </tmp/r) bytes"; [ $(($(cut -d. -f1 /proc/uptime) - a)) -ge 4 ] && echo "@ not faster"
alarms() { sed -n "s/^ *[0-9]*: *\([0-9]*\).*rtc-pl031/\1/p" /proc/interrupts; }
b=$(alarms); echo +2 >/sys/class/rtc/rtc0/wakealarm; sleep 4; [ $(($(alarms) - b)) -eq 1 ] && echo "@ one alarm"
echo twice >$(port keep); reboot -f
@wait Restarting system
@wait built-in shell
'"$port"'
echo twice >$(port keep); echo "@ again"
exit' -c 1 --rng-rate 1K --port keep,file="$work/log" --reboot
says "$guest: the entropy device's rate, an alarm, a reboot" "@ 6144 bytes" "@ not faster" "@ one alarm" "@ again"
printf 'twice\ntwice\n' >"$work/expected"
same "$guest: a reboot keeps the file of a port" "$work/log" "$work/expected"
