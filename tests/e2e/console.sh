#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016	# $0 and $? are for the other shell
# The console's bytes, in and out, whatever stands at its ends.
# shellcheck source=lib.sh
. ./lib.sh

same()
{
	if cmp -s "$2" "$3"; then pass "$1"; else fail "$1" "the bytes differ"; fi
}

# All byte values, in order, into a file.
awk 'BEGIN { for (i = 0; i < 256; i++) printf "%c", i }' </dev/null >"$work/all" 2>/dev/null
if [ "$(wc -c <"$work/all")" -ne 256 ]; then # an awk that thinks in characters
	i=0
	while [ $i -lt 256 ]; do
		# shellcheck disable=SC2059	# the octal number is the format
		printf "\\$(printf %03o $i)"
		i=$((i + 1))
	done >"$work/all"
fi
run 60 "$LKVM" run guests/echo.bin -p bytes
same "console: 256 byte values into a file" "$out" "$work/all"

awk 'BEGIN { for (i = 0; i < 512; i++) printf "%07x\n", i }' >"$work/pattern"
run 120 "$LKVM" run guests/echo.bin -p pattern=4
same "console: 4 KiB into a file" "$out" "$work/pattern"
"$LKVM" run guests/echo.bin -p pattern=4 </dev/null 2>"$err" | cat >"$out"
same "console: 4 KiB into a pipe" "$out" "$work/pattern"
"$LKVM" run guests/echo.bin -p pattern=4 </dev/null 2>"$err" | (sleep 1; cat) >"$out"
same "console: 4 KiB into a pipe whose reader is late" "$out" "$work/pattern"

check "console: stdout's reader goes away, the guest ends as it would" 0 "0" \
	sh -c '{ "$0" run guests/echo.bin -p pattern=16 </dev/null 2>/dev/null; echo $? >&2; } | head -c 10 >/dev/null' "$LKVM"

(printf 'echo: ready\r\n'; printf 'hello\001\003\004\032q') >"$work/expected"
printf 'hello\001\003\004\032q' >"$work/input"
timeout 30 "$LKVM" run guests/echo.bin <"$work/input" >"$out" 2>"$err"
same "console: input from a file, control characters too" "$out" "$work/expected"
# shellcheck disable=SC2002	# a pipe is what is tested
cat "$work/input" | timeout 30 "$LKVM" run guests/echo.bin >"$out" 2>"$err"
same "console: input from a pipe" "$out" "$work/expected"
(sleep 1; cat "$work/input") | timeout 30 "$LKVM" run guests/echo.bin >"$out" 2>"$err"
same "console: input that comes late" "$out" "$work/expected"
awk 'BEGIN { for (i = 0; i < 64; i++) printf "%07x\n", i }' >"$work/input"
echo q >>"$work/input"
(printf 'echo: ready\r\n'; head -c 513 "$work/input") >"$work/expected"
# shellcheck disable=SC2002	# a pipe is what is tested
cat "$work/input" | timeout 60 "$LKVM" run guests/echo.bin >"$out" 2>"$err"
same "console: 512 bytes from a pipe and back" "$out" "$work/expected"

check "console: stdin closed" 0 "result: ok" sh -c 'exec "$0" run <&-' "$LKVM"
check "console: four UARTs are there" 0 "uart4: 4 ports" "$LKVM" run guests/uart4.bin
