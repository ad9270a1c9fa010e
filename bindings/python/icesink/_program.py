"""The program `icesink`, which comes with the library."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from typing import Any, Dict, List, Union

from . import _errors, _library

_logger = logging.getLogger("icesink")
_STATUS_USAGE, _STATUS_POLICY = 2, 3
_LINES_MAX = 20


def path() -> str:
    """Where the program is. Errors: NotFound."""
    program = _library.program()
    if not program.exists():
        raise _errors.NotFound(f"the program icesink is not at {program}")
    return str(program)


def run(config: "Union[str, os.PathLike[str]]", *, until_end: bool = False) -> Dict[str, Any]:
    """Run a pipeline: topic to tables, as `icesink run CONFIG` does, in a process of its own, until it ends.

    With `until_end` it drains the topic to the offsets seen at the start and returns what it did; else it goes on until
    the calling process gets SIGINT, or until it stops. Its log goes to Python's. The environment's variables count as
    for the program. Errors: InvalidArgument (configuration), InvalidState (stopped by a policy), IcesinkError; with the
    end of the log."""
    command = [path(), "run", os.fspath(config), "--json", *(["--until-end"] if until_end else [])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")
    assert process.stdout and process.stderr
    last: List[str] = []

    def log() -> None:
        assert process.stderr
        for line in process.stderr:
            _logger.info("%s", line.rstrip("\n"))
            last.append(line)
            del last[:-_LINES_MAX]

    reader = threading.Thread(target=log, daemon=True)
    reader.start()
    try:
        out = process.stdout.read()
        code = process.wait()
    except BaseException:
        # It closes its files and commits what it has; a second interrupt ends it at once.
        process.terminate()
        try:
            process.wait()
        except BaseException:
            process.kill()
            process.wait()
            raise
        raise
    finally:
        reader.join()
        process.stdout.close()
        process.stderr.close()
    if code == 0:
        lines = [line for line in out.splitlines() if line.startswith("{")]
        report: Dict[str, Any] = json.loads(lines[-1]) if lines else {}
        return report
    kind = {_STATUS_USAGE: _errors.InvalidArgument, _STATUS_POLICY: _errors.InvalidState}.get(
        code, _errors.IcesinkError
    )
    raise kind(f"icesink run ended with status {code}:\n{''.join(last)}".rstrip())


def main() -> None:
    """Become the program: the command `icesink` of the wheel."""
    program = path()
    os.execv(program, [program, *sys.argv[1:]])
