from __future__ import annotations

import pytest
from botocore.session import get_session

from tidemark.costs.prices import DEFAULT_REGION, FIGURES, Prices, origin


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_has_a_source_and_the_price_of_the_default_region(name):
    figure = FIGURES[name]
    assert figure.source.startswith("https://aws.amazon.com/")
    assert figure.source.endswith("/")
    assert figure.unit
    assert all(usd >= 0 for usd in figure.usd.values())
    assert Prices(DEFAULT_REGION).is_recorded(name)


def test_every_region_of_a_figure_exists():
    known = set(get_session().get_available_regions("ec2"))
    assert {region for figure in FIGURES.values() for region in figure.usd} <= known


def test_a_missing_price_is_that_of_the_default_region_and_is_named():
    assert Prices("mars-north-1").usd("backup_warm") == Prices(DEFAULT_REGION).usd("backup_warm")
    (text,) = origin({"mars-north-1": {"backup_warm", "kms_key"}})
    assert DEFAULT_REGION in text
    assert text.endswith("because those of mars-north-1 are not recorded.")


def test_some_missing_prices_of_a_region_are_named():
    texts = list(origin({"eu-central-1": {"backup_warm", "nat_hour"}, DEFAULT_REGION: {"backup_warm"}}))
    assert any("Prices of backup_warm are those of us-east-1" in text for text in texts)
    assert texts[-1].startswith("Prices are the list prices of eu-central-1 and us-east-1 of ")
