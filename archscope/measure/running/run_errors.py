"""What is said when a model cannot be made ready or its forward pass raises: where, with which shapes, what to do."""

from __future__ import annotations

from types import TracebackType

from archscope.causes import cause_of
from archscope.errors import ArchscopeError, ForwardError, raised
from archscope.measure.running.input_refusal import RefusedInputError, refusal, refused_by_code
from archscope.measure.running.inventory import Inventory
from archscope.measure.running.module_stack import ModuleStack
from archscope.measure.running.run_notes import Ask, RunNotes
from archscope.records import Path, Shape, UnseenRecord
from archscope.spec import Inputs

_CHECK_INPUT = "check the shapes and dtypes of the input; --input 1x3x224x224:float32 sets them"
_TOO_DEEP = (
    "its modules are nested deeper than Python's stack, or it calls itself without end; sys.setrecursionlimit in the "
    "model's file allows more"
)
_LONGEST = 200  # characters of a path


def asked_for(asked: Ask) -> str:
    """What a run on meta could not give the model."""
    if asked.place:
        return f"the model asks whether its tensors are on {'the CPU' if asked.gpu else 'meta'}: {asked}"
    if asked.values:
        return f"the model reads values, which meta tensors do not have: {asked}"
    return f"{asked} does not run on meta tensors"


def require_sight(notes: RunNotes, *, tolerates: bool) -> None:
    """Raise ForwardError: the model asked and went on without what meta could not give; elsewhere it goes another way.

    Where nobody can run it elsewhere (``tolerates``), it is noted as work out of sight. A way that a GPU takes too is
    none then.
    """
    asked = min(notes.asks, key=lambda ask: ask.gpu)
    if not tolerates:
        goes_on = "" if asked.place else ", and goes on without"
        raise ForwardError(asked_for(asked) + goes_on, where=asked.where, help="run it where its weights are")
    if not asked.gpu:
        notes.unseen.setdefault(UnseenRecord("meta", "", asked.where))


def preparation_error(error: Exception, device: str) -> ArchscopeError:
    """Why nothing could run: the inputs or the weights cannot be there, or the model's own ``train()`` raised."""
    if isinstance(error, ArchscopeError) and device != "meta":
        return error
    return ForwardError(
        f"the model and its inputs cannot be made ready on {device}: {raised(error).partition(chr(10))[0]}",
        where="before the forward pass",
        help="check the inputs, and the model's own train() and eval() where it has them",
    )


def forward_error(
    error: BaseException, inventory: Inventory, stack: ModuleStack, notes: RunNotes, *, on_meta: Inputs | None
) -> ForwardError:
    """What the forward pass raised, with the innermost module that was running and what it got.

    ``on_meta`` is the call of a run on meta: where every device refuses it, a RefusedInputError. No frame of the run
    holds what is returned here, for a cycle of an error and its frames would keep the model.
    """
    refused = refusal(error, inventory.modules[""], on_meta) if on_meta is not None else None
    path = _failing_module(error.__traceback__, inventory.paths)
    module = inventory.modules[path]
    shapes = ", ".join(_written(shape) for shape in stack.latest_inputs.get(path, ())) or "no tensors"
    asked = next((ask for ask in notes.asks if ask.values), None)
    known = cause_of(refused or error) or cause_of(error)
    told = known.what if known and known.what else f"raised {raised(refused or error)}"
    ends = refused is not None or (on_meta is not None and refused_by_code(error, asked=bool(notes.asks)))
    kind = RefusedInputError if ends else ForwardError
    return kind(
        asked_for(asked) if asked else f"the forward pass {told}",
        where=f"{_shortened(path) or 'the model itself'} ({type(module).__name__}), called with {shapes}",
        help=_TOO_DEEP if isinstance(error, RecursionError) else known.help if known else _CHECK_INPUT,
    )


def _shortened(path: Path) -> str:
    return path if len(path) <= _LONGEST else f"{path[:_LONGEST]}... ({path.count('.') + 1} levels deep)"


def _written(shape: Shape) -> str:
    return "x".join(map(str, shape)) or "a scalar"


def _failing_module(traceback: TracebackType | None, paths: dict[int, Path]) -> Path:
    """The innermost module of the model that was running when the error was raised."""
    found = ""
    while traceback is not None:
        if "self" in traceback.tb_frame.f_code.co_varnames:  # f_locals would keep what others hold alive: the error
            found = paths.get(id(traceback.tb_frame.f_locals.get("self")), found)
        traceback = traceback.tb_next
    return found
