# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
#
# What the tests with Linux guests on virtio devices share, beside lib.sh:
#
#	kernel-VERSION, initrd-VERSION.gz	a Debian kernel and tests/lab/guest-initramfs --disks
#	empty.qcow2				an image of 96 MiB
#	$disks					a folder on a file system that is a disk's, not memory
. ./lib.sh

# Memory serves every request at once; a disk does not, and that is another way through lkvm. Where there is
# no loop device (an Arm machine's user may not) memory has to do.
disks=$work/disks
mkdir "$disks"
# shellcheck disable=SC2317	# a trap calls it
put_away()
{
	umount "$disks" 2>/dev/null
	[ -z "${loop-}" ] || losetup -d "$loop"
	rm -rf "$work"
}
trap put_away EXIT
if [ "$LAB_HOST" != here ]; then
	truncate -s 640M "$work/back"
	loop=$(losetup -f) && losetup "$loop" "$work/back" && mke2fs -F "$loop" >/dev/null 2>&1 &&
		mount -t ext4 "$loop" "$disks" || echo "no file system on a disk here"
fi

# guest SECONDS VERSION "PARAMETERS" ARGUMENT...: a guest with that kernel, as run() has it.
guest()
{
	limit=$1 version=$2 params=$3
	shift 3
	run "$limit" "$LKVM" run "kernel-$version" -i "initrd-$version.gz" -m 512 -p "quiet $params" "$@"
}

# judge NAME TEXT...: the guest that ran powered off, nothing in it FAILED, and it said each TEXT.
judge()
{
	what=$1
	shift
	tr -d '\r' <"$out" >"$work/said"
	if grep -q FAILED "$work/said"; then
		fail "$what" "$(grep -m 1 FAILED "$work/said")"
	elif [ "$status" -ne 0 ]; then
		fail "$what" "status $status"
	else
		for text; do
			grep -qF -- "$text" "$work/said" && continue
			fail "$what" "it never said '$text'"
			return
		done
		pass "$what"
	fi
}
