#!/usr/bin/env python3
"""sim_coverage.py [SEEDS] [--missing]: the lines and branches of the commit protocol that the simulator reaches, by gcov.

The last figure leaves lines out that give text to a format: ICE_STR_ARG has two branches there for text that is longer than 2 GiB or
NULL. With --missing also each line that has a branch no seed took."""
import gzip
import json
import os
import pathlib
import subprocess
import sys
import tempfile

FILES = ["ingest/commit.c", "ingest/commit_build.c", "ingest/commit_follower.c", "ingest/pending.c", "ingest/position.c",
         "ingest/epoch.c", "ingest/ingest.c", "ingest/verify.c", "runtime/sink.c"]
root = pathlib.Path(__file__).resolve().parent.parent
build = root / "build/coverage"


def run(*command, **options):
    subprocess.run([str(word) for word in command], check=True, cwd=root, **options)


def measure(seeds):
    run("cmake", "--preset", "coverage", stdout=subprocess.DEVNULL)
    run("ninja", "-C", build, "-j", os.cpu_count() or 1, "--quiet", "icesink_sim")
    for data in build.rglob("*.gcda"):
        data.unlink()
    run(build / "tests/sim/icesink_sim", "--seeds", 1, seeds)
    run(build / "tests/sim/icesink_sim", "--scenarios", root / "tests/sim/regressions.txt", stdout=subprocess.DEVNULL)


def read(name):
    data = build / "src/CMakeFiles/icesink_core.dir" / (name + ".gcda")
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(["gcov", "--json-format", "--branch-probabilities", str(data)], check=True, cwd=directory,
                       stdout=subprocess.DEVNULL)
        report = json.loads(gzip.open(next(pathlib.Path(directory).glob("*.gz"))).read())
    return next(f for f in report["files"] if f["file"].endswith("src/" + name))["lines"]


def figure(counts):
    taken = sum(count > 0 for count in counts)
    return f"{taken}/{len(counts)} {100 * taken / max(1, len(counts)):5.1f} %"


def main():
    arguments = [a for a in sys.argv[1:] if not a.startswith("-")]
    measure(arguments[0] if arguments else "10000")
    everything, module = [], []
    for name in FILES:
        source = (root / "src" / name).read_text().splitlines()
        lines = read(name)
        branches = [(line["line_number"], b["count"]) for line in lines for b in line["branches"]]
        plain = [count for number, count in branches if "_ARG(" not in source[number - 1]]
        hit = sum(line["count"] > 0 for line in lines)
        print(f"{name:26} lines {hit}/{len(lines)} {100 * hit / len(lines):5.1f} %  "
              f"branches {figure([count for _, count in branches])}, {figure(plain)}")
        if "--missing" in sys.argv:
            for number in sorted({number for number, count in branches if count == 0}):
                print(f"  {number}: {source[number - 1].strip()}")
        if name.startswith("ingest/commit"):
            everything += [count for _, count in branches]
            module += plain
    print(f"commit module: branches {figure(everything)}, {figure(module)}")


main()
