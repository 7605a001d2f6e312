#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# One host's share of tests/e2e/moves: VMs are saved for the hosts that follow, then what the hosts so far saved is checked
# and restored. In moves/: profile-HOST of each host so far; of each VM, NAME.snap.gz and NAME.last, what it last said;
# seen-HOST/NAME once it was there. What this host adds is in out/.
. ./lib.sh
export XDG_RUNTIME_DIR="$work"

# await TEXT: waits until the guest has said it.
await()
{
	n=0
	until grep -q "$1" "$out"; do
		{ [ $n -lt 150 ] && kill -0 "$pid" 2>/dev/null; } || return 1
		n=$((n + 1))
		usleep 200000
	done
}

# Its number, PSCI version and other CPU at the end, as "count: 5 at 482 ms, psci 1.1, other counts" tells.
last() { tr -d '\r' <"$out" | sed -n 's/^count: \([0-9]*\) at [0-9]* ms, psci \([0-9.]*\), other \(.*\)$/\1 \2 \3/p' | tail -n 1; }

# goes_on SNAPSHOT "NUMBER PSCI OTHER": it is restored, counts on, and finds the same PSCI version.
goes_on()
{
	: >"$out"
	# shellcheck disable=SC2086	# options
	"$LKVM" restore "$1" --name moved $allow </dev/null >"$out" 2>"$err" &
	pid=$!
	# shellcheck disable=SC2086	# its words
	set -- $2
	await "^count: $(($1 + 2)) " # the first may be behind what was saved, a torn line
	n=0
	until [ "$(grep -c ", psci $2, other $3" "$out")" -ge 3 ] || [ $n -ge 100 ]; do
		n=$((n + 1))
		usleep 200000
	done
	[ $n -lt 100 ] && ! grep ', psci' "$out" | grep -v ", psci $2," | grep -q 'other'
	said=$?
	"$LKVM" stop moved --force >/dev/null 2>&1
	status=0
	wait $pid || status=$?
	return $said
}

mkdir -p out
version=$LAB_HOST

# go NAME: what check says of it here and what restore makes of it, both with $allow.
go()
{
	verdict=0 goes=no
	# shellcheck disable=SC2086	# options
	"$LKVM" check "$work/moved.snap" $allow >"$work/verdict" 2>&1 || verdict=$?
	! goes_on "$work/moved.snap" "$(cat "$1.last")" || goes=yes
	echo # the guest's last line has no end
	case $verdict/$goes/$status in
	0/yes/0 | 1/yes/0 | 2/no/125) pass "moves: $(basename "$1") to $version${allow:+,$allow}: what check says is what happens" ;;
	*) fail "moves: $(basename "$1") to $version${allow:+,$allow}: what check says is what happens" \
		"check $verdict, goes on: $goes, status $status" ;;
	esac
}

# move NAME: what becomes of it here, beside what was said before; and once more if what is unsafe is allowed.
move()
{
	gzip -dc "$1.snap.gz" >"$work/moved.snap"
	allow=
	go "$1"
	echo "MOVE $(basename "$1") $version $verdict $goes"
	sed 's/^/  = /' "$work/verdict"
	! grep -q '^  impossible' "$work/verdict" || return
	allow=$(sed -n 's/^  *or let it pass:/ /p' "$work/verdict" | tr -d '\n')
	[ -z "$allow" ] || go "$1"
}

# save NAME OPTION...: a VM that counts, for those that follow.
save()
{
	name=$version-$1
	shift
	: >"$out"
	"$LKVM" run guests/count.bin -c 2 -m 32 --name count "$@" </dev/null >"$out" 2>"$err" &
	pid=$!
	if await "^count: 5 " && "$LKVM" snapshot count "$work/saved.snap" --stop >"$work/said" 2>&1; then
		wait $pid
		last >"out/$name.last"
		gzip -1c "$work/saved.snap" >"out/$name.snap.gz"
		return
	fi
	kill $pid 2>/dev/null
	wait $pid
	if [ $? -eq 125 ] && grep -q -e --compat "$err"; then
		echo "MOVE $name none - -"
	else
		fail "moves: $name is saved" "$(cat "$work/said" "$err")"
	fi
}

if [ ! -e "moves/profile-$version" ]; then
	"$LKVM" host -o "out/profile-$version"
	save default
	save psci-0.2 --psci-version 0.2
	for profile in moves/profile-*; do
		[ ! -e "$profile" ] || save "for-${profile#moves/profile-}" --compat "$profile"
	done
fi
mkdir -p "out/seen-$version"
for snap in moves/*.snap.gz out/*.snap.gz; do
	name=$(basename "$snap" .snap.gz)
	[ ! -e "$snap" ] || [ -e "moves/seen-$version/$name" ] || move "${snap%.snap.gz}"
	: >"out/seen-$version/$name"
done
tar cf out.tar -C out .
