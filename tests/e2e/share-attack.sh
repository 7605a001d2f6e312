#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A guest that attacks the folder it was given, by messages that no driver sends: see tests/guest/p9.c.
# shellcheck source=lib.sh
. ./lib.sh

mkdir -p "$work/top/share"
printf hello >"$work/top/share/file"
printf secret >"$work/top/secret"
state() { (cd "$work/top" && find . -exec stat -c '%n %F %s %a %h' {} + | sort && cat secret share/file); }

# attacked HOW OPTION...: it says that all went well, and folder and what lies beside it are as they were.
attacked()
{
	how=$1
	shift
	before=$(state)
	check "share-attack: $how: each attack fails, and the folder still serves" 0 "attacks, all ok" \
		"$LKVM" run guests/p9.bin -c 1 -m 32 --9p "$work/top/share,tag" "$@"
	if [ "$before" = "$(state)" ]; then
		pass "share-attack: $how: folder and host are as before"
	else
		fail "share-attack: $how: folder and host are as before" "$(state)"
	fi
}

attacked "messages"
# 65,536 of them take minutes in the lab: SHARE_FIDS, once.
LIMIT=${SHARE_LIMIT:-200}
attacked "after ${SHARE_FIDS:=4096} fids" -p "fids=$SHARE_FIDS"
# shellcheck disable=SC3045	# busybox has it
ulimit -n 300
attacked "with few descriptors" -p fids=1000
