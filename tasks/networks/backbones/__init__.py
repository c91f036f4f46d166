"""One backbone a file, found by its name: `train.network: vgg16` is `vgg16.py`. There is nothing to register.

A backbone module defines

- `backbone(inputs, config)`: from a Keras tensor of floats `(n, h, w, c)` to a feature map `(n, h', w', c')` or to
  vectors `(n, d)`. Its layers go into the graph of the classifier itself, with no model nested in it, so that every
  feature map can be reached from the classifier (Grad-CAM needs that); a part of a network is named by what the names
  of its layers begin with (`block5`).
- `SCALE`: how pixels become its input, a `tasks.networks.scaling.Scale`. Whoever calls it has scaled them already;
  codes come with mean 0 and variance 1.
- `MIN_SIDE_PX`: the smallest side that it takes; smaller inputs are enlarged before.
- `APPLICATION`, if Keras offers its ImageNet weights: the function of `keras.applications` that builds it.
- `ALIASES`, if model files have another name for some of its layers: that name by ours.

What siblings share is in modules whose names begin with an underscore.
"""
