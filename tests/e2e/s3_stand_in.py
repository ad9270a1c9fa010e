"""An S3 server in the test's own process that misbehaves on purpose: what a real one does rarely, and what none should."""
import base64
import hashlib
import http.server
import re
import socket
import struct
import threading
import time
import urllib.parse
from email.utils import formatdate

TABLE = []
for value in range(256):
    for _ in range(8):
        value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    TABLE.append(value)


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value = TABLE[(value ^ byte) & 0xFF] ^ value >> 8
    return base64.b64encode(struct.pack(">I", value ^ 0xFFFFFFFF)).decode()


class Request:
    """What a handler or a fault sees of a request."""

    def __init__(self, handler, body):
        self.method = handler.command
        self.raw_path = handler.path
        split = urllib.parse.urlsplit(handler.path)
        self.key = urllib.parse.unquote(split.path.split("/", 2)[2] if split.path.count("/") > 1 else "")
        self.query = dict(urllib.parse.parse_qsl(split.query, keep_blank_values=True))
        self.headers = {name.lower(): value for name, value in handler.headers.items()}
        self.body = body
        self.at = time.monotonic()
        self.client = handler.client_address

    @property
    def operation(self):
        kind = {"PUT": "Put", "GET": "Get", "HEAD": "Head", "DELETE": "Delete", "POST": "Post"}[self.method]
        if "uploads" in self.query:
            return "Create"
        if "uploadId" in self.query:
            return {"Put": "Part", "Post": "Complete", "Delete": "Abort"}[kind]
        return "List" if "list-type" in self.query else kind


class Answer:
    def __init__(self, status=200, body=b"", length=None, **headers):
        self.status = status
        self.body = body.encode() if isinstance(body, str) else body
        self.length = len(self.body) if length is None else length
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def error(status, code, message="", inner="", **headers):
    return Answer(status, f"<Error><Code>{code}</Code><Message>{message}</Message>{inner}</Error>", **headers)


CUT = object()          # the connection ends without an answer
APPLY_AND_CUT = object()  # the request is carried out first
SILENCE = object()      # nothing is said


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def handle_any(self):
        owner = self.server.owner
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self, body)
        with owner.lock:
            owner.requests.append(request)
            answer = owner.fault(request)
            if answer is None or answer is APPLY_AND_CUT:
                applied = owner.apply(request)
                answer = applied if answer is None else CUT
        if answer is SILENCE:
            owner.stopped.wait(60)
            answer = CUT
        if answer is CUT:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send(request, answer, owner)

    def send(self, request, answer, owner):
        self.send_response_only(answer.status)
        headers = {"Date": formatdate(time.time() + owner.clock_skew, usegmt=True), **answer.headers}
        if answer.length >= 0:
            headers.setdefault("Content-Length", str(answer.length))
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        try:
            if request.method != "HEAD":
                self.wfile.write(answer.body)
            while answer.length < 0 and not owner.stopped.is_set() and answer.headers.get("X-Endless"):
                self.wfile.write(b"x" * 65536)
        except OSError:
            self.close_connection = True
        if answer.length != len(answer.body) and request.method != "HEAD":
            self.close_connection = True

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = handle_any


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class StandIn:
    """Objects in a dictionary. `fault` is called with each request and gives an Answer, CUT, APPLY_AND_CUT, SILENCE, or None
    for what a good server would do."""

    def __init__(self, fault=lambda request: None, checksums=True):
        self.fault = fault
        self.checksums = checksums
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self.requests = []
        self.objects = {}
        self.uploads = {}
        self.clock_skew = 0
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.owner = self
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        self.stopped.set()
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def environment(self):
        return {"S3_TEST_ENDPOINT": self.endpoint, "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "hidden-secret"}

    def seen(self, *operations):
        return [r for r in self.requests if r.operation in operations]

    # What a good server does ------------------------------------------------------------------------------------------

    def object_headers(self, key):
        data, etag, checksum = self.objects[key]
        return {"ETag": etag, **({"x-amz-checksum-crc32c": checksum} if self.checksums and checksum else {})}

    def store(self, request, key, data, etag, checksum):
        if "if-none-match" in request.headers and key in self.objects:
            return error(412, "PreconditionFailed")
        self.objects[key] = (data, etag, checksum)
        return None

    def apply(self, request):
        return getattr(self, "apply_" + request.operation.lower())(request)

    def apply_put(self, request):
        asked = request.headers.get("x-amz-checksum-crc32c")
        if asked and asked != crc32c(request.body):
            return error(400, "BadDigest")
        etag = f'"{hashlib.md5(request.body).hexdigest()}"'
        refused = self.store(request, request.key, request.body, etag, asked)
        return refused or Answer(**self.object_headers(request.key))

    def apply_get(self, request):
        if request.key not in self.objects:
            return error(404, "NoSuchKey")
        data = self.objects[request.key][0]
        begin, end = map(int, re.match(r"bytes=(\d+)-(\d+)$", request.headers["range"]).groups())
        if begin >= len(data):
            return error(416, "InvalidRange")
        part = data[begin:end + 1]
        return Answer(206, part, **{"Content-Range": f"bytes {begin}-{begin + len(part) - 1}/{len(data)}"})

    def apply_head(self, request):
        if request.key not in self.objects:
            return Answer(404)
        return Answer(length=len(self.objects[request.key][0]), **self.object_headers(request.key))

    def apply_delete(self, request):
        self.objects.pop(request.key, None)
        return Answer(204)

    def apply_list(self, request):
        found = [(key, data) for key, (data, _, _) in sorted(self.objects.items()) if key.startswith(request.query["prefix"])]
        contents = "".join(f"<Contents><Key>{urllib.parse.quote(key)}</Key><Size>{len(data)}</Size></Contents>" for key, data in found)
        return Answer(body=f"<ListBucketResult><EncodingType>url</EncodingType>{contents}</ListBucketResult>")

    def apply_create(self, request):
        name = f"id/{len(self.uploads)}+="
        self.uploads[name] = {}
        return Answer(body=f"<InitiateMultipartUploadResult><UploadId>{name}</UploadId></InitiateMultipartUploadResult>")

    def apply_part(self, request):
        if request.query["uploadId"] not in self.uploads:
            return error(404, "NoSuchUpload")
        etag = f'"{hashlib.md5(request.body).hexdigest()}"'
        self.uploads[request.query["uploadId"]][int(request.query["partNumber"])] = request.body
        return Answer(ETag=etag)

    def apply_complete(self, request):
        parts = self.uploads.get(request.query["uploadId"])
        if parts is None:
            return error(404, "NoSuchUpload")
        data = b"".join(parts[number] for number in sorted(parts))
        digest = hashlib.md5(b"".join(hashlib.md5(parts[n]).digest() for n in sorted(parts))).hexdigest()
        refused = self.store(request, request.key, data, f'"{digest}-{len(parts)}"', None)
        if refused:
            return refused
        del self.uploads[request.query["uploadId"]]
        return Answer(body=f"<CompleteMultipartUploadResult><ETag>&quot;{digest}-{len(parts)}&quot;</ETag></CompleteMultipartUploadResult>")

    def apply_abort(self, request):
        self.uploads.pop(request.query["uploadId"], None)
        return Answer(204)


def times(count, operation, answer):
    """A fault of the first `count` requests of that operation."""
    left = [count]

    def fault(request):
        if request.operation == operation and left[0] > 0:
            left[0] -= 1
            return answer(request) if callable(answer) else answer
        return None

    return fault
