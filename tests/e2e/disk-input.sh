#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Disks that are not what they seem, and words that are none: one clear line, 125, nothing left behind.
# shellcheck source=lib.sh
. ./lib.sh

truncate -s 1M disk.img
cp disk.img other.img

refuse "disk: an image that is missing" "disk 'nosuch.img': cannot be opened: No such file" -d nosuch.img
: >empty.img
refuse "disk: an empty image" "disk 'empty.img': is empty" -d empty.img
head -c 1000 /dev/zero >odd.img
refuse "disk: a size that is no multiple of 512" "disk 'odd.img': has 1000 bytes, which is not a multiple of 512" \
	-d odd.img
cp disk.img closed.img
chmod 444 closed.img
refuse "disk: an image marked read-only" "',ro'" -d closed.img
refuse "disk: a directory" "disk 'guests': is a directory" -d guests
refuse "disk: a directory, read-only" "disk 'guests': is a directory" -d guests,ro
refuse "disk: no file and no block device" "is neither a regular file nor a block device" -d /dev/null
mkfifo pipe.img
refuse "disk: a pipe" "is neither a regular file nor a block device" -d pipe.img
if [ "$(id -u)" = 0 ] && mkdir mnt && mount -t tmpfs none mnt 2>/dev/null; then
	cp disk.img mnt/ && mount -o remount,ro mnt
	refuse "disk: on a file system that is read-only" "',ro'" -d mnt/disk.img
	umount mnt
	chmod 000 closed.img
	adduser -D -H nobody-at-all 2>/dev/null ||
		echo 'nobody-at-all:x:4242:4242::/:/bin/sh' >>/etc/passwd
	cp "$(command -v "$LKVM")" /tmp/lkvm-user && chmod 755 /tmp/lkvm-user
	cp closed.img /tmp/closed.img && chmod 000 /tmp/closed.img
	check "disk: an image that is not readable" 125 "disk '/tmp/closed.img': cannot be opened: Permission denied" \
		su -s /bin/sh nobody-at-all -c "/tmp/lkvm-user run -d /tmp/closed.img"
	chmod 444 /tmp/closed.img
	check "disk: an image that is not writable" 125 "cannot be opened for writing: Permission denied (add ',ro'" \
		su -s /bin/sh nobody-at-all -c "/tmp/lkvm-user run -d /tmp/closed.img"
	rm -f /tmp/lkvm-user /tmp/closed.img
else
	skip "disk: on a file system that is read-only" "this takes root"
fi

(printf 'QFI\373'; head -c 4092 /dev/zero) >guessed.img
refuse "disk: qcow2 that nobody said" "looks like a qcow2 image: say format=qcow2, or format=raw" -d guessed.img
refuse "disk: raw that was said to be qcow2" "disk 'disk.img'" -d disk.img,format=qcow2
(printf 'KDMV'; head -c 4092 /dev/zero) >vm.img
refuse "disk: a VMDK image" "looks like a VMDK image, which lkvm does not read" -d vm.img
refuse "disk: a backing file of a raw image" "has no backing file" -d disk.img,backing=other.img

refuse "disk: the same image twice" "disk 'disk.img': is in use already" -d disk.img -d disk.img
refuse "disk: the same image twice, once read-only" "disk 'disk.img': is in use already" -d disk.img,ro -d disk.img
"$LKVM" run -d disk.img guests/hang.bin >/dev/null 2>&1 &
pid=$!
sleep 1
refuse "disk: an image that another VM has" "disk 'disk.img': is in use by process $pid (lkvm" -d disk.img
kill $pid
wait $pid 2>/dev/null
check "disk: an image that no VM has any more" 0 "" "$LKVM" run -d disk.img guests/min.bin

refuse "disk: no name" "the name of the file is empty" -d ""
refuse "disk: no name but words" "the name of the file is empty" -d ,ro
for word in foo read-only "ro " RO; do
	refuse "disk: nonsense after a comma: $word" "'$word' is none of ro, direct, serial=" -d "disk.img,$word"
done
refuse "disk: nothing after a comma" "nothing follows a comma" -d disk.img,
refuse "disk: nothing after the last comma" "nothing follows a comma" -d disk.img,ro,
refuse "disk: a value where none is taken" "'ro' takes no value" -d disk.img,ro=yes
refuse "disk: a value that is missing" "'serial' needs a value" -d disk.img,serial
refuse "disk: an empty serial number" "is no serial number" -d disk.img,serial=
refuse "disk: a serial number that is too long" "1 to 20 characters" -d disk.img,serial=123456789012345678901
refuse "disk: an unknown format" "'vmdk' is none of raw, qcow2" -d disk.img,format=vmdk
refuse "disk: an unknown cache mode" "'none' is none of writeback, writethrough, unsafe" -d disk.img,cache=none
for nr in 0 17 -1 x 99999999999; do
	refuse "disk: $nr queues" "'$nr'" -d disk.img,queues=$nr
done
refuse "disk: an unknown transport" "'usb' is none of mmio, pci" -d disk.img,transport=usb
refuse "disk: an unknown aio" "'native' is none of auto, io_uring, threads" -d disk.img,aio=native
refuse "disk: a comma in the name, not doubled" "'b.img' is none of" -d a,b.img
cp disk.img a,b.img
check "disk: a comma in the name, doubled" 0 "" "$LKVM" run -d a,,b.img guests/min.bin
set --
for i in $(seq 33); do
	set -- "$@" -d "disk$i.img"
done
refuse "disk: one too many" "'disk33.img' is one too many: a VM has up to 32 disks" "$@"
