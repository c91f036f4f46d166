"""Inference with a trained model: logits, calibrated probabilities, tables of predictions, and export."""
