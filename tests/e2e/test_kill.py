"""kill -9 at random instants: no duplicate, no loss, verify green. The very first commit of new tables included."""
import random
import time

import pytest
from lake import TEST_ALL, Lake, kill

# (seed, kills): together 210 in the ordinary run.
RUNS = [(seed, 70) for seed in range(3)] if not TEST_ALL else [(seed, 200) for seed in range(10)]


@pytest.mark.parametrize("seed,kills", RUNS)
def test_killed_at_random_instants_neither_loses_nor_duplicates(tmp_path, seed, kills):
    choose = random.Random(seed)
    lake = Lake(tmp_path, seed=seed, partitions=choose.choice([1, 3, 6]))
    lake.configure(interval=choose.choice(["1ms", "10ms", "40ms"]), workers=choose.choice([1, 2]))
    delivered = 0
    while delivered < kills:
        lake.generate(choose.choice([64, 640, 1500]))
        process = lake.start_sink()
        time.sleep(choose.uniform(0.0, 0.12))
        if process.poll() is None:
            kill(process)
            delivered += 1
        else:
            assert process.returncode == 0, process.stderr.read()
    lake.sink()
    lake.assert_conserved()
    lake.verify()


@pytest.mark.parametrize("seed", range(20 if not TEST_ALL else 100))
def test_killed_during_the_first_commit_of_new_tables(tmp_path, seed):
    choose = random.Random(1000 + seed)
    lake = Lake(tmp_path, seed=seed, partitions=2)
    lake.configure(interval="1ms")
    lake.generate(256)
    process = lake.start_sink()
    time.sleep(choose.uniform(0.0, 0.035))
    kill(process)
    lake.sink()
    lake.assert_conserved()
    lake.verify()
