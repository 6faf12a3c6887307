#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Sentences of specifications: where they are kept, and which test proves it.

    spec.py        lists every sentence with its code and its tests

A comment `spec: FILE #SECTION: sentence.` stands at the code that keeps a rule and, word for word, at the test that would
fail without. FILE is a folder or file of github.com/libp2p/specs, or an RFC. What follows the sentence is the reader's.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMENT = re.compile(r"/\*.*?\*/", re.S)
CITATION = re.compile(r"spec: ([\w./-]+) #([\w.-]+): (.+?)\.(?: |$)")


def citations(folder):
    """{(file, section, sentence): [place, …]}"""
    found = {}
    for path in sorted((ROOT / folder).rglob("*.[ch]")):
        text = path.read_text()
        for comment in COMMENT.finditer(text):
            words = " ".join(re.sub(r"^\s*\*+(?!/)", " ", comment.group(0)[2:-2], flags=re.M).split())
            for match in CITATION.finditer(words):
                line = text.count("\n", 0, comment.start()) + 1
                found.setdefault(match.groups(), []).append(f"{path.relative_to(ROOT)}:{line}")
    return found


def check_spec():
    """Every sentence of a specification that code cites is cited by a test, and the other way round."""
    code, tests = citations("src"), citations("tests")
    wrong = [f"{places[0]} cites {spec} #{section} and no test does: {sentence}"
             for (spec, section, sentence), places in code.items() if (spec, section, sentence) not in tests]
    wrong += [f"{places[0]} cites {spec} #{section} and no code does: {sentence}"
              for (spec, section, sentence), places in tests.items() if (spec, section, sentence) not in code]
    return wrong


def main():
    code, tests = citations("src"), citations("tests")
    for key in sorted(code):
        print(f"{key[0]} #{key[1]}: {key[2]}\n    {' '.join(code[key])}\n    {' '.join(tests.get(key, ['no test']))}")
    print(f"{len(code)} sentences")
    for line in (wrong := check_spec()):
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
