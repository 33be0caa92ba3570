"""TFLite files: read through the schema's own classes, followed operator by operator in the file's order, never run."""

from archscope.sources.tflite_file.source import from_tflite

__all__ = ["from_tflite"]
