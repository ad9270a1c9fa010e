"""The jar: made, and used where nothing but a JVM and glibc may be found."""

import os
import pathlib
import re
import shutil
import subprocess
import zipfile

from pyiceberg.catalog.sql import SqlCatalog

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[4]
GLIBC = r"/(libc|libm|libpthread|libdl|librt|libresolv|ld-linux-x86-64|libnss_\w+)\.so\.\d+$"


def flink_classes():
    done = subprocess.run([ROOT / "tools/services/pyflink.sh", "install"], text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    jars = list(pathlib.Path(done.stdout.strip()).glob("lib/python3.*/site-packages/pyflink/lib/*.jar"))
    assert jars
    return jars


def test_it_carries_its_libraries(tmp_path):
    made = subprocess.run([HERE.parents[2] / "make_jars.sh", tmp_path, "2.1"], text=True, capture_output=True)
    assert made.returncode == 0, made.stdout + made.stderr
    assert re.search(r"\d+ libraries, for glibc 2\.\d+ and later", made.stdout)
    (jar,) = tmp_path.glob("*.jar")
    inside = [n for n in zipfile.ZipFile(jar).namelist() if not n.endswith("/")]
    carried = {pathlib.PurePath(n).name for n in inside if n.startswith("native/linux-x86_64/")} - {"libraries"}
    # A host that reads Kafka itself and has metrics of its own needs neither.
    assert not [n for n in carried if re.search("rdkafka|microhttpd", n)]
    assert all(n.startswith(("org/icesink/flink/", "native/linux-x86_64/", "META-INF/")) for n in inside)

    java = pathlib.Path(os.path.realpath(shutil.which("java")))
    (tmp_path / "tmp").mkdir()
    used = subprocess.run(
        [java, f"-Djava.io.tmpdir={tmp_path / 'tmp'}", "-cp", os.pathsep.join(map(str, [jar, *flink_classes()]))]
        + [HERE / "UseJar.java", tmp_path],
        env={"HOME": str(tmp_path), "PATH": "/nowhere", "LD_LIBRARY_PATH": ""},
        text=True,
        capture_output=True,
    )
    assert used.returncode == 0, used.stderr
    assert list((tmp_path / "tmp").iterdir()) == []
    mapped = used.stdout.splitlines()
    of_jar = {pathlib.PurePath(f.removesuffix(" (deleted)")).name for f in mapped if f.startswith(str(tmp_path / "tmp/icesink"))}
    assert of_jar == carried
    of_java = str(java.parents[1])
    others = [f for f in mapped if not f.startswith((str(tmp_path), of_java)) and not re.search(GLIBC, f)]
    # What the JVM itself is linked with.
    assert {pathlib.PurePath(f).name.partition(".so")[0] for f in others} <= {"libz", "libstdc++", "libgcc_s", "libjimage"}
    catalog = SqlCatalog("lake", uri=f"sqlite:///{tmp_path}/catalog.db", warehouse=f"file://{tmp_path}/warehouse")
    assert catalog.list_namespaces() == [("db",)]
