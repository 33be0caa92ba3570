"""Loading a model from the words of a user; one file for each kind of source."""

from archscope.sources.call_text import parse_call
from archscope.sources.inputs import parse_input, parse_inputs
from archscope.sources.loading import load, load_configured
from archscope.sources.settings import parse_settings

__all__ = ["load", "load_configured", "parse_call", "parse_input", "parse_inputs", "parse_settings"]
