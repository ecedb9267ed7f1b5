python app.py --share
