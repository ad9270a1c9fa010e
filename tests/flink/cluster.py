"""A standalone Flink cluster (tools/services/flink.sh), and what its REST interface does."""

import json
import os
import pathlib
import re
import subprocess
import time
import urllib.error
import urllib.request

from services import script

PROCESSES = ("jobmanager", "taskmanager-1", "taskmanager-2")
# Of two TaskManagers with two slots each: as many tasks as need both, so that the death of either is felt.
SPREAD = 3
JOBS = pathlib.Path(__file__).parent / "jobs"


def make_jobs(directory, classpath):
    """The jar of the tests' jobs, compiled against a cluster's own lib/."""
    sources = sorted(JOBS.glob("*.java"))
    classes = directory / "classes"
    compiler = ["javac", "--release", "11", "-Xlint:all,-processing,-classfile", "-Werror", "-cp", f"{classpath}/*"]
    subprocess.run([*compiler, "-d", classes, *sources], check=True, timeout=120)
    jar = directory / "jobs.jar"
    subprocess.run(["jar", "cf", jar, "-C", classes, "."], check=True, timeout=60)
    return jar


class Cluster:
    """One JobManager and two TaskManagers with the connector's jar in lib/; each can be killed and launched anew."""

    def __init__(self, directory, connector):
        self.directory = pathlib.Path(directory)
        self.start(connector)
        self.jobs = make_jobs(self.directory, self.directory / "home/lib")
        self.jar_id = None

    def start(self, *jars):
        self.address = script("flink", "start", self.directory, *jars)
        self.jar_id = None

    def stop(self):
        script("flink", "stop", self.directory)

    def kill(self, *processes):
        for process in processes:
            script("flink", "kill", self.directory, process)

    def launch(self, *processes):
        for process in processes:
            script("flink", "launch", self.directory, process)
        if "jobmanager" in processes:
            self.jar_id = None
            self.wait_until(lambda: self.get("/overview"), "the JobManager answers", 60)

    def log(self, process="*"):
        return "".join(path.read_text(errors="replace") for path in sorted(self.directory.glob(f"{process}/log")))

    # The REST interface ----------------------------------------------------------------------------------------------

    def call(self, path, body=None, method=None, content_type="application/json"):
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        request = urllib.request.Request(self.address + path, data, {"Content-Type": content_type}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as problem:
            raise AssertionError(f"{path}: {problem.code} {problem.read().decode()[-3000:]}") from problem

    def get(self, path):
        """An answer, or None while there is none."""
        try:
            return self.call(path)
        except (OSError, AssertionError):
            return None

    def upload(self):
        boundary = b"the-jar-of-the-jobs"
        body = b'--%b\r\nContent-Disposition: form-data; name="jarfile"; filename="jobs.jar"\r\n' % boundary
        body += b"Content-Type: application/x-java-archive\r\n\r\n%b\r\n--%b--\r\n" % (self.jobs.read_bytes(), boundary)
        answer = self.call("/jars/upload", body, content_type=f"multipart/form-data; boundary={boundary.decode()}")
        self.jar_id = pathlib.PurePath(answer["filename"]).name

    def submit(self, main, *arguments, start_from=None, parallelism=SPREAD, job_id=None, drop_state=False, **settings):
        """Start a job; its id. `start_from` is a checkpoint or a savepoint."""
        if self.jar_id is None:
            self.upload()
        body = {
            "entryClass": main,
            "programArgsList": [str(a) for a in arguments],
            "parallelism": parallelism,
            "allowNonRestoredState": drop_state,
            "flinkConfiguration": {k.replace("__", "-").replace("_", "."): str(v) for k, v in settings.items()},
        }
        if start_from:
            body["savepointPath"] = str(start_from)
        if job_id:
            body["jobId"] = job_id
        return self.call(f"/jars/{self.jar_id}/run", body)["jobid"]

    def run_python(self, program, packages, **variables):
        """Submit a program of PyFlink from a client of its own; its job's id. Tasks get `packages` with the job."""
        client = [self.directory / "home/bin/flink", "run", "-d", "-py", program, "-pyfs", ",".join(map(str, packages))]
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("ICEBERG_", "ICESINK_", "KAFKA_", "S3_", "PYTHON"))}
        done = subprocess.run(client, env={**kept, **variables}, text=True, capture_output=True, timeout=180)
        found = re.search(r"submitted with JobID ([0-9a-f]{32})", done.stdout)
        assert done.returncode == 0 and found, done.stdout[-3000:] + done.stderr[-5000:]
        return found.group(1)

    def taskmanagers_of(self, job):
        """The processes that run its tasks."""
        vertices = [vertex["id"] for vertex in self.call(f"/jobs/{job}")["vertices"]]
        tasks = [task for vertex in vertices for task in self.call(f"/jobs/{job}/vertices/{vertex}")["subtasks"]]
        ids = {task["taskmanager-id"] for task in tasks}
        return [process for process in PROCESSES[1:] if any(found in self.log(process) for found in ids)]

    def state(self, job):
        found = self.get(f"/jobs/{job}")
        return found and found["state"]

    def check(self, job):
        """A job that ended in failure is told with its cause, now and not at the end of a wait."""
        if self.state(job) == "FAILED":
            cause = self.call(f"/jobs/{job}/exceptions")["exceptionHistory"]["entries"][0]["stacktrace"]
            raise AssertionError(f"job {job} failed: {cause[:4000]}")

    def cancel(self, job):
        self.call(f"/jobs/{job}?mode=cancel", method="PATCH")
        self.wait_until(lambda: self.state(job) == "CANCELED", f"{job} is cancelled", 60)

    def savepoint(self, job, stop=False):
        """A savepoint's folder; the job ends with it, or goes on."""
        body = {"drain": False} if stop else {"cancel-job": False}
        trigger = self.call(f"/jobs/{job}/{'stop' if stop else 'savepoints'}", body)["request-id"]
        while True:
            answer = self.call(f"/jobs/{job}/savepoints/{trigger}")
            if answer["status"]["id"] == "COMPLETED":
                break
            time.sleep(0.1)
        assert "location" in answer["operation"], answer["operation"]
        if stop:
            self.wait_until(lambda: self.state(job) == "FINISHED", f"{job} is finished", 60)
        return pathlib.Path(answer["operation"]["location"].removeprefix("file:"))

    def checkpoints(self, job):
        """Numbers of checkpoints that completed, and of restores."""
        return self.call(f"/jobs/{job}/checkpoints")["counts"]

    def retained(self, job):
        """The folder of the newest checkpoint on disk, or None."""
        found = (self.directory / "checkpoints" / job).glob("chk-*/_metadata")
        return max((path.parent for path in found), key=lambda path: int(path.name[4:]), default=None)

    def wait_for_checkpoints(self, job, count):
        """`count` more of them, each with its commit."""
        goal = self.checkpoints(job)["completed"] + count
        self.wait_until(lambda: self.checkpoints(job)["completed"] >= goal, f"{goal} checkpoints", 60, job)

    def wait_until(self, condition, what, seconds=60, job=None):
        end = time.monotonic() + seconds
        while not condition():
            if job:
                self.check(job)
            assert time.monotonic() < end, f"not within {seconds} s: {what}\n{self.log()[-6000:]}"
            time.sleep(0.1)
