"""REST API: each function of the page answers in one request, POST /predict."""

from .routes import Api

__all__ = ["Api"]
