"""Predict photos with a trained model, and export the model."""
