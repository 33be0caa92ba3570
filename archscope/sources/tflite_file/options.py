"""What an operator of a TFLite file is set to: the fields of its options that formulas and shapes ask for, by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_POOL = "Pool2DOptions: Padding StrideW StrideH FilterWidth FilterHeight FusedActivationFunction"
_REDUCER = "ReducerOptions: KeepDims"
_PLAIN_RNN = "SequenceRNNOptions: TimeMajor FusedActivationFunction"
# By operator: the class of its options in the schema, and the fields that are read.
_FIELDS = {
    "ADD": "AddOptions: FusedActivationFunction",
    "SUB": "SubOptions: FusedActivationFunction",
    "MUL": "MulOptions: FusedActivationFunction",
    "DIV": "DivOptions: FusedActivationFunction",
    "AVERAGE_POOL_2D": _POOL,
    "MAX_POOL_2D": _POOL,
    "L2_POOL_2D": _POOL,
    "CONCATENATION": "ConcatenationOptions: Axis FusedActivationFunction",
    "CONV_2D": "Conv2DOptions: Padding StrideW StrideH DilationWFactor DilationHFactor FusedActivationFunction",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions: Padding StrideW StrideH DepthMultiplier DilationWFactor "
    "DilationHFactor FusedActivationFunction",
    "TRANSPOSE_CONV": "TransposeConvOptions: Padding StrideW StrideH FusedActivationFunction",
    "CONV_3D": "Conv3DOptions: Padding StrideD StrideW StrideH DilationDFactor DilationWFactor DilationHFactor "
    "FusedActivationFunction",
    "CONV_3D_TRANSPOSE": "Conv3DOptions: Padding StrideD StrideW StrideH FusedActivationFunction",
    "FULLY_CONNECTED": "FullyConnectedOptions: FusedActivationFunction KeepNumDims",
    "BATCH_MATMUL": "BatchMatMulOptions: AdjX AdjY",
    "L2_NORMALIZATION": "L2NormOptions: FusedActivationFunction",
    "LOCAL_RESPONSE_NORMALIZATION": "LocalResponseNormalizationOptions: Radius",
    "SOFTMAX": "SoftmaxOptions: Beta",
    "GELU": "GeluOptions: Approximate",
    "LSTM": "LSTMOptions: FusedActivationFunction CellClip ProjClip KernelType",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "UnidirectionalSequenceLSTMOptions: FusedActivationFunction CellClip ProjClip "
    "TimeMajor",
    "BIDIRECTIONAL_SEQUENCE_LSTM": "BidirectionalSequenceLSTMOptions: FusedActivationFunction CellClip ProjClip "
    "MergeOutputs TimeMajor",
    "RNN": "RNNOptions: FusedActivationFunction",
    "UNIDIRECTIONAL_SEQUENCE_RNN": _PLAIN_RNN,
    "BIDIRECTIONAL_SEQUENCE_RNN": "BidirectionalSequenceRNNOptions: TimeMajor FusedActivationFunction MergeOutputs",
    "SVDF": "SVDFOptions: Rank FusedActivationFunction",
    "EMBEDDING_LOOKUP_SPARSE": "EmbeddingLookupSparseOptions: Combiner",
    **dict.fromkeys(("MEAN", "SUM", "REDUCE_PROD", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_ANY", "REDUCE_ALL"), _REDUCER),
    "SPACE_TO_DEPTH": "SpaceToDepthOptions: BlockSize",
    "DEPTH_TO_SPACE": "DepthToSpaceOptions: BlockSize",
    "RESHAPE": "ReshapeOptions: NewShape",
    "SQUEEZE": "SqueezeOptions: SqueezeDims",
    "STRIDED_SLICE": "StridedSliceOptions: BeginMask EndMask EllipsisMask NewAxisMask ShrinkAxisMask",
    "SPLIT": "SplitOptions: NumSplits",
    "SPLIT_V": "SplitVOptions: NumSplits",
    "PACK": "PackOptions: Axis ValuesCount",
    "UNPACK": "UnpackOptions: Axis Num",
    "GATHER": "GatherOptions: Axis BatchDims",
    "ONE_HOT": "OneHotOptions: Axis",
    "MIRROR_PAD": "MirrorPadOptions: Mode",
    "BUCKETIZE": "BucketizeOptions: Boundaries",
    "IF": "IfOptions: ThenSubgraphIndex ElseSubgraphIndex",
    "WHILE": "WhileOptions: CondSubgraphIndex BodySubgraphIndex",
    "CALL": "CallOptions: Subgraph",
    "CALL_ONCE": "CallOnceOptions: InitSubgraphIndex",
    "VAR_HANDLE": "VarHandleOptions: Container SharedName",
    "STABLEHLO_COMPOSITE": "StableHLOCompositeOptions: Name DecompositionSubgraphIndex",
    "STABLEHLO_DOT_GENERAL": "StablehloDotGeneralOptions: LhsContractingDimensions",
    "STABLEHLO_CONVOLUTION": "StablehloConvolutionOptions: KernelOutputFeatureDimension FeatureGroupCount",
}
_SPELLED = {
    "fused_activation_function": {0: "NONE", 1: "RELU", 2: "RELU_N1_TO_1", 3: "RELU6", 4: "TANH", 5: "SIGN_BIT"},
    "padding": {0: "SAME", 1: "VALID"},
    "kernel_type": {0: "FULL", 1: "BASIC"},
    "mode": {0: "REFLECT", 1: "SYMMETRIC"},
    "combiner": {0: "SUM", 1: "MEAN", 2: "SQRTN"},
}
#: Options that name a subgraph.
SUBGRAPHS = {
    "IF": ("then_subgraph_index", "else_subgraph_index"),
    "WHILE": ("cond_subgraph_index", "body_subgraph_index"),
    "CALL": ("subgraph",),
    "CALL_ONCE": ("init_subgraph_index",),
    "STABLEHLO_COMPOSITE": ("decomposition_subgraph_index",),
}
_VECTORS = frozenset({"NewShape", "SqueezeDims", "Boundaries", "LhsContractingDimensions"})


def options_of(schema: Any, op: str, operator: Any, vector: Callable[..., tuple[Any, ...]]) -> Mapping[str, Any]:
    """The options of ``operator``, called ``op``; ``vector`` reads one within bounds. Empty where the file has none.

    Sizes, strides and enumerations come as numbers and words; a word that the schema does not know is ``value <n>``.
    """
    if op not in _FIELDS:
        return {}
    kind, _, fields = _FIELDS[op].partition(": ")
    code = getattr(schema.BuiltinOptions, kind, None)
    if code is not None and operator.BuiltinOptionsType() == code:
        table = operator.BuiltinOptions()
    elif code is None and operator.BuiltinOptions2Type() == getattr(schema.BuiltinOptions2, kind, None):
        table = operator.BuiltinOptions2()
    else:
        return {}
    if table is None:
        return {}
    options = getattr(schema, kind)()
    options.Init(table.Bytes, table.Pos)
    found: dict[str, Any] = {}
    for field in fields.split():
        name = re.sub(r"(?<=.)([A-Z])", r"_\1", field).lower()
        value: Any = vector(options, field) if field in _VECTORS else getattr(options, field)()
        if name in _SPELLED:
            value = _SPELLED[name].get(value, f"value {value}")
        found[name] = value.decode("utf-8", "replace")[:200] if isinstance(value, bytes) else value
    return found
