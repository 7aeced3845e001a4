from __future__ import annotations

import dataclasses

import pytest

from tests.damage.building import comparison, scope
from tidemark.damage.document import DamageDocument, next_document
from tidemark.damage.settings import LONGEST_HISTORY, DamageSettings
from tidemark.damage.verdict import Status

SETTINGS = DamageSettings()


def history(length: int) -> DamageDocument:
    document = None
    for number in range(1, length + 1):
        document = next_document(f"index-{number:03}", document, comparison(number), ["txt"], SETTINGS)
    assert document is not None
    return document


def test_the_history_grows_to_its_limit():
    document = history(LONGEST_HISTORY + 3)
    assert len(document.comparisons) == LONGEST_HISTORY
    assert document.own == document.comparisons[-1]
    assert document.verdict.status is Status.NORMAL


def test_a_suspicious_comparison_is_marked_and_does_not_count_as_history():
    attack = comparison(9, {"/home/": scope(500, replaced=400)})
    document = next_document("index-009", history(8), attack, [], SETTINGS)
    assert document.verdict.status is Status.SUSPICIOUS
    assert [each.suspicious for each in document.comparisons] == [False] * 8 + [True]


def test_what_was_accepted_stays_accepted():
    document = next_document("index-009", history(8), comparison(9), [], SETTINGS, accepted_until="index-005")
    later = next_document("index-010", document, comparison(10), [], SETTINGS)
    assert later.accepted_until == "index-005"


def test_an_index_without_a_comparison_keeps_the_history():
    document = next_document("index-009", history(8), None, [], SETTINGS, reason="it is the reason")
    assert (document.verdict.status, document.verdict.reason) == (Status.UNKNOWN, "it is the reason")
    assert (document.own, len(document.comparisons)) == (None, 8)


def test_json_preserves_a_document():
    attack = comparison(9, {"/home/": scope(500, replaced=400)})
    made = next_document("index-009", history(8), attack, ["b", "a"], SETTINGS, accepted_until="index-001")
    assert DamageDocument.from_json(made.to_json()) == made


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b"{}", b'{"format": "other"}', history(2).to_json().replace(b'"settings":{', b'"x":{')],
)
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        DamageDocument.from_json(text)


def test_a_newer_version_is_refused():
    text = history(1).to_json().replace(b'"format_version":1', b'"format_version":2')
    with pytest.raises(ValueError, match="version"):
        DamageDocument.from_json(text)


@pytest.mark.parametrize(
    "change",
    [{"history": 0}, {"history": 60}, {"files": 0}, {"factor": 0.5}, {"share": 0}, {"deleted_share": 101}],
)
def test_thresholds_without_meaning_are_refused(change):
    with pytest.raises(ValueError, match=r"."):
        dataclasses.replace(SETTINGS, **change)
