"""The local cloud answers programs that know its secret; no web page, and nobody else."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from localcloud import LocalCloud
from localcloud.guard import is_same_user, new_access_key, refusal

pytestmark = pytest.mark.cloud
TEMPLATE = json.dumps({"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}})
CREATE = f"Action=CreateStack&Version=2010-05-15&StackName=s&TemplateBody={TEMPLATE}"
OLD_SCOPE = "AKIALOCALCLOUD000000/20261129/us-east-1/cloudformation/aws4_request"
FAULT = '{"service": "s3", "operation": "PutObject", "action": "fail"}'


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud.start() as running:
        yield running


def ask(
    cloud: LocalCloud, method: str, path: str, body: str | None = None, **headers: str
) -> tuple[int, dict[str, str], str]:
    """Send a request with these headers and no others; return status, headers and body."""
    host, port = cloud.endpoint_url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, {"Host": f"{host}:{port}", **named})
    answer = connection.getresponse()
    told = answer.status, dict(answer.getheaders()), answer.read().decode()
    connection.close()
    return told


def nothing_happened(cloud: LocalCloud) -> None:
    assert cloud.client("cloudformation").list_stacks()["StackSummaries"] == []
    cloud.client("s3").create_bucket(Bucket="still-works")
    cloud.client("s3").put_object(Bucket="still-works", Key="k", Body=b"")


SCOPE = f"AWS4-HMAC-SHA256 Credential={OLD_SCOPE}, SignedHeaders=host, Signature=0"
FORM = {"Content_Type": "application/x-www-form-urlencoded"}
PLAIN = {"Content_Type": "text/plain"}


@pytest.mark.parametrize(
    ("method", "path", "body", "headers"),
    [
        ("POST", "/", CREATE, FORM),
        ("POST", "/", CREATE, {**FORM, "Authorization": SCOPE}),
        ("POST", f"/?X-Amz-Credential={OLD_SCOPE}", CREATE, FORM),
        ("GET", f"/?{CREATE.replace(' ', '')}", None, {}),
        ("POST", "/_localcloud/faults", FAULT, PLAIN),
        ("POST", "/_localcloud/faults", FAULT, {**PLAIN, "Authorization": "Bearer AKIALOCALCLOUD000000"}),
        ("DELETE", "/_localcloud/faults", None, {}),
        ("GET", "/_localcloud/calls", None, {}),
        ("POST", "/moto-api/reset", None, {}),
        ("GET", "/moto-api/data.json", None, {}),
        ("POST", "/2015-03-31/functions/f/invocations", "{}", PLAIN),
        ("PUT", "/bucket/key", "x", {}),
    ],
)
def test_nobody_is_answered_without_the_secret_of_the_run(
    cloud: LocalCloud, method: str, path: str, body: str | None, headers: dict[str, str]
) -> None:
    status, answered, _ = ask(cloud, method, path, body, **headers)
    assert status == 403
    assert not [name for name in answered if name.lower().startswith("access-control-")]
    nothing_happened(cloud)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://example.com"},
        {"Origin": "null"},
        {"Host": "example.com"},
        {"Host": "127.0.0.1:1"},
        {"Host": ""},
        {"Sec_Fetch_Site": "cross-site"},
    ],
)
@pytest.mark.parametrize(("method", "path"), [("GET", "/_localcloud/calls"), ("OPTIONS", "/"), ("POST", "/")])
def test_a_web_page_is_not_answered_though_it_knew_the_secret(
    cloud: LocalCloud, method: str, path: str, headers: dict[str, str]
) -> None:
    known = {"Authorization": f"Bearer {cloud.access_key_id}"}
    assert ask(cloud, "GET", "/_localcloud/calls", **known)[0] == 200
    status, answered, _ = ask(cloud, method, path, **{**known, **headers})
    assert status == 403
    assert not [name for name in answered if name.lower().startswith("access-control-")]


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("sts", "get_caller_identity", "InvalidClientTokenId"),
        ("s3", "list_buckets", "InvalidAccessKeyId"),
        ("ec2", "describe_vpcs", "AuthFailure"),
        ("dynamodb", "list_tables", "UnrecognizedClientException"),
        ("lambda", "list_functions", "UnrecognizedClientException"),
    ],
)
def test_a_key_of_another_run_is_refused_as_aws_refuses_it(
    cloud: LocalCloud, service: Any, operation: str, code: str
) -> None:
    client = boto3.client(
        service,
        region_name="us-east-1",
        endpoint_url=cloud.endpoint_url,
        aws_access_key_id=new_access_key(),
        aws_secret_access_key="local",
    )
    with pytest.raises(ClientError) as caught:
        getattr(client, operation)()
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_each_run_has_a_key_of_its_own(cloud: LocalCloud) -> None:
    assert cloud.environment["AWS_ACCESS_KEY_ID"] == cloud.access_key_id
    assert len({new_access_key() for _ in range(100)}) == 100
    assert cloud.access_key_id not in repr(cloud)


def test_the_runtime_api_of_a_function_refuses_pages_too() -> None:
    assert refusal({"HTTP_HOST": "127.0.0.1:9"}, 9) is None
    assert refusal({"HTTP_HOST": "127.0.0.1:9", "HTTP_ORIGIN": "null"}, 9)
    assert refusal({"HTTP_HOST": "rebound.example.com:9"}, 9)


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux tells whose a connection is")
def test_a_connection_of_another_user_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname()), server.accept()[0] as accepted:
            peer = accepted.getpeername()
            assert is_same_user(peer, os.getuid())
            assert is_same_user(peer, os.getuid() + 1) == (os.getuid() == 0), "root's are taken"
        assert not is_same_user(("127.0.0.1", 1), os.getuid())


# --- A browser that really tries ---------------------------------------------------------------------------

PAGE = """<!doctype html><title>waits</title><body><script>
const there = ENDPOINT, results = {};
async function attempt(name, path, options) {
  try { const r = await fetch(there + path, options); results[name] = r.type + r.status + await r.text(); }
  catch (error) { results[name] = String(error); }
}
(async () => {
  const simple = {method: "POST", mode: "no-cors"};
  await attempt("form", "/", {...simple, body: new URLSearchParams(CREATE)});
  await attempt("plain", "/?X-Amz-Credential=SCOPE", {...simple, body: CREATE});
  await attempt("faults", "/_localcloud/faults", {...simple, body: FAULT});
  await attempt("cors", "/_localcloud/calls", {});
  await attempt("invoke", "/2015-03-31/functions/f/invocations", {...simple, body: "{}"});
  const frame = document.createElement("iframe"), form = document.createElement("form");
  frame.name = "f"; form.target = "f"; form.method = "POST"; form.action = there + "/";
  for (const [name, value] of new URLSearchParams(CREATE)) {
    const input = document.createElement("input"); input.name = name; input.value = value; form.append(input);
  }
  document.body.append(frame, form); frame.onload = () => {}; form.submit();
  await new Promise(done => setTimeout(done, 1000));
  document.title = "done"; document.body.innerHTML = "<pre></pre>";
  document.querySelector("pre").textContent = JSON.stringify(results);
})();
</script>"""


@pytest.fixture
def page(cloud: LocalCloud) -> Iterator[str]:
    """A page of somebody else; its URL."""
    text = PAGE.replace("ENDPOINT", json.dumps(cloud.endpoint_url)).replace("CREATE", json.dumps(CREATE))
    text = text.replace("FAULT", json.dumps(FAULT)).replace("SCOPE", OLD_SCOPE)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}/"
    server.shutdown()
    server.server_close()


BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed (Debian's package chromium)")
def test_a_page_in_a_browser_reaches_nothing(cloud: LocalCloud, page: str, tmp_path: Path) -> None:
    before = len(cloud.calls())
    command = [
        str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        f"--user-data-dir={tmp_path}", "--virtual-time-budget=15000", "--dump-dom", page,
    ]  # fmt: skip
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    assert "<title>done</title>" in shown, shown
    results = json.loads(shown.partition("<pre>")[2].partition("</pre>")[0])
    assert set(results) == {"form", "plain", "faults", "cors", "invoke"}
    for name in ("form", "plain", "faults", "invoke"):
        assert results[name] == "opaque0", "it was sent, as browsers send it without asking"
    assert "Failed to fetch" in results["cors"]
    assert len(cloud.calls()) == before
    nothing_happened(cloud)
