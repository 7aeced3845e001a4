"""Signed chunks: AWS's published examples, and what is not one of them."""

from __future__ import annotations

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from localcloud.authentication.signed_chunks import chunks_are_signed
from tests.localcloud.signing import in_chunks

# Source: S3 API reference, "Signature Calculations for the Authorization Header: Transferring Payload in
# Multiple Chunks (Chunked Upload)".
SIGNER = SigV4Auth(
    Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), "s3", "us-east-1"
)
DATED, SCOPE = "20130524T000000Z", "20130524/us-east-1/s3/aws4_request"
SEED = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
BODY = (
    b"10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n"
    + b"a" * 65536
    + b"\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n"
    + b"a" * 1024
    + b"\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n"
)
# The same with trailing headers.
TRAILER_SEED = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
TRAILER_BODY = (
    b"10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n"
    + b"a" * 65536
    + b"\r\n400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n"
    + b"a" * 1024
    + b"\r\n0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n"
    b"x-amz-checksum-crc32c:sOO8/Q==\r\n"
    b"x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n"
)


def good(body: bytes, *, seed: str = SEED, trailer: bool = False) -> bool:
    request = AWSRequest(method="PUT", url="http://localhost/")
    request.context["timestamp"] = DATED
    return chunks_are_signed(
        body,
        seed=seed,
        dated=DATED,
        scope=SCOPE,
        sign=lambda text: SIGNER.signature(text, request),
        trailer=trailer,
    )


def test_the_examples_that_aws_publishes() -> None:
    assert good(BODY)
    assert good(TRAILER_BODY, seed=TRAILER_SEED, trailer=True)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        BODY[:-2],
        BODY + b"x",
        BODY.replace(b"a", b"b", 1),
        BODY.replace(b"400;", b"3ff;"),
        BODY.replace(b"400;", b"ffffff;"),
        BODY.replace(b"10000;", b"0;"),
        BODY.partition(b"\r\n0;")[0] + b"\r\n",
        BODY.partition(b"\r\n400;")[2],
        BODY[BODY.index(b"0;chunk-signature=b6") :],
        b"0\r\n\r\n",
    ],
)
def test_a_body_that_was_altered(body: bytes) -> None:
    assert not good(body)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"sOO8/Q==", b"sOO8/A=="),
        (b"x-amz-trailer-signature:d", b"x-amz-trailer-signature:e"),
        (b"x-amz-trailer-signature:", b"x-amz-other:"),
        (b"x-amz-checksum-crc32c:", b"x-amz-checksum-crc32:"),
        (b"x-amz-checksum-crc32c:sOO8/Q==\r\n", b""),
    ],
)
def test_a_trailer_that_was_altered(old: bytes, new: bytes) -> None:
    assert old in TRAILER_BODY
    assert not good(TRAILER_BODY.replace(old, new), seed=TRAILER_SEED, trailer=True)


@given(pieces=st.lists(st.binary(min_size=1, max_size=50), max_size=5), data=st.data())
def test_any_byte_that_changes_is_noticed(pieces: list[bytes], data: st.DataObject) -> None:
    request = AWSRequest(method="PUT", url="http://localhost/b/k")
    SIGNER.add_auth(request)
    seed = request.headers["Authorization"].rpartition("Signature=")[2]
    body = in_chunks(pieces, request, SIGNER)

    def judged(body: bytes) -> bool:
        return chunks_are_signed(
            body,
            seed=seed,
            dated=request.context["timestamp"],
            scope=SIGNER.credential_scope(request),
            sign=lambda text: SIGNER.signature(text, request),
            trailer=False,
        )

    assert judged(body)
    place = data.draw(st.integers(0, len(body) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != body[place]))
    changed = body[:place] + bytes([byte]) + body[place + 1 :]
    assert not judged(changed) or changed.lower() == body.lower()  # the case of a size means nothing
