#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# docs/ci/kernel.yml does what it says: the commands of its steps, taken from it, run in a workspace in which a kernel has been
# built (the packaged one); what docs/ci.md shows is run too.
# shellcheck source=lib.sh
. ./lib.sh

mkdir -p "$work/space/arch/arm64/boot" "$work/space/tests"
cp kernel "$work/space/arch/arm64/boot/Image"
cp ci/boot.plan "$work/space/tests/"
[ -e /bin/busybox ] || ln -s /lab/busybox /bin/busybox

# The commands of the step NAME.
step()
{
	awk -v name="$1" '
	/^      - / { inside = $0 == "      - name: " name; script = 0 }
	inside && /^        run: [^|]/ { sub(/^        run: /, ""); print }
	inside && script { sub(/^          /, ""); print }
	inside && /^        run: \|/ { script = 1 }' ci/kernel.yml
}

# environment NAME: its value in the workflow, for this workspace.
environment() { sed -n "s,^ *$1: ,,p" ci/kernel.yml | sed "s,\${{ github.workspace }},$work/space,"; }

step "Make an initial RAM disk" >"$work/make-initrd"
step "Boot it" >"$work/boot-it"
check "workflow: its step makes an initial RAM disk" 0 "" sh -c "cd $work/space && exec sh -e $work/make-initrd"
KERNEL=$(environment KERNEL) INITRD=$(environment INITRD)
export KERNEL INITRD
LIMIT=400 check "workflow: its step boots the kernel in all ways" 0 "12 passed, 0 failed, 0 skipped" \
	sh -c "cd $work/space && exec sh -e $work/boot-it"
why=
[ "$(grep -c '<testcase ' "$work/space/results.xml")" = 12 ] || why="$(grep -c '<testcase ' "$work/space/results.xml") results in results.xml"
[ "$(find "$work/space/logs" -type f | wc -l)" -ge 12 ] || why="${why:-too few logs}"
if [ -z "$why" ]; then pass "workflow: it keeps results and logs"; else fail "workflow: it keeps results and logs" "$why"; fi

# A kernel that does not come to a login fails, and the job with it.
rm "$work/space/initrd.gz"
(cd "$work/space/root" && sed -i 's/^exec .*/sleep 1000/' init && find . | cpio -o -H newc 2>/dev/null | gzip) >"$work/space/initrd.gz"
sed -i 's/^timeout .*/timeout 20s/' "$work/space/tests/boot.plan"
check "workflow: a guest without a login makes it red" 1 "1 failed" \
	sh -c "cd $work/space && lkvm test --only 'boot psci=1.0 cpus=1$' --junit results.xml tests/boot.plan"

# The first plan of docs/ci.md.
(
	cd "$work/space" || exit
	awk '/^```$/ { if (n++ == 0) next; else exit } n' "$LAB/ci.md" | sed 's,rootfs.cpio.gz,initrd.gz,' >boot.plan
)
check "workflow: the plan that docs/ci.md begins with is nine rows" 0 "" \
	sh -c "cd $work/space && [ \$(lkvm test --list boot.plan | wc -l) = 9 ]"
check "workflow: and lkvm test --list -v says the commands" 0 "lkvm run --kernel=arch/arm64/boot/Image" \
	sh -c "cd $work/space && lkvm test --list -v boot.plan"
