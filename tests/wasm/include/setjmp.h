/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* wasm32 has none, and the little cmocka here needs none. */
