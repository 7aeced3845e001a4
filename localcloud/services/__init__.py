"""Services too small for a package: EventBridge, EFS, networks, S3, STS, quotas."""
