"""Who is told of what happens at night, and how.

`run_messages` decides what people are told after a run, `send` sends it through apprise and as Prefect events, and
`addresses` checks where to.
"""

from flows.notify.addresses import prepare
from flows.notify.send import delivery, send_test, tell

__all__ = ["delivery", "prepare", "send_test", "tell"]
