"""Asking for memory before it is needed, from within a kernel.

Rows that are met in a random order lie where no cache holds them; a kernel that knows which come next asks for them
while it computes, and does not wait. This changes no result, and never faults.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LINE = 64
"""Bytes that come at once."""

_BYTES, _FLAG, _WORD = ir.IntType(8).as_pointer(), ir.IntType(32), ir.IntType(64)
_TO_READ, _NEAREST, _DATA = _FLAG(0), _FLAG(3), _FLAG(1)


@intrinsic
def prefetch(_context, array, low, high):  # type: ignore[no-untyped-def]
    """Ask for the numbers `low` … `high - 1` of a C-contiguous array, counted through all of its dimensions."""
    return types.void(array, low, high), _generate


def _generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    given = signature.args[0]
    size = _WORD(given.dtype.bitwidth // 8)
    start = builder.bitcast(context.make_array(given)(context, builder, arguments[0]).data, _BYTES)
    low, high = (
        builder.mul(context.cast(builder, arguments[place], signature.args[place], types.int64), size)
        for place in (1, 2)
    )
    form = ir.FunctionType(ir.VoidType(), [_BYTES, _FLAG, _FLAG, _FLAG])
    called = cgutils.get_or_insert_function(builder.module, form, "llvm.prefetch.p0")

    def ask(offset: Any) -> None:
        builder.call(called, [builder.gep(start, [offset]), _TO_READ, _NEAREST, _DATA])

    with cgutils.for_range_slice(builder, low, high, _WORD(LINE), _WORD) as (offset, _):
        ask(offset)
    ask(builder.sub(high, _WORD(1)))  # the line that is begun last, where the first one is not begun at its start
    return context.get_dummy_value()
