#!/usr/bin/env python3
"""One measured job of Flink, and the table of all; bench/flink/run.sh calls it.

measure.py run RESULTS JOB TOPIC GROUP BROKER COMMAND...   run COMMAND until its group has all records of TOPIC, then end it; add a
                                                           line to the file RESULTS
measure.py print RESULTS BASE                              the table, each job beside the job BASE on the same topic

Flink tells the group where it is whenever a checkpoint is complete: that is the same for every sink, and for none. CPU is user and
system time of the process and all it started. Steady is from the second checkpoint to the last one before the topic's end; what was
spent before is start-up, most of it the JVM's compiler."""
import json
import os
import pathlib
import subprocess
import sys
import time

from confluent_kafka import Consumer, TopicPartition

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "peers"))
from measure import descendants, end, peak_kib  # noqa: E402

LIMIT_S = 900
TICKS = os.sysconf("SC_CLK_TCK")


class Group:
    def __init__(self, broker, group, topic):
        self.consumer = Consumer({"bootstrap.servers": broker, "group.id": group})
        partitions = self.consumer.list_topics(topic, timeout=30).topics[topic].partitions
        self.partitions = [TopicPartition(topic, partition) for partition in partitions]

    def end(self):
        return sum(self.consumer.get_watermark_offsets(p, timeout=30)[1] for p in self.partitions)

    def read(self):
        return sum(max(p.offset, 0) for p in self.consumer.committed(self.partitions, timeout=30))


def cpu_s(pids):
    """Of processes that live, and of their children that have ended."""
    total = 0
    for pid in pids:
        try:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(int(field) for field in fields[11:15])
    return total / TICKS


def run(results, job, topic, group_name, broker, command):
    group = Group(broker, group_name, topic)
    wanted = group.end()
    process = subprocess.Popen(command)
    started, peaks, samples = time.monotonic(), {}, [(0, 0.0, 0.0)]
    while samples[-1][0] < wanted:
        if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            sys.exit(f"{job}: ended with {samples[-1][0]} of {wanted} records")
        pids = descendants(process.pid)
        for pid in pids:
            peaks[pid] = max(peaks.get(pid, 0), peak_kib(pid))
        now, read = time.monotonic() - started, group.read()
        if read > samples[-1][0]:
            samples.append((read, cpu_s(pids), now))
        if now > LIMIT_S:
            process.kill()
            sys.exit(f"{job}: {read} of {wanted} records after {LIMIT_S} s")
        time.sleep(0.1)
    end(process)
    process.wait()
    if len(samples) < 5:
        sys.exit(f"{job}: {len(samples) - 1} checkpoints, the topic is too short for a steady state")
    first, last = samples[2], samples[-2]
    with open(results, "a") as out:
        line = {"job": job, "topic": topic, "records": wanted, "start_cpu_s": first[1], "steady": last[0] - first[0],
                "steady_cpu_s": last[1] - first[1], "steady_s": last[2] - first[2], "peak_kib": sum(peaks.values())}
        print(json.dumps(line), file=out)


def print_table(results, base):
    runs = [json.loads(line) for line in pathlib.Path(results).read_text().splitlines()]
    speed = {(r["topic"], r["job"]): r["steady"] / r["steady_cpu_s"] for r in runs}
    print(f"| topic | job | records | CPU s to start | steady records | CPU s | per CPU-s | against {base} | per second | peak |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for r in runs:
        own = speed[r["topic"], r["job"]]
        ratio = f"{own / speed[r['topic'], base]:.1f}×" if (r["topic"], base) in speed else ""
        print(f"| {r['topic']} | {r['job']} | {r['records']} | {r['start_cpu_s']:.0f} | {r['steady']} | {r['steady_cpu_s']:.0f} "
              f"| {own / 1000:.0f} k | {ratio} | {r['steady'] / r['steady_s'] / 1000:.0f} k | {r['peak_kib'] / 1024:.0f} MiB |")


if __name__ == "__main__":
    if sys.argv[1] == "run":
        run(*sys.argv[2:7], sys.argv[7:])
    else:
        print_table(*sys.argv[2:4])
