"""The earlier system's environment names and .env.local, end to end."""
import json
import subprocess

from lake import BINARY, Lake


def test_environment_and_dotenv_override_the_file_in_their_order(tmp_path):
    lake = Lake(tmp_path)
    lake.generate(100)
    (tmp_path / ".env.local").write_text(
        "# the team's own values\n"
        "ICEBERG_WAREHOUSE=\"%s/elsewhere\"\n"
        "export BATCH_SIZE=50 # small\n"
        "ICEBERG_TABLE_RAW=raw_by_dotenv\n"
        "SOMETHING_ELSE=ignored\n" % tmp_path)
    environment = {**lake.environment(), "ICEBERG_CATALOG_URI": f"sqlite:///{tmp_path}/other.db",
                   "ICEBERG_DATABASE": "by_environment", "ICEBERG_TABLE_RAW": "raw_by_environment",
                   "ICEBERG_TABLE_ERRORS": "errors_by_environment", "CHECKPOINT_INTERVAL_MS": "500",
                   "ICEBERG_CATALOG_TYPE": "jdbc", "UNKNOWN_NAME": "ignored"}
    checked = subprocess.run([BINARY, "config", "check", "icesink.yaml", "--commit.retries=7"], cwd=tmp_path, text=True,
                             env=environment, capture_output=True)
    assert checked.returncode == 0, checked.stderr
    settings = {line.split()[0]: " ".join(line.split()[1:]) for line in checked.stdout.splitlines()}
    assert settings["write.batch_size"] == "50 (.env.local:3)"
    assert settings["tables.data"] == "raw_by_environment (ICEBERG_TABLE_RAW)"
    assert settings["commit.interval"] == "500 (CHECKPOINT_INTERVAL_MS)"
    assert settings["commit.retries"] == "7 (flag)"
    assert settings["catalog.warehouse"] == f"{tmp_path}/elsewhere (.env.local:2)"
    assert settings["memory"] == "128MB (icesink.yaml:10)"
    done = subprocess.run([BINARY, "run", "icesink.yaml", "--until-end"], cwd=tmp_path, text=True, env=environment,
                          capture_output=True)
    assert done.returncode == 0, done.stderr
    from pyiceberg.catalog.sql import SqlCatalog
    catalog = SqlCatalog("health_catalog", uri=f"sqlite:///{tmp_path}/other.db", warehouse=f"file://{tmp_path}/elsewhere")
    table = catalog.load_table("by_environment.raw_by_environment")
    assert table.scan().to_arrow().num_rows == len(lake.expected()[0])
    assert table.location().startswith(f"file://{tmp_path}/elsewhere/")
    assert catalog.table_exists("by_environment.errors_by_environment")


def test_unsupported_catalog_type_is_a_configuration_error(tmp_path):
    lake = Lake(tmp_path)
    lake.generate(10)
    for kind in ("hadoop", "hive"):
        done = subprocess.run([BINARY, "run", "icesink.yaml"], cwd=tmp_path, text=True, capture_output=True,
                              env={**lake.environment(), "ICEBERG_CATALOG_TYPE": kind})
        assert done.returncode == 2
        assert "ICEBERG_CATALOG_TYPE" in done.stderr and kind in done.stderr and "sqlite" in done.stderr


def test_check_names_every_step_and_the_fix(tmp_path):
    lake = Lake(tmp_path)
    lake.generate(10)
    failing = lake.run("check", "icesink.yaml", check=False)
    assert failing.returncode == 1
    assert "FAILED  catalog" in failing.stdout and "icesink init" in failing.stdout
    steps = json.loads(lake.run("check", "icesink.yaml", "--json", check=False).stdout)
    assert [(s["step"], s["ok"]) for s in steps][-2:] == [("registry", True), ("catalog", False)]
    assert "does not exist" in steps[-1]["error"] and "icesink init" in steps[-1]["fix"]
    lake.run("init", "icesink.yaml")
    passing = lake.run("check", "icesink.yaml")
    assert [line.split(maxsplit=1) for line in passing.stdout.splitlines()] == [["ok", step] for step in (
        "configuration", "pipeline", "source", "registry", "catalog", "tables", "store: write", "store: read", "store: delete")]


def test_inspect_and_the_log_warn_of_many_small_files(tmp_path):
    lake = Lake(tmp_path)
    warned = []
    for _ in range(6):
        lake.generate(300)
        warned.append(lake.sink().stderr.count("Too many small files in Iceberg table"))
    # 24 files in each run: a hundred in the fifth.
    assert warned == [0, 0, 0, 0, 1, 0]
    shown = lake.run("inspect", "health_db.health_data_raw", "--config", "icesink.yaml").stdout
    assert "Too many small files in Iceberg table: 144 files of" in shown
    assert "24 partitions" in shown and "commit.interval" in shown


def test_log_lines_are_json_objects_with_the_known_fields(tmp_path):
    lake = Lake(tmp_path, bad=30)
    lake.generate(400)
    log = [json.loads(line) for line in lake.sink("--log.format=json").stderr.splitlines()]
    committed, = [line for line in log if line["message"] == "Epoch committed"]
    rows, dead = lake.expected()
    assert (committed["records"], committed["rows"], committed["dead_letters"]) == (400, len(rows), len(dead))
    causes = {line["error_type"]: line["count"] for line in log if line["message"] == "Dead letters written"}
    assert causes == {name: sum(d[3] == name for d in dead) for name in {d[3] for d in dead}}
    assert all(line["table"] == "health_db.health_data_errors" for line in log if "error_type" in line)
    assert lake.sink("--log.level=warn").stderr == ""
