"""Puts the native library and the program into the package: those of ICESINK_LIBRARY, else what CMake makes here."""

import os
import pathlib
import shutil
import subprocess

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # before setuptools 70.1
    from wheel.bdist_wheel import bdist_wheel

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def native_library() -> pathlib.Path:
    named = os.environ.get("ICESINK_LIBRARY")
    if named:
        return pathlib.Path(named).resolve()
    if not (ROOT / "CMakePresets.json").exists():
        raise SystemExit("icesink: build in the repository, or set ICESINK_LIBRARY to libicesink.so")
    subprocess.run(["cmake", "--preset", "release", "-DICESINK_BENCH=OFF"], cwd=ROOT, check=True)
    subprocess.run(
        ["cmake", "--build", "build/release", "--target", "icesink_library", "icesink_python", "icesink"],
        cwd=ROOT,
        check=True,
    )
    return (ROOT / "build/release/src/libicesink.so").resolve()


class BuildPy(build_py):
    """Adds lib/, bin/ and the preset to what setuptools copies."""

    def run(self) -> None:
        super().run()
        library = native_library()
        package = pathlib.Path(self.build_lib)
        copies = {
            library: "icesink/lib/libicesink.so",
            library.parent / "libicesink_python.so": "icesink/lib/libicesink_python.so",
            # build/release/src and lib of an installation alike.
            library.parent.parent / "bin/icesink": "icesink/bin/icesink",
            ROOT / "presets/health.yaml": "flink_consumer/presets/health.yaml",
        }
        for source, place in copies.items():
            target = package / place
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
            if "presets" not in place:
                subprocess.run(["strip", "--strip-unneeded", target], check=True)


class Wheel(bdist_wheel):
    """One for every Python: the native parts use nothing of Python but its stable ABI."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.root_is_pure = False

    def get_tag(self):
        return ("py3", "none", super().get_tag()[2])


class NativeDistribution(Distribution):
    def has_ext_modules(self) -> bool:
        return True


setup(cmdclass={"build_py": BuildPy, "bdist_wheel": Wheel}, distclass=NativeDistribution)
