"""Resources of another account: its policy and the caller's must both allow the call.

Source: IAM User Guide, "Cross-account policy evaluation logic".
"""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from localcloud import LocalCloud
from tests.localcloud.accounts.conftest import (
    BACKUP,
    BY_IDENTITY,
    BY_RESOURCE,
    EVERYTHING,
    PRODUCTION,
    REGION,
    STRANGER,
    allow,
    bucket_of,
    code_of,
    denied,
    deny,
    policy,
    role,
    share_bucket,
    status_of,
    unique,
)
from tests.localcloud.signing import send

pytestmark = pytest.mark.cloud


def user_client(cloud: LocalCloud, account: str, name: str, service: Any, document: str) -> Any:
    iam = cloud.account(account).client("iam")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return boto3.client(
        service,
        region_name=REGION,
        endpoint_url=cloud.endpoint_url,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )


def test_the_published_example_of_a_user_of_another_account(organization: LocalCloud) -> None:
    """Source: IAM User Guide, "Example cross-account policy evaluation"."""
    user, production, logs = unique("carlos"), unique("production"), unique("logs")
    own = policy(
        allow("s3:ListAllMyBuckets"),
        allow("s3:*Object*", f"arn:aws:s3:::{production}/*"),
        deny("s3:*", ["arn:aws:s3:::*log*", "arn:aws:s3:::*log*/*"]),
    )
    carlos = user_client(organization, "production", user, "s3", own)
    principal = {"AWS": f"arn:aws:iam::{PRODUCTION}:user/{user}"}
    actions = ["s3:GetObject*", "s3:PutObject*", "s3:ReplicateObject", "s3:RestoreObject"]
    for bucket in (production, logs):
        shared = allow(actions, f"arn:aws:s3:::{bucket}/*", Principal=principal)
        bucket_of(organization, "backup", shared, name=bucket)
    assert carlos.put_object(Bucket=production, Key="file", Body=b"saved")
    with denied("explicit deny in an identity-based policy"):
        carlos.put_object(Bucket=logs, Key="file", Body=b"saved")


class TestBuckets:
    def test_the_object_of_a_shared_bucket_is_read_and_written(self, organization: LocalCloud) -> None:
        reader = role(organization, "production", EVERYTHING)
        name = bucket_of(organization, "backup", allow("s3:*", Principal={"AWS": reader.arn}))
        s3 = reader.client("s3")
        assert s3.get_object(Bucket=name, Key="k")["Body"].read() == b"content"
        s3.put_object(Bucket=name, Key="new", Body=b"written")
        assert [one["Key"] for one in s3.list_objects_v2(Bucket=name)["Contents"]] == ["k", "new"]
        owner = organization.account("backup").client("s3")
        assert owner.get_object(Bucket=name, Key="new")["Body"].read() == b"written"
        s3.delete_object(Bucket=name, Key="new")
        assert [one["Key"] for one in owner.list_objects_v2(Bucket=name)["Contents"]] == ["k"]

    def test_without_either_policy_it_is_denied(self, organization: LocalCloud) -> None:
        permitted, bare = role(organization, "production", EVERYTHING), role(organization, "production")
        private = bucket_of(organization, "backup")
        with denied(BY_RESOURCE):
            permitted.client("s3").get_object(Bucket=private, Key="k")
        shared = bucket_of(organization, "backup", allow("s3:*", Principal={"AWS": PRODUCTION}))
        with denied(BY_IDENTITY):
            bare.client("s3").get_object(Bucket=shared, Key="k")
        with denied(BY_IDENTITY):
            bare.client("s3").put_object(Bucket=shared, Key="k", Body=b"")

    def test_an_administrator_of_another_account_needs_the_buckets_policy(
        self, organization: LocalCloud
    ) -> None:
        private = bucket_of(organization, "backup")
        for client in (organization.client("s3"), organization.account("production").client("s3")):
            with denied(BY_RESOURCE):
                client.list_objects_v2(Bucket=private)
            with denied(BY_RESOURCE):
                client.delete_bucket(Bucket=private)

    @pytest.mark.parametrize(
        ("shared", "may"),
        [
            (allow("s3:GetObject", Principal="*"), True),
            (allow("s3:GetObject", Principal={"AWS": f"arn:aws:iam::{PRODUCTION}:root"}), True),
            (allow("s3:GetObject", Principal={"AWS": STRANGER}), False),
            (allow("s3:PutObject", Principal="*"), False),
            (allow("s3:*", Principal={"AWS": "SESSION"}), True),
            (allow("s3:*", Principal="*", Condition={"StringEquals": {"aws:PrincipalOrgID": "ORG"}}), True),
            (
                allow(
                    "s3:*", Principal="*", Condition={"StringEquals": {"aws:PrincipalOrgID": "o-0000000000"}}
                ),
                False,
            ),
            (
                allow(
                    "s3:*", Principal="*", Condition={"StringEquals": {"aws:PrincipalAccount": PRODUCTION}}
                ),
                True,
            ),
            (
                allow("s3:*", Principal="*", Condition={"ArnLike": {"aws:PrincipalArn": "*:role/role-*"}}),
                True,
            ),
            (
                allow("s3:*", Principal="*", Condition={"ArnLike": {"aws:PrincipalArn": "*:role/other"}}),
                False,
            ),
            (allow("s3:*", Principal="*", Condition={"Bool": {"aws:SecureTransport": "true"}}), True),
        ],
    )
    def test_principals_and_conditions_of_the_buckets_policy_decide(
        self, organization: LocalCloud, shared: dict[str, Any], may: bool
    ) -> None:
        reader = role(organization, "production", EVERYTHING)
        described = organization.client("organizations").describe_organization()["Organization"]
        session = f"arn:aws:sts::{PRODUCTION}:assumed-role/{reader.name}/session"
        text = json.dumps(shared).replace("ORG", described["Id"]).replace("SESSION", session)
        name = bucket_of(organization, "backup", json.loads(text.replace("aws:Principalo-", "aws:Principal")))
        if may:
            assert reader.client("s3").get_object(Bucket=name, Key="k")
        else:
            with denied(BY_RESOURCE):
                reader.client("s3").get_object(Bucket=name, Key="k")

    def test_a_prefix_limits_a_writer_to_its_own_objects(self, organization: LocalCloud) -> None:
        """The bucket policy of an index repository: each account writes below its own id."""
        writer = role(organization, "production", allow(["s3:PutObject", "s3:ListBucket"]))
        name = unique("repository")
        below = f"arn:aws:s3:::{name}/indexes/${{aws:PrincipalAccount}}/*"
        listing = {"StringLike": {"s3:prefix": "indexes/${aws:PrincipalAccount}/*"}}
        bucket_of(
            organization,
            "backup",
            allow("s3:PutObject", below, Principal={"AWS": PRODUCTION}),
            allow(
                "s3:ListBucket",
                f"arn:aws:s3:::{name}",
                Principal={"AWS": PRODUCTION},
                Condition=listing,
            ),
            name=name,
        )
        s3 = writer.client("s3")
        s3.put_object(Bucket=name, Key=f"indexes/{PRODUCTION}/part", Body=b"")
        with denied(BY_RESOURCE):
            s3.put_object(Bucket=name, Key=f"indexes/{BACKUP}/part", Body=b"")
        assert s3.list_objects_v2(Bucket=name, Prefix=f"indexes/{PRODUCTION}/")["KeyCount"] == 1
        with denied(BY_RESOURCE):
            s3.list_objects_v2(Bucket=name, Prefix="indexes/")
        with denied(BY_IDENTITY):
            s3.get_object(Bucket=name, Key="k")

    def test_parts_of_an_upload_need_the_permission_of_the_object(self, organization: LocalCloud) -> None:
        writer = role(organization, "production", allow("s3:PutObject"))
        name = bucket_of(organization, "backup", allow("s3:PutObject", Principal={"AWS": PRODUCTION}))
        s3 = writer.client("s3")
        upload = s3.create_multipart_upload(Bucket=name, Key="large")["UploadId"]
        part = s3.upload_part(Bucket=name, Key="large", UploadId=upload, PartNumber=1, Body=b"part")
        s3.complete_multipart_upload(
            Bucket=name,
            Key="large",
            UploadId=upload,
            MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
        )
        owner = organization.account("backup").client("s3")
        assert owner.get_object(Bucket=name, Key="large")["Body"].read() == b"part"
        share_bucket(organization, "backup", name, allow("s3:GetObject", Principal={"AWS": PRODUCTION}))
        with denied(BY_RESOURCE):
            s3.create_multipart_upload(Bucket=name, Key="large")

    def test_a_copy_reads_its_source_with_the_policies_of_the_source(self, organization: LocalCloud) -> None:
        copier = role(organization, "production", EVERYTHING)
        own, foreign = bucket_of(organization, "production"), bucket_of(organization, "backup")
        source = {"Bucket": foreign, "Key": "k"}
        with denied(BY_RESOURCE):
            copier.client("s3").copy_object(Bucket=own, Key="copy", CopySource=source)
        share_bucket(organization, "backup", foreign, allow("s3:GetObject", Principal={"AWS": copier.arn}))
        copier.client("s3").copy_object(Bucket=own, Key="copy", CopySource=source)
        assert copier.client("s3").get_object(Bucket=own, Key="copy")["Body"].read() == b"content"

    def test_only_the_owner_reads_and_changes_the_policy(self, organization: LocalCloud) -> None:
        name = bucket_of(organization, "backup", allow("s3:*", Principal={"AWS": PRODUCTION}))
        other = role(organization, "production", EVERYTHING).client("s3")
        with pytest.raises(ClientError) as refused:
            other.get_bucket_policy(Bucket=name)
        assert (code_of(refused), status_of(refused)) == ("MethodNotAllowed", 405)

    def test_an_expected_owner_is_compared(self, organization: LocalCloud) -> None:
        name = bucket_of(organization, "backup")
        owner = organization.account("backup").client("s3")
        assert owner.get_object(Bucket=name, Key="k", ExpectedBucketOwner=BACKUP)
        with denied("Access Denied"):
            owner.get_object(Bucket=name, Key="k", ExpectedBucketOwner=PRODUCTION)

    def test_objects_belong_to_the_owner_and_have_no_acls(self, organization: LocalCloud) -> None:
        name = bucket_of(organization, "backup", allow("s3:*", Principal={"AWS": PRODUCTION}))
        writer = role(organization, "production", EVERYTHING).client("s3")
        writer.put_object(Bucket=name, Key="new", Body=b"", ACL="bucket-owner-full-control")
        with pytest.raises(ClientError, match="does not allow ACLs") as refused:
            writer.put_object(Bucket=name, Key="new", Body=b"", ACL="public-read")
        assert (code_of(refused), status_of(refused)) == ("AccessControlListNotSupported", 400)


def test_a_topic_is_published_to_with_both_policies(organization: LocalCloud) -> None:
    owner = organization.account("backup").client("sns")
    topic = owner.create_topic(Name=unique("topic"))["TopicArn"]
    publisher, bare = role(organization, "production", EVERYTHING), role(organization, "production")
    with denied(BY_RESOURCE, "AuthorizationError"):
        publisher.client("sns").publish(TopicArn=topic, Message="m")
    shared = allow("sns:Publish", topic, Principal={"AWS": f"arn:aws:iam::{PRODUCTION}:root"})
    owner.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy(shared))
    assert publisher.client("sns").publish(TopicArn=topic, Message="m")["MessageId"]
    with denied(BY_IDENTITY, "AuthorizationError"):
        bare.client("sns").publish(TopicArn=topic, Message="m")


def test_a_queue_is_sent_to_with_both_policies(organization: LocalCloud) -> None:
    owner, name = organization.account("backup").client("sqs"), unique("queue")
    url = owner.create_queue(QueueName=name)["QueueUrl"]
    sender = role(organization, "production", EVERYTHING).client("sqs")
    with denied(BY_RESOURCE):
        sender.send_message(QueueUrl=url, MessageBody="m")
    arn = f"arn:aws:sqs:{REGION}:{BACKUP}:{name}"
    shared = allow(["sqs:SendMessage", "sqs:GetQueueUrl"], arn, Principal={"AWS": PRODUCTION})
    owner.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy(shared)})
    found = sender.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=BACKUP)["QueueUrl"]
    sender.send_message(QueueUrl=found, MessageBody="across")
    assert [one["Body"] for one in owner.receive_message(QueueUrl=url)["Messages"]] == ["across"]
    with denied(BY_RESOURCE):
        sender.receive_message(QueueUrl=url)


class TestEventBuses:
    def test_events_are_put_with_both_policies(self, organization: LocalCloud) -> None:
        owner, name = organization.account("backup").client("events"), unique("bus")
        bus = owner.create_event_bus(Name=name)["EventBusArn"]
        sender = role(organization, "production", EVERYTHING).client("events")
        entry = {"Source": "tidemark", "DetailType": "t", "Detail": "{}", "EventBusName": bus}
        with denied(BY_RESOURCE, "AccessDeniedException"):
            sender.put_events(Entries=[entry])
        owner.put_permission(
            EventBusName=name, Action="events:PutEvents", Principal=PRODUCTION, StatementId="one"
        )
        assert sender.put_events(Entries=[entry])["FailedEntryCount"] == 0
        with denied(BY_IDENTITY, "AccessDeniedException"):
            role(organization, "production").client("events").put_events(Entries=[entry])


@pytest.mark.parametrize(
    ("service", "call"),
    [
        ("stepfunctions", lambda c: c.start_execution(stateMachineArn=f"{c.other}:stateMachine:m")),
        ("stepfunctions", lambda c: c.describe_execution(executionArn=f"{c.other}:execution:m:e")),
        ("dynamodb", lambda c: c.get_item(TableName=f"{c.other}:table/t", Key={"k": {"S": "v"}})),
        ("backup", lambda c: c.list_tags(ResourceArn=f"{c.other}:backup-vault:v")),
        ("backup", lambda c: c.tag_resource(ResourceArn=f"{c.other}:backup-vault:v", Tags={"a": "b"})),
        ("ecs", lambda c: c.list_tasks(cluster=f"{c.other}:cluster/default")),
        ("ecs", lambda c: c.run_task(cluster=f"{c.other}:cluster/default", taskDefinition="t:1")),
        ("events", lambda c: c.put_rule(Name="r", EventPattern="{}", EventBusName=f"{c.other}:event-bus/b")),
        ("events", lambda c: c.describe_event_bus(Name=f"{c.other}:event-bus/default")),
        ("lambda", lambda c: c.invoke(FunctionName=f"{c.other}:function:f")),
        ("lambda", lambda c: c.invoke(FunctionName=f"{BACKUP}:f")),
    ],
)
def test_a_resource_without_a_policy_is_denied(organization: LocalCloud, service: str, call: Any) -> None:
    client = role(organization, "production", EVERYTHING).client(service)
    prefix = {"stepfunctions": "states"}.get(service, service)
    client.other = f"arn:aws:{prefix}:{REGION}:{BACKUP}"
    with denied(BY_RESOURCE, "AccessDeniedException"):
        call(client)


def test_a_denial_of_the_resource_outweighs_a_permission(organization: LocalCloud) -> None:
    reader = role(organization, "production", EVERYTHING)
    name = bucket_of(
        organization,
        "backup",
        allow("s3:*", Principal={"AWS": PRODUCTION}),
        deny("s3:*", Principal="*", Condition={"StringNotEquals": {"aws:PrincipalAccount": BACKUP}}),
    )
    with denied("explicit deny in a resource-based policy"):
        reader.client("s3").get_object(Bucket=name, Key="k")


def test_a_presigned_url_has_the_permissions_of_its_signer(organization: LocalCloud) -> None:
    reader = role(organization, "production", EVERYTHING).client("s3")
    shared = bucket_of(organization, "backup", allow("s3:GetObject", Principal={"AWS": PRODUCTION}))
    answers = []
    for name in (shared, bucket_of(organization, "backup")):
        url = reader.generate_presigned_url("get_object", {"Bucket": name, "Key": "k"})
        target = url.removeprefix(organization.endpoint_url)
        answers.append(send(organization.endpoint_url, "GET", target))
    assert (answers[0].status, answers[0].body) == (200, b"content")
    assert answers[1].status == 403
    assert b"AccessDenied" in answers[1].body


def test_an_object_that_may_be_written_once_is_not_replaced_from_another_account(
    organization: LocalCloud,
) -> None:
    """Source: Amazon S3 User Guide, "Enforce conditional writes on Amazon S3 buckets"."""
    once = {"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}}
    name = bucket_of(
        organization,
        "backup",
        allow("s3:*", Principal={"AWS": PRODUCTION}),
        deny("s3:PutObject", Principal="*", Condition=once),
    )
    s3 = role(organization, "production", EVERYTHING).client("s3")
    with denied("explicit deny in a resource-based policy"):
        s3.put_object(Bucket=name, Key="manifest", Body=b"1")
    s3.put_object(Bucket=name, Key="manifest", Body=b"1", IfNoneMatch="*")
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket=name, Key="manifest", Body=b"2", IfNoneMatch="*")
    assert code_of(refused) == "PreconditionFailed"


def test_several_objects_are_deleted_with_the_permission_of_each(organization: LocalCloud) -> None:
    name = unique("deleted")
    below = f"arn:aws:s3:::{name}/indexes/*"
    bucket_of(
        organization, "backup", allow("s3:DeleteObject", below, Principal={"AWS": PRODUCTION}), name=name
    )
    owner = organization.account("backup").client("s3")
    owner.put_object(Bucket=name, Key="indexes/a&b", Body=b"")
    s3 = role(organization, "production", EVERYTHING).client("s3")
    with denied(BY_RESOURCE):
        s3.delete_objects(Bucket=name, Delete={"Objects": [{"Key": "indexes/a&b"}, {"Key": "k"}]})
    s3.delete_objects(Bucket=name, Delete={"Objects": [{"Key": "indexes/a&b"}]})
    assert [one["Key"] for one in owner.list_objects_v2(Bucket=name)["Contents"]] == ["k"]


def test_a_denial_of_another_account_leaves_the_owner_access(organization: LocalCloud) -> None:
    name = bucket_of(organization, "backup", deny("s3:*", Principal={"AWS": PRODUCTION}))
    own = role(organization, "backup", EVERYTHING).client("s3")
    assert own.get_object(Bucket=name, Key="k")["Body"].read() == b"content"


def test_the_root_user_corrects_a_policy_that_denies_everything(organization: LocalCloud) -> None:
    """Source: Amazon S3 API reference, PutBucketPolicy and DeleteBucketPolicy."""
    name = bucket_of(organization, "default", deny("s3:*", Principal="*"))
    with denied("explicit deny"):
        organization.account("default").client("s3").delete_bucket_policy(Bucket=name)
    root = organization.client("s3")
    with denied("explicit deny"):
        root.get_object(Bucket=name, Key="k")
    root.delete_bucket_policy(Bucket=name)
    assert root.get_object(Bucket=name, Key="k")["Body"].read() == b"content"
