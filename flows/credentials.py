"""Secrets in Prefect blocks: keys of search engines, and addresses of messages, for runs whose environment lacks them.

Stages read keys from the environment only, because they know nothing of Prefect.
"""

import os
from typing import cast

from configs.schema import CrawlConfig
from tasks.store import plugins


def variables(config: CrawlConfig) -> list[str]:
    """Return the environment variables with keys that the config's sources know; none for a replay."""
    if config.replay:
        return []
    modules = [plugins.load("tasks.crawl.sources", name) for name in config.sources]
    return [variable for module in modules for variable in getattr(module, "VARIABLES", ())]


def block_name(variable: str) -> str:
    """Return the name of the Secret block of a variable, such as `flickr-api-key`."""
    return variable.lower().replace("_", "-")


def is_in_environment(variable: str) -> bool:
    """Whether a variable of the environment has a value."""
    return bool(os.environ.get(variable, "").strip())


def secret(variable: str) -> str:
    """Return the value of an environment variable, or else of its Prefect Secret block; empty if there is neither."""
    if is_in_environment(variable):
        return os.environ[variable].strip()
    from prefect.blocks.system import Secret

    try:
        block = cast("Secret[str]", Secret.load(block_name(variable)))  # it is async only in async functions
    except ValueError:  # there is no such block
        return ""
    return str(block.get()).strip()


def from_secret_blocks(config: CrawlConfig) -> None:
    """Set those of the variables that are missing, and for which the Prefect server has a block, for this process."""
    for variable in variables(config):
        if not is_in_environment(variable) and (value := secret(variable)):
            os.environ[variable] = value
