#!/usr/bin/env python3
"""One measured run of a sink, and the table of all runs; bench/peers/run.sh calls it.

measure.py create CATALOG WAREHOUSE TABLE             the table that all sinks write to
measure.py run RESULTS NAME TOPIC ROWS CATALOG TABLE COMMAND...
                                                      run COMMAND until it ends or the table has ROWS rows, then end it; check
                                                      the rows; add a line to the file RESULTS
measure.py print RESULTS                              the table, each sink beside icesink on the same topic

CPU is user and system time of the process and all it started, until it has ended. The peak is the sum of the high-water marks
(VmHWM) of its processes, read ten times a second. A topic named start-* has one record a partition: what a sink needs to start."""
import datetime
import itertools
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import DayTransform
from pyiceberg.types import DoubleType, LongType, NestedField, StringType, TimestamptzType

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from load_topic import READING, UNIQUE, readings  # noqa: E402

LIMIT_S = 600
ICEBERG = {"sensor": StringType(), "site": StringType(), "seq": LongType(), "at": TimestamptzType(),
           "temperature": DoubleType(), "humidity": DoubleType(), "pressure": DoubleType(), "status": StringType(),
           "note": StringType()}


def catalog(uri, **more):
    return SqlCatalog("peers", uri=f"sqlite:///{uri}", **more)


def create(uri, warehouse, name):
    fields = [NestedField(number, field, ICEBERG[field], required=field != "note")
              for number, field in enumerate((field["name"] for field in READING["fields"]), 1)]
    lake = catalog(uri, warehouse=f"file://{warehouse}")
    lake.create_namespace(name.split(".")[0])
    lake.create_table(name, Schema(*fields), partition_spec=PartitionSpec(PartitionField(4, 1000, DayTransform(), "at_day")),
                      properties={"write.parquet.compression-codec": "snappy"})


def rows_now(uri, name):
    snapshot = catalog(uri).load_table(name).current_snapshot()
    return int(snapshot.summary["total-records"]) if snapshot else 0


def check(uri, name, rows):
    """Every reading of the topic stands in the table with its own values, as often as it was produced."""
    columns = list(ICEBERG)
    scan = catalog(uri).load_table(name).scan().to_arrow().select(columns)
    found = scan.group_by(columns).aggregate([([], "count_all")]).sort_by("seq").to_pylist()
    wanted = [{**reading, "at": datetime.datetime.fromisoformat(reading["at"]),
               "count_all": rows // UNIQUE + (reading["seq"] < rows % UNIQUE)}
              for reading in itertools.islice(readings(), min(rows, UNIQUE))]
    if found != wanted:
        wrong = next((pair for pair in itertools.zip_longest(found, wanted) if pair[0] != pair[1]))
        sys.exit(f"{name} has {scan.num_rows} rows of {rows}; the first that differs, found and wanted: {wrong}")


def descendants(pid):
    try:
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid] + [found for child in children for found in descendants(int(child))]


def peak_kib(pid):
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0)


def end(process):
    process.send_signal(signal.SIGTERM)
    for _ in range(300):
        if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return
        time.sleep(0.1)
    process.kill()


def run(results, sink, topic, rows, uri, name, command):
    process = subprocess.Popen(command)
    started, asked, peaks, ended = time.monotonic(), 0, {}, False
    while not os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        for pid in descendants(process.pid):
            peaks[pid] = max(peaks.get(pid, 0), peak_kib(pid))
        now = time.monotonic()
        if now - started > LIMIT_S:
            process.kill()
            sys.exit(f"{sink}: {rows_now(uri, name)} of {rows} rows after {LIMIT_S} s")
        if not ended and now - asked >= 1:
            asked = now
            if rows_now(uri, name) >= rows:
                ended = True
                end(process)
        time.sleep(0.1)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0 and not ended:
        sys.exit(f"{sink}: ended with status {os.waitstatus_to_exitcode(status)}")
    check(uri, name, rows)
    with open(results, "a") as out:
        line = {"sink": sink, "topic": topic, "rows": rows, "cpu_s": usage.ru_utime + usage.ru_stime,
                "peak_kib": sum(peaks.values())}
        print(json.dumps(line), file=out)


def print_table(results):
    runs = [json.loads(line) for line in pathlib.Path(results).read_text().splitlines()]
    start = {(run["sink"], run["topic"].removeprefix("start-")): run["cpu_s"] for run in runs if run["topic"].startswith("start-")}
    print("| topic | sink | rows | CPU s | of that to start | rows per CPU-s | icesink is | without start | icesink is | peak"
          " | of icesink's |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    own = {}
    for run in runs:
        topic, rows, cpu, peak = run["topic"], run["rows"], run["cpu_s"], run["peak_kib"]
        if topic.startswith("start-"):
            continue
        begin = start[run["sink"], topic]
        speed, steady = rows / cpu, rows / max(cpu - begin, 0.01)
        if run["sink"] == "icesink":
            own[topic] = (speed, steady, peak)
        ratio = own[topic]
        print(f"| {topic} | {run['sink']} | {rows} | {cpu:.1f} | {begin:.1f} | {speed / 1000:.0f} k | {ratio[0] / speed:.1f}× "
              f"| {steady / 1000:.0f} k | {ratio[1] / steady:.1f}× | {peak / 1024:.0f} MiB | {peak / ratio[2]:.1f}× |")


if __name__ == "__main__":
    if sys.argv[1] == "create":
        create(*sys.argv[2:5])
    elif sys.argv[1] == "run":
        run(*sys.argv[2:5], int(sys.argv[5]), sys.argv[6], sys.argv[7], sys.argv[8:])
    else:
        print_table(sys.argv[2])
