"""Which of the trained models is used: the registry, the list of test photos, and the gate."""
