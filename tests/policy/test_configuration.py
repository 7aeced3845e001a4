"""`tidemark.yaml`: valid files are read, errors give the line and the fix."""

from __future__ import annotations

import bisect
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from tidemark.aws.regions import sdk_regions
from tidemark.damage.settings import DamageSettings
from tidemark.errors import ConfigurationError
from tidemark.policy.configuration import load
from tidemark.policy.policy import (
    CopyTarget,
    CrawlSettings,
    Policy,
    Schedule,
    WorkerSettings,
)
from tidemark.settings import WorkerSettings as WorkerEnvironment

SOURCES = Path(__file__).parents[2]
REGIONS = sdk_regions()

# A file whose lines the cases below replace by number; each line is valid.
RIGHT = """\
deployment: tidemark
region: eu-central-1
repository:
  prefix: some/where
vaults:
  eu-central-1: tidemark
  eu-west-1: copies
policies:
  nightly:
    file_systems:
      - fs-0123456789abcdef0
    schedule:
      cron: 0 2 * * ? *
      time_zone: Europe/Berlin
    keep: 35 days
    copies:
      - region: eu-west-1
        vault: copies
        keep: forever
    index: on
    worker:
      type: fargate
      cpu: 0.5
      memory: 4 GB
      network:
        subnets: [subnet-01234567]
notifications:
  email: you@example.com
"""


NO_POLICIES = "region: eu-central-1\nvaults: {eu-central-1: tidemark}\n"


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "tidemark.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def problem_of(folder: Path, text: str | bytes) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(written(folder, text), REGIONS)
    return str(caught.value).replace(str(folder) + "/", "")


def test_the_commented_example_is_valid() -> None:
    configuration = load(SOURCES / "tidemark.yaml", REGIONS)
    assert [policy.name for policy in configuration.policies] == ["nightly"]
    assert configuration.keep_on_destroy


def test_every_commented_line_of_the_example_is_valid(tmp_path: Path) -> None:
    """Uncommented one at a time, for `ec2` and `fargate` exclude each other."""
    lines = (SOURCES / "tidemark.yaml").read_text().splitlines()
    tried = 0
    for number, line in enumerate(lines):
        bare = line.lstrip().removeprefix("# ")
        key = bare.split(":")[0]
        if not line.lstrip().startswith("# ") or key not in (
            "vault",
            "index",
            "worker",
            "restore_testing",
            "retries",
            "log_days",
            "keep_on_destroy",
        ):
            continue
        indent = " " * (len(line) - len(line.lstrip()))
        load(written(tmp_path, "\n".join([*lines[:number], indent + bare, *lines[number + 1 :]])), REGIONS)
        tried += 1
    assert tried == 8


def test_values_become_a_policy_in_its_units(tmp_path: Path) -> None:
    configuration = load(written(tmp_path, RIGHT), REGIONS)
    assert configuration.vaults == {"eu-central-1": "tidemark", "eu-west-1": "copies"}
    assert (configuration.bucket, configuration.prefix) == (None, "some/where")
    assert configuration.email == "you@example.com"
    assert configuration.policies == (
        Policy(
            name="nightly",
            region="eu-central-1",
            file_systems=("fs-0123456789abcdef0",),
            vault="tidemark",
            keep_days=35,
            copies=(CopyTarget(region="eu-west-1", vault="copies", keep_days=None),),
            index=True,
            schedule=Schedule(expression="cron(0 2 * * ? *)", time_zone="Europe/Berlin"),
            worker=WorkerSettings(
                kind="fargate", cpu_units=512, memory_mib=4096, subnets=("subnet-01234567",)
            ),
        ),
    )


def test_omitted_keys_have_defaults(tmp_path: Path) -> None:
    text = """\
region: eu-central-1
vaults: {eu-central-1: tidemark}
worker: {type: ec2}
policies: {manual: {file_systems: [fs-01234567], keep: 7 years, index: false}}
"""
    (policy,) = load(written(tmp_path, text), REGIONS).policies
    assert policy.schedule is None
    assert policy.keep_days == 7 * 365
    assert (policy.worker.kind, policy.worker.instance_type) == ("ec2", None)


def test_index_accepts_exclusions_and_a_rate_limit(tmp_path: Path) -> None:
    said = "index: {exclude: [/scratch, /home/*/.cache, /Übersicht], operations_per_second: 500}"
    (policy,) = load(written(tmp_path, RIGHT.replace("index: on", said)), REGIONS).policies
    assert policy.index
    assert policy.crawl == CrawlSettings(
        exclude=("/scratch", "/home/*/.cache", "/Übersicht"), operations_per_second=500
    )


@pytest.mark.parametrize(
    ("said", "wanted"), [("true", True), ("on", True), ("{}", True), ("false", False), ("off", False)]
)
def test_index_accepts_a_boolean(tmp_path: Path, said: str, wanted: bool) -> None:
    (policy,) = load(written(tmp_path, RIGHT.replace("index: on", f"index: {said}")), REGIONS).policies
    assert (policy.index, policy.crawl) == (wanted, CrawlSettings())


@pytest.mark.parametrize("name", ["directory", "Verzeichnis-Ä", '"quoted"'])
def test_the_longest_exclude_fits_into_the_overrides_of_a_worker(tmp_path: Path, name: str) -> None:
    """The longest list that is taken leaves RunTask's overrides room for the longest task token."""

    def with_paths(count: int) -> str:
        exclude = json.dumps([f"/{name}/{number}" for number in range(count)])
        return RIGHT.replace("index: on", f"index: {{exclude: {exclude}}}")

    def too_long(count: int) -> bool:
        try:
            load(written(tmp_path, with_paths(count)), REGIONS)
        except ConfigurationError as error:
            return "join paths with * and ?" in str(error)
        return False

    most = bisect.bisect_left(range(1000), True, key=too_long) - 1
    (policy,) = load(written(tmp_path, with_paths(most)), REGIONS).policies
    environment = WorkerEnvironment(
        task_token="t" * 2048,
        index_id="i" * 80,
        account="1" * 12,
        region="r" * 20,
        file_system_id="f" * 43,
        repository="s3://" + "r" * 400,
        exclude=policy.crawl.exclude,
        operations_per_second=1_000_000,
        damage=json.dumps(DamageSettings().to_json(), separators=(",", ":")),
        accepted_until="i" * 80,
    ).to_environment()
    overrides = [{"name": name, "value": value} for name, value in environment.items()]
    assert len(json.dumps({"containerOverrides": [{"name": "worker", "environment": overrides}]})) <= 8192


SUNDAYS = "{cron: 0 4 ? * SUN *}"
TESTING = f"    restore_testing:\n      schedule: {SUNDAYS}"
# The text that replaces a line of RIGHT; the line that is named; words of the message, including the fix.
WRONG = [
    (1, "deployment: Tidemark", 1, "2-20 of a-z"),
    (1, "deployment: a-name-that-is-much-too-long", 1, "2-20 of a-z"),
    (1, "deplyoment: tidemark", 1, "did you mean 'deployment'"),
    (1, "colour: blue", 1, "the keys here are deployment, region"),
    (2, "# no region", 1, "'region' is missing, for example region: eu-central-1"),
    (2, "region: Frankfurt", 2, "an AWS Region, such as eu-central-1"),
    (2, "region: eu-north-1", 5, "no vault for eu-north-1, where backups are made; add: eu-north-1"),
    (4, "  prefix: /some/where/", 4, "none at either end"),
    (4, "  bucket: My.Bucket", 4, "a bucket name"),
    (4, "  prefx: some", 4, "did you mean 'prefix'"),
    (28, "  mail: you@example.com", 28, "did you mean 'email'"),
    (6, "  eu-central-1: a vault", 6, "a vault name"),
    (7, "  # no second vault", 17, "add under vaults: eu-west-1: copies"),
    (7, "  eu-west-2: copies", 17, "did you mean eu-west-2"),
    (2, "region: eu-centrl-1", 2, "eu-centrl-1 is not an AWS Region; did you mean eu-central-1?"),
    (7, "  eu-west-11: copies", 7, "eu-west-11 is not an AWS Region; did you mean eu-west-1?"),
    (7, "  us-gov-west-1: copies", 7, "us-gov-west-1 is in the partition aws-us-gov and eu-central-1 in aws"),
    (7, "  cn-northwest-1: copies", 7, "use Regions of aws only"),
    (17, "      - region: cn-north-1", 17, "cn-north-1 is in the partition aws-cn and eu-central-1 in aws"),
    (2, "region: us-gov-east-1", 6, "eu-central-1 is in the partition aws and us-gov-east-1 in aws-us-gov"),
    (17, "      - region: eu-wset-1", 17, "did you mean eu-west-1?"),
    (9, "  Nightly!:", 9, "a policy name"),
    (9, f"  {'n' * 31}:", 9, "1-30 of"),
    (11, "      - vol-01234567", 11, "aws efs describe-file-systems"),
    (11, "      - fs-01234567\n      - fs-01234567", 12, "listed twice; remove one"),
    (11, "      - 1234", 11, "put it in quotes"),
    (11, "      # none", 10, "the value is missing; write one, for example file_systems"),
    (13, "      cron: 0 2 * * *", 13, "five fields of a Unix crontab"),
    (13, "      cron: 0 25 * * ? *", 13, "'25' is not valid for hours; use 0-23"),
    (13, "      cron: 0 2 * * * *", 13, "exactly one of day-of-month and day-of-week must be '?'"),
    (13, "      cron: */5 2 * * ? *", 13, "needs them"),
    (13, "      cron: 0 2 30 2 ? *", 13, "never runs"),
    (13, "      cron: 0 2 * * ? 2020-2025", 13, "its last run was in 2025, and local time is"),
    (14, "      time_zone: localtime", 14, "is not an IANA time zone"),
    (14, "      time_zone: Factory", 14, "is not an IANA time zone"),
    (1, "log_days: true", 1, "true is not a number; write a number"),
    (1, "log_days: yes", 1, "input should be"),
    (1, "keep_on_destroy: 1", 1, "1 should be true or false"),
    (20, "    index: 1", 20, "should be true or false"),
    (20, "    damage: {files: 0}", 20, "greater than or equal to 1"),
    (20, "    damage: {share: 120}", 20, "less than or equal to 100"),
    (20, "    damage: {share: yes}", 20, "a valid integer"),
    (20, "    damage: {on_damage: stop}", 20, "'notify' or 'hold'"),
    (20, "    damage: {hold: forever}", 20, "write '90 days'"),
    (20, "    damage: {hlod: 9 days}", 20, "is not a key of tidemark.yaml"),
    (20, "    index: false\n    damage: {files: 9}", 21, "index is false; remove one of them"),
    (20, "    index: {operations_per_second: true}", 20, "true is not a number; write a number"),
    (23, "      cpu: true", 23, "true is not a number; write a number"),
    (25, "      network:\n        public_address: 0", 26, "0 should be true or false"),
    (13, "      rate: often", 13, "such as '12 hours'"),
    (13, "      rate: 12 hours", 14, "remove time_zone, or write a cron"),
    (13, "      # neither", 12, "exactly one of cron and rate"),
    (14, "      time_zone: Europe/Berlim", 14, "did you mean Europe/Berlin"),
    (15, "    keep: 35", 15, "write '35 days'"),
    (15, "    keep: 0 days", 15, "1 to 36500 days, not 0"),
    (15, "    keep: 101 years", 15, "or write 'forever'"),
    (15, "    # no keep", 9, "'keep' is missing, for example keep: 35 days"),
    (17, "      - region: eu-central-1", 17, "copy to another Region"),
    (17, "      - region: us-east-1", 17, "add under vaults: us-east-1: copies"),
    (18, "        vault: tidemark", 18, "vault tidemark is in eu-central-1, not in eu-west-1; write copies"),
    (18, "        vault: elsewhere", 18, "there is no vault elsewhere; write copies"),
    (19, "        keep: forever\n      - {region: eu-west-1, keep: 1 day}", 20, "there is already a copy in"),
    (20, "    index: perhaps", 20, "should be true or false"),
    (20, "    index:", 20, "the value is missing; it should be true or false"),
    (20, "    index: [/scratch]", 20, "for example index: {exclude: [/scratch]}"),
    (20, "    index:\n      exclud: []", 21, "did you mean 'exclude'"),
    (20, "    index:\n      exclude: /scratch", 21, "should be a list"),
    (20, "    index:\n      exclude:\n        - /a\n        - '!b'", 23, "write '\\!b'"),
    (20, "    index:\n      exclude: [/a/../b]", 21, "'/a/../b' is not a directory below the root"),
    (20, "    index:\n      exclude: [/]", 21, "is not a directory below the root"),
    (20, "    index:\n      exclude: ['/a[b']", 21, "a '[' without its ']'"),
    (20, '    index:\n      exclude: ["/\\0"]', 21, "which no name can"),
    (20, '    index:\n      exclude: ["/\\ud800"]', 21, "which no name can"),
    (20, "    index:\n      operations_per_second: 0", 21, "greater than or equal to 1"),
    (20, "    index:\n      operations_per_second: fast", 21, "should be a valid integer"),
    (20, '    "[key]": 1', 20, "'[key]' is not a key"),
    (20, "    restore_testing: true", 20, "should be keys with values"),
    (20, "    restore_testing: {window_days: 3}", 20, "'schedule' is missing, for example schedule"),
    (20, "    restore_testing:\n      schedule: {rate: 7 days}", 21, "by a cron only; write one"),
    (20, "    restore_testing:\n      schedule: {cron: 0 4 * * *}", 21, "five fields of a Unix crontab"),
    (20, "    restore_testing:\n      schedule: {cron: 0 4 * * ? *, time_zone: x}", 21, "not an IANA time"),
    (20, f"{TESTING}\n      window_days: 0", 22, "greater than or equal"),
    (20, f"{TESTING}\n      window_days: 366", 22, "less than or equal"),
    (20, f"{TESTING}\n      validation_hours: 169", 22, "equal to 168"),
    (20, f"{TESTING}\n      window: 3", 22, "did you mean 'window_days'"),
    (20, f"    index: false\n    restore_testing: {{schedule: {SUNDAYS}}}", 21, "index is false; remove one"),
    (22, "      type: lambda", 22, "'fargate' or 'ec2'"),
    (22, "      type: ec2", 23, "remove cpu"),
    (22, "      instance_type: m7g.large", 22, "write type: ec2"),
    (22, "      instance_type: m5.large", 22, "built for arm64"),
    (23, "      cpu: .nan", 23, "worker.cpu: Fargate has no task with nan vCPU; choose one of 0.25"),
    (23, "      cpu: .inf", 23, "worker.cpu: Fargate has no task with inf vCPU; choose one of 0.25"),
    (23, "      cpu: -.inf", 23, "worker.cpu: Fargate has no task with -inf vCPU; choose one of 0.25"),
    (23, "      cpu: 1.0e+308", 23, "worker.cpu: Fargate has no task with 1e+308 vCPU; choose one of 0.25"),
    (23, "      cpu: 1e308", 23, "worker.cpu: Fargate has no task with 1e+308 vCPU; choose one of 0.25"),
    (23, "      cpu: 3", 23, "worker.cpu: Fargate has no task with 3 vCPU; choose one of 0.25, 0.5, 1"),
    (24, "      memory: 8 GB", 24, "memory is 1 GB to 4 GB in steps of 1 GB"),
    (24, "      memory: lots", 24, "write it as '2 GB'"),
    (26, "        subnets: [sn-1]", 26, "a subnet id"),
    (26, "        subnet: subnet-01234567", 26, "did you mean 'subnets'"),
    (28, "  email: operator", 28, "an e-mail address"),
    (28, "  email: you@example.com\nregion: eu-west-1", 29, 'found duplicate key "region"; write it once'),
    (28, "  email: [", 29, "this is not YAML"),
]  # fmt: skip


@pytest.mark.parametrize(("number", "replacement", "line", "words"), WRONG)
def test_a_problem_is_reported_with_its_line_and_the_fix(
    tmp_path: Path, number: int, replacement: str, line: int, words: str
) -> None:
    lines = RIGHT.splitlines()
    lines[number - 1] = replacement
    message = problem_of(tmp_path, "\n".join(lines) + "\n")
    assert f"tidemark.yaml:{line}: " in message
    assert words in message


def test_all_problems_are_reported_together_by_line(tmp_path: Path) -> None:
    text = RIGHT.replace("region: eu-central-1", "region: nowhere", 1).replace("35 days", "35 dyas")
    message = problem_of(tmp_path, text.replace("index: on", "indx: on"))
    assert [line.split(": ")[0] for line in message.splitlines()] == [
        "tidemark.yaml has 3 problems:",
        "  tidemark.yaml:2",
        "  tidemark.yaml:15",
        "  tidemark.yaml:20",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty"),
        ("# only a comment\n", "the file is empty"),
        ("- a\n- list\n", "should be keys with values"),
        ("just text\n", "should be keys with values"),
        (b"region: \xff\xfe\n", "not UTF-8 at byte 8"),
        ("a: &a\n  b: *a\n", "'a' is not a key"),
        ("a: " + "[" * 30 + "]" * 30, "nested too deep"),
        ("? [a, b]\n: c\n", "is not a key"),
        ("region: !!python/object:os.system x\n", "region"),
        ("region: eu-central-1\n\tvaults: {}\n", "this is not YAML"),
        ("1: 2\n", "1"),
        ("\0", "this is not YAML"),
        (NO_POLICIES, "'policies' is missing, for example policies: {nightly:"),
        (
            NO_POLICIES + "policies: {}\n",
            ":3: policies: there are none; write at least one, for example policies: {nightly:",
        ),
    ],
)
def test_a_file_that_is_not_a_configuration_is_refused_with_a_message(
    tmp_path: Path, text: str | bytes, words: str
) -> None:
    assert words in problem_of(tmp_path, text)


def test_the_error_for_a_missing_file_gives_the_setting_that_names_another(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="TIDEMARK_CONFIG"):
        load(tmp_path / "none.yaml", REGIONS)


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot read"):
        load(tmp_path, REGIONS)


def test_a_session_id_that_would_be_too_long_is_refused(tmp_path: Path) -> None:
    text = RIGHT.replace("nightly", "n" * 30).replace("fs-0123456789abcdef0", "fs-" + "0" * 40)
    assert "session names exceed the limit of 80 characters by 15; shorten the policy's name" in problem_of(
        tmp_path, text
    )


YAML_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(line=st.integers(0, len(RIGHT.splitlines()) - 1), value=YAML_VALUES)
def test_any_value_anywhere_is_accepted_or_a_configuration_error(
    tmp_path: Path, line: int, value: object
) -> None:
    lines = RIGHT.splitlines()
    key, colon, _ = lines[line].partition(": ")
    lines[line] = key + (colon or " ") + json.dumps(value)
    try:
        load(written(tmp_path, "\n".join(lines)), REGIONS)
    except ConfigurationError as error:
        event(f"{str(error).count('tidemark.yaml:')} problems")


@example(b"+_")
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=60) | st.text(alphabet="ab:-?[]{}&*!|>'\"%@`# \n\t", max_size=40).map(str.encode))
def test_any_bytes_are_accepted_or_a_configuration_error(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ConfigurationError):
        load(written(tmp_path, content), REGIONS)
