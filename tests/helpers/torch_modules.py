"""Every module class of torch.nn that has a forward pass, with arguments, options and inputs to try it."""

from __future__ import annotations

import warnings

import torch
from torch import nn

# Their forward pass reads values, or torch has no meta kernel for them: archscope runs them on the CPU and says so.
NOT_ON_META = {
    "GaussianNLLLoss": "looks for a negative variance",
    "CTCLoss": "reads the lengths",
    "AdaptiveLogSoftmaxWithLoss": "sorts targets into clusters by their values",
}


def floats(*shape):
    return torch.rand(shape)


def below(limit, *shape):
    return torch.randint(limit, shape, generator=torch.Generator().manual_seed(0))


SEQUENCE = (2, 6, 8)
ROWS, LINE, IMAGE, VOLUME = (2, 6), (2, 4, 12), (2, 4, 12, 12), (1, 4, 8, 8, 8)
BY_DIMENSION = {1: LINE, 2: IMAGE, 3: VOLUME}


def _per_dimension():
    for d, shape in BY_DIMENSION.items():
        x = floats(*shape)
        yield f"Conv{d}d", (4, 6, 3), {"groups": 2, "stride": 2, "dilation": 2, "padding": 2}, (x,)
        yield f"ConvTranspose{d}d", (4, 6, 3), {"groups": 2, "stride": 2, "output_padding": 1}, (x,)
        yield f"LazyConv{d}d", (6, 3), {}, (x,)
        yield f"LazyConvTranspose{d}d", (6, 3), {}, (x,)
        yield f"BatchNorm{d}d", (4,), {}, (x,)
        yield f"LazyBatchNorm{d}d", (), {}, (x,)
        yield f"InstanceNorm{d}d", (4,), {"affine": True}, (x,)
        yield f"LazyInstanceNorm{d}d", (), {}, (x,)
        yield f"MaxPool{d}d", (2,), {}, (x,)
        yield f"AvgPool{d}d", (2,), {}, (x,)
        yield f"LPPool{d}d", (2, 2), {}, (x,)
        yield f"AdaptiveAvgPool{d}d", (3,), {}, (x,)
        yield f"AdaptiveMaxPool{d}d", (3,), {}, (x,)
        yield f"Dropout{d}d", (), {}, (x,)
        for kind in ("Circular", "Constant", "Reflection", "Replication", "Zero"):
            yield f"{kind}Pad{d}d", (1, 0.5) if kind == "Constant" else (1,), {}, (x,)
        pooled, where = getattr(nn, f"MaxPool{d}d")(2, return_indices=True)(x)
        yield f"MaxUnpool{d}d", (2,), {}, (pooled, where)


def _activations():
    names = (
        *(
            "CELU",
            "ELU",
            "GELU",
            "Hardshrink",
            "Hardsigmoid",
            "Hardswish",
            "Hardtanh",
            "LeakyReLU",
            "LogSigmoid",
            "Mish",
        ),
        *("PReLU", "RReLU", "ReLU", "ReLU6", "SELU", "SiLU", "Sigmoid", "Softplus", "Softshrink", "Softsign", "Tanh"),
        *("Tanhshrink", "GLU", "LogSoftmax", "Softmax", "Softmin", "AlphaDropout", "Dropout", "FeatureAlphaDropout"),
    )
    for name in names:
        yield name, (), {"dim": 1} if name in {"LogSoftmax", "Softmax", "Softmin"} else {}, (floats(*IMAGE),)
    yield "Softmax2d", (), {}, (floats(*IMAGE),)
    yield "Threshold", (0.5, 0.0), {}, (floats(*ROWS),)
    yield "Identity", (), {}, (floats(*ROWS),)


def _losses():
    x, y, sign = floats(*ROWS), floats(*ROWS), torch.ones(2)
    for name in (
        *("BCELoss", "BCEWithLogitsLoss", "GaussianNLLLoss", "HuberLoss", "KLDivLoss", "L1Loss", "MSELoss"),
        *("MultiLabelSoftMarginLoss", "PoissonNLLLoss", "SmoothL1Loss", "SoftMarginLoss", "HingeEmbeddingLoss"),
    ):
        yield name, (), {}, (x, y, floats(*ROWS)) if name == "GaussianNLLLoss" else (x, y)
    yield "CosineEmbeddingLoss", (), {}, (x, y, sign)
    yield "MarginRankingLoss", (), {}, (floats(2), floats(2), sign)
    yield "TripletMarginLoss", (), {}, (x, y, floats(*ROWS))
    yield "TripletMarginWithDistanceLoss", (), {}, (x, y, floats(*ROWS))
    yield "CrossEntropyLoss", (), {"label_smoothing": 0.1}, (x, below(6, 2))
    yield "NLLLoss", (floats(6),), {}, (x, below(6, 2))
    yield "NLLLoss2d", (), {}, (floats(*IMAGE), below(4, 2, 12, 12))
    yield "MultiLabelMarginLoss", (), {}, (x, below(6, 2, 6))
    yield "MultiMarginLoss", (), {}, (x, below(6, 2))
    yield "CTCLoss", (), {}, (floats(9, 2, 6), below(5, 2, 3) + 1, torch.full((2,), 9), torch.full((2,), 3))
    yield "AdaptiveLogSoftmaxWithLoss", (8, 20, [5, 10]), {}, (floats(4, 8), below(20, 4))
    yield "LinearCrossEntropyLoss", (6, 5), {}, (x, below(5, 2))


def _layers():
    x = floats(*SEQUENCE)
    yield "Linear", (8, 5), {}, (x,)
    yield "LazyLinear", (5,), {}, (x,)
    yield "Bilinear", (8, 6, 5), {}, (floats(2, 8), floats(2, 6))
    yield "Embedding", (10, 4), {"max_norm": 1.0}, (below(10, 2, 3),)
    yield "EmbeddingBag", (10, 4), {"mode": "mean"}, (below(10, 2, 3),)
    yield "LayerNorm", (8,), {}, (x,)
    yield "RMSNorm", (8,), {}, (x,)
    yield "GroupNorm", (2, 4), {}, (floats(*IMAGE),)
    yield "SyncBatchNorm", (4,), {}, (floats(*IMAGE),)
    yield "LocalResponseNorm", (2,), {}, (floats(*IMAGE),)
    yield "CrossMapLRN2d", (2,), {}, (floats(*IMAGE),)
    yield "CosineSimilarity", (), {}, (x, floats(*SEQUENCE))
    yield "PairwiseDistance", (), {}, (x, floats(*SEQUENCE))
    yield "ChannelShuffle", (2,), {}, (floats(*IMAGE),)
    yield "PixelShuffle", (2,), {}, (floats(*IMAGE),)
    yield "PixelUnshuffle", (2,), {}, (floats(*IMAGE),)
    yield "Flatten", (), {}, (x,)
    yield "Unflatten", (1, (2, 3)), {}, (x,)
    yield "Fold", ((4, 5), (2, 2)), {}, (floats(2, 8, 12),)
    yield "Unfold", ((2, 2),), {}, (floats(*IMAGE),)
    yield "Upsample", (), {"scale_factor": 2, "mode": "bicubic"}, (floats(*IMAGE),)
    yield "UpsamplingBilinear2d", (), {"scale_factor": 2}, (floats(*IMAGE),)
    yield "UpsamplingNearest2d", (), {"scale_factor": 2}, (floats(*IMAGE),)
    yield "FractionalMaxPool2d", (2,), {"output_size": 4}, (floats(*IMAGE),)
    yield "FractionalMaxPool3d", (2,), {"output_size": 4}, (floats(*VOLUME),)
    yield "Sequential", (nn.Linear(8, 4), nn.ReLU()), {}, (x,)


def _sequences():
    x, memory = floats(*SEQUENCE), floats(2, 5, 8)
    for name in ("LSTM", "GRU", "RNN"):
        yield name, (8, 3), {"num_layers": 2, "bidirectional": True}, (x,)
        yield f"{name}Cell", (8, 3), {}, (floats(2, 8),)
    yield "LSTM", (8, 4), {"proj_size": 3, "batch_first": True, "bias": False}, (x,)
    yield "MultiheadAttention", (8, 2), {"batch_first": True}, (x, x, x)
    yield "MultiheadAttention", (8, 2), {}, (x, memory.transpose(0, 1)[:2].repeat(1, 3, 1)[:, :6], x)
    yield "TransformerEncoderLayer", (8, 2, 16), {"batch_first": True}, (x,)
    yield "TransformerEncoderLayer", (8, 2, 16), {"batch_first": True, "activation": "gelu", "norm_first": True}, (x,)
    yield "TransformerDecoderLayer", (8, 2, 16), {"batch_first": True}, (x, memory)
    yield "TransformerEncoder", (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2), {}, (x,)
    yield "TransformerDecoder", (nn.TransformerDecoderLayer(8, 2, 16, batch_first=True), 2), {}, (x, memory)
    yield "Transformer", (8, 2, 1, 1, 16), {"batch_first": True}, (x, memory)


CASES = [*_per_dimension(), *_activations(), *_losses(), *_layers(), *_sequences()]


def built(name, args, options, inputs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of old names and slow paths
        torch.manual_seed(0)
        module = getattr(nn, name)(*args, **options).eval()
        if name.startswith("Lazy"):
            with torch.no_grad():
                module(*inputs)
    return module
