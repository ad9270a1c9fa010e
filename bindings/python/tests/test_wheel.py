"""The wheel: made, installed where nothing else is, and used there without any library of the system's but glibc's."""

import json
import os
import pathlib
import re
import subprocess
import sys
import venv

import icesink
import pyarrow as pa
from conftest import ROOT

USE = """
import json, re, sys
sys.path = [p for p in sys.path if p != ""]
import icesink, flink_consumer
from flink_consumer.converters.health_data_transformer import HealthDataTransformer
from flink_consumer.iceberg.sink import IcebergErrorSink
from flink_consumer.config.settings import Settings
lake = {"name": "lake", "uri": sys.argv[1] + "/catalog.db", "warehouse": sys.argv[1] + "/warehouse"}
with icesink.open(catalog=lake) as catalog:
    table = catalog.load_table("db.t")
    table.append(table.scan(), writer="wheel", number=1)
    rows = table.scan().to_pylist()
errors = HealthDataTransformer().transform({"samples": [{}]}).errors
files = {line.split(None, 5)[5].strip() for line in open("/proc/self/maps") if ".so" in line}
print(json.dumps({"file": icesink.__file__, "rows": rows, "errors": [e["error_message"] for e in errors],
                  "files": sorted(files), "batch": Settings().batch.batch_size}))
"""


def test_installed_alone_it_reads_writes_and_carries_its_libraries(tmp_path):
    made = subprocess.run(
        [sys.executable, ROOT / "bindings/python/make_wheel.py", tmp_path / "wheels"], text=True, capture_output=True
    )
    assert made.returncode == 0, made.stdout + made.stderr
    (wheel,) = (tmp_path / "wheels").iterdir()
    assert re.fullmatch(rf"icesink-{re.escape(icesink.__version__)}-py3-none-manylinux_2_\d+_x86_64\.whl", wheel.name)
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv/bin/python"
    # What a user has: no path to libraries, no path to this source tree.
    clean = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    subprocess.run(
        [python, "-m", "pip", "install", "-q", "--no-index", "--no-deps", wheel], env=clean, check=True, cwd=tmp_path
    )
    with icesink.open(
        catalog={"uri": f"{tmp_path}/catalog.db", "warehouse": f"{tmp_path}/warehouse", "name": "lake"}
    ) as catalog:
        catalog.create_namespace("db")
        catalog.create_table("db.t", pa.schema([pa.field("id", pa.int64())])).append(pa.table({"id": [1, 2]}))
    done = subprocess.run([python, "-c", USE, tmp_path], env=clean, text=True, capture_output=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    site = next((tmp_path / "venv/lib").glob("python*")) / "site-packages"
    assert told["file"] == str(site / "icesink/__init__.py") and told["batch"] == 1000
    assert sorted(r["id"] for r in told["rows"]) == [1, 1, 2, 2]
    assert told["errors"] == ["Missing required field: device_id"]
    of_python = os.path.realpath(sys.base_prefix)
    glibc = r"(libc|libm|libpthread|libdl|librt|libresolv|ld-linux-x86-64)\.so"
    mine = [f for f in told["files"] if f.startswith(str(site))]
    assert len(mine) > 20
    # Extension modules of Python's own, and what they need themselves.
    plain = subprocess.run(
        [
            python,
            "-c",
            "import ctypes, json, hashlib, tempfile, socket, ssl, decimal, uuid, logging\n"
            "print(open('/proc/self/maps').read())",
        ],
        env=clean,
        text=True,
        capture_output=True,
        check=True,
    )
    others = [
        f
        for f in told["files"]
        if f not in mine
        and f not in plain.stdout
        and not f.startswith(of_python)
        and not re.match(glibc, pathlib.Path(f).name)
    ]
    assert others == []
