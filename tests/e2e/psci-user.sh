#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# PSCI that lkvm answers itself, on hosts that hand the calls over: every version, whatever the host's own.
# shellcheck source=lib.sh
. ./lib.sh

refuse "psci user: 0.1 is KVM's alone" "take --psci=kernel" --psci=user --psci-version=0.1
refuse "psci user: another word" "'both'" --psci both
case $LAB_HOST in
5.10 | 6.1)
	refuse "psci user: a host before 6.4 says what it takes" "--psci=user takes Linux 6.4" --psci=user
	skip "psci user: power" "Linux $LAB_HOST has no SMCCC filter"
	exit
	;;
esac
for v in 0.2 1.0 1.1 1.2 1.3; do
	check "psci user $v: the embedded guest finds it" 0 "psci: $v, conduit hvc" \
		"$LKVM" run --psci=user --psci-version="$v" -c 4
	if [ "$status" -eq 0 ] && ! grep -q '^cpus: 4 of 4 on' "$out"; then
		fail "psci user $v: the embedded guest's CPUs" "not all came up"
	fi
done
check "psci user auto: the best that lkvm knows" 0 "psci: 1.3, conduit hvc" "$LKVM" run --psci=user
check "psci user: 8 CPUs" 0 "cpus: 8 of 8 on" "$LKVM" run --psci=user -c 8
check "psci user: --firmware system-suspend=off hides it" 0 "it takes two CPUs and SYSTEM_SUSPEND" \
	"$LKVM" run guests/suspend.bin --psci=user --firmware system-suspend=off

# shellcheck disable=SC2034	# read there
POWER_PSCI=user
# shellcheck source=power.sh
. ./power.sh
