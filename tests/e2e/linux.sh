#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A Debian kernel under every PSCI version the host has, but the best, which power.sh's has: what its own log
# says, and that it powers off. "quiet", as the log takes longer to print than to come about; its init quotes it.
# shellcheck source=lib.sh
. ./lib.sh

for v in $offered; do
	case $v in
	"$best") continue ;;
	# Linux asks PSCI 0.1 nothing: it takes the function ids from the device tree.
	0.1) says="psci: Using PSCI v0.1 Function IDs from DT" ;;
	*) says="psci: PSCIv$v detected in firmware" ;;
	esac
	LIMIT=120 check "psci $v: a Debian guest finds it" 0 "$says" \
		"$LKVM" run kernel -i initrd.gz -m 512 -c 2 --psci-version="$v" -p quiet
	[ "$status" -ne 0 ] || grep -q '^guest: kernel .* cpus 2 ' "$out" ||
		fail "psci $v: both CPUs of the Debian guest" "the second did not come up"
done
