"""Scripts that measure fluke; docs/benchmarks.md and docs/results.md cite their figures."""
