"""What every stage shares: the store of artifacts on disk, shards, cache keys, and how a stage is run."""
