"""Programs of PyFlink, as processes of their own: PyFlink's pyarrow and that of the readers do not go together."""

import json
import os
import pathlib
import signal
import subprocess
import time

from conftest import ROOT

SCRIPTS = pathlib.Path(__file__).parent / "flink_programs"
LIBRARY = os.environ["ICESINK_LIBRARY"]


def installed():
    """The environment with PyFlink and the Kafka connector."""
    done = subprocess.run([ROOT / "tools/services/pyflink.sh", "install"], text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    return pathlib.Path(done.stdout.strip())


def make_jar(output):
    """The connector's jar, around the native library that was built."""
    done = subprocess.run(
        ["mvn", "-q", "-B", "-ntp", "-f", ROOT / "bindings/flink/pom.xml", "-Dmaven.test.skip=true"]
        + [f"-Dicesink.native={os.environ['ICESINK_JNI']}", f"-Dicesink.output={output}", "package"],
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (jar,) = output.glob("2.1/icesink-flink-2.1-*.jar")
    return jar


class Flink:
    """PyFlink's local cluster with settings of its own, and what runs with it in `directory`."""

    def __init__(self, home, jar, directory):
        self.home = home
        self.directory = directory
        self.checkpoints = directory / "checkpoints"
        directory.mkdir(parents=True)
        self.starts = 0
        (self.reporter,) = home.glob("lib/python3.*/site-packages/pyflink/plugins/metrics-slf4j/*.jar")
        self.jars = [jar, *home.glob("jars/*.jar")]
        self.configure()

    def configure(self, **more):
        self.settings = {
            "execution.checkpointing.dir": f"file://{self.checkpoints}",
            "state.backend.type": "rocksdb",
            "restart-strategy.type": "fixed-delay",
            "restart-strategy.fixed-delay.attempts": 3,
            "restart-strategy.fixed-delay.delay": "100ms",
            # Metrics, into the log.
            "metrics.reporter.log.factory.class": "org.apache.flink.metrics.slf4j.Slf4jReporterFactory",
            "metrics.reporter.log.interval": "1 SECONDS",
            **more,
        }

    def environment(self, **variables):
        # PyFlink begins its log anew.
        self.starts += 1
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("ICEBERG_", "KAFKA_", "S3_", "BATCH_"))}
        return {
            **kept,
            "PATH": f"{self.home / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / "bindings/python"),
            "ICESINK_FLINK_JARS": os.pathsep.join(map(str, self.jars)),
            "HADOOP_CLASSPATH": str(self.reporter),
            "FLINK_TEST_SETTINGS": json.dumps(self.settings),
            "FLINK_LOG_DIR": str(self.directory / f"log-{self.starts}"),
            **variables,
        }

    def run(self, script, *arguments, timeout=180, **variables):
        """A program to its end; its output."""
        done = subprocess.run(
            [self.home / "bin/python", SCRIPTS / script, *map(str, arguments)],
            cwd=self.directory,
            env=self.environment(**variables),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
        )
        assert done.returncode == 0, done.stdout[-5000:] + self.log()[-3000:]
        return done.stdout

    def start(self, script, *arguments, **variables):
        output = (self.directory / "output").open("a")
        # A session of its own, so that its JVM dies with it.
        return subprocess.Popen(
            [self.home / "bin/python", SCRIPTS / script, *map(str, arguments)],
            cwd=self.directory,
            env=self.environment(**variables),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )

    @staticmethod
    def kill(process):
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()

    def output(self):
        return (self.directory / "output").read_text()

    def log(self):
        """Flink's log of the last start."""
        return "".join(path.read_text() for path in (self.directory / f"log-{self.starts}").glob("*.log"))

    def last_checkpoint(self):
        found = self.checkpoints.glob("*/chk-*/_metadata")
        return max(found, key=lambda path: path.stat().st_mtime).parent

    def wait_until(self, condition, process, seconds=120):
        end = time.monotonic() + seconds
        while not condition():
            assert process.poll() is None, self.output()[-5000:] + self.log()[-3000:]
            assert time.monotonic() < end, f"not within {seconds} s\n{self.output()[-3000:]}\n{self.log()[-3000:]}"
            time.sleep(0.3)
