"""What a fresh process costs: importing, and a short script from beginning to end, with a warm cache and without one.

Run: python benchmarks/start.py. User and system CPU time of whole processes, the least of five.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import line

ROUNDS = 5
HEAVY = ("numba", "scipy.linalg", "scipy.stats", "scipy.special", "scipy.sparse", "networkx", "sklearn", "arviz", "matplotlib")
IMPORT = "import numpy, time; began = time.process_time(); import stochinf; print(time.process_time() - began)"
SCRIPT = """import stochinf as si
d = si.sample(si.models.CoinBias(62, 38), draws=1000, warmup=500, chains=4, rng=0, progress=False)
print(d.summary())
"""
SCHOOLS = """import numpy as np
import stochinf as si
from stochinf import density as sd
def log_density(mu, tau, theta, y, sigma):
    prior = sd.normal(mu, 0, 5) + sd.half_cauchy(tau, 5) + sd.normal(theta, 0, 1).sum()
    return prior + sd.normal(y, mu + tau * theta, sigma).sum()
data = {"y": np.array([28.0, 8, -3, 7, -1, 1, 18, 12]), "sigma": np.array([15.0, 10, 16, 11, 9, 11, 10, 18])}
target = si.Density(log_density, {"mu": sd.real(), "tau": sd.positive(), "theta": sd.real(8)}, data)
d = si.sample(target, draws=1000, warmup=400, chains=4, kernel=si.mcmc.NUTS(), rng=0, progress=False)
"""
HEPAR = Path(__file__).parents[1] / "examples" / "data" / "hepar2.uai"
MARGINALS = f"""import stochinf as si
g = si.read_graph({str(HEPAR)!r})
r = si.marginals(g, si.read_evidence({str(HEPAR) + ".evid"!r}, g), method="METHOD", draws=100, rng=0, progress=False)
print(r)
"""
WORDS = ["infer", str(HEPAR), "--evidence", f"{HEPAR}.evid"]
COMMAND = f"import sys; from stochinf.cli import main; sys.exit(main({WORDS!r}))"
LOADED = f"import sys; print([name for name in {HEAVY!r} if name in sys.modules])"


def process(code: str, cache: str) -> tuple[float, str]:
    """Run code in a fresh process; return its CPU seconds and what it printed.

    Byte code of Python is kept, as it is in an installed package, whatever the environment says.
    """
    kept = {"STOCHINF_CACHE_DIR": cache, "PYTHONDONTWRITEBYTECODE": ""}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, **kept}, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def least(codes: dict[str, str], cache: str) -> dict[str, float]:
    """Return the least CPU seconds of each program, run in turn."""
    rounds = [{name: process(code, cache)[0] for name, code in codes.items()} for _ in range(ROUNDS)]
    return {name: min(times[name] for times in rounds) for name in codes}


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as cache:
        cold, _ = process(SCRIPT, cache)
        first_schools, _ = process(SCHOOLS, cache)
        took = least({"numba": "import numba", "script": SCRIPT, "schools": SCHOOLS}, cache)
        ours = min(float(process(IMPORT, cache)[1]) for _ in range(ROUNDS))
        marginals = {
            "exact": MARGINALS.replace("METHOD", "exact"),
            "gibbs": MARGINALS.replace("METHOD", "gibbs"),
            "command": COMMAND,
        }
        first = {name: process(code, cache)[0] for name, code in marginals.items()}
        warm = least(marginals, cache)
        _, table = process(SCRIPT + LOADED, cache)
        _, after_import = process("import stochinf; " + LOADED, cache)
    line("import stochinf, ms of CPU beyond numpy's own", ours * 1e3, "< 60")
    line("script that prints d.summary() of 4 x 1000 coin draws, s of CPU, warm cache", took["script"], "< 1.5")
    line("  of which importing numba, s", took["numba"], "(not ours)")
    line("the same script, nothing compiled yet, s", cold, "(once per machine)")
    what = "eight schools, traced, 4 chains of 400 + 1000 by NUTS, s of CPU, warm cache"
    line(what, took["schools"], f"< 1.5; nothing compiled yet {first_schools:.1f} s")
    for name, what in (("exact", "exact"), ("gibbs", "by Gibbs sampling"), ("command", "by `stochinf infer`")):
        line(
            f"first marginals of hepar2, {what}, s of CPU, warm cache",
            warm[name],
            f"< 1.5; nothing compiled yet {first[name]:.1f} s",
        )
    print(f"loaded by import stochinf: {after_import.strip()}; by the script: {table.strip().splitlines()[-1]}")
    print("\n".join(table.splitlines()[:-1]))


if __name__ == "__main__":
    main()
