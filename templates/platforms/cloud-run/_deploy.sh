gcloud auth login
gcloud config set project PROJECT
gcloud services enable run.googleapis.com cloudbuild.googleapis.com \
  artifactregistry.googleapis.com
gcloud artifacts repositories create apps --repository-format docker \
  --location us-central1
gcloud builds submit --tag us-central1-docker.pkg.dev/PROJECT/apps/{{ cookiecutter.project_slug }}
gcloud run services replace service.yaml --region us-central1
