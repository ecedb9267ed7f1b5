{% set body = '{"data": ' ~ ((cookiecutter | model).rows[0] | json) ~ "}" %}
URL=http://127.0.0.1:7860
INPUT={{ body | sh }}
EVENT=$(curl -s --json "$INPUT" $URL/gradio_api/call/predict | cut -d '"' -f 4)
curl -sN $URL/gradio_api/call/predict/$EVENT
