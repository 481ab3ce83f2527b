"""Smaller and faster within a stated loss: prune, quantize, distill, and a search that proves what it gives."""

from skerry.quantize.distill import distill
from skerry.quantize.front import Front
from skerry.quantize.quantize import quantize
from skerry.quantize.search import optimize

__all__ = ["Front", "distill", "optimize", "quantize"]
