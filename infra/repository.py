"""The bucket that stores indexes."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Aws, Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.grants import Grant
from infra.keys import key
from infra.nag import acknowledge
from infra.names import Names
from infra.repository_access import share_bucket, share_key
from infra.repository_grants import EXACT_INDEXES, MANIFEST, RepositoryGrants, bucket_name_of

# The files of an index: see docs/index-format.md, "Files".
WRITTEN_ONCE = (MANIFEST, "attempt-*")


class Repository(Construct, RepositoryGrants):
    """A versioned, encrypted, private bucket; indexes are written once and never modified."""

    def __init__(
        self,
        scope: Construct,
        identifier: str,
        *,
        names: Names,
        bucket_name: str | None,
        prefix: str,
        removal: RemovalPolicy,
        accounts: Sequence[str] = (),
    ) -> None:
        """`accounts` are the other accounts, whose workers write their indexes."""
        super().__init__(scope, identifier)
        self._prefix = f"{prefix}/" if prefix else ""
        self.key = key(self, "Key", description=f"Tidemark {names.deployment}: repository", removal=removal)
        name = bucket_name_of(names, bucket_name)
        # Built from the name: cdk-nag cannot see the ARN of another stack's resource.
        self._arn = f"arn:{Aws.PARTITION}:s3:::{name}"
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            bucket_name=name,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.key,
            bucket_key_enabled=True,
            versioned=True,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            lifecycle_rules=[
                # A worker that dies during an upload leaves invisible parts that incur costs.
                s3.LifecycleRule(
                    id="unfinished-uploads", abort_incomplete_multipart_upload_after=Duration.days(2)
                ),
                # Every heartbeat rewrites progress.json, and deleted indexes remain as noncurrent versions.
                s3.LifecycleRule(
                    id="noncurrent-versions",
                    # Not below tag-keys/: a deleted key must be recoverable as long as any recovery point
                    # exists.
                    prefix=f"{self._prefix}indexes/",
                    noncurrent_version_expiration=Duration.days(30),
                    expired_object_delete_marker=True,
                ),
                # Retention also removes the indexes of restored points.
                s3.LifecycleRule(
                    id="noncurrent-versions-of-restores",
                    prefix=f"{self._prefix}restores/",
                    noncurrent_version_expiration=Duration.days(30),
                    expired_object_delete_marker=True,
                ),
            ],
            removal_policy=removal,
        )
        self.bucket.add_to_resource_policy(self._refuse_replacing())
        if accounts:
            share_bucket(self.bucket, names, self._prefix, accounts)
            share_key(self.key, names, self._arn, accounts)
        acknowledge(
            self.bucket,
            "AwsSolutions-S1",
            "Access logs would need a second bucket that outlives the deployment; to audit access to "
            "indexes, enable CloudTrail data events, which name the principal.",
        )
        self.url = f"s3://{self.bucket.bucket_name}{f'/{prefix}' if prefix else ''}"

    def _refuse_replacing(self) -> iam.PolicyStatement:
        """Return the statement that denies every principal to replace a manifest or a file that it names.

        Source: Amazon S3 User Guide, "Enforce conditional writes on Amazon S3 buckets".
        """
        return iam.PolicyStatement(
            sid="WrittenOnce",
            effect=iam.Effect.DENY,
            principals=[iam.AnyPrincipal()],
            actions=["s3:PutObject"],
            resources=[
                self.bucket.arn_for_objects(f"{self._prefix}{indexes}/*/{name}")
                for indexes in ("indexes", f"restores/*/{EXACT_INDEXES}")
                for name in WRITTEN_ONCE
            ],
            conditions={
                "Null": {"s3:if-none-match": "true"},
                "Bool": {"s3:ObjectCreationOperation": "true"},  # parts of an upload have no such header
            },
        )

    def _key_grant(self, *actions: str) -> Grant:
        return Grant(actions=actions, resources=(self.key.key_arn,))
