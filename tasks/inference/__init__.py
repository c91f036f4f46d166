"""How a trained model answers: from a network's output to calibrated probabilities and tables of predictions."""
