"""Tables whose columns and partitions others change while the sink runs, and tables that a start may change itself."""
import pytest
from broker_lake import wait_until
from catalogs import RestLake, deployment
from lake import Lake
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.transforms import BucketTransform
from pyiceberg.types import DoubleType, FloatType, LongType, StringType


@pytest.fixture(params=["sqlite", "rest"])
def lake(request, tmp_path):
    if request.param == "sqlite":
        yield Lake(tmp_path)
        return
    with deployment("fixture-files", tmp_path / "server") as server:
        yield RestLake(tmp_path / "lake", server)


def rows_of(lake):
    try:
        return lake.table("health_data_raw").scan(selected_fields=("sample_id",)).to_arrow().num_rows
    except NoSuchTableError:
        return 0


def produce(lake, messages):
    lake.generate(messages)
    expected = len(lake.expected()[0])
    wait_until(lambda: rows_of(lake) == expected, 20)


def column(lake, *names):
    rows = lake.table("health_data_raw").scan(selected_fields=("sample_id", *names)).to_arrow().to_pylist()
    return sorted(tuple(row[name] for name in ("sample_id", *names)) for row in rows)


def test_columns_are_followed_by_their_ids(lake):
    lake.configure(interval="50ms")
    lake.generate(1)
    with lake.service() as process:
        produce(lake, 300)
        with lake.table("health_data_raw").update_schema(allow_incompatible_changes=True) as update:
            update.rename_column("value", "reading")
            update.rename_column("unit", "value")
            update.add_column("note", StringType())
            update.move_first("sample_id")
            update.delete_column("app_version")
        # The first epoch after the change was made with the old columns, the second with the new ones.
        produce(lake, 300)
        produce(lake, 300)
        names = [f.name for f in lake.table("health_data_raw").schema().fields]
        assert names[0] == "sample_id" and "app_version" not in names and names[-1] == "note"
    assert "following it" in process.log and "column=app_version" in process.log
    expected = [(r[0], r[2]) for r in lake.expected()[0]]
    assert column(lake, "reading") == expected
    assert {unit for _, unit in column(lake, "value")} >= {"count/min", "%"}
    assert {note for _, note in column(lake, "note")} == {None}
    lake.verify()


def test_a_new_partition_spec_is_followed(lake):
    lake.configure(interval="50ms")
    lake.generate(1)
    with lake.service():
        produce(lake, 100)
        with lake.table("health_data_raw").update_spec() as update:
            update.remove_field("data_type")
            update.add_field("device_id", BucketTransform(4), "device_bucket")
        produce(lake, 100)
        produce(lake, 100)
        specs = set(lake.table("health_data_raw").inspect.files().to_pydict()["spec_id"])
        assert len(specs) == 2
    lake.assert_conserved()
    lake.verify()


PIPELINE = """\
pipeline:
  explode: samples
  columns:
    sample_id: {path: samples.id, type: string, required: true}
    data_type: {path: samples.type, type: string, required: true}
    value: {path: samples.value, type: %s, required: true}
    device_id: {path: deviceId, type: string}
  dead_letters: {columns: {}}
"""


def use_pipeline(lake, value_type, evolve):
    text = (lake.directory / "icesink.yaml").read_text()
    before, rest = text.split("pipeline: {preset: health}\n") if "preset: health" in text else (
        text.split("pipeline:\n")[0], "tables: " + text.split("tables: ", 1)[1])
    rest = rest.replace("evolve: ", "was: ").split("was: ")[0]
    (lake.directory / "icesink.yaml").write_text(before + PIPELINE.replace("  dead_letters: {columns: {}}\n", "") % value_type
                                                 + rest + f"evolve: {evolve}\n")


def test_a_start_adds_and_widens_what_the_pipeline_wants_by_choice(lake):
    from pyiceberg.schema import Schema
    from pyiceberg.types import NestedField
    catalog = lake.catalog()
    lake.generate(200)
    lake.run("init", "icesink.yaml")
    catalog.drop_table("health_db.health_data_raw")
    catalog.create_table("health_db.health_data_raw", Schema(
        NestedField(1, "sample_id", StringType(), required=True), NestedField(2, "value", FloatType(), required=True),
        NestedField(3, "data_type", StringType(), required=True), NestedField(4, "extra", LongType(), required=False)))
    use_pipeline(lake, "double", "none")
    refused = lake.sink(check=False)
    assert refused.returncode == 2 and "value" in refused.stderr
    use_pipeline(lake, "float", "none")
    refused = lake.sink(check=False)
    assert refused.returncode == 2 and "has no column device_id" in refused.stderr
    use_pipeline(lake, "double", "add")
    refused = lake.sink(check=False)
    assert refused.returncode == 2 and "value" in refused.stderr
    use_pipeline(lake, "double", "widen")
    lake.sink()
    schema = lake.table("health_data_raw").schema()
    assert schema.find_field("value").field_type == DoubleType() and schema.find_field("value").field_id == 2
    assert schema.find_field("device_id").field_id == 5 and not schema.find_field("device_id").required
    assert [f.name for f in schema.fields] == ["sample_id", "value", "data_type", "extra", "device_id"]
    assert len(column(lake, "device_id")) > 0
    # A second start finds nothing to do.
    metadata = lake.metadata_location("health_data_raw")
    lake.sink()
    assert lake.metadata_location("health_data_raw") == metadata
