"""Bad input gets a clear error that names the place, and loses nothing: after the cause is gone the next run goes on."""
import json
import pathlib
import resource
import shutil
import signal
import subprocess

import pytest
from lake import BINARY, ROOT, Lake


@pytest.fixture
def lake(tmp_path):
    lake = Lake(tmp_path, partitions=2)
    lake.generate(600)
    lake.sink()
    lake.generate(600)
    return lake


def file_of(location):
    return pathlib.Path(location.removeprefix("file://"))


def files_below(directory):
    return {p: p.stat().st_size for p in pathlib.Path(directory).rglob("*") if p.is_file()}


def fails(lake, *, status, says, flags=()):
    done = lake.sink(*flags, check=False)
    assert done.returncode == status, done.stderr
    for text in says:
        assert text in done.stderr, done.stderr
    return done


def damage(path, how):
    whole = path.read_bytes()
    path.write_bytes(how(whole))
    return whole


CUT = pytest.param(lambda b: b[:len(b) // 2], id="cut")
EMPTY = pytest.param(lambda b: b"", id="empty")
FLIPPED = pytest.param(lambda b: b[:40] + bytes([b[40] ^ 0x5A]) + b[41:], id="flipped")
ZEROS = pytest.param(lambda b: bytes(len(b)), id="zeros")


@pytest.mark.parametrize("how", [CUT, EMPTY, ZEROS])
def test_damaged_metadata_is_named_and_nothing_is_deleted(lake, how):
    path = file_of(lake.metadata_location("health_data_raw"))
    whole = damage(path, how)
    before = files_below(lake.directory / "warehouse")
    fails(lake, status=1, says=[path.name])
    assert files_below(lake.directory / "warehouse") == before
    path.write_bytes(whole)
    lake.sink()
    lake.assert_conserved()
    lake.verify()


@pytest.mark.parametrize("how", [CUT, EMPTY, FLIPPED, ZEROS])
def test_damaged_manifest_list_is_named_and_the_position_stays(lake, how):
    path = file_of(lake.table("health_data_raw").current_snapshot().manifest_list)
    whole = damage(path, how)
    fails(lake, status=1, says=[path.name], flags=["--commit.give_up=1ms", "--commit.retries=0"])
    path.write_bytes(whole)
    lake.sink()
    lake.assert_conserved()
    lake.verify()


def test_file_that_is_no_catalog_is_named(lake):
    path = lake.directory / "catalog.db"
    whole = path.read_bytes()
    path.write_bytes(b"this is no database, it only has the size of one" * 100)
    fails(lake, status=1, says=["Failed to register Iceberg catalog", "catalog.db"])
    path.write_bytes(whole)
    lake.sink()
    lake.assert_conserved()


def test_damage_in_the_middle_of_the_log_is_named_by_file_and_byte(lake):
    segment = lake.directory / "kafka/health-data-raw-0/00000000000000000000.log"
    whole = segment.read_bytes()
    middle = int(len(whole) * 0.75)
    segment.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1:])
    fails(lake, status=1, says=["00000000000000000000.log", "byte", "CRC-32C"])
    segment.write_bytes(whole)
    lake.sink()
    lake.assert_conserved()
    lake.verify()


def test_missing_table_says_how_to_create_it(tmp_path):
    lake = Lake(tmp_path)
    lake.generate(10)
    fails(lake, status=1, flags=["--tables.create=false"], says=["Failed to register Iceberg catalog"])
    lake.run("init", "icesink.yaml")
    lake.table("health_data_raw").catalog.drop_table("health_db.health_data_raw")
    fails(lake, status=1, flags=["--tables.create=false"],
          says=["Table does not exist: health_db.health_data_raw", "icesink init", "tables.create: true"])


@pytest.mark.parametrize("line,says", [
    ("comit: {interval: 1s}", ["unknown key comit"]),
    ("commit: {intervall: 1s}", ["unknown key commit.intervall", "did you mean commit.interval"]),
    ("write: {target_file_size: big}", ["write.target_file_size", "must be a size"]),
    ("memory: 1MB", ["memory", "between"]),
    ("name: again", ["twice"]),
    ("pipeline2: &anchor x", ["anchors"]),
])
def test_wrong_configuration_is_named_by_file_and_line(tmp_path, line, says):
    lake = Lake(tmp_path)
    text = "\n".join(l for l in (tmp_path / "icesink.yaml").read_text().splitlines()
                     if l.split(":")[0] not in ("commit", "write", "memory")) + "\n" + line + "\n"
    (tmp_path / "icesink.yaml").write_text(text)
    fails(lake, status=2, says=["icesink.yaml:", *says])


def limit_file_size(size):
    def apply():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    return apply


@pytest.mark.parametrize("size", [2000, 5000, 9000])
def test_write_that_is_refused_fails_the_epoch_and_loses_nothing(lake, size):
    lake.configure(write="{spill_directory: .}")
    done = subprocess.run(lake.command("run", "icesink.yaml", "--until-end", "--commit.give_up=1ms"), text=True,
                          cwd=lake.directory, env=lake.environment(), capture_output=True, timeout=60,
                          preexec_fn=limit_file_size(size))
    assert done.returncode == 1, done.stderr
    assert "File too large" in done.stderr or "disk" in done.stderr
    lake.sink()
    lake.assert_conserved()
    lake.verify()


def test_a_program_that_was_moved_has_its_presets_and_their_text_in_a_file_does_the_same(tmp_path):
    bin_directory = tmp_path / "prefix/bin"
    bin_directory.mkdir(parents=True)
    shutil.copy(BINARY, bin_directory / "icesink")
    lake = Lake(tmp_path)
    lake.generate(500)
    program = str(bin_directory / "icesink")
    done = subprocess.run([program, "run", "icesink.yaml", "--until-end"], cwd=tmp_path, capture_output=True, text=True,
                          env=lake.environment())
    assert done.returncode == 0, done.stderr
    lake.generate(500)
    preset = (ROOT / "presets/health.yaml").read_text()
    own = "pipeline:\n" + "".join(f"  {line}\n" for line in preset.splitlines())
    text = (tmp_path / "icesink.yaml").read_text().replace("pipeline: {preset: health}\n", own)
    (tmp_path / "icesink.yaml").write_text(text)
    done = subprocess.run([program, "run", "icesink.yaml", "--until-end"], cwd=tmp_path, capture_output=True, text=True,
                          env=lake.environment())
    assert done.returncode == 0, done.stderr
    lake.assert_conserved()


def test_tables_made_by_pyiceberg_in_the_earlier_layout_are_appended_to(tmp_path):
    from pyiceberg.catalog.sql import SqlCatalog
    from pyiceberg.partitioning import PartitionField, PartitionSpec
    from pyiceberg.schema import Schema
    from pyiceberg.transforms import DayTransform, IdentityTransform
    from pyiceberg.types import LongType, NestedField, StringType, TimestampType
    lake = Lake(tmp_path)
    (tmp_path / "warehouse").mkdir()
    catalog = SqlCatalog("health_catalog", uri=f"sqlite:///{tmp_path}/catalog.db",
                         warehouse=f"file://{tmp_path}/warehouse")
    catalog.create_namespace("health_db")
    names = ["error_id", "error_type", "error_message", "error_timestamp", "raw_payload", "user_id", "device_id",
             "sample_id", "data_type", "kafka_topic", "kafka_partition", "kafka_offset"]
    types = {"error_timestamp": TimestampType(), "kafka_partition": LongType(), "kafka_offset": LongType()}
    optional = {"raw_payload", "user_id", "device_id", "sample_id", "data_type"}
    schema = Schema(*[NestedField(i + 1, name, types.get(name, StringType()), required=name not in optional)
                      for i, name in enumerate(names)])
    spec = PartitionSpec(PartitionField(4, 1000, DayTransform(), "error_timestamp_day"),
                         PartitionField(2, 1001, IdentityTransform(), "error_type"))
    catalog.create_table("health_db.health_data_errors", schema, partition_spec=spec)
    lake.generate(800)
    lake.sink()
    _, dead = lake.expected()
    found = lake.table("health_data_errors").scan().to_arrow().to_pylist()
    assert sorted((d["kafka_partition"], d["kafka_offset"], d["error_type"]) for d in found) == sorted(
        (partition, offset, error_type) for partition, offset, _, error_type in dead)
    assert list(found[0]) == names
    lake.verify()


def test_other_schema_runs_by_configuration_alone(tmp_path):
    import io
    import fastavro
    schema = {"type": "record", "name": "Reading", "fields": [
        {"name": "station", "type": "string"}, {"name": "celsius", "type": ["null", "float"], "default": None},
        {"name": "taken", "type": {"type": "long", "logicalType": "timestamp-millis"}}]}
    readings = [{"station": f"s{i % 3}", "celsius": None if i % 10 == 0 else i / 2 - 10.0, "taken": 1700000000000 + i}
                for i in range(300)]
    (tmp_path / "reading.avsc").write_text(json.dumps(schema))
    values = []
    for reading in readings:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, fastavro.parse_schema(schema), reading)
        values.append(out.getvalue())
    write_topic(tmp_path / "log/readings-0", values)
    (tmp_path / "icesink.yaml").write_text("""\
name: stations
source: {segment: {directory: log, topic: readings}, decode: {schema: reading.avsc}}
pipeline:
  columns:
    station: {path: station, type: string, required: true}
    celsius: {path: celsius, type: double}
    taken_at: {path: taken, type: timestamptz, required: true}
    log_offset: {value: kafka_offset, type: long, required: true}
  partition: [station]
  validate: [{rule: between, column: celsius, min: -5}]
  filter: [{name: test station, when: {station: s2}}]
tables: {data: weather.readings, dead_letters: weather.errors, create: true}
catalog: {name: c, uri: catalog.db, warehouse: warehouse}
http: "off"
""")
    done = subprocess.run([BINARY, "run", "--until-end", "--json"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    kept = [(i, r) for i, r in enumerate(readings) if r["station"] != "s2"]
    good = [(i, r) for i, r in kept if r["celsius"] is None or r["celsius"] >= -5]
    assert summary["filtered"] == 100
    assert (summary["rows"], summary["dead_letters"]) == (len(good), len(kept) - len(good))
    from pyiceberg.catalog.sql import SqlCatalog
    catalog = SqlCatalog("c", uri=f"sqlite:///{tmp_path}/catalog.db", warehouse=f"file://{tmp_path}/warehouse")
    rows = catalog.load_table("weather.readings").scan().to_arrow().to_pylist()
    assert sorted((r["log_offset"], r["station"], r["celsius"], int(r["taken_at"].timestamp() * 1000)) for r in rows) \
        == [(i, r["station"], r["celsius"], r["taken"]) for i, r in good]


def write_topic(directory, values):
    """One uncompressed record batch v2, written here so that the bytes are not icesink's own."""
    import struct

    def varint(value):
        value = (value << 1) ^ (value >> 63)
        out = bytearray()
        while value >= 0x80:
            out.append(value & 0x7F | 0x80)
            value >>= 7
        out.append(value)
        return bytes(out)

    def crc32c(data):
        crc = 0xFFFFFFFF
        for byte in data:
            crc ^= byte
            for _ in range(8):
                crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        return crc ^ 0xFFFFFFFF

    records = b""
    for i, value in enumerate(values):
        record = b"\0" + varint(0) + varint(i) + varint(-1) + varint(len(value)) + value + varint(0)
        records += varint(len(record)) + record
    body = struct.pack(">hiqqqhii", 0, len(values) - 1, 1700000000000, 1700000000000, -1, -1, -1, len(values)) + records
    batch = struct.pack(">qiibI", 0, len(body) + 9, 0, 2, crc32c(body)) + body
    directory.mkdir(parents=True)
    (directory / "00000000000000000000.log").write_bytes(batch)
