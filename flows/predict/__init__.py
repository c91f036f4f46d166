"""Predict photos with a trained model, and export that model."""
