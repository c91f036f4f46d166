"""Tell people and automations what happens at night: messages through apprise, and Prefect events."""

from collections.abc import Sequence

from configs.nights import NotifyKind
from configs.schema import Config


def tell(config: Config, kind: NotifyKind, title: str, lines: Sequence[str] = ()) -> None:
    """Tell those whom `notify` names of something, beside the work; never fails, and doesn't wait for an answer.

    Args:
        config: The settings of the run.
        kind: What happened; it is sent if `notify.on` has it. `fluke.night.<kind>` is the name of the Prefect event.
        title: One short line, such as "whales: the new model was refused".
        lines: The sentences of the message.
    """
