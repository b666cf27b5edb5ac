"""LLVM itself: optimising a module, its object code, and linking that into the process."""

from __future__ import annotations

import ctypes
import importlib
from typing import Any

import llvmlite.binding as llvm

__all__ = ["ENTRY", "PREFIX", "WORK", "Linked", "object_code", "processor"]

ENTRY, WORK = "stochinf_density", "stochinf_work"
"""The C function, and a number in the module: how many numbers of work space it needs."""
PREFIX = "stochinf_"
ROUTINES = {"dgemm": "cython_blas", "dpotrf": "cython_lapack", "dtrsm": "cython_blas"}
"""What compiled graphs call of scipy's BLAS and LAPACK, by names with the prefix."""
LEVEL = 1
"""How hard LLVM tries: beyond this the code is no faster and takes up to twice as long to make. Vectors of what stands in a row
(SLP) gain nothing either, and take most of the time where a graph is long."""


def processor() -> tuple[str, str]:
    """Return the processor's name and what it can do, as far as LLVM knows."""
    try:
        return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    except RuntimeError:
        return llvm.get_host_cpu_name(), ""


def target_machine() -> Any:
    """Return a target machine of this processor; an engine takes the one it is given for its own."""
    try:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
    except RuntimeError:  # llvmlite 0.45 and later do it themselves
        pass
    target = llvm.Target.from_triple(llvm.get_process_triple())
    name, features = processor()
    return target.create_target_machine(cpu=name, features=features, opt=3, codemodel="jitdefault", jit=True)


def optimised(text: str, machine: Any) -> Any:
    """Return a module of LLVM's from text, optimised."""
    module = llvm.parse_assembly(text)
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=LEVEL)
    options.loop_vectorization, options.slp_vectorization = True, False
    passes = llvm.create_pass_builder(machine, options)
    passes.getModulePassManager().run(module, passes)
    return module


def object_code(text: str) -> bytes:
    """Return the object code of a module's text."""
    machine = target_machine()
    return machine.emit_object(optimised(text, machine))  # type: ignore[no-any-return]


def link(code: bytes) -> bool:
    """Tell LLVM where the routines are that some object code calls; return whether it calls any."""
    called = [name for name in ROUTINES if f"{PREFIX}{name}".encode() in code]
    for name in called:
        llvm.add_symbol(f"{PREFIX}{name}", _address(name, ROUTINES[name]))
    return bool(called)


def _address(name: str, module: str) -> int:
    """Return the address of a routine in scipy."""
    capsule = importlib.import_module(f"scipy.linalg.{module}").__pyx_capi__[name]
    name_of, pointer_of = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    name_of.restype, name_of.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer_of.restype, pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return int(pointer_of(capsule, name_of(capsule)))


class Linked:
    """Object code in this process.

    Parameters
    ----------
    code : bytes
        What `object_code` returned, now or in another process of the same machine type.
    """

    def __init__(self, code: bytes) -> None:
        self.blas = link(code)
        empty = llvm.parse_assembly("")
        self.engine = llvm.create_mcjit_compiler(empty, target_machine())
        self.engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self.engine.finalize_object()

    def address(self, name: str) -> int:
        """Return where a function lies."""
        return int(self.engine.get_function_address(name))

    def constant(self, name: str) -> int:
        """Return where a global number lies."""
        return int(self.engine.get_global_value_address(name))
