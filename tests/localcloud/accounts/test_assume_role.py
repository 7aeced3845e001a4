"""AssumeRole, by the AWS STS API reference and the IAM User Guide, "Methods to assume a role"."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import botocore.credentials
import botocore.session
import pytest
from botocore.exceptions import ClientError

from localcloud import LocalCloud
from tests.localcloud.accounts.conftest import (
    BACKUP,
    PRODUCTION,
    REGION,
    STRANGER,
    allow,
    code_of,
    deny,
    policy,
    role,
    session_client,
    status_of,
    trusting,
    unique,
)

pytestmark = pytest.mark.cloud

ROOT = f"arn:aws:iam::{PRODUCTION}:root"
MAY_ASSUME = allow("sts:AssumeRole")


def test_a_session_calls_in_the_account_of_its_role(organization: LocalCloud) -> None:
    caller = role(organization, "production", MAY_ASSUME)
    target = role(organization, "backup", trust=trusting(ROOT))
    assumed = caller.client("sts").assume_role(RoleArn=target.arn, RoleSessionName="nightly@home")
    arn = f"arn:aws:sts::{BACKUP}:assumed-role/{target.name}/nightly@home"
    assert assumed["AssumedRoleUser"]["Arn"] == arn
    identity = session_client(organization, "sts", assumed["Credentials"]).get_caller_identity()
    assert (identity["Account"], identity["Arn"]) == (BACKUP, arn)
    assert identity["UserId"] == assumed["AssumedRoleUser"]["AssumedRoleId"]
    assert identity["UserId"].endswith(":nightly@home")

    name = unique("made")
    session_client(organization, "sns", assumed["Credentials"]).create_topic(Name=name)
    topics = organization.account("backup").client("sns").list_topics()["Topics"]
    assert f"arn:aws:sns:{REGION}:{BACKUP}:{name}" in [topic["TopicArn"] for topic in topics]


@pytest.mark.parametrize(
    ("permissions", "trusted"),
    [
        ([], trusting(ROOT)),
        ([allow("sts:AssumeRole", "arn:aws:iam::*:role/other")], trusting(ROOT)),
        ([MAY_ASSUME, deny("sts:*")], trusting(ROOT)),
        ([MAY_ASSUME], trusting(f"arn:aws:iam::{STRANGER}:root")),
        ([MAY_ASSUME], trusting(ROOT, action="sts:TagSession")),
        ([MAY_ASSUME], [trusting(ROOT), {**trusting(ROOT), "Effect": "Deny"}]),
    ],
    ids=["no permission", "another role", "denied", "another account", "another action", "trust denies"],
)
def test_both_accounts_must_allow_it(
    organization: LocalCloud, permissions: list[dict[str, Any]], trusted: Any
) -> None:
    caller = role(organization, "production", *permissions)
    target = role(organization, "backup", trust=trusted)
    with pytest.raises(ClientError) as refused:
        caller.client("sts").assume_role(RoleArn=target.arn, RoleSessionName="s-1")
    assert (code_of(refused), status_of(refused)) == ("AccessDenied", 403)
    session = f"arn:aws:sts::{PRODUCTION}:assumed-role/{caller.name}/session"
    assert refused.value.response["Error"]["Message"] == (
        f"User: {session} is not authorized to perform: sts:AssumeRole on resource: {target.arn}"
    )


@pytest.mark.parametrize("given", [{}, {"ExternalId": "wrong"}])
def test_a_role_that_demands_an_external_id_is_not_assumed_without_it(
    organization: LocalCloud, given: dict[str, str]
) -> None:
    caller = role(organization, "production", MAY_ASSUME)
    condition = {"StringEquals": {"sts:ExternalId": "tidemark-7f3a"}}
    target = role(organization, "backup", trust=trusting(caller.arn, Condition=condition))
    sts = caller.client("sts")
    with pytest.raises(ClientError) as refused:
        sts.assume_role(RoleArn=target.arn, RoleSessionName="session-1", **given)
    assert code_of(refused) == "AccessDenied"
    assert sts.assume_role(RoleArn=target.arn, RoleSessionName="session-1", ExternalId="tidemark-7f3a")


@pytest.mark.parametrize(
    ("condition", "applies"),
    [
        ({"StringLike": {"sts:RoleSessionName": "nightly-*"}}, True),
        ({"StringLike": {"sts:RoleSessionName": "weekly-*"}}, False),
        ({"StringEquals": {"aws:PrincipalAccount": PRODUCTION}}, True),
        ({"StringEquals": {"aws:PrincipalAccount": BACKUP}}, False),
        ({"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{PRODUCTION}:role/*"}}, True),
        ({"ArnLike": {"aws:PrincipalArn": f"arn:aws:sts::{PRODUCTION}:assumed-role/*"}}, False),
        ({"StringEquals": {"aws:PrincipalOrgID": "ORGANIZATION"}}, True),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-otherorg12"}}, False),
        ({"StringEquals": {"aws:ResourceAccount": BACKUP}}, True),
        ({"Null": {"sts:ExternalId": "true"}}, True),
        ({"Null": {"sts:ExternalId": "false"}}, False),
    ],
)
def test_the_conditions_of_the_trust_policy_decide(
    organization: LocalCloud, condition: dict[str, Any], applies: bool
) -> None:
    described = organization.client("organizations").describe_organization()["Organization"]
    values = {
        operator: {key: value.replace("ORGANIZATION", described["Id"]) for key, value in keys.items()}
        for operator, keys in condition.items()
    }
    caller = role(organization, "production", MAY_ASSUME)
    target = role(organization, "backup", trust=trusting("*", Condition=values))
    if applies:
        assert caller.client("sts").assume_role(RoleArn=target.arn, RoleSessionName="nightly-1")
    else:
        with pytest.raises(ClientError, match="not authorized to perform: sts:AssumeRole"):
            caller.client("sts").assume_role(RoleArn=target.arn, RoleSessionName="nightly-1")


def test_a_role_outside_the_organization_has_no_organization_id(organization: LocalCloud) -> None:
    described = organization.client("organizations").describe_organization()["Organization"]
    condition = {"StringEquals": {"aws:PrincipalOrgID": described["Id"]}}
    target = role(organization, "backup", trust=trusting("*", Condition=condition))
    with pytest.raises(ClientError, match="not authorized"):
        role(organization, STRANGER, MAY_ASSUME).client("sts").assume_role(
            RoleArn=target.arn, RoleSessionName="s-1"
        )


class TestWithinOneAccount:
    """Source: IAM User Guide, "Policy evaluation for requests within a single account"."""

    def test_a_role_that_is_named_itself_needs_no_permission(self, organization: LocalCloud) -> None:
        caller = role(organization, "backup")
        target = role(organization, "backup", trust=trusting(caller.arn))
        assert caller.client("sts").assume_role(RoleArn=target.arn, RoleSessionName="s-1")

    def test_a_role_of_a_trusted_account_needs_a_permission(self, organization: LocalCloud) -> None:
        target = role(organization, "backup", trust=trusting(f"arn:aws:iam::{BACKUP}:root"))
        with pytest.raises(ClientError, match="not authorized"):
            role(organization, "backup").client("sts").assume_role(RoleArn=target.arn, RoleSessionName="s-1")
        permitted = role(organization, "backup", allow("sts:AssumeRole", target.arn))
        assert permitted.client("sts").assume_role(RoleArn=target.arn, RoleSessionName="s-1")


def test_the_root_user_assumes_no_role(organization: LocalCloud) -> None:
    target = role(organization, "backup", trust=trusting("*"))
    with pytest.raises(ClientError, match="Roles may not be assumed by root accounts") as refused:
        organization.client("sts").assume_role(RoleArn=target.arn, RoleSessionName="s-1")
    assert code_of(refused) == "AccessDenied"
    administrator = organization.account("default").client("sts")
    assert administrator.assume_role(RoleArn=target.arn, RoleSessionName="s-1")


def test_a_role_that_does_not_exist_is_refused_like_one_that_is_not_permitted(
    organization: LocalCloud,
) -> None:
    missing = f"arn:aws:iam::{BACKUP}:role/{unique('missing')}"
    with pytest.raises(ClientError, match=f"sts:AssumeRole on resource: {missing}") as refused:
        organization.account("production").client("sts").assume_role(RoleArn=missing, RoleSessionName="s-1")
    assert code_of(refused) == "AccessDenied"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"RoleSessionName": "with space"}, "roleSessionName"),
        ({"RoleSessionName": "a/b"}, "roleSessionName"),
        ({"ExternalId": "with space"}, "externalId"),
        ({"DurationSeconds": 43_201}, "less than or equal to 43200"),
    ],
)
def test_invalid_parameters_are_refused(
    organization: LocalCloud, given: dict[str, Any], message: str
) -> None:
    target = role(organization, "backup", trust=trusting("*"))
    sts = organization.account("production").client("sts")
    with pytest.raises(ClientError, match=message) as refused:
        sts.assume_role(**{"RoleArn": target.arn, "RoleSessionName": "s-1", **given})
    assert code_of(refused) == "ValidationError"


class TestDuration:
    """Source: AssumeRole, DurationSeconds."""

    def test_it_is_limited_by_the_roles_maximum(self, organization: LocalCloud) -> None:
        sts = organization.account("production").client("sts")
        usual = role(organization, "backup", trust=trusting("*"))
        with pytest.raises(ClientError, match="exceeds the MaxSessionDuration set for this role"):
            sts.assume_role(RoleArn=usual.arn, RoleSessionName="s-1", DurationSeconds=3_601)
        longer = role(organization, "backup", trust=trusting("*"), MaxSessionDuration=7_200)
        keys = sts.assume_role(RoleArn=longer.arn, RoleSessionName="s-1", DurationSeconds=7_200)
        seconds = (keys["Credentials"]["Expiration"] - datetime.now(UTC)).total_seconds()
        assert 7_000 < seconds <= 7_200

    def test_a_chain_of_roles_has_sessions_of_at_most_an_hour(self, organization: LocalCloud) -> None:
        target = role(organization, "backup", trust=trusting("*"), MaxSessionDuration=43_200)
        chained = role(organization, "production", MAY_ASSUME).client("sts")
        with pytest.raises(ClientError, match="1 hour session limit for roles assumed by role chaining"):
            chained.assume_role(RoleArn=target.arn, RoleSessionName="s-1", DurationSeconds=3_601)
        assert chained.assume_role(RoleArn=target.arn, RoleSessionName="s-1", DurationSeconds=3_600)


class TestSessionTags:
    """Source: IAM User Guide, "Pass session tags in AWS STS"."""

    def test_they_need_a_permission_of_both_accounts(self, organization: LocalCloud) -> None:
        tags = [{"Key": "team", "Value": "storage"}]
        both = ["sts:AssumeRole", "sts:TagSession"]
        untagged = role(organization, "backup", trust=trusting(ROOT))
        tagged = role(organization, "backup", trust=trusting(ROOT, action=both))
        may, may_not = (role(organization, "production", allow(one)) for one in (both, "sts:AssumeRole"))
        for caller, target in ((may, untagged), (may_not, tagged)):
            with pytest.raises(ClientError, match="not authorized"):
                caller.client("sts").assume_role(RoleArn=target.arn, RoleSessionName="s-1", Tags=tags)
        assert may.client("sts").assume_role(RoleArn=tagged.arn, RoleSessionName="s-1", Tags=tags)

    def test_trust_policies_see_requested_tags_and_later_ones_those_of_the_session(
        self, organization: LocalCloud
    ) -> None:
        both = ["sts:AssumeRole", "sts:TagSession"]
        requested = {"StringEquals": {"aws:RequestTag/team": "storage"}, "Null": {"aws:TagKeys": "false"}}
        first = role(
            organization, "backup", allow(both), trust=trusting("*", action=both, Condition=requested)
        )
        held = {"StringEquals": {"aws:PrincipalTag/team": "storage"}}
        second = role(organization, "production", trust=trusting("*", action=both, Condition=held))
        sts = role(organization, "production", allow(both)).client("sts")

        def through(value: str, *, transitive: bool = False) -> Any:
            keys = sts.assume_role(
                RoleArn=first.arn,
                RoleSessionName="first",
                Tags=[{"Key": "team", "Value": value}],
                TransitiveTagKeys=["team"] if transitive else [],
            )["Credentials"]
            chained = session_client(organization, "sts", keys)
            return chained, chained.assume_role(RoleArn=second.arn, RoleSessionName="second")

        with pytest.raises(ClientError, match=f"resource: {first.arn}"):
            through("network")
        through("storage")
        chained, _ = through("storage", transitive=True)
        with pytest.raises(ClientError, match="Transitive tags"):
            chained.assume_role(
                RoleArn=second.arn, RoleSessionName="x-1", Tags=[{"Key": "Team", "Value": "other"}]
            )


def test_a_session_policy_limits_the_role(organization: LocalCloud) -> None:
    bucket = unique("limited")
    owner = organization.account("backup").client("s3")
    owner.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    owner.put_object(Bucket=bucket, Key="k", Body=b"content")
    target = role(organization, "production", allow("s3:*"), trust=trusting("*"))
    owner.put_bucket_policy(
        Bucket=bucket,
        Policy=policy(
            allow(
                "s3:*", [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"], Principal={"AWS": target.arn}
            )
        ),
    )
    sts = organization.account("production").client("sts")

    def read(**limits: Any) -> bytes:
        keys = sts.assume_role(RoleArn=target.arn, RoleSessionName="s-1", **limits)["Credentials"]
        s3 = session_client(organization, "s3", keys)
        content: bytes = s3.get_object(Bucket=bucket, Key="k")["Body"].read()
        return content

    assert read() == b"content"
    assert read(Policy=policy(allow("s3:GetObject"))) == b"content"
    with pytest.raises(ClientError, match="no identity-based policy allows the s3:GetObject action"):
        read(Policy=policy(allow("s3:ListBucket")))


def test_a_source_identity_stays_with_a_chain_of_roles(organization: LocalCloud) -> None:
    both = ["sts:AssumeRole", "sts:SetSourceIdentity"]
    named = {"StringEquals": {"aws:SourceIdentity": "ada"}}
    first = role(organization, "backup", allow(both), trust=trusting("*", action=both))
    second = role(organization, "production", trust=trusting("*", action=both, Condition=named))
    sts = organization.account("production").client("sts")
    assumed = sts.assume_role(RoleArn=first.arn, RoleSessionName="s-1", SourceIdentity="ada")
    assert assumed["SourceIdentity"] == "ada"
    chained = session_client(organization, "sts", assumed["Credentials"])
    assert chained.assume_role(RoleArn=second.arn, RoleSessionName="s-2")
    unnamed = sts.assume_role(RoleArn=first.arn, RoleSessionName="s-1")["Credentials"]
    with pytest.raises(ClientError, match="not authorized"):
        session_client(organization, "sts", unnamed).assume_role(RoleArn=second.arn, RoleSessionName="s-2")


def test_an_sdk_assumes_the_role_of_another_account_by_itself(organization: LocalCloud) -> None:
    target = role(organization, "backup", trust=trusting(ROOT))
    account = organization.account("production")
    session = botocore.session.Session()
    session.set_credentials(account.access_key_id, account.secret_access_key)
    fetcher = botocore.credentials.AssumeRoleCredentialFetcher(
        client_creator=lambda service, **options: session.create_client(
            service, **{**options, "region_name": REGION, "endpoint_url": organization.endpoint_url}
        ),
        source_credentials=session.get_credentials(),
        role_arn=target.arn,
    )
    keys = fetcher.fetch_credentials()
    client = session.create_client(
        "sts",
        region_name=REGION,
        endpoint_url=organization.endpoint_url,
        aws_access_key_id=keys["access_key"],
        aws_secret_access_key=keys["secret_key"],
        aws_session_token=keys["token"],
    )
    assert client.get_caller_identity()["Account"] == BACKUP


def test_it_is_recorded_with_the_role_and_what_conditions_see(organization: LocalCloud) -> None:
    target = role(organization, "backup", trust=trusting("*"))
    organization.account("production").client("sts").assume_role(
        RoleArn=target.arn, RoleSessionName="recorded-1", ExternalId="external"
    )
    [call] = [one for one in organization.calls() if one["resource"] == target.arn]
    assert (call["action"], call["status"]) == ("sts:AssumeRole", 200)
    assert call["principal"] == f"arn:aws:iam::{PRODUCTION}:user/administrator"
    assert call["context"] == {"sts:ExternalId": "external", "sts:RoleSessionName": "recorded-1"}
