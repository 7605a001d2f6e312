#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# lkvm test: plans over real guests that boot, fail, hang and panic; what is written about them; and that none is left.
# shellcheck source=lib.sh
. ./lib.sh

# What a kernel developer has: one file, several ways to boot, all well.
cat >good.plan <<END
expect   result: ok
timeout  60s
[embedded]
psci     0.2 1.0 1.1
cpus     1 2 4
[linux]
kernel   kernel
initrd   initrd.gz
params   quiet
psci     ${SMOKETEST_PSCI:-1.0}
cpus     ${SMOKETEST_CPUS:-2}
expect   guest: kernel .* cpus [124] memory
expect   guest: test poweroff
END
rows=$("$LKVM" test --list good.plan | wc -l)
run 300 "$LKVM" test -j 2 --tap good.tap good.plan
if [ "$status" -ne 0 ]; then
	fail "smoketest: PSCI versions by CPUs, all well" "status $status"
elif ! grep -qx "$rows passed, 0 failed, 0 skipped" "$out"; then
	fail "smoketest: PSCI versions by CPUs, all well" "not $rows passed"
elif [ "$(grep -c '^ok ' good.tap)" -ne "$rows" ]; then
	fail "smoketest: PSCI versions by CPUs, all well" "not $rows in good.tap"
else
	pass "smoketest: PSCI versions by CPUs, all well"
fi

# Everything that can go wrong, each with its own word, while the rest goes on.
cat >bad.plan <<'END'
timeout  40s
[ends]
kernel   guests/min.bin
expect   never seen
[rejected]
reject   result: ok
[hangs]
kernel   guests/hang.bin
timeout  2s
[panics]
kernel   kernel
params   quiet root=/dev/nowhere
[lost]
kernel   no-such-kernel
[resets]
kernel   guests/reset.bin
status   120
END
run 120 "$LKVM" test -j 2 --junit bad.xml --report bad.json --logs bad.logs bad.plan
name="smoketest: each way to fail has its word"
if [ "$status" -ne 1 ]; then
	fail "$name" "status $status instead of 1"
elif ! grep -qx "1 passed, 5 failed, 0 skipped" "$out"; then
	fail "$name" "not 1 passed, 5 failed"
else
	missing=
	for want in 'bad/ends .*123' 'bad/rejected .*123' 'bad/hangs .*124' 'bad/panics .*122' 'bad/lost .*125'; do
		grep -q "^FAIL  ${want%1*}; status 1${want##*1} instead of 0$" "$out" || missing="$missing '$want'"
	done
	if [ -z "$missing" ]; then pass "$name"; else fail "$name" "no line$missing"; fi
fi
name="smoketest: JUnit tells failures from errors"
if grep -q 'tests="6" failures="4" errors="1" skipped="0"' bad.xml &&
	grep -q '<error message="[^"]*no-such-kernel[^"]*status 125' bad.xml &&
	grep -q 'Kernel panic - not syncing' bad.xml; then
	pass "$name"
else
	fail "$name" "$(sed -n 2p bad.xml)"
fi
name="smoketest: what each row said, and its report, is kept"
if [ "$(echo bad.logs/*.log | wc -w)" -eq 6 ] && [ "$(echo bad.logs/*.json | wc -w)" -eq 6 ] &&
	grep -q 'Kernel panic - not syncing' bad.logs/*bad-panics.log && grep -q '"verdict"' bad.logs/*bad-panics.json; then
	pass "$name"
else
	fail "$name" "$(echo bad.logs/*)"
fi

# A host without the version: skipped only if the plan says so.
printf 'psci 0.1 0.2 1.0 1.1 1.2 1.3\nunsupported skip\n' >versions.plan
lacks=$(echo "$lacking" | wc -w)
check "smoketest: versions that the host lacks are skipped" 0 \
	"$((6 - lacks)) passed, 0 failed, $lacks skipped" "$LKVM" test versions.plan
if [ "$lacks" -gt 0 ]; then
	printf 'psci 1.3\n' >version.plan
	check "smoketest: and fail otherwise" 1 "0 passed, 1 failed, 0 skipped" "$LKVM" test version.plan
fi

check "smoketest: one row of a plan alone" 0 "lkvm run --psci-version=0.2 --cpus=4 '--expect=result: ok' --timeout=60s" \
	"$LKVM" test -v --only 'embedded psci=0\.2 cpus=4$' good.plan

name="smoketest: a mistake in a plan is named, and nothing runs"
printf 'kernel kernel\n\nexpcet login:\n' >wrong.plan
check "$name" 125 "wrong.plan:3: 'expcet' is no key of a plan" "$LKVM" test good.plan wrong.plan

# guests: how many run.
guests() { grep -l '[-]-timeout=40s' /proc/[0-9]*/cmdline 2>/dev/null | wc -l; }

# gone: waits until none does, for three seconds.
gone()
{
	n=0
	while [ "$(guests)" -gt 0 ]; do
		n=$((n + 1))
		[ $n -lt 30 ] || return 1
		sleep 0.1
	done
}

printf 'kernel guests/hang.bin\neach --rng --balloon --pmu --nodefaults\n' >hang.plan
for signal in TERM INT KILL; do
	name="smoketest: SIG$signal leaves no guest behind"
	"$LKVM" test --timeout 40s -j 2 hang.plan >"$out" 2>"$err" &
	pid=$!
	n=0
	while [ "$(guests)" -lt 2 ] && [ $n -lt 50 ]; do
		n=$((n + 1))
		sleep 0.1
	done
	running=$(guests)
	sleep 0.5
	kill -$signal $pid
	wait $pid
	status=$?
	if [ "$running" -ne 2 ]; then
		fail "$name" "$running guests ran instead of 2"
	elif ! gone; then
		fail "$name" "$(guests) guests are there"
	elif [ $signal = KILL ] || { [ $status -eq 1 ] && grep -q '4 failed, 0 skipped: interrupted$' "$out"; }; then
		pass "$name"
	else
		fail "$name" "status $status"
	fi
done
