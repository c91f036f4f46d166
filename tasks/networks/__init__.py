"""Keras networks: the autoencoder, classifiers made of a backbone and a head, and how they are trained."""

import os

# Before TensorFlow is imported: it reports absent GPUs as errors, on every machine that has none.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

BACKBONES = "tasks.networks.backbones"
"""The package in which `train.network` names a module."""
