"""Takes sentences out of a text so that nothing is left behind them: no empty bullet, no heading or lead over nothing.

Comes in: the blocks of a text and which of their sentences go. Goes out: the text that remains. Pure. Called by
`core.answering.grounding.support`.
"""

from collections.abc import Sequence

from core.answering.grounding.statements import Block, Kind

_TABLE = frozenset({Kind.TABLE_HEAD, Kind.ROW})


def without(parts: Sequence[Block], going: Sequence[Sequence[bool]]) -> str:
    """The text of blocks without the sentences that go, and without what only made sense with them."""
    kept = [_less(block, gone) for block, gone in zip(parts, going, strict=True)]
    for at, block in enumerate(parts):
        if block.kind is Kind.ITEM and kept[at] is None:
            kept[at + 1 : _below(parts, at)] = [None] * (_below(parts, at) - at - 1)
    for at in reversed(range(len(parts))):
        kept[at] = _still(parts, kept, at)
    return _joined(kept).strip()


def _less(block: Block, gone: Sequence[bool]) -> Block | None:
    """A block without the sentences that go; None when that is all of them."""
    if not any(gone):
        return block
    left = [said for said, going in zip(block.sentences, gone, strict=True) if not going]
    if not left:
        return None
    return block.saying([*left[:-1], left[-1].rstrip()])


def _still(parts: Sequence[Block], kept: Sequence[Block | None], at: int) -> Block | None:
    """A block as it can stand before what is left after it."""
    block = kept[at]
    if block is None:
        return None
    end = _led(parts, at, block)
    led = [n for n in range(at + 1, end) if parts[n].kind is not Kind.BLANK]
    if not led or any(kept[n] for n in led):
        return block
    return _less(block, [False] * (len(block.sentences) - 1) + [True]) if block.sentences else None


def _led(parts: Sequence[Block], at: int, block: Block) -> int:
    """Where that ends which a block leads to: a heading to its section, a lead to its list, a head to its table."""
    if block.kind is Kind.HEADING:
        ends = (n for n in range(at + 1, len(parts)) if parts[n].kind is Kind.HEADING and parts[n].level <= block.level)
        return next(ends, len(parts))
    if block.kind is Kind.TABLE_HEAD:
        return _run(parts, at, _TABLE)
    if not block.introduces:
        return at
    first = next((n for n in range(at + 1, len(parts)) if parts[n].kind is not Kind.BLANK), at)
    if block.kind is Kind.ITEM:
        return _below(parts, at)
    kind = parts[first].kind
    if kind is Kind.ITEM:
        return max(_run(parts, first, frozenset({kind})), _below(parts, first))
    return _run(parts, first, _TABLE) if kind in _TABLE else first + 1


def _run(parts: Sequence[Block], at: int, kinds: frozenset[Kind]) -> int:
    """Where a run of blocks of these kinds ends, with what hangs below them."""
    end = at + 1
    for number in range(at + 1, len(parts)):
        block = parts[number]
        if block.kind in kinds or (block.kind is not Kind.BLANK and block.indent > parts[at].indent):
            end = number + 1
        elif block.kind is not Kind.BLANK:
            break
    return end


def _below(parts: Sequence[Block], at: int) -> int:
    """Where that ends which hangs below an item of a list."""
    return _run(parts, at, frozenset())


def _joined(kept: Sequence[Block | None]) -> str:
    left: list[Block] = []
    for block in filter(None, kept):
        if block.kind is not Kind.BLANK or (left and left[-1].kind is not Kind.BLANK):
            left.append(block)
    return "".join(block.text for block in left)
