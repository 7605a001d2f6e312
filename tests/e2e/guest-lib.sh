# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
#
# For tests that talk with a running Linux guest, beside lib.sh: its console reads commands, one a line.
#
#	kernel-VERSION, initrd-VERSION.gz	a Debian kernel, and tests/lab/guest-initramfs with its modules
#
# $version is the first kernel that is there.
. ./lib.sh
export XDG_RUNTIME_DIR="$work"

version=
for i in kernel-*; do
	[ ! -e "$i" ] || version=${version:-${i#kernel-}}
done

# What the guest does, and files that it finds in its root: make_initrd FILE...
make_initrd()
{
	mkdir -p "$work/root"
	cat >"$work/root/script" <<-'END'
		stty -F /dev/console -echo
		echo "@ ready"
		while read -r line; do
			eval "$line"
			echo "@ status $?"
		done
	END
	[ $# -eq 0 ] || cp "$@" "$work/root/"
	(cd "$work/root" && find . -type f | cpio -o -H newc 2>/dev/null | gzip -1) >"$work/more.gz"
	cat "initrd-$version.gz" "$work/more.gz" >"$work/initrd.gz"
}

# start_guest NAME "PARAMETERS" ARGUMENT...: one that is ready for tell(). $pid is lkvm's.
start_guest()
{
	name=$1 params=$2
	shift 2
	mkfifo "$work/in.$name"
	: >"$out"
	"$LKVM" run "kernel-$version" -i "$work/initrd.gz" --name "$name" -p "quiet lkvm.test=script $params" "$@" \
		<"$work/in.$name" >>"$out" 2>"$err" & # >>: tell() cuts it
	pid=$!
	exec 3<>"$work/in.$name" # <>: waits for nobody, so no child that ends interrupts it, and a dead lkvm is no SIGPIPE
	await "@ ready"
}

now() { cut -d. -f1 /proc/uptime; }

# await TEXT [SECONDS]: until the guest has said it, or for so long ($patience seconds).
await()
{
	end=$(($(now) + ${2:-${patience:-40}}))
	until grep -qF -- "$1" "$out"; do
		{ [ "$(now)" -lt $end ] && kill -0 "$pid" 2>/dev/null; } || return 1
		usleep 200000
	done
}

# tell COMMAND...: the guest does it; its output is in $said, its status that of this function.
tell()
{
	: >"$out"
	echo "$*" >&3
	await "@ status" || { said="no answer"; return 1; }
	said=$(tr -d '\r' <"$out" | grep -v '^@ status')
	return "$(tr -d '\r' <"$out" | sed -n 's/^@ status //p' | head -n 1)"
}

# The guest ends; $status is lkvm's.
end_guest()
{
	echo "poweroff -f" >&3
	exec 3>&-
	(sleep 30; kill -KILL "$pid") 2>/dev/null &
	guard=$!
	status=0
	wait "$pid" || status=$?
	kill $guard 2>/dev/null
}
