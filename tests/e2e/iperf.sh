#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=dash
#
# iperf3 of the distribution, as a command in a guest, and on its host: TCP by IPv4 and IPv6 in both directions and UDP,
# through passt and tap, with the kernel and the modules that a distribution gives this host. Each takes IPERF_SECONDS (1);
# what came through is shown. IPERF_PARTS is which of user, tap, vhost ("user tap").
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
if [ "$1" = tap ]; then
	echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad
	ip link set eth0 up && ip addr add 10.9.5.2/24 dev eth0 && ip -6 addr add fd00:9:5::2/64 dev eth0
fi
n=0
until ping -c 1 -W 1 "$2" && ping6 -c 1 -W 1 "$3"; do
	n=$((n + 1))
	[ $n -lt 20 ] || break
done >/dev/null 2>&1
for i in "IPv4, to the host|$2" "IPv4, to the guest|$2 -R" "IPv6, to the host|$3" "IPv6, to the guest|$3 -R" \
	"UDP, to the host|$2 -u -b 4M" "UDP, to the guest|$2 -u -b 4M -R"; do
	iperf3 -t "$4" -c ${i#*|} >/tmp/said 2>&1 || tail -n 3 /tmp/said
	# Of what the other end got; of datagrams also how many it did not.
	echo "${i%|*}: $(sed -n 's/^\[ *[0-9]*\] *0[.0-9]*-[0-9.]* *sec  *\(.*\) receiver$/\1/p' /tmp/said)"
done
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
	elif [ "$(grep -c ': .*bits/sec' "$out")" -ne 6 ]; then
		fail "$name" "some figures are missing"
	elif grep ': *0.00 Bytes' "$out" >/dev/null; then
		fail "$name" "nothing came through"
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
