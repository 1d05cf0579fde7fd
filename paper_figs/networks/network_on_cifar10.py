"""Which theory does a convolutional network follow on CIFAR-10? [@Kamb2024; @Li2024; @Wang2024].

As `network_on_mnist`, for optima of 40,000 of the 50,000 images. (a) Share of the network's score that each optimum,
and their best convex combination, miss on other images, against the noise level; at the top the width of the patches of
the local optimum; dotted the predicted transitions. (b) Denoising error on training over held-out images. (c) Denoising
error on held-out images relative to the Gaussian optimum. Below: one held-out image, denoised by the network and by
each optimum.

The network is that of `examples/train_mnist_unet.py`, which takes any file of images, after 1,600 steps. The figure is
computed anew from the images and the network that the environment variables IDEALSCORE_IMAGES and IDEALSCORE_MODEL
name; IDEALSCORE_CONDITION is 10 for that of the example.
"""

from .network_on_mnist import compute, draw, findings

__all__ = ["compute", "draw", "findings"]
