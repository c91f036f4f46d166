"""An automation of Prefect that ends runs whose process has died."""


def crash_zombies() -> None:
    """Make our server mark runs as crashed whose process has died, so that they don't block the next scheduled run.

    Idempotent. The automation applies to all flows, so don't use it on a server that others share. It is the one from
    Prefect's documentation, "How to detect and respond to zombie flows".
    """
    from prefect.automations import Automation
    from prefect.client.schemas.objects import StateType
    from prefect.events.actions import ChangeFlowRunState
    from prefect.events.schemas.automations import EventTrigger, Posture
    from prefect.events.schemas.events import ResourceSpecification

    name = "fluke: crash runs whose process has died"
    try:
        Automation.read(name=name)  # type: ignore[unused-coroutine]  # a coroutine only inside an event loop
        return
    except ValueError:
        pass  # it doesn't exist yet
    heartbeat = "prefect.flow-run.heartbeat"
    ends = {f"prefect.flow-run.{s}" for s in ("Completed", "Failed", "Cancelled", "Crashed", "Paused", "Suspended")}
    Automation(
        name=name,
        trigger=EventTrigger(
            after={heartbeat},
            expect={heartbeat, *ends},
            match=ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]}),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=120,
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message="its process has died: no heartbeat for 120 s")],
    ).create()
