#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Kernel formats, memory, CPUs, device trees: machines of many shapes.
# shellcheck source=lib.sh
. ./lib.sh

gzip -c guests/default.bin >k.gz
check "boot: Image.gz" 0 "result: ok" "$LKVM" run k.gz

# le32 NUMBER: four bytes, least significant first.
le32()
{
	# shellcheck disable=SC2059	# the octal numbers are the format
	printf "\\$(printf %03o $(($1 & 255)))\\$(printf %03o $(($1 >> 8 & 255)))\\$(printf %03o \
		$(($1 >> 16 & 255)))\\$(printf %03o $(($1 >> 24 & 255)))"
}
(printf 'MZ\000\000zimg'; le32 512; le32 "$(wc -c <k.gz)"; printf '\000\000\000\000\000\000\000\000gzip'
 head -c 484 /dev/zero; cat k.gz) >zboot
check "boot: EFI zboot with a gzip payload" 0 "result: ok" "$LKVM" run zboot
check "boot: a flat binary" 0 "" "$LKVM" run guests/min.bin
check "boot: registers at entry" 0 "EL1" "$LKVM" run guests/regs.bin
# What a KVM that does not keep OSLSR_EL1 (before Linux 5.18) shows is what arm/compare_value.c takes for as good.
check "boot: the OS lock is there and open" 0 "oslsr 0x8" "$LKVM" run guests/regs.bin
rm -f k.gz zboot

check "boot: 1 MiB of memory" 0 "" "$LKVM" run guests/min.bin -m 1M -c 1
check "boot: 200 GiB of memory" 0 "memory: 204800 MiB" "$LKVM" run -m 200G
check "boot: 16 MiB given in KiB" 0 "memory: 16 MiB" "$LKVM" run -m 16384K
LIMIT=20 check "boot: hundreds of GiB where the host allows" 0 "memory: 819200 MiB" "$LKVM" run -m 800G

if [ "$LAB_GIC" = 2 ]; then
	refuse "boot: GICv2 takes 8 CPUs, not 9" "at most 8" -c 9
	refuse "boot: no GICv3 here" "has no gicv3 (it has gicv2)" --irqchip gicv3
	check "boot: GICv2 by name" 0 "result: ok" "$LKVM" run --irqchip gicv2
else
	check "boot: 9 CPUs" 0 "cpus: 9 of 9 on" "$LKVM" run -c 9
	LIMIT=200 check "boot: 130 CPUs, with a second redistributor region" 0 "cpus: 130 of 130 on" \
		"$LKVM" run -c 130
	refuse "boot: no GICv2 here" "has no gicv2 (it has gicv3)" --irqchip gicv2
fi

check "boot: --dump-dtb" 0 "result: ok" "$LKVM" run --psci-version=0.2 --dump-dtb a.dtb
size=$(wc -c <a.dtb)
# totalsize, big-endian, is the second word of the header.
total=$((0x$(dd if=a.dtb bs=4 skip=1 count=1 2>/dev/null | od -An -tx1 | tr -d ' \n')))
if [ "$size" -eq "$total" ]; then pass "boot: exactly totalsize bytes"; else
	fail "boot: exactly totalsize bytes" "$size instead of $total"
fi
check "boot: --dtb takes it" 0 "result: ok" "$LKVM" run --psci-version=0.2 --dtb a.dtb
check "boot: --dtb of another PSCI version warns" 0 "Warning: the /psci node of a.dtb" \
	"$LKVM" run guests/min.bin --psci-version=1.0 --dtb a.dtb
rm -f a.dtb

check "boot: kvmtool's usual options" 0 "result: ok" "$LKVM" run -m 64 -c 2 --name vm1 --console serial \
	--network mode=none --nodefaults --irqchip "gicv${LAB_GIC:-3}"
if [ "$("$LKVM" run --pmu 2>/dev/null | grep -c 'result: ok')" -eq 1 ]; then
	pass "boot: --pmu"
else
	check "boot: --pmu says that there is none" 125 "no virtual PMU" "$LKVM" run --pmu
fi
check "boot: --vcpu-affinity" 0 "result: ok" "$LKVM" run --vcpu-affinity 0
mkdir -p "$work/huge"
if echo 40 >/proc/sys/vm/nr_hugepages && mount -t hugetlbfs none "$work/huge" 2>/dev/null; then
	check "boot: --hugetlbfs" 0 "result: ok" "$LKVM" run -m 64 --hugetlbfs "$work/huge"
	refuse "boot: more than hugetlbfs has" "$work/huge" -m 512 --hugetlbfs "$work/huge"
	umount "$work/huge"
	echo 0 >/proc/sys/vm/nr_hugepages
else
	skip "boot: --hugetlbfs" "this host cannot mount one"
fi
