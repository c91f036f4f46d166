"""Keras networks: the autoencoder, and classifiers put together from a backbone and a head."""
