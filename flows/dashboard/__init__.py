"""What the Prefect dashboard shows of a run: logs, tables, progress, the night's summary, the trend over nights.

A run does not depend on it: `sender` sends everything beside the work, and `engine` bounds what Prefect itself asks.
"""
