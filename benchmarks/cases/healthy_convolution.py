"""Healthy: convolutions."""

import torch
from torch import nn

from benchmarks.cases import losses
from benchmarks.cases.case import briefly, healthy, on
from benchmarks.cases.networks import convolution
from benchmarks.cases.networks.basic import Apply, he
from benchmarks.cases.optimizers import adam, adamw, sgd, using
from benchmarks.cases.sources import digits, photos, texts

CASES = (
    healthy("convnet_adam", on(digits.images, convolution.convnet, adam(3e-3))),
    healthy("convnet_sgd", on(digits.images, convolution.convnet, sgd())),
    healthy("resnet_4_sgd", on(digits.images, lambda: convolution.resnet(4), sgd(0.05))),
    healthy(
        "resnet_zero_gamma", on(digits.images, lambda: convolution.resnet(3, zero=True), adam(3e-3))
    ),
    healthy("convnext_layerscale", on(digits.images, convolution.small_convnext, adamw(4e-3))),
    healthy("densenet_5", on(digits.images, convolution.densenet, adam(3e-3))),
    healthy(
        "unet_segmentation", on(digits.strokes, convolution.UNet, adam(5e-3), loss=losses.binary)
    ),
    healthy(
        "nadam_squeeze_excite",
        on(photos.photos, convolution.excited, using(torch.optim.NAdam, lr=3e-3), steps=200),
    ),
    healthy("autocast_convnet", on(photos.photos, convolution.Autocast, adam(2e-3), steps=200)),
    healthy(
        "weight_norm_dilated_convolutions",
        on(texts.text, convolution.temporal, adam(4e-3), loss=losses.per_letter),
    ),
    healthy("capsules", on(digits.images, convolution.Capsules, adam(5e-3), steps=200)),
    healthy(
        "mobile_depthwise",
        on(photos.photos, convolution.separable, sgd(0.05, nesterov=True), steps=200),
    ),
    healthy(
        "transposed_convolution_decoder",
        on(digits.rebuilt, convolution.upsampler, adam(3e-3), loss=losses.squared),
    ),
    healthy(
        "group_norm_batch_of_three",
        on(digits.images, convolution.grouped, using(torch.optim.RMSprop, lr=5e-4), batch_size=3),
    ),
    healthy(
        "functional_convolutions_reversed",
        on(photos.photos, convolution.Upside, adam(2e-3), steps=200),
    ),
    healthy(
        "gated_text_convolutions",
        on(
            texts.origins,
            lambda: nn.Sequential(
                nn.Embedding(96, 24),
                Apply(lambda value: value.mT),
                *(nn.Conv1d(24, 48, 5, padding=2), nn.GLU(dim=1)),
                *(nn.Conv1d(24, 48, 5, padding=2), nn.GLU(dim=1)),
                nn.AdaptiveAvgPool1d(1),
                nn.Flatten(),
                nn.Linear(24, 4),
            ),
            adam(5e-3),
        ),
    ),
    healthy("convnext_photos_adamw", briefly(photos.photos, convolution.convnext(4), adamw(3e-3))),
    healthy(
        "unet_colours",
        briefly(
            photos.colours,
            convolution.Colours,
            adam(3e-3),
            loss=losses.squared,
            batch_size=16,
            steps=120,
        ),
    ),
    healthy(
        "inverted_residuals_photos",
        briefly(photos.photos, convolution.inverted(3), adamw(3e-3), steps=150),
    ),
    healthy(
        "photo_elu_batch_of_8",
        briefly(photos.photos, convolution.photo_net(nn.ELU, 2, he), adam(1e-3), batch_size=8),
    ),
    healthy(
        "squeezed_bottlenecks_rmsprop",
        briefly(
            photos.photos,
            convolution.photo_stack(lambda _: convolution.Squeezed(16), 3),
            using(torch.optim.RMSprop, lr=2e-3, momentum=0.9, alpha=0.9, eps=1e-3),
            steps=100,
        ),
    ),
    healthy("normfree_photos", briefly(photos.photos, convolution.normfree, sgd(0.05), steps=100)),
    healthy(
        "shuffled_channels_photos",
        briefly(
            photos.photos,
            convolution.photo_stack(lambda _: convolution.Shuffled(16), 3),
            adam(3e-3),
            steps=100,
        ),
    ),
    healthy(
        "vgg_dropout_photos",
        briefly(photos.photos, convolution.vgg, sgd(0.02, weight_decay=5e-4), steps=100),
    ),
    healthy("spatial_transformer_digits", briefly(digits.images, convolution.Turned, adam(3e-3))),
    healthy(
        "pixels_named_in_order",
        briefly(
            digits.inked_pixels, convolution.pixels, adamw(5e-3), loss=losses.of_pixels, steps=120
        ),
    ),
    healthy(
        "instance_norm_photos", briefly(photos.photos, convolution.instance, adam(2e-3), steps=120)
    ),
)
