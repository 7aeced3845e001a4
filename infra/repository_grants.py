"""The grants of the repository's users, for the stack of the repository and for stacks of other sites."""

from __future__ import annotations

from aws_cdk import Aws

from infra.grants import Grant
from infra.names import Names

MANIFEST, PROPOSAL, DAMAGE = "manifest.json", "proposal.json", "damage.json"
RESULTS = "results"  # of restore sessions
EXACT_INDEXES = "indexes"  # below a restore test: of the restored point
WRITTEN_BY_WORKERS = ("attempt-*", "checkpoint/*", "progress.json")


def bucket_name_of(names: Names, chosen: str | None) -> str:
    """Return the name of the bucket in the home site; `chosen` is that in the configuration."""
    return chosen or f"{names.deployment}-repository-{names.account_id}-{names.region}"


class RepositoryGrants:
    """Grants on objects below prefixes of the repository, and on its key."""

    _arn: str  # of the bucket
    _prefix: str  # of every key; empty, or with a slash at its end

    def _key_grant(self, *actions: str) -> Grant:
        """Return the grant to use the bucket's key."""
        raise NotImplementedError

    def read(self, below: str, *names: str) -> list[Grant]:
        """Return the grants to read objects below a prefix of the repository, by default all of them."""
        return [
            self._objects(("s3:GetObject",), below, *names),
            self._list(below),
            self._key_grant("kms:Decrypt"),
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

    def remove(self, below: str, *names: str) -> list[Grant]:
        """Return the grants to find and remove indexes below a prefix; `names` are as in `read`.

        The bucket is versioned: removed objects can be restored while earlier versions are kept.
        """
        return [
            self._objects(("s3:GetObject",), below, f"*/{MANIFEST}"),
            self._objects(("s3:DeleteObject",), below, *names),
            self._list(below),
            self._key_grant("kms:Decrypt"),
        ]

    def remove_exact(self, below: str) -> Grant:
        """Return the grant to remove the indexes of restored points below a prefix."""
        return self._objects(("s3:DeleteObject",), below, f"*/{EXACT_INDEXES}/*")

    def find(self, below: str) -> Grant:
        """Return the grant to list the objects below a prefix."""
        return self._list(below)

    def read_damage(self, below: str) -> list[Grant]:
        """Return the grants to read what indexes below a prefix record about damage."""
        return [self._objects(("s3:GetObject",), below, f"*/{DAMAGE}"), self._key_grant("kms:Decrypt")]

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

    def _list(self, below: str) -> Grant:
        return Grant(
            # Without it, S3 returns AccessDenied instead of NoSuchKey for a missing object.
            actions=("s3:ListBucket",),
            resources=(self._arn,),
            conditions={"StringLike": {"s3:prefix": f"{self._prefix}{below}*"}},
        )

    def _encrypt(self) -> Grant:
        return self._key_grant("kms:Decrypt", "kms:GenerateDataKey")

    def _objects(self, actions: tuple[str, ...], below: str, *names: str) -> Grant:
        return Grant(
            actions=actions,
            resources=tuple(f"{self._arn}/{self._prefix}{below}{name}" for name in names or ("*",)),
            why_pattern=f"Objects below {below} are named at run time; limited to this prefix.",
        )


class DistantRepository(RepositoryGrants):
    """The repository as the stack of another site knows it: by names."""

    def __init__(self, home: Names, *, bucket_name: str | None, prefix: str) -> None:
        """`home` are the names of the home site."""
        self._home = home
        self._prefix = f"{prefix}/" if prefix else ""
        self._arn = f"arn:{Aws.PARTITION}:s3:::{bucket_name_of(home, bucket_name)}"

    def _key_grant(self, *actions: str) -> Grant:
        return Grant(
            actions=actions,
            resources=(self._home.arn("kms", "key/*"),),
            conditions={
                "StringEquals": {
                    "kms:ViaService": self._home.via_service("s3"),
                    # With a bucket key, S3's encryption context is the bucket. Source: Amazon S3 User Guide,
                    # "Reducing the cost of SSE-KMS with Amazon S3 Bucket Keys".
                    "kms:EncryptionContext:aws:s3:arn": self._arn,
                }
            },
            why_pattern="KMS generates the id of the repository's key; limited to S3 and this bucket, and "
            "the key's own policy names this account.",
        )
