from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.damage.building import comparison, scope, trees
from tidemark.damage.facts import ROOT
from tidemark.damage.judge import WINDOW, judge
from tidemark.damage.rules import RULES
from tidemark.damage.settings import DamageSettings
from tidemark.damage.verdict import Status

SETTINGS = DamageSettings()
QUIET = [comparison(number, {"/home/": scope(500, overwritten=2, deleted=3)}) for number in range(1, 9)]


def damaged(number: int = 9, **counts: int):
    """The comparison after an attack on /home/."""
    home = scope(500, size=10**6, **counts)
    return comparison(number, {ROOT: dataclasses.replace(home, files=2_000), "/home/": home})


@given(trees(), st.integers(0, SETTINGS.history - 1))
def test_without_enough_history_nothing_is_judged(scopes, length):
    verdict = judge(comparison(50, scopes), QUIET[:length], SETTINGS)
    assert verdict.status is Status.UNKNOWN
    assert f"{length} earlier comparison" in verdict.reason


@given(trees())
def test_changes_that_are_as_large_as_usual_are_normal(scopes):
    past = [comparison(number, scopes) for number in range(1, 10)]
    assert judge(comparison(10, scopes), past, SETTINGS).status is Status.NORMAL


@given(trees(), st.integers(1, 100))
def test_fewer_changes_than_the_threshold_are_normal(scopes, files):
    small = {
        path: dataclasses.replace(
            each,
            counts=dataclasses.replace(
                each.counts,
                **{
                    name: min(each.counts.of(name), files - 1)
                    for name in ("replaced", "overwritten", "emptied", "changed", "disguised", "deleted")
                },
                lost_bytes=0,
            ),
        )
        for path, each in scopes.items()
    }
    settings = dataclasses.replace(SETTINGS, files=files)
    assert judge(comparison(10, small), QUIET, settings).status is Status.NORMAL


@given(trees(), st.data())
def test_findings_exceed_every_threshold(scopes, data):
    """Compared with the rules' definition, computed another way."""
    current = comparison(10, scopes)
    for finding in judge(current, QUIET, SETTINGS).findings:
        rule, own = RULES[finding.rule], current.scopes[finding.directory]
        assert finding.amount == getattr(own.counts, rule.signal)
        if not rule.of_bytes:
            assert finding.amount >= SETTINGS.files
        assert finding.amount / finding.of >= rule.percent(SETTINGS) / 100 if finding.of else True
        usual = max(
            getattr(each.scopes[finding.directory].counts, rule.signal)
            if finding.directory in each.scopes
            else 0
            for each in QUIET
        )
        assert finding.usual == usual
        assert finding.amount >= SETTINGS.factor * usual


@pytest.mark.parametrize(
    ("counts", "rule"),
    [
        ({"replaced": 150}, "replaced"),
        ({"overwritten": 150, "changed": 150}, "overwritten"),
        ({"emptied": 150}, "emptied"),
        ({"changed": 400}, "changed"),
        ({"disguised": 400}, "disguised"),
        ({"deleted": 400}, "deleted"),
        ({"lost_bytes": 900_000}, "lost"),
    ],
)
def test_each_rule_names_the_directory_and_the_last_good_index(counts, rule):
    verdict = judge(damaged(**counts), QUIET, SETTINGS)
    assert verdict.status is Status.SUSPICIOUS
    assert (verdict.findings[0].rule, verdict.findings[0].directory) == (rule, "/home/")
    assert verdict.last_good_index_id == "index-008"


def test_growth_is_reported_and_is_no_damage():
    verdict = judge(damaged(added=5_000, gained_bytes=10**9), QUIET, SETTINGS)
    assert verdict.status is Status.NORMAL
    assert [each.directory for each in verdict.growth] == ["/home/"]


def test_suspicious_changes_do_not_become_usual_until_they_are_accepted():
    attack = dataclasses.replace(damaged(replaced=150), suspicious=True)
    again = damaged(10, replaced=150)
    verdict = judge(again, [*QUIET, attack], SETTINGS)
    assert verdict.status is Status.SUSPICIOUS
    assert verdict.last_good_index_id == "index-008"  # before the first of them
    assert judge(again, [*QUIET, attack], SETTINGS, accepted_until="index-009").status is Status.NORMAL


def test_a_deployment_that_removes_another_directory_each_time_is_usual():
    def deployed(number: int):
        gone = scope(300, after=0, deleted=300)
        releases = {
            f"/srv/releases/{number:03}/": gone,
            "/srv/releases/": scope(1_200, deleted=300, added=300),
        }
        root = scope(2_000, deleted=300, added=300)
        return comparison(number, {ROOT: root, "/srv/": releases["/srv/releases/"], **releases})

    past = [deployed(number) for number in range(1, 9)]
    assert judge(deployed(9), past, SETTINGS).status is Status.NORMAL
    other = {"/home/": scope(300, after=0, deleted=300), ROOT: scope(2_000, deleted=300)}
    assert judge(comparison(9, other), past, SETTINGS).findings[0].directory == "/home/"


def test_a_busy_directory_does_not_hide_another_one():
    busy = {"/cache/": scope(5_000, replaced=4_000), ROOT: scope(10_000, replaced=4_000)}
    past = [comparison(number, busy) for number in range(1, 9)]
    attack = busy | {"/home/": scope(500, replaced=400), ROOT: scope(10_000, replaced=4_400)}
    assert [each.directory for each in judge(comparison(9, attack), past, SETTINGS).findings] == ["/home/"]


def test_slow_damage_accumulates():
    def night(number: int, replaced: int):
        counts = {"replaced": replaced}
        return comparison(number, {ROOT: scope(2_000, **counts), "/home/": scope(1_000, **counts)})

    quiet = [night(number, 1) for number in range(1, 31)]
    past, verdicts = list(quiet), []
    for number in range(31, 31 + WINDOW):
        current = night(number, 20)
        verdicts.append(judge(current, past, SETTINGS))
        past.append(current)
    first = next(number for number, each in enumerate(verdicts, 1) if each.status is Status.SUSPICIOUS)
    # 5 nights are 100 files, 10% of 1,000, and more than 3 times the 14 of two quiet weeks.
    assert first == 5
    finding = verdicts[first - 1].findings[0]
    assert (finding.directory, finding.indexes, finding.usual) == ("/home/", WINDOW, WINDOW)
    assert verdicts[first - 1].last_good_index_id <= "index-030"
    assert all(judge(night(31, 1), quiet, SETTINGS).status is Status.NORMAL for _ in range(1))


def test_several_damaged_directories_are_named_individually():
    homes = {f"/home/{name}/": scope(200, replaced=150) for name in "abc"}
    whole = {"/home/": scope(600, replaced=450), ROOT: scope(5_000, replaced=450)}
    findings = judge(comparison(9, {**homes, **whole}), QUIET, SETTINGS).findings
    assert [each.directory for each in findings] == sorted(homes)
