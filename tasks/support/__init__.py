"""What stages share: the store, pools of shards, photos on disk, progress, errors, plots."""
