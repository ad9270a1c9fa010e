"""kill -9 at random instants: no duplicate, no loss, verify green. The very first commit of new tables included."""
import random
import time

import pytest
from lake import TEST_ALL, Lake, kill, kill_at_random_instants

# (seed, kills): together 210 in the ordinary run.
RUNS = [(seed, 70) for seed in range(3)] if not TEST_ALL else [(seed, 200) for seed in range(10)]


@pytest.mark.parametrize("seed,kills", RUNS)
def test_killed_at_random_instants_neither_loses_nor_duplicates(tmp_path, seed, kills):
    choose = random.Random(seed)
    lake = Lake(tmp_path, seed=seed, partitions=choose.choice([1, 3, 6]))
    lake.configure(interval=choose.choice(["1ms", "10ms", "40ms"]), workers=choose.choice([1, 2]))
    kill_at_random_instants(lake, choose, kills, longest_s=0.12, counts=[64, 640, 1500])


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
