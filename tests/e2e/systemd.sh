#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016	# what stands in single quotes is for the guest's shell
#
# lkvm@NAME.service under a real systemd: that of a Debian (the disk), process 1 of its own namespaces, with the package
# installed. What docs/embedded.md says of starts, stops and restarts is looked at here.
# shellcheck source=guest-lib.sh
. ./guest-lib.sh

root=$work/debian
mkdir "$root"
if ! mount -t ext4 /dev/vda "$root"; then
	fail "systemd" "there is no Debian to start it on"
	exit
fi

# What it takes from here is given back, whatever happens.
init=
trap '[ -z "$init" ] || kill -KILL "$init" 2>/dev/null; sleep 0.5; umount "$root" && rm -rf "$work"' EXIT
: >"$err"

# --- The package, and the VMs that the host keeps ---

cp -r packages "$root/tmp/"
chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive \
	sh -c 'dpkg -i /tmp/packages/*.deb' >"$out" 2>&1 || { fail "systemd: the package installs" "dpkg: $?"; exit; }

# A guest that takes two seconds to power off when it reads its button.
mkdir "$work/root"
cat >"$work/root/script" <<'END'
say "ready"
dd if=/dev/input/event0 bs=24 count=1 of=/dev/null 2>/dev/null
say "button"
sleep 2
END
(cd "$work/root" && find . -type f | cpio -o -H newc 2>/dev/null | gzip -1) >"$work/more.gz"
mkdir -p "$root/var/lib/lkvm" "$root/etc/lkvm"
cat "initrd-$version.gz" "$work/more.gz" >"$root/var/lib/lkvm/initrd.gz"
cp "kernel-$version" "$root/var/lib/lkvm/Image"
cp guests/wfi.bin guests/min.bin guests/reset.bin "$root/var/lib/lkvm/"
dd if=/dev/zero of="$root/var/lib/lkvm/web.img" bs=1M count=4 2>/dev/null

# As docs/embedded.md has it, but for the guest's root and its memory.
cat >"$root/etc/lkvm/web.conf" <<'END'
OPTIONS=-k /var/lib/lkvm/Image -d /var/lib/lkvm/web.img -c 2 -m 256 -i /var/lib/lkvm/initrd.gz \
        -p "lkvm.test=script quiet" --console file=/var/log/lkvm/web.console,max=10M,keep=4 --reboot
END
echo 'OPTIONS=-m 64 /var/lib/lkvm/wfi.bin' >"$root/etc/lkvm/deaf.conf"
cp "$root/etc/lkvm/deaf.conf" "$root/etc/lkvm/kill.conf"
echo 'OPTIONS=-m 64 /var/lib/lkvm/min.bin' >"$root/etc/lkvm/off.conf"
echo 'OPTIONS=-m 64 /var/lib/lkvm/reset.bin' >"$root/etc/lkvm/reset.conf"
echo 'OPTIONS=-k /nowhere' >"$root/etc/lkvm/bad.conf"
mkdir -p "$root/etc/systemd/system/lkvm@web.service.d"
cat >"$root/etc/systemd/system/lkvm@web.service.d/limit.conf" <<'END'
[Service]
MemoryMax=640M
CPUQuota=150%
CPUWeight=50
IOWeight=50
AllowedCPUs=0-1
END

# Nobody logs in here, and the devices are the lab's.
for i in systemd-logind.service console-getty.service systemd-udevd.service; do
	ln -sf /dev/null "$root/etc/systemd/system/$i"
done

# --- systemd ---

boot()
{
	cat >"$work/boot" <<-END
		cd "$root" || exit
		mount -t proc proc proc
		mount -t sysfs -o ro sysfs sys
		mount -t cgroup2 cgroup2 sys/fs/cgroup
		mount --bind /dev dev
		mount --bind /dev/pts dev/pts
		mount -t tmpfs tmpfs run
		mount --move . /
		exec chroot . /usr/bin/env -i container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --show-status=0
	END
	unshare -m -p -f sh "$work/boot" >"$work/systemd.log" 2>&1 &
	outer=$!
	n=0
	until init=$(tr -d ' ' <"/proc/$outer/task/$outer/children" | tee "$work/init") && [ -n "$init" ] &&
		inside systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded'; do
		n=$((n + 1))
		[ $n -lt 200 ] && kill -0 $outer 2>/dev/null || return 1
		sleep 0.5
	done
}

# inside COMMAND...: in that Debian.
cat >"$work/inside" <<END
#!/bin/sh
exec nsenter -t "\$(cat $work/init)" -m -p -r -w /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C "\$@"
END
chmod +x "$work/inside"
PATH=$PATH:$work

# is NAME WHAT WANTED
is() { if [ "$2" = "$3" ]; then pass "systemd: $1"; else : >"$err"; fail "systemd: $1" "'$2' instead of '$3'"; fi; }
property() { inside systemctl show --value -p "$2" "lkvm@$1"; }

# becomes NAME PROPERTY VALUE [SECONDS]
becomes()
{
	end=$(($(now) + ${4:-40}))
	until [ "$(property "$1" "$2")" = "$3" ]; do
		[ "$(now)" -lt $end ] || return 1
		sleep 0.2
	done
}
# said TEXT [TIMES]: until the guest web has said that.
said()
{
	end=$(($(now) + 60))
	until [ "$(grep -cF -- "$1" "$root/var/log/lkvm/web.console" 2>/dev/null)" -ge "${2:-1}" ]; do
		[ "$(now)" -lt $end ] || return 1
		sleep 0.2
	done
}

chroot "$root" systemctl -q enable lkvm@web >"$out" 2>&1
if ! boot; then
	{ cat "$work/systemd.log"; inside systemctl list-jobs; inside systemctl --failed; } >"$out" 2>&1
	fail "systemd: it runs" "not after 100 seconds: $(inside systemctl is-system-running 2>&1)"
	exit
fi

# --- Started with the host, and by hand ---

is "a VM that is enabled starts with the host" "$(inside systemctl is-active lkvm@web)" active
is "its status is told" "$(property web StatusText)" "VM web is running"
pid=$(property web MainPID)
is "its main process is lkvm" "$(inside cat "/proc/$pid/comm")" lkvm
is "it has no capability" "$(inside grep -E 'Cap(Eff|Bnd)|NoNewPrivs' "/proc/$pid/status" | awk '{ printf "%s ", $2 }')" \
	"0000000000000000 0000000000000000 1 "
is "its limits are in force" "$(inside cat /sys/fs/cgroup/system.slice/system-lkvm.slice/lkvm@web.service/memory.max \
	/sys/fs/cgroup/system.slice/system-lkvm.slice/lkvm@web.service/cpu.max | tr '\n' ' ')" "671088640 150000 100000 "
said "guest: ready"
is "the guest runs, with the options of the file" "$(grep -ohE 'cpus 2|test=script quiet' "$root/var/log/lkvm/web.console" | head -n 1)" "cpus 2"
check "systemd: enable --now returns when the guest runs" 0 "" inside systemctl -q enable --now lkvm@deaf lkvm@kill
[ "$status" -eq 0 ] || inside journalctl -q -u lkvm@deaf -o cat | tail -n 5
is "it is active then" "$(inside systemctl is-active lkvm@deaf)" active
run 20 inside lkvm list
is "lkvm list shows root the VMs" "$(awk 'NR > 1 { printf "%s ", $1 }' "$out")" "deaf kill web "

# A guest that does not listen: this takes a minute, in the background.
(
	begin=$(now)
	inside systemctl stop lkvm@deaf
	echo "$? $(($(now) - begin))" >"$work/deaf"
) &
deaf=$!

# --- Restarts ---

pid=$(property kill MainPID)
[ "${pid:-0}" -le 1 ] || inside sh -c "kill -KILL $pid"
becomes kill NRestarts 1 && becomes kill ActiveState active
is "a VM whose lkvm was killed is started anew" "$(property kill ActiveState)/$(property kill NRestarts)" active/1
check "systemd: and answers at its socket" 0 "" inside lkvm stat kill
check "systemd: lkvm stop --force" 0 "" inside lkvm stop --force kill
becomes kill ActiveState inactive
is "a VM that lkvm stop ended stays so" "$(property kill ActiveState)/$(property kill Result)/$(property kill NRestarts)" \
	inactive/success/1
is "and the others' sockets are still there" "$(inside ls /run/lkvm | grep -c web.sock)" 1

check "systemd: a guest that powers off at once has started" 0 "" inside systemctl start lkvm@off
becomes off ActiveState inactive
sleep 6
is "a guest that powered off stays off" "$(property off ActiveState)/$(property off Result)/$(property off NRestarts)" \
	inactive/success/0

begin=$(now)
inside systemctl start lkvm@reset
becomes reset ActiveState failed 120
is "a guest that resets itself is started five times, and no more" \
	"$(property reset ExecMainStatus)/$(property reset NRestarts)/$(inside journalctl -u lkvm@reset -o cat | grep -c 'Started lkvm@reset')" 120/5/5
took=$(($(now) - begin))
is "with five seconds between" "$([ $took -ge 20 ] && [ $took -le 60 ] && echo yes || echo "$took s")" yes

check "systemd: a start that fails is told" 1 "" inside systemctl start lkvm@bad
is "with lkvm's own message in the journal" "$(inside journalctl -u lkvm@bad -o cat | grep -m 1 -o 'Fatal: .*nowhere')" \
	"Fatal: Unable to open kernel /nowhere"
inside systemctl stop lkvm@bad

# --- Stops ---

begin=$(now)
check "systemd: stop waits for the guest" 0 "" inside systemctl stop lkvm@web
took=$(($(now) - begin))
is "which reads its button and has its time" "$(grep -ohE 'guest: (button|powering off)' "$root/var/log/lkvm/web.console" | tr '\n' ' ')" \
	"guest: button guest: powering off "
is "and powers off within 40 seconds" "$([ $took -ge 2 ] && [ $took -lt 40 ] && echo yes || echo "$took s")" yes
is "it is not started anew" "$(property web ActiveState)/$(property web Result)/$(property web NRestarts)" inactive/success/0
wait $deaf
read -r status took <"$work/deaf"
is "a guest that does not listen is ended after a minute" "$status $([ "$took" -ge 59 ] && [ "$took" -lt 75 ] && echo yes || echo "$took s")" \
	"0 yes"
is "which is no failure" "$(property deaf ActiveState)/$(property deaf Result)/$(property deaf NRestarts)" inactive/success/0

inside systemctl start lkvm@web
said "guest: ready" 2
inside systemctl poweroff 2>"$err"
n=0
while kill -0 $outer 2>/dev/null && [ $n -lt 200 ]; do
	n=$((n + 1))
	sleep 0.5
done
is "the guest has its time when the host is shut down, too" \
	"$(grep -cE 'guest: (button|powering off)' "$root/var/log/lkvm/web.console")/$(kill -0 $outer 2>/dev/null && echo runs)" "4/"
