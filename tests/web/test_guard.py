"""Which requests are answered: those of the browser that has the token, and of no other page."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.index.building import row
from tests.web.sites import HOST, PORT, Site, site_with
from tidemark.web.app import local_page

OTHERS = st.text(
    alphabet=st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=","), min_size=1
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return site_with(tmp_path_factory.mktemp("site"), [row("/secret.txt")])


@pytest.fixture
def stranger(site: Site):
    """A client of the same server without the cookie."""
    return site.client.application.test_client()


def test_every_page_refuses_a_browser_without_the_cookie(site, stranger):
    rules = [rule for rule in site.client.application.url_map.iter_rules() if rule.endpoint != "static"]
    assert len(rules) > 10
    for rule in rules:
        address = rule.rule.replace("<session_id>", "x").replace("<restore_id>", "x")
        for method in rule.methods & {"GET", "POST"}:
            answer = stranger.open(
                address, method=method, base_url=f"http://{HOST}", headers={"Origin": f"http://{HOST}"}
            )
            assert answer.status_code == 403, (method, address)
            assert "secret" not in answer.text


def test_the_token_is_exchanged_for_a_cookie_that_scripts_and_other_sites_cannot_use(site, stranger):
    answer = stranger.get(
        f"/enter?token={site.guard.token}&page=/find%3Fq%3Dsecret", base_url=f"http://{HOST}"
    )
    assert answer.status_code == 200
    cookie = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert cookie.startswith(f"tidemark-{PORT}=")
    assert site.guard.token not in cookie
    assert 'url=/find?q=secret"' in answer.text
    assert "secret.txt" in stranger.get("/find?q=secret", base_url=f"http://{HOST}").text


@given(st.text(max_size=60))
def test_no_other_token_is_accepted(site, token):
    stranger = site.client.application.test_client()
    answer = stranger.get("/enter", query_string={"token": token}, base_url=f"http://{HOST}")
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


@given(OTHERS.filter(lambda name: name not in (HOST, f"localhost:{PORT}")))
def test_a_request_to_another_name_is_refused_although_it_has_the_cookie(site, host):
    """DNS rebinding: the name of another site resolves to 127.0.0.1."""
    answer = site.client.get("/find?q=secret", headers={"Host": host, "Cookie": _cookie(site)})
    assert answer.status_code == 421
    assert "secret.txt" not in answer.text


@given(OTHERS.filter(lambda origin: origin != f"http://{HOST}"))
def test_a_request_from_another_origin_is_refused(site, origin):
    assert site.get("/find?q=secret", Origin=origin).status_code == 403
    assert site.post("/restore/add", {"item": "x"}, Origin=origin).status_code == 403


def test_a_form_without_an_origin_is_refused(site):
    answer = site.client.post("/restore/add", base_url=f"http://{HOST}", data={})
    assert answer.status_code == 403


@pytest.mark.parametrize("site_header", ["cross-site", "same-site"])
def test_another_page_can_link_here_but_embed_and_fetch_nothing(site, site_header):
    embedded = {"Sec-Fetch-Site": site_header, "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
    framed = {"Sec-Fetch-Site": site_header, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
    linked = {"Sec-Fetch-Site": site_header, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert site.get("/find", **embedded).status_code == 403
    assert site.get("/find", **framed).status_code == 403
    assert site.get("/find", **linked).status_code == 200


def test_every_answer_forbids_inline_scripts_frames_and_foreign_content(site, stranger):
    answers = [
        site.get("/find"),
        site.get("/find.csv?q=secret"),
        site.get("/browse?index=none"),
        site.get("/nothing"),
        site.get("/static/style.css"),
        stranger.get("/find", base_url=f"http://{HOST}"),
        site.get("/find", Host="other"),
    ]
    for answer in answers:
        policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == "'self'"
        assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_no_page_is_kept_by_the_browser_or_a_proxy(site):
    assert site.get("/find?q=secret").headers["Cache-Control"] == "no-store"
    assert site.get("/find.csv?q=secret").headers["Cache-Control"] == "no-store"


@given(st.text(max_size=40) | st.text(alphabet="/\\:@?ab.\n", max_size=20))
def test_the_token_never_leads_to_another_site(address):
    """A browser reads `//host` and `/\\host` as another host."""
    page = local_page(address)
    assert page.startswith("/")
    assert page[1:2] not in ("/", "\\")
    assert not set("\r\n\\") & set(page.partition("?")[0])


def test_the_address_of_a_colleague_opens_the_same_page():
    assert local_page("http://127.0.0.1:9999/find?q=a%20b&every=1") == "/find?q=a%20b&every=1"


def _cookie(site: Site) -> str:
    return f"{site.guard.cookie}={site.guard.session}"
