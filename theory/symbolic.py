"""Derivations that SymPy carries out step by step: each step is computed from the one before, none is typed in.

`derive(name)` returns a `Derivation`: its steps as (words, expression), its result, and LaTeX. Covered are Tweedie's
formula [@Efron2011], the Wiener denoiser [@Li2024], the upward map of the random hierarchy model and its fixed
points [@Sclocchi2025], the speciation time [@Biroli2024], percolation on the Bethe lattice [@Stauffer1994], the
learnable share of the flow-matching target [@Bertrand2025], the local dimension of a circle [@Kamkari2024], the time
at which random features memorise [@Bonnaire2025], the equation of guided classes [@Ho2022] and what a step of a sampler
does to a Gaussian mode [@Karras2022].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy as sp

from .._support import checks as check
from .._support.display.boxes import Boxed


@dataclass(frozen=True, repr=False)
class Derivation(Boxed):
    """A derivation, step by step.

    Parameters
    ----------
    name : str
        What it derives.
    reference : str
        The paper, as a key of `references.bib`.
    steps : tuple of (str, sympy expression)
        Words and what they speak of; the last expression is the result.
    checks : tuple of sympy expressions
        What must vanish if the derivation is right.

    Examples
    --------
    >>> derive("speciation")
    Derivation(speciation: 6 steps to Eq(t, log(Lambda)/2))
    >>> print(derive("speciation").result)
    Eq(t, log(Lambda)/2)
    """

    name: str
    reference: str
    steps: tuple[tuple[str, sp.Basic], ...]
    checks: tuple[sp.Expr, ...]

    @property
    def result(self) -> sp.Basic:
        """The expression of the last step."""
        return self.steps[-1][1]

    def latex(self) -> str:
        """The steps in LaTeX.

        Returns
        -------
        str
            An `align*` environment with one line per step.
        """
        lines = [rf"& \text{{{words}:}} && {sp.latex(expression)} \\" for words, expression in self.steps]
        return "\n".join([r"\begin{align*}", *lines, r"\end{align*}"])

    def __repr__(self) -> str:
        return f"Derivation({self.name}: {len(self.steps)} steps to {self.result})"

    def __str__(self) -> str:
        return "\n".join(f"{k}. {words}\n   {expression}" for k, (words, expression) in enumerate(self.steps, 1))


def _tweedie() -> Derivation:
    """E[x0 | x] = x + sigma^2 d log p / dx from p(x) = integral of p0(y) N(x; y, sigma^2)."""
    x, y = sp.symbols("x y", real=True)
    sigma = sp.Symbol("sigma", positive=True)
    p0 = sp.Function("p_0", positive=True)
    kernel = sp.exp(-((x - y) ** 2) / (2 * sigma**2)) / sp.sqrt(2 * sp.pi * sigma**2)
    joint = p0(y) * kernel
    line = (y, -sp.oo, sp.oo)
    density = sp.Integral(joint, line)
    slope = sp.diff(kernel, x)
    ratio = sp.simplify(slope / kernel)
    score = sp.Integral(p0(y) * kernel * ratio, line) / density
    moment = sp.Integral(y * joint, line) / density
    claimed = sp.Integral(sp.expand((x + sigma**2 * ratio) * joint), line)
    result = sp.Eq(sp.Function("D")(x, sigma), x + sigma**2 * sp.Derivative(sp.log(sp.Function("p")(x, sigma)), x))
    steps = (
        ("the noised density", sp.Eq(sp.Function("p")(x, sigma), density)),
        ("the kernel's slope over the kernel", sp.Eq(sp.Derivative(sp.log(sp.Function("N")(x - y)), x), ratio)),
        ("so the score is a posterior average", sp.Eq(sp.Derivative(sp.log(sp.Function("p")(x, sigma)), x), score)),
        ("the denoiser is the posterior mean", sp.Eq(sp.Function("D")(x, sigma), moment)),
        ("and the two are related by", result),
    )
    return Derivation("tweedie", "Efron2011", steps, (sp.simplify(claimed.function - y * joint),))


def _wiener() -> Derivation:
    """D = mu + lambda / (lambda + sigma^2) (x - mu): the mean of the posterior of a normal prior."""
    x, y, mu = sp.symbols("x y mu", real=True)
    variance, sigma = sp.symbols("lambda sigma", positive=True)
    log_joint = -((y - mu) ** 2) / (2 * variance) - (x - y) ** 2 / (2 * sigma**2)
    stationary = sp.diff(log_joint, y)
    mean = sp.solve(stationary, y)[0]
    spread = sp.simplify(-1 / sp.diff(log_joint, y, 2))
    gain = sp.factor(sp.diff(mean, x))
    result: Any = sp.Eq(sp.Function("D")(x, sigma), mu + gain * (x - mu))
    steps = (
        ("the log of prior times likelihood", log_joint),
        ("its slope vanishes at the mean, as it is quadratic in y", sp.Eq(stationary, 0)),
        ("which is", sp.Eq(y, sp.simplify(mean))),
        ("with the posterior variance", sp.Eq(sp.Symbol("v"), spread)),
        ("the gain is the variance over sigma^2", sp.Eq(sp.Symbol("K"), gain)),
        ("the Wiener denoiser", result),
    )
    checks = (sp.simplify(mean - result.rhs), sp.simplify(spread - sigma**2 * gain))
    return Derivation("wiener", "Li2024", steps, checks)


def _hierarchy() -> Derivation:
    """The annealed upward map of the random hierarchy model, its slopes at 1 and 1/v, and the fixed point for s = 2."""
    p, v, m = sp.symbols("p v m", positive=True)
    s = sp.Symbol("s", integer=True, positive=True)
    wrong = (1 - p**s) / (v**s - 1)
    true_symbol = p**s + (m - 1) * wrong
    all_symbols = p**s + (m * v - 1) * wrong
    upward = true_symbol / all_symbols
    slope = sp.diff(upward, p)
    at_one = sp.simplify(slope.subs(p, 1))
    at_random = sp.simplify(slope.subs(p, 1 / v))
    pair = sp.factor(sp.together(upward.subs(s, 2) - p))
    inner = [
        root for root in sp.solve(sp.numer(pair), p) if sp.simplify(root - 1) != 0 and sp.simplify(root * v - 1) != 0
    ]
    fixed: Any = sp.simplify(inner[0])
    epsilon: Any = sp.factor(sp.simplify((1 - fixed) / (1 - 1 / v)))
    critical_slope = sp.factor(sp.simplify(slope.subs(s, 2).doit().subs(p, fixed)))
    F = sp.Function("F")
    steps = (
        ("each wrong tuple of children weighs, on average", sp.Eq(sp.Symbol("w"), wrong)),
        ("the true symbol has its own rule and m - 1 others", true_symbol),
        ("all symbols together have m v rules", all_symbols),
        ("so the belief in the truth one level up is", sp.Eq(F(p), upward)),
        ("the slope at certainty", sp.Eq(sp.Symbol("F'(1)"), at_one)),
        ("the slope at ignorance", sp.Eq(sp.Symbol("F'(1/v)"), at_random)),
        ("for s = 2, F(p) - p factorises", sp.Eq(F(p) - p, pair)),
        ("its slope at the fixed point between", sp.Eq(sp.Symbol("F'(p*)"), critical_slope)),
        ("reached at the noise", sp.Eq(sp.Symbol("epsilon^*"), epsilon)),
        ("the unstable fixed point", sp.Eq(sp.Symbol("p^*"), fixed)),
    )
    checks = (
        sp.simplify(upward.subs(p, 1) - 1),
        sp.simplify(sp.powsimp(sp.expand_power_base(upward.subs(p, 1 / v) - 1 / v, force=True), force=True)),
        sp.simplify(upward.subs({s: 2, p: fixed}) - fixed),
        sp.simplify(1 - epsilon + epsilon / v - fixed),
    )
    return Derivation("hierarchy", "Sclocchi2025", steps, checks)


def _speciation() -> Derivation:
    """t = log(Lambda) / 2: two clusters at +-m separate when the mode along m loses the noise's shape."""
    x, q = sp.symbols("x q", real=True)
    t = sp.Symbol("t", real=True)
    top = sp.Symbol("Lambda", positive=True)
    signal, noise = sp.exp(-t), 1 - sp.exp(-2 * t)
    log_density = -(x**2) / (2 * noise) + sp.log(sp.cosh(x * signal * sp.sqrt(top) / noise))
    curvature = sp.series(log_density, x, 0, 3).removeO().coeff(x, 2) * 2
    potential = sp.simplify(-1 - 2 * curvature)
    late = sp.limit(sp.expand(sp.simplify((potential - 1).subs(t, q + sp.log(top) / 2))), top, sp.oo)
    balance = sp.Eq(top * sp.exp(-2 * t), 1)
    solved = sp.solve(balance, t)[0]
    steps = (
        ("two clusters of variance 0, a distance sqrt(Lambda) from their mean, at OU time t", log_density),
        ("the curvature of log p at the mean", curvature),
        ("the curvature of the potential of the reverse drift x + 2 d log p / dx", potential),
        ("at t = q + log(Lambda)/2 for large Lambda it is 1 plus", late),
        ("the signal along the mode is of the order of the noise where", balance),
        ("the speciation time", sp.Eq(t, sp.simplify(solved))),
    )
    checks = (sp.simplify(late + 2 * sp.exp(-2 * q)), sp.simplify(solved - sp.log(top) / 2))
    return Derivation("speciation", "Biroli2024", steps, checks)


def _bethe() -> Derivation:
    """p_c = 1 / (z - 1) on the Bethe lattice, and for z = 3 the giant cluster (2 p - 1)/p and its exponent 1."""
    p, R, eps = sp.symbols("p R epsilon", positive=True)
    z = sp.Symbol("z", integer=True, positive=True)
    recursion: Any = sp.Eq(R, 1 - p + p * R ** (z - 1))
    slope = sp.diff(recursion.rhs, R).subs(R, 1)
    critical = sp.solve(sp.Eq(slope, 1), p)[0]
    branch = next(root for root in sp.solve(recursion.subs(z, 3), R) if sp.simplify(root - 1) != 0)
    giant: Any = sp.factor(sp.simplify(p * (1 - branch**3)))
    near = sp.series(giant.subs(p, sp.Rational(1, 2) + eps), eps, 0, 2).removeO()
    mean_size = sp.factor(sp.simplify(1 + z * p / (1 - (z - 1) * p)))
    steps = (
        ("a branch is finite if its site is empty or all z - 1 branches beyond are finite", recursion),
        ("the slope of the right-hand side at R = 1", slope),
        ("reaches one at the threshold", sp.Eq(sp.Symbol("p_c"), critical)),
        ("below it the mean size of the cluster of an occupied site is", sp.Eq(sp.Symbol("S"), mean_size)),
        ("for z = 3 the other root is", sp.Eq(R, branch)),
        ("near the threshold the giant cluster grows linearly, beta = 1", near),
        ("the fraction of sites in the giant cluster", sp.Eq(sp.Symbol("P"), giant)),
    )
    checks = (
        sp.simplify(critical - 1 / (z - 1)),
        sp.simplify(recursion.subs({z: 3, R: branch}).rhs - branch),
        sp.simplify(giant.subs(p, 1) - 1),
        sp.limit(near / eps, eps, 0) - 6,
    )
    return Derivation("bethe", "Stauffer1994", steps, checks)


def _flow_target() -> Derivation:
    """E|u*|^2 / E|u|^2 = 1 - mmse / (f^2 (tr C + |mu|^2 + d)), the learnable share of the flow-matching target."""
    x0, noised, D = sp.symbols("x_0 x_f D", real=True)
    f, variance, total, mmse = sp.symbols("f lambda M mmse", positive=True)
    noise = sp.solve(sp.Eq(noised, (1 - f) * x0 + f * sp.Symbol("n")), sp.Symbol("n"))[0]
    target = sp.simplify(noise - x0)
    mean = target.subs(x0, D)
    missed: Any = sp.factor(target - mean)
    energy = total - mmse * sp.simplify((missed / (x0 - D)) ** 2)
    result: Any = sp.Eq(sp.Symbol("E|u*|^2") / sp.Symbol("E|u|^2"), sp.expand(energy / total))
    sigma = f / (1 - f)
    wiener = variance * sigma**2 / (variance + sigma**2)
    regression = (f - (1 - f) * variance) ** 2 / ((1 - f) ** 2 * variance + f**2) / (1 + variance)
    steps = (
        ("the noise in x_f = (1 - f) x0 + f n", sp.Eq(sp.Symbol("n"), noise)),
        ("the target u = n - x0", target),
        ("its mean given x_f has D in the place of x0", mean),
        ("what is left of the target", missed),
        ("is uncorrelated with the mean, so that with M = tr C + |mu|^2 + d", sp.Eq(sp.Symbol("E|u*|^2"), energy)),
        ("the share of the target that can be learned", result),
    )
    checks = (
        sp.simplify(missed + (x0 - D) / f),
        sp.simplify(result.rhs.subs({mmse: wiener, total: 1 + variance}) - regression),
    )
    return Derivation("flow_target", "Bertrand2025", steps, checks)


def _circle() -> Derivation:
    """LID = 2 z (1 - I_1(z) / I_0(z)), z = r^2 / sigma^2: the local dimension at a point of a circle."""
    z, rho, r, sigma = sp.symbols("z rho r sigma", positive=True)
    A = sp.Function("A")
    bessel = sp.besseli(1, z) / sp.besseli(0, z)
    lowered: dict[Any, Any] = {sp.besseli(2, z): sp.besseli(0, z) - 2 / z * sp.besseli(1, z)}
    slope = sp.expand(sp.diff(bessel, z).subs(lowered))
    radial = r * A(r * rho / sigma**2)
    riccati = 1 - A(z) / z - A(z) ** 2
    trace = (sp.diff(radial, rho) + radial / rho).doit().subs(rho, r).subs(r, sigma * sp.sqrt(z)).doit()
    trace = sp.expand(trace.subs(sp.Derivative(A(z), z), riccati))
    distance: Any = sp.factor(((r - r * A(z)) ** 2 / sigma**2).subs(r, sigma * sp.sqrt(z)))
    dimension: Any = sp.factor(sp.expand(trace + distance))
    result = sp.Eq(sp.Symbol("LID"), dimension)
    steps = (
        ("the posterior mean points along x, with the length", radial),
        ("A = I_1 / I_0 has the slope", sp.Eq(sp.Derivative(A(z), z), riccati)),
        ("the trace of the Jacobian on the circle, z = r^2 / sigma^2", trace),
        ("the squared distance to the mean over sigma^2", distance),
        ("together, the local dimension", result),
    )
    return Derivation(
        "circle",
        "Kamkari2024",
        steps,
        (
            sp.simplify(slope - riccati.subs(A(z), bessel)),
            sp.simplify(trace - z * (1 - A(z) ** 2)),
            sp.simplify(dimension - 2 * z * (1 - A(z))),
        ),
    )


def _memorisation_time() -> Derivation:
    """tau = psi_n / (Delta v^2): where the bulk of the features' eigenvalues ends that belongs to single data."""
    q = sp.Symbol("q", real=True)
    s2, v2, delta = sp.symbols("s^2 v^2 Delta", positive=True)
    psi_n, psi_p, root = sp.symbols("psi_n psi_p rho", positive=True)  # rho^2 = psi_p / psi_n
    place = s2 + v2 / (1 + root**2 * v2 * q) - 1 / q
    slope = sp.factor(sp.together(sp.diff(place, q)))
    turning = sp.solve(sp.numer(slope), q)
    edges = {sp.factor(sp.simplify(place.subs(q, one) - s2)) for one in turning}
    low: Any = s2 + min(edges, key=lambda edge: float(edge.subs({v2: 1, root: 3})))
    time = psi_p / (delta * low.subs(root, sp.sqrt(psi_p / psi_n)))
    late: Any = sp.limit(sp.simplify(time), psi_p, sp.oo)
    a, b, c, l = sp.symbols("a b c l", positive=True)
    shared = 1 / (delta * (a**2 * c**2 * l + b**2))
    steps = (
        ("of the part that is not linear, q = tr (U - z)^-1 / p has the inverse", sp.Eq(sp.Symbol("z"), place)),
        ("whose slope vanishes at the edges of the bulk", sp.Eq(slope, 0)),
        ("the lower edge, rho^2 = psi_p / psi_n", sp.Eq(sp.Symbol("lambda_-"), low)),
        ("gradient flow has learned it at", sp.Eq(sp.Symbol("tau"), time)),
        ("a direction of variance l that all data share it learns at", sp.Eq(sp.Symbol("tau_gen"), shared)),
        ("so that memory comes later by the factor", sp.simplify(late / shared)),
        ("for many features, in proportion to the data", sp.Eq(sp.Symbol("tau_mem"), late)),
    )
    checks = (sp.simplify(low - s2 - v2 * (1 - root) ** 2), sp.simplify(late - psi_n / (delta * v2)))
    return Derivation("memorisation_time", "Bonnaire2025", steps, checks)


def _guidance() -> Derivation:
    """dy/du = w (1 - tanh(u^2 + u y)): the guided probability flow of one of two Gaussian classes at +-a."""
    q, y = sp.symbols("q y", real=True)
    a, s, sigma, w, u = sp.symbols("a s sigma w u", positive=True)
    v = s**2 + sigma**2
    mine, other = (sp.exp(-((q - mean) ** 2) / (2 * v)) for mean in (a, -a))
    posterior = sp.simplify(1 / (1 + sp.simplify(other / mine)))
    own, far = (mean + s**2 / v * (q - mean) for mean in (a, -a))
    difference = sp.factor(sp.simplify((1 - posterior) * (own - far)))
    flow = (q - own) / sigma - w * difference / sigma
    moved = (q - a) / sp.sqrt(v)
    along = sp.diff(moved, q) * flow + sp.diff(moved, sigma)
    speed = sp.diff(a / sp.sqrt(v), sigma)
    slope = sp.simplify(along / speed)
    # q and a in terms of y and u, at any s and sigma
    universal = sp.simplify(slope.subs(q, a + sp.sqrt(v) * y).subs(a, u * sp.sqrt(v)))
    claimed = w * (1 - sp.tanh(u**2 + u * y))
    result = sp.Eq(sp.Derivative(sp.Function("y")(u), u), claimed)
    steps = (
        ("classes at +-a of variance s^2, the posterior of the first", posterior),
        ("the conditional less the unconditional denoiser", difference),
        ("the guided probability flow dq/dsigma", flow),
        ("in units of the width, y = (q - a)/sqrt(s^2 + sigma^2), over u = a/sqrt(s^2 + sigma^2), dy/du is", slope),
        ("in which q, a, s and sigma enter by u and y alone", universal),
        ("the universal equation of guidance", result),
    )
    checks = (sp.simplify((universal - claimed).rewrite(sp.exp)), sp.simplify(sp.diff(universal, s)))
    return Derivation("guidance", "Ho2022", steps, checks)


def _cosines() -> Derivation:
    """One step of a solver on the probability flow of a Gaussian mode, relative to the exact flow, in angles."""
    theta, after, c, sigma, end, h = sp.symbols("theta theta' c sigma sigma' h", positive=True)
    as_angles = {sigma: sp.sqrt(c) * sp.tan(theta), end: sp.sqrt(c) * sp.tan(after)}
    slope, slope_after = sigma / (c + sigma**2), end / (c + end**2)
    exact = sp.sqrt((c + end**2) / (c + sigma**2))
    euler: Any = 1 + (end - sigma) * slope
    heun: Any = 1 + (end - sigma) / 2 * (slope + slope_after * euler)
    flow = sp.Eq(sp.Derivative(sp.Function("x")(sigma), sigma), slope * sp.Function("x")(sigma))
    solved, ratio, cosine = sp.sqrt(c + sigma**2), sp.cos(theta) / sp.cos(after), sp.cos(theta - after)
    gained: Any = cosine + sp.sin(theta - after) ** 2 / 2 / ratio
    cubic = sp.simplify(sp.series(sp.log(gained.subs(after, theta - h)), h, 0, 4).removeO().coeff(h, 3))
    steps = (
        ("the probability flow along a mode of variance c", flow),
        ("multiplies by, in angles, sigma = sqrt(c) tan(theta)", sp.Eq(sp.Symbol("exact"), ratio)),
        ("a Heun step over the exact one", sp.Eq(sp.Symbol("Heun") / sp.Symbol("exact"), gained)),
        ("so it gains, to third order in h = theta - theta'", cubic),
        ("an Euler step over the exact one", sp.Eq(sp.Symbol("Euler") / sp.Symbol("exact"), cosine)),
    )
    checks = (
        sp.simplify(sp.diff(solved, sigma) - slope * solved),
        sp.simplify(sp.expand_trig((exact**2).subs(as_angles) - ratio**2)),
        sp.simplify(sp.expand_trig(euler.subs(as_angles) - ratio * cosine)),
        sp.simplify(sp.expand_trig(heun.subs(as_angles) - ratio * gained)),
        sp.simplify(cubic - sp.tan(theta) / 2),
    )
    return Derivation("cosines", "Karras2022", steps, checks)


DERIVATIONS: dict[str, Callable[[], Derivation]] = {
    "tweedie": _tweedie,
    "wiener": _wiener,
    "hierarchy": _hierarchy,
    "speciation": _speciation,
    "bethe": _bethe,
    "flow_target": _flow_target,
    "circle": _circle,
    "memorisation_time": _memorisation_time,
    "guidance": _guidance,
    "cosines": _cosines,
}


def derive(name: str) -> Derivation:
    """The derivation called `name`.

    Parameters
    ----------
    name : str
        One of `DERIVATIONS`: tweedie, wiener, hierarchy, speciation, bethe, flow_target, circle, memorisation_time,
        guidance, cosines.

    Returns
    -------
    Derivation
        Carried out anew.

    Raises
    ------
    UnknownNameError
        On another name.

    Examples
    --------
    >>> print(derive("wiener").result)
    Eq(D(x, sigma), lambda*(-mu + x)/(lambda + sigma**2) + mu)
    """
    return DERIVATIONS[check.choice("name", name, DERIVATIONS)]()
