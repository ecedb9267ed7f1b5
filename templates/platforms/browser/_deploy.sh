pip install -U huggingface_hub
hf auth login
hf repos create {{ cookiecutter.project_slug }} --type space --sdk static
hf upload {{ cookiecutter.project_slug }} . . --type space --exclude ".venv/*"
