"""The tags of a recovery point: properties for all metadata, keys and changes."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from hypothesis import assume, given
from hypothesis import strategies as st

from tidemark.errors import ForeignTag, TagKeyDamaged
from tidemark.tags import (
    FIELDS,
    MARKER,
    Finding,
    PointMetadata,
    TagKey,
    WrappedTagKey,
    encryption_context,
    name_tag,
    open_tags,
    seal,
    seal_index,
)

# AWS Backup's documented limits for tags on recovery points; \w without re.ASCII is letters and digits.
AWS_TEXT = re.compile(r"[^\W_]*(?:[\w_.:/=+\-@ ]*)")
KEY = TagKey(version=1, secret=bytes(range(64)))
DEPLOYMENT = "tidemark"


def arn(metadata: PointMetadata) -> str:
    return (
        f"arn:aws:elasticfilesystem:{metadata.region}:{metadata.account}:file-system/{metadata.file_system}"
    )


names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40)
hexes = st.integers(0, 16**17 - 1).map("{:017x}".format)
metadatas = st.builds(
    PointMetadata,
    session=hexes.map("nightly-fs-{}-20261122T020000Z".format),
    policy=names,
    file_system=hexes.map("fs-{}".format),
    account=st.integers(0, 10**12 - 1).map("{:012}".format),
    region=st.sampled_from(["eu-central-1", "us-gov-west-1", "ap-southeast-7"]),
    created=st.integers(0, 4_000_000_000).map(lambda s: datetime.fromtimestamp(s, UTC)),
    retention_days=st.none() | st.integers(1, 36_500),
    index=hexes.map("fs-{}-20261122T020000Z-abcdef".format),
    manifest_sha256=st.none() | st.binary(min_size=32, max_size=32).map(bytes.hex),
)
metadatas |= metadatas.map(lambda told: dataclasses.replace(told, index=None, manifest_sha256=None))
keys = st.builds(TagKey, version=st.integers(1, 10_000), secret=st.binary(min_size=64, max_size=64))
foreign_tags = st.dictionaries(
    st.text(min_size=1, max_size=20).filter(lambda key: not key.startswith(MARKER)), st.text(max_size=20)
)


@given(metadatas, keys, foreign_tags)
def test_sealed_metadata_opens_and_foreign_tags_change_nothing(metadata, key, foreign):
    tags = seal(metadata, file_system=arn(metadata), key=key, deployment=DEPLOYMENT)
    opened = open_tags(
        foreign | tags, file_system=arn(metadata), keys={key.version: key.secret}, deployment=DEPLOYMENT
    )
    assert opened.metadata == metadata
    assert opened.key_version == key.version
    assert opened.problems == ()


@given(metadatas, keys)
def test_tags_are_deterministic_and_within_the_limits_of_aws(metadata, key):
    tags = seal(metadata, file_system=arn(metadata), key=key, deployment=DEPLOYMENT)
    assert tags == seal(metadata, file_system=arn(metadata), key=key, deployment=DEPLOYMENT)
    assert len(tags) == len(FIELDS) + 1 <= 10
    for tag_key, value in tags.items():
        assert 1 <= len(tag_key) <= 128
        assert len(value) <= 256
        assert AWS_TEXT.fullmatch(tag_key)
        assert AWS_TEXT.fullmatch(value)
        assert not tag_key.startswith("aws:")


@given(metadatas, keys)
def test_the_tags_show_none_of_the_metadata(metadata, key):
    tags = seal(metadata, file_system=arn(metadata), key=key, deployment=DEPLOYMENT)
    text = " ".join([*tags, *tags.values()])
    for told in (metadata.session, metadata.file_system, metadata.account, metadata.index):
        assert told is None or told not in text


def test_the_longest_field_still_fits_and_a_longer_one_is_refused():
    metadata = example()
    longest = dataclasses.replace(metadata, policy="p" * 160)
    tags = seal(longest, file_system=arn(metadata), key=KEY, deployment=DEPLOYMENT)
    assert max(len(value) for value in tags.values()) <= 256
    for policy in ("p" * 161, "nul\0"):
        with pytest.raises(ValueError, match="policy"):
            seal(
                dataclasses.replace(metadata, policy=policy),
                file_system=arn(metadata),
                key=KEY,
                deployment=DEPLOYMENT,
            )


@given(metadatas, st.data())
def test_any_single_changed_character_of_a_key_or_value_is_reported(metadata, data):
    tags = seal(metadata, file_system=arn(metadata), key=KEY, deployment=DEPLOYMENT)
    tag_key = data.draw(st.sampled_from(sorted(tags)))
    text = data.draw(st.sampled_from([tag_key, tags[tag_key]]))
    place = data.draw(st.integers(0, len(text) - 1))
    kind = data.draw(st.sampled_from(["replace", "remove", "insert"]))
    character = data.draw(st.sampled_from("ABCabc019-_=:./@ +"))
    changed = {
        "replace": text[:place] + character + text[place + 1 :],
        "remove": text[:place] + text[place + 1 :],
        "insert": text[:place] + character + text[place:],
    }[kind]
    assume(changed != text)
    value = tags.pop(tag_key)
    tags[changed if text == tag_key else tag_key] = changed if text == value else value
    opened = open_tags(tags, file_system=arn(metadata), keys={1: KEY.secret}, deployment=DEPLOYMENT)
    assert opened.problems
    if tag_key != MARKER:
        assert (opened.metadata, opened.key_version) == (None, None)


def test_another_spelling_of_the_same_bytes_is_reported():
    """The last character of base64 has spare bits, which decoders drop."""
    metadata = example()
    tags = seal(metadata, file_system=arn(metadata), key=KEY, deployment=DEPLOYMENT)
    name = name_tag("session", key=KEY, deployment=DEPLOYMENT)
    assert len(tags[name]) % 4 == 3  # so the last character has two spare bits
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    respelled = tags[name][:-1] + alphabet[alphabet.index(tags[name][-1]) + 1]
    for value in (respelled, tags[name] + "="):
        opened = open_tags(
            tags | {name: value}, file_system=arn(metadata), keys={1: KEY.secret}, deployment=DEPLOYMENT
        )
        assert opened.metadata is None


@given(metadatas, st.sampled_from(FIELDS))
def test_a_removed_field_is_reported_as_missing(metadata, field):
    tags = seal(metadata, file_system=arn(metadata), key=KEY, deployment=DEPLOYMENT)
    del tags[name_tag(field, key=KEY, deployment=DEPLOYMENT)]
    opened = open_tags(tags, file_system=arn(metadata), keys={1: KEY.secret}, deployment=DEPLOYMENT)
    assert opened.metadata is None
    assert [(problem.finding, problem.field) for problem in opened.problems] == [(Finding.MISSING, field)]


@given(metadatas, st.permutations(FIELDS))
def test_values_moved_between_fields_are_reported(metadata, order):
    tags = seal(metadata, file_system=arn(metadata), key=KEY, deployment=DEPLOYMENT)
    places = [name_tag(field, key=KEY, deployment=DEPLOYMENT) for field in FIELDS]
    moved = {
        place: tags[name_tag(field, key=KEY, deployment=DEPLOYMENT)]
        for place, field in zip(places, order, strict=True)
    }
    opened = open_tags(tags | moved, file_system=arn(metadata), keys={1: KEY.secret}, deployment=DEPLOYMENT)
    assert (opened.metadata is None) == (tuple(order) != FIELDS) == bool(opened.problems)


@given(metadatas, metadatas)
def test_all_tags_copied_from_another_file_system_are_reported(metadata, other):
    assume(arn(metadata) != arn(other))
    tags = seal(other, file_system=arn(other), key=KEY, deployment=DEPLOYMENT)
    opened = open_tags(tags, file_system=arn(metadata), keys={1: KEY.secret}, deployment=DEPLOYMENT)
    assert opened.metadata is None
    assert opened.problems[0].field == "session"


@given(metadatas, st.sampled_from(FIELDS), st.integers(1, 1000))
def test_a_tag_of_another_session_of_the_same_file_system_is_reported(metadata, field, days):
    other = dataclasses.replace(metadata, session=metadata.session + "-2", retention_days=days)
    tags = seal(metadata, file_system=arn(metadata), key=KEY, deployment=DEPLOYMENT)
    name = name_tag(field, key=KEY, deployment=DEPLOYMENT)
    tags[name] = seal(other, file_system=arn(metadata), key=KEY, deployment=DEPLOYMENT)[name]
    opened = open_tags(tags, file_system=arn(metadata), keys={1: KEY.secret}, deployment=DEPLOYMENT)
    assert opened.metadata is None
    assert opened.problems


@given(metadatas, keys, keys)
def test_every_known_key_version_opens_and_no_other(metadata, old, new):
    assume(old.version != new.version)
    tags = seal(metadata, file_system=arn(metadata), key=old, deployment=DEPLOYMENT)
    both = {old.version: old.secret, new.version: new.secret}
    assert open_tags(tags, file_system=arn(metadata), keys=both, deployment=DEPLOYMENT).metadata == metadata
    without = open_tags(
        tags, file_system=arn(metadata), keys={new.version: new.secret}, deployment=DEPLOYMENT
    )
    assert without.metadata is None
    assert {problem.finding for problem in without.problems} == {Finding.UNKNOWN_KEY, Finding.MISSING}


@given(metadatas)
def test_an_index_is_added_with_the_key_that_sealed_the_point(metadata):
    point = dataclasses.replace(metadata, index=None, manifest_sha256=None)
    new = TagKey(version=2, secret=bytes(64))
    tags = seal(point, file_system=arn(metadata), key=KEY, deployment=DEPLOYMENT)
    known = {1: KEY.secret, 2: new.secret}
    digest = hashlib.sha256(metadata.session.encode()).hexdigest()
    added = seal_index(
        tags, "fs-12345678-i", digest, file_system=arn(metadata), keys=known, deployment=DEPLOYMENT
    )
    assert len(added) == 1
    opened = open_tags(tags | added, file_system=arn(metadata), keys=known, deployment=DEPLOYMENT)
    assert opened.metadata == dataclasses.replace(point, index="fs-12345678-i", manifest_sha256=digest)
    assert opened.problems == ()


def test_an_index_is_not_written_to_a_point_whose_tags_were_altered():
    metadata = example()
    tags = seal(metadata, file_system=arn(metadata), key=KEY, deployment=DEPLOYMENT)
    tags[name_tag("policy", key=KEY, deployment=DEPLOYMENT)] = "altered"
    with pytest.raises(ForeignTag, match="policy was altered"):
        seal_index(
            tags, "fs-1-i", None, file_system=arn(metadata), keys={1: KEY.secret}, deployment=DEPLOYMENT
        )


def test_an_added_tag_in_our_format_is_reported_and_the_rest_still_trusted():
    metadata = example()
    tags = seal(metadata, file_system=arn(metadata), key=KEY, deployment=DEPLOYMENT)
    tags["tidemark:1:1:forged"] = "anything"
    opened = open_tags(tags, file_system=arn(metadata), keys={1: KEY.secret}, deployment=DEPLOYMENT)
    assert opened.metadata == metadata
    assert [(problem.finding, problem.tag_key) for problem in opened.problems] == [
        (Finding.ALTERED, "tidemark:1:1:forged")
    ]


def test_a_second_set_under_another_key_is_reported():
    metadata = example()
    new = TagKey(version=2, secret=bytes(64))
    tags = seal(metadata, file_system=arn(metadata), key=KEY, deployment=DEPLOYMENT)
    tags |= seal(metadata, file_system=arn(metadata), key=new, deployment=DEPLOYMENT)
    known = {1: KEY.secret, 2: new.secret}
    opened = open_tags(tags, file_system=arn(metadata), keys=known, deployment=DEPLOYMENT)
    assert opened.key_version == 2
    assert {problem.finding for problem in opened.problems} == {Finding.MIXED_KEYS}


def test_a_point_of_another_deployment_is_reported_with_the_way_to_read_it():
    metadata = example()
    other = TagKey(version=1, secret=bytes(64))
    tags = seal(metadata, file_system=arn(metadata), key=other, deployment="nightly")
    opened = open_tags(tags, file_system=arn(metadata), keys={1: KEY.secret}, deployment=DEPLOYMENT)
    assert opened.metadata is None
    assert [problem.finding for problem in opened.problems] == [Finding.OTHER_DEPLOYMENT]
    assert "TIDEMARK_DEPLOYMENT=nightly" in opened.problems[0].message


def test_a_marker_that_names_another_deployment_is_reported_and_the_rest_still_trusted():
    metadata = example()
    tags = seal(metadata, file_system=arn(metadata), key=KEY, deployment=DEPLOYMENT) | {MARKER: "cellar"}
    opened = open_tags(tags, file_system=arn(metadata), keys={1: KEY.secret}, deployment=DEPLOYMENT)
    assert opened.metadata == metadata
    assert [(problem.finding, problem.tag_key) for problem in opened.problems] == [(Finding.ALTERED, MARKER)]


def test_tags_of_a_newer_format_require_a_newer_tidemark():
    opened = open_tags(
        {MARKER: DEPLOYMENT, "tidemark:2:1:abc": "x"},
        file_system=arn(example()),
        keys={1: KEY.secret},
        deployment=DEPLOYMENT,
    )
    assert opened.problems[0].finding is Finding.UNKNOWN_FORMAT
    assert "newer Tidemark" in opened.problems[0].message


def test_a_marker_alone_is_reported_even_without_any_key():
    for known in ({}, {1: KEY.secret}):
        opened = open_tags(
            {MARKER: DEPLOYMENT}, file_system=arn(example()), keys=known, deployment=DEPLOYMENT
        )
        assert opened.metadata is None
        assert opened.ours
        assert {problem.finding for problem in opened.problems} == {Finding.MISSING}


@given(foreign_tags)
def test_a_point_without_our_tags_is_not_ours_and_not_a_problem(tags):
    opened = open_tags(tags, file_system=arn(example()), keys={1: KEY.secret}, deployment=DEPLOYMENT)
    assert not opened.ours
    assert opened.problems == ()


def test_a_point_is_found_by_a_tag_key_that_does_not_depend_on_the_point():
    first, second = example(), dataclasses.replace(example(), session="another", region="us-east-1")
    tags = [seal(m, file_system=arn(m), key=KEY, deployment=DEPLOYMENT) for m in (first, second)]
    assert set(tags[0]) == set(tags[1])
    others = seal(first, file_system=arn(first), key=KEY, deployment="other")
    assert set(tags[0]) & set(others) == {MARKER}


def test_metadata_of_another_file_system_is_not_sealed():
    with pytest.raises(ValueError, match="cannot be encrypted"):
        seal(
            example(),
            file_system=arn(example()).replace("eu-central-1", "us-east-1"),
            key=KEY,
            deployment=DEPLOYMENT,
        )
    naive = dataclasses.replace(example(), created=example().created.replace(tzinfo=None))
    with pytest.raises(ValueError, match="without zone"):
        seal(naive, file_system=arn(naive), key=KEY, deployment=DEPLOYMENT)


def test_the_time_is_sealed_in_utc():
    there = datetime.fromisoformat("2026-11-22T03:00:00+01:00")
    metadata = dataclasses.replace(example(), created=there)
    tags = seal(metadata, file_system=arn(metadata), key=KEY, deployment=DEPLOYMENT)
    opened = open_tags(tags, file_system=arn(metadata), keys={1: KEY.secret}, deployment=DEPLOYMENT)
    assert opened.metadata is not None
    assert opened.metadata.created == there
    assert opened.metadata.created.utcoffset() == timedelta(0)


def test_the_cipher_is_rfc_5297():
    """A published vector of RFC 5297, with a key of 32 bytes; Tidemark's keys have 64."""
    key = bytes.fromhex("fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
    associated = bytes.fromhex("101112131415161718191a1b1c1d1e1f2021222324252627")
    sealed = AESSIV(key).encrypt(bytes.fromhex("112233445566778899aabbccddee"), [associated])
    assert sealed.hex() == "85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c"


def test_the_representation_of_a_key_does_not_contain_it():
    assert "secret" not in repr(KEY)


@given(st.integers(1, 1000), st.binary(min_size=1, max_size=200))
def test_a_wrapped_key_is_read_back(version, wrapped):
    key = WrappedTagKey(
        version=version, wrapped=wrapped, encryption_context=encryption_context(DEPLOYMENT, version)
    )
    assert WrappedTagKey.from_json(key.to_json()) == key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"version": "one", "wrapped": "", "encryption_context": {}}',
        '{"version": 1, "wrapped": "%", "encryption_context": {}}',
        '{"version": 1, "wrapped": "", "encryption_context": []}',
    ],
)
def test_a_damaged_wrapped_key_is_an_error_of_its_own(text):
    with pytest.raises(TagKeyDamaged):
        WrappedTagKey.from_json(text)


def example() -> PointMetadata:
    return PointMetadata(
        session="nightly-fs-0123456789abcdef0-20261122T020000Z",
        policy="nightly",
        file_system="fs-0123456789abcdef0",
        account="123456789012",
        region="eu-central-1",
        created=datetime(2026, 11, 22, 2, 0, tzinfo=UTC),
        retention_days=30,
    )
