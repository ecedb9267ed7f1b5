export DOCKER_HOST=ssh://USER@SERVER
docker compose up --build --detach
docker compose logs --follow
