"""What a run says of itself: its result, the table of its figures, the bridge to arviz."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stochinf.diagnostics.advice import bfmi
    from stochinf.diagnostics.arviz import to_arviz
    from stochinf.diagnostics.calibration import Calibration, sbc
    from stochinf.diagnostics.forecasts import Reliability, reliability
    from stochinf.diagnostics.invariance import exact_start
    from stochinf.diagnostics.joint import geweke
    from stochinf.diagnostics.langevin_bias import PredictedBias, predicted_bias
    from stochinf.diagnostics.learning import LearningCurve, learning_curve, plot_trace
    from stochinf.diagnostics.moving import Verdict
    from stochinf.diagnostics.run import Run
    from stochinf.diagnostics.summary import Summary

__all__ = [
    "Calibration",
    "LearningCurve",
    "PredictedBias",
    "Reliability",
    "Run",
    "Summary",
    "Verdict",
    "bfmi",
    "exact_start",
    "geweke",
    "learning_curve",
    "plot_trace",
    "predicted_bias",
    "reliability",
    "sbc",
    "to_arviz",
]

_HOMES = {
    **dict.fromkeys(("LearningCurve", "learning_curve", "plot_trace"), "learning"),
    **dict.fromkeys(("PredictedBias", "predicted_bias"), "langevin_bias"),
    **dict.fromkeys(("Calibration", "sbc"), "calibration"),
    **dict.fromkeys(("Reliability", "reliability"), "forecasts"),
    "exact_start": "invariance",
    "geweke": "joint",
    "Verdict": "moving",
    "Run": "run",
    "bfmi": "advice",
    "Summary": "summary",
    "to_arviz": "arviz",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
