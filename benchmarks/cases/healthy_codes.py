"""Healthy: autoencoders, flows, twins, mixtures, and models that compute their loss."""

from torch import nn
from torch.nn import functional

from benchmarks.cases import losses, optimizers
from benchmarks.cases.case import briefly, healthy, on
from benchmarks.cases.networks import codes
from benchmarks.cases.networks.basic import Pooled, mlp, xavier
from benchmarks.cases.optimizers import adam, adamw, sgd, using
from benchmarks.cases.sources import digits, tables, texts

CASES = (
    healthy("two_tasks", on(digits.digits, codes.TwoHeads, adam(), loss=losses.both_tasks)),
    healthy(
        "autoencoder_relu", on(digits.copies, codes.autoencoder, adam(5e-3), loss=losses.squared)
    ),
    healthy("vae", on(digits.copies, codes.Variational, adam(3e-3), loss=losses.evidence_bound)),
    healthy("denoiser", on(digits.noised, codes.Denoiser, adam(2e-3), loss=losses.squared)),
    healthy(
        "siamese_contrastive", on(digits.pairs, codes.Siamese, adam(), loss=losses.contrastive)
    ),
    healthy(
        "simsiam_stop_gradient", on(digits.digits, codes.SimSiam, sgd(0.02), loss=losses.of_output)
    ),
    healthy("gan_generator", on(digits.noise, codes.generator, adam(), loss=losses.of_output)),
    healthy("hypernetwork", on(digits.digits, codes.Hyper, adam(2e-3))),
    healthy(
        "mixture_density",
        on(tables.diabetes, codes.Mixture, adam(3e-3), loss=losses.mixture),
    ),
    healthy("normalising_flow", on(tables.wine, codes.Flow, adam(2e-3), loss=losses.of_output)),
    healthy("triplet_embedder", on(digits.triplets, codes.Embedder, adam(), loss=losses.triplet)),
    healthy(
        "deep_supervision",
        on(digits.digits, codes.Supervised, sgd(0.02), loss=losses.every_floor),
    ),
    healthy("skip_grams", on(texts.neighbours, codes.SkipGrams, adam(0.02), loss=losses.binary)),
    healthy(
        "autoregressive_flow_tumours",
        briefly(
            tables.whole_tumours, lambda: codes.Autoregressive(30), adam(3e-3), loss=losses.average
        ),
    ),
    healthy(
        "bernoulli_vae_sgd",
        briefly(digits.copies, codes.Bernoulli, sgd(0.5, 0.9), loss=losses.evidence),
    ),
    healthy(
        "contrastive_two_views",
        briefly(digits.alone, codes.TwoViews, adamw(2e-3), loss=losses.contrast, batch_size=64),
    ),
    healthy(
        "neural_ode_tumours",
        briefly(tables.tumours, codes.Flowing, adam(5e-3), loss=losses.binary),
    ),
    healthy("bilinear_views_wine", briefly(tables.wine, codes.Bilinear, adam(3e-3))),
    healthy(
        "words_adaptive_softmax",
        briefly(
            texts.words,
            lambda: codes.Wordy(texts.KNOWN_WORDS),
            adam(1e-2),
            loss=losses.of_words,
            batch_size=16,
            steps=120,
        ),
    ),
    healthy(
        "byol_slow_copy",
        briefly(
            digits.digits,
            codes.Byol,
            sgd(0.2, weight_decay=1e-4),
            loss=losses.of_output,
            batch_size=64,
        ),
    ),
    healthy(
        "barlow_twins",
        briefly(
            digits.digits,
            lambda: codes.Decorrelated(mlp(nn.ReLU, 1, outputs=16)()),
            using(optimizers.Lamb, lr=0.01),
            loss=losses.of_output,
            batch_size=64,
        ),
    ),
    healthy(
        "values_by_temporal_difference",
        briefly(
            digits.counting,
            lambda: codes.Valued(mlp(nn.ReLU, 2, outputs=1)()),
            adam(1e-3),
            loss=functional.smooth_l1_loss,
        ),
    ),
    healthy(
        "oscillator_from_its_law",
        briefly(
            digits.colliding,
            lambda: codes.Oscillator(
                mlp(nn.Tanh, 3, width=32, inputs=1, outputs=1, start=xavier)()
            ),
            adam(3e-3),
            loss=losses.of_output,
            batch_size=128,
        ),
    ),
    healthy(
        "ranked_patients",
        briefly(tables.two_patients, codes.Ranked, adam(3e-3), loss=losses.ranked),
    ),
    healthy(
        "mixup_digits_averaged",
        briefly(
            digits.digits,
            lambda: codes.Mixup(mlp(nn.GELU, 2)()),
            optimizers.averaged(sgd(0.05)),
            loss=losses.mixed_labels,
        ),
    ),
    healthy(
        "deep_kernel_patients",
        briefly(
            tables.patients_asked, codes.Deep, adam(2e-2), loss=losses.of_output, batch_size=64
        ),
    ),
    healthy(
        "bfloat16_transformer_names",
        briefly(
            texts.characters,
            lambda: codes.Halved(
                Pooled(
                    nn.Embedding(96, 32),
                    nn.TransformerEncoderLayer(32, 4, 64, 0.1, batch_first=True, norm_first=True),
                    32,
                    outputs=4,
                )
            ),
            adamw(2e-3),
            steps=120,
        ),
    ),
    healthy(
        "float64_tanh_patients",
        briefly(
            tables.diabetes,
            lambda: codes.Double(mlp(nn.Tanh, 2, inputs=10, outputs=1, start=xavier)()),
            sgd(0.01),
            loss=losses.squared_error,
        ),
    ),
    healthy("angles_digits", briefly(digits.digits, codes.Angles, sgd(0.05))),
    healthy(
        "ordered_patients",
        briefly(
            tables.diabetes,
            lambda: codes.Steps(nn.Tanh, 1, xavier),
            adam(5e-3),
            loss=losses.ordered,
        ),
    ),
    healthy(
        "mirrored_autoencoder",
        briefly(digits.copies, codes.Mirrored, sgd(0.5), loss=losses.squared, steps=400),
    ),
    healthy(
        "routed_to_one_of_four",
        briefly(
            digits.digits, codes.SharedExperts, adamw(5e-3), loss=losses.shared_out, batch_size=64
        ),
    ),
)
