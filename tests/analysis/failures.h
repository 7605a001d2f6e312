/* SPDX-License-Identifier: BSD-2-Clause */
/* For the analyzer, which reads one file at a time: what is said by these is a failure, and negative. */
#include "util/err.h"

#define err_set(...) ((void)err_set(__VA_ARGS__), -1)
#define err_sys(...) ((void)err_sys(__VA_ARGS__), -1)
