from gradio_client import Client

app = Client("http://127.0.0.1:7860")
inputs = {{ (cookiecutter | model).rows[0] | py_block }}
print(app.predict(*inputs, api_name="/predict"))
