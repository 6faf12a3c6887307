# SPDX-License-Identifier: MIT OR Apache-2.0
# CMake 3.25 does not know this system: nothing is special about it.
set(WASI 1)
