#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Verdicts: each word and status of docs/verdicts.md provoked, by bare-metal guests and by a Debian kernel, and what the
# report says of it.
# shellcheck source=lib.sh
. ./lib.sh

report=$work/report

# A number of the report, as an integer.
number() { sed -n "s/^ *\"$1\": \([0-9]*\).*/\1/p" "$report" | head -n 1; }

# verdict NAME STATUS WORD TEXT ARGUMENT...: lkvm run ARGUMENT... ends with STATUS, its report has WORD, and TEXT is in
# what it says.
verdict()
{
	name=$1 want=$2 word=$3 text=$4
	shift 4
	rm -f "$report"
	run 120 "$LKVM" run --report "$report" "$@"
	if [ "$status" -ne "$want" ]; then
		fail "$name" "status $status instead of $want"
	elif ! grep -qF "\"verdict\": \"$word\"," "$report" || [ "$(number status)" != "$want" ]; then
		fail "$name" "its report says '$(grep -E '"(verdict|status)"' "$report" | tr -d '\n')'"
	elif [ -n "$text" ] && ! cat "$out" "$err" | tr -d '\r' | grep -qF -- "$text"; then
		fail "$name" "'$text' is not in what it says"
	else
		pass "$name"
	fi
}

# has NAME REGEX FILE: a line of FILE is so.
has()
{
	if grep -q -- "$2" "$3"; then pass "$1"; else fail "$1" "'$2' is not in it"; fi
}

# within NAME FROM TO MS: no more than MS pass between two times of the report.
within()
{
	from=$(number "$2") to=$(number "$3")
	if [ -n "$from" ] && [ -n "$to" ] && [ $((to - from)) -le "$4" ]; then
		pass "$1"
		echo "  $((to - from)) ms"
	else
		fail "$1" "from '$from' to '$to' ms"
	fi
}

verdict "verdict: all was seen: 0, and the guest is stopped" 0 expected "all that was expected was seen" \
	guests/hang.bin --expect '^hang: ' --timeout 20s
verdict "verdict: powered off before all was seen: 123" 123 ended \
	"the guest powered off; 1 of 2 seen, waiting for 'never'" \
	guests/regs.bin --expect 'x0' --expect never
has "verdict: and the console's last lines are shown" '^  | ' "$err"
verdict "verdict: reset before all was seen: 123" 123 ended "the guest reset the machine; 0 of 1 seen" \
	guests/reset.bin --expect never
verdict "verdict: reset: 120" 120 reset "reset: now" guests/reset.bin --reject never
verdict "verdict: off: 0" 0 off "" guests/min.bin -c 1
verdict "verdict: rejected: 123" 123 rejected "the guest said what --reject 'n.w' forbids: reset: now" \
	guests/reset.bin --reject 'n.w'
verdict "verdict: time is up: 124" 124 timeout "the time is up: it ran for 0.700 s; 0 of 1 seen" \
	guests/hang.bin --timeout 700ms --expect never
within "verdict: and was measured" first-instruction-ms end-ms 1500
verdict "verdict: failed: 125" 125 failed "no-such-file" guests/no-such-file
verdict "verdict: expectations over lives" 0 expected "" guests/psci.bin --reboot -p reset \
	--expect '^psci: reset' --expect '^psci: reset' --expect '^psci: reset'
has "verdict: and there were three" '^  "lives": 3,$' "$report"

verdict "verdict: a panic by its line: 122" 122 panicked "Fatal: the guest's kernel panicked: as asked for" \
	guests/panic.bin -p line --timeout 30s
within "verdict: and within a second" first-console-byte-ms end-ms 1000
verdict "verdict: a panic whose line comes slowly: 122" 122 panicked "the guest's kernel panicked: as asked for" \
	guests/panic.bin -p slow --panic=stop
verdict "verdict: a panic by pvpanic: 122" 122 panicked "it said so by pvpanic alone" guests/panic.bin --panic=stop
within "verdict: and within a second, too" first-console-byte-ms end-ms 1000
verdict "verdict: a panic that is reported: a warning" 0 off "the guest's kernel panicked" guests/panic.bin -p saved
has "verdict: and its report has it" '"panic": "it said so by pvpanic alone"' "$report"
verdict "verdict: a shutdown by pvpanic: 0" 0 off "is told 4" guests/panic.bin -p off

# A signal is no success as long as something is waited for.
"$LKVM" run guests/hang.bin --expect never --report "$report" >"$out" 2>"$err" </dev/null &
pid=$!
n=0
until grep -q spinning "$out" || [ $n -ge 100 ]; do n=$((n + 1)); sleep 0.1; done
kill -TERM $pid
wait $pid
status=$?
if [ $status -eq 123 ] && grep -q '"verdict": "stopped"' "$report"; then
	pass "verdict: stopped before all was seen: 123"
else
	fail "verdict: stopped before all was seen: 123" "status $status"
fi

# Other programs' files.
run 30 "$LKVM" run guests/reset.bin --reject now --junit "$work/junit" --tap "$work/tap"
if grep -q '<testsuite .*tests="1" failures="1"' "$work/junit" && grep -q 'type="rejected"' "$work/junit"; then
	pass "verdict: JUnit"
else
	fail "verdict: JUnit" "$(head -c 300 "$work/junit")"
fi
if grep -q '^not ok 1 - reset.bin$' "$work/tap" && grep -q '^  status: 123$' "$work/tap"; then
	pass "verdict: TAP"
else
	fail "verdict: TAP" "$(head -c 300 "$work/tap")"
fi
refuse "verdict: what is no regular expression" "--expect: '(' is no regular expression" guests/min.bin --expect '('
refuse "verdict: what is no time" "--timeout: '1x' is not a time" guests/min.bin --timeout 1x

# A Debian kernel: up to its init's words, and one that panics.
verdict "verdict: a Debian guest says all in order" 0 expected "" kernel -i initrd.gz -m 512 -p "quiet lkvm.test=idle" \
	--expect '^guest: kernel [0-9.]+' --expect '^guest: test idle' --expect '^guest: idle$' \
	--reject 'BUG:|Oops' --timeout 100s
if [ "$(grep -c '"seen": true' "$report")" -eq 3 ]; then
	pass "verdict: its report has three that were seen"
else
	fail "verdict: its report has three that were seen" "it has not"
fi
verdict "verdict: a Debian guest panics: 122" 122 panicked "the guest's kernel panicked: sysrq triggered crash" \
	kernel -i initrd.gz -m 512 -p "quiet lkvm.test=crash" --expect '^guest: test crash' --expect never --timeout 100s
has "verdict: its backtrace is shown" '^  | .*Call trace' "$err"
# The time since the init's last words, of which a part is the crash itself.
within "verdict: and all that within two seconds" ms end-ms 2000
