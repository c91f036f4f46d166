"""Wiring: the pipeline as a Prefect flow, the local server, deployments, and the command line."""
