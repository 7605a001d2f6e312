#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016,SC2046	# what stands in single quotes is for the guest's shell
# vsock: streams between guests and hosts, both ways, by unix sockets and by the host's vhost-vsock; many of them, large
# ones, a client that never reads; and what is refused. VSOCK_MIB: how much is sent each way (4).
# shellcheck source=guest-lib.sh
. ./guest-lib.sh

if [ -z "$version" ]; then
	skip "vsock" "there is no kernel for a guest"
	exit
fi
make_initrd vsock-talk
mib=${VSOCK_MIB:-4} bytes=$((${VSOCK_MIB:-4} * 1048576)) patience=$((60 + 2 * ${VSOCK_MIB:-4}))

# is NAME TEXT GOT
is() { if [ "$2" = "$3" ]; then pass "$what: $1"; else fail "$what: $1" "'$3'"; fi; }

# talk ARGUMENT...: the host's side; $got is what it says.
talk() { got=$(timeout -s KILL "$patience" ./vsock-talk "$@" 2>"$work/speed"); }

# both WHERE-OF-GUEST'S-SERVER WHERE-OF-HOST'S-SERVER: from host to guest, and from guest to host (its port 2000).
both()
{
	tell "/vsock-talk serve 0:1000 1000 >/dev/null & sleep 1"
	talk send "$1" "$bytes"
	is "$mib MiB from the host and back" "$bytes of $bytes bytes back" "$got"
	echo "$what: $(cat "$work/speed")"
	talk many "$1" 100
	is "100 connections from the host" "100 of 100 connections" "$got"
	./vsock-talk serve "$2" 1000 >"$work/served" 2>&1 &
	server=$!
	sleep 1
	tell "/vsock-talk send 2:2000 $bytes"
	is "$mib MiB from the guest and back" "$bytes of $bytes bytes back" "$(echo "$said" | grep bytes)"
	echo "$what: $(echo "$said" | grep MiB/s)"
	tell "/vsock-talk many 2:2000 100"
	is "100 connections from the guest" "100 of 100 connections" "$(echo "$said" | grep connections)"
	tell "/vsock-talk send 2:2001 1"
	is "a port of the host where nobody listens" "vsock-talk: connect: Connection reset by peer" "$said"
}

start_guest sockets "" --vsock 77,unix="$work/v.sock" --reboot
what="vsock: a guest of Linux $version, unix sockets"
both "unix:$work/v.sock:1000" "unix:$work/v.sock_2000"
talk send "unix:$work/v.sock:1001" 1
is "a port of the guest where nobody listens" "vsock-talk: connect: Connection refused" "$(cat "$work/speed")"

# Three who read nothing, garbage, and lines that never end: others are served all the same.
for i in 1 2 3; do
	./vsock-talk hang "unix:$work/v.sock:1000" 60 >"$work/hang$i" 2>&1 &
	hung="${hung-} $!"
done
for i in 1 2 3; do
	while ! grep -q hangs "$work/hang$i"; do usleep 100000; done
done
tell "/vsock-talk hang 2:2000 60 >/tmp/hang & sleep 5; cat /tmp/hang"
most=$(echo "$said" | sed -n 's/hangs after //p')
if [ "${most:-99999999}" -lt 4000000 ]; then pass "$what: a guest that reads nothing is held ($most bytes)"; else
	fail "$what: a guest that reads nothing is held" "$said"; fi
talk send "unix:$work/v.sock:1000" 100000
is "others beside those who read nothing" "100000 of 100000 bytes back" "$got"
i=0
while [ $i -lt 40 ]; do
	(printf 'CONNECT'; sleep 20) | nc "local:$work/v.sock" >/dev/null 2>&1 &
	hung="$hung $!"
	i=$((i + 1))
done
talk send "unix:$work/v.sock:1000" 100000
is "others beside those who say nothing" "100000 of 100000 bytes back" "$got"
# shellcheck disable=SC2086	# numbers
kill $hung 2>/dev/null

# The device is reset under connections.
./vsock-talk hang "unix:$work/v.sock:1000" 60 >"$work/hang" 2>&1 &
hung=$!
while ! grep -q hangs "$work/hang"; do usleep 100000; done
tell 'id=$(basename $(dirname $(grep -l 0x0013 /sys/bus/virtio/devices/*/device))); drv=/sys/bus/virtio/drivers/vmw_vsock_virtio_transport
	echo $id >$drv/unbind; echo $id >$drv/bind; sleep 1; killall vsock-talk; /vsock-talk serve 0:1000 10 >/dev/null & sleep 1'
talk send "unix:$work/v.sock:1000" 100000
is "after a reset of the device" "100000 of 100000 bytes back" "$got"
kill $hung 2>/dev/null

# What is refused while it runs, and what a VM leaves behind that is killed.
refuse "vsock: the socket of a living VM" "v.sock is another VM's: somebody listens there" guests/wfi.bin --vsock 78,unix="$work/v.sock"
kill -KILL "$pid" $server
wait "$pid" 2>/dev/null
exec 3>&-
[ -S "$work/v.sock" ] || fail "vsock: a VM that is killed" "leaves no socket, so that the next test shows nothing"
LIMIT=20 check "vsock: the socket of a dead one" 0 "" timeout -s TERM 3 "$LKVM" run guests/wfi.bin --vsock 78,unix="$work/v.sock"
if [ -e "$work/v.sock" ]; then fail "vsock: the socket goes with its VM" "it is there"; else pass "vsock: the socket goes with its VM"; fi
: >"$work/file"
refuse "vsock: a file in the socket's place" "file is there and is no socket" guests/wfi.bin --vsock 78,unix="$work/file"
refuse "vsock: a folder that is not there" "no/v.sock: No such file or directory" guests/wfi.bin --vsock 78,unix="$work/no/v.sock"
long=$(printf '%097d' 0)
refuse "vsock: a path that is too long" "is too long for a socket: at most 96 characters" guests/wfi.bin --vsock 78,unix="$long"
for i in 0 1 2 4294967295; do
	refuse "vsock: CID $i" "'$i' is no guest's: a guest has a CID from 3 to 4294967294" guests/wfi.bin --vsock $i
done
refuse "vsock: a word that is none" "'vhost' is none of unix=, transport=" guests/wfi.bin --vsock 78,vhost

what="vsock: a guest of Linux $version, vhost-vsock on PCI"
if [ ! -e /dev/vhost-vsock ]; then
	refuse "vsock: no vhost-vsock" "vhost" guests/wfi.bin --vsock 78
	skip "$what" "this host has no vhost_vsock"
	exit
fi
start_guest kernel "" --vsock 79 --virtio-transport pci
both 79:1000 0:2000
refuse "vsock: a CID that is taken" "79" guests/wfi.bin --vsock 79
kill $server
end_guest
is "ends" 0 $status
