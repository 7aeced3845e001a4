"""Services too small for a package: accounts, EventBridge, EFS, networks, principals, S3, STS,
quotas."""
