"""tidemark policy import"""

from __future__ import annotations

import json

import pytest

from tests.policy.test_configuration import REGIONS, written
from tests.policy.test_veeam import EXPORTED, SYSTEM
from tidemark.policy.configuration import load

GIVEN = ("--region", "eu-central-1", "--file-system", SYSTEM, "--time-zone", "Europe/Berlin")


@pytest.fixture
def exported(tmp_path):
    path = tmp_path / "exported.json"
    path.write_text(json.dumps({**EXPORTED, "name": "Gold\n\x1b[2J"}))
    return str(path)


def test_a_policy_is_printed_with_what_is_not_carried_over(tidemark, exported, tmp_path):
    result = tidemark("policy", "import", exported, *GIVEN)
    assert result.code == 0, result.err
    (policy,) = load(written(tmp_path, result.out), REGIONS).policies
    assert policy.name == "gold-2j"
    assert "# Not carried over: gold-2j: priority: " in result.out
    assert "gold-2j: priority: " in result.err
    assert "tidemark check" in result.err
    assert "\x1b" not in result.out + result.err


def test_json_has_the_configuration_and_the_list(tidemark, exported, tmp_path):
    result = tidemark("policy", "import", exported, *GIVEN, "--json")
    assert load(written(tmp_path, json.dumps(result.document["configuration"])), REGIONS).policies
    assert {"policy", "field", "reason"} == set(result.document["not_carried_over"][0])


def test_a_file_is_written_once_and_never_replaced(tidemark, exported, tmp_path):
    target = tmp_path / "new.yaml"
    assert tidemark("policy", "import", exported, *GIVEN, "--output", str(target)).code == 0
    text = target.read_text()
    assert load(target, REGIONS).policies
    again = tidemark("policy", "import", exported, *GIVEN, "--output", str(target))
    assert (again.code, target.read_text()) == (58, text)
    assert "already exists" in again.err
    missing = tidemark("policy", "import", exported, *GIVEN, "--output", str(tmp_path / "no" / "where"))
    assert missing.code == 2


@pytest.mark.parametrize(
    ("text", "arguments", "code", "words"),
    [
        ("{", GIVEN, 59, "not JSON"),
        ("[" * 100_000, GIVEN, 59, "not JSON"),
        ("{}", GIVEN, 59, "not a backup policy"),
        (json.dumps(EXPORTED), GIVEN[:2], 59, "--file-system"),
        (json.dumps(EXPORTED), GIVEN[2:], 59, "--region"),
        (json.dumps(EXPORTED), (*GIVEN, "--file-system", "fs-X"), 14, "describe-file-systems"),
        (json.dumps(EXPORTED), (*GIVEN, "--copy-to", "eu-nowhere-1"), 2, "eu-nowhere-1"),
        (json.dumps(EXPORTED), (*GIVEN, "--time-zone", "Berlin"), 2, "time zone"),
        (json.dumps(EXPORTED), (*GIVEN, "--vault", "a b"), 2, "vault"),
    ],
)
def test_bad_input_is_refused_without_output(tidemark, tmp_path, text, arguments, code, words):
    path = tmp_path / "exported.json"
    path.write_text(text)
    result = tidemark("policy", "import", str(path), *arguments)
    assert result.code == code, result
    assert words in result.err
    assert result.out == ""


def test_a_missing_file_is_refused(tidemark, tmp_path):
    result = tidemark("policy", "import", str(tmp_path / "none"), *GIVEN)
    assert result.code == 2
    assert "cannot read" in result.err
