#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# lkvm host on a real KVM: what it shows, what it writes, and that the two agree.
# shellcheck source=lib.sh
. ./lib.sh

# shows NAME LINE: the table, in $work/table, has a line that begins so.
shows()
{
	if grep -q "^$2" "$work/table"; then
		pass "host: $1"
	else
		cp "$work/table" "$out"
		fail "host: $1" "no line '$2'"
	fi
}

run 60 "$LKVM" host
if [ "$status" -ne 0 ]; then
	fail "host: this host is shown" "status $status"
	exit
fi
cp "$out" "$work/table"
if [ -s "$err" ]; then
	fail "host: this host is shown" "it says something on stderr"
elif awk 'length > 100 { exit 1 }' "$work/table"; then
	pass "host: this host is shown, in 100 columns"
else
	fail "host: this host is shown, in 100 columns" "a line is longer"
fi

shows "the kernel is a label" "Kernel            Linux $(uname -r)\$"
[ -z "$best" ] || shows "PSCI versions, each tried" "PSCI              $(echo "$offered" | sed 's/ /, /g')\$"
case $LAB_GIC in
2) shows "the interrupt controller" "GIC               gicv2 (revision [0-9]), no ITS" ;;
3) shows "the interrupt controller" "GIC               gicv3 (revision [0-9]), ITS" ;;
esac
case $LAB_CPU in
max) shows "features of the CPU" "vCPU features     .*pmu.*ptrauth-address ptrauth-generic" ;;
cortex-a57) shows "features of the CPU" "vCPU features     el1-32bit psci-0.2 pmu\$" ;;
esac
case $LAB_HOST in
5.10)
	shows "no service can be hidden" "  trng  *needs Linux 5.19 "
	shows "system suspend is missing, and since when" "  ARM_SYSTEM_SUSPEND  *5.19 "
	shows "ID registers found out by writing" "ID registers .* (as tried)"
	;;
6.1)
	shows "services are on" "  ptp  *on "
	shows "what comes later" "  impl-cpus  *needs Linux 6.15 "
	shows "the SMCCC filter is missing, and since when" "  SMCCC filter  *6.4 "
	shows "ID registers found out by writing" "ID registers .* (as tried)"
	;;
7.3)
	shows "a service that has to be asked for" "  impl-version  *off, can be on "
	shows "the SMCCC filter is there" "  SMCCC filter  *PSCI and other"
	shows "ID registers told by KVM" "ID registers .* fields that may be lowered\$"
	shows "fields of ID registers" "ID_AA64ISAR0_EL1 .*AES SHA1"
	;;
esac

check "host: a profile is written" 0 "" "$LKVM" host -o own.dtb
run 60 "$LKVM" host --profile own.dtb
if cmp -s "$out" "$work/table"; then
	pass "host: read back, it says the same"
else
	fail "host: read back, it says the same" "it does not"
fi
check "host: two probes compare as one host" 0 "verdict     yes" "$LKVM" host --compare own.dtb
check "host: JSON" 0 '"firmware-registers": {' "$LKVM" host --json
"$LKVM" host --profile own.dtb --json >"$work/json"
if [ "$(grep -c '^  *"PC": "0x' "$work/json")" -eq 2 ] && [ "$(tail -n 1 "$work/json")" = "}" ]; then
	pass "host: JSON has both vCPUs"
else
	cp "$work/json" "$out"
	fail "host: JSON has both vCPUs" "it has not"
fi

# damaged NAME FILE TEXT: refused by name.
damaged()
{
	run 30 "$LKVM" host --profile "$2"
	if [ "$status" -eq 125 ] && [ "$(wc -l <"$err")" -eq 1 ] && grep -qF "$2" "$err" && grep -qF "$3" "$err"; then
		pass "host: $1"
	else
		fail "host: $1" "status $status, or not one line with $2 and '$3'"
	fi
}
size=$(wc -c <own.dtb)
head -c $((size / 2)) own.dtb >half.dtb
damaged "half a profile is refused by name" half.dtb "is damaged"
echo hello >text.dtb
damaged "a text is no profile" text.dtb "is not a host profile"
damaged "a profile that is not there" nothing.dtb "Unable to open host profile"
"$LKVM" run --dump-dtb guest.dtb >/dev/null 2>&1 </dev/null
damaged "a guest's device tree is no profile" guest.dtb "not a host profile"
check "host: no such device" 125 "cannot open /dev/nothing" "$LKVM" host --dev /dev/nothing
rm -f own.dtb half.dtb text.dtb guest.dtb
