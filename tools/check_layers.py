#!/usr/bin/env python3
"""Checks that every #include points down the list of layers (DESIGN, "Layers"; ARCHITECTURE.md).

A folder may include itself and the folders before it. `parquet` and `iceberg` know each other not at all, and a header
named *_priv.h stays in its folder. Prints each breach and exits 1 when there is one.
"""
import pathlib
import re
import sys

LAYERS = ["base", "port", "codec", "columnar", "avro", "json", "parquet", "iceberg", "config", "http", "store",
          "catalog", "source", "pipeline", "ingest", "maintain", "runtime", "observe", "assembly",
          "session", "cli"]
FORBIDDEN = {("parquet", "iceberg"), ("iceberg", "parquet"), ("catalog", "source"), ("iceberg", "source"),
             ("store", "iceberg"), ("observe", "ingest"), ("pipeline", "catalog"), ("source", "catalog")}
# The log formats values with json/ and is used by the program alone.
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def breaches(root):
    for path in sorted((root / "src").rglob("*.[ch]")):
        folder = path.parent.name
        for included in INCLUDE.findall(path.read_text()):
            target = pathlib.PurePosixPath(included)
            if len(target.parts) != 2 or target.parts[0] not in LAYERS:
                yield f"{path.relative_to(root)}: \"{included}\" is not folder/header.h"
                continue
            below = target.parts[0]
            if LAYERS.index(below) > LAYERS.index(folder) or (folder, below) in FORBIDDEN:
                yield f"{path.relative_to(root)}: {folder} must not include {below} ({included})"
            if target.name.endswith("_priv.h") and below != folder:
                yield f"{path.relative_to(root)}: {included} is private to {below}"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    folders = {p.name for p in (root / "src").iterdir() if p.is_dir()}
    found = [f"src/{name}: not in the list of layers" for name in sorted(folders - set(LAYERS))]
    found += breaches(root)
    print("\n".join(found) if found else "layers: every include points down")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
