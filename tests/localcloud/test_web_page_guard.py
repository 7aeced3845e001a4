"""No listener answers web pages, nor requests to another name than loopback's."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from localcloud import LocalCloud
from localcloud.authentication.web_page_guard import refusal
from tests.localcloud.signing import send, signed_headers

pytestmark = pytest.mark.cloud
TEMPLATE = json.dumps({"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}})
CREATE = f"Action=CreateStack&Version=2010-05-15&StackName=s&TemplateBody={TEMPLATE}"
OLD_SCOPE = "AKIALOCALCLOUD000000/20261129/us-east-1/cloudformation/aws4_request"
FAULT = '{"service": "s3", "operation": "PutObject", "action": "fail"}'


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud.start() as running:
        yield running


def nothing_happened(cloud: LocalCloud) -> None:
    assert cloud.client("cloudformation").list_stacks()["StackSummaries"] == []
    cloud.client("s3").create_bucket(Bucket="still-works")
    cloud.client("s3").put_object(Bucket="still-works", Key="k", Body=b"")


SCOPE = f"AWS4-HMAC-SHA256 Credential={OLD_SCOPE}, SignedHeaders=host, Signature=0"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PLAIN = {"Content-Type": "text/plain"}


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
def test_requests_without_the_secret_of_the_run_are_refused(
    cloud: LocalCloud, method: str, path: str, body: str | None, headers: dict[str, str]
) -> None:
    answer = send(cloud.endpoint_url, method, path, None if body is None else body.encode(), headers)
    assert answer.status in (400, 403)
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
    nothing_happened(cloud)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://example.com"},
        {"Origin": "null"},
        {"Host": "example.com"},
        {"Host": "127.0.0.1:1"},
        {"Host": ""},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
@pytest.mark.parametrize(("method", "path"), [("GET", "/_localcloud/calls"), ("OPTIONS", "/"), ("POST", "/")])
def test_a_web_page_is_not_answered_though_it_had_the_key(
    cloud: LocalCloud, method: str, path: str, headers: dict[str, str]
) -> None:
    signed = signed_headers(cloud, "localcloud", method, path)
    if path != "/":
        assert send(cloud.endpoint_url, method, path, None, signed).status == 200
    answer = send(cloud.endpoint_url, method, path, None, {**signed, **headers})
    assert (answer.status, answer.body[:3]) in ((403, b"web"), (403, b"the"))
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


def test_the_preflight_of_a_page_is_not_answered(cloud: LocalCloud) -> None:
    asked = {"Origin": "https://example.com", "Access-Control-Request-Method": "PUT"}
    answer = send(cloud.endpoint_url, "OPTIONS", "/", None, asked)
    assert answer.status == 403
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


def test_each_run_has_a_key_of_its_own(cloud: LocalCloud) -> None:
    with LocalCloud.start() as other:
        assert other.access_key_id != cloud.access_key_id
        assert other.secret_access_key != cloud.secret_access_key
    assert cloud.environment["AWS_ACCESS_KEY_ID"] == cloud.access_key_id
    assert cloud.environment["AWS_SECRET_ACCESS_KEY"] == cloud.secret_access_key
    assert len(cloud.secret_access_key) >= 40
    assert cloud.secret_access_key not in repr(cloud)


def test_a_program_that_calls_fetch_in_node_is_no_page() -> None:
    assert refusal({"HTTP_HOST": "127.0.0.1:9", "HTTP_SEC_FETCH_MODE": "cors"}, 9) is None


def test_the_runtime_api_of_a_function_refuses_pages_too() -> None:
    assert refusal({"HTTP_HOST": "127.0.0.1:9"}, 9) is None
    assert refusal({"HTTP_HOST": "127.0.0.1:9", "HTTP_ORIGIN": "null"}, 9)
    assert refusal({"HTTP_HOST": "rebound.example.com:9"}, 9)


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
    """The URL of a page of another origin."""
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
