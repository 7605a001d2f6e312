#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016	# what stands in single quotes is for the guest's shell
# lkvm run -- COMMAND, with the kernel and the modules that a distribution gives this host: statuses, streams, folders,
# a terminal, and what is told when something is missing. RUN_MIB goes through the streams (8).
# shellcheck source=lib.sh
. ./lib.sh

release=$(uname -r)
if ! [ -e "/boot/vmlinuz-$release" ] || ! [ -e "/lib/modules/$release/modules.dep" ]; then
	if [ "$LAB_HOST" = here ]; then
		skip run-command "this host does not have its own kernel and modules"
	else
		status=0
		: >"$out"
		: >"$err"
		fail run-command "the lab did not bring the host's kernel and modules"
	fi
	exit
fi
# A program that needs no library. Its commands are links, in a folder that is in no usual PATH.
busybox=/lab/busybox
[ -e $busybox ] || busybox=$(command -v busybox)
here=$PWD
LIMIT=${LIMIT:-120}

# guest STATUS OPTION... -- COMMAND...: the lines of its output in $out, stderr in $err; fails the test $name otherwise.
guest()
{
	want=$1
	shift
	run "$LIMIT" "$LKVM" run --env PATH "$@"
	[ "$status" -eq "$want" ] && return
	fail "$name" "status $status instead of $want"
	return 1
}

# holds FILE LINE...: exactly these lines.
holds()
{
	file=$1
	shift
	printf '%s\n' "$@" | cmp -s - "$file"
}

name="a command has arguments, environment, folder, user and streams"
mkdir -p "$work/folder"
cd "$work/folder" || exit
LKVM_TEST="two  blanks"
export LKVM_TEST
if guest 7 --env LKVM_TEST --env "OTHER=a=b" -- sh -c \
	'echo "$# <$1> <$2>"; echo "$LKVM_TEST, $OTHER"; pwd; id -u; echo oops >&2; [ -t 0 ] || echo pipe; read line || echo end
	echo again >/dev/stderr; exit 7' sh "a 'b'" ""; then
	if ! holds "$out" "2 <a 'b'> <>" "two  blanks, a=b" "$work/folder" "$(id -u)" pipe end; then
		fail "$name" "other output"
	elif ! holds "$err" oops again; then
		fail "$name" "other words on stderr"
	else
		pass "$name"
	fi
fi

# In guests that run at the same time.
name="127: no such command; 126: not executable"
echo text >"$work/folder/text"
timeout "$LIMIT" "$LKVM" run -- nothere </dev/null >"$work/one" 2>&1 &
one=$!
run "$LIMIT" "$LKVM" run -- ./text
wait $one
if [ "$?-$status" = 127-126 ] && holds "$work/one" "Fatal: cannot run 'nothere': No such file or directory" &&
	holds "$err" "Fatal: cannot run './text': Permission denied"; then pass "$name"; else fail "$name" "$(cat "$work/one")"; fi

name="137: killed, what it wrote before comes out, and a closed stdin is at its end"
status=0
timeout "$LIMIT" "$LKVM" run --env PATH -- sh -c 'wc -c; kill -9 $$' <&- >"$out" 2>"$err" || status=$?
if [ "$status" -eq 137 ] && holds "$out" 0; then pass "$name"; else fail "$name" "status $status"; fi

# From a file to a pipe whose reader takes its time. The command's own time, without the boot, by the guest's clock.
name="${RUN_MIB:=8} MiB go through as they are"
head -c "$((RUN_MIB * 1048576))" /dev/urandom >"$work/big"
sum=$(timeout "$LIMIT" "$LKVM" run --env PATH -- sh -c 'time cat' <"$work/big" 2>"$err" | { sleep 3; md5sum; })
echo "$RUN_MIB MiB in and out: $(grep real "$err")"
if [ "$sum" = "$(md5sum <"$work/big")" ]; then pass "$name"; else fail "$name" "another sum"; fi

name="a reader that goes away is SIGPIPE"
timeout "$LIMIT" "$LKVM" run --env PATH -- sh -c 'yes; echo "$?" >&2' 2>"$err" | head -n 2 >"$out"
if holds "$out" y y && holds "$err" 141; then pass "$name"; else fail "$name" "other words"; fi

name="writes stay in the guest, but for folders shared to be written to"
mkdir -p "$work/rw" "$work/ro"
cd "$work/rw" || exit
if guest 0 --rw . -- sh -c "echo kept >kept; mkdir sub; echo gone >$work/ro/gone; cat $work/ro/gone; echo gone >/etc/gone"; then
	if ! holds "$out" gone || ! holds kept kept || ! [ -d sub ]; then
		fail "$name" "what was to be kept is not"
	elif [ -e "$work/ro/gone" ] || [ -e /etc/gone ]; then
		fail "$name" "what was to be lost is kept"
	elif [ "$(stat -c %u kept)" != "$(id -u)" ]; then
		fail "$name" "the file is another user's"
	else
		pass "$name"
	fi
fi

name="a compiler works on a shared folder"
if command -v tcc >/dev/null; then
	mkdir "$work/source"
	cp "$here/share-tree.c" "$work/source/"
	cd "$work/source" || exit
	tcc -o expected share-tree.c && ./expected make tree 50 >"$work/tree"
	if guest 0 --rw . -- sh -c 'tcc -o result share-tree.c && ./result make again 50 && ./result same tree again'; then
		if ! cmp -s expected result; then
			fail "$name" "another program than on the host"
		elif ! ./result same tree again >"$work/tree"; then
			fail "$name" "what its program writes differs: $(cat "$work/tree")"
		else
			pass "$name"
		fi
	fi
else
	skip "$name" "there is no tcc here"
fi

# A root of its own with a compiler and all that it takes; the sources are in a folder that is shared beside it.
name="a compiler of another root works in a folder that the command mounts"
if command -v tcc >/dev/null; then
	root=$work/tools
	mkdir -p "$root/dev" "$root/proc" "$root/sys" "$root/run" "$root/tmp" "$root/source" "$root/bin" "$root/usr/bin"
	cp "$busybox" "$root/bin/sh"
	for i in mount umount; do ln -s sh "$root/bin/$i"; done
	libs=/usr/lib/aarch64-linux-gnu
	for i in /usr/bin/tcc /usr/include /lib/ld-linux-aarch64.so.1 "$libs"/tcc "$libs"/crt*.o "$libs"/libc.so* \
		"$libs"/libc_nonshared.a "$libs"/libm.so* "$libs"/libdl.so* "$libs"/libpthread.so*; do
		[ -e "$i" ] || continue
		mkdir -p "$root${i%/*}"
		cp -rL "$i" "$root$i"
	done
	mkdir "$work/beside"
	cp "$here/share-tree.c" "$work/beside/"
	cd "$work/beside" || exit
	if guest 0 --root "$root" --user 0 --9p "$work/beside,source" -- /bin/sh -c 'export PATH=/bin:/usr/bin && cd / &&
		mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000 source /source && cd /source &&
		tcc -o result share-tree.c && ./result make tree 50 && ./result same tree tree && cd / && umount /source'; then
		if ! cmp -s "$work/source/expected" result; then
			fail "$name" "another program than on the host"
		elif ! ./result same tree "$work/source/tree" >"$work/tree"; then
			fail "$name" "what its program writes differs: $(cat "$work/tree")"
		else
			pass "$name"
		fi
	fi
	rm -rf "$root"
else
	skip "$name" "there is no tcc here"
fi

# A root of its own: one program and its folders.
root=$work/root
mkdir -p "$root/bin" "$root/dev" "$root/proc" "$root/sys" "$root/run" "$root/tmp"
cp "$busybox" "$root/bin/sh"
chmod 1777 "$root/tmp"
cd "$work/folder" || exit
name="another root, to be written to, by another user"
if guest 0 --root "$root" --root-rw --user 12:34 -- sh -c 'pwd; id -u; id -g; echo hello >/tmp/file; echo $HOME'; then
	if holds "$out" / 12 34 / && holds "$root/tmp/file" hello; then pass "$name"; else fail "$name" "other output"; fi
fi

name="a guest that dies says its last words"
if guest 125 -- sh -c 'echo c >/proc/sysrq-trigger'; then
	if grep -q '^  | .*Kernel panic' "$err" && grep -q '^Fatal: .*ended before' "$err"; then pass "$name"; else
		fail "$name" "other words"; fi
fi

# ended NAME STATUS SCRIPT COMMAND...: COMMAND ends a VM called job, whose guest runs SCRIPT, with STATUS.
ended()
{
	name=$1 want=$2 script=$3
	shift 3
	: >"$out" # what the last one said
	"$LKVM" run --name job --env PATH -- sh -c "$script" </dev/null >"$out" 2>"$err" &
	pid=$!
	n=0
	while ! [ -s "$out" ] && [ $n -lt 600 ]; do
		usleep 100000
		n=$((n + 1))
	done
	"$@" 2>"$work/said" || kill -KILL $pid
	wait $pid
	status=$?
	if [ $status -eq "$want" ]; then pass "$name"; else fail "$name" "status $status"; fi
}
told() { kill $pid; }
# One that would take its time if it were not asked: lkvm stop waits for a minute.
stopped()
{
	begin=$(cut -d. -f1 /proc/uptime)
	"$LKVM" stop --timeout 60s job || return
	[ $(($(cut -d. -f1 /proc/uptime) - begin)) -lt 30 ]
}
ended "143: lkvm is told to end" 143 'echo here; sleep 1000' told
ended "143: lkvm stop --force" 143 'echo here; sleep 1000' "$LKVM" stop --force job
ended "143: lkvm stop, of a command that dies of SIGTERM" 143 'echo here; sleep 1000; echo not here' stopped
ended "lkvm stop: a command ends as it likes" 9 'trap "echo bye; exit 9" TERM; echo here; sleep 1000 & wait' stopped
if holds "$out" here bye; then pass "and says its last words"; else fail "and says its last words" "others"; fi

name="on a terminal, the command has one of this size, and its keys"
cd "$here" || exit
# The one that is interrupted says itself that it is there: between two commands the key would be the shell's.
printf '%s\n@wait ready2\n\003%s\n' 'tty; stty size; sh -c "echo ready\$((1 + 1)); exec cat"' 'echo "status $?"; exit 3' |
	timeout -s KILL "$LIMIT" ./on-terminal 33 101 "$LKVM" run --env PATH -- sh >"$work/raw" 2>"$err"
status=$?
tr -d '\r' <"$work/raw" >"$out"
if [ $status -ne 3 ]; then fail "$name" "status $status"; elif ! grep -qx '/dev/pts/0' "$out" || ! grep -qx '33 101' "$out" ||
	! grep -qx 'status 130' "$out"; then fail "$name" "other output"; else pass "$name"; fi

# A shell that reads a terminal takes no notice of SIGTERM: its terminal hangs up, too.
name="129: lkvm stop, of a shell on a terminal"
: >"$work/raw"
echo '@wait never' | timeout -s KILL "$LIMIT" ./on-terminal 24 80 "$LKVM" run --name job --env PATH -- sh >"$work/raw" 2>"$err" &
pid=$!
n=0
while ! [ -s "$work/raw" ] && [ $n -lt 600 ]; do
	usleep 100000
	n=$((n + 1))
done
why=
stopped 2>"$work/said" || why="$(cat "$work/said")"
wait $pid
status=$?
if [ $status -eq 129 ] && [ -z "$why" ]; then pass "$name"; else fail "$name" "status $status; $why"; fi

for dir in modules-*; do
	[ -d "$dir" ] || continue
	name="a kernel's modules in $dir"
	guest 5 --modules "$dir" -- sh -c 'exit 5' && pass "$name"
done

refuse "no such kernel" "nothere" -k nothere -- true
mkdir "$work/empty"
refuse "no modules.dep" "$work/empty/modules.dep" --modules "$work/empty" -- true
refuse "no folder of modules" "--modules none" --modules nothere -- true
refuse "a kernel that is none" "does not say which Linux" -k guests/psci.bin -- true
refuse "no such root" "nothere" --root nothere -- true
refuse "a root that is a file" "$work/big" --root "$work/big" -- true
refuse "a folder to write to that is a file" "$work/big" --rw "$work/big" -- true
refuse "no command" "there is none" --
refuse "options without a command" "-- COMMAND" --rw .
refuse "no such variable" "NOT_SET=VALUE" --env NOT_SET -- true
mv "/boot/vmlinuz-$release" "$work/kernel"
refuse "no kernel of the host's" "/boot/vmlinuz-$release" -- true
mv "$work/kernel" "/boot/vmlinuz-$release"
