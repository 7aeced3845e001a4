from __future__ import annotations

import dataclasses

from tidemark.damage.verdict import Finding, Status, Verdict
from tidemark.damage.words import directories, sentence

FINDING = Finding(rule="replaced", directory="/home/", amount=1_204, of=3_000, usual=3, indexes=1)


def test_a_finding_names_the_directory_the_amount_and_the_usual_amount():
    text = sentence(dataclasses.replace(FINDING, example="locked"))
    assert text == (
        "/home/: 1,204 of 3,000 files were replaced by files with another extension (.locked); "
        "at most 3 in any earlier comparison"
    )


def test_bytes_and_longer_spans_are_shown():
    assert "2.5 GB of 10 GB were lost" in sentence(
        dataclasses.replace(FINDING, rule="lost", amount=2_500_000_000, of=10**10)
    )
    assert " in 14 indexes;" in sentence(dataclasses.replace(FINDING, indexes=14))


def test_names_cannot_control_a_terminal():
    text = sentence(dataclasses.replace(FINDING, directory="/a\x1b[2J\n/", example="\u202elocked"))
    assert text.isprintable()
    assert r"\x1b[2J\x0a" in text


def test_a_rule_of_a_later_version_is_shown_by_its_name():
    assert "were melted" in sentence(dataclasses.replace(FINDING, rule="melted"))


def test_directories_below_others_are_omitted():
    paths = ("/home/", "/home/ann/", "/srv/")
    findings = tuple(dataclasses.replace(FINDING, directory=path) for path in paths)
    assert directories(Verdict(status=Status.SUSPICIOUS, findings=findings)) == ["/home", "/srv"]
    everything = (*findings, dataclasses.replace(FINDING, directory="/"))
    assert directories(Verdict(status=Status.SUSPICIOUS, findings=everything)) == ["/"]
