fly auth login
fly apps create {{ cookiecutter.project_slug }}
fly deploy --ha=false
fly apps open
