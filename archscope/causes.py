"""What some errors of a model's code come down to, in one sentence, and what to do about it."""

from __future__ import annotations

import importlib.machinery
import re
import sys
from dataclasses import dataclass
from pathlib import PurePath

_INSTALLED = {"site-packages", "dist-packages"}
#: The distributions whose name is not that of what they let import.
_DISTRIBUTIONS = {
    "PIL": "pillow",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "google.protobuf": "protobuf",
    "lightning_fabric": "lightning",
    "mpl_toolkits": "matplotlib",
    "pytorch_lightning": "pytorch-lightning",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
_CUDA = re.compile(
    r"Torch not compiled with CUDA|No CUDA GPUs are available|Found no NVIDIA driver|no CUDA-capable device|"
    r"torch\.cuda\.is_available\(\) is False|CUDA unknown error|Attempting to deserialize object on a CUDA"
)
_UNINITIALISED = re.compile(
    r"cannot assign (?:module|parameters?|buffers?) before Module\.__init__\(\)|"
    r"has no attribute '_(?:modules|parameters|buffers)'"
)
_INDICES = re.compile(r"argument #1 'indices'|tensors used as indices must be long|[Ii]ndices must be (?:Long|integer)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """``what`` goes on after a subject ("Net() wants the file ..."); empty where the error says it best itself."""

    what: str
    help: str


def cause_of(error: BaseException) -> Cause | None:
    """The cause of ``error``, None where it is not one of those that are known."""
    text = _said(error)
    match error:
        case ModuleNotFoundError() if error.name:
            return Cause(
                what=f"needs {error.name}, which is not installed", help=f"pip install {distribution(error.name)}"
            )
        case FileNotFoundError() if error.filename is not None:
            return Cause(
                what=f"wants the file {str(error.filename)!r}, which is not there",
                help="no weights are needed to measure a model: build it without loading them, or put the file there",
            )
    if _CUDA.search(text):
        return Cause(
            what="asks for CUDA, and there is none here",
            help="leave the device to the caller: no .cuda() in the model, x.to(self.weight.device) where it needs "
            "one, map_location='cpu' where it loads weights; figures need no GPU",
        )
    if isinstance(error, AttributeError) and _UNINITIALISED.search(text):
        return Cause(what=f"raised {type(error).__name__}: {text}", help="begin its __init__ with super().__init__()")
    if _INDICES.search(text):
        return Cause(
            what="",
            help="it looks something up by integers: give the input that dtype, --input 1x128:int64, by name "
            "--input ids=1x128:int64",
        )
    return None


def distribution(module: str) -> str:
    """What pip calls the distribution that provides ``module``."""
    top = module.partition(".")[0]
    return _DISTRIBUTIONS.get(module) or _DISTRIBUTIONS.get(top) or top.replace("_", "-")


def shadowing(module: str) -> str:
    """The file of the user's own that took the place of the installed package ``module``; empty where none did."""
    top = module.partition(".")[0]
    loaded = sys.modules.get(top)
    file = str(getattr(loaded, "__file__", None) or "")
    if not file or _INSTALLED & set(PurePath(file).parts):
        return ""
    installed = [entry for entry in sys.path if _INSTALLED & set(PurePath(entry).parts)]
    return file if importlib.machinery.PathFinder.find_spec(top, installed) else ""


def _said(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - it is the user's own code
        return ""
