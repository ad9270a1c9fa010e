"""The S3 store against a server that fails, loses answers, lies, and means harm."""
import random
import time

import pytest
from object_store import ObjectStore, tool
from s3_stand_in import APPLY_AND_CUT, CUT, SILENCE, Answer, StandIn, error, times

PART = 5 << 20


def make(tmp_path, size=1000):
    path = tmp_path / f"data-{size}"
    path.write_bytes(random.Random(size).randbytes(size))
    return path


def put(server, path, **environment):
    return tool(server, "put", "s3://test/k", path, **environment)


# Failures that pass ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [error(500, "InternalError"), error(503, "SlowDown"), error(503, "ServiceUnavailable"),
                                    error(429, "TooManyRequests"), error(408, "RequestTimeout"), error(400, "RequestTimeout"),
                                    error(409, "ConditionalRequestConflict"), error(409, "OperationAborted"),
                                    error(400, "BadDigest"), Answer(502, "<html>"), Answer(502, "<html>" * 20000), Answer(504),
                                    CUT], ids=lambda a: "cut" if a is CUT else f"{a.status}-{a.body[13:40].decode().split('<')[0]}")
def test_what_may_pass_is_tried_again(tmp_path, answer):
    path = make(tmp_path)
    with StandIn(times(2, "Put", answer)) as server:
        outcome = put(server, path)
        assert not outcome.status, outcome.log
        assert server.objects["k"][0] == path.read_bytes()
        assert len(server.seen("Put")) == 3
        assert outcome.count("icesink_store_retries_total") == 2


@pytest.mark.parametrize("answer, status", [(error(403, "AccessDenied", "no"), "AUTH"), (error(400, "InvalidRequest"), "IO"),
                                            (error(404, "NoSuchBucket"), "NOT_FOUND"), (error(405, "MethodNotAllowed"), "IO")])
def test_what_does_not_pass_is_said_at_once(tmp_path, answer, status):
    with StandIn(times(9, "Put", answer)) as server:
        outcome = put(server, make(tmp_path))
        assert outcome.status == status and not outcome.message.endswith("(retryable)"), outcome.log
        assert len(server.seen("Put")) == 1


def test_it_gives_up_after_so_many_attempts(tmp_path):
    with StandIn(times(99, "Put", error(500, "InternalError"))) as server:
        outcome = put(server, make(tmp_path), S3_TEST_RETRIES=2)
        assert outcome.status == "IO" and outcome.message.endswith("(retryable)")
        assert len(server.seen("Put")) == 3


def test_a_server_that_asks_for_time_gets_it(tmp_path):
    with StandIn(times(1, "Put", error(503, "SlowDown", Retry_After="2"))) as server:
        assert not put(server, make(tmp_path)).status
        first, second = server.seen("Put")
        assert second.at - first.at >= 2


def test_fewer_requests_go_out_at_once_when_the_server_is_slow():
    under_way, seen = [0], []

    class Counting(StandIn):
        def apply(self, request):
            under_way[0] += 1
            seen.append(under_way[0])
            self.lock.release()
            time.sleep(0.1)
            self.lock.acquire()
            under_way[0] -= 1
            return super().apply(request)

    def fault(request):
        return error(503, "SlowDown") if len(server.seen("Put")) == 20 else None

    with Counting(fault) as server:
        assert not tool(server, "puts", "s3://test/many", 80, 10).status
        assert len(server.objects) == 80
    # Sixteen from the start; half of that after the answer, then slowly more.
    assert 12 <= max(seen[:19]) <= 16
    assert 6 <= max(seen[40:60]) <= 12, seen


def test_connections_are_kept():
    with StandIn() as server:
        assert not tool(server, "puts", "s3://test/many", 300, 10).status
        assert len(server.seen("Put")) == 300
        assert len({request.client for request in server.requests}) <= 16


def test_silence_ends_a_request(tmp_path):
    with StandIn(times(1, "Put", SILENCE)) as server:
        begin = time.monotonic()
        assert not put(server, make(tmp_path), S3_TEST_SILENCE_MS=500).status
        assert 0.5 <= time.monotonic() - begin < 5


def test_a_part_that_is_lost_is_sent_again(tmp_path):
    path = make(tmp_path, 4 * PART)
    with StandIn(times(2, "Part", CUT)) as server:
        assert not put(server, path, S3_TEST_PART_SIZE=PART).status
        assert server.objects["k"][0] == path.read_bytes()
        assert len(server.seen("Part")) == 6 and len(server.seen("Create")) == 1


# Answers that were lost --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("checksums", [True, False])
def test_an_object_whose_answer_was_lost_is_known_again(tmp_path, checksums):
    path = make(tmp_path)
    with StandIn(times(1, "Put", APPLY_AND_CUT), checksums) as server:
        outcome = put(server, path)
        assert not outcome.status, outcome.log
        assert [r.operation for r in server.requests] == ["Put", "Put", "Head"]


def test_anothers_object_is_not_taken_for_ours(tmp_path):
    def fault(request):
        # The request was lost before it arrived, and somebody else wrote an object of the same size.
        if not server.objects:
            server.objects["k"] = (b"x" * 1000, '"etag"', "AAAAAA==")
            return CUT
        return None

    with StandIn(fault) as server:
        outcome = put(server, make(tmp_path))
        assert outcome.status == "ALREADY_EXISTS" and "another object" in outcome.message
        assert server.objects["k"][0] == b"x" * 1000


@pytest.mark.parametrize("answer", [APPLY_AND_CUT, "error in 200"])
def test_a_completion_whose_answer_was_lost_is_known_again(tmp_path, answer):
    path = make(tmp_path, 2 * PART + 1)

    def apply_and_fail(request):
        server.apply(request)
        return error(200, "InternalError")

    with StandIn(times(1, "Complete", apply_and_fail if answer == "error in 200" else answer)) as server:
        outcome = put(server, path, S3_TEST_PART_SIZE=PART)
        assert not outcome.status, outcome.log
        assert server.objects["k"][0] == path.read_bytes()
        assert [r.operation for r in server.requests][-3:] == ["Complete", "Complete", "Head"]
        assert not server.seen("Abort")


def test_an_error_in_an_answer_of_200_is_one(tmp_path):
    path = make(tmp_path, 2 * PART)
    with StandIn(times(1, "Complete", error(200, "InternalError"))) as server:
        assert not put(server, path, S3_TEST_PART_SIZE=PART).status
        assert server.objects["k"][0] == path.read_bytes() and len(server.seen("Complete")) == 2
    with StandIn(times(9, "Complete", error(200, "AccessDenied"))) as server:
        outcome = put(server, path, S3_TEST_PART_SIZE=PART)
        assert outcome.status == "IO" and "AccessDenied" in outcome.message


@pytest.mark.parametrize("operation", ["Create", "Part", "Complete"])
def test_an_upload_that_fails_is_aborted(tmp_path, operation):
    with StandIn(times(99, operation, error(403, "AccessDenied"))) as server:
        outcome = put(server, make(tmp_path, 3 * PART), S3_TEST_PART_SIZE=PART)
        assert outcome.status == "AUTH"
        assert server.uploads == {} and server.objects == {}
        assert len(server.seen("Abort")) == (0 if operation == "Create" else 1)


# Clocks, keys and features -----------------------------------------------------------------------------------------------


def test_a_clock_that_is_off_is_corrected(tmp_path):
    def fault(request):
        stamp = time.mktime(time.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%SZ")) - time.timezone
        off = abs(stamp - time.time() - server.clock_skew)
        return (error(403, "RequestTimeTooSkewed") if request.method != "HEAD" else Answer(403)) if off > 900 else None

    with StandIn(fault) as server:
        for skew in (5 * 3600, -5 * 3600):
            server.clock_skew = skew
            server.objects.clear()
            assert not put(server, make(tmp_path)).status
            assert tool(server, "stat", "s3://test/k").output == "1000\n"
    # One that does not say its time cannot be followed.
    with StandIn(times(99, "Put", error(403, "RequestTimeTooSkewed"))) as server:
        assert put(server, make(tmp_path)).status == "AUTH"
        assert len(server.seen("Put")) == 1


def test_keys_that_expire_in_the_middle_of_a_file_are_renewed(tmp_path):
    path = make(tmp_path, 6 * PART)
    given, refused = [], []

    def give(request):
        given.append(f"token-{len(given)}")
        return Answer(body=f'{{"AccessKeyId": "A", "SecretAccessKey": "S", "Token": "{given[-1]}"}}')

    def check(request):
        valid = given[-1] if refused else given[0]
        if len(server.seen("Part")) == 3 and not refused:
            refused.append(request)
            return error(400, "ExpiredToken")
        return None if request.headers["x-amz-security-token"] in (valid, given[0] if not refused else valid) else error(
            400, "ExpiredToken")

    with StandIn(give) as endpoint, StandIn(check) as server:
        outcome = put(server, path, S3_TEST_PART_SIZE=PART, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="",
                      AWS_CONTAINER_CREDENTIALS_FULL_URI=endpoint.endpoint + "/keys")
        assert not outcome.status, outcome.log
        assert server.objects["k"][0] == path.read_bytes()
        assert len(given) >= 2 and server.seen("Complete")[0].headers["x-amz-security-token"] == given[-1]


@pytest.mark.parametrize("header, inner", [("if-none-match", "<Header>If-None-Match</Header>"), ("if-none-match", ""),
                                           ("x-amz-checksum-crc32c", "<Header>x-amz-checksum-crc32c</Header>")])
@pytest.mark.parametrize("size", [1000, 3 * PART])
def test_a_server_may_lack_what_is_newer(tmp_path, header, inner, size):
    path = make(tmp_path, size)
    name = {"x-amz-checksum-crc32c": "x-amz-checksum"}.get(header, header)

    def fault(request):
        return error(501, "NotImplemented", inner=inner) if any(h.startswith(name) for h in request.headers) else None

    with StandIn(fault) as server:
        outcome = put(server, path, S3_TEST_PART_SIZE=PART)
        assert not outcome.status, outcome.log
        assert server.objects["k"][0] == path.read_bytes()
        assert "does not know" in outcome.log


def test_every_byte_is_under_a_checksum(tmp_path):
    with StandIn() as server:
        put(server, make(tmp_path, 2 * PART), S3_TEST_PART_SIZE=PART)
        tool(server, "put", "s3://test/small", make(tmp_path))
        assert {"x-amz-checksum-crc32c", "x-amz-content-sha256"} <= set.intersection(
            *(set(r.headers) for r in server.seen("Part", "Put")))
        assert all(len(r.headers["x-amz-content-sha256"]) == 64 for r in server.seen("Part", "Put"))
        assert server.seen("Complete")[0].body.count(b"<ChecksumCRC32C>") == 2
        assert all("expect" not in r.headers for r in server.requests)


# Servers that lie --------------------------------------------------------------------------------------------------------


def get(server, tmp_path, **environment):
    server.objects["k"] = (b"0123456789", '"e"', None)
    return tool(server, "get", "s3://test/k", tmp_path / "got", S3_TEST_RETRIES=1, **environment)


@pytest.mark.parametrize("answer, status", [
    (Answer(206, b"012345", Content_Range="bytes 0-5/10"), "CORRUPT"),
    (Answer(206, b"0123456789", Content_Range="bytes 5-14/20"), "CORRUPT"),
    (Answer(206, b"0123456789"), "CORRUPT"),
    (Answer(206, b"0123456789", Content_Range="nonsense"), "CORRUPT"),
    (Answer(206, b"0123456789" * 5, Content_Range="bytes 0-9/10"), "CORRUPT"),
    (Answer(206, b"0123456789", length=20, Content_Range="bytes 0-19/20"), "IO"),
    (Answer(206, b"", length=-1, Content_Range="bytes 0-9/10", **{"X-Endless": "yes"}), "LIMIT"),
    (Answer(206, b"", **{f"X-{i}": "y" * 1000 for i in range(400)}), "IO|LIMIT"),
])
def test_an_object_that_is_not_as_long_as_it_was_said_is_refused(tmp_path, answer, status):
    with StandIn(times(9, "Get", answer)) as server:
        outcome = get(server, tmp_path)
        assert outcome.status in status.split("|"), outcome.log
        assert not (tmp_path / "got").exists()


@pytest.mark.parametrize("length", ["", "-1", "1e3", "99999999999999999999", "1000000000000"])
def test_a_length_that_is_none_is_refused(tmp_path, length):
    with StandIn(times(9, "Head", Answer(length=-1, **({"Content-Length": length} if length else {})))) as server:
        assert get(server, tmp_path).status in ("CORRUPT", "LIMIT", "IO")


def test_bytes_that_were_changed_are_noticed(tmp_path):
    with StandIn(times(9, "Get", Answer(206, b"0123456780", Content_Range="bytes 0-9/10"))) as server:
        server.objects["k"] = (b"0123456789", '"e"', "KAwGng==")
        outcome = tool(server, "get", "s3://test/k", tmp_path / "got")
        assert outcome.status == "CORRUPT" and "checksum" in outcome.message
    with StandIn(lambda r: Answer(**{"x-amz-checksum-crc32c": "AAAAAA==", "ETag": '"e"'}) if r.operation in ("Put", "Part") else None) as server:
        for size in (1000, 2 * PART):
            outcome = put(server, make(tmp_path, size), S3_TEST_PART_SIZE=PART)
            assert outcome.status == "CORRUPT" and "checksums differ" in outcome.message


@pytest.mark.parametrize("etag", [None, "<evil/>", "x" * 200])
def test_a_part_without_a_usable_etag_is_refused(tmp_path, etag):
    with StandIn(times(9, "Part", Answer(ETag=etag))) as server:
        assert put(server, make(tmp_path, 2 * PART), S3_TEST_PART_SIZE=PART).status == "CORRUPT"
        assert server.objects == {}


BOMB = ("<!DOCTYPE l [<!ENTITY a \"aaaaaaaaaa\">" + "".join(f"<!ENTITY {n} \"{f'&{p};' * 10}\">" for p, n in zip("abcdefgh", "bcdefghi"))
        + "]><ListBucketResult><Contents><Key>&i;</Key></Contents></ListBucketResult>")
MORE = "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>{}</NextContinuationToken>{}</ListBucketResult>"
OBJECT = "<Contents><Key>{}</Key><Size>1</Size></Contents>"


@pytest.mark.parametrize("answer, status", [
    (Answer(body=BOMB), "CORRUPT"), (Answer(body="<a>" * 100000), "LIMIT"), (Answer(body="{}"), "CORRUPT"), (Answer(body=""), "CORRUPT"),
    (Answer(body="x" * (17 << 20)), "LIMIT"), (Answer(body=b"", length=-1, **{"X-Endless": "yes"}), "LIMIT"),
    (Answer(body="<ListBucketResult>" + OBJECT.format("t/k") * 10001 + "</ListBucketResult>"), "LIMIT"),
    (Answer(body=MORE.format("same", OBJECT.format("t/k"))), "CORRUPT"),
    (Answer(body="<ListBucketResult>" + OBJECT.format("outside/k") + "</ListBucketResult>"), "CORRUPT"),
    (Answer(body="<ListBucketResult>" + OBJECT.format("t/" + "k" * 5000) + "</ListBucketResult>"), "LIMIT"),
])
def test_a_list_that_means_harm_is_refused(answer, status):
    with StandIn(times(9, "List", answer)) as server:
        outcome = tool(server, "list", "s3://test/t", S3_TEST_RETRIES=1)
        assert outcome.status == status, outcome.log


def test_a_list_without_end_has_one():
    with StandIn(lambda request: Answer(body=MORE.format(len(server.requests), ""))) as server:
        assert tool(server, "list", "s3://test/t").status == "LIMIT"


def test_names_that_lead_elsewhere_are_not_given_on():
    with StandIn() as server:
        for key in ("t/../../other", "t/./k", "t/k\nx", "t/good", "t/"):
            server.objects[key] = (b"x", '"e"', None)
        listed = tool(server, "list", "s3://test/t")
        assert [line.split(" ", 2)[2] for line in listed.output.splitlines()] == ["s3://test/t/good"]


# Servers that want the keys -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation, command", [("Put", "put"), ("Get", "get"), ("List", "list")])
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(tmp_path, operation, command, status):
    with StandIn() as other:
        with StandIn(times(9, operation, Answer(status, Location=other.endpoint + "/test/k"))) as server:
            arguments = {"put": ["s3://test/k", make(tmp_path)], "get": ["s3://test/k", tmp_path / "got"], "list": ["s3://test/"]}
            server.objects["k"] = (b"x", '"e"', None)
            outcome = tool(server, command, *arguments[command])
            assert outcome.status == "INVALID_ARGUMENT" and "store.s3.endpoint" in outcome.message
            assert other.requests == []


@pytest.mark.parametrize("answer", [
    error(301, "PermanentRedirect", **{"x-amz-bucket-region": "eu-west-3"}),
    error(400, "AuthorizationHeaderMalformed", "the region 'us-east-1' is wrong; expecting 'eu-west-3'", "<Region>eu-west-3</Region>")])
def test_a_bucket_of_another_region_is_named(tmp_path, answer):
    with StandIn(times(9, "Put", answer)) as server:
        outcome = put(server, make(tmp_path))
        assert outcome.status == "INVALID_ARGUMENT"
        assert "region eu-west-3: set store.s3.region" in outcome.message


@pytest.mark.parametrize("status", [301, 400])
def test_a_bucket_of_another_region_is_named_without_a_body(status):
    with StandIn(lambda request: Answer(status, **{"x-amz-bucket-region": "eu-west-3"})) as server:
        outcome = tool(server, "stat", "s3://test/k")
        assert outcome.status == "INVALID_ARGUMENT"
        assert "region eu-west-3: set store.s3.region" in outcome.message


def test_what_a_server_gives_back_of_the_keys_is_withheld(tmp_path):
    def echo(request):
        sent = request.headers["authorization"] + request.headers["x-amz-security-token"] + "hidden-secret"
        return error(403, "hidden0secret", f"You sent {sent}")

    def echo_token(request):
        return error(403, "Denied", "You sent hidden-token")

    for fault in (echo, echo_token):
        with StandIn(fault) as server:
            for arguments in (["put", "s3://test/k", make(tmp_path)], ["stat", "s3://test/k"], ["list", "s3://test/"]):
                outcome = tool(server, *arguments, AWS_SESSION_TOKEN="hidden-token")
                assert outcome.status == "AUTH"
                assert "hidden-" not in outcome.log and "Signature" not in outcome.log


def test_a_certificate_that_nobody_vouches_for_ends_it(tmp_path):
    server = ObjectStore(tmp_path / "tls", "versitygw", "tls")
    try:
        server.create_bucket("test")
        outcome = tool(server, "put", "s3://test/k", make(tmp_path), S3_TEST_CA="")
        assert outcome.status == "AUTH", outcome.log
        assert not tool(server, "put", "s3://test/k", make(tmp_path)).status
    finally:
        server.stop()


def test_a_proxy_is_used_when_it_is_set(tmp_path):
    with StandIn() as proxy:
        proxy.objects = {}
        nowhere = StandIn()
        nowhere.close()
        outcome = tool(proxy, "put", "s3://test/k", make(tmp_path), S3_TEST_ENDPOINT=nowhere.endpoint, S3_TEST_PROXY=proxy.endpoint)
        assert not outcome.status, outcome.log
        assert proxy.requests[0].raw_path == nowhere.endpoint + "/test/k"
