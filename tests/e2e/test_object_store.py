"""The S3 store against real servers: what it writes others read, and the reverse."""
import http.client
import random
import subprocess
import time

import pytest
from object_store import ObjectStore, command, tool
from s3_stand_in import CUT, Answer, StandIn

MINIO = pytest.param("minio", marks=pytest.mark.test_all)
PLAIN = ["versitygw", MINIO]
ODD_KEYS = ["plain", "a b", "a+b", "a%20b", "a%b", "ü/ö", "q?x=1&y#z", "semi;colon,comma", "(paren)!*'", "x=1/y=2", "~tilde",
            "quote\"lt<gt>amp&", "day=2026-01-02/00000-0-f.parquet", "日本/語"]


@pytest.fixture(scope="module", params=[*PLAIN, "versitygw-tls"])
def store(request, tmp_path_factory):
    kind, _, mode = request.param.partition("-")
    store = ObjectStore(tmp_path_factory.mktemp(request.param), kind, *([mode] if mode else []))
    store.create_bucket("test")
    yield store
    store.stop()


def put(store, location, path, *arguments, **environment):
    outcome = tool(store, "put", location, path, *arguments, **environment)
    assert not outcome.status, outcome.message
    return outcome


def data_file(tmp_path, size):
    path = tmp_path / f"data-{size}"
    path.write_bytes(random.Random(size).randbytes(size))
    return path


@pytest.mark.parametrize("size", [0, 1, 100_000, 8 << 20, (8 << 20) + 1, 30_000_000])
def test_others_read_what_it_writes(store, tmp_path, size):
    path = data_file(tmp_path, size)
    put(store, f"s3://test/size/{size}", path)
    assert store.read("test", f"size/{size}") == path.read_bytes()
    assert tool(store, "stat", f"s3://test/size/{size}").output.strip() == str(size)
    tool(store, "get", f"s3a://test/size/{size}", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == path.read_bytes()
    assert store.open_uploads("test") == []


def test_the_payload_may_be_left_out_of_the_signature(store, tmp_path):
    path = data_file(tmp_path, 12_000_000)
    put(store, "s3://test/unsigned", path, S3_TEST_UNSIGNED=1)
    assert store.read("test", "unsigned") == path.read_bytes()


def test_odd_names_reach_their_objects(store, tmp_path):
    for number, key in enumerate(ODD_KEYS):
        (tmp_path / "in").write_text(str(number))
        put(store, f"s3://test/odd/{key}", tmp_path / "in")
        assert store.read("test", f"odd/{key}") == str(number).encode()
    listed = tool(store, "list", "s3n://test/odd")
    assert sorted(line.split(" ", 2)[2] for line in listed.output.splitlines()) == sorted(f"s3n://test/odd/{k}" for k in ODD_KEYS)
    for key in ODD_KEYS:
        assert not tool(store, "remove", f"s3://test/odd/{key}").status
    assert store.keys("test", "odd/") == []
    assert tool(store, "remove", "s3://test/odd/plain").status == "NOT_FOUND"


def test_it_reads_what_others_write(store, tmp_path):
    body = random.Random(1).randbytes(20_000_000)
    store.write("test", "foreign/object", body)
    assert not tool(store, "get", "s3://test/foreign/object", tmp_path / "whole").status
    assert (tmp_path / "whole").read_bytes() == body
    assert not tool(store, "range", "s3://test/foreign/object", 8_000_000, 11_000_000, tmp_path / "part").status
    assert (tmp_path / "part").read_bytes() == body[8_000_000:19_000_000]
    assert tool(store, "range", "s3://test/foreign/object", 19_999_999, 2, tmp_path / "part").status == "CORRUPT"
    assert tool(store, "range", "s3://test/foreign/object", 20_000_000, 1, tmp_path / "part").status == "CORRUPT"
    assert tool(store, "get", "s3://test/foreign/none", tmp_path / "part").status == "NOT_FOUND"


@pytest.mark.parametrize("size", [10, 12_000_000])
def test_an_object_that_is_there_is_not_replaced(store, tmp_path, size):
    path = data_file(tmp_path, size)
    location = f"s3://test/once/{size}"
    put(store, location, path)
    other = tmp_path / "other"
    other.write_bytes(b"x" * size)
    outcome = tool(store, "put", location, other)
    assert outcome.status == "ALREADY_EXISTS", outcome.log
    assert store.read("test", f"once/{size}") == path.read_bytes()
    assert store.open_uploads("test") == []


def test_a_list_of_several_pages_is_whole_and_keeps_to_its_directory(store, tmp_path):
    assert not tool(store, "puts", "s3://test/pages/t", 1500, 10).status
    assert not tool(store, "puts", "s3://test/pages/t2", 3, 10).status
    listed = tool(store, "list", "s3://test/pages/t").output.splitlines()
    assert sorted(line.split(" ", 2)[2] for line in listed) == sorted(f"s3://test/pages/t/{i}" for i in range(1500))
    assert {line.split(" ", 1)[0] for line in listed} == {"10"}


def test_many_uploads_at_once_hold_no_more_than_they_may(store):
    outcome = tool(store, "puts", "s3://test/bounded", 40, 1_000_000, S3_TEST_UPLOAD_BYTES=4_000_000)
    assert not outcome.status, outcome.message
    assert len(store.keys("test", "bounded/")) == 40


@pytest.mark.parametrize("count, size", [(4, 20_000_000), (30, 3_000_000)])
def test_objects_that_grow_together_hold_no_more_than_they_may(store, tmp_path, count, size):
    """What is too small for a part goes to a file."""
    limit = 20_000_000
    outcome = tool(store, "together", f"s3://test/together/{count}", count, size, S3_TEST_UPLOAD_BYTES=limit, S3_TEST_SPILL=tmp_path)
    assert not outcome.status, outcome.log
    assert int(outcome.output) < limit + (8 << 20)
    assert list(tmp_path.iterdir()) == []
    for number in range(count):
        expected = b"".join(bytes([97 + (number + piece) % 26]) * 100_000 for piece in range(size // 100_000))
        assert store.read("test", f"together/{count}/{number}") == expected
    assert store.open_uploads("test") == []


def test_wrong_credentials_are_named_and_not_shown(store, tmp_path):
    path = data_file(tmp_path, 10)
    for arguments in (["put", "s3://test/denied", path], ["stat", "s3://test/denied"], ["list", "s3://test/"]):
        outcome = tool(store, *arguments, AWS_SECRET_ACCESS_KEY="another-secret")
        assert outcome.status == "AUTH"
        assert "another-secret" not in outcome.log and "Signature=" not in outcome.log
    assert store.keys("test", "denied") == []


def test_what_is_outside_the_roots_is_not_touched(store, tmp_path):
    path = data_file(tmp_path, 10)
    store.write("test", "inside2/object", b"x")
    for location in ("s3://test/inside2/object", "s3://other/inside/object", "s3://test/inside/../inside2/object"):
        for command in (["put", location, path], ["get", location, tmp_path / "got"], ["stat", location], ["remove", location]):
            outcome = tool(store, *command, S3_TEST_ROOT="s3://test/inside")
            assert outcome.status == "INVALID_ARGUMENT", outcome.log
    assert store.read("test", "inside2/object") == b"x"
    put(store, "s3://test/inside/object", path, S3_TEST_ROOT="s3://test/inside")


def forward(store, request):
    """What the real server says to a request, whose signature covers its host as it came."""
    connection = http.client.HTTPConnection(store.endpoint.removeprefix("http://"), timeout=60)
    connection.putrequest(request.method, request.raw_path, skip_host=True, skip_accept_encoding=True)
    for name, value in request.headers.items():
        connection.putheader(name, value)
    connection.endheaders(request.body)
    answer = connection.getresponse()
    body = answer.read()
    headers = {name: value for name, value in answer.getheaders() if name.lower() not in ("date", "connection", "transfer-encoding")}
    headers.setdefault("Content-Length", str(len(body)))
    connection.close()
    return Answer(answer.status, body, **headers)


# What stands between here speaks no TLS.
@pytest.mark.parametrize("store", PLAIN, indirect=True)
@pytest.mark.parametrize("operation, size", [("Put", 100_000), ("Put", 0), ("Complete", 20_000_000), ("Part", 20_000_000)])
def test_an_object_whose_answer_was_lost_is_known_again(store, tmp_path, operation, size):
    path = data_file(tmp_path, size)
    lost = []

    def between(request):
        answer = forward(store, request)
        if request.operation == operation and not lost:
            lost.append(request)
            return CUT
        return answer

    with StandIn(between) as front:
        outcome = tool(store, "put", f"s3://test/lost/{operation}-{size}", path, S3_TEST_ENDPOINT=front.endpoint)
        assert not outcome.status, outcome.log
        # Some answer a second completion as they did the first.
        assert operation == "Complete" or bool(front.seen("Head")) == (operation == "Put")
    assert lost and store.read("test", f"lost/{operation}-{size}") == path.read_bytes()
    assert store.open_uploads("test") == []


@pytest.mark.parametrize("store", PLAIN, indirect=True)
@pytest.mark.parametrize("at", ["Create", "Part", "Complete"])
def test_an_upload_that_is_killed_leaves_nothing_under_its_name(store, tmp_path, at):
    path = data_file(tmp_path, 30_000_000)
    location = f"s3://test/killed/{at}"

    def between(request):
        # The last one never reaches the server.
        if request.operation == at and len(front.seen(at)) == (3 if at == "Part" else 1):
            process.kill()
            return CUT
        return forward(store, request)

    with StandIn(between) as front:
        line, variables = command(store, ["put", location, path], {"S3_TEST_ENDPOINT": front.endpoint})
        process = subprocess.Popen(line, env=variables, stderr=subprocess.DEVNULL)
        assert process.wait(60) == -9
        time.sleep(0.2)
    assert store.keys("test", "killed/") == []
    assert tool(store, "stat", location).status == "NOT_FOUND"
    put(store, location, path)
    assert store.read("test", f"killed/{at}") == path.read_bytes()
    assert not tool(store, "remove", location).status
    for upload in store.open_uploads("test"):
        store.client().abort_multipart_upload(Bucket="test", Key=upload["Key"], UploadId=upload["UploadId"])


# versitygw has no STS.
@pytest.mark.parametrize("store", [MINIO], indirect=True)
def test_a_role_of_a_profile_signs_with_its_session_token(store, tmp_path):
    """AssumeRole at a real server, and what it gives at the same."""
    config = tmp_path / "config"
    config.write_text(f"[profile base]\naws_access_key_id = {store.access_key}\naws_secret_access_key = {store.secret_key}\n"
                      "[profile role]\nrole_arn = arn:aws:iam::000000000000:role/x\nsource_profile = base\n")
    settings = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_CONFIG_FILE": config, "AWS_PROFILE": "role",
                "AWS_ENDPOINT_URL_STS": store.endpoint}
    path = data_file(tmp_path, 12_000_000)
    put(store, "s3://test/role", path, **settings)
    assert store.read("test", "role") == path.read_bytes()
    config.write_text(config.read_text().replace(store.secret_key, "another-secret"))
    outcome = tool(store, "stat", "s3://test/role", **settings)
    assert outcome.status == "AUTH" and "STS gives no credentials: HTTP status 403" in outcome.message, outcome.log
