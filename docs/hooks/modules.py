"""Shows `eqx.Module` classes with the signature that their fields give them."""

from typing import Any

import griffe

_KIND = griffe.ParameterKind.positional_or_keyword


class Modules(griffe.Extension):
    """Adds `__init__` to final modules, as the `dataclass` transform would."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        for module in _modules(pkg):
            for cls in module.classes.values():
                if not cls.is_alias and "__init__" not in cls.members and _final(cls):
                    cls.set_member("__init__", _init(cls))


def _modules(module: griffe.Module) -> list[griffe.Module]:
    inner = [m for m in module.modules.values() if not m.is_alias]
    return [module, *(found for m in inner for found in _modules(m))]


def _final(cls: griffe.Class) -> bool:
    bases = [str(base) for base in cls.bases]
    module = any(b == "eqx.Module" or b.startswith("Abstract") for b in bases)
    return module and not cls.name.startswith("Abstract")


def _init(cls: griffe.Class) -> griffe.Function:
    fields = [
        _parameter(f)
        for f in cls.attributes.values()
        if f.annotation is not None
        and ("class-attribute" not in f.labels or "instance-attribute" in f.labels)
        and "property" not in f.labels
    ]
    itself = griffe.Parameter("self", kind=_KIND)
    parameters = griffe.Parameters(itself, *fields)
    lines = {"lineno": cls.lineno, "endlineno": cls.endlineno}  # the source to show
    return griffe.Function("__init__", parent=cls, parameters=parameters, **lines)


def _parameter(field: griffe.Attribute) -> griffe.Parameter:
    default = _default(field)
    return griffe.Parameter(
        field.name, annotation=field.annotation, kind=_KIND, default=default
    )


def _default(field: griffe.Attribute) -> Any:
    """The default of a field, or of the `eqx.field(...)` that describes it."""
    value = field.value
    if isinstance(value, griffe.ExprCall) and str(value.function) == "eqx.field":
        given = {getattr(a, "name", ""): a for a in value.arguments}
        return given["default"].value if "default" in given else None
    return value
