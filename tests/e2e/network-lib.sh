# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
#
# For tests of networks, beside lib.sh: the lab's host gets a network that passt can use, and $work/up is a script for tap
# interfaces. What the host listens on is at 10.9.0.254 and fd00:9::fe for guests behind passt.
. ./lib.sh

if [ "$LAB_HOST" = here ]; then
	skip "${0##*/}" "this host's own network is left alone"
	exit
fi
# passt wants a file system that pivot_root() can leave, and users; both are there on every host but the lab's.
if [ -z "${INSIDE-}" ]; then
	trap - EXIT
	mkdir /inside
	mount --rbind / /inside
	cd /inside || exit
	mount --move . /
	echo "nobody:x:65534:65534:nobody:/:/bin/sh" >>/etc/passwd
	INSIDE=1 exec chroot . sh -c 'cd /root && exec sh "$0"' "$0"
fi

# One interface with addresses and a way out.
for i in default all; do
	echo 0 >/proc/sys/net/ipv6/conf/$i/accept_dad
done
ip link add out0 type dummy
ip link set out0 up
ip addr add 10.9.0.1/24 dev out0
ip -6 addr add fd00:9::1/64 dev out0
ip route add default via 10.9.0.254
ip -6 route add default via fd00:9::fe dev out0

cat >"$work/up" <<'END'
#!/lab/busybox sh
# tap5 is in the networks 10.9.5.0/24 and fd00:9:5::/64, and so on.
n=${1#tap}
ip link set "$1" up && ip addr add "10.9.$n.1/24" dev "$1" && ip -6 addr add "fd00:9:$n::1/64" dev "$1"
END
chmod +x "$work/up"
