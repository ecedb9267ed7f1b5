export PYTHONPATH=$PWD RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0
ray get-auth-token --generate
ray start --head
serve deploy serve.yaml
MODEL_URL=http://127.0.0.1:8000/ python app.py
