#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Folders shared by virtiofs with a Linux guest: files both ways by mmio and PCI, as root and as an ordinary user; a reboot;
# a virtiofsd that is killed, one that hangs, and none at all; shared memory of each kind.
# shellcheck source=lib.sh
. ./lib.sh

: "${VIRTIOFS_GUEST:=$LAB_HOST}"
kernel=kernel-$VIRTIOFS_GUEST initrd=virtiofs-$VIRTIOFS_GUEST.gz
fsd=/usr/lib/qemu/virtiofsd
if [ ! -e "$kernel" ] || [ ! -x $fsd ]; then
	skip virtiofs "no kernel for the guest, or no virtiofsd, is here"
	exit
fi

# share NAME [FILES]: a folder $NAME with a script for the guest, from stdin, beside a tree.
share()
{
	mkdir -p "$1"
	cat >"$1/job"
	cp share-tree "$1/"
	./share-tree make "$1/tree" "${2:-${VIRTIOFS_FILES:-50}}" >/dev/null
}

# What the guest was told to say, in $work/said.
says()
{
	tr -d '\r' <"$out" >"$work/said"
	if grep -q FAILED "$work/said"; then
		fail "$1" "$(grep -m 1 FAILED "$work/said")"
	elif ! grep -qF -- "$2" "$work/said" || [ "$status" -ne 0 ]; then
		fail "$1" "status $status, or it never said '$2'"
	else
		pass "$1"
	fi
}

# Is none left within two seconds? They end by themselves.
no_virtiofsd()
{
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		pidof virtiofsd >/dev/null || return 0
		usleep 200000
	done
	return 1
}

# waits FILE TEXT: until TEXT is in FILE, or a minute has passed.
waits()
{
	n=0
	until grep -qF -- "$2" "$1" 2>/dev/null; do
		n=$((n + 1))
		[ $n -lt 300 ] || return 1
		usleep 200000
	done
}

there_and_back='cp -a /share/tree /tmp/tree && echo "there: ok"
mkdir -p /share/back && cp -a /tmp/tree /share/back/ && echo "back: ok"'

# On one CPU, so that nothing waits for an emulated one to wake up.
# In namespaces, which need a root that can be left: a file system of its own, and not the host's initramfs.
root=$work/root
mkdir "$root"
mount -t tmpfs root "$root"
for i in /usr /lab /dev /proc /sys "$PWD"; do
	mkdir -p "$root$i"
	mount --bind "$i" "$root$i"
done
ln -s usr/bin usr/sbin usr/lib "$root/"
mkdir "$root/tmp" "$root/etc"
cp "$(command -v "$LKVM")" "$root/lkvm"
share "$root/share" <<END
if [ ! -e /share/rebooted ]; then
	$there_and_back
	sync
	touch /share/rebooted
	reboot -f
fi
rm /share/rebooted && echo "again: ok"
END
run "${LIMIT:-200}" chroot "$root" /lab/busybox taskset 1 /lkvm run "$PWD/$kernel" -i "$PWD/$initrd" -c 1 -m 256 --reboot \
	--fs /share,share -p "quiet lkvm.test=virtiofs"
says "virtiofs: a tree is read" "there: ok"
says "virtiofs: a tree is written" "back: ok"
check "virtiofs: files come back the same" 0 "are the same: ok" ./share-tree same "$root/share/tree" "$root/share/back/tree"
name="virtiofs: after a reboot of the guest as before"
if grep -q "again: ok" "$work/said" && [ ! -e "$root/share/rebooted" ]; then pass "$name"; else fail "$name" "it is not"; fi
for i in "$PWD" /sys /proc /dev /lab /usr ""; do umount "$root$i"; done

# As an ordinary user, by PCI, with memory of a hugetlbfs; at the end virtiofsd hangs, and the driver leaves.
echo user:x:1000:1000::/:/bin/sh >>/etc/passwd
echo user:x:1000: >>/etc/group
for i in /etc/subuid /etc/subgid; do echo user:100000:65536 >>$i; done
mkdir "$work/huge"
chmod 755 "$work"
chmod 666 /dev/kvm
chmod 1777 /tmp
mem=--mem-shared
echo 160 >/proc/sys/vm/nr_hugepages
mount -t hugetlbfs -o uid=1000 none "$work/huge" && mem="--hugetlbfs $work/huge"
share "$work/user" 10 <<END
$there_and_back
echo stop >/share/now
sleep 2
cd /sys/bus/virtio/drivers/virtiofs && for i in virtio*; do echo \$i >unbind; done
echo "unbound: ok"
END
chown -R 1000:1000 "$work/user"
(
	waits "$work/user/now" stop
	for i in $(pidof virtiofsd); do kill -STOP "$i"; done
) &
cp "$LKVM" "$work/lkvm" 2>/dev/null || cp "$(command -v "$LKVM")" "$work/lkvm"
chmod 755 /root "$work/lkvm"
run "${LIMIT:-200}" su -s /bin/sh -c "exec taskset 1 $work/lkvm run $PWD/$kernel -i $PWD/$initrd -c 1 -m 256 $mem \
	--fs $work/user,share,sandbox=chroot,transport=pci -p 'quiet lkvm.test=virtiofs'" user
says "virtiofs: an ordinary user's folder is read, by PCI, ${mem%% *}" "there: ok"
says "virtiofs: an ordinary user's folder is written" "back: ok"
cp "$err" "$work/hung"
check "virtiofs: its files come back the same" 0 "are the same: ok" ./share-tree same "$work/user/tree" "$work/user/back/tree"
check "virtiofs: new files are the user's" 0 1000 stat -c %u "$work/user/back/tree"
name="virtiofs: one that hangs is given up, and the guest goes on"
if grep -q "unbound: ok" "$work/said" && grep -q "fs0: its back end does not answer" "$work/hung" && no_virtiofsd; then
	pass "$name"
else
	cp "$work/hung" "$err"
	fail "$name" "it is not, or not with one line"
fi
umount "$work/huge" 2>/dev/null
echo 0 >/proc/sys/vm/nr_hugepages

# One of two is killed; then lkvm itself.
share "$work/one" 10 <<'END'
[ "$0" = /tmp/job ] || { cp /share/job /tmp/ && exec sh /tmp/job; } # each close of a file of its is a request
mkdir /two
mount -t virtiofs two /two || echo "mount FAILED"
echo ready >/two/ready
until [ -e /two/killed ]; do usleep 100000; done
ls /share >/dev/null 2>&1 &
usleep 500000
echo still here >/two/alive
while :; do sleep 1000; done
END
mkdir "$work/two"
: >"$err"
"$LKVM" run "$kernel" -i "$initrd" -c 1 -m 256 --fs "$work/one,share,sandbox=chroot" --fs "$work/two,two,sandbox=chroot" \
	-p "quiet lkvm.test=virtiofs" </dev/null >"$out" 2>"$err" &
pid=$!
waits "$work/two/ready" ready
for i in $(pidof virtiofsd); do
	grep -q "$work/one" "/proc/$i/cmdline" && kill -KILL "$i"
done
touch "$work/two/killed"
name="virtiofs: one that is killed is the end of its device alone"
if waits "$work/two/alive" "still here" && [ "$(cat "$err")" = "Warning: fs0: its back end hung up" ]; then
	pass "$name"
else
	fail "$name" "no more is heard of the other, or it is not told in one line"
fi
kill -KILL $pid
wait $pid 2>/dev/null
name="virtiofs: none outlives a lkvm that is killed"
if no_virtiofsd; then pass "$name"; else fail "$name" "$(pidof virtiofsd) runs"; fi

check "virtiofs: a machine with shared memory" 0 "result: ok" "$LKVM" run -m 64 --mem-shared
refuse "virtiofs: a folder that is not there" "'$work/missing' cannot be shared: No such file" --fs "$work/missing,tag"
refuse "virtiofs: a file" "'$work/out' cannot be shared: it is not a folder" --fs "$work/out,tag"
refuse "virtiofs: no tag" "it has no tag" --fs "$work"
refuse "virtiofs: a tag twice" "the tag 'tag' is another folder's" --fs "$work,tag" --fs /,tag
mkdir "$work/a,b" "$work/bin"
refuse "virtiofs: a comma in a name" "virtiofsd takes no name with a comma" --fs "$work/a,,b,tag"
printf '#!/lab/busybox sh\nexit 1\n' >"$work/bin/virtiofsd"
chmod 755 "$work/bin/virtiofsd"
path=$PATH
export PATH="$work/bin:$PATH"
refuse "virtiofs: a virtiofsd that ends at once" "it hung up" --fs "$work/one,tag"
PATH=$path
mv $fsd $fsd.away
refuse "virtiofs: no virtiofsd" "there is no virtiofsd on this host" --fs "$work/one,tag"
mv $fsd.away $fsd
