#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=dash
#
# A guest's network on a host that has one: through passt, without privileges, and through tap interfaces. NET_MIB
# megabytes go each way over TCP (4).
# shellcheck source=network-lib.sh
. ./network-lib.sh

kernel=kernel initrd=initrd-net.gz
mib=${NET_MIB:-4}
LIMIT=${LIMIT:-180}

# A name server, and what guests talk to.
echo "nameserver 127.0.0.1" >/etc/resolv.conf
dd if=/dev/urandom of="$work/data" bs=1M count="$mib" 2>/dev/null
sum=$(md5sum <"$work/data" | cut -d' ' -f1)
# Says a word first: Debian 12's passt resets connections on which only the guest speaks.
printf "#!/lab/busybox sh\necho\nmd5sum | cut -d' ' -f1 >>%s/sums\n" "$work" >"$work/sink"
chmod +x "$work/sink"
./net-peer dns &
(while :; do nc -l -p 5001 -e cat "$work/data"; done) 2>/dev/null &
(while :; do nc -l -p 5002 -e "$work/sink"; done) 2>/dev/null &
(while :; do nc -l -p 5003 -e cat >/dev/null; done) 2>/dev/null &
(while :; do nc -l -p 5004 -e cat /dev/zero; done) 2>/dev/null &

# lkvm as a user without privileges.
chmod 1777 /tmp
chmod 666 /dev/kvm /dev/net/tun
chmod 755 "$work" /root
echo "exec $(command -v "$LKVM")"' "$@"' >"$work/exec"
cat >"$work/as-nobody" <<END
#!/lab/busybox sh
exec su -s /bin/sh -- nobody $work/exec "\$@"
END
printf '#!/lab/busybox sh\nexit 3\n' >"$work/fails"
chmod 755 "$work/as-nobody" "$work/fails"

# start "PARAMETERS" ARGUMENT...: a guest, in the background. Half of its memory is for files, among them one of NET_MIB.
start()
{
	params=$1
	shift
	: >"$out"
	: >"$work/sums"
	# shellcheck disable=SC2086	# several words
	timeout -s KILL "$LIMIT" "$@" run "$kernel" -i "$initrd" -m "$((240 + 4 * mib))" -p "quiet lkvm.mib=$mib $params" $args \
		</dev/null >"$out" 2>"$err" &
	pid=$!
}

# wait_for TEXT: the guest says it; fails if it ends without.
wait_for()
{
	until grep -qF -- "$1" "$out"; do
		kill -0 "$pid" 2>/dev/null || return
		usleep 100000
	done
}

finish()
{
	status=0
	wait "$pid" || status=$?
}

# judge NAME TEXT...: the guest powered off, nothing in it FAILED, it said each TEXT, and every sum that it told of what it
# got or gave is right.
judge()
{
	what=$1
	shift
	tr -d '\r' <"$out" >"$work/said"
	bad=
	for text; do
		grep -qF -- "$text" "$work/said" || bad="it never said '$text'"
	done
	# shellcheck disable=SC2013	# a word a line
	for i in $(sed -n 's/^guest: net-[a-z0-9-]*: from [^ ]* //p' "$work/said"); do
		[ "$i" = "$sum" ] || bad="what came from the host has the sum $i, not $sum"
	done
	# shellcheck disable=SC2013	# a word a line
	for i in $(sed -n 's/^guest: net-[a-z0-9-]*: to [^ ]* //p' "$work/said"); do
		grep -q "$i" "$work/sums" || bad="what went to the host has not the sum $i"
	done
	if grep -q FAILED "$work/said"; then
		fail "$what" "$(grep -m 1 FAILED "$work/said")"
	elif [ "$status" -ne 0 ]; then
		fail "$what" "status $status"
	elif [ -n "$bad" ]; then
		fail "$what" "$bad"
	else
		pass "$what"
	fi
}

# Without privileges, by passt.
user()
{
	args="--network user,hostfwd=tcp:8080-:80,hostfwd=udp:127.0.0.1:5353-:53 --name net"
	start "lkvm.test=net,net-dhcp,net-dns,net-tcp,net-serve,net-serve-udp" "$work/as-nobody"
	if wait_for "net-serve: listening"; then
		usleep 300000
		nc 127.0.0.1 8080 <"$work/data"
	fi
	if wait_for "net-serve-udp: listening"; then
		usleep 300000
		./net-peer udp 5353 datagram
	fi
	finish
	judge "network: passt: DHCP, DNS, IPv4, forwards" "net: eth0 $(sed -n 's/.*eth0 \([0-9a-f:]*\) mtu.*/\1/p' "$out") mtu 32768 queues 1 carrier 1" \
		"net: eth0 has guest-csum mtu mac mergeable control" "net-dhcp: 10.9.0.1/24" "net-dns: a name: ok" "net-serve: got $sum" "net-serve-udp: got datagram"
	mac=$(sed -n 's/.*eth0 \([0-9a-f:]*\) mtu.*/\1/p' "$out")
	name="network: passt ends with the VM"
	if pidof passt >/dev/null; then fail "$name" "it runs"; else pass "$name"; fi

	# The name makes the address. IPv6 without any IPv4; then the link goes down with passt, and the VM lives on. Debian 12's passt
	# sends again what a slow guest has not read yet, and now and then comes to a stand: once is let pass, and said.
	for again in once twice; do
		start "lkvm.test=net,net-v6,net-serve6,net-down" "$LKVM"
		if wait_for "net-serve6: listening"; then
			usleep 300000
			nc ::1 8080 <"$work/data"
		fi
		wait_for "net-down: waiting" && killall passt
		finish
		if [ $status -ne 137 ] || [ $again = twice ]; then break; fi
		echo "network: the guest did not come to its end in $LIMIT seconds: once more"
	done
	judge "network: passt: IPv6 alone, by router advertisements, both ways and a forward" "net-v6: 0 addresses of IPv4" \
		"net-v6: an address: ok" "net-v6: from fd00:9::fe $sum" "net-v6: sending to fd00:9::fe: ok" "net-serve6: got $sum"
	judge "network: without passt the link is down" "net: eth0 $mac mtu" "net-down: no carrier: ok"
}

# All that a tap interface can leave to the other side.
offloads="csum guest-csum mac guest-tso4 guest-tso6 tso4 tso6 mergeable control"

# By tap interfaces.
tap()
{
	args="--network tap,tapif=tap5,script=$work/up,queues=2 --network tap,tapif=tap6,script=$work/up,mac=02:00:00:00:00:66 --virtio-transport pci"
	start "lkvm.test=net,net-static,net-ping,net-tcp-all,net-control,net-updown,net-queues,net-reload" "$LKVM"
	finish
	judge "network: tap: two devices, two queues, commands, resets" "mtu 1500 queues 2 carrier 1" \
		"net: eth0 has $offloads mq" "net: eth1 has $offloads" "net-queues: pair 2 of eth0: ok" \
		"net: eth1 02:00:00:00:00:66 mtu 1500 queues 1" "net-reload: ping 10.9.6.1: ok"
}

# The same with the frames moved by the kernel, and a device of each kind.
vhost()
{
	args="--network tap,tapif=tap5,script=$work/up,vhost=on --network tap,tapif=tap6,script=$work/up,queues=2,vhost=on,transport=pci"
	start "lkvm.test=net,net-static,net-ping,net-tcp-all,net-control,net-updown,net-queues,net-reload" "$LKVM"
	finish
	judge "network: tap with vhost: two devices, two queues, commands, resets" "mtu 1500 queues 2 carrier 1" \
		"net: eth0 has $offloads" "net: eth1 has $offloads mq" "net-queues: pair 2 of eth1: ok" \
		"net-reload: ping 10.9.6.1: ok"
}

# By interfaces that root opened for a lkvm without privileges.
given()
{
	printf '#!/lab/busybox sh\n%s tap5 && %s tap6 && exec %s "$@"\n' "$work/up" "$work/up" "$work/as-nobody" >"$work/set-up"
	chmod +x "$work/set-up"
	args="--network tap,fd=7 --network tap,fd=8:9,transport=pci"
	start "lkvm.test=net,net-static,net-ping,net-tcp-all" ./net-peer hold tap5 7 -- ./net-peer hold tap6 8 9 -- "$work/set-up"
	finish
	judge "network: interfaces opened by somebody else, one with two queues" "net: eth0 " "net: eth1 " \
		"mtu 1500 queues 2 carrier 1" "net-ping: 10.9.6.1: ok" "net-tcp-all: sending to 10.9.6.1: ok"
}

# What cannot be is said in one line.
mistakes()
{
	refuse "network: a bad MAC address" "'02:00' is not a MAC address" --network user,mac=02:00
	refuse "network: a bad forward" "'tcp:http-:80' is not a forward" --network user,hostfwd=tcp:http-:80
	refuse "network: a descriptor that is none" "descriptor 77 is not open" --network tap,fd=77
	refuse "network: a descriptor of something else" "descriptor 0 is not that of a tap interface" --network tap,fd=0
	refuse "network: an interface that is no tap" "'out0' cannot be used" --network tap,tapif=out0
	refuse "network: a script that fails" "/fails tap9' failed: it ended with status 3" \
		--network "tap,tapif=tap9,script=$work/fails"
	passt=$(command -v passt)
	mv "$passt" "$passt.away"
	refuse "network: no passt" "there is no program 'passt'" --network user
	mv "$passt.away" "$passt"
	lkvm=$LKVM
	LKVM=$work/as-nobody
	refuse "network: no permission to make an interface" "'ip tuntap add tap9 mode tap user 65534', as root" \
		--network tap,tapif=tap9
	LKVM=$lkvm
}

for part in ${NET_PARTS:-user tap vhost given mistakes}; do
	$part
	[ -z "${NET_SHOW-}" ] || cat "$out" "$err"
done
