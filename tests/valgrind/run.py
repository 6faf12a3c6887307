#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Unit tests under valgrind's memcheck, and the test of constant time.

    run.py BUILD [BUILD-FOR-CTIME…] [--only NAME…]

Memory: no read of what was never written, no access outside of a block, nothing lost, in every unit test of BUILD but
those that are LEFT_OUT. Constant time: BUILD/tests/ctime of every build named, since each compiler may make a branch of its own
of the same source. The last line is `valgrind: N passed, N failed, N skipped`.
"""
import argparse
import concurrent.futures
import glob
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
LIMIT = 600  # seconds; only a test that hangs gets there
FAULT = 99

# ASan runs them too.
LEFT_OUT = {
    "unit_secure_tls": "several seconds of handshakes, a hundred times as long here",
    "unit_crypto_openssl_key": "makes RSA keys of 8192 bits",
    "unit_secure_certificate_verify": "makes RSA keys",
    "unit_uv_driver": "lowers its own limit of descriptors, which valgrind needs",
}

MEMCHECK = ["valgrind", "--quiet", f"--error-exitcode={FAULT}", "--num-callers=20"]
LEAKS = ["--leak-check=full", "--show-leak-kinds=definite", "--errors-for-leak-kinds=definite"]
CTIME = [f"--suppressions={HERE}/libraries.supp", "--track-origins=no"]


def run(name, command, options, wanted=0):
    try:
        done = subprocess.run([*MEMCHECK, *options, *command], capture_output=True, text=True, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return name, f"did not end within {LIMIT} s"
    return name, None if done.returncode == wanted else f"exit status {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-6000:]}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("more", nargs="*")
    parser.add_argument("--only", nargs="+", default=[])
    args = parser.parse_args()
    units = sorted(glob.glob(f"{args.build}/tests/unit_*"))
    jobs, skipped = [], 0
    for path in units:
        name = os.path.basename(path)
        if name in LEFT_OUT:
            skipped += 1
            print(f"skipped {name}: {LEFT_OUT[name]}")
        else:
            jobs.append((name, [path], LEAKS))
    for build in [args.build, *args.more]:
        program = f"{build}/tests/ctime"
        jobs.append((f"ctime of {os.path.basename(build)}", [program], CTIME))
        jobs.append((f"ctime of {os.path.basename(build)}: a leak is reported", [program, "leak"], CTIME, FAULT))
    if args.only:
        jobs = [job for job in jobs if any(word in job[0] for word in args.only)]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in concurrent.futures.as_completed([pool.submit(run, *job) for job in jobs]):
            name, fault = done.result()
            if fault is not None:
                failed += 1
                print(f"FAIL {name}: {fault}", flush=True)
    print(f"valgrind: {len(jobs) - failed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not jobs else 0


if __name__ == "__main__":
    sys.exit(main())
