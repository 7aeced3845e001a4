"""Access keys of a run."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from localcloud.authentication.credentials import Issuer

ROOT, ROLE = "arn:aws:iam::123456789012:root", "arn:aws:iam::123456789012:role/r"


def test_every_key_has_an_id_a_secret_and_a_token_of_its_own() -> None:
    issuer = Issuer()
    issued = [issuer.long_term(ROOT) for _ in range(50)] + [issuer.temporary(ROLE) for _ in range(50)]
    assert len({one.access_key_id for one in issued}) == 100
    assert len({one.secret_access_key for one in issued}) == 100
    assert len({one.session_token for one in issued if one.session_token}) == 50
    assert all(len(one.secret_access_key) == 40 for one in issued)


def test_ids_look_like_those_of_aws_and_say_which_are_temporary() -> None:
    issuer = Issuer()
    assert re.fullmatch(r"AKIA[A-Z2-7]{16}", issuer.long_term(ROOT).access_key_id)
    assert re.fullmatch(r"ASIA[A-Z2-7]{16}", issuer.temporary(ROLE).access_key_id)
    assert issuer.long_term(ROOT).session_token is None


def test_a_key_is_found_by_the_issuer_that_made_it_only() -> None:
    issuer, end = Issuer(), datetime(2026, 1, 1, tzinfo=UTC)
    made = issuer.temporary(ROLE, end)
    assert issuer.find(made.access_key_id) is made
    assert (made.principal, made.expires_at) == (ROLE, end)
    assert Issuer().find(made.access_key_id) is None


def test_a_secret_is_in_no_representation() -> None:
    made = Issuer().temporary(ROLE)
    assert made.secret_access_key not in repr(made)
    assert made.session_token not in repr(made)
