"""Elementary functions of float64 that ONNX Runtime lacks, from those it has; each within a few units of the last place."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from skerry.export.graph import BOOL, FLOAT64, Graph, Tensor


def log1p(graph: Graph, x: Tensor) -> Tensor:
    """``log(1 + x)``: the logarithm of the rounded sum, and what the rounding took away (first order is enough)."""
    one = np.array(1, x.dtype)
    rounded = graph.op("Add", x, one)
    kept = graph.op("Sub", rounded, one)
    lost = graph.op("Div", graph.op("Sub", x, kept), rounded)
    exact = graph.op("Equal", kept, x, dtype=BOOL)  # also where x is -1 or inf, and the quotient NaN
    return graph.op(
        "Add", graph.op("Log", rounded), graph.op("Where", exact, np.array(0, x.dtype), lost, dtype=x.dtype)
    )


def expm1(graph: Graph, x: Tensor) -> Tensor:
    """``exp(x) - 1``; below 1 the rounding of exp cancels in ``(u - 1) * x / log(u)`` (W. Kahan)."""
    one = np.array(1, x.dtype)
    power = graph.op("Exp", x)
    plain = graph.op("Sub", power, one)
    corrected = graph.op("Mul", plain, graph.op("Div", x, graph.op("Log", power)))
    tiny = graph.op("Equal", power, one, dtype=BOOL)
    small = graph.op("Where", tiny, x, corrected, dtype=x.dtype)
    near = graph.op("Less", graph.op("Abs", x), one, dtype=BOOL)
    return graph.op("Where", near, small, plain, dtype=x.dtype)


def cbrt(graph: Graph, x: Tensor) -> Tensor:
    """The real cube root. The power's exponent is not quite a third: that is 4e-14 of the value at 1e300."""
    return graph.op("Mul", graph.op("Sign", x), graph.op("Pow", graph.op("Abs", x), np.array(1 / 3, x.dtype)))


def arctan(graph: Graph, x: Tensor) -> Tensor:
    """Moved near 0 by ``atan(x) = atan(c) + atan((x - c) / (1 + c x))`` for ``c`` of 1 and inf; there a rational
    function (S. L. Moshier's ``atan``)."""
    size = graph.op("Abs", x)
    far = graph.op("Greater", size, np.array(np.tan(3 * np.pi / 8)), dtype=BOOL)
    near = graph.op("LessOrEqual", size, np.array(0.66), dtype=BOOL)
    one = np.array(1.0)
    middle = graph.op("Div", graph.op("Sub", size, one), graph.op("Add", size, one))
    moved = graph.op("Where", near, size, middle, dtype=x.dtype)
    moved = graph.op("Where", far, graph.op("Neg", graph.op("Reciprocal", size)), moved, dtype=x.dtype)
    start = graph.op("Where", near, np.array(0.0), np.array(np.pi / 4), dtype=x.dtype)
    start = graph.op("Where", far, np.array(np.pi / 2), start, dtype=x.dtype)
    square = graph.op("Mul", moved, moved)
    ratio = graph.op("Div", polynomial(graph, square, _ATAN_P), polynomial(graph, square, _ATAN_Q))
    rest = graph.op("Add", moved, graph.op("Mul", moved, graph.op("Mul", square, ratio)))
    return graph.op("Mul", graph.op("Sign", x), graph.op("Add", start, rest))


def polynomial(graph: Graph, x: Tensor, coefficients: Sequence[float]) -> Tensor:
    """Horner's rule, from the highest power down."""
    value = graph.op("Mul", x, np.array(coefficients[0]))
    for coefficient in coefficients[1:-1]:
        value = graph.op("Mul", graph.op("Add", value, np.array(coefficient)), x)
    return graph.op("Add", value, np.array(coefficients[-1]))


def erf(graph: Graph, x: Tensor) -> Tensor:
    """The error function, which ONNX Runtime has in float32 only: within 2e-16.

    To 1 its series, beyond ``1 - exp(-x²) / (1 + 2x)`` times a polynomial in ``(x - 2) / (x + 2)``.
    """
    size = graph.op("Abs", x)
    square = graph.op("Mul", x, x)
    near = graph.op("Mul", x, polynomial(graph, graph.op("Min", square, np.array(1.0)), _ERF_SERIES))
    short = graph.op("Min", size, np.array(_ERF_REACH))
    ratio = graph.op("Div", graph.op("Sub", short, np.array(2.0)), graph.op("Add", short, np.array(2.0)))
    scale = graph.op("Add", graph.op("Mul", short, np.array(2.0)), np.array(1.0))
    tail = graph.op("Div", polynomial(graph, ratio, _ERF_TAIL), scale)
    rest = graph.op("Mul", graph.op("Exp", graph.op("Neg", square)), tail)
    far = graph.op("Mul", graph.op("Sign", x), graph.op("Sub", np.array(1.0), rest))
    return graph.op("Where", graph.op("Less", size, np.array(1.0), dtype=BOOL), near, far, dtype=FLOAT64)


def normal_level(graph: Graph, x: Tensor) -> Tensor:
    """The standard normal distribution's share below ``x``, within 2e-16: SciPy's ``ndtr``."""
    half = np.array(0.5)
    return graph.op("Add", graph.op("Mul", erf(graph, graph.op("Mul", x, np.sqrt(half))), half), half)


def normal_quantile(graph: Graph, p: Tensor) -> Tensor:
    """The inverse of the standard normal distribution for ``1e-13 < p < 1 - 1e-13``: SciPy's ``ndtri``.

    S. L. Moshier, Methods and Programs for Mathematical Functions (1989): a rational function of p in the
    middle, and one of ``1 / sqrt(-2 log p)`` in the tails.
    """
    one, half, zero = np.array(1.0), np.array(0.5), np.array(0.0)
    upper = graph.op("Greater", p, 1 - _TAIL, dtype=BOOL)
    folded = graph.op("Where", upper, graph.op("Sub", one, p), p, dtype=p.dtype)
    middle = graph.op("Greater", folded, _TAIL, dtype=BOOL)

    y = graph.op("Sub", folded, half)
    square = graph.op("Mul", y, y)
    ratio = graph.op("Div", polynomial(graph, square, _P0), polynomial(graph, square, _Q0))
    central = graph.op("Add", y, graph.op("Mul", y, graph.op("Mul", square, ratio)))
    central = graph.op("Mul", central, np.sqrt(2 * np.pi))

    x = graph.op("Sqrt", graph.op("Mul", graph.op("Log", folded), np.array(-2.0)))
    inverse = graph.op("Div", one, x)
    ratio = graph.op("Div", polynomial(graph, inverse, _P1), polynomial(graph, inverse, _Q1))
    first = graph.op("Sub", x, graph.op("Div", graph.op("Log", x), x))
    tail = graph.op("Sub", first, graph.op("Mul", inverse, ratio))
    tail = graph.op("Where", upper, tail, graph.op("Sub", zero, tail), dtype=p.dtype)
    return graph.op("Where", middle, central, tail, dtype=p.dtype)


_TAIL = np.array(np.exp(-2.0))
_P0 = (
    -5.99633501014107895267e1,
    9.80010754185999661536e1,
    -5.66762857469070293439e1,
    1.39312609387279679503e1,
    -1.23916583867381258016,
)
_Q0 = (
    1.0,
    1.95448858338141759834,
    4.67627912898881538453,
    8.63602421390890590575e1,
    -2.25462687854119370527e2,
    2.00260212380060660359e2,
    -8.20372256168333339912e1,
    1.59056225126211695515e1,
    -1.18331621121330003142,
)
_P1 = (
    4.05544892305962419923,
    3.15251094599893866154e1,
    5.71628192246421288162e1,
    4.40805073893200834700e1,
    1.46849561928858024014e1,
    2.18663306850790267539,
    -1.40256079171354495875e-1,
    -3.50424626827848203418e-2,
    -8.57456785154685413611e-4,
)
_Q1 = (
    1.0,
    1.57799883256466749731e1,
    4.53907635128879210584e1,
    4.13172038254672030440e1,
    1.50425385692907503408e1,
    2.50464946208309415979,
    -1.42182922854787788574e-1,
    -3.80806407691578277194e-2,
    -9.33259480895457427372e-4,
)
_ATAN_P = (
    -8.750608600031904122785e-1,
    -1.615753718733365076637e1,
    -7.500855792314704667340e1,
    -1.228866684490136173410e2,
    -6.485021904942025371773e1,
)
_ATAN_Q = (
    1.0,
    2.485846490142306297962e1,
    1.650270098316988542046e2,
    4.328810604912902668951e2,
    4.853903996359136964868e2,
    1.945506571482613964425e2,
)
_ERF_SERIES = [2 / math.sqrt(math.pi) * (-1) ** n / (math.factorial(n) * (2 * n + 1)) for n in reversed(range(20))]
_ERF_REACH = 6.5
_ERF_TAIL = (
    -1.7726118234438692e-06,
    6.942177869288481e-06,
    4.593378925176126e-06,
    -1.432979644483642e-05,
    -3.6454065714660825e-05,
    -1.3555444202977634e-06,
    0.00015102457225715067,
    0.00020635255469343824,
    -0.00045433864765135885,
    -0.0014568131696519563,
    0.0012713388359664086,
    0.008722653852771182,
    -0.008034015078806566,
    -0.054220000991690005,
    0.16405128003339978,
    -0.1660303976152915,
    -0.09276382658574588,
    1.2769783815525286,
)
"""``(1 + 2x) * erfc(x) * exp(x²)`` for x from 1 to 6.5, from where erf is 1: interpolated with 90 digits."""
