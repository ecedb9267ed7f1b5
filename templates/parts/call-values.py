from gradio_client import Client

app = Client("http://127.0.0.1:7860")
print(app.predict({{ (cookiecutter | model).rows[0] | map("py") | join(", ") }}, api_name="/predict"))
