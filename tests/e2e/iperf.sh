#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=dash
#
# iperf3 of the distribution, as a command in a guest, and on its host: TCP by IPv4 and IPv6 in both directions and UDP,
# through passt and tap, with the kernel and the modules that a distribution gives this host. Each takes IPERF_SECONDS (1);
# what came through is shown. IPERF_PARTS is which of user, tap, vhost ("user tap").
#
# How fast it is says little here: each of the processors has several at work, and the test's own host has neighbours. So
# frames are counted, which tells whether segments stay whole, and IPv6 is held against IPv4 of the same minute.
# shellcheck source=network-lib.sh
. ./network-lib.sh

release=$(uname -r)
if ! command -v iperf3 >/dev/null || ! [ -e "/boot/vmlinuz-$release" ]; then
	skip iperf "no iperf3, or no kernel for the guest, is here"
	exit
fi
iperf3 -s >"$work/server" 2>&1 &
server=$!
trap 'kill $server; rm -rf "$work"' EXIT

# What the guest runs: addresses of its own if it has none by DHCP, and one iperf3 after another.
cat >"$work/measure" <<'GUEST'
how=$1 v4=$2 v6=$3 seconds=$4
if [ "$how" = tap ]; then
	echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad
	ip link set eth0 up && ip addr add 10.9.5.2/24 dev eth0 && ip -6 addr add fd00:9:5::2/64 dev eth0
fi
n=0
until ping -c 1 -W 1 "$v4" && ping6 -c 1 -W 1 "$v6"; do
	n=$((n + 1))
	[ $n -lt 20 ] || break
done >/dev/null 2>&1

# take WHAT ARGUMENT...: what the other end got, of datagrams also how many it did not. $mbits is its speed.
take()
{
	what=$1
	shift
	iperf3 -f m -t "$seconds" -c "$@" >/tmp/said 2>&1 || tail -n 3 /tmp/said
	got=$(sed -n 's/^\[ *[0-9]*\] *0[.0-9]*-[0-9.]* *sec  *\(.*\) receiver$/\1/p' /tmp/said)
	mbits=$(echo "$got" | sed -n 's,.* \([0-9]*\)[.0-9]* Mbits/sec.*,\1,p')
	echo "$what: $got"
}

counter() { cat "/sys/class/net/eth0/statistics/$1"; }

# sent WHAT ARGUMENT...: the same, and how long a frame was, in $size.
sent()
{
	packets=$(counter "${way}_packets") bytes=$(counter "${way}_bytes")
	take "$@"
	packets=$(($(counter "${way}_packets") - packets)) bytes=$(($(counter "${way}_bytes") - bytes))
	size=$((bytes / (packets + !packets)))
	echo "frames of $size bytes"
	[ $size -ge 2000 ] || bad="$what: segments are cut: frames of $size bytes"
}

# tcp DIRECTION WHERE OPTION...: by IPv4 and IPv6. Once more if that went badly.
tcp()
{
	way=$1 where=$2
	shift 2
	for i in 1 2 3 4; do
		bad=
		sent "IPv4, to the $where" "$v4" "$@"
		mbits4=${mbits:-0}
		sent "IPv6, to the $where" "$v6" "$@"
		[ $((4 * ${mbits:-0})) -ge "$mbits4" ] || bad="IPv6, to the $where: ${mbits:-0} Mbit/s, and IPv4 has $mbits4"
		[ -n "$bad" ] || return
	done
	echo "bad: $bad"
}
tcp tx host
tcp rx guest -R
take "UDP, to the host" "$v4" -u -b 4M
take "UDP, to the guest" "$v4" -u -b 4M -R
GUEST

# measure HOW ADDRESS ADDRESS6 OPTION...
measure()
{
	how=$1 v4=$2 v6=$3
	shift 3
	name="iperf: $(echo "$*" | sed "s,script=[^,]*,...,")"
	run "${LIMIT:-120}" "$LKVM" run --env PATH "$@" -- sh "$work/measure" "$how" "$v4" "$v6" "${IPERF_SECONDS:-1}"
	sed 's/  */ /g' "$out"
	if [ "$status" -ne 0 ]; then
		fail "$name" "status $status"
	elif [ "$(sed -n 's,^\(.*\): .*bits/sec.*,\1,p' "$out" | sort -u | wc -l)" -ne 6 ]; then
		fail "$name" "some figures are missing"
	elif grep ': *0.00 .*Bytes' "$out" >/dev/null; then
		fail "$name" "nothing came through"
	elif grep '^bad: ' "$out" >/dev/null; then
		fail "$name" "$(sed -n 's/^bad: //p' "$out" | head -n 1)"
	else
		pass "$name"
	fi
}

for part in ${IPERF_PARTS:-user tap}; do
	case $part in
	user) measure user 10.9.0.254 fd00:9::fe --network user ;;
	tap) measure tap 10.9.5.1 fd00:9:5::1 --network "tap,tapif=tap5,script=$work/up" ;;
	vhost) measure tap 10.9.5.1 fd00:9:5::1 --network "tap,tapif=tap5,script=$work/up,vhost=on" ;;
	esac
done
