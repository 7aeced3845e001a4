"""A running local cloud answers signed requests, and refuses others as the services of AWS do."""

from __future__ import annotations

import base64
import json
import os
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import botocore.auth
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from localcloud import LocalCloud
from tests.localcloud.signing import in_chunks, keys_of, presigned, send, signed_headers

pytestmark = pytest.mark.cloud


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    """A local cloud of its own, because tests here create credentials that expire."""
    with LocalCloud.start() as running:
        yield running


CALLS = {  # an operation of each family of protocols that needs no argument
    "s3": "list_buckets",
    "ec2": "describe_vpcs",
    "sts": "get_caller_identity",
    "iam": "list_roles",
    "sns": "list_topics",
    "cloudformation": "list_stacks",
    "sqs": "list_queues",
    "dynamodb": "list_tables",
    "stepfunctions": "list_state_machines",
    "ssm": "describe_parameters",
    "lambda": "list_functions",
    "efs": "describe_file_systems",
    "backup": "list_backup_vaults",
    "scheduler": "list_schedules",
}
OF_QUERY = ("sts", "iam", "sns", "cloudformation")
REST = ("lambda", "efs", "backup", "scheduler")


def refused(cloud: LocalCloud, service: Any, keys: Credentials) -> tuple[str, int]:
    """Return the error code and status of a call with these keys."""
    client = boto3.client(
        service,
        region_name=cloud.region,
        endpoint_url=cloud.endpoint_url,
        aws_access_key_id=keys.access_key,
        aws_secret_access_key=keys.secret_key,
        aws_session_token=keys.token,
        config=Config(retries={"total_max_attempts": 1}),
    )
    with pytest.raises(ClientError) as caught:
        getattr(client, CALLS[service])()
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def expected(service: str, *, s3: Any, ec2: Any, query: Any, json: str) -> tuple[str, int]:
    if service == "s3":
        return s3
    if service == "ec2":
        return ec2
    if service in OF_QUERY or service == "sqs":
        return query
    return json, 403 if service in REST else 400


@pytest.mark.parametrize("service", CALLS)
def test_a_key_that_this_run_has_not_issued(cloud: LocalCloud, service: str) -> None:
    assert refused(cloud, service, Credentials("AKIALOCALCLOUD000000", cloud.secret_access_key)) == expected(
        service,
        s3=("InvalidAccessKeyId", 403),
        ec2=("AuthFailure", 401),
        query=("InvalidClientTokenId", 403),
        json="UnrecognizedClientException",
    )


@pytest.mark.parametrize("service", CALLS)
def test_the_key_without_its_secret(cloud: LocalCloud, service: str) -> None:
    assert refused(cloud, service, Credentials(cloud.access_key_id, "local")) == expected(
        service,
        s3=("SignatureDoesNotMatch", 403),
        ec2=("AuthFailure", 401),
        query=("SignatureDoesNotMatch", 403),
        json="InvalidSignatureException",
    )


@pytest.mark.parametrize("service", CALLS)
@pytest.mark.parametrize("minutes", [-20, 20])
def test_a_clock_that_is_wrong(
    cloud: LocalCloud, service: str, minutes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = datetime.now(UTC) + timedelta(minutes=minutes)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: wrong)
    assert refused(cloud, service, keys_of(cloud)) == expected(
        service,
        s3=("RequestTimeTooSkewed", 403),
        ec2=("RequestExpired", 400),
        query=("SignatureDoesNotMatch", 403),
        json="InvalidSignatureException",
    )


@pytest.mark.parametrize("service", CALLS)
def test_a_session_token_that_is_not_the_keys(cloud: LocalCloud, service: str) -> None:
    keys = Credentials(cloud.access_key_id, cloud.secret_access_key, "not its own")
    assert refused(cloud, service, keys) == expected(
        service,
        s3=("InvalidToken", 400),
        ec2=("AuthFailure", 401),
        query=("InvalidClientTokenId", 403),
        json="UnrecognizedClientException",
    )


@pytest.mark.parametrize(
    ("method", "target", "body", "headers", "code", "status"),
    [
        ("GET", "/", None, {}, b"AccessDenied", 403),
        ("PUT", "/bucket/key", b"x", {}, b"AccessDenied", 403),
        ("GET", "/?Action=GetCallerIdentity", None, {}, b"MissingAuthenticationToken", 403),
        (
            "POST",
            "/",
            b"Action=GetCallerIdentity",
            {"Content-Type": "application/x-www-form-urlencoded"},
            b"MissingAuthenticationToken",
            403,
        ),
        ("POST", "/", b"{}", {"X-Amz-Target": "AmazonSSM.X"}, b"MissingAuthenticationTokenException", 400),
        ("GET", "/2015-03-31/functions", None, {}, b"MissingAuthenticationTokenException", 403),
        ("GET", "/b/k?AWSAccessKeyId=A&Signature=x&Expires=1", None, {}, b"InvalidRequest", 400),
        ("GET", "/b/k?X-Amz-Signature=x", None, {}, b"AuthorizationQueryParametersError", 400),
    ],
)
def test_a_request_without_a_signature(
    cloud: LocalCloud,
    method: str,
    target: str,
    body: bytes | None,
    headers: dict[str, str],
    code: bytes,
    status: int,
) -> None:
    answer = send(cloud.endpoint_url, method, target, body, headers)
    assert (answer.status, code in answer.body) == (status, True), answer


@pytest.mark.parametrize(
    ("service", "code", "status"),
    [
        ("dynamodb", b"IncompleteSignatureException", 400),
        ("lambda", b"IncompleteSignatureException", 403),
        ("sts", b"IncompleteSignature", 400),
        ("s3", b"AuthorizationHeaderMalformed", 400),
    ],
)
def test_a_signature_that_is_not_complete(cloud: LocalCloud, service: str, code: bytes, status: int) -> None:
    targets = {"dynamodb": ("POST", "/"), "lambda": ("GET", "/2015-03-31/functions"), "s3": ("GET", "/")}
    method, target = targets.get(service, ("GET", "/?Action=GetCallerIdentity"))
    headers = {"X-Amz-Target": "DynamoDB_20120810.ListTables"} if service == "dynamodb" else {}
    signed = signed_headers(cloud, service, method, target, headers=headers)
    signed["Authorization"] = signed["Authorization"].partition(", Signature=")[0]
    answer = send(cloud.endpoint_url, method, target, None, signed)
    assert (answer.status, code in answer.body) == (status, True), answer


# --- Attacks -----------------------------------------------------------------------------------------------

FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
HARMLESS = b"Action=ListStacks&Version=2010-05-15"
TEMPLATE = json.dumps({"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}})
HARMFUL = f"Action=CreateStack&Version=2010-05-15&StackName=s&TemplateBody={TEMPLATE}".encode()


def test_a_captured_header_does_nothing_else(cloud: LocalCloud) -> None:
    captured = signed_headers(cloud, "cloudformation", "POST", "/", HARMLESS, FORM)
    assert send(cloud.endpoint_url, "POST", "/", HARMLESS, captured).status == 200

    by_name = cloud.endpoint_url.replace("127.0.0.1", "localhost").removeprefix("http://")
    for target, body, headers in (
        ("/", HARMFUL, captured),
        ("/", HARMLESS + b"&" + HARMFUL, captured),
        ("/?" + HARMFUL.decode().replace(" ", ""), HARMLESS, captured),
        ("/2015-03-31/functions", HARMLESS, captured),
        ("/_localcloud/faults", HARMLESS, captured),
        ("/moto-api/reset", HARMLESS, captured),
        ("/", HARMLESS, {**captured, "Host": by_name}),
        ("/", HARMLESS, {**captured, "X-Amz-Target": "DynamoDB_20120810.DeleteTable"}),
        ("/", HARMLESS, {**captured, "Content-Type": "application/x-amz-json-1.0"}),
    ):
        answer = send(cloud.endpoint_url, "POST", target, body, headers)
        assert answer.status in (400, 403), (target, answer)
    assert send(cloud.endpoint_url, "GET", "/", HARMLESS, captured).status == 403
    assert cloud.client("cloudformation").list_stacks()["StackSummaries"] == []


def test_the_access_key_id_is_no_secret(cloud: LocalCloud) -> None:
    scope = f"{cloud.access_key_id}/{datetime.now(UTC):%Y%m%d}/us-east-1/cloudformation/aws4_request"
    forged = {
        **FORM,
        "X-Amz-Date": f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, Signature=0",
    }
    answer = send(cloud.endpoint_url, "POST", "/", HARMFUL, forged)
    assert (answer.status, b"SignatureDoesNotMatch" in answer.body) == (403, True)
    for secret in (cloud.access_key_id, cloud.secret_access_key):
        bearer = {"Authorization": f"Bearer {secret}"}
        assert send(cloud.endpoint_url, "GET", "/_localcloud/calls", None, bearer).status == 403


def test_presigned_urls(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="presigned")
    s3.put_object(Bucket="presigned", Key="one", Body=b"one")
    s3.put_object(Bucket="presigned", Key="two", Body=b"two")
    url = presigned(cloud, "s3", "GET", "/presigned/one")
    assert send(cloud.endpoint_url, "GET", url).body == b"one"
    for method, target, code in (
        ("GET", url.replace("/one", "/two"), b"SignatureDoesNotMatch"),
        ("GET", url.replace("Expires=60", "Expires=6000"), b"SignatureDoesNotMatch"),
        ("PUT", url, b"SignatureDoesNotMatch"),
        ("DELETE", url, b"SignatureDoesNotMatch"),
        ("GET", url + "&versionId=x", b"SignatureDoesNotMatch"),
    ):
        answer = send(cloud.endpoint_url, method, target, b"")
        assert (answer.status, code in answer.body) == (403, True), answer
    with monkeypatch.context() as earlier:
        earlier.setattr(botocore.auth, "get_current_datetime", lambda: datetime.now(UTC) - timedelta(hours=1))
        old = presigned(cloud, "s3", "GET", "/presigned/one")
    answer = send(cloud.endpoint_url, "GET", old)
    assert (answer.status, b"Request has expired" in answer.body) == (403, True)
    made = boto3.client(
        "s3",
        region_name="eu-central-1",
        endpoint_url=cloud.endpoint_url,
        aws_access_key_id=cloud.access_key_id,
        aws_secret_access_key=cloud.secret_access_key,
        config=Config(signature_version="s3v4"),
    ).generate_presigned_url("put_object", Params={"Bucket": "presigned", "Key": "three"})
    assert send(cloud.endpoint_url, "PUT", made.removeprefix(cloud.endpoint_url), b"three").status == 200
    assert s3.get_object(Bucket="presigned", Key="three")["Body"].read() == b"three"


# --- What must continue to work -----------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["a b+c%/é~!*'()//x/../y/.;=&?#[]@,$", "ä/%2F/ +", "plain", "a//b", "x/"])
def test_objects_with_odd_keys(cloud: LocalCloud, key: str) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="odd-keys")
    s3.put_object(Bucket="odd-keys", Key=key, Body=key.encode(), Metadata={"a_b": "c  d"})
    got = s3.get_object(Bucket="odd-keys", Key=key)
    assert (got["Body"].read().decode(), got["Metadata"]) == (key, {"a_b": "c  d"})
    found = s3.list_objects_v2(Bucket="odd-keys", Prefix=key, Delimiter="|")["Contents"]
    assert [one["Key"] for one in found] == [key]
    s3.delete_object(Bucket="odd-keys", Key=key)


def test_large_bodies_are_verified_and_kept(cloud: LocalCloud) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="large")
    body = os.urandom(9 << 20)  # more than the gateway reads for faults
    s3.put_object(Bucket="large", Key="k", Body=body)
    assert s3.get_object(Bucket="large", Key="k")["Body"].read() == body
    headers = signed_headers(cloud, "s3", "PUT", "/large/k", body)
    answer = send(cloud.endpoint_url, "PUT", "/large/k", body[:-1] + b"x", headers)
    assert (answer.status, b"XAmzContentSHA256Mismatch" in answer.body) == (400, True)
    assert s3.get_object(Bucket="large", Key="k")["Body"].read() == body


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_with_its_checksum_in_a_trailer(cloud: LocalCloud, chunked: bool) -> None:
    """As botocore sends bodies through TLS that it cannot read twice."""
    cloud.client("s3").create_bucket(Bucket="trailers")
    content = b"hello" * 100
    checksum = base64.b64encode(zlib.crc32(content).to_bytes(4, "big"))
    body = b"%x\r\n%s\r\n0\r\nx-amz-checksum-crc32:%s\r\n\r\n" % (len(content), content, checksum)
    request = AWSRequest(
        method="PUT",
        url=f"{cloud.endpoint_url}/trailers/k",
        headers={
            "Content-Encoding": "aws-chunked",
            "X-Amz-Trailer": "x-amz-checksum-crc32",
            "X-Amz-Decoded-Content-Length": str(len(content)),
            **({"Transfer-Encoding": "chunked"} if chunked else {}),
        },
    )
    request.context["checksum"] = {"request_algorithm": {"in": "trailer"}}
    S3SigV4Auth(keys_of(cloud), "s3", cloud.region).add_auth(request)
    headers = dict(request.headers.items())
    assert headers["X-Amz-Content-SHA256"] == "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    sent = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if chunked else body
    answer = send(cloud.endpoint_url, "PUT", "/trailers/k", sent, headers)
    assert answer.status == 200, answer
    assert cloud.client("s3").get_object(Bucket="trailers", Key="k")["Body"].read() == content


def test_a_body_whose_chunks_are_signed(cloud: LocalCloud) -> None:
    """As AWS's SDK for Java sends it."""
    cloud.client("s3").create_bucket(Bucket="chunks")
    content = b"hello" * 100
    request = AWSRequest(
        method="PUT",
        url=f"{cloud.endpoint_url}/chunks/k",
        headers={
            "Content-Encoding": "aws-chunked",
            "X-Amz-Content-SHA256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
            "X-Amz-Decoded-Content-Length": str(len(content)),
        },
    )
    signer = botocore.auth.SigV4Auth(keys_of(cloud), "s3", cloud.region)
    signer.add_auth(request)
    body = in_chunks([content[:200], content[200:]], request, signer)
    headers = dict(request.headers.items())
    assert send(cloud.endpoint_url, "PUT", "/chunks/k", body, headers).status == 200
    forged = send(cloud.endpoint_url, "PUT", "/chunks/k", body.replace(b"hello", b"jello", 1), headers)
    assert (forged.status, b"SignatureDoesNotMatch" in forged.body) == (403, True)
    assert cloud.client("s3").get_object(Bucket="chunks", Key="k")["Body"].read() == content


def test_a_role_has_keys_of_its_own(cloud: LocalCloud) -> None:
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
    }
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    arn = cloud.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    sts = cloud.account("default").client("sts")

    keys = sts.assume_role(RoleArn=arn, RoleSessionName="mine", DurationSeconds=900)["Credentials"]
    good = Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    as_role = boto3.client(
        "sts",
        region_name=cloud.region,
        endpoint_url=cloud.endpoint_url,
        aws_access_key_id=good.access_key,
        aws_secret_access_key=good.secret_key,
        aws_session_token=good.token,
    )
    assert as_role.get_caller_identity()["Arn"] == "arn:aws:sts::123456789012:assumed-role/r/mine"
    assert refused(cloud, "sts", Credentials(good.access_key, good.secret_key))[0] == "InvalidClientTokenId"
    assert refused(cloud, "s3", Credentials(good.access_key, cloud.secret_access_key, good.token))[0] == (
        "SignatureDoesNotMatch"
    )
    # and a role's keys do not reach the control interface
    headers = signed_headers(cloud, "localcloud", "GET", "/_localcloud/calls", keys=good)
    assert send(cloud.endpoint_url, "GET", "/_localcloud/calls", None, headers).status == 403
