#!/usr/bin/env python3
"""Read a table's metadata, manifest list and manifests with fastavro and PyIceberg, and say what they see.

Usage: check_manifest_files.py METADATA_JSON
Needs: pip install fastavro pyiceberg. Exit status 1 where a reader disagrees with what the files claim.
"""
import json
import sys
from urllib.parse import urlparse

import fastavro
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.serializers import FromInputFile


def local(location):
    return urlparse(location).path if "://" in location else location


def rows_of(path):
    with open(local(path), "rb") as file:
        reader = fastavro.reader(file)
        return dict(reader.metadata), list(reader)


def check(condition, message):
    if not condition:
        print("FAILED:", message)
        sys.exit(1)


def check_manifest(entry, io, metadata):
    header, rows = rows_of(entry.manifest_path)
    with open(local(entry.manifest_path), "rb") as file:
        check(len(file.read()) == entry.manifest_length, "manifest_length is not the size of the file")
    for key in ("schema", "schema-id", "partition-spec", "partition-spec-id", "format-version", "content"):
        check(key in header, f"manifest header without {key}")
    check(isinstance(json.loads(header["partition-spec"]), list), "partition-spec is no array")
    check(header["content"] in ("data", "deletes"), "content of the header")
    entries = entry.fetch_manifest_entry(io, discard_deleted=False)
    check(len(entries) == len(rows), "PyIceberg and fastavro count differently")
    spec = metadata.specs()[entry.partition_spec_id]
    for item in entries:
        print("  ", item.status.name, item.sequence_number, item.data_file.file_path)
        print("     partition", spec.partition_to_path(item.data_file.partition, metadata.schema()))
        print("     ", item.data_file.record_count, "records, lower", item.data_file.lower_bounds, "upper",
              item.data_file.upper_bounds)
    return entries


def main():
    io = PyArrowFileIO()
    metadata = FromInputFile.table_metadata(io.new_input(sys.argv[1]))
    print("table", metadata.table_uuid, "format", metadata.format_version, "schema", metadata.schema())
    snapshot = metadata.current_snapshot()
    if snapshot is None:
        print("no snapshot")
        return
    print("snapshot", snapshot.snapshot_id, snapshot.summary)
    header, _ = rows_of(snapshot.manifest_list)
    for key in ("snapshot-id", "parent-snapshot-id", "sequence-number", "format-version"):
        check(key in header, f"manifest list header without {key}")
    check(int(header["snapshot-id"]) == snapshot.snapshot_id, "snapshot-id of the manifest list")
    records = 0
    files = 0
    for entry in snapshot.manifests(io):
        print(" manifest", entry.manifest_path, "sequence", entry.sequence_number, entry.partitions)
        for item in check_manifest(entry, io, metadata):
            if item.status.name != "DELETED" and entry.content.name == "DATA":
                records += item.data_file.record_count
                files += 1
    totals = snapshot.summary.additional_properties
    check(int(totals.get("total-records", records)) == records, "total-records")
    check(int(totals.get("total-data-files", files)) == files, "total-data-files")
    print("ok:", files, "files,", records, "records")


if __name__ == "__main__":
    main()
