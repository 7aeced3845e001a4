from __future__ import annotations

import pytest
from botocore.session import get_session

from tidemark.aws.clients import Clients
from tidemark.errors import ConfigurationError


def clients_at(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Clients:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    session = get_session()
    session.set_credentials("testing", "testing")
    session.set_config_variable("region", "eu-central-1")
    return Clients(session)


@pytest.mark.parametrize(
    "endpoint",
    ["foo", "http://", "localhost:4566", "http://[::1", "http://exa mple", "http://localhost:99999"],
)
def test_an_endpoint_that_is_not_a_url_is_a_configuration_error(
    endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigurationError, match=r"or another setting; set AWS_ENDPOINT_URL, .* to a URL"):
        clients_at(endpoint, monkeypatch).of("ssm")


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:4566", "https://vpce-1.ssm.example.com/path", ""])
def test_an_endpoint_that_is_a_url_is_used(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = clients_at(endpoint, monkeypatch).of("ssm").meta.endpoint_url
    assert found == (endpoint or "https://ssm.eu-central-1.amazonaws.com")


def test_an_empty_region_counts_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "")
    assert Clients().region is None
