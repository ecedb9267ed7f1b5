"""The tabular demo's model behind one route of a bare web framework."""

import os

import uvicorn
from fastapi import FastAPI
from model import FEATURES, load, predict
from pydantic import BaseModel, Field


class Row(BaseModel):
    """A row of the demo's columns."""

    sepal_length: float = Field(alias="sepal length (cm)")
    sepal_width: float = Field(alias="sepal width (cm)")
    petal_length: float = Field(alias="petal length (cm)")
    petal_width: float = Field(alias="petal width (cm)")


assert [each.alias for each in Row.model_fields.values()] == [*FEATURES]
app = FastAPI()


@app.post("/predict")
def answer(row: Row) -> dict[str, float]:
    """Return the probability of each species."""
    return predict(row.sepal_length, row.sepal_width, row.petal_length, row.petal_width)


load()
uvicorn.run(app, port=int(os.environ["PORT"]), log_level="warning")
