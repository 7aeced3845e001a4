"""Synthesizes a cloud assembly from a configuration, for `cdk`, the local cloud and the tests."""

from __future__ import annotations

import json
from pathlib import Path

from aws_cdk import App

from infra import bundle
from infra.accounts_stack import AccountsStack
from infra.restore_stack import RestoreStack
from infra.site_restore_stack import SiteRestoreStack
from infra.site_stack import SiteStack
from infra.stack import CopyStack, TidemarkStack
from tidemark.aws.regions import sdk_regions
from tidemark.policy.configuration import Configuration, load

CONFIGURATION_CONTEXT = "config"  # cdk synth -c config=FILE


def application(*, outdir: Path | None = None, check_templates: bool = False) -> App:
    """Return an empty app with the feature flags of cdk.json, which only the `cdk` command reads by default.

    The CDK's own validation of templates takes a third of a synth and finds nothing new in unchanged
    templates; the tests enable it, in addition to cdk-nag and cfn-lint.
    """
    flags = json.loads((bundle.SOURCES / "cdk.json").read_text())["context"]
    return App(
        context=flags,
        outdir=str(outdir) if outdir else None,
        analytics_reporting=False,
        builtin_cloud_formation_validation=check_templates,
        tree_metadata=False,
    )


def compose(app: App, configuration: Configuration) -> TidemarkStack:
    """Add the stacks of a deployment; return the main one.

    Raises ConfigurationError if the Lambdas' dependencies are missing and cannot be fetched.
    """
    lambda_asset, worker_context = bundle.lambda_asset(), bundle.worker_context()
    main = TidemarkStack(
        app,
        configuration=configuration,
        lambda_asset=lambda_asset,
        worker_context=worker_context,
    )
    sites = {site.region for site in configuration.sites if not site.is_foreign}
    for region in configuration.vaults:
        if region != configuration.region and region not in sites:
            # Copies first: the first session already needs their vaults.
            main.add_stack_dependency(CopyStack(app, configuration=configuration, region=region))
    for site in configuration.sites:
        stack = SiteStack(app, configuration=configuration, site=site, worker_context=worker_context)
        SiteRestoreStack(app, configuration=configuration, site=site, main=stack)
        if not site.is_foreign:  # the administrator of another account deploys its stacks
            main.add_stack_dependency(stack)
    has_drills = any(policy.drill.schedule for policy in configuration.policies)
    restores = RestoreStack(
        app,
        configuration=configuration,
        main=main,
        lambda_asset=lambda_asset,
        planning_asset=bundle.planning_asset() if has_drills else None,
    )
    if configuration.accounts:
        # After the functions that its state machines invoke.
        AccountsStack(app, configuration=configuration).add_stack_dependency(restores)
    return main


def configuration_of(app: App, named: str) -> Configuration:
    """Return the configuration in the file that `-c config=FILE` names, or else in `named`."""
    return load(Path(str(app.node.try_get_context(CONFIGURATION_CONTEXT) or named)), sdk_regions())
