"""tidemark search and tidemark ls: the entries of an index, shown safely."""

from __future__ import annotations

import base64
import json
import subprocess
import sys

import pytest

from tests.aws.account import ACCOUNT, REGION
from tests.index.building import FILE_SYSTEM, directory, index_rows, row

EVIL = b"/etc/\x1b]0;owned\x07\n.conf"
LATIN = b"/etc/caf\xe9.conf"


@pytest.fixture
def index(deployment, tmp_path):
    rows = [
        directory("/empty"),
        directory("/etc"),
        row("/etc/app.conf", size=1_500_000),
        row(EVIL),
        row(LATIN),
        row("/etc/link", type="l", target=b"app.conf"),
        row("/etc/pipe", type="p"),
        row("/readme.txt"),
    ]
    index_rows(deployment.store, tmp_path, [row("/old.conf")], number=1)
    return index_rows(deployment.store, tmp_path, rows, number=2).index_id


def test_names_are_found_in_the_newest_index_only(tidemark, index):
    result = tidemark("search", ".conf")
    assert result.code == 0, result.err
    assert len(result.out.splitlines()) == 3
    assert "1.5 MB  /etc/app.conf" in result.out
    assert "old.conf" not in result.out
    assert index in result.err


def test_each_file_system_is_searched_once_and_old_manifests_are_not_read(tidemark, deployment, index):
    newest = json.loads(
        deployment.store.get(f"indexes/{ACCOUNT}/{REGION}/{FILE_SYSTEM}/{index}/manifest.json")
    )
    old = f"indexes/{ACCOUNT}/{REGION}/{FILE_SYSTEM}/{newest['index_id'].replace('20261103', '20261102')}"
    deployment.store.put(old.replace("-000002", "-000001") + "/manifest.json", b"damaged")
    assert tidemark("search", ".conf").code == 0


def test_nothing_in_a_name_reaches_the_terminal(tidemark, index):
    out = tidemark("search", "owned").out
    assert "\x1b" not in out
    assert r"/etc/\x1b]0;owned\x07\x0a.conf" in out


def test_a_name_that_is_not_text_is_found_by_its_shown_form(tidemark, index):
    assert r"caf\xe9.conf" in tidemark("search", r"f\xe9.").out
    assert r"caf\xe9.conf" in tidemark("search", "f\udce9.").out


def test_json_contains_the_raw_bytes(tidemark, index):
    by_path = {entry["path"]: entry for entry in tidemark("search", "*.conf", "--json").lines}
    assert {(entry["index_id"], entry["file_system"]) for entry in by_path.values()} == {(index, FILE_SYSTEM)}
    assert by_path["/etc/app.conf"]["path_base64"] is None
    assert base64.b64decode(by_path[r"/etc/caf\xe9.conf"]["path_base64"]) == LATIN
    assert EVIL.decode() in by_path
    assert set(by_path["/etc/app.conf"]) == {
        "index_id",
        "file_system",
        "path",
        "path_base64",
        "type",
        "size_bytes",
        "modified_at",
        "changed_at",
        "uid",
        "gid",
        "mode",
        "links",
        "inode",
        "target",
        "target_base64",
    }


def test_print0_prints_the_raw_bytes(deployment, index, capfdbinary):
    from tidemark.cli.main import call

    assert call(["search", "*.conf", "--print0", "--limit", "0"]) == 0
    sys.stdout.flush()
    assert set(capfdbinary.readouterr().out.split(b"\0")) == {b"/etc/app.conf", EVIL, LATIN, b""}


def test_a_limit_reports_that_it_stopped(tidemark, index):
    result = tidemark("search", "*", "--limit", "2")
    assert len(result.out.splitlines()) == 2
    assert "Stopped after 2; --limit 0 shows all" in result.err
    assert len(tidemark("search", "*", "--limit", "2", "--json").lines) == 2
    assert "Stopped" not in tidemark("search", "*", "--limit", "9").err


def test_text_output_is_limited_to_a_hundred_lines_and_json_is_not(tidemark, repository, tmp_path):
    index_rows(repository, tmp_path, [row(f"/{number}") for number in range(120)])
    at = ("search", "*", "--repository", repository.url)
    assert len(tidemark(*at).out.splitlines()) == 100
    assert len(tidemark(*at, "--json").lines) == 120
    assert tidemark(*at, "--print0").out.count("\0") == 120


def test_hits_are_printed_before_the_search_is_over(tidemark, repository, tmp_path):
    """The last row group is damaged; the matches before it are still shown."""
    rows = [row(f"/{number:03}") for number in range(200)]
    index = index_rows(repository, tmp_path, rows, part_rows=100, row_group_rows=10)
    (repository._directory / index.identity.prefix / index.parts[1].file).unlink()
    for option in ("--json", "--print0", "--limit=0"):
        result = tidemark("search", "*", option, "--repository", repository.url)
        assert result.code == 44
        assert "/099" in result.out
        assert result.err.count("part-00001.parquet is missing") == 1
    assert tidemark("search", "*", "--limit", "20", "--repository", repository.url).code == 0


def test_a_search_of_a_local_repository_imports_no_aws_sdk(repository, tmp_path):
    index_rows(repository, tmp_path, [row("/a")])
    program = (
        "import sys; from tidemark.cli.main import call; call(['search', 'a', '--repository', sys.argv[1]]);"
        "print(sorted({'botocore.session', 'boto3', 'pydantic', 'duckdb'} & set(sys.modules)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, repository.url], stdout=subprocess.PIPE, text=True, check=True
    )
    assert ended.stdout.splitlines()[-1] == "[]"


def test_no_match_is_reported_without_an_error(tidemark, index):
    result = tidemark("search", "nowhere")
    assert (result.code, result.out) == (0, "")
    assert "'nowhere'" in result.err


def test_case_matters_by_default(tidemark, index):
    assert tidemark("search", "README").out == ""
    assert "readme.txt" in tidemark("search", "README", "-i").out


def test_invalid_searches_are_refused(tidemark, deployment, index):
    assert tidemark("search", "x", "--index", "fs-0-nothing").code == 17
    assert tidemark("search", "x", "--file-system", "fs-ffffffffffffffff0").code == 17
    assert tidemark("search", "x", "--file-system", "fs-ffffffffffffffff0", "--index", index).code == 17
    assert tidemark("search", "x", "--file-system", "nonsense").code == 14
    assert tidemark("search", "").code == 2


def test_a_repository_without_any_index(tidemark, deployment):
    result = tidemark("search", "x")
    assert result.code == 17
    assert "tidemark run" in result.err


def test_a_missing_bucket_is_reported(tidemark, deployment):
    deployment.clients.of("s3").delete_bucket(Bucket="repository")
    result = tidemark("search", "x")
    assert result.code == 10
    assert "does not exist" in result.err


@pytest.fixture
def many(repository, tmp_path):
    rows = [
        directory("/etc"),
        row("/etc/app.conf", size=1_500_000, uid=0, gid=5),
        row("/etc/app.conf.old", mtime_us=1_000_000_000_000_000),
        directory("/srv"),
        row("/srv/Photo.JPG", size=20_000),
        row("/srv/app.conf", size=0),
        row("/srv/link", type="l", target=b"x"),
    ]
    index_rows(repository, tmp_path, [rows[0], rows[1], row("/gone.conf")], number=1)
    index_rows(repository, tmp_path, rows, number=2)
    return repository.url


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["app.conf"], "/etc/app.conf /etc/app.conf.old /srv/app.conf"),
        (["app.conf", "--exact"], "/etc/app.conf /srv/app.conf"),
        (["APP.CONF", "--exact", "-i"], "/etc/app.conf /srv/app.conf"),
        ([r"^(app|Photo)\.[a-zJPG]+$", "--regex"], "/etc/app.conf /srv/Photo.JPG /srv/app.conf"),
        ([r"\x6cink", "--regex"], "/srv/link"),
        (["--ext", "jpg"], "/srv/Photo.JPG"),
        (["conf", "--under", "/srv/"], "/srv/app.conf"),
        (["--under", "/srv", "--type", "f,l"], "/srv/Photo.JPG /srv/app.conf /srv/link"),
        (["--type", "d"], "/etc /srv"),
        (["--size", "+1M"], "/etc/app.conf"),
        (["--size", "-20k", "--type", "f", "--size", "+1"], "/etc/app.conf.old /srv/Photo.JPG"),
        (["--size", "0"], "/srv/app.conf"),
        (["--older", "2010-01-01"], "/etc/app.conf.old"),
        (["old", "--newer", "2010-01-01"], ""),
        (["--newer", "2010-01-01", "app"], "/etc/app.conf /srv/app.conf"),
        (["--owner", "0"], "/etc/app.conf"),
        (["--owner", ":5"], "/etc/app.conf"),
        (["--owner", "1000:5"], ""),
    ],
)
def test_conditions_without_a_deployment(tidemark, many, arguments, expected):
    result = tidemark("search", *arguments, "--repository", many, "--json")
    assert result.code == 0, result.err
    assert [entry["path"] for entry in result.lines] == expected.split()
    counted = tidemark("search", *arguments, "--repository", many, "--count", "--limit", "1")
    assert counted.out == f"{len(expected.split())}\n"


def test_a_count_as_json(tidemark, many):
    document = tidemark("search", "conf", "--repository", many, "--count", "--json").document
    assert (document["count"], len(document["indexes"])) == (3, 1)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["a", "--exact", "--regex"],
        ["a", "--all", "--index", "x"],
        ["a", "--count", "--print0"],
        ["a", "--json", "--print0"],
        ["a", "--size", "big"],
        ["a", "--newer", "soon"],
        ["a", "--type", "x"],
        ["a", "--owner", "root"],
        ["a", "--limit", "99999999999999999999"],
        ["a", "--ext", ""],
        ["--ext", "."],
        ["etc/app.conf"],
    ],
)
def test_contradictory_options_are_a_usage_error(tidemark, many, arguments):
    result = tidemark("search", *arguments, "--repository", many)
    assert result.code == 2
    assert result.out == ""


@pytest.mark.parametrize("form", [[], ["--json"], ["--print0"], ["--count"], ["--all"]])
def test_a_directory_in_no_index_is_not_reported_as_empty(tidemark, many, form):
    arguments = ("--repository", many, *form, "--under")
    for typo in ("/etx", "/etc/app.conf", "/a\x1b[2J"):
        result = tidemark("search", "conf", *arguments, typo)
        assert (result.code, result.out) == (18, "")
        assert "is not a directory in" in result.err
        assert "\x1b" not in result.err
    for there in ("/", "/etc/", "srv"):
        assert tidemark("search", "nothing", *arguments, there).code == 0


def test_a_slash_in_a_pattern_reports_the_option_for_directories(tidemark, many):
    assert "--under" in tidemark("search", "/etc/app.conf", "--repository", many).err
    assert tidemark("search", "[^/]pp", "--regex", "--repository", many).code == 0


def test_an_invalid_regular_expression_is_refused(tidemark, many):
    result = tidemark("search", "(", "--regex", "--repository", many)
    assert result.code == 10
    assert "RE2" in result.err or "re2" in result.err


def test_all_indexes_of_a_file_system(tidemark, many):
    result = tidemark("search", ".conf", "--all", "--repository", many, "--json")
    assert result.code == 0, result.err
    counted = tidemark("search", ".conf", "--all", "--repository", many, "--count", "--json").document
    first, second = (index["index_id"] for index in counted["indexes"])
    found = {
        entry["path"]: (entry["first_index_id"], entry["last_index_id"], entry["indexes"])
        for entry in result.lines
    }
    assert found == {
        "/etc/app.conf": (first, second, 2),
        "/etc/app.conf.old": (second, second, 1),
        "/gone.conf": (first, first, 1),
        "/srv/app.conf": (second, second, 1),
    }
    assert {entry["index_id"] for entry in result.lines} == {first, second}
    assert all(entry["first_recovery_point_arn"] is None for entry in result.lines)
    assert tidemark("search", ".conf", "--all", "--repository", many, "--count").out == "4\n"
    shown = tidemark("search", "gone", "--all", "--repository", many).out.splitlines()
    assert shown[0].endswith("/gone.conf")
    assert shown[1] == f"    only   2026-11-02 00:00  {first}"


def test_all_indexes_with_the_recovery_points_that_hold_a_hit(tidemark, deployment, tmp_path):
    whose = deployment.resources.file_system(FILE_SYSTEM)
    for number in (1, 2, 3):
        names = [row("/kept.txt")] + [row("/gone.txt")] * (number == 1)
        index = index_rows(deployment.store, tmp_path, names, number=number).index_id
        copy = deployment.point(number + 10, kind="copy")
        deployment.session(
            f"s-{number}", file_system=whose, index_id=index, points=(deployment.point(number), copy)
        )
    arns = [deployment.point(number).recovery_point_arn for number in (1, 2, 3)]
    copies = [deployment.point(number + 10).recovery_point_arn for number in (1, 2, 3)]

    def held() -> dict[str, tuple[str, str]]:
        return {
            entry["path"]: (entry["first_recovery_point_arn"], entry["last_recovery_point_arn"])
            for entry in tidemark("search", "txt", "--all", "--file-system", FILE_SYSTEM, "--json").lines
        }

    assert held() == {"/kept.txt": (arns[0], arns[2]), "/gone.txt": (arns[0], arns[0])}
    lines = tidemark("search", "kept", "--all").out.splitlines()
    assert lines[1].endswith(arns[0])
    assert lines[2].endswith(f"{arns[2]}, in 3 indexes")
    deployment.deleted |= {arns[0], arns[2]}
    assert held() == {"/kept.txt": (copies[0], copies[2]), "/gone.txt": (copies[0], copies[0])}
    deployment.deleted |= {copies[0], copies[2], copies[1]}
    assert held() == {"/kept.txt": (arns[1], arns[1]), "/gone.txt": (None, None)}
    lines = tidemark("search", "gone", "--all").out.splitlines()
    assert lines[1].endswith("recovery points are unknown or deleted")


def test_points_in_vaults_that_cannot_be_listed_are_shown(tidemark, deployment, tmp_path):
    whose = deployment.resources.file_system(FILE_SYSTEM)
    index = index_rows(deployment.store, tmp_path, [row("/a.txt")]).index_id
    deployment.session("s-1", file_system=whose, index_id=index, points=(deployment.point(1),))
    deployment.deleted = None
    result = tidemark("search", "txt", "--all")
    assert result.code == 0
    assert deployment.point(1).recovery_point_arn in result.out
    assert "Deleted recovery points may be listed" in result.err


def test_all_without_any_index(tidemark, repository):
    assert tidemark("search", "x", "--all", "--repository", repository.url).code == 17
    arguments = ("search", "x", "--all", "--repository", repository.url, "--file-system")
    assert tidemark(*arguments, FILE_SYSTEM).code == 17


def test_a_directory_is_listed(tidemark, index):
    result = tidemark("ls", f"{index}:/etc")
    assert result.code == 0, result.err
    assert [line.split("  ")[-1].split(" ")[0] for line in result.out.splitlines()][:1] != []
    assert "link -> app.conf" in result.out
    assert "(FIFO)" in result.out
    assert "\x1b" not in result.out
    assert len(result.out.splitlines()) == 5


def test_a_file_system_id_selects_its_newest_index_and_no_path_the_root(tidemark, index):
    for where in (f"{FILE_SYSTEM}:/", FILE_SYSTEM, index):
        out = tidemark("ls", where).out
        assert [line.rsplit("  ", 1)[1] for line in out.splitlines()] == ["empty/", "etc/", "readme.txt"]


def test_an_empty_directory_is_reported(tidemark, index):
    result = tidemark("ls", f"{index}:/empty")
    assert (result.code, result.out) == (0, "")
    assert "empty" in result.err


def test_ls_as_json(tidemark, index):
    document = tidemark("ls", f"{index}:/etc/", "--json").document
    assert document["index_id"] == index
    assert len(document["entries"]) == 5


def test_invalid_listings_are_refused(tidemark, index):
    assert tidemark("ls", f"{index}:/nowhere").code == 18
    assert r"/a\x0ab does not exist" in tidemark("ls", f"{index}:/a\nb").err
    assert tidemark("ls", "nonsense:/").code == 17
    assert tidemark("ls", ":/").code == 17
    assert tidemark("ls", "\x1b[2J:/").code == 17
    assert "\x1b" not in tidemark("ls", "\x1b[2J:/").err


@pytest.mark.parametrize(
    ("arguments", "tips"),
    [
        (["none"], "; try --ignore-case, or --all for earlier indexes."),
        (["none", "-i", "--all"], " matches 'none'."),
        (["none", "-i"], "; try --all for earlier indexes."),
        (["none*"], "with *, ? or [, it must match the whole name), or --ignore-case, or --all for"),
        (["none*", "--exact", "--all"], "; try --ignore-case."),
        (["--size", "+1E"], "matches; try --all for earlier indexes."),
    ],
)
def test_no_match_suggests_alternatives(tidemark, many, arguments, tips):
    result = tidemark("search", *arguments, "--repository", many)
    assert (result.code, result.out) == (0, "")
    assert tips in result.err
