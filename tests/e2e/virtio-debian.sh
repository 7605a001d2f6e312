#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# A Debian that Debian's own tools made (tests/lab/debian-root), on the host's disk /dev/vda, which is its disk too: it boots
# to a login on the console, lets root in, and its poweroff ends lkvm.
# shellcheck source=lib.sh
. ./lib.sh

name="virtio-debian: Debian boots from its disk to a login, and powers off"
if [ ! -b /dev/vda ]; then
	skip "$name" "there is no disk with it"
	exit
fi

# wait_for TEXT SECONDS: until the console has said it.
wait_for()
{
	n=0
	until grep -qF -- "$1" "$out"; do
		n=$((n + 1))
		if [ $n -ge $(($2 * 5)) ] || ! kill -0 $pid 2>/dev/null; then
			return 1
		fi
		usleep 200000
	done
}

mkfifo "$work/keys"
: >"$out"
"$LKVM" run kernel-6.1 -i initrd-6.1.gz -m 768 -c 2 -d /dev/vda,format=raw \
	-p "quiet lkvm.test=root" <"$work/keys" >"$out" 2>"$err" &
pid=$!
exec 9>"$work/keys"

# What is said is not what the terminal echoes.
lives()
{
	why="no login on the console"
	wait_for "login:" "${LIMIT:-400}" || return
	echo root >&9
	why="root is not let in"
	wait_for ":~#" 120 || return
	# shellcheck disable=SC2016	# for the shell there
	echo 'echo "It is $(cat /etc/debian_version) on $(findmnt -no SOURCE /)."' >&9
	why="its root is not the disk"
	wait_for "on /dev/vda." 60 || return
	echo poweroff >&9
	why="it does not end"
	n=0
	while kill -0 $pid 2>/dev/null; do
		usleep 200000
		n=$((n + 1))
		[ $n -lt 600 ] || return
	done
}

why=
lives || kill -KILL $pid 2>/dev/null
status=0
wait $pid || status=$?
exec 9>&-
if [ $status -eq 0 ] && grep -q 'It is 12.* on /dev/vda\.' "$out"; then
	pass "$name"
else
	fail "$name" "$why (status $status)"
fi
