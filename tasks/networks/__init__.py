"""Keras networks: pretrained encoders, backbones, heads, classifiers, and what training and prediction share."""

import os

from tasks.networks import quick_import

# set before TensorFlow is imported: it logs missing GPUs as errors on every machine without one
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
quick_import.install()
