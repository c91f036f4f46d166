"""One backbone a file, found by its name: `train.network: convnet` is `convnet.py`.

A backbone module defines `backbone(inputs, config)`: from a Keras tensor, float32 `(n, h, w, c)`, to a
feature map `(n, h', w', c')`. Tiles come scaled to -1..1, features to mean 0 and variance 1. It adds its
layers to the graph of the classifier itself, so that every feature map can be reached from the classifier
(Grad-CAM needs that).
"""
