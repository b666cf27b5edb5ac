"""Compile what is only ever inlined without making machine code of it.

Numba finishes every function that compiled code calls: it optimises it, adds wrappers for Python and C, and generates machine
code, all of which is thrown away when the function is inlined into the loop. Here such a function stops at LLVM IR; the loop
that inlines it is optimised once, as a whole. That more than halves the first call. LLVM is also told that the arrays of one
call do not overlap (`stochinf.engine.overlap` sees to it), which is worth 1.3 to 1.8 times the speed in loops over lanes.

It leans on names that numba does not document. They are looked for once; where one is missing, numba's own way is taken.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stochinf.engine import light  # noqa: F401  (first)

# isort: split
from numba.core import codegen
from numba.core.compiler import Compiler
from numba.core.compiler_machinery import register_pass
from numba.core.errors import NumbaError
from numba.core.registry import CPUDispatcher
from numba.core.typed_passes import NativeLowering
from numba.core.types.misc import unliteral

__all__ = ["AVAILABLE", "inner"]

AVAILABLE = all(
    hasattr(owner, name)
    for owner, name in (
        (codegen.CPUCodeLibrary, "_finalize_final_module"),
        (codegen.CPUCodeLibrary, "_optimize_final_module"),
        (CPUDispatcher, "_compile_for_args"),
        (CPUDispatcher, "add_overload"),
        (NativeLowering, "run_pass"),
    )
)


def entry_point() -> Any:
    """Return what stands for the entry point of a function that has none: a builtin method, as numba demands, and unique."""
    nothing: list[Any] = []
    return nothing.append


@register_pass(mutates_CFG=True, analysis_only=False)
class InnerLowering(NativeLowering):  # type: ignore[misc]
    """Lower to LLVM IR and stop there."""

    _name = "inner_lowering"

    def run_pass(self, state: Any) -> bool:
        """Lower a function; its library counts as finished without optimisation or machine code."""
        library = state.targetctx.codegen().create_library(state.func_id.func_qualname)
        library.enable_object_caching()
        library._optimize_final_module = lambda: None
        library._finalize_final_module = lambda: setattr(library, "_finalized", True)
        state.library = library
        context = state.targetctx
        plain = context.get_executable
        context.get_executable = lambda lib, *rest: entry_point() if lib is library else plain(lib, *rest)
        try:
            return bool(super().run_pass(state))
        finally:
            del context.get_executable


class InnerCompiler(Compiler):  # type: ignore[misc]
    """Numba's pipeline with `InnerLowering` at its end."""

    def define_pipelines(self) -> list[Any]:
        """Swap the last pass."""
        self.state.flags.noalias = True
        self.state.flags.no_cpython_wrapper = True
        self.state.flags.no_cfunc_wrapper = True
        pipelines = super().define_pipelines()
        for pipeline in pipelines:
            pipeline.passes = [(InnerLowering if step is NativeLowering else step, text) for step, text in pipeline.passes]
        return list(pipelines)


class InnerDispatcher(CPUDispatcher):  # type: ignore[misc]
    """A function that compiled code inlines; called from Python it is compiled once more, in the ordinary way."""

    def __init__(self, function: Callable[..., Any], options: dict[str, Any]) -> None:
        super().__init__(function, targetoptions=options, pipeline_class=InnerCompiler)
        self.outer: Any = None

    def get_call_template(self, arguments: Any, named: Any) -> Any:
        """Compile once for all numbers that a call may spell out; where a function must know the number, for that one."""
        plain = tuple(unliteral(argument) for argument in arguments)
        if plain == tuple(arguments) or named:
            return super().get_call_template(arguments, named)
        try:
            return super().get_call_template(plain, named)
        except NumbaError:
            return super().get_call_template(arguments, named)

    def add_overload(self, result: Any) -> None:
        """Keep an overload out of the reach of Python."""
        self.overloads[tuple(result.signature.args)] = result

    def _compile_for_args(self, *arguments: Any, **named: Any) -> Any:
        if self.outer is None:
            from numba import njit

            options = {name: value for name, value in self.targetoptions.items() if name != "nopython"}
            self.outer = njit(**options)(self.py_func)
        return self.outer


def inner(function: Callable[..., Any], options: dict[str, Any]) -> Any:
    """Return a dispatcher whose compilations are inlined."""
    return InnerDispatcher(function, {"nopython": True, "forceinline": True, **options})
