"""Names of directories: each access point is found by its own name only, and a path is never a name."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tidemark.answers.directory_names import DirectoryNames, claim_of, name_of
from tidemark.answers.requests import InvalidRequest
from tidemark.aws.access_points import AccessPoint
from tidemark.cli.output import terminal
from tidemark.errors import AccessPointNotFound
from tidemark.escape import escape, unescape

FS = "fs-0123456789abcdef0"
# What EFS allows in a tag: letters, separators, numbers of any script, and some signs.
TAGS = st.text(
    st.characters(categories=("L", "Z", "N"), include_characters="_.:/=+-@"), min_size=1, max_size=8
)
NAMES = TAGS | st.text(":/a", min_size=1, max_size=5)
LABELS = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,4}[a-z0-9])?", fullmatch=True)
PATHS = st.binary(min_size=1, max_size=6).filter(lambda raw: b"\0" not in raw)


class Known(DirectoryNames):
    """Names among given access points, without AWS."""

    def __init__(self, points: list[AccessPoint]) -> None:
        super().__init__()
        self._points = points

    def all_in(self, file_system_id: str | None) -> list[AccessPoint]:
        return [each for each in self._points if file_system_id in (None, each.file_system_id)]


def point(number: int, **fields: object) -> AccessPoint:
    usual: dict = {
        "access_point_id": f"fsap-{number:017x}",
        "file_system_id": FS,
        "name": None,
        "root_directory": f"/exports/{number}",
        "pvc_namespace": None,
        "pvc_name": None,
    }
    return AccessPoint(**usual | fields)


@given(st.lists(NAMES, unique=True, min_size=1, max_size=5))
def test_every_printed_name_resolves_to_its_access_point(names):
    assume(not any(name.startswith("fsap-") for name in names))
    points = [point(number, name=name) for number, name in enumerate(names)]
    for each in points:
        found = Known(points).resolve(name_of(each))
        assert (found.access_point, found.path) == (each, each.root_directory)


@given(NAMES, PATHS)
def test_a_path_below_is_kept_byte_for_byte(name, raw):
    assume(not name.startswith("fsap-"))
    found = Known([point(1, name=name)]).resolve(f"{name_of(point(1, name=name))}:/{escape(raw)}")
    assert unescape(found.path) == b"/exports/1/" + raw


@given(LABELS, LABELS, PATHS)
def test_a_claim_is_found_with_and_without_its_namespace(namespace, name, raw):
    claim = point(1, pvc_namespace=namespace, pvc_name=name)
    other = point(2, pvc_namespace=namespace, pvc_name=f"{name}x")
    for text in (f"pvc:{name}", f"pvc:{namespace}/{name}", claim_of(claim)):
        assert Known([claim, other]).resolve(text).access_point == claim
        assert unescape(Known([claim, other]).resolve(f"{text}:/{escape(raw)}").path) == b"/exports/1/" + raw


@given(
    st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
    | st.sampled_from(["pvc:x", "accesspoint:x"])
)
def test_a_path_from_the_root_is_never_a_name(text):
    found = Known([point(1, name="x", pvc_name="x")]).resolve(f"/{text}")
    assert found.access_point is None
    assert unescape(found.path) == terminal.typed(f"/{text}")


@given(st.lists(st.sampled_from(["a", "b"]), max_size=4), st.sampled_from(["a", "b"]))
def test_a_name_of_several_access_points_lists_them_and_of_none_is_not_found(names, wanted):
    points = [point(number, name=name) for number, name in enumerate(names)]
    matching = [each for each in points if each.name == wanted]
    if len(matching) == 1:
        assert Known(points).resolve(f"accesspoint:{wanted}").access_point == matching[0]
        return
    with pytest.raises((InvalidRequest, AccessPointNotFound)) as refused:
        Known(points).resolve(f"accesspoint:{wanted}")
    assert isinstance(refused.value, InvalidRequest) == bool(matching)
    for each in matching or points:
        assert each.access_point_id in str(refused.value)


def test_two_claims_in_two_namespaces_are_ambiguous_without_the_namespace():
    points = [point(1, pvc_namespace="a", pvc_name="x"), point(2, pvc_namespace="b", pvc_name="x")]
    with pytest.raises(InvalidRequest, match=r"(?s)pvc:a/x.*pvc:b/x"):
        Known(points).resolve("pvc:x")
    assert Known(points).resolve("pvc:b/x").path == "/exports/2"


@pytest.mark.parametrize(
    "text", ["pvc:", "pvc:/x", "pvc:a/b/c", "pvc:A", "pvc:a_b", "pvc:-a", "pvc:a:", "pvc:a b", "accesspoint:"]
)
def test_a_malformed_name_is_refused(text):
    with pytest.raises(InvalidRequest):
        Known([point(1, name="x", pvc_name="x")]).resolve(text)


def test_the_root_of_the_file_system_is_a_directory_too():
    names = Known([point(1, name="all", root_directory="/")])
    assert names.resolve("accesspoint:all").from_root == "/"
    assert names.resolve("accesspoint:all:/a/b").from_root == "/a/b"


def test_a_list_of_many_is_short():
    points = [point(number, name=f"n{number}") for number in range(500)]
    with pytest.raises(AccessPointNotFound, match="and 490 more") as refused:
        Known(points).resolve("accesspoint:none")
    assert len(str(refused.value)) < 2000


def test_control_characters_of_a_name_do_not_reach_the_terminal():
    points = [point(1, name="a\x1b[2J"), point(2, name="\x1b]0;x\x07")]
    with pytest.raises(AccessPointNotFound) as refused:
        Known(points).resolve("accesspoint:\x1bno")
    assert "\x1b" not in str(refused.value)
