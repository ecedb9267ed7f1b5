pip install modal
modal setup
modal deploy modal_app.py
