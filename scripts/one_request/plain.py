"""The tabular demo's model in plain Gradio."""

import os

import gradio as gr
from model import FEATURES, load, predict

load()
demo = gr.Interface(
    predict,
    [gr.Number(value=value, label=name) for name, value in FEATURES.items()],
    gr.Label(),
    api_name="predict",
)
demo.launch(server_port=int(os.environ["PORT"]), ssr_mode=False)
