/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Two kinds of check. P2P_REQUIRE guards against the caller's mistakes and is always on; INVARIANT
 * states what this library itself promises and is on in debug, test and fuzz builds. Neither is
 * ever used on what came from the network: that is an error value.
 */
#ifndef P2P_BASE_CHECK_H
#define P2P_BASE_CHECK_H

#define P2P_REQUIRE(condition) ((condition) ? (void)0 : p2p_check_failed(#condition, __func__))

#ifdef NDEBUG
#    define INVARIANT(condition) ((void)sizeof(condition))
#else
#    define INVARIANT(condition) P2P_REQUIRE(condition)
#endif

/* Ends the process: going on would corrupt memory. */
_Noreturn void p2p_check_failed(const char *condition, const char *function);

#endif
