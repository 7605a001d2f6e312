#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Services of KVM's firmware, hidden and insisted on, as the embedded guest finds them.
# shellcheck source=lib.sh
. ./lib.sh

refuse "firmware: an unknown name" "'frob=on' names nothing" --firmware frob=on
refuse "firmware: a service that is neither on nor off" "a service is on or off" --firmware trng=maybe
refuse "firmware: a name without a value" "say trng=VALUE" --firmware trng
refuse "firmware: a level that is none" "a mitigation is" --firmware workaround-1=much
refuse "firmware: a level that the host does not have" "KVM tells a guest nothing else" \
	--firmware workaround-2=unknown

if [ "$LAB_HOST" = 5.10 ]; then
	refuse "firmware: nothing can be hidden here, and what it takes" "takes Linux 5.19" --firmware trng=off
	exit
fi
check "firmware: trng is there" 0 "service: TRNG 1.0" "$LKVM" run
check "firmware: trng=off hides it" 0 "service: TRNG absent" "$LKVM" run --firmware trng=off
check "firmware: trng=on insists" 0 "service: TRNG 1.0" "$LKVM" run --firmware trng=on
check "firmware: pvtime=off hides it" 0 "service: stolen time absent" "$LKVM" run --firmware pvtime=off
check "firmware: ptp=off hides it" 0 "service: PTP absent" "$LKVM" run --firmware ptp=off
check "firmware: several at once" 0 "service: PTP absent" "$LKVM" run --firmware trng=off --firmware pvtime=off \
	--firmware=ptp=off
if ! grep -q "^service: TRNG absent" "$out" || ! grep -q "^service: stolen time absent" "$out"; then
	fail "firmware: several at once, all of them" "one is still there"
fi
if [ "$LAB_HOST" = 6.1 ]; then
	refuse "firmware: a service this kernel lacks" "takes Linux 6.15" --firmware impl-version=on
else
	check "firmware: impl-version=on" 0 "result: ok" "$LKVM" run --firmware impl-version=on
	refuse "firmware: half a discovery of CPUs" "impl-version=on and impl-cpus=off" \
		--firmware impl-version=on --firmware impl-cpus=off
fi
