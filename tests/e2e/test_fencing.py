"""Two processes of one sink at once: the position in the table fences them, nothing is written twice."""
import json
import random
import signal
import subprocess
import time

import pytest
from broker_lake import BrokerLake, interleaved, wait_until
from lake import Lake
from services import Broker, Proxy


def start(lake):
    return subprocess.Popen(lake.command("run", "icesink.yaml"), cwd=lake.directory, env=lake.environment(),
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def wait_for_records(lake, count, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = lake.run("verify", "health_db.health_data_raw", "--config", "icesink.yaml", "--json", check=False)
        if found.returncode == 0 and json.loads(found.stdout)[0]["records"] == count:
            return
        time.sleep(0.05)
    raise AssertionError(f"{count} records were not committed within {seconds} s")


def stop(process):
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=60)
    assert process.returncode == 0, log
    return log


@pytest.mark.parametrize("seed", range(3))
def test_two_processes_of_one_sink_write_every_record_once(tmp_path, seed):
    choose = random.Random(seed)
    lake = Lake(tmp_path, seed=seed, partitions=3)
    lake.configure(interval="20ms")
    lake.generate(100)
    lake.sink()
    both = [start(lake), start(lake)]
    for _ in range(15):
        lake.generate(choose.choice([64, 200, 500]))
        time.sleep(choose.uniform(0.0, 0.15))
    time.sleep(0.5)
    logs = [stop(process) for process in both]
    assert any("Fenced" in log for log in logs), logs
    lake.sink()
    lake.assert_conserved()
    lake.verify()


def test_process_that_slept_through_its_successors_commits_is_fenced(tmp_path):
    lake = Lake(tmp_path, partitions=2)
    lake.configure(interval="30ms")
    lake.generate(200)
    sleeper = start(lake)
    wait_for_records(lake, 200)
    sleeper.send_signal(signal.SIGSTOP)
    lake.generate(400)
    lake.sink()
    # With more in the topic than the successor took, the sleeper's epoch ends where nobody has been yet.
    lake.generate(300)
    sleeper.send_signal(signal.SIGCONT)
    time.sleep(1.0)
    log = stop(sleeper)
    assert "Fenced" in log
    lake.sink()
    lake.assert_conserved()
    lake.verify()


def test_process_that_is_cut_off_from_the_broker_loses_its_partitions_and_writes_nothing_twice(tmp_path, registry):
    """It reaches the catalog all the time, and has read records that it has not committed."""
    broker = Broker(tmp_path / "broker", "proxied")
    proxy = Proxy(broker.listener("FRONT"), broker.listener("BEHIND"))
    try:
        lake = BrokerLake(tmp_path / "lake", broker, registry, "cut", partitions=4, seed=12)
        more = ', assignment: group, properties: {session.timeout.ms: "1000", heartbeat.interval.ms: "200"}'
        lake.brokers = broker.listener("FRONT")
        lake.configure(interval="2s", more=more)
        (lake.directory / "icesink.yaml").rename(lake.directory / "cut.yaml")
        lake.brokers = broker.address
        lake.configure(interval="100ms", more=more)
        records = interleaved(lake.prepare(6000))
        broker.create_topic(lake.topic, 4)
        lake.run("init", "icesink.yaml")
        cut = lake.start_service("cut.yaml")
        broker.produce(lake.topic, records[:2000])
        wait_until(lambda: lake.records_in_table() == 2000, 60)
        for start in range(2000, 6000, 2000):
            broker.produce(lake.topic, records[start:start + 1000])
            time.sleep(0.5)  # read, and not yet committed
            proxy.cut()
            other = lake.start_service()
            broker.produce(lake.topic, records[start + 1000:start + 2000])
            wait_until(lambda end=start + 2000: lake.records_in_table() == end, 60)
            proxy.join()
            time.sleep(1)
            assert stop(other)
        log = stop(cut)
        lake.sink()
        lake.assert_conserved()
        found = lake.verify("--source")
        assert found["gaps"] == 0 and log.count("divided its partitions anew") > 3
    finally:
        proxy.close()
        broker.stop()
