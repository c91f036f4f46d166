"""The train stage: train the classifier, and choose by validation when to stop."""
