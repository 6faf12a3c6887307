/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/check.h"

/* The two arguments are for the person at the debugger: the library has no channel to print on. */
_Noreturn void p2p_check_failed(const char *condition, const char *function) {
    (void)condition;
    (void)function;
    __builtin_trap();
}
