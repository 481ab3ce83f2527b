"""scikit-learn → artifact: exact by construction, compared with scikit-learn, described."""

from skerry.export.evaluation import evaluate
from skerry.export.exporter import export

__all__ = ["evaluate", "export"]
