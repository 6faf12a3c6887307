# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs the functions test_… of a file, each in an empty folder of its own that is also its data directory."""
import os
import tempfile
import time
import traceback


class Skipped(Exception):
    """This machine cannot do what the test needs; the text says what."""


def run(title, names, wanted):
    """names: globals() of the file; wanted: the names of the tests to run, none: all. Returns the exit status."""
    passed = failed = skipped = 0
    for name in ("NO_COLOR", "NOTIFY_SOCKET"):
        os.environ.pop(name, None)
    for name, test in list(names.items()):
        if not name.startswith("test_") or (wanted and name not in wanted):
            continue
        begun = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            os.environ["XDG_DATA_HOME"] = folder + "/data"
            try:
                test()
                passed += 1
                print(f"ok    {name} ({time.monotonic() - begun:.2f} s)", flush=True)
            except Skipped as why:
                skipped += 1
                print(f"skip  {name}: {why}", flush=True)
            except Exception:
                failed += 1
                print(f"FAIL  {name}\n{traceback.format_exc()}", flush=True)
            os.chdir("/")
    print(f"{title}: {passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0
