"""One small matrix product, written in vectors: four queries against a chunk of 64 items.

Left to itself the compiler keeps the sums in memory and uses half-width registers, at half the speed of BLAS. Here the
sixteen vectors of sums are named, so they stay in registers; the result is as fast as BLAS, needs none of its threads,
and gives the largest score of each chunk on the way. On processors with narrower registers LLVM splits the vectors.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 16
WIDE = 4
CHUNK = LANES * WIDE
"""Items per chunk."""
ROWS = 4
"""Queries taken together."""

_WORD, _REAL = ir.IntType(64), ir.FloatType()
_VECTOR = ir.VectorType(_REAL, LANES)


@intrinsic
def multiply_tile(_context, block, row, packed, chunk, lines, best):  # type: ignore[no-untyped-def]
    """Scores of rows `row … row + 3` of `block` (float32 [m, d]) against `packed[chunk]` (float32 [chunks, d, CHUNK]).

    Written to `lines` (float32 [m, chunks * CHUNK]), and the largest of them, NaN passed over, to `best`
    (float32 [m, chunks]). All arrays are C-contiguous; nothing is checked.
    """
    signature = types.void(block, row, packed, chunk, lines, best)
    return signature, _generate


def _generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    def array(place: int) -> tuple[Any, list[Any]]:
        made = context.make_array(signature.args[place])(context, builder, arguments[place])
        return made.data, cgutils.unpack_tuple(builder, made.shape)

    def integer(place: int) -> Any:
        return context.cast(builder, arguments[place], signature.args[place], types.int64)

    (block, (_, depth)), (packed, _), (lines, (_, width)), (best, (_, chunks)) = map(array, (0, 2, 4, 5))
    row, chunk = integer(1), integer(3)
    rows = [builder.add(row, _WORD(r)) for r in range(ROWS)]
    queries = [builder.gep(block, [builder.mul(r, depth)]) for r in rows]
    items = builder.gep(packed, [builder.mul(builder.mul(chunk, depth), _WORD(CHUNK))])
    sums = _multiply(builder, queries, items, depth)
    for r in range(ROWS):
        start = builder.add(builder.mul(rows[r], width), builder.mul(chunk, _WORD(CHUNK)))
        for w in range(WIDE):
            target = builder.gep(lines, [builder.add(start, _WORD(w * LANES))])
            builder.store(sums[r][w], builder.bitcast(target, _VECTOR.as_pointer())).align = 4
        largest = _largest(builder, sums[r])
        builder.store(largest, builder.gep(best, [builder.add(builder.mul(rows[r], chunks), chunk)]))
    return context.get_dummy_value()


def _multiply(builder: Any, queries: list[Any], items: Any, depth: Any) -> list[list[Any]]:
    """The loop over dimensions: ROWS × WIDE vectors of sums, all in registers."""
    multiply_add = _function(builder, "llvm.fma.v16f32", _VECTOR, [_VECTOR] * 3)
    before, loop, after = builder.block, builder.append_basic_block("dimension"), builder.append_basic_block("summed")
    builder.branch(loop)
    builder.position_at_end(loop)
    k = builder.phi(_WORD)
    sums = [[builder.phi(_VECTOR) for _ in range(WIDE)] for _ in queries]
    offset = builder.mul(k, _WORD(CHUNK))
    loaded = [_load(builder, items, builder.add(offset, _WORD(w * LANES))) for w in range(WIDE)]
    repeated = [_repeat(builder, builder.load(builder.gep(query, [k]))) for query in queries]
    added = [
        [builder.call(multiply_add, [value, loaded[w], row[w]]) for w in range(WIDE)]
        for value, row in zip(repeated, sums, strict=True)
    ]
    following = builder.add(k, _WORD(1))
    builder.cbranch(builder.icmp_signed("<", following, depth), loop, after)
    k.add_incoming(_WORD(0), before)
    k.add_incoming(following, loop)
    for row, new in zip(sums, added, strict=True):
        for w in range(WIDE):
            row[w].add_incoming(ir.Constant(_VECTOR, [0.0] * LANES), before)
            row[w].add_incoming(new[w], loop)
    builder.position_at_end(after)
    return added


def _largest(builder: Any, vectors: list[Any]) -> Any:
    higher = _function(builder, "llvm.maxnum.v16f32", _VECTOR, [_VECTOR] * 2)
    reduce = _function(builder, "llvm.vector.reduce.fmax.v16f32", _REAL, [_VECTOR])
    largest = vectors[0]
    for vector in vectors[1:]:
        largest = builder.call(higher, [largest, vector])
    return builder.call(reduce, [largest])


def _load(builder: Any, base: Any, offset: Any) -> Any:
    loaded = builder.load(builder.bitcast(builder.gep(base, [offset]), _VECTOR.as_pointer()))
    loaded.align = 4
    return loaded


def _repeat(builder: Any, value: Any) -> Any:
    nothing = ir.Constant(_VECTOR, ir.Undefined)
    single = builder.insert_element(nothing, value, ir.IntType(32)(0))
    return builder.shuffle_vector(single, nothing, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))


def _function(builder: Any, name: str, returned: Any, taken: list[Any]) -> Any:
    return cgutils.get_or_insert_function(builder.module, ir.FunctionType(returned, taken), name)
