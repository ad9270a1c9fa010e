"""read_table.py CATALOG.db WAREHOUSE TABLE: a table as PyIceberg reads it, as JSON."""
import json
import sys

from pyiceberg.catalog.sql import SqlCatalog


def plain(value):
    return value.hex() if isinstance(value, bytes) else str(value)


catalog, warehouse, name = sys.argv[1:]
table = SqlCatalog("icesink", uri=f"sqlite:///{catalog}", warehouse=f"file://{warehouse}").load_table(name)
snapshots = [{"parent": s.parent_snapshot_id, "id": s.snapshot_id, **s.summary.additional_properties,
              "operation": s.summary.operation.value} for s in table.metadata.snapshots]
files = [{"partition": str(f.file.partition), "rows": f.file.record_count} for f in table.scan().plan_files()]
rows = table.scan().to_arrow().to_pylist()
json.dump({"snapshots": snapshots, "files": files, "rows": rows, "properties": table.properties,
           "schema": str(table.schema())}, sys.stdout, default=plain)
