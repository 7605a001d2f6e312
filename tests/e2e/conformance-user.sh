#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The same as conformance.sh, where lkvm answers PSCI calls itself: the same tables, the same answers.
# shellcheck disable=SC2034	# read there
CONFORMANCE_PSCI=user
# shellcheck source=conformance.sh
. ./conformance.sh
