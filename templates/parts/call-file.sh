URL=http://127.0.0.1:7860
FILE=$(curl -sF "files=@{{ (cookiecutter | model).example }}" $URL/gradio_api/upload | tr -d '[]')
INPUT="{\"data\": [{\"path\": $FILE, \"meta\": {\"_type\": \"gradio.FileData\"}}]}"
EVENT=$(curl -s --json "$INPUT" $URL/gradio_api/call/predict | cut -d '"' -f 4)
curl -sN $URL/gradio_api/call/predict/$EVENT
