#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# What the threads of a VM are confined to, as the host's kernel sees it.
. ./lib.sh

truncate -s 1M "$work/disk.img"

# threads FIELD: what /proc says of each of $pid's threads, a line each: its name and the field's value.
threads()
{
	for i in /proc/"$pid"/task/*; do
		echo "$(cat "$i/comm") $(sed -n "s/^$1:[[:space:]]*//p" "$i/status")"
	done
}

# start ARGUMENT...: the counting guest with two CPUs, when it counts.
start()
{
	: >"$out"
	"$@" </dev/null >"$out" 2>"$err" &
	pid=$!
	n=0
	until grep -q '^count: 1 ' "$out" || [ $n -ge 100 ]; do
		n=$((n + 1))
		usleep 100000
	done
}

end()
{
	kill -TERM "$pid"
	status=0
	wait "$pid" || status=$?
}

# is NAME "WHAT IS" "WHAT SHOULD BE"
is() { if [ "$2" = "$3" ]; then pass "sandbox: $1"; else fail "sandbox: $1" "$2"; fi; }

start "$LKVM" run guests/count.bin -c 2 -d "$work/disk.img" --name one
is "every thread has a filter" "$(threads Seccomp | cut -d' ' -f2 | sort -u)" 2
is "vCPUs have one of their own" "$(threads Seccomp_filters | grep -c '^vcpu[01] 2$')" 2
is "no thread gets new privileges" "$(threads NoNewPrivs | cut -d' ' -f2 | sort -u)" 1
"$LKVM" list >"$work/said" 2>&1 && "$LKVM" pause one && "$LKVM" resume one && "$LKVM" stat one >/dev/null
is "control works" "$?" 0
end
is "the VM ends" "$status" 0

start "$LKVM" run guests/count.bin -c 2 --sandbox off
is "--sandbox=off: there is none" "$(threads Seccomp | cut -d' ' -f2 | sort -u)" 0
end

echo 'nobody-at-all:x:4242:4242::/:/bin/sh' >>/etc/passwd
cp "$(command -v "$LKVM")" /tmp/lkvm-user
cp guests/count.bin /tmp/count.bin
chmod 755 /tmp/lkvm-user /tmp/count.bin
chmod 666 /dev/kvm
start su -s /bin/sh nobody-at-all -c "exec /tmp/lkvm-user run /tmp/count.bin -c 2"
is "an ordinary user's VM is confined, too" "$(threads Seccomp | cut -d' ' -f2 | sort -u)" 2
end
chmod 600 /dev/kvm

refuse "sandbox: a word that is neither" "'maybe' is none of on, off" guests/count.bin --sandbox maybe
