"""`Density`: a log density with named parameters, as users write it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.density.checking import GradientCheck, check_gradient, crossed, outcome, warn_of_improper
from stochinf.density.constraints import Parameter
from stochinf.density.layout import Layout, plain_or_array
from stochinf.density.pointer import PointerDensity
from stochinf.density.sources import PlainSource, PointerSource, Source, TracedSource
from stochinf.engine.errors import StochinfError

__all__ = ["Density"]

Floats = npt.NDArray[np.float64]
Point = Mapping[str, Any]


class Density:
    r"""A log density with named parameters: the function is traced, differentiated and compiled.

    The function is called once with traced values in place of numbers. What it does with numpy's functions becomes a graph;
    the graph's gradient is another, and both are machine code a moment later, kept on disk for the next process. Constrained
    parameters are made from free numbers x, and samplers move on these: their log density is

    .. math:: \log p(f(x), \text{data}) + \log |\det \partial f / \partial x|,

    with the second term added here.

    Parameters
    ----------
    function : callable
        The log density, unnormalised, of parameters and data by name; returns one number.
    params : dict
        Parameters by name: `stochinf.density.real()`, `positive(8)`, ...
    data : dict, optional
        Numbers and arrays by name. Floats and arrays may be exchanged (`with_data`) without compiling anew; Python ints are
        fixed counts.
    traced : bool
        False leaves the function in plain Python, for what cannot be traced: slower, and without a gradient.
    dims, coords : dict, optional
        Names of the axes of parameters and of their entries, for `Run.to_arviz()`.

    Attributes
    ----------
    dim : int
        Free numbers of a position.
    params, data : dict

    Raises
    ------
    StochinfError
        If names do not fit the function, the density does not depend on a parameter, or a bound does not make sense.
    TraceError
        If the function does what cannot be traced: the line, and the way out.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> from stochinf import density as sd
    >>> def log_density(mu, tau, y):
    ...     return sd.normal(mu, 0, 5) + sd.half_cauchy(tau, 5) + sd.normal(y, mu, tau).sum()
    >>> data = {"y": np.array([1.2, -0.7, 2.5])}
    >>> target = si.Density(log_density, params={"mu": sd.real(), "tau": sd.positive()}, data=data)
    >>> round(float(target.log_density({"mu": 0.5, "tau": 1.5})), 6)
    -9.971563
    >>> sorted(target.gradient({"mu": 0.5, "tau": 1.5}))
    ['mu', 'tau']
    """

    def __init__(
        self,
        function: Callable[..., Any],
        params: Mapping[str, Parameter],
        data: Point | None = None,
        *,
        traced: bool = True,
        dims: Mapping[str, Sequence[str]] | None = None,
        coords: Mapping[str, Sequence[Any]] | None = None,
    ) -> None:
        self.data = {name: plain_or_array(value) for name, value in (data or {}).items()}
        self.layout = Layout(params, self.data)
        self.dims, self.coords = dict(dims or {}), dict(coords or {})
        self.source: Source = (TracedSource if traced else PlainSource)(function, self.layout, self.data)
        self._pointer: PointerDensity | None = None

    @classmethod
    def of_source(cls, source: Source, layout: Layout) -> Density:
        """Return a density that comes of something else than a function of names."""
        made = cls.__new__(cls)
        made.data, made.layout, made.source = {}, layout, source
        made.dims, made.coords, made._pointer = {}, {}, None
        return made

    @classmethod
    def from_compiled(
        cls,
        function: Any,
        dim: int | None = None,
        gradient: Any = None,
        params: Mapping[str, Parameter] | None = None,
    ) -> Density:
        """Return the density of a compiled function of a position.

        Parameters
        ----------
        function : numba function of an array (dim,), or `numba.cfunc` of `stochinf.density.SIGNATURE`
            The log density. It may not keep or change the array.
        dim : int, optional
            Length of a position; needed where `params` does not say it.
        gradient : numba function, optional
            `gradient(position, out)` writes the gradient, or `gradient(position)` returns it. Without one, the complex step
            is taken where the function allows and agrees with finite differences, else central differences.
        params : dict, optional
            Names, shapes and constraints that the draws get; the function sees free numbers and accounts for the volume
            itself.

        Returns
        -------
        Density

        Raises
        ------
        StochinfError
            If the function is not compiled, or does not take an array and return a number.

        Examples
        --------
        >>> import numba, numpy as np
        >>> import stochinf as si
        >>> @numba.njit
        ... def normal(x):
        ...     return -0.5 * np.sum(x * x)
        >>> target = si.Density.from_compiled(normal, dim=2)
        >>> target.gradient(np.array([1.0, 2.0]))
        array([-1., -2.])
        """
        from stochinf.density.doors import compiled

        layout = Layout.of_positions(dim, params)
        return cls.of_source(PointerSource(*compiled(function, gradient, layout.dim), layout), layout)

    @classmethod
    def from_pointer(
        cls,
        address: Any,
        dim: int | None = None,
        data: Any = None,
        gradient: bool | None = None,
        params: Mapping[str, Parameter] | None = None,
    ) -> Density:
        """Return the density behind a C function pointer: PyMC's through nutpie, one made with ctypes, any language's.

        Parameters
        ----------
        address : int, ctypes function or object with an `address`
            Of a function `int32 f(int64 n, float64* x, float64* gradient_or_null, float64* log_density, void* data)`; it
            returns 0, or 1 where the value is not finite, or a code of its own for an error.
        dim : int, optional
            Length of a position; needed where `params` does not say it.
        data : int, array or ctypes object, optional
            What the function's last argument points to; kept alive. Chains on several threads share it.
        gradient : bool, optional
            Whether the function writes the gradient; by default it is asked once.
        params : dict, optional
            Names, shapes and constraints that the draws get; the function sees free numbers and accounts for the volume
            itself.

        Returns
        -------
        Density

        Raises
        ------
        StochinfError
            If the address is none.

        Examples
        --------
        >>> import numba
        >>> import stochinf as si
        >>> @numba.cfunc(si.density.SIGNATURE)
        ... def normal(n, x, gradient, log_density, data):
        ...     log_density[0] = -0.5 * x[0] * x[0]
        ...     return 0
        >>> si.Density.from_pointer(normal.address, dim=1)
        Density(position (1,): a C function, without a gradient)
        """
        from stochinf.density.doors import pointed

        layout = Layout.of_positions(dim, params)
        return cls.of_source(PointerSource(*pointed(address, data, gradient, layout.dim), layout), layout)

    @property
    def dim(self) -> int:
        """Free numbers of a position."""
        return self.layout.dim

    @property
    def params(self) -> dict[str, Parameter]:
        """The parameters by name."""
        return self.layout.params

    def as_target(self) -> PointerDensity:
        """Return the part that samplers work on; the first call compiles the density and looks whether it is one."""
        if self._pointer is None:
            foreign = self.source.foreign()
            foreign.model = self
            self._pointer = PointerDensity(foreign, self.dim, self.source.address, self.source.differentiable)
            warn_of_improper(self, self._pointer)
        return self._pointer

    def with_data(self, **data: Any) -> Density:
        """Return the same density with other data; nothing is compiled where shapes and whole numbers stay.

        Parameters
        ----------
        **data : number or array
            What changes, by name.

        Returns
        -------
        Density

        Raises
        ------
        StochinfError
            If a name is not among the data, or the density is behind a pointer.

        Examples
        --------
        >>> import numpy as np
        >>> import stochinf as si
        >>> from stochinf import density as sd
        >>> target = si.Density(lambda mu, y: sd.normal(y, mu).sum(), {"mu": sd.real()}, {"y": np.zeros(3)})
        >>> target.with_data(y=np.ones(3)).data["y"]
        array([1., 1., 1.])
        """
        for name in data:
            if name not in self.data:
                raise StochinfError(f"with_data: {name!r} is not among the data; they are {', '.join(self.data) or 'none'}")
        if self.source.function is None:
            raise StochinfError("with_data: this density is behind a pointer, and its data are its own")
        made = Density.__new__(Density)
        made.data = self.data | {name: plain_or_array(value) for name, value in data.items()}
        made.layout = Layout(self.params, made.data)
        made.dims, made.coords, made._pointer = dict(self.dims), dict(self.coords), None
        if isinstance(self.source, TracedSource):
            made.source = TracedSource(self.source.function, made.layout, made.data, self.source)
        else:
            made.source = PlainSource(self.source.function, made.layout, made.data)
        return made

    def log_density(self, point: Point | Floats) -> float:
        """Return the log density of a point or a position.

        Parameters
        ----------
        point : dict or array of shape (dim,)
            Values of the parameters by name: what the function returns for them. Or a position of free numbers: with the
            log of the volume, as samplers have it.

        Returns
        -------
        float
            NaN where it is not defined.
        """
        if isinstance(point, Mapping):
            return float(self.source.at(self.layout.point(point)))
        return outcome(self.as_target(), lambda target: target.log_density(self.layout.checked(point)))

    def gradient(self, point: Point | Floats) -> Any:
        """Return the gradient at a point or a position.

        Parameters
        ----------
        point : dict or array of shape (dim,)
            As in `log_density`.

        Returns
        -------
        dict or ndarray of shape (dim,)
            Of a point, derivatives by the parameters' values, by name; of a position, by the free numbers.

        Raises
        ------
        StochinfError
            If there is none: the function is plain Python, or a C function without one.
        """
        if isinstance(point, Mapping):
            return self.source.slope(self.layout.point(point))
        if not self.source.differentiable:
            raise StochinfError(f"{self!r} has no gradient; trace it, or give one")
        slope = np.empty(self.dim)
        outcome(self.as_target(), lambda target: target.log_density_gradient(self.layout.checked(point), slope))
        return slope

    def check_gradient(self, point: Point | Floats | None = None, tolerance: float = 1e-6) -> GradientCheck:
        """Compare the gradient with finite differences, and with forward mode where the function is traced.

        Parameters
        ----------
        point : dict or array of shape (dim,), optional
            Where; a random position by default.
        tolerance : float
            The largest difference that passes, relative to the largest entries of the gradient, each at least 1.

        Returns
        -------
        GradientCheck
            `passed`, `error` and a table by coordinate, on the free numbers.

        Raises
        ------
        StochinfError
            If there is no gradient, or the density is not finite there.
        """
        position = None if point is None else self.unconstrain(point) if isinstance(point, Mapping) else point
        return check_gradient(self, None if position is None else self.layout.checked(position), tolerance)

    def constrain(self, positions: Any) -> dict[str, Floats]:
        """Return values by name from positions.

        Parameters
        ----------
        positions : array of shape (..., dim)
            Free numbers.

        Returns
        -------
        dict
            Arrays of shape (..., *shape of the parameter).
        """
        given = np.asarray(positions, dtype=np.float64)
        if given.ndim == 0 or given.shape[-1] != self.dim:
            raise StochinfError(f"positions of shape {given.shape}; the last axis has {self.dim} free numbers")
        if self.source.expand is None:
            return self.layout.draws(given, self.data)
        rows = np.ascontiguousarray(given.reshape(-1, self.dim))
        return {name: values.reshape((*given.shape[:-1], *values.shape[1:])) for name, values in self.source.expand(rows).items()}

    def unconstrain(self, point: Point) -> Floats:
        """Return the position of a point.

        Parameters
        ----------
        point : dict
            Values of all parameters, by name.

        Returns
        -------
        ndarray of shape (dim,)

        Raises
        ------
        StochinfError
            If a name is missing or unknown, a shape does not fit, or a value breaks a constraint.
        """
        return self.layout.position(point, self.data)

    def doubt(self, position: Floats) -> str:
        """Return why the log density may not be finite at a position: bounds that cross there. Nothing where they do not."""
        return crossed(self.layout, position, self.data)

    def recipe(self) -> dict[str, Any]:
        """Return what identifies the density in a saved run; it is given again when the run is resumed."""
        kinds = " ".join(f"{name}:{type(p).__name__}{p.shape}" for name, p in self.params.items())
        made_from = hashlib.sha256(f"{kinds} {' '.join(self.data)} {self.source.digest()}".encode()).hexdigest()
        arrays = (np.asarray(value) for value in self.data.values() if not callable(value))
        return {"made_from": made_from, "data": tuple(array for array in arrays if array.dtype.kind in "biuf")}

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {parameter.shape}" if parameter.shape else name for name, parameter in self.params.items())
        return f"Density({shapes}: {self.source.description})"
