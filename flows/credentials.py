"""Keys of search engines that are stored in Prefect Secret blocks, for runs whose environment doesn't have them.

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


def from_secret_blocks(config: CrawlConfig) -> None:
    """Set those of the variables that are missing, and for which the Prefect server has a block, for this process."""
    missing = [variable for variable in variables(config) if not os.environ.get(variable, "").strip()]
    if not missing:
        return
    from prefect.blocks.system import Secret

    for variable in missing:
        try:
            secret = cast("Secret[str]", Secret.load(block_name(variable)))  # it is async only in async functions
        except ValueError:  # there is no such block
            continue
        os.environ[variable] = str(secret.get())
