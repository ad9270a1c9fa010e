"""Jobs on a standalone cluster whose processes are killed: every row of the ledger once, as PyIceberg reads the table."""

import os
import random
import time

from lake import TEST_ALL
from samples import SamplesLake, Trickle, wait_for_rows

KILLS = int(os.environ.get("KILLS", "0")) or (30 if TEST_ALL else 6)
SEED = int(os.environ.get("SEED", "1"))
# Of six kills: one TaskManager, the JobManager alone, everything.
VICTIMS = [
    ("taskmanager-1",),
    ("taskmanager-2",),
    ("taskmanager-1",),
    ("taskmanager-2",),
    ("jobmanager",),
    ("jobmanager", "taskmanager-1", "taskmanager-2"),
]


class KilledJob:
    """A job that is started again, wherever it died, from the newest checkpoint that is on disk."""

    def __init__(self, cluster, lake, choose):
        self.cluster = cluster
        self.lake = lake
        self.choose = choose
        self.restored = None
        self.ids = []
        self.submit()

    def submit(self):
        self.ids.append(self.cluster.submit("SqlJob", *self.lake.statements(), start_from=self.restored))

    @property
    def id(self):
        return self.ids[-1]

    def wait_for_the_moment(self):
        """Anywhere between two checkpoints, or right after one is decided, when its commit is about to be made."""
        if self.choose.random() < 0.5:
            time.sleep(self.choose.uniform(0, 1.5))
        else:
            seen = self.cluster.retained(self.id)
            end = time.monotonic() + 30
            while self.cluster.retained(self.id) == seen and time.monotonic() < end:
                time.sleep(0.001)
            time.sleep(self.choose.choice([0, 0.01, 0.03, 0.1]))

    def kill(self, victims):
        """Kill, start anew, and wait until the job goes on from a checkpoint and commits new rows."""
        self.wait_for_the_moment()
        restored = self.cluster.checkpoints(self.id)["restored"]
        self.cluster.kill(*victims)
        self.cluster.launch(*victims)
        if "jobmanager" in victims:
            # Without high availability the job went with it. One that had no checkpoint of its own yet goes on from the one before.
            self.restored = self.cluster.retained(self.id) or self.restored
            assert self.restored
            self.submit()
            restored = 0
        self.cluster.wait_until(lambda: self.restores() > restored, "the job is restored", 90, self.id)
        self.cluster.wait_for_checkpoints(self.id, 1)
        wait_for_rows(self.cluster, self.id, self.lake, self.lake.count() + 1)

    def restores(self):
        found = self.cluster.get(f"/jobs/{self.id}/checkpoints")
        return found["counts"]["restored"] if found else 0


def victims_of(choose, count):
    rounds = [choose.sample(VICTIMS, len(VICTIMS)) for _ in range(-(-count // len(VICTIMS)))]
    return sum(rounds, [])[:count]


def test_nothing_is_lost_and_nothing_is_there_twice(cluster, server, broker, registry, tmp_path):
    choose = random.Random(SEED)
    lake = SamplesLake(tmp_path / "lake", server, broker, registry, "killed", 1000 * KILLS, SEED)
    job = KilledJob(cluster, lake, choose)
    trickle = Trickle(lake, 50)
    try:
        wait_for_rows(cluster, job.id, lake, 1)
        for victims in victims_of(choose, KILLS):
            started = time.monotonic()
            job.kill(victims)
            print(f"{'+'.join(victims)}: {time.monotonic() - started:.1f} s", flush=True)
    finally:
        trickle.finish()
    wait_for_rows(cluster, job.id, lake)
    # What is written twice would come with a later checkpoint.
    cluster.wait_for_checkpoints(job.id, 2)
    cluster.cancel(job.id)
    lake.assert_once()
    assert_summaries(lake, job.ids)
    # Each life began where the table was: nobody is warned of rows that come again.
    assert f"Table {lake.name} knows commits" not in cluster.log()


def assert_summaries(lake, jobs):
    """Every commit says its job and its checkpoint, in the entries of the community's sink; none comes twice."""
    commits = [
        (s.summary["flink.job-id"], s.summary["flink.operator-id"], int(s.summary["flink.max-committed-checkpoint-id"]))
        for s in lake.loaded().metadata.snapshots
    ]
    assert len(set(commits)) == len(commits)
    assert {job for job, _, _ in commits} == set(jobs)
    assert len({operator for _, operator, _ in commits}) == 1
    for job in jobs:
        ids = [checkpoint for of, _, checkpoint in commits if of == job]
        assert ids == sorted(ids)
