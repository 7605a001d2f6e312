#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# CPUs that come and go, sleep and reset, as KVM serves them. POWER_PSCI=user: as lkvm does.
# shellcheck source=lib.sh
. ./lib.sh

: "${POWER_PSCI:=kernel}"
how=
[ "$POWER_PSCI" = kernel ] || how=", --psci=user"
if [ "$POWER_PSCI" = user ]; then
	versions="0.2 1.0 1.1 1.2 1.3"
else
	versions=$offered
fi
last=${versions##* }

# A host that can suspend offers it to every version from 1.0 on.
suspends=1
case $POWER_PSCI$LAB_HOST in
kernel5.10) suspends=0 ;;
esac

if [ $suspends -eq 1 ]; then
	check "power: SYSTEM_SUSPEND beside another CPU is denied$how" 0 "100 times denied" \
		"$LKVM" run guests/suspend.bin --psci="$POWER_PSCI"
else
	check "power: no SYSTEM_SUSPEND on Linux $LAB_HOST" 0 "it takes two CPUs and SYSTEM_SUSPEND" \
		"$LKVM" run guests/suspend.bin
fi

# reboots NAME WORD: the psci guest's call WORD, again and again, until SIGTERM.
reboots()
{
	: >"$out"
	"$LKVM" run guests/psci.bin --psci="$POWER_PSCI" --reboot -p "$2" </dev/null >"$out" 2>"$err" &
	pid=$!
	n=0
	while [ "$(grep -c "^psci: $2" "$out")" -lt 3 ] && [ $n -lt 200 ]; do
		n=$((n + 1))
		sleep 0.1
	done
	kill -TERM $pid
	wait $pid
	status=$?
	if [ $status -eq 0 ] && [ "$(grep -c "^psci: $2" "$out")" -ge 3 ]; then
		pass "$1"
	else
		fail "$1" "status $status, $(grep -c "^psci: $2" "$out") lives"
	fi
}

reboots "power: --reboot on SYSTEM_RESET$how" reset
case " $versions " in
*" 1.1 "*)
	reboots "power: --reboot on SYSTEM_RESET2, warm$how" reset2-warm
	reboots "power: --reboot on SYSTEM_RESET2, vendor's$how" reset2-vendor
	;;
esac

# A Debian guest: its CPUs leave and return under load; then it sleeps, and a byte on its console wakes it.
mkfifo "$work/keys"
: >"$err"
tests=hotplug-load
[ $suspends -eq 0 ] || tests=$tests,suspend
timeout -s KILL 150 "$LKVM" run kernel -i initrd.gz -m 512 -c 4 --psci="$POWER_PSCI" --psci-version="$last" \
	-p "quiet lkvm.test=$tests lkvm.rounds=${POWER_ROUNDS:-3}" <"$work/keys" >"$out" 2>"$err" &
pid=$!
exec 9>"$work/keys"
while kill -0 $pid 2>/dev/null && ! grep -q 'asleep until an interrupt' "$err"; do
	sleep 0.2
done
sleep 0.5
asleep=0
[ $suspends -eq 0 ] || grep -q 'awake$' "$err" || asleep=1
(echo >&9) 2>/dev/null
wait $pid
status=$?
exec 9>&-
if grep -q "hotplug: ${POWER_ROUNDS:-3} rounds under load, 0 failures, 4 cpus" "$out"; then
	pass "power: CPU hotplug under load in a Debian guest, PSCI $last$how"
else
	fail "power: CPU hotplug under load in a Debian guest, PSCI $last$how" "status $status"
fi
if [ $suspends -eq 1 ]; then
	if [ $status -eq 0 ] && [ $asleep -eq 1 ] && grep -q 'sleep: over, status 0, 4 cpus' "$out"; then
		pass "power: a Debian guest sleeps, and a byte on its console wakes it$how"
	else
		fail "power: a Debian guest sleeps, and a byte on its console wakes it$how" "status $status"
	fi
fi

if [ "$POWER_PSCI" = kernel ] && [ -n "$best" ]; then
	name="psci $last: a Debian guest finds it"
	if [ $status -eq 0 ] && grep -q "psci: PSCIv$last detected in firmware" "$out"; then
		pass "$name"
	else
		fail "$name" "status $status, or it does not say so"
	fi
fi

if [ "$POWER_PSCI" = kernel ]; then
	LIMIT=120 check "power: a Debian guest of PSCI 0.1 reboots by syscon" 120 "test reboot" \
		"$LKVM" run kernel -i initrd.gz -m 512 --psci-version=0.1 -p "quiet lkvm.test=reboot"
fi
