#!/usr/bin/env python3
"""docs/runbook.md names every warning of the sink and every stop of a policy: check_runbook.py ROOT says so or what lacks.

A message counts as named when one of the phrases in backquotes is a part of it."""
import pathlib
import re
import sys

FOLDERS = ("ingest", "runtime", "source", "pipeline", "store")
# Warnings and errors go through these; a policy's stop is the message set before the call that marks it.
LOGGED = re.compile(r'ICE_LOG_(?:WARN|ERROR),\s*(?:ICE_STR\()?((?:"[^"]*"\s*)+)')
STOPS = re.compile(r'ice_error_set\(\s*err, ICE_(?:INVALID_STATE|NOT_FOUND),\s*((?:"(?:[^"\\]|\\.)*"\s*)+)(?:(?!ice_error_set).)*?'
                   r'(?:ice_policy_error\(err\)|ICE_ERROR_POLICY)', re.S)


def text_of(literals):
    return "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', literals))


def main(root):
    page = (root / "docs/runbook.md").read_text()
    phrases = [p for p in re.findall(r"`([^`]+)`", page) if len(p) > 6]
    found = 0
    lacking = []
    for folder in FOLDERS:
        for path in sorted((root / "src" / folder).glob("*.c")):
            source = path.read_text()
            for pattern in (LOGGED, STOPS):
                for match in pattern.finditer(source):
                    message = text_of(match.group(1))
                    found += 1
                    if not any(p in message for p in phrases):
                        lacking.append(f"{path.name}: {message}")
    if found < 20:
        lacking.append(f"only {found} messages were found in the code; has the way to write them changed?")
    for line in lacking:
        print(f"docs/runbook.md does not name: {line}")
    print(f"{found} messages, {len(lacking)} not in the runbook")
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
