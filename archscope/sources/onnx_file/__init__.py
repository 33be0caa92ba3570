"""ONNX files: read by the ``onnx`` package, walked node by node in the file's own order, run by nobody."""

from archscope.sources.onnx_file.source import from_onnx

__all__ = ["from_onnx"]
