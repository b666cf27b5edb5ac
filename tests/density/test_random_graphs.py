"""Random graphs: machine code equals numpy's evaluation whatever is fused, stored, cut to pieces and put together."""

import numpy as np
import pytest

from stochinf.density.emit.function import CompiledGraph
from stochinf.density.graph import Builder, Graph
from stochinf.density.interpreter import evaluate
from stochinf.density.pointer import PointerDensity

pytestmark = pytest.mark.fast
DIM = 6


class Random(Builder):
    """A builder that adds nodes at random; nodes of the pool are arrays or numbers."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.generator, self.values = np.random.default_rng(seed), {}
        self.pool = [self.input(0, (DIM,)), self.datum((DIM,)), self.datum((4, DIM)), self.datum(())]

    def shape(self, node: int) -> tuple[int, ...]:
        return self.nodes[node].shape

    def below(self, count: int) -> int:
        return int(self.generator.integers(count))

    def datum(self, shape: tuple[int, ...], rows: int = 0) -> int:
        name = f"d{len(self.values)}"
        self.values[name] = self.generator.integers(0, rows, shape) if rows else self.generator.normal(size=shape)
        return self.add("data", (), shape, "int" if rows else "float", (name,))

    def another(self, *shapes: tuple[int, ...]) -> int:
        """A node of one of some shapes, which is there."""
        fitting = [node for node in self.pool if self.shape(node) in shapes]
        return fitting[self.below(len(fitting))]

    def unary(self, x: int) -> int:
        return self.elementwise(("tanh", "sin", "sigmoid", "neg", "abs")[self.below(5)], x)

    def binary(self, x: int) -> int:
        return self.elementwise(("add", "sub", "mul", "maximum")[self.below(4)], x, self.another(self.shape(x), ()))

    def choice(self, x: int) -> int:
        other = self.another(self.shape(x), ())
        return self.elementwise("where", self.elementwise("lt", x, other), other, x)

    def slice(self, x: int) -> int:
        counts = [1 + self.below(n) for n in self.shape(x)]
        places = [(n - 1, -1) if self.below(2) else (n - k, 1) for n, k in zip(self.shape(x), counts, strict=True)]
        return self.add("slice", (x,), tuple(counts), attributes=tuple(places))

    def embed(self, x: int) -> int:
        wide = tuple(n + self.below(3) for n in self.shape(x))
        places = [(n - 1, -1) if self.below(2) else (m - n, 1) for n, m in zip(self.shape(x), wide, strict=True)]
        return self.add("embed", (x,), wide, attributes=tuple(places))

    def overlap(self, x: int) -> int:
        turned = self.add("embed", (self.unary(x),), self.shape(x), attributes=tuple((n - 1, -1) for n in self.shape(x)))
        return self.elementwise(("add", "sub")[self.below(2)], self.unary(x), turned)

    def reduction(self, x: int) -> int:
        shape = self.shape(x)
        axis = None if len(shape) == 1 or self.below(3) == 0 else self.below(2)
        kept = () if axis is None else shape[:axis] + shape[axis + 1 :]
        return self.add(("sum", "max", "logsumexp")[self.below(3)], (x,), kept, attributes=(axis,))

    def running(self, x: int) -> int:
        return self.add("cumsum", (x,), self.shape(x), attributes=(self.below(len(self.shape(x))), bool(self.below(2))))

    def gather(self, x: int) -> int:
        rows = self.datum((1 + self.below(7),) if self.below(4) else (), self.shape(x)[0])
        return self.add("gather", (x, rows), self.shape(rows) + self.shape(x)[1:])

    def scatter(self, x: int) -> int:
        rows = self.datum(self.shape(x)[:1], DIM)
        return self.add("scatter", (x, rows), (DIM, *self.shape(x)[1:]))

    def join(self, x: int) -> int:
        (first, *rest), other = self.shape(x), self.another(self.shape(x))
        return self.add("concatenate", (x, other), (2 * first, *rest), attributes=(0,))

    def shaped(self, x: int) -> int:
        shape = self.shape(x)
        if len(shape) == 2:
            new = [("transpose", shape[::-1]), ("reshape", (shape[0] * shape[1],))][self.below(2)]
        else:
            new = [("broadcast", (3, *shape)), ("reshape", (1, *shape)), ("reshape", (*shape, 1))][self.below(3)]
        return self.add(new[0], (x,), new[1])

    def product(self, x: int) -> int:
        shape = self.shape(x)
        if len(shape) == 1:
            return self.add("dot", (x, self.another(shape)), ())
        turned = bool(self.below(2))
        square = self.add("matmul", (x, x), (shape[turned],) * 2, attributes=(turned, not turned))
        return self.elementwise("tanh", square)

    def factor(self, x: int) -> int:
        """A system with the Cholesky factor of a matrix that is surely positive definite."""
        n = self.shape(x)[0]
        row = self.add("reshape", (x,), (n, 1)) if len(self.shape(x)) == 1 else x
        square = self.add("matmul", (row, row), (n, n), attributes=(False, True))
        name = f"d{len(self.values)}"
        self.values[name] = 3.0 * np.eye(n)
        lower = self.add("cholesky", (self.elementwise("add", square, self.add("data", (), (n, n), "float", (name,))),), (n, n))
        return self.add("solve_triangular", (lower, x), self.shape(x), attributes=(bool(self.below(2)),))

    def grow(self) -> None:
        """Add a node made of a recent one."""
        x = self.pool[-1 - self.below(min(7, len(self.pool)))]
        ways = [self.unary, self.binary, self.choice]
        if self.shape(x):
            ways += [self.slice, self.embed, self.overlap, self.reduction, self.running, self.gather, self.scatter, self.shaped]
            ways += [self.product, self.factor, self.join]
        new = ways[self.below(len(ways))](x)
        if self.nodes[new].size <= 150:
            self.pool.append(new)

    def outputs(self) -> Graph:
        """The graph of a number and of a vector that depend on the last nodes."""
        total, vector = self.constant(0.0), self.another((DIM,))
        for node in self.pool[-4:]:
            waves = self.elementwise("sin", node)
            total = self.elementwise(
                "add", total, waves if self.shape(node) == () else self.add("sum", (waves,), (), attributes=(None,))
            )
        for node in self.pool[-6:]:
            if len(self.shape(node)) == 1 and self.shape(node)[0] <= DIM:
                vector = self.elementwise("sub", vector, self.add("embed", (node,), (DIM,), attributes=((0, 1),)))
        return self.graph(total, vector)


@pytest.mark.parametrize("seed", range(25))
def test_a_random_graph_is_computed_as_numpy_does(seed: int) -> None:
    builder = Random(seed)
    for _ in range(25):
        builder.grow()
    graph, position = builder.outputs(), np.random.default_rng(seed).normal(size=DIM)
    data = {name: builder.values[name] for name in graph.leaves("data")}
    value, vector = evaluate(graph, [position], data)
    target, slope = PointerDensity(CompiledGraph(graph, data), DIM, differentiable=True), np.full(DIM, np.nan)
    scale = max(1.0, np.max(np.abs(vector)))
    np.testing.assert_allclose(target.log_density_gradient(position, slope), value, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(target.log_density(position), value, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(slope, vector, rtol=1e-11, atol=1e-11 * scale)
