"""TLS, client certificates, SASL PLAIN, SCRAM and OAUTHBEARER against a broker that demands them."""
import base64
import http.server
import json
import threading
import time
import urllib.parse

import pytest
from broker_lake import BrokerLake, interleaved, table_rows, wait_until
from services import Broker


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    broker = Broker(tmp_path_factory.mktemp("secure"), "secure")
    yield broker
    broker.stop()


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    """The last version whose SCRAM takes what librdkafka before 2.6.1 sends (confluentinc/librdkafka#4895)."""
    broker = Broker(tmp_path_factory.mktemp("earlier"), "secure", KAFKA_VERSION="3.9.1")
    yield broker
    broker.stop()


def secured(lake, broker, listener, settings, properties=""):
    """Configures the lake to read by `listener`."""
    lake.brokers = broker.listener(listener)
    lake.configure(interval="100ms", more=f", {settings}, properties: {{"
                   f"ssl.ca.location: {broker.directory}/ca.pem{properties}}}")


def filled(tmp_path, broker, registry, topic):
    lake = BrokerLake(tmp_path, broker, registry, topic, partitions=2, seed=3)
    records = interleaved(lake.prepare(1000))
    broker.create_topic(topic, 2)
    broker.produce(topic, records)
    return lake


def user(mechanism):
    return f"security_protocol: sasl_ssl, sasl_mechanism: {mechanism}, sasl_username: alice, sasl_password: grey-parrot"


def reads_with_the_right_password_alone(tmp_path, broker, registry, mechanism):
    lake = filled(tmp_path, broker, registry, mechanism.lower())
    secured(lake, broker, "SASL", user(mechanism))
    lake.sink()
    lake.assert_conserved()
    assert "grey-parrot" not in lake.run("config", "check", "icesink.yaml").stdout
    secured(lake, broker, "SASL", user(mechanism).replace("grey-parrot", "wrong"))
    done = lake.sink(check=False)
    assert done.returncode == 1 and "uthentication" in done.stderr and "wrong" not in done.stderr


def test_reads_with_user_and_password(tmp_path, secure, registry):
    reads_with_the_right_password_alone(tmp_path, secure, registry, "PLAIN")


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_reads_with_scram(tmp_path, earlier, registry, mechanism):
    reads_with_the_right_password_alone(tmp_path, earlier, registry, mechanism)


def test_scram_of_an_old_librdkafka_at_a_new_broker_works_or_says_why_not(tmp_path, secure, registry):
    lake = filled(tmp_path, secure, registry, "scram-new")
    secured(lake, secure, "SASL", user("SCRAM-SHA-512"))
    done = lake.sink(check=False)
    if done.returncode == 0:
        lake.assert_conserved()
    else:
        assert done.returncode == 1 and "before 2.6.1 cannot log in with SCRAM" in done.stderr


def test_reads_with_a_clients_certificate_and_trusts_nobody_else(tmp_path, secure, registry):
    lake = filled(tmp_path, secure, registry, "mtls")
    own = f", ssl.certificate.location: {secure.directory}/client.pem, ssl.key.location: {secure.directory}/client.key"
    secured(lake, secure, "SSL", "security_protocol: ssl", own)
    lake.sink()
    lake.assert_conserved()
    # Without a certificate of its own, and without the authority that signed the broker's.
    secured(lake, secure, "SSL", "security_protocol: ssl")
    done = lake.run("check", "icesink.yaml", check=False)
    assert done.returncode == 1 and "FAILED  source" in done.stdout, done.stdout
    lake.configure(more=", security_protocol: ssl")
    done = lake.run("check", "icesink.yaml", check=False)
    assert done.returncode == 1 and "certificate verify failed" in done.stdout, done.stdout


class TokenServer:
    """Gives unsecured tokens for client credentials; each lives four seconds."""

    def __init__(self):
        self.requests = []
        self.status = 200
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                user, _, password = base64.b64decode(self.headers["Authorization"].split()[1]).decode().partition(":")
                outer.requests.append((self.path, form, urllib.parse.unquote(user), urllib.parse.unquote(password)))
                right = password == urllib.parse.quote("top secret/1", safe="")
                self.send_response(outer.status if right else 401)
                self.end_headers()
                if right and outer.status == 200:
                    self.wfile.write(json.dumps({"access_token": token(), "token_type": "Bearer",
                                                 "expires_in": 4}).encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/token"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def token():
    now = time.time()
    parts = ({"alg": "none"}, {"sub": "icesink", "iat": now, "exp": now + 4, "scope": "read"})
    return ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts) + "."


@pytest.fixture
def tokens():
    server = TokenServer()
    yield server
    server.stop()


def oauth(tokens, secret="top secret/1"):
    return (f'security_protocol: sasl_ssl, oauth_token_endpoint: "{tokens.url}", oauth_client_id: "the client", '
            f'oauth_client_secret: "{secret}", oauth_scope: "kafka read"')


@pytest.mark.parametrize("assignment", ["all", "group"])
def test_fetches_tokens_and_renews_them(tmp_path, secure, registry, tokens, assignment):
    lake = BrokerLake(tmp_path, secure, registry, f"oauth-{assignment}", partitions=2, seed=3)
    records = interleaved(lake.prepare(2000))
    secure.create_topic(lake.topic, 2)
    secure.produce(lake.topic, records[:1000])
    secured(lake, secure, "OAUTH", oauth(tokens) + f", assignment: {assignment}")
    process = lake.start_service()
    wait_until(lambda: lake.records_in_table() == 1000)
    fetched = len(tokens.requests)
    # Past the life of the first token, and past an outage of the token endpoint.
    tokens.status = 503
    wait_until(lambda: len(tokens.requests) > fetched)
    time.sleep(2)
    tokens.status = 200
    secure.produce(lake.topic, records[1000:])
    wait_until(lambda: lake.records_in_table() == 2000, 60)
    assert process.poll() is None
    process.terminate()
    log = process.communicate(timeout=30)[1]
    assert process.returncode == 0, log
    path, form, user, password = tokens.requests[0]
    assert (path, user, password) == ("/token", "the client", "top secret/1")
    assert form == {"grant_type": ["client_credentials"], "scope": ["kafka read"]}
    assert "top secret" not in log
    lake.assert_conserved()


def test_wrong_client_secret_ends_the_run_with_the_reason(tmp_path, secure, registry, tokens):
    lake = filled(tmp_path, secure, registry, "oauth-wrong")
    lake.run("init", "icesink.yaml")
    secured(lake, secure, "OAUTH", oauth(tokens, "guess"))
    done = lake.sink(check=False)
    assert done.returncode == 1
    assert "token endpoint" in done.stderr and "401" in done.stderr and "guess" not in done.stderr
    assert table_rows(lake) == 0
