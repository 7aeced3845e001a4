"""The bucket that stores indexes."""

from __future__ import annotations

from aws_cdk import Aws, Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.grants import Grant
from infra.keys import key
from infra.nag import acknowledge
from infra.names import Names

MANIFEST, PROPOSAL = "manifest.json", "proposal.json"
# The files of an index: see docs/index-format.md, "Files".
WRITTEN_ONCE = (MANIFEST, "attempt-*")
RESULTS = "results"  # of restore sessions
EXACT_INDEXES = "indexes"  # below a restore test: of the restored point
WRITTEN_BY_WORKERS = ("attempt-*", "checkpoint/*", "progress.json")


class Repository(Construct):
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
    ) -> None:
        super().__init__(scope, identifier)
        self._prefix = f"{prefix}/" if prefix else ""
        self.key = key(self, "Key", description=f"Tidemark {names.deployment}: repository", removal=removal)
        name = bucket_name or f"{names.deployment}-repository-{Aws.ACCOUNT_ID}-{names.region}"
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
            ],
            removal_policy=removal,
        )
        self.bucket.add_to_resource_policy(self._refuse_replacing())
        acknowledge(
            self.bucket,
            "AwsSolutions-S1",
            "Access logs would need a second bucket that outlives the deployment; to audit access to "
            "indexes, enable CloudTrail data events, which name the principal.",
        )
        self.url = f"s3://{self.bucket.bucket_name}{f'/{prefix}' if prefix else ''}"

    def read(self, below: str, *names: str) -> list[Grant]:
        """Return the grants to read objects below a prefix of the repository, by default all of them."""
        return [
            self._objects(("s3:GetObject",), below, *names),
            self._list(below),
            Grant(actions=("kms:Decrypt",), resources=(self.key.key_arn,)),
        ]

    def read_versions(self, below: str) -> list[Grant]:
        """Return the grants to list earlier versions of objects below a prefix."""
        return [
            Grant(
                actions=("s3:ListBucketVersions",),
                resources=(self._arn,),
                conditions={"StringLike": {"s3:prefix": f"{self._prefix}{below}*"}},
            )
        ]

    def write(self, below: str) -> list[Grant]:
        """Return the grants to read and write, but not delete, objects below a prefix."""
        return [
            self._objects(("s3:GetObject", "s3:PutObject"), below),
            self._list(below),
            self._encrypt(),
        ]

    def hand_over(self, below: str, name: str) -> list[Grant]:
        """Return the grants to write objects of a name below a prefix, without reading them."""
        return [self._objects(("s3:PutObject",), below, name), self._encrypt()]

    def propose(self, below: str) -> list[Grant]:
        """Return the grants of a worker, which proposes indexes below a prefix but cannot publish them."""
        return [
            self._objects(("s3:GetObject",), below),
            self._objects(("s3:PutObject",), below, *(f"*/{name}" for name in WRITTEN_BY_WORKERS)),
            self._list(below),
            self._encrypt(),
        ]

    def report(self, below: str) -> list[Grant]:
        """Return the grants of a restore worker: read plans and write results below a prefix."""
        return [
            self._objects(("s3:GetObject",), below),
            self._objects(("s3:PutObject",), below, f"*/{RESULTS}/*"),
            self._list(below),
            self._encrypt(),
        ]

    def verify(self, below: str) -> list[Grant]:
        """Return the grants of a verification worker: write results and the index of a restored point."""
        written = (f"*/{RESULTS}/*", f"*/{EXACT_INDEXES}/*")
        return [
            self._objects(("s3:GetObject",), below),
            self._objects(("s3:PutObject",), below, *written),
            self._list(below),
            self._encrypt(),
        ]

    def publish(self, below: str) -> list[Grant]:
        """Return the grants to read proposals and write manifests below a prefix."""
        return [
            self._objects(("s3:GetObject",), below, f"*/{PROPOSAL}", f"*/{MANIFEST}"),
            self._objects(("s3:PutObject",), below, f"*/{MANIFEST}"),
            self._encrypt(),
        ]

    def clean(self, below: str) -> list[Grant]:
        """Return the grants to find and remove leftovers of workers below a prefix.

        The bucket is versioned: removed objects can be restored while earlier versions are kept.
        """
        return [
            self._objects(("s3:GetObject",), below, f"*/{MANIFEST}"),
            self._objects(("s3:DeleteObject",), below, *(f"*/{name}" for name in WRITTEN_BY_WORKERS)),
            self._list(below),
            self._encrypt(),
        ]

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

    def _list(self, below: str) -> Grant:
        return Grant(
            # Without it, S3 returns AccessDenied instead of NoSuchKey for a missing object.
            actions=("s3:ListBucket",),
            resources=(self._arn,),
            conditions={"StringLike": {"s3:prefix": f"{self._prefix}{below}*"}},
        )

    def _encrypt(self) -> Grant:
        return Grant(actions=("kms:Decrypt", "kms:GenerateDataKey"), resources=(self.key.key_arn,))

    def _objects(self, actions: tuple[str, ...], below: str, *names: str) -> Grant:
        return Grant(
            actions=actions,
            resources=tuple(f"{self._arn}/{self._prefix}{below}{name}" for name in names or ("*",)),
            why_pattern=f"Objects below {below} are named at run time; limited to this prefix.",
        )
