# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
#
# What the end-to-end tests share. They run inside a lab host, in busybox's sh, in a folder that holds
#
#	guests/*.bin	the bare-metal guests of tests/guest
#	kernel		a Debian arm64 kernel, as packaged
#	initrd.gz	the small initramfs that goes with it
#
# and say what came out, a line a test: "PASS name", "FAIL name: reason" or "SKIP name: reason".
# LAB_HOST and LAB_GIC tell the host's kernel and its interrupt controller.

: "${LKVM:=lkvm}" "${LAB_HOST:=here}" "${LAB_GIC:=}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The kernel's log then says where a program crashed.
{ [ "$LAB_HOST" = here ] || echo 1 >/proc/sys/debug/exception-trace; } 2>/dev/null
out=$work/out
err=$work/err

pass() { echo "PASS $1"; }
skip() { echo "SKIP $1: $2"; }
fail()
{
	echo "FAIL $1: $2"
	sed 's/^/  | /' "$err" | tail -n 5
	tail -n 12 "$out" | tr -d '\r' | sed 's/^/  > /'
	[ "${status:-0}" -ne 139 ] || dmesg | tail -n 25 | sed 's/^/  # /'
}

# run SECONDS COMMAND...: its output in $out and $err, its status in $status (143 or 137: time was up).
run()
{
	limit=$1
	shift
	status=0
	timeout -s KILL "$limit" "$@" </dev/null >"$out" 2>"$err" || status=$?
}

# check NAME STATUS TEXT COMMAND...: the command ends with STATUS, and TEXT (fixed) is in what it says.
check()
{
	name=$1 want=$2 text=$3
	shift 3
	run "${LIMIT:-60}" "$@"
	if [ "$status" -ne "$want" ]; then
		fail "$name" "status $status instead of $want"
	elif [ -n "$text" ] && ! cat "$out" "$err" | tr -d '\r' | grep -qF -- "$text"; then
		fail "$name" "'$text' is not in what it says"
	else
		pass "$name"
	fi
}

# refuse NAME TEXT ARGUMENT...: `lkvm run ARGUMENT...` fails with 125 and one line, which has TEXT in it.
refuse()
{
	name=$1 text=$2
	shift 2
	ls -a >"$work/before"
	run 30 "$LKVM" run "$@"
	ls -a >"$work/after"
	if [ "$status" -ne 125 ]; then
		fail "$name" "status $status instead of 125"
	elif [ "$(wc -l <"$err")" -ne 1 ] || ! grep -q '^Fatal: ' "$err" || [ -s "$out" ]; then
		fail "$name" "not one line that begins with Fatal:"
	elif ! grep -qF -- "$text" "$err"; then
		fail "$name" "the line does not say '$text'"
	elif ! cmp -s "$work/before" "$work/after"; then
		fail "$name" "something is left behind"
	else
		pass "$name"
	fi
}

# The PSCI versions that the lab's hosts have (seen; docs/psci.md), and those lkvm knows beside them.
# shellcheck disable=SC2034	# used by the scripts that source this file
case $LAB_HOST in
5.10) offered="0.1 0.2 1.0" lacking="1.1 1.2 1.3" best=1.0 ;;
6.1) offered="0.1 0.2 1.0 1.1" lacking="1.2 1.3" best=1.1 ;;
7.3) offered="0.1 0.2 1.0 1.1 1.2 1.3" lacking="" best=1.3 ;;
*) # another kernel: what lkvm says it has
	offered=$("$LKVM" host 2>/dev/null | sed -n 's/^PSCI  *//p' | tr -d ,)
	lacking="" best=${offered##* }
	;;
esac
