#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The embedded guest under every PSCI version: those the host has, those it lacks, and auto.
# shellcheck source=lib.sh
. ./lib.sh

for v in $offered; do
	check "psci $v: the embedded guest finds it" 0 "psci: $v, conduit hvc" "$LKVM" run --psci-version="$v"
	if [ "$status" -eq 0 ] && ! grep -q '^result: ok' "$out"; then
		fail "psci $v: the embedded guest is content" "no 'result: ok'"
	fi
done
list=$(echo "$offered" | sed 's/ /, /g')
for v in $lacking; do
	refuse "psci $v: refused, and the versions there are" \
		"PSCI $v is not offered by this host's KVM (it offers $list)" --psci-version="$v"
done
[ -z "$best" ] ||
	check "psci auto: the host's best" 0 "psci: $best, conduit hvc" "$LKVM" run --psci-version auto
check "psci: 8 CPUs come up by CPU_ON" 0 "cpus: 8 of 8 on" "$LKVM" run --psci-version=0.2 -c 8
check "psci: 1 CPU" 0 "cpus: 1 of 1 on" "$LKVM" run -c 1
