"""Signatures: AWS's published examples, botocore's, and everything that is not one of these."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import assume, example, given
from hypothesis import strategies as st

from localcloud.authentication.credentials import Credentials, Issuer
from localcloud.authentication.signatures import Received, Signature, Unauthentic, check_claims, read, verify

ROLE = "arn:aws:iam::123456789012:role/r"
EMPTY = hashlib.sha256(b"").hexdigest()
# Source: S3 API reference, "Signature Calculations for the Authorization Header: Transferring Payload in a
# Single Chunk" and "Authenticating Requests: Using Query Parameters"; IAM user guide, "Elements of an AWS API
# request signature".
S3_EXAMPLE = Credentials(
    access_key_id="AKIAIOSFODNN7EXAMPLE",
    secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    principal=ROLE,
)
IAM_EXAMPLE = Credentials(
    access_key_id="AKIDEXAMPLE", secret_access_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", principal=ROLE
)
S3_HOST = ("Host", "examplebucket.s3.amazonaws.com")
EXAMPLES = {
    "get": (
        S3_EXAMPLE,
        "2013-05-24T00:00:00+00:00",
        Received(
            method="GET",
            target="/test.txt",
            headers=(
                S3_HOST,
                ("Range", "bytes=0-9"),
                ("x-amz-content-sha256", EMPTY),
                ("x-amz-date", "20130524T000000Z"),
                (
                    "Authorization",
                    (
                        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
                        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
                        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
                    ),
                ),
            ),
        ),
        b"",
    ),
    "put": (
        S3_EXAMPLE,
        "2013-05-24T00:00:00+00:00",
        Received(
            method="PUT",
            target="/test$file.text",
            headers=(
                S3_HOST,
                ("Date", "Fri, 24 May 2013 00:00:00 GMT"),
                ("x-amz-date", "20130524T000000Z"),
                ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
                (
                    "x-amz-content-sha256",
                    "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
                ),
                (
                    "Authorization",
                    (
                        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
                        "SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,"
                        "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
                    ),
                ),
            ),
        ),
        b"Welcome to Amazon S3.",
    ),
    "presigned": (
        S3_EXAMPLE,
        "2013-05-24T12:00:00+00:00",
        Received(
            method="GET",
            target="/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524"
            "%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400"
            "&X-Amz-SignedHeaders=host"
            "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
            headers=(S3_HOST,),
        ),
        b"",
    ),
    "query": (
        IAM_EXAMPLE,
        "2015-08-30T12:36:00+00:00",
        Received(
            method="GET",
            target="/?Action=ListUsers&Version=2010-05-08",
            headers=(
                ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
                ("Host", "iam.amazonaws.com"),
                ("X-Amz-Date", "20150830T123600Z"),
                (
                    "Authorization",
                    (
                        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
                        "SignedHeaders=content-type;host;x-amz-date, "
                        "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
                    ),
                ),
            ),
        ),
        b"",
    ),
}


def judge(
    request: Received, credentials: Credentials | None, body: bytes, now: datetime | None = None
) -> str:
    """Return "good", or why not."""
    try:
        signature = read(request)
        if credentials is not None and signature.access_key_id != credentials.access_key_id:
            credentials = None
        known = check_claims(request, signature, credentials, now or datetime.now(UTC))
        verify(request, signature, known, body)
    except Unauthentic as error:
        return error.reason
    return "good"


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_that_aws_publishes(name: str) -> None:
    credentials, at, request, body = EXAMPLES[name]
    now = datetime.fromisoformat(at)
    assert judge(request, credentials, body, now) == "good"
    other = replace(credentials, secret_access_key=credentials.secret_access_key[:-1])
    assert judge(request, other, body, now) == "mismatch"


# --- What botocore signs -----------------------------------------------------------------------------------

CREDENTIALS = Issuer().temporary(ROLE)
KEYS = BotocoreCredentials(
    CREDENTIALS.access_key_id, CREDENTIALS.secret_access_key, CREDENTIALS.session_token
)
HOST = "127.0.0.1:4566"


def by_botocore(
    service: str, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> Received:
    """Return a request with botocore's signature in a header."""
    request = AWSRequest(method=method, url=f"http://{HOST}{target}", data=body, headers=headers or {})
    (S3SigV4Auth if service == "s3" else SigV4Auth)(KEYS, service, "eu-central-1").add_auth(request)
    return Received(method=method, target=target, headers=(("Host", HOST), *request.headers.items()))


def presigned(service: str, method: str, target: str, expires: int = 60) -> Received:
    """Return a request for a URL that botocore has presigned."""
    request = AWSRequest(method=method, url=f"http://{HOST}{target}")
    signer = S3SigV4QueryAuth if service == "s3" else SigV4QueryAuth
    signer(KEYS, service, "eu-central-1", expires=expires).add_auth(request)
    return Received(
        method=method, target=request.url.removeprefix(f"http://{HOST}"), headers=(("Host", HOST),)
    )


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
names = texts.filter(lambda name: name and not name.startswith("X-Amz-"))  # a signature's own parameters


@given(key=texts.filter(bool), query=st.dictionaries(names, texts, max_size=3), body=st.binary())
@example(key="a b+c%/é~!*'()//x/../y/.;=&?#[]@,$", query={"a b": "ü+%"}, body=b"")
@example(key="%2F%252F+%20", query={}, body=b"")
def test_requests_for_any_object_are_verified(key: str, query: dict[str, str], body: bytes) -> None:
    target = "/bucket/" + quote(key, safe="/~")
    if query:
        target += "?" + "&".join(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in query.items())
    request = by_botocore("s3", "PUT", target, body)
    assert judge(request, CREDENTIALS, body) == "good"
    assert judge(request, CREDENTIALS, body + b"x") == "body-mismatch"
    assert judge(presigned("s3", "GET", target), CREDENTIALS, b"") == "good"
    longer = replace(request, target=target.replace("/bucket/", "/bucket/x", 1))
    assert judge(longer, CREDENTIALS, body) == "mismatch"


@given(body=st.binary(), other=st.binary())
def test_a_signature_is_for_one_body(body: bytes, other: bytes) -> None:
    assume(body != other)
    request = by_botocore("dynamodb", "POST", "/", body, {"X-Amz-Target": "DynamoDB_20120810.GetItem"})
    assert judge(request, CREDENTIALS, body) == "good"
    assert judge(request, CREDENTIALS, other) == "mismatch"


def test_an_arn_in_a_path_is_encoded_twice_but_in_s3() -> None:
    target = (
        "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-central-1%3A123456789012%3Afunction%3Af/invocations"
    )
    assert judge(by_botocore("lambda", "POST", target, b"{}"), CREDENTIALS, b"{}") == "good"


JSON = {"X-Amz-Target": "DynamoDB_20120810.GetItem", "Content-Type": "application/x-amz-json-1.0"}
BODY = b'{"TableName": "t"}'


def changed(request: Received, name: str, value: str) -> Received:
    return replace(request, headers=tuple((k, value if k.lower() == name else v) for k, v in request.headers))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda r: replace(r, method="PUT"), "mismatch"),
        (lambda r: replace(r, target="/other"), "mismatch"),
        (lambda r: replace(r, target="/?Action=DeleteStack"), "mismatch"),
        (lambda r: replace(r, target="//"), "mismatch"),
        (lambda r: replace(r, target="/x/.."), "mismatch"),
        (lambda r: replace(r, target="/#x"), "mismatch"),
        (lambda r: replace(r, target=f"http://{HOST}/"), "mismatch"),
        (lambda r: changed(r, "host", "localhost:4566"), "mismatch"),
        (lambda r: changed(r, "x-amz-target", "DynamoDB_20120810.DeleteTable"), "mismatch"),
        (lambda r: changed(r, "content-type", "application/cbor"), "mismatch"),
        (lambda r: changed(r, "x-amz-security-token", "another"), "invalid-token"),
        (lambda r: replace(r, headers=(*r.headers, ("X-Amz-Acl", "public-read"))), "unsigned-headers"),
    ],
)
def test_a_captured_header_is_good_for_the_same_request_only(change, reason) -> None:  # type: ignore[no-untyped-def]
    request = by_botocore("dynamodb", "POST", "/", BODY, JSON)
    assert judge(request, CREDENTIALS, BODY) == "good"
    assert judge(change(request), CREDENTIALS, BODY) == reason


def in_scope(request: Received, old: str, new: str) -> Received:
    authorization = request.header("authorization")
    assert authorization is not None
    assert old in authorization
    return changed(request, "authorization", authorization.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("/eu-central-1/", "/us-east-1/", "mismatch"),
        ("/dynamodb/", "/cloudformation/", "mismatch"),
        ("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256", "incomplete"),
        ("AWS4-HMAC-SHA256", "AWS", "version-2"),
        ("aws4_request", "aws5_request", "incomplete"),
        ("/dynamodb/", "/", "incomplete"),
        ("/eu-central-1/", "0/eu-central-1/", "incomplete"),  # another date
        ("SignedHeaders=", "Headers=", "incomplete"),
        ("Signature=", "Signed=", "incomplete"),
        ("Signature=", "Signature=0", "mismatch"),
        ("host;", "", "unsigned-headers"),
        (";x-amz-target", "", "unsigned-headers"),
        (";x-amz-date", "", "unsigned-headers"),
        ("Credential=ASIA", "Credential=AKIA", "unknown-key"),
    ],
)
def test_an_authorization_header_that_was_altered(old: str, new: str, reason: str) -> None:
    request = by_botocore("dynamodb", "POST", "/", BODY, JSON)
    assert judge(in_scope(request, old, new), CREDENTIALS, BODY) == reason


def test_the_digest_that_a_request_states_is_compared_with_its_body_for_every_service() -> None:
    headers = {**JSON, "X-Amz-Content-SHA256": hashlib.sha256(BODY).hexdigest()}
    request = by_botocore("dynamodb", "POST", "/", BODY, headers)
    assert judge(request, CREDENTIALS, BODY) == "good"
    assert judge(request, CREDENTIALS, b"{}") == "body-mismatch"
    for payload in ("UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"):
        unsigned = by_botocore("dynamodb", "POST", "/", BODY, {**JSON, "X-Amz-Content-SHA256": payload})
        assert judge(unsigned, CREDENTIALS, BODY) == "body-mismatch"


def test_a_request_to_s3_states_its_digest() -> None:
    keys = SigV4Auth(KEYS, "s3", "eu-central-1")  # which does not add it

    def with_digest(digest: str | None) -> Received:
        headers = {} if digest is None else {"X-Amz-Content-SHA256": digest}
        request = AWSRequest(method="PUT", url=f"http://{HOST}/b/k", data=b"x", headers=headers)
        keys.add_auth(request)
        return Received(method="PUT", target="/b/k", headers=(("Host", HOST), *request.headers.items()))

    assert judge(with_digest("UNSIGNED-PAYLOAD"), CREDENTIALS, b"anything") == "good"
    assert judge(with_digest("STREAMING-UNSIGNED-PAYLOAD-TRAILER"), CREDENTIALS, b"anything") == "good"
    assert judge(with_digest(None), CREDENTIALS, b"x") == "incomplete"
    assert judge(with_digest("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), CREDENTIALS, b"x") == "mismatch"
    assert judge(with_digest("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"), CREDENTIALS, b"x") == "unsupported"


# --- Presigned URLs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", ["s3", "sts"])
@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("/bucket/key", "/bucket/other", "mismatch"),
        ("X-Amz-Expires=60", "X-Amz-Expires=600", "mismatch"),
        ("X-Amz-Expires=60", "X-Amz-Expires=604801", "incomplete-query"),
        ("X-Amz-Expires=60", "X-Amz-Expires=-1", "incomplete-query"),
        ("X-Amz-Expires=60&", "", "incomplete-query"),
        ("X-Amz-Signature=", "X-Amz-Signature=0", "mismatch"),
        ("&X-Amz-Signature=", "&X-Amz-Acl=public-read&X-Amz-Signature=", "mismatch"),
        ("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=date", "unsigned-headers"),
        ("X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Algorithm=AWS4-HMAC-MD5", "incomplete-query"),
        ("X-Amz-Credential=ASIA", "X-Amz-Credential=AKIA", "unknown-key"),
    ],
)
def test_a_presigned_url_that_was_altered(service: str, old: str, new: str, reason: str) -> None:
    request = presigned(service, "GET", "/bucket/key")
    assert judge(request, CREDENTIALS, b"") == "good"
    assert old in request.target
    assert judge(replace(request, target=request.target.replace(old, new, 1)), CREDENTIALS, b"") == reason


def test_a_presigned_url_is_for_one_method_and_takes_any_body_in_s3_only() -> None:
    assert judge(replace(presigned("s3", "GET", "/b/k"), method="PUT"), CREDENTIALS, b"") == "mismatch"
    assert judge(presigned("s3", "PUT", "/b/k"), CREDENTIALS, b"any") == "good"
    assert judge(presigned("sts", "POST", "/"), CREDENTIALS, b"any") == "mismatch"


def test_a_request_is_signed_once() -> None:
    url = presigned("s3", "GET", "/b/k").target
    header = by_botocore("s3", "GET", "/b/k")
    assert judge(replace(header, target=url), CREDENTIALS, b"") == "incomplete"
    assert judge(Received(method="GET", target="/", headers=(("Host", HOST),)), CREDENTIALS, b"") == "missing"
    version_2 = Received(method="GET", target="/b/k?AWSAccessKeyId=A&Signature=x&Expires=1", headers=())
    assert judge(version_2, CREDENTIALS, b"") == "version-2"


# --- Time and tokens ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("service", "minutes"), [("s3", 15), ("dynamodb", 5), ("sts", 5)])
def test_a_request_is_dated_now(service: str, minutes: int) -> None:
    request = by_botocore(service, "GET", "/")
    dated = read(request).dated
    for direction in (1, -1):
        edge = dated + direction * timedelta(minutes=minutes)
        assert judge(request, CREDENTIALS, b"", edge) == "good"
        assert judge(request, CREDENTIALS, b"", edge + direction * timedelta(seconds=1)) == "skewed"


def test_a_presigned_url_is_good_until_it_expires() -> None:
    request = presigned("s3", "GET", "/b/k", expires=3600)
    dated = read(request).dated
    assert judge(request, CREDENTIALS, b"", dated + timedelta(seconds=3600)) == "good"
    assert judge(request, CREDENTIALS, b"", dated + timedelta(seconds=3601)) == "expired-url"
    assert judge(request, CREDENTIALS, b"", dated - timedelta(minutes=16)) == "skewed"


def test_temporary_credentials_need_their_token_until_they_expire() -> None:
    now = datetime.now(UTC)
    request = by_botocore("sts", "GET", "/")
    assert judge(request, replace(CREDENTIALS, expires_at=now + timedelta(seconds=1)), b"", now) == "good"
    assert judge(request, replace(CREDENTIALS, expires_at=now), b"", now) == "expired-token"
    assert judge(request, replace(CREDENTIALS, session_token="other"), b"", now) == "invalid-token"
    assert judge(request, replace(CREDENTIALS, session_token=None), b"", now) == "invalid-token"


def test_the_secret_is_in_no_text_of_a_signature() -> None:
    signature = read(by_botocore("sts", "GET", "/"))
    assert isinstance(signature, Signature)
    assert CREDENTIALS.secret_access_key not in f"{CREDENTIALS!r} {by_botocore('sts', 'GET', '/')!r}"
    assert signature.value not in repr(signature)
