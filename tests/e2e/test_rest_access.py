"""Who may do what: credentials that the catalog vends and that expire, servers that refuse, and servers that mean ill."""
import contextlib
import http.server
import json
import os
import pathlib
import re
import resource
import signal
import ssl
import subprocess
import threading
import time

import pytest
from catalogs import Nessie, RestLake, deployment
from fault_proxy import FaultProxy
from lake import Lake
from object_store import ObjectStore
from services import script

LIFE_S = 3


class Accounts:
    """Accounts of an S3 server that live for a few seconds, one after the other."""

    def __init__(self, store):
        self.store = store
        self.known = []
        self.program = script("versitygw", "install") + "/versitygw"
        self.current = None
        self.made_at = 0
        self.lock = threading.Lock()

    def admin(self, *arguments):
        subprocess.run([self.program, "admin", "--access", self.store.access_key, "--secret", self.store.secret_key,
                        "--endpoint-url", self.store.endpoint, *arguments], check=True, capture_output=True)

    def get(self):
        """(access key, secret, end in milliseconds) of an account that lives; the one before the last dies."""
        with self.lock:
            if time.time() - self.made_at > LIFE_S / 2:
                name = f"vended-{len(self.known)}"
                self.admin("create-user", "--access", name, "--secret", f"secret-of-{name}", "--role", "admin")
                self.known.append(name)
                if len(self.known) > 2:
                    self.admin("delete-user", "--access", self.known[-3])
                self.made_at = time.time()
                self.current = name, f"secret-of-{name}"
            return *self.current, int((self.made_at + LIFE_S) * 1000)


@pytest.fixture(params=["list", "config"])
def place(request):
    """Where the catalog puts credentials: storage-credentials, or the table's config."""
    return request.param


def test_vended_credentials_are_renewed_before_they_expire(tmp_path, place):
    with deployment("fixture", tmp_path / "server", "accounts") as server:
        accounts = Accounts(server.store)
        catalog, store = FaultProxy(server.uri), FaultProxy(server.store.endpoint)

        def vend(request, status, body):
            if status != 200 or b'"metadata-location"' not in body:
                return status, body
            answer = json.loads(body)
            key, secret, end = accounts.get()
            config = {"s3.access-key-id": key, "s3.secret-access-key": secret, "s3.endpoint": store.url,
                      "s3.session-token-expires-at-ms": str(end), "s3.path-style-access": "true", "client.region": "us-east-1"}
            if place == "list":
                answer["storage-credentials"] = [{"prefix": "s3://data-lake/", "config": {**config, "s3.access-key-id": "none"}},
                                                 {"prefix": answer["metadata"]["location"], "config": config}]
            else:
                answer["config"] = config
            return status, json.dumps(answer).encode()

        catalog.rewrite = vend
        lake = RestLake(tmp_path / "lake", server)
        lake.uri = catalog.url
        lake.configure(interval="200ms", store="")
        lake.generate(100)
        with lake.service():
            for _ in range(12):
                lake.generate(100)
                time.sleep(1)
            lake.wait_for_rows()
        lake.assert_conserved()
        used = {re.search(r"Credential=([^/]+)/", r.head).group(1) for r in store.requests}
        assert len(used) >= 4 and all(name.startswith("vended-") for name in used), used
        for request in catalog.requests:
            assert "vended-credentials" in request.head or "/tables/" not in request.path or request.method != "GET"
        catalog.close()
        store.close()


# MinIO takes ten minutes to build.
@pytest.mark.test_all
def test_credentials_of_a_real_token_service_are_used(tmp_path, monkeypatch):
    """Nessie takes them from MinIO's STS, for the prefix of each table alone."""
    store = ObjectStore(tmp_path / "store", "minio")
    store.create_bucket("data-lake")
    option = "-Dnessie.catalog.service.s3.default-options."
    monkeypatch.setenv("NESSIE_OPTIONS", f"{option}client-iam.enabled=true {option}sts-endpoint={store.endpoint} "
                                         f"{option}client-iam.assume-role=arn:aws:iam::000000000000:role/x")
    server = Nessie(tmp_path / "catalog", "s3://data-lake/warehouse", store)
    try:
        lake = RestLake(tmp_path / "lake", server)
        # No key of our own: what is not vended is not reached.
        lake.configure(store="")
        for _ in range(2):
            lake.generate(500)
            lake.sink()
        lake.assert_conserved()
        lake.verify()
    finally:
        server.stop()
        store.stop()


# Servers that refuse -----------------------------------------------------------------------------------------------


class StandIn:
    """A server that answers everything in one way."""

    def __init__(self, status=200, body=b"{}", headers=()):
        stand_in = self
        self.requests = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                stand_in.requests.append(f"{self.command} {self.path} {dict(self.headers)}")
                self.send_response_only(status)
                given = dict(headers)
                for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **given}.items():
                    self.send_header(name, value)
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(body)

            do_GET = do_POST = do_HEAD = do_PUT = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.uri = f"http://127.0.0.1:{self.server.server_port}"
        self.warehouse = "s3://data-lake/warehouse"
        self.store = None
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()


SECRETS = ', credential: "me:grey-parrot", token: "blue-heron"'


def doctor(tmp_path, server, catalog=SECRETS, **options):
    lake = RestLake(tmp_path, server)
    lake.configure(catalog=catalog, **options)
    lake.generate(10)
    done = lake.run("check", "icesink.yaml", check=False)
    assert "parrot" not in done.stdout + done.stderr and "heron" not in done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("status,fix", [
    (401, "catalog.credential"), (403, "may not do that"), (404, "what comes before /v1"), (500, "catalog.uri"),
    (302, "catalog.uri")])
def test_the_doctor_tells_what_to_do_about_a_catalog_that_refuses(tmp_path, status, fix):
    other = StandIn()
    body = json.dumps({"error": {"message": "No, and again no", "type": "Refusal", "code": status}}).encode()
    server = StandIn(status, body, [("Location", other.uri)])
    said = doctor(tmp_path, server, catalog=', token: "blue-heron"')
    assert "FAILED  catalog: Failed to register Iceberg catalog" in said and "No, and again no" in said
    assert fix in said.split("FAILED  catalog")[1]
    # Nothing goes to where a redirect points.
    assert other.requests == []
    server.stop()
    other.stop()


def test_the_doctor_knows_names_without_addresses_ports_without_servers_and_unknown_authorities(tmp_path):
    server = StandIn()
    server.uri = "http://no-such-host.invalid:8181"
    assert "no address" in doctor(tmp_path / "dns", server)
    server.uri = "http://127.0.0.1:1"
    assert "nothing listens there" in doctor(tmp_path / "port", server)
    store = ObjectStore(tmp_path / "tls", "versitygw", "tls")
    server.uri = store.endpoint
    assert "catalog.ca_file" in doctor(tmp_path / "authority", server)
    store.stop()


def test_the_doctor_sees_a_clock_that_is_wrong(tmp_path):
    server = StandIn(headers=[("Date", "Mon, 23 Nov 2020 04:00:00 GMT")])
    said = doctor(tmp_path, server, catalog="")
    assert "FAILED  clock" in said
    server.stop()


def test_the_doctor_tells_wrong_keys_regions_styles_and_buckets_apart(tmp_path):
    with deployment("fixture", tmp_path / "server") as server:
        good = f'endpoint: "{server.store.endpoint}", access_key: {server.store.access_key}, secret_key: {server.store.secret_key}'
        cases = {
            "secret": (good.replace(server.store.secret_key, "another"), "secret_key"),
            "key": (good.replace(server.store.access_key, "another"), "access_key"),
            "region": (good + ", region: eu-west-1", "store.s3.region"),
            "style": (good.replace("127.0.0.1", "localhost") + ", path_style: false", "store.s3.path_style"),
        }
        for name, (settings, fix) in cases.items():
            said = doctor(tmp_path / name, server, store=f"store: {{s3: {{{settings}}}}}\n")
            assert "FAILED  store: write" in said and fix in said.split("store: write")[1], (name, said)
        server.warehouse = "s3://no-such-bucket/warehouse"
        said = doctor(tmp_path / "bucket", server, store=f"store: {{s3: {{{good}}}}}\n")
        assert "bucket" in said.split("store: write")[1], said


# Servers that mean ill ---------------------------------------------------------------------------------------------


def metadata(location, **changes):
    return {"format-version": 2, "table-uuid": "93aa1dbb-cc70-4d17-9396-312407a8226f", "location": location,
            "last-sequence-number": 0, "last-updated-ms": 1, "last-column-id": 1, "current-schema-id": 0, "schemas": [
                {"type": "struct", "schema-id": 0, "fields": [{"id": 1, "name": "a", "required": False, "type": "string"}]}],
            "partition-specs": [{"spec-id": 0, "fields": []}], "default-spec-id": 0, "last-partition-id": 999,
            "sort-orders": [{"order-id": 0, "fields": []}], "default-sort-order-id": 0, "properties": {},
            "current-snapshot-id": -1, **changes}


def nested(depth):
    return b'{"metadata-location": "s3://data-lake/warehouse/m.json", "metadata": ' + b'{"a":' * depth + b"1" + b"}" * (depth + 1)


ILL = {
    "nothing": b"",
    "no JSON": b"<html>",
    "cut": b'{"metadata-location": "s3://data-lake/warehouse/m.json", "metadata": {',
    "deep": nested(100000),
    "twice": b'{"metadata-location": "a", "metadata-location": "b"}',
    "wrong types": json.dumps({"metadata-location": 7, "metadata": []}).encode(),
    "numbers": json.dumps({"metadata-location": "x", "metadata": metadata("s3://data-lake/warehouse/t", **{"last-column-id": 1e300})}).encode(),
    "ids": json.dumps({"metadata-location": "x", "metadata": metadata("s3://data-lake/warehouse/t", **{"current-schema-id": 5})}).encode(),
}


@pytest.mark.parametrize("name", ILL)
def test_an_answer_that_is_no_table_is_an_error_and_nothing_else(tmp_path, name):
    server = StandIn(body=ILL[name])
    lake = RestLake(tmp_path, server)
    lake.configure(catalog=SECRETS.split(", credential")[0], store="store: {s3: {access_key: k, secret_key: grey-parrot}}\n")
    lake.generate(10)
    done = lake.sink(check=False)
    assert done.returncode in (1, 2) and "parrot" not in done.stdout + done.stderr, (done.returncode, done.stderr)
    server.stop()


@pytest.mark.parametrize("location", [
    "s3://another-bucket/t", "s3://data-lake/warehouse-of-others/t", "s3://data-lake/warehouse/../secret", "file:///etc",
    "/etc", "http://169.254.169.254/t", "s3:///t", ""])
def test_nothing_is_written_where_a_catalog_points_outside_of_its_warehouse(tmp_path, location):
    store = StandIn(status=200, body=b"")
    answer = {"metadata-location": f"{location}/metadata/1.json", "metadata": metadata(location),
              "config": {"s3.endpoint": "http://127.0.0.1:9/"}}
    server = StandIn(body=json.dumps(answer).encode())
    lake = RestLake(tmp_path, server)
    text = "pipeline: {columns: {a: {path: deviceId, type: string}}}\n"
    lake.configure(store=f'store: {{s3: {{endpoint: "{store.uri}", access_key: k, secret_key: grey-parrot}}}}\n')
    config = lake.directory / "icesink.yaml"
    config.write_text(config.read_text().replace("pipeline: {preset: health}\n", text))
    lake.generate(10)
    done = lake.sink("--commit.give_up=1s", check=False)
    assert done.returncode != 0 and "parrot" not in done.stderr
    assert [r for r in store.requests if not r.startswith("GET")] == []
    server.stop()
    store.stop()


def test_an_endless_answer_has_a_ceiling(tmp_path):
    class Endless(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response_only(200)
            self.end_headers()
            with contextlib.suppress(OSError):
                while True:
                    self.wfile.write(b'{"defaults": {' + b" " * (1 << 20))

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endless)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stand_in = StandIn()
    stand_in.uri = f"http://127.0.0.1:{server.server_port}"
    lake = RestLake(tmp_path, stand_in)
    lake.generate(10)
    done = lake.sink(check=False)
    assert done.returncode == 1 and "more than" in done.stderr, done.stderr
    server.shutdown()
    stand_in.stop()


def signed(directory, name):
    """A certificate that signs itself, for 127.0.0.1."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", directory / f"{name}.key", "-out",
                    directory / f"{name}.pem", "-subj", f"/CN={name}", "-days", "2", "-addext", "subjectAltName=IP:127.0.0.1"],
                   check=True, capture_output=True)


def test_a_catalog_may_ask_for_a_certificate(tmp_path):
    signed(tmp_path, "server")
    signed(tmp_path, "client")
    server = StandIn()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    context.load_verify_locations(tmp_path / "client.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    server.server.socket = context.wrap_socket(server.server.socket, server_side=True)
    server.uri = server.uri.replace("http:", "https:")
    authority = f', ca_file: "{tmp_path}/server.pem"'
    assert "FAILED  catalog" in doctor(tmp_path / "without", server, catalog=authority)
    certificate = f', client_certificate: "{tmp_path}/client.pem", client_key: "{tmp_path}/client.key"'
    assert "ok      catalog" in doctor(tmp_path / "with", server, catalog=authority + certificate)
    server.stop()


def dumps_core(command, directory, environment):
    """Whether a process that is killed by a fault leaves its memory behind."""
    process = subprocess.Popen(command, cwd=directory, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2))
    time.sleep(1)
    os.kill(process.pid, signal.SIGSEGV)
    _, status = os.waitpid(process.pid, 0)
    process.returncode = 0
    assert os.WTERMSIG(status) == signal.SIGSEGV
    return os.WCOREDUMP(status)


def test_a_crash_leaves_no_memory_behind(tmp_path):
    lake = Lake(tmp_path)
    lake.generate(10)
    assert dumps_core(["sleep", "100"], tmp_path, lake.environment()), "the machine writes no core files, so this test tells nothing"
    assert not dumps_core(lake.command("run", "icesink.yaml"), tmp_path, lake.environment())


def test_secrets_are_in_no_process_list_and_no_log(tmp_path):
    with deployment("fixture", tmp_path / "server") as server:
        lake = RestLake(tmp_path / "lake", server)
        lake.configure(catalog=', token: "blue-heron"')
        lake.generate(200)
        with lake.service() as process:
            lake.wait_for_rows()
            listed = pathlib.Path(f"/proc/{process.pid}")
            seen = (listed / "cmdline").read_bytes() + (listed / "environ").read_bytes()
            assert b"blue-heron" not in seen and server.store.secret_key.encode() not in seen
        shown = lake.run("config", "check", "icesink.yaml").stdout
        assert "blue-heron" not in shown and server.store.secret_key not in shown
