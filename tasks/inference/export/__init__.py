"""Export a model as a TensorFlow SavedModel or as ONNX, for programs without fluke."""
