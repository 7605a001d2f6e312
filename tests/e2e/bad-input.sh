#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What people mistype, and files that are not what they seem: one clear line, 125, nothing left behind.
# shellcheck source=lib.sh
. ./lib.sh

refuse "bad: a kernel that is missing" "Unable to open kernel nosuch: No such file" -k nosuch
: >empty
refuse "bad: an empty kernel" "empty" empty
refuse "bad: a kernel that is a directory" "is a directory" -k guests
head -c 40 guests/default.bin >short
gzip -c guests/default.bin >whole.gz
head -c "$(($(wc -c <whole.gz) - 100))" whole.gz >short.gz
refuse "bad: a truncated Image.gz" "short.gz" -k short.gz
(head -c 500 whole.gz; printf '\377\377\377\377'; tail -c +505 whole.gz) >damaged.gz
refuse "bad: a damaged Image.gz" "damaged.gz" -k damaged.gz

printf 'BZh91AY&SY junk junk junk junk junk junk junk junk junk junk junk junk' >k.bz2
refuse "bad: a bzip2 kernel" "bzip2" -k k.bz2
printf '\3757zXZ\000 junk junk junk junk junk junk junk junk junk junk junk junk ' >k.xz
refuse "bad: an xz kernel" "xz" -k k.xz
printf '\050\265\057\375 junk junk junk junk junk junk junk junk junk junk junk ' >k.zst
refuse "bad: a zstd kernel" "zstd" -k k.zst
(printf MZ; head -c 508 /dev/zero; printf '\125\252\353\146HdrS'; head -c 4096 /dev/zero) >bz
refuse "bad: an x86 bzImage" "x86" -k bz
refuse "bad: a kernel larger than memory" "--mem" -k kernel -m 16
(head -c 16 guests/default.bin; printf '\000\000\000\000\001\000\000\000'; tail -c +25 guests/default.bin) >huge
refuse "bad: image_size larger than memory" "--mem" -k huge
refuse "bad: an initrd that is missing" "nosuch" -i nosuch
refuse "bad: an initrd that does not fit" "does not fit" guests/min.bin -i kernel -m 16
refuse "bad: an empty initrd" "is empty" -i empty
refuse "bad: a directory as initrd" "is a directory" -i guests

refuse "bad: memory 0" "'0'" -m 0
refuse "bad: memory of 1 byte" "'1B'" -m 1B
refuse "bad: memory of 3 TiB" "'3T'" --mem=3T
refuse "bad: memory 12Q" "'12Q'" -m 12Q
refuse "bad: memory that overflows" "99999999999999999999" -m 99999999999999999999
refuse "bad: no CPU" "'0'" -c 0
refuse "bad: -1 CPUs" "'-1'" -c -1
refuse "bad: 9999 CPUs" "'9999'" --cpus 9999
for v in "" 0.3 2.0 1 1.1x 99999999999.0; do
	refuse "bad: PSCI version '$v'" "'$v' is not a PSCI version" --psci-version="$v"
done

refuse "bad: no /dev/kvm" "nosuch" --dev nosuch
refuse "bad: a device that is not KVM" "/dev/null is not a KVM device" --dev /dev/null
if [ "$(id -u)" = 0 ]; then
	cp "$(command -v "$LKVM")" /tmp/lkvm-user && chmod 755 /tmp/lkvm-user
	chmod 600 /dev/kvm
	adduser -D -H nobody-at-all 2>/dev/null ||
		echo 'nobody-at-all:x:4242:4242::/:/bin/sh' >>/etc/passwd
	check "bad: no permission on /dev/kvm" 125 "no permission to use /dev/kvm" \
		su -s /bin/sh nobody-at-all -c "/tmp/lkvm-user run"
	rm -f /tmp/lkvm-user
fi

printf '\320\015\376\355 this is no device tree at all, is it?' >bad.dtb
refuse "bad: a damaged device tree" "bad.dtb is not a sound device tree" --dtb bad.dtb
"$LKVM" run guests/min.bin --dump-dtb good.dtb >/dev/null 2>&1
head -c "$(($(wc -c <good.dtb) - 64))" good.dtb >cut.dtb
refuse "bad: a truncated device tree" "cut.dtb" --dtb cut.dtb
refuse "bad: a place for the device tree that cannot be" "/nosuch/x" guests/min.bin --dump-dtb /nosuch/x
refuse "bad: an unknown option" "--frobnicate" --frobnicate
refuse "bad: an abbreviated option" "--psci" --psci 0.2
refuse "bad: an option without its value" "--kernel" --kernel
refuse "bad: two kernels" "b.bin" guests/min.bin b.bin
refuse "bad: an unknown irqchip" "gicv4" --irqchip gicv4
refuse "bad: a network that is not there" "mode=user" --network mode=user
refuse "bad: hugetlbfs that is none" "hugetlbfs" guests/min.bin --hugetlbfs /tmp
refuse "bad: affinity to a CPU that is not there" "--vcpu-affinity" guests/min.bin --vcpu-affinity 999
rm -f empty short short.gz whole.gz damaged.gz cut k.bz2 k.xz k.zst bz huge bad.dtb good.dtb cut.dtb

check "help: on stdout, with the words scripts look for" 0 "The most commonly used" "$LKVM" --help
check "help: of run" 0 "--psci-version" "$LKVM" help run
check "version" 0 "lkvm" "$LKVM" version
check "an unknown command" 125 "'foo' is not" "$LKVM" foo
