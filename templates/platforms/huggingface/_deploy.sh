pip install -U huggingface_hub
hf auth login
hf repos create {{ cookiecutter.project_slug }} \
  --type space --sdk gradio --flavor {{ cookiecutter.hardware }}
hf upload {{ cookiecutter.project_slug }} . . --type space --exclude ".venv/*"
