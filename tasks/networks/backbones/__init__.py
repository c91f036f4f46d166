"""One backbone a file, found by its name: `train.network: convnet` is `convnet.py`.

A backbone module defines `backbone(input_shape, config)`, which returns a Keras model from the input
(float32, already scaled by the classifier) to a feature map `(h, w, c)`.
"""
