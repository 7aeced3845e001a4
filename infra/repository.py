"""The bucket where indexes live."""

from __future__ import annotations

from aws_cdk import Aws, Duration, RemovalPolicy
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.grants import Grant
from infra.keys import key
from infra.nag import acknowledge
from infra.names import Names


class Repository(Construct):
    """A versioned, encrypted, private bucket; an index in it is written once and never modified."""

    def __init__(
        self,
        scope: Construct,
        identifier: str,
        *,
        names: Names,
        bucket_name: str | None,
        prefix: str,
        removal: RemovalPolicy,
    ) -> None:
        super().__init__(scope, identifier)
        self._prefix = f"{prefix}/" if prefix else ""
        self.key = key(self, "Key", description=f"Tidemark {names.deployment}: repository", removal=removal)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            bucket_name=bucket_name or f"{names.deployment}-repository-{Aws.ACCOUNT_ID}-{names.region}",
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.key,
            bucket_key_enabled=True,
            versioned=True,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            lifecycle_rules=[
                # A worker that dies while uploading leaves parts that nobody sees and everybody pays for.
                s3.LifecycleRule(
                    id="unfinished-uploads", abort_incomplete_multipart_upload_after=Duration.days(2)
                ),
                # progress.json is written anew at every heartbeat, and deleted indexes linger as versions.
                s3.LifecycleRule(
                    id="noncurrent-versions",
                    # Not below tag-keys/: a deleted key must be able to come back for as long as any point.
                    prefix=f"{self._prefix}indexes/",
                    noncurrent_version_expiration=Duration.days(30),
                    expired_object_delete_marker=True,
                ),
            ],
            removal_policy=removal,
        )
        acknowledge(
            self.bucket,
            "AwsSolutions-S1",
            "Access logs would need a second bucket that outlives the deployment; whoever has to prove who "
            "read an index turns on CloudTrail data events, which name the principal.",
        )
        self.url = f"s3://{self.bucket.bucket_name}{f'/{prefix}' if prefix else ''}"

    def read(self, below: str) -> list[Grant]:
        """Return what reading objects below a prefix of the repository needs."""
        return [
            self._objects(("s3:GetObject",), below),
            Grant(
                # Without it a missing object answers AccessDenied instead of NoSuchKey.
                actions=("s3:ListBucket",),
                resources=(self.bucket.bucket_arn,),
                conditions={"StringLike": {"s3:prefix": f"{self._prefix}{below}*"}},
            ),
            Grant(actions=("kms:Decrypt",), resources=(self.key.key_arn,)),
        ]

    def read_versions(self, below: str) -> list[Grant]:
        """Return what listing earlier versions of objects below a prefix needs."""
        return [
            Grant(
                actions=("s3:ListBucketVersions",),
                resources=(self.bucket.bucket_arn,),
                conditions={"StringLike": {"s3:prefix": f"{self._prefix}{below}*"}},
            )
        ]

    def write(self, below: str) -> list[Grant]:
        """Return what reading and writing objects below a prefix needs; nothing can be deleted with it."""
        return [
            self._objects(
                ("s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"),
                below,
            ),
            *self.read(below)[1:2],
            Grant(actions=("kms:Decrypt", "kms:GenerateDataKey"), resources=(self.key.key_arn,)),
        ]

    def _objects(self, actions: tuple[str, ...], below: str) -> Grant:
        return Grant(
            actions=actions,
            resources=(self.bucket.arn_for_objects(f"{self._prefix}{below}*"),),
            why_pattern=f"Objects below {below} are named at run time; no other prefix is reached.",
        )
