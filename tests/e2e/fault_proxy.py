"""A proxy for HTTP/1.1 that does to chosen requests what networks and proxies do: delay, cut, reset, lose, repeat, bring late."""
import collections
import socket
import struct
import threading
import time
from urllib.parse import urlsplit

Request = collections.namedtuple("Request", "number method path size head body")
Fault = collections.namedtuple("Fault", "kind amount", defaults=(0,))
# What a fault does; `amount` is seconds for delay and late, a number of bytes for the others.
#   delay         the request waits
#   cut_request   the server gets its first bytes, and both ends are closed
#   cut_reply     the client gets the answer's first bytes, and the end
#   reset_reply   the same with a reset
#   repeat        the server gets the request twice, one after the other; the client gets the second answer
#   late          the client is told nothing and closed; the server gets the request later
FAULTS = ("delay", "cut_request", "cut_reply", "reset_reply", "repeat", "late")


class FaultProxy:
    """Stands before one server. `choose(request)` names the fault of a request, or None; `after(request)` is called once the
    server has answered, before its answer goes on; `rewrite(request, status, body)` gives another status and body."""

    def __init__(self, upstream):
        parts = urlsplit(upstream)
        self.server = parts.hostname, parts.port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}{parts.path}"
        self.choose = lambda request: None
        self.after = lambda request: None
        self.rewrite = None
        self.lock = threading.Lock()
        self.requests = []   # all, in the order in which they came
        self.replies = []    # (request number, size)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        server = None
        rest = b""
        try:
            while True:
                message, rest = read_message(client, rest)
                if message is None:
                    return
                server = self.pass_on(client, server, message)
                if server is None:
                    return
        except OSError:
            pass
        finally:
            client.close()
            if server:
                server.close()

    def note(self, message):
        head = message.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
        fields, body = message.split(b"\r\n\r\n", 1)
        with self.lock:
            request = Request(len(self.requests), head[0], head[1], len(message), fields.decode("latin-1"), body)
            self.requests.append(request)
        return request

    def ask(self, server, message, method):
        """The server's answer; a kept connection that it has closed meanwhile is made anew."""
        for _ in range(2):
            fresh = server is None
            if fresh:
                server = socket.create_connection(self.server)
                server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                server.sendall(message)
                reply, _ = read_message(server, b"", method)
            except OSError:
                reply = None
            if reply is not None or fresh:
                return server, reply
            server.close()
            server = None
        return server, None

    def pass_on(self, client, server, message):
        """Returns the server's connection to go on with, or None when the client's is done."""
        request = self.note(message)
        fault = self.choose(request) or Fault("none")
        if fault.kind == "delay":
            time.sleep(fault.amount)
        if fault.kind == "cut_request":
            with socket.create_connection(self.server) as other:
                other.sendall(message[:fault.amount])
            return None
        if fault.kind == "late":
            threading.Timer(fault.amount, self.send_late, (message, request)).start()
            return None
        if fault.kind == "repeat":
            server, _ = self.ask(server, message, request.method)
        server, reply = self.ask(server, message, request.method)
        if reply is None:
            return None
        with self.lock:
            self.replies.append((request.number, len(reply)))
        self.after(request)
        if self.rewrite:
            reply = rewritten(reply, lambda status, body: self.rewrite(request, status, body))
        if fault.kind in ("cut_reply", "reset_reply"):
            client.sendall(reply[:fault.amount])
            if fault.kind == "reset_reply":
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            server.close()
            return None
        client.sendall(reply)
        return server

    def send_late(self, message, request):
        server, _ = self.ask(None, message, request.method)
        server.close()

    def close(self):
        self.listener.close()


def rewritten(reply, change):
    """The answer with another status and body; what it said of its length goes."""
    head, body = reply.split(b"\r\n\r\n", 1)
    status, body = change(int(head.split(b" ")[1]), body)
    lines = [line for line in head.split(b"\r\n")[1:] if not line.lower().startswith((b"content-length", b"transfer-encoding"))]
    return b"\r\n".join([b"HTTP/1.1 %d Rewritten" % status, *lines, b"Content-Length: %d" % len(body), b"", body])


def read_message(connection, rest, method=None):
    """One request or answer with its body, and what came behind it; None at the end of the connection."""
    data = rest
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return None, b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    if lines[0].startswith("HTTP/1.1 1"):
        return read_message(connection, body, method)
    fields = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:])}
    start = len(head) + 4
    status = lines[0].split(" ")[1] if lines[0].startswith("HTTP/") else None
    if method == "HEAD" or status in ("204", "304"):
        return data[:start], data[start:]
    if fields.get("transfer-encoding", "").lower() == "chunked":
        end = start
        while True:
            while b"\r\n" not in data[end:]:
                data += receive(connection)
            line_end = data.index(b"\r\n", end)
            size = int(data[end:line_end].split(b";")[0], 16)
            end = line_end + 2 + size + 2
            while len(data) < end:
                data += receive(connection)
            if size == 0:
                return data[:end], data[end:]
    length = int(fields.get("content-length", 0))
    while len(data) < start + length:
        data += receive(connection)
    return data[:start + length], data[start + length:]


def receive(connection):
    data = connection.recv(65536)
    if not data:
        raise ConnectionError("the message ended early")
    return data
