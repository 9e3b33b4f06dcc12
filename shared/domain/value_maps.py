"""Value maps: each value that a field may hold, and the one the other side holds for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from shared.domain.convert import Step, Unfit, literal
from shared.domain.policy import as_text
from shared.domain.records import FieldSpec, FieldType, Value


def mapped(pairs: Mapping[str, str], source: FieldSpec, target: FieldSpec) -> Step:
    """The step that replaces each value of `source` by the one that `pairs` names, as `target` holds it.

    Values of several choices are replaced one by one. Raises Unfit for a pair whose target is no value of `target`;
    the step raises it for a value that is not named.
    """
    ready = {text: literal(found, replace(target, type=_single(target.type))) for text, found in pairs.items()}

    def one(value: Value) -> Value:
        text = as_text(value)
        if text is None or text not in ready:
            raise Unfit("unmapped_value")
        return ready[text]

    def each(value: Value) -> Value:
        if not isinstance(value, frozenset):
            raise Unfit("wrong_type")
        return frozenset(str(one(choice)) for choice in value)

    several = FieldType.MULTI_CHOICE
    if source.type is several and target.type is several:
        return each
    if target.type is several:
        return lambda value: frozenset({str(one(value))})
    if source.type is several:
        return lambda value: one(_only(value))
    return one


def _single(kind: FieldType) -> FieldType:
    return FieldType.CHOICE if kind is FieldType.MULTI_CHOICE else kind


def _only(value: Value) -> Value:
    if isinstance(value, frozenset):
        if len(value) != 1:
            raise Unfit("several_choices")
        return next(iter(value))
    return value
