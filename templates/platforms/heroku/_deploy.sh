git init -b main
git add -A
git commit -m "First version"
heroku login
heroku create {{ cookiecutter.project_slug }}
git push heroku main
heroku ps:type {{ cookiecutter.hardware }}
heroku ps:scale web=1
heroku open
