"""`fluke serve`: the pipeline on a schedule, and each stage on demand, from the dashboard or the API.

`deployments` builds what is served, with a `schedule` and the `form` of its parameters. `owner` refuses to serve what
somebody else serves, `missed` finds runs that should have started, and `runner` starts runs until it is stopped.
`systemd_unit` lets all that begin with the machine.
"""
