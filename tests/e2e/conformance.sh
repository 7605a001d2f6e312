#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# PSCI and the services beside it, to the letter: what the psci guest gets for every call under every
# version the host has, against the tables in conformance/. With CONFORMANCE_PSCI=user lkvm answers PSCI
# calls itself.
# shellcheck source=lib.sh
. ./lib.sh

: "${CONFORMANCE_PSCI:=kernel}" "${LAB_CPU:=}"
kvm=$(uname -r | sed 's/^\([0-9]*\.[0-9]*\).*/\1/')
cpu=${LAB_CPU%+*}
[ "$cpu" != - ] || cpu=
if [ "$CONFORMANCE_PSCI" = user ]; then
	versions="0.2 1.0 1.1 1.2 1.3" psci_kvm='' how=", --psci=user"
else
	versions=$offered psci_kvm=$kvm how=
fi

case $how$kvm in
,*user[1-5].* | ,*user6.[0-3])
	skip "conformance: --psci=user" "KVM hands PSCI calls to user space from Linux 6.4 on"
	exit
	;;
esac

pin= # NAME=off or NAME=on, for --firmware

# choose KVM TABLE: the answers that the table expects of version $v; KVM is its Linux, or empty.
choose()
{
	off=
	on=
	case $pin in
	*=off) off=${pin%=*} ;;
	*=on) on=${pin%=*} ;;
	esac
	awk -v psci="$v" -v kvm="$1" -v cpu="$cpu" -v cpus="$cpus" -v off="$off" -v on="$on" \
		-f conformance/select.awk "conformance/$2.table"
}

# guest ARGUMENT...: the psci guest under version $v.
guest()
{
	[ -z "$pin" ] || set -- "$@" --firmware "$pin"
	[ -z "$how" ] || set -- "$@" --psci=user
	run 60 "$LKVM" run guests/psci.bin -m 32 --psci-version="$v" "$@"
}

# same NAME: passes if the answers in $work/answers are those in $work/expected, and $status is 0.
same()
{
	if [ "$status" -ne 0 ]; then
		fail "$1" "status $status instead of 0"
	elif cmp -s "$work/expected" "$work/answers"; then
		pass "$1"
	else
		echo "FAIL $1: - is what the tables expect, + what comes"
		diff -U 0 "$work/expected" "$work/answers" | sed -n '/^[-+][^-+]/s/^/  /p' | head -n 40
	fi
}

# read_answers: from $out into $work/answers.
read_answers()
{
	awk -v expected="$work/expected" -f conformance/select.awk "$out" >"$work/answers"
}

# digest NAME: of stdin, as the guest prints it. gzip ends a file with just that.
digest()
{
	cat >"$work/part"
	# shellcheck disable=SC2046	# three words
	echo "digest: $1" $(wc -l <"$work/part") $(gzip -c "$work/part" | tail -c 8 | od -A n -t x4)
}

# expect TABLE: adds what is expected of it to $work/expected, and its digest, as the guest prints it, to
# $work/digests. The work is done once for each version, pin and, if that matters, number of CPUs.
expect()
{
	table=$work/$1.$v.$pin
	! grep -q '{cpus}' "conformance/$1.table" || table=$table.$cpus
	if ! [ -e "$table" ]; then
		case $1 in
		services) choose "$kvm" "$1" ;;
		*) choose "$psci_kvm" "$1" ;;
		esac >"$table"
		digest "$1" <"$table" >"$table.digest"
	fi
	cat "$table" >>"$work/expected"
	cat "$table.digest" >>"$work/digests"
}

# answers CPUS [bad-address]: all calls. Printing the answers takes most of the time, so that only their
# digests are, unless these differ, or the tables leave an answer open.
answers()
{
	cpus=$1
	name="conformance $v: answers, CPUs: $cpus${pin:+, $pin}$how"
	: >"$work/expected"
	: >"$work/digests"
	expect functions
	if [ "$cpus" -eq 1 ]; then
		digest cpus </dev/null >>"$work/digests"
	else
		expect cpus
	fi
	expect services
	[ -z "${2-}" ] || expect "$2"

	if ! grep -q ' = any$' "$work/expected"; then
		guest -c "$cpus" -p "digest ${2-}"
		tr -d '\r' <"$out" | grep '^digest: ' >"$work/answers"
		if [ "$status" -eq 0 ] && cmp -s "$work/digests" "$work/answers"; then
			pass "$name"
			return
		fi
		cp "$work/answers" "$work/differ"
	fi
	guest -c "$cpus" -p "${2-}"
	read_answers
	if [ -s "$work/differ" ] && cmp -s "$work/expected" "$work/answers"; then
		# Not the same each time: that is no better.
		cp "$work/digests" "$work/expected"
		mv "$work/differ" "$work/answers"
	fi
	rm -f "$work/differ"
	same "$name"
}

# The whole VM sleeps until its timer wakes it, or refuses to.
sleep_and_wake()
{
	choose "$psci_kvm" suspend >"$work/expected"
	guest -c 2 -p suspend
	read_answers
	same "conformance $v: SYSTEM_SUSPEND$how"
}

# The calls that end a VM: each that is expected to in a VM of its own, the others in one.
ends()
{
	choose "$psci_kvm" ends | sort >"$work/expected"
	sed -n 's/ = ends with .*//p' "$work/expected" >"$work/words"
	{
		while IFS= read -r word; do
			guest -c 1 -p "$word"
			answer=$(tr -d '\r' <"$out" | sed -n "s/^$word = //p")
			[ -n "$answer" ] || answer="ends with $status$(sed -n 's/^Info: VM [^:]*//p' "$err")"
			echo "$word = $answer"
		done <"$work/words"
		words=$(sed '/ = ends with /d; s/ = .*//' "$work/expected" | tr '\n' ' ')
		if [ -n "$words" ]; then
			guest -c 1 -p "$words"
			tr -d '\r' <"$out" | grep ' = '
		fi
	} | sort >"$work/answers"
	status=0
	same "conformance $v: calls that end the VM$how"
}

# The last CPU goes: the VM goes on, with nothing in it that runs, until lkvm is told to end it.
last_off()
{
	name="conformance $v: CPU_OFF of the last CPU$how"
	set -- -m 32 -c 2 --psci-version="$v" -p last-off
	[ -z "$how" ] || set -- "$@" --psci=user
	: >"$out"
	"$LKVM" run guests/psci.bin "$@" </dev/null >"$out" 2>"$err" &
	pid=$!
	n=0
	until grep -q '^psci: last-off' "$out" || [ $n -eq 100 ]; do
		n=$((n + 1))
		sleep 0.1
	done
	sleep 0.2
	if ! kill -TERM $pid 2>/dev/null; then
		wait $pid
		fail "$name" "the VM ended with status $?"
		return
	fi
	n=0
	while kill -0 $pid 2>/dev/null && [ $n -lt 10 ]; do
		n=$((n + 1))
		sleep 0.1
	done
	[ $n -lt 10 ] || kill -KILL $pid
	wait $pid
	status=$?
	if [ $status -ne 0 ]; then
		fail "$name" "SIGTERM ends it with status $status instead of 0"
	elif grep -q ' = ' "$out"; then
		fail "$name" "it comes back"
	else
		pass "$name"
	fi
}

# Which of the services that --firmware names can be hidden here, and which of those that are off shown.
pins()
{
	case $kvm in
	5.? | 5.1[0-8]) ;;
	*) echo trng=off pvtime=off kvm-features=off ptp=off ;;
	esac
	case $kvm in
	5.* | 6.? | 6.1[0-4]) ;;
	*) echo impl-version=on impl-cpus=on ;;
	esac
}

for v in $versions; do
	answers 1
	answers 2
	answers 4 bad-address
	answers 8
	ends
	sleep_and_wake
	[ "$v" = 0.1 ] || last_off
done

# A pin is the same to every version: the last one stands for all.
[ -n "$how" ] || for pin in $(pins); do
	answers 1
done
