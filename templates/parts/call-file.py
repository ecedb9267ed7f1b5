from gradio_client import Client, handle_file

app = Client("http://127.0.0.1:7860")
picture = handle_file("{{ (cookiecutter | model).example }}")
print(app.predict(picture, api_name="/predict"))
