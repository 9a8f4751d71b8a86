"""Request parameters, checked against the SDK's own TypedDicts: what the SDK does not know is refused."""

import types
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from importlib import import_module
from types import ModuleType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from sandbox.provider.errors import ApiError

Tree = dict[str, Any]


def nested(pairs: Iterable[tuple[str, str]]) -> Tree:
    """`line_items[0][quantity]=1` as a tree of dicts, lists still keyed by their index."""
    tree: Tree = {}
    for name, value in pairs:
        first, *rest = name.replace("]", "").split("[")
        place, path = tree, [first, *rest]
        for step in path[:-1]:
            place = place.setdefault(step, {})
            if not isinstance(place, dict):
                raise ApiError(400, f"Invalid parameter: {name}", code="parameter_invalid", param=name)
        last = path[-1] if path[-1] else str(len(place))
        if last in place:
            raise ApiError(400, f"Duplicate parameter: {name}", code="parameter_invalid", param=name)
        place[last] = value
    return tree


def sdk_types(package: str = "") -> ModuleType:
    """The module of the SDK's TypedDicts, by the name of its package under `stripe.params`.

    The SDK is loaded whole first: a thread that asks for a module inside it while another loads it finds
    half of it, because its modules import each other in circles.
    """
    import_module("stripe")
    return import_module(".".join(filter(None, ["stripe.params", package])))


def checked(tree: Tree, wish: type) -> dict[str, Any]:
    """The tree as the typed values that `wish`, a TypedDict of the SDK, declares."""
    return _of_typed_dict(tree, wish, "")


@lru_cache(maxsize=256)
def _hints(wish: type) -> dict[str, Any]:
    from stripe import RequestOptions

    hints = get_type_hints(wish, localns={"StripeContext": object, "Mapping": Mapping})
    return {name: hint for name, hint in hints.items() if name not in RequestOptions.__annotations__}


def _of_typed_dict(tree: Any, wish: type, path: str) -> dict[str, Any]:
    if not isinstance(tree, dict):
        raise _invalid("object", path)
    hints = _hints(wish)
    for name in tree:
        if name not in hints:
            full = _inside(path, name)
            raise ApiError(400, f"Received unknown parameter: {full}", code="parameter_unknown", param=full)
    for name in wish.__required_keys__ & hints.keys():  # type: ignore[attr-defined]
        if name not in tree:
            full = _inside(path, name)
            raise ApiError(400, f"Missing required param: {full}.", code="parameter_missing", param=full)
    return {name: _of(value, hints[name], _inside(path, name)) for name, value in tree.items()}


def _of(value: Any, hint: Any, path: str) -> Any:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _of_union(value, get_args(hint), path)
    if origin is Literal:
        if value not in get_args(hint):
            raise _not_one_of(value, get_args(hint), path)
        return value
    if origin is list:
        return _of_list(value, get_args(hint)[0], path)
    if origin is dict:
        return _of_words(value, path)
    if hasattr(hint, "__required_keys__"):
        return _of_typed_dict(value, hint, path)
    return _of_plain(value, hint, path)


def _of_union(value: Any, hints: tuple[Any, ...], path: str) -> Any:
    """The first member that accepts; the SDK's open lists, `Literal[…] | str`, are closed here."""
    literals = [each for hint in hints if get_origin(hint) is Literal for each in get_args(hint)]
    others = [hint for hint in hints if get_origin(hint) is not Literal and not (literals and hint is str)]
    if isinstance(value, str) and value in literals:
        return value
    problem: ApiError | None = None
    for hint in others:
        try:
            return _of(value, hint, path)
        except ApiError as error:
            problem = problem or error
    raise problem or _not_one_of(value, tuple(literals), path)


def _of_list(value: Any, hint: Any, path: str) -> list[Any]:
    if not isinstance(value, dict) or sorted(value, key=_index) != [str(n) for n in range(len(value))]:
        raise _invalid("array", path)
    return [_of(value[str(n)], hint, f"{path}[{n}]") for n in range(len(value))]


def _index(name: str) -> int:
    return int(name) if name.isdecimal() else -1


def _of_words(value: Any, path: str) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise _invalid("object", path)
    if len(value) > 50 or any(len(k) > 40 or len(v) > 500 for k, v in value.items()):
        raise ApiError(400, "Metadata holds 50 keys of 40 characters and values of 500.", param=path)
    return dict(value)


def _of_plain(value: Any, hint: Any, path: str) -> Any:
    if not isinstance(value, str):
        raise _invalid("string", path)
    if hint is bool:
        if value not in {"true", "false"}:
            raise _invalid("boolean", path)
        return value == "true"
    if hint is int:
        if not value.removeprefix("-").isdecimal() or len(value) > 15:
            raise _invalid("integer", path)
        return int(value)
    if hint in (Decimal, float):
        try:
            return hint(value)
        except (InvalidOperation, ValueError):
            raise _invalid("decimal", path) from None
    if hint is not str:
        raise _invalid("object", path)
    if value == "":
        raise ApiError(
            400, f"You passed an empty string for '{path}'.", code="parameter_invalid_empty", param=path
        )
    return value


def _inside(path: str, name: str) -> str:
    return f"{path}[{name}]" if path else name


def _invalid(kind: str, path: str) -> ApiError:
    code = "parameter_invalid_integer" if kind == "integer" else None
    return ApiError(400, f"Invalid {kind}: {path}", code=code, param=path)


def _not_one_of(value: Any, words: tuple[Any, ...], path: str) -> ApiError:
    return ApiError(400, f"Invalid {path}: must be one of {', '.join(map(str, words))}", param=path)
