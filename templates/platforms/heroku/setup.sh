# Sourced, so that the app inherits the variables. Heroku sets PORT, and WEB_CONCURRENCY.
export GRADIO_SERVER_NAME=0.0.0.0
export GRADIO_SERVER_PORT="$PORT"
export SHUTDOWN_GRACE="${SHUTDOWN_GRACE:-25}" # seconds for running calls; Heroku waits 30
# A dyno sees all cores of its machine, but its share of them follows its memory.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-${WEB_CONCURRENCY:-2}}"
