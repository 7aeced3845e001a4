"""tidemark browse: it serves pages until it is interrupted."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

import pytest

from tests.index.building import index_rows, row
from tidemark.errors import ConfigurationError
from tidemark.web.server import serving

TIDEMARK = Path(sys.executable).with_name("tidemark")


@pytest.fixture
def browse(repository, tmp_path):
    """Start the command, and stop it at the end; return the process and the address that it printed."""
    index_rows(repository, tmp_path, [row("/found.txt")])
    started = []

    def start(*arguments: str):
        process = subprocess.Popen(
            [TIDEMARK, "browse", "--json", "--port", "0", "--repository", repository.url, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process, json.loads(process.stdout.readline())["url"]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def opener():
    return urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(CookieJar())
    )


def test_the_printed_address_admits_to_the_pages(browse):
    _, url = browse()
    browser = opener()
    assert b"admitted" in browser.open(url).read()
    found = browser.open(url.partition("/enter")[0] + "/find?q=found")
    assert b"found.txt" in found.read()


def test_the_address_of_a_colleague_opens_that_page(browse):
    _, url = browse("http://127.0.0.1:1/find?q=fou%20nd")
    assert b'url=/find?q=fou%20nd"' in opener().open(url).read()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_it_without_an_error(browse, number):
    process, _ = browse()
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")


def test_a_repository_that_does_not_exist_is_reported(tidemark, tmp_path):
    result = tidemark("browse", "--no-open", "--repository", (tmp_path / "absent").as_uri())
    assert result.code == ConfigurationError.exit_code
    assert "no such directory" in result.err


def test_a_port_in_use_is_reported_with_the_next_step(tidemark, repository):
    from tidemark.aws.clock import utc_now
    from tidemark.web.source import Source

    source = Source(repository, connection=None, repository_url=repository.url, now=utc_now)
    with serving(source, 0) as guard:
        result = tidemark("browse", "--port", str(guard.port), "--repository", repository.url)
    assert result.code == ConfigurationError.exit_code
    assert "--port 0" in result.err
