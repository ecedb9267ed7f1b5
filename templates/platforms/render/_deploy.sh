git init -b main
git add -A
git commit -m "First version"
git remote add origin https://github.com/USER/{{ cookiecutter.project_slug }}.git
git push -u origin main
