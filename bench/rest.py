"""The same topic into a local lake and into a REST catalog with S3 storage, without and with latency: CPU and time of the sink.

    .cache/venv/bin/python bench/rest.py [MESSAGES]      after tools/install_test_tools.sh and a release build

The sink is pinned to core 0, the servers and the proxy that adds the latency to the others. Each kind of run is made three times, taking
turns, because the machine's speed changes; the table has the median.
"""
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/e2e"))
os.environ.setdefault("ICESINK_BINARY", str(ROOT / "build/release/bin/icesink"))
from catalogs import RestLake, deployment  # noqa: E402
from lake import Lake  # noqa: E402

ROUNDS = 3
LATENCY_S = 0.002


class SlowProxy:
    """Passes bytes on; what comes from the client waits first, so that each request takes that much longer."""

    def __init__(self, url, latency_s):
        self.latency_s = latency_s
        host, port = url.removeprefix("http://").split("/")[0].split(":")
        self.server = host, int(port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}" + url.removeprefix(f"http://{host}:{port}")
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(self.server)
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.pump, args=(client, server, self.latency_s), daemon=True).start()
            threading.Thread(target=self.pump, args=(server, client, 0), daemon=True).start()

    @staticmethod
    def pump(source, target, latency_s):
        quiet_since = 0.0
        try:
            while data := source.recv(1 << 18):
                # One wait for a request, not one for each piece of a large one.
                if latency_s and time.monotonic() - quiet_since > latency_s:
                    time.sleep(latency_s)
                target.sendall(data)
                quiet_since = time.monotonic()
        except OSError:
            pass
        for end in (source, target):
            end.close()


class PinnedLake:
    def command(self, *arguments):
        return ["taskset", "-c", "0", *super().command(*arguments)]


class PinnedLocal(PinnedLake, Lake):
    pass


class PinnedRest(PinnedLake, RestLake):
    pass


def measure(lake):
    begin = time.monotonic()
    summary = json.loads(lake.sink().stdout)
    return summary["elements"], summary["cpu_seconds"], time.monotonic() - begin


def drop(lake):
    catalog = lake.catalog()
    for name in ("health_data_raw", "health_data_errors"):
        if catalog.namespace_exists("health_db") and catalog.table_exists(f"health_db.{name}"):
            catalog.drop_table(f"health_db.{name}")


def main():
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 400000
    os.sched_setaffinity(0, set(range(1, os.cpu_count())) or {0})
    with tempfile.TemporaryDirectory() as directory, deployment("fixture", f"{directory}/server") as server:
        directory = pathlib.Path(directory)
        (directory / "topic").mkdir()
        topic = Lake(directory / "topic")
        topic.generate(messages)
        proxies = {latency: (SlowProxy(server.uri, latency), SlowProxy(server.store.endpoint, latency))
                   for latency in (0, LATENCY_S)}

        def lake_of(kind, number):
            place = directory / f"{kind}-{number}"
            place.mkdir()
            (place / "kafka").symlink_to(directory / "topic/kafka")
            if kind == "local":
                lake = PinnedLocal(place)
            else:
                lake = PinnedRest(place, server)
                drop(lake)
                if kind != "rest":
                    catalog, store = proxies[0 if kind == "proxy" else LATENCY_S]
                    lake.uri, lake.endpoint = catalog.url, store.url
            lake.configure(interval="2s")
            return lake

        kinds = {"local": "SQLite, local files", "rest": "REST, S3", "proxy": "REST, S3, through a proxy",
                 "slow": "the same, 2 ms more for each request"}
        found = {kind: [] for kind in kinds}
        for number in range(ROUNDS):
            for kind in kinds:
                found[kind].append(measure(lake_of(kind, number)))
        print("| run | elements | CPU s | per CPU-s | CPU against local | wall s |\n|---|---|---|---|---|---|")
        base = statistics.median(cpu for _, cpu, _ in found["local"])
        for kind, title in kinds.items():
            elements = found[kind][0][0]
            cpu = statistics.median(cpu for _, cpu, _ in found[kind])
            wall = statistics.median(wall for _, _, wall in found[kind])
            print(f"| {title} | {elements} | {cpu:.2f} | {elements / cpu / 1000:.0f} k | {cpu / base:.2f}x | {wall:.2f} |")


if __name__ == "__main__":
    main()
