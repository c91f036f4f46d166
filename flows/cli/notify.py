"""The command that shows who is told of what, and sends a test message."""

from typing import Annotated

import typer

from flows.cli.arguments import Overrides, Preset, load_config
from flows.cli.errors import say
from tasks.store.errors import UserError


def notify(
    preset: Preset,
    overrides: Overrides = None,
    test: Annotated[bool, typer.Option("--test", help="Send a test message to each address.")] = False,
) -> None:
    """Show who is told of what happens at night (`notify` in the preset); --test sends a message."""
    from flows import notify as notices
    from flows.cli.server import connect
    from flows.credentials import is_in_environment

    config = load_config(preset, overrides)
    urls = config.notify.urls
    if not urls:
        raise UserError(
            f"{preset} tells nobody; name addresses in its YAML file, such as `notify: [mailtos://...]`, or here: "
            f"fluke notify {preset} notify=[ADDRESS]; docs/operations.md explains them"
        )
    if all(is_in_environment(url.variable) for url in urls if url.variable):
        notices.prepare(config)
    else:  # a Prefect server may have them as Secret blocks
        connect(config)
    if not test:
        say(*(str(url) for url in urls), f"told of: {', '.join(config.notify.on)}; --test sends them a message")
        return
    deliveries = notices.send_test(config, f"{preset}: a test message")
    say(*(f"sent to {each.address}" for each in deliveries if not each.reason))
    if failed := [f"{each.address} ({each.reason})" for each in deliveries if each.reason]:
        raise UserError(f"not sent to {'; '.join(failed)}; correct notify.urls or the receiver")
