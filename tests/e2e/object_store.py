"""Object stores for the end-to-end tests, and the S3 store from the command line (tests/support/object_store_tool.c)."""
import os
import pathlib
import subprocess

from services import script


class ObjectStore:
    """An S3 server of its own, on a free port: `kind` is versitygw or minio."""

    def __init__(self, directory, kind="versitygw", *mode):
        self.directory = pathlib.Path(directory)
        self.kind = kind
        self.mode = mode
        self.access_key = "test-access"
        self.secret_key = "test-secret-key"
        self.region = "us-east-1"
        self.start()

    def start(self):
        self.endpoint = script(self.kind, "start", self.directory, *self.mode, S3_ROOT_ACCESS_KEY=self.access_key,
                               S3_ROOT_SECRET_KEY=self.secret_key)
        authority = self.directory / "ca.pem"
        self.ca = str(authority) if authority.exists() else None

    def stop(self):
        script(self.kind, "stop", self.directory)

    def client(self):
        """Another reader of the same objects."""
        import botocore.session
        from botocore.config import Config
        return botocore.session.get_session().create_client(
            "s3", endpoint_url=self.endpoint, region_name=self.region, aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key, verify=self.ca, config=Config(s3={"addressing_style": "path"}))

    def create_bucket(self, name):
        self.client().create_bucket(Bucket=name)

    def read(self, bucket, key):
        return self.client().get_object(Bucket=bucket, Key=key)["Body"].read()

    def write(self, bucket, key, body):
        self.client().put_object(Bucket=bucket, Key=key, Body=body)

    def keys(self, bucket, prefix=""):
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [found["Key"] for page in pages for found in page.get("Contents", [])]

    def open_uploads(self, bucket):
        """Multipart uploads that were neither completed nor aborted."""
        return self.client().list_multipart_uploads(Bucket=bucket).get("Uploads", [])

    def environment(self):
        """What object_store_tool needs to reach it."""
        return {"S3_TEST_ENDPOINT": self.endpoint, "AWS_ACCESS_KEY_ID": self.access_key,
                "AWS_SECRET_ACCESS_KEY": self.secret_key, "AWS_REGION": self.region,
                **({"S3_TEST_CA": self.ca} if self.ca else {})}


class Outcome:
    """How a call of the tool ended: `status` is empty when it went well."""

    def __init__(self, done):
        self.output = done.stdout
        self.log = done.stderr
        lines = [line for line in done.stderr.splitlines() if not line.startswith(("log: ", "count: "))]
        self.status, _, self.message = lines[-1].partition(": ") if done.returncode else ("", "", "")

    def count(self, name):
        return sum(int(line.split()[2]) for line in self.log.splitlines() if line.startswith(f"count: {name} "))


def command(store, arguments, environment):
    """The tool's command line and its environment, with nothing of the caller's own."""
    program = os.environ["ICESINK_OBJECT_STORE_TOOL"]
    settings = {"HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true", **store.environment(),
                **{name: str(value) for name, value in environment.items()}}
    return [program, *[str(a) for a in arguments]], {name: value for name, value in settings.items() if value != ""}


def tool(store, *arguments, **environment):
    """Runs the S3 store against `store` (an ObjectStore or a stand-in)."""
    line, variables = command(store, arguments, environment)
    done = subprocess.run(line, text=True, capture_output=True, timeout=300, env=variables)
    assert done.returncode in (0, 1), done.stderr
    return Outcome(done)
