# SPDX-License-Identifier: MIT OR Apache-2.0
"""The libraries that are linked stand where CMake looks for them, by pkg-config's names, and wherever Debian's packages
that bring them are named. This compares the places.
"""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGE = {"openssl": "libssl-dev", "libsodium": "libsodium-dev", "libuv": "libuv1-dev", "libngtcp2": "libngtcp2-dev",
           "libngtcp2_crypto_gnutls": "libngtcp2-crypto-gnutls-dev", "gnutls": "libgnutls28-dev", "libnghttp3": "libnghttp3-dev",
           "libmicrohttpd": "libmicrohttpd-dev", "jansson": "libjansson-dev", "yaml-0.1": "libyaml-dev"}
# Named beside them: for the compiler and for the tests.
OTHERS = {"libc6-dev", "libcmocka-dev", "libhiredis-dev"}


def found(file, pattern):
    """What the one group of the pattern matches in the file."""
    match = re.search(pattern, (ROOT / file).read_text(), re.S | re.M)
    assert match, f"{file} has nothing like {pattern}"
    return match.group(1)


def modules(text):
    """{Debian package: least version or ""} of pkg-config's `name>=version` words."""
    return {PACKAGE.get(name, name): version for name, _, version in (word.partition(">=") for word in text.split())}


def packages(text):
    """{Debian package: least version or ""} of every -dev package in a list of packages."""
    listed = re.findall(r"(?<![\w-])(lib[\w.-]+-dev)(?: \(>= ([\d.]+)\))?", text)
    return {name: version for name, version in listed if name not in OTHERS}


def check_packages():
    """CMakeLists.txt, dev, debian/control and the contract's Dockerfile need the same libraries."""
    library = modules(found("CMakeLists.txt", r"set\(P2P_REQUIRES ([^)]*)\)"))
    tool = modules(found("CMakeLists.txt", r"pkg_check_modules\(PAGE REQUIRED IMPORTED_TARGET ([^)]*)\)"))
    everything = library | tool
    build = packages(found("debian/control", r"^Build-Depends: (.*?)^\S"))
    wrong = [f"{name}: at least {build.get(name)!r} in debian/control, {everything.get(name)!r} in CMakeLists.txt"
             for name in sorted(everything.keys() | build.keys()) if everything.get(name) != build.get(name)]
    for place, names, wanted in (
            ("libp2p-dev in debian/control", found("debian/control", r"^Package: libp2p-dev$.*?^Depends: (.*?)^\S"), library),
            ("PACKAGES_BUILD in dev", found("dev", r'^PACKAGES_BUILD="([^"]*)"'), everything),
            ("tests/interop/contract/Dockerfile", found("tests/interop/contract/Dockerfile", r"(.*?)^COPY "), everything)):
        named = packages(names).keys()
        wrong += [f"{place} lacks {name}" for name in sorted(wanted.keys() - named)]
        wrong += [f"{place} has {name}, which nothing is linked with" for name in sorted(named - wanted.keys())]
    return wrong
